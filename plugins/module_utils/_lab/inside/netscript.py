# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest's kernel has of the network besides netlink: settings, namespaces, and the firewalls from before nftables.  Pure.

One script looks at all of it, and at netlink by ``/.dumm/netlink``; another one brings back what differs.  Neither has the kernel load a
module: it has nothing of what it has not loaded.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ..model.lab import sysctl_path
from . import settings

RELAY = "/.dumm/netlink"
# The script's exit code where there is no such program.
TOO_OLD = 4
_MARK = b"--dumm--\n"
_SETTING = re.compile(r"(/proc/sys/net/[^:]+):(.*)")
# Counted or learned, not set; and what cannot be read back.
_NOT_SET = re.compile(
    r"nf_conntrack_count$|/ipv6/conf/[^/]+/(mtu|stable_secret|mc_forwarding)$|/ipv4/conf/[^/]+/mc_forwarding$"
)
_OF_INTERFACE = re.compile(r"/(?:conf|neigh)/(?!(?:all|default)/)([^/]+)/")
# What is passed on to interfaces, or changed by that.
_GENERAL = re.compile(r"/conf/|/ip_forward$")
_COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"
_NAMESPACES = "/run/netns"
# Programs that write all rules of a firewall as text, and those that read it.
_FIREWALLS = {"iptables-legacy-save": "iptables-legacy-restore", "ip6tables-legacy-save": "ip6tables-legacy-restore"}
_COUNTERS = re.compile(r"\[\d+:\d+\]")
_BUILT_IN = re.compile(r"^:(\S+) [A-Z]+ ", re.MULTILINE)
_SETS = "ipset"
_BRIDGES = "ebtables-legacy"

_LOOK = f"""
[ -x {RELAY} ] || exit {TOO_OLD}
if [ -r /proc/modules ]; then
  modules=" $built_in "
  while read -r module rest; do modules="$modules$module "; done </proc/modules
fi
has() {{
  case ${{modules:-" $1 "}} in *" $1 "*) return 0 ;; esac
  return 1
}}
firewall() {{
  read -r table 2>/dev/null <"$2" || return
  echo "#firewall $1"
  if command -v "$1" >/dev/null; then "$1"; else echo "#missing"; fi
}}
for path in {_NAMESPACES}/*; do [ -e "$path" ] && echo "#namespace ${{path##*/}}"; done
[ -z "$all" ] || grep -rs '' /proc/sys/net
[ ! -e /proc/net/ip_tables_names ] || firewall iptables-legacy-save /proc/net/ip_tables_names
[ ! -e /proc/net/ip6_tables_names ] || firewall ip6tables-legacy-save /proc/net/ip6_tables_names
if has ip_set && command -v ipset >/dev/null; then
  echo "#firewall {_SETS}"
  ipset save 2>/dev/null
fi
if has ebtables && command -v {_BRIDGES} >/dev/null; then
  echo "#firewall {_BRIDGES}"
  for table in filter nat broute; do
    has "ebtable_$table" && {_BRIDGES} -t $table -L --Lx
  done
fi 2>/dev/null
echo {_MARK.decode().strip()}
"""


@dataclass(frozen=True)
class Text:
    """What the script told besides netlink.

    :ivar sysctl: settings below ``net``, by file.
    :ivar namespaces: names of those that were made in the guest.
    :ivar firewalls: rules by the program that wrote them; ``None`` where that is not installed.
    """

    sysctl: Mapping[str, str] = field(default_factory=dict)
    namespaces: frozenset[str] = frozenset()
    firewalls: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def tracked(self) -> bool:
        """Whether connections are tracked."""
        return self.sysctl.get(_COUNT, "0") != "0"


def look(before: str, conditional: Mapping[str, bytes], built_in: Iterable[str], *, whole: bool) -> str:
    """The script that looks, after it has brought something back.

    :param before: a script for that.
    :param whole: whether it tells all settings, too.
    :param conditional: frames that are only asked of a kernel that has a module.
    :param built_in: modules that are a part of it.
    """
    asks = [f'if has {module}; then asked="$asked{_octal(frames)}"; fi' for module, frames in conditional.items()]
    words = f"built_in='{' '.join(built_in)}' modules='' asked='' all={'yes' if whole else ''}"
    # A process each is what counts.
    return "\n".join([before, words, _LOOK, RELAY, *asks, f'[ -z "$asked" ] || printf "$asked" | {RELAY}', "exit 0"])


def _octal(data: bytes) -> str:
    return "".join(f"\\{byte:03o}" for byte in data)


def split(output: bytes) -> tuple[Text, bytes]:
    """What the script told, and the answers of netlink.

    :raises ValueError: where it is not what the script writes.
    """
    told, mark, answers = output.partition(_MARK)
    if not mark:
        raise ValueError("there is no end of its settings")
    sysctl: dict[str, str] = {}
    namespaces: set[str] = set()
    firewalls: dict[str, str | None] = {}
    lines: list[str] = []
    program = None
    for line in told.decode("utf-8", "surrogateescape").splitlines():
        if line.startswith("#namespace "):
            namespaces.add(line.partition(" ")[2])
        elif line.startswith("#firewall "):
            program, lines = line.partition(" ")[2], []
            firewalls[program] = ""
        elif program is not None and line == "#missing":
            firewalls[program] = None
        elif program is not None and not line.startswith("#"):
            lines.append(_COUNTERS.sub("[0:0]", line))
            firewalls[program] = "".join(f"{each}\n" for each in lines)
        elif (found := _SETTING.fullmatch(line)) is not None:
            sysctl[found[1]] = found[2]
    return Text(sysctl, frozenset(namespaces), firewalls), answers


def general(text: Text) -> list[str]:
    """Files of settings that are of no interface; those of interfaces are told by netlink, too."""
    return [*(path for path in text.sysctl if not _OF_INTERFACE.search(path) and path != _COUNT), _COUNT]


def of_interfaces(text: Text, names: Collection[str]) -> list[str]:
    """Files of settings of some interfaces."""
    return [path for path in text.sysctl if (found := _OF_INTERFACE.search(path)) is not None and found[1] in names]


@dataclass(frozen=True)
class Restoring:
    """How to bring back what differs.

    :ivar script: for the guest's shell; what fails in it shows in the next look.
    :ivar words: what it is about.
    :ivar settings: files of those that it writes, and of those that the kernel may change with them.
    """

    script: str
    words: tuple[str, ...]
    settings: tuple[str, ...]


def restore(now: Text, then: Text) -> Restoring:
    """What makes all that is not netlink's what it was."""
    lines: list[str] = []
    words: list[str] = []
    for name in sorted(now.namespaces - then.namespaces):
        path = shlex.quote(f"{_NAMESPACES}/{name}")
        lines.append(f"umount -l {path} 2>/dev/null; rm -f {path}")
        words.append(f"namespace {name}")
    for program in sorted({*now.firewalls, *then.firewalls}):
        has, had = now.firewalls.get(program, ""), then.firewalls.get(program, "")
        if has is not None and had is not None and _rules(has) != _rules(had):
            lines.append(_firewall(program, has, had))
            words.append(program.removesuffix("-save"))
    differ = {
        path: then.sysctl[path]
        for path, value in now.sysctl.items()
        if value != then.sysctl.get(path, value) and not _NOT_SET.search(path)
    }
    checked: tuple[str, ...] = ()
    if differ:
        checked = tuple(path for path in now.sysctl if path in differ or _GENERAL.search(path))
        words.append(f"{len(differ)} setting{'' if len(differ) == 1 else 's'} ({_listed(differ)})")
        for key, value in settings.due_sysctl([(_key(path), value) for path, value in differ.items()], now.sysctl):
            lines.append(f"echo {shlex.quote(value)} >{shlex.quote(sysctl_path(key))}")
    return Restoring("\n".join(f"{{ {line}; }} >/dev/null 2>&1" for line in lines), tuple(words), checked)


def _key(path: str) -> str:
    return path.removeprefix("/proc/sys/")


def _listed(paths: Iterable[str]) -> str:
    names = [_key(path).replace("/", ".") for path in paths]
    return ", ".join([*names[:3], *(["…"] if len(names) > 3 else [])])


def _firewall(program: str, has: str, had: str) -> str:
    """Script that gives a firewall back its rules."""
    if program == _SETS:
        gone = [line.split()[1] for line in has.splitlines() if line.startswith("create ")]
        keep = {line.split()[1] for line in had.splitlines() if line.startswith("create ")}
        dropped = "; ".join(f"ipset destroy {shlex.quote(name)}" for name in gone if name not in keep)
        return f"ipset flush; {dropped or ':'}; printf %s {shlex.quote(had)} | ipset -exist restore"
    if program == _BRIDGES:
        empty = "; ".join(
            f"{_BRIDGES} -t {table} -F; {_BRIDGES} -t {table} -X"
            for table in ("filter", "nat", "broute")
            if f"-t {table}" in has
        )
        again = "; ".join(line.replace("ebtables ", f"{_BRIDGES} ", 1) for line in had.splitlines())
        return f"{empty or ':'}; {again or ':'}"
    wanted = _tables(had)
    emptied = [_emptied(text) for name, text in _tables(has).items() if name not in wanted]
    text = "".join([*wanted.values(), *emptied])
    return f"printf %s {shlex.quote(text)} | {_FIREWALLS[program]}"


def _rules(text: str) -> object:
    """What is compared of a firewall: a table stays, once it was used, and without rules it does nothing."""
    tables = _tables(text)
    return {name: table for name, table in tables.items() if table != _emptied(table)} if tables or not text else text


def _tables(text: str) -> dict[str, str]:
    """The text of each table: ``*filter`` … ``COMMIT``."""
    return {found[1]: found[0] for found in re.finditer(r"^\*(\S+)\n(?:.*\n)*?COMMIT\n", text, re.MULTILINE)}


def _emptied(text: str) -> str:
    """A table without rules: chains of its own are those with a policy."""
    head = text.partition("\n")[0]
    chains = "".join(f":{name} ACCEPT [0:0]\n" for name in _BUILT_IN.findall(text))
    return f"{head}\n{chains}COMMIT\n"

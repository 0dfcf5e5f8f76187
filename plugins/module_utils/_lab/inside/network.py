# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a guest's network is read and changed from inside: one shell script for each, made and understood here.  Pure.

Changes are lines for ``ip -batch`` (ip(8)), which costs one process however many there are.
"""

from __future__ import annotations

import enum
import ipaddress
import itertools
import json
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..model.conditions import found as found_conditions
from ..model.errors import GuestError
from ..model.found import Inside, Link, foreign
from ..model.lab import Guest, Iface, sysctl_path
from . import settings

_UNIT_PATH = re.compile(r"/uml-vector\.(\d+)$")
_MARK = "--dumm--"

_READ = f"""
ip -j addr || exit 3
echo {_MARK}
ip -j route
echo {_MARK}
ip -j -6 route
echo {_MARK}
{{queues}}
echo {_MARK}
{{values}}
echo {_MARK}
read -r name </proc/sys/kernel/hostname && echo "$name"
for device in /sys/class/net/*/device; do
  cd -P "$device" 2>/dev/null && echo "$device $PWD"
done
exit 0
"""

_END_OF_BATCH = "--"
_IP = f"""
batch() {{
  while read -r line && [ "$line" != {_END_OF_BATCH} ]; do
    echo "$line"
  done
}}
if [ -x /bin/busybox ] && ip -V 2>&1 | grep -qi busybox; then
  batch | while read -r line; do
    # shellcheck disable=SC2086
    ip $line || exit 1
  done || exit 1
else
  batch | ip -batch - || exit 1
fi
"""
_IPV6 = "/proc/sys/net/ipv6/"

# Debian's kernels have IPv6 as a module, which an address alone does not load, nor a setting.
WITH_IPV6 = """
[ -e /proc/net/if_inet6 ] || modprobe ipv6 || { echo "the kernel has no IPv6 (modprobe ipv6 failed)" >&2; exit 4; }
"""


def managed(guests: Iterable[Guest]) -> tuple[list[str], bool]:
    """What is managed of a guest by any of these definitions: its kernel settings, and whether interfaces have conditions."""
    all_of_them = list(guests)
    sysctl = list(dict.fromkeys(key for guest in all_of_them for key, value in guest.sysctl))
    return sysctl, any(iface.conditions for guest in all_of_them for iface in guest.interfaces.values())


def read(sysctl: Iterable[str] = (), conditions: bool = False) -> str:
    """The script that reads a guest's configuration, in as few processes as can be.

    cd -P and $PWD resolve links without starting one.

    :param sysctl: kernel settings that are wanted.
    :param conditions: whether those of the interfaces are.
    """
    keys = [shlex.quote(sysctl_path(key)) for key in sysctl]
    # A shell's own read takes one byte at a time, and settings tell no more than the first one then.
    values = f"grep -sH '' {' '.join(keys)}" if keys else ""
    return _READ.format(queues="tc -j qdisc" if conditions else "", values=values)


def read_ops(sysctl: Iterable[str] = (), conditions: bool = False) -> str:
    """The same as operations of the agent that is a program."""
    return "\n".join(["look", *(["conditions"] if conditions else []), *map(sysctl_path, sysctl), ""])


def parse(guest: str, output: bytes) -> Inside:
    """Understand what the script of :func:`read` wrote.

    :raises GuestError: where it is not what the script writes.
    """
    parts = output.decode("utf-8", "replace").split(f"{_MARK}\n")
    try:
        addresses, routes, routes6, queues, values, rest = parts
        name, *devices = rest.splitlines()
        units = _units(devices)
        links = [_link(entry, units) for entry in json.loads(addresses or "[]") if entry]
        found = [_route(entry) for text in (routes, routes6) for entry in json.loads(text.strip() or "[]")]
        # What could not be understood later is refused here.
        settings.routes_of(found)
        return Inside(
            hostname=name,
            links={link.name: link for link in links},
            routes=tuple(found),
            sysctl=dict(_pair(line) for line in values.splitlines()),
            conditions=found_conditions(json.loads(queues.strip() or "[]")),
        )
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as exc:
        raise GuestError(
            f"guest {guest}",
            f"its network configuration cannot be understood ({exc})",
            "see what ip -j addr says in it",
        ) from exc


def _pair(line: str) -> tuple[str, str]:
    path, value = line.split(":", 1)
    return path, value


def _units(lines: list[str]) -> dict[str, int]:
    units: dict[str, int] = {}
    for line in lines:
        device, place = line.split(" ", 1)
        unit = _UNIT_PATH.search(place)
        if unit:
            units[device.split("/")[4]] = int(unit[1])
    return units


def _route(entry: object) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise TypeError("a route that is none")
    kinds = {"dst": str, "gateway": str, "dev": str, "metric": int}
    if any(not isinstance(entry.get(key, kind()), kind) for key, kind in kinds.items()):
        raise TypeError("a route with odd values")
    return entry


def _link(entry: dict[str, Any], units: Mapping[str, int]) -> Link:
    name = str(entry["ifname"])
    lasting = [address for address in entry.get("addr_info", ()) if not address.get("dynamic")]
    return Link(
        name=name,
        unit=units.get(name),
        mac=str(entry.get("address", "")),
        mtu=int(entry["mtu"]),
        up="UP" in entry["flags"],
        addresses=tuple(_address(address) for address in lasting if address.get("scope") != "link"),
        link_local=tuple(_address(address) for address in lasting if address.get("scope") == "link"),
        # ip-link(8) tells the permanent address where another is in use.
        bonded="master" in entry and "permaddr" in entry,
    )


def _address(entry: Mapping[str, Any]) -> str:
    local, length = str(entry["local"]), entry["prefixlen"]
    # inet_ntop(3) writes the end of some IPv6 addresses as IPv4.
    return str(ipaddress.ip_interface(f"{local}/{length}")) if ":" in local and "." in local else f"{local}/{length}"


def script(lines: Iterable[str]) -> tuple[str, bytes]:
    """Script and standard input that carry out lines: ``qdisc …`` for tc, ``sysctl …`` for the kernel, all others for ip."""
    ordered = list(_in_order(lines))
    text = [WITH_IPV6] if any(_names_ipv6(line) for line in ordered) else []
    batches: list[str] = []
    for kind, group in itertools.groupby(ordered, key=_kind):
        if kind == "ip":
            # Each batch reads its own part of the standard input.
            batches += [*group, _END_OF_BATCH]
            text.append(_IP)
        else:
            text += map(_write if kind == "sysctl" else _queue, group)
    return "\n".join([*text, "exit 0"]), "".join(f"{line}\n" for line in batches).encode()


def ops(lines: Iterable[str]) -> str:
    """The same as operations of the agent that is a program, in the order of the script."""
    ordered = list(_in_order(lines))
    return "\n".join(["configure", *(_by_path(line) if _kind(line) == "sysctl" else line for line in ordered), ""])


def _kind(line: str) -> str:
    """Who carries a line out."""
    word = line.split(" ", 1)[0]
    return word if word in ("sysctl", "qdisc") else "ip"


def _queue(line: str) -> str:
    # A queue that is to go may never have been made.
    return f"tc {line}{' 2>/dev/null || :' if line.startswith('qdisc del') else ' || exit 1'}"


def _by_path(line: str) -> str:
    key, value = line.split(" ", 2)[1:]
    return f"sysctl {sysctl_path(key)} {value}"


def _in_order(lines: Iterable[str]) -> Iterator[str]:
    """Lines in the order in which they are carried out.

    What goes, goes first, since settings may take it along.  What holds for all interfaces is said before what one has of its own, and
    that when it has its name and its MTU, but no address yet: both undo some of each other, and may forbid an address
    (``settings.When``).
    """
    groups: dict[_Turn, list[str]] = {turn: [] for turn in _Turn}
    for line in lines:
        groups[_turn(line)].append(line)
    for turn in (_Turn.GENERAL, _Turn.OF_AN_INTERFACE, _Turn.LAST):
        groups[turn].sort(key=lambda line: settings.rank(_key(line)))
    for turn in _Turn:
        yield from groups[turn]


class _Turn(enum.Enum):
    """When a line is carried out, in this order."""

    TAKEN_AWAY = enum.auto()
    GENERAL = enum.auto()
    OF_AN_INTERFACE = enum.auto()
    GIVEN = enum.auto()
    QUEUE = enum.auto()
    LAST = enum.auto()


_SETTINGS = {
    settings.When.GENERAL: _Turn.GENERAL,
    settings.When.OF_AN_INTERFACE: _Turn.OF_AN_INTERFACE,
    settings.When.LAST: _Turn.LAST,
}


def _turn(line: str) -> _Turn:
    kind = _kind(line)
    if kind == "sysctl":
        return _SETTINGS[settings.when(_key(line))]
    if kind == "qdisc":
        return _Turn.QUEUE
    verb = line.split()[:2]
    first = verb in (["route", "del"], ["addr", "del"]) or (verb == ["link", "set"] and not line.endswith(" up"))
    return _Turn.TAKEN_AWAY if first else _Turn.GIVEN


def _key(line: str) -> str:
    return line.split(" ", 2)[1]


def _names_ipv6(line: str) -> bool:
    words = line.split()
    if words[0] == "sysctl":
        return sysctl_path(words[1]).startswith(_IPV6)
    return words[0] in ("addr", "route") and len(words) > 2 and any(":" in word for word in words[2:])


def _write(line: str) -> str:
    key, value = line.split(" ", 2)[1:]
    path = sysctl_path(key)
    return f"echo {shlex.quote(value)} >{shlex.quote(path)} || exit 1"


def appear(unit: int, iface: Iface) -> list[str]:
    """Lines that make a unit of the vector driver an interface."""
    return [
        f"link set vec{unit} name {iface.name}",
        *_add(iface.name, iface.addresses or ()),
        *([f"link set {iface.name} up"] if iface.up else []),
    ]


def disappear(link: Link) -> list[str]:
    """Lines after which a unit of the vector driver can be removed: the kernel refuses while it is up."""
    return [f"link set {link.name} down"]


def change(link: Link, iface: Iface, mac: str, ours: Collection[str], loses_ipv6: bool = False) -> list[str]:
    """Lines that make an interface what it should be.

    :param ours: addresses that the lab has given or may have given, and may take away.
    :param loses_ipv6: whether settings take its IPv6 addresses away meanwhile.
    """
    lines: list[str] = []
    wanted = link.addresses if iface.addresses is None else (*iface.addresses, *foreign(link, iface, ours))
    # The last first: the first of an IPv4 prefix takes the others of it along, which are not there to be removed then.
    dropped = [address for address in reversed(link.addresses) if address not in wanted]
    lines += [f"addr del {address} dev {link.name}" for address in dropped]
    # The kernel takes a new MAC address only while the link is down, and forgets IPv6 addresses when it goes down.
    another = link.mac != mac and not link.bonded
    cycled = another or (link.up and not iface.up)
    if cycled:
        lines.append(f"link set {link.name} down")
    if another:
        lines.append(f"link set {link.name} address {mac}")
    if link.mtu != iface.mtu:
        lines.append(f"link set {link.name} mtu {iface.mtu}")
    # Those that stay went with it too (promote_secondaries, ip-sysctl.rst).
    added = [
        address
        for address in wanted
        if cycled or dropped or address not in link.addresses or (loses_ipv6 and ":" in address)
    ]
    lines += _add(link.name, added)
    if iface.up and (cycled or not link.up):
        lines.append(f"link set {link.name} up")
    return lines


def forget_neighbours(name: str) -> str:
    """The line that empties an interface's neighbour tables."""
    return f"neigh flush dev {name}"


def _add(name: str, addresses: Sequence[str]) -> Iterator[str]:
    if any(":" in address for address in addresses):
        # It may have been forbidden once, or be so for all interfaces to come; who gives an address wants it.
        yield settings.set_sysctl(f"net/ipv6/conf/{name}/disable_ipv6", "0")
    for address in addresses:
        # Duplicates are found before anything is changed; detection in the guest would cost a second per address.
        yield f"addr replace {address} dev {name}{' nodad' if ':' in address else ''}"

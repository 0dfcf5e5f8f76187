# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a guest's network is read and changed from inside: one shell script for each, made and understood here.  Pure.

Changes are lines for ``ip -batch`` (ip(8)), which costs one process however many there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import GuestError
from ..model import Iface

_UNIT_PATH = re.compile(r"/uml-vector\.(\d+)$")
_MARK = "--dumm--"

# cd -P and $PWD resolve links without starting a process.
READ = f"""
ip -j addr || exit 3
echo {_MARK}
ip -j route
echo {_MARK}
ip -j -6 route
echo {_MARK}
read -r name </proc/sys/kernel/hostname && echo "$name"
for device in /sys/class/net/*/device; do
  cd -P "$device" 2>/dev/null && echo "$device $PWD"
done
exit 0
"""

CHANGE = """
if [ -x /bin/busybox ] && ip -V 2>&1 | grep -qi busybox; then
  while read -r line; do
    # shellcheck disable=SC2086
    ip $line || exit 1
  done
  exit 0
fi
exec ip -batch -
"""

# Debian's kernels have IPv6 as a module, which an address alone does not load.
WITH_IPV6 = """
[ -e /proc/net/if_inet6 ] || modprobe ipv6 || { echo "the kernel has no IPv6 (modprobe ipv6 failed)" >&2; exit 4; }
"""


@dataclass(frozen=True)
class Link:
    """An interface as the guest shows it.

    :ivar unit: number of the vector driver's device; ``None`` for any other interface.
    :ivar addresses: all but link-local ones.
    """

    name: str
    unit: int | None
    mac: str
    mtu: int
    up: bool
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Inside:
    """A guest's configuration.

    :ivar routes: as ``ip -j route`` tells them, both families.
    """

    hostname: str
    links: Mapping[str, Link]
    routes: tuple[Mapping[str, Any], ...]


def parse(guest: str, output: bytes) -> Inside:
    """Understand what :data:`READ` wrote.

    :raises GuestError: where it is not what the script writes.
    """
    parts = output.decode("utf-8", "replace").split(f"{_MARK}\n")
    try:
        addresses, routes, routes6, rest = parts
        name, *devices = rest.splitlines()
        units = _units(devices)
        links = [_link(entry, units) for entry in json.loads(addresses or "[]") if entry]
        found = [route for text in (routes, routes6) for route in json.loads(text or "[]")]
        return Inside(name, {link.name: link for link in links}, tuple(found))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise GuestError(
            f"guest {guest}",
            f"its network configuration cannot be understood ({exc})",
            "see what ip -j addr says in it",
        ) from exc


def _units(lines: list[str]) -> dict[str, int]:
    units: dict[str, int] = {}
    for line in lines:
        device, place = line.split(" ", 1)
        unit = _UNIT_PATH.search(place)
        if unit:
            units[device.split("/")[4]] = int(unit[1])
    return units


def _link(entry: dict[str, Any], units: Mapping[str, int]) -> Link:
    name = str(entry["ifname"])
    return Link(
        name=name,
        unit=units.get(name),
        mac=str(entry.get("address", "")),
        mtu=int(entry["mtu"]),
        up="UP" in entry["flags"],
        addresses=tuple(
            f"{address['local']}/{address['prefixlen']}"
            for address in entry.get("addr_info", ())
            if address.get("scope") != "link" and not address.get("dynamic")
        ),
    )


def script(lines: Iterable[str]) -> tuple[str, bytes]:
    """Script and standard input that carry out lines for ``ip -batch``."""
    text = "".join(f"{line}\n" for line in lines)
    needs_ipv6 = any(line.startswith("addr") and ":" in line.split()[2] for line in text.splitlines())
    return (WITH_IPV6 if needs_ipv6 else "") + CHANGE, text.encode()


def appear(unit: int, iface: Iface) -> list[str]:
    """Lines that make a unit of the vector driver an interface."""
    return [
        f"link set vec{unit} name {iface.name}",
        *(_add(iface.name, address) for address in iface.addresses or ()),
        *([f"link set {iface.name} up"] if iface.up else []),
    ]


def disappear(link: Link) -> list[str]:
    """Lines after which a unit of the vector driver can be removed: the kernel refuses while it is up."""
    return [f"link set {link.name} down"]


def change(link: Link, iface: Iface, mac: str) -> list[str]:
    """Lines that make an interface what it should be."""
    lines: list[str] = []
    wanted = link.addresses if iface.addresses is None else iface.addresses
    # The last first: the first of an IPv4 prefix takes the others of it along, which are not there to be removed then.
    dropped = [address for address in reversed(link.addresses) if address not in wanted]
    lines += [f"addr del {address} dev {link.name}" for address in dropped]
    # The kernel takes a new MAC address only while the link is down, and forgets IPv6 addresses when it goes down.
    cycled = link.mac != mac or (link.up and not iface.up)
    if cycled:
        lines.append(f"link set {link.name} down")
    if link.mac != mac:
        lines.append(f"link set {link.name} address {mac}")
    if link.mtu != iface.mtu:
        lines.append(f"link set {link.name} mtu {iface.mtu}")
    # Those that stay went with it too (promote_secondaries, ip-sysctl.rst).
    lines += [_add(link.name, address) for address in wanted if cycled or dropped or address not in link.addresses]
    if iface.up and (cycled or not link.up):
        lines.append(f"link set {link.name} up")
    return lines


def _add(name: str, address: str) -> str:
    # Duplicates are found before anything is changed; detection in the guest would cost a second per address.
    return f"addr replace {address} dev {name}{' nodad' if ':' in address else ''}"

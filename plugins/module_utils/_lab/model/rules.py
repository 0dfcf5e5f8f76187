# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What about a lab cannot be: names, addresses, limits, and settings that exclude each other.  No I/O.

Each fault names its object and the remedy.  ``check`` finds all that are in a lab, whoever asks for it.
"""

from __future__ import annotations

import collections
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from . import addressing
from .addressing import interface
from .errors import InvalidInput, nearest
from .lab import HOST_NETNS, MAX_IFNAME, UNIT_NAME, Bridge, Guest, Iface, Lab, link_name, sysctl_path
from .reference import BridgeRef, GuestRef, IfaceRef, LegRef, Reference
from .span import MAX_VNI

MIN_MEM = 32  # MB; a kernel built for labs runs in 32 (docs/internals/uml-kernel.md)
MAX_MEM = 4 * 2**20  # MB; a 64th of it is taken by the kernel's own records of it at the start
MAX_DISK = 16 * 2**20 - 1  # MB; what a file of ext4 can be
MIN_MTU = 68  # RFC 791: what every host forwards in one piece
MAX_MTU = 65521  # what a TAP takes: IP_MAX_MTU less its Ethernet header (drivers/net/tun.c)
MIN_SPAN_MTU = 138  # what a tunnel over IPv6 needs for interfaces with MIN_MTU
MIN_IPV6_MTU = 1280  # RFC 8200 section 5; Linux takes IPv6 away from an interface with less
MAX_PORTS = 1023  # of a Linux bridge: BR_MAX_PORTS less the reserved port 0 (net/bridge/br_private.h)
MAX_IFACES = 1024  # of a guest; each is compared with the others
MAX_NETNS_NAME = 200
# RFC 1123 section 2.1: letters, digits and hyphens, not at the ends, at most 63.
# ASCII, because case is ignored: the Kelvin sign is a k to Unicode.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE | re.ASCII)
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
# What these are to Ansible (ansible.constants.LOCALHOST, and the groups of every inventory) or in every guest's /etc/hosts (rendering).
_GROUPS = {
    "all": "Ansible's group of all hosts",
    "ungrouped": "Ansible's group of the hosts without a group",
}
_SELF = {
    "localhost": "the controller to Ansible, and each machine to itself",
    **dict.fromkeys(("ip6-localhost", "ip6-loopback"), "each machine to itself, in /etc/hosts"),
}
# Each network namespace has these, as a device or as a directory of /proc/sys/net/*/conf or a file of /sys/class/net.
_NOT_FOR_DEVICES = frozenset({"lo", "all", "default", "bonding_masters"})


def parse_address(text: str, subject: str) -> str:
    """The canonical form of ``address/prefix``, IPv4 or IPv6.

    :raises InvalidInput: also where the prefix length is missing.
    """
    if "/" not in text:
        raise InvalidInput(subject, f"address {text!r} has no prefix length", f"write it as {text or '10.0.0.1'}/24")
    plain = without_zone(text, subject)
    try:
        found = ipaddress.ip_interface(plain)
    except ValueError as exc:
        raise InvalidInput(
            subject, f"{text!r} is no IP address with prefix length ({exc})", "write it as 10.0.0.1/24 or fd00::1/64"
        ) from None
    check_assignable(found.ip, subject)
    return found.with_prefixlen


def without_zone(text: str, subject: str) -> str:
    """An IP address that names no interface.

    :raises InvalidInput: where it does (RFC 4007 section 11).
    """
    address, percent, rest = text.partition("%")
    if percent:
        _zone, slash, length = rest.partition("/")
        remedy = f"write {address}{slash}{length}; the interface is known, or named by dev"
        raise InvalidInput(subject, f"address {text!r} names an interface", remedy)
    return text


def parse_host(text: str) -> str:
    """Address of a lab host, as :mod:`ipaddress` writes it.

    :raises InvalidInput: where no other host can send there.
    """
    try:
        address = ipaddress.ip_address(without_zone(text, text))
    except ValueError:
        raise InvalidInput(text, f"{text!r} is no IP address", "give that of a lab host, such as 192.0.2.1") from None
    why = addressing.unassignable(address) or ("is valid on one link only" if address.is_link_local else None)
    if why is not None:
        raise InvalidInput(text, f"address {address} {why}", "give one at which the other lab hosts reach this one")
    return str(address)


def check_assignable(address: addressing.Address, subject: str) -> None:
    """Check that an interface can have an address.

    :raises InvalidInput: where none can.
    """
    why = addressing.unassignable(address)
    if why is not None:
        raise InvalidInput(subject, f"address {address} {why}", "give one of a host, such as 10.0.0.1/24 or fd00::1/64")


def parse_mac(text: str, subject: str) -> str:
    """The canonical form of a unicast MAC address.

    :raises InvalidInput: naming the object.
    """
    mac = text.lower().replace("-", ":")
    if not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1 or mac == "00:00:00:00:00:00":
        raise InvalidInput(subject, f"{text!r} is no unicast MAC address", "write it as 02:00:00:00:00:01")
    return mac


def check_label(kind: str, name: str) -> None:
    """Check the name of a guest or a bridge.

    :raises InvalidInput: unless it is a DNS label.
    """
    if not _LABEL.fullmatch(name):
        raise InvalidInput(
            f"{kind} {name!r}",
            "the name is not a DNS label",
            "use 1 to 63 letters, digits and hyphens, neither first nor last a hyphen",
        )


def check_guest_name(name: str) -> None:
    """Check the name of a guest that is to be made.

    :raises InvalidInput: unless it is a DNS label that has no other meaning.
    """
    check_label("guest", name)
    meaning = meaning_elsewhere(name)
    if meaning is not None:
        raise InvalidInput(f"guest {name}", f"the name {name} is {meaning}", "give the guest another name")


def meaning_elsewhere(name: str) -> str | None:
    """What a name is to Ansible or to the guests themselves, so that no guest can have it; ``None`` for nothing."""
    # A resolver ignores case, Ansible does not.
    return _GROUPS.get(name) or _SELF.get(name.lower())


def check_bridge_name(name: str) -> None:
    """Check the name of a bridge that is to be made.

    :raises InvalidInput: unless it is a DNS label that the kernel has no other use for.
    """
    check_label("bridge", name)
    if name in _NOT_FOR_DEVICES:
        raise InvalidInput(f"bridge {name}", f"the name {name} is taken by the kernel", "give the bridge another name")


def check_ifname(guest: str, name: str) -> None:
    """Check the name of an interface in a guest (dev_valid_name in net/core/dev.c, and names we need ourselves).

    :raises InvalidInput: naming the rule.
    """
    subject = f"interface {guest}:{name}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.@-]*", name) or len(name) > MAX_IFNAME:
        raise InvalidInput(
            subject,
            "the name is not one that Linux takes for an interface",
            f"use 1 to {MAX_IFNAME} letters, digits, '_', '.', '-', no '/' and no space",
        )
    if name in _NOT_FOR_DEVICES or UNIT_NAME.fullmatch(name):
        raise InvalidInput(subject, "the name is taken by the guest's kernel", "use another, such as eth0")


def check_netns(name: str) -> None:
    """Check the name of a network namespace (a file below /run/netns, ip-netns(8)).

    :raises InvalidInput: naming the rule.
    """
    possible = name.isascii() and name.isprintable() and "/" not in name and not name.startswith(".")
    if name != HOST_NETNS and not (possible and 0 < len(name) <= MAX_NETNS_NAME):
        raise InvalidInput(f"network namespace {name!r}", "the name is not possible", "use letters, digits and hyphens")


def check(lab: Lab) -> list[InvalidInput]:
    """Everything about the lab that cannot be."""
    faults: list[InvalidInput] = []
    for guest in lab.guests.values():
        faults += _check_guest(lab, guest)
    for bridge in lab.bridges.values():
        faults += _check_bridge(lab, bridge)
    faults += _check_vnis(lab)
    faults += _check_link_names(lab)
    return faults


def _iface(iface: Iface) -> IfaceRef:
    return IfaceRef(iface.guest, iface.name)


def _check_guest(lab: Lab, guest: Guest) -> Iterator[InvalidInput]:
    about = GuestRef(guest.name)
    if guest.mem < MIN_MEM:
        cause = f"mem: {guest.mem} MB is too little for a Linux kernel"
        yield InvalidInput(about, cause, f"give it {MIN_MEM} or more", setting="mem")
    if guest.mem > MAX_MEM:
        cause = f"mem: {guest.mem} MB is more than any host has"
        yield InvalidInput(about, cause, f"give it {MAX_MEM} or less", setting="mem")
    if guest.disk is not None and guest.disk > MAX_DISK:
        cause = f"disk: {guest.disk} MB is more than a file can have"
        yield InvalidInput(about, cause, f"give it {MAX_DISK} or less", setting="disk")
    twice = next((layer for layer, times in collections.Counter(guest.layers).items() if times > 1), None)
    if twice is not None:
        yield InvalidInput(about, f"layers: {twice} is given twice", "leave one of them", setting="layers")
    needs = _needs_ipv6(guest)
    for iface in guest.interfaces.values():
        if not 68 <= iface.mtu <= MAX_MTU:
            cause = f"mtu {iface.mtu} is out of range"
            yield InvalidInput(_iface(iface), cause, f"use 68 to {MAX_MTU}", setting="mtu")
        yield from _check_ipv6(needs, iface)
        if iface.bridge is not None and iface.bridge not in lab.bridges:
            yield InvalidInput(
                _iface(iface),
                f"there is no bridge {iface.bridge}",
                f"make it first with dumm_bridge ({nearest(iface.bridge, lab.bridges)})",
            )

    yield from _check_own_addresses(guest)
    yield from _check_sysctl(guest)


@dataclass(frozen=True)
class _NeedsIpv6:
    """What of a guest needs IPv6 on an interface, by that interface: its first route, its first setting.

    :ivar sysctl: settings by their files.
    """

    routes: Mapping[str | None, str]
    settings: Mapping[str, str]
    sysctl: Mapping[str, tuple[str, str]]


def _needs_ipv6(guest: Guest) -> _NeedsIpv6:
    sysctl = {sysctl_path(key): (key, value) for key, value in guest.sysctl}
    own: dict[str, str] = {}
    for path, (key, _value) in sysctl.items():
        name, slash, _setting = path.removeprefix(_IPV6_CONF).partition("/")
        if slash and path.startswith(_IPV6_CONF):
            own.setdefault(name, key)
    routes: dict[str | None, str] = {}
    for route in guest.routes or ():
        if ":" in f"{route.to}{route.via}":
            routes.setdefault(route.dev, route.to)
    return _NeedsIpv6(routes, own, sysctl)


def _check_ipv6(needs: _NeedsIpv6, iface: Iface) -> Iterator[InvalidInput]:
    """IPv6 that the kernel would take away from an interface, or refuse there."""
    address = _first_ipv6(iface.addresses)
    needing = address or needs.routes.get(iface.name) or needs.settings.get(iface.name)
    if needing is not None and 68 <= iface.mtu < MIN_IPV6_MTU:
        yield _too_small_for_ipv6(_iface(iface), f"mtu {iface.mtu}", needing)
    if address is None or not needs.sysctl:
        return
    for whose in (iface.name, "all"):
        key, value = needs.sysctl.get(sysctl_path(f"net/ipv6/conf/{whose}/disable_ipv6"), (None, "0"))
        if key is not None:
            if value != "0":
                remedy = f"leave the address out, or set net.ipv6.conf.{iface.name}.disable_ipv6 to 0"
                cause = f"address {address} is IPv6, which {key} forbids"
                yield InvalidInput(_iface(iface), cause, remedy, setting="address")
            break


def _first_ipv6(addresses: Iterable[str] | None) -> str | None:
    return next((address for address in addresses or () if ":" in address), None)


def _too_small_for_ipv6(about: Reference, mtu: str, needing: str) -> InvalidInput:
    cause = f"{mtu} is too small for IPv6, which {needing} needs"
    return InvalidInput(about, cause, f"use {MIN_IPV6_MTU} or more, or IPv4 only", setting="mtu")


def _check_own_addresses(guest: Guest) -> Iterator[InvalidInput]:
    """The same address twice in a guest.

    It may be on several interfaces as that of a host alone (unnumbered links), link-local, or for one that is down.
    """
    all_of_them = [addressing.host(address) for iface in guest.interfaces.values() for address in iface.addresses or ()]
    if len({*all_of_them}) == len(all_of_them):
        return
    seen: dict[str, list[tuple[Iface, str]]] = {}
    for iface in guest.interfaces.values():
        for address in iface.addresses or ():
            others = seen.setdefault(addressing.host(address), [])
            if any(other is iface for other, _address in others):
                cause = f"address {address} is given twice"
                yield InvalidInput(_iface(iface), cause, "leave one of them", setting="address")
            shared = [
                other
                for other, same in others
                if other is not iface
                and iface.up
                and other.up
                and (iface.bridge is None or other.bridge != iface.bridge)
                and not addressing.is_host_alone(interface(address))
                and not addressing.is_host_alone(interface(same))
            ]
            if shared:
                yield InvalidInput(
                    _iface(iface),
                    f"address {address} is that of {_iface(shared[0])} too",
                    f"give it another, or the same with /{interface(address).max_prefixlen}",
                    setting="address",
                )
            others.append((iface, address))


def _check_sysctl(guest: Guest) -> Iterator[InvalidInput]:
    """Two values for one setting of the kernel."""
    seen: dict[str, tuple[str, str]] = {}
    for key, value in guest.sysctl:
        path = _SAME_SETTING.get(sysctl_path(key), sysctl_path(key))
        other = seen.setdefault(path, (key, value))
        if other[1] != value:
            cause = f"sysctl {other[0]} and {key} are one setting, and are to be {other[1]} and {value}"
            yield InvalidInput(GuestRef(guest.name), cause, "leave one of them out")


_IPV6_CONF = "/proc/sys/net/ipv6/conf/"
# net/ipv4/devinet.c
_SAME_SETTING = {"/proc/sys/net/ipv4/conf/all/forwarding": "/proc/sys/net/ipv4/ip_forward"}


def _check_bridge(lab: Lab, bridge: Bridge) -> Iterator[InvalidInput]:
    about = BridgeRef(bridge.name)
    ports = lab.ports(bridge.name)
    if len(ports) > MAX_PORTS:
        yield InvalidInput(about, f"{len(ports)} ports", f"a Linux bridge takes {MAX_PORTS}: use another one")
    if bridge.mtu is not None and not 68 <= bridge.mtu <= MAX_MTU:
        cause = f"mtu {bridge.mtu} is out of range"
        yield InvalidInput(about, cause, f"use 68 to {MAX_MTU}", setting="mtu")
    if not 0 <= bridge.group_fwd_mask <= 0xFFFF or bridge.group_fwd_mask & 0b111:
        yield InvalidInput(
            about,
            f"group_fwd_mask {bridge.group_fwd_mask} is not allowed",
            "use 0 to 65528 without the three lowest bits: STP passes anyway where stp is off, no Linux bridge forwards pause"
            " frames, and LACP passes where group_fwd_mask is 65528 and multicast_snooping is off, as on a link",
            setting="group_fwd_mask",
        )
    holders: list[tuple[Reference, tuple[str, ...]]] = [(LegRef(bridge.name), bridge.addresses or ())]
    holders += [(_iface(port), port.addresses or ()) for port in ports]
    addresses = [(addressing.host(a), who) for who, list_ in holders for a in list_]
    yield from _twice(bridge, "address", "address", addresses)
    for address, who, other, whose in addressing.overlaps((interface(a), who) for who, list_ in holders for a in list_):
        if address.ip != other.ip:
            yield InvalidInput(
                who,
                f"address {address} is in a prefix that overlaps that of {other} of {whose} on {bridge.label}",
                f"give both the same prefix length, or this one /{address.max_prefixlen}",
                setting="address",
            )
    yield from _check_span(bridge, ports)
    yield from _check_leg(bridge, ports)
    yield from _twice(bridge, "mac", "MAC address", [(lab.mac_of(port), _iface(port)) for port in ports])


def _check_span(bridge: Bridge, ports: list[Iface]) -> Iterator[InvalidInput]:
    """What leads to other lab hosts, as a kernel takes it."""
    about, span = BridgeRef(bridge.name), bridge.span
    if span is None:
        return
    if not 1 <= span.vni <= MAX_VNI:
        yield InvalidInput(about, f"vni {span.vni} is out of range", f"use 1 to {MAX_VNI}", setting="span")
    if not 1 <= span.port <= 0xFFFF:
        yield InvalidInput(about, f"port {span.port} is out of range", "use 1 to 65535", setting="span")
    if span.mtu is not None and not MIN_SPAN_MTU <= span.mtu <= 0xFFFF:
        cause = f"mtu {span.mtu} between lab hosts is out of range"
        yield InvalidInput(about, cause, f"use {MIN_SPAN_MTU} to 65535", setting="span")
    if len({ipaddress.ip_address(each).version for each in (span.local, *span.peers)}) > 1:
        cause = f"it spans {', '.join((span.local, *span.peers))}, which are of two families"
        yield InvalidInput(about, cause, "give all lab hosts an IPv4 address, or all an IPv6 address", setting="span")
    if len(ports) == MAX_PORTS:
        cause = f"{len(ports)} ports and one that leads to other lab hosts"
        yield InvalidInput(about, cause, f"a Linux bridge takes {MAX_PORTS}: use another one")


def _check_vnis(lab: Lab) -> Iterator[InvalidInput]:
    """The kernel of a lab host takes each number once on a UDP port, whosever it is."""
    seen: dict[tuple[int, int], Bridge] = {}
    for bridge in lab.bridges.values():
        if bridge.span is not None:
            other = seen.setdefault(bridge.span.network, bridge)
            if other is not bridge:
                cause = f"vni {bridge.span.vni} is already that of {other.label}"
                yield InvalidInput(BridgeRef(bridge.name), cause, "give one of them another", setting="span")


def _check_leg(bridge: Bridge, ports: list[Iface]) -> Iterator[InvalidInput]:
    """The host's leg has the MTU of its bridge, or else the smallest of the ports'."""
    address = _first_ipv6(bridge.addresses)
    smallest = min(ports, key=lambda port: port.mtu, default=None)
    if address is None:
        return
    if bridge.mtu is not None and 68 <= bridge.mtu < MIN_IPV6_MTU:
        yield _too_small_for_ipv6(BridgeRef(bridge.name), f"mtu {bridge.mtu}", f"{address} of the host's leg")
    elif bridge.mtu is None and smallest is not None and 68 <= smallest.mtu < MIN_IPV6_MTU:
        mtu = f"mtu {smallest.mtu} of interface {smallest.label}, which the bridge takes over,"
        yield _too_small_for_ipv6(BridgeRef(bridge.name), mtu, f"{address} of the host's leg")


def doubts(lab: Lab) -> Iterator[tuple[Reference, str]]:
    """What of a lab can be, but is hardly meant: each object with its sentence."""
    held: list[tuple[Reference, tuple[str, ...] | None]] = [(_iface(iface), iface.addresses) for iface in lab.ifaces()]
    held += [(BridgeRef(bridge.name), bridge.addresses) for bridge in lab.bridges.values()]
    for about, addresses in held:
        for address in addresses or ():
            why = addressing.doubtful(interface(address))
            if why is not None:
                yield about, f"{about}: address {address} {why}, which is hardly meant; give one of a host"


def _twice(bridge: Bridge, setting: str, what: str, held: Iterable[tuple[str, Reference]]) -> Iterator[InvalidInput]:
    seen: dict[str, Reference] = {}
    for value, who in held:
        if value in seen:
            cause = f"{what} {value} is already that of {seen[value]} on {bridge.label}"
            yield InvalidInput(who, cause, "give one of them another", setting=setting)
        seen.setdefault(value, who)


def _check_link_names(lab: Lab) -> Iterator[InvalidInput]:
    seen: dict[str, Reference] = {}
    names: list[tuple[str, Reference]] = [(link_name(iface.tap_name), _iface(iface)) for iface in lab.ifaces()]
    names += [(link_name(bridge.name), BridgeRef(bridge.name)) for bridge in lab.bridges.values()]
    names += [(link_name(bridge.tunnel_name), BridgeRef(bridge.name)) for bridge in lab.bridges.values() if bridge.span]
    for name, who in names:
        if name in seen:
            yield InvalidInput(who, f"its device would be {name}, as that of {seen[name]}", "rename one of them")
        seen.setdefault(name, who)


def in_the_way(subject: str, name: str) -> InvalidInput:
    """The error for a name that a device has which is not for us to change."""
    cause = f"a device {name} that is not ours is in the way"
    return InvalidInput(
        subject, cause, "remove or rename it, or give it its alias back (ip link) where it was the lab's"
    )

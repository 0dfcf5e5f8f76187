# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's network on the host: its namespace, TAPs, bridges and addresses, through rtnetlink(7).

The only file that imports pyroute2.  Every device we make carries an owner mark in its ifalias, which names the lab and the
object; nothing without that mark is changed or deleted.  A namespace of ours is marked on its loopback device.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
import struct
import threading
import time
import traceback
import uuid
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ..model.errors import HostError, InvalidInput
from ..model.found import Device, DeviceKind, Mark
from ..model.lab import HOST_NETNS, Bridge, Iface, link_name
from . import learning, syscalls

IMPORT_ERROR: str | None = None
try:
    from pyroute2 import IPRoute, NetlinkError, netns
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

NETNS_DIRECTORY = Path("/run/netns")
MARK = "dumm.lab"
# linux/rtnetlink.h
_RT_SCOPE_LINK = 253
# Hundredths of a second; RFC 3810, 9.3, has 10 s.
_AT_ONCE, _RESPONSE_INTERVAL = 1, 1000
# A guest's part in the answer to a query, when all are asked at once.
_ANSWER_SECONDS = 0.001
# linux/if_tun.h
_TUNSETIFF, _TUNSETPERSIST, _TUNSETGROUP = 0x400454CA, 0x400454CB, 0x400454CE
_IFF_TAP, _IFF_NO_PI, _IFF_TUN_EXCL = 0x0002, 0x1000, 0x8000
_TUN, _TUN_NUMBER = "/dev/net/tun", (10, 200)
_ATTRIBUTES = {
    "IFLA_IFALIAS",
    "IFLA_IFNAME",
    "IFLA_MASTER",
    "IFLA_MTU",
    "IFLA_ADDRESS",
    "IFLA_CARRIER",
    "IFLA_GROUP",
    "IFLA_STATS64",
}
_TAP_GROUP = ("IFLA_LINKINFO", "IFLA_INFO_DATA", "IFLA_TUN_GROUP")
# Of devices that are still being made; ``~`` is in no name of a bridge or a TAP.
_UNNAMED = "dumm~"
T = TypeVar("T")


def group_of(lab: str) -> int:
    """Link group of a lab's devices: by it those are known that have no mark yet."""
    return zlib.crc32(lab.encode()) & 0x7FFFFFFF or 1


def unfinished(lab: str, devices: Iterable[Device]) -> tuple[Device, ...]:
    """Those that a run of a lab has begun to make, and that are neither named nor marked yet."""
    group = group_of(lab)
    return tuple(
        each for each in devices if each.mark is None and each.name.startswith(_UNNAMED) and each.link_group == group
    )


def exists(name: str) -> bool:
    """Whether the network namespace is there (and no empty file that a killed run left)."""
    if name == HOST_NETNS:
        return True
    path = NETNS_DIRECTORY / name
    try:
        return path.stat().st_dev != NETNS_DIRECTORY.stat().st_dev
    except FileNotFoundError:
        return False


def path_of(name: str) -> str | None:
    """Path to enter the namespace by; ``None`` for the host's own."""
    return None if name == HOST_NETNS else str(NETNS_DIRECTORY / name)


class Network:
    """An open socket into a lab's network namespace.  Usable from several threads.

    :param lab: the lab's name, part of every mark.
    :param name: the namespace, which must exist.
    :param path: where to enter it, for one that has no name yet.
    """

    def __init__(self, lab: str, name: str, path: str | None = None) -> None:
        self.lab = lab
        self.name = name
        self._path = path or path_of(name)
        self._ours = f"{MARK} {lab} "
        self._lock = threading.RLock()
        self._bridges: dict[str, int] = {}
        self._default_has_ipv6: bool | None = None
        self._doomed: deque[Device] = deque()
        self._undeleted: dict[int, NetlinkError] = {}
        # All are deleted at once by it, 50 times as fast as one by one (docs/internals/network.md).  No other run's: what one that was
        # killed had put in there may be wanted by now.
        self._doom = group_of(f"{lab} doomed {uuid.uuid4()}")
        # From 0.9 on pyroute2 opens another socket for each thread that uses an IPRoute, in the namespace that the thread is
        # in.  So one thread, which enters the lab's namespace for good, does it all.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"netlink-{name}")
        try:
            self._ip = self._inside(self._open)
        except PermissionError as exc:
            self._thread.shutdown()
            raise HostError(
                f"network namespace {name}", f"cannot enter it: {exc.strerror}", "run as root (become: true)"
            ) from exc
        except BaseException:
            self._thread.shutdown()
            raise

    def _open(self) -> Any:
        syscalls.enter_network_namespace(self._path)
        return IPRoute()

    def _inside(self, function: Callable[[], T]) -> T:
        """Call a function in the thread that lives in the lab's namespace."""
        return self._thread.submit(function).result()

    def close(self) -> None:
        """Close the socket."""
        self._inside(self._ip.close)
        self._thread.shutdown()

    def __enter__(self) -> Network:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def devices(self) -> list[Device]:
        """All devices of the namespace, in two dumps."""
        with self._lock:
            links = self._inside(lambda: list(self._ip.get_links()))
            addresses: dict[tuple[int, bool], list[str]] = defaultdict(list)
            for message in self._inside(lambda: list(self._ip.get_addr())):
                address = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
                is_link_local = message["scope"] == _RT_SCOPE_LINK
                addresses[message["index"], is_link_local].append(f"{address}/{message['prefixlen']}")
        return [
            self._device(link, tuple(addresses[link["index"], False]), tuple(addresses[link["index"], True]))
            for link in links
        ]

    def _device(self, link: Any, addresses: tuple[str, ...] = (), link_local: tuple[str, ...] = ()) -> Device:
        # pyroute2 decodes an attribute when it is asked for its value, and searches all of them for each get_attr().
        told = {slot[0]: slot for slot in link["attrs"] if slot[0] in _ATTRIBUTES}

        def value(name: str) -> Any:
            return told[name][1] if name in told else None

        alias = value("IFLA_IFALIAS") or ""
        mark = Mark.parse(alias[len(self._ours) :]) if alias.startswith(self._ours) else None
        kind = None if mark is None else mark.kind
        stats = value("IFLA_STATS64") or {} if mark is not None else {}
        special = _of_bridge(link) if kind is DeviceKind.BRIDGE else {}
        return Device(
            index=link["index"],
            name=value("IFLA_IFNAME"),
            mark=mark,
            master=value("IFLA_MASTER"),
            mtu=value("IFLA_MTU"),
            mac=value("IFLA_ADDRESS") or "",
            up=bool(link["flags"] & 1),
            carrier=bool(value("IFLA_CARRIER")),
            addresses=addresses,
            link_local=link_local,
            others=() if mark is not None else _altnames(link),
            group=link.get_nested(*_TAP_GROUP) if kind is DeviceKind.TAP else None,
            link_group=value("IFLA_GROUP") or 0,
            counters={
                key: stats[key]
                for key in ("rx_packets", "rx_bytes", "rx_dropped", "tx_packets", "tx_bytes", "tx_dropped")
                if key in stats
            },
            **special,
        )

    def owned(self) -> dict[Mark, Device]:
        """The lab's own devices."""
        return {device.mark: device for device in self.devices() if device.mark is not None}

    def is_ours(self) -> bool:
        """Whether the namespace itself was made by us for this lab."""
        return any(device.name == "lo" and device.mark == DeviceKind.NETNS.of() for device in self.devices())

    def add_bridge(self, bridge: Bridge, closed: bool = False) -> None:
        """Make a bridge, up and marked.

        Multicast snooping has a querier, since flooding is what bends the curve of large segments (docs/internals/network.md);
        the querier needs the bridge's IPv6 link-local address.  A new querier counts when the time for responses to its
        first query has passed (br_multicast_set_querier, net/bridge/br_multicast.c), so that time is short until then.
        Without snooping and an IPv6 address of its own the host has no IPv6 there, and says nothing.

        :param closed: whether the querier is left to :meth:`open_segments`.
        """
        name = link_name(bridge.name)
        with self._lock:
            mark = DeviceKind.BRIDGE.of(bridge.name)
            index = self._make(
                bridge.label,
                mark,
                kind="bridge",
                br_mcast_query_response_intvl=_AT_ONCE,
                br_mcast_mld_version=2,
                br_mcast_igmp_version=3,
                br_mcast_snooping=int(bridge.multicast_snooping),
                br_stp_state=int(bridge.stp),
                br_group_fwd_mask=bridge.group_fwd_mask,
            )
            self._allow_ipv6(self._unnamed(mark), bridge.speaks_ipv6(()))
            self._take_no_redirects(self._unnamed(mark))
            settings: dict[str, object] = {} if bridge.mtu is None else {"mtu": bridge.mtu}
            asks = bridge.multicast_snooping and not closed
            self._name(bridge.label, mark, index, name, kind="bridge", br_mcast_querier=int(asks), **settings)
            if asks:
                self._set_responses(bridge.label, index)
            with suppress(OSError):
                # A kernel may have been built without what else it takes; the lab works without a bound.
                self._inside(lambda: learning.bound(index))
            self._add_altname(index, name, bridge.name)
            self._bridges[bridge.name] = index
            self.change_addresses(bridge.label, index, (), bridge.addresses or ())

    def _allow_ipv6(self, device: str, allowed: bool) -> None:
        """Let the host have IPv6 on a bridge, or not; of what others say there it makes no addresses of its own."""
        settings = {
            "accept_ra": 0,
            "accept_redirects": 0,
            "autoconf": 0,
            "accept_dad": 0,
            "disable_ipv6": int(not allowed),
        }
        self._set_kernel({f"ipv6/conf/{device}/{key}": value for key, value in settings.items()})

    def _take_no_redirects(self, device: str) -> None:
        """Let no guest tell the host by ICMP which way to go.

        A device that does not forward takes them where either it or all of its namespace's do.
        """
        names = (device,) if self._path is None else (device, "all")
        self._set_kernel({f"ipv4/conf/{name}/accept_redirects": 0 for name in names})

    def _set_kernel(self, settings: dict[str, int]) -> None:
        """Set what is there of the kernel's settings below ``net``."""
        with syscalls.network_namespace(self._path):
            for key, value in settings.items():
                with suppress(FileNotFoundError):
                    Path(f"/proc/sys/net/{key}").write_text(str(value))

    def _set_responses(self, subject: str, index: int) -> None:
        """Give guests the usual time to answer the querier."""
        interval = {"br_mcast_query_response_intvl": _RESPONSE_INTERVAL}
        self._request(subject, "link", "set", index=index, kind="bridge", **interval)

    def close_segments(self, fewest: int) -> None:
        """Let the lab's bridges ask nobody who listens, until :meth:`open_segments`.

        :param fewest: how many ports those have at least.
        """
        for bridge, _ports in self._segments(fewest):
            if bridge.snooping:
                self._set_querier(bridge, False)

    def open_segments(self, fewest: int) -> None:
        """Let the lab's bridges ask who listens, and their ports exchange frames: what was left out where they were made closed.

        :param fewest: how many ports those have at least.
        """
        segments = self._segments(fewest)
        asking = [(bridge, ports) for bridge, ports in segments if bridge.snooping]
        for bridge, _ports in asking:
            self._set_querier(bridge, True)
        # What they answer now is heard by the bridge alone; later it would be flooded to all ports.
        time.sleep(_ANSWER_SECONDS * sum(len(ports) for _bridge, ports in asking))
        for _bridge, ports in segments:
            for port in ports:
                self._request(f"device {port.name}", "brport", "set", index=port.index, isolated=0)
        for bridge, _ports in asking:
            self._set_responses(f"bridge {bridge.name}", bridge.index)

    def _segments(self, fewest: int) -> list[tuple[Device, list[Device]]]:
        """The lab's bridges with their ports."""
        owned = self.owned()
        bridges = [device for mark, device in owned.items() if mark.kind is DeviceKind.BRIDGE]
        ports: dict[int | None, list[Device]] = defaultdict(list)
        for device in owned.values():
            ports[device.master].append(device)
        return [(bridge, ports[bridge.index]) for bridge in bridges if len(ports[bridge.index]) >= fewest]

    def _set_querier(self, bridge: Device, asks: bool) -> None:
        settings = {"br_mcast_query_response_intvl": _AT_ONCE, "br_mcast_querier": int(asks)}
        self._request(f"bridge {bridge.name}", "link", "set", index=bridge.index, kind="bridge", **settings)

    def set_bridge(self, found: Device, bridge: Bridge, closed: bool = False) -> None:
        """Give an existing bridge its settings and addresses, while it goes on carrying frames.

        :param closed: as for :meth:`add_bridge`.
        """
        settings: dict[str, object] = {} if bridge.mtu is None else {"mtu": bridge.mtu}
        speaks = bridge.speaks_ipv6(found.addresses)
        self._request(
            bridge.label,
            "link",
            "set",
            index=found.index,
            kind="bridge",
            br_stp_state=int(bridge.stp),
            br_group_fwd_mask=bridge.group_fwd_mask,
            br_mcast_snooping=int(bridge.multicast_snooping),
            br_mcast_querier=int(bridge.multicast_snooping and not closed),
            state="up",
            **settings,
        )
        if speaks and not found.ipv6:
            # With an MTU that was too small for it there was nothing to allow before.
            self._allow_ipv6(found.name, True)
        if bridge.addresses is not None:
            self.change_addresses(bridge.label, found.index, found.addresses, bridge.addresses)
        if found.ipv6 and not speaks:
            self._allow_ipv6(found.name, False)

    def change_addresses(self, subject: str, index: int, before: Iterable[str], after: Iterable[str]) -> None:
        """Replace a device's addresses, those that stay untouched."""
        old, new = list(before), list(after)
        # With the first address of an IPv4 prefix the kernel drops the others of it (promote_secondaries, ip-sysctl.rst), so the
        # last goes first, and those that stay are said again.
        dropped = [("del", address) for address in reversed(old) if address not in new]
        said = [("replace", address) for address in new if dropped or address not in old]
        for verb, address in (*dropped, *said):
            ip, length = address.split("/")
            self._request(subject, "addr", verb, index=index, address=ip, prefixlen=int(length))

    def add_tap(self, iface: Iface, group: int, bridge: int | None, closed: bool = False) -> None:
        """Make a persistent TAP, up, marked and plugged.

        :param group: the one group whose members may attach to it.
        :param bridge: index of the bridge.
        :param closed: whether it exchanges frames with the bridge alone until :meth:`open_segments`.
        """
        name = link_name(iface.tap_name)
        label = f"interface {iface.label}"
        try:
            index = self._inside(lambda: self._open_tap(name, iface, group, bridge, closed))
        except NetlinkError as exc:
            raise HostError(label, f"the kernel refused to add it: {exc}", _remedy(exc.code)) from exc
        except OSError as exc:
            raise HostError(label, f"cannot add it: {exc.strerror}", _remedy(exc.errno or 0)) from exc
        self._add_altname(index, name, iface.tap_name)

    def _open_tap(self, name: str, iface: Iface, group: int, bridge: int | None, closed: bool) -> int:
        """Until it has all that makes it ours it goes with its descriptor, so that a killed run leaves none without a mark."""
        if _index_here(name) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        with syscalls.FORKING:
            tap = os.open(_TUN, os.O_RDWR | os.O_CLOEXEC)
            try:
                # Without IFF_TUN_EXCL this would open one that somebody else has made meanwhile.
                fcntl.ioctl(
                    tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI | _IFF_TUN_EXCL)
                )
                index = socket.if_nametoindex(name)
                self._keep_silent(name)
                self._ip.link(
                    "set",
                    index=index,
                    ifalias=self._alias(DeviceKind.TAP.of(iface.label)),
                    group=group_of(self.lab),
                    mtu=iface.mtu,
                    master=bridge or 0,
                    state="up",
                )
                if closed and bridge is not None:
                    self._ip.brport("set", index=index, isolated=1)
                fcntl.ioctl(tap, _TUNSETGROUP, group)
                fcntl.ioctl(tap, _TUNSETPERSIST, 1)
            finally:
                os.close(tap)
        return index

    def _keep_silent(self, tap: str) -> None:
        """No IPv6 of the host on a TAP, also in a namespace that was not made by :meth:`mark_namespace`."""
        if self._default_has_ipv6 is None:
            default = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
            self._default_has_ipv6 = default.exists() and int(default.read_text()) == 0
        if self._default_has_ipv6:
            Path(f"/proc/sys/net/ipv6/conf/{tap}/disable_ipv6").write_text("1")

    def set_tap(self, index: int, iface: Iface, bridge: int | None) -> None:
        """Give an existing TAP its bridge and MTU."""
        self._request(
            f"interface {iface.label}", "link", "set", index=index, master=bridge or 0, mtu=iface.mtu, state="up"
        )

    def bridge_index(self, name: str) -> int:
        """Index of a bridge of this lab.

        :raises HostError: where there is none with our mark.
        """
        with self._lock:
            if name not in self._bridges:
                self._bridges = {
                    mark.name: device.index for mark, device in self.owned().items() if mark.kind is DeviceKind.BRIDGE
                }
        if name not in self._bridges:
            raise HostError(f"bridge {name}", "it is gone from the host", "run again, it will be made anew")
        return self._bridges[name]

    def delete(self, subject: str, found: Device) -> None:
        """Delete a device of ours; one that is gone already, its number perhaps another's by now, is no error.

        What several threads ask for meanwhile is done at once: a device takes the kernel 20 ms, a hundred hardly more.
        """
        self._doomed.append(found)
        self._inside(self._delete_doomed)
        failure = self._undeleted.pop(found.index, None)
        if failure is not None:
            raise HostError(subject, f"the kernel refused to del it: {failure}", _remedy(failure.code)) from failure

    def _delete_doomed(self) -> None:
        # No lock: who waits for this thread may hold it.
        doomed = [self._doomed.popleft() for _each in range(len(self._doomed))]
        try:
            ours = [device for device in doomed if self._is_still(device)]
            for device in ours:
                self._ip.link("set", index=device.index, group=self._doom)
            if ours:
                self._ip.link("del", group=self._doom)
        except NetlinkError as exc:
            self._undeleted.update({device.index: exc for device in doomed})

    def _is_still(self, found: Device) -> bool:
        try:
            links = list(self._ip.get_links(found.index))
        except NetlinkError as exc:
            if exc.code != errno.ENODEV:
                raise
            return False
        now = [self._device(link) for link in links]
        return all(each.mark == found.mark and (found.mark is not None or each.name == found.name) for each in now)

    def _delete(self, subject: str, index: int) -> None:
        try:
            self._request(subject, "link", "del", index=index)
        except HostError as exc:
            if not isinstance(exc.__cause__, NetlinkError) or exc.__cause__.code != errno.ENODEV:
                raise

    def mark_namespace(self) -> None:
        """Prepare a namespace that was just made: mark, loopback up, no IPv6 on TAPs (each would flood every segment)."""
        with self._lock, syscalls.network_namespace(self._path):
            index = self._index(f"network namespace {self.name}", "lo")
            with suppress(FileNotFoundError):
                Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
            self._request(
                f"network namespace {self.name}",
                "link",
                "set",
                index=index,
                state="up",
                ifalias=self._alias(DeviceKind.NETNS.of()),
            )

    def _alias(self, mark: Mark) -> str:
        return f"{self._ours}{mark}"

    def _unnamed(self, mark: Mark) -> str:
        """Name of a device that is still being made."""
        return f"{_UNNAMED}{hashlib.sha256(self._alias(mark).encode()).hexdigest()[:9]}"

    def _make(self, subject: str, mark: Mark, **arguments: object) -> int:
        """Make a device, without its name.

        It gets that together with its mark, in one request: what a run that was killed in between leaves is not taken for
        somebody else's, and a TAP of somebody else's is not taken for ours (TUNSETIFF opens one that is there already).
        """
        name = self._unnamed(mark)
        left = self._inside(lambda: _index_here(name))
        if left is not None:
            self._delete(subject, left)
        self._request(subject, "link", "add", ifname=name, group=group_of(self.lab), **arguments)
        return self._index(subject, name)

    def _name(self, subject: str, mark: Mark, index: int, name: str, **settings: object) -> None:
        try:
            self._request(
                subject, "link", "set", index=index, ifname=name, ifalias=self._alias(mark), state="up", **settings
            )
        except HostError:
            self._delete(subject, index)
            raise

    def _index(self, subject: str, name: str) -> int:
        found = self._inside(lambda: _index_here(name))
        if found is None:
            raise HostError(subject, f"device {name} vanished", "see who else manages this namespace, then run again")
        return found

    def _add_altname(self, index: int, name: str, full: str) -> None:
        if name != full:
            self._request(f"device {name}", "link", "property_add", index=index, altname=full)

    def _request(self, subject: str, what: str, verb: str, **arguments: object) -> None:
        try:
            with self._lock:
                self._inside(lambda: getattr(self._ip, what)(verb, **arguments))
        except NetlinkError as exc:
            raise HostError(subject, f"the kernel refused to {verb} it: {exc}", _remedy(exc.code)) from exc
        except OSError as exc:
            raise HostError(subject, f"cannot {verb} it: {exc.strerror or exc}", _remedy(exc.errno or 0)) from exc


def _of_bridge(link: Any) -> dict[str, Any]:
    """What only a bridge has."""
    data = link.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")

    def value(name: str) -> int:
        return (data.get_attr(name) if data else None) or 0

    conf = link.get_nested("IFLA_AF_SPEC", "AF_INET6", "IFLA_INET6_CONF")
    return {
        "stp": bool(value("IFLA_BR_STP_STATE")),
        "group_fwd_mask": value("IFLA_BR_GROUP_FWD_MASK"),
        "snooping": bool(value("IFLA_BR_MCAST_SNOOPING")),
        "querier": bool(value("IFLA_BR_MCAST_QUERIER")),
        "ipv6": None if conf is None else not conf["disable_ipv6"],
    }


def _altnames(link: Any) -> tuple[str, ...]:
    properties = link.get_attr("IFLA_PROP_LIST")
    return () if properties is None else tuple(properties.get_attrs("IFLA_ALT_IFNAME"))


def _index_here(name: str) -> int | None:
    """Index of a device in the namespace that the calling thread is in."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def _remedy(code: int) -> str:
    if code in (errno.EPERM, errno.EACCES):
        return "run as root (become: true)"
    if code == errno.EEXIST:
        return "a device of that name that is not ours is in the way: remove or rename it"
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EOPNOTSUPP):
        return "let role dumm.lab.host check what this kernel lacks (tun, bridge)"
    return "see dmesg, then run again"


def check_taps() -> None:
    """Whether this host can make TAPs.

    :raises HostError: where it cannot.
    """
    try:
        status = os.stat(_TUN)
        cause = None if status.st_rdev == os.makedev(*_TUN_NUMBER) else "it is another file"
        if cause is None:
            os.close(os.open(_TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError as exc:
        cause = exc.strerror or str(exc)
    if cause is not None:
        remedy = f"modprobe tun, and if it is still missing: mknod {_TUN} c {' '.join(map(str, _TUN_NUMBER))}"
        raise HostError(_TUN, f"TAPs are made by it, and it cannot be used: {cause}", remedy)


def not_a_namespace(name: str) -> InvalidInput:
    """The error for something mounted in the place of a network namespace."""
    place = NETNS_DIRECTORY / name
    cause = f"what is mounted at {place} is no network namespace"
    return InvalidInput(f"network namespace {name}", cause, "unmount and remove it, or give netns another name")


def check_free(name: str) -> None:
    """Whether a network namespace can get a name.

    :raises InvalidInput: where something else has it.
    """
    place = NETNS_DIRECTORY / name
    if place.is_dir() and not place.is_symlink():
        raise InvalidInput(
            f"network namespace {name}", f"{place} is a directory", "remove it, or give netns another name"
        )


def create_namespace(lab: str, name: str) -> None:
    """Make and mark a lab's network namespace; one of that name that somebody else made is used as it is.

    It is marked before it gets its name, so that a run that is killed meanwhile leaves none without a mark.

    :raises HostError: where that is not allowed.
    """
    if exists(name):
        return
    try:
        with suppress(FileNotFoundError):
            (NETNS_DIRECTORY / name).unlink()
        with ThreadPoolExecutor(max_workers=1) as inside:
            thread = inside.submit(_leave_for_a_new_namespace).result()
            with Network(lab, name, f"/proc/{thread}/ns/net") as network:
                network.mark_namespace()
            netns.attach(name, thread)
    except OSError as exc:
        raise HostError(
            f"network namespace {name}", f"cannot make it: {exc.strerror or exc}", "run as root (become: true)"
        ) from exc


def _leave_for_a_new_namespace() -> int:
    syscalls.unshare(syscalls.CLONE_NEWNET)
    return threading.get_native_id()


def nameless(lab: str, name: str, pids: Iterable[int]) -> str | None:
    """Path of a lab's namespace when somebody has deleted its name (ip-netns(8)): its guests keep it, with every device.

    :param pids: processes of the lab's guests.
    """
    for pid in pids:
        path = f"/proc/{pid}/ns/net"
        # A guest may end meanwhile, and tells nothing then.
        with suppress(FileNotFoundError), Network(lab, name, path) as network:
            if network.owned():
                return path
    return None


def name_again(name: str, path: str) -> None:
    """Give a namespace without a name its name back.

    :raises HostError: where that is not allowed.
    """
    try:
        with suppress(FileNotFoundError):
            (NETNS_DIRECTORY / name).unlink()
        netns.attach(name, int(Path(path).parts[2]))
    except OSError as exc:
        raise HostError(
            f"network namespace {name}", f"cannot name it again: {exc.strerror or exc}", "run as root (become: true)"
        ) from exc


def delete_namespace(lab: str, name: str) -> None:
    """Delete a lab's network namespace if it bears our mark."""
    if name == HOST_NETNS or not exists(name):
        return
    with Network(lab, name) as network:
        if not network.is_ours():
            return
    netns.remove(name)


def check_library() -> None:
    """:raises InvalidInput: where pyroute2 is missing."""
    if IMPORT_ERROR is not None:
        raise InvalidInput(
            "python library pyroute2", "it is not installed", "install python3-pyroute2 (role dumm.lab.host)"
        )

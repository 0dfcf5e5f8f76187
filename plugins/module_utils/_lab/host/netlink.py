# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's network on the host: its namespace, and the devices in it, through rtnetlink(7).  ``bridges``, ``taps`` and
``tunnels`` use it.

The only file that imports pyroute2, and only for changes: looking is done without it (``rtnetlink``).  Every device we make carries an
owner mark in its ifalias, which names the lab and the object; nothing without that mark is changed or deleted.  A namespace of ours is
marked on its loopback device.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import hashlib
import importlib.util
import socket
import sys
import threading
import uuid
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ..model.errors import HostError, InvalidInput
from ..model.found import Device, DeviceKind, Mark
from ..model.lab import HOST_NETNS
from . import rtnetlink, syscalls
from .namespaces import NETNS_DIRECTORY, exists, path_of, remove_name
from .rtnetlink import EVERYBODY, Described, Refused, Route

MARK = "dumm.lab"
_COUNTERS = ("rx_packets", "rx_bytes", "rx_dropped", "tx_packets", "tx_bytes", "tx_dropped")
# Of devices that are still being made; ``~`` is in no name of a bridge or a TAP.
_UNNAMED = "dumm~"
T = TypeVar("T")


def group_of(lab: str) -> int:
    """Link group of a lab's devices: by it those are known that have no mark yet."""
    return zlib.crc32(lab.encode()) & 0x7FFFFFFF or 1


def unfinished(lab: str, devices: Iterable[Device]) -> tuple[Device, ...]:
    """Those that a run of a lab has begun to make, and that are neither named nor marked yet."""
    return tuple(each for each in devices if each.mark is None and is_unfinished(lab, each.name, each.link_group))


def is_unfinished(lab: str, name: str, group: int) -> bool:
    """Whether a device that has no mark is one that a run of a lab has begun to make.

    :param group: its link group.
    """
    return name.startswith(_UNNAMED) and group == group_of(lab)


class Network:
    """An open socket into a lab's network namespace.  Usable from several threads.

    :param lab: the lab's name, part of every mark.
    :param name: the namespace, which must exist.
    :param path: where to enter it, for one that has no name yet.
    :ivar route: a socket for what is changed of many devices, to be used :meth:`inside`.
    """

    route: Route

    def __init__(self, lab: str, name: str, path: str | None = None) -> None:
        check_library()
        self.lab = lab
        self.name = name
        self.path = path or path_of(name)
        self.group = group_of(lab)
        self._ours = f"{MARK} {lab} "
        self.lock = threading.RLock()
        self._indexes: dict[Mark, int] = {}
        self._doomed: deque[Device] = deque()
        self._undeleted: dict[int, Refused] = {}
        self._made: Any = None
        # All are deleted at once by it, 50 times as fast as one by one (docs/internals/network.md).  No other run's: what one that was
        # killed had put in there may be wanted by now.
        self._doom = group_of(f"{lab} doomed {uuid.uuid4()}")
        # From 0.9 on pyroute2 opens another socket for each thread that uses an IPRoute, in the namespace that the thread is
        # in.  So one thread, which enters the lab's namespace for good, does it all.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"netlink-{name}")
        try:
            self._thread.submit(self._open).result()
        except PermissionError as exc:
            self._thread.shutdown()
            raise HostError(
                f"network namespace {name}", f"cannot enter it: {exc.strerror}", "run as root (become: true)"
            ) from exc
        except BaseException:
            self._thread.shutdown()
            raise

    def _open(self) -> None:
        syscalls.enter_network_namespace(self.path)
        self.route = Route(None)

    @property
    def _ip(self) -> Any:
        """pyroute2's socket; only in the thread that lives in the lab's namespace, and only for who changes something."""
        if self._made is None:
            self._made = _pyroute2().IPRoute()
        return self._made

    def inside(self, function: Callable[[], T]) -> T:
        """Call a function in the thread that lives in the lab's namespace."""
        return self._thread.submit(function).result()

    def close(self) -> None:
        """Close the sockets."""
        self.inside(self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        self.route.close()
        if self._made is not None:
            self._made.close()

    def __enter__(self) -> Network:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def devices(self) -> list[Device]:
        """All devices of the namespace, in three dumps."""
        with self.lock:
            return self.inside(self._devices)

    def _devices(self) -> list[Device]:
        links = self.route.devices()
        masks, addresses = self.route.port_masks(), self.route.scoped_addresses()
        found = [
            self._device(
                link,
                tuple(addresses.get((link.number, False), ())),
                tuple(addresses.get((link.number, True), ())),
                masks.get(link.number, 0),
            )
            for link in links
        ]
        return self._with_peers(found) if any(each.span is not None for each in found) else found

    def _with_peers(self, found: list[Device]) -> list[Device]:
        """The same, where tunnels know where they send what is for everybody: one more dump for all of them."""
        peers: dict[int, set[str]] = defaultdict(set)
        for entry in self.route.forwarded():
            if entry.mac == EVERYBODY:
                peers[entry.number].add(entry.to)
        return [
            each
            if each.span is None
            else dataclasses.replace(each, span=dataclasses.replace(each.span, peers=tuple(sorted(peers[each.index]))))
            for each in found
        ]

    def _device(
        self,
        link: Described,
        addresses: tuple[str, ...] = (),
        link_local: tuple[str, ...] = (),
        port_mask: int = 0,
    ) -> Device:
        alias = link.alias
        mark = Mark.parse(alias[len(self._ours) :]) if alias.startswith(self._ours) else None
        kind = None if mark is None else mark.kind
        counted = link.counted if mark is not None else None
        return Device(
            index=link.number,
            name=link.name,
            mark=mark,
            master=link.master,
            mtu=link.mtu,
            mac=link.mac,
            up=link.up,
            carrier=link.carrier,
            addresses=addresses,
            link_local=link_local,
            others=() if mark is not None else link.others,
            group=link.tap_group if kind is DeviceKind.TAP else None,
            link_group=link.group,
            port_mask=port_mask,
            span=link.span if kind is DeviceKind.TUNNEL else None,
            counters={} if counted is None else {key: getattr(counted, key) for key in _COUNTERS},
            **(link.bridge._asdict() if kind is DeviceKind.BRIDGE else {}),
        )

    def owned(self) -> dict[Mark, Device]:
        """The lab's own devices."""
        return {device.mark: device for device in self.devices() if device.mark is not None}

    def index_of(self, mark: Mark) -> int | None:
        """Index of a device of the lab; ``None`` where there is none with that mark."""
        with self.lock:
            if mark not in self._indexes:
                self._indexes = {mark: device.index for mark, device in self.owned().items()}
            return self._indexes.get(mark)

    @functools.cached_property
    def gives_ipv6(self) -> bool:
        """Whether new devices of the namespace have IPv6 at first; to be asked :meth:`inside` it."""
        default = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
        return default.exists() and int(default.read_text()) == 0

    def keep_silent(self, device: str) -> None:
        """No IPv6 of the host on a device, also in a namespace that :meth:`mark_namespace` has not prepared; to be asked inside it."""
        if self.gives_ipv6:
            Path(f"/proc/sys/net/ipv6/conf/{device}/disable_ipv6").write_text("1")

    def is_ours(self) -> bool:
        """Whether the namespace itself was made by us for this lab."""
        return self.inside(self._is_marked)

    def _is_marked(self) -> bool:
        # Of a large lab's devices only one is asked for.
        loopback = index_here("lo")
        links = [] if loopback is None else self.route.devices(loopback)
        return any(self._device(link).mark == DeviceKind.NETNS.of() for link in links)

    def delete(self, subject: str, found: Device) -> None:
        """Delete a device of ours; one that is gone already, its number perhaps another's by now, is no error.

        What several threads ask for meanwhile is done at once: a device takes the kernel 20 ms, a hundred hardly more.
        """
        self._doomed.append(found)
        self.inside(self._delete_doomed)
        failure = self._undeleted.pop(found.index, None)
        if failure is not None:
            raise HostError(
                subject, f"the kernel refused to del it: {failure}", _remedy(failure.errno or 0)
            ) from failure

    def _delete_doomed(self) -> None:
        # No lock: who waits for this thread may hold it.
        doomed = [self._doomed.popleft() for _each in range(len(self._doomed))]
        try:
            ours = [device for device in doomed if self._is_still(device)]
            for device in ours:
                self.route.change([rtnetlink.set_link(device.index, group=self._doom)])
            if ours:
                self.route.change([rtnetlink.delete_group(self._doom)])
        except Refused as exc:
            self._undeleted.update({device.index: exc for device in doomed})

    def _is_still(self, found: Device) -> bool:
        try:
            links = self.route.devices(found.index)
        except OSError as exc:
            if exc.errno != errno.ENODEV:
                raise
            return False
        now = [self._device(link) for link in links]
        return all(each.mark == found.mark and (found.mark is not None or each.name == found.name) for each in now)

    def _delete(self, subject: str, index: int) -> None:
        try:
            self.change(subject, "del", rtnetlink.delete_link(index))
        except HostError as exc:
            if not isinstance(exc.__cause__, Refused) or exc.__cause__.errno != errno.ENODEV:
                raise

    def mark_namespace(self) -> None:
        """Prepare a namespace that was just made: mark, loopback up, no IPv6 on TAPs (each would flood every segment)."""
        with self.lock, syscalls.network_namespace(self.path):
            index = self._index(f"network namespace {self.name}", "lo")
            with suppress(FileNotFoundError):
                Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
            marked = rtnetlink.set_link(index, alias=self.alias(DeviceKind.NETNS.of()), up=True)
            self.change(f"network namespace {self.name}", "set", marked)

    def alias(self, mark: Mark) -> str:
        """A mark as it stands on a device, with the lab's name."""
        return f"{self._ours}{mark}"

    def unnamed(self, mark: Mark) -> str:
        """Name of a device that is still being made."""
        return f"{_UNNAMED}{hashlib.sha256(self.alias(mark).encode()).hexdigest()[:9]}"

    def make_by(self, subject: str, mark: Mark, make: Callable[[str], None]) -> int:
        """Make a device, without its name, and return its index.

        :meth:`finish` gives it that together with its mark, in one request: what a run that was killed in between leaves is not
        taken for somebody else's, and a TAP of somebody else's is not taken for ours (TUNSETIFF opens one that is there already).

        :param make: is given the name that it has until :meth:`finish`.
        """
        name = self.unnamed(mark)
        left = self.inside(lambda: index_here(name))
        if left is not None:
            self._delete(subject, left)
        make(name)
        return self._index(subject, name)

    def drop(self, subject: str, index: int) -> None:
        """Delete a device that could not be finished."""
        self._delete(subject, index)

    def finish(self, subject: str, mark: Mark, index: int, name: str, *more: bytes) -> None:
        """Give a device that was just made its name and its mark, and set it up.

        :param more: messages of ``rtnetlink`` that come first.
        """
        try:
            self.change(subject, "set", *more, rtnetlink.set_link(index, name=name, alias=self.alias(mark), up=True))
        except HostError:
            self._delete(subject, index)
            raise
        with self.lock:
            self._indexes[mark] = index

    def _index(self, subject: str, name: str) -> int:
        found = self.inside(lambda: index_here(name))
        if found is None:
            raise HostError(subject, f"device {name} vanished", "see who else manages this namespace, then run again")
        return found

    def add_altname(self, index: int, name: str, full: str) -> None:
        """Give a device another name, where its own is a short form of it."""
        if name != full:
            self.change(f"device {name}", "name", rtnetlink.another_name(index, full))

    def change(self, subject: str, verb: str, *messages: bytes) -> None:
        """Have the kernel carry out changes, without pyroute2, which takes 0.5 to 5 ms for each.

        :param messages: of ``rtnetlink``.
        :raises HostError: where it refuses.
        """
        if messages:
            with refusals(subject, verb), self.lock:
                self.inside(lambda: self.route.change(messages))

    def request(self, subject: str, what: str, verb: str, **arguments: object) -> None:
        """Ask the kernel for one thing.

        :param what: a method of pyroute2's IPRoute, and ``verb`` and ``arguments`` are its own.
        :raises HostError: where it refuses.
        """
        with refusals(subject, verb), self.lock:
            self.inside(lambda: getattr(self._ip, what)(verb, **arguments))


@contextmanager
def refusals(subject: str, verb: str) -> Iterator[None]:
    """What the kernel refuses as an error that names the object.

    :raises HostError: for it.
    """
    try:
        yield
    except _refusal() as exc:
        raise HostError(subject, f"the kernel refused to {verb} it: {exc}", _remedy(exc.code)) from exc
    except Refused as exc:
        raise HostError(subject, f"the kernel refused to {verb} it: {exc}", _remedy(exc.errno or 0)) from exc
    except OSError as exc:
        raise HostError(subject, f"cannot {verb} it: {exc.strerror or exc}", _remedy(exc.errno or 0)) from exc


def index_here(name: str) -> int | None:
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
        return "let role dumm.lab.host check what this kernel lacks (tun, bridge, vxlan)"
    return "see dmesg, then run again"


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
        remove_name(name)
        with ThreadPoolExecutor(max_workers=1) as inside:
            thread = inside.submit(_leave_for_a_new_namespace).result()
            with Network(lab, name, f"/proc/{thread}/ns/net") as network:
                network.mark_namespace()
            _pyroute2().netns.attach(name, thread)
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
        _pyroute2().netns.attach(name, int(Path(path).parts[2]))
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
    _pyroute2().netns.remove(name)


def check_library() -> None:
    """:raises InvalidInput: where pyroute2 is missing, before it is needed."""
    if "pyroute2" not in sys.modules and importlib.util.find_spec("pyroute2") is None:
        raise _missing()


def load() -> None:
    """Import the library now, as far as it is there: for a process whose forks make changes."""
    with suppress(InvalidInput):
        _pyroute2()


def _refusal() -> Any:
    """pyroute2's error for what the kernel refuses."""
    return _pyroute2().NetlinkError


def _pyroute2() -> Any:
    """The library, which takes longer to import than it takes to look at a lab."""
    try:
        import pyroute2.netns
    except ImportError as exc:
        raise _missing() from exc
    return pyroute2


def _missing() -> InvalidInput:
    return InvalidInput(
        "python library pyroute2", "it is not installed", "install python3-pyroute2 (role dumm.lab.host)"
    )

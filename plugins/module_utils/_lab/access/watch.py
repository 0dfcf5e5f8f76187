# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever changes in a lab, whoever changes it, is told within half a second; as long as nothing does, nothing is done.

The kernel tells of it: netlink of devices in the lab's namespace, inotify(7) of files in the working directory, and a descriptor for each
guest's process of its end.  A pause has no event of its own, but the run that pauses ends, and closes its lock.  What is heard only says
where to look again, once it has been quiet for a moment.  So no queue grows: a queue of the kernel's that overflows costs one look at
everything.

A watch has one descriptor, for whatever waits for it (select(2), asyncio)::

    with Watch("/var/lib/dumm") as watch:
        while update := watch.wait():
            ...  # update.before and update.after are labs as they are seen
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from ..host import rtnetlink, syscalls
from ..model.errors import HostError
from .glance import (
    BRIDGES,
    DEFINITION,
    DISKS,
    GUESTS,
    HELLO,
    IDENTITY,
    KERNEL,
    MASTER,
    MEM,
    NAMESPACES,
    PROCESS,
    SCENARIOS,
    SPOOL,
    Glance,
)
from .seen import STARTING, SeenGuest, SeenLab

# Seconds without any news before it is looked, and how long that is put off where they do not end.
QUIET, LATEST = 0.08, 0.25
# A process is written down before it is in its guest's place, and nothing tells when it is: so long after that it is looked again.
_AGAIN = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
_LOCK = "lock"
_OF_A_GUEST = frozenset((DEFINITION, PROCESS, MEM, KERNEL, MASTER))
_NEWS = (
    syscalls.IN_CREATE
    | syscalls.IN_DELETE
    | syscalls.IN_MOVED_FROM
    | syscalls.IN_MOVED_TO
    | syscalls.IN_CLOSE_WRITE
    | syscalls.IN_DELETE_SELF
    | syscalls.IN_MOVE_SELF
    | syscalls.IN_ONLYDIR
)
_LOST = syscalls.IN_DELETE_SELF | syscalls.IN_MOVE_SELF
_GROUPS = rtnetlink.RTMGRP_LINK | rtnetlink.RTMGRP_IPV4_IFADDR | rtnetlink.RTMGRP_IPV6_IFADDR
_EVENT = struct.Struct("iIII")
_CHUNK = 1 << 16
# What a directory is of, beside a guest: those have no blank in their names.
_HOME, _ABOVE, _NAMES, _SPACES = "the workdir", "the directory above", "the guests", "the namespaces"
_PLAIN = "other files"


@dataclass(frozen=True)
class Update:
    """A lab before and after something has changed."""

    before: SeenLab
    after: SeenLab


class _Heard:
    """Where to look again."""

    def __init__(self) -> None:
        self.everything = False
        self.around = False
        self.guests: set[str] = set()

    def __bool__(self) -> bool:
        return self.everything or self.around or bool(self.guests)


class Watch:
    """A lab that is watched, whether it is there yet or not.

    :param workdir: path of the working directory, as the user wrote it.
    :ivar lab: the lab as it was seen last.
    :raises HostError: where the host cannot watch so much.
    :raises OSError: where the directory cannot be read.
    """

    def __init__(self, workdir: str) -> None:
        self._glance = Glance(workdir)
        self._poll = select.epoll()
        self._timer = syscalls.timer()
        self._poll.register(self._timer, select.EPOLLIN)
        self._files = -1
        self._watched: dict[str, str] = {}
        self._subjects: dict[int, str] = {}
        self._links: socket.socket | None = None
        self._namespace = 0
        self._processes: dict[str, tuple[int, int]] = {}
        self._since: float | None = None
        self._heard = _Heard()
        # Guests whose process was written down just now, and how often they were looked at since.
        self._unsure: dict[str, int] = {}
        try:
            self._begin_files()
            self.lab = self._look_at_all()
            self._look_again()
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """A descriptor that is readable when :meth:`step` has something to do."""
        return self._poll.fileno()

    def close(self) -> None:
        """Give all descriptors back."""
        for _pid, fd in self._processes.values():
            os.close(fd)
        self._processes.clear()
        if self._links is not None:
            self._links.close()
            self._links = None
        for fd in (self._files, self._timer):
            if fd >= 0:
                os.close(fd)
        self._files = self._timer = -1
        self._poll.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def wait(self, seconds: float | None = None) -> Update | None:
        """Wait until something has changed.

        :param seconds: for how long; ``None`` for ever.
        :return: ``None`` where nothing has, after that time.
        :raises HostError: as :class:`Watch`.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            events = self._poll.poll(left)
            if (update := self._act(events)) is not None:
                return update
            if not events and end is not None and time.monotonic() >= end:
                return None

    def step(self) -> Update | None:
        """Do what is to be done now, without waiting.

        :return: what has changed, if anything has.
        :raises HostError: as :class:`Watch`.
        """
        return self._act(self._poll.poll(0))

    def _act(self, events: list[tuple[int, int]]) -> Update | None:
        due, news = False, False
        ended = {fd: name for name, (_pid, fd) in self._processes.items()} if events else {}
        for fd, _mask in events:
            if fd == self._timer:
                os.read(fd, 8)
                due = True
            elif fd == self._files:
                news = self._hear_files() or news
            elif self._links is not None and fd == self._links.fileno():
                news = self._hear_links()
            elif fd in ended:
                self._forget_process(ended[fd])
                self._heard.guests.add(ended[fd])
                news = True
        if due and self._heard:
            return self._look()
        if news:
            self._put_off()
        return None

    def _put_off(self) -> None:
        """Look when it has been quiet for a moment."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        syscalls.set_timer(self._timer, max(0.001, min(QUIET, self._since + LATEST - now)))

    def _look(self) -> Update | None:
        heard, self._heard, self._since = self._heard, _Heard(), None
        before = self.lab
        self.lab = self._look_at_all() if heard.everything else self._look_at(heard)
        self._look_again()
        return None if self.lab == before else Update(before, self.lab)

    def _look_again(self) -> None:
        """Have guests looked at again later that have a process which is not theirs yet."""
        for name, turn in list(self._unsure.items()):
            guest = self.lab.guests.get(name)
            there = os.path.exists(f"{self._glance.own(name)}/{PROCESS}")
            if guest is None or guest.alive or not there or turn == len(_AGAIN):
                del self._unsure[name]
                continue
            self._unsure[name] = turn + 1
            self._heard.guests.add(name)
        if self._unsure:
            syscalls.set_timer(self._timer, _AGAIN[min(self._unsure.values()) - 1])

    def _look_at_all(self) -> SeenLab:
        lab = self._glance.lab()
        return self._followed(lab)

    def _look_at(self, heard: _Heard) -> SeenLab:
        return self._followed(self._seen(self.lab, heard))

    def _seen(self, lab: SeenLab, heard: _Heard) -> SeenLab:
        """The lab, as far as it may have changed."""
        if heard.everything:
            return self._glance.lab()
        names = heard.guests
        if heard.around:
            names = names | (lab.guests.keys() ^ set(self._glance.names()))
        there = self._glance.guests(name for name in names if self._glance.has(name))
        guests = {name: guest for name, guest in lab.guests.items() if name not in names} | there
        return self._glance.around(dict(sorted(guests.items())))

    # Following what is there

    def _followed(self, lab: SeenLab) -> SeenLab:
        """Hear of all that a lab has from now on; what was not heard of until now is looked at again."""
        while fresh := self._follow(lab):
            lab = self._seen(lab, fresh)
        return lab

    def _follow(self, lab: SeenLab) -> _Heard:
        fresh = _Heard()
        path = self._glance.path
        if lab.name is None:
            fresh.everything = self._watch(_ABOVE, _nearest(path))
            return fresh
        fresh.everything = self._watch(_HOME, path)
        for subject, place in self._places(lab):
            fresh.around = self._watch(subject, place) or fresh.around
        for name, guest in lab.guests.items():
            if self._follow_guest(guest):
                fresh.guests.add(name)
        for name in self._processes.keys() - lab.guests.keys():
            self._forget_process(name)
        fresh.around = self._follow_links(lab) or fresh.around
        return fresh

    def _places(self, lab: SeenLab) -> Iterator[tuple[str, str]]:
        path = self._glance.path
        yield _NAMES, f"{path}/{GUESTS}"
        yield f"{_NAMES} on disks", f"{path}/{DISKS}"
        yield _SPACES, NAMESPACES
        yield f"{_PLAIN} {BRIDGES}", f"{path}/{BRIDGES}"
        yield f"{_PLAIN} {SCENARIOS}", f"{path}/{SCENARIOS}"
        with suppress(FileNotFoundError):
            for name in os.listdir(f"{path}/{SCENARIOS}"):
                yield f"{_PLAIN} {SCENARIOS} {name}", f"{path}/{SCENARIOS}/{name}"

    def _follow_guest(self, guest: SeenGuest) -> bool:
        """Hear of a guest's files, of its process's end, and while it starts, of its first word.

        :return: whether anything of that is new.
        """
        if fresh := self._watch(guest.name, self._glance.own(guest.name)):
            # Its process may have been written down before anything could be heard of that.
            self._unsure[guest.name] = 0
        if guest.state == STARTING:
            fresh = self._watch(f"{SPOOL} {guest.name}", f"{self._glance.path}/{GUESTS}/{guest.name}/{SPOOL}") or fresh
        known = self._processes.get(guest.name)
        if known is not None and known[0] != guest.pid:
            self._forget_process(guest.name)
            known = None
        if guest.pid is not None and known is None:
            with suppress(ProcessLookupError):
                fd = os.pidfd_open(guest.pid)
                self._processes[guest.name] = (guest.pid, fd)
                self._poll.register(fd, select.EPOLLIN)
            return True
        return fresh

    def _forget_process(self, name: str) -> None:
        _pid, fd = self._processes.pop(name)
        self._poll.unregister(fd)
        os.close(fd)

    def _follow_links(self, lab: SeenLab) -> bool:
        place = lab.place or "/proc/thread-self/ns/net"
        try:
            number = os.stat(place).st_ino if lab.present else 0
            if number == self._namespace:
                return False
            if self._links is not None:
                # It would keep the namespace.
                self._poll.unregister(self._links)
                self._links.close()
                self._links = None
            self._namespace = 0
            if not number:
                return False
            self._links = rtnetlink.opened(lab.place, _GROUPS)
        except OSError:
            # It is gone meanwhile, which is heard of.
            return False
        self._namespace = number
        self._links.setblocking(False)
        self._poll.register(self._links, select.EPOLLIN)
        return True

    def _watch(self, subject: str, place: str) -> bool:
        """Hear of changes in a directory.

        :return: whether that is new.
        :raises HostError: where the host cannot watch more.
        """
        if self._watched.get(subject) == place:
            return False
        try:
            number = syscalls.inotify_add_watch(self._files, place, _NEWS)
        except OSError as exc:
            if exc.errno == errno.ENOSPC:
                raise HostError(
                    f"working directory {self._glance.path}",
                    "cannot watch it: this host lets nobody watch more directories",
                    "raise fs.inotify.max_user_watches (sysctl(8))",
                ) from None
            self._watched.pop(subject, None)
            return False
        self._watched[subject], self._subjects[number] = place, subject
        return True

    # Hearing

    def _begin_files(self) -> None:
        """Hear of no directory yet, or anew of all."""
        if self._files >= 0:
            self._poll.unregister(self._files)
            os.close(self._files)
        self._watched.clear()
        self._subjects.clear()
        self._files = syscalls.inotify_init()
        self._poll.register(self._files, select.EPOLLIN)

    def _hear_links(self) -> bool:
        try:
            while self._links is not None and self._links.recv(_CHUNK):
                pass
        except BlockingIOError:
            pass
        except OSError:
            # More than fits: something has changed all the same.
            pass
        self._heard.around = True
        return True

    def _hear_files(self) -> bool:
        """Take in what has happened to files; whether any of that matters."""
        news = False
        while True:
            try:
                data = os.read(self._files, _CHUNK)
            except BlockingIOError:
                return news
            at = 0
            while at < len(data):
                number, mask, _cookie, size = _EVENT.unpack_from(data, at)
                name = os.fsdecode(data[at + _EVENT.size : at + _EVENT.size + size].rstrip(b"\0"))
                at += _EVENT.size + size
                news = self._hear(number, mask, name) or news
            if self._heard.everything and not self._watched:
                return True

    def _hear(self, number: int, mask: int, name: str) -> bool:
        subject = self._subjects.get(number)
        if mask & syscalls.IN_Q_OVERFLOW or (subject == _HOME and mask & (_LOST | syscalls.IN_IGNORED)):
            self._heard.everything = True
            self._begin_files()
            return True
        if subject is None:
            return False
        if mask & (syscalls.IN_IGNORED | _LOST):
            self._unwatch(number, subject)
            return self._lost(subject)
        return self._told(subject, name)

    def _unwatch(self, number: int, subject: str) -> None:
        del self._subjects[number]
        # The directory may have been made anew, and be watched already.
        if subject not in self._subjects.values():
            self._watched.pop(subject, None)

    def _lost(self, subject: str) -> bool:
        if subject == _ABOVE:
            self._heard.everything = True
        else:
            self._heard.around = True
        return True

    def _told(self, subject: str, name: str) -> bool:
        """Something has happened to a name in a directory; whether that matters."""
        heard = self._heard
        if subject == _ABOVE:
            if name not in self._glance.path.split("/"):
                return False
            self._watched.pop(_ABOVE, None)
            heard.everything = True
        elif subject == _HOME:
            if name not in (_LOCK, IDENTITY, GUESTS, BRIDGES, SCENARIOS, DISKS):
                return False
            # Whoever held the lock may have paused a guest.
            heard.everything = True
        elif subject.startswith(_NAMES):
            guest = name.removesuffix(".img")
            if guest.startswith("."):
                return False
            self._watched.pop(guest, None)
            heard.guests.add(guest)
        elif subject == _SPACES:
            heard.around = name == self.lab.netns or heard.around
            return name == self.lab.netns
        elif subject.startswith(_PLAIN):
            if name.startswith("."):
                return False
            heard.around = True
        elif subject.startswith(f"{SPOOL} "):
            if name != HELLO:
                return False
            heard.guests.add(subject.partition(" ")[2])
        else:
            if name not in _OF_A_GUEST:
                return False
            if name == PROCESS:
                self._unsure[subject] = 0
            heard.guests.add(subject)
        return True


def _nearest(path: str) -> str:
    """The directory that is there, above one that is missing."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""System calls written down, one after another, for a small process that carries them out (``courier``).  Pure.

To fork a Python that has all modules loaded, and to run it until it is another program, takes 12 ms of CPU, nearly all of it copies of
pages.  What such a child has to do are system calls alone, all of them known before.  Numbers are those of
arch/x86/entry/syscalls/syscall_64.tbl.
"""

from __future__ import annotations

import errno
import functools
import os
import stat
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Union

from . import syscalls

# Where the process has them in its memory, and how large they may be.
BASE, LARGEST = 0x600000, 0x400000
_HEAD = struct.Struct("=QQ")
# Number, arguments, which of these are results, the result, the error that is none, what is skipped then, and nothing.
_CALL = struct.Struct("=q6qQQqqq")
_RESULT_AT = 64
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_OPEN_TREE_CLONE = 1
_FSCONFIG_SET_STRING, _FSCONFIG_CMD_CREATE = 1, 6
_PR_CAPBSET_DROP, _PR_SET_SECUREBITS, _PR_SET_NO_NEW_PRIVS = 24, 28, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_SECBIT_NO_SETUID_FIXUP = 4
_CAPABILITY_VERSION = 0x20080522
_MOST_CAPABILITIES = 64
_ID_MAPPED = 0x00100000
_WRITTEN = os.O_WRONLY | os.O_CLOEXEC


class Result(NamedTuple):
    """What an earlier call returned.

    :ivar number: of the call.
    """

    number: int


@dataclass(frozen=True)
class Block:
    """Memory that has pointers in it.

    :ivar parts: eight bytes of a pointer for each tuple, which has what it points to; bytes as they are.
    """

    parts: tuple[Union[bytes, tuple[bytes]], ...]  # noqa: UP007 - pylint takes the other way for an operation


Argument = Union[int, bytes, str, Result, Block]  # noqa: UP007


class Call(NamedTuple):
    """One system call; a guest's first process has 160 of them, so that they are tuples.

    :ivar about: a path or a purpose, for the message should it fail.
    :ivar unless: the number of an error that is none; 0 for no such.
    :ivar skips: how many calls are left out after that one.
    :ivar packed: the call as the process has it, where that is always the same.
    """

    number: int
    arguments: tuple[Argument, ...]
    about: str
    unless: int = 0
    skips: int = 0
    packed: bytes = b""


class Calls:
    """A list of system calls that grows.

    Names are those of section 2 of the manual, and arguments likewise.
    """

    def __init__(self) -> None:
        self.listed: list[Call] = []

    def add(self, number: int, *arguments: Argument, about: str = "", unless: int = 0, skips: int = 0) -> Result:
        """Any call.  Strings and bytes are passed by a pointer to them, with a zero at their end."""
        self.listed.append(Call(number, arguments, about, unless, skips))
        return Result(len(self.listed) - 1)

    # Files

    def open(self, path: str, flags: int, mode: int = 0, *, unless: int = 0, skips: int = 0) -> Result:
        """open(2)."""
        return self.add(2, path, flags, mode, about=path, unless=unless, skips=skips)

    def open_at(self, directory: int | Result, path: str, flags: int, *, unless: int = 0, skips: int = 0) -> Result:
        """openat(2)."""
        return self.add(257, directory, path, flags, 0, about=path, unless=unless, skips=skips)

    def close(self, fd: int | Result) -> None:
        """close(2)."""
        self.add(3, fd, about="close")

    def write(self, fd: int | Result, data: bytes, about: str) -> None:
        """write(2) of some bytes, which a file takes at once."""
        self.add(1, fd, data, len(data), about=about)

    def write_file(self, path: str, data: bytes) -> None:
        """Make a file."""
        fd = self.open(path, _WRITTEN | os.O_CREAT | os.O_EXCL, 0o644)
        self.write(fd, data, path)
        self.close(fd)

    def make_directories(self, path: str) -> None:
        """A directory and those that it lies in, as far as they are not there."""
        parts = path.split("/")
        for number in range(1, len(parts) + 1):
            if below := "/".join(parts[:number]):
                self.add(83, below, 0o755, about=below, unless=errno.EEXIST)

    def make_directory(self, path: str) -> None:
        """mkdir(2)."""
        self.add(83, path, 0o755, about=path)

    def make_file(self, path: str) -> None:
        """An empty file."""
        self.add(133, path, stat.S_IFREG | 0o644, 0, about=path)

    def make_device(self, path: str, device: int, owner: int) -> None:
        """A character device of a user's own."""
        self.add(133, path, stat.S_IFCHR | 0o600, device, about=path)
        self.add(92, path, owner, owner, about=path)

    def chdir(self, path: str) -> None:
        """chdir(2)."""
        self.add(80, path, about=path)

    def chroot_to(self, directory: int) -> None:
        """fchdir(2), and chroot(2) there."""
        self.add(81, directory, about="fchdir")
        self.add(161, ".", about="chroot")

    # Mounts

    def mount(self, source: str, target: str, fstype: str | None, flags: int = 0, options: str = "") -> None:
        """mount(2)."""
        self.add(165, source, target, fstype or 0, flags, options, about=target)

    def umount(self, target: str, flags: int) -> None:
        """umount2(2)."""
        self.add(166, target, flags, about=target)

    def clone_mount(self, source: str, target: str, attributes: int, users: int | None) -> None:
        """Show a directory at another place, too: open_tree(2), mount_setattr(2), move_mount(2).

        :param attributes: ``MOUNT_ATTR_*``.
        :param users: descriptor of the user namespace that the owners of its files are mapped to.
        """
        tree = self.add(428, _AT_FDCWD, source, _OPEN_TREE_CLONE | os.O_CLOEXEC, about=source)
        mapping = 0 if users is None else _ID_MAPPED
        wanted = struct.pack("=QQQQ", attributes | mapping, 0, 0, users or 0)
        self.add(442, tree, b"", _AT_EMPTY_PATH, wanted, len(wanted), about=source)
        self.move_mount(tree, target)
        self.close(tree)

    def detached_mount(self, fstype: str, options: Iterable[tuple[str, str]], attributes: int) -> Result:
        """A mount that is attached nowhere: fsopen(2), fsconfig(2), fsmount(2)."""
        context = self.add(430, fstype, 1, about=fstype)
        for key, value in options:
            self.add(431, context, _FSCONFIG_SET_STRING, key, value, 0, about=f"{key}={value}")
        self.add(431, context, _FSCONFIG_CMD_CREATE, 0, 0, 0, about=fstype)
        mount = self.add(432, context, 1, attributes, about=fstype)
        self.close(context)
        return mount

    def move_mount(self, mount: int | Result, target: str, flags: int = 0, *, unless: int = 0, skips: int = 0) -> None:
        """move_mount(2) of a detached mount."""
        flags |= syscalls.MOVE_MOUNT_F_EMPTY_PATH
        self.add(429, mount, b"", _AT_FDCWD, target, flags, about=target, unless=unless, skips=skips)

    def replace_mount(self, mount: int | Result, target: str) -> None:
        """Put a mount into the place of the one at ``target``, without a gap where the kernel can (Linux 6.5)."""
        self.move_mount(mount, target, syscalls.MOVE_MOUNT_BENEATH, unless=errno.EINVAL, skips=2)
        # What is on top goes, and uncovers the new one.
        self.umount(target, syscalls.MNT_DETACH)
        self._skip(2)
        self.umount(target, syscalls.MNT_DETACH)
        self.move_mount(mount, target)

    def _skip(self, calls: int) -> None:
        """Leave out those that follow, by a call that always fails."""
        self.add(3, -1, unless=errno.EBADF, skips=calls)

    def pivot(self) -> None:
        """Let the working directory be the root, and nothing of the old one be there: pivot_root(2)."""
        self.add(155, ".", ".", about="pivot_root")
        self.umount(".", syscalls.MNT_DETACH)

    # The process itself

    def unshare(self, flags: int) -> None:
        """unshare(2)."""
        self.add(272, flags, about="unshare")

    def setns(self, namespace: int | Result, kind: int) -> None:
        """setns(2)."""
        self.add(308, namespace, kind, about="setns")

    def limit(self, resource: int, soft: int, hard: int) -> None:
        """setrlimit(2)."""
        self.add(302, 0, resource, struct.pack("=QQ", soft % 2**64, hard % 2**64), 0, about=f"setrlimit {resource}")

    def alone(self, first: int, kept: int) -> None:
        """Begin anew: no other descriptors than those below ``first``, no terminal, all modes as they are asked for.

        :param kept: a descriptor below it that no program gets.
        """
        self.add(436, first, 0xFFFFFFFF, 0, about="close_range")
        self.add(72, kept, 2, 1, about="fcntl")
        self.add(112, about="setsid")
        self.add(95, 0, about="umask")

    def close_from(self, first: int) -> None:
        """close_range(2) of all that follow."""
        self.add(436, first, 0xFFFFFFFF, 0, about="close_range")

    def no_randomness(self) -> None:
        """personality(2): programs always have the same addresses."""
        self.add(135, syscalls.ADDR_NO_RANDOMIZE, about="personality")

    def run_on(self, cpu: int) -> None:
        """sched_setaffinity(2) to one CPU."""
        mask = (1 << cpu).to_bytes(cpu // 64 * 8 + 8, "little")
        self.add(203, 0, len(mask), mask, about=f"CPU {cpu}")

    def groups(self, groups: Sequence[int]) -> None:
        """setgroups(2)."""
        self.add(116, len(groups), struct.pack(f"={len(groups)}I", *groups), about="setgroups")

    def become(self, user: int) -> None:
        """setresgid(2), setresuid(2)."""
        for number in (119, 117):
            self.add(number, user, user, user, about="setresuid")

    @contextmanager
    def as_user(self, user: int, capabilities: Sequence[int]) -> Iterator[None]:
        """Use files as a user and the group of that number meanwhile, with all capabilities but those over the host's reserves.

        :param capabilities: those that the process has: effective, permitted, inheritable, and the upper halves of these.
        """
        effective, *rest = capabilities
        self.add(157, _PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0, about="prctl")
        self.set_capabilities([effective & ~(1 << _CAP_SYS_RESOURCE), *rest])
        for number in (123, 122):
            self.add(number, user, about="setfsuid")
        yield
        for number in (123, 122):
            self.add(number, 0, about="setfsuid")
        self.set_capabilities(capabilities)
        self.add(157, _PR_SET_SECUREBITS, 0, 0, 0, 0, about="prctl")

    def set_capabilities(self, capabilities: Sequence[int]) -> None:
        """capset(2)."""
        header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
        self.add(126, header, struct.pack("=6I", *capabilities), about="capset")

    def keep_capabilities(self, *kept: int) -> None:
        """Give up all capabilities but some, for good: those of the process, and those that a program may gain."""
        self.add(157, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, about="prctl")
        self.listed += _without_capabilities(kept)
        mask = sum(1 << capability for capability in kept)
        low, high = mask & 0xFFFFFFFF, mask >> 32
        self.set_capabilities([low, low, 0, high, high, 0])

    def no_new_privileges(self) -> None:
        """Let no program gain anything by its mode or its attributes."""
        self.add(157, _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, about="prctl")

    def filter_calls(self, code: bytes, instructions: int) -> None:
        """seccomp(2)."""
        self.add(317, 1, 0, Block((struct.pack("=H6x", instructions), (code,))), about="seccomp")

    def execute(self, path: str, arguments: Iterable[str], environment: Iterable[str]) -> None:
        """execve(2)."""
        lists = [Block((*((os.fsencode(word),) for word in words), bytes(8))) for words in (arguments, environment)]
        self.add(59, path, *lists, about=path)

    def end(self) -> None:
        """exit_group(2)."""
        self.add(231, 0)

    # What becomes of them

    def image(self) -> bytes:
        """The calls as the process has them in its memory: a head with the length, the calls, and what they point to.

        :raises OSError: where they are too many.
        """
        begin = BASE + _HEAD.size
        data = _Data(begin + len(self.listed) * _CALL.size)
        packed = []
        for number, arguments, _about, unless, skips, ready in self.listed:
            if ready:
                packed.append(ready)
                continue
            values, results = [0] * 6, 0
            for place, argument in enumerate(arguments):
                if isinstance(argument, int):
                    values[place] = argument
                elif isinstance(argument, Result):
                    values[place] = begin + argument.number * _CALL.size + _RESULT_AT
                    results |= 1 << place
                else:
                    values[place] = data.known.get(argument) or data.put(argument)
            packed.append(_CALL.pack(number, *values, results, 0, -unless, skips * _CALL.size, 0))
        body = b"".join([*packed, *data.parts])
        if _HEAD.size + len(body) > LARGEST:
            raise OSError(errno.E2BIG, f"more than {LARGEST} bytes of system calls")
        return _HEAD.pack(_HEAD.size + len(body), 0) + body

    def failed(self, answer: bytes) -> OSError:
        """The error of a call that failed, from what the process says of it."""
        place, code = struct.unpack("=Qq", answer)
        call = self.listed[(place - BASE - _HEAD.size) // _CALL.size]
        return OSError(-code, os.strerror(-code), *([call.about] if call.about else []))


# include/uapi/linux/capability.h
_CAP_SYS_RESOURCE = 24


@functools.cache
def _without_capabilities(kept: tuple[int, ...]) -> tuple[Call, ...]:
    """The calls by which a process and its programs lose all capabilities but some: a third of all calls of a guest's process."""
    dropped = (capability for capability in range(_MOST_CAPABILITIES) if capability not in kept)
    # That this kernel has no such is no error.
    calls = (Call(157, (_PR_CAPBSET_DROP, each, 0, 0, 0), "prctl", unless=errno.EINVAL) for each in dropped)
    return tuple(
        call._replace(packed=_CALL.pack(call.number, *call.arguments, 0, 0, 0, -call.unless, 0, 0)) for call in calls
    )


class _Data:
    """What calls point to.

    :ivar known: where what is there already is, by the argument that stands for it.
    :ivar parts: it, in pieces.
    """

    def __init__(self, address: int) -> None:
        self._address = address
        self.known: dict[bytes | str | Block, int] = {}
        self.parts: list[bytes] = []

    def put(self, argument: bytes | str | Block) -> int:
        """Have something there: its address."""
        known = self.known.get(argument)
        if known is not None:
            return known
        data = argument
        if isinstance(data, Block):
            words = [part if isinstance(part, bytes) else struct.pack("=Q", self.put(part[0])) for part in data.parts]
            data = b"".join(words)
        elif isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        address = self.known[argument] = self._address
        padded = data + _PADDING[len(data) % 8]
        self.parts.append(padded)
        self._address += len(padded)
        return address


# A zero at least, up to whole words.
_PADDING = [bytes(8 - more) for more in range(8)]

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A union for an ordinary user, and a guest on it: ``dumm-union`` (docs/explanation/unions.md, "Without root").

It is mounted by fusermount3(1), and owners, modes and devices are kept in extended attributes (``keeping``), so that neither root nor a
range of users (subuid(5)) is needed.  The guest's kernel runs as the user, outside of any user namespace, in which it could not give
files to the guest's users; its TAP is in a network namespace that the user has made, and comes to it as a descriptor.
"""

from __future__ import annotations

import argparse
import array
import errno
import fcntl
import os
import socket
import stat
import struct
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from ..host import files, syscalls
from ..model.errors import DummError, HostError, InvalidInput, from_oserror
from ..union import serving
from ..union.server import keeping

_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
_TAP_FD = 9
# The name of a program's interpreter (elf(5), PT_INTERP), and one from the working directory on.
_LOADER = b"/lib64/ld-linux-x86-64.so.2\0"
_LOADER_BESIDE = b"lib/ld-linux-x86-64.so.2\0"


def mount(at: Path, upper: Path, lower: Sequence[Path]) -> None:
    """Mount a union.

    :param at: an empty directory.
    :param upper: the layer that is written to; its work directory, socket and log are made beside it.
    :param lower: topmost first.
    :raises InvalidInput: where one of them is no directory, or something is mounted there.
    :raises HostError: where it cannot be mounted.
    """
    subject = f"union {at}"
    _let_go_of_dead(at, subject)
    if os.path.ismount(at):
        # Before anything of the server that is there has been touched.
        raise InvalidInput(subject, "something is mounted there", f"unmount it first (fusermount3 -u {at})")
    for layer in (at, *lower):
        if not layer.is_dir():
            raise InvalidInput(subject, f"{layer} is no directory", "make it first")
    home = _home(upper)
    work = home / "work"
    try:
        for directory in (upper, work, home / "agents"):
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        _mark(upper, subject)
        layers = tuple(str(layer.resolve()) for layer in (upper, *lower))
        service = serving.Service(
            home, home / "agents", subject, layers, str(work), xattrs=True, for_guest=True, kept=True
        )
        with serving.start(service, lambda: _by_fusermount(at, subject)) as mounted:
            mounted.serving()
    except OSError as exc:
        raise from_oserror(subject, "mount", exc) from exc


def _let_go_of_dead(at: Path, subject: str) -> None:
    """Take away what a server has left that was killed."""
    try:
        os.stat(at)
    except OSError as exc:
        if exc.errno != errno.ENOTCONN:
            return
        command = ["fusermount3", "-u", "-z", "--", str(at)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip()
            raise HostError(subject, f"its dead mount is not taken away: {said}", "end what uses it") from exc


def _mark(upper: Path, subject: str) -> None:
    """Let a layer be one that keeps owners in attributes: fuse-overlayfs looks at its root for that."""
    if keeping.KEY in os.listxattr(upper):
        return
    try:
        keeping.Kept().chmod(os.fsencode(upper), 0o755)
    except OSError as exc:
        raise HostError(
            subject,
            f"{upper} cannot keep owners in extended attributes ({exc.strerror})",
            "put it on ext4, xfs, btrfs, or tmpfs of a kernel from 6.6 on",
        ) from exc


def _by_fusermount(at: Path, subject: str) -> tuple[int, int]:
    """The device comes back over a socket, mounted (fuse(4); lib/mount.c of libfuse)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        environment = {**os.environ, "_FUSE_COMMFD": str(theirs.fileno())}
        command = ["fusermount3", "-o", "fsname=cowfs,subtype=cowfs", "--", str(at)]
        try:
            done = subprocess.run(
                command, env=environment, pass_fds=(theirs.fileno(),), capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise HostError(subject, "there is no fusermount3", "install fuse3") from None
        if done.returncode:
            raise HostError(
                subject,
                f"fusermount3 does not mount it: {' '.join(done.stderr.split())}",
                "see whether /dev/fuse is open to all users (mode 0666), and the directory is yours",
            )
        return _received(ours), os.open("/", os.O_PATH | os.O_CLOEXEC)


def _received(line: socket.socket) -> int:
    descriptors = array.array("i")
    _data, ancillary, _flags, _address = line.recvmsg(1, socket.CMSG_SPACE(descriptors.itemsize))
    descriptors.frombytes(ancillary[0][2][: descriptors.itemsize])
    os.set_inheritable(descriptors[0], False)
    return descriptors[0]


def umount(at: Path, upper: Path) -> None:
    """Unmount a union, and wait until all is written.

    :raises HostError: where it is in use.
    """
    done = subprocess.run(["fusermount3", "-u", "--", str(at)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise HostError(f"union {at}", f"it is not unmounted: {done.stderr.strip()}", "end what uses it")
    serving.end(_home(upper), f"union {at}")


def _home(upper: Path) -> Path:
    return upper.absolute().with_name(f".{upper.name}-cowfs")


def unpack(archive: str, target: Path) -> None:
    """Unpack a root file system, with owners, modes and devices in extended attributes.

    :param archive: a tar file, ``-`` for standard input.
    :param target: a directory that is not there yet; it is when it is complete.
    :raises HostError: where that is not possible.
    """
    subject = f"root file system {target}"
    if os.path.lexists(target):
        raise HostError(subject, "it is there already", "give a directory that is not there yet")
    # Of this name, so that what a killed run has left goes with the next.
    fresh = target.absolute().with_name(f".{target.name}-unpacking")
    try:
        files.remove_tree(fresh)
        fresh.mkdir(parents=True)
        _unpack(archive, fresh)
        fresh.rename(target)
    except (OSError, tarfile.TarError) as exc:
        with suppress(OSError):
            files.remove_tree(fresh)
        raise HostError(
            subject, f"it cannot be unpacked: {exc}", "see that the archive is whole and the disk has room"
        ) from exc


def _unpack(archive: str, target: Path) -> None:
    kept = keeping.Kept()
    times = {}
    top = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # A descriptor or a path, as open() has it.
        with open(0 if archive == "-" else archive, "rb") as source, tarfile.open(fileobj=source, mode="r|*") as tar:
            for member in tar:
                _extract(tar, member, top, kept)
                if member.isdir():
                    times[member.name] = member.mtime
        for name, time in times.items():
            # What came into it has changed its own.
            at, last = _place(top, name)
            os.utime(b"/proc/self/fd/%d/%s" % (at, last), (time, time))
            os.close(at)
    finally:
        os.close(top)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, top: int, kept: keeping.Kept) -> None:
    at, name = _place(top, member.name)
    path = b"/proc/self/fd/%d/%s" % (at, name)
    try:
        if member.issym():
            os.symlink(member.linkname, name, dir_fd=at)
        elif member.islnk():
            source, original = _place(top, member.linkname)
            try:
                os.link(original, name, src_dir_fd=source, dst_dir_fd=at, follow_symlinks=False)
            finally:
                os.close(source)
        elif member.isdir():
            if name != b".":
                kept.mkdir(at, name, member.mode)
        elif member.isfile():
            _write_file(
                tar, member, kept.create(at, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, member.mode)
            )
        else:
            kept.mknod(at, name, _kind(member) | member.mode, os.makedev(member.devmajor, member.devminor))
        if not member.issym() and not member.islnk():
            kept.chown(path, member.uid, member.gid, follow=False)
            kept.chmod(path, stat.S_IMODE(member.mode))
        os.utime(path, (member.mtime, member.mtime), follow_symlinks=False)
    finally:
        os.close(at)


def _place(top: int, path: str) -> tuple[int, bytes]:
    """Descriptor of the directory that a path of an archive leads to, and its last part.

    :raises OSError: where it leads out of the directory, by itself or by links that the archive has made before.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if parts and parts[-1] == "..":
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    parent, name = "/".join(parts[:-1]) or ".", os.fsencode(parts[-1] if parts else ".")
    rules = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS
    return syscalls.openat2(top, parent, os.O_PATH | os.O_DIRECTORY, rules), name


def _kind(member: tarfile.TarInfo) -> int:
    return stat.S_IFIFO if member.isfifo() else stat.S_IFCHR if member.ischr() else stat.S_IFBLK


def _write_file(tar: tarfile.TarFile, member: tarfile.TarInfo, fd: int) -> None:
    content = tar.extractfile(member)
    with os.fdopen(fd, "wb") as file:
        while content is not None and (data := content.read(1 << 20)):
            file.write(data)


def boot(kernel: Path, at: Path, address: str, arguments: Sequence[str]) -> NoReturn:
    """Become the kernel of a guest on a union, with an interface whose other end is in a network namespace of the user's.

    :param address: of that other end, with its prefix length; empty for a guest without an interface.
    :param arguments: more for the kernel, such as ``mem=128M`` and ``init=``.
    :raises HostError: where it cannot be started.
    """
    line = ["linux", "root=/dev/root", "rootfstype=hostfs", f"rootflags={at.resolve()}", "rw", *arguments]
    try:
        if address:
            os.dup2(_tap(address), _TAP_FD, inheritable=True)
            line.append(f"vec0:transport=fd,fd={_TAP_FD},vec=0")
        kernel = kernel.absolute()
        library = kernel.parent / "lib"
        if not library.is_dir():
            os.execv(kernel, line)
        os.chdir(kernel.parent)
        os.execve(_with_loader_beside(kernel), line, {**os.environ, "LD_LIBRARY_PATH": str(library)})
    except OSError as exc:
        raise HostError(
            f"guest on {at}", f"it cannot be started: {exc}", "see --kernel, and whether /dev/net/tun is open to all"
        ) from exc


def _with_loader_beside(kernel: Path) -> int:
    """A kernel of a newer distribution, changed so that it takes the loader that role ``kernel`` has put beside it: descriptor of a copy.

    Elsewhere that is mounted where the kernel expects it (``sandbox``), which takes privilege.
    """
    changed = kernel.read_bytes().replace(_LOADER, _LOADER_BESIDE.ljust(len(_LOADER), b"\0"), 1)
    copy = os.memfd_create("linux", 0)
    with os.fdopen(os.dup(copy), "wb") as file:
        file.write(changed)
    return copy


def _tap(address: str) -> int:
    """A TAP in a user's own network namespace, which lives as long as the descriptor: made by a process that is root in there."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    user, group = os.getuid(), os.getgid()
    pid = os.fork()
    if pid == 0:
        try:
            syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNET)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
            tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", b"tap0", _IFF_TAP | _IFF_NO_PI))
            for command in (f"address add {address} dev tap0", "link set tap0 up", "link set lo up"):
                subprocess.run(["ip", *command.split()], check=True)
            theirs.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [tap]))])
            os._exit(0)
        except BaseException as exc:
            sys.stderr.write(f"{exc}\n")
            os._exit(1)
    theirs.close()
    with ours:
        if os.waitpid(pid, 0)[1]:
            raise OSError("no TAP in a network namespace of one's own")
        return _received(ours)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; its exit status."""
    given = _arguments(arguments)
    try:
        if given.what == "mount":
            mount(given.at, given.upper, given.lower)
        elif given.what == "umount":
            umount(given.at, given.upper)
        elif given.what == "unpack":
            unpack(given.archive, given.target)
        else:
            boot(given.kernel, given.at, given.address, given.arguments)
    except DummError as exc:
        sys.stderr.write(f"dumm-union: {exc}\n")
        return 1
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dumm-union", description="Unions and guests of an ordinary user, see docs/explanation/unions.md."
    )
    what = parser.add_subparsers(dest="what", required=True)
    one = what.add_parser("mount", help="mount a union")
    one.add_argument("--lower", type=Path, action="append", default=[], help="a read-only layer, the topmost first")
    one.add_argument("upper", type=Path, help="the layer that is written to")
    one.add_argument("at", type=Path, help="where")
    one = what.add_parser("umount", help="unmount it")
    one.add_argument("upper", type=Path)
    one.add_argument("at", type=Path)
    one = what.add_parser("unpack", help="make a layer of a root file system's tar file")
    one.add_argument("archive", help="- for standard input")
    one.add_argument("target", type=Path)
    one = what.add_parser("boot", help="run a guest on a union, on this terminal")
    one.add_argument("--kernel", type=Path, required=True)
    one.add_argument(
        "--address", default="", help="of the host's end of eth0, in a network namespace of its own: 10.0.0.254/24"
    )
    one.add_argument("at", type=Path)
    one.add_argument("arguments", nargs="*", help="for the kernel: mem=128M init=/bin/sh")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each request of the kernel means (fuse_lowlevel.h), in terms of the tree and its changes.

Every request either does what it says or raises :class:`OSError`; ``served`` makes of it what pyfuse3 wants.
"""

from __future__ import annotations

import bisect
import errno
import logging
import os
import stat
from collections.abc import Callable, Sequence
from typing import Any

from . import disk, faults
from .changes import Changes
from .copyup import CopyUp, Work
from .keeping import KEY, Plain
from .owners import Owners
from .tree import ROOT, Directory, Node, Tree, place_in_listing

# All that this process tells the kernel stays true until it says otherwise: long enough for any guest, short of an overflow.
FOR_EVER = 86400 * 365 * 10
_ENOATTR = errno.ENODATA
# What the union keeps in attributes of users, and other programs in layers that it takes: nobody who may set those of a file may have a say
# in what is below a directory, or in whose the file is and what it may do.
_MARKS = (KEY.encode(), b"user.fuseoverlayfs.", b"user.overlay.")
_ACLS = b"system.posix_acl_"
_KEPT_FLAGS = os.O_ACCMODE | os.O_SYNC | os.O_DSYNC
_SAFELY = os.O_NOFOLLOW | os.O_CLOEXEC
_log = logging.getLogger("cowfs")


class Requests:
    """The requests.

    :param fuse: pyfuse3.
    :param layers: paths, topmost first.
    :param work: path of the work directory.
    :param xattrs: whether extended attributes are served; a guest whose kernel has none on hostfs loses nothing without them.
    """

    supports_dot_lookup = False
    enable_acl = False
    # What the kernel had collected would be lost with this process, and it would keep times of its own.
    enable_writeback_cache = False

    def __init__(
        self, fuse: Any, layers: Sequence[str], work: str, *, xattrs: bool, owners: Owners, keeping: Plain
    ) -> None:
        self.fuse = fuse
        self.xattrs = xattrs
        self.owners = owners
        self.keeping = keeping
        self._attributes = fuse.EntryAttributes
        self.tree = Tree(layers, self._describe, keeping)
        self.work = Work(work)
        self.copyup = CopyUp(self.tree, self.work, keeping)
        self.changes = Changes(self.tree, self.work, self.copyup, keeping)
        self.rules: tuple[faults.Rule, ...] = ()
        self.served = 0
        self._handles: dict[int, Node] = {}
        self._directories: dict[int, tuple[Directory, list[bytes] | None]] = {}
        self._serial = 0
        self._absent = fuse.EntryAttributes()
        self._absent.st_ino = 0
        self._absent.entry_timeout = FOR_EVER

    def _describe(self, status: os.stat_result, number: int, links: int, lasting: bool) -> Any:
        told = self._attributes()
        told.st_ino = number
        told.st_mode = status.st_mode
        told.st_nlink = links
        told.st_uid = self.owners.shown(status.st_uid)
        told.st_gid = self.owners.shown(status.st_gid)
        told.st_rdev = status.st_rdev
        told.st_size = status.st_size
        told.st_blksize = 4096
        told.st_blocks = status.st_blocks
        told.st_atime_ns = status.st_atime_ns
        told.st_mtime_ns = status.st_mtime_ns
        told.st_ctime_ns = status.st_ctime_ns
        told.entry_timeout = FOR_EVER
        told.attr_timeout = FOR_EVER if lasting else 0
        return told

    def _known(self, node: Node) -> Any:
        told = self.tree.told(node)
        node.lookups += 1
        return told

    def _meet_faults(self, request: str, node: Node | None, name: bytes = b"") -> None:
        """Only called where there are rules."""
        path = self.where(node) if node is not None else b""
        number = faults.meet(self.rules, request, os.fsdecode(path + (b"/" + name if name else b"")))
        if number:
            raise OSError(number, os.strerror(number))

    def where(self, node: Node) -> bytes:
        """Absolute path of a file in the union; empty for the root, and for a file without a name."""
        parts: list[bytes] = []
        while node.names:
            node, name = node.names[0]
            parts.append(name)
        return b"".join(b"/" + part for part in reversed(parts))

    # Names

    def lookup(self, parent: int, name: bytes, ctx: Any) -> Any:
        directory = self.tree.directory(parent)
        node = self.tree.find(directory, name)
        if node is None:
            return self._absent
        return self._known(node)

    def forget(self, nodes: Sequence[tuple[int, int]]) -> None:
        for number, count in nodes:
            if number != ROOT:
                self.tree.forget(number, count)

    def mknod(self, parent: int, name: bytes, mode: int, rdev: int, ctx: Any) -> Any:
        if stat.S_ISCHR(mode) and rdev == 0:
            # It would be a whiteout.
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return self._made("mknod", parent, name, mode, ctx, lambda at, file: self.keeping.mknod(at, file, mode, rdev))

    def mkdir(self, parent: int, name: bytes, mode: int, ctx: Any) -> Any:
        kind = stat.S_IFDIR | mode
        return self._made("mkdir", parent, name, kind, ctx, lambda at, file: self.keeping.mkdir(at, file, mode))

    def symlink(self, parent: int, name: bytes, target: bytes, ctx: Any) -> Any:
        kind = stat.S_IFLNK | 0o777
        return self._made("symlink", parent, name, kind, ctx, lambda at, file: os.symlink(target, file, dir_fd=at))

    def _made(
        self, request: str, parent: int, name: bytes, mode: int, ctx: Any, maker: Callable[[int, bytes], None]
    ) -> Any:
        directory = self.tree.directory(parent)
        if self.rules:
            self._meet_faults(request, directory, name)
        node, _fd = self.changes.make(directory, name, self.owners.asking(ctx), mode, maker)
        return self._known(node)

    def create(self, parent: int, name: bytes, mode: int, flags: int, ctx: Any) -> Any:
        directory = self.tree.directory(parent)
        if self.rules:
            self._meet_faults("create", directory, name)
        given = flags & _KEPT_FLAGS | _SAFELY | os.O_CREAT | os.O_EXCL

        def maker(at: int, file: bytes) -> int:
            return self.keeping.create(at, file, given, mode)

        node, fd = self.changes.make(directory, name, self.owners.asking(ctx), stat.S_IFREG | mode, maker)
        if fd is None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self._opened(node, fd), self._known(node)

    def unlink(self, parent: int, name: bytes, ctx: Any) -> None:
        directory = self.tree.directory(parent)
        if self.rules:
            self._meet_faults("unlink", directory, name)
        self.changes.unlink(directory, name)

    def rmdir(self, parent: int, name: bytes, ctx: Any) -> None:
        directory = self.tree.directory(parent)
        if self.rules:
            self._meet_faults("rmdir", directory, name)
        self.changes.rmdir(directory, name)

    def rename(self, parent: int, name: bytes, new_parent: int, new: bytes, flags: int, ctx: Any) -> None:
        target = self.tree.directory(new_parent)
        if self.rules:
            self._meet_faults("rename", target, new)
        self.changes.rename(self.tree.directory(parent), name, target, new, flags)

    def link(self, number: int, new_parent: int, new: bytes, ctx: Any) -> Any:
        node, directory = self.tree.node(number), self.tree.directory(new_parent)
        if self.rules:
            self._meet_faults("link", directory, new)
        self.changes.link(node, directory, new)
        return self._known(node)

    def readlink(self, number: int, ctx: Any) -> bytes:
        node = self.tree.node(number)
        if self.rules:
            self._meet_faults("readlink", node)
        if node.orphan >= 0:
            return os.readlink(b"", dir_fd=node.orphan)
        at, name = self.tree.place(node)
        return os.readlink(name, dir_fd=at)

    # Attributes

    def getattr(self, number: int, ctx: Any) -> Any:
        return self.tree.told(self.tree.node(number))

    def setattr(self, number: int, attr: Any, fields: Any, fh: int | None, ctx: Any) -> Any:
        node = self.tree.node(number)
        if self.rules:
            self._meet_faults("setattr", node)
        self.copyup.file(node, keep=not (fields.update_size and attr.st_size == 0))
        path, follow = self.tree.path(node)
        if fields.update_size:
            if fh is not None and fh in self._handles:
                os.ftruncate(fh, attr.st_size)
            else:
                os.truncate(path, attr.st_size)
        uid = self.owners.stored(attr.st_uid) if fields.update_uid else -1
        gid = self.owners.stored(attr.st_gid) if fields.update_gid else -1
        if (uid, gid) != (-1, -1):
            self.keeping.chown(path, uid, gid, follow=follow)
        if fields.update_mode:
            self.keeping.chmod(path, stat.S_IMODE(attr.st_mode))
        if fields.update_atime or fields.update_mtime:
            status = self.tree.status(node)
            atime = attr.st_atime_ns if fields.update_atime else status.st_atime_ns
            mtime = attr.st_mtime_ns if fields.update_mtime else status.st_mtime_ns
            os.utime(path, ns=(atime, mtime), follow_symlinks=follow)
        node.attributes = None
        return self.tree.told(node)

    def getxattr(self, number: int, name: bytes, ctx: Any) -> bytes:
        key = self._xattr(name)
        path, follow = self.tree.path(self.tree.node(number))
        value = os.getxattr(path, key, follow_symlinks=follow)
        return self.owners.shown_acl(value) if key.startswith(_ACLS) else value

    def listxattr(self, number: int, ctx: Any) -> list[bytes]:
        self._xattr(b"")
        path, follow = self.tree.path(self.tree.node(number))
        names = os.listxattr(path, follow_symlinks=follow)
        return [name for name in map(os.fsencode, names) if not self._hides(name)]

    def setxattr(self, number: int, name: bytes, value: bytes, ctx: Any) -> None:
        key = self._xattr(name)
        if key.startswith(_ACLS):
            value = self.owners.stored_acl(value)
        node = self.tree.node(number)
        self.copyup.file(node)
        path, follow = self.tree.path(self.tree.node(number))
        os.setxattr(path, key, value, follow_symlinks=follow)
        node.attributes = None

    def removexattr(self, number: int, name: bytes, ctx: Any) -> None:
        key = self._xattr(name)
        path, follow = self.tree.path(self.tree.node(number))
        os.getxattr(path, key, follow_symlinks=follow)
        node = self.tree.node(number)
        self.copyup.file(node)
        path, follow = self.tree.path(self.tree.node(number))
        os.removexattr(path, key, follow_symlinks=follow)
        node.attributes = None

    def _xattr(self, name: bytes) -> bytes:
        if not self.xattrs:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        if self.keeping.reads and name.startswith(_ACLS):
            # Modes on the disk are not those that they would go with.
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        if self._hides(name):
            raise OSError(_ENOATTR, os.strerror(_ENOATTR))
        return name

    def _hides(self, name: bytes) -> bool:
        """Whether an attribute is nobody's but the union's."""
        return name.startswith(disk.PRIVATE.encode()) or (self.keeping.reads and name.startswith((*_MARKS, _ACLS)))

    # Files

    def _opened(self, node: Node, fd: int) -> Any:
        self._handles[fd] = node
        if node.handles is None:
            node.handles = set()
        node.handles.add(fd)
        # Faults are met where data is asked for each time.
        kept = not self.rules and not node.layer.changes
        return self.fuse.FileInfo(fh=fd, keep_cache=kept, direct_io=bool(self.rules))

    def open(self, number: int, flags: int, ctx: Any) -> Any:
        node = self.tree.node(number)
        if self.rules:
            self._meet_faults("open", node)
        if flags & os.O_ACCMODE != os.O_RDONLY or flags & os.O_TRUNC:
            self.copyup.file(node, keep=not flags & os.O_TRUNC)
            node.attributes = None
        given = flags & (_KEPT_FLAGS | os.O_TRUNC) | _SAFELY
        if node.orphan >= 0:
            fd = os.open(self.tree.path(node)[0], given & ~os.O_NOFOLLOW)
        else:
            at, name = self.tree.place(node)
            fd = os.open(name, given, dir_fd=at)
        return self._opened(node, fd)

    def read(self, fh: int, offset: int, size: int) -> bytes:
        if self.rules:
            self._meet_faults("read", self._handles[fh])
        return os.pread(fh, size, offset)

    def write(self, fh: int, offset: int, data: bytes) -> int:
        node = self._handles[fh]
        if self.rules:
            self._meet_faults("write", node)
        node.attributes = None
        done = os.pwrite(fh, data, offset)
        while done < len(data):
            # A short count would be an error to the kernel; what stops it says so itself.
            done += os.pwrite(fh, data[done:], offset + done)
        return done

    def release(self, fh: int) -> None:
        node = self._handles.pop(fh)
        if node.handles is not None:
            node.handles.discard(fh)
        os.close(fh)
        self.tree.drop(node)

    def flush(self, fh: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    def fsync(self, fh: int, datasync: bool) -> None:
        if self.rules:
            self._meet_faults("fsync", self._handles[fh])
        if datasync:
            os.fdatasync(fh)
        else:
            os.fsync(fh)

    # Directories

    def opendir(self, number: int, ctx: Any) -> int:
        directory = self.tree.directory(number)
        if self.rules:
            self._meet_faults("opendir", directory)
        self._serial += 1
        self._directories[self._serial] = (directory, None)
        return self._serial

    def readdir(self, fh: int, start: int, token: Any) -> None:
        directory, names = self._directories[fh]
        if self.rules:
            self._meet_faults("readdir", directory)
        if start == 0 or names is None:
            # hostfs opens a directory anew and seeks, each time that its reader wants more.
            names = self.tree.names(directory) if directory.names or directory.number == ROOT else []
            self._directories[fh] = (directory, names)
        reply = self.fuse.readdir_reply
        parent = directory.names[0][0] if directory.names else directory
        for place, name, node in ((1, b".", directory), (2, b"..", parent)):
            if start < place and not reply(token, name, self.tree.told(node), place):
                return
        for index in range(bisect.bisect_right(names, start, key=place_in_listing), len(names)):
            found = self.tree.find(directory, names[index])
            if found is None:
                continue
            if not reply(token, names[index], self.tree.told(found), place_in_listing(names[index])):
                self.tree.drop(found)
                return
            found.lookups += 1

    def releasedir(self, fh: int) -> None:
        del self._directories[fh]

    def fsyncdir(self, fh: int, datasync: bool) -> None:
        directory = self._directories[fh][0]
        if directory.layers[0] is self.tree.upper:
            os.fsync(self.tree.descriptor(directory, 0))

    def statfs(self, ctx: Any) -> Any:
        told = self.fuse.StatvfsData()
        found = os.fstatvfs(self.tree.upper.fd)
        for key in ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail"):
            setattr(told, key, getattr(found, key))
        told.f_namemax = found.f_namemax
        return told

    def access(self, number: int, mode: int, ctx: Any) -> bool:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


_NAMES = [
    "lookup",
    "forget",
    "mknod",
    "mkdir",
    "symlink",
    "create",
    "unlink",
    "rmdir",
    "rename",
    "link",
    "readlink",
    "getattr",
    "setattr",
    "getxattr",
    "listxattr",
    "setxattr",
    "removexattr",
    "open",
    "read",
    "write",
    "release",
    "flush",
    "fsync",
    "opendir",
    "readdir",
    "releasedir",
    "fsyncdir",
    "statfs",
    "access",
]


def served(requests: Requests) -> Any:
    """The requests as pyfuse3 calls them: coroutines that raise its own error.  A fault of ours costs a request, not the union."""
    operations: Any = type("Operations", (), {})()
    for key in ("supports_dot_lookup", "enable_writeback_cache", "enable_acl"):
        setattr(operations, key, getattr(requests, key))
    operations.init = lambda: None
    operations.stacktrace = lambda: None
    for name in _NAMES:
        setattr(operations, name, _coroutine(requests, name))
    return operations


def _coroutine(requests: Requests, name: str) -> Callable[..., Any]:
    function = getattr(requests, name)
    error = requests.fuse.FUSEError

    async def handler(*args: Any) -> Any:
        requests.served += 1
        try:
            return function(*args)
        except OSError as exc:
            raise error(exc.errno or errno.EIO) from None
        except Exception:
            _log.exception("%s%r", name, args[:2])
            raise error(errno.EIO) from None

    return handler

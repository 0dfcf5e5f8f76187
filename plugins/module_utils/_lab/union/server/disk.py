# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What overlayfs keeps on disk (Documentation/filesystems/overlayfs.rst): whiteouts and opaque directories.

Both engines write it, so a diff made by one is read by the other.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from ...host import syscalls

PRIVATE = "trusted.overlay."
OPAQUE = f"{PRIVATE}opaque"
WHITEOUT = f"{PRIVATE}whiteout"
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
HIDES_ALL = b"y"
HOLDS_WHITEOUTS = b"x"
# What fuse-overlayfs marks a directory with that hides what is below it: a file in it, and an attribute.
_SENTINEL = b".wh..wh..opq"
_FOREIGN = ("user.fuseoverlayfs.opaque", "trusted.overlay.opaque")


def use_user_marks() -> None:
    """Mark directories as overlayfs does that an ordinary user mounts (option ``userxattr``)."""
    global PRIVATE, OPAQUE, WHITEOUT  # one process serves one union
    PRIVATE = "user.overlay."
    OPAQUE, WHITEOUT = f"{PRIVATE}opaque", f"{PRIVATE}whiteout"


def is_whiteout(status: os.stat_result) -> bool:
    """Whether an entry is a whiteout in its usual form, a character device 0/0."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_marked_whiteout(directory: int, name: bytes, status: os.stat_result) -> bool:
    """Whether an entry is a whiteout of the other form, an empty file with a mark, which only directories of a certain mark hold."""
    if not stat.S_ISREG(status.st_mode) or status.st_size:
        return False
    try:
        os.getxattr(beneath(directory, name), WHITEOUT, follow_symlinks=False)
    except OSError:
        return False
    return True


def opaque(directory: int) -> bytes:
    """The mark of a directory: whether it hides what is below it, or holds whiteouts of the other form."""
    try:
        return os.getxattr(directory, OPAQUE)
    except OSError:
        return _foreign_opaque(directory) if _is_users() else b""


def _is_users() -> bool:
    """Whether this is an ordinary user's union, whose layers may be those of fuse-overlayfs."""
    return PRIVATE == "user.overlay."


def _foreign_opaque(directory: int) -> bytes:
    for name in _FOREIGN:
        with suppress(OSError):
            return os.getxattr(directory, name)
    try:
        os.stat(_SENTINEL, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return b""
    return HIDES_ALL


def is_sentinel(name: bytes) -> bool:
    """Whether a name is not that of a file, but a mark of the directory that it is in."""
    return name == _SENTINEL and _is_users()


def set_opaque(directory: int) -> None:
    """Let a directory hide what is below it."""
    os.setxattr(directory, OPAQUE, HIDES_ALL)


def make_whiteout(directory: int, name: bytes) -> None:
    """Make a whiteout where there is nothing."""
    os.mknod(name, stat.S_IFCHR, 0, dir_fd=directory)
    _give_to_root(directory, name)


def _give_to_root(directory: int, name: bytes) -> None:
    # This process may use files as a guest's root.
    with suppress(PermissionError):
        os.chown(name, 0, 0, dir_fd=directory, follow_symlinks=False)


def beneath(directory: int, name: bytes) -> bytes:
    """A path for calls that take no directory; its last part is never followed by them."""
    return b"/proc/self/fd/%d/%s" % (directory, name)


def attributes(path: bytes | int) -> list[str]:
    """Extended attributes that are not the union's own, and that this process may give to a copy."""
    follow = isinstance(path, int)
    try:
        found = os.listxattr(path, follow_symlinks=follow)
    except OSError as exc:
        if exc.errno in (errno.EOPNOTSUPP, errno.EPERM):
            return []
        raise
    # Capabilities of a program are root's to give (xattr(7)); on hostfs a guest's kernel does not see them.
    kept_back = (PRIVATE, "security.") if _is_users() else (PRIVATE,)
    return [name for name in found if not name.startswith(kept_back)]


def empty(directory: int) -> None:
    """Remove all that a directory holds, whatever it is."""
    for entry in syscalls.entries(directory):
        if entry.is_dir(follow_symlinks=False):
            inner = os.open(entry.name, DIRECTORY, dir_fd=directory)
            try:
                empty(inner)
            finally:
                os.close(inner)
            os.rmdir(entry.name, dir_fd=directory)
        else:
            os.unlink(entry.name, dir_fd=directory)


def rename(old: int, name: bytes, new: int, target: bytes, flags: int = 0) -> None:
    """Rename within a layer, in all the forms of renameat2(2)."""
    if flags:
        syscalls.renameat2(old, name, new, target, flags)
        if flags & syscalls.RENAME_WHITEOUT:
            _give_to_root(old, name)
    else:
        os.rename(name, target, src_dir_fd=old, dst_dir_fd=new)

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Agree with the kernel on more than pyfuse3 has words for: that it keeps what symbolic links say.

Kernel and server settle what they use of FUSE in the first request (``FUSE_INIT`` in include/uapi/linux/fuse.h), which libfuse answers.  So
libfuse finds a socket with that request in the place of the device, its answer goes to the kernel with one flag more, and then the device
takes its place.  Without, each path that leads through a link is two more requests, of which ``/bin`` and ``/lib`` are one in each
distribution of today; a link never says anything else, so there is nothing that could be outdated.
"""

from __future__ import annotations

import os
import socket
import struct

_CACHE_SYMLINKS = 1 << 23
_FUSE_INIT = 26
_LONGEST = 1 << 16
# fuse_in_header and fuse_init_in; fuse_out_header and fuse_init_out.
_REQUEST = struct.Struct("=II32xIIII")
_ANSWER = struct.Struct("=IiQIIII")


class Handshake:
    """The first request, on its way through libfuse.

    :param device: descriptor of /dev/fuse that libfuse has been given; blocks until the kernel has asked.
    """

    def __init__(self, device: int) -> None:
        self._device = device
        self._kept = os.dup(device)
        self._request = os.read(device, _LONGEST)
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.send(self._request)
        os.dup2(theirs.fileno(), device, inheritable=False)
        theirs.close()

    def finish(self) -> None:
        """Pass libfuse's answer on, and give it the device.

        :raises OSError: where it has not answered, or the kernel does not take the answer.
        """
        answer = self._ours.recv(_LONGEST, socket.MSG_DONTWAIT)
        os.dup2(self._kept, self._device, inheritable=False)
        os.close(self._kept)
        self._ours.close()
        os.write(self._device, with_links_kept(self._request, answer))


def with_links_kept(request: bytes, answer: bytes) -> bytes:
    """An answer to FUSE_INIT that also asks for links to be kept, where the kernel offers that (since Linux 4.20)."""
    if len(request) < _REQUEST.size or len(answer) < _ANSWER.size:
        return answer
    _length, kind, _major, _minor, _readahead, offered = _REQUEST.unpack_from(request)
    *head, wanted = _ANSWER.unpack_from(answer)
    if kind != _FUSE_INIT or head[1] != 0 or not offered & _CACHE_SYMLINKS:
        return answer
    return _ANSWER.pack(*head, wanted | _CACHE_SYMLINKS) + answer[_ANSWER.size :]

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Agree with the kernel on more than pyfuse3 has words for.

Kernel and server settle what they use of FUSE in the first request (``FUSE_INIT`` in include/uapi/linux/fuse.h), which libfuse answers.  So
libfuse finds a socket with that request in the place of the device, its answer goes to the kernel with more flags, and then the device
takes its place.

* That the kernel keeps what symbolic links say.  Without, each path that leads through a link is two more requests, of which ``/bin`` and
  ``/lib`` are one in each distribution of today; a link never says anything else, so there is nothing that could be outdated.
* That privileges of what is written are the server's to take away.  Without, the kernel asks for the capabilities of a file at each write.
  A guest's kernel takes them away, and set-id bits, before it writes, so the server need not.
"""

from __future__ import annotations

import os
import socket
import struct

# Since Linux 4.20 and 5.11.
CACHE_SYMLINKS = 1 << 23
HANDLE_KILLPRIV_V2 = 1 << 28
_FUSE_INIT = 26
_LONGEST = 1 << 16
# fuse_in_header and fuse_init_in; fuse_out_header and fuse_init_out.
_REQUEST = struct.Struct("=II32xIIII")
_ANSWER = struct.Struct("=IiQIIII")


class Handshake:
    """The first request, on its way through libfuse.

    :param device: descriptor of /dev/fuse that libfuse has been given; blocks until the kernel has asked.
    :param more: flags that are wanted beside libfuse's.
    """

    def __init__(self, device: int, more: int) -> None:
        self._device = device
        self._more = more
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
        os.write(self._device, with_more(self._request, answer, self._more))


def with_more(request: bytes, answer: bytes, more: int) -> bytes:
    """An answer to FUSE_INIT that also asks for what the kernel offers of some flags."""
    if len(request) < _REQUEST.size or len(answer) < _ANSWER.size:
        return answer
    _length, kind, _major, _minor, _readahead, offered = _REQUEST.unpack_from(request)
    *head, wanted = _ANSWER.unpack_from(answer)
    if kind != _FUSE_INIT or head[1] != 0:
        return answer
    return _ANSWER.pack(*head, wanted | offered & more) + answer[_ANSWER.size :]

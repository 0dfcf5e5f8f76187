# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server of the union engine cowfs: a copy-on-write file system in user space, one process a guest.

Here it begins: it takes the kernel's end of a mount that was made already, and serves it until it is unmounted.

    python3 -m server.serve {"layers": [...], "work": ..., "fuse": 3, "ready": 4, "directory": 5, "socket": ...}

``fuse``, ``ready`` and ``directory`` are descriptors: of /dev/fuse, of a pipe that is told when requests are served, and of the guest's
directory.  What goes wrong is written to standard error, which is the guest's ``cowfs.log``.

``serve`` starts it, ``driver`` runs requests one after another, ``requests`` says what each means, ``tree`` knows what is where in the
layers, ``changes`` and ``copyup`` write, ``restack`` changes the layers, ``control`` listens to the module, ``disk`` is the format on disk
(that of overlayfs, Documentation/filesystems/overlayfs.rst), ``faults`` breaks things on purpose.

It runs under the Python that has pyfuse3, from a copy of these files: only the standard library, ``pyfuse3``, ``root``,
``syscalls`` and ``privileges`` are imported here, and pyfuse3 only where the process starts.
"""

from __future__ import annotations

import errno
import gc
import json
import logging
import os
import resource
import signal
import sys

from ...host import privileges
from . import disk, driver, faults
from .control import Control, open_socket
from .handshake import CACHE_SYMLINKS, HANDLE_KILLPRIV_V2, Handshake
from .keeping import Kept, Plain
from .owners import Owners
from .requests import Requests, served


def _is_fault(record: logging.LogRecord) -> bool:
    """Whether a complaint of pyfuse3 is about a fault.

    The kernel refuses an answer that nobody waits for any more with ENOENT, as when a mount goes just after its last file was closed
    (fuse_dev_do_write, fs/fuse/dev.c of Linux; libfuse does not complain of it either, pyfuse3 does).
    """
    told = record.getMessage()
    return not ("fuse_reply" in told and told.endswith(os.strerror(errno.ENOENT)))


def main(argument: str) -> None:
    """Serve."""
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("pyfuse3").addFilter(_is_fault)
    given = json.loads(argument)
    os.umask(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        # It ends with its mount, which others still use.
        signal.signal(number, signal.SIG_IGN)
    sys.setrecursionlimit(20000)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if not given["kept"]:
        # What the guest writes is written here, and takes nothing that is kept back.
        privileges.use_files_as(given["first_user"])
    loop = driver.Loop(lambda: requests.tree.spare(most // 2))
    loop.pretend_trio()
    import pyfuse3 as fuse  # takes its time, and is missing where nobody serves

    kept = given["kept"]
    # Requests come from a guest's kernel then, which is this user, and gives what it makes to the guest's.
    owners = Owners(given["first_user"], squash=kept)
    if kept:
        disk.use_user_marks()
    keeping = Kept() if kept else Plain()
    requests = Requests(fuse, given["layers"], given["work"], xattrs=given["xattrs"], owners=owners, keeping=keeping)
    fuse.init(served(requests), f"/dev/fd/{given['fuse']}", set())
    try:
        control = Control(fuse, requests, loop)
        control.rules, requests.rules = given["faults"], faults.rules(given["faults"])
        control.listen(open_socket(given["directory"], given["socket"]))
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 50)
        os.write(given["ready"], b"ready")
        os.close(given["ready"])
        # With these alone the kernel does not ask for capabilities at each write.
        more = CACHE_SYMLINKS | (HANDLE_KILLPRIV_V2 if given["for_guest"] else 0)
        loop.run(fuse.main(1, 1), Handshake(given["fuse"], more).finish)
    finally:
        fuse.close(unmount=False)


if __name__ == "__main__":
    main(sys.argv[1])

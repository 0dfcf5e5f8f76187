# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the map costs its host: CPU time and memory of its two processes with 100 guests that only wait, without a page and with five.

The guests are made up (``crowd``), but their devices are real: for the last figures each of them gets a frame ten times a second, so that
all rates move and each page is told all of them each second.  At last it tells how long a change takes until a page knows.

Run it as root: ``PYTHONPATH=.collections:tests/integration:tests/map .venv/bin/python tests/bench/mapping.py [GUESTS] [SECONDS]``.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import statistics
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from crowd import crowd
from served import Served, served
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir

_PAGES = 5
_TICKS = os.sysconf("SC_CLK_TCK")
# linux/if_tun.h
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 2, 0x1000
_FRAME = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + b"x" * 100


class Page:
    """A page that takes all that it is told."""

    def __init__(self, here: Served, cookie: str) -> None:
        self.socket: ClientConnection = connect(
            here.base.replace("http", "ws") + "/live",
            origin=Origin(here.base),
            additional_headers={"Cookie": cookie},
            max_size=None,
            compression=None,
        )
        self.bytes = self.messages = 0
        self.heard: dict[str, float] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for text in self.socket:
            now = time.monotonic()
            self.bytes += len(text)
            self.messages += 1
            message = json.loads(text)
            if message["type"] == "change":
                self.heard |= dict.fromkeys(message["set"].get("guests", {}), now)


def cpu(*processes: int) -> float:
    """Seconds of CPU time that processes have used."""
    used = 0
    for pid in processes:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / _TICKS


def memory(pid: int) -> str:
    """MB of a process, and those that it shares with nobody."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) for line in told if line.endswith("kB")}
    return f"{found['Rss'] / 1024:.0f} MB, {(found['Private_Clean'] + found['Private_Dirty']) / 1024:.0f} MB of its own"


def measure(what: str, here: Served, seconds: float, pages: list[Page]) -> None:
    """Print what the two processes use of a core for some seconds."""
    time.sleep(2)
    root, web = cpu(here.process.pid), cpu(here.web)
    heard = sum(page.bytes for page in pages)
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    root, web = (
        100 * (after - before) / took for before, after in ((root, cpu(here.process.pid)), (web, cpu(here.web)))
    )
    told = (sum(page.bytes for page in pages) - heard) / took / max(1, len(pages))
    print(
        f"{what:<45} {root + web:6.2f} % of a core (root part {root:.2f}, web part {web:.2f}); {told / 1000:.1f} kB/s a page",
        flush=True,
    )


@contextmanager
def traffic(workdir: Workdir) -> Iterator[None]:
    """Have packets come from all guests."""
    ended = threading.Event()
    taps = []
    with ExitStack() as stack:
        with syscalls.network_namespace(f"/run/netns/{workdir.lab_name}"):
            for name in (name for _index, name in socket.if_nameindex() if name.endswith("-eth0")):
                fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                stack.callback(os.close, fd)
                fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
                taps.append(fd)

        def send() -> None:
            while not ended.wait(0.1):
                for tap in taps:
                    os.write(tap, _FRAME)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def delays(workdir: Workdir, pages: list[Page], times: int = 10) -> list[float]:
    """Seconds from the end of a guest's process until each page knows."""
    found = []
    for number in range(times):
        name = f"g{number}"
        pid = json.loads((workdir.guest(name).path / "process.json").read_text())["pid"]
        for page in pages:
            page.heard.pop(name, None)
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        while not all(name in page.heard for page in pages):
            time.sleep(0.001)
        found.append(max(page.heard[name] for page in pages) - began)
    return found


def main() -> None:
    """Measure, and print a line for each."""
    guests = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    with crowd(guests) as workdir, served(workdir.path) as here:
        print(f"{guests} guests")
        measure("no page", here, seconds, [])
        cookie = here.cookie()
        pages = [Page(here, cookie) for _each in range(_PAGES)]
        measure(f"{_PAGES} pages, nothing moves", here, seconds, pages)
        with traffic(workdir):
            measure(f"{_PAGES} pages, all rates move", here, seconds, pages)
        print(f"root part: {memory(here.process.pid)}; web part: {memory(here.web)}")
        told = delays(workdir, pages, min(10, guests))
        print(
            f"a guest is killed: {_PAGES} pages know after {statistics.median(told):.3f} s (at most {max(told):.3f} s)"
        )
        for page in pages:
            page.socket.close()


if __name__ == "__main__":
    main()

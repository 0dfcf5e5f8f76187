# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm capture``: packets at interfaces of guests, as pcapng, to a pipe or a file, now or in the background.

A first Ctrl-C ends the file as it should; a second one, or whoever reads nothing, ends the command at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

from ..access.capture import background
from ..access.capture.filters import MAX_SNAPLEN
from ..access.capture.record import Bound, End, Recorder
from ..access.capture.taps import chosen, created, headed, opened, watched
from ..host.captures import Recorded
from ..host.workdir import Workdir
from ..model.errors import HostError
from .usage import Parser, WrongUsage, complain, seconds

_NAME = "dumm capture"
_STDOUT = 1
_DEFAULT_SIZE = 64 << 20
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_EXAMPLES = """\
  dumm capture alice:eth0 | tshark -r -                     decode what comes
  dumm capture alice bob:eth0 | wireshark -k -i -           all interfaces of alice and one of bob, in one order
  dumm capture lan-a -o lan-a.pcapng                        all interfaces in a segment
  dumm capture moon:eth0 -f 'esp and src sun' -o esp.pcapng     guests have their names in filters
  dumm capture alice:eth0 --count 10 -o ten.pcapng          until there are ten packets
  dumm capture alice:eth0 --background night -s 36000       for ten hours, in the background; dumm_info shows it
  dumm capture --stop night

A file ends at 64 MB if --size says nothing else. The exit code is 0 at a bound, after Ctrl-C and if nobody reads any more.
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Capture as the words say."""
    wanted = _parser(workdir).parse_args(words)
    home = Workdir.at(wanted.workdir)
    done = [each for each in (wanted.background, wanted.stop, wanted.remove) if each is not None]
    if len(done) > 1:
        raise WrongUsage(_NAME, "--background, --stop and --remove exclude each other", f"see '{_NAME} --help'")
    if bool(wanted.interfaces) != (wanted.stop is None and wanted.remove is None):
        needed = "name some, such as alice:eth0" if not wanted.interfaces else "leave the interfaces out"
        raise WrongUsage(_NAME, "a capture needs interfaces, to stop or remove one needs its name only", needed)
    if wanted.stop is not None:
        return _tell(background.stop(home, wanted.stop))
    if wanted.remove is not None:
        return _tell(background.remove(home, wanted.remove))
    if wanted.background is not None:
        return _start(home, wanted)
    return _capture(home, wanted)


def _parser(workdir: str) -> Parser:
    parser = Parser(_NAME, "Capture packets at interfaces of guests, seen from the host.", _EXAMPLES, workdir)
    parser.add_argument("-f", "--filter", metavar="FILTER", default="", help="keep only these packets (pcap-filter(7))")
    parser.add_argument("-c", "--count", metavar="N", type=_whole, help="end after so many packets")
    parser.add_argument("-s", "--seconds", metavar="SECONDS", type=seconds, help="end after so many seconds")
    parser.add_argument(
        "--size", metavar="BYTES", type=_size, help="end when the file is so large, such as 100M; 0 for no bound"
    )
    parser.add_argument(
        "--snaplen",
        metavar="BYTES",
        type=_whole,
        default=MAX_SNAPLEN,
        help="keep so much of each packet (default: all)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help="file for the packets (default: -, a pipe)")
    parser.add_argument("--background", metavar="NAME", help="go on in the background, under this name")
    parser.add_argument("--stop", metavar="NAME", help="end the capture of this name; its file stays")
    parser.add_argument("--remove", metavar="NAME", help="end the capture of this name, and remove its own file")
    parser.add_argument(
        "interfaces",
        metavar="GUEST[:INTERFACE]|SEGMENT",
        nargs="*",
        help="where to capture: an interface, all of a guest, or all in a segment",
    )
    return parser


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 1 << 62:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _size(text: str) -> int:
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].isalpha() else (text, "")
    if not (number.isascii() and number.isdigit()) or unit not in _UNITS or len(number) > 15:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes, such as 100M")
    return int(number) * _UNITS[unit]


def _bound(wanted: Namespace, size: int | None) -> Bound:
    """:param size: of the file where the user gives none."""
    return Bound(size if wanted.size is None else wanted.size or None, wanted.count, wanted.seconds)


def _start(home: Workdir, wanted: Namespace) -> int:
    found = background.start(
        home,
        wanted.background,
        wanted.interfaces,
        file=None if wanted.output == "-" else Path(wanted.output),
        only=wanted.filter,
        snaplen=wanted.snaplen,
        bound=_bound(wanted, _DEFAULT_SIZE),
    )
    sys.stdout.write(f"capture {found.name}: it goes on, and writes {found.file}\n")
    return 0


def _tell(found: Recorded) -> int:
    dropped = f", {found.dropped} dropped" if found.dropped else ""
    told = f"{found.packets} packets{dropped} in {found.file}, it has ended: {found.ended}"
    sys.stdout.write(f"capture {found.name}: {told}\n")
    return 0


def _capture(home: Workdir, wanted: Namespace) -> int:
    to_file = wanted.output != "-"
    if not to_file and os.isatty(_STDOUT):
        raise WrongUsage(_NAME, "packets are no text for a terminal", "pipe them to 'tshark -r -', or give -o FILE")
    lab = home.load()
    found = chosen(lab, wanted.interfaces)
    with ExitStack() as stack:
        taps = opened(home, lab, found, wanted.filter, wanted.snaplen)
        for tap in taps:
            stack.callback(tap.close)
        output = created(Path(wanted.output)) if to_file else _STDOUT
        heading = headed(lab, found, "", wanted.filter, wanted.snaplen)
        bound = _bound(wanted, _DEFAULT_SIZE if to_file else None)
        ends = stack.enter_context(_asked_to_end())
        recorder = Recorder(taps, output, heading, bound, stack.enter_context(watched(lab)))
        if os.isatty(2):
            sys.stderr.write(f"capturing at {', '.join(each.label for each in found)}; Ctrl-C ends it\n")
        return _report(recorder, _record(recorder, ends), to_file)


def _record(recorder: Recorder, ends: int) -> End:
    while recorder.end is None:
        recorder.wait(ends)
        with suppress(BlockingIOError):
            os.read(ends, 64)
            recorder.stop()
        recorder.step()
    return recorder.end


def _report(recorder: Recorder, end: End, to_file: bool) -> int:
    dropped = sum(each.dropped for each in recorder.counted.values())
    if dropped or to_file:
        sys.stderr.write(f"{recorder.packets} packets captured, {dropped} dropped\n")
    if end is End.FULL:
        raise HostError("capture", end.value, "free some, or give a smaller --size")
    if end is End.GONE:
        return complain(f"dumm: capture: {end.value}", 1)
    return 0


@contextmanager
def _asked_to_end() -> Iterator[int]:
    """A descriptor that is readable as soon as a signal asks for the end; a second signal does what it does without."""
    waked, wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def ask(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])
        os.write(wakes, b"e")

    for number, handler in before.items():
        # nohup(1) has it ignored, and so has a shell for what runs in the background.
        if handler is not signal.SIG_IGN:
            signal.signal(number, ask)
    try:
        yield waked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(waked)
        os.close(wakes)

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm why``: the hop where a packet from one guest to another dies, and the reason."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..host.workdir import Workdir
from ..testing.bench import Bench
from ..testing.why import why
from .usage import Parser, WrongUsage

_NAME = "dumm why"
_EXAMPLES = """\
  dumm why alice bob                 echo requests from alice to bob
  dumm why 'alice -> 10.2.0.10'      the arrow may be written, in quotes
  dumm why alice:eth1 bob --family 6
  dumm why alice bob --tcp 80        a connection to TCP port 80

The exit code is 0 if everything was answered, and 1 if not.
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Ask as the words say."""
    parser = Parser(
        _NAME, "Find the hop where packets from one guest to another die, and the reason.", _EXAMPLES, workdir
    )
    parser.add_argument(
        "-f", "--family", metavar="4|6", type=int, choices=(4, 6), help="version of IP (default: either)"
    )
    parser.add_argument("-t", "--tcp", metavar="PORT", type=int, default=0, help="open this TCP port instead of a ping")
    parser.add_argument(
        "ends", metavar="SOURCE TARGET", nargs="+", help="guests, interfaces, or an address as the target"
    )
    wanted = parser.parse_args(words)
    source, target = _ends(wanted.ends)
    if not 0 <= wanted.tcp < 1 << 16:
        raise WrongUsage(_NAME, f"{wanted.tcp} is no TCP port", "give 1 to 65535")
    home = Workdir.at(wanted.workdir)
    found = why(Bench(home, home.load()), source, target, family=wanted.family, port=wanted.tcp)
    sys.stdout.write(f"{found.text}\n")
    return 0 if found.verdict.good else 1


def _ends(words: Sequence[str]) -> tuple[str, str]:
    """:raises WrongUsage: where they are not two."""
    found = [word for word in " ".join(words).replace("->", " ").split() if word != "-"]
    if len(found) != 2:
        remedy = f"write '{_NAME} alice bob', or the arrow in quotes, since a shell takes > for a file"
        raise WrongUsage(_NAME, "it needs two ends", remedy)
    return found[0], found[1]

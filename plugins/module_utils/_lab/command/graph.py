# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm graph``: a picture of the running lab, or of a scenario file alone, as SVG, Mermaid, D2, DOT or draw.io."""

from __future__ import annotations

import json
import math
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..access.pictures import d2, dot, drawio, mermaid, svg
from ..access.pictures.drawing import draw
from ..access.pictures.layout import Point
from ..access.pictures.scene import Scene, scene
from ..host import files
from ..host.workdir import Workdir
from ..model.errors import InvalidInput, from_oserror
from ..model.lab import Lab
from ..plan import describe
from ..run.observe import observe
from ..scenario import document, loader
from .usage import Parser, WrongUsage

_PLACES = "map.json"
_STANDARD = "-"
Places = Mapping[str, Point]

_WRITERS: Mapping[str, Callable[[Scene, Places], str]] = {
    "svg": lambda shown, places: svg.svg(draw(shown, places)),
    "mermaid": lambda shown, _places: mermaid.mermaid(shown),
    "d2": lambda shown, _places: d2.d2(shown),
    "dot": lambda shown, places: dot.dot(draw(shown, places)),
    "drawio": lambda shown, places: drawio.drawio(draw(shown, places)),
}
_SUFFIXES = {".svg": "svg", ".mmd": "mermaid", ".d2": "d2", ".dot": "dot", ".gv": "dot", ".drawio": "drawio"}
_EXAMPLES = """\
  dumm graph -o lab.svg                   the running lab, with what its guests are doing
  dumm graph ring.yml -o ring.svg         a scenario file; no lab and no root is needed
  dumm graph ring.yml                     the same in Mermaid, for a README on GitHub
  dumm graph ring.yml --format dot | dot -Tpdf >ring.pdf
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Draw what the words name."""
    wanted = _parser(workdir).parse_args(words)
    shape = _format(wanted)
    shown, places = _running(wanted.workdir) if wanted.file is None else _described(wanted.file)
    if wanted.places is not None:
        places = _places(Path(wanted.places))
    text = _WRITERS[shape](shown, places)
    if wanted.output in (None, _STANDARD):
        sys.stdout.buffer.write(text.encode(errors="replace"))
        return 0
    try:
        Path(wanted.output).write_text(text, encoding="utf-8", errors="replace")
    except OSError as exc:
        raise from_oserror("graph", "write", exc) from None
    return 0


def picture(workdir: str, shape: str) -> str:
    """A picture of the running lab.

    :param shape: one of those of ``--format``.
    """
    return _WRITERS[shape](*_running(workdir))


def _parser(workdir: str) -> Parser:
    parser = Parser("dumm graph", "Draw the running lab, or what a scenario file describes.", _EXAMPLES, workdir)
    parser.add_argument("file", metavar="FILE", nargs="?", help="a scenario file; - for standard input")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write the picture (default: standard output)")
    parser.add_argument(
        "-f",
        "--format",
        choices=list(_WRITERS),
        help=f"{', '.join(_WRITERS)} (default: what the name of the output says, or mermaid)",
    )
    parser.add_argument(
        "--places",
        metavar="FILE",
        help=f"positions of guests and segments (default: {_PLACES} beside the scenario's file)",
    )
    return parser


def _format(wanted: Namespace) -> str:
    if wanted.format is not None:
        return str(wanted.format)
    if wanted.output in (None, _STANDARD):
        return "mermaid"
    suffix = os.path.splitext(wanted.output)[1].lower()
    if suffix not in _SUFFIXES:
        raise WrongUsage(
            "dumm graph",
            f"{wanted.output!r} does not say which format",
            f"end it with {', '.join(_SUFFIXES)}, or use --format",
        )
    return _SUFFIXES[suffix]


def _running(path: str) -> tuple[Scene, Places]:
    workdir = Workdir.at(path)
    if not workdir.path.is_dir():
        raise InvalidInput(workdir.label, "there is none", "name another with --workdir, or name a scenario file")
    found = describe.found_lab(observe(workdir))
    owned = [*(each.scenario for each in found.guests.values()), *(each.scenario for each in found.bridges.values())]
    saved: dict[str, Point] = {}
    for name in sorted({name for name in owned if name is not None}):
        saved |= _if_there(workdir.scenario(name).parent / _PLACES)
    return scene(found, found.name, states=True), saved


def _described(path: str) -> tuple[Scene, Places]:
    try:
        raw = sys.stdin.buffer.read() if path == _STANDARD else files.read(Path(path))
    except OSError as exc:
        raise from_oserror("graph", "read", exc) from None
    name = "standard input" if path == _STANDARD else path
    found = loader.load(document.decoded(raw, name), name="graph", place=name)
    title = Path(path).stem if path != _STANDARD else "lab"
    places = {} if path == _STANDARD else _if_there(Path(path).parent / _PLACES)
    return scene(Lab(title, title, found.guests, found.bridges), title, states=False), places


def _if_there(path: Path) -> Places:
    return _places(path) if path.exists() else {}


def _places(path: Path) -> Places:
    """Positions that a map has saved: by ``guest NAME`` and ``bridge NAME`` ``x`` and ``y`` in pixels.

    :raises InvalidInput: where the file is anything else.
    """
    try:
        told = json.loads(files.read(path))
        found = {str(key): (float(each["x"]), float(each["y"])) for key, each in told.items()}
    except OSError as exc:
        raise from_oserror("graph", "read", exc) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        found = {"": (math.nan, 0.0)}
    if not all(abs(number) < 1e6 for place in found.values() for number in place):
        raise InvalidInput(
            str(path), "it has no positions of a map", 'write {"guest NAME": {"x": 10, "y": 20}}, or remove it'
        )
    return found

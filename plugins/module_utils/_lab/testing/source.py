# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where tests come from, and the scenario whose lab they are run in: files that are given, or what the working directory has.

A file is a scenario's, which may have tests, or a file of tests.  The scenario is what the lab is brought back to before each test: the one
that is given, the one that is named, or the only one that the guests of the lab belong to.  A lab may have none, if modules made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..host import files
from ..host.workdir import Workdir
from ..model import options
from ..model.errors import InvalidInput, from_oserror, listed
from ..model.tests import Test
from ..scenario import document, loader, tests
from ..scenario.document import Node, Scalar
from ..scenario.document import Sequence as List
from ..scenario.loader import Scenario
from .selection import Case

# What is said of the lab when its tests are run.
_SHARED = ("netns", "lock_timeout", "wait_timeout")
_ENDINGS = (".yml", ".yaml")


@dataclass(frozen=True)
class Text:
    """A file's text.

    :ivar place: what messages call it.
    """

    place: str
    content: str


@dataclass(frozen=True)
class Described:
    """A scenario and its text."""

    scenario: Scenario
    text: Text

    def params(self, workdir: str, given: Mapping[str, Any], case: Case | None = None) -> dict[str, Any]:
        """All arguments of ``dumm_scenario`` that describe the lab.

        :param given: of them, those of who runs the tests.
        :param case: whose kernel and master all guests have, if it has any.
        """
        shared = {key: given[key] for key in _SHARED if given.get(key) is not None}
        own = {**shared, "workdir": workdir, "name": self.scenario.name}
        if case is None or not case.variant:
            return options.completed(options.SCENARIO, **own, src=self.text.place, content=self.text.content)
        wanted = {key: value for key, value in (("kernel", case.kernel), ("master", case.master)) if value is not None}
        config = with_defaults(document.read(self.text.content, self.text.place).root, wanted)
        return options.completed(options.SCENARIO, **own, config=config, restart=True)


@dataclass(frozen=True)
class Source:
    """Tests, and what their lab is.

    :ivar lab: its scenario; ``None`` where modules made it.
    :ivar tests: in the order of the files.
    :ivar warnings: what who runs them should know.
    """

    lab: Described | None
    tests: tuple[Test, ...]
    warnings: tuple[str, ...] = ()


def read(paths: Sequence[str]) -> list[Text]:
    """The texts of files, and of all files of YAML below directories; each once.

    :raises InvalidInput: where there is none.
    :raises HostError: where one cannot be read.
    """
    found: dict[Path, Path] = {}
    for given in paths:
        for path in files_of(Path(given)):
            found.setdefault(path.resolve(), path)
    return [_text(path) for path in found.values()]


def files_of(path: Path) -> list[Path]:
    """A file, with the files of tests that stand beside it if it is a scenario's; or all files of YAML below a directory, in order.

    :raises InvalidInput: where there is none in it.
    """
    if not path.is_dir():
        return [path, *_beside(path)]
    found = sorted(
        each for each in path.rglob("*") if each.suffix in _ENDINGS and each.is_file() and not _is_hidden(each, path)
    )
    if not found:
        raise InvalidInput(f"tests {path}", "there is no file *.yml in it", "write tests there, or give another path")
    return found


def _beside(path: Path) -> list[Path]:
    """The files of tests in ``tests`` beside a scenario's file; what else is there may belong to somebody else."""
    directory = path.parent / "tests"
    if not directory.is_dir() or not tests.is_scenario(_peeked(path), str(path)):
        return []
    found = sorted(each for each in directory.iterdir() if each.suffix in _ENDINGS and each.is_file())
    return [each for each in found if tests.is_of_tests(_peeked(each))]


def _peeked(path: Path) -> str:
    """What a file says, if it can be read; whoever needs it finds out."""
    try:
        return files.read_at_most(path, document.MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return ""


def _is_hidden(path: Path, top: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(top).parts)


def _text(path: Path) -> Text:
    try:
        raw = files.read_at_most(path, document.MAX_BYTES + 1)
    except FileNotFoundError:
        raise InvalidInput(f"tests {path}", "there is no such file", "give another path") from None
    except OSError as exc:
        raise from_oserror(f"tests {path}", "read", exc) from exc
    return Text(str(path), document.decoded(raw, str(path)))


def understood(workdir: Workdir, texts: Sequence[Text], name: str | None) -> Source:
    """Tests of texts, or else of the working directory's scenario.

    :param name: of the scenario; ``None`` for the file's, or for that of the lab.
    :raises InvalidInput: with all that is wrong; where there is more than one scenario, and where there is no test to be had.
    """
    given = [text for text in texts if tests.is_scenario(text.content, text.place)]
    if len(given) > 1:
        told = listed(text.place for text in given)
        raise InvalidInput("tests", f"there are {len(given)} scenarios: {told}", "give one of them")
    warnings: tuple[str, ...] = ()
    if given:
        called = name or tests.group_of(given[0].place)
        lab: Described | None = Described(loader.load(given[0].content, name=called, place=given[0].place), given[0])
    else:
        lab, warnings = _of_lab(workdir, name, must=name is not None or not texts)
    others = [text for text in texts if text not in given]
    if lab is not None and not texts:
        others = [_text(path) for path in _beside(Path(lab.text.place))]
    found: list[Test] = [] if lab is None or (texts and not given) else [*lab.scenario.tests]
    guests = workdir.load().guests if lab is None else lab.scenario.guests
    for text in others:
        found += tests.load(text.content, group=tests.group_of(text.place), place=text.place, guests=guests)
    _check_names(found)
    return Source(lab, tuple(found), warnings)


def _of_lab(workdir: Workdir, name: str | None, *, must: bool) -> tuple[Described | None, tuple[str, ...]]:
    """The scenario of the working directory that is named, or that the guests of the lab belong to.

    :param must: whether there has to be one.
    """
    called = name or _loaded(workdir)
    if called is None:
        if must:
            raise InvalidInput(workdir.label, "its lab belongs to no scenario", "give a file of tests, or a scenario's")
        return None, ()
    try:
        return stored(workdir, called), ()
    except InvalidInput:
        if must or workdir.scenario(called).exists():
            raise
        cause = f"scenario {called}: its file is not given, so that only what steps change is taken back after a test"
        return None, (f"{cause}; give it beside the tests",)


def stored(workdir: Workdir, name: str) -> Described:
    """A scenario that the working directory has.

    :raises InvalidInput: where there is none, and with all that is wrong in it.
    """
    path = workdir.scenario(name)
    try:
        text = Text(str(path), document.decoded(files.read_at_most(path, document.MAX_BYTES + 1), str(path)))
    except OSError as exc:
        cause = f"cannot read {path}: {exc.strerror}"
        raise InvalidInput(f"scenario {name}", cause, "write it there, or give the scenario's file (src)") from None
    return Described(loader.load(text.content, name=name, place=text.place), text)


def _loaded(workdir: Workdir) -> str | None:
    """The scenario that the guests of the lab belong to, if they belong to any."""
    names = sorted({guest.scenario for guest in workdir.load().guests.values() if guest.scenario})
    if len(names) > 1:
        raise InvalidInput(workdir.label, f"its guests belong to {listed(names)}", "name one of them (scenario)")
    return names[0] if names else None


def _check_names(found: Iterable[Test]) -> None:
    places: dict[tuple[str, str], str] = {}
    for test in found:
        before = places.setdefault((test.group, test.name), test.place)
        if before is not test.place:
            cause = f"there are two in group {test.group}, at {before} and {test.place}"
            raise InvalidInput(f"test {test.name}", cause, "rename one of them, or one of the files")


def with_defaults(root: Node | None, wanted: Mapping[str, str]) -> dict[str, Any]:
    """A scenario as data, in which all guests have settings that are said for none of them; its tests are left out."""
    data = plain_data(root)
    if not isinstance(data, dict):
        return {}
    told = {key: value for key, value in data.items() if key != "tests"}
    for section in ("groups", "guests"):
        if isinstance(data.get(section), dict):
            told[section] = {name: _without(own, wanted) for name, own in data[section].items()}
    return {**told, "defaults": {**(data.get("defaults") or {}), **wanted}}


def _without(own: Any, wanted: Mapping[str, str]) -> Any:
    return {key: value for key, value in own.items() if key not in wanted} if isinstance(own, dict) else own


def plain_data(node: Node | None) -> Any:
    """What a document says, without its places."""
    if node is None or isinstance(node, Scalar):
        return None if node is None else node.value
    if isinstance(node, List):
        return [plain_data(item) for item in node.items]
    return {key: plain_data(item) for key, item in node.entries.items()}

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``tests`` of a scenario's file, or of a file of tests → the model's tests.  Pure.

What is written is checked as the rest of a file is, all faults at once.  Besides, a check that could not fail is a fault: whoever reads
"passed" must be able to rely on it.  Steps with templates are read again when the test starts, from the same tree of values
(:func:`rendered`), so that the same rules hold for what the templates make.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from ..model import checking
from ..model import tests as model
from ..model.errors import Invalid, InvalidInput
from ..model.lab import Guest, Power
from ..model.tests import Bound, Clean, Expected, Step, Test
from . import queries, schema, spec_tests
from .document import Document, KeyPath, Node, Place, Scalar, Sequence, Table, TooManyFaults, read
from .schema import Variant, right
from .spec import SCENARIO, STEP, TESTS

Values = Mapping[str, Any]
Guests = Mapping[str, Guest]

# Seconds in which a check must come to hold, if nothing is said of that.
PATIENCE = 10.0
# What a preparing command may take, which is run once.
COMMAND_SECONDS = 60.0
PHASES = ("before", "steps", "after", "leftover")
_ACTS = ("before", "after")  # phases in which a command may be there for what it does
_PLAIN = ("description", "layer", "retry", "skip", "capture")  # what a test has as it is written
_TESTS_KEY = re.compile(r"^tests\s*:", re.MULTILINE)
_LONGEST_TEXT = 300  # letters of a step as a line
# What YAML 1.1, and JSON after it, make of the key ``on`` in Ansible variables.
_ON = (str(True), "true")
# What templates make is no template.
_MADE = dataclasses.replace(STEP, later=lambda _node: False)


@dataclass(frozen=True)
class Template:
    """A text of a step that is a template.

    :ivar path: where it is in its file.
    :ivar place: the same for messages.
    :ivar guest: the one guest that its step is about, if it is about one.
    """

    path: KeyPath
    text: str
    place: str
    guest: str | None


@dataclass(frozen=True)
class Written:
    """Steps as they are written.

    :ivar source: what the file is called.
    :ivar places: where what is written.
    :ivar phases: the nodes of the lists of steps, by phase.
    """

    source: str
    places: Mapping[KeyPath, Place]
    phases: Mapping[str, Node]


def load(source: str | Mapping[str, Any], *, group: str, place: str, guests: Guests | None = None) -> tuple[Test, ...]:
    """Understand a file of tests.

    :param source: text of a file, or its content as Ansible variables.
    :param group: what reports call the file's tests together.
    :param place: how messages call the source, such as the file's path.
    :param guests: those of the lab; without them names of guests are not checked.
    :raises Invalid: with everything that is wrong.
    """
    document = read(source, place)
    found: tuple[Test, ...] = ()
    with contextlib.suppress(TooManyFaults):
        if document.root is None and not document.faults:
            document.blame((), "there is nothing in it", "describe tests")
        data = schema.check(TESTS, document)
        if data is not schema.WRONG:
            found = understood(document, data["tests"], group, guests)
    if document.faults:
        raise Invalid(document.sorted_faults(), all_known=not document.gave_up)
    return found


def is_scenario(source: str, place: str) -> bool:
    """Whether a file is a scenario's, by its keys; one that cannot be understood, or has nothing in it, is a file of tests."""
    root = read(source, place).root
    return isinstance(root, Table) and bool((root.entries.keys() & SCENARIO.fields.keys()) - TESTS.fields.keys())


def is_of_tests(source: str) -> bool:
    """Whether a text is meant to be a file of tests, right or not."""
    return _TESTS_KEY.search(source) is not None


def group_of(path: str) -> str:
    """What reports call the tests of a file, and its scenario is called: ``vpn`` for ``vpn.yml``, and for ``vpn.dumm.yml``."""
    name = PurePath(path).name
    return name.partition(".")[0] or name


def understood(document: Document, data: Mapping[str, Values], group: str, guests: Guests | None) -> tuple[Test, ...]:
    """The tests of a document that has been checked; what is wrong with them is added to its faults.

    :param data: the values below ``tests``.
    """
    return tuple(_Reader(document, group, name, guests).test(values) for name, values in data.items())


def templates(test: Test) -> tuple[Template, ...]:
    """All templates of a test's steps."""
    if not isinstance(test.written, Written):
        return ()
    written = test.written
    return tuple(
        dataclasses.replace(found, place=str(written.places.get(found.path, found.place)))
        for node in written.phases.values()
        for step in _items(node)
        for found in _templates_of(step, _only_guest(step))
    )


def rendered(test: Test, texts: Mapping[KeyPath, str], guests: Guests) -> Test:
    """A test with what its templates make.

    :param texts: what each of :func:`templates` makes, by its path.
    :raises Invalid: with everything that is wrong then.
    """
    if not isinstance(test.written, Written):
        return test
    written = test.written
    document = Document(written.source, places=dict(written.places))
    phases: dict[str, tuple[Step, ...]] = {}
    with contextlib.suppress(TooManyFaults):
        reader = _Reader(document, test.group, test.name, guests)
        data = {
            phase: [schema.value_of(_MADE, _step(_replaced(item, texts)), document) for item in _items(node)]
            for phase, node in written.phases.items()
        }
        phases = reader.phases(data)
        document.blame_doubtful()
    if document.faults:
        raise Invalid(document.sorted_faults(), all_known=not document.gave_up)
    made: dict[str, Any] = {**phases, "written": None}
    return dataclasses.replace(test, **made)


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _templates_of(node: Node, guest: str | None) -> Iterator[Template]:
    if isinstance(node, Table):
        for item in node.entries.values():
            yield from _templates_of(item, guest)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _templates_of(item, guest)
    elif isinstance(node.value, str) and spec_tests.is_template(node):
        yield Template(node.place.path, node.value, str(node.place), guest)


def _only_guest(step: Node) -> str | None:
    """The guest that a command is for, whose variables its templates know, if it is for one."""
    on = (
        next((item for key, item in step.entries.items() if _key(key) == "on"), None)
        if isinstance(step, Table)
        else None
    )
    if isinstance(on, Sequence) and len(on.items) == 1:
        on = on.items[0]
    return on.value if isinstance(on, Scalar) and isinstance(on.value, str) else None


def _replaced(node: Node, texts: Mapping[KeyPath, str]) -> Node:
    if isinstance(node, Table):
        return dataclasses.replace(node, entries={key: _replaced(item, texts) for key, item in node.entries.items()})
    if isinstance(node, Sequence):
        return dataclasses.replace(node, items=tuple(_replaced(item, texts) for item in node.items))
    # A template may make text that has braces itself, which are not to be rendered again.
    return dataclasses.replace(node, value=texts[node.place.path]) if node.place.path in texts else node


def _step(node: Node) -> Node:
    """A step whose keys are as a file has them."""
    if not isinstance(node, Table):
        return node
    return dataclasses.replace(node, entries={_key(key): item for key, item in node.entries.items()})


def line_of(node: Node) -> str:
    """A step as one line, such as ``ping: alice -> bob, count: 3``."""
    text = _inline(node)
    text = text[1:-1] if isinstance(node, Table) else text
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 2]} …"


def _key(key: str) -> str:
    return "on" if key in _ON else key


def _inline(node: Node) -> str:
    if isinstance(node, Table):
        return "{" + ", ".join(f"{_key(key)}: {_inline(item)}" for key, item in node.entries.items()) + "}"
    if isinstance(node, Sequence):
        return f"[{', '.join(map(_inline, node.items))}]"
    value = node.written if node.written is not None else node.value
    return " ".join(str(value).split())


class _Reader:
    """Reads one test.

    :param guests: those of the lab; ``None`` where they are not known.
    """

    def __init__(self, document: Document, group: str, name: str, guests: Guests | None) -> None:
        self.document = document
        self.group = group
        self.name = name
        self.guests = guests
        self.new: set[str] = set()

    @property
    def path(self) -> KeyPath:
        return ("tests", self.name)

    def test(self, values: Values) -> Test:
        """The test of what its file has."""
        nodes = self._nodes()
        written = None
        if any(map(spec_tests.is_template, nodes.values())):
            written = Written(self.document.source, self.document.places, nodes)
        phases = self.phases(values)
        self._check_capture(values.get("capture", {}))
        made: dict[str, Any] = {key: values[key] for key in _PLAIN if key in values}
        return Test(
            self.name,
            self.group,
            **{**made, **phases},
            clean=Clean(values.get("clean", Clean.NETWORK.value)),
            kernels=tuple(_listed(values.get("kernels", []))),
            masters=tuple(_listed(values.get("masters", []))),
            points=float(values.get("points", 1)),
            tags=tuple(_listed(values.get("tags", []))),
            place=str(self.document.place(self.path)),
            written=written,
        )

    def _nodes(self) -> dict[str, Node]:
        """The lists of steps as they are written."""
        node: Node | None = self.document.root
        for key in self.path:
            node = node.entries.get(str(key)) if isinstance(node, Table) else None
        return (
            {phase: node.entries[phase] for phase in PHASES if phase in node.entries} if isinstance(node, Table) else {}
        )

    def phases(self, values: Values) -> dict[str, tuple[Step, ...]]:
        """The steps of a test, by phase."""
        self._note_new(values)
        found = {
            phase: tuple(
                step for _index, variant in right(values.get(phase, [])) for step in self._steps(variant, phase)
            )
            for phase in PHASES
        }
        where = (*self.path, "steps")
        if not self.document.blames(where) and all(_is_change(step.action) for step in found["steps"]):
            kinds = ", ".join(spec_tests.CHECKS)
            self.document.blame(where, "it checks nothing, so it cannot fail", f"add a check ({kinds})")
        return found

    def _note_new(self, values: Values) -> None:
        """Interfaces that steps of the test make are known as those of the lab are."""
        for phase in PHASES:
            for _index, variant in right(values.get(phase, [])):
                if variant.key == "interface" and variant.values is not None:
                    self.new.add(variant.values["interface"])

    def _check_capture(self, capture: Mapping[str, str]) -> None:
        for label in capture:
            self._check_interface((*self.path, "capture", label), label)

    # Steps

    def _steps(self, variant: Variant, phase: str) -> Iterator[Step]:
        """A step, and before it the stage that it begins."""
        where, text = variant.node.place, line_of(variant.node)
        stage = None if variant.values is None else variant.values.get("stage")
        if stage is not None:
            yield Step(model.Stage(stage), f"stage: {stage}", 0, once=True, place=str(where))
        if variant.values is None:
            yield Step(model.Pending(variant.key), text, PATIENCE, place=str(where))
        elif variant.key != "stage":
            made = _MAKERS[variant.key](self, variant.values, where, phase)
            if made is not None:
                yield self._timed(made, variant, text, phase)

    def _timed(self, action: model.Action, variant: Variant, text: str, phase: str) -> Step:
        """A step, with how long it is tried."""
        values: Values = variant.values or {}
        within, holds = values.get("within"), values.get("for")
        place = str(variant.node.place)
        if _is_change(action):
            return Step(action, text, within=0.0, once=True, place=place)
        if phase in _ACTS and isinstance(action, model.Run) and within is None and holds is None:
            # Not tried again: it is there for what it does.
            bare = not (values.keys() & _EXPECTATIONS)
            return Step(action, text, COMMAND_SECONDS if bare else PATIENCE, once=bare, place=place)
        if within is None:
            # What goes on to hold holds from now on.
            within = PATIENCE if holds is None else 0.0
        return Step(action, text, within, holds, place=place)

    def _blame(self, where: Place, key: str | None, cause: str, remedy: str) -> None:
        path = where.path if key is None else (*where.path, key)
        self.document.blame(path, cause, remedy)

    # References

    def _check_guests(self, where: Place, key: str, names: SequenceOf[str]) -> None:
        for name in names:
            self._check_end((*where.path, key), name)

    def _check_end(self, path: KeyPath, end: str) -> None:
        """A guest, an interface, or an address."""
        if self.guests is None or checking.is_address(end):
            return
        if ":" in end:
            self._check_interface(path, end)
        elif end not in self.guests:
            self.document.blame_unknown(path, f"there is no guest {end}", end, self.guests)

    def _check_interface(self, path: KeyPath, label: str) -> None:
        guest, _colon, name = label.partition(":")
        if self.guests is None or label in self.new:
            return
        if guest not in self.guests:
            self.document.blame_unknown(path, f"there is no guest {guest}", guest, self.guests)
        elif name not in self.guests[guest].interfaces:
            known = [iface.label for iface in self.guests[guest].interfaces.values()]
            self.document.blame_unknown(
                path, f"guest {guest} has no interface {name}", label, known, none="it has none at all"
            )

    # Kinds of steps

    def _run(self, values: Values, where: Place, phase: str) -> model.Action | None:
        on = tuple(dict.fromkeys(_listed(values["on"])))
        self._check_guests(where, "on", on)
        if not on:
            self._blame(where, "on", "there is no guest in it", "name one")
        given = values.keys() & _EXPECTATIONS
        bare = not given
        if bare and phase not in _ACTS:
            if self.document.blames(where.path):
                return None
            known = ", ".join(_EXPECTATIONS)
            self._blame(where, None, "nothing is expected of the command, so this cannot fail", f"give one of {known}")
            return None
        acts = bare and phase in _ACTS
        if checking.is_forgiving(values["run"]) and not acts:
            cause = "the command succeeds whatever happens in it"
            self._blame(where, "run", cause, "leave its last part out, and say what is expected (code: 1)")
        expected = self._expected(values, where)
        return None if expected is None else model.Run(on, values["run"], expected)

    def _expected(self, values: Values, where: Place) -> Expected | None:
        match, no_match = (tuple(_listed(values.get(key, []))) for key in ("match", "no_match"))
        for key, given in (("match", match), ("no_match", no_match)):
            if key in values and not given and not self.document.blames((*where.path, key)):
                self._blame(where, key, "there is no pattern in it", "give one, or leave it out")
        if ("json" in values) != ("is" in values):
            missing = "is" if "json" in values else "json"
            self._blame(where, None, f"{'json' if missing == 'is' else 'is'} without {missing}", f"give {missing}, too")
            return None
        if "json" in values:
            try:
                queries.check(values["json"])
            except InvalidInput as exc:
                self._blame(where, "json", exc.cause, exc.remedy)
        if values.get("empty") and (match or "json" in values):
            self._blame(where, "empty", "an empty output has nothing in it", "leave empty out, or the rest")
        count = None if "count" not in values else self._bound(values, where)
        code = values.get("code")
        if not (values.keys() & _EXPECTATIONS):
            code = 0
        return Expected(match, no_match, count, values.get("empty"), values.get("json"), values.get("is"), code)

    def _bound(self, values: Values, where: Place) -> Bound | None:
        given = values["count"]
        return given if isinstance(given, Bound) else Bound("==", float(given))

    def _ping(self, values: Values, where: Place, _phase: str) -> model.Action | None:
        source, target = values["ping"]
        self._check_ends(where, "ping", source, target)
        loss, fails = float(values.get("loss", 0)), values.get("fails", False)
        if loss >= 100:
            cause = "all may be lost, so this cannot fail"
            self._blame(where, "loss", cause, "give less, or fails: true if none may be answered")
        if fails and "loss" in values:
            self._blame(where, "fails", "fails is for no answer at all, and loss is given", "leave one of them out")
        family = self._family(values.get("family"), (*where.path, "family"))
        if family is not None and checking.is_address(target) and checking.version(target) != family:
            self._blame(where, "family", f"{target} is no IPv{family} address", "leave family out")
        return model.Ping(source, target, values.get("count", 1), loss, values.get("size"), family, fails)

    def _family(self, family: int | None, path: KeyPath) -> int | None:
        if family not in (None, 4, 6):
            self.document.blame(path, f"there is no IP version {family}", "give 4 or 6")
        return family

    def _check_ends(self, where: Place, key: str, source: str, target: str) -> None:
        path = (*where.path, key)
        self._check_end(path, source)
        self._check_end(path, target)
        if checking.guest_of(source) == checking.guest_of(target):
            self.document.blame(path, f"{source} and {target} are the same guest", "name two")

    def _http(self, values: Values, where: Place, _phase: str) -> model.Action:
        source, url = values["http"]
        self._check_end((*where.path, "http"), source)
        match = tuple(_listed(values.get("match", [])))
        fails = values.get("fails", False)
        if fails and (match or "status" in values):
            self._blame(where, "fails", "no answer has a status or a body", "leave fails out, or the rest")
        host = checking.host_of(url)
        if fails and self.guests is not None and not checking.is_address(host) and host not in self.guests:
            cause = f"{host} is neither a guest nor an address, so that its name alone makes this fail"
            self.document.blame_unknown((*where.path, "http"), cause, host, self.guests)
        return model.Http(source, url, values.get("status"), match, fails)

    def _port(self, values: Values, where: Place, _phase: str) -> model.Action:
        source, target, port = values["port"]
        self._check_ends(where, "port", source, target)
        return model.Port(source, target, port, values.get("fails", False))

    def _saw(self, values: Values, where: Place, _phase: str) -> model.Action | None:
        label = values["saw"]
        self._check_interface((*where.path, "saw"), label)
        count = self._bound(values, where) if "count" in values else Bound(">=", 1.0)
        in_stage = values.get("since") == "stage"
        return None if count is None else model.Saw(label, values.get("filter", ""), count, in_stage)

    def _reach(self, values: Values, where: Place, _phase: str) -> model.Action:
        given = values["reach"]
        names = () if given == "all" else tuple(dict.fromkeys(_listed(given)))
        self._check_guests(where, "reach", names)
        known = names if given != "all" else self.guests
        if known is not None and len(known) < 2 and not self.document.blames((*where.path, "reach")):
            few = "there are fewer than two guests, so this cannot fail"
            self._blame(where, "reach", few, "name two or more")
        families = tuple(dict.fromkeys(_listed(values.get("families", [4]))))
        for family in families:
            self._family(family, (*where.path, "families"))
        if not families:
            self._blame(where, "families", "there is none in it", "give [4], [6] or [4, 6]")
        return model.Reach(names, families, values.get("fails", False))

    def _throughput(self, values: Values, where: Place, _phase: str) -> model.Action:
        own = values["throughput"]
        inner = Place(where.source, (*where.path, "throughput"), where.line, where.column)
        for key in ("from", "to"):
            self._check_end((*inner.path, key), own[key])
        if checking.guest_of(own["from"]) == checking.guest_of(own["to"]):
            self._blame(inner, "to", "both ends are the same guest", "name two")
        if own["at_least"] <= 0:
            self._blame(inner, "at_least", "nothing is slower, so this cannot fail", "give more")
        return model.Throughput(own["from"], own["to"], float(own["at_least"]), float(own.get("seconds", 2)))

    def _link(self, values: Values, where: Place, _phase: str) -> model.Action | None:
        self._check_interface((*where.path, "link"), values["link"])
        settings = {key: value for key, value in values.items() if key not in ("link", "state", "stage")}
        if "state" in values:
            settings["up"] = values["state"] == "up"
        return self._changing(model.Link(values["link"], settings), where, settings)

    def _interface(self, values: Values, where: Place, _phase: str) -> model.Action | None:
        label = values["interface"]
        self._check_end((*where.path, "interface"), checking.guest_of(label))
        settings = {key: value for key, value in values.items() if key not in ("interface", "stage")}
        if settings.get("state") == "absent" and len(settings) > 1:
            self._blame(where, "state", "an interface that goes has no settings", "leave the others out")
        return self._changing(model.Interface(label, settings), where, settings)

    def _changing(self, action: model.Action, where: Place, settings: Values) -> model.Action | None:
        if not settings and not self.document.blames(where.path):
            self._blame(where, None, "nothing changes", "say what, such as state: down")
            return None
        if settings.get("reorder") and not settings.get("delay"):
            self._blame(where, "reorder", "reorder without delay", "give a delay too")
        return action

    def _power(self, key: str, values: Values, where: Place) -> model.Action:
        names = tuple(dict.fromkeys(_listed(values[key])))
        self._check_guests(where, key, names)
        if not names and not self.document.blames((*where.path, key)):
            self._blame(where, key, "there is no guest in it", "name one")
        power = {"pause": Power.PAUSED, "stop": Power.STOPPED}.get(key, Power.RUNNING)
        return model.SetPower(names, power, again=key == "restart")


_EXPECTATIONS = dict.fromkeys(("match", "no_match", "count", "empty", "json", "is", "code")).keys()
_Maker = Callable[[_Reader, Values, Place, str], "model.Action | None"]


def _powers(key: str) -> _Maker:
    return lambda reader, values, where, _phase: reader._power(key, values, where)  # pylint: disable=protected-access


_MAKERS: Mapping[str, _Maker] = {
    "run": _Reader._run,
    "ping": _Reader._ping,
    "http": _Reader._http,
    "port": _Reader._port,
    "saw": _Reader._saw,
    "reach": _Reader._reach,
    "throughput": _Reader._throughput,
    "link": _Reader._link,
    "interface": _Reader._interface,
    "layer": lambda _reader, values, _where, _phase: model.LoadLayer(values["layer"]),
    "wait": lambda _reader, values, _where, _phase: model.Wait(float(values["wait"])),
    **{key: _powers(key) for key in ("pause", "resume", "restart", "start", "stop")},
}
_CHANGES = (model.Link, model.Interface, model.SetPower, model.LoadLayer, model.Stage, model.Wait)


def _is_change(action: model.Action) -> bool:
    """Whether an action changes something, or lets time pass, and checks nothing."""
    return isinstance(action, _CHANGES) or (isinstance(action, model.Pending) and action.kind not in spec_tests.CHECKS)


def _listed(value: Any) -> list[Any]:
    """One thing or a list of them, as a list of what is right."""
    return [item for _index, item in right(value)] if isinstance(value, list) else [value]

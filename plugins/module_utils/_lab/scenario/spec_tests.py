# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``tests`` of a scenario's file, and a file of tests, may say, as a spec.  docs/reference/tests.md explains it.  Pure.

A step is told by the key that says what it does; what the keys of one must be to each other ``tests`` checks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ..model import checking, notation
from ..model.lab import MAX_IFNAME
from ..model.tests import Clean
from .document import Node, Scalar, Sequence, Table
from .schema import Anything, Boolean, Either, Integer, ListOf, MappingOf, Number, Spec, Struct, Text, Variants

MAX_RETRY = 100
MAX_PINGS = 10_000
_MAX_SIZE = 65_507  # bytes of data that an IPv4 packet has room for behind both headers
_MARKS = ("{{", "{%")
_INTERFACE_PATTERN = rf"^\s*[^\s:]+:[A-Za-z0-9][A-Za-z0-9_.@-]{{0,{MAX_IFNAME - 1}}}\s*$"
_TIME_PATTERN = r"^\s*[0-9.]+ ?[a-zA-Z]+\s*$"


def is_template(node: Node) -> bool:
    """Whether any text in a value is a template."""
    if isinstance(node, Table):
        return any(map(is_template, node.entries.values()))
    if isinstance(node, Sequence):
        return any(map(is_template, node.items))
    return isinstance(node, Scalar) and isinstance(node.value, str) and any(mark in node.value for mark in _MARKS)


def _time(description: str, minimum: float) -> Spec:
    """Seconds.

    :param minimum: 0 where none at all is right.
    """
    parse = checking.duration if minimum else checking.seconds
    text = Text(parse=parse, means="text such as 10s or 500ms", pattern=_TIME_PATTERN)
    number = Number(minimum=minimum, maximum=notation.MAX_WITHIN)
    return Either(description=f"{description}, in seconds or with a unit.", specs=(number, text))


def _some(item: Text, description: str) -> Spec:
    return Either(description=description, specs=(item, ListOf(item=item)))


def _told(spec: Spec, description: str) -> Spec:
    return dataclasses.replace(spec, description=description)


_GUEST = Text(parse=checking.guest, means="the name of a guest")
_GUESTS = _some(_GUEST, "A guest, or a list of guests.")
_INTERFACE = Text(
    description="An interface of a guest.",
    parse=checking.label,
    means="text such as alice:eth0",
    pattern=_INTERFACE_PATTERN,
)
_PATTERN = Text(parse=checking.pattern, means="a regular expression")
_MATCH = _some(
    _PATTERN, "A regular expression that must be found, or a list of them (Python's re, ^ and $ at each line)."
)
_COUNT = Either(
    description='How many: a number, or text such as ">=1"; of lines, those that match.',
    specs=(
        Integer(minimum=0),
        Text(parse=checking.bound, means='text such as ">=1"', pattern=r"^\s*(==|!=|<=|>=|<|>|=)?\s*[0-9]+\s*$"),
    ),
)
_FAILS = Boolean(description="Whether it must fail: with true, none may be answered.")
_FAMILY = Integer(description="IP version; without it, IPv4 if the target has such an address.", minimum=4, maximum=6)

_STAGE = Text(description="From here on the steps belong together under this name.", parse=checking.name)
_WITHIN = _time("How long it may take until it holds; it is tried again until then", 0)
_FOR = _time("How long it must go on to hold", 0.001)
_CHECK: Mapping[str, Spec] = {"within": _WITHIN, "for": _FOR, "stage": _STAGE}
_CHANGE: Mapping[str, Spec] = {"stage": _STAGE}


def _step(name: str, description: str, fields: Mapping[str, Spec], *, needs: tuple[str, ...] = ()) -> Struct:
    """A kind of step.

    :param name: the key that says that a step is of this kind.
    """
    return Struct(name=f"step {name}", description=description, fields=fields, required=(name, *needs), boolean="on")


_RUN = _step(
    "run",
    "A command in a guest, and what it must print.",
    {
        "run": Text(description="A command for the guest's shell.", parse=notation.command),
        "on": _some(_GUEST, "The guest that runs it, or a list of guests, which run it at the same time."),
        "match": _MATCH,
        "no_match": _some(_PATTERN, "A regular expression that must not be found, or a list of them."),
        "count": _COUNT,
        "empty": Boolean(description="Whether it must print nothing (true), or something (false)."),
        "json": Text(description="A JMESPath expression over its output (jmespath.org); is says what it must yield."),
        "is": Anything(description="What json must yield."),
        "code": Integer(description="Its exit code.", minimum=0, maximum=255),
        **_CHECK,
    },
    needs=("on",),
)

_PING = _step(
    "ping",
    "Echo requests from a guest to a guest or an address.",
    {
        "ping": Text(
            description="From where to where: alice -> bob, alice:eth1 -> bob:eth0, alice -> 10.0.0.2.",
            parse=checking.arrow,
            means="text such as alice -> bob",
            pattern=r"^\s*\S+\s*->\s*\S+\s*$",
        ),
        "count": Integer(description="How many requests, 1 if not given.", minimum=1, maximum=MAX_PINGS),
        "loss": Number(description="How many may be lost, in percent, 0 if not given.", minimum=0, maximum=100),
        "size": Integer(description="Bytes of data in each.", minimum=0, maximum=_MAX_SIZE),
        "family": _FAMILY,
        "fails": _FAILS,
        **_CHECK,
    },
)

_HTTP = _step(
    "http",
    "An HTTP request from a guest.",
    {
        "http": Text(
            description="From where to which URL: alice -> http://bob/.",
            parse=checking.request,
            means="text such as alice -> http://bob/",
            pattern=r"^\s*\S+\s*->\s*https?://\S+\s*$",
        ),
        "status": Integer(description="Status of the answer; without it any below 400.", minimum=100, maximum=599),
        "match": _MATCH,
        "fails": Boolean(description="Whether there must be no answer."),
        **_CHECK,
    },
)

_PORT = _step(
    "port",
    "A TCP connection from a guest.",
    {
        "port": Text(
            description="From where to which port: alice -> bob:22.",
            parse=checking.connection,
            means="text such as alice -> bob:22",
            pattern=r"^\s*\S+\s*->\s*\S+:[0-9]+\s*$",
        ),
        "fails": Boolean(description="Whether it must be refused, or not be answered."),
        **_CHECK,
    },
)

_SAW = _step(
    "saw",
    "Packets that crossed an interface, captured on the host.",
    {
        "saw": _INTERFACE,
        "filter": Text(
            description="Which packets, in tcpdump's language (pcap-filter(7)) with names of guests; all if not given."
        ),
        "count": _COUNT,
        "since": Text(
            description="Which packets count: those since the test began (test), or since its stage did (stage); test if not given.",
            choices=("stage", "test"),
        ),
        **_CHECK,
    },
)

_REACH = _step(
    "reach",
    "Every guest pings every other.",
    {
        "reach": Either(description="all, or a list of guests.", specs=(Text(choices=("all",)), ListOf(item=_GUEST))),
        "families": ListOf(description="IP versions, [4] if not given.", item=Integer(minimum=4, maximum=6)),
        "fails": Boolean(description="Whether none may reach any other."),
        **_CHECK,
    },
)

_RATE = Either(
    description="Bits a second, or text such as 100mbit.",
    specs=(
        Integer(minimum=1),
        Text(parse=notation.rate, means="text such as 100mbit", pattern=r"^\s*[0-9.]+ ?[a-zA-Z]+\s*$"),
    ),
)

_THROUGHPUT = _step(
    "throughput",
    "How fast TCP is from a guest to another.",
    {
        "throughput": Struct(
            name="throughput",
            fields={
                "from": Text(description="The guest that sends.", parse=checking.source, means="the name of a guest"),
                "to": Text(description="The guest that receives.", parse=checking.source, means="the name of a guest"),
                "at_least": _RATE,
                "seconds": Number(description="How long it is measured, 2 if not given.", minimum=0.5, maximum=600),
            },
            required=("from", "to", "at_least"),
        ),
        **_CHECK,
    },
)


def _changes(interface: Mapping[str, Spec], conditions: Mapping[str, Spec]) -> Mapping[str, Struct]:
    """Steps that change the lab.

    :param interface: what an interface has in a scenario's file.
    :param conditions: those of what it sends.
    """
    state = Text(description="Whether it is up.", choices=("up", "down"))
    told = {name: interface[name] for name in ("bridge", "mac", "mtu", "address", "up")}
    guests = {
        "pause": "Guests that stand still from here on.",
        "resume": "Guests that go on.",
        "restart": "Guests that are restarted; the next step waits until they are ready.",
        "start": "Guests that are started; the next step waits until they are ready.",
        "stop": "Guests that are stopped.",
    }
    return {
        "link": _step(
            "link",
            "A cable that changes: both ends of a link, or an interface on a segment.",
            {"link": _INTERFACE, "state": state, "mtu": interface["mtu"], **conditions, **_CHANGE},
        ),
        "interface": _step(
            "interface",
            "One interface that comes, changes or goes.",
            {
                "interface": _INTERFACE,
                "state": Text(description="Whether it is there.", choices=("present", "absent")),
                **told,
                **conditions,
                **_CHANGE,
            },
        ),
        "layer": _step(
            "layer",
            "Files of a scenario's layer, loaded under the running guests.",
            {
                "layer": Text(
                    description="Name of a scenario in the working directory; its diff/ has a directory for each guest.",
                    parse=checking.layer,
                ),
                **_CHANGE,
            },
        ),
        **{key: _step(key, text, {key: _GUESTS, **_CHANGE}) for key, text in guests.items()},
        "wait": _step("wait", "A pause, for what cannot be asked for.", {"wait": _time("How long", 0.001), **_CHANGE}),
    }


_ALONE = _step("stage", "From here on the steps belong together.", {"stage": _STAGE})
CHECKS: Mapping[str, Struct] = {
    "run": _RUN,
    "ping": _PING,
    "http": _HTTP,
    "port": _PORT,
    "saw": _SAW,
    "reach": _REACH,
    "throughput": _THROUGHPUT,
}


def step(interface: Mapping[str, Spec], conditions: Mapping[str, Spec]) -> Variants:
    """A step."""
    variants = {**CHECKS, **_changes(interface, conditions)}
    return Variants(variants=variants, alone={"stage": _ALONE}, later=is_template)


def tests(one: Spec) -> Spec:
    """All tests, by name.

    :param one: a step.
    """
    steps = ListOf(item=one)
    names = ListOf(item=Text(parse=notation.reference))
    test = Struct(
        name="test",
        description="A test.",
        fields={
            "description": Text(description="What it shows, for the reader."),
            "layer": Text(
                description="Files that are loaded before it: name of a scenario in the working directory.",
                parse=checking.layer,
            ),
            "capture": MappingOf(
                description="Packets that are kept whatever comes of the test: a filter (pcap-filter(7)) by interface.",
                item=Text(),
                key=checking.label,
                key_pattern=_INTERFACE_PATTERN,
            ),
            "before": _told(
                steps, "Steps that make ready. If one fails, the test does, and its own steps are left out."
            ),
            "steps": _told(steps, "The test itself; it ends with the first step that fails."),
            "after": _told(steps, "Steps that are carried out at the end, whatever happened."),
            "leftover": _told(steps, "Checks that nothing is left over, after all else."),
            "clean": Text(
                description="What is as the scenario says when the test begins; network if not given.",
                choices=tuple(each.value for each in Clean),
            ),
            "kernels": _told(names, "It is run once with each of these kernels."),
            "masters": _told(names, "It is run once with each of these master root file systems."),
            "retry": Integer(
                description="How many more times it is run if it fails; then it is flaky.", minimum=0, maximum=MAX_RETRY
            ),
            "points": Number(description="What it is worth, 1 if not given.", minimum=0, maximum=1_000_000),
            "tags": _some(Text(parse=checking.name), "Words to choose tests by."),
            "skip": Text(description="Why it is not run.", parse=checking.reason),
        },
        required=("steps",),
    )
    return MappingOf(description="Tests, by name, in the order in which they are run.", item=test, key=checking.name)


def file(all_tests: Spec) -> Struct:
    """A file of tests."""
    return Struct(
        description="Tests of a lab of dumm.lab.",
        fields={"description": Text(description="What they are about, for the reader."), "tests": all_tests},
        required=("tests",),
    )

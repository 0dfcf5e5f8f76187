# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a scenario file may say, as a spec; docs/reference/scenario.md explains it and docs/scenario.schema.json is made from it.  Pure."""

from __future__ import annotations

import dataclasses
import functools

from ..model import notation, readiness_text, settings
from ..model.conditions import CONDITIONS, Condition, Rate, Share, Slot, Time
from ..model.kinds import Choice, Faults, Flag, Line, Whole
from ..model.lab import MAX_IFNAME, Readiness
from ..model.settings import Setting
from ..model.span import MAX_VNI
from . import spec_tests
from .schema import Anything, Boolean, Either, Integer, Json, ListOf, MappingOf, Number, Spec, Struct, Text, json_schema

_LABEL_PATTERN = "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
_IFNAME_PATTERN = f"^[A-Za-z0-9][A-Za-z0-9_.@-]{{0,{MAX_IFNAME - 1}}}$"
_END_PATTERN = r"^\s*[^\s:]+:[^\s:]+\s*$"
_CABLE_PATTERN = r"^\s*[^\s:]+:[^\s:]+\s+--\s+[^\s:]+:[^\s:]+\s*$"


def _one_or_more(item: Text, description: str = "") -> Spec:
    return Either(description=description, specs=(item, ListOf(item=item)))


def _quantity(bare: Spec, text: Text, description: str) -> Spec:
    return Either(description=description, specs=(bare, text))


def _time(condition: Condition) -> Spec:
    text = Text(
        parse=functools.partial(notation.milliseconds, most=condition.maximum),
        means="text such as 20ms, 1s or 500us",
        pattern=r"^\s*[0-9.]+ ?[a-zA-Z]+\s*$",
    )
    number = Number(minimum=0, maximum=condition.maximum)
    return _quantity(number, text, f"{condition.description}, in ms or with a unit.")


def _share(condition: Condition) -> Spec:
    text = Text(parse=notation.share, means="text such as 1%", pattern=r"^\s*[0-9.]+ ?%\s*$")
    return _quantity(Number(minimum=0, maximum=condition.maximum), text, f"{condition.description}, in percent.")


def _rate(condition: Condition) -> Spec:
    text = Text(parse=notation.rate, means="text such as 10mbit", pattern=r"^\s*[0-9.]+ ?[a-zA-Z]+\s*$")
    number = Integer(minimum=0, maximum=condition.maximum)
    return _quantity(number, text, f"{condition.description} in bits a second or with a unit of tc(8); 0 for none.")


def _slot(condition: Condition) -> Spec:
    text = Text(
        parse=functools.partial(notation.slot, most=condition.maximum),
        means="text such as 20ms, or 10ms 30ms",
        pattern=r"^\s*[0-9.]+[a-zA-Z]+(\s+[0-9.]+[a-zA-Z]+)?\s*$",
    )
    number = Number(minimum=0, maximum=condition.maximum)
    return _quantity(number, text, f"{condition.description}, in ms or with units.")


def _condition(condition: Condition) -> Spec:
    specs = {Time: _time, Share: _share, Rate: _rate, Slot: _slot}
    return next(spec for kind, spec in specs.items() if isinstance(condition, kind))(condition)


_ADDRESS = Text(
    parse=notation.address,
    means="an address with prefix length such as 10.0.0.1/24",
    pattern="^(auto|[0-9A-Fa-f.:]+/[0-9]+)$",
)
_LEG = Text(
    parse=notation.leg,
    means="an address with prefix length such as 10.0.0.254/24",
    pattern="^[0-9A-Fa-f.:]+/[0-9]+$",
)
_PREFIX = Text(
    parse=notation.segment_prefix, means="a prefix such as 10.0.0.0/24 or fd00::/64", pattern="^[0-9A-Fa-f.:]+/[0-9]+$"
)
_PREFIXES = _one_or_more(
    _PREFIX, "One IPv4 prefix, one IPv6 prefix, or both; interfaces without an address get one of each, by position."
)
_CONDITIONS: dict[str, Spec] = {name: _condition(each) for name, each in CONDITIONS.items()}

_OWNER = (Text(), Integer(minimum=0, maximum=notation.MAX_OWNER))
_FILE = Struct(
    name="file",
    description="A file.",
    fields={
        "content": Text(description="What is in it."),
        "template": Text(description="The same as a Jinja2 template, rendered with the whole lab as variables."),
        "mode": Text(
            description="Permissions, octal, in quotes.",
            parse=notation.mode,
            means='an octal file mode in quotes such as "0644"',
            pattern="^0?[0-7]{3,4}$",
        ),
        "owner": Either(description="Owner, by name or number.", specs=_OWNER),
        "group": Either(description="Group, by name or number.", specs=_OWNER),
    },
    one_of=("content", "template"),
)

_COMMAND = Struct(
    name="command",
    description="A command for the guest's shell.",
    fields={
        "command": Text(description="The command.", parse=notation.command),
        "creates": Text(
            description="A path in the guest; where it exists the command is left out.",
            parse=notation.absolute,
            means="an absolute path",
            pattern="^/",
        ),
        "unless": Text(description="A command; where it succeeds the other is left out.", parse=notation.command),
    },
    required=("command",),
)

_ROUTE = Struct(
    name="route",
    description="A static route.",
    fields={
        "to": Text(
            description="default, a prefix or an address.",
            parse=notation.destination,
            means="default or a prefix such as 10.2.0.0/16",
            pattern="^(default|[0-9A-Fa-f.:]+(/[0-9]+)?)$",
        ),
        "via": Text(
            description="Address of the next hop, which an interface of the guest must reach.",
            parse=notation.next_hop,
            means="an address such as 10.0.0.1",
            pattern="^[0-9A-Fa-f.:]+$",
        ),
        "dev": Text(description="Interface, where the next hop does not say it."),
        "metric": Integer(
            description="Of several routes the one with the lowest is taken.", minimum=0, maximum=notation.MAX_METRIC
        ),
    },
    required=("to",),
)

_FAULT = Struct(
    name="fault",
    description="Something that fails on purpose in the guest's union (cowfs), or takes its time.",
    fields={
        "path": Text(description="Pattern of absolute paths in the guest, such as /var/lib/app/*."),
        "during": ListOf(
            description="What it is met by; everything without it.",
            item=Text(choices=Faults.during),
        ),
        "error": Text(description="The error.", choices=Faults.errors),
        "delay": Number(description="Milliseconds that it takes.", minimum=0),
    },
    required=("path",),
)

_READY = Either(
    specs=(
        Text(choices=("auto", *(each.value for each in Readiness))),
        Struct(
            name="ready",
            description="A command that is retried until it succeeds.",
            fields={
                "run": Text(
                    description="The command, for the guest's shell.", parse=readiness_text.command, means="a command"
                ),
                "within": Either(
                    description="How long that may take, in seconds or with a unit; 60 seconds if not given.",
                    specs=(
                        Number(minimum=1, maximum=notation.MAX_WITHIN),
                        Text(
                            parse=notation.within,
                            means="text such as 60s or 500ms",
                            pattern=r"^\s*[0-9.]+ ?[a-zA-Z]+\s*$",
                        ),
                    ),
                ),
            },
            required=("run",),
        ),
    ),
)


def _setting(row: Setting) -> Spec:
    """What a scenario's file may say of a setting."""
    kind, description = row.kind, row.description
    if isinstance(kind, Line):
        return Text(description=description, parse=kind.parse)
    if isinstance(kind, Whole):
        return Integer(description=description, minimum=kind.minimum, maximum=kind.maximum)
    if isinstance(kind, Flag):
        return Boolean(description=description)
    if isinstance(kind, Choice):
        return Text(description=description, choices=tuple(each.value for each in kind.members))
    return dataclasses.replace(_STRUCTURED[row.name], description=description)


_STRUCTURED: dict[str, Spec] = {
    "bridge": Text(),
    "mac": Text(
        parse=notation.mac,
        means="a MAC address such as 02:00:00:00:00:01",
        pattern="^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$",
    ),
    "address": _one_or_more(_ADDRESS),
    "cpu": Either(
        specs=(Integer(minimum=0, maximum=notation.MAX_CPU), Text(choices=("auto", "any"), parse=notation.cpu))
    ),
    "layers": ListOf(item=Text(parse=notation.layer, means="a path such as /srv/layer or layers/web")),
    "faults": ListOf(item=_FAULT),
    "ready": _READY,
    "routes": ListOf(
        item=Either(
            specs=(
                Text(parse=notation.route_words, means="text such as default via 10.1.0.1", pattern=r"^\S+\s"),
                _ROUTE,
            )
        ),
    ),
    "sysctl": MappingOf(
        item=Either(specs=(Text(parse=notation.sysctl_value), Integer(), Boolean())),
        key=notation.sysctl_name,
        key_pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*[./][A-Za-z0-9_@:.*-]+(/[A-Za-z0-9_@:.*-]+)*$",
    ),
    "vars": MappingOf(
        item=Anything(),
        key=notation.variable,
        key_pattern="^[A-Za-z_][A-Za-z0-9_]*$",
    ),
    "labels": MappingOf(
        item=Either(specs=(Text(), Number(), Boolean())),
    ),
}

# What a guest of a scenario has beside its definition.
_BESIDE: dict[str, Spec] = {
    "files": MappingOf(
        description="Files of the guest, by path: the content, or a mapping.",
        item=Either(specs=(Text(), _FILE)),
        key=notation.file_path,
        key_pattern="^/",
    ),
    "run": ListOf(
        description="Commands that the guest runs after it has started, in this order.",
        item=Either(specs=(Text(parse=notation.command), _COMMAND)),
    ),
    "restart_services": ListOf(
        description="Services that are restarted when the scenario's layer changes under the running guest.",
        item=Text(parse=notation.service),
    ),
    "lab_host": Text(
        description="The lab host that the guest is on, as the inventory calls it, where a lab has several.",
        parse=notation.lab_host,
        means="a name of the inventory",
    ),
    "together": Text(
        description="A word; guests with the same one are on one lab host, where a lab has several.",
        parse=notation.together,
        means="a word",
    ),
}

# The order that the schema has always had; a new setting comes last.
_ORDER = (
    *("kernel", "master", "mem", "init", "cmdline", "userspace", "cpu", "confine", "disk", "layers", "union", "faults"),
    *("ready", "routes", "sysctl", "files", "run", "restart_services", "vars", "labels"),
)
_KNOWN = {**{row.name: _setting(row) for row in settings.GUEST}, **_BESIDE}
_SETTINGS = {name: _KNOWN[name] for name in dict.fromkeys((*_ORDER, *_KNOWN))}

_SHARED = Struct(name="settings", description="Settings of several guests; a guest's own win.", fields=_SETTINGS)

_OF_IFACES = {row.name: _setting(row) for row in settings.IFACE if row.option}
_OF_ENDS = {name: each for name, each in _OF_IFACES.items() if name != "bridge"}

_IFACE = Struct(name="interface", description="An interface of a guest.", fields={**_OF_IFACES, **_CONDITIONS})

_GROUPS = ListOf(description="Groups whose settings the guest takes; of several the last wins.", item=Text())

_GUEST = Struct(
    name="guest",
    description="A guest.",
    fields={
        "groups": _GROUPS,
        "interfaces": MappingOf(
            description="Interfaces, by name.", item=_IFACE, key=notation.iface_name, key_pattern=_IFNAME_PATTERN
        ),
        **_SETTINGS,
    },
)

_OF_BRIDGES = {row.name: _setting(row) for row in settings.BRIDGE if row.in_file}

_BRIDGE = Struct(
    name="bridge",
    description="A segment.",
    fields={
        "address": _one_or_more(_LEG, _OF_BRIDGES["address"].description),
        "prefix": _PREFIXES,
        "interfaces": ListOf(
            description="Interfaces that are plugged in; a guest gets those that it does not define.",
            item=Text(parse=notation.end, means="text such as alice:eth0", pattern=_END_PATTERN),
        ),
        **{name: each for name, each in _OF_BRIDGES.items() if name != "address"},
        "vni": Integer(
            description="Number of the segment between lab hosts (VXLAN), where a lab has several; it is made from names if not given.",
            minimum=1,
            maximum=MAX_VNI,
        ),
    },
)

_END = Either(
    specs=(
        Text(parse=notation.end, means="text such as moon:eth2", pattern=_END_PATTERN),
        Struct(
            name="end",
            description="An end of a link; conditions are of what it sends.",
            fields={
                "guest": Text(description="The guest."),
                "interface": Text(description="Its interface.", parse=notation.iface_name, pattern=_IFNAME_PATTERN),
                **_OF_ENDS,
                **_CONDITIONS,
            },
            required=("guest", "interface"),
        ),
    )
)

_LINK = Struct(
    name="link",
    description="A cable; settings and conditions are for both directions.",
    fields={
        "a": _END,
        "b": _END,
        "name": Text(
            description="Name of its bridge, if it is not to be made from those of the ends.",
            parse=notation.bridge_name,
            means="a DNS label",
            pattern=_LABEL_PATTERN,
        ),
        "prefix": _PREFIXES,
        "pool": Text(description="Pool that its prefix is taken from, if not links."),
        "mtu": _OF_IFACES["mtu"],
        "state": Text(description="Whether its ends are up.", choices=("up", "down")),
        **_CONDITIONS,
    },
    required=("a", "b"),
)

_SUBNET = Integer(minimum=1, maximum=128)

_POOL = Struct(
    name="pool",
    description="Where links take their prefixes from, in the order of the file.",
    fields={
        "prefix": _one_or_more(_PREFIX, "One IPv4 prefix, one IPv6 prefix, or both."),
        "subnet": Either(
            description="Prefix length of a link, or a list of one for each prefix; 31 and 127 if not given.",
            specs=(_SUBNET, ListOf(item=_SUBNET)),
        ),
    },
    required=("prefix",),
)

STEP = spec_tests.step(_OF_IFACES, _CONDITIONS)
_TESTS = spec_tests.tests(STEP)
TESTS = spec_tests.file(_TESTS)

SCENARIO = Struct(
    description="A scenario of dumm.lab: guests, the segments and cables between them, and what they are set to.",
    fields={
        "description": Text(description="What this is, for the reader."),
        "defaults": _SHARED,
        "groups": MappingOf(
            description="Settings that guests take on by name; they win over the defaults.", item=_SHARED
        ),
        "guests": MappingOf(
            description="Guests, by name. Their order counts for automatic addresses.",
            item=_GUEST,
            key=notation.guest_name,
            key_pattern=_LABEL_PATTERN,
        ),
        "bridges": MappingOf(
            description="Segments, by name.", item=_BRIDGE, key=notation.bridge_name, key_pattern=_LABEL_PATTERN
        ),
        "links": ListOf(
            description="Cables between two interfaces.",
            item=Either(
                specs=(
                    Text(parse=notation.cable, means="text such as moon:eth2 -- sun:eth2", pattern=_CABLE_PATTERN),
                    _LINK,
                )
            ),
        ),
        "pools": MappingOf(
            description="Where links take their prefixes from, by name; links is for those that name no pool.",
            item=_POOL,
        ),
        "hosts": Boolean(
            description="Whether every guest's /etc/hosts knows all guests; it does if this is not given."
        ),
        "tests": _TESTS,
    },
)


def schema() -> Json:
    """The scenario file as JSON Schema."""
    return json_schema(SCENARIO, "dumm.lab scenario")


def tests_schema() -> Json:
    """A file of tests as JSON Schema."""
    return json_schema(TESTS, "dumm.lab tests")

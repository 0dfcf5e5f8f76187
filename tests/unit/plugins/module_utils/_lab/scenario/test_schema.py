# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a spec takes, what it says of the rest, and what it is as JSON Schema."""

from __future__ import annotations

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import schema
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.document import Document, read, shown
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.schema import (
    WRONG,
    Anything,
    Boolean,
    Either,
    Integer,
    ListOf,
    MappingOf,
    Number,
    Struct,
    Text,
)


def even(text: str) -> int:
    if not text.isdecimal() or int(text) % 2:
        raise InvalidInput("", f"{text!r} is not even", "give 2")
    return int(text)


SPEC = Struct(
    fields={
        "text": Text(description="Some text."),
        "colour": Text(choices=("red", "green")),
        "even": Text(parse=even),
        "port": Integer(minimum=1, maximum=5),
        "share": Number(minimum=0, maximum=100),
        "flag": Boolean(),
        "any": Anything(),
        "list": ListOf(item=Integer()),
        "names": MappingOf(item=Integer(), key=even),
        "inner": Struct(name="inner", fields={"must": Text(), "may": Integer()}, required=("must",)),
        "one": Struct(fields={"left": Text(), "right": Text()}, one_of=("left", "right")),
        "either": Either(specs=(Number(), Text(parse=even))),
    }
)


def checked(source):
    document = read(source, "f.yml")
    return schema.check(SPEC, document), document


def faults(source) -> list[str]:
    return [str(fault) for fault in checked(source)[1].sorted_faults()]


def test_plain_data_stays_and_is_text_where_json_has_nothing_for_it():
    text = "any: {a: [1, 1.5, on, ~, x], b: 2026-11-23, c: .nan, d: -.inf, e: !!binary aGk=}"
    data, document = checked(text)
    assert not document.faults
    assert data["any"] == {"a": [1, 1.5, True, None, "x"], "b": "2026-11-23", "c": ".nan", "d": "-.inf", "e": "aGk="}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text: hello", {"text": "hello"}),
        ('text: "on"', {"text": "on"}),
        ("text: !!str on", {"text": "on"}),
        ("text: ''", {"text": ""}),
        ("colour: red", {"colour": "red"}),
        ('even: "4"', {"even": 4}),
        ("port: 5", {"port": 5}),
        ("port: 0x3", {"port": 3}),
        ("share: 0.5", {"share": 0.5}),
        ("share: 1", {"share": 1}),
        ("share: .5", {"share": 0.5}),
        ("flag: true", {"flag": True}),
        ("flag: off", {"flag": False}),
        ("any: {a: [1, on, x, null, 2026-01-01]}", {"any": {"a": [1, True, "x", None, "2026-01-01"]}}),
        ("list: [1, 2]", {"list": [1, 2]}),
        ("list: []", {"list": []}),
        ("names: {'2': 1}", {"names": {"2": 1}}),
        ("names:", {"names": {}}),
        ("inner: {must: x}", {"inner": {"must": "x"}}),
        ("one: {right: x}", {"one": {"right": "x"}}),
        ("either: 7", {"either": 7}),
        ("either: '8'", {"either": 8}),
        ("any: &a {must: x}\ninner: *a", {"any": {"must": "x"}, "inner": {"must": "x"}}),
        ("any: &a {must: x}\ninner: {<<: *a, may: 2}", {"any": {"must": "x"}, "inner": {"must": "x", "may": 2}}),
        (
            "any: [&a {must: x}, &b {must: y, may: 1}]\ninner: {<<: [*a, *b]}",
            {"any": [{"must": "x"}, {"must": "y", "may": 1}], "inner": {"must": "x", "may": 1}},
        ),
        ("any: &a {must: x}\ninner: {<<: *a, must: z}", {"any": {"must": "x"}, "inner": {"must": "z"}}),
    ],
)
def test_what_is_right_becomes_plain_values(text, expected):
    values, document = checked(text)
    assert (values, document.faults) == (expected, [])


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("port: 9", ["f.yml:1:7: port: 9 is out of range; give an integer from 1 to 5"]),
        ("port: x", ["f.yml:1:7: port: 'x' is text; give an integer from 1 to 5"]),
        ("port:", ["f.yml:1:1: port: there is no value; give an integer"]),
        ("port: true", ["port: true is a boolean; give an integer"]),
        ("port: on", ["port: on is a boolean to YAML (true); give an integer"]),
        ("port: 1.5", ["port: 1.5 is a number; give an integer"]),
        ("port: 0:03", ["f.yml:1:7: port: '0:03' is text"]),
        ("port: 1:03", ["port: 1:03 is a number to YAML (63)"]),
        ("port: 010", ["port: 010 is a number to YAML (8)"]),
        ("port: '3'", ["port: '3' is text"]),
        ("port: [1]", ["port: this is a list"]),
        ("port: {a: 1}", ["f.yml:1:1: port: this is a mapping"]),
        ("share: .nan", ["share: .nan is a number to YAML (nan)"]),
        ("share: 101", ["share: 101 is out of range; give a number from 0 to 100"]),
        ("text: on", ['f.yml:1:7: text: on is a boolean to YAML (true); put it in quotes: "on"']),
        ("text: 6.1", ['text: 6.1 is a number; put it in quotes: "6.1"']),
        ("text: 10:20", ['text: 10:20 is a number to YAML (620); put it in quotes: "10:20"']),
        ("text: 12:34:56:11:22:33", ['put it in quotes: "12:34:56:11:22:33"']),
        ("text: 0644", ['text: 0644 is a number to YAML (420); put it in quotes: "0644"']),
        ("text: 2026-11-23", ['text: 2026-11-23 is a date; put it in quotes: "2026-11-23"']),
        ("text: 2026-13-45", ['2026-13-45 is not possible as timestamp; put it in quotes: "2026-13-45"']),
        ("text:", ["text: there is no value; give text"]),
        ("text: !vault x", ["the tag !vault is not known here"]),
        ("colour: gren", ["f.yml:1:9: colour: 'gren' is not one of its values; did you mean green?"]),
        ("colour: on", ["colour: on is a boolean to YAML (true); give one of red, green"]),
        ("even: '3'", ["even: '3' is not even; give 2"]),
        ("flag: maybe", ["flag: 'maybe' is text; give true or false"]),
        ("flag: 1", ["flag: 1 is a number; give true or false"]),
        ("list: {a: 1}", ["list: this is a mapping; give a list"]),
        ("list: [1, x, 3, y]", ["f.yml:1:11: list[1]: 'x' is text", "f.yml:1:17: list[3]: 'y' is text"]),
        ("list:\n- 1\n-\n", ["list[1]: there is no value"]),
        ("names: {'3': 1}", ["f.yml:1:9: names.3: '3' is not even"]),
        ("names: {2: 1}", ['f.yml:1:9: names: the key 2 is a number, and keys are text; put it in quotes: "2"']),
        ("names: {on: 1}", ["the key on is a boolean to YAML (true), and keys are text"]),
        ("names: {[a]: 1}", ["a key that is a list or a mapping"]),
        ("names: [1]", ["names: this is a list; give a mapping"]),
        ("inner: {may: 1}", ["f.yml:1:1: inner: must must be given; add it"]),
        ("inner:", ["inner: must must be given"]),
        ("inner: {must: x, amy: 1}", ["f.yml:1:18: inner.amy: unknown key amy; did you mean may? (known: may, must)"]),
        ("one: {}", ["one: left or right must be given; give one of left, right"]),
        ("one: {left: a, right: b}", ["one: left and right cannot both be given"]),
        ("either: [1]", ["either: this is a list; give a number or text"]),
        ("either:", ["either: there is no value; give a number or text"]),
        ("either: '7'", ["either: '7' is not even"]),
        ("tex: a", ["f.yml:1:1: tex: unknown key tex; did you mean text?"]),
        (
            "zzz: a",
            ["zzz: unknown key zzz; known: either, even, flag, inner, list, names, one, port, share, text, and 2 more"],
        ),
        ("text: a\nport: 1\ntext: b", ["f.yml:3:1: text: text is given twice, first in line 1; leave one of them"]),
        ("port: 9\ntext: on\nzzz: 1", ["f.yml:1:7", "f.yml:2:7", "f.yml:3:1"]),
        ("text: [", ["this is no YAML: while parsing a flow node"]),
        ("text: a\n\tport: 1", ["f.yml:2:1: this is no YAML: "]),
        ("text: a\n---\ntext: b", ["f.yml:2:1: this is no YAML: "]),
        (
            "text: a\nnames: \x07",
            ['f.yml:2:8: there is the control character \\x07; leave it out, or write "\\x07" in double'],
        ),
        ("flag: !!bool maybe", ["f.yml:1:7: flag: maybe is not possible as bool", "flag: 'maybe' is text; give true"]),
        ("port: !!timestamp x", ["f.yml:1:7: port: x is not possible as timestamp", "port: 'x' is text; give an int"]),
        ("any: " + ":".join(["59"] * 3000), ["f.yml:1:6: any: the number is too large; give a smaller one, or put it"]),
        ("any: &a [*a]", ["f.yml:1:6: any[0]: it contains itself"]),
        ("any: &a {<<: *a}", ["<< takes another mapping"]),
        ("any: {<<: 5}", ["<< takes another mapping"]),
        ("- 1", ["f.yml:1:1: this is a list; give a mapping of text, colour"]),
        ("hello", ["f.yml:1:1: 'hello' is text; give a mapping of text"]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, fragments):
    told = faults(text)
    assert len(told) == len(fragments), told
    for fragment, fault in zip(fragments, told, strict=True):
        assert fragment in fault


def test_what_is_wrong_once_is_told_once_however_often_it_is_used():
    assert len(faults("any: &a {may: x, may: y}\ninner: {<<: *a, must: z}")) == 2


def test_a_source_that_grows_without_bound_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert faults("\n".join(lines)) == [
        "f.yml:6:5: this is no YAML: it is nested too deep, or refers to itself too often; correct it"
    ]


def test_of_what_is_too_deep_or_too_much_the_place_is_told():
    deep = "\n".join(f"{' ' * n}a:" for n in range(200))
    many = "any: [" + "1,\n" * 210_000 + "]"
    assert [faults(text) for text in (deep, many)] == [
        ["f.yml:100:100: this is no YAML: it is nested too deep, or refers to itself too often; correct it"],
        ["f.yml:1:6: there are more than 200000 values in it; correct it"],
    ]


def test_a_fault_names_the_word_and_the_nearest_known_one():
    (fault,) = checked("inner:\n  must: x\n  amy: 1")[1].sorted_faults()
    assert (fault.place.line, fault.place.column, fault.place.path) == (3, 3, ("inner", "amy"))
    assert (fault.key, fault.nearest) == ("amy", "may")


def test_what_is_wrong_is_left_out_and_the_rest_goes_on():
    values, _document = checked("port: 9\nlist: [1, x, 3]\ninner: {may: 1}\ntext: a")
    assert values == {"list": [1, WRONG, 3], "text": "a"}
    assert schema.right(values["list"]) == [(0, 1), (2, 3)]


# Ansible variables


class Tagged(str):
    """As Ansible's own classes: text that carries more than its letters."""

    def __str__(self) -> str:  # pylint: disable=invalid-str-returned
        return self


def test_ansible_variables_have_a_path_and_no_line():
    assert faults({"inner": {"must": "x", "amy": 1}, "list": [1, "x"]}) == [
        "f.yml: inner.amy: unknown key amy; did you mean may? (known: may, must)",
        "f.yml: list[1]: 'x' is text; give an integer",
    ]


def test_text_of_ansible_becomes_plain_text():
    values, document = checked({Tagged("text"): Tagged("on"), "any": [Tagged("x"), {Tagged("k"): 1}]})
    assert not document.faults
    assert values == {"text": "on", "any": ["x", {"k": 1}]}
    assert {type(item) for item in (*values, values["text"], values["any"][0], *values["any"][1])} == {str}


def test_what_ansible_loads_from_a_file_becomes_plain():
    loader = pytest.importorskip("ansible.parsing.dataloader").DataLoader()
    values, document = checked(loader.load('{text: "on", port: 3, any: [x, 1, 1.5, true, null]}'))
    assert not document.faults
    assert [type(item) for item in values["any"]] == [str, int, float, bool, type(None)]
    assert (type(values["text"]), type(values["port"])) == (str, int)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"port": "3"}, {"port": 3}),
        ({"share": "0.5"}, {"share": 0.5}),
        ({"flag": "True"}, {"flag": True}),
        ({"flag": "no"}, {"flag": False}),
        ({"either": "7"}, {"either": 7}),
        ({"list": (1, 2)}, {"list": [1, 2]}),
        ({"names": None}, {"names": {}}),
    ],
)
def test_templates_may_make_text_of_numbers_and_booleans(source, expected):
    values, document = checked(source)
    assert (values, document.faults) == (expected, [])


@pytest.mark.parametrize(
    ("source", "fragment"),
    [
        ({"text": True}, 'f.yml: text: true is a boolean; put it in quotes: "True"'),
        ({"port": "03"}, "port: '03' is text"),
        ({1: 2}, "f.yml: the key 1 is a number, and keys are text"),
        ({"text": object()}, "text: "),
        ({"port": float("inf")}, "port: inf is a number"),
    ],
)
def test_faults_of_ansible_variables(source, fragment):
    (told,) = faults(source)
    assert fragment in told


# Places


def test_a_place_that_is_not_written_is_that_of_the_thing_around_it():
    document = read("inner:\n  may: 5\n", "f.yml")
    assert str(document.place(("inner", "must", 3))) == "f.yml:1:1: inner.must[3]"
    assert str(document.place(("inner", "may"))) == "f.yml:2:8: inner.may"
    assert str(Document("vars").place(("a",))) == "vars: a"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("guests", "alice", "routes", 0, "via"), "guests.alice.routes[0].via"),
        (("sysctl", "net.ipv4.ip_forward"), "sysctl['net.ipv4.ip_forward']"),
        (("files", "/etc/x"), "files['/etc/x']"),
        ((), ""),
    ],
)
def test_paths_read_as_a_person_writes_them(path, text):
    assert shown(path) == text


# JSON Schema


def test_the_json_schema_says_the_same():
    assert schema.json_schema(
        Struct(
            description="All.",
            fields={
                "text": Text(description="Some text.", pattern="^x"),
                "port": Integer(minimum=1),
                "colour": Text(choices=("red",)),
                "inner": ListOf(item=Struct(name="inner", fields={"must": Boolean()}, required=("must",))),
                "names": MappingOf(item=Number(maximum=2), key_pattern="^a"),
                "one": Struct(fields={"a": Anything(), "b": Anything()}, one_of=("a", "b")),
                "either": Either(specs=(Number(), Text())),
            },
        ),
        "title",
    ) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "title",
        "description": "All.",
        "type": ["object", "null"],
        "properties": {
            "text": {"description": "Some text.", "type": "string", "pattern": "^x"},
            "port": {"type": "integer", "minimum": 1},
            "colour": {"type": "string", "enum": ["red"]},
            "inner": {"type": "array", "items": {"$ref": "#/$defs/inner"}},
            "names": {
                "type": ["object", "null"],
                "propertyNames": {"pattern": "^a"},
                "additionalProperties": {"type": "number", "maximum": 2},
            },
            "one": {
                "type": "object",
                "properties": {"a": {}, "b": {}},
                "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
                "additionalProperties": False,
            },
            "either": {"anyOf": [{"type": "number"}, {"type": "string"}]},
        },
        "additionalProperties": False,
        "$defs": {
            "inner": {
                "type": "object",
                "properties": {"must": {"type": "boolean"}},
                "required": ["must"],
                "additionalProperties": False,
            }
        },
    }

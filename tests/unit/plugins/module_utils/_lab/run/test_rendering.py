# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a scenario's file: what templates make, and what is told where they cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import rendering, templates
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader


def _rendered(master: Path, file: dict[str, object]) -> str:
    source = {"hosts": False, "guests": {"a": {"files": {"/f": file}, "vars": {"x": 5}}}}
    layer = rendering.render(rendering.Known(loader.load(source, name="vpn", place="config")), "a", [master])
    assert layer is not None
    return next(each.content for each in layer.files if each.path == "/f")


def test_the_newline_after_a_block_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    text = "a\n{% for i in [1, 2] %}\n{{ i }}{{ x }}\n{% endfor %}\n{% if x +%}\nb\n{% endif %}\n"

    assert _rendered(tmp_path, {"template": text}) == "a\n15\n25\n\nb\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n{{ 1 / 0 }}", "line 2 of the template of a:/f cannot be rendered: division by zero"),
        ("a\n\n{{ nothing.at_all }}", "line 3 of the template of a:/f cannot be rendered: 'nothing' is undefined"),
        ("a\n{% for %}", "line 2 of the template of a:/f cannot be rendered: "),
        ("{% include 'x' %}", "line 1 of the template of a:/f cannot be rendered: "),
        (
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "line 1 of the template of a:/f cannot be rendered: maximum",
        ),
        ("\n{{ 'a' + 1 }}", "line 2 of the template of a:/f cannot be rendered: "),
        ("{{ 'x' * 10 ** 20 }}", "line 1 of the template of a:/f cannot be rendered: "),
    ],
)
def test_whatever_goes_wrong_in_a_template_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _rendered(tmp_path, {"template": text})

    assert str(caught.value).startswith(f"scenario vpn: {said}")
    assert caught.value.remedy == "see docs/reference/scenario.md, templates"


_RANGE = "range(99999)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% for i in range(10 ** 9) %}{% endfor %}", "line 2 .*: Range too big"),
        (
            f"{{% for i in {_RANGE} %}}{{% for j in {_RANGE} %}}{{% endfor %}}{{% endfor %}}",
            "line 2 .*: it takes more than",
        ),
        ("{{ lipsum(n=10 ** 8) }}", "line [12] .*: it takes more than"),
        ("{{ 'x' * 10 ** 10 }}", "line 2 .*: it takes more than 512 MB of memory"),
        ("{{ '%1000000000d' % 1 }}", "line 2 .*: it takes more than 512 MB of memory"),
        ("{{ 'x' | center(10 ** 11) }}", "line 2 .*: it takes more than 512 MB of memory"),
        (f"{{% for i in {_RANGE} %}}{{{{ 'x' * 99 }}}}{{% endfor %}}", "line 2 .*: it makes more than 4 MB"),
        ("{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}", "maximum recursion depth"),
        ("{{ " + "-" * 100_000 + "1 }}", "maximum recursion depth"),
        ("{% if 1 %}" * 500 + "{% endif %}" * 500, "cannot be rendered: "),
        (
            "{{ cycler.__init__.__globals__.os }}",
            "line 2 .*: access to attribute '__init__' of 'type' object is unsafe",
        ),
        ("{{ ''.__class__ }}", "line 2 .*: access to attribute '__class__' of 'str' object is unsafe"),
        ("{{ '{0.__class__}'.format(1) }}", "line 2 .*: access to attribute '__class__' of 'int' object is unsafe"),
        ("{{ cycler | attr('__init__') }}", "line 2 .*: access to attribute '__init__'"),
    ],
    ids=lambda text: text[:30],
)
def test_a_template_has_bounds_and_stays_in_its_sandbox(
    tmp_path: Path, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "MAX_SECONDS", 0.2)

    with pytest.raises(InvalidInput, match=f"^scenario vpn: .*{said}"):
        _rendered(tmp_path, {"template": f"\n{text}"})

    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_what_no_signal_stops_is_ended_with_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "MAX_SECONDS_IN_ALL", 1)
    monkeypatch.setattr(templates, "MAX_SECONDS", 100.0)
    text = f"{{% for i in {_RANGE} %}}{{% for j in {_RANGE} %}}{{% endfor %}}{{% endfor %}}"

    with pytest.raises(InvalidInput, match="it needs too deep a stack or too much memory, or takes more than"):
        _rendered(tmp_path, {"template": text})


def test_a_template_changes_nothing_but_its_file(tmp_path: Path) -> None:
    source = {
        "hosts": False,
        "guests": {"a": {"files": {"/f": {"template": "{{ x.append(2) }}{{ x }}"}}, "vars": {"x": [1]}}},
    }
    wanted = loader.load(source, name="vpn", place="config")

    layer = rendering.render(rendering.Known(wanted), "a", [tmp_path])

    assert layer is not None
    assert [each.content for each in layer.files] == ["None[1, 2]"]
    assert wanted.guests["a"].vars == {"x": [1]}


def test_the_error_of_a_template_has_the_place_where_it_is_written(tmp_path: Path) -> None:
    text = """
hosts: false
groups:
  g:
    files:
      /f: {template: "{{ 1 / 0 }}"}
guests:
  a: {groups: [g]}
"""
    known = rendering.Known(loader.load(text, name="vpn", place="lab.yml"))

    with pytest.raises(
        InvalidInput, match=r"^lab.yml:6:22: groups.g.files\['/f'\].template: line 1 of .* a:/f cannot be"
    ):
        rendering.render(known, "a", [tmp_path])


def test_what_is_wrong_with_a_file_is_told_with_where_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").touch()
    for file, told in (
        ("/a: {content: x, owner: nobody-knows}", r"files\['/a'\]: guest a: /a: its master knows no passwd entry"),
        ("/a: {template: x, group: '99999999'}", r"files\['/a'\].template: guest a: /a: there is no owner 99999999"),
        ("/etc/hosts/x: x", r"files\['/etc/hosts/x'\]: guest a: /etc/hosts/x: .* is in the way"),
    ):
        text = f"guests:\n  a:\n    files:\n      {file}\n"
        known = rendering.Known(loader.load(text, name="vpn", place="lab.yml"))

        with pytest.raises(InvalidInput, match=rf"^lab.yml:4:\d+: guests.a.{told}"):
            rendering.render(known, "a", [tmp_path])


@pytest.mark.parametrize("owner", ["²", "٣", "nobody-knows"])
def test_an_owner_that_is_no_number_and_no_name_is_told(tmp_path: Path, owner: str) -> None:
    with pytest.raises(InvalidInput, match=f"its master knows no passwd entry {owner}; give the number instead"):
        _rendered(tmp_path, {"content": "x", "owner": owner})


def _layers(text: str) -> dict[str, tuple[str, ...]]:
    scenario = loader.load(text, name="vpn", place="lab.yml")
    return {name: guest.layers for name, guest in rendering.Known(scenario).with_layers().guests.items()}


def test_layers_of_defaults_and_groups_are_rendered_for_each_guest() -> None:
    text = """
    defaults: {layers: ["layers/{{ scenario }}-{{ name }}", layers/all]}
    groups: {road: {layers: ["/srv/{{ site }}/{{ guest.labels.role }}/"], labels: {role: client}}}
    guests: {moon: , carol: {groups: [road], vars: {site: west}}, dave: {layers: [plain]}}
    """
    found = {
        "moon": ("layers/vpn-moon", "layers/all"),
        "carol": ("/srv/west/client",),
        "dave": ("plain",),
    }

    assert _layers(text) == found


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (
            '["{{ nothing }}"]',
            "lab.yml:1:21: defaults.layers[0]: '{{ nothing }}' cannot be rendered for guest a: 'nothing' is",
        ),
        ("[b, '{% if %}']", "lab.yml:1:24: defaults.layers[1]: '{% if %}' cannot be rendered for guest a: "),
        ("['{{ up }}']", "lab.yml:1:21: defaults.layers[0]: guest a: '../x' is no path of a directory"),
        ("[\"{{ '' }}\"]", "lab.yml:1:21: defaults.layers[0]: guest a: '' is no path of a directory"),
        ("[l/a, 'l/{{ name }}']", "lab.yml:1:26: defaults.layers[1]: guest a: layers: l/a is given twice"),
    ],
)
def test_what_is_wrong_with_a_template_of_a_layer_is_told_with_its_place(layers: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _layers(f"defaults: {{layers: {layers}, vars: {{up: ../x}}}}\nguests: {{a: }}")

    assert str(caught.value).startswith(said)

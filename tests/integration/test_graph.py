# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm graph`` as a shell runs it: of a running lab, of a file alone, and what is wrong with either."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from lab import REPOSITORY, Lab

SCENARIO = """\
guests:
  moon:
  sun:
links:
  - {a: moon:eth0, b: sun:eth0, prefix: 10.0.0.0/24, delay: 1ms}
"""


def graph(*words: str | os.PathLike[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command, ended."""
    command = [REPOSITORY / "scripts/dumm", "graph", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def test_a_running_lab_shows_what_its_guests_are_doing_where_a_map_has_put_them(lab: Lab, tmp_path: Path) -> None:
    lab.scenario("pair", content=SCENARIO)
    lab.guest("sun", state="paused")
    lab.workdir.scenario("pair").parent.mkdir(parents=True, exist_ok=True)
    places = {"guest moon": {"x": 0, "y": 0}, "guest sun": {"x": 0, "y": 500}}
    (lab.workdir.scenario("pair").parent / "map.json").write_text(json.dumps(places))

    told = graph("--workdir", lab.path, "-o", tmp_path / "lab.svg")

    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    picture = ElementTree.parse(tmp_path / "lab.svg").getroot()
    titles = [each.text or "" for each in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("guest moon\n") and title.endswith("\nrunning") for title in titles)
    assert any(title.startswith("guest sun\n") and title.endswith("\npaused") for title in titles)
    assert float(picture.get("height", "")) > 500
    mermaid = graph("--workdir", lab.path).stdout
    assert '"eth0 .1 · 10.0.0.0/24 · delay 1ms · eth0 .2"' in mermaid


@pytest.mark.parametrize(
    ("name", "begin"), [("l.mmd", "graph LR"), ("l.d2", "direction"), ("l.dot", "graph lab"), ("l.drawio", "<mxfile>")]
)
def test_a_file_alone_becomes_the_format_that_the_output_names(tmp_path: Path, name: str, begin: str) -> None:
    told = graph("-", "-o", tmp_path / name, stdin=SCENARIO)

    assert (told.returncode, told.stderr) == (0, "")
    assert (tmp_path / name).read_text().startswith(begin)


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        (["-"], "guests: [", "standard input:"),
        (["none.yml"], "", "none.yml: No such file"),
        (["-", "-o", "x.png"], SCENARIO, "'x.png' does not say which format"),
        (["-", "-o", "/nowhere/x.svg"], SCENARIO, "/nowhere/x.svg: No such file"),
        (["-", "--places", "/dev/null"], SCENARIO, "it has no positions of a map"),
        (["--workdir", "/nowhere"], "", "there is none; name another with --workdir"),
    ],
)
def test_what_is_wrong_is_one_line(words: list[str], text: str, said: str) -> None:
    told = graph(*words, stdin=text)

    assert told.returncode in (1, 2)
    assert said in told.stderr
    assert told.stderr.count("\n") == 1

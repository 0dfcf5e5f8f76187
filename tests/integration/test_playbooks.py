# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Through Ansible itself: the playbooks that come with the collection, both ways to run a module, the connection plugin."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import REPOSITORY, Lab
from programs import Ansible
from programs import changes as _changes
from testbed import pids

# The module itself is run where a task has an environment; without one its body is run inside the controller.
WAYS = pytest.mark.parametrize(
    "environment", [{}, pytest.param({"LC_ALL": "C.UTF-8"}, marks=pytest.mark.long)], ids=["controller", "module"]
)


@pytest.fixture
def ansible(lab: Lab, tmp_path: Path) -> Ansible:
    """Ansible, with the lab's working directory for its default."""
    return Ansible(lab, tmp_path)


def _in_guests(tasks: list[dict[str, Any]], **play: Any) -> dict[str, Any]:
    return {
        "hosts": "all",
        "gather_facts": False,
        "vars": {"ansible_connection": "dumm.lab.dumm", "ansible_python_interpreter": "/usr/bin/python3"},
        "tasks": tasks,
        **play,
    }


def _without_roles(name: str) -> list[dict[str, Any]]:
    """A playbook of the collection without the preparation of the host, which is long done where tests are run."""
    plays: list[dict[str, Any]] = yaml.safe_load((REPOSITORY / "playbooks" / name).read_text())
    for play in plays:
        play.pop("roles", None)
        play["tasks"] = [task for task in play.get("tasks", []) if "ansible.builtin.include_role" not in task]
    return plays


def test_the_sample_session_is_built_once_and_taken_away_without_a_trace(lab: Lab, ansible: Ansible) -> None:
    book = ansible.write(_without_roles("lab.yml"))

    first = ansible.run("ansible-playbook", book)
    second = ansible.run("ansible-playbook", book)

    assert _changes(first)["localhost"] > 0
    assert _changes(second) == {"localhost": 0, "alice": 0, "bob": 0}
    for words in (
        r"alice\b.*\brunning\b.*\bbr0\b.*\b10\.0\.0\.1/24",
        r"alice -> bob\b.*\d ms",
        r"bob -> alice\b.*\d ms",
    ):
        assert re.search(words, second.partition("Show guests")[2]), second

    teardown = str(REPOSITORY / "playbooks/teardown.yml")
    assert _changes(ansible.run("ansible-playbook", "--check", teardown))["localhost"] > 0
    assert lab.info()["guests"]["alice"]["state"] == "running"
    assert _changes(ansible.run("ansible-playbook", teardown))["localhost"] > 0
    assert _changes(ansible.run("ansible-playbook", teardown)) == {"localhost": 0}
    assert lab.leftovers() == []


def _nothing_is_left(lab: Lab) -> bool:
    found = [path for kind in ("guests", "bridges", "rendered") for path in lab.path.glob(f"{kind}/*")]
    return (found, lab.leftovers()) == ([], [])


def test_the_ring_is_made_once_grows_and_goes_without_a_trace(lab: Lab, ansible: Ansible) -> None:
    book = ansible.write(_without_roles("ring.yml"))
    names = [f"n{number}" for number in range(1, 6)]

    first = ansible.run("ansible-playbook", book, "-e", "size=5")
    before = pids(lab, *names)
    second = ansible.run("ansible-playbook", book, "-e", "size=5")
    grown = ansible.run("ansible-playbook", book, "-e", "size=7")

    assert _changes(first) == {"localhost": 1, **dict.fromkeys(names, 0)}
    assert _changes(second) == {"localhost": 0, **dict.fromkeys(names, 0)}
    assert len(re.findall(r"n\d -> n\d-eth1: [\d.]+ ms, -> n\d: [\d.]+ ms", second)) == 5, second
    assert _changes(grown) == {"localhost": 1, **dict.fromkeys([*names, "n6", "n7"], 0)}
    assert pids(lab, *names) == before
    assert lab.info()["orphans"] == []
    for changes in (1, 0):
        gone = ansible.run("ansible-playbook", book, "-e", "state=absent")
        assert _changes(gone) == {"localhost": changes}
        assert _nothing_is_left(lab)


@pytest.mark.parametrize(
    ("book", "setting", "message"),
    [
        ("ring.yml", "size=2", "size is 2; a ring has 3 to 1000 guests."),
        ("ring.yml", "state=up", "state is up; it is present, stopped or absent."),
        ("ospf.yml", "state=up", "state is up; it is present, stopped or absent."),
    ],
)
def test_a_testbed_refuses_what_it_cannot_be_before_anything_is_done(
    lab: Lab, ansible: Ansible, book: str, setting: str, message: str
) -> None:
    before = lab.snapshot()

    output = ansible.run("ansible-playbook", str(REPOSITORY / "playbooks" / book), "-e", setting, code=2)

    assert message in output
    assert lab.snapshot() == before


def _actions(output: str) -> list[str]:
    """What a testbed's playbook says that it did."""
    found = re.search(r"^ +ospf_lab\.actions:\n((?: +- .*\n)*)", output, re.MULTILINE)
    actions: list[str] = yaml.safe_load(found[1]) if found else []
    return actions


@pytest.mark.long
def test_the_ospf_testbed_is_made_from_nothing_changed_in_one_place_and_goes_without_a_trace(
    lab: Lab, ansible: Ansible
) -> None:
    """With the roles that bring kernel and master into a working directory that has none."""
    for kind in ("kernels", "masters"):
        shutil.rmtree(lab.path / kind)
    book = str(REPOSITORY / "playbooks/ospf.yml")
    routers, hosts = [f"r{number}" for number in (1, 2, 3)], [f"h{number}" for number in range(1, 7)]
    nobody = dict.fromkeys(["localhost", *routers, *hosts], 0)

    first = ansible.run("ansible-playbook", book)
    before = pids(lab, *routers, *hosts)
    second = ansible.run("ansible-playbook", book)
    edited = ansible.run("ansible-playbook", book, "-e", "link_delay=50ms")
    third = ansible.run("ansible-playbook", book, "-e", "link_delay=50ms")

    assert _changes(first)["localhost"] > 1 and {f"start guest {name}" for name in nobody} - set(_actions(first)) == {
        "start guest localhost"
    }
    assert _changes(second) == _changes(third) == nobody
    assert _changes(edited) == {**nobody, "localhost": 1}
    assert _actions(edited) == ["interface r1:eth1: delay 50 ms"]
    assert pids(lab, *routers, *hosts) == before
    others = " ".join(hosts)
    for host in hosts:
        lab.read(host, f"for other in {others}; do ping -c 1 -w 60 $other || exit 1; done")
    times = re.findall(r"time=([\d.]+)", lab.read("h1", "ping -c 3 -i 0.2 -W 10 h3"))
    assert min(map(float, times)) >= 50
    assert "proto bird" in lab.read("r1", "ip route get 10.2.0.2 from 10.1.0.2 iif eth0; ip route show 10.2.0.0/24")
    assert lab.info()["orphans"] == []
    for changes in (1, 0):
        gone = ansible.run("ansible-playbook", book, "-e", "state=absent")
        assert _changes(gone) == {"localhost": changes}
        assert _nothing_is_left(lab)


def test_two_playbooks_at_once_both_end_well(lab: Lab, ansible: Ansible) -> None:
    book = ansible.write(_without_roles("lab.yml"))
    runs = [ansible.start("ansible-playbook", book) for run in range(2)]

    for run in runs:
        output = run.communicate(timeout=300)[0]
        assert run.returncode == 0, output
        _changes(output)

    assert lab.info()["orphans"] == []
    assert lab.reaches("alice", "10.0.0.2")


def test_the_ad_hoc_session_of_the_readme(lab: Lab, ansible: Ansible) -> None:
    ansible.run("ansible", "localhost", "-m", "dumm_bridge", "-a", "name=br0 address=10.0.0.254/24")
    first = ansible.run("ansible", "localhost", "-m", "dumm_guest", "-a", "name=carol state=started")
    pid = lab.process("carol").pid
    second = ansible.run("ansible", "localhost", "-m", "dumm.lab.dumm_guest", "-a", "name=carol state=started")
    ansible.run(
        "ansible", "localhost", "-m", "dumm_iface", "-a", "guest=carol name=eth0 bridge=br0 address=10.0.0.3/24"
    )
    told = ansible.run("ansible", "localhost", "-m", "dumm_info")

    assert "localhost | CHANGED" in first and "localhost | SUCCESS" in second
    assert '"state": "running"' in told or "state: running" in told
    assert lab.reaches("carol", "10.0.0.254")
    assert lab.process("carol").pid == pid


@WAYS
def test_both_ways_to_run_a_module_do_the_same(lab: Lab, ansible: Ansible, environment: dict[str, str]) -> None:
    checked = ansible.task("dumm.lab.dumm_guest", {"name": "alice"}, environment, "--check", "--diff")
    first = ansible.task("dumm.lab.dumm_guest", {"name": "alice"}, environment, "-vvv")
    as_module = "AnsiballZ_dumm_guest" in ansible.output
    second = ansible.task("dumm.lab.dumm_guest", {"name": "alice", "mem": 160}, environment)
    info = ansible.task("dumm.lab.dumm_info", {}, environment)

    assert as_module == bool(environment)
    assert checked["changed"] and checked["actions"] == first["actions"] and checked["diff"] == first["diff"]
    assert first["guest"]["state"] == "running"
    assert second["restart_required"] == {"alice": ["mem"]}
    assert any("mem will take effect when it is restarted" in warning for warning in second["warnings"])
    assert info["lab"]["guests"]["alice"]["mem"] == 160


@WAYS
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a/b"}, r"guest 'a/b': the name is not a DNS label; use 1 to 63"),
        ({"name": "alice", "memory": 1}, r"Unsupported parameters for \((dumm\.lab\.)?dumm_guest\) module: memory\."),
        ({"state": "started"}, r"missing required arguments: name"),
    ],
)
def test_both_ways_to_run_a_module_fail_alike(
    lab: Lab, ansible: Ansible, environment: dict[str, str], options: dict[str, Any], message: str
) -> None:
    result = ansible.task("dumm.lab.dumm_guest", options, environment)

    assert result["failed"]
    assert re.search(message, result["msg"]), result["msg"]
    assert lab.info()["guests"] == {}


TEMPLATES = [
    "a\n{% for i in [1, 2] %}\n{{ i }} {{ x }}\n{% endfor %}\nb\n",
    "{% if x %}a{% endif %}\n",
    "{% if not x %}\na\n{% endif %}\n",
    "{{ '' }}\n",
    "no newline {{ x }}",
    "three newlines\n\n\n",
    "  {% if x %}\n  indented\n  {% endif %}\nend\n",
    "keep {% if x +%}\nthe newline{% endif %}\n",
    "{# a comment #}\n{%- if x -%}\n  a  \n{%- endif %}\n\n",
    "one\r\n{% if x %}\r\ntwo\r\n{% endif %}\r\n",
    "<{{ '&' }}>\tGrüße\n",
]


def test_a_template_is_rendered_as_by_ansibles_own_module(lab: Lab, ansible: Ansible, tmp_path: Path) -> None:
    for number, text in enumerate(TEMPLATES):
        (tmp_path / f"t{number}").write_text(text, newline="")
    files = {f"/srv/t{number}": {"template": text} for number, text in enumerate(TEMPLATES)}
    lab.scenario("vpn", {"guests": {"alice": {"mem": 64, "files": files, "vars": {"x": 5}}}})
    names = list(range(len(TEMPLATES)))
    task = {"template": {"src": f"{tmp_path}/t{{{{ item }}}}", "dest": f"{tmp_path}/r{{{{ item }}}}"}, "loop": names}

    ansible.play(
        [{"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": {"x": 5}, "tasks": [task]}]
    )

    for number in names:
        assert lab.run("alice", f"cat /srv/t{number}").stdout == (tmp_path / f"r{number}").read_bytes(), TEMPLATES[
            number
        ]


def test_a_module_runs_asynchronously(lab: Lab, ansible: Ansible) -> None:
    output = ansible.run("ansible", "localhost", "-B", "60", "-P", "1", "-m", "dumm.lab.dumm_guest", "-a", "name=alice")

    assert "localhost | CHANGED" in output
    assert lab.info()["guests"]["alice"]["state"] == "running"


def test_one_default_of_the_group_holds_for_all_modules(lab: Lab, ansible: Ansible, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    ansible.play(
        [
            {
                "hosts": "localhost",
                "connection": "local",
                "gather_facts": False,
                "module_defaults": {"group/dumm.lab.lab": {"workdir": str(elsewhere)}},
                "tasks": [
                    {"dumm.lab.dumm_bridge": {"name": "br0"}},
                    {"dumm.lab.dumm_info": {}, "register": "found"},
                    {"ansible.builtin.assert": {"that": ["'br0' in found.lab.bridges"]}},
                    {"dumm.lab.dumm_bridge": {"name": "br0", "state": "absent"}},
                ],
            }
        ]
    )

    assert (elsewhere / "bridges").is_dir()
    assert Lab(elsewhere).leftovers() == []
    assert lab.info()["bridges"] == {}


def test_diff_mode_shows_before_and_after(lab: Lab, ansible: Ansible) -> None:
    lab.bridge("br0")

    output = ansible.run(
        "ansible", "localhost", "--check", "--diff", "-m", "dumm.lab.dumm_bridge", "-a", "name=br0 stp=true"
    )

    assert re.search(r'^-.*"?stp"?: false', output, re.MULTILINE), output
    assert re.search(r'^\+.*"?stp"?: true', output, re.MULTILINE), output


def test_modules_of_ansible_run_in_a_guest(lab: Lab, ansible: Ansible, tmp_path: Path) -> None:
    lab.guest("alice")
    data = os.urandom(300_000)
    (tmp_path / "data").write_bytes(data)
    odd = "/root/a 'quoted' \"name\" ; ä"

    output = ansible.play(
        [
            _in_guests(
                [
                    {"ansible.builtin.copy": {"src": str(tmp_path / "data"), "dest": odd, "mode": "0640"}},
                    {"ansible.builtin.copy": {"src": str(tmp_path / "data"), "dest": odd, "mode": "0640"}},
                    {"ansible.builtin.fetch": {"src": odd, "dest": str(tmp_path / "back"), "flat": True}},
                    {"ansible.builtin.command": "cat /proc/sys/kernel/hostname", "register": "said"},
                    {"ansible.builtin.assert": {"that": ["said.stdout == 'alice'", "ansible_hostname == 'alice'"]}},
                    {
                        "ansible.builtin.command": "sh -c 'echo out; echo err >&2; exit 7'",
                        "register": "bad",
                        "failed_when": False,
                    },
                    {"ansible.builtin.assert": {"that": ["bad.rc == 7", "bad.stdout == 'out'", "bad.stderr == 'err'"]}},
                    {"ansible.builtin.command": {"cmd": "cat", "stdin": "zeile ä"}, "register": "cat"},
                    {"ansible.builtin.assert": {"that": ["cat.stdout == 'zeile ä'"]}},
                ],
                gather_facts=True,
            )
        ],
        "-i",
        "alice,",
    )

    assert (tmp_path / "back").read_bytes() == data
    assert "changed=5 " in output.partition("PLAY RECAP")[2]


def test_a_guest_needs_no_network_and_no_python_for_raw(lab: Lab, ansible: Ansible) -> None:
    lab.guest("alice")

    output = ansible.run(
        "ansible",
        "all",
        "-i",
        "alice,",
        "-e",
        "ansible_connection=dumm.lab.dumm",
        "-m",
        "raw",
        "-a",
        "ls /sys/class/net; exit 3",
        code=2,
    )

    assert "rc=3" in output and "lo" in output and "eth0" not in output


def test_a_guest_that_does_not_run_is_unreachable_with_what_to_do(lab: Lab, ansible: Ansible) -> None:
    lab.guest("alice", state="present")

    output = ansible.run(
        "ansible",
        "all",
        "-i",
        "alice,nobody,",
        "-e",
        "ansible_connection=dumm.lab.dumm",
        "-m",
        "raw",
        "-a",
        "true",
        code=4,
    )

    assert "alice | UNREACHABLE" in output and "nobody | UNREACHABLE" in output
    assert f"guest alice of {lab.path}: it is not running; start it with dumm_guest" in " ".join(output.split())


def test_a_command_in_a_guest_is_ended_by_its_time_limit(lab: Lab, ansible: Ansible) -> None:
    lab.guest("alice")

    output = ansible.run(
        "ansible",
        "all",
        "-i",
        "alice,",
        "-e",
        "ansible_connection=dumm.lab.dumm dumm_timeout=1",
        "-m",
        "raw",
        "-a",
        "sleep 432",
        code=4,
    )

    assert "a command did not end within 1 s and was killed" in " ".join(output.split())
    assert lab.run("alice", "pgrep -f '[s]leep 432'").code == 1


def test_a_command_in_a_guest_may_take_longer_than_ansible_gives_a_connection(lab: Lab, ansible: Ansible) -> None:
    lab.guest("alice")

    output = ansible.play([_in_guests([{"ansible.builtin.raw": "sleep 3; echo awake"}])], "-i", "alice,", "-T", "1")

    assert _changes(output) == {"alice": 1}


def test_tasks_run_in_many_guests_at_the_same_time(lab: Lab, ansible: Ansible) -> None:
    names = [f"guest{number}" for number in range(4)]
    for name in names:
        lab.guest(name, mem=96)

    output = ansible.play(
        [
            _in_guests(
                [
                    {"ansible.builtin.shell": "echo I am $(cat /proc/sys/kernel/hostname)", "register": "said"},
                    {"ansible.builtin.assert": {"that": ["said.stdout == 'I am ' + inventory_hostname"]}},
                ]
            )
        ],
        "-i",
        ",".join(names) + ",",
    )

    assert _changes(output) == dict.fromkeys(names, 1)

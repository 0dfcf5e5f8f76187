# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection ``dumm.lab.dumm`` as Ansible uses it, in a guest with Python, and the warm Python behind it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from lab import COLLECTIONS, PATIENCE, Lab, await_empty_spool, fresh_lab, until
from programs import REBOOT, Ansible

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.channel import Completed, Script
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import GuestError

PYTHON = "/usr/bin/python3"
ASKED = f"/bin/sh -c '{PYTHON} && sleep 0'"
WAYS = pytest.mark.parametrize(
    "options", [{}, {"ansible_pipelining": False}, {"dumm_warm": False}], ids=["warm", "files", "cold"]
)
ALL_BYTES = bytes(range(256))


@pytest.fixture(scope="module")
def alice() -> Iterator[Lab]:
    """A lab with one running guest, alice."""
    with fresh_lab() as fresh:
        fresh.guest("alice", mem=256)
        yield fresh


@pytest.fixture
def ansible(alice: Lab, tmp_path: Path) -> Ansible:
    """Ansible, with that lab as its own."""
    return Ansible(alice, tmp_path)


def in_alice(tasks: list[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
    """A play in alice."""
    settings = {"ansible_connection": "dumm.lab.dumm", "ansible_python_interpreter": PYTHON, **options}
    return [{"hosts": "alice", "gather_facts": False, "vars": settings, "tasks": tasks}]


def play(ansible: Ansible, tasks: list[dict[str, Any]], **options: Any) -> str:
    """Run tasks in alice."""
    return ansible.play(in_alice(tasks, **options), "-i", "alice,")


def script(lab: Lab, text: str, **environment: str) -> Completed:
    """Run a Python script in alice's warm Python."""
    return lab.channel("alice").run(ASKED, text.encode(), warm=Script(PYTHON, environment))


def warm_pid(lab: Lab) -> int:
    """The warm Python's process in alice; it is started where there is none."""
    done = script(lab, "import os; print(os.getppid())")
    assert done.code == 0, done
    return int(done.stdout)


@WAYS
def test_words_files_and_exit_codes_pass_as_they_are(ansible: Ansible, tmp_path: Path, options: dict[str, Any]) -> None:
    """What ansible-core's own tests ask of each connection: letters of all kinds, in commands and names, and both directions."""
    name = "汉语 ü'\"$x\n."
    (tmp_path / "bytes").write_bytes(ALL_BYTES * 1000)
    ran = {"cmd": 'printf "%s" "$WORD"; printf err >&2; exit 7'}
    tasks = [
        {"raw": "echo 汉语", "register": "raw"},
        {"assert": {"that": ["'汉语' in raw.stdout_lines"]}},
        {"shell": ran, "environment": {"WORD": name}, "register": "ran", "failed_when": "ran.rc != 7"},
        {"assert": {"that": ["ran.stdout == word", "ran.stderr == 'err'"]}, "vars": {"word": name}},
        {"copy": {"src": str(tmp_path / "bytes"), "dest": "/root/汉语-{{ suffix }}"}, "vars": {"suffix": "a b'c"}},
        {"copy": {"content": "", "dest": "/root/empty"}},
        {"fetch": {"src": "/root/汉语-a b'c", "dest": f"{tmp_path}/", "flat": True}},
        {"fetch": {"src": "/root/empty", "dest": f"{tmp_path}/", "flat": True}},
        {"file": {"path": "/root/汉语-a b'c", "state": "absent"}},
    ]

    play(ansible, tasks, **options)

    assert (tmp_path / "汉语-a b'c").read_bytes() == ALL_BYTES * 1000
    assert (tmp_path / "empty").read_bytes() == b""


@WAYS
def test_names_with_a_newline_and_arguments_of_200_kilobytes_pass_as_they_are(
    ansible: Ansible, alice: Lab, tmp_path: Path, options: dict[str, Any]
) -> None:
    odd, text = "/root/two\nlines 'a' \"b\" $c \\d;e", "".join(f"{number} ü\n" for number in range(25_000))
    assert len(text.encode()) > 200_000
    tasks = [
        {"copy": {"content": "{{ text }}", "dest": "{{ odd }}"}},
        {"stat": {"path": "{{ odd }}"}, "register": "found"},
        {"assert": {"that": "found.stat.size == text | string | length + 25000", "quiet": True}},
        {"fetch": {"src": "{{ odd }}", "dest": f"{tmp_path}/fetched", "flat": True}},
        {"command": {"argv": ["printf", "%s", "{{ odd }}"]}, "register": "told"},
        {"assert": {"that": "told.stdout == odd"}},
        {"file": {"path": "{{ odd }}", "state": "absent"}},
    ]

    play(ansible, tasks, **options, odd=odd, text=text)

    assert (tmp_path / "fetched").read_text() == text
    assert alice.read("alice", "ls /root | grep -c lines || true") == "0\n"


@WAYS
def test_tasks_may_become_another_user(ansible: Ansible, options: dict[str, Any]) -> None:
    tasks = [
        {"user": {"name": "tester"}},
        # On hostfs only root can make files (docs/explanation/architecture.md, "Users in the guest").
        {"raw": "mountpoint -q /tmp || mount -t tmpfs -o mode=1777 tmpfs /tmp"},
        {
            "command": "id -un",
            "become": True,
            "become_user": "tester",
            "become_method": "su",
            "register": "became",
            "vars": {"ansible_remote_tmp": "/tmp/.ansible"},
        },
        {"assert": {"that": ["became.stdout == 'tester'"]}},
        {"command": "id -un", "become": True, "become_method": "su", "register": "root"},
        {"assert": {"that": ["root.stdout == 'root'"]}},
    ]

    play(ansible, tasks, **{**options, "ansible_shell_allow_world_readable_temp": True})


def test_interpreters_facts_and_background_tasks(ansible: Ansible) -> None:
    tasks = [
        {"wait_for_connection": {"timeout": 60}},
        {"setup": {"gather_subset": "!all"}},
        {
            "assert": {
                "that": ["ansible_facts.hostname == 'alice'", "ansible_facts.python.executable == '/usr/bin/python3'"]
            }
        },
        {"meta": "reset_connection"},
        {"shell": "sleep 2; echo slept", "async": 60, "poll": 1, "register": "slept"},
        {"assert": {"that": ["slept.stdout == 'slept'"]}},
        {"script": {"cmd": "told.sh"}, "register": "told"},
        {"assert": {"that": ["told.stdout == 'told'"]}},
    ]
    Path(ansible.write([])).with_name("told.sh").write_text("#!/bin/sh\nprintf told\n")

    play(ansible, tasks, ansible_python_interpreter="auto_silent")


def test_a_guest_that_reboots_itself_is_started_again(ansible: Ansible, alice: Lab) -> None:
    before = alice.process("alice").pid
    play(ansible, [REBOOT, {"command": "true"}])

    assert alice.process("alice").pid != before


def test_a_guest_that_was_stopped_is_not(ansible: Ansible, lab: Lab, tmp_path: Path) -> None:
    lab.guest("bob")
    lab.guest("bob", state="stopped")

    output = Ansible(lab, tmp_path).play(
        [
            {
                "hosts": "bob",
                "gather_facts": False,
                "vars": {"ansible_connection": "dumm.lab.dumm"},
                "tasks": [{"raw": "true"}],
            }
        ],
        "-i",
        "bob,",
        code=4,
    )

    assert "guest bob of" in output
    assert "is not running" in output


def test_links_that_a_guest_planted_lead_nowhere_on_the_host(ansible: Ansible, alice: Lab, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the host\n")
    alice.read(
        "alice", f"mkdir -p {tmp_path}; echo of the guest >{secret}; ln -sf {secret} /root/link; ln -sfn / /root/all"
    )
    tasks = [
        {"fetch": {"src": "/root/link", "dest": f"{tmp_path}/fetched", "flat": True}},
        {"copy": {"content": "put\n", "dest": f"/root/all{secret}"}},
        {"command": f"cat {secret}", "register": "inside"},
        {"assert": {"that": ["inside.stdout == 'put'"]}},
    ]

    play(ansible, tasks)

    assert (tmp_path / "fetched").read_text() == "of the guest\n"
    assert secret.read_text() == "of the host\n"


def test_fifty_megabytes_and_a_long_argument(ansible: Ansible, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(os.urandom(1 << 20) * 50)
    tasks = [
        {"copy": {"src": str(big), "dest": "/root/big", "mode": "0640"}},
        {"stat": {"path": "/root/big", "checksum_algorithm": "sha256"}, "register": "found"},
        {"assert": {"that": ["found.stat.checksum == digest", "found.stat.mode == '0640'", "found.stat.uid == 0"]}},
        {"shell": {"stdin": "{{ 'x' * 200000 }}", "cmd": "wc -c"}, "register": "counted"},
        {"assert": {"that": ["counted.stdout | int == 200001"]}},
        {"file": {"path": "/root/big", "state": "absent"}},
    ]

    play(ansible, tasks, digest=hashlib.sha256(big.read_bytes()).hexdigest())


def test_scripts_run_in_a_guest_without_a_python(ansible: Ansible, alice: Lab) -> None:
    Path(ansible.write([])).with_name("told.sh").write_text("#!/bin/sh\nprintf 'told %s' \"$1\"\nexit 4\n")
    alice.guest("bare")
    alice.read("bare", "rm $(readlink -f /usr/bin/python3) /usr/bin/python3")
    tasks = [
        {"script": {"cmd": "told.sh 'a b'"}, "register": "told", "failed_when": "told.rc != 4"},
        {"assert": {"that": "told.stdout == 'told a b'"}},
        {"raw": "cat /proc/sys/kernel/hostname", "register": "said"},
        {"assert": {"that": "said.stdout == 'bare\n'"}},
        {"ping": {}, "register": "pinged", "ignore_errors": True},
        {"assert": {"that": "pinged is failed"}},
    ]
    settings = {"ansible_connection": "dumm.lab.dumm", "ansible_python_interpreter": PYTHON}

    ansible.play([{"hosts": "bare", "gather_facts": False, "vars": settings, "tasks": tasks}], "-i", "bare,")


@pytest.mark.parametrize(
    ("guests", "hosts"), [(1, 50), pytest.param(20, 100, marks=pytest.mark.long)], ids=["one guest", "twenty guests"]
)
def test_many_tasks_run_at_the_same_time(ansible: Ansible, alice: Lab, guests: int, hosts: int) -> None:
    """Each of Ansible's hosts is one of the guests by another name, and every task of theirs runs at once."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: alice.guest(f"many{number}", mem=64), range(guests)))
    settings = {
        "ansible_connection": "dumm.lab.dumm",
        "ansible_dumm_guest": f"{{{{ 'many' ~ inventory_hostname[1:] | int % {guests} }}}}",
    }
    tasks = [
        {"raw": "echo {{ inventory_hostname }} in $(cat /proc/sys/kernel/hostname)", "register": "said"},
        {"assert": {"that": "said.stdout == inventory_hostname ~ ' in ' ~ ansible_dumm_guest ~ '\n'", "quiet": True}},
    ]
    names = ",".join(f"h{number}" for number in range(hosts))

    ansible.play(
        [{"hosts": "all", "gather_facts": False, "vars": settings, "tasks": tasks}], "-i", names, "-f", str(hosts)
    )

    for number in range(guests):
        alice.guest(f"many{number}", state="absent")


# The warm Python


def test_a_script_finds_what_a_python_of_its_own_finds(alice: Lab) -> None:
    look = """
import os, signal, sys
print(sys.argv, sys.path, __name__, sorted(vars()), sys.stdin.read(), sys.flags)
print(sorted((k, v) for k, v in os.environ.items() if k not in ("_", "OLDPWD", "SHLVL")), os.getcwd(), os.getpgrp() == os.getpid())
mask = os.umask(0); print(mask)
print([(s, str(signal.getsignal(s))) for s in sorted(signal.valid_signals())])
print(sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering, sys.getfilesystemencoding(), sys.stdin.isatty())
print(sorted(os.listdir("/proc/self/fd")))
"""
    cold = alice.channel("alice").run(ASKED, look.encode())
    warm = script(alice, look)

    def comparable(done: Completed) -> list[str]:
        """Its process group is its own here and the shell's there."""
        return done.stdout.decode().replace("True\n", "False\n").splitlines()

    assert comparable(warm) == comparable(cold), warm.stderr
    assert warm.code == cold.code == 0


@pytest.mark.parametrize(
    ("text", "code", "stderr"),
    [
        ("import sys; sys.exit(3)", 3, b""),
        ("import sys; sys.exit('why')", 1, b"why\n"),
        ("raise SystemExit", 0, b""),
        ("1 / 0", 1, b"ZeroDivisionError: division by zero\n"),
        ("if", 1, b"SyntaxError: invalid syntax\n"),
        ("import os; os._exit(9)", 9, b""),
        ("import os; os.kill(os.getpid(), 15)", 143, b""),
    ],
)
def test_a_script_ends_as_it_would(alice: Lab, text: str, code: int, stderr: bytes) -> None:
    done = script(alice, text)

    assert done.code == code
    assert done.stderr.endswith(stderr)


def test_nothing_of_a_script_reaches_the_next(alice: Lab) -> None:
    leave = """
import builtins, json, os, signal, sys, time
builtins.left = json.left = os.left = sys.left = 1
os.environ["LEFT"] = "1"; os.chdir("/tmp"); os.umask(0o77); signal.signal(signal.SIGTERM, signal.SIG_IGN)
json.dumps = None; sys.path.insert(0, "/tmp"); os.dup2(1, 77)
"""
    look = """
import builtins, json, os, signal, sys
print([hasattr(m, "left") for m in (builtins, json, os, sys)], "LEFT" in os.environ, os.getcwd(), os.umask(0))
print(signal.getsignal(15), json.dumps([1]), sys.path[0], os.path.exists("/proc/self/fd/77"))
"""
    before = script(alice, look).stdout
    assert script(alice, leave).code == 0

    assert script(alice, look).stdout == before
    assert before.startswith(b"[False, False, False, False] False /root 18\n")


def test_environments_that_count_at_the_start_of_python_get_one_of_their_own(alice: Lab) -> None:
    warm = warm_pid(alice)
    look = "import os, sys; print(os.environ.get('WORD'), sys.flags.optimize, os.getppid())"

    assert script(alice, look, WORD="a 'b' \"c\"").stdout.decode().split() == ["a", "'b'", '"c"', "0", str(warm)]
    # How it is asked for otherwise is in the command itself.
    asked = f"/bin/sh -c 'PYTHONOPTIMIZE=1 {PYTHON} && sleep 0'"
    cold = alice.channel("alice").run(asked, look.encode(), warm=Script(PYTHON, {"PYTHONOPTIMIZE": "1"}))
    assert cold.stdout.decode().split()[:2] == ["None", "1"]
    assert int(cold.stdout.split()[-1]) != warm


def test_a_package_that_is_installed_meanwhile_is_found(alice: Lab) -> None:
    assert script(alice, "import brandnew").code == 1
    alice.read(
        "alice",
        "mkdir -p /usr/local/lib/python3.11/dist-packages && echo 'X = 5' >/usr/local/lib/python3.11/dist-packages/brandnew.py",
    )

    assert script(alice, "import brandnew; print(brandnew.X)").stdout == b"5\n"
    alice.read("alice", "rm -r /usr/local/lib/python3.11/dist-packages")


# When something ends that should not


def test_what_runs_is_told_as_lost_when_the_warm_python_is_killed(alice: Lab) -> None:
    warm = warm_pid(alice)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(script, alice, "import time; open('/root/begun', 'w'); time.sleep(600)")
        until((alice.directory("alice").diff / "root/begun").exists, "the script to begin")
        pool.submit(lambda: _quietly(alice, f"rm /root/begun; kill -KILL {warm}"))

        with pytest.raises(GuestError, match="was killed while one ran"):
            running.result(PATIENCE)

    assert warm_pid(alice) != warm
    until(lambda: alice.run("alice", "pgrep -f '[t]ime.sleep'").code == 1, "all of it to be gone")


def _quietly(lab: Lab, text: str) -> None:
    """It may be lost itself."""
    with contextlib.suppress(GuestError):
        lab.run("alice", text)


def test_a_client_that_is_killed_takes_its_command_along(alice: Lab, tmp_path: Path) -> None:
    program = (
        "from lab import Lab; from pathlib import Path; import sys\n"
        "Lab(Path(sys.argv[1])).run('alice', 'touch /root/begun; exec sleep 4711', timeout=600)"
    )
    client = subprocess.Popen(
        [sys.executable, "-c", program, str(alice.path)],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
    )
    until((alice.directory("alice").diff / "root/begun").exists, "the command to begin")
    until(
        lambda: subprocess.run(["pgrep", "-P", str(client.pid)], capture_output=True, check=False).stdout, "its guard"
    )
    client.send_signal(signal.SIGKILL)
    client.wait()

    until(lambda: alice.run("alice", "pgrep -f '[s]leep 4711'").code == 1, "the command to be killed")
    await_empty_spool(alice, "alice")
    alice.read("alice", "rm /root/begun")


def test_output_without_an_end_is_stopped_while_it_is_written(alice: Lab) -> None:
    with pytest.raises(GuestError, match="wrote more than 1000000 bytes"):
        alice.channel("alice").run("exec yes", max_output=1_000_000, timeout=600)

    until(lambda: alice.run("alice", "pgrep -x yes").code == 1, "it to be killed")


def test_output_goes_to_a_file_where_one_is_given(alice: Lab) -> None:
    target = io.BytesIO()

    done = alice.channel("alice").run("cat", ALL_BYTES, stdout=target)

    assert (done.stdout, target.getvalue()) == (b"", ALL_BYTES)


def test_fifty_scripts_run_at_the_same_time(alice: Lab) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(lambda number: script(alice, f"import json; print(json.dumps({number}))").stdout, range(50))
        )

    assert answers == [f"{number}\n".encode() for number in range(50)]

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The public Python API on a real guest."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lab import PATIENCE, REPOSITORY, fresh_lab
from lab import Lab as Bed

# It is installed by scripts/setup.sh; where that was not run again, it is the same.
sys.path.append(str(REPOSITORY / "python"))

from dumm_lab import CommandFailed, CommandTimeout, GuestUnreachable, Lab, LabError

SCENARIO = """
bridges: {lan: {}}
defaults: {mem: 64}
guests:
  alice: {interfaces: {eth0: {bridge: lan, address: 10.9.0.1/24}}}
  bob: {interfaces: {eth0: {bridge: lan, address: [10.9.0.2/24, "fd09::2/64"]}}}
"""


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """A place for labs."""
    with fresh_lab() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def lab(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab that was made from a file by the API."""
    file = tmp_path_factory.mktemp("files") / "pair.yml"
    file.write_text(SCENARIO)
    lab = Lab(bed.path)
    assert lab.guests == {}

    planned = lab.apply(file, check=True)
    made = lab.apply(file)
    again = lab.apply(file)

    assert (planned.changed, planned.actions, made.changed) == (True, made.actions, True)
    assert (again.changed, again.actions) == (False, ())
    return lab


def test_a_lab_is_the_one_of_the_environment(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUMM_WORKDIR", str(lab.workdir))

    assert Lab().guests == lab.guests == {name: lab.guest(name) for name in ("alice", "bob")}


def test_a_command_returns_what_it_printed(lab: Lab) -> None:
    alice = lab.guest("alice")

    done = alice.run("echo one; echo two; echo complaint >&2")

    assert (done.code, done.ok, done.stdout, done.stderr) == (0, True, b"one\ntwo\n", b"complaint\n")
    assert (done.text, done.lines) == ("one\ntwo", ["one", "two"])
    assert alice.run("ip -j link show lo").json()[0]["ifname"] == "lo"
    assert alice.run(["printf", "%s|", "a b", "$HOME"]).text == "a b|$HOME|"


@pytest.mark.parametrize("given", ["ä\n", "ä\n".encode(), io.BytesIO("ä\n".encode())])
def test_a_command_reads_what_it_is_given(lab: Lab, given: str | bytes | io.BytesIO) -> None:
    assert lab.guest("alice").run("cat", input=given).stdout == "ä\n".encode()


def test_another_exit_code_than_0_is_an_error_unless_it_is_asked_for(lab: Lab) -> None:
    alice = lab.guest("alice")

    with pytest.raises(CommandFailed, match=r"^guest alice: 'echo no >&2; exit 3': exit code 3: no$") as failed:
        alice.run("echo no >&2; exit 3")

    assert failed.value.result == alice.run("echo no >&2; exit 3", check=False)


def test_a_command_that_takes_too_long_is_an_error_with_what_it_printed(lab: Lab) -> None:
    with pytest.raises(
        CommandTimeout, match=r"^guest alice: a command did not end within 1 s and was killed; "
    ) as late:
        lab.guest("alice").run("echo begun; sleep 300000", timeout=1)

    assert late.value.said == b"begun\n"
    assert isinstance(late.value, TimeoutError)


def test_a_program_may_be_left_running_in_the_background(lab: Lab) -> None:
    alice = lab.guest("alice")

    alice.run("setsid sleep 300000 >/dev/null 2>&1 &")

    assert alice.run("pkill -f 'sleep 300000'", check=False).code == 0


def test_many_threads_may_run_commands(lab: Lab) -> None:
    guests = [*lab.guests.values()] * 8

    with ThreadPoolExecutor(max_workers=len(guests)) as pool:
        told = list(pool.map(lambda guest: guest.run("uname -n", timeout=PATIENCE).text, guests))

    assert told == [guest.name for guest in guests]


def test_files_are_copied_in_both_directions(lab: Lab, tmp_path: Path) -> None:
    alice, here, back = lab.guest("alice"), tmp_path / "here", tmp_path / "back"
    here.write_bytes(os.urandom(1 << 20))
    here.chmod(0o750)

    alice.copy(here, "/root/it's here")
    alice.copy(b"content\n", "/root/short", mode=0o600)
    alice.fetch("/root/it's here", back)

    assert back.read_bytes() == here.read_bytes()
    assert alice.run('stat -c %a "/root/it\'s here" /root/short; cat /root/short').lines == ["750", "600", "content"]


def test_a_file_that_cannot_be_copied_is_told(lab: Lab, tmp_path: Path) -> None:
    alice, kept = lab.guest("alice"), tmp_path / "kept"
    kept.write_text("kept")

    for copying, said in (
        (lambda: alice.copy(tmp_path / "no", "/root/no"), f"file {tmp_path}/no: it cannot be read: No such file"),
        (lambda: alice.copy(b"", "/no/where"), "guest alice: /no/where: it cannot be written: .*nonexistent"),
        (lambda: alice.fetch("/no/where", kept), "guest alice: /no/where: it cannot be read: .*No such file"),
        (lambda: alice.fetch("/etc/passwd", "/no/where"), "file /no/where: it cannot be written: No such file"),
    ):
        with pytest.raises(LabError, match=f"^{said}"):
            copying()

    assert (kept.read_text(), list(tmp_path.iterdir())) == ("kept", [kept])


def test_packets_are_captured_meanwhile(lab: Lab, tmp_path: Path) -> None:
    alice, bob, file = lab.guest("alice"), lab.guest("bob"), tmp_path / "packets.pcapng"

    with alice.capture("eth0", file=file) as cable:
        alice.run("ping -c 2 -i 0.2 -w 60 10.9.0.2")
        asked = cable.count("icmp[icmptype] == icmp-echo and src alice")
        first = next(cable.packets("icmp and src alice"))

    assert asked >= 2
    assert (first.interface, first.direction, first.length) == ("alice:eth0", "out", 98)
    assert file.stat().st_size > 0 and cable.file == file
    with pytest.raises(LabError, match=r"^interface bob:eth7: guest bob has no interface eth7; did you mean eth0\?"):
        bob.capture("eth7").__enter__()


def test_a_guest_tells_its_state_and_addresses_and_changes_its_state(lab: Lab) -> None:
    bob = lab.guest("bob")
    assert (bob.state, bob.addresses) == ("running", {"eth0": ["10.9.0.2/24", "fd09::2/64"]})

    paused = bob.pause()
    with pytest.raises(GuestUnreachable, match=r"^guest bob: it is paused; "):
        bob.run("true")
    assert (paused.actions, bob.state, bob.start().actions) == (("pause guest bob",), "paused", ("resume guest bob",))

    stopped = bob.stop(wait_timeout=30)
    with pytest.raises(GuestUnreachable, match=r"^guest bob of .*: it is not running; start it with dumm_guest$"):
        bob.run("true")
    assert (stopped.changed, bob.stop().changed, bob.state) == (True, False, "stopped")

    assert (bob.start().changed, bob.restart().changed, bob.run("uname -n").text) == (True, True, "bob")
    assert lab.info()["guests"]["bob"]["state"] == "running"


def test_what_is_not_there_is_told(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"^guest alic of .*: there is no such guest; did you mean alice\? "):
        lab.guest("alic")
    with pytest.raises(LabError, match=r"/bad.yml:1:1: gests: unknown key gests; did you mean guests\? "):
        (tmp_path / "bad.yml").write_text("gests: {}\n")
        lab.apply(tmp_path / "bad.yml")
    with pytest.raises(TypeError, match="no option powr"):
        lab.apply(tmp_path / "bad.yml", powr="keep")
    assert set(lab.guests) == {"alice", "bob"}


def test_a_scenario_is_removed_with_all_its_guests(bed: Bed) -> None:
    lab = Lab(bed.path)

    made = lab.apply({"guests": {"extra": {"mem": 64}}}, name="more", power="keep")

    assert (made.changed, "extra" in lab.guests) == (True, True)
    assert (lab.remove("more").changed, "extra" in lab.guests, lab.remove("more").changed) == (True, False, False)

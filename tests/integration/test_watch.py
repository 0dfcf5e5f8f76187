# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever other processes change in a lab, a watch tells it, and is silent as long as nobody changes anything."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import HANG, PATIENCE, REPOSITORY, Lab, fresh_lab, has_namespace, prepare, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.glance import Glance
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenGuest, SeenLab
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.watch import Watch

DUMM = REPOSITORY / "scripts/dumm"


@pytest.fixture(scope="module")
def home() -> Iterator[Lab]:
    """A lab with a guest that runs and one that does not."""
    with fresh_lab() as lab:
        lab.bridge("lan")
        lab.guest("alice", state="present", mem=64)
        lab.iface("alice", "eth0", bridge="lan", address=["10.0.0.1/24"])
        lab.guest("alice")
        lab.guest("bob", state="present", mem=64)
        yield lab


@pytest.fixture
def watch(home: Lab) -> Iterator[Watch]:
    """It is watched."""
    with Watch(str(home.path)) as watch:
        yield watch
        # What it has heard piece by piece is what there is.
        while watch.wait(0.5) is not None:
            pass
        assert watch.lab == Glance(str(home.path)).lab()


def elsewhere(lab: Lab, module: str, **options: Any) -> None:
    """Have another process run a module."""
    done = subprocess.run(lab.command(module, **options), capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout


def told(watch: Watch, what: Callable[[SeenLab], object]) -> None:
    """Wait until the lab is seen to be as it should."""
    end = time.monotonic() + PATIENCE
    while not what(watch.lab):
        assert watch.wait(max(0.0, end - time.monotonic())) is not None, "waited in vain"


def state(name: str, wanted: str) -> Callable[[SeenLab], object]:
    """Whether a guest is in a state."""
    return lambda lab: lab.guests[name].state == wanted


def test_pauses_starts_and_stops_are_told(home: Lab, watch: Watch) -> None:
    for step, wanted in (("paused", "paused"), ("started", "running"), ("stopped", "stopped"), ("started", "running")):
        elsewhere(home, "guest", name="alice", state=step)

        told(watch, state("alice", wanted))


def test_each_state_of_a_start_and_a_stop_is_one_that_was_asked_for(home: Lab, watch: Watch) -> None:
    seen: list[str] = []

    def is_at(state: str, run: subprocess.Popen[bytes]) -> bool:
        update = watch.wait(0.1)
        if update is not None:
            seen.append(update.after.guests["alice"].state)
        return run.poll() is not None and watch.lab.guests["alice"].state == state

    for step, state in (("stopped", "stopped"), ("started", "running")):
        run = subprocess.Popen(home.command("guest", name="alice", state=step), stdout=subprocess.DEVNULL)
        until(functools.partial(is_at, state, run), f"alice to be {state}")

    states = [now for now, before in zip(seen, ["running", *seen], strict=False) if now != before]
    assert states in (["stopped", "starting", "running"], ["stopped", "running"])


def test_the_end_of_a_guest_is_told_with_the_reason(home: Lab, watch: Watch) -> None:
    os.kill(home.process("alice").pid, signal.SIGKILL)

    told(watch, state("alice", "died"))
    assert "was killed" in (watch.lab.guests["alice"].reason or "")
    elsewhere(home, "guest", name="alice")
    told(watch, state("alice", "running"))


def test_a_guest_that_boots_is_starting_until_it_answers(home: Lab, watch: Watch) -> None:
    run = subprocess.Popen(home.command("guest", name="slow", mem=64, cmdline=HANG), stdout=subprocess.DEVNULL)
    try:
        told(watch, lambda lab: "slow" in lab.guests and lab.guests["slow"].state == "starting")
    finally:
        # It would end a guest that answers, and gives no more answers.
        run.kill()
        run.wait()
    # Its first word, as a guest says it.
    (home.directory("slow").spool / "hello").mkdir()
    told(watch, state("slow", "running"))
    elsewhere(home, "guest", name="slow", state="absent", wait_timeout=3)
    told(watch, lambda lab: "slow" not in lab.guests)


def test_a_process_that_is_not_in_its_place_yet_is_looked_at_again(
    home: Lab, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Glance.guests
    early = 3

    def guests(glance: Glance, names: Iterable[str] | None = None) -> dict[str, SeenGuest]:
        nonlocal early
        found = seen(glance, names)
        if early and "slow" in found and found["slow"].alive:
            early -= 1
            found["slow"] = dataclasses.replace(found["slow"], state="stopped", pid=None, started=None)
        return found

    monkeypatch.setattr(Glance, "guests", guests)
    run = subprocess.Popen(home.command("guest", name="slow", mem=64, cmdline=HANG), stdout=subprocess.DEVNULL)
    try:
        told(watch, lambda lab: "slow" in lab.guests and lab.guests["slow"].state == "starting")
        assert early == 0
    finally:
        run.kill()
        run.wait()
    elsewhere(home, "guest", name="slow", state="absent", wait_timeout=3)
    told(watch, lambda lab: "slow" not in lab.guests)


def test_interfaces_and_bridges_are_told_as_they_are_defined_and_as_they_are(home: Lab, watch: Watch) -> None:
    elsewhere(home, "bridge", name="wan", address=["10.9.0.1/24"])
    told(watch, lambda lab: "wan" in lab.bridges and lab.devices["wan"].addresses == ("10.9.0.1/24",))
    elsewhere(home, "iface", guest="alice", name="eth0", bridge="wan")
    told(watch, lambda lab: lab.taps["alice:eth0"].bridge == "wan")
    assert watch.lab.guests["alice"].interfaces[0].bridge == "wan"
    elsewhere(home, "iface", guest="alice", name="eth0", bridge="lan")
    elsewhere(home, "bridge", name="wan", state="absent")
    told(watch, lambda lab: "wan" not in lab.bridges and "wan" not in lab.devices)
    assert watch.lab.taps["alice:eth0"].bridge == "lan"


def test_what_somebody_does_with_ip_is_told(home: Lab, watch: Watch) -> None:
    device = watch.lab.devices["lan"].name
    for words, up in ((("set", device, "down"), False), (("set", device, "up"), True)):
        assert home.host("ip", "link", *words).returncode == 0
        told(watch, lambda lab, up=up: lab.devices["lan"].up == up)
    home.host("ip", "addr", "add", "10.0.0.9/24", "dev", device)
    told(watch, lambda lab: lab.devices["lan"].addresses == ("10.0.0.9/24",))
    home.host("ip", "addr", "del", "10.0.0.9/24", "dev", device)
    told(watch, lambda lab: lab.devices["lan"].addresses == ())


def test_files_that_somebody_edits_are_told(home: Lab, watch: Watch) -> None:
    home.directory("bob").mem.write_text("72\n")
    told(watch, lambda lab: lab.guests["bob"].mem == 72)
    definition = home.directory("bob").definition
    before = definition.read_text()
    definition.write_text("{")
    told(watch, state("bob", "unreadable"))
    definition.write_text(before)
    told(watch, state("bob", "stopped"))


def test_a_scenario_that_is_made_loaded_unloaded_and_taken_away_is_told(home: Lab, watch: Watch) -> None:
    config = {"guests": {"carol": {"mem": 64, "files": {"/etc/issue": {"content": "hello\n"}}}}}
    elsewhere(home, "scenario", name="vpn", config=config)
    told(watch, lambda lab: "carol" in lab.guests and lab.guests["carol"].loaded == "vpn")
    elsewhere(home, "scenario", name="vpn", state="unloaded")
    told(watch, lambda lab: lab.guests["carol"].loaded is None)
    directory = home.workdir.scenario("vpn").parent
    directory.mkdir(parents=True, exist_ok=True)
    home.workdir.scenario("vpn").write_text(json.dumps(config))
    told(watch, lambda lab: "vpn" in lab.scenarios)
    number = watch.lab.scenarios["vpn"]
    home.workdir.scenario("vpn").write_text(json.dumps(config, indent=1))
    told(watch, lambda lab: lab.scenarios["vpn"] != number)
    elsewhere(home, "scenario", name="vpn", state="absent")
    told(watch, lambda lab: "carol" not in lab.guests)
    shutil.rmtree(directory)
    told(watch, lambda lab: "vpn" not in lab.scenarios)


def test_a_disk_of_its_own_moves_what_is_watched(home: Lab, watch: Watch) -> None:
    elsewhere(home, "guest", name="bob", disk=16)
    told(watch, state("bob", "running"))
    assert home.directory("bob").own != home.directory("bob").path
    elsewhere(home, "guest", name="bob", state="stopped")
    told(watch, state("bob", "stopped"))
    home.directory("bob").mem.write_text("80\n")
    told(watch, lambda lab: lab.guests["bob"].mem == 80)
    elsewhere(home, "guest", name="bob", state="absent")
    told(watch, lambda lab: "bob" not in lab.guests)
    elsewhere(home, "guest", name="bob", state="present", mem=64)
    told(watch, lambda lab: "bob" in lab.guests)


def test_more_news_than_the_kernel_keeps_costs_one_look(home: Lab, watch: Watch) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    mem = home.directory("bob").mem
    # No two of the same, which the kernel would count as one.
    for number in range(limit // 2 + 1):
        home.workdir.guests.joinpath(f".x{number}").touch()
        home.workdir.guests.joinpath(f".x{number}").unlink()
    mem.write_text("96\n")
    told(watch, lambda lab: lab.guests["bob"].mem == 96)
    mem.write_text("64\n")
    told(watch, lambda lab: lab.guests["bob"].mem == 64)
    device = watch.lab.devices["lan"].name
    batch = f"link set {device} down\nlink set {device} up\n" * 1000 + f"link set {device} down\n"
    subprocess.run(["ip", "-n", home.name, "-batch", "-"], input=batch.encode(), check=True, timeout=PATIENCE)
    told(watch, lambda lab: not lab.devices["lan"].up)
    assert home.host("ip", "link", "set", device, "up").returncode == 0
    told(watch, lambda lab: lab.devices["lan"].up)


def test_nothing_wakes_a_watch_as_long_as_nothing_changes(home: Lab, watch: Watch) -> None:
    while watch.wait(0.5):
        pass
    before = time.process_time()
    # A guest that is asked for something does not change.
    assert home.run("alice", "ping -c 3 -i 0.2 10.0.0.1").code == 0
    home.info()

    assert watch.wait(1.0) is None
    assert watch.step() is None
    spent = time.process_time()
    assert watch.wait(2.0) is None
    assert time.process_time() - spent < max(0.02, spent - before)


def test_a_lab_may_be_made_go_and_come_again(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "lab"
    with Watch(str(path)) as watch:
        assert watch.lab.name is None
        for _turn in range(2):
            path.parent.mkdir(parents=True)
            lab = prepare(path)
            elsewhere(lab, "guest", name="alice", mem=64)
            told(watch, lambda lab: "alice" in lab.guests and lab.guests["alice"].state == "running")
            lab.teardown()
            told(watch, lambda lab: not lab.guests)
            assert not has_namespace(lab.name)
            assert not watch.lab.present
            # Whoever listens in a namespace keeps it.
            assert watch._links is None
            assert lab.leftovers() == []
            shutil.rmtree(tmp_path / "a")
            told(watch, lambda lab: lab.name is None)


def test_a_watch_gives_all_descriptors_back(home: Lab) -> None:
    before = os.listdir("/proc/self/fd")
    with Watch(str(home.path)):
        assert len(os.listdir("/proc/self/fd")) > len(before)
    assert os.listdir("/proc/self/fd") == before


@contextmanager
def command(lab: Lab, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on until it is told to end."""
    run = subprocess.Popen(
        [DUMM, words[0], "-w", lab.path, *words[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield run
    finally:
        run.kill()
        run.communicate()


def events(run: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], object]) -> list[dict[str, Any]]:
    """All events up to one that is wanted."""
    found = []
    assert run.stdout is not None
    while not found or not wanted(found[-1]):
        line = run.stdout.readline()
        assert line, "it ended"
        found.append(json.loads(line))
    return found


def test_dumm_events_prints_what_is_there_and_what_others_change(home: Lab) -> None:
    with command(home, "events", "--initial") as run:
        found = events(run, lambda event: event["name"] == "bob")
        assert {(each["event"], each["name"], each["change"]) for each in found} >= {
            *((kind, name, "added") for kind, name in (("guest", "alice"), ("link", "alice:eth0"), ("bridge", "lan")))
        }
        elsewhere(home, "guest", name="alice", state="paused")
        assert events(run, lambda event: event["name"] == "alice")[-1]["before"] == {"state": "running"}
        elsewhere(home, "guest", name="alice", state="started")
        assert events(run, lambda event: event["name"] == "alice")[-1]["before"] == {"state": "paused"}
        run.send_signal(signal.SIGINT)
        assert (run.wait(PATIENCE), run.stderr and run.stderr.read()) == (-signal.SIGINT, "")


def test_dumm_events_counts_what_moves(home: Lab) -> None:
    with command(home, "events", "--kind", "counters") as run:
        home.run("alice", "ping -i 0.05 -c 20 -W 1 10.0.0.7; true")
        assert events(run, lambda event: True)[0]["links"]["alice:eth0"]["tx_packets"] > 0


def test_dumm_events_ends_quietly_when_its_reader_does_although_nothing_happens(home: Lab) -> None:
    with command(home, "events", "--initial") as run:
        events(run, lambda event: event["name"] == "bob")
        assert run.stdout is not None and run.stderr is not None
        run.stdout.close()

        assert run.wait(PATIENCE) == -signal.SIGPIPE
        assert run.stderr.read() == ""


def test_dumm_inspect_shows_the_table_again_at_each_change_and_ends_with_its_terminal(home: Lab) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    run = subprocess.Popen(
        [DUMM, "inspect", "-w", home.path, "--watch"],
        stdin=theirs,
        stdout=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        shown = read_until(ours, b"\x1b[32mrunning\x1b[0m")
        assert shown.startswith(b"\x1b[H\x1b[J")
        elsewhere(home, "guest", name="alice", state="paused")
        read_until(ours, b"\x1b[33mpaused\x1b[0m")
        elsewhere(home, "guest", name="alice", state="started")
        read_until(ours, b"\x1b[32mrunning\x1b[0m")
    finally:
        os.close(ours)
    try:
        # It has nothing to write, and sees it all the same.
        assert run.wait(PATIENCE) != 0
    finally:
        run.kill()


def read_until(fd: int, wanted: bytes) -> bytes:
    """What a terminal shows, up to something."""
    found = b""
    end = time.monotonic() + PATIENCE
    while wanted not in found:
        assert select.select([fd], [], [], max(0.0, end - time.monotonic()))[0], found
        found += os.read(fd, 65536)
    return found

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stories of people who change a lab on the map: cables, conditions, power, layers, saved states, drafts that others see."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import Browsing, until
from hand import Hand, cable, guest
from lab import Lab, fresh_lab
from served import Served, lab_of, served

CAMPUS = """\
# The campus of the stories.
guests:
  alice: {interfaces: {eth0: {bridge: lan}}}
  bob: {interfaces: {eth0: {bridge: lan}}}
  carol: {}   # still alone
bridges:
  lan: {prefix: 10.1.0.0/24}
links:
  - {a: 'alice:eth1', b: 'bob:eth1', prefix: 172.16.0.0/30}
  - {a: 'alice:eth3', b: 'bob:eth3'}
tests:
  near: {steps: [{ping: alice -> bob}]}
  far: {steps: [{ping: alice -> 10.66.0.1}]}
"""
CABLE, OTHER = "alice:eth1--bob:eth1", "alice:eth3--bob:eth3"
ALL = ("guest alice", "guest bob", "guest carol", "bridge lan")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three guests; what a story adds stays for the next."""
    with lab_of(CAMPUS) as made:
        yield made


@pytest.fixture
def here(lab: Lab) -> Iterator[Served]:
    """Its map."""
    with served(lab.path) as map_:
        yield map_


def text(lab: Lab) -> str:
    """The scenario's file."""
    return (lab.path / "scenarios/campus/config").read_text()


def is_settled(lab: Lab) -> bool:
    """Whether the scenario has nothing left to do."""
    return not lab.scenario("campus", check=True)["changed"]


def test_a_cable_is_drawn_planned_applied_saved_and_pinged_through(lab: Lab, here: Served, browser: Browsing) -> None:
    before = text(lab).splitlines()
    page = browser.open(here.address)
    hand = Hand(page, *ALL)
    page.shoot("edit-01-start")

    hand.press("c")
    hand.drag("guest carol", "guest alice")
    page.shoot("edit-02-form")
    assert hand.field("Interface of carol").input_value() == "eth0"
    assert hand.field("Interface of alice").input_value() == "eth2"
    hand.field("Prefix").fill("10.99.0.0/30")
    hand.button("Add").click()
    hand.bar_says("1 change")
    hand.sees("cable alice:eth2--carol:eth0")
    hand.press("Escape")
    page.shoot("edit-03-draft")
    assert text(lab).splitlines() == before, "a draft changes no file"

    hand.button("Plan …").click()
    hand.dialog().get_by_text("make interface carol:eth0").wait_for()
    page.shoot("edit-04-plan")
    added = hand.dialog().locator(".line.added")
    assert added.count() == 1
    assert "carol:eth0" in added.inner_text()
    hand.dialog().get_by_role("button", name="Apply and save").click()
    until(page, lambda: not hand.tab.locator("dialog[open]").count(), "the end of the run")
    page.until("() => dummPage.model().view.cables['alice:eth2--carol:eth0']?.state === 'up'")

    hand.tab.mouse.dblclick(*hand.point("guest carol"))
    hand.terminal_says("carol", "#")
    hand.tab.keyboard.type("ping -c 2 -i 0.2 -w 60 10.99.0.2; echo 10.99.0.1 too; ping -c 1 -w 60 10.99.0.1\n")
    hand.terminal_says("carol", "10.99.0.1 too\n")
    found = hand.terminal_says("carol", "1 packets transmitted, 1 ")
    assert len(re.findall(r", 0% packet loss", found)) == 2
    page.shoot("edit-05-terminal")

    after = text(lab).splitlines()
    assert [line for line in after if line not in before] == [line for line in after if "carol:eth0" in line]
    assert len(after) == len(before) + 1
    assert is_settled(lab)


def test_a_slider_slows_a_ping_that_runs(lab: Lab, here: Served, browser: Browsing) -> None:
    page = browser.open(here.address)
    hand = Hand(page, *ALL)
    hand.choose(guest("alice"))
    hand.press("t")
    hand.terminal_says("alice", "#")
    hand.tab.keyboard.type("ping -i 0.5 172.16.0.2\n")
    hand.terminal_says("alice", "icmp_seq=")
    hand.choose(cable(CABLE))
    slider = hand.tab.get_by_role("slider", name="Delay")
    slider.evaluate("each => { each.value = 60; each.dispatchEvent(new Event('input', {bubbles: true})); }")
    hand.bar_says("1 change")
    page.shoot("edit-06-slider")
    hand.carried_out("Apply and save")
    until(
        page,
        lambda: re.search(r"time=(1[2-9]\d|[2-9]\d\d|\d{4,})", hand.terminal_says("alice", "time=")),
        "a slow ping",
    )
    page.shoot("edit-07-slow")
    assert "delay: 60ms" in text(lab)
    assert is_settled(lab)


def test_a_cable_is_drawn_by_keyboard_alone_and_undone(lab: Lab, here: Served, browser: Browsing) -> None:
    before = text(lab)
    page = browser.open(here.address, dark=True)
    hand = Hand(page, *ALL)
    hand.choose(guest("carol"))
    hand.press("c")
    assert hand.field("To").evaluate("each => each === document.activeElement")
    hand.tab.keyboard.type("nobody")
    hand.tab.keyboard.press("Enter")
    until(page, hand.trouble, "an error")
    assert 'There is no guest and no segment "nobody"' in hand.trouble()
    hand.field("To").fill("lan")
    hand.tab.keyboard.press("Enter")
    hand.dialog().get_by_text("Plug carol into lan").wait_for()
    port = f"port carol:{hand.field('Interface').input_value()}"
    hand.tab.keyboard.press("Enter")
    hand.bar_says("1 change")
    hand.sees(port)
    page.shoot("edit-08-keyboard-dark")
    hand.press("Control+z")
    hand.misses(port)
    hand.press("Control+Shift+z")
    hand.sees(port)
    hand.button("Discard").click()
    hand.misses(port)
    assert text(lab) == before


def test_two_pages_share_a_draft_that_survives_a_reload_and_a_restart(lab: Lab, browser: Browsing) -> None:
    with served(lab.path) as first:
        one = browser.open(first.address)
        hand = Hand(one, *ALL)
        two = browser.open_beside(one)
        other = Hand(two, *ALL)
        hand.press("g")
        hand.field("Name").fill("dora")
        hand.button("Add").click()
        other.sees("guest dora")
        assert other.changed() == ["guest dora"]
        other.bar_says("1 change")
        until(two, lambda: "dora" in other.toasts(), "news of the other page")
        two.shoot("edit-09-other-page")
        two.tab.reload()
        Hand(two, "guest dora").bar_says("1 change")
    with served(lab.path) as second:
        page = browser.open(second.address)
        again = Hand(page, "guest dora")
        again.bar_says("1 change")
        again.button("Discard").click()
        again.misses("guest dora")
    # The first server's end is no fault of the pages.
    for each in (one, two):
        each.complaints.clear()


def test_a_draft_over_a_changed_file_is_refused_until_it_is_taken_over(
    lab: Lab, here: Served, browser: Browsing
) -> None:
    page = browser.open(here.address)
    hand = Hand(page, *ALL)
    hand.choose(guest("carol"))
    hand.press("Delete")
    hand.bar_says("1 change")
    file = lab.path / "scenarios/campus/config"
    file.write_text(text(lab).replace("# still alone", "# no more alone"))
    hand.bar_says("The file has changed")
    hand.button("Difference …").click()
    page.shoot("edit-10-stale")
    hand.button("Take my changes over").click()
    until(page, lambda: "The file has changed" not in hand.bar_text(), "the draft on the new text")
    assert "# no more alone" in page.evaluate("dummPage.model().draft.saved_text")
    assert "carol" not in page.evaluate("Object.keys(dummPage.model().draft.wanted.guests).join()")
    hand.button("Discard").click()
    hand.sees("guest carol")


def test_free_text_shows_its_fault_and_loses_nothing(here: Served, browser: Browsing) -> None:
    page = browser.open(here.address)
    hand = Hand(page, *ALL)
    hand.press("e")
    area = hand.dialog().locator("textarea")
    area.fill(area.input_value().replace("bridge: lan}}}\n  bob", "bridge: lam}}}\n  bob"))
    hand.button("Take into the draft").click()
    until(page, hand.trouble, "the fault")
    assert "lam" in hand.trouble()
    page.shoot("edit-11-fault")
    hand.tab.keyboard.press("Escape")
    hand.bar_says("Fault")
    assert hand.button("Plan …").is_disabled()
    page.shoot("edit-12-fault-bar")
    hand.button("Undo").click()
    until(page, lambda: "Fault" not in hand.bar_text(), "no fault")


def test_guests_are_paused_resumed_and_stopped_together(lab: Lab, here: Served, browser: Browsing) -> None:
    page = browser.open(here.address)
    hand = Hand(page, *ALL)
    hand.choose(guest("alice"), guest("bob"))
    hand.button("Pause alice, bob").click()
    page.until("() => ['alice', 'bob'].every(each => dummPage.model().view.guests[each].state === 'paused')")
    hand.button("Resume alice, bob").wait_for()
    page.shoot("edit-13-paused")
    hand.button("Settings of 2 guests").click()
    hand.field("Group").fill("core")
    page.shoot("edit-13b-group")
    hand.dialog().get_by_role("button", name="Change").click()
    hand.bar_says("1 change")
    page.until("() => dummPage.model().draft.wanted.guests.bob.groups.join() === 'core'")
    hand.button("Discard").click()
    hand.button("Resume alice, bob").click()
    page.until("() => ['alice', 'bob'].every(each => dummPage.model().view.guests[each].state === 'running')")
    hand.tab.get_by_label("show the plan first").check()
    hand.choose(guest("carol"))
    hand.button("Stop carol").click()
    hand.dialog().get_by_text("carol").first.wait_for()
    page.shoot("edit-14-stop-plan")
    hand.button("Do it").click()
    page.until("() => dummPage.model().view.guests.carol.state === 'stopped'")
    hand.button("Start carol").click()
    hand.button("Do it").click()
    page.until("() => dummPage.model().view.guests.carol.state === 'running'")


def test_a_saved_state_is_made_restored_and_removed(lab: Lab, here: Served, browser: Browsing) -> None:
    page = browser.open(here.address)
    hand = Hand(page, *ALL)
    lab.run("carol", "echo one >/root/kept")
    hand.choose(guest("carol"))
    hand.button("Make a saved state of carol").click()
    hand.field("Name").fill("first")
    hand.dialog().get_by_role("button", name="Next", exact=True).click()
    hand.button("Do it").click()
    hand.button("Restore saved state first").wait_for()
    page.shoot("edit-15-save")
    page.until("() => dummPage.model().view.guests.carol.state === 'running'")
    lab.run("carol", "echo two >/root/kept")
    hand.button("Restore saved state first").click()
    hand.button("Do it").click()
    until(page, lambda: "as in saved state first" in hand.toasts(), "the restored guest")
    assert lab.read("carol", "cat /root/kept").strip() == "one"
    hand.button("Remove saved state first").click()
    page.until("() => dummPage.model().view.guests.carol.saves.length === 0")


def test_a_scenario_is_loaded_as_a_layer_and_unloaded(lab: Lab, here: Served, browser: Browsing) -> None:
    layer = lab.path / "scenarios/greeting"
    (layer / "diff/carol/etc").mkdir(parents=True)
    (layer / "diff/carol/etc/greeting").write_text("hello\n")
    (layer / "config").write_text("guests: {carol: {}}\n")
    page = browser.open(here.address)
    hand = Hand(page, *ALL)
    hand.press("y")
    hand.button("Load scenario greeting").click()
    hand.button("Unload scenario greeting").wait_for()
    until(page, lambda: "greeting is loaded" in hand.dialog().inner_text(), "the word of it")
    page.shoot("edit-16-layers")
    assert lab.read("carol", "cat /etc/greeting") == "hello\n"
    hand.button("Unload scenario greeting").click()
    until(page, lambda: "greeting is unloaded" in hand.dialog().inner_text(), "the word of it")
    assert lab.run("carol", "test -e /etc/greeting").code != 0


def test_checks_are_red_and_green_on_the_map(here: Served, browser: Browsing) -> None:
    page = browser.open(here.address)
    hand = Hand(page, *ALL)
    hand.press("k")
    hand.button("Run all").click()
    until(page, lambda: "1 passed, 1 failed" in hand.tab.locator(".checkstab").inner_text(), "both verdicts")
    page.shoot("edit-17-checks")
    assert hand.tab.locator(".checks .passed b").inner_text() == "near"
    assert hand.tab.locator(".checks li:not(.passed) b").inner_text() == "far"
    assert page.evaluate("dummPage.map.cy.getElementById('guest bob').hasClass('good')")
    assert page.evaluate("dummPage.map.cy.getElementById('guest alice').hasClass('bad')"), "red wins"


def test_packets_come_as_a_file_and_as_a_list(lab: Lab, here: Served, browser: Browsing, tmp_path: Path) -> None:
    page = browser.open(here.address)
    hand = Hand(page, *ALL)
    lab.run("alice", "ping -i 0.3 172.16.0.2 >/dev/null &")
    hand.choose(cable(CABLE))
    hand.button("Download packets of the cable").click()
    hand.field("Seconds").fill("")
    hand.field("Packets at most").fill("4")
    hand.field("Filter").fill("icmp")
    page.shoot("edit-18-download")
    with hand.tab.expect_download() as coming:
        hand.dialog().get_by_role("button", name="Download", exact=True).click()
    file = tmp_path / "packets.pcapng"
    coming.value.save_as(file)
    told = subprocess.run(["tshark", "-r", str(file), "-Y", "icmp"], check=True, capture_output=True, text=True).stdout
    assert told.count("Echo (ping)") == 4

    hand.button("Watch packets of the cable").click()
    rows = hand.tab.locator(".packets tbody tr[data-protocol=ICMP]")
    until(page, lambda: rows.count() >= 4, "packets in the list")
    hand.button("Stop").click()
    page.shoot("edit-19-packets")
    with hand.tab.expect_download() as saved:
        hand.tab.get_by_role("button", name=re.compile("^Save packets")).click()
    saved.value.save_as(file)
    told = subprocess.run(["tshark", "-r", str(file)], check=True, capture_output=True, text=True).stdout
    assert "Echo (ping)" in told
    lab.run("alice", "pkill ping")


def test_a_terminal_tells_that_its_guest_stopped_and_connects_again(lab: Lab, here: Served, browser: Browsing) -> None:
    page = browser.open(here.address, dark=True)
    hand = Hand(page, *ALL)
    hand.choose(guest("bob"))
    hand.press("t")
    hand.terminal_says("bob", "#")
    hand.tab.get_by_role("button", name="Another terminal of bob").click()
    hand.terminal_says("bob 2", "#")
    hand.tab.keyboard.press("F6")
    assert page.evaluate("!document.activeElement.closest('.xterm')"), "F6 leads out of the terminal"
    lab.guest("bob", state="stopped")
    hand.terminal_says("bob 2", "Enter connects again")
    page.shoot("edit-20-stopped-dark")
    hand.choose(guest("bob"))
    hand.tab.get_by_label("show the plan first").uncheck()
    hand.button("Start bob").click()
    page.until("() => dummPage.model().view.guests.bob.state === 'running'")
    hand.tab.locator(".terminal:visible .xterm-helper-textarea").focus()
    hand.tab.keyboard.press("Enter")
    hand.tab.keyboard.type("echo here$((40 + 2))\n")
    hand.terminal_says("bob 2", "here42")


def test_a_cable_is_drawn_from_the_handle_of_a_guest(here: Served, browser: Browsing) -> None:
    page = browser.open(here.address)
    hand = Hand(page, *ALL)
    hand.tab.mouse.move(*hand.point("guest carol"))
    handle = hand.tab.locator(".porthandle")
    handle.wait_for()
    box = handle.bounding_box()
    assert box is not None
    hand.tab.mouse.move(box["x"] + 9, box["y"] + 9)
    hand.tab.mouse.down()
    hand.tab.mouse.move(*hand.point("guest bob"), steps=6)
    page.shoot("edit-22-handle")
    hand.tab.mouse.up()
    hand.dialog().get_by_text(re.compile("Cable carol . bob")).wait_for()
    hand.tab.keyboard.press("Escape")
    assert not hand.tab.locator("dialog[open]").count()


def test_two_cables_get_conditions_at_once_and_are_taken_down(lab: Lab, here: Served, browser: Browsing) -> None:
    page = browser.open(here.address)
    hand = Hand(page, *ALL)
    hand.choose(cable(CABLE), cable(OTHER))
    loss = hand.tab.get_by_label("Loss, %")
    loss.fill("lots")
    loss.press("Enter")
    until(page, lambda: "no share" in hand.tab.locator("#panel").inner_text(), "the error")
    loss.fill("2")
    loss.press("Enter")
    hand.bar_says("1 change")
    hand.button("Take down 2 cables").click()
    hand.bar_says("2 changes")
    page.shoot("edit-23-two-cables")
    hand.carried_out("Apply")
    page.until(
        "all => all.map(id => dummPage.model().view.cables[id]).every(({state, to_a}) => state === 'down' && to_a?.loss == 2)",
        [CABLE, OTHER],
    )
    hand.bar_says("Applied, not saved")
    page.shoot("edit-24-not-saved")
    assert "loss" not in text(lab)
    hand.button("Undo").click()
    hand.button("Undo").click()
    until(page, lambda: page.evaluate("dummPage.model().draft.diff") == "", "the text of the file")
    hand.press("p")
    hand.dialog().get_by_role("button", name="Apply", exact=True).click()
    page.until("all => all.every(id => dummPage.model().view.cables[id].state === 'up')", [CABLE, OTHER])
    assert is_settled(lab)


def test_a_lab_without_a_scenario_becomes_one(browser: Browsing) -> None:
    with fresh_lab() as lab:
        lab.guest("zoe", state="present")
        with served(lab.path) as here:
            page = browser.open(here.address)
            hand = Hand(page, "guest zoe")
            page.shoot("edit-25-no-scenario")
            hand.press("y")
            hand.button("Make one of this lab …").click()
            hand.field("Name").fill("found")
            page.shoot("edit-26-adopt")
            hand.button("Make it").click()
            page.until("() => dummPage.model().draft?.scenario === 'found'")
            until(page, lambda: not hand.tab.locator("dialog[open]").count(), "the form is through")
            assert "zoe" in page.evaluate("dummPage.model().draft.text")
            hand.bar_says("Not in a file yet")
            page.shoot("edit-27-adopted")
            hand.carried_out("Apply and save")
            assert "zoe" in (lab.path / "scenarios/found/config").read_text()
            assert not lab.scenario("found", check=True, power="keep")["changed"]


def test_a_page_that_only_watches_offers_no_change(lab: Lab, browser: Browsing) -> None:
    with served(lab.path, "--read-only") as watched:
        page = browser.open(watched.address)
        hand = Hand(page, *ALL)
        hand.choose(guest("alice"))
        until(page, lambda: "alice" in hand.tab.locator("#panel").inner_text(), "the panel")
        names = hand.tab.get_by_role("button").all_inner_texts()
        for offered in ("Terminal", "Stop", "Pause", "Settings …", "Plan …", "Remove the guest from the scenario"):
            assert offered not in names
        hand.press("g")
        hand.press("Delete")
        assert not hand.tab.locator("dialog[open]").count()
        page.shoot("edit-21-read-only")
        frames = [json.loads(each)["type"] for each in page.told]
        assert "draft" not in frames or hand.bar_text() == ""


def test_a_lab_from_a_playbook_says_what_saving_means(browser: Browsing) -> None:
    with fresh_lab() as lab:
        lab.scenario("book", {"guests": {"zoe": {}}}, power="keep")
        with served(lab.path) as here:
            page = browser.open(here.address, width=1000, height=700)
            hand = Hand(page, "guest zoe")
            assert hand.bar_text() == ""
            hand.press("s")
            hand.button("Add").click()
            hand.bar_says("not stored here")
            assert "10.1.0.0/24" in hand.tab.locator("#panel").inner_text()
            page.shoot("edit-28-note")
            hand.button("Plan …").click()
            hand.dialog().get_by_text("not stored here").wait_for()
            page.shoot("edit-29-note-plan")

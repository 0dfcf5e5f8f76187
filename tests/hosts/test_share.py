# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One scenario on several lab hosts: each makes its share, all refuse alike, and a guest moves with what it wrote."""

from __future__ import annotations

import pytest
from spread import TASK, Lab, changed, recap
from world import World

LAN = """
defaults: {mem: 64}
guests: {a: {lab_host: lab1}, b: {lab_host: lab2}, c: {together: west}, d: {together: west}}
bridges: {lan: {prefix: 10.1.0.0/24, address: 10.1.0.254/24, interfaces: [a:eth0, b:eth0, c:eth0, d:eth0]}}
"""


def test_each_lab_host_makes_its_share_and_refuses_what_the_others_refuse(hosts: World) -> None:
    lab = Lab(hosts)
    lab.play(LAN, TASK)
    dry = lab.run("--check")
    assert all(changed(dry).values())
    assert lab.place() == {"lab1": [], "lab2": [], "lab3": []}

    lab.run()
    place = lab.place()
    assert sorted(name for each in place.values() for name in each) == ["a", "b", "c", "d"]
    assert "a" in place["lab1"] and "b" in place["lab2"]
    west = {name for name, each in place.items() if {"c", "d"} & set(each)}
    assert len(west) == 1
    assert set(changed(lab.run()).values()) == {0}

    # A pin that would move a guest, a lab host that is none, and a guest of the same name elsewhere.
    other = next(name for name in hosts.hosts if name not in west and name != "lab1")
    for text, said in (
        (LAN.replace("lab_host: lab1", f"lab_host: {other}"), "guest a: it is on lab host lab1, and is to be on"),
        (LAN.replace("lab_host: lab1", "lab_host: lab9"), "guest a: lab_host lab9 is not one of lab_hosts"),
        (LAN.replace("defaults: {mem: 64}", "defaults: {mem: 4000000}"), "guests of scenario big are to have"),
    ):
        lab.play(text, TASK)
        output = lab.run(code=2)
        assert all(each["failed"] == 1 for each in recap(output).values()), output
        assert output.count(said) >= 3, output
        assert lab.place() == place
    lab.play(LAN)
    assert "its guests are on lab hosts lab1, lab2, lab3, and lab_hosts is not given" in lab.run(code=2)
    lab.take_away()
    assert not [path.name for host in lab.hosts.values() for path in (host.root / "var/lib/dumm").glob("placed/*")]


@pytest.mark.long
def test_a_lab_host_that_is_down_has_its_guests(hosts: World) -> None:
    lab = Lab(hosts)
    lab.play(LAN, TASK)
    lab.run()
    place = lab.place()
    hosts.hosts["lab2"].cut()

    lab.play(LAN.replace("a: {lab_host: lab1}", "a: {lab_host: lab1}, b2: {lab_host: lab1}"), TASK)
    output = lab.run(code=4)
    assert recap(output)["lab2"]["unreachable"] == 1
    assert "b" not in hosts.hosts["lab1"].guests() + hosts.hosts["lab3"].guests()
    lab.play(LAN.replace("b: {lab_host: lab2}", "b: {lab_host: lab3}"), TASK)
    assert "guest b: it is on lab host lab2, and is to be on lab3" in lab.run("--limit", "lab1,lab3", code=2)

    hosts.boot(hosts.hosts["lab2"])
    lab.play(LAN, TASK)
    lab.run("--limit", "lab2")
    assert hosts.hosts["lab2"].guests() == place["lab2"]
    lab.take_away()


@pytest.mark.parametrize("disk", [0, pytest.param(64, marks=pytest.mark.long)])
def test_a_guest_moves_with_what_it_wrote(hosts: World, disk: int) -> None:
    text = f"{{defaults: {{mem: 64, disk: {disk}}}, guests: {{a: {{lab_host: lab1}}, b: {{lab_host: lab2}}}}}}"
    lab = Lab(hosts)
    lab.play(text, TASK)
    lab.run()
    one, two = hosts.hosts["lab1"], hosts.hosts["lab2"]
    written = "echo word >/root/word; chown 1000:50 /root/word; rm /etc/motd; rm -r /media; mkdir /media; touch /media/new; sync"
    lab.inside("a", written)

    if not disk:
        one.run("cp", "-a", "/var/lib/dumm/guests/a", "/srv/copy")
    lab.play(text.replace("lab1", "lab3"), TASK, "move: true")
    dry = lab.run("--check")
    assert "guest a: move it here from lab host lab1" in dry
    assert one.guests() == ["a"]
    output = lab.run()
    assert lab.place() == {"lab1": [], "lab2": ["b"], "lab3": ["a"]}
    assert "guest a: move it here from lab host lab1" in output
    said = lab.inside("a", "cat /root/word; stat -c %u:%g /root/word; ls /etc/motd /media 2>&1; true")
    assert "word\n1000:50" in said and "No such file" in said and "new" in said
    assert one.leftovers() == []
    assert set(changed(lab.run()).values()) == {0}
    assert two.guests() == ["b"]

    if not disk:
        # As it is when the controller dies before the old lab host hears that the guest has arrived.
        one.run("mv", "/srv/copy", "/var/lib/dumm/guests/a")
        one.run("sh", "-c", "cd /var/lib/dumm/guests/a && rm process.json && echo lab3 >leaving")
        assert changed(lab.run()) == {"lab1": 1, "lab2": 0, "lab3": 0}
        assert lab.place() == {"lab1": [], "lab2": ["b"], "lab3": ["a"]}
        assert one.leftovers() == []
    lab.take_away()

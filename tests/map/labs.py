# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Made-up labs for the page of the map: views, drafts and rates as the server sends them (dumm_lab/map/messages.py)."""

from __future__ import annotations

import copy
import random
from typing import Any

Plain = dict[str, Any]


def view(name: str = "campus") -> Plain:
    """A lab without anything."""
    return {
        "lab": {"name": None, "workdir": "/var/lib/dumm", "scenario": name, "there": True},
        "guests": {},
        "segments": {},
        "cables": {},
        "scenarios": {name: {"file": True, "guests": [], "loaded": []}},
    }


def guest(lab: Plain, name: str, role: str = "host", **other: Any) -> None:
    """Put a running guest into a lab."""
    lab["guests"][name] = {
        "state": "running",
        "why": None,
        "role": role,
        "kernel": "default",
        "mem": 64,
        "scenario": lab["lab"]["scenario"],
        "loaded": [lab["lab"]["scenario"]],
        "saves": [],
        "label": None,
        "groups": [],
        "interfaces": {},
        **other,
    }


def face(lab: Plain, name: str, address: str | None = None, **other: Any) -> str:
    """Give a guest its next interface, and tell its label."""
    faces = lab["guests"][name]["interfaces"]
    label = f"eth{len(faces)}"
    faces[label] = {
        "segment": None,
        "cable": None,
        "addresses": [address] if address else [],
        "mac": f"02:00:00:00:{len(lab['guests']):02x}:{len(faces):02x}",
        "up": True,
        "conditions": None,
        **other,
    }
    return f"{name}:{label}"


def segment(lab: Plain, name: str, *prefix: str, **other: Any) -> None:
    """Put a segment into a lab."""
    lab["segments"][name] = {
        "prefix": list(prefix),
        "address": [],
        "label": None,
        "groups": [],
        "scenario": lab["lab"]["scenario"],
        "state": "up",
        **other,
    }


def plug(lab: Plain, name: str, into: str, address: str | None = None, **other: Any) -> str:
    """Plug a guest's next interface into a segment."""
    return face(lab, name, address, segment=into, **other)


def cable(lab: Plain, a: str, b: str, prefix: str | None = None, **other: Any) -> str:
    """Join two guests by a cable, with the first two addresses of its prefix, and tell its identifier."""
    head, _slash, length = (prefix or "").partition("/")
    net, _dot, last = head.rpartition(".")
    ends = [f"{net}.{int(last) + n}/{length}" if prefix else None for n in (1, 2)]
    one, two = face(lab, a, ends[0]), face(lab, b, ends[1])
    found = "--".join(sorted((one, two)))
    for end in (one, two):
        host, label = end.split(":")
        lab["guests"][host]["interfaces"][label]["cable"] = found
    lab["cables"][found] = {
        "a": one,
        "b": two,
        "segment": found[:15],
        "prefix": [prefix] if prefix else [],
        "to_a": None,
        "to_b": None,
        "state": "up",
        **other,
    }
    return found


def six() -> Plain:
    """Two gateways with a slow link between them, and the hosts behind them."""
    lab = view()
    segment(lab, "lan-a", "10.1.0.0/24", label="Offices")
    segment(lab, "lan-b", "10.2.0.0/24")
    guest(lab, "moon", "router", label="Gateway of the left side")
    guest(lab, "sun", "router")
    for name in ("alice", "venus", "carol", "bob"):
        guest(lab, name)
    cable(
        lab,
        "moon",
        "sun",
        "192.168.0.0/30",
        to_a={"delay": "20ms", "rate": "10mbit"},
        to_b={"delay": "20ms", "rate": "10mbit"},
    )
    plug(lab, "moon", "lan-a", "10.1.0.1/24")
    plug(lab, "sun", "lan-b", "10.2.0.1/24")
    cable(lab, "moon", "carol", "172.16.1.0/30")
    plug(lab, "alice", "lan-a", "10.1.0.2/24")
    plug(lab, "venus", "lan-a", "10.1.0.3/24")
    plug(lab, "bob", "lan-b", "10.2.0.2/24")
    lab["guests"]["alice"]["saves"] = ["clean"]
    return lab


def troubled() -> Plain:
    """The same lab on a bad day."""
    lab = six()
    guests = lab["guests"]
    guests["bob"] |= {"state": "failed", "why": "its process was killed (signal 9) 4 s after it was started"}
    guests["venus"]["state"] = "paused"
    guests["carol"]["state"] = "stopped"
    guests["sun"]["state"] = "starting"
    guests["alice"]["loaded"] = ["vpn", "campus"]
    guests["moon"]["loaded"] = ["vpn", "monitor", "campus"]
    lab["cables"]["carol:eth0--moon:eth2"]["state"] = "down"
    lab["scenarios"]["vpn"] = {"file": True, "guests": [], "loaded": ["alice", "moon"]}
    return lab


def campus() -> Plain:
    """A lab for the README: two sites, a slow link, a second way around, and a guest that is paused."""
    lab = six()
    for name in ("dave", "winnetou"):
        guest(lab, name)
    plug(lab, "dave", "lan-b", "10.2.0.3/24", conditions={"loss": "1%"})
    cable(lab, "sun", "winnetou", "172.16.2.0/30")
    cable(lab, "carol", "winnetou", "10.99.0.0/30", to_a={"delay": "60ms"}, to_b={"delay": "60ms"})
    lab["guests"]["venus"]["state"] = "paused"
    lab["guests"]["dave"]["loaded"] = ["vpn", "campus"]
    lab["scenarios"]["vpn"] = {"file": True, "guests": [], "loaded": ["dave"]}
    return lab


def offices(count: int, hosts: int = 4, ring: bool = True) -> Plain:
    """Offices of a router and hosts each, whose routers form a ring with a few chords."""
    lab = view("offices")
    lab["lab"]["scenario"] = "offices"
    for n in range(count):
        guest(lab, f"r{n + 1}", "router", groups=["backbone"])
        segment(lab, f"lan{n + 1}", f"10.{n // 200}.{n % 200}.0/24")
    for n in range(count):
        plug(lab, f"r{n + 1}", f"lan{n + 1}", f"10.{n // 200}.{n % 200}.1/24")
        for h in range(hosts):
            name = f"pc{n + 1}-{h + 1}"
            guest(lab, name, groups=[f"office{n + 1}"] if n < 4 else [])
            plug(lab, name, f"lan{n + 1}", f"10.{n // 200}.{n % 200}.{h + 2}/24")
    dice = random.Random(7)
    pairs = [(n, (n + 1) % count) for n in range(count if ring else count - 1)]
    pairs += [tuple(dice.sample(range(count), 2)) for _each in range(count // 6)]  # type: ignore[misc]
    for k, (a, b) in enumerate(pairs):
        slow = {"delay": "5ms"} if k % 5 == 0 else None
        cable(lab, f"r{a + 1}", f"r{b + 1}", f"172.{16 + k // 200}.{k % 200}.0/30", to_a=slow, to_b=slow)
    return lab


def forty() -> Plain:
    """Forty guests: eight offices of a router and four hosts."""
    return offices(8)


def draft(lab: Plain) -> Plain:
    """A draft over :func:`six`: a cable and a guest come, a cable goes, a guest and a port change."""
    wanted = copy.deepcopy(lab)
    guest(wanted, "dave")
    plug(wanted, "dave", "lan-b", "10.2.0.3/24")
    cable(wanted, "alice", "dave", "10.99.0.0/30")
    gone = wanted["cables"].pop("carol:eth0--moon:eth2")
    for end in (gone["a"], gone["b"]):
        host, label = end.split(":")
        del wanted["guests"][host]["interfaces"][label]
    wanted["guests"]["venus"]["mem"] = 128
    wanted["guests"]["bob"]["interfaces"]["eth0"]["conditions"] = {"delay": "40ms", "loss": "1%"}
    return {
        "scenario": lab["lab"]["scenario"],
        "text": "",
        "saved_text": "",
        "diff": "@@ -3,2 +3,3 @@\n+  dave:\n",
        "faults": [],
        "edits": ["add guest dave", "add cable alice to dave", "remove cable carol to moon"],
        "can_undo": True,
        "can_redo": False,
        "stale": None,
        "wanted": wanted,
        "plan": None,
        "by": "anna",
    }


def rates(lab: Plain, share: float = 1.0, seed: int = 1) -> Plain:
    """Traffic through some of the interfaces."""
    dice = random.Random(seed)
    found = {}
    for name, each in lab["guests"].items():
        for label in each["interfaces"]:
            if dice.random() < share:
                bits = 10 ** dice.uniform(2.5, 9)
                found[f"{name}:{label}"] = [round(bits), round(bits / 3), 100, 90, 0]
    return found

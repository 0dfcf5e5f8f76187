# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a lab host finds out about its way to the others, as JSON; all of them run this at the same time.

Each sends a few packets to the tunnels' UDP port of the others, with the time, until it has heard from all or the time is over.  A packet
that arrives shows that no firewall drops it, and how far two clocks are apart: from what both hosts see, the time on the way cancels out.

It also tells the version of the collection that is installed there, which is the one of dumm; the modules are always the controller's.

Arguments: name, path of dumm or nothing, UDP port, seconds, and for each other lab host name=address.
"""

from __future__ import annotations

import glob
import ipaddress
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

_MAGIC = b"dumm.lab peer "
# Anybody may send anything there.
_PACKET = re.compile(re.escape(_MAGIC) + rb"(.+) ([0-9]+\.[0-9]{6})", re.DOTALL)
_PAUSE = 0.3
# Packets to the others go on after all were heard, for those that began later.
_LINGER = 3.0
# Where "dumm --lab-host" looks, too.
_PLACES = ("~/.ansible/collections", "/usr/share/ansible/collections")
_COMMAND = "ansible_collections/dumm/lab/scripts/dumm"
# linux/in.h, linux/in6.h
_IP_MTU, _IPV6_MTU = 14, 24


def main() -> None:
    """Print what is found."""
    name, dumm, port, seconds, *peers = sys.argv[1:]
    addresses = {peer: _address(peer, text) for peer, _equals, text in (each.rpartition("=") for each in peers)}
    found = {peer: {"mtu": _path_mtu(address), "late": None} for peer, address in addresses.items()}
    holder = _holder(int(port))
    if holder == "nobody":
        late = _talk(name, int(port), float(seconds), addresses)
        for peer, apart in late.items():
            found[peer]["late"] = apart
    print(json.dumps({"port": holder, "peers": found, "version": _version(dumm)}))


def _version(named: str) -> str:
    """The version of the collection; empty where none is installed.

    :param named: path of ``dumm``; empty to look for it.
    """
    user = os.environ.get("SUDO_USER", "")
    places = [os.path.expanduser(place) for place in (*_PLACES, *([f"~{user}/.ansible/collections"] if user else ()))]
    for command in (named, shutil.which("dumm"), *(os.path.join(place, _COMMAND) for place in places)):
        if command and os.access(command, os.X_OK):
            told = subprocess.run(
                [command, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            return told.stdout.strip().rpartition(" ")[2]
    return ""


def _address(peer: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        sys.exit(
            f"lab host {peer}: {text!r} is no IP address; set dumm_address in the inventory to an address of its own, at which the other "
            "lab hosts reach it"
        )


def _path_mtu(address: str) -> int:
    """Bytes of the largest IP packet that gets there whole; 0 where none does."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    headers = 48 if family == socket.AF_INET6 else 28
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        try:
            udp.connect((address, 9))
        except OSError:
            return 0
        level, option = (socket.IPPROTO_IPV6, _IPV6_MTU) if family == socket.AF_INET6 else (socket.IPPROTO_IP, _IP_MTU)
        own = udp.getsockopt(level, option)
    for mtu in sorted(
        {own, *(each for each in (9000, 8950, 1500, 1492, 1450, 1420, 1400, 1380, 1280) if each < own)}, reverse=True
    ):
        command = ["ping", "-n", "-q", "-M", "do", "-c", "2", "-i", "0.2", "-W", "2", "-s", str(mtu - headers), address]
        if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0:
            return mtu
    return 0


def _holder(port: int) -> str:
    """Who has the port: nobody, tunnels, which are the kernel's and no process's, or a program."""
    sockets = set()
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        try:
            with open(table, encoding="ascii") as lines:
                fields = [line.split() for line in list(lines)[1:]]
        except OSError:
            continue
        sockets |= {f"socket:[{each[9]}]" for each in fields if int(each[1].rpartition(":")[2], 16) == port}
    if not sockets:
        return "nobody"
    return "program" if any(link in sockets for link in _opened()) else "tunnels"


def _opened() -> Iterator[str]:
    """What all processes have open."""
    for path in glob.iglob("/proc/[0-9]*/fd/*"):
        try:
            yield os.readlink(path)
        except OSError:
            continue


def _talk(name: str, port: int, seconds: float, addresses: dict[str, str]) -> dict[str, float]:
    """How much later than it was sent, by the two clocks, a packet of each of the others came at the least."""
    version = socket.AF_INET6 if any(":" in address for address in addresses.values()) else socket.AF_INET
    late: dict[str, float] = {}
    with socket.socket(version, socket.SOCK_DGRAM) as udp:
        udp.bind(("", port))
        end = time.monotonic() + seconds
        send_at = 0.0
        while (now := time.monotonic()) < end:
            if now >= send_at:
                for address in addresses.values():
                    try:
                        udp.sendto(_MAGIC + f"{name} {time.time():.6f}".encode(), (address, port))
                    except OSError:
                        continue
                send_at = now + _PAUSE
            if select.select([udp], [], [], max(0.0, send_at - time.monotonic()))[0]:
                data, _sender = udp.recvfrom(512)
                arrived = time.time()
                if (packet := _PACKET.fullmatch(data)) is not None:
                    peer = packet[1].decode("utf-8", "replace")
                    if peer in addresses:
                        late[peer] = min(late.get(peer, 1e9), arrived - float(packet[2]))
                        if len(late) == len(addresses):
                            end = min(end, now + _LINGER)
    return late


main()

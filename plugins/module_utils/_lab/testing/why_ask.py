# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``why`` asks of a guest, and what it understands of the answer: addresses, links, the route, settings, counters, rules of filters.

One script for a shell, with the tools that the guest has.  Most of it is in /proc, which needs none.  No I/O here.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

_TOKEN = "--dumm-why--"
_ASK = r"""exec 2>/dev/null
begin() { printf '\n%s %s\n' TOKEN "$1"; }
has() { command -v "$1" >/dev/null; }
begin tools; for t in ip tc nft iptables-save; do has $t && echo $t; done
begin in; dev=$(ip -o addr | sed -n "s#^[0-9]*: \([^ ]*\) *inet6\{0,1\} $NEXT/.*#\1#p" | head -n 1); dev=${dev:-$DEV}; echo "$dev"
begin route
if [ -n "$dev" ] && [ -n "$SRC" ]; then ip route get "$DST" from "$SRC" iif "$dev" 2>&1; else ip route get "$DST" $FROM 2>&1; fi
begin reverse; [ -z "$SRC" ] || ip route get "$SRC" 2>&1
begin addresses; ip -o addr
begin links; ip -o link
begin settings; grep -s . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/icmp_echo_ignore_all /proc/sys/net/ipv6/icmp/echo_ignore_all \
  /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv6/conf/*/forwarding
begin pairs; cat /proc/net/snmp /proc/net/netstat
begin lines; cat /proc/net/snmp6 /proc/net/xfrm_stat
begin queues; tc -s qdisc show
begin iptables; for t in iptables ip6tables iptables-legacy ip6tables-legacy; do has $t-save && $t-save -c; done
begin nft; has nft && nft -j list ruleset
begin rules; has nft && nft -a list ruleset
:
"""
_ROUTE = re.compile(r"(?P<local>local )?\S+ (?:from \S+ )?(?:via (?:inet6 )?(?P<via>\S+) )?dev (?P<dev>\S+)")
_SOURCE = re.compile(r" src (\S+)")
_COUNTED = re.compile(r"\[(\d+):\d+\] -A (\S+) .*?-j (DROP|REJECT)\b")
_POLICY = re.compile(r":(\S+) DROP \[(\d+):\d+\]")
_QUEUE = re.compile(r"qdisc (\S+) \S+ dev (\S+) .*?\(dropped (\d+),", re.DOTALL)
_HANDLE = re.compile(r"\s*(.*?) # handle (\d+)$")


@dataclass(frozen=True)
class Route:
    """The way that a guest's kernel finds.

    :ivar dev: interface by which the packet leaves; empty where there is no way.
    :ivar via: address of the next router; empty for a target in the same segment.
    :ivar local: whether the guest is the target.
    :ivar error: why there is no way, as the kernel puts it.
    """

    dev: str = ""
    via: str = ""
    source: str = ""
    local: bool = False
    error: str = ""


@dataclass(frozen=True)
class Device:
    """A network device of a guest.

    :ivar parent: device that it is made on, such as a VLAN on ``eth0``.
    """

    name: str
    up: bool
    mac: str = ""
    parent: str = ""


@dataclass(frozen=True)
class Rule:
    """A rule of a filter that drops, or the policy of a chain.

    :ivar text: as the filter's own tool shows it.
    :ivar packets: how many it has dropped; ``None`` where it does not count.
    """

    text: str
    hook: str
    packets: int | None


@dataclass(frozen=True)
class Told:
    """What a guest has told.

    :ivar addresses: by device, with prefix lengths.
    :ivar settings: by the file below ``/proc/sys/net``.
    :ivar counters: such as ``TcpExt.IPReversePathFilter``, and ``queue eth0`` for what a queue has dropped.
    :ivar dev: the device by which the packet comes in.
    :ivar reverse: the way to the packet's source.
    :ivar lacks: tools that the guest has not.
    """

    tools: frozenset[str] = frozenset()
    dev: str = ""
    route: Route = Route()
    reverse: Route = Route()
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    def has(self, address: str) -> bool:
        """Whether it has an address."""
        return any(each.partition("/")[0] == address for own in self.addresses.values() for each in own)

    def cable_of(self, device: str) -> str:
        """The interface that a device is made on at last, which may be itself."""
        seen: set[str] = set()
        while device in self.devices and self.devices[device].parent and device not in seen:
            seen.add(device)
            device = self.devices[device].parent
        return device


def script(target: str, *, source: str = "", device: str = "", next_hop: str = "", own: bool = False) -> str:
    """What asks a guest.

    :param target: address of the packet's target.
    :param source: address of its source, as far as it is known.
    :param device: by which it comes, where no device has the address ``next_hop``.
    :param own: whether the guest sends it itself.
    """
    values = {
        "DST": target,
        "SRC": "" if own else source,
        "DEV": device,
        "NEXT": next_hop or "none",
        "FROM": f"from {source}" if own and source else "",
    }
    given = "\n".join(f"{name}={shlex.quote(value)}" for name, value in values.items())
    return f"{given}\n{_ASK.replace('TOKEN', _TOKEN)}"


def understood(answer: str) -> Told:
    """What a guest has told; what it could not say is missing."""
    parts = dict(_parts(answer))
    routes = parts.get("route", "").strip()
    tools = frozenset(parts.get("tools", "").split())
    return Told(
        tools=tools,
        dev=parts.get("in", "").strip(),
        route=_route(routes) if "ip" in tools else Route(error=""),
        reverse=_route(parts.get("reverse", "").strip()),
        addresses=_addresses(parts.get("addresses", "")),
        devices={each.name: each for each in _devices(parts.get("links", ""))},
        settings=dict(_settings(parts.get("settings", ""))),
        counters={
            **dict(_pairs(parts.get("pairs", ""))),
            **dict(_lines(parts.get("lines", ""))),
            **_queues(parts.get("queues", "")),
        },
        rules=(*_iptables(parts.get("iptables", "")), *_nft(parts.get("nft", ""), parts.get("rules", ""))),
    )


def _parts(answer: str) -> Iterator[tuple[str, str]]:
    for part in answer.split(f"\n{_TOKEN} ")[1:]:
        name, _end, rest = part.partition("\n")
        yield name.strip(), rest


def _route(text: str) -> Route:
    found = _ROUTE.match(text)
    if found is None:
        said = text.splitlines()[0] if text else "it has no route"
        return Route(error=said.removeprefix("RTNETLINK answers: "))
    source = _SOURCE.search(text)
    return Route(found["dev"], found["via"] or "", source[1] if source else "", found["local"] is not None)


def _addresses(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > 3 and words[2] in ("inet", "inet6"):
            # Of a point-to-point link, its own stands first.
            found.setdefault(words[1], []).append(words[3])
    return {name: tuple(own) for name, own in found.items()}


def _devices(text: str) -> Iterator[Device]:
    for line in text.splitlines():
        found = re.match(r"\d+: ([^:@\s]+)(?:@([^:\s]+))?: <([^>]*)>", line)
        if found is not None:
            mac = re.search(r"link/ether (\S+)", line)
            parent = "" if found[2] in (None, "NONE") else found[2]
            yield Device(found[1], "UP" in found[3].split(","), mac[1] if mac else "", parent)


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        path, _colon, value = line.rpartition(":")
        if path:
            yield path.removeprefix("/proc/sys/net/"), value


def _pairs(text: str) -> Iterator[tuple[str, int]]:
    """Of /proc/net/snmp and netstat: a line of names, a line of numbers."""
    lines = text.splitlines()
    for names, numbers in zip(lines[::2], lines[1::2], strict=False):
        kind = names.partition(":")[0]
        for name, number in zip(names.split()[1:], numbers.split()[1:], strict=False):
            with suppress(ValueError):
                yield f"{kind}.{name}", int(number)


def _lines(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[1].isdigit():
            yield words[0], int(words[1])


def _queues(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in re.split(r"^(?=qdisc )", text, flags=re.MULTILINE):
        queue = _QUEUE.match(part)
        if queue is not None:
            key = f"queue {queue[2]}"
            found[key] = max(found.get(key, 0), int(queue[3]))
    return found


def _iptables(text: str) -> Iterator[Rule]:
    for line in text.splitlines():
        rule, policy = _COUNTED.match(line), _POLICY.match(line)
        if rule is not None:
            yield Rule(line.partition("] ")[2], rule[2].lower(), int(rule[1]))
        elif policy is not None:
            yield Rule(f"policy DROP of chain {policy[1]}", policy[1].lower(), int(policy[2]))


def _nft(text: str, shown: str) -> tuple[Rule, ...]:
    """None of what is no answer of nft."""
    try:
        return tuple(_of_nft(json.loads(text)["nftables"], shown)) if text.strip() else ()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()


def _of_nft(found: list[dict[str, Any]], shown: str) -> Iterator[Rule]:
    texts = {int(line[2]): line[1] for line in map(_HANDLE.match, shown.splitlines()) if line is not None}
    chains = {(each["family"], each["table"], each["name"]): each for part in found if (each := part.get("chain"))}
    for part in found:
        rule = part.get("rule")
        if rule is None:
            continue
        chain = chains.get((rule["family"], rule["table"], rule["chain"]), {})
        words = [word for word in rule.get("expr", []) if isinstance(word, dict)]
        if any("drop" in word or "reject" in word for word in words):
            counters = [word["counter"]["packets"] for word in words if isinstance(word.get("counter"), dict)]
            told = texts.get(rule.get("handle", 0), "a rule")
            name = f"{told} (table {rule['family']} {rule['table']}, chain {rule['chain']})"
            yield Rule(name, chain.get("hook", ""), counters[0] if counters else None)
    for (family, table, name), chain in chains.items():
        if chain.get("policy") == "drop":
            yield Rule(f"policy drop of chain {name} (table {family} {table})", chain.get("hook", ""), None)

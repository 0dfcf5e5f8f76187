# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What guests reach: ``ping``, ``port``, ``http``, ``reach`` and ``throughput``, with the tools that a guest has.

Addresses come from the lab's definitions, so that no guest needs names of others.  What a tool prints differs (iputils, BusyBox, curl,
wget, Python), what is made of it does not: scripts here, and functions that understand their output.  A guest without any tool fails the
check, also one that must fail: it would prove nothing.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import shlex
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..guest.channel import Completed
from ..model import checking
from ..model.errors import DummError, GuestError, listed
from ..model.tests import Http, Ping, Port, Reach, Throughput
from .bench import Bench, at_once, nearest_address
from .outcome import Outcome, shown, text_of

# Seconds that an answer may take.
_ANSWER = 2
_NO_TOOL = 127
_SUMMARY = re.compile(r"\b(\d{1,9}) packets transmitted, (\d{1,9}) (?:packets )?received")
_ROUTE = re.compile(r"\bdev (\S+)(?:.*?\bsrc (\S+))?", re.DOTALL)
_MARK = "--dumm--"
_MOST_PAIRS = 20  # of guests that do not reach each other, in a message
# Pings that a guest sends at the same time.
_BATCH = 16
_TRANSFER_SECONDS = 30.0  # beside those that are measured
# Of the host's random ports, which no service has (Linux gives its own ones out from 32768 on).
_PORTS = (20000, 30000)

# Echo requests by Python, for guests without ping: address, count, size, interface.
_PYTHON_PING = r"""
import os, select, socket, struct, sys, time
address, count, size, device = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
six = ":" in address
family, proto = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
line = socket.socket(family, socket.SOCK_RAW, proto)
if device:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
def summed(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
got, own = 0, os.getpid() & 0xFFFF
for number in range(1, count + 1):
    head = struct.pack("!BBHHH", 128 if six else 8, 0, 0, own, number) + b"\0" * size
    if not six:
        head = head[:2] + struct.pack("!H", summed(head)) + head[4:]
    try:
        line.sendto(head, (address, 0))
    except OSError as exc:
        print(exc)
        continue
    end = time.monotonic() + TIMEOUT
    while select.select([line], [], [], max(0, end - time.monotonic()))[0]:
        data, source = line.recvfrom(65536)
        data = data if six else data[(data[0] & 15) * 4:]
        if data[0] == (129 if six else 0) and struct.unpack("!HH", data[4:8]) == (own, number):
            got += 1
            break
print("%d packets transmitted, %d received" % (count, got))
sys.exit(0 if got else 1)
""".replace("TIMEOUT", str(_ANSWER))


# ping


def ping(bench: Bench, action: Ping, seconds: float) -> Outcome:
    """Send echo requests from a guest."""
    source = checking.guest_of(action.source)
    try:
        address = bench.address_of(action.target, action.family, source)
        script = ping_script(address, action, _device(action.source))
        done = bench.ask(source, script, max(seconds, action.count * _ANSWER + _ANSWER))
    except DummError as exc:
        return bench.failed(source, exc)
    return pinged(action, address, done)


def ping_script(address: str, action: Ping, device: str) -> str:
    """What sends echo requests, and after a failure tells the way that they took.

    :param device: interface that they leave by; empty for any.
    """
    extra = f" -s {action.size}" if action.size is not None else ""
    extra += f" -I {shlex.quote(device)}" if device else ""
    size = 56 if action.size is None else action.size
    python = f"python3 - {address} {action.count} {size} {shlex.quote(device)!s} <<'END'\n{_PYTHON_PING}\nEND"
    return f"""
tool=$(command -v ping)
if [ -z "$tool" ]; then
  command -v python3 >/dev/null || exit {_NO_TOOL}
  {python}
else
  quiet='-n -i 0.2'
  case $(readlink -f "$tool") in *busybox*) quiet= ;; esac
  "$tool" $quiet -c {action.count} -W {_ANSWER}{extra} {address}
fi
code=$?
[ $code = 0 ] || {{ echo {_MARK}; ip route get {address}; }} 2>&1
exit $code
"""


def pinged(action: Ping, address: str, done: Completed) -> Outcome:
    """What came of echo requests."""
    said, _mark, route = text_of(done.stdout).partition(_MARK)
    if done.code == _NO_TOOL:
        return Outcome(False, f"guest {checking.guest_of(action.source)} has neither ping nor python3", final=True)
    found = _SUMMARY.search(said)
    sent, got = (int(found[1]), int(found[2])) if found else (action.count, 0)
    loss = 100.0 * (sent - got) / sent if sent else 100.0
    good = got == 0 if action.fails else got > 0 and loss <= action.loss
    told = f"{got} of {sent} answered: {way(action.source, action.target, address, route)}"
    errors = shown(text_of(done.stderr)) or ("" if found else shown(said))
    return Outcome(good, f"{told}\n{errors}" if errors and not good else told)


def way(source: str, target: str, address: str, route: str) -> str:
    """From where to where, with what ``ip route get`` says of it: ``alice (10.0.0.1, eth0) -> bob (10.0.0.2)``."""
    found = _ROUTE.search(route)
    by = ", ".join(filter(None, (found[2], found[1]))) if found else ""
    if not found and route.strip():
        by = " ".join(route.split())
    left = f"{source} ({by})" if by else source
    return f"{left} -> {target}" if target == address else f"{left} -> {target} ({address})"


def _device(end: str) -> str:
    return end.partition(":")[2]


# port


def port(bench: Bench, action: Port, seconds: float) -> Outcome:
    """Open a TCP connection from a guest."""
    source = checking.guest_of(action.source)
    try:
        address = bench.address_of(action.target, None, source)
        done = bench.ask(source, port_script(address, action.port, _device(action.source)), seconds)
    except DummError as exc:
        return bench.failed(source, exc)
    if done.code == _NO_TOOL:
        return Outcome(False, f"guest {source} has neither bash with timeout, nor python3, nor nc", final=True)
    opened = done.code == 0
    said = "it is open" if opened else shown(text_of(done.stderr)) or "no answer"
    return Outcome(opened != action.fails, f"port {action.port} of {_named(action.target, address)}: {said}")


def port_script(address: str, number: int, device: str) -> str:
    """What opens a connection; exit code 0 if it does."""
    python = (
        "import socket, sys\n"
        f"line = socket.socket(socket.AF_INET6 if ':' in '{address}' else socket.AF_INET)\n"
        f"line.settimeout({_ANSWER + 1})\n"
        + (f"line.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b{device!r})\n" if device else "")
        + f"try:\n    line.connect(('{address}', {number}))\nexcept OSError as exc:\n    sys.exit(str(exc))\n"
    )
    bash = f"timeout {_ANSWER + 1} bash -c ': </dev/tcp/{address}/{number}'"
    first = "false" if device else "command -v bash >/dev/null && command -v timeout >/dev/null"
    return f"""
if {first}; then
  {bash}
elif command -v python3 >/dev/null; then
  python3 - <<'END'
{python}
END
elif {"false" if device else "command -v nc >/dev/null"}; then
  nc -z -w {_ANSWER + 1} {address} {number} </dev/null
else
  exit {_NO_TOOL}
fi
code=$?
[ $code = 124 ] && echo 'no answer' >&2
[ $code = 0 ] || exit 1
"""


def _named(target: str, address: str) -> str:
    return target if target == address else f"{target} ({address})"


# http


def http(bench: Bench, action: Http, seconds: float) -> Outcome:
    """Send a request from a guest."""
    source = checking.guest_of(action.source)
    host = checking.host_of(action.url)
    try:
        known = checking.is_address(host) or checking.guest_of(host) in bench.lab.guests
        address = bench.address_of(host, None, source) if known else host
        done = bench.ask(source, http_script(action.url, address, seconds), seconds + _ANSWER)
    except DummError as exc:
        return bench.failed(source, exc)
    if done.code == _NO_TOOL:
        return Outcome(False, f"guest {source} has neither curl nor wget nor python3", final=True)
    return answered(action, address, done)


def http_script(url: str, address: str, seconds: float) -> str:
    """What sends a request; it prints the body, a mark, and the status if there was an answer."""
    parts = urlsplit(url)
    bare = f"[{address}]" if ":" in address else address
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    # Without the name of a user, which belongs to no header of this kind.
    host = parts.netloc.rpartition("@")[2]
    direct = f"{parts.scheme}://{bare}{f':{parts.port}' if parts.port else ''}{path}"
    most = max(1, round(seconds))
    python = (
        "import http.client, ssl, sys\n"
        f"made = http.client.{'HTTPSConnection' if parts.scheme == 'https' else 'HTTPConnection'}\n"
        f"extra = {{'context': ssl._create_unverified_context()}} if {parts.scheme == 'https'} else {{}}\n"
        f"line = made({address!r}, {parts.port}, timeout={most}, **extra)\n"
        "try:\n"
        f"    line.request('GET', {path!r}, headers={{'Host': {host!r}}})\n"
        "    answer = line.getresponse()\n"
        "    sys.stdout.buffer.write(answer.read())\n"
        "except OSError as exc:\n"
        "    sys.exit(str(exc))\n"
        f"print('\\n{_MARK}', answer.status)\n"
    )
    return f"""
if command -v curl >/dev/null; then
  curl -sS -k --max-time {most} --connect-to {shlex.quote(f"::{bare}:")} -w '\\n{_MARK} %{{http_code}}' {shlex.quote(url)}
elif command -v wget >/dev/null; then
  exec 3>&1
  said=$(wget -S -q -T {most} -t 1 -O - --header {shlex.quote(f"Host: {host}")} {shlex.quote(direct)} 2>&1 >&3)
  echo "$said" >&2
  echo
  echo "{_MARK} $(echo "$said" | grep -o 'HTTP/[0-9.]* [0-9][0-9][0-9]' | tail -n 1)"
elif command -v python3 >/dev/null; then
  python3 - <<'END'
{python}
END
else
  exit {_NO_TOOL}
fi
"""


def answered(action: Http, address: str, done: Completed) -> Outcome:
    """What came of a request."""
    body, _mark, tail = text_of(done.stdout).rpartition(_MARK)
    found = re.search(r"(\d{3})\s*$", tail) if _mark else None
    status = int(found[1]) if found and int(found[1]) else None
    if status is None:
        said = shown(text_of(done.stderr)) or shown(text_of(done.stdout)) or f"exit code {done.code}"
        return Outcome(action.fails, f"no answer from {_named(checking.host_of(action.url), address)}: {said}")
    right = status < 400 if action.status is None else status == action.status
    missing = [pattern for pattern in action.match if not checking.searched(pattern, body)]
    told = [f"status {status}", *(f"{pattern!r} is not in the answer" for pattern in missing), shown(body)]
    return Outcome(right and not missing and not action.fails, "\n".join(filter(None, told)))


# reach


@dataclass(frozen=True)
class Pair:
    """Who is to reach whom, by which address."""

    source: str
    target: str
    address: str

    def __str__(self) -> str:
        return f"{self.source} -> {self.target} ({self.address})"


class Reaching:
    """Pings between all guests; those that were answered are not repeated until all have been.

    :param action: whose guests it is about.
    """

    def __init__(self, bench: Bench, action: Reach) -> None:
        self._bench = bench
        self._action = action
        self._left: list[Pair] | None = None

    def look(self, seconds: float) -> Outcome:
        """Ping all that is left."""
        try:
            pairs = self._left or self._pairs()
            if not pairs:
                return Outcome(False, "no two of the guests have addresses of one IP version", final=True)
            sources = {pair.source: [each for each in pairs if each.source == pair.source] for pair in pairs}
            answered_by = at_once(sources, lambda name: self._asked(name, sources[name], seconds))
        except DummError as exc:
            return Outcome(False, str(exc))
        answers = {address for found in answered_by.values() for address in found}
        return self._judged(pairs, {pair for pair in pairs if (pair.source, pair.address) in answers})

    @property
    def first_left(self) -> tuple[str, str] | None:
        """The first guest that does not reach another, and that one's address."""
        return (self._left[0].source, self._left[0].address) if self._left else None

    def _judged(self, pairs: list[Pair], reached: set[Pair]) -> Outcome:
        if self._action.fails:
            return Outcome(not reached, _told(sorted(map(str, reached)), len(pairs), "reach each other"))
        self._left = [pair for pair in pairs if pair not in reached]
        return Outcome(not self._left, _told([str(pair) for pair in self._left], len(pairs), "do not reach each other"))

    def _pairs(self) -> list[Pair]:
        names = self._action.guests or tuple(self._bench.lab.guests)
        found = at_once(names, self._bench.addresses)
        return [
            Pair(source, target, address)
            for source, target in itertools.permutations(names, 2)
            for family in self._action.families
            if any(each.version == family for each in found[source])
            and (address := nearest_address(found[target], found[source], (family,))) is not None
        ]

    def _asked(self, guest: str, pairs: list[Pair], seconds: float) -> set[tuple[str, str]]:
        """What a guest reaches: itself with the addresses that answered."""
        rounds = 1 + len(pairs) // _BATCH
        done = self._bench.ask(guest, reach_script([pair.address for pair in pairs]), seconds + rounds * _ANSWER * 2)
        if done.code == _NO_TOOL:
            raise GuestError(f"guest {guest}", "it has no ping", "install iputils-ping in its master")
        return {(guest, line) for line in text_of(done.stdout).split()}


def reach_script(addresses: list[str]) -> str:
    """What pings addresses, some at a time, and prints those that answer."""
    lines = [f"command -v ping >/dev/null || exit {_NO_TOOL}"]
    for start in range(0, len(addresses), _BATCH):
        some = " ".join(addresses[start : start + _BATCH])
        lines.append(f"for a in {some}; do (ping -c 1 -W {_ANSWER} $a >/dev/null 2>&1 && echo $a) & done; wait")
    return "\n".join([*lines, "exit 0"])


def _told(pairs: list[str], number: int, what: str) -> str:
    if not pairs:
        return f"all {number} pairs are as they should be"
    some = ", ".join(pairs[:_MOST_PAIRS])
    more = f" and {len(pairs) - _MOST_PAIRS} more" if len(pairs) > _MOST_PAIRS else ""
    return f"{len(pairs)} of {number} {what}: {some}{more}"


# throughput


def throughput(bench: Bench, action: Throughput, seconds: float) -> Outcome:
    """Send as fast as TCP can, from one guest to another."""
    source, target = checking.guest_of(action.source), checking.guest_of(action.target)
    tools = at_once((source, target), lambda name: _tools(bench, name))
    lacking = [name for name, found in tools.items() if isinstance(found, Outcome)]
    if lacking:
        return next(found for found in tools.values() if isinstance(found, Outcome))
    shared = [tool for tool in ("iperf3", "python3") if all(tool in str(found).split() for found in tools.values())]
    if not shared:
        return Outcome(False, f"guests {source} and {target} need iperf3 both, or python3 both", final=True)
    try:
        address = bench.address_of(action.target, None, source)
        number = random.randrange(*_PORTS)
        most = max(seconds, action.seconds + _TRANSFER_SECONDS)
        make = _iperf if shared[0] == "iperf3" else _python
        server, client = make(address, number, action.seconds)
        with ThreadPoolExecutor(1) as pool:
            receiving = pool.submit(bench.ask, target, server, most)
            sent = bench.ask(source, client, most)
            received = receiving.result()
    except DummError as exc:
        return bench.failed(source, exc)
    rate = measured(sent if shared[0] == "iperf3" else received)
    if rate is None:
        said = [
            shown(text_of(part)) for done in (sent, received) for part in (done.stdout, done.stderr) if part.strip()
        ]
        return Outcome(False, "\n".join(["nothing was measured", *said]))
    return Outcome(rate >= action.at_least, f"{spoken(rate)} with {shared[0]}: {source} -> {_named(target, address)}")


def _tools(bench: Bench, guest: str) -> str | Outcome:
    try:
        return text_of(
            bench.ask(guest, "for t in iperf3 python3; do command -v $t >/dev/null && echo $t; done", 20).stdout
        )
    except DummError as exc:
        return bench.failed(guest, exc)


def _iperf(address: str, number: int, seconds: float) -> tuple[str, str]:
    server = f"timeout {round(seconds + _TRANSFER_SECONDS - 5)} iperf3 -s -1 -p {number} >/dev/null"
    client = f"""
tries=0
until iperf3 -c {address} -p {number} -t {seconds:g} -J >/tmp/dumm-$$ 2>&1; do
  tries=$((tries + 1))
  [ $tries -lt 20 ] || break
  sleep 0.25
done
cat /tmp/dumm-$$
rm -f /tmp/dumm-$$
"""
    return server, client


def _python(address: str, number: int, seconds: float) -> tuple[str, str]:
    family = "AF_INET6" if ":" in address else "AF_INET"
    server = f"""python3 - <<'END'
import json, socket, time
line = socket.socket(socket.{family})
line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
line.bind(("", {number}))
line.listen(1)
line.settimeout({_TRANSFER_SECONDS / 2})
peer = line.accept()[0]
peer.settimeout({_TRANSFER_SECONDS / 2})
room, size, began = bytearray(1 << 20), 0, time.monotonic()
while True:
    more = peer.recv_into(room)
    if not more:
        break
    size += more
print(json.dumps({{"bytes": size, "seconds": time.monotonic() - began}}))
END
"""
    client = f"""python3 - <<'END'
import socket, time
end = time.monotonic() + {_TRANSFER_SECONDS / 2}
while True:
    try:
        line = socket.create_connection(("{address}", {number}), 5)
        break
    except OSError:
        if time.monotonic() > end:
            raise
        time.sleep(0.1)
data, end = bytes(1 << 17), time.monotonic() + {seconds:g}
while time.monotonic() < end:
    line.sendall(data)
END
"""
    return server, client


def measured(done: Completed) -> float | None:
    """Bits a second, as one of the tools tells them."""
    try:
        told = json.loads(done.stdout)
        if "bytes" in told:
            return float(8 * told["bytes"] / told["seconds"])
        return float(told["end"]["sum_received"]["bits_per_second"])
    except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
        return None


def spoken(rate: float) -> str:
    """A rate in words: ``94.1 mbit``."""
    units: Mapping[str, float] = {"gbit": 1e9, "mbit": 1e6, "kbit": 1e3}
    unit, factor = next(((unit, factor) for unit, factor in units.items() if rate >= factor), ("bit", 1.0))
    return f"{rate / factor:.3g} {unit}"


# In words


def wanted(action: Ping | Port | Http | Reach | Throughput) -> str:
    """What is expected, in words."""
    if isinstance(action, Ping):
        if action.fails:
            return "no answer"
        return f"{action.count} answered" if not action.loss else f"at most {action.loss:g} % of {action.count} lost"
    if isinstance(action, Port):
        return f"port {action.port} does not open" if action.fails else f"port {action.port} opens"
    if isinstance(action, Http):
        status = "a status below 400" if action.status is None else f"status {action.status}"
        return "no answer" if action.fails else listed([status, *(f"{each!r} in the answer" for each in action.match)])
    if isinstance(action, Reach):
        who = listed(action.guests) if action.guests else "all guests"
        return f"none of {who} reaches another" if action.fails else f"each of {who} reaches every other"
    return f"at least {spoken(action.at_least)} from {action.source} to {action.target}"

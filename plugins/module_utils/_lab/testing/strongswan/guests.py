# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guests' side of strongSwan's tests: commands over the control channel, captures by tcpdump, and the state that tests leave.

What ``do-tests`` does over ssh is done here, in the same order and with the same commands, but for the hosts of a test only.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from ...access.line import Line
from ...guest.channel import Completed
from ...model.errors import DummError, WaitTimeout

_LIMIT = 90.0
_MOST_OUTPUT = 1 << 24
_TIMED_OUT = 255  # as of ssh
# Means the same to dash and to bash, which takes several times as long to start: one program of which dash has no word of its own.
_PLAIN = re.compile(
    r"(?!(command|declare|disown|echo|exec|export|let|source|time|type|typeset|ulimit)\b)"
    r"([A-Za-z0-9 ./_:@,=+%-]+( 2> ?/dev/null)?|(ip6?tables-restore) < [A-Za-z0-9./]+)"
)

_CLEAR = """
for log in auth daemon freeradius/radius; do [ ! -e /var/log/$log.log ] || : >/var/log/$log.log; done
conntrack -F >/dev/null 2>&1
ip xfrm state flush; ip xfrm policy flush
"""
_CAPTURE = """
rm -f {log} {log}.err
tcpdump -l --immediate-mode -i {interface} not port ssh and not port domain >{log} 2>{log}.err </dev/null &
i=500
until grep -q listening {log}.err || [ $i -eq 0 ] || ! kill -0 $!; do sleep 0.01; i=$((i-1)); done
"""
# Upstream waits up to a second until tcpdump has handled what it captured.
_END_CAPTURE = """
i=100
while [ $i -gt 0 ]; do
    pkill -USR1 -x tcpdump || break
    line=$(tail -n 1 {log}.err)
    captured=${{line%% packet*}}; captured=${{captured##* }}
    received=${{line#*captured, }}; received=${{received%% *}}
    case $line in *captured*) [ "$captured" != "$received" ] || break ;; esac
    sleep 0.01; i=$((i-1))
done
killall -q tcpdump
while killall -q -0 tcpdump; do sleep 0.01; done
cat {log}
"""
_LOG = "/tmp/tcpdump.log"
_LEFT = r"""
state=$(ip xfrm state); policy=$(ip xfrm policy)
if printf '%s\n' "$state" | grep 'proto.*spi' | grep -qv 'proto 4' || [ -n "$policy" ]; then
    printf 'ip xfrm state:\n%s\nip xfrm policy:\n%s\n' "$state" "$policy"
fi
if [ -f /var/run/charon.pid ]; then rm /var/run/charon.pid; fi
"""


class Guests:
    """The guests of a lab that has the suite's topology.

    :param workdir: of the lab.
    :param environment: of every command.
    """

    def __init__(self, workdir: str, environment: Mapping[str, str]) -> None:
        self._workdir = workdir
        self._lines: dict[str, Line] = {}
        self._prefix = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        self.commands = 0

    def run(self, host: str, command: str) -> tuple[int, bytes, bytes]:
        """Run a command as ssh would, which leaves it to the shell of root there.

        :return: exit code and both outputs; 255 where it did not end in time.
        """
        shell = command if _PLAIN.fullmatch(command) else f"exec bash -c {shlex.quote(command)}"
        try:
            done = self._run(host, self._prefix + shell)
        except WaitTimeout as exc:
            return _TIMED_OUT, b"", f"{exc}\n".encode()
        return done.code, done.stdout, done.stderr

    def script(self, host: str, script: str) -> str:
        """The output of a script of ours."""
        return self._run(host, self._prefix + script).stdout.decode(errors="replace")

    def _run(self, host: str, script: str) -> Completed:
        self.commands += 1
        return self._line(host).run(script, timeout=_LIMIT, max_output=_MOST_OUTPUT)

    def _line(self, host: str) -> Line:
        if host not in self._lines:
            self._lines[host] = Line(self._workdir, host)
        return self._lines[host]

    def on_all(self, work: Mapping[str, Callable[[], str]]) -> dict[str, str]:
        """Do something for several hosts at a time.

        :return: what each returned.
        :raises DummError: of the first that failed.
        """
        if not work:
            return {}
        with ThreadPoolExecutor(len(work)) as pool:
            waiting = {host: pool.submit(task) for host, task in work.items()}
        return {host: task.result() for host, task in waiting.items()}

    def prepare(self, hosts: Iterable[str], captures: Mapping[str, str]) -> None:
        """Empty logs, connection tracking and IPsec, and start tcpdump.

        :param captures: interface by host.
        """
        scripts = dict.fromkeys(hosts, _CLEAR)
        for host, interface in captures.items():
            scripts[host] = scripts.get(host, "") + _CAPTURE.format(log=_LOG, interface=shlex.quote(interface))
        self.on_all({host: self._task(host, script) for host, script in scripts.items()})

    def _task(self, host: str, script: str) -> Callable[[], str]:
        return lambda: self.script(host, script)

    def end_capture(self, host: str) -> str:
        """Stop tcpdump.

        :return: what it has seen, in its words.
        """
        return self.script(host, _END_CAPTURE.format(log=_LOG))

    def left_over(self, hosts: Iterable[str]) -> dict[str, str]:
        """What IPsec has that no test may leave, by host."""
        found = self.on_all({host: self._task(host, _LEFT) for host in hosts})
        return {host: said for host, said in found.items() if said}

    def collect(self, commands: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
        """Outputs of commands, by host and by name; what fails says so."""

        def of(host: str) -> Callable[[], str]:
            parts = [f"{command} 2>/dev/null; printf '\\0'" for command in commands[host].values()]
            return lambda: self.script(host, "\n".join(parts))

        said: dict[str, str] = {}
        try:
            said = self.on_all({host: of(host) for host in commands if commands[host]})
        except DummError as exc:
            return {host: {name: str(exc) for name in named} for host, named in commands.items()}
        return {host: dict(zip(commands[host], text.split("\0"), strict=False)) for host, text in said.items()}


def evidence(host: str, *, uses_swanctl: bool, ipv6: bool) -> dict[str, str]:
    """Commands that say in which state a host is, by the name of upstream's file for what they say."""
    family = "-6 " if ipv6 else ""
    tables = "ip6tables" if ipv6 else "iptables"
    if uses_swanctl:
        found = {
            f"{host}.swanctl.{each}": f"swanctl --list-{each}"
            for each in ("conns", "algs", "certs", "pools", "authorities", "sas", "pols")
        }
        found[f"{host}.swanctl.stats"] = "swanctl --stats"
        found[f"{host}.swanctl.conf"] = "cat /etc/swanctl/swanctl.conf"
    else:
        found = {f"{host}.{each}": f"ipsec {each}" for each in ("statusall", "listall")}
        found |= {f"{host}.{each}": f"cat /etc/{each}" for each in ("ipsec.conf", "ipsec.secrets")}
    return {
        **found,
        f"{host}.strongswan.conf": "cat /etc/strongswan.conf",
        f"{host}.ip.policy": "ip -s xfrm policy",
        f"{host}.ip.state": "ip -s xfrm state",
        f"{host}.ip.route": f"ip {family}route list table 220; ip {family}route",
        f"{host}.ip.addr": "ip addr",
        f"{host}.iptables": f'for t in filter nat mangle; do echo "=== $t table ==="; {tables} -v -n -t $t -L; done',
        f"{host}.iptables-save": f"{tables}-save",
        f"{host}.auth.log": "cat /var/log/auth.log",
        f"{host}.daemon.log": "cat /var/log/daemon.log",
    }

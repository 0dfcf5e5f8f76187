# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast Ansible is inside a guest: connection dumm.lab.dumm beside OpenSSH, on the same guest in one run.

OpenSSH has what it can have: one multiplexed connection that stays open (ControlPersist), pipelining, a TAP without delay, and Debian's own
configuration of the server.  The two take turns, so that whatever else the machine does hits both; ratios are what counts.
What Ansible itself needs for the same number of tasks without any guest is measured, too: no connection can save that.
``BENCH_ROUNDS=3`` limits the rounds.  Nothing depends on the outcome: times make no test.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from lab import COLLECTIONS, REPOSITORY, Lab, fresh_lab, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls

_ROUNDS = int(os.environ.get("BENCH_ROUNDS") or 5)
_CALLS = 20
_MEM = 256
_ADDRESS = "10.9.0.1"
_OURS, _THEIRS = "lab.dumm.yml", "hosts.json"
_BIN = Path(sys.executable).parent
# The server and what it is linked against, beyond what a small Debian has.
_PACKAGES = (
    "openssh-server openssh-client openssh-sftp-server libwrap0 libedit2 libfido2-1 libcbor0.8 libgssapi-krb5-2 libkrb5-3 "
    "libk5crypto3 libkrb5support0 libkeyutils1 libcom-err2 libbsd0"
)
_SERVER = """
set -e
ldconfig
mkdir -p /root/.ssh /run/sshd
chmod 700 /root /root/.ssh
cat >/root/.ssh/authorized_keys
id sshd >/dev/null 2>&1 || useradd -r -s /usr/sbin/nologin -d /run/sshd sshd
cp /usr/share/openssh/sshd_config /etc/ssh/
ssh-keygen -A >/dev/null
exec /usr/sbin/sshd
"""
_TASKS: list[dict[str, Any]] = [
    {"command": "uname -r"},
    {"copy": {"content": "hello\n", "dest": "/root/copied"}},
    {"template": {"src": "bench.j2", "dest": "/root/templated"}},
    {"file": {"path": "/root/made", "state": "directory", "mode": "0750"}},
    {"user": {"name": "bench", "shell": "/bin/sh"}},
    {"lineinfile": {"path": "/root/copied", "line": "more"}},
    {"shell": "sysctl -n net.ipv4.ip_forward"},
    {"setup": {}},
    {"stat": {"path": "/root/copied"}, "register": "found"},
    {"assert": {"that": "found.stat.exists"}},
]
Way = Callable[[], None]


class Bench:
    """A lab with one guest, and both ways into it."""

    def __init__(self, lab: Lab, place: Path) -> None:
        self._lab = lab
        self._place = place
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE", "DUMM"))},
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(place / "ansible"),
            "LC_ALL": "C.UTF-8",
        }
        self._ssh = (
            f"-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -i {place}/key "
            f"-o ControlMaster=auto -o ControlPersist=600 -o ControlPath={place}/cm"
        )
        self.master = ["ssh", *shlex.split(self._ssh), f"root@{_ADDRESS}"]

    def prepare(self) -> None:
        """Start the guest and the server in it, and go where its network is."""
        layer = self._server_layer()
        self._lab.bridge("br0", address=["10.9.0.254/24"])
        self._lab.guest("alice", mem=_MEM, layers=[str(layer)])
        self._lab.iface("alice", "eth0", bridge="br0", address=[f"{_ADDRESS}/24"])
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._place / "key"], check=True)
        done = self._lab.run("alice", _SERVER, (self._place / "key.pub").read_bytes())
        if done.code != 0:
            raise SystemExit(f"sshd does not start: {done.stderr.decode()}")
        with open(f"/run/netns/{self._lab.name}", "rb") as network:
            syscalls.setns(network.fileno(), syscalls.CLONE_NEWNET)
        until(lambda: subprocess.run([*self.master, "true"], check=False).returncode == 0, "the server")
        theirs = {
            "ansible_host": _ADDRESS,
            "ansible_user": "root",
            "ansible_pipelining": True,
            "ansible_ssh_args": self._ssh,
        }
        (self._place / "hosts.json").write_text(json.dumps({"all": {"hosts": {"ssh": theirs}}}))
        # As a lab is used: its guests are found by the inventory plugin.
        ours = {"plugin": "dumm.lab.dumm", "workdir": str(self._lab.path)}
        (self._place / "lab.dumm.yml").write_text(json.dumps(ours))
        (self._place / "group_vars").mkdir()
        (self._place / "group_vars/all.json").write_text('{"ansible_python_interpreter": "/usr/bin/python3"}')
        (self._place / "bench.j2").write_text("{{ inventory_hostname }}\n")
        (self._place / "big").write_bytes(os.urandom(1 << 20) * 50)
        self._book("tasks", _TASKS)
        self._book("idle", [{"debug": {"msg": "nothing"}}] * len(_TASKS))

    def _server_layer(self) -> Path:
        """OpenSSH's packages, unpacked: the guest's master stays what it is."""
        layer, debs = self._place / "layer", self._place / "debs"
        debs.mkdir()
        subprocess.run(
            ["apt-get", "-qq", "download", *_PACKAGES.split()], cwd=debs, check=True, stderr=subprocess.DEVNULL
        )
        unpacked = self._place / "unpacked"
        for deb in debs.iterdir():
            subprocess.run(["dpkg", "-x", deb, unpacked], check=True)
        # /lib is a link in the guest.
        subprocess.run(["cp", "-a", unpacked / "lib/.", unpacked / "usr/lib/"], check=True)
        layer.mkdir(mode=0o755)
        for name in ("etc", "usr", "var"):
            (unpacked / name).rename(layer / name)
        return layer

    def _book(self, name: str, tasks: list[dict[str, Any]]) -> None:
        play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
        (self._place / f"{name}.json").write_text(json.dumps(play))

    def ansible(self, program: str, inventory: str, *arguments: str) -> None:
        """Run one of Ansible's programs with an inventory of one host."""
        command = [str(_BIN / program), "-i", inventory, *arguments]
        done = subprocess.run(
            command, cwd=self._place, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")

    def call(self, channel: Any) -> None:
        """One command over the control line."""
        if channel.run("/bin/true").code != 0:
            raise SystemExit("true is not")

    def forget_big(self) -> None:
        """The next copy has all to do."""
        self._lab.read("alice", "rm -f /root/big")

    def pairs(self) -> dict[str, tuple[Way, Way]]:
        """What is measured: ours and OpenSSH's."""
        adhoc = {
            "ansible -m ping": ("-m", "ping"),
            "ansible -m raw -a true": ("-m", "raw", "-a", "true"),
            "ansible -m copy, 50 MB": ("-m", "copy", "-a", "src=big dest=/root/big"),
        }
        found: dict[str, tuple[Way, Way]] = {
            text: (
                lambda words=words: self.ansible("ansible", _OURS, "all", *words),  # type: ignore[misc]
                lambda words=words: self.ansible("ansible", _THEIRS, "all", *words),  # type: ignore[misc]
            )
            for text, words in adhoc.items()
        }
        for text, book in (("playbook of ten tasks", "tasks"), ("  ten tasks without a guest", "idle")):
            found[text] = (
                lambda book=book: self.ansible("ansible-playbook", _OURS, f"{book}.json"),  # type: ignore[misc]
                lambda book=book: self.ansible("ansible-playbook", _THEIRS, f"{book}.json"),  # type: ignore[misc]
            )
        return found

    def measure(self) -> dict[str, tuple[list[float], list[float]]]:
        """Seconds of all rounds."""
        channel = self._lab.channel("alice")
        pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "/bin/true from Python": (
                lambda: self.call(channel),
                lambda: subprocess.run([*self.master, "/bin/true"], check=True),
            ),
            **self.pairs(),
        }
        for ways in pairs.values():
            for way in ways:
                way()
        times: dict[str, tuple[list[float], list[float]]] = {text: ([], []) for text in pairs}
        for number in range(_ROUNDS):
            print(f"  round {number + 1} of {_ROUNDS}", file=sys.stderr)
            for text, ways in pairs.items():
                for _call in range(_CALLS if text.startswith("/") else 1):
                    for kept, way in zip(times[text], ways, strict=True):
                        self.forget_big()
                        began = time.perf_counter()
                        way()
                        kept.append(time.perf_counter() - began)
        return times


_TARGETS = {
    "/bin/true from Python": "1/5",
    "ansible -m ping": "1/2",
    "ansible -m raw -a true": "1/4",
    "ansible -m copy, 50 MB": "1/3",
    "playbook of ten tasks": "1/3",
}


def table(found: dict[str, Any]) -> str:
    """All of it, as text: minima and medians in seconds."""
    times = found["times"]
    lines = [f"ANSIBLE INSIDE A GUEST (load {found['load']:.1f}, {_ROUNDS} rounds)"]
    lines += [f"{'seconds, min / median':30}{'dumm':>18}{'OpenSSH':>18}{'ratio':>16}   wanted"]
    for text, (ours, theirs) in times.items():
        cells = [f"{min(one):.3f} / {statistics.median(one):.3f}" for one in (ours, theirs)]
        ratio = f"{min(ours) / min(theirs):.2f} / {statistics.median(ours) / statistics.median(theirs):.2f}"
        lines.append(f"{text:30}{cells[0]:>18}{cells[1]:>18}{ratio:>16}   {_TARGETS.get(text, '')}")
    return "\n".join(lines)


def measure() -> dict[str, Any]:
    """Let both work in turn.

    :return: ``times``: for each kind of work the seconds of all calls, ours and OpenSSH's.
    """
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    with tempfile.TemporaryDirectory(prefix="dumm-inside-") as place, fresh_lab() as lab:
        bench = Bench(lab, Path(place))
        try:
            bench.prepare()
            times = bench.measure()
        finally:
            subprocess.run([*bench.master, "-O", "exit"], check=False, stderr=subprocess.DEVNULL)
            syscalls.setns(own, syscalls.CLONE_NEWNET)
    return {"times": times, "load": os.getloadavg()[0]}


def main() -> None:
    """Measure and print."""
    print(table(measure()))


if __name__ == "__main__":
    main()

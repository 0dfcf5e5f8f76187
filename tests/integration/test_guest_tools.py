# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The world inside a guest is the one that its user knows: what anybody types first works, and nothing complains.

It is tried on Debian's kernel, with the agent that is a program and the one that is shell scripts, and on the tuned kernel, with the
programs of Debian 12 and of Debian 13.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BASE, TUNED, Lab, fresh_lab, until

KERNELS = ["default", "scripts", TUNED]
SUITES = ["bookworm", "trixie"]

# Separated by " | ". Each is run by root and must succeed without a word to standard error.
TOOLS = {
    "procps": """
        ps aux | ps -ef | ps axf | ps -eLf | ps -eo pid,ppid,user,stat,pcpu,time,wchan:20,cgroup,comm | top -bn1 | top -bHn1
        vmstat | vmstat -s | vmstat -d | vmstat -m | vmstat 1 2 | slabtop -o | uptime | uptime -p | free | free -wh | w
        pgrep -a . | pidof sh | pmap $$ | pmap -X $$ | pwdx $$ | sysctl kernel.hostname | sysctl -w net.ipv4.ip_forward=0
    """,
    "util-linux": """
        lscpu | lscpu -e | lsblk | lsns | lslocks | lslogins | lsipc | ipcs | findmnt | mount | dmesg | dmesg -T | losetup -a
        chrt -p $$ | taskset -p $$ | ionice -p $$ | prlimit | nsenter -t 1 -m -n true | unshare -n true | flock /tmp true | setpriv -d
        script -qc true /dev/null | mountpoint /proc | choom -p $$ | runuser -u nobody true
        namei -l /etc/passwd | renice -n 1 $$ | unshare -Ump --fork true
    """,
    "iproute2": """
        ip address | ip -s -d link | ip -j -d link | ip route show table all | ip -6 route | ip rule | ip neigh | ip maddress
        ip netns | ip tunnel | ip -6 tunnel | ip tuntap | ip mroute | ip nexthop | ip netconf | ip tcp_metrics | ip token
        ip macsec show | ip vrf | ip ntable | ip addrlabel | ip -s xfrm state | ip xfrm policy | genl ctrl list
        ss -atuwx | ss -tulpn | ss -s | ss -xp | ss -ti | bridge link | bridge fdb | bridge vlan | bridge mdb
        tc qdisc | tc -s -d qdisc show dev eth0 | tc filter show dev eth0 | nstat
    """,
    "others": """
        ethtool -i eth0 | ethtool -k eth0 | ethtool -P eth0 | ethtool -T eth0 | ethtool -K eth0 gro off | ethtool -K eth0 gro on
        lsof -n | lsof -p $$ | strace -f -o /tmp/trace ls / && grep -q execve /tmp/trace && grep -q "exited with 0" /tmp/trace
        strace -o /tmp/trace -c true | sudo -n true | sudo -n -u nobody id | su -s /bin/sh -c id nobody | hostname -f
        python3 -c "import apt; apt.Cache()" | dpkg -l | apt-get -qq check | getent hosts localhost
    """,
}
_RUN = """
while IFS= read -r line; do
  code=0
  said=$(sh -c "$line" </dev/null 2>&1 >/dev/null) || code=$?
  [ $code = 0 ] && [ -z "$said" ] || printf '%s: %s %s\\n' "$line" $code "$said"
done
"""


@pytest.fixture(scope="module", params=KERNELS)
def labs(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A guest of each userland with one of the kernels, and of each other init; eth0 is 10.0.0.1, .2 and so on of one bridge."""
    kernel: str = request.param
    if not (BASE / "kernels" / kernel / "linux").exists():
        pytest.skip("the tuned kernel is not in the cache: 'make test-kernel' builds it")
    with fresh_lab(kernel=kernel) as lab:
        lab.bridge("br0")
        for suite in SUITES:
            if (BASE / "masters" / f"test-tools-{suite}").is_dir():
                (lab.path / "masters" / suite).symlink_to((BASE / "masters" / f"test-tools-{suite}").resolve())
        masters = [*(suite for suite in SUITES if (lab.path / "masters" / suite).exists()), "systemd", "sysvinit"]
        for number, master in enumerate(masters, 1):
            lab.guest(master, state="present", master=master, mem=192)
            lab.iface(master, "eth0", bridge="br0", address=[f"10.0.0.{number}/24"])
            lab.guest(master)
        yield lab


def _guest(lab: Lab, name: str) -> str:
    if name not in lab.info(inside=False)["guests"]:
        pytest.skip(f"master test-tools-{name} is made by 'make test-kernel'")
    return name


def _tuned_alone(lab: Lab) -> None:
    if (lab.path / "kernels/default").resolve() != (BASE / "kernels" / TUNED).resolve():
        pytest.skip("a promise of the tuned kernel")


@pytest.mark.parametrize("package", TOOLS)
@pytest.mark.parametrize("suite", SUITES)
def test_the_common_tools_work(labs: Lab, suite: str, package: str) -> None:
    commands = [each.strip() for line in TOOLS[package].splitlines() for each in line.split(" | ") if each.strip()]

    assert labs.run(_guest(labs, suite), _RUN, "\n".join([*commands, ""]).encode(), 300).stdout.decode() == ""


@pytest.mark.parametrize("guest", [*SUITES, "systemd", "sysvinit"])
def test_the_lines_of_a_processor_end_as_on_any_machine(labs: Lab, guest: str) -> None:
    """libproc2 4.0.2 takes an end without an empty line for an error."""
    text = labs.read(_guest(labs, guest), "cat /proc/cpuinfo")

    assert text.startswith("processor") and text.endswith("\n\n") and "\n\n\n" not in text


@pytest.mark.parametrize("suite", SUITES)
def test_the_tuned_kernel_describes_the_processor(labs: Lab, suite: str) -> None:
    """As what reads it takes for granted; the host's flags are those that any program finds out by CPUID."""
    _tuned_alone(labs)
    text = labs.read(_guest(labs, suite), "cat /proc/cpuinfo; LC_ALL=C lscpu")
    told = dict(re.findall(r"^\s*([^\t:]+?)\s*:\s*(.*)$", text, re.MULTILINE))
    host = dict(re.findall(r"^\s*([^\t:]+?)\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE))

    assert told["model name"] == told["Model name"] == f"UML on {host['model name']}"
    assert [told[name] for name in ("cpu family", "model", "stepping")] == [
        host[name] for name in ("cpu family", "model", "stepping")
    ]
    assert [told[name] for name in ("siblings", "core id", "cpu cores")] == ["1", "0", "1"]
    assert told["CPU op-mode(s)"] == "32-bit, 64-bit"
    assert {"fpu", "sse2", "lm"} <= set(told["flags"].split())
    assert float(told["cpu MHz"]) > 0


@pytest.mark.parametrize("guest", [*SUITES, "systemd", "sysvinit"])
def test_a_boot_of_the_tuned_kernel_logs_no_warning(labs: Lab, guest: str) -> None:
    """But of what Linux is going to lose; what systemd says there is its own."""
    _tuned_alone(labs)
    warnings = labs.read(_guest(labs, guest), "dmesg --level=emerg,alert,crit,err,warn").splitlines()
    others = re.compile(r"\] systemd\S*\[\d+\]:|scheduled (for removal|to be removed)|if you still need")

    assert [line for line in warnings if not others.search(line)] == []


@pytest.mark.parametrize("guest", [*SUITES, "systemd", "sysvinit"])
def test_an_ordinary_user_pings(labs: Lab, guest: str) -> None:
    ping = "ping -c 1 -w 20"
    said = labs.run(_guest(labs, guest), f"su -s /bin/sh -c '{ping} 127.0.0.1 && {ping} ::1 && {ping} 10.0.0.1' nobody")

    assert said.code == 0, said


@pytest.mark.parametrize("guest", [*SUITES, "systemd", "sysvinit"])
def test_a_tap_and_fuse_can_be_opened(labs: Lab, guest: str) -> None:
    """Modules whose device nodes nobody makes but udev, which guests do without."""
    said = labs.run(_guest(labs, guest), "ip tuntap add t0 mode tap && : <>/dev/fuse && ip link del t0")

    assert said.code == 0, said


@pytest.mark.parametrize("guest", [*SUITES, "systemd", "sysvinit"])
def test_a_guest_knows_its_own_name(labs: Lab, guest: str) -> None:
    said = labs.read(_guest(labs, guest), "getent hosts $(hostname); getent hosts localhost; hostname -f").split("\n")

    assert [line.split() for line in said] == [
        ["127.0.1.1", guest],
        ["::1", "localhost", *said[1].split()[2:]],
        [guest],
        [],
    ]
    assert not (labs.directory(guest).diff / "etc/hosts").exists()


@pytest.mark.parametrize("guest", [*SUITES, "systemd", "sysvinit"])
def test_a_guest_is_born_with_its_own_interfaces_alone(labs: Lab, guest: str) -> None:
    links = json.loads(labs.read(_guest(labs, guest), "ip -j link"))

    assert [link["ifname"] for link in links] == ["lo", "eth0"]


def test_the_kernel_complains_of_nothing_that_the_collection_does(labs: Lab) -> None:
    for guest in sorted(labs.info()["guests"]):
        labs.iface(guest, "eth1", bridge="br0", address=["10.1.0.1/24", "fd01::1/64"], mtu=1400)
        labs.iface(guest, "eth1", state="absent")
        labs.info()
        complaints = [line for line in labs.read(guest, "dmesg").splitlines() if "in process" in line]

        assert complaints == []


def test_a_file_of_a_users_own_goes_before_the_name_that_we_give(labs: Lab) -> None:
    labs.read("systemd", "echo 10.9.9.9 $(hostname) >/etc/hosts")
    try:
        assert labs.read("systemd", "getent hosts $(hostname)").split() == ["10.9.9.9", "systemd"]
        labs.guest("systemd", state="restarted")
        assert labs.read("systemd", "getent hosts $(hostname)").split() == ["10.9.9.9", "systemd"]
    finally:
        labs.read("systemd", "rm /etc/hosts")


@pytest.mark.parametrize("engine", ["overlay", "cowfs"])
def test_the_name_is_below_what_a_master_a_layer_or_a_scenario_says(lab: Lab, engine: str) -> None:
    (lab.path / "layer/etc").mkdir(parents=True)
    (lab.path / "layer/etc/hosts").write_text("10.9.9.9 alice\n")
    knows = "getent hosts alice"
    lab.guest("alice", union=engine)
    assert lab.read("alice", knows).split() == ["127.0.1.1", "alice"]

    lab.guest("alice", union=engine, layers=[str(lab.path / "layer")])
    assert lab.read("alice", knows).split() == ["10.9.9.9", "alice"]

    lab.guest("alice", union=engine, layers=[])
    assert lab.read("alice", knows).split() == ["127.0.1.1", "alice"]

    lab.scenario("named", {"guests": {"alice": {"union": engine, "interfaces": {"eth0": {"address": "10.7.0.1/24"}}}}})
    assert lab.read("alice", knows).split()[:2] == ["10.7.0.1", "alice"]


DEVICES = """
ip link add bond0 type bond; ip link add dummy0 type dummy; ip link add ifb0 type ifb; ip link add ifb1 type ifb
ip tunnel add tun-a mode gre remote 10.0.0.9; ip tunnel add tun-b mode ipip remote 10.0.0.9; ip tunnel add tun-c mode sit remote 10.0.0.9
ip tunnel add tun-d mode vti remote 10.0.0.9 key 7; ip -6 tunnel add tun-e mode ip6gre remote fd00::9
ip -6 tunnel add tun-f mode ip6ip6 remote fd00::9; ip -6 tunnel add tun-g mode vti6 remote fd00::9 key 7
ip tunnel change tun-a mode gre remote 10.0.0.8; ip tunnel show tun-a | grep "remote 10.0.0.8"
for each in a b c d; do ip tunnel del tun-$each; done
for each in e f g; do ip -6 tunnel del tun-$each; done
ip link add gre1 type gre remote 10.0.0.7; ip link add sit1 type sit remote 10.0.0.7; ip link set gre1 up
for each in bond0 dummy0 ifb0 ifb1 gre1 sit1; do ip link del $each; done
"""


@pytest.mark.parametrize("kernel", KERNELS)
def test_devices_have_the_names_that_everybody_gives_them(kernel: str) -> None:
    if not (BASE / "kernels" / kernel / "linux").exists():
        pytest.skip("the tuned kernel is not in the cache: 'make test-kernel' builds it")
    with fresh_lab(kernel=kernel) as lab:
        lab.guest("alice", mem=96)

        assert lab.run("alice", f"set -e\n{DEVICES}").stderr == b""
        # In a namespace, too, and by whoever is root there alone.
        inner = lab.run("alice", f"unshare -Urn sh -ec '{DEVICES}'")
        assert inner.code == 0 or kernel != TUNED, inner


CPU_TIME = """
import os, time
def shares(work):
    began = os.times()
    while sum(os.times()[:2]) - sum(began[:2]) < 1:
        work()
    user, system = (after - before for after, before in zip(os.times()[:2], began[:2]))
    return round(user / (user + system), 2)
with open("/dev/urandom", "rb", buffering=0) as file:
    room = bytearray(1 << 20)
    print(shares(lambda: sum(range(1000000))), shares(lambda: file.readinto(room)))
"""


def test_cpu_time_of_programs_and_of_the_kernel_is_told_apart(labs: Lab) -> None:
    computing, asking = map(float, labs.run("systemd", f"python3 - <<'END'{CPU_TIME}END").stdout.split())
    unable = any("CPU time" in said for said in labs.guest("systemd")["guest"]["running"]["limits"])

    if unable:
        # Both are of one kind, but for ticks that waited for the kernel to listen.
        assert abs(computing - asking) < 0.2
    else:
        assert computing > 0.6 and asking < 0.3


def test_a_real_time_program_that_loops_leaves_time_for_others(labs: Lab) -> None:
    """The kernel's deadline server gives others one twentieth of it, the guest's agent among them."""
    _tuned_alone(labs)
    labs.read("systemd", "cp /bin/sh /run/looping; chrt -f 1 /run/looping -c 'while :; do :; done' >/dev/null 2>&1 &")
    until(lambda: "FF" in labs.read("systemd", "ps -C looping -o cls="), "the program")

    labs.read("systemd", "pkill -9 looping")
    until(lambda: labs.run("systemd", "pgrep looping").code == 1, "its end")


def test_facts_of_packages_need_nothing_more(lab: Lab) -> None:
    """python3-apt is in the default master."""
    lab.guest("alice", mem=96)

    assert int(lab.read("alice", "python3 -c 'import apt; print(len(apt.Cache()))'")) > 50

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest's kernel has of the network is brought back, kind by kind, whatever was done to it.

All kinds are messed up in one guest and brought back in one run, for each kind of kernel; each test looks at one of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from lab import BASE, SERVICES, TUNED, Lab, Result, fresh_lab
from testbed import Config, pids

PATIENCE = 300
# With and without the agent that is a program, with modules and without.
KERNELS = {"tuned": TUNED, "Debian": "default"}
# Rules that the scenario itself has: sets of all kinds, maps, counters.
_OWN_RULES = """
nft -f - <<'END'
table ip own {
  set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.0.1 } }
  set seen { type ipv4_addr; flags dynamic, timeout; timeout 1h; }
  map ports { type inet_service : verdict; elements = { 22 : accept, 25 : drop } }
  counter hits {
  }
  chain other {
    counter drop
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ip saddr @nets counter accept
    tcp dport { 22, 80, 443 } counter name hits jump other
    tcp dport vmap @ports
    ip daddr vmap { 10.1.1.1 : drop, 10.2.2.2 : goto other }
    quota 10 mbytes drop
  }
}
table netdev eth {
  chain in {
    type filter hook ingress device eth0 priority 0; policy accept;
  }
}
END
"""


def _config(kernel: str) -> Config:
    run = [
        _OWN_RULES,
        "ip route replace 203.0.113.0/24 dev eth0; ip rule add pref 50 lookup 50; ip link add own7 type dummy; ip link set own7 up",
        "ip addr add 10.0.0.101/24 dev eth0; ip neigh add 10.0.0.90 lladdr 02:00:00:00:00:90 dev eth0",
        "ip xfrm policy add src 10.8.0.0/24 dst 10.9.0.0/24 dir out action block",
    ]
    return {
        "defaults": {"kernel": kernel, "mem": 128, "master": SERVICES, "init": "minimal"},
        "bridges": {"lan": {"prefix": ["10.0.0.0/24", "fd00::/64"]}},
        "guests": {
            "moon": {
                "union": "cowfs",
                "faults": [{"path": "/broken", "error": "EIO"}],
                "interfaces": {"eth0": {"bridge": "lan", "delay": "1ms"}, "eth1": {}},
                "routes": ["192.0.2.0/24 via 10.0.0.2", "2001:db8:1::/48 via fd00::2"],
                "sysctl": {"net.ipv4.conf.all.rp_filter": 2, "net.ipv4.conf.eth0.arp_ignore": 1},
                "run": run,
            },
            "sun": {"interfaces": {"eth0": {"bridge": "lan"}}},
        },
    }


def _lines(command: str, *, kept: str = "", without: str = "$^") -> Callable[[Lab], list[str]]:
    """What a command prints, ordered, without counters."""

    def look(lab: Lab) -> list[str]:
        told = re.sub(r"packets \d+ bytes \d+|\[\d+:\d+\]|used \d+ \w+", "", lab.read("moon", f"{command} || :"))
        return sorted(
            line.strip() for line in told.splitlines() if re.search(kept, line) and not re.search(without, line)
        )

    return look


# What modules bring with them, and keep.
_OF_MODULES = r"\b(tunl0|ip_vti0|gre0|gretap0|erspan0|sit0|ip6tnl0|bond0)\b"


def _links(lab: Lab) -> list[Any]:
    keys = ("ifindex", "ifname", "mtu", "txqlen", "address", "master", "ifalias", "group")
    return [
        (
            {key: link.get(key) for key in keys},
            sorted({*link["flags"]} - {"LOWER_UP", "NO-CARRIER", "M-DOWN"}),
            link.get("linkinfo", {}).get("info_kind"),
        )
        for link in json.loads(lab.read("moon", "ip -j -d link"))
        if not re.search(_OF_MODULES, link["ifname"])
    ]


def _addresses(lab: Lab) -> list[Any]:
    """In their order: that of IPv4 addresses counts."""
    return [
        (link["ifname"], [(each["local"], each["prefixlen"], each["scope"]) for each in link["addr_info"]])
        for link in json.loads(lab.read("moon", "ip -j -4 addr"))
        if link
    ]


@dataclass(frozen=True)
class Mess:
    """A way to mess up a kind.

    :ivar look: what there is of the kind.
    :ivar script: what messes it up.
    :ivar says: what the run says of it.
    :ivar only: the kernel that has it.
    """

    look: Callable[[Lab], Any]
    script: str
    says: str
    only: str = ""


_ESP = "proto esp spi 0x1234 reqid 5 mode tunnel enc 'cbc(aes)' 0x000102030405060708090a0b0c0d0e0f auth 'hmac(sha256)' 0x00"
_ADDRESSES6 = _lines("ip -6 -o addr | sed 's/tentative//;s/nodad//;s/  */ /g'")
_ROUTES = _lines(
    "ip route show table all; ip -6 route show table all", without=r"^(local|anycast|multicast) .*proto kernel"
)
_SETTINGS = _lines(
    "grep -rs '' /proc/sys/net", without=rf"{_OF_MODULES}|conntrack_count|stable_secret|ipv6/conf/[^/]*/mtu:"
)
_LINKS_SAY = "interfaces? .*"
MESSES = {
    "a dummy": Mess(
        _links, "ip link add dummy7 type dummy; ip link set dummy7 up; ip addr add 192.0.2.9/24 dev dummy7", "dummy7"
    ),
    "a bridge with a port": Mess(
        _links, "ip link add br7 type bridge; ip link set eth1 master br7; ip link set br7 up", "br7"
    ),
    "a VLAN": Mess(_links, "ip link add link eth0 name eth0.5 type vlan id 5; ip link set eth0.5 up", r"eth0\.5"),
    "a pair in a namespace": Mess(
        _links, "ip link add veth7 type veth peer name veth8; ip netns add n7; ip link set veth8 netns n7", "veth7"
    ),
    "a tunnel": Mess(
        _links, "ip tunnel add ipip7 mode ipip remote 10.0.0.9 local 10.0.0.1; ip link set ipip7 up", "ipip7"
    ),
    "a VTI": Mess(
        _links, "ip link add vti7 type vti key 7 local 10.0.0.1 remote 10.0.0.9; ip link set vti7 up", "vti7"
    ),
    "an XFRM interface": Mess(
        _links, "ip link add xfrm7 type xfrm dev eth0 if_id 7; ip link set xfrm7 up", "xfrm7", "tuned"
    ),
    "WireGuard": Mess(_links, "ip link add wg7 type wireguard; ip link set wg7 up", "wg7", "tuned"),
    "a bond": Mess(_links, "ip link add bond7 type bond", "bond7"),
    "an interface of the scenario's that went": Mess(_links, "ip link del own7", "own7"),
    "settings of a link": Mess(
        _links, "ip link set eth0 mtu 1300; ip link set eth0 txqueuelen 50 promisc on; ip link set eth1 down", "eth0"
    ),
    "the loopback interface": Mess(_links, "ip link set lo down", "lo"),
    "addresses and their order": Mess(
        _addresses,
        "ip addr del 10.0.0.1/24 dev eth0; ip addr add 10.0.0.200/24 dev eth0; ip addr add 10.0.0.1/24 dev eth0",
        "addresses",
    ),
    "IPv6 addresses": Mess(
        _ADDRESSES6, "ip addr del fd00::1/64 dev eth0; ip addr add 2001:db8::5/64 dev eth0", "addresses"
    ),
    "routes": Mess(
        _ROUTES,
        "ip route del 203.0.113.0/24; ip route add 198.51.100.0/24 via 10.0.0.2; ip route add 198.51.100.0/24 via 10.0.0.2 table 220;"
        " ip route add blackhole 198.18.0.0/15; ip -6 route add 2001:db8:5::/48 dev eth0; ip route del 192.0.2.0/24;"
        " ip route add 198.19.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.0.3",
        "routes",
    ),
    "rules": Mess(
        _lines("ip rule; ip -6 rule"),
        "ip rule del pref 50; ip rule add pref 220 lookup 220; ip -6 rule add pref 221 lookup 9",
        "rules",
    ),
    "next hops": Mess(_lines("ip nexthop"), "ip nexthop add id 77 via 10.0.0.2 dev eth0", "next hop"),
    "neighbours": Mess(
        _lines("ip neigh show nud permanent; ip neigh show proxy"),
        "ip neigh del 10.0.0.90 dev eth0; ip neigh replace 10.0.0.55 lladdr 02:00:00:00:00:55 dev eth0;"
        " ip neigh add proxy 10.0.0.66 dev eth0",
        "neighbours",
    ),
    "IPsec states": Mess(
        _lines("ip xfrm state"),
        f"ip xfrm state add src 10.0.0.1 dst 10.0.0.9 {_ESP}{'01' * 31}; ip xfrm state add src 10.0.0.9 dst"
        f" 10.0.0.1 {_ESP}{'01' * 31}",
        "IPsec states",
    ),
    "IPsec policies": Mess(
        _lines("ip xfrm policy"),
        "ip xfrm policy del src 10.8.0.0/24 dst 10.9.0.0/24 dir out; ip xfrm policy add src 10.1.0.0/24 dst 10.2.0.0/24 dir out"
        " tmpl src 10.0.0.1 dst 10.0.0.9 proto esp reqid 5 mode tunnel",
        "IPsec polic",
    ),
    "nftables": Mess(
        _lines("nft list ruleset", without="elements = .* expires"),
        "nft add table inet t; nft 'add chain inet t c { type filter hook input priority 0; policy drop; }';"
        " nft add rule inet t c ct state established counter accept; nft flush chain ip own forward;"
        " nft delete element ip own nets { 10.0.0.0/8 }",
        "nftables",
        "tuned",
    ),
    "iptables": Mess(
        _lines("iptables-legacy-save", kept="^-|^:.*DROP"),
        "iptables-legacy -A FORWARD -j DROP; iptables-legacy -N other; iptables-legacy -t nat -A POSTROUTING -j MASQUERADE;"
        " iptables-legacy -P INPUT DROP",
        "iptables-legacy",
        "tuned",
    ),
    "ip6tables": Mess(
        _lines("ip6tables-legacy-save", kept="^-"), "ip6tables-legacy -A FORWARD -j DROP", "ip6tables-legacy", "tuned"
    ),
    "tracked connections": Mess(
        lambda lab: lab.run("moon", "cat /proc/sys/net/netfilter/nf_conntrack_count").stdout in (b"", b"0\n"),
        "nft insert rule inet t c ct state new accept; ping -c 1 -w 60 10.0.0.2 >/dev/null || :",
        "",
        "tuned",
    ),
    "learned neighbours": Mess(
        _lines("ip neigh show nud all", kept="10.0.0.77"),
        "ip neigh add 10.0.0.77 lladdr 02:00:00:00:00:77 dev eth0 nud stale",
        "",
    ),
    "queues": Mess(
        _lines("tc qdisc show dev eth0; tc qdisc show dev eth1"),
        "tc qdisc replace dev eth0 root handle 1: tbf rate 1mbit burst 10k latency 50ms; tc qdisc add dev eth0 clsact;"
        " tc qdisc add dev eth1 root handle 7: pfifo",
        "queues",
    ),
    "namespaces": Mess(_lines("ls /run/netns 2>/dev/null"), "ip netns add n8", "namespace n8"),
    "settings": Mess(
        _SETTINGS,
        "cd /proc/sys/net; echo 1 >ipv4/ip_forward; echo 0 >ipv4/conf/eth0/arp_ignore; echo 0 >ipv4/conf/all/rp_filter;"
        " echo 7 >ipv4/neigh/eth0/app_solicit;"
        " echo 1 >ipv6/conf/all/forwarding; echo 300 >core/somaxconn; echo 1 >ipv6/conf/eth1/disable_ipv6;"
        " echo 9 >ipv4/tcp_keepalive_probes",
        "settings",
    ),
}


@dataclass(frozen=True)
class Cleaned:
    """A lab whose guest was messed up and cleaned, and what was seen of it before, in between, and after that."""

    lab: Lab
    kernel: str
    config: Config
    before: dict[str, Any]
    messed: dict[str, Any]
    after: dict[str, Any]
    check: Result
    run: Result
    again: Result


@pytest.fixture(scope="module", params=KERNELS)
def cleaned(request: pytest.FixtureRequest) -> Iterator[Cleaned]:
    """For each kind of kernel."""
    kernel = str(request.param)
    messes = {name: mess for name, mess in MESSES.items() if mess.only in ("", kernel)}
    if not (BASE / "kernels" / TUNED / "linux").exists():
        pytest.skip("there is no kernel of role kernel")
    with fresh_lab(kernel="scripts") as lab:
        config = _config(KERNELS[kernel])
        if kernel != "tuned":
            config["guests"]["moon"]["run"].pop(0)
        options = {"config": config, "clean": "network", "wait_timeout": PATIENCE}
        first = lab.scenario("x", **options)
        assert (first["warnings"], lab.scenario("x", **options)["changed"]) == ([], False)
        before = {name: mess.look(lab) for name, mess in messes.items()}
        for mess in messes.values():
            lab.read("moon", mess.script)
        messed = {name: mess.look(lab) for name, mess in messes.items()}
        check = lab.scenario("x", check=True, **options)
        assert {name: mess.look(lab) for name, mess in messes.items()} == messed
        run = lab.scenario("x", **options)
        after = {name: mess.look(lab) for name, mess in messes.items()}
        yield Cleaned(lab, kernel, config, before, messed, after, check, run, lab.scenario("x", **options))


@pytest.mark.parametrize("name", MESSES)
def test_each_kind_is_as_it_was(cleaned: Cleaned, name: str) -> None:
    mess = MESSES[name]
    if mess.only not in ("", cleaned.kernel):
        pytest.skip(f"Debian's kernel has no {name}")

    assert cleaned.messed[name] != cleaned.before[name], "nothing was messed up"
    assert cleaned.after[name] == cleaned.before[name]
    for result in (cleaned.check, cleaned.run):
        assert any(action.startswith("guest moon: ") and re.search(mess.says, action) for action in result["actions"])


def test_the_second_run_finds_nothing_and_nobody_was_restarted(cleaned: Cleaned) -> None:
    assert (cleaned.run["changed"], cleaned.check["changed"]) == (True, True)
    assert (cleaned.again["changed"], cleaned.again["actions"], cleaned.again["warnings"]) == (False, [], [])
    assert not any("guest sun" in action for action in cleaned.run["actions"])
    assert cleaned.lab.reaches("moon", "10.0.0.2") and cleaned.lab.reaches("moon", "fd00::2")


def test_what_a_routing_daemon_and_dhcp_gave_stays(cleaned: Cleaned) -> None:
    lab = cleaned.lab
    lab.read(
        "moon",
        "ip route add 198.51.100.0/24 via 10.0.0.2 proto bird; ip addr add 10.0.0.150/32 dev eth0 valid_lft 3000 preferred_lft 3000;"
        " ip route add 198.51.101.0/24 via 10.0.0.2",
    )

    result = lab.scenario("x", cleaned.config, clean="network")

    assert result["actions"] == ["guest moon: bring its network back: 1 route"]
    assert "198.51.100.0/24" in lab.read("moon", "ip route") and "10.0.0.150" in lab.read("moon", "ip addr")
    lab.read("moon", "ip route del 198.51.100.0/24; ip addr del 10.0.0.150/32 dev eth0")


def test_what_the_scenario_says_meanwhile_is_clean_from_then_on(cleaned: Cleaned) -> None:
    lab = cleaned.lab
    lab.read("moon", "ip route add 198.51.100.0/24 via 10.0.0.2")
    changed = json.loads(json.dumps(cleaned.config))
    changed["guests"]["moon"]["interfaces"]["eth1"] = {"address": "198.18.0.1/24", "mtu": 1400}
    changed["guests"]["moon"]["sysctl"]["net.ipv4.conf.all.rp_filter"] = 1

    lab.scenario("x", changed, clean="network")
    assert not lab.scenario("x", changed, clean="network")["changed"]
    found = lab.read("moon", "cat /proc/sys/net/ipv4/conf/all/rp_filter; ip -br addr show eth1; ip route")
    lab.read("moon", "ip addr flush dev eth1; ip link set eth1 mtu 1300; echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter")
    lab.scenario("x", changed, clean="network")

    assert found.startswith("1\n") and "198.18.0.1/24" in found and "198.51.100" not in found
    assert "198.18.0.1/24" in lab.read("moon", "ip -br addr show eth1")
    assert lab.read("moon", "cat /proc/sys/net/ipv4/conf/all/rp_filter /sys/class/net/eth1/mtu") == "1\n1400\n"
    lab.scenario("x", cleaned.config, clean="network")


def test_a_guest_that_was_restarted_is_looked_at_anew(cleaned: Cleaned) -> None:
    lab = cleaned.lab
    before = pids(lab, "moon", "sun")
    lab.guest("moon", state="restarted", wait_timeout=PATIENCE)
    lab.scenario("x", cleaned.config, wait_timeout=PATIENCE)
    lab.read("moon", "ip route add 198.51.100.0/24 via 10.0.0.2")

    result = lab.scenario("x", cleaned.config, clean="network")

    assert result["actions"] == ["guest moon: bring its network back: 1 route"]
    assert pids(lab, "moon") != {"moon": before["moon"]}


def test_a_guest_of_which_nothing_is_known_is_clean_from_now_on(cleaned: Cleaned) -> None:
    lab = cleaned.lab
    lab.directory("sun").network.unlink()
    lab.read("sun", "ip route add 198.51.100.0/24 via 10.0.0.1")

    for check in (True, False):
        result = lab.scenario("x", cleaned.config, clean="network", check=check)
        assert result["changed"] is False
        assert result["warnings"] == [
            "guest sun: not looked at since its start, so what its kernel has of the network now counts as clean"
        ]
    lab.read("sun", "ip route del 198.51.100.0/24")
    assert lab.scenario("x", cleaned.config, clean="network")["actions"] == [
        "guest sun: bring its network back: 1 route"
    ]

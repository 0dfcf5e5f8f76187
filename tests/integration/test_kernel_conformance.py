# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tuned kernel promises (docs/reference/kernel.md) is used in guests, and the same on Debian's kernel.

Each feature is a script that both guests of a pair run, with their own last octet in ``ME`` and the other's in ``PEER``.
What works with which kernel is read in docs/reference/kernel.md (kernel_matrix.py): that something fails is asserted too, so the
documentation cannot be wrong about what a lab loses without the tuned one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from kernel_pairs import DEBIANS, KERNELS, Pair, made
from lab import BASE, PATIENCE, TUNED, Lab, fresh_lab, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import mconsole, processes

DEBIAN = next(iter(DEBIANS), None)
SERVICES = BASE / "masters/test-services"

pytestmark = pytest.mark.skipif(
    not (BASE / "kernels" / TUNED / "linux").exists() or not SERVICES.is_dir(),
    reason="the tuned kernel is not in the cache: 'make kernel' builds it, 'make test-kernel' builds it and runs these tests",
)


@pytest.fixture(scope="module")
def pairs() -> Iterator[dict[str, Pair]]:
    """A pair for each kernel."""
    with made("test-services", 96, FORGET) as pairs:
        yield pairs


@pytest.fixture(params=KERNELS)
def pair(request: pytest.FixtureRequest, pairs: dict[str, Pair]) -> Pair:
    """The pair of one kernel after the other."""
    return pairs[request.param]


# Devices and tunnels: each makes a device tun, over which the guests then reach each other.

TUNNELS = {
    "vlan": "ip link add link eth0 name tun type vlan id 7",
    "qinq": "ip link add link eth0 name outer type vlan proto 802.1ad id 8; ip link set outer up\n"
    "ip link add link outer name tun type vlan id 9",
    "macvlan": "ip link add link eth0 name tun type macvlan mode bridge",
    "ipvlan": "ip link add link eth1 name tun type ipvlan mode l2; ip link set eth1 up",
    "vxlan": "ip link add tun type vxlan id 42 remote 10.0.0.$PEER dstport 4789 dev eth0",
    "geneve": "ip link add tun type geneve id 42 remote 10.0.0.$PEER",
    "gre": "ip link add tun type gre local 10.0.0.$ME remote 10.0.0.$PEER key 7",
    "gretap": "ip link add tun type gretap local 10.0.0.$ME remote 10.0.0.$PEER",
    "erspan": "ip link add tun type erspan local 10.0.0.$ME remote 10.0.0.$PEER seq key 7 erspan_ver 1 erspan 1",
    "ipip": "ip link add tun type ipip local 10.0.0.$ME remote 10.0.0.$PEER",
    "fou": "ip fou add port 5555 ipproto 4; ip link add tun type ipip local 10.0.0.$ME remote 10.0.0.$PEER"
    " encap fou encap-sport auto encap-dport 5555",
    "sit": "ip link add tun type sit local 10.0.0.$ME remote 10.0.0.$PEER",
    "ip6tnl": "ip link add tun type ip6tnl mode any local fd00::$ME remote fd00::$PEER",
    "ip6gre": "ip link add tun type ip6gre local fd00::$ME remote fd00::$PEER",
    "ip6gretap": "ip link add tun type ip6gretap local fd00::$ME remote fd00::$PEER",
    "l2tp": "ip l2tp add tunnel tunnel_id 1 peer_tunnel_id 1 encap udp local 10.0.0.$ME remote 10.0.0.$PEER"
    " udp_sport 1701 udp_dport 1701; ip l2tp add session name tun tunnel_id 1 session_id 1 peer_session_id 1",
    "macsec": "ip link add link eth0 name tun type macsec encrypt on\n"
    "ip macsec add tun tx sa 0 pn 1 on key 01 0123456789abcdef0123456789abcdef\n"
    "mac=$(ip neigh get 10.0.0.$PEER dev eth0 | sed 's/.*lladdr //; s/ .*//')\n"
    "ip macsec add tun rx port 1 address $mac\n"
    "ip macsec add tun rx port 1 address $mac sa 0 pn 1 on key 01 0123456789abcdef0123456789abcdef",
    "wireguard": "ip link add tun type wireguard\n"
    "key() { printf '%032d' $1 | base64; }\n"
    "key $ME >/tmp/key; peer=$(key $PEER | wg pubkey)\n"
    "wg set tun listen-port 51820 private-key /tmp/key peer $peer endpoint 10.0.0.$PEER:51820 allowed-ips 10.9.0.0/24,fd09::/64",
    "xfrm interface": "ip link add tun type xfrm dev eth0 if_id 7\n"
    "for way in '1 2' '2 1'; do set -- $way\n"
    "ip xfrm state add src 10.0.0.$1 dst 10.0.0.$2 proto esp spi 0x10$1 reqid 7 mode tunnel if_id 7"
    " aead 'rfc4106(gcm(aes))' 0x0123456789abcdef0123456789abcdef01234567 128\n"
    "done\n"
    "ip xfrm policy add dir out src 10.9.0.0/24 dst 10.9.0.0/24 if_id 7"
    " tmpl src 10.0.0.$ME dst 10.0.0.$PEER proto esp reqid 7 mode tunnel\n"
    "ip xfrm policy add dir in src 10.9.0.0/24 dst 10.9.0.0/24 if_id 7"
    " tmpl src 10.0.0.$PEER dst 10.0.0.$ME proto esp reqid 7 mode tunnel",
    "vti": "ip link add tun type vti local 10.0.0.$ME remote 10.0.0.$PEER key 7\n"
    "for way in '1 2' '2 1'; do set -- $way\n"
    "ip xfrm state add src 10.0.0.$1 dst 10.0.0.$2 proto esp spi 0x10$1 reqid 7 mode tunnel mark 7"
    " aead 'rfc4106(gcm(aes))' 0x0123456789abcdef0123456789abcdef01234567 128\n"
    "done\n"
    "ip xfrm policy add dir out src 0.0.0.0/0 dst 0.0.0.0/0 mark 7"
    " tmpl src 10.0.0.$ME dst 10.0.0.$PEER proto esp reqid 7 mode tunnel\n"
    "ip xfrm policy add dir in src 0.0.0.0/0 dst 0.0.0.0/0 mark 7"
    " tmpl src 10.0.0.$PEER dst 10.0.0.$ME proto esp reqid 7 mode tunnel",
    "vrf": "ip link add red type vrf table 10; ip link set red up\n"
    "ip link add link eth0 name tun type vlan id 10; ip link set tun master red",
    "bond": "ip link add tun type bond mode active-backup miimon 100\n"
    "for port in eth1 eth2; do ip link set $port down; ip link set $port master tun; done",
    "bridge": "ip link add tun type bridge; ip link set eth1 master tun; ip link set eth1 up",
}
FORGET = """
for device in tun outer red; do ip link delete $device 2>/dev/null; done
for port in eth1 eth2; do ip link set $port nomaster; ip link set $port down; done
ip l2tp delete tunnel tunnel_id 1 2>/dev/null
ip fou delete port 5555 2>/dev/null
ip xfrm policy flush; ip xfrm state flush
:
"""


@pytest.mark.parametrize("feature", TUNNELS)
def test_guests_reach_each_other_through_a_device_of_this_type(pair: Pair, feature: str) -> None:
    up = "ip address add 10.9.0.$ME/24 dev tun; ip address add fd09::$ME/64 dev tun nodad; ip link set tun up"
    target = "fd09::2" if feature == "sit" else "-I red 10.9.0.2" if feature == "vrf" else "10.9.0.2"
    try:
        assert pair.lab.reaches(pair.left, "10.0.0.2")
        made = pair.both(f"{TUNNELS[feature]}\n{up}")
        works = made and pair.run(pair.left, f"ping -c 2 -i 0.2 -W 10 {target}")
        if works:
            assert int(pair.lab.read(pair.right, "cat /sys/class/net/tun/statistics/rx_packets")) > 0
        pair.check("devices and tunnels", feature, works)
    finally:
        pair.forget()


def test_a_bond_goes_on_when_its_active_port_fails(pairs: dict[str, Pair]) -> None:
    pair = pairs[TUNED]
    try:
        assert pair.both(f"{TUNNELS['bond']}\nip address add 10.9.0.$ME/24 dev tun\nip link set tun up")
        assert pair.run(pair.left, "ping -c 1 -w 10 10.9.0.2")
        active = pair.lab.read(pair.left, "cat /sys/class/net/tun/bonding/active_slave").strip()
        assert pair.run(pair.left, f"ip link set {active} down")
        until(lambda: pair.run(pair.left, "ping -c 1 -w 1 10.9.0.2"), "the bond's other port")
        assert pair.lab.read(pair.left, "cat /sys/class/net/tun/bonding/active_slave").strip() != active
    finally:
        pair.forget()


MORE_DEVICES = ["dummy", "veth", "ifb", "nlmon", "team"]


@pytest.mark.parametrize("kind", MORE_DEVICES)
def test_a_device_of_this_type_comes_up(pair: Pair, kind: str) -> None:
    works = pair.run(
        pair.left, f"ip link add tun type {kind}; ip link set tun up; ip link show tun; ip link delete tun"
    )

    pair.check("devices and tunnels", kind, works)


def test_labels_are_swapped_and_popped_on_a_way_of_three(pair: Pair) -> None:
    """left pushes 100; right swaps it for 200 and sends it on to a namespace behind it, which pops it."""
    mpls = "sysctl -qw net.mpls.platform_labels=1000; sysctl -qw net.mpls.conf.{}.input=1\n"
    right = (
        "modprobe -a mpls_router mpls_iptunnel || true\n"
        f"{mpls.format('eth0')}"
        "ip netns add c; ip link add v type veth peer name w netns c\n"
        "ip address add 10.8.0.1/24 dev v; ip link set v up; sysctl -qw net.ipv4.ip_forward=1\n"
        "ip -n c address add 10.8.0.2/24 dev w; ip -n c address add 10.88.0.1/32 dev lo\n"
        "ip -n c link set lo up; ip -n c link set w up; ip -n c route add 10.0.0.0/24 via 10.8.0.1\n"
        f"ip netns exec c sh -ec '{mpls.format('w')}'\n"
        "ip -f mpls route add 100 as 200 via inet 10.8.0.2 dev v\n"
        "ip -n c -f mpls route add 200 dev lo\n"
    )
    left = (
        "modprobe -a mpls_router mpls_iptunnel || true\n"
        "ip route add 10.88.0.1/32 encap mpls 100 via 10.0.0.2 dev eth0\n"
    )
    try:
        works = pair.run(pair.right, right) and pair.run(pair.left, f"{left}ping -c 2 -i 0.2 -W 10 10.88.0.1")
        pair.check("routing", "mpls", works)
    finally:
        pair.lab.run(pair.left, "ip route delete 10.88.0.1/32")
        pair.lab.run(pair.right, "ip -f mpls route delete 100; ip netns delete c; ip link delete v")


# IPsec.

KEY = "0x" + "0123456789abcdef" * 8


def _key(octets: int) -> str:
    return KEY[: 2 + 2 * octets]


TRANSFORMS = {
    "esp aes-gcm": ("esp", f"aead 'rfc4106(gcm(aes))' {_key(36)} 128"),
    "esp aes-gmac": ("esp", f"aead 'rfc4543(gcm(aes))' {_key(20)} 128"),
    "esp aes-ccm": ("esp", f"aead 'rfc4309(ccm(aes))' {_key(19)} 128"),
    "esp chacha20-poly1305": ("esp", f"aead 'rfc7539esp(chacha20,poly1305)' {_key(36)} 128"),
    "esp aes-cbc sha256": ("esp", f"enc 'cbc(aes)' {_key(32)} auth-trunc 'hmac(sha256)' {_key(32)} 128"),
    "esp aes-ctr sha512": ("esp", f"enc 'rfc3686(ctr(aes))' {_key(20)} auth-trunc 'hmac(sha512)' {_key(64)} 256"),
    "esp aes-cbc xcbc": ("esp", f"enc 'cbc(aes)' {_key(16)} auth-trunc 'xcbc(aes)' {_key(16)} 96"),
    "esp aes-cbc cmac": ("esp", f"enc 'cbc(aes)' {_key(16)} auth-trunc 'cmac(aes)' {_key(16)} 96"),
    "esp camellia sha384": ("esp", f"enc 'cbc(camellia)' {_key(16)} auth-trunc 'hmac(sha384)' {_key(48)} 192"),
    "esp 3des md5": ("esp", f"enc 'cbc(des3_ede)' {_key(24)} auth-trunc 'hmac(md5)' {_key(16)} 96"),
    "esp null sha1": ("esp", f"enc 'ecb(cipher_null)' '' auth-trunc 'hmac(sha1)' {_key(20)} 96"),
    "ah sha256": ("ah", f"auth-trunc 'hmac(sha256)' {_key(32)} 128"),
    "ipcomp": ("comp", "comp deflate"),
}


@pytest.mark.parametrize("family", ["10.0.0.", "fd00::"], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("feature", TRANSFORMS)
def test_packets_go_through_this_transform(pair: Pair, feature: str, family: str) -> None:
    proto, algorithms = TRANSFORMS[feature]
    # IPComp knows associations by 16 bits, and leaves alone what would not become smaller.
    script = f"""
for way in '1 2' '2 1'; do set -- $way
ip xfrm state add src {family}$1 dst {family}$2 proto {proto} spi 0x10$1 reqid 7 mode transport {algorithms}
done
ip xfrm policy add dir out src {family}$ME dst {family}$PEER proto icmp tmpl proto {proto} reqid 7 mode transport
ip xfrm policy add dir in src {family}$PEER dst {family}$ME proto icmp tmpl proto {proto} reqid 7 mode transport
"""
    script = script.replace("proto icmp", "proto ipv6-icmp type 128") if family == "fd00::" else script
    try:
        works = pair.both(script) and pair.run(pair.left, f"ping -c 2 -i 0.2 -W 10 -s 1000 -p 00 {family}2")
        if works:
            states = pair.lab.read(pair.right, f"ip -s xfrm state list src {family}1 proto {proto}")
            assert re.search(r"[1-9]\d*\(packets\)", states), states
        pair.check("IPsec", feature, works)
    finally:
        pair.forget()


ASSOCIATIONS = {
    "ipv4 transport": ("10.0.0.", "mode transport", ""),
    "ipv4 tunnel": ("10.0.0.", "mode tunnel", ""),
    "ipv4 in udp": ("10.0.0.", "mode tunnel", "encap espinudp 4500 4500 0.0.0.0"),
    "ipv6 transport": ("fd00::", "mode transport", ""),
    "ipv6 tunnel": ("fd00::", "mode tunnel", ""),
}
# ESP in UDP is for whoever has said so of a socket (UDP_ENCAP); perl is in every Debian.
ENCAPSULATE = """
perl -MSocket -e '
    socket(my $s, PF_INET, SOCK_DGRAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($s, sockaddr_in(4500, INADDR_ANY)) or die; setsockopt($s, 17, 100, pack("i", 2)) or die;
    sleep 600' </dev/null >/dev/null 2>&1 &
echo $! >/tmp/encapsulate
"""
CAPTURE = """
rm -f /tmp/captured /tmp/captures
tcpdump --immediate-mode -l -n -i eth0 'ip proto 50 or ip6 proto 50 or udp port 4500' >/tmp/captured 2>/tmp/captures &
tries=0
until grep -q 'listening on' /tmp/captures; do [ $((tries += 1)) -lt 200 ]; sleep 0.1; done
ping -c 3 -i 0.2 -W 20 ${FAMILY}$PEER
shown() { grep -c "${FAMILY}$1.* > ${FAMILY}$2.*ESP" /tmp/captured; }
# tcpdump may be a moment behind.
until [ "$(shown $ME $PEER) $(shown $PEER $ME)" = "3 3" ] || [ $tries -ge 300 ]; do : $((tries += 1)); sleep 0.1; done
kill $!; wait $! || true
cat /tmp/captured
[ "$(shown $ME $PEER) $(shown $PEER $ME)" = "3 3" ]
"""


@pytest.mark.parametrize("how", ASSOCIATIONS)
def test_a_capture_in_a_guest_shows_both_directions_of_a_tunnel(pair: Pair, how: str) -> None:
    """An offload of ESP takes what arrives out of it before a packet socket sees it."""
    family, mode, encap = ASSOCIATIONS[how]
    # Not all of ICMPv6, or nobody would find the other's MAC address.
    echoes = ["icmp"] if family == "10.0.0." else ["ipv6-icmp type 128", "ipv6-icmp type 129"]
    lines = [
        f"ip xfrm state add src {family}{one} dst {family}{other} proto esp spi 0x10{one} reqid 7 {mode} {encap}"
        f" {TRANSFORMS['esp aes-gcm'][1]}"
        for one, other in ((1, 2), (2, 1))
    ]
    lines += [
        f"ip xfrm policy add dir {way} src {family}{one} dst {family}{other} proto {echo}"
        f" tmpl src {family}{one} dst {family}{other} proto esp reqid 7 {mode}"
        for way, one, other in (("out", "$ME", "$PEER"), ("in", "$PEER", "$ME"))
        for echo in echoes
    ]
    try:
        assert pair.both("\n".join([*lines, ENCAPSULATE if encap else ""]))
        assert pair.run(pair.left, f"ME=1 PEER=2 FAMILY={family}\n{CAPTURE}")
    finally:
        pair.forget()
        for guest in (pair.left, pair.right) if encap else ():
            pair.lab.run(guest, "kill $(cat /tmp/encapsulate)")


# Netfilter.


def test_rules_of_nftables_match(pair: Pair) -> None:
    rules = """
table inet t {
    set peers { type ipv4_addr; elements = { 10.0.0.2 } }
    chain out {
        type filter hook output priority 0
        ip daddr @peers icmp type echo-request meta length > 500 counter reject
        ip daddr @peers ct state new limit rate 100/second counter log accept
    }
}
table ip n {
    chain out { type nat hook output priority -100; ip daddr 10.99.0.1 counter dnat to 10.0.0.2; }
    chain post { type nat hook postrouting priority 100; ip daddr 10.0.0.2 counter masquerade; }
}
"""
    works = pair.run(
        pair.left,
        f"ip route replace 10.99.0.1 dev eth0\nnft -f - <<'END'{rules}END\n"
        "ping -c 1 -w 10 10.0.0.2; ping -c 1 -w 10 10.99.0.1\n"
        "if ping -c 1 -w 1 -s 1000 10.0.0.2; then exit 1; fi\n"
        "[ $(nft list ruleset | grep -c 'counter packets [1-9]') = 4 ]",
    )
    pair.lab.run(pair.left, "nft flush ruleset; ip route delete 10.99.0.1")

    pair.check("filters", "nftables", works)


@pytest.mark.parametrize("userland", ["legacy", "nft"])
def test_rules_of_iptables_match(pair: Pair, userland: str) -> None:
    works = pair.run(
        pair.left,
        f"ip route replace 10.99.0.1 dev eth0; t=iptables-{userland}; t6=ip6tables-{userland}\n"
        "$t -A OUTPUT -p icmp -m length --length 500:2000 -m comment --comment long -j REJECT\n"
        "$t -A OUTPUT -p icmp -m conntrack --ctstate NEW -m addrtype --dst-type UNICAST -m limit --limit 100/s -j ACCEPT\n"
        "$t -t mangle -A OUTPUT -p icmp -j MARK --set-mark 7; $t -A OUTPUT -m mark --mark 7 -j ACCEPT\n"
        "$t -t nat -A OUTPUT -d 10.99.0.1 -j DNAT --to-destination 10.0.0.2\n"
        "$t -t nat -A POSTROUTING -d 10.0.0.2 -j MASQUERADE\n"
        "$t6 -A OUTPUT -p icmpv6 --icmpv6-type echo-request -m policy --dir out --pol none -j DROP\n"
        "ping -c 2 -i 0.2 -W 10 10.0.0.2; ping -c 1 -w 10 10.99.0.1\n"
        "if ping -c 1 -w 1 -s 1000 10.0.0.2 || ping -c 1 -w 1 fd00::2; then exit 1; fi\n"
        "for table in filter mangle nat; do $t-save -c -t $table; done >/tmp/counted; $t6-save -c >>/tmp/counted\n"
        "[ $(grep -c '^\\[[1-9].*-A' /tmp/counted) = 7 ]",
    )
    pair.lab.run(
        pair.left,
        f"for t in iptables-{userland} ip6tables-{userland}; do for x in filter mangle nat; do $t -t $x -F; done; done\n"
        "ip route delete 10.99.0.1; nft flush ruleset",
    )

    pair.check("filters", f"iptables-{userland}", works)


# Queueing.

QDISCS = {
    "prio": "",
    "red": "limit 400000 min 30000 max 90000 avpkt 1000 burst 55 bandwidth 10mbit",
    "sfb": "",
    "sfq": "perturb 10",
    "tbf": "rate 10mbit burst 32kbit latency 400ms",
    "choke": "limit 1000 min 100 max 300 bandwidth 10mbit",
    "codel": "",
    "fq_codel": "",
    "cake": "bandwidth 10mbit",
    "fq": "",
    "hhf": "",
    "pie": "",
    "fq_pie": "",
    "ets": "bands 3 strict 1",
    "skbprio": "",
}


@pytest.mark.parametrize("kind", QDISCS)
def test_packets_go_through_this_queueing_discipline(pair: Pair, kind: str) -> None:
    works = pair.run(
        pair.left,
        f"tc qdisc replace dev eth0 root {kind} {QDISCS[kind]}\nping -c 2 -i 0.2 -W 10 10.0.0.2\n"
        f"tc -s qdisc show dev eth0 | grep -A 1 'qdisc {kind} ' | grep 'Sent [1-9]'",
    )
    pair.lab.run(pair.left, "tc qdisc delete dev eth0 root")

    pair.check("queueing", kind, works)


CLASSES = {
    "htb": "tc class add dev eth0 classid 1:7 parent 1: htb rate 10mbit",
    "hfsc": "tc class add dev eth0 classid 1:7 parent 1: hfsc ls rate 10mbit",
    "drr": "tc class add dev eth0 classid 1:7 parent 1: drr",
    "qfq": "tc class add dev eth0 classid 1:7 parent 1: qfq weight 10",
}


@pytest.mark.parametrize("kind", CLASSES)
def test_packets_are_sorted_into_classes(pair: Pair, kind: str) -> None:
    works = pair.run(
        pair.left,
        f"tc qdisc replace dev eth0 root handle 1: {kind}\n{CLASSES[kind]}\n"
        "tc filter add dev eth0 parent 1: protocol all prio 9 matchall classid 1:7\n"
        "tc filter add dev eth0 parent 1: protocol ip prio 1 u32 match ip dst 10.0.0.2/32 classid 1:7\n"
        "ping -c 2 -i 0.2 -W 10 10.0.0.2\n"
        "tc -s class show dev eth0 classid 1:7 | grep 'Sent [1-9]'",
    )
    pair.lab.run(pair.left, "tc qdisc delete dev eth0 root")

    pair.check("queueing", kind, works)


def test_netem_delays(pair: Pair) -> None:
    said = pair.lab.run(
        pair.left, "tc qdisc replace dev eth0 root netem delay 80ms && ping -c 2 -i 0.2 -W 10 10.0.0.2"
    ).stdout.decode()
    pair.lab.run(pair.left, "tc qdisc delete dev eth0 root")

    times = [float(each) for each in re.findall(r"time=([\d.]+)", said)]
    pair.check("queueing", "netem", bool(times) and min(times) >= 75)


def test_packets_are_redirected_and_dropped_on_their_way_in(pair: Pair) -> None:
    works = pair.run(
        pair.left,
        "ip link add tun type ifb; ip link set tun up; tc qdisc add dev eth0 clsact\n"
        "tc filter add dev eth0 ingress prio 2 matchall action mirred egress redirect dev tun\n"
        "ping -c 2 -i 0.2 -W 10 10.0.0.2; [ $(cat /sys/class/net/tun/statistics/tx_packets) -gt 0 ]\n"
        "tc filter add dev eth0 egress protocol ip flower ip_proto icmp dst_ip 10.0.0.2 action drop\n"
        "if ping -c 1 -w 1 10.0.0.2; then exit 1; fi",
    )
    pair.lab.run(pair.left, "tc qdisc delete dev eth0 clsact; ip link delete tun")

    pair.check("queueing", "clsact", works)


# Routing.


def test_routes_depend_on_rules(pair: Pair) -> None:
    works = pair.run(
        pair.left,
        "ip route add blackhole 10.0.0.2 table 50; ip rule add fwmark 7 table 50; ip -6 rule add fwmark 7 table 50\n"
        "ping -c 1 -w 10 10.0.0.2\nif ping -c 1 -w 1 -m 7 10.0.0.2; then exit 1; fi",
    )
    pair.lab.run(pair.left, "ip rule delete table 50; ip -6 rule delete table 50; ip route flush table 50")

    pair.check("routing", "rules", works)


def test_routes_have_several_next_hops(pair: Pair) -> None:
    works = pair.run(
        pair.left,
        "ip link set eth1 up; ip address add 10.7.1.1/24 dev eth1\n"
        "ip route add 10.66.0.0/16 nexthop via 10.0.0.2 weight 1 nexthop via 10.7.1.2 weight 1\n"
        'taken() { for host in $(seq 1 32); do ip route get 10.66.0.$host; done | grep -c " dev $1 "; }\n'
        "sysctl -qw net.ipv4.fib_multipath_hash_policy=0; [ $(taken eth0) -gt 0 ]; [ $(taken eth1) -gt 0 ]\n"
        "ip nexthop add id 7 via 10.0.0.2 dev eth0; ip route add 10.67.0.0/16 nhid 7; ip route get 10.67.0.1 | grep 10.0.0.2",
    )
    pair.lab.run(
        pair.left,
        "ip route delete 10.66.0.0/16; ip nexthop delete id 7; ip address flush dev eth1; ip link set eth1 down",
    )

    pair.check("routing", "multipath", works)


@pytest.mark.parametrize(("feature", "table"), [("multicast ipv4", "ip_mr_vif"), ("multicast ipv6", "ip6_mr_vif")])
def test_multicast_can_be_routed(pair: Pair, feature: str, table: str) -> None:
    pair.check("routing", feature, pair.run(pair.left, f"[ -e /proc/net/{table} ]"))


# Containers and file systems.

CONTAINER = r"""
[ "$(id -u)" = 0 ]
hostname inner; [ "$(hostname)" = inner ]
[ $$ = 1 ]
mount -t tmpfs none /mnt
mkdir /mnt/lower /mnt/upper /mnt/work /mnt/merged
echo low >/mnt/lower/file
mount -t overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work,userxattr none /mnt/merged
echo high >/mnt/merged/file
[ "$(cat /mnt/lower/file /mnt/upper/file)" = "low
high" ]
ip link set lo up; ip link add inner type dummy; ip address add 10.9.0.1/24 dev inner; ip link set inner up
ping -c 1 -w 10 10.9.0.1
"""


def test_a_container_starts_without_privileges(pair: Pair) -> None:
    works = pair.run(
        pair.left,
        "exec setpriv --reuid=65534 --regid=65534 --clear-groups"
        " unshare --user --map-root-user --mount --net --pid --ipc --uts --cgroup --fork --mount-proc"
        f" sh -ec '{CONTAINER.replace(chr(39), chr(39) + chr(92) + chr(39) + chr(39))}'",
    )

    pair.check("containers", "container", works)


def test_overlayfs_and_fuse_are_mounted(pair: Pair) -> None:
    works = pair.run(
        pair.left,
        "mkdir -p /tmp/o; mount -t tmpfs none /tmp/o; cd /tmp/o; mkdir l u w m f\n"
        "echo low >l/file; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; echo high >m/file\n"
        "grep high u/file; umount m; [ -e /dev/fuse ] || mknod /dev/fuse c 10 229\n"
        "modprobe fuse || true; fuse-overlayfs -o lowerdir=l,upperdir=u,workdir=w f; grep high f/file; umount f",
    )
    pair.lab.run(pair.left, "umount -l /tmp/o")

    pair.check("containers", "overlay and fuse", works)


def test_a_block_device_of_a_file_is_mounted(pair: Pair) -> None:
    works = pair.run(
        pair.left,
        "modprobe loop || true; truncate -s 8M /tmp/image; mkfs.ext4 -q /tmp/image; mkdir -p /tmp/disk\n"
        "mount -o loop /tmp/image /tmp/disk\n"
        "echo there >/tmp/disk/file; umount /tmp/disk; mount -o loop /tmp/image /tmp/disk; grep there /tmp/disk/file",
    )
    pair.lab.run(pair.left, "umount /tmp/disk; rm -f /tmp/image")

    pair.check("containers", "ext4", works)


def test_control_groups_limit(pair: Pair) -> None:
    works = pair.run(
        pair.left,
        "mkdir -p /tmp/cg; mountpoint -q /tmp/cg || mount -t cgroup2 none /tmp/cg; cd /tmp/cg\n"
        "echo '+cpu +memory +pids' >cgroup.subtree_control; mkdir -p c; echo 1 >c/pids.max; echo 50000 >c/cpu.max; echo 8M >c/memory.max\n"
        "if sh -c 'echo $$ >c/cgroup.procs; sleep 0 & wait $!'; then exit 1; fi",
    )
    pair.lab.run(pair.left, "rmdir /tmp/cg/c; umount /tmp/cg")

    pair.check("containers", "cgroups", works)


def test_what_is_built_in_needs_no_module_and_modprobe_knows_it(pairs: dict[str, Pair]) -> None:
    pair = pairs[TUNED]

    assert pair.run(
        pair.left,
        "before=$(wc -l </proc/modules); modprobe -a sch_netem esp4 nf_tables wireguard overlay; [ $(wc -l </proc/modules) = $before ]",
    )


# What is asked for, and the modules that this brings.
ON_DEMAND = {
    "ip link add tun type batadv": "batman_adv",
    "ip link add tun type vcan": "vcan",
    "ip link add tun type amt mode gateway local 10.0.0.1 dev eth0 discovery 10.0.0.2": "amt",
    "modprobe can": "can",
    "mount -t xfs none /mnt || true": "xfs",
    "mount -t nfs none /mnt || true": "nfs",
    "sysctl -qw net.ipv4.tcp_congestion_control=hybla net.ipv4.tcp_congestion_control=cubic": "tcp_hybla",
    "perl -MSocket -e 'socket(S, 29, SOCK_RAW, 1) or die'": "can_raw",
    "perl -MSocket -e 'socket(S, 40, SOCK_STREAM, 0) or die'": "vsock_loopback",
}
# They make devices of their own, which is what they are for.
MAKERS = ["fakelb", "mac80211_hwsim", "mac802154_hwsim", "sch_teql"]


@pytest.fixture(scope="module")
def modular() -> Iterator[Lab]:
    """A guest of the tuned kernel that has loaded no module yet."""
    with fresh_lab(kernel=TUNED) as lab:
        lab.bridge("br0")
        lab.guest("alice", state="present", master="test-services", init="minimal", mem=192)
        lab.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24", "fd00::1/64"])
        lab.iface("alice", "eth1", bridge="br0")
        lab.guest("alice")
        yield lab


@pytest.mark.parametrize("asked", ON_DEMAND)
def test_a_module_is_loaded_when_it_is_asked_for(modular: Lab, asked: str) -> None:
    loaded = f"grep '^{ON_DEMAND[asked]} ' /proc/modules"
    assert modular.run("alice", loaded).code == 1

    done = modular.run("alice", f"{asked}\n{loaded}")
    modular.run("alice", "ip link delete tun")

    assert done.code == 0, done


def test_every_module_is_loaded_and_brings_no_device(modular: Lab) -> None:
    """All at once, so that none of them needs a symbol or a place that it does not get."""
    links = "ls /sys/class/net | grep -vx bonding_masters"
    before = modular.read("alice", links)
    assert before.split() == ["eth0", "eth1", "lo"]

    said = modular.run(
        "alice",
        f"cd /lib/modules/$(uname -r); find kernel -name '*.ko' | sed 's,.*/,,; s,[.]ko$,,' | grep -vxE '{'|'.join(MAKERS)}' |\n"
        "while read -r name; do modprobe $name || echo $name; done",
    )

    assert (said.code, said.stdout, said.stderr) == (0, b"", b"")
    assert modular.read("alice", links) == before
    assert "Oops" not in modular.read("alice", "dmesg") and "Call Trace" not in modular.read("alice", "dmesg")


# Our patches.

BELONGS = """
rm -rf /var/tmp/owned; mkdir -m 1777 /var/tmp/owned; cd /var/tmp/owned
setpriv --reuid=65534 --regid=65534 --clear-groups sh -ec '
    touch file; mkdir directory; touch directory/file; ln -s file link; mkfifo fifo; touch -d 2001-01-01 file
    echo one >file; echo two >>file; mv file directory/other'
[ "$(find . -mindepth 1 -user 65534 -group 65534 | wc -l)" = 5 ]
mkdir group; chgrp 7 group; chmod 2777 group; setpriv --reuid=65534 --regid=65534 --clear-groups touch group/file
[ "$(stat -c %u:%g group/file)" = 65534:7 ]
"""


def test_what_a_user_makes_belongs_to_that_user(pair: Pair) -> None:
    """Patch 0002; ``running.limits`` tells which kernel has it."""
    limits = pair.lab.guest(pair.left)["guest"]["running"]["limits"]

    works = pair.run(pair.left, BELONGS)

    assert works is (pair.kernel == TUNED)
    assert any("belongs to root" in said for said in limits) is (pair.kernel != TUNED)


def test_asking_for_the_size_of_queues_does_no_harm(pairs: dict[str, Pair]) -> None:
    """Patch 0001, first half: it panics Debian's kernel, whoever asks."""
    ask = "setpriv --reuid=65534 --regid=65534 --clear-groups ethtool -g eth0"

    assert "RX:" in pairs[TUNED].lab.read(pairs[TUNED].left, ask)
    if DEBIAN:
        lab = pairs[DEBIAN].lab
        lab.guest("victim", kernel=DEBIAN, master="test-services", init="minimal", mem=64)
        lab.iface("victim", "eth0")
        process = lab.process("victim")
        with pytest.raises(Exception, match="ended"):
            lab.run("victim", ask)
        until(lambda: not processes.is_alive(process), "the panic")
        assert "panic" in lab.info()["guests"]["victim"]["reason"]
        lab.guest("victim", state="absent")


SEND = """
import socket
with socket.create_server(("10.7.0.1", 5001)) as server:
    print("ready", flush=True)
    server.accept()[0].sendall(bytes(4000000))
"""


def test_bulk_arrives_without_a_word_about_large_buffers(pairs: dict[str, Pair]) -> None:
    """Patch 0001, second half.  The collection itself says gro=1, for kernels without it; this TAP does not."""
    pair = pairs[TUNED]
    lab, guest = pair.lab, pair.left
    lab.host("ip", "tuntap", "add", "dev", "probe", "mode", "tap")
    lab.host("ip", "address", "add", "10.7.0.1/24", "dev", "probe")
    lab.host("ip", "link", "set", "probe", "up")
    sender = subprocess.Popen(
        ["ip", "netns", "exec", lab.name, sys.executable, "-c", SEND], stdout=subprocess.PIPE, text=True
    )
    try:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
        plug = "config vec9:transport=tap,ifname=probe,mac=02:00:00:00:07:02"
        mconsole.ask(lab.directory(guest).run, guest, f"/run/netns/{lab.name}", plug, timeout=PATIENCE)
        lab.read(guest, "ip address add 10.7.0.2/24 dev vec9; ip link set vec9 up")
        assert lab.read(guest, "bash -c 'cat </dev/tcp/10.7.0.1/5001' | wc -c").strip() == "4000000"
    finally:
        sender.kill()
        sender.wait()
        lab.run(guest, "ip link set vec9 down")
        mconsole.ask(lab.directory(guest).run, guest, f"/run/netns/{lab.name}", "remove vec9", timeout=PATIENCE)
        lab.host("ip", "link", "delete", "probe")


PROBE = """
import socket, struct, sys, time
def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
def ask(number):
    rest = struct.pack(">HH", 77, number)
    probe.send(struct.pack(">BBH", 8, 0, checksum(bytes((8, 0)) + rest)) + rest)
    try:
        while True:
            answer = probe.recv(1500)[20:]
            if answer[0] == 0 and answer[4:8] == rest:
                return True
    except TimeoutError:
        return False
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as probe:
    probe.connect(("10.0.0.1", 0))
    probe.settimeout(5)
    lost = 0
    for number in range(20000):
        lost += not ask(number)
        pause = time.perf_counter() + number % 200 * 1e-6
        while time.perf_counter() < pause:
            pass
    print(lost)
"""


def test_a_guest_that_falls_asleep_hears_what_comes_just_then(pairs: dict[str, Pair]) -> None:
    """Patch 0003: each packet comes a few microseconds after the answer to the one before, when the guest is going to sleep.

    Without it some ten of these wait for seconds.
    """
    lab = pairs[TUNED].lab
    lab.bridge("k0br0", address=["10.0.0.250/24"])
    try:
        probe = ["ip", "netns", "exec", lab.name, sys.executable, "-c", PROBE]
        done = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=300)
    finally:
        lab.bridge("k0br0", address=[])

    assert (done.stdout, done.stderr) == ("0\n", "")


# Services.

FRR = """
cat >/etc/frr/frr.conf <<'END'
interface eth0
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
router ospf
 network 10.0.0.0/24 area 0
 network 10.77.0.0/16 area 0
END
chown frr: /etc/frr/frr.conf
sed -i 's/^ospfd=no/ospfd=yes/' /etc/frr/daemons
systemctl restart frr
"""
SERVE = """
ip address add 10.77.0.1/32 dev lo
echo "listen_addresses = '*'" >/etc/postgresql/15/main/conf.d/lab.conf
echo 'host all all 10.0.0.0/24 trust' >>/etc/postgresql/15/main/pg_hba.conf
echo 'address=/www.lab.test/10.9.9.9' >/etc/dnsmasq.d/lab.conf
systemctl restart postgresql@15-main dnsmasq
"""


@pytest.fixture(scope="module")
def services() -> Iterator[Lab]:
    """Guests server and client with systemd, all services as Debian installs them and a line of configuration each."""
    with fresh_lab() as lab:
        lab.bridge("br0")
        for number, name in enumerate(("server", "client"), 1):
            lab.guest(name, state="present", kernel=TUNED, master="test-services", mem=256)
            lab.iface(name, "eth0", bridge="br0", address=[f"10.0.0.{number}/24"])
            lab.guest(name)
        for name in ("server", "client"):
            until(lambda name=name: _settled(lab, name), f"{name} to be up")
        yield lab


def _settled(lab: Lab, guest: str) -> bool:
    return lab.run(guest, "systemctl is-system-running").stdout.strip() in (b"running", b"degraded")


def test_systemd_has_no_failed_units(services: Lab) -> None:
    for guest in ("server", "client"):
        assert services.read(guest, "systemctl --failed --no-legend --plain") == ""
        assert services.read(guest, "systemctl is-system-running").strip() == "running"


def test_services_run_under_users_of_their_own_and_are_reached(services: Lab) -> None:
    assert services.run("server", f"set -e{SERVE}{FRR}").code == 0
    assert services.run("client", f"set -e{FRR}").code == 0

    users = {
        command: services.read("server", f"stat -c %U $(printf '/proc/%s ' $(pidof {command}))").split()
        for command in ("postgres", "nginx", "dnsmasq", "ospfd")
    }
    assert {name: set(owners) - {"root"} for name, owners in users.items()} == {
        "postgres": {"postgres"},
        "nginx": {"www-data"},
        "dnsmasq": {"dnsmasq"},
        "ospfd": {"frr"},
    }
    made = (
        "psql -h 10.0.0.1 -U postgres -Atc 'create table made as select generate_series(1, 1000) as n'"
        " -c 'checkpoint' -c 'select sum(n) from made'"
    )
    assert "500500" in services.read("client", made)
    page = "exec 3<>/dev/tcp/10.0.0.1/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
    assert "Welcome to nginx" in services.read("client", f'bash -c "{page}"')
    services.read("client", "echo nameserver 10.0.0.1 >/etc/resolv.conf")
    assert services.read("client", "getent hosts www.lab.test").split() == ["10.9.9.9", "www.lab.test"]
    until(lambda: "10.0.0.1" in services.read("client", "ip route show 10.77.0.1"), "the route that OSPF finds")
    assert services.reaches("client", "10.77.0.1")

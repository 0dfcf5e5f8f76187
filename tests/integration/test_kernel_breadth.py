# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What labs beyond plain networks ask of a kernel, each tried once by its own tool, on every kernel that the tests' base has.

A script runs in the guest ``left``, or in both guests of a pair with their own last octet in ``ME`` and the other's in ``PEER``.  A script
loads what neither its tool nor the kernel loads on demand.  The table of docs/reference/kernel.md says what works where (kernel_matrix.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernel_pairs import KERNELS, Pair, made
from lab import BASE, TUNED

MASTER = "test-kernel"

pytestmark = pytest.mark.skipif(
    not (BASE / "kernels" / TUNED / "linux").exists() or not (BASE / "masters" / MASTER).is_dir(),
    reason="the tuned kernel or the master with all the tools is not there: 'make test-kernel' makes them",
)

FORGET = """
cd /
for each in /tmp/pids/*; do [ ! -e $each ] || { kill $(cat $each); rm $each; }; done
for place in /mnt/x /mnt/y /srv/x; do umount -l $place; done
for device in tun vc vd vx va; do ip link delete $device; done
for name in a b; do ip netns delete $name; done
for port in eth1 eth2; do ip link set $port nomaster; ip link set $port down; done
losetup -D
rm -rf /var/tmp/x; mkdir -p /var/tmp/x /mnt/x /mnt/y /srv/x /tmp/pids
:
"""
# Functions of all scripts.
PRELUDE = """
mkdir -p /var/tmp/x /mnt/x /mnt/y /srv/x /tmp/pids
cd /var/tmp/x
# eventually COMMAND...: again and again until it succeeds.
eventually() { tries=0; until "$@"; do [ $((tries += 1)) -lt 300 ] || return 1; sleep 0.2; done; }
# served NAME COMMAND...: in the background, until the test is over.
served() { name=$1; shift; "$@" </dev/null >/tmp/$name.log 2>&1 & echo $! >/tmp/pids/$name; }
loop() { truncate -s $1 $2; device=$(losetup --find --show $2); }
"""


@pytest.fixture(scope="module")
def pairs() -> Iterator[dict[str, Pair]]:
    """A pair for each kernel."""
    with made(MASTER, 192, FORGET) as pairs:
        yield pairs


@pytest.fixture(params=KERNELS)
def pair(request: pytest.FixtureRequest, pairs: dict[str, Pair]) -> Iterator[Pair]:
    """The pair of one kernel after the other, as if nobody had used it."""
    pair = pairs[request.param]
    try:
        yield pair
    finally:
        pair.forget()


# Sockets and devices.

PING = """
ip address add 10.9.0.$ME/24 dev tun; ip link set tun up
"""
OVS = """
[ -e /run/openvswitch/ovs-vswitchd.pid ] || /usr/share/openvswitch/scripts/ovs-ctl start --system-id=random
ovs-vsctl --may-exist add-br tun
ovs-vsctl --may-exist add-port tun {kind}7 -- set interface {kind}7 type={kind} options:remote_ip=10.0.0.$PEER options:key=7
"""
# Both guests get a device tun, over which they reach each other.
BETWEEN = {
    "meshes": {
        "batman-adv": "ip link add tun type batadv; batctl meshif tun interface -M add eth1; ip link set eth1 up",
        "batman-adv V": "ip link add tun type batadv; ip link delete tun; batctl routing_algo BATMAN_V; ip link add tun type batadv\n"
        "batctl meshif tun interface -M add eth1; batctl routing_algo BATMAN_IV; ip link set eth1 up",
    },
    "Open vSwitch": {
        "vxlan": OVS.format(kind="vxlan"),
        "gre": OVS.format(kind="gre"),
        "geneve": OVS.format(kind="geneve"),
    },
}
CAN = """
import socket, struct, sys
kind = sys.argv[1]
def endpoint(number):
    if kind == "j1939":
        s = socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_J1939)
        s.bind(("vc", socket.J1939_NO_NAME, socket.J1939_NO_PGN, 0x20 + number))
    else:
        s = socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_ISOTP)
        s.bind(("vc", 0x120 + 1 - number, 0x120 + number))
    s.settimeout(60)
    return s
one, other = endpoint(0), endpoint(1)
data = bytes(range(100))
if kind == "j1939":
    one.sendto(data, ("vc", socket.J1939_NO_NAME, 0x12300, 0x21))
else:
    one.send(data)
assert other.recv(200) == data
"""
VSOCK = """
import socket
with socket.socket(socket.AF_VSOCK) as server:
    server.bind((socket.VMADDR_CID_ANY, 5000)); server.listen()
    with socket.socket(socket.AF_VSOCK) as client:
        client.connect((1, 5000)); client.sendall(b"there")
        assert server.accept()[0].recv(9) == b"there"
"""
RDS = """
import socket
one, other = (socket.socket(21, socket.SOCK_SEQPACKET) for _ in "12")
for number, each in enumerate((one, other)):
    each.bind(("10.0.0.1", 4000 + number)); each.settimeout(60)
one.sendto(b"there", ("10.0.0.1", 4001))
assert other.recv(9) == b"there"
"""
# SADB_REGISTER for ESP, and what the kernel answers (RFC 2367).
PF_KEY = """
import os, socket, struct
with socket.socket(15, socket.SOCK_RAW, 2) as key:
    key.settimeout(60)
    key.send(struct.pack("=BBBBHHII", 2, 7, 0, 3, 2, 0, 1, os.getpid()))
    version, kind, error = key.recv(4096)[:3]
    assert (version, kind, error) == (2, 7, 0)
"""
SCTP = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132) as server, socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132) as client:
    server.bind(("127.0.0.1", 5000)); server.listen()
    client.connect(("127.0.0.1", 5000)); client.sendall(b"there")
    assert server.accept()[0].recv(9) == b"there"
"""
# As programs find it that are written for any kernel (CO-RE): by libbpf, which knows all the places.
TYPES = """
import ctypes
libbpf = ctypes.CDLL("libbpf.so.1")
libbpf.btf__load_vmlinux_btf.restype = ctypes.c_void_p
types = libbpf.btf__load_vmlinux_btf()
# BTF_KIND_STRUCT
assert types and libbpf.btf__find_by_name_kind(ctypes.c_void_p(types), b"task_struct", 4) > 0
"""
CONGESTION = """
import socket, subprocess, sys
name = sys.argv[1]
with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
    client.connect(server.getsockname()); client.sendall(b"there")
    assert server.accept()[0].recv(9) == b"there"
    said = subprocess.run(["ss", "-tin", "dst", ":%d" % server.getsockname()[1]], capture_output=True, text=True).stdout
    # Where no ECN was agreed on, DCTCP is called dctcp-reno.
    assert f" {name} " in said or f" {name}-" in said, said
"""
NUMBERS = "import ctypes, sys\nassert ctypes.CDLL(None, use_errno=True).syscall({}) >= 0, ctypes.get_errno()"


def python(program: str, *arguments: str) -> str:
    """A line of a shell that runs a program."""
    return f"cat >program.py <<'END'\n{program}\nEND\npython3 program.py {' '.join(arguments)}"


def syscall(arguments: str) -> str:
    """A system call that must succeed."""
    return python(NUMBERS.format(arguments))


VCAN = "ip link add vc type vcan; ip link set vc up\n"
FAKELB = """
modprobe fakelb
iwpan phy phy1 set netns name b 2>/dev/null || { ip netns add b; iwpan phy phy1 set netns name b; }
for which in '' 'ip netns exec b'; do
    device=$($which ls /sys/class/net | grep wpan)
    $which iwpan dev $device set pan_id 0xbeef
    $which ip link add link $device name low type lowpan
    $which ip link set $device up; $which ip link set low up
done
address=$(ip -n b -6 address show dev low scope link | sed -n 's,.*inet6 \\(.*\\)/.*,\\1,p')
eventually ping -c 1 -W 1 $address%low
"""
WIRELESS = """
modprobe mac80211_hwsim radios=2
eventually iw dev wlan1 info
ip netns add b; iw phy $(cat /sys/class/net/wlan1/phy80211/name) set netns name b
printf '%s\\n' interface=wlan0 ssid=lab hw_mode=g channel=1 wpa=2 wpa_key_mgmt=WPA-PSK rsn_pairwise=CCMP wpa_passphrase=12345678 >ap.conf
served hostapd hostapd ap.conf
wpa_passphrase lab 12345678 >station.conf
served station ip netns exec b wpa_supplicant -i wlan1 -c station.conf
ip address add 10.8.0.1/24 dev wlan0
ip -n b address add 10.8.0.2/24 dev wlan1
eventually ping -c 1 -W 1 10.8.0.2
"""
SCHEDULERS = ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos"]
CONGESTIONS = [
    "reno",
    "cubic",
    "bbr",
    "dctcp",
    "htcp",
    "vegas",
    "westwood",
    "bic",
    "cdg",
    "highspeed",
    "hybla",
    "illinois",
    "lp",
    "nv",
    "scalable",
    "veno",
    "yeah",
]

# What one guest does alone.
ALONE = {
    "vehicles": {
        "vcan": f"{VCAN}served candump candump -L -n 1 vc\n"
        "sent() { cansend vc 123#DEADBEEF; grep '123#DEADBEEF' /tmp/candump.log; }; eventually sent",
        "vxcan": "ip link add vx type vxcan peer name va; ip link set vx up; ip link set va up\n"
        "served candump candump -L -n 1 va\n"
        "sent() { cansend vx 123#DEADBEEF; grep '123#DEADBEEF' /tmp/candump.log; }; eventually sent",
        "can-gw": f"{VCAN}modprobe can-gw; ip link add vd type vcan; ip link set vd up; cangw -A -s vc -d vd -e\n"
        "served candump candump -L -n 1 vd\n"
        "sent() { cansend vc 123#DEADBEEF; grep '123#DEADBEEF' /tmp/candump.log; }; eventually sent",
        "j1939": VCAN + python(CAN, "j1939"),
        "isotp": VCAN + python(CAN, "isotp"),
    },
    "wireless": {"802.15.4 and 6LoWPAN": FAKELB, "mac80211_hwsim, WPA2": WIRELESS},
    "sockets": {
        "vsock loopback": python(VSOCK),
        "rds over tcp": "modprobe rds_tcp\n" + python(RDS),
        "sctp": python(SCTP),
        "pf_key": python(PF_KEY),
        "pktgen": "modprobe pktgen; echo add_device eth0 >/proc/net/pktgen/kpktgend_0; grep eth0 /proc/net/pktgen/kpktgend_0\n"
        "echo rem_device_all >/proc/net/pktgen/kpktgend_0",
    },
    "congestion control": {name: python(CONGESTION, name) for name in CONGESTIONS},
    "IPVS": {
        name: f"ipvsadm -A -t 10.0.0.1:{8000 + number} -s {name}\nipvsadm -a -t 10.0.0.1:{8000 + number} -r 10.0.0.2:80 -m\n"
        f"ipvsadm -Ln | grep '10.0.0.1:{8000 + number} {name}'"
        for number, name in enumerate(SCHEDULERS)
    },
    "netfilter's accounts": {
        "nfacct, iptables": "nfacct add x; iptables -A OUTPUT -m nfacct --nfacct-name x; ping -c 1 -w 10 10.0.0.2\n"
        "nfacct get x | grep 'pkts = 0*[1-9]'; iptables -F; nfacct del x",
    },
}


@pytest.mark.parametrize(("subsystem", "feature"), [(one, each) for one, rows in BETWEEN.items() for each in rows])
def test_guests_reach_each_other_by_it(pair: Pair, subsystem: str, feature: str) -> None:
    made = pair.both(f"{PRELUDE}{BETWEEN[subsystem][feature]}\n{PING}")
    works = made and pair.run(pair.left, f"{PRELUDE}eventually ping -c 1 -W 1 10.9.0.2")
    pair.lab.run(pair.left, "ovs-vsctl --if-exists del-br tun")
    pair.lab.run(pair.right, "ovs-vsctl --if-exists del-br tun")

    pair.check(subsystem, feature, works)


@pytest.mark.parametrize(("subsystem", "feature"), [(one, each) for one, rows in ALONE.items() for each in rows])
def test_it_works_in_a_guest(pair: Pair, subsystem: str, feature: str) -> None:
    pair.check(subsystem, feature, pair.run(pair.left, f"{PRELUDE}{ALONE[subsystem][feature]}"))


def test_tipc_links_two_guests(pair: Pair) -> None:
    made = pair.both("modprobe tipc; tipc bearer enable media eth device eth0")
    works = made and pair.run(
        pair.left, f"{PRELUDE}up() {{ tipc link list | grep -v broadcast | grep ': up'; }}; eventually up"
    )
    pair.lab.run(pair.left, "tipc bearer disable media eth device eth0")
    pair.lab.run(pair.right, "tipc bearer disable media eth device eth0")

    pair.check("sockets", "tipc", works)


# What the right guest mounts, or uses, of the left one.

NFSD = """
mount -t tmpfs none /srv/x
pidof rpcbind || rpcbind -w
mkdir -p /run/rpcbind /var/lib/nfs
mountpoint /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd
exportfs -o rw,fsid=0,no_root_squash,no_subtree_check,insecure 10.0.0.0/24:/srv/x
pidof rpc.mountd || rpc.mountd
[ "$(cat /proc/fs/nfsd/threads)" -gt 0 ] || rpc.nfsd 2
"""
SMBD = """
mkdir -p smb; chmod 777 smb
printf '%s\\n' '[global]' 'map to guest = bad user' 'server role = standalone server' 'disable netbios = yes' 'smb ports = 445' \\
    'load printers = no' '[x]' 'path = /var/tmp/x/smb' 'guest ok = yes' 'read only = no' >smb.conf
served smbd smbd --foreground --no-process-group --configfile=/var/tmp/x/smb.conf
eventually sh -c 'ss -tln | grep :445'
"""
NBD = """
truncate -s 16M image
printf '%s\\n' '[generic]' 'user = root' 'group = root' '[x]' 'exportname = /var/tmp/x/image' >nbd.conf
served nbd nbd-server --dont-fork -C /var/tmp/x/nbd.conf
eventually sh -c 'ss -tln | grep :10809'
"""
NVME = """
loop 32M image
modprobe -a configfs nvmet-tcp
mountpoint /sys/kernel/config || mount -t configfs none /sys/kernel/config
cd /sys/kernel/config/nvmet
mkdir -p subsystems/x/namespaces/1 ports/1
echo 1 >subsystems/x/attr_allow_any_host; echo $device >subsystems/x/namespaces/1/device_path; echo 1 >subsystems/x/namespaces/1/enable
cd ports/1
echo 10.0.0.1 >addr_traddr; echo tcp >addr_trtype; echo 4420 >addr_trsvcid; echo ipv4 >addr_adrfam
ln -s /sys/kernel/config/nvmet/subsystems/x subsystems/x
"""
FILE = "echo there >/mnt/x/file; grep there /mnt/x/file; umount /mnt/x"
SERVED = {
    "network file systems": {
        "nfs 3": (NFSD, f"mount -t nfs -o vers=3,nolock 10.0.0.1:/srv/x /mnt/x; {FILE}"),
        "nfs 4.2": (NFSD, f"mount -t nfs -o vers=4.2 10.0.0.1:/ /mnt/x; {FILE}"),
        "cifs": (SMBD, f"mount -t cifs -o guest,vers=3.1.1 //10.0.0.1/x /mnt/x; {FILE}"),
        # Its server wants a name for each client.
        "9p": (
            "true",
            "mkdir -p 9p; served diod diod -f -n -l 127.0.0.1:564 -e /var/tmp/x/9p; eventually sh -c 'ss -tln | grep :564'\n"
            "options=trans=tcp,port=564,version=9p2000.L,uname=root,access=any,dfltuid=0\n"
            f"mount -t 9p -o $options,aname=/var/tmp/x/9p 127.0.0.1 /mnt/x; {FILE}",
        ),
    },
    "network block devices": {
        "nbd": (
            NBD,
            "modprobe nbd; nbd-client -N x 10.0.0.1 /dev/nbd0\n"
            f"mkfs.ext4 -q /dev/nbd0; mount /dev/nbd0 /mnt/x; {FILE}; nbd-client -d /dev/nbd0",
        ),
        "nvme over tcp": (
            NVME,
            "modprobe nvme-tcp; nvme connect -t tcp -a 10.0.0.1 -s 4420 -n x; eventually [ -e /dev/nvme0n1 ]\n"
            f"mkfs.ext4 -q /dev/nvme0n1; mount /dev/nvme0n1 /mnt/x; {FILE}; nvme disconnect -n x",
        ),
    },
}
# What a service has left in the left guest.
UNSERVED = """
exportfs -ua; echo 0 >/proc/fs/nfsd/threads
cd /sys/kernel/config/nvmet && { rm -f ports/1/subsystems/x; rmdir ports/1 subsystems/x/namespaces/1 subsystems/x; }
"""


@pytest.mark.parametrize(("subsystem", "feature"), [(one, each) for one, rows in SERVED.items() for each in rows])
def test_one_guest_uses_what_the_other_serves(pair: Pair, subsystem: str, feature: str) -> None:
    server, client = SERVED[subsystem][feature]

    works = pair.run(pair.left, PRELUDE + server) and pair.run(pair.right, PRELUDE + client)
    pair.lab.run(pair.left, UNSERVED)

    pair.check(subsystem, feature, works)


# File systems, block devices, and what programs ask of any kernel.

MADE = {
    "ext4": "truncate -s 32M image; mkfs.ext4 -q image",
    "xfs": "truncate -s 320M image; mkfs.xfs -q image",
    "btrfs": "truncate -s 128M image; mkfs.btrfs -q image",
    "vfat": "truncate -s 32M image; mkfs.vfat image",
    "exfat": "truncate -s 32M image; mkfs.exfat image",
    "udf": "truncate -s 32M image; mkudffs image",
}
READ_ONLY = {
    "iso9660": "genisoimage -quiet -R -J -o image tree",
    "squashfs gzip": "mksquashfs tree image -quiet -comp gzip",
    "squashfs xz": "mksquashfs tree image -quiet -comp xz",
    "squashfs zstd": "mksquashfs tree image -quiet -comp zstd",
    "erofs": "mkfs.erofs image tree",
}
FILE_SYSTEMS = {
    **{
        name: f"{make}; mount -o loop image /mnt/x; echo there >/mnt/x/file; umount /mnt/x\n"
        "mount -o loop image /mnt/x; grep there /mnt/x/file"
        for name, make in MADE.items()
    },
    **{
        name: f"mkdir tree; echo there >tree/file; {make}; mount -o loop image /mnt/x; grep there /mnt/x/file"
        for name, make in READ_ONLY.items()
    },
    "quotas": "truncate -s 32M image; mkfs.ext4 -q -O quota image; mount -o loop,usrquota image /mnt/x; chmod 777 /mnt/x\n"
    "setquota -u 65534 0 100 0 0 /mnt/x\n"
    "if setpriv --reuid=65534 --clear-groups head -c 1M /dev/zero >/dev/null; then :; fi\n"
    "if setpriv --reuid=65534 --clear-groups dd if=/dev/zero of=/mnt/x/file bs=1M count=1; then exit 1; fi\n"
    "repquota -n /mnt/x | grep 65534",
}
BLOCKS = {
    "device mapper": "loop 8M image; echo 0 8192 linear $device 0 | dmsetup create --noudevsync x\n"
    "dmsetup mknodes x; [ $(blockdev --getsz /dev/mapper/x) = 8192 ]; dmsetup remove --noudevsync x",
    "snapshot": "loop 16M image; one=$device; loop 8M cow\n"
    "echo 0 8192 snapshot $one $device N 8 | dmsetup create --noudevsync x; dmsetup mknodes x\n"
    "mkfs.ext4 -q /dev/mapper/x; dmsetup remove --noudevsync x",
    "thin": "loop 16M data; one=$device; loop 8M meta; head -c 4096 /dev/zero >$device\n"
    "echo 0 32768 thin-pool $device $one 128 0 | dmsetup create --noudevsync pool; dmsetup mknodes pool\n"
    "dmsetup message /dev/mapper/pool 0 'create_thin 0'\n"
    "echo 0 8192 thin /dev/mapper/pool 0 | dmsetup create --noudevsync x\n"
    "dmsetup remove --noudevsync x; dmsetup remove --noudevsync pool",
    "crypt": "loop 8M image; key=$(printf '%064d' 7)\n"
    'echo "0 8192 crypt aes-xts-plain64 $key$key 0 $device 0" | dmsetup create --noudevsync x; dmsetup mknodes x\n'
    "mkfs.ext4 -q /dev/mapper/x; dmsetup remove --noudevsync x",
    "raid1": "loop 16M one; one=$device; loop 16M two\n"
    "yes | mdadm --create /dev/md7 --level=1 --raid-devices=2 --metadata=1.0 $one $device\n"
    "mkfs.ext4 -q /dev/md7; grep raid1 /proc/mdstat; mdadm --stop /dev/md7",
    "zram": "modprobe zram; device=$(zramctl --find --size 16M); mkswap $device; swapon $device; grep zram /proc/swaps\n"
    "swapoff $device; zramctl --reset $device",
    "swap on a file": "truncate -s 64M image; mkfs.ext4 -q image; mount -o loop image /mnt/x\n"
    "dd if=/dev/zero of=/mnt/x/swap bs=1M count=16; chmod 600 /mnt/x/swap; mkswap /mnt/x/swap\n"
    "swapon /mnt/x/swap; grep /mnt/x/swap /proc/swaps; swapoff /mnt/x/swap",
}
PROFILE = """
printf '%s\\n' 'profile x { file, deny /var/tmp/x/secret r, }' >profile
echo there >secret
apparmor_parser --replace --skip-cache profile
aa-exec -p x cat /var/tmp/x/profile
if aa-exec -p x cat /var/tmp/x/secret; then exit 1; fi
"""
SYSTEM = {
    "audit": "auditctl -e 1; auditctl -a always,exit -F arch=b64 -S sethostname -k renamed; hostname $(hostname)\n"
    "eventually sh -c 'dmesg | grep type=1300 | grep renamed'; auditctl -D; auditctl -e 0",
    "binfmt_misc": "mountpoint /proc/sys/fs/binfmt_misc || mount -t binfmt_misc none /proc/sys/fs/binfmt_misc\n"
    "echo ':x:E::pyx::/usr/bin/python3:' >/proc/sys/fs/binfmt_misc/register\n"
    "echo 'print(40 + 2)' >program.pyx; chmod +x program.pyx; ./program.pyx | grep 42; echo -1 >/proc/sys/fs/binfmt_misc/x",
    "core dumps": "echo core >/proc/sys/kernel/core_pattern; ulimit -c unlimited; sh -c 'kill -SEGV $$' || true; [ -s core* ]",
    "AppArmor": f"mountpoint /sys/kernel/security || mount -t securityfs none /sys/kernel/security\n{PROFILE}",
    "Landlock": syscall("444, None, 0, 1"),
    "io_uring": python(
        "import ctypes\nassert ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(120)) >= 0"
    ),
    "userfaultfd": syscall("323, 0"),
    "taskstats": "genl ctrl get name TASKSTATS | grep -i taskstats",
    "cpuset": "mount -t cgroup2 none /mnt/x; echo +cpuset >/mnt/x/cgroup.subtree_control; mkdir -p /mnt/x/c\n"
    "echo 0 >/mnt/x/c/cpuset.cpus; echo 0 >/mnt/x/c/cpuset.mems; grep -x 0 /mnt/x/c/cpuset.cpus.effective\n"
    "sh -c 'echo $$ >/mnt/x/c/cgroup.procs; grep Cpus_allowed_list:.0$ /proc/self/status; grep /c$ /proc/self/cpuset'\n"
    "rmdir /mnt/x/c; echo -cpuset >/mnt/x/cgroup.subtree_control",
    "io controller": "mount -t cgroup2 none /mnt/x; grep -w io /mnt/x/cgroup.controllers",
    "BTF": python(TYPES),
}
INSIDE = {"file systems": FILE_SYSTEMS, "block devices": BLOCKS, "system": SYSTEM}


@pytest.mark.parametrize(("subsystem", "feature"), [(one, each) for one, rows in INSIDE.items() for each in rows])
def test_it_is_there_for_programs(pair: Pair, subsystem: str, feature: str) -> None:
    pair.check(subsystem, feature, pair.run(pair.left, f"{PRELUDE}{INSIDE[subsystem][feature]}"))

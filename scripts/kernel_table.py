#!/usr/bin/env python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the table of docs/reference/kernel.md that tells by subsystem what is in which kernel.

``scripts/kernel_table.py [7.2=FILE] [6.12=FILE] [pc=FILE]`` reads the tuned kernel's column from the fragments of role kernel, so it needs
no build, and another column where its configuration is given, such as ``7.2=kernels/debian-7.2.7/config``; a column without keeps what the
table has.  tests/unit/test_kernel_table.py compares the tuned kernel's column with the fragments.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENT = REPOSITORY / "docs/reference/kernel.md"
FRAGMENTS = REPOSITORY / "roles/kernel/files/config"
BEGIN, END = "<!-- what is in it: scripts/kernel_table.py -->", "<!-- end of what is in it -->"
# Debian's kernel for computers is no guest's kernel; it is what people are used to.
COLUMNS = {"tuned": "tuned 7.3", "7.2": "Debian's 7.2", "6.12": "Debian's 6.12", "pc": "Debian's for computers, 7.3"}

# By subsystem: what there is, and the options that make it, without CONFIG_.
SUBSYSTEMS: dict[str, dict[str, str]] = {
    "Devices": {
        "bridge, VLAN, bonding, macvlan, ipvlan, veth, dummy, ifb": "BRIDGE VLAN_8021Q BONDING MACVLAN IPVLAN VETH DUMMY IFB",
        "team, MACsec, HSR and PRP, VRF": "NET_TEAM MACSEC HSR NET_VRF",
        "VXLAN, GENEVE, bareudp, GTP": "VXLAN GENEVE BAREUDP GTP",
        "GRE, IPIP, SIT, IPv6 tunnels, VTI": "NET_IPGRE NET_IPIP IPV6_SIT IPV6_TUNNEL IPV6_GRE NET_IPVTI",
        "FOU, L2TP, PPPoE, PPTP": "NET_FOU L2TP_V3 PPPOE PPTP",
        "WireGuard": "WIREGUARD",
        "AMT, PFCP": "AMT PFCP",
        "Open vSwitch": "OPENVSWITCH",
        "netdevsim": "NETDEVSIM",
    },
    "IPsec": {
        "ESP, AH, IPComp": "INET_ESP INET_AH INET_IPCOMP INET6_ESP INET6_AH INET6_IPCOMP",
        "XFRM interfaces": "XFRM_INTERFACE",
        "ESP in TCP": "INET_ESPINTCP",
    },
    "Routing": {
        "policy routing, multipath, multicast": "IP_MULTIPLE_TABLES IP_ROUTE_MULTIPATH IP_MROUTE",
        "multicast of IPv6": "IPV6_MROUTE",
        "MPLS": "MPLS_ROUTING MPLS_IPTUNNEL",
        "SRv6, IOAM, RPL": "IPV6_SEG6_LWTUNNEL IPV6_IOAM6_LWTUNNEL IPV6_RPL_LWTUNNEL",
        "ILA": "IPV6_ILA",
    },
    "Filters": {
        "nftables, all families": "NF_TABLES NF_TABLES_INET NF_TABLES_IPV4 NF_TABLES_BRIDGE NF_TABLES_NETDEV",
        "iptables by nftables": "NFT_COMPAT",
        "iptables and ebtables of the old kind": "IP_NF_FILTER IP6_NF_FILTER BRIDGE_NF_EBTABLES",
        "connection tracking, NAT, flow tables": "NF_CONNTRACK NF_NAT NF_FLOW_TABLE",
        "accounts, nfacct": "NETFILTER_NETLINK_ACCT NETFILTER_XT_MATCH_NFACCT",
        "sets": "IP_SET",
        "IPVS": "IP_VS",
        "IPVS, all schedulers": "IP_VS_RR IP_VS_WLC IP_VS_DH IP_VS_FO IP_VS_LBLC IP_VS_LBLCR IP_VS_NQ IP_VS_OVF "
        "IP_VS_SED IP_VS_MH IP_VS_TWOS",
    },
    "Queueing": {
        "netem, HTB, HFSC, fq_codel, CAKE": "NET_SCH_NETEM NET_SCH_HTB NET_SCH_HFSC NET_SCH_FQ_CODEL NET_SCH_CAKE",
        "fq_pie, ETS": "NET_SCH_FQ_PIE NET_SCH_ETS",
        "TAPRIO, ETF, CBS": "NET_SCH_TAPRIO NET_SCH_ETF NET_SCH_CBS",
        "teql": "NET_SCH_TEQL",
    },
    "Transport": {
        "SCTP, MPTCP, TLS": "IP_SCTP MPTCP TLS",
        "TCP authentication, MD5 and AO": "TCP_MD5SIG TCP_AO",
        "BBR, DCTCP, HTCP, Vegas, Westwood": "TCP_CONG_BBR TCP_CONG_DCTCP TCP_CONG_HTCP TCP_CONG_VEGAS TCP_CONG_WESTWOOD",
        "BIC, CDG, HSTCP, Hybla, Illinois, LP, NV, Scalable, Veno, YeAH": "TCP_CONG_BIC TCP_CONG_CDG TCP_CONG_HSTCP TCP_CONG_HYBLA "
        "TCP_CONG_ILLINOIS TCP_CONG_LP TCP_CONG_NV TCP_CONG_SCALABLE TCP_CONG_VENO TCP_CONG_YEAH",
        "AF_XDP": "XDP_SOCKETS",
        "TIPC, RDS, KCM": "TIPC RDS_TCP AF_KCM",
        "VSOCK loopback": "VSOCKETS_LOOPBACK",
        "X.25, LAPB, LLC": "X25 LAPB LLC2",
    },
    "Meshes, vehicles, wireless": {
        "batman-adv": "BATMAN_ADV",
        "CAN, vcan, vxcan, gateway": "CAN CAN_VCAN CAN_VXCAN CAN_GW",
        "J1939, ISO-TP": "CAN_J1939 CAN_ISOTP",
        "802.15.4, 6LoWPAN, fakelb": "IEEE802154 IEEE802154_6LOWPAN IEEE802154_FAKELB",
        "802.15.4, hwsim": "IEEE802154_HWSIM",
        "wireless LAN, mac80211_hwsim": "CFG80211 MAC80211 MAC80211_HWSIM",
    },
    "File systems": {
        "ext4": "EXT4_FS",
        "XFS, Btrfs": "XFS_FS BTRFS_FS",
        "VFAT, ISO 9660, UDF": "VFAT_FS ISO9660_FS UDF_FS",
        "exFAT": "EXFAT_FS",
        "SquashFS with zstd, EROFS": "SQUASHFS SQUASHFS_ZSTD EROFS_FS",
        "overlay, FUSE": "OVERLAY_FS FUSE_FS",
        "CUSE": "CUSE",
        "NFS 3 and 4.2": "NFS_FS NFS_V4_2",
        "NFS server": "NFSD NFSD_V4",
        "CIFS": "CIFS",
        "SMB server": "SMB_SERVER",
        "9P": "9P_FS NET_9P_FD",
        "Ceph": "CEPH_FS",
        "quotas": "QUOTA QFMT_V2",
    },
    "Block devices": {
        "loop": "BLK_DEV_LOOP",
        "device mapper: crypt, snapshot, thin, verity, integrity": "BLK_DEV_DM DM_CRYPT DM_SNAPSHOT DM_THIN_PROVISIONING "
        "DM_VERITY DM_INTEGRITY",
        "RAID 0, 1, 10, 4 to 6": "MD_RAID0 MD_RAID1 MD_RAID10 MD_RAID456",
        "zram, swap": "ZRAM SWAP",
        "NBD, DRBD, AoE": "BLK_DEV_NBD BLK_DEV_DRBD ATA_OVER_ETH",
        "iSCSI, both sides": "ISCSI_TCP ISCSI_TARGET",
        "NVMe over TCP, both sides": "NVME_TCP NVME_TARGET_TCP",
    },
    "System": {
        "namespaces, memory, CPU and pids control groups": "USER_NS NET_NS TIME_NS MEMCG CFS_BANDWIDTH CGROUP_PIDS",
        "io control group": "BLK_CGROUP BLK_DEV_THROTTLING",
        "cpusets": "CPUSETS",
        "audit": "AUDIT",
        "AppArmor": "SECURITY_APPARMOR",
        "Landlock": "SECURITY_LANDLOCK",
        "SELinux": "SECURITY_SELINUX",
        "core dumps": "COREDUMP ELF_CORE",
        "binfmt_misc": "BINFMT_MISC",
        "io_uring, userfaultfd": "IO_URING USERFAULTFD",
        "taskstats, process accounting": "TASKSTATS BSD_PROCESS_ACCT",
        "BPF system call": "BPF_SYSCALL",
        "BTF within the kernel": "DEBUG_INFO_BTF",
        "kprobes, perf, ftrace": "KPROBES PERF_EVENTS FTRACE",
        "checkpoint and restore": "CHECKPOINT_RESTORE",
        "debugfs": "DEBUG_FS",
        "modules": "MODULES",
        "more than one processor": "SMP",
    },
}


def settings(text: str) -> dict[str, str]:
    """Options of a configuration, without CONFIG_, and their values; the last one about an option counts."""
    found = {}
    for line in text.splitlines():
        if given := re.match(r"CONFIG_(\w+)=(.*)", line):
            found[given[1]] = given[2]
        elif unset := re.match(r"# CONFIG_(\w+) is not set", line):
            found[unset[1]] = "n"
    return found


def tuned() -> dict[str, str]:
    """What the fragments ask for; the role makes sure that it comes out of them."""
    return settings("\n".join(path.read_text() for path in fragments()))


def fragments() -> list[Path]:
    """In the order of the role's defaults."""
    named = re.findall(r"files/config/(\S+?\.config)", (REPOSITORY / "roles/kernel/defaults/main.yml").read_text())
    return [FRAGMENTS / name for name in named]


def cell(found: dict[str, str], options: Iterable[str]) -> str:
    """Of one kernel and a row."""
    values = [found.get(option, "n") for option in options]
    there = [value for value in values if value != "n"]
    if not there:
        return "no"
    way = "module" if "m" in there else "yes"
    return way if len(there) == len(values) else f"in part, {way}" if way == "module" else "in part"


def read(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """The cells of the table by subsystem and what there is."""
    table = {}
    subsystem = ""
    for line in text.partition(BEGIN)[2].partition(END)[0].strip().splitlines()[2:]:
        first, what, *cells = (each.strip() for each in line.strip("|").split("|"))
        subsystem = first.strip("*") or subsystem
        table[subsystem, what] = dict(zip(COLUMNS, cells, strict=True))
    return table


def render(text: str, configurations: dict[str, dict[str, str]]) -> str:
    """The document with its table, whose columns come from configurations, or else from itself."""
    before = read(text)
    lines = [f"| | | {' | '.join(COLUMNS.values())} |", f"|---|---|{'---|' * len(COLUMNS)}"]
    for subsystem, rows in SUBSYSTEMS.items():
        for number, (what, options) in enumerate(rows.items()):
            kept = before.get((subsystem, what), {})
            cells = [
                cell(configurations[key], options.split()) if key in configurations else kept.get(key, "?")
                for key in COLUMNS
            ]
            lines.append(f"| {'' if number else f'**{subsystem}**'} | {what} | {' | '.join(cells)} |")
    head, tail = text.partition(BEGIN)[0], text.partition(END)[2]
    table = "\n".join(lines)
    return f"{head}{BEGIN}\n\n{table}\n\n{END}{tail}"


def main() -> None:
    """Write the document anew."""
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    unknown = given.keys() - (COLUMNS.keys() - {"tuned"})
    if unknown:
        raise SystemExit(
            f"kernel_table.py: there is no column {', '.join(unknown)}. Give {', '.join(COLUMNS)} but tuned."
        )
    configurations = {"tuned": tuned(), **{key: settings(Path(path).read_text()) for key, path in given.items()}}
    DOCUMENT.write_text(render(DOCUMENT.read_text(), configurations))


if __name__ == "__main__":
    main()

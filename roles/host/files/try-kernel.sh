#!/bin/sh
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# try-kernel.sh [spans]: try what a lab needs of the host's kernel in namespaces that end with the trial; print what is lacking.

set -u

lacks() {
    echo "$1"
}

unshare --net true 2>/dev/null || { lacks "network namespaces (CONFIG_NET_NS)" && NET=no; }
unshare --mount true 2>/dev/null || { lacks "mount namespaces (CONFIG_NAMESPACES)" && MNT=no; }

if [ "${NET-yes}" = yes ]; then
    unshare --net ip tuntap add dev dumm-try mode tap 2>/dev/null ||
        lacks "TAP devices (CONFIG_TUN, /dev/net/tun)"
    unshare --net ip link add dumm-try type bridge 2>/dev/null ||
        lacks "bridges (CONFIG_BRIDGE)"
    [ "${1-}" != spans ] || unshare --net ip link add dumm-try type vxlan id 1 dstport 4789 2>/dev/null ||
        lacks "tunnels to other lab hosts (CONFIG_VXLAN)"
fi

if [ "${MNT-yes}" = yes ]; then
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --propagation private sh -ec '
        mount -t tmpfs dumm-try /mnt
        mkdir /mnt/lower /mnt/upper /mnt/work /mnt/union
        mount -t overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work dumm-try /mnt/union
    ' 2>/dev/null || lacks "overlay file systems (CONFIG_OVERLAY_FS)"
fi

#!/bin/sh
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The first process of a machine of tests/hosts/world.py, in namespaces of its own but for the file descriptor 9, which is the network
# namespace of the underlay.  It ends, and all that runs in the machine with it, when its standard input does.
#
# machine.sh site NAME...                        the place where the machines are: their disks and the bridge between them
# machine.sh lab_host NAME ADDRESS BASE CHECKOUT SSHD...   has what it writes on a disk of its own, and an SSH server
# machine.sh controller NAME ADDRESS             sees this machine's files, but nothing of a lab

set -e

# until_eof: wait, and reap what lost its parents, as a first process must.
until_eof() {
    echo ready
    # Not exec: the shell is who reaps.
    cat >/dev/null
}

site() {
    mount -t tmpfs -o mode=755 tmpfs /srv
    for name; do mkdir "/srv/$name"; done
    ip link set lo up
    ip link add underlay type bridge
    ip link set underlay up
}

# plug NAME ADDRESS: a cable to the underlay, always with the same MAC address.  That of a machine that was here before goes with its
# namespace, a moment after it.
plug() {
    ip link set lo up
    until ip link add eth0 address "02:00:00:00:00:$(printf %02x "${2##*.}")" type veth peer name "$1" netns /proc/self/fd/9; do sleep 0.1; done
    nsenter --net=/proc/self/fd/9 ip link set "$1" master underlay up
    ip link set eth0 up
    ip address add "$2/24" dev eth0
    exec 9<&-
}

controller() {
    hostname "$1"
    plug "$1" "$2"
    mount --bind "/srv/$1" /srv
    mount -t tmpfs -o mode=755 tmpfs /run
    mount -t sysfs sysfs /sys
    [ ! -d /var/lib/dumm ] || mount -t tmpfs -o mode=755 tmpfs /var/lib/dumm
    mkdir -p /srv/home
}

lab_host() {
    name=$1 address=$2 base=$3 checkout=$4
    shift 4
    hostname "$name"
    plug "$name" "$address"
    disk=/srv/$name
    cd "$disk"
    mkdir -p root upper work srv/home srv/base lib cache
    chmod 700 lib
    # What other machines of the test have is hidden by /srv, a mount of this namespace, which is not the lower directory's.
    mount -t overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" none root
    mount --rbind /dev root/dev
    mount -t tmpfs -o mode=1777 tmpfs root/dev/shm
    mount --bind /proc root/proc
    mount -t sysfs sysfs root/sys
    mount -t tmpfs -o mode=755 tmpfs root/run
    mount -t tmpfs -o mode=1777 tmpfs root/tmp
    mount --bind srv root/srv
    mount --bind "$base" root/srv/base
    mount -o remount,bind,ro root/srv/base
    # As if the collection were installed there, and not what the controller has.
    mkdir -p root/srv/checkout
    mount --bind "$checkout" root/srv/checkout
    mount -o remount,bind,ro root/srv/checkout
    # It may be in a directory that was hidden just now, as /tmp is.
    mkdir -p "root$checkout"
    mount -t tmpfs -o mode=755 tmpfs "root$checkout"
    # Not on the overlay: the upper directory of a guest's root cannot be on one.
    mkdir -p root/var/lib/dumm root/var/cache/dumm
    mount --bind lib root/var/lib/dumm
    mount --bind cache root/var/cache/dumm
    cat /proc/sys/kernel/random/uuid >boot_id
    mount --bind boot_id root/proc/sys/kernel/random/boot_id
    sed -i -e '/^sshd:/d' -e 's,^root:.*,root:x:0:0::/srv/home:/bin/sh,' root/etc/passwd
    sed -i -e '/^sshd:/d' -e 's,^root:.*,root:*:19000:0:99999:7:::,' root/etc/shadow
    echo 'sshd:x:999:65534::/run/sshd:/usr/sbin/nologin' >>root/etc/passwd
    mkdir root/run/sshd root/run/old
    cd root
    pivot_root . run/old
    cd /
    umount -l /run/old
    rmdir /run/old
    "$@" </dev/null >>/srv/sshd.log 2>&1 &
}

kind=$1
shift
"$kind" "$@"
until_eof

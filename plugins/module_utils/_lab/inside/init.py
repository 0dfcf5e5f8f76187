# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two programs that a guest's kernel may start first.

``INIT`` is always the kernel's ``init=``: it mounts the spool, configures the network as the host has asked in the request
``boot``, starts the control line and becomes the guest's own init, whatever that is.  ``MINIMAL`` is that init where the
guest has none.  The kernel hands ``dumm_*`` words of its command line over as environment (init/main.c, unknown_bootoption).
"""

from __future__ import annotations

INIT = r"""#!/bin/sh
# The first process of a dumm.lab guest.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root
export PATH HOME
home=/.dumm

[ -e /proc/self ] || mount -t proc proc /proc
[ -e /sys/kernel ] || mount -t sysfs sysfs /sys
[ -e /dev/null ] || mount -t devtmpfs devtmpfs /dev

# Device nodes by which modules are loaded when somebody opens them, as kmod static-nodes tells of them.
(
  while read -r module node number; do
    [ "$module" != "#" ] || continue
    case $node in */*) mkdir -p "/dev/${node%/*}" ;; esac
    number=${number#c}
    mknod -m 600 "/dev/$node" c "${number%:*}" "${number#*:}"
  done <"/lib/modules/$(uname -r)/modules.devname"
) 2>/dev/null &

# An empty line ends the lines of a processor, but not in a User Mode Linux without our patch: libproc2 4.0.2 (Debian 12) takes that for an
# error, and ps aux, top and vmstat fail.  A copy that ends as it should is bound over it, from a file system of its own, whose place
# is free again at once.  A process without privileges may mount a /proc in namespaces of its own, as containers do, only where
# another one has nothing over any of its files (mnt_already_visible, fs/namespace.c).
if [ -n "$(tail -n 1 /proc/cpuinfo)" ] && mount -t tmpfs -o nosuid,nodev,size=64k,mode=755 dumm $home/spool; then
  (
    umask 222
    { cat /proc/cpuinfo; echo; } >$home/spool/cpuinfo
  )
  mount --bind $home/spool/cpuinfo /proc/cpuinfo
  mount -t proc proc $home/proc
  umount $home/spool
fi

# The option is a bare path, which util-linux 2.39 and later can only hand over by the old system call.
LIBMOUNT_FORCE_MOUNT2=always mount -t hostfs none $home/spool -o /spool || echo "dumm: cannot mount the spool"

# Ctrl-Alt-Del is how the host asks for a shutdown: init gets a signal instead of the kernel an instant reset.
echo 0 >/proc/sys/kernel/ctrl-alt-del
echo "$dumm_name" >/proc/sys/kernel/hostname
# Everybody may ping, as under systemd: a root file system without extended attributes has no capability for /bin/ping.
pings=/proc/sys/net/ipv4/ping_group_range
[ ! -e $pings ] || echo "0 2147483647" >$pings

(
  cd $home/spool/boot || exit
  sh ./cmd <in >out 2>err
  echo $? >exit
)

init=$dumm_init
if [ "$init" = auto ]; then
  init=$home/minimal
  for own in /sbin/init /lib/systemd/systemd; do
    [ -x "$own" ] && init=$own && break
  done
fi
[ "$init" = minimal ] && init=$home/minimal
# Before the control channel answers: it would hide what a command has written to /run.
[ "$init" = $home/minimal ] && $home/minimal mount

(
  # Started anew should it ever end; a shutdown ends both.
  while :; do
    sh $home/agent
    sleep 1
  done
) </dev/null >/dev/null 2>&1 &

unset dumm_init dumm_name home own pings
exec "$init"
"""

MINIMAL = r"""#!/bin/sh
# Init for a dumm.lab guest that has none of its own: reaping and clean power-off, and with the word "mount" what comes before.
if [ "$1" = mount ]; then
  mkdir -p /dev/pts /dev/shm /dev/mqueue
  for link in fd: stdin:/0 stdout:/1 stderr:/2; do
    ln -sf "/proc/self/fd${link#*:}" "/dev/${link%%:*}"
  done
  mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
  mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm
  mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
  mkdir -p /run/lock
  # Not every kernel has it.
  mount -t mqueue -o nosuid,nodev,noexec mqueue /dev/mqueue 2>/dev/null
  exit
fi

power_off() {
  trap '' INT TERM USR1 USR2 PWR
  kill -TERM -1
  tries=0
  while [ $tries -lt 20 ]; do
    busy=
    for process in /proc/[0-9]*; do
      # Kernel threads have no executable.
      [ "$process" != /proc/1 ] && [ -e "$process/exe" ] && busy=yes
    done
    [ -n "$busy" ] || break
    tries=$((tries + 1))
    sleep 0.1 || sleep 1
  done
  kill -KILL -1
  sync
  echo o >/proc/sysrq-trigger
  poweroff -f
  sleep 60
}

trap power_off INT TERM USR1 USR2 PWR
while :; do
  # Waiting for one child reaps every orphan that ends meanwhile.
  sleep 86400 &
  wait $!
done
"""

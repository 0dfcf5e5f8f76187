# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scripts for a guest that find out whether its init has finished booting.

systemd: ``systemctl`` speaks to the manager through ``/run/systemd/private``, without a bus, but fails while that socket is not there yet;
then ``is-system-running --wait`` sleeps until the last job of the boot is done.  sysvinit, and what works like it: a runlevel is reached
and no ``rc`` runs; init starts that a moment after it has noted the runlevel, so it is looked at twice.  Any other init: nothing is known
about it.
"""

from __future__ import annotations

import math
import shlex

# What the scripts exit with besides 0, which is for a guest that has booted.
NOT_YET = 3
MAINTENANCE = 4
STOPPING = 5

_KIND = r"""
pause() { sleep 0.1 || sleep 1; }

# The same choice as that of the program that was started first.
set -f
init=auto
read -r words </proc/cmdline
for word in $words; do
  case $word in dumm_init=*) init=${word#*=} ;; esac
done
set +f
if [ "$init" = auto ]; then
  init=minimal
  for own in /sbin/init /lib/systemd/systemd; do
    [ -x "$own" ] && init=$own && break
  done
fi
program=$(readlink -f "$init")
case ${program##*/} in
  systemd) kind=systemd ;;
  init | busybox | openrc-init) kind=rc ;;
  *) exit 0 ;;
esac

settled() {
  [ "$(readlink /proc/1/exe)" = "$program" ] || return 1
  if command -v runlevel >/dev/null; then
    case $(runlevel) in *' '[2-5]) ;; *) return 1 ;; esac
  fi
  for stat in /proc/[0-9]*/stat; do
    read -r number name rest <"$stat" || continue
    case $name in '(rc)' | '(rcS)' | '(startpar)' | '(openrc)') return 1 ;; esac
  done 2>/dev/null
}

told() {
  case $1 in
    running | degraded) exit 0 ;;
    maintenance) exit 4 ;;
    stopping) exit 5 ;;
  esac
}
"""

LOOK = f"""{_KIND}
if [ $kind = systemd ]; then
  [ -S /run/systemd/private ] && told "$(systemctl is-system-running 2>/dev/null)"
elif settled; then
  exit 0
fi
exit {NOT_YET}
"""

AWAIT = f"""{_KIND}
if [ $kind = systemd ]; then
  while :; do
    [ -S /run/systemd/private ] && told "$(systemctl is-system-running --wait 2>/dev/null)"
    pause
  done
fi
quiet=0
while [ $quiet -lt 2 ]; do
  pause
  if settled; then quiet=$((quiet + 1)); else quiet=0; fi
done
"""

# Units that systemd still starts, one a line with their state; else the scripts that rc runs.
UNFINISHED = r"""
if [ -d /run/systemd/system ]; then
  systemctl list-jobs --no-legend --plain | while read -r number unit kind state; do
    [ "$kind" = start ] && echo "$unit $state"
  done
  exit 0
fi
for words in /proc/[0-9]*/cmdline; do
  tr '\0' '\n' <"$words" | grep -E '^/etc/(init\.d|rc.\.d)/' | while read -r path; do
    case ${path##*/} in rc | rcS) ;; *) echo "${path##*/} running" ;; esac
  done
done 2>/dev/null
exit 0
"""

MARK = "dumm: tries again"
_LONGER = 10


def retried(command: str, within: float) -> str:
    """A script that runs a command until it succeeds; what each try prints follows a line with ``MARK``.

    :param within: seconds; it ends a while later by itself, should nobody be there to end it.
    """
    return f"""
read -r now rest </proc/uptime
end=$((${{now%.*}} + {math.ceil(within) + _LONGER}))
pause=0.1
while read -r now rest </proc/uptime && [ ${{now%.*}} -lt $end ]; do
  echo '{MARK}'
  sh -c {shlex.quote(command)} </dev/null 2>&1 && exit 0
  sleep $pause || sleep 1
  case $pause in 0.1) pause=0.2 ;; 0.2) pause=0.5 ;; *) pause=1 ;; esac
done
exit {NOT_YET}
"""


def last_try(output: str) -> str:
    """What the last try printed that printed anything; the very last may have been cut off."""
    return next((said.strip() for said in reversed(output.split(f"{MARK}\n")) if said.strip()), "")


def unfinished(output: str) -> list[str]:
    """Names of what still starts: what is being started, or where nothing is, what waits for that."""
    words = [line.split() for line in output.splitlines()]
    found = [(each[0], each[-1]) for each in words if len(each) > 1]
    running = [name for name, state in found if state == "running"]
    return list(dict.fromkeys(running or [name for name, _state in found]))

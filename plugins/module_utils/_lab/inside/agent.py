# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest's end of the control line: reads doorbells from the serial line, runs requests from the spool.

A doorbell is a request's name, ``!name`` to kill it, or ``+name`` to send it SIGUSR1 (a terminal has something to read), one a line.
A request is a directory of the spool: ``cmd`` and ``in`` from the host, ``out``, ``err``, ``code`` and ``exit`` from here.  ``ack`` is
made exclusively, so that a request that is rung for twice runs once.  Each command has a session of its own, whose leader's number is in
``pid``.

A request with a file ``warm`` names a Python that may do the work of this agent from then on (``warm``): it gets the line, and
whenever it ends the agent has it back.  What it had not finished, and what an agent that was killed had not, is told as lost.
"""

from __future__ import annotations

AGENT = r"""#!/bin/sh
# Control line of a dumm.lab guest.
spool=/.dumm/spool
HOME=/root
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME PATH
unset dumm_init dumm_name TERM cold

exec </dev/ttyS0 || exit
stty raw -echo 2>/dev/null
if command -v setsid >/dev/null; then session=setsid; else session=; fi

serve() {
  cd "$spool/$1" || exit
  set -C
  : >ack || exit
  set +C
  # One that was given up has nothing left to run; that it was heard is all that counts.
  [ -e cmd ] || exit
  # In a subshell, or this shell's own words about a killed command would go into err.
  # The script leaves its own status in code, unless a signal ends it.
  (exec $session sh -c 'echo $$ >pid; trap "echo \$? >$PWD/code" EXIT; . ./cmd') <in >out 2>err
  status=$?
  [ -e code ] || [ $status -le 128 ] || status="$status signal"
  # Never over what was told already.
  set -C
  # Without an inode left for it, as on a full disk, it goes into the file that the host has made for that.
  echo "$status" >exit || [ -e exit ] || [ ! -e .exit ] || { set +C; echo "$status" >.exit; ln .exit exit; }
}

end() {
  read -r leader <"$spool/$1/pid" && kill -KILL -"$leader"
}

poke() {
  read -r leader <"$spool/$1/pid" && kill -USR1 "$leader"
}

# Tells that requests will never end: all that were begun, or those that a warm Python (its acks have content) had.
lost() {
  for request in "$spool"/*/; do
    [ -e "$request/ack" ] && [ ! -e "$request/exit" ] || continue
    [ "$1" = all ] || [ -s "$request/ack" ] || continue
    # Told first: whoever served it until now would else tell how it ended, and the host may take it away at once.
    leader=
    read -r leader <"$request/pid"
    echo lost >"$request/exit"
    [ -z "$leader" ] || kill -KILL -"$leader"
  done
}

warm() {
  read -r python <"$spool/$1/warm"
  if [ -z "$cold" ] && [ -x "$python" ]; then
    "$python" /.dumm/warm "$1" || [ -e "$spool/$1/ack" ] || cold=yes
    lost warm
  fi
  serve "$1" &
}

lost all
echo "$$" >$spool/.hello
mv $spool/.hello $spool/hello
while IFS= read -r line; do
  case $line in
    '!'*[!a-z0-9]* | '+'*[!a-z0-9]* | '') ;;
    '!'*) end "${line#!}" ;;
    '+'*) poke "${line#+}" ;;
    *[!a-z0-9]*) ;;
    *) if [ -e "$spool/$line/warm" ]; then warm "$line"; else serve "$line" & fi ;;
  esac
  # Makes the shell collect children that have ended.
  jobs >/dev/null
done
"""

#!/bin/sh
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# raise-sysctls.sh raise|check KEY=MINIMUM...: raise settings that are lower, never lower any; print what changes.
#
# The file lists only what was raised here, so that booting does not lower what somebody else has set higher.

set -eu

FILE=/etc/sysctl.d/90-dumm.conf
CHECK=
[ "$1" != check ] || CHECK=1
shift

stored=
for pair in "$@"; do
    key=${pair%%=*} minimum=${pair#*=}
    path=/proc/sys/$(printf %s "$key" | tr . /)
    [ -e "$path" ] || continue
    value=$(cat "$path")
    ours=$(sed -n "s/^$key = //p" "$FILE" 2>/dev/null || true)
    if [ "$value" -lt "$minimum" ]; then
        echo "$key: $value -> $minimum"
        if [ -z "$CHECK" ] && ! echo "$minimum" >"$path" 2>/dev/null; then
            echo "Setting $key cannot be raised from $value to $minimum here. Raise it on the machine itself." >&2
            exit 1
        fi
        ours=$minimum
    fi
    [ -z "$ours" ] || stored="$stored$key = $ours
"
done

content="# Made by the role dumm.lab.host: what it raised for labs on this machine.
$stored"
[ -n "$stored" ] || exit 0
[ "$content" != "$(cat "$FILE" 2>/dev/null)
" ] || exit 0
[ -z "$CHECK" ] || { echo "$FILE"; exit 0; }
mkdir -p "${FILE%/*}"
printf %s "$content" >"$FILE.new"
mv "$FILE.new" "$FILE"
echo "$FILE"

#!/bin/sh
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# build-agent.sh SOURCES KERNELS: compile the guests' agent for each kernel that lacks it, or has another version of it.
#
# It prints the kernels that got it.  Where there is no C compiler guests do the same by scripts, and nothing is done.
#
# With musl it has a ninth of the size.  All of it is read when a guest comes up, into memory of that guest.

set -eu
sources=$1 kernels=$2
command -v cc >/dev/null || exit 0

libc=
! command -v musl-gcc >/dev/null || libc=musl
key=$({ cat "$sources"/* && printf %s "$libc"; } | sha256sum | cut -d ' ' -f 1)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

compile() {
    "$@" -D_GNU_SOURCE -std=gnu11 -Wall -Wextra -Os -static -s -o "$scratch/agent" "$sources"/*.c
}

compile_small() {
    # The kernel's headers are not musl's.
    compile musl-gcc -idirafter /usr/include -idirafter "/usr/include/$(cc -dumpmachine)"
}

for kernel in "$kernels"/*/linux; do
    home=${kernel%/linux}
    # kernels/default is a link to one of the others.
    [ -f "$kernel" ] && [ ! -L "$home" ] || continue
    [ -f "$home/agent" ] && [ "$(cat "$home/agent.key" 2>/dev/null)" = "$key" ] && continue
    if [ ! -f "$scratch/agent" ]; then
        { [ -n "$libc" ] && compile_small 2>/dev/null; } || compile cc
    fi
    cp "$scratch/agent" "$home/.agent.new"
    mv "$home/.agent.new" "$home/agent"
    printf '%s\n' "$key" >"$home/.agent.key.new"
    mv "$home/.agent.key.new" "$home/agent.key"
    printf '%s\n' "${home##*/}"
done

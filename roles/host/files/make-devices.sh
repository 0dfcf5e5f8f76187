#!/bin/sh
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# make-devices.sh make|check: the device nodes of a lab, where they are missing; prints what it makes.

set -eu

# Best effort: a module may be built in, and a container must not load any.
modprobe -qab tun bridge overlay fuse 2>/dev/null || true

make() { # NODE MINOR
    [ ! -e "$1" ] || return 0
    echo "$1"
    [ -z "$CHECK" ] || return 0
    mkdir -p "${1%/*}"
    mknod -m 0666 "$1" c 10 "$2"
}

CHECK=
[ "$1" != check ] || CHECK=1
make /dev/net/tun 200
make /dev/fuse 229

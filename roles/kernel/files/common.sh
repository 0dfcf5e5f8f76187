# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What the two ways to a kernel have in common; goes before the other script on the shell's input.
#
# Reads WORKDIR, CACHE and MAKE_DEFAULT from the environment, and CHECK, which is not empty in check mode.
# A kernel is put together in a dot directory beside its place and renamed, so that there never is half a one.

set -euo pipefail

KERNELS=$WORKDIR/kernels
NEW=$KERNELS/.new-$$
SCRATCH=$KERNELS/.new-$$-scratch
CHECK=${CHECK-}

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# info FILE KEY: a value of an info.json, which holds one pair a line.
info() {
    sed -n "s/^ *\"$2\": \"\(.*\)\",\{0,1\}$/\1/p" "$1" 2>/dev/null || true
}

# lock: one run at a time works on the cache and on the working directory's kernels.
lock() {
    local directory descriptor
    umask 022
    [ -d "$WORKDIR" ] || mkdir -m 0700 -p "$WORKDIR"
    mkdir -p "$KERNELS" "$CACHE"
    for directory in "$CACHE" "$KERNELS"; do
        exec {descriptor}<"$directory"
        flock -w 900 "$descriptor" || die "another run has been working on $directory for 15 minutes; end it and try again."
    done
}

# prepare: an empty directory for the new kernel, and one that is thrown away.
prepare() {
    clear_left_over
    trap 'rm -rf "$NEW" "$SCRATCH"' EXIT
    mkdir -p "$NEW" "$SCRATCH"
}

# --- Debian's archive ---

mirror() {
    local found=$MIRROR
    [ -n "$found" ] || found=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 ~ "^https?:" && $2 !~ "security" { print $2; exit }' || true)
    printf '%s\n' "${found:-http://deb.debian.org/debian}"
}

# archive SUITE: lets apt know this suite and nothing else, for this process alone; fails like apt-get update.
archive() {
    local apt=$SCRATCH/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg uri
    [ -e "$keyring" ] || die "$keyring is missing; install the package debian-archive-keyring."
    uri=$(mirror)
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/status"
    printf '%s\n' "Types: deb" "URIs: $uri" "Suites: $1" "Components: main" "Signed-By: $keyring" >"$apt/lab.sources"
    printf '%s\n' "Dir::Etc::sourcelist \"$apt/lab.sources\";" 'Dir::Etc::sourceparts "-";' \
        "Dir::State::lists \"$apt/lists\";" "Dir::State::status \"$apt/status\";" "Dir::Cache \"$apt/cache\";" \
        'Acquire::Languages "none";' 'APT::Sandbox::User "root";' 'APT::Update::Error-Mode "any";' >"$apt/apt.conf"
    export APT_CONFIG=$apt/apt.conf
    apt-get -qq update
}

# --- the kernel's place ---

# in_use DIRECTORY: whether a process runs the kernel in it, also one that sees it under another path.
in_use() {
    local kernel exe
    kernel=$(stat -c %d:%i "$1/linux" 2>/dev/null) || return 1
    for exe in /proc/[0-9]*/exe; do
        [ "$(stat -L -c %d:%i "$exe" 2>/dev/null)" != "$kernel" ] || return 0
    done
    return 1
}

# place NAME WHAT: the new directory under its name; guests that run the old one of that name keep it until they have ended.
place() {
    local directory=$KERNELS/$1
    if cmp -s "$NEW/info.json" "$directory/info.json"; then return; fi
    chmod 0755 "$NEW"
    [ ! -e "$directory" ] || mv "$directory" "$KERNELS/.old-$$"
    mv "$NEW" "$directory"
    echo "kernels/$1: $2"
}

# point_default NAME: kernels/default, where it names nothing or shall name this one.
point_default() {
    local link=$KERNELS/default
    [ "$(readlink "$link")" != "$1" ] || return 0
    [ -n "$MAKE_DEFAULT" ] || [ ! -e "$link" ] || return 0
    echo "kernels/default -> $1"
    [ -z "$CHECK" ] || return 0
    ln -sfn "$1" "$KERNELS/.default-$$"
    mv -T "$KERNELS/.default-$$" "$link"
}

clear_left_over() {
    local left
    for left in "$KERNELS"/.new-* "$KERNELS"/.old-* "$KERNELS"/.default-*; do
        if [ -e "$left" ] || [ -L "$left" ]; then
            in_use "$left" || rm -rf "$left"
        fi
    done
}

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What the two ways to a kernel have in common; goes between host/files/locks.sh and the other script on the shell's input.
#
# Reads WORKDIR, CACHE and MAKE_DEFAULT from the environment, and CHECK, which is not empty in check mode.
# A kernel is put together in a dot directory beside its place and renamed, so that there never is half a one.

KERNELS=$WORKDIR/kernels
NEW=$KERNELS/.new-$$
SCRATCH=$NEW-scratch
CHECK=${CHECK-}

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# info FILE KEY: a value of an info.json, which holds one pair a line.
info() {
    sed -n "s/^ *\"$2\": \"\(.*\)\",\{0,1\}$/\1/p" "$1" 2>/dev/null || true
}

# make_directories: that are locked or written to.
make_directories() {
    [ -d "$WORKDIR" ] || mkdir -m 0700 -p "$WORKDIR"
    mkdir -p "$KERNELS" "$CACHE/.locks"
}

# lock_kernels: one run at a time puts kernels into the working directory, which takes seconds.
lock_kernels() {
    PATIENCE=$LIMIT lock "$KERNELS" --exclusive
}

# prepare: an empty directory for the new kernel, and one that is thrown away.
prepare() {
    clear_left_over
    LITTER+=("$NEW" "$SCRATCH")
    mkdir -p "$NEW" "$SCRATCH"
}

# --- Debian's archive ---

mirror() {
    local found=$MIRROR
    [ -n "$found" ] || found=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 ~ "^https?:" && $2 !~ "security" { print $2; exit }' || true)
    printf '%s\n' "${found:-http://deb.debian.org/debian}"
}

# archive SUITE SCRATCH: lets apt know this suite and nothing else, for this process alone; fails like apt-get update.
archive() {
    local apt=$2/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg uri
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

# archive_fault LOG OPTION: why the archive of a suite cannot be used, by what apt said, and what to do.
archive_fault() {
    local remedy="Check $2 and kernel_mirror, and whether this host reaches that mirror"
    # Of a mirror that nobody updates, or a snapshot.
    ! grep -q 'Release file .* is expired' "$1" ||
        remedy="Give another kernel_mirror; or set the clock right; or, to use an old mirror as it is, let the apt of this host have \
'Acquire::Check-Valid-Until \"false\";' in /etc/apt/apt.conf.d/"
    printf '%s\n' "$(grep -E '^(E|W|Err)' "$1" | tail -n 3 | paste -sd ' ' | sed 's/\.*$//'). $remedy."
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

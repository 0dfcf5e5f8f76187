#!/usr/bin/env bash
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# install-kernel.sh [--check]: kernels/debian-<version>/ of a working directory out of the package user-mode-linux.
#
# Reads WORKDIR, CACHE, SUITE (or "host"), MIRROR, UPDATE and MAKE_DEFAULT from the environment; prints what it changes.
# Everything is put together in a dot directory beside its place and renamed, so that there never is half a kernel.

set -euo pipefail

KERNELS=$WORKDIR/kernels
DEBS=$CACHE/kernel-$SUITE
CHECK=${1-}

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# info FILE KEY: a value of an info.json, which holds one pair a line.
info() {
    sed -n "s/^ *\"$2\": \"\(.*\)\",\{0,1\}$/\1/p" "$1" 2>/dev/null
}

# of_suite: the directory of the newest kernel that came from the suite, if there is one.
of_suite() {
    local file
    for file in "$KERNELS"/*/info.json; do
        if [ ! -L "${file%/*}" ] && [ "$(info "$file" suite)" = "$SUITE" ]; then
            printf '%s\n' "${file%/*}"
        fi
    done | sort -V | tail -n 1
}

# is_current DIRECTORY: nothing newer is known, or wanted.
is_current() {
    [ -n "$1" ] && [ -x "$1/linux" ] || return 1
    if [ "$SUITE" = host ]; then
        [ "$(info "$1/info.json" package_version)" = "$(dpkg-query -W -f '${Version}' user-mode-linux)" ]
    else
        [ -z "$UPDATE" ]
    fi
}

mirror() {
    local found=$MIRROR
    [ -n "$found" ] || found=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 ~ "^https?:" && $2 !~ "security" { print $2; exit }' || true)
    printf '%s\n' "${found:-http://deb.debian.org/debian}"
}

# fetch: the suite's three packages into DEBS, complete or not at all. Nothing of the system's apt is touched.
fetch() {
    local apt=$SCRATCH/apt debs=$DEBS.new keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -e "$keyring" ] || die "$keyring is missing; install the package debian-archive-keyring."
    rm -rf "$debs"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$debs"
    : >"$apt/status"
    printf '%s\n' "Types: deb" "URIs: $(mirror)" "Suites: $SUITE" "Components: main" "Signed-By: $keyring" >"$apt/lab.sources"
    printf '%s\n' "Dir::Etc::sourcelist \"$apt/lab.sources\";" 'Dir::Etc::sourceparts "-";' \
        "Dir::State::lists \"$apt/lists\";" "Dir::State::status \"$apt/status\";" "Dir::Cache \"$apt/cache\";" \
        'Acquire::Languages "none";' 'APT::Sandbox::User "root";' 'APT::Update::Error-Mode "any";' >"$apt/apt.conf"
    if ! { APT_CONFIG=$apt/apt.conf apt-get -qq update &&
        (cd "$debs" && APT_CONFIG=$apt/apt.conf apt-get -qq download user-mode-linux libc6 libgcc-s1); } \
        >"$SCRATCH/apt.log" 2>&1; then
        tail -n 5 "$SCRATCH/apt.log" >&2
        die "user-mode-linux of Debian $SUITE could not be fetched from $(mirror); is kernel_suite right, and the mirror reachable?"
    fi
    rm -rf "$DEBS"
    mv "$debs" "$DEBS"
}

# unpack_suite: linux, modules, config and the C library of its suite, which the host's own may be too old for.
unpack_suite() {
    local root=$SCRATCH/root deb library
    for deb in "$DEBS"/*.deb; do
        if ! dpkg-deb -x "$deb" "$root" 2>"$SCRATCH/dpkg.log"; then
            tail -n 3 "$SCRATCH/dpkg.log" >&2 || true
            dpkg-deb --fsys-tarfile "$deb" >/dev/null 2>&1 ||
                { rm -rf "$DEBS" && die "$deb was damaged and has been removed; run this again."; }
            die "$deb could not be unpacked into $KERNELS; is the disk full?"
        fi
    done
    PACKAGE_VERSION=$(dpkg-deb -f "$DEBS"/user-mode-linux_*.deb Version)
    RELEASE=$(ls "$root/usr/lib/uml/modules")
    mkdir -p "$NEW/lib" "$NEW/modules/usr/lib/modules"
    mv "$root/usr/bin/linux.uml" "$NEW/linux"
    mv "$root/usr/lib/uml/modules/$RELEASE" "$NEW/modules/usr/lib/modules/"
    zcat -f "$root"/usr/share/doc/user-mode-linux/config* >"$NEW/config"
    for library in libc.so.6 libgcc_s.so.1 'ld-linux*.so.*'; do
        find "$root" -type f -name "$library" -exec cp -p {} "$NEW/lib/" \;
    done
    [ "$(find "$NEW/lib" -type f | wc -l)" -eq 3 ] || die "the C library in $DEBS is not laid out as expected."
}

# copy_host: the same out of the package that is installed; it runs with the host's own C library.
copy_host() {
    PACKAGE_VERSION=$(dpkg-query -W -f '${Version}' user-mode-linux)
    RELEASE=$(linux.uml --version)
    mkdir -p "$NEW/modules/usr/lib/modules"
    cp -a --reflink=auto /usr/bin/linux.uml "$NEW/linux"
    cp -a --reflink=auto "/usr/lib/uml/modules/$RELEASE" "$NEW/modules/usr/lib/modules/"
    linux.uml --showconfig >"$NEW/config"
}

# in_use DIRECTORY: whether a process runs the kernel in it, also one that sees it under another path.
in_use() {
    local kernel exe
    kernel=$(stat -c %d:%i "$1/linux" 2>/dev/null) || return 1
    for exe in /proc/[0-9]*/exe; do
        [ "$(stat -L -c %d:%i "$exe" 2>/dev/null)" != "$kernel" ] || return 0
    done
    return 1
}

# place: the new directory under its name; guests that run the old one of that name keep it until they have ended.
place() {
    local directory=$KERNELS/debian-$RELEASE
    printf '{\n  "package_version": "%s",\n  "release": "%s",\n  "sha256": "%s",\n  "suite": "%s"\n}\n' \
        "$PACKAGE_VERSION" "$RELEASE" "$(sha256sum "$NEW/linux" | cut -d ' ' -f 1)" "$SUITE" >"$NEW/info.json"
    KERNEL=$directory
    if cmp -s "$NEW/info.json" "$directory/info.json"; then return; fi
    chmod 0755 "$NEW"
    [ ! -e "$directory" ] || mv "$directory" "$KERNELS/.old-$$"
    mv "$NEW" "$directory"
    echo "kernels/debian-$RELEASE: user-mode-linux $PACKAGE_VERSION of $SUITE"
}

# point_default: kernels/default, where it names nothing or shall name this one.
point_default() {
    local name=${KERNEL##*/} link=$KERNELS/default
    [ "$(readlink "$link")" != "$name" ] || return 0
    [ -n "$MAKE_DEFAULT" ] || [ ! -e "$link" ] || return 0
    echo "kernels/default -> $name"
    [ -z "$CHECK" ] || return 0
    ln -sfn "$name" "$KERNELS/.default-$$"
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

# leave_current: end here if there is nothing to do.
leave_current() {
    KERNEL=$(of_suite)
    if is_current "$KERNEL"; then
        point_default
        exit 0
    fi
}

leave_current
if [ -n "$CHECK" ]; then
    echo "user-mode-linux of $SUITE"
    exit 0
fi

umask 022
[ -d "$WORKDIR" ] || mkdir -m 0700 -p "$WORKDIR"
mkdir -p "$KERNELS" "$CACHE"
for lock in "$CACHE" "$KERNELS"; do
    exec {descriptor}<"$lock"
    flock -w 900 "$descriptor" || die "another run has been working on $lock for 15 minutes; end it and try again."
done
leave_current # what the other run may have done meanwhile
clear_left_over
NEW=$KERNELS/.new-$$ SCRATCH=$KERNELS/.new-$$-scratch
trap 'rm -rf "$NEW" "$SCRATCH" "$DEBS.new"' EXIT
mkdir -p "$NEW" "$SCRATCH"

if [ "$SUITE" = host ]; then
    copy_host
else
    if [ -n "$UPDATE" ] || ! ls "$DEBS"/user-mode-linux_*.deb >/dev/null 2>&1; then fetch; fi
    unpack_suite
fi
place
point_default
clear_left_over

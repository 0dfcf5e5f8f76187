#!/usr/bin/env bash
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# make-packages.sh look: prints absent, outdated or current.
# make-packages.sh make [--check]: layers/<name>/ of a working directory, a repository of packages and apt's configuration for it.
#
# The host's apt fetches what a master lacks, as the master's own would: with its sources, its keys and its list of what is installed.
# All is made in a directory beside and renamed into its place, so a run may end anywhere.  What is wanted comes in the environment,
# from vars/main.yml.

set -euo pipefail

LAYERS=$WORKDIR/layers
LAYER=$LAYERS/$NAME
ROOT=$(readlink -m "$WORKDIR/masters/$MASTER")
# In the guest.
REPOSITORY=/srv/packages
BUILD=$LAYERS/.$NAME.new

die() {
    printf '%s\n' "packages $NAME: $*" >&2
    exit 1
}

# key: of all that decides what is in the layer.
key() {
    { printf '%s\n' 1 "$PACKAGES" "$REVISION"; cat "$ROOT/var/lib/dpkg/status" "$ROOT/etc/apt/sources.list"; } | sha256sum | cut -c -64
}

look() {
    [ -e "$ROOT/var/lib/dpkg/status" ] || die "master $MASTER is not there, or none of Debian's; role dumm.lab.master makes one."
    if [ ! -e "$LAYER" ]; then
        printf absent
    elif [ "$(cat "$LAYERS/.$NAME.key" 2>/dev/null)" = "$(key)" ]; then
        printf current
    else
        printf outdated
    fi
}

fetch() {
    local apt=(
        apt-get -qq -y
        -o Dir::State="$BUILD/state" -o Dir::State::status="$BUILD/state/status" -o Dir::Cache="$BUILD/cache"
        -o Dir::Etc::sourcelist="$ROOT/etc/apt/sources.list" -o Dir::Etc::sourceparts="$ROOT/etc/apt/sources.list.d"
        -o Dir::Etc::trusted=/dev/null -o Dir::Etc::trustedparts="$ROOT/etc/apt/trusted.gpg.d"
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
        -o APT::Sandbox::User=root -o APT::Install-Recommends=false
    )
    mkdir -p "$BUILD"/state/lists/partial "$BUILD"/cache/archives/partial
    cp "$ROOT/var/lib/dpkg/status" "$BUILD/state/status"
    "${apt[@]}" update >&2 || die "apt cannot reach the sources of master $MASTER ($ROOT/etc/apt/sources.list); its message is above."
    # shellcheck disable=SC2086 # one word for each package
    "${apt[@]}" --download-only install $PACKAGES >&2 || die "apt cannot fetch $PACKAGES; its message is above."
}

# index: what apt has to know of each package (deb-control(5), and where the file is).
index() {
    local deb
    for deb in *.deb; do
        dpkg-deb --field "$deb"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -c -64)"
    done
}

make() {
    if [ -n "${1-}" ]; then exit; fi
    umask 022
    mkdir -p "$LAYERS"
    exec 9<"$LAYERS"
    flock 9
    rm -rf "$BUILD"
    fetch
    local new=$BUILD/layer
    mkdir -p "$new$REPOSITORY" "$new/etc/apt" "$new/var/lib/apt/lists/partial"
    find "$BUILD/cache/archives" -maxdepth 1 -name '*.deb' -exec mv -t "$new$REPOSITORY" {} +
    cd "$new$REPOSITORY"
    shopt -s nullglob
    index >Packages
    echo "deb [trusted=yes] file:$REPOSITORY ./" >"$new/etc/apt/sources.list"
    # What "apt-get update" in the guest would bring, so that nobody has to run it.
    cp Packages "$new/var/lib/apt/lists/${REPOSITORY//\//_}_._Packages"
    rm -rf "$LAYER"
    mv -T "$new" "$LAYER"
    key >"$LAYERS/.$NAME.key"
    rm -rf "$BUILD"
}

"$@"

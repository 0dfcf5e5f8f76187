# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# layers/<name>/ of a working directory, a repository of packages and apt's configuration for it; runs after host/files/locks.sh.
#
# "look" prints absent, outdated or current; "make" makes it; "await" waits for another run.
#
# The host's apt fetches what a master lacks, as the master's own would: with its sources, its keys and its list of what is installed.
# All is made in a directory beside and renamed into its place, so a run may end anywhere.  What is wanted comes in the environment,
# from vars/main.yml.

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
    local log=$BUILD/log apt=(
        apt-get -q -y
        -o Dir::State="$BUILD/state" -o Dir::State::status="$BUILD/state/status" -o Dir::Cache="$BUILD/cache"
        -o Dir::Etc::sourcelist="$ROOT/etc/apt/sources.list" -o Dir::Etc::sourceparts="$ROOT/etc/apt/sources.list.d"
        -o Dir::Etc::trusted=/dev/null -o Dir::Etc::trustedparts="$ROOT/etc/apt/trusted.gpg.d"
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
        -o APT::Sandbox::User=root -o APT::Install-Recommends=false
    )
    mkdir -p "$BUILD"/state/lists/partial "$BUILD"/cache/archives/partial
    cp "$ROOT/var/lib/dpkg/status" "$BUILD/state/status"
    "${apt[@]}" update >"$log" 2>&1 ||
        die "apt cannot use the sources of master $MASTER ($ROOT/etc/apt/sources.list): $(apt_words "$log")"
    # shellcheck disable=SC2086 # one word for each package
    "${apt[@]}" --download-only install $PACKAGES >"$log" 2>&1 || die "apt cannot fetch $PACKAGES: $(apt_words "$log")
$(remedy "$log")"
}

# apt_words LOG: what apt complains about; -qq would leave out which packages conflict.
apt_words() {
    sed -n '/^The following packages have unmet dependencies/,$p' "$1" | grep . || grep -E '^(E|W|Err)' "$1" || tail -n 3 "$1"
}

remedy() {
    if grep -q '^The following packages have unmet dependencies' "$1"; then
        echo "Packages that conflict cannot be in one layer: make a layer for each set, with a packages_name and a packages_list of its own."
    else
        echo "Check packages_list, and whether this host reaches the sources of master $MASTER."
    fi
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
    if [ -n "${CHECK-}" ]; then
        echo "layers/$NAME"
        exit 0
    fi
    mkdir -p "$LAYERS"
    # For earlier versions, which lock this alone.
    lock "$LAYERS" --shared
    lock "$LAYERS/.$NAME.lock" "layer $NAME"
    if [ "$(look)" = current ]; then return; fi # another run was faster
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
    echo "layers/$NAME"
}

# What is left of the standard input is this script.
"$@" </dev/null

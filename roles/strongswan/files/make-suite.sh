# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# strongswan/ of a working directory, which is strongSwan's test suite with keys and certificates, and the layers of its eight guests;
# runs after host/files/locks.sh and baseline.sh, up to and with the step that is the argument.  It prints what it did.
#
# A finished step is not done again, and all is made beside its place and renamed, so a run may end anywhere.  The suite's own
# scripts make keys and certificates with the master's programs, in a chroot without privileges and without a network.
#
# In the environment, from vars/main.yml:
#
#   WORKDIR CACHE MASTER   the working directory, the cache, the master's name
#   SUITE VERSION SHA256   Debian's suite, strongSwan's version, and the sum of its source where that is known
#   MIRROR                 of Debian; empty for the one of this host's apt
#   CERTIFICATES CHECK     not empty to have certificates, and in check mode
#   KEY BASELINE           what the suite and the layers are made from
#   NOBODY                 the user without rights
#   RUN                    a word that the steps of a run have in common

ROOT=$(readlink -m "$WORKDIR/masters/$MASTER")
TARBALL=$CACHE/strongswan-source/strongswan_$VERSION.orig.tar.bz2
PACKED=$CACHE/strongswan-$KEY.tar.zst
PLACE=$WORKDIR/strongswan
LAYERS=$WORKDIR/layers
BUILD=$CACHE/strongswan-build-${KEY:0:16}

# Revocation lists are valid for 15 days.
LISTS_DAYS=7

die() {
    printf '%s\n' "strongswan: $*" >&2
    exit 1
}

# --- what is there ---

# state FILE KEY: of what was made from a key, which is noted in the file.
state() {
    if [ ! -e "$1" ]; then
        echo absent
    elif [ "$(cat "$1")" = "$2" ]; then
        echo current
    else
        echo outdated
    fi
}

suite() {
    state "$PLACE/key" "$KEY"
}

layers() {
    local found
    found=$(state "$LAYERS/.swan.key" "$KEY $BASELINE")
    # In the second of two runs at a time the suite may be gone, and is made before.
    if [ "$found" = current ] && lists_are_old; then found=outdated; fi
    echo "$found"
}

lists_are_old() {
    [ -n "$CERTIFICATES" ] && [ -z "$(find "$LAYERS/swan-winnetou/var/www/strongswan.crl" -mtime "-$LISTS_DAYS" 2>/dev/null)" ]
}

look() {
    local packed=false
    if [ -e "$PACKED" ]; then packed=true; fi
    printf '{"suite": "%s", "layers": "%s", "packed": %s, "run": "%s"}\n' \
        "$(suite)" "$(layers)" "$packed" "$(cat /proc/sys/kernel/random/uuid)"
}

# --- the source ---

mirror() {
    local found=$MIRROR
    [ -n "$found" ] || found=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 ~ "^https?:" && $2 !~ "security" { print $2; exit }' || true)
    printf '%s\n' "${found:-http://deb.debian.org/debian}"
}

# apt SCRATCH COMMAND...: of the apt family, which knows the sources of this suite and nothing else; nothing of the system's is touched.
apt() {
    local scratch=$1
    shift
    "$1" -o Dir::Etc::sourcelist="$scratch/lab.sources" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$scratch/lists" \
        -o Dir::Cache="$scratch/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any "${@:2}"
}

fetch() {
    local scratch=$TARBALL.new keyring=/usr/share/keyrings/debian-archive-keyring.gpg log
    log=$scratch/log
    LITTER+=("$scratch")
    [ -e "$keyring" ] || die "$keyring is missing. Install the package debian-archive-keyring."
    rm -rf "$scratch"
    mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial"
    printf '%s\n' "Types: deb-src" "URIs: $(mirror)" "Suites: $SUITE" "Components: main" "Signed-By: $keyring" >"$scratch/lab.sources"
    apt "$scratch" apt-get -q update >"$log" 2>&1 ||
        die "Debian $SUITE cannot be used at $(mirror): $(apt_words "$log") Check strongswan_suite and strongswan_mirror."
    (cd "$scratch" && apt "$scratch" apt-get -q source --download-only --tar-only "strongswan=$(revision "$scratch")") >"$log" 2>&1 ||
        die "the source of strongSwan $VERSION cannot be fetched from Debian $SUITE at $(mirror): $(apt_words "$log")"
    verify "$scratch/${TARBALL##*/}"
    mv "$scratch/${TARBALL##*/}" "$TARBALL"
}

# revision SCRATCH: Debian's newest of the version; all have the same source.
revision() {
    local offered found
    offered=$(apt "$1" apt-cache showsrc --only-source strongswan 2>/dev/null | sed -n 's/^Version: //p' | sort -V)
    found=$(grep "^$VERSION-" <<<"$offered" | tail -n 1 || true)
    [ -n "$found" ] || die "Debian $SUITE has no strongSwan $VERSION but ${offered//$'\n'/, }. Give strongswan_version."
    printf '%s\n' "$found"
}

apt_words() {
    grep -E '^(E|W|Err)' "$1" | tail -n 3 | paste -sd ' ' || tail -n 1 "$1"
}

# verify FILE: apt has checked the signature of what it fetched; this is for what we know, and for what lay in the cache.
verify() {
    local found
    [ -n "$SHA256" ] || return 0
    found=$(sha256sum "$1" | cut -d ' ' -f 1)
    if [ "$found" != "$SHA256" ]; then
        rm -f "$1"
        die "${1##*/} had the SHA-256 $found instead of $SHA256 and has been removed. Run this again."
    fi
}

# --- keys and certificates ---

# in_master WHAT DIRECTORY COMMAND...: with the master's programs; the directory is /mnt, and nothing else can be written.
in_master() {
    local what=$1 log=$BUILD/log
    shift
    # shellcheck disable=SC2016 # for the inner shell
    unshare --net --mount --propagation private --pid --fork --kill-child sh -ec '
        root=$1 there=$2
        shift 2
        mount --bind "$root" "$root"
        mount -o remount,bind,ro,dev "$root"
        mount -t tmpfs tmpfs "$root/dev"
        for device in null random urandom zero; do : >"$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
        mount -t proc proc "$root/proc"
        mount -t tmpfs tmpfs "$root/tmp"
        mount --bind "$there" "$root/mnt"
        exec chroot "$root" setpriv --reuid="$NOBODY" --regid="$NOBODY" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
            env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/mnt LC_ALL=C.UTF-8 nice "$@"
    ' sh "$ROOT" "$@" >"$log" 2>&1 </dev/null || { tail -n 8 "$log" >&2 && die "$what failed. The end of its log is above."; }
}

unpack() {
    rm -rf "$BUILD"
    mkdir -p "$BUILD"
    if ! tar --extract --bzip2 --file "$TARBALL" --directory "$BUILD" --strip-components 1 --no-same-owner "strongswan-$VERSION/testing"; then
        rm -f "$TARBALL"
        die "$TARBALL was damaged and has been removed. Run this again."
    fi
}

certify() {
    local testing=$BUILD/testing
    [ -n "$CERTIFICATES" ] || return 0
    # Debian's strongSwan has neither BLISS nor SHA-3, so some commands fail. The script would end at the first.
    # OpenSSL 3 writes keys in another format than the suite's plugin lists read.
    sed -i 's/^set -o errexit$//; s/^\( *openssl rsa\) /\1 -traditional /' "$testing/scripts/build-certs-chroot"
    chown -R "$NOBODY:$NOBODY" "$testing"
    in_master "making keys and certificates" "$testing" sh -c 'bash /mnt/scripts/build-certs-chroot || true'
    find "$testing" -type f -size 0 -name '*.pem' -delete
    [ -s "$testing/hosts/moon/etc/swanctl/rsa/moonKey.pem" ] || die "the suite's script made no certificates. See $BUILD/log."
    chown -R root:root "$testing"
}

pack() {
    local new=$CACHE/.strongswan-$KEY.new
    LITTER+=("$new" "$BUILD")
    tar --create --directory "$BUILD" --numeric-owner --owner=0 --group=0 --sort=name testing | zstd -q -T0 >"$new" ||
        die "packing it into $CACHE failed. Check whether the disk is full."
    mv "$new" "$PACKED"
}

# --- what the working directory has ---

place() {
    local new=$PLACE.new
    rm -rf "$new"
    mkdir -p "$new"
    if ! zstd -dcq "$PACKED" | tar --extract --directory "$new" --numeric-owner; then
        zstd -tq "$PACKED" 2>/dev/null || { rm -f "$PACKED" && die "$PACKED was damaged and has been removed. Run this again."; }
        die "unpacking it into $WORKDIR failed. Check whether the disk is full."
    fi
    printf '%s\n' "$KEY" >"$new/key"
    rm -rf "$PLACE"
    mv -T "$new" "$PLACE"
}

make_layers() {
    local new=$LAYERS/.swan.new name
    rm -rf "$new"
    mkdir -p "$new"
    baseline "$PLACE/testing" "$new"
    if [ -n "$CERTIFICATES" ]; then serve_lists "$PLACE/testing" "$new/swan-winnetou"; fi
    rm -f "$LAYERS/.swan.key"
    for name in "$new"/swan-*; do
        rm -rf "$LAYERS/${name##*/}"
        mv -T "$name" "$LAYERS/${name##*/}"
    done
    rm -rf "$new"
    printf '%s\n' "$KEY $BASELINE" >"$LAYERS/.swan.key"
}

# serve_lists TESTING LAYER: what winnetou offers over HTTP, LDAP and DNS: revocation lists, certificates by their hashes, and signed zones.
serve_lists() {
    local work=$LAYERS/.swan.lists
    LITTER+=("$work")
    BUILD=$work
    rm -rf "$work"
    mkdir -p "$work/mnt/ldap" "$work/mnt/www/certs/research" "$work/mnt/www/certs/sales"
    cp -a "$1/hosts/winnetou/etc/ca" "$1/hosts/winnetou/etc/bind" "$2/etc/ldap" "$work/mnt/"
    chown -R "$NOBODY:$NOBODY" "$work/mnt"
    sed -i 's,/etc/ca,/mnt/ca,; s,/var/www,/mnt/www,' "$work/mnt/ca/generate-crl"
    sed -i 's,/etc/ca/,/mnt/ca/,' "$work"/mnt/bind/db.*
    sed 's,/var/www,/mnt/www,' "$2/etc/ldap/ldif.txt" >"$work/mnt/ldif.txt"
    sed 's,/var/lib/ldap,/mnt/ldap,; /file$/d' "$2/etc/ldap/slapd.conf" >"$work/mnt/slapd.conf"
    in_master "making revocation lists" "$work/mnt" sh -c 'bash /mnt/ca/generate-crl || true'
    [ -s "$work/mnt/www/strongswan.crl" ] || die "the suite's script made no revocation lists."
    mkdir -p "$2/var/lib/ldap"
    cp -r "$work/mnt/www" "$2/var/"
    if [ -e "$ROOT/usr/sbin/slapadd" ]; then
        in_master "filling the directory" "$work/mnt" slapadd -l /mnt/ldif.txt -f /mnt/slapd.conf
        cp "$work"/mnt/ldap/*.mdb "$2/var/lib/ldap/"
        chown -R --reference="$ROOT/var/lib/ldap" "$2/var/lib/ldap"
    fi
    if [ -e "$ROOT/usr/bin/dnssec-signzone" ]; then
        local zone
        for zone in strongswan.org org root; do
            in_master "signing zone $zone" "$work/mnt" dnssec-signzone -e +31536000 -K /mnt/bind -d /mnt/bind \
                -o "$([ $zone = root ] && echo . || echo $zone.)" "/mnt/bind/db.$zone"
        done
        cp "$work"/mnt/bind/*.signed "$2/etc/bind/"
    fi
    touch "$2/var/www/strongswan.crl"
}

# --- the steps ---

lock_all() {
    local what="the test suite of strongSwan $VERSION (key ${KEY:0:16})"
    [ -d "$WORKDIR" ] || mkdir -m 0700 -p "$WORKDIR"
    mkdir -p "$CACHE/.locks" "$LAYERS" "${TARBALL%/*}"
    lock "$CACHE/.locks/strongswan-source-$VERSION" "the source of strongSwan $VERSION"
    lock "$CACHE/.locks/strongswan-$KEY" "$what"
    lock "$LAYERS/.swan.lock" "$what"
}

# do_step STEP: unless another run has done it meanwhile.
do_step() {
    case $1 in
        fetch)
            [ ! -e "$PACKED" ] && [ ! -e "$TARBALL" ] || return 0
            fetch
            echo "$TARBALL"
            ;;
        certify)
            [ ! -e "$PACKED" ] || return 0
            verify "$TARBALL"
            unpack
            certify
            pack
            echo "$PACKED"
            ;;
        place)
            [ "$(suite)" != current ] || return 0
            place
            echo "strongswan"
            ;;
        layers)
            [ "$(layers)" != current ] || return 0
            make_layers
            echo "layers/swan-default"
            ;;
        *) die "there is no step $1" ;;
    esac
}

main() {
    case $1 in
        look) look ;;
        await) "$@" ;;
        claim)
            lock_all
            keep_locks
            ;;
        *)
            if [ -n "$CHECK" ]; then
                echo "strongswan"
                exit 0
            fi
            # Its run has the locks, unless it paused for too long.
            PATIENCE=$LIMIT
            lock_all
            [ "$1" = layers ] || keep_locks
            do_step "$1"
            ;;
    esac
}

# What is left of the standard input is this script.
main "$@" </dev/null

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# masters/<name>/ of a working directory, up to and with the step that is the argument; runs after host/files/locks.sh.
#
# It prints what it did.  A finished step is not done again; one that was broken off starts over from the packages that were
# fetched.  So a run may end anywhere, and several may build the same master.  Everything is made in dot directories and renamed
# into its place.  What is wanted comes in the environment, from vars/main.yml; "look" and "default" need only WORKDIR, CACHE and
# NAME.  CHECK is not empty in check mode.

MASTERS=$WORKDIR/masters
KEY=${KEY-}
CHECK=${CHECK-}
PACKED=$CACHE/master-$KEY.tar.zst
BUILD=$MASTERS/.$NAME.new-${KEY:0:16}
ROOT=$BUILD/root
LOG=$BUILD/log
STEPS=(fetch unpack configure finish)

# debootstrap has variables of the same names.
export -n WORKDIR CACHE NAME KEY INFO SUITE SCRIPT MIRROR VARIANT COMPONENTS PACKAGES HOOKS

die() {
    printf '%s\n' "master $NAME: $*" >&2
    exit 1
}

# --- what is there ---

# key: what the master in place was made from.
key() {
    [ ! -d "$MASTERS/$NAME" ] || sed -n 's/^ *"key": "\([0-9a-f]*\)".*/\1/p' "$MASTERS/.$NAME.json" 2>/dev/null || true
}

look() {
    local debootstrap there=false default=
    debootstrap=$(dpkg-query -W -f '${Version}' debootstrap 2>/dev/null) ||
        die "debootstrap is missing; role dumm.lab.host installs it."
    if [ -e "$MASTERS/$NAME" ]; then there=true; fi
    if [ -e "$MASTERS/default" ]; then default=$(readlink "$MASTERS/default"); fi
    printf '{"architecture": "%s", "debootstrap": "%s", "there": %s, "key": "%s", "default": "%s", "run": "%s"}\n' \
        "$(dpkg --print-architecture)" "$debootstrap" "$there" "$(key)" "$default" "$(cat /proc/sys/kernel/random/uuid)"
}

default() {
    echo "masters/default -> $NAME"
    [ -z "$CHECK" ] || return 0
    ln -sfn "$NAME" "$MASTERS/.default-$$"
    mv -T "$MASTERS/.default-$$" "$MASTERS/default"
}

# --- debootstrap ---

# quietly WHAT COMMAND...: its output goes to the log, whose end is shown if it fails, with the REMEDY if there is one.  It has namespaces
# of its own, so that what it mounts or leaves running ends with it.
quietly() {
    local what=$1
    shift
    if ! unshare --mount --propagation private --pid --fork --kill-child "$@" >>"$LOG" 2>&1 </dev/null; then
        tail -qn 8 "$LOG" "$ROOT/debootstrap/debootstrap.log" >&2 2>/dev/null || true
        die "$what failed; the end of its log is above. ${REMEDY-}"
    fi
}

script_file() {
    local file=/usr/share/debootstrap/scripts/${SCRIPT:-$SUITE}
    [ -e "$file" ] || die "the debootstrap of this host knows no suite ${SCRIPT:-$SUITE};" \
        "for one that is newer, let master_script be sid (Debian) or gutsy (Ubuntu)."
    printf '%s\n' "$file"
}

# keyrings SCRIPT: those that debootstrap's script names in its branches and that are there.
keyrings() {
    local keyring named found=
    named=$(sed -n 's/^[[:space:]]*keyring[[:space:]]\{1,\}\([^[:space:]]*\).*/\1/p' "$1" | paste -sd ' ')
    for keyring in $named; do
        [ ! -e "$keyring" ] || found="$found $keyring"
    done
    [ -n "$found" ] || die "suite $SUITE cannot be verified without ${named:-a keyring, and $1 names none};" \
        "install the package debian-archive-keyring or ubuntu-keyring."
    printf '%s\n' "$found"
}

# distribution KEYRING...: whose they are.
distribution() {
    case $1 in
        *ubuntu*) echo Ubuntu ;;
        *) echo Debian ;;
    esac
}

# mirror DISTRIBUTION: as asked for, else as the host's apt has it.
mirror() {
    local found=$MIRROR
    [ -n "$found" ] || found=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v origin="$1" '$1 == origin && $2 ~ "^https?:" && $2 !~ "security" { print $2; exit }' || true)
    [ -n "$found" ] || [ "$1" != Debian ] || found=http://deb.debian.org/debian
    [ -n "$found" ] || die "this host knows no mirror of $1; give master_mirror."
    printf '%s\n' "$found"
}

# bootstrap WHAT OPTION: debootstrap's first half; all it fetches stays in BUILD/debs.
bootstrap() {
    local what=$1 script found keyrings verify=(--force-check-gpg) mirror proxy
    script=$(script_file)
    found=$(keyrings "$script")
    read -ra keyrings <<<"$found"
    mirror=$(mirror "$(distribution "${keyrings[@]}")")
    # debootstrap does not ask apt for its proxy.
    proxy=$(apt-config --format '%v' dump Acquire::http::Proxy 2>/dev/null || true)
    [ -z "$proxy" ] || export http_proxy="$proxy"
    mkdir -p "$BUILD/debs"
    # Without a keyring debootstrap would go on, and verify nothing.  Of several its script picks one, of Ubuntu's after a look at the
    # Internet; Debian's package ubuntu-keyring has one only.
    [ "${#keyrings[@]}" -ne 1 ] || verify+=(--keyring="${keyrings[0]}")
    quietly "$what" debootstrap "$2" "${verify[@]}" --variant="$VARIANT" --components="$COMPONENTS" ${PACKAGES:+--include="$PACKAGES"} \
        --cache-dir="$BUILD/debs" "$SUITE" "$ROOT" "$mirror" "$script"
}

# --- the steps; each relies on the one before it ---

fetch() {
    rm -rf "$ROOT"
    REMEDY="Check master_suite, master_packages and master_mirror, and whether this host reaches that mirror."
    bootstrap "fetching the packages" --download-only
}

unpack() {
    bootstrap "unpacking the packages" --foreign
}

configure() {
    # Whatever a crash might spoil here is thrown away anyway, so dpkg need not wait for the disk.
    echo force-unsafe-io >"$ROOT/etc/dpkg/dpkg.cfg.d/dumm-build"
    quietly "configuring the packages" chroot "$ROOT" /debootstrap/debootstrap --second-stage
}

finish() {
    local hook number=0
    printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"
    chmod 0755 "$ROOT/usr/sbin/policy-rc.d"
    for hook in $HOOKS; do
        number=$((number + 1))
        # shellcheck disable=SC2016 # for the inner shell
        quietly "hook $number" env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -ec 'mount -t proc proc "$1/proc"; exec chroot "$1" sh -ec "$2"' \
            hook "$ROOT" "$(base64 -d <<<"$hook")"
    done
    rm -f "$ROOT/etc/dpkg/dpkg.cfg.d/dumm-build" "$ROOT/usr/sbin/policy-rc.d" "$ROOT/etc/hostname" "$ROOT/etc/resolv.conf"
    : >"$ROOT/etc/machine-id"
    rm -f "$ROOT/var/lib/dbus/machine-id"
    rm -rf "$ROOT"/var/cache/apt/* "$ROOT"/var/lib/apt/lists/* "$ROOT"/var/log/{apt,*.log} "$ROOT"/var/cache/ldconfig/*
    mkdir -p "$ROOT/var/cache/apt/archives/partial" "$ROOT/var/lib/apt/lists/partial"
}

# finished: the last step that is done; none while a step is under way.
finished() {
    cat "$BUILD/finished" 2>/dev/null || true
}

index() {
    local number
    for number in "${!STEPS[@]}"; do
        if [ "${STEPS[number]}" = "$1" ]; then
            echo "$number"
            return
        fi
    done
    echo -1
}

# upto STEP: do it, and the steps before it that are not done; print these.
upto() {
    local number wanted
    wanted=$(index "$1")
    for ((number = $(index "$(finished)") + 1; number <= wanted; number++)); do
        rm -f "$BUILD/finished"
        "${STEPS[number]}"
        printf '%s\n' "${STEPS[number]}" >"$BUILD/finished.new"
        mv "$BUILD/finished.new" "$BUILD/finished"
        echo "${STEPS[number]}"
    done
}

pack() {
    local new=$CACHE/.master-$KEY.new
    if ! tar --create --directory "$ROOT" --numeric-owner --xattrs --xattrs-include='*' --sort=name . | zstd -q -T0 >"$new"; then
        rm -f "$new"
        die "packing it into $CACHE failed; is the disk full?"
    fi
    mv "$new" "$PACKED"
    echo "$PACKED"
}

place() {
    local tree=$BUILD/tree
    rm -rf "$tree"
    mkdir -p "$tree"
    if ! zstd -dcq "$PACKED" 2>"$LOG" |
        tar --extract --directory "$tree" --numeric-owner --xattrs --xattrs-include='*' --preserve-permissions 2>>"$LOG"; then
        tail -n 3 "$LOG" >&2 || true
        rm -rf "$tree"
        zstd -tq "$PACKED" 2>/dev/null || { rm -f "$PACKED" && die "$PACKED was damaged and has been removed; run this again."; }
        die "unpacking it into $MASTERS failed; is the disk full?"
    fi
    # The note goes first and comes last, so that it never speaks of another tree than the one in place.
    rm -f "$MASTERS/.$NAME.json"
    [ ! -e "$MASTERS/$NAME" ] || mv -T "$MASTERS/$NAME" "$MASTERS/.$NAME.old-$$"
    mv -T "$tree" "$MASTERS/$NAME"
    printf '%s\n' "$INFO" >"$BUILD/info.json"
    mv "$BUILD/info.json" "$MASTERS/.$NAME.json"
    echo "masters/$NAME"
}

# clear_left_over: what runs before this one left behind, and at the end our own.
clear_left_over() {
    local left
    for left in "$MASTERS/.$NAME".new-* "$MASTERS/.$NAME".old-* "$MASTERS"/.default-*; do
        if [ "$left" != "${1-}" ] && [ ! -e "/proc/${left##*.default-}" ]; then rm -rf --one-file-system "$left"; fi
    done
}

# lock_all: one run at a time makes a master of this name in this working directory, and one packs this key into this cache.
lock_all() {
    local what="master $NAME (key ${KEY:0:16})"
    [ -d "$WORKDIR" ] || mkdir -m 0700 -p "$WORKDIR"
    mkdir -p "$CACHE/.locks" "$MASTERS"
    # For earlier versions, which lock these alone.
    lock "$CACHE" --shared
    lock "$MASTERS" --shared
    lock "$MASTERS/.$NAME.lock" "$what"
    lock "$CACHE/.locks/master-$KEY" "$what"
}

# build STEP: whatever is missing, and no more, of the work up to that step.
build() {
    if [ "$(key)" = "$KEY" ]; then return; fi # another run was faster
    clear_left_over "$BUILD"
    mkdir -p "$BUILD"
    if [ ! -e "$PACKED" ]; then
        case $1 in
            pack | place)
                upto finish
                pack
                ;;
            *) upto "$1" ;;
        esac
    fi
    if [ "$1" = place ]; then
        place
        clear_left_over
    fi
}

main() {
    case $1 in
        look | default) "$1" ;;
        await) "$@" ;;
        claim)
            lock_all
            keep_locks
            ;;
        fetch | unpack | configure | finish | pack | place)
            if [ -n "$CHECK" ]; then
                echo "masters/$NAME"
                exit 0
            fi
            # Its run has the locks, unless it paused for too long.
            PATIENCE=$LIMIT
            lock_all
            [ "$1" = place ] || keep_locks
            build "$1"
            ;;
        *) die "there is no step $1" ;;
    esac
}

# What is left of the standard input is this script.
main "$@" </dev/null

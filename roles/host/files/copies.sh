# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Kernels and masters of a working directory for other lab hosts, byte for byte; runs after locks.sh.
#
#   tell                  all that there are, as JSON, with keys that tell their content
#   pack KIND NAME KEY    put one into the cache, and print its archive; KIND is kernels or masters
#   place KIND NAME KEY   take it out of the cache into the working directory
#   point KIND NAME       have KIND/default name it, where it names nothing
#
# WORKDIR and CACHE come in the environment, NOTE for a master, which says what it was made from, and CHECK, not empty in check mode.

CHECK=${CHECK-}

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# packed DIRECTORY: its archive, the same for the same content.
packed() {
    tar --create --directory "$1" --sort=name --numeric-owner --xattrs --xattrs-include='*' --format=posix \
        --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' .
}

# key_of DIRECTORY NOTES: remembered for as long as nothing at the top of the directory has changed.
key_of() {
    local stamp known='' key=''
    stamp=$(stat -L -c '%d:%i:%z' "$1")
    if [ -e "$2" ]; then { read -r key && read -r known; } <"$2" || true; fi
    if [ "$known" != "$stamp" ]; then
        key=$(packed "$1/" | sha256sum | cut -d ' ' -f 1)
        printf '%s\n' "$key" "$stamp" >"$2.new-$$"
        mv "$2.new-$$" "$2"
    fi
    printf '%s\n' "$key"
}

# names KIND: of what is finished, without other names for the same.
names() {
    local path
    for path in "$WORKDIR/$1"/*; do
        if [ ! -d "$path" ]; then continue; fi
        if [ "$1" = kernels ] && [ ! -e "$path/linux" ]; then continue; fi
        if [ -L "$path" ]; then case $(readlink "$path") in */*) ;; *) continue ;; esac fi
        printf '%s\n' "${path##*/}"
    done
}

tell_kind() {
    local name between='' default=''
    [ ! -L "$WORKDIR/$1/default" ] || default=$(readlink "$WORKDIR/$1/default")
    printf '{"default": "%s", "there": {' "$default"
    while read -r name; do
        printf '%s"%s": {"key": "%s", "note": "%s"}' "$between" "$name" \
            "$(key_of "$WORKDIR/$1/$name" "$WORKDIR/$1/.$name.content")" "$(base64 -w 0 "$WORKDIR/$1/.$name.json" 2>/dev/null || true)"
        between=', '
    done < <(names "$1")
    printf '}}'
}

tell() {
    printf '{"kernels": '
    tell_kind kernels
    printf ', "masters": '
    tell_kind masters
    printf '}\n'
}

pack() {
    local archive=$CACHE/copy-$3.tar.zst new=$CACHE/.copy-$3.new
    mkdir -p "$CACHE/.locks"
    lock "$CACHE/.locks/copy-$3" "the archive of $1/$2"
    [ ! -e "$archive" ] || return 0
    LITTER+=("$new")
    # The working directory is root's alone, and so is what is in it.
    (umask 077 && packed "$WORKDIR/$1/$2/" | zstd -q -T0 >"$new") || die "packing $1/$2 into $CACHE failed; is the disk full?"
    mv "$new" "$archive"
    echo "$archive"
}

place() {
    local archive=$CACHE/copy-$3.tar.zst there=$WORKDIR/$1/$2 new=$WORKDIR/$1/.$2.copy-$$ old=$WORKDIR/$1/.$2.old-$$ found
    echo "$1/$2"
    [ -z "$CHECK" ] || return 0
    mkdir -p "$WORKDIR/$1"
    lock "$WORKDIR/$1/.$2.lock" "$1/$2 as another lab host has it"
    LITTER+=("$new" "$old")
    mkdir "$new"
    zstd -dcq "$archive" | tar --extract --directory "$new" --numeric-owner --xattrs --xattrs-include='*' --preserve-permissions ||
        die "unpacking $1/$2 into $WORKDIR failed; is the disk full?"
    found=$(packed "$new" | sha256sum | cut -d ' ' -f 1)
    [ "$found" = "$3" ] || { rm -f "$archive" && die "$archive was damaged and has been removed; run this again."; }
    # The note goes first and comes last, so that it never speaks of another tree than the one in place.
    rm -f "$WORKDIR/$1/.$2.json"
    if [ -L "$there" ]; then rm "$there"; elif [ -e "$there" ]; then mv -T "$there" "$old"; fi
    mv -T "$new" "$there"
    [ -z "${NOTE-}" ] || { base64 -d <<<"$NOTE" >"$WORKDIR/$1/.$2.json.new-$$" && mv "$WORKDIR/$1/.$2.json.new-$$" "$WORKDIR/$1/.$2.json"; }
    key_of "$there" "$WORKDIR/$1/.$2.content" >/dev/null
    rm -f "$archive"
}

point() {
    [ ! -e "$WORKDIR/$1/default" ] || return 0
    echo "$1/default -> $2"
    [ -z "$CHECK" ] || return 0
    ln -sfn "$2" "$WORKDIR/$1/.default-$$"
    mv -T "$WORKDIR/$1/.default-$$" "$WORKDIR/$1/default"
}

PATIENCE=$LIMIT
# What is left of the standard input is this script.
"$@" </dev/null

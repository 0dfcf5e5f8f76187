# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# kernels/debian-<version>/ of a working directory out of the package user-mode-linux; runs after common.sh, with "install_kernel", or "await" to
# wait for another run.
#
# Reads SUITE (or "host"), MIRROR and UPDATE from the environment too; prints what it changes.

DEBS=$CACHE/kernel-$SUITE

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

# fetch: the suite's three packages into DEBS, complete or not at all. Nothing of the system's apt is touched.
fetch() {
    local debs=$DEBS.new scratch=$DEBS.scratch
    LITTER+=("$debs" "$scratch")
    rm -rf "$debs" "$scratch"
    mkdir -p "$debs" "$scratch"
    { archive "$SUITE" "$scratch" && (cd "$debs" && apt-get -qq download user-mode-linux libc6 libgcc-s1); } >"$scratch/log" 2>&1 ||
        die "user-mode-linux of Debian $SUITE cannot be fetched from $(mirror): $(archive_fault "$scratch/log" kernel_suite)"
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

# write_info: what the new directory holds.
write_info() {
    printf '{\n  "package_version": "%s",\n  "release": "%s",\n  "sha256": "%s",\n  "suite": "%s"\n}\n' \
        "$PACKAGE_VERSION" "$RELEASE" "$(sha256sum "$NEW/linux" | cut -d ' ' -f 1)" "$SUITE" >"$NEW/info.json"
}

# leave_current: end here if there is nothing to do.
leave_current() {
    local kernel
    kernel=$(of_suite)
    if is_current "$kernel"; then
        point_default "${kernel##*/}"
        exit 0
    fi
}

install_kernel() {
    leave_current
    if [ -n "$CHECK" ]; then
        echo "user-mode-linux of $SUITE"
        exit 0
    fi

    make_directories
    lock "$CACHE" --shared
    lock "$CACHE/.locks/kernel-$SUITE" "the kernel of Debian's package ($SUITE)"
    leave_current # what the other run may have done meanwhile
    if [ "$SUITE" != host ] && { [ -n "$UPDATE" ] || ! ls "$DEBS"/user-mode-linux_*.deb >/dev/null 2>&1; }; then fetch; fi
    lock_kernels
    prepare
    if [ "$SUITE" = host ]; then copy_host; else unpack_suite; fi
    write_info
    place "debian-$RELEASE" "user-mode-linux $PACKAGE_VERSION of $SUITE"
    point_default "debian-$RELEASE"
    clear_left_over
}

# What is left of the standard input is this script.
"$@" </dev/null

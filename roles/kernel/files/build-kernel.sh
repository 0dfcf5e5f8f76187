# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# A kernel built from source, up to and with the step that is the argument; runs after common.sh. It prints what it did.
#
# A finished step is not done again, and make goes on where it was broken off, so a run may end anywhere. What comes from
# the source runs as BUILDER, in namespaces without a network that end with it. "look" needs none of the variables below.
#
#   BUILD            scratch directory: source/ and objects/ are the builder's; patches/ and fragments-.../ go into them
#   PACKAGE VERSION SUITE MIRROR     a package of Debian that holds the source, or
#   TARBALL          the source's tarball, already verified, or
#   TREE             a directory with it
#   SHA256           of the package, where it is known
#   KEY INFO NAME    what the kernel is made from, the same as JSON, and its directory's name where that is given
#   WHAT             its source, in words
#   BUILDER JOBS     the user and how many at a time
#   KEEP             not empty to leave the scratch directory

BUILD=${BUILD-}
KEY=${KEY-}
PACKED=$CACHE/kernel-$KEY.tar.zst
FRAGMENTS=$BUILD/fragments-${KEY:0:16}
LOG=$BUILD/log
MARK=$BUILD/mark
CLAIM=$CACHE/.locks/${BUILD##*/}
DEB=$CACHE/kernel-source/${PACKAGE-}_${VERSION-}.deb

# --- what is there ---

# built: name of the directory of the kernel that was made from KEY, where there is one of the wanted name.
built() {
    local file
    for file in "$KERNELS"/${NAME:-*}/info.json; do
        if [ ! -L "${file%/*}" ] && [ -x "${file%/*}/linux" ] && [ "$(info "$file" key)" = "$KEY" ]; then
            basename "${file%/*}"
        fi
    done | head -n 1
}

# compiler: all that decides which code comes out of the same source.
compiler() {
    local tool
    for tool in gcc ld; do
        if command -v "$tool" >/dev/null; then "$tool" --version | head -n 1; fi
    done | paste -sd '+'
}

# fingerprint: of a tree; names, sizes and times, because reading a gigabyte each time would take too long.
fingerprint() {
    [ -n "${TREE-}" ] || return 0
    [ -f "$TREE/arch/um/Makefile" ] || die "kernel_build_tree $TREE holds no source of a kernel (there is no arch/um in it)."
    (cd "$TREE" && find . -path ./.git -prune -o -type f -printf '%p %s %T@\n' | LC_ALL=C sort) | sha256sum | cut -d ' ' -f 1
}

# look: the host as JSON; of kernels, those that were built.
look() {
    local kernels= file key tree architecture
    architecture=$(dpkg --print-architecture)
    case $architecture in
        amd64 | i386) ;;
        *) die "User Mode Linux is for x86; this host is $architecture." ;;
    esac
    tree=$(fingerprint)
    for file in "$KERNELS"/*/info.json; do
        key=$(info "$file" key)
        if [ -n "$key" ] && [ ! -L "${file%/*}" ] && [ -x "${file%/*}/linux" ]; then
            kernels="$kernels${kernels:+, }{\"key\": \"$key\", \"name\": \"$(basename "${file%/*}")\"}"
        fi
    done
    printf '{"architecture": "%s", "jobs": "%s", "compiler": "%s", "tree": "%s", "kernels": [%s], "default": "%s", "run": "%s"}\n' \
        "$architecture" "$(nproc)" "$(compiler)" "$tree" "$kernels" \
        "$([ ! -e "$KERNELS/default" ] || readlink "$KERNELS/default")" "$(cat /proc/sys/kernel/random/uuid)"
}

# --- running what comes from elsewhere ---

# as_builder COMMAND...: without privileges, without a network, and never longer than this script.
as_builder() {
    unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc \
        setpriv --reuid="$BUILDER" --regid="$(id -g "$BUILDER")" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
        env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/nonexistent LC_ALL=C.UTF-8 KBUILD_BUILD_USER=dumm KBUILD_BUILD_HOST=lab \
        KBUILD_BUILD_VERSION=1 KBUILD_BUILD_TIMESTAMP="$(stamp)" nice "$@"
}

# stamp: a time that depends on nothing but the source, so that the same source makes the same kernel.
stamp() {
    date -u -R -r "$BUILD/source/Makefile" 2>/dev/null || true
}

# kbuild WHAT ARGUMENT...: the kernel's own make; the end of what it said is shown if it fails.
kbuild() {
    local what=$1
    shift
    as_builder make -C "$BUILD/source" O="$BUILD/objects" ARCH=um -j "$JOBS" "$@" >"$LOG" 2>&1 </dev/null ||
        failed "$what"
}

# failed WHAT: with the compiler's own words before those of make.
failed() {
    { grep -E -A 3 '(error|Error|ld: |No space left)' "$LOG" | head -n 20 || tail -n 10 "$LOG"; } >&2
    die "$1 failed; what was said is above, all of it in $LOG."
}

# --- the steps; each relies on the one before it ---

fetch() {
    [ -n "$PACKAGE" ] || return 0
    local new=$BUILD/source.deb log=$BUILD/apt.log
    # Builds with other patches have the same source.
    PATIENCE=2 lock "$CACHE/.locks/source-${PACKAGE}_$VERSION" "the source $PACKAGE $VERSION"
    LITTER+=("$BUILD/apt")
    if [ ! -e "$DEB" ]; then
        archive "$SUITE" "$BUILD" >"$log" 2>&1 ||
            die "Debian $SUITE cannot be used at $(mirror): $(archive_fault "$log" kernel_build_suite)"
        (cd "$BUILD" && apt-get -qq download "$PACKAGE=$VERSION") >"$log" 2>&1 ||
            die "$PACKAGE $VERSION could not be fetched from Debian $SUITE at $(mirror), which has:" \
                "$(offered). Give one of them as kernel_build_package and kernel_build_version."
        mv "$BUILD/$PACKAGE"_*.deb "$new"
        verify "$new"
        mkdir -p "${DEB%/*}"
        mv "$new" "$DEB"
        echo "$DEB"
    fi
    verify "$DEB"
}

# offered: the sources that the archive has, in words.
offered() {
    apt-cache search --names-only '^linux-source-[0-9.]+$' | cut -d ' ' -f 1 | xargs -r apt-cache madison |
        awk -F ' *\\| *' '$3 ~ /Packages$/ { sub(/^ */, "", $1); print $1 " " $2 }' | sort -V | paste -sd ',' | sed 's/,/, /g'
}

# verify DEB: apt has checked the signature of what it fetched; this is for what we know, and for what lay in the cache.
verify() {
    local found
    [ -n "$SHA256" ] || return 0
    found=$(sha256sum "$1" | cut -d ' ' -f 1)
    if [ "$found" != "$SHA256" ]; then
        rm -f "$1"
        die "$PACKAGE $VERSION has the SHA-256 $found instead of $SHA256 and has been removed; run this again."
    fi
}

# tarball: writes the source as a tar archive.
tarball() {
    if [ -n "$PACKAGE" ]; then
        dpkg-deb --fsys-tarfile "$DEB" | tar --extract --to-stdout --wildcards './usr/src/linux-source-*.tar.xz' | xz -dc
    else
        case $(file_magic "$TARBALL") in
            fd377a58*) xz -dc "$TARBALL" ;;
            1f8b*) gzip -dc "$TARBALL" ;;
            28b52ffd*) zstd -dcq "$TARBALL" ;;
            *) cat "$TARBALL" ;;
        esac
    fi
}

# file_magic FILE: its first bytes.
file_magic() {
    od -An -tx1 -N4 "$1" | tr -d ' \n'
}

unpack() {
    local source=$BUILD/source
    rm -rf "$source" "$BUILD/objects" "$BUILD/configured"
    install -d -o "$BUILDER" "$source" "$BUILD/objects"
    as_builder test -w "$source" ||
        die "user $BUILDER cannot get to $source; give a kernel_cache_dir that all users may enter."
    if [ -n "${TREE-}" ]; then
        tar --create --directory "$TREE" --exclude=./.git --transform='s,^\./,tree/,' .
    else
        tarball
    fi | as_builder tar --extract --directory "$source" --no-same-owner --no-same-permissions \
        --strip-components=1 --exclude='*/Documentation/*' --exclude='*/drivers/gpu/*.[ch]' 2>"$LOG" ||
        failed "unpacking the source"
    [ -f "$source/arch/um/Makefile" ] || die "what was unpacked is no source of a kernel: there is no arch/um in it."
    # Kconfig wants the file, nothing needs what is in it.
    as_builder mkdir -p "$source/Documentation"
    as_builder touch "$source/Documentation/Kconfig"
    [ -z "${TREE-}" ] || as_builder make -C "$source" ARCH=um mrproper >"$LOG" 2>&1 </dev/null || failed "cleaning the source"
    apply_patches
}

apply_patches() {
    local patch
    for patch in "$BUILD"/patches/*; do
        [ -e "$patch" ] || return 0
        as_builder patch --directory "$BUILD/source" -p1 --forward --batch --no-backup-if-mismatch <"$patch" >"$LOG" 2>&1 || {
            tail -n 10 "$LOG" >&2
            die "the patch ${patch##*/} does not apply to this source; mend it, or leave it out of kernel_patches" \
                "(one of the collection's own: out of kernel_base_patches)."
        }
    done
}

# configure: as the fragments of KEY have it, which the builder's directory may not be, if another run has had it meanwhile.
configure() {
    local fragments=("$FRAGMENTS"/*)
    if [ "$(cat "$BUILD/configured" 2>/dev/null)" = "$KEY" ]; then return; fi
    rm -f "$BUILD/configured"
    cat "${fragments[@]}" >"$BUILD/wanted"
    kbuild "configuring" KCONFIG_ALLCONFIG="$BUILD/wanted" allnoconfig
    check_config
    printf '%s\n' "$KEY" >"$BUILD/configured"
    echo configured
}

# settings FILE: option and value, the last one of each.
settings() {
    awk 'match($0, /^CONFIG_[A-Za-z0-9_]+=/) { value[substr($0, 1, RLENGTH - 1)] = substr($0, RLENGTH + 1) }
        /^# CONFIG_[A-Za-z0-9_]+ is not set/ { value[$2] = "n" }
        END { for (name in value) print name, value[name] }' "$1" | LC_ALL=C sort
}

# check_config: what was asked for must have come out of it; Kconfig leaves out in silence what it cannot give.
check_config() {
    local missing name wanted found
    missing=$(LC_ALL=C join -a 1 -e n -o 0,1.2,2.2 -t $'\t' \
        <(settings "$BUILD/wanted" | sed 's/ /\t/') <(settings "$BUILD/objects/.config" | sed 's/ /\t/') |
        awk -F '\t' '$2 != $3')
    [ -n "$missing" ] || return 0
    {
        echo "the source does not give what was asked for:"
        while IFS=$'\t' read -r name wanted found; do
            echo "  $name=$wanted is $found: $(why_not "${name#CONFIG_}")"
        done <<<"$missing"
    } >&2
    die "Correct these lines, add to kernel_fragments what they depend on, or a line \"# CONFIG_NAME is not set\" for each that you can do" \
        "without."
}

# why_not OPTION: what Kconfig says about it.
why_not() {
    local place
    place=$(cd "$BUILD/source" && grep -rlE --include='Kconfig*' "^[[:space:]]*(menu)?config $1\$" . 2>/dev/null |
        grep -vE '^\./arch/(um|x86/um)?[^/]*/.' | head -n 1)
    [ -n "$place" ] || {
        echo "this kernel has no such option for User Mode Linux"
        return
    }
    awk -v option="$1" '$1 ~ /^(menu)?config$/ { mine = $2 == option }
        mine && $1 == "depends" { sub(/^[ \t]*depends on /, ""); words = words (words ? " && " : "depends on ") $0 }
        END { print words ? words : "another option decides it" }' "$BUILD/source/$place" | sed "s|\$| (${place#./})|"
}

# parts: what is compiled one after the other, so that one sees how far it is. What is left is the last step's.
parts() {
    local part
    for part in arch/um arch/x86/um kernel mm fs crypto lib drivers net/core net/ipv4 net/ipv6 net/netfilter net/sched net; do
        [ ! -d "$BUILD/source/$part" ] || echo "$part"
    done
}

objects() {
    find "$BUILD/objects" -name '*.o' 2>/dev/null | wc -l
}

# made FILE...: those that are newer than MARK.
made() {
    find "$@" -newer "$MARK" -name '*.o' 2>/dev/null | sed -n 1p
}

# compile PART: prints how many objects there are when it is done, and one that it made.
compile() {
    configure >/dev/null
    touch "$MARK"
    kbuild "compiling $1" "$1/"
    objects
    made "$BUILD/objects"
}

link() {
    configure >/dev/null
    touch "$MARK"
    kbuild "linking" linux
    [ -f "$BUILD/objects/linux" ] && [ ! -L "$BUILD/objects/linux" ] || die "the build made no file linux; see $LOG."
    find "$BUILD/objects/linux" -newer "$MARK"
}

# modular: whether the kernel has modules.
modular() {
    grep -qx CONFIG_MODULES=y "$BUILD/objects/.config"
}

# modules: what is no part of the kernel; prints one that it linked.
modules() {
    configure >/dev/null
    modular || return 0
    touch "$MARK"
    kbuild "linking the modules" modules
    find "$BUILD/objects" -newer "$MARK" -name '*.ko' | sed -n 1p
}

# take FILE PLACE: one of the builder's files, which must be just that.
take() {
    [ -f "$BUILD/objects/$1" ] && [ ! -L "$BUILD/objects/$1" ] || die "the build made no file $1; see $LOG."
    install -D -m "${3-0644}" "$BUILD/objects/$1" "$2"
}

# pack: the result, with the C library that it is linked against, so that it runs on older and newer hosts alike.
pack() {
    local release tree library packed=$BUILD/packed
    [ "$(cat "$BUILD/configured")" = "$KEY" ] || die "another run has changed $BUILD meanwhile. Run this again."
    release=$(cat "$BUILD/objects/include/config/kernel.release")
    [[ $release =~ ^[A-Za-z0-9][A-Za-z0-9._+-]*$ ]] || die "the kernel calls itself $release, which is no name for a directory."
    tree=$BUILD/tree
    rm -rf "$tree"
    if described; then slim; fi
    take "$(described && echo linux.slim || echo linux)" "$tree/linux" 0755
    take System.map "$tree/System.map"
    take .config "$tree/config"
    mkdir -p "$tree/lib"
    while read -r library; do
        cp -L "$library" "$tree/lib/"
    done < <(libraries "$tree/linux")
    if modular; then
        take_modules "$tree/modules/usr/lib/modules" "$release"
    else
        describe_modules "$tree/modules/usr/lib/modules/$release" "$release" "$tree/modules/usr"
    fi
    if described; then take types "$tree/modules/usr/lib/modules/$release/vmlinux-$release"; fi
    printf '{\n  "release": "%s",\n  "sha256": "%s",\n%s\n' \
        "$release" "$(sha256sum "$tree/linux" | cut -d ' ' -f 1)" "$(sed 1d <<<"$INFO")" >"$tree/info.json"
    tar --create --directory "$tree" --owner=0 --group=0 --sort=name . | zstd -q -T0 >"$packed" ||
        die "packing the kernel failed; is the disk full?"
    mv "$packed" "$PACKED"
    rm -rf "$tree"
    echo "$PACKED"
}

# described: whether the kernel was compiled with what debuggers read.
described() {
    grep -qx CONFIG_DEBUG_INFO=y "$BUILD/objects/.config"
}

# slim: the kernel without that, which is ten times its size, and a file that has the kernel's types (BTF) and nothing else. Within the
# kernel they would take as much memory of each guest as they are long; libbpf and others look for this file where the kernel shows none.
slim() {
    local objects=$BUILD/objects
    as_builder strip --strip-debug -o "$objects/linux.slim" "$objects/linux" >"$LOG" 2>&1 || failed "leaving out what is for debuggers"
    as_builder pahole -j"$JOBS" --btf_encode_detached="$objects/types.btf" --btf_gen_floats --lang_exclude=rust "$objects/linux" \
        >"$LOG" 2>&1 || failed "collecting the types of the kernel"
    as_builder as -o "$objects/none.o" /dev/null >"$LOG" 2>&1 || failed "making a file for the types of the kernel"
    as_builder objcopy --add-section .BTF="$objects/types.btf" "$objects/none.o" "$objects/types" >"$LOG" 2>&1 ||
        failed "writing the types of the kernel"
}

# libraries FILE: loader and libraries of a program, and the one that the C library loads by name at a clean exit.
libraries() {
    local loader
    loader=$(readelf --program-headers "$1" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
    [ -n "$loader" ] || return 0
    echo "$loader"
    "$loader" --list "$1" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p'
    "$loader" --list "$1" | sed -n 's/.*=> \(\/.*\)\/libc\.so\.6 .*/\1\/libgcc_s.so.1/p'
}

# take_modules DIRECTORY RELEASE: the modules without what only a debugger reads, and all that modprobe looks them up in. They are not
# compressed, because every kmod loads them like that, and because we look for names of settings in them.
take_modules() {
    local installed=$BUILD/objects/installed
    rm -rf "$installed"
    as_builder mkdir "$installed"
    # One depmod looks below lib, another below usr/lib.
    as_builder ln -s . "$installed/usr"
    kbuild "collecting the modules" INSTALL_MOD_PATH="$installed" INSTALL_MOD_STRIP=1 DEPMOD=true modules_install
    as_builder depmod --basedir "$installed" "$2" >"$LOG" 2>&1 || failed "listing the modules"
    installed=$installed/lib/modules/$2
    rm -f "$installed/build" "$installed/source"
    [ -z "$(find "$installed" ! -type f ! -type d)" ] || die "there is something among the modules that is no file; see $installed."
    mkdir -p "$1"
    cp -r --no-dereference "$installed" "$1/"
}

# describe_modules DIRECTORY RELEASE BASE: what modprobe in a guest, and we, ask for what is built in.
describe_modules() {
    take modules.builtin "$1/modules.builtin"
    take modules.builtin.modinfo "$1/modules.builtin.modinfo"
    : >"$1/modules.order"
    depmod --basedir "$3" "$2" 2>"$LOG" || failed "listing what is built in"
}

# --- into the working directory ---

# unpack_kernel: out of the cache into its place.
unpack_kernel() {
    local name
    if ! zstd -dcq "$PACKED" 2>"$SCRATCH/log" | tar --extract --directory "$NEW" --no-same-owner 2>>"$SCRATCH/log"; then
        tail -n 3 "$SCRATCH/log" >&2 || true
        zstd -tq "$PACKED" 2>/dev/null || { rm -f "$PACKED" && die "$PACKED was damaged and has been removed; run this again."; }
        die "unpacking the kernel into $KERNELS failed; is the disk full?"
    fi
    name=${NAME:-$(info "$NEW/info.json" release)}
    if [ -e "$KERNELS/$name" ] && [ -z "$(info "$KERNELS/$name/info.json" key)" ]; then
        die "kernels/$name is there and was not built by this role; give this one another kernel_name, or move that away."
    fi
    place "$name" "built from $(info "$NEW/info.json" what)"
    point_default "$name"
}

# once STEP: unless it has been done before; it counts as done only when it is.
once() {
    [ ! -e "$BUILD/$1.done" ] || return 0
    "$1"
    : >"$BUILD/$1.done"
    echo "$1"
}

# claim: this scratch directory for this run. Another configuration of the same source waits for it.
claim() {
    make_directories
    # For earlier versions, which lock this alone.
    lock "$CACHE" --shared
    lock "$CLAIM" "a kernel from $WHAT (key ${KEY:0:16})"
    keep_locks
}

# stay: the run that waits for something else keeps its claim.
stay() {
    local run pid since what
    read_lock "$CLAIM" 2>/dev/null
    [ "$run" != "$RUN" ] || touch -c "$CLAIM"
}

# put: the kernel into its place, and the scratch directory away, unless another run has that.
put() {
    make_directories
    lock "$CACHE" --shared
    lock_kernels
    if [ -z "$(built)" ]; then
        prepare
        unpack_kernel
        clear_left_over
    fi
    if try_lock "$CLAIM" "a kernel from $WHAT" && [ -z "$KEEP" ]; then rm -rf "$BUILD"; fi
}

main() {
    case $1 in
        look | parts | built | claim) "$1" ;;
        await)
            stay
            "$@"
            ;;
        default)
            [ -n "$CHECK" ] || lock_kernels
            point_default "$(built)"
            ;;
        place)
            if [ -n "$CHECK" ]; then
                echo "kernels/$NAME: built from $WHAT"
                exit 0
            fi
            PATIENCE=$LIMIT
            put
            ;;
        *)
            # Its run has the claim, unless it paused for too long.
            PATIENCE=$LIMIT
            claim
            if [ -e "$PACKED" ]; then return; fi # another run was faster
            case $1 in
                fetch | configure | compile | link | modules | pack) "$@" ;;
                unpack) once unpack ;;
                *) die "there is no step $1" ;;
            esac
            ;;
    esac
}

# What is left of the standard input is this script.
main "$@" </dev/null

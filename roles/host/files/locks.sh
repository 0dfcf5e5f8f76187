# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Locks for the roles that make things: one for each thing, so that runs that make different things go side by side.  Goes
# before the scripts of these roles on a shell's input.
#
# A lock is a file that a step holds by flock(2), so it is free as soon as the step's processes have ended, however they ended.
# In it is written who holds it.  A run may keep a lock from one step to the next; nobody holds the file then, but it is young.
#
# Ansible shows nothing of a task before it ends.  So a script that finds a lock busy does not wait: it prints two lines, what to
# wait for and who has it, and ends with BUSY.  host/tasks/wait.yml shows that, and waits by "await".
#
# Earlier versions lock a whole directory.  All runs of this one share that lock, so that it excludes nobody but the earlier ones.
#
# RUN, from the environment, is a word that all the steps of a run have in common, if it has several.

set -euo pipefail
umask 022

BUSY=75 # EX_TEMPFAIL of sysexits.h
# Seconds: from a step of a run to its next, at most; that a step waits before it ends with BUSY; the same of "await"; without a
# sign of life of who has the lock.
KEPT=90
PATIENCE=2
LOOK=${LOCK_LOOK:-60}
LIMIT=${LOCK_LIMIT:-1800}

RUN=${RUN:--}
LOCKS=()  # files that are locked
CLAIMS=() # those of them that the run keeps until its last step, or one that fails
LITTER=() # what is removed at the end

at_exit() {
    case $? in
        0 | "$BUSY") [ "${#CLAIMS[@]}" -eq 0 ] || touch -c -- "${CLAIMS[@]}" ;;
        *) LOCKS+=("${CLAIMS[@]}") ;;
    esac
    rm -rf -- "${LITTER[@]}"
    rm -f -- "${LOCKS[@]}"
}
trap at_exit EXIT

# keep_locks: those that are taken so far, for the steps to come.
keep_locks() {
    CLAIMS+=("${LOCKS[@]}")
    LOCKS=()
}

now() {
    date +%s
}

# changed FILE: when it was written or touched; for one that is gone, now.
changed() {
    stat -c %Y "$1" 2>/dev/null || now
}

# --- who has a lock ---

# run_of PID: the process of Ansible that a step belongs to; nothing if it came from another machine.
run_of() {
    local pid=$1 found='' name
    while [ "${pid:-0}" -gt 1 ]; do
        name=$(cat "/proc/$pid/comm" 2>/dev/null) || break
        case $name in ansible*) found=$pid ;; esac
        pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) || break
    done
    printf '%s\n' "$found"
}

# read_lock FILE: sets run, pid, since and what, as lock_file writes them; empty where there is nothing.
read_lock() {
    run='' pid='' since='' what=''
    IFS=$'\t' read -r run pid since what 2>/dev/null <"$1" || true
}

# is_kept FILE: by another run, which is between two of its steps.
is_kept() {
    local run pid since what
    read_lock "$1"
    case $run in '' | - | "$RUN") return 1 ;; esac
    [ "$(($(now) - $(changed "$1")))" -lt "$KEPT" ] && { [ "$pid" = - ] || [ -e "/proc/$pid" ]; }
}

# process_of FILE: one that holds the lock.
process_of() {
    local link file
    file=$(readlink -f "$1")
    { find /proc/[0-9]*/fd -lname "$file" 2>/dev/null || true; } | while read -r link; do
        ! grep -qs '^lock:.*FLOCK' "${link/fd\//fdinfo/}" || cut -d / -f 3 <<<"$link"
    done | sort -n | sed -n 1p
}

# holder FILE: who has it, in words.
holder() {
    local run pid since what step
    step=$(process_of "$1")
    if [ -d "$1" ]; then
        pid=$(run_of "$step")
        pid=${pid:-$step}
        what="locks all of $1, as earlier versions of dumm.lab do"
    else
        read_lock "$1"
        [ -e "/proc/$pid" ] || pid=$step
        what="makes ${what:-something}${since:+, since $since}"
    fi
    printf '%s\n' "${pid:+pid $pid, }another run that $what"
}

# --- taking locks ---

# lock_file FILE WHAT: if it is free.
lock_file() {
    local descriptor run pid since what
    exec {descriptor}<>"$1"
    # Whoever gives a lock up removes the file.
    if ! flock -n "$descriptor" || is_kept "$1" ||
        [ "$(stat -c %i "$1" 2>/dev/null)" != "$(stat -L -c %i "/proc/self/fd/$descriptor")" ]; then
        exec {descriptor}>&-
        return 1
    fi
    LOCKS+=("$1")
    read_lock "$1"
    if [ "$run" != "$RUN" ] || [ "$RUN" = - ]; then since=$(date '+%F %T'); fi
    pid=$(run_of $$)
    printf '%s\t%s\t%s\t%s\n' "$RUN" "${pid:--}" "$since" "$2" >"$1"
}

# lock_directory DIRECTORY HOW: if it is free; HOW is --exclusive or --shared.
lock_directory() {
    local descriptor
    exec {descriptor}<"$1"
    ! flock -n "$2" "$descriptor" || return 0
    exec {descriptor}>&-
    return 1
}

try_lock() {
    if [ -d "$1" ]; then lock_directory "$@"; else lock_file "$@"; fi
}

# lock FILE WHAT, lock DIRECTORY HOW: or end.
lock() {
    local end
    end=$(($(now) + PATIENCE))
    until try_lock "$@"; do
        if [ "$(now)" -ge "$end" ]; then
            [ "$PATIENCE" -lt "$LIMIT" ] || too_long "$1"
            busy "$(now)" "$1"
        fi
        sleep 1
    done
}

# busy SECOND FILE: since then it is waited for.
busy() {
    printf '%s\n' "$1 $2" "$(holder "$2")"
    exit "$BUSY"
}

too_long() {
    die "gave up after $((LIMIT / 60)) minutes without a sign of life of $(holder "$1"). End that run, then start this one again."
}

is_free() (
    [ -e "$1" ] || exit 0
    lock_directory "$1" --shared && { [ -d "$1" ] || ! is_kept "$1"; }
) 2>/dev/null

# await SECOND FILE: what "busy" has printed.
await() {
    local end last
    end=$(($(now) + LOOK))
    until is_free "$2"; do
        last=$1
        [ -d "$2" ] || [ "$(changed "$2")" -le "$1" ] || last=$(changed "$2")
        [ "$(($(now) - last))" -lt "$LIMIT" ] || too_long "$2"
        [ "$(now)" -lt "$end" ] || busy "$1" "$2"
        sleep 1
    done
}

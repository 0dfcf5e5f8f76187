// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Attacks on other processes and on the lab's network, and system calls by their numbers.

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"

// Another process: all of these change nothing that was not so before.

static int a_tgkill(char **arg) { return syscall(SYS_tgkill, number(arg[0]), number(arg[0]), SIGCONT) ? REFUSED : REACHED; }
static int a_tkill(char **arg) { return syscall(SYS_tkill, number(arg[0]), SIGCONT) ? REFUSED : REACHED; }
static int a_sigqueue(char **arg) { return sigqueue(number(arg[0]), SIGCONT, (union sigval){ .sival_int = 0 }); }
static int a_sigqueue_thread(char **arg)
{
    siginfo_t info = { .si_code = SI_QUEUE };
    return syscall(SYS_rt_tgsigqueueinfo, number(arg[0]), number(arg[0]), SIGCONT, &info) ? REFUSED : REACHED;
}
static int a_stop(char **arg) { return kill(number(arg[0]), SIGSTOP) ? REFUSED : kill(number(arg[0]), SIGCONT); }
static int a_attach(char **arg)
{
    if (ptrace(PTRACE_ATTACH, number(arg[0]), NULL, NULL))
        return REFUSED;
    waitpid(number(arg[0]), NULL, __WALL);
    ptrace(PTRACE_DETACH, number(arg[0]), NULL, NULL);
    return REACHED;
}
static int a_write_memory(char **arg)
{
    // Nothing is ever mapped at address 8.
    char data = 0;
    struct iovec here = { &data, 1 }, there = { (void *)8, 1 };
    return privileged(process_vm_writev(number(arg[0]), &here, 1, &there, 1, 0)) == REACHED && errno != ESRCH ? REACHED : REFUSED;
}
static int a_kcmp(char **arg) { return syscall(SYS_kcmp, getpid(), number(arg[0]), 1, 0, 0) >= 0 ? REACHED : REFUSED; }
static int a_robust_list(char **arg)
{
    void *head;
    size_t size;
    return syscall(SYS_get_robust_list, number(arg[0]), &head, &size) ? REFUSED : REACHED;
}
static int a_move_pages(char **arg) { return syscall(SYS_move_pages, number(arg[0]), 0, NULL, NULL, NULL, 0) ? REFUSED : REACHED; }
static int a_migrate_pages(char **arg)
{
    unsigned long node = 1;
    return syscall(SYS_migrate_pages, number(arg[0]), 64, &node, &node) < 0 ? REFUSED : REACHED;
}
static int a_advise(char **arg)
{
    // MADV_COLD, for a page that there is not.
    struct iovec there = { (void *)8192, 4096 };
    int fd = syscall(SYS_pidfd_open, number(arg[0]), 0);
    return fd < 0 ? REFUSED : privileged(syscall(SYS_process_madvise, fd, &there, 1, 20, 0));
}
static int a_scheduler(char **arg)
{
    struct sched_param none = { 0 };
    return sched_setscheduler(number(arg[0]), SCHED_OTHER, &none);
}
static int a_scheduler_attributes(char **arg)
{
    char how[64];
    return syscall(SYS_sched_getattr, number(arg[0]), how, 48, 0) || syscall(SYS_sched_setattr, number(arg[0]), how, 0) ? REFUSED
                                                                                                                        : REACHED;
}
static int a_io_priority(char **arg) { return syscall(SYS_ioprio_set, 1, number(arg[0]), 2 << 13 | 4) ? REFUSED : REACHED; }
static int a_set_limit(char **arg)
{
    struct rlimit { unsigned long soft, hard; } limit;
    return syscall(SYS_prlimit64, number(arg[0]), 4, NULL, &limit) ? REFUSED : (int)syscall(SYS_prlimit64, number(arg[0]), 4, &limit, NULL);
}
static int a_count(char **arg)
{
    // PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK
    struct { uint32_t type, size; uint64_t config; char more[96]; } event = { .type = 1, .size = 112 };
    return syscall(SYS_perf_event_open, &event, number(arg[0]), -1, -1, 0) >= 0 ? REACHED : REFUSED;
}

// System calls by their numbers, with arguments that none of them takes: an error that is not for want of a privilege says that the
// kernel's code was reached.

static const struct { const char *name; long number; } calls[] = {
    { "_sysctl", 156 }, { "adjtimex", SYS_adjtimex }, { "clock_adjtime", SYS_clock_adjtime },
    { "fanotify_mark", SYS_fanotify_mark }, { "file_getattr", 468 }, { "finit_module", SYS_finit_module },
    { "fsconfig", SYS_fsconfig }, { "fsmount", SYS_fsmount }, { "fspick", SYS_fspick }, { "getxattrat", 464 },
    { "io_uring_enter", SYS_io_uring_enter }, { "io_uring_register", SYS_io_uring_register },
    { "kexec_file_load", SYS_kexec_file_load }, { "listmount", 458 }, { "listxattrat", 465 },
    { "lsm_get_self_attr", 459 }, { "lsm_list_modules", 461 }, { "lsm_set_self_attr", 460 }, { "mbind", SYS_mbind },
    { "mount_setattr", SYS_mount_setattr }, { "move_mount", SYS_move_mount }, { "mq_unlink", SYS_mq_unlink },
    { "msgctl", SYS_msgctl }, { "msgrcv", SYS_msgrcv }, { "msgsnd", SYS_msgsnd },
    { "name_to_handle_at", SYS_name_to_handle_at }, { "open_tree_attr", 467 }, { "quotactl_fd", 443 },
    { "removexattrat", 466 }, { "request_key", SYS_request_key }, { "semctl", SYS_semctl }, { "semop", SYS_semop },
    { "semtimedop", SYS_semtimedop }, { "set_mempolicy", SYS_set_mempolicy }, { "setdomainname", SYS_setdomainname },
    { "setxattrat", 463 }, { "shmat", SYS_shmat }, { "shmctl", SYS_shmctl }, { "statmount", 457 },
    { "swapoff", SYS_swapoff }, { "sysfs", SYS_sysfs }, { "uselib", SYS_uselib }, { "ustat", SYS_ustat },
    { "shmdt", SYS_shmdt },
};
static int a_call(char **arg)
{
    long given[6];
    for (int each = 0, last = 0; each < 6; each++) {
        last |= !arg[1 + each];
        given[each] = last ? -1 : strtol(arg[1 + each], NULL, 0);
    }
    for (size_t each = 0; each < sizeof calls / sizeof *calls; each++)
        if (!strcmp(calls[each].name, arg[0]))
            return privileged(syscall(calls[each].number, given[0], given[1], given[2], given[3], given[4], given[5]));
    errno = ENOENT;
    return REFUSED;
}
static int a_adjust(char **arg)
{
    // Ticks that no clock has: refused after the privilege was asked for.
    struct timex odd = { .modes = ADJ_TICK, .tick = 1 };
    return privileged(strcmp(arg[0], "clock") ? adjtimex(&odd) : (int)syscall(SYS_clock_adjtime, 0, &odd));
}
static int a_time_zone(char **arg)
{
    int zone[2] = { 100000, 0 };
    (void)arg;
    return privileged(syscall(SYS_settimeofday, NULL, zone));
}
static int a_domain_name(char **arg)
{
    // The same that it has.
    char name[65] = "";
    (void)arg;
    return getdomainname(name, sizeof name) || setdomainname(name, strlen(name)) ? REFUSED : REACHED;
}
static int a_old_call(char **arg)
{
    // getpid(2) by the numbers of 32 bits.
    long result = 20;
    (void)arg;
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    errno = result < 0 ? (int)-result : 0;
    return result > 0 ? REACHED : REFUSED;
}
static int a_x32_call(char **arg) { (void)arg; return syscall(0x40000000 | SYS_getpid) > 0 ? REACHED : REFUSED; }
static int a_ioctl(char **arg) { return privileged(ioctl(number(arg[0]), (unsigned long)strtol(arg[1], NULL, 0), "")); }

// Its own TAP, which is the host's

static int held = -1;
static int attached(const char *tap)
{
    if (held >= 0)
        return held;
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    strncpy(request.ifr_name, tap, IFNAMSIZ - 1);
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request)) {
        close(fd);
        return -1;
    }
    return fd;
}
static int t_hold(char **arg)
{
    // From now on, so that it has a carrier.
    held = attached(arg[0]);
    return held < 0 ? REFUSED : REACHED;
}
static int a_tap_set(char **arg)
{
    // TUNSETOWNER and its like take a number; what is set is what it had.
    int fd = attached(arg[0]);
    return fd < 0 ? REFUSED : privileged(ioctl(fd, strtoul(arg[1], NULL, 0), strtoul(arg[2], NULL, 0)));
}
static int a_tap_address(char **arg)
{
    struct ifreq request = { 0 };
    int fd = attached(arg[0]);
    return fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) || ioctl(fd, SIOCSIFHWADDR, &request) ? REFUSED : REACHED;
}
static size_t frame_of(const char *digits, unsigned char *frame, size_t most)
{
    size_t size = 0;
    for (unsigned value; size < most && sscanf(digits + 2 * size, "%2x", &value) == 1; size++)
        frame[size] = value;
    return size;
}
static int a_frame(char **arg)
{
    // One frame, filled up with zeros to a size.
    static unsigned char frame[65536];
    int fd = attached(arg[0]);
    size_t size = frame_of(arg[1], frame, sizeof frame);
    size = arg[2] && (size_t)number(arg[2]) > size ? (size_t)number(arg[2]) : size < 60 ? 60 : size;
    return fd < 0 || write(fd, frame, size) != (ssize_t)size ? REFUSED : REACHED;
}
static int a_frames(char **arg)
{
    // As many, each from another address: the last three bytes of the source's, and four bytes at a place, are its number.
    static unsigned char frame[1514];
    int fd = attached(arg[0]), place = arg[3] ? number(arg[3]) : 0;
    size_t size = frame_of(arg[1], frame, sizeof frame);
    for (int each = 0; fd >= 0 && each < number(arg[2]); each++) {
        frame[9] = each >> 16;
        frame[10] = each >> 8;
        frame[11] = each;
        if (place)
            frame[place] = each;
        if (write(fd, frame, size < 60 ? 60 : size) < 0)
            return REFUSED;
    }
    return fd < 0 ? REFUSED : REACHED;
}

const struct attack on_others[] = {
    ATTACK(tgkill), ATTACK(tkill), ATTACK(sigqueue), ATTACK(sigqueue_thread), ATTACK(stop), ATTACK(attach),
    ATTACK(write_memory), ATTACK(kcmp), ATTACK(robust_list), ATTACK(move_pages), ATTACK(migrate_pages), ATTACK(advise),
    ATTACK(scheduler), ATTACK(scheduler_attributes), ATTACK(io_priority), ATTACK(set_limit), ATTACK(count),
    ATTACK(call), ATTACK(adjust), ATTACK(time_zone), ATTACK(domain_name), ATTACK(old_call), ATTACK(x32_call),
    ATTACK(ioctl), ATTACK(tap_set), ATTACK(tap_address), ATTACK(frame), ATTACK(frames),
    { "hold", t_hold, 1 }, { NULL },
};

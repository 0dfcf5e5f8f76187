// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Attacks that use up what all of a host share: each takes more than a guest may have, and far less than there is.

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/memfd.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attack.h"

#define MB (1 << 20)

// Memory that belongs to nobody

static int a_shm(char **arg)
{
    (void)arg;
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    return id < 0 ? REFUSED : shmctl(id, IPC_RMID, NULL);
}
static int a_sem(char **arg)
{
    (void)arg;
    int id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    return id < 0 ? REFUSED : semctl(id, 0, IPC_RMID);
}
static int a_msg(char **arg)
{
    (void)arg;
    int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    return id < 0 ? REFUSED : msgctl(id, IPC_RMID, NULL);
}
static int a_mq(char **arg)
{
    struct mq_attr little = { .mq_maxmsg = 1, .mq_msgsize = 8 };
    return mq_open(arg[0], O_RDWR | O_CREAT, 0600, &little) < 0 ? REFUSED : mq_unlink(arg[0]);
}
static int a_memfd_secret(char **arg) { (void)arg; return syscall(SYS_memfd_secret, O_CLOEXEC) >= 0 ? REACHED : REFUSED; }

// What is counted for each user, and for who made a user namespace

static int a_inotify(char **arg) { (void)arg; return inotify_init1(IN_CLOEXEC) >= 0 ? REACHED : REFUSED; }
static int a_timers(char **arg)
{
    timer_t timer;
    // They are gone with this process.
    for (int left = number(arg[0]); left; left--)
        if (syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &timer))
            return REFUSED;
    return REACHED;
}
static int a_signals(char **arg)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int left = number(arg[0]); left; left--)
        if (sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 0 }))
            return REFUSED;
    return REACHED;
}
static int a_pipe_size(char **arg)
{
    // Twice what a user may have by default (pipe-max-size in proc(5)).
    int end[2];
    (void)arg;
    return pipe(end) || fcntl(end[1], F_SETPIPE_SZ, 2 * MB) < 0 ? REFUSED : REACHED;
}
static int a_raise_limit(char **arg)
{
    struct rlimit had, less;
    if (getrlimit(number(arg[0]), &had))
        return REFUSED;
    // One that is 0 is raised; any other is lowered first, in this process alone.
    less.rlim_cur = less.rlim_max = had.rlim_max > 1 ? had.rlim_max / 2 : 0;
    if (setrlimit(number(arg[0]), &less))
        return REFUSED;
    less.rlim_cur = less.rlim_max = less.rlim_max + 1;
    return setrlimit(number(arg[0]), &less);
}

// Memory

static int a_lock_memory(char **arg)
{
    size_t size = (size_t)number(arg[0]) * MB;
    void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return place == MAP_FAILED ? REFUSED : mlock(place, size);
}
static int a_lock_on_fault(char **arg)
{
    size_t size = (size_t)number(arg[0]) * MB;
    void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return place == MAP_FAILED ? REFUSED : mlock2(place, size, MLOCK_ONFAULT);
}
static int a_map_locked(char **arg)
{
    size_t size = (size_t)number(arg[0]) * MB;
    void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    return place == MAP_FAILED ? REFUSED : REACHED;
}
static int a_lock_all(char **arg) { (void)arg; return mlockall(MCL_CURRENT | MCL_FUTURE); }
// Where there is too little memory, this process ends and not the attacked guest's kernel, whose place is to last.
static void be_first_to_go(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    if (fd >= 0 && write(fd, "1000", 4) != 4)
        perror("oom_score_adj");
    close(fd);
}
static int a_fill_memory(char **arg)
{
    be_first_to_go();
    size_t size = (size_t)number(arg[0]) * MB;
    char *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
        return REFUSED;
    memset(place, 1, size);
    return REACHED;
}
static int a_fill_memfd(char **arg)
{
    be_first_to_go();
    static char block[MB];
    int fd = memfd_create("attack", MFD_CLOEXEC);
    if (fd < 0)
        return REFUSED;
    for (int left = number(arg[0]); left; left--)
        if (write(fd, block, MB) != MB)
            return REFUSED;
    return REACHED;
}
static int fill_descriptor(int fd)
{
    static char block[1 << 16];
    long total = 0, written;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((written = write(fd, block, sizeof block)) > 0)
        total += written;
    return (int)(total >> 10);
}
static int a_fill_pipes(char **arg)
{
    be_first_to_go();
    int end[2];
    for (long left = number(arg[0]) * 1024L; left > 0; left -= fill_descriptor(end[1]))
        if (pipe(end))
            return REFUSED;
    return REACHED;
}
static int a_fill_sockets(char **arg)
{
    be_first_to_go();
    int end[2];
    for (long left = number(arg[0]) * 1024L; left > 0; left -= fill_descriptor(end[1]))
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, end))
            return REFUSED;
    return REACHED;
}

// Processes, files, terminals

static void *wait_for_ever(void *nothing) { pause(); return nothing; }
static int a_threads(char **arg)
{
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 14);
    for (int left = number(arg[0]); left; left--)
        if ((errno = pthread_create(&thread, &small, wait_for_ever, NULL)))
            return REFUSED;
    return REACHED;
}
static int a_files(char **arg)
{
    char name[128];
    int wanted = number(arg[1]), made = 0, result = REACHED, why = 0;
    for (; made < wanted && !result; made += !result) {
        snprintf(name, sizeof name, "%s/attack%d", arg[0], made);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        result = fd < 0 ? REFUSED : REACHED;
        why = errno;
        close(fd);
    }
    while (made--) {
        snprintf(name, sizeof name, "%s/attack%d", arg[0], made);
        unlink(name);
    }
    errno = why;
    return result;
}
static int a_flood(char **arg)
{
    // What it says at its console.
    static char block[MB];
    memset(block, '.', sizeof block);
    for (int left = number(arg[1]); left; left--)
        if (write(number(arg[0]), block, MB) != MB)
            return REFUSED;
    return REACHED;
}
static int a_file_locks(char **arg)
{
    int fd = open(arg[0], O_RDWR | O_CREAT, 0600);
    unlink(arg[0]);
    for (int each = 0; each < number(arg[1]); each++) {
        struct flock one = { .l_type = F_WRLCK, .l_start = 2L * each, .l_len = 1 };
        if (fcntl(fd, F_SETLK, &one))
            return REFUSED;
    }
    return REACHED;
}
static int a_open_files(char **arg)
{
    for (int left = number(arg[0]); left; left--)
        if (open("/", O_PATH) < 0)
            return REFUSED;
    return REACHED;
}
static int a_ptys(char **arg)
{
    for (int left = number(arg[1]); left; left--)
        if (open(arg[0], O_RDWR | O_NOCTTY) < 0)
            return REFUSED;
    return REACHED;
}

// Time

static int a_deadline(char **arg)
{
    // A thousandth of a CPU, before everybody else.
    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; } how = {
        .size = 48, .policy = 6, .runtime = 100000, .deadline = 100000000, .period = 100000000
    };
    // It takes one that may run on all of them.
    cpu_set_t all;
    (void)arg;
    memset(&all, 0xff, sizeof all);
    sched_setaffinity(0, sizeof all, &all);
    return syscall(SYS_sched_setattr, 0, &how, 0) ? REFUSED : REACHED;
}
static int a_io_realtime(char **arg) { (void)arg; return syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 4) ? REFUSED : REACHED; }

const struct attack on_shared[] = {
    ATTACK(shm), ATTACK(sem), ATTACK(msg), ATTACK(mq), ATTACK(memfd_secret), ATTACK(inotify), ATTACK(timers),
    ATTACK(signals), ATTACK(pipe_size), ATTACK(raise_limit), ATTACK(lock_memory), ATTACK(lock_on_fault),
    ATTACK(map_locked), ATTACK(lock_all), ATTACK(fill_memory), ATTACK(fill_memfd), ATTACK(fill_pipes),
    ATTACK(fill_sockets), ATTACK(threads), ATTACK(files), ATTACK(flood), ATTACK(file_locks), ATTACK(open_files), ATTACK(ptys),
    ATTACK(deadline), ATTACK(io_realtime), { NULL },
};

// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Attacks by which a guest means to stay: they are played by the program itself or by what it leaves behind.

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attack.h"

static void ignore_all(void)
{
    for (int each = 1; each < NSIG; each++)
        if (each != SIGCHLD)
            signal(each, SIG_IGN);
}
static void block_all(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

static int t_ignore(char **arg) { (void)arg; ignore_all(); return REACHED; }
static int t_block(char **arg) { (void)arg; block_all(); return REACHED; }

// Processes that nobody has told of: they end with the machine, or after ten minutes.
static int leave_behind(void (*live)(void))
{
    pid_t pid = fork();
    if (pid)
        return pid < 0 ? REFUSED : REACHED;
    alarm(600);
    for (int fd = 0; fd < 64; fd++)
        close(fd);
    live();
    _exit(0);
}
static void sleep_on(void) { for (;;) pause(); }
static void orphan(void)
{
    setsid();
    if (fork())
        _exit(0);
    ignore_all();
    sleep_on();
}
static void stopped(void) { raise(SIGSTOP); sleep_on(); }
static void stop_parent(void) { usleep(300000); kill(getppid(), SIGSTOP); sleep_on(); }
static void renamed(void) { prctl(PR_SET_NAME, "kworker/0:1"); prctl(PR_SET_DUMPABLE, 0); sleep_on(); }
static void traced(void)
{
    // It stops for one that does not look.
    if (!fork()) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        sleep_on();
    }
    sleep_on();
}
static void hydra(void)
{
    // Each lives for an instant, and leaves another; for a minute, whoever forgets them.
    time_t end = time(NULL) + 60;
    signal(SIGCHLD, SIG_IGN);
    for (int heads = 0; heads < 8; heads++)
        if (!fork())
            while (time(NULL) < end) {
                pid_t pid = fork();
                if (pid > 0)
                    _exit(0);
                usleep(500);
            }
    _exit(0);
}
static void crowd(void)
{
    for (int each = 0; each < 200; each++)
        if (!fork())
            sleep_on();
    sleep_on();
}
static int t_leave(char **arg)
{
    static const struct { const char *name; void (*live)(void); } ways[] = {
        { "orphan", orphan }, { "stopped", stopped }, { "stop_parent", stop_parent }, { "renamed", renamed },
        { "traced", traced }, { "hydra", hydra }, { "crowd", crowd },
    };
    for (size_t each = 0; each < sizeof ways / sizeof *ways; each++)
        if (!strcmp(ways[each].name, arg[0]))
            return leave_behind(ways[each].live);
    errno = ENOENT;
    return REFUSED;
}

// Files, until there is no room for one more.
static int t_hoard(char **arg)
{
    char name[128];
    for (int each = 0; each < 100000; each++) {
        snprintf(name, sizeof name, "%s/hoard%d", arg[0], each);
        int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return errno == ENOSPC ? REACHED : REFUSED;
        close(fd);
    }
    return REFUSED;
}
static int t_hoard_blocks(char **arg)
{
    static char block[1 << 16];
    int fd = open(arg[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (int each = 0; each < 10000; each++)
        if (write(fd, block, sizeof block) < (ssize_t)sizeof block)
            return errno == ENOSPC || !errno ? REACHED : REFUSED;
    return REFUSED;
}

const struct attack to_stay[] = {
    { "ignore", t_ignore, 1 }, { "block", t_block, 1 }, { "leave", t_leave, 1 }, { "hoard", t_hoard, 0 },
    { "hoard_blocks", t_hoard_blocks, 0 }, { NULL },
};

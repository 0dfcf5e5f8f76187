/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The guest's network as a file of the spool, which is there as long as it is so: the host need not ask a guest in which nothing has changed.
 *
 * Whatever changes is heard of from the guest's kernel before whoever has changed it goes on, or before the kernel is idle, and the
 * file goes away at once.  It is made anew when it has been quiet for a while.  An open file is the sign that this process lives.
 */

#include "look.h"
#include "seen.h"
#include "spool.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SEEN SPOOL "/seen"
#define FRESH SPOOL "/.seen"

/* Seconds.  A guest that comes up is busy, and so is one whose routes come and go. */
enum { FIRST = 2, LONGEST = 64 };

static int events = -1, name = -1, file = -1;
static long due, told, wait = FIRST;

static long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static void drop(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

/* To be told of all that the file tells of. */
static bool listen_for_changes(void)
{
	struct sockaddr_nl groups = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_TC | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE |
			     1U << (RTNLGRP_NEXTHOP - 1),
	};

	name = open("/proc/sys/kernel/hostname", O_RDONLY | O_CLOEXEC);
	events = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	return name >= 0 && events >= 0 && bind(events, (struct sockaddr *)&groups, sizeof(groups)) == 0;
}

/* Write what there is to the file; false where that cannot be told without asking tc(8), or the disk is full. */
static bool tell(void)
{
	char nothing[] = "";
	int keep;
	bool whole;

	file = open(FRESH, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	keep = dup(1);
	if (file < 0 || keep < 0 || dup2(file, 1) < 0) {
		drop(&keep);
		return false;
	}
	clearerr(stdout);
	whole = show_network(nothing) == 0 && fflush(stdout) == 0 && !ferror(stdout) && !has_conditions();
	dup2(keep, 1);
	close(keep);
	return whole && rename(FRESH, SEEN) == 0;
}

void seen_begin(void)
{
	unlink(SEEN);
	due = now() + FIRST;
}

void seen_forget(void)
{
	bool was_told = file >= 0;

	if (was_told)
		unlink(SEEN);
	drop(&file);
	drop(&events);
	drop(&name);
	if (was_told)
		wait = now() - told > wait ? FIRST : wait < LONGEST ? 2 * wait : LONGEST;
	due = now() + wait;
}

int seen_await(struct pollfd polls[SEEN_POLLS])
{
	long left = due - now();

	/* The kernel says by an error that the name is another one (proc_sys_poll, fs/proc/proc_sysctl.c). */
	polls[0] = (struct pollfd){ .fd = events, .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = name, .events = POLLPRI };
	return due == 0 ? -1 : left > 0 ? left * 1000 : 0;
}

void seen_look(const struct pollfd polls[SEEN_POLLS])
{
	if (polls[0].revents || polls[1].revents) {
		seen_forget();
	} else if (due != 0 && now() >= due) {
		due = 0;
		told = now();
		if (!listen_for_changes() || !tell()) {
			unlink(FRESH);
			drop(&file);
			drop(&events);
			drop(&name);
		}
	}
}

/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The guest's own init, and the one for guests that have none: mounts, reaping, clean power-off.
 */

#include "init.h"
#include "line.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void mount_all(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 0755);
	for (unsigned i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (symlink(links[i][0], links[i][1]) != 0 && errno != EEXIST)
			fprintf(stderr, "dumm: %s: %s\n", links[i][1], strerror(errno));
	if (mount("devpts", "/dev/pts", "devpts", 0, "gid=5,mode=620,ptmxmode=666") != 0 ||
	    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL) != 0 ||
	    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") != 0)
		fprintf(stderr, "dumm: cannot mount: %s\n", strerror(errno));
	mkdir("/run/lock", 0755);
	/* Not every kernel has it. */
	if (mkdir("/dev/mqueue", 01777) == 0)
		mount("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

/* Whether any process but this one is left; kernel threads have no executable. */
static bool busy(void)
{
	DIR *all = opendir("/proc");
	struct dirent *entry;
	char path[300], target[8];
	bool found = false;

	while (all != NULL && !found && (entry = readdir(all)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
		found = isdigit((unsigned char)entry->d_name[0]) && strcmp(entry->d_name, "1") != 0 &&
			readlink(path, target, sizeof(target)) > 0;
	}
	if (all != NULL)
		closedir(all);
	return found;
}

/* The process that serves the control line, if this one started it. */
static pid_t line;

static void reap(bool again)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		if (pid == line && again) {
			sleep(1);
			line = start_line();
		}
}

static _Noreturn void power_off(void)
{
	kill(-1, SIGTERM);
	for (int tries = 0; tries < 200 && busy(); tries++) {
		usleep(10000);
		reap(false);
	}
	kill(-1, SIGKILL);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

_Noreturn void be_minimal(bool serves)
{
	static const int shutdowns[] = { SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPWR };
	sigset_t awaited;

	sigemptyset(&awaited);
	sigaddset(&awaited, SIGCHLD);
	for (unsigned i = 0; i < sizeof(shutdowns) / sizeof(*shutdowns); i++)
		sigaddset(&awaited, shutdowns[i]);
	sigprocmask(SIG_BLOCK, &awaited, NULL);
	if (serves)
		line = start_line();
	mount_all();
	for (;;) {
		int signal = sigwaitinfo(&awaited, NULL);

		if (signal == SIGCHLD)
			reap(true);
		else if (signal > 0)
			power_off();
	}
}

const char *own_init(void)
{
	static const char *const own[] = { "/sbin/init", "/lib/systemd/systemd" };
	const char *wanted = getenv("dumm_init");

	if (wanted != NULL && strcmp(wanted, "auto") != 0)
		return strcmp(wanted, "minimal") == 0 ? NULL : wanted;
	for (unsigned i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (access(own[i], X_OK) == 0)
			return own[i];
	return NULL;
}

_Noreturn void be_init(const char *program)
{
	program = strdup(program);
	unsetenv("dumm_init");
	unsetenv("dumm_name");
	execl(program, program, (char *)NULL);
	fprintf(stderr, "dumm: cannot run %s: %s\n", program, strerror(errno));
	exit(127);
}

/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The guest's side of dumm.lab in one static program: the first process, the control line, and a minimal init.
 *
 * It is the twin of the shell scripts of the collection (guest agent) and keeps every promise of theirs; a guest that has it needs a
 * sixtieth of their CPU time to come up, because nothing is forked and executed for a mount or an address.
 *
 * The first process of a guest: mounts the spool, configures the network as the host has asked in the request "boot", starts the
 * control line, and becomes the guest's own init.  The kernel hands dumm_* words of its command line over as environment
 * (init/main.c, unknown_bootoption).
 */

#include "init.h"
#include "line.h"
#include "spool.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define PING_RANGE "/proc/sys/net/ipv4/ping_group_range"

static void put(const char *path, const char *value)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, value, strlen(value)) < 0)
		fprintf(stderr, "dumm: %s: %s\n", path, strerror(errno));
	if (file >= 0)
		close(file);
}

static void mount_unless(const char *there, const char *type, const char *place)
{
	if (access(there, F_OK) != 0 && mount(type, place, type, 0, NULL) != 0)
		fprintf(stderr, "dumm: cannot mount %s: %s\n", place, strerror(errno));
}

/* An empty line ends the lines of a processor, but not in a User Mode Linux without our patch: libproc2 4.0.2 (Debian 12) takes that for an
 * error, and `ps aux`, top and vmstat fail.  A copy that ends as it should is bound over it.  It lies in a file system of its own, whose
 * place, where the spool will be, is free again at once.  A process without privileges may mount a /proc in namespaces of its own, as
 * containers do, only where another one has nothing over any of its files (mnt_already_visible, fs/namespace.c). */
static void mend_cpuinfo(void)
{
	static const char place[] = "/proc/cpuinfo", copy[] = SPOOL "/cpuinfo";
	/* One processor's takes 2 KB, or what its flags take. */
	char text[16384];
	FILE *file = fopen(place, "re");
	size_t length = file != NULL ? fread(text, 1, sizeof(text), file) : 0;

	if (file != NULL)
		fclose(file);
	if (length < 2 || length == sizeof(text) || strncmp(text + length - 2, "\n\n", 2) == 0)
		return;
	if (mount("dumm", SPOOL, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=755") != 0)
		return;
	file = fopen(copy, "wex");
	if (file != NULL) {
		fwrite(text, 1, length, file);
		fputc('\n', file);
		if (fchmod(fileno(file), 0444) != 0 || fclose(file) != 0 || mount(copy, place, NULL, MS_BIND, NULL) != 0 ||
		    mount("proc", "/.dumm/proc", "proc", 0, NULL) != 0)
			fprintf(stderr, "dumm: %s: %s\n", place, strerror(errno));
	}
	umount(SPOOL);
}

/* Device nodes by which modules are loaded when somebody opens them, as `kmod static-nodes` tells of them: /dev/net/tun, /dev/fuse and such. */
static void make_nodes(void)
{
	struct utsname kernel;
	char path[200], type, line[200];
	unsigned major, minor;
	FILE *file;

	uname(&kernel);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.devname", kernel.release);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char node[100] = "/dev/";

		if (sscanf(line, "%*[^# ] %90s %c%u:%u", node + 5, &type, &major, &minor) != 4 || strstr(node, "..") != NULL)
			continue;
		for (char *slash = strchr(node + 5, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
			*slash = '\0';
			mkdir(node, 0755);
			*slash = '/';
		}
		mknod(node, (type == 'b' ? S_IFBLK : S_IFCHR) | 0600, makedev(major, minor));
	}
	if (file != NULL)
		fclose(file);
}

static void set_up(void)
{
	const char *name = getenv("dumm_name");

	mount_unless("/proc/self", "proc", "/proc");
	mount_unless("/sys/kernel", "sysfs", "/sys");
	mount_unless("/dev/null", "devtmpfs", "/dev");
	make_nodes();
	mend_cpuinfo();
	if (mount("none", SPOOL, "hostfs", 0, "/spool") != 0)
		fprintf(stderr, "dumm: cannot mount the spool: %s\n", strerror(errno));
	/* Ctrl-Alt-Del is how the host asks for a shutdown: init gets a signal instead of the kernel an instant reset. */
	put("/proc/sys/kernel/ctrl-alt-del", "0");
	/* Everybody may ping, as under systemd: a root file system without extended attributes has no capability for /bin/ping. */
	if (access(PING_RANGE, F_OK) == 0)
		put(PING_RANGE, "0 2147483647");
	if (name != NULL && sethostname(name, strlen(name)) != 0)
		fprintf(stderr, "dumm: cannot set the host name: %s\n", strerror(errno));
}

/* In this process: another one takes a millisecond. */
static void do_boot_request(void)
{
	int keep[] = { fcntl(1, F_DUPFD_CLOEXEC, 3), fcntl(2, F_DUPFD_CLOEXEC, 3) };

	if (chdir(SPOOL "/boot") == 0)
		do_request();
	for (int i = 0; i < 2; i++) {
		dup2(keep[i], i + 1);
		close(keep[i]);
	}
	if (chdir("/") != 0)
		fprintf(stderr, "dumm: cannot leave the spool: %s\n", strerror(errno));
}

/* For an init that does not know of the line. */
static void start_line_apart(void)
{
	pid_t apart = fork();

	while (apart == 0) {
		waitpid(start_line(), NULL, 0);
		sleep(1);
	}
}

int main(int count, char *words[])
{
	const char *program;

	/* By its other names it is an init that another one may become, and a program of its own. */
	if (count > 0 && strcmp(basename(words[0]), "minimal") == 0)
		be_minimal(false);
	if (count > 0 && strcmp(basename(words[0]), "terminal") == 0)
		be_terminal(count, words);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	set_up();
	do_boot_request();
	program = own_init();
	if (program == NULL)
		be_minimal(true);
	start_line_apart();
	be_init(program);
}

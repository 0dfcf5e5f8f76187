/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A terminal for somebody at the host: a program on a pseudoterminal, whose bytes go through the request's directory.
 *
 * From the host come files t0, t1, ... one at a time: "i" and input, or "w" and the window's rows and columns.  Each is removed when all of
 * it has been done, which tells the host that the next may come; SIGUSR1 tells that there is one.  Output goes to files o0, o1, ...  The host
 * removes each when it has read it and there is another, and there are never more than KEPT of them, so a host that is slow makes the
 * program wait and needs little room.
 */

#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEGMENT = 1 << 18, KEPT = 4 };

static const char *home;
static int master, peer;

/* What comes from the host. */
static struct {
	unsigned number;
	char *data;
	size_t done, length;
} message;

/* What goes there. */
static struct {
	unsigned number;
	int file;
	size_t length;
} segment = { .file = -1 };

static _Noreturn void give_up(const char *what)
{
	/* The host looks for these words in this program, to see whether it knows what a terminal is. */
	fprintf(stderr, "dumm: terminal: %s: %s\n", what, strerror(errno));
	exit(126);
}

static void set_size(const char *text)
{
	struct winsize size = { 0 };

	if (sscanf(text, "%hu %hu", &size.ws_row, &size.ws_col) == 2)
		ioctl(master, TIOCSWINSZ, &size);
}

static void open_pty(const char *rows, const char *columns)
{
	char size[32];
	int unlocked = 0;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) != 0)
		give_up("/dev/ptmx");
	/* Held open, so that the other end never hangs up before its time. */
	peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (peer < 0)
		give_up("/dev/pts");
	snprintf(size, sizeof(size), "%s %s", rows, columns);
	set_size(size);
}

static pid_t start(char *const words[])
{
	sigset_t none;
	pid_t child = fork();

	if (child < 0)
		give_up("fork");
	if (child > 0)
		return child;
	setsid();
	ioctl(peer, TIOCSCTTY, 0);
	for (int number = 0; number < 3; number++)
		dup2(peer, number);
	/* Whatever who started this one ignored. */
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(words[0], words);
	fprintf(stderr, "%s: %s\n", words[0], strerror(errno));
	_exit(127);
}

static const char *path_of(char kind, unsigned number)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%c%u", home, kind, number);
	return path;
}

/* Whether there is a file to write output to; where there is none the host has to read first. */
static bool have_room(void)
{
	if (segment.file < 0) {
		if (segment.number >= KEPT && access(path_of('o', segment.number - KEPT), F_OK) == 0)
			return false;
		segment.file = open(path_of('o', segment.number), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (segment.file < 0)
			give_up("spool");
		segment.length = 0;
	}
	return true;
}

static void put_out(const char *data, size_t length)
{
	while (length > 0) {
		ssize_t written = write(segment.file, data, length);

		if (written < 0)
			give_up("spool");
		data += written;
		length -= written;
		segment.length += written;
	}
	if (segment.length >= SEGMENT) {
		close(segment.file);
		segment.file = -1;
		segment.number++;
	}
}

static void read_program(void)
{
	char data[16384];
	ssize_t length = read(master, data, sizeof(data));

	if (length > 0)
		put_out(data, length);
}

static void finish_message(void)
{
	unlink(path_of('t', message.number++));
	free(message.data);
	message.data = NULL;
}

/* Take up what the host has sent, once all before has been done. */
static void next_message(void)
{
	struct stat status;
	int file;

	while (message.data == NULL && (file = open(path_of('t', message.number), O_RDONLY | O_CLOEXEC)) >= 0) {
		ssize_t length = -1;

		if (fstat(file, &status) == 0 && (message.data = malloc(status.st_size + 1)) != NULL)
			length = read(file, message.data, status.st_size);
		close(file);
		if (length < 1)
			give_up("message");
		message.data[length] = '\0';
		message.length = length;
		message.done = 1;
		if (message.data[0] == 'w')
			set_size(message.data + 1);
		if (message.data[0] != 'i')
			finish_message();
	}
}

static void write_program(void)
{
	ssize_t written = write(master, message.data + message.done, message.length - message.done);

	if (written > 0)
		message.done += written;
	if (message.done == message.length) {
		finish_message();
		next_message();
	}
}

/* Move bytes until the program has ended and all that it wrote is out; its status. */
static int serve(pid_t child, int signals)
{
	bool ended = false;
	int status = 0;

	for (;;) {
		bool room = have_room();
		struct pollfd both[] = {
			{ .fd = master, .events = (room ? POLLIN : 0) | (message.data != NULL && !ended ? POLLOUT : 0) },
			{ .fd = signals, .events = POLLIN },
		};
		struct signalfd_siginfo information;

		if (poll(both, 2, ended && room ? 0 : -1) < 0)
			continue;
		if (ended && room && !(both[0].revents & POLLIN))
			return status;
		if (both[1].revents) {
			while (read(signals, &information, sizeof(information)) > 0)
				;
			next_message();
			if (!ended && waitpid(child, &status, WNOHANG) == child)
				ended = true;
		}
		if (both[0].revents & POLLIN)
			read_program();
		if (both[0].revents & POLLOUT)
			write_program();
	}
}

_Noreturn void be_terminal(int count, char *words[])
{
	sigset_t awaited;
	int signals, status;

	sigemptyset(&awaited);
	sigaddset(&awaited, SIGUSR1);
	sigaddset(&awaited, SIGCHLD);
	sigprocmask(SIG_BLOCK, &awaited, NULL);
	if (count < 5) {
		errno = EINVAL;
		give_up("directory, rows, columns and a program");
	}
	home = words[1];
	prctl(PR_SET_NAME, "dumm-terminal");
	signals = signalfd(-1, &awaited, SFD_CLOEXEC | SFD_NONBLOCK);
	open_pty(words[2], words[3]);
	/* The first output file tells the host that signals are awaited. */
	have_room();
	status = serve(start(words + 4), signals);
	exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

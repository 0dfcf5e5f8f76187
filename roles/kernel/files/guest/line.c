/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The guest's end of the control line: reads doorbells from the serial line, does requests from the spool.  The protocol is that of
 * plugins/module_utils/_lab/inside/agent.py; beyond that a request may have a file "op", which says in words what its shell script
 * "cmd" would do.  What can be done by those words is done here, without starting anything.
 */

#include "line.h"
#include "look.h"
#include "network.h"
#include "seen.h"
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { NAME_ROOM = 32, CHILDREN = 512 };

static struct child {
	pid_t pid;
	char name[NAME_ROOM];
} children[CHILDREN];

/* The warm Python (guest/warm.py), to which requests with a file "warm" are handed on: its line is a pipe. */
static struct {
	pid_t pid;
	int line;
	char first[NAME_ROOM];
	/* One that failed before it did anything is not tried again. */
	bool cold;
} python;

/* A whole file of the request's, or NULL; to be freed. */
static char *read_file(const char *name)
{
	struct stat status;
	int file = open(name, O_RDONLY | O_CLOEXEC);
	char *data = NULL;

	if (file < 0)
		return NULL;
	if (fstat(file, &status) == 0 && (data = malloc(status.st_size + 1)) != NULL) {
		ssize_t length = read(file, data, status.st_size);

		data[length > 0 ? length : 0] = '\0';
	}
	close(file);
	return data;
}

/* Let a descriptor be a file of the request's; what is written there by many small writes is collected by stdio. */
static bool redirect(int number, const char *name, int flags)
{
	int file = open(name, flags | O_CLOEXEC, 0644);

	if (file < 0 || dup2(file, number) < 0)
		return false;
	if (file != number)
		close(file);
	return true;
}

/* Never over what was told already. */
static void write_exit(const char *text)
{
	int file = open("exit", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (file >= 0) {
		/* At once: the host reads as soon as there is a whole line. */
		if (write(file, text, strlen(text)) < 0)
			unlink("exit");
		close(file);
	} else if (errno == ENOSPC || errno == EDQUOT) {
		/* No inode is left, as on a full disk: the host has made a file for that. */
		file = open(".exit", O_WRONLY | O_TRUNC | O_CLOEXEC);
		if (file >= 0 && write(file, text, strlen(text)) > 0)
			link(".exit", "exit");
		close(file);
	}
}

/* One part of "op": a word, and the lines that go with it. */
static int do_part(char *part)
{
	char *rest = strchrnul(part, '\n');
	int status = NOT_MINE;

	if (*rest != '\0')
		*rest++ = '\0';
	if (strcmp(part, "configure") == 0) {
		/* Nothing is heard meanwhile. */
		seen_forget();
		status = configure_network(rest);
	} else if (strcmp(part, "look") == 0) {
		status = show_network(rest);
	}
	fflush(stdout);
	return status;
}

/* What the words in "op" ask for, part by part, until one fails; NOT_MINE where there are none, or they are beyond this program,
 * which the first part tells before anything is done. */
static int do_op(void)
{
	char *op = read_file("op"), *part = op;
	int status = NOT_MINE;

	if (op == NULL)
		return NOT_MINE;
	redirect(1, "out", O_WRONLY | O_CREAT | O_TRUNC);
	redirect(2, "err", O_WRONLY | O_CREAT | O_TRUNC);
	do {
		char *next = strstr(part, "\n\n");

		if (next != NULL) {
			next[1] = '\0';
			next += 2;
		}
		status = do_part(part);
		part = next;
	} while (status == 0 && part != NULL);
	free(op);
	return status;
}

static _Noreturn void run_script(void)
{
	sigset_t none;
	char number[16];
	int file;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	file = open("pid", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (file >= 0 && write(file, number, snprintf(number, sizeof(number), "%d\n", getpid())) > 0 &&
	    redirect(0, "in", O_RDONLY) && redirect(1, "out", O_WRONLY | O_CREAT | O_TRUNC) &&
	    redirect(2, "err", O_WRONLY | O_CREAT | O_TRUNC))
		execl("/bin/sh", "sh", "./cmd", (char *)NULL);
	_exit(127);
}

static void write_status(int status)
{
	char text[32];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "%d signal\n", 128 + WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "%d\n", WEXITSTATUS(status));
	write_exit(text);
}

int do_request(void)
{
	int status = do_op();

	if (status == NOT_MINE) {
		pid_t child = fork();

		if (child == 0)
			run_script();
		waitpid(child, &status, 0);
		write_status(status);
		return 0;
	}
	write_exit(status == 0 ? "0\n" : "1\n");
	return status;
}

/* Begin a request in a process of its own; what it became is written when that ends. */
static void start_script(const char *name)
{
	struct child *place = children;

	while (place < children + CHILDREN && place->pid != 0)
		place++;
	if (place == children + CHILDREN || (place->pid = fork()) < 0) {
		if (place < children + CHILDREN)
			place->pid = 0;
		write_exit("126\n");
		return;
	}
	if (place->pid == 0)
		run_script();
	strcpy(place->name, name);
}

static bool go_to(const char *name)
{
	char path[sizeof(SPOOL) + NAME_ROOM];

	snprintf(path, sizeof(path), SPOOL "/%.*s", NAME_ROOM - 1, name);
	return chdir(path) == 0;
}

static bool begin_alone(void)
{
	int ack = open("ack", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (ack < 0)
		return false;
	close(ack);
	/* One that was given up has nothing left to run; that it was heard is all that counts. */
	return access("cmd", F_OK) == 0;
}

static void tell_python(const char *line)
{
	/* It reads faster than a serial line can bring names. */
	if (python.pid > 0 && dprintf(python.line, "%s\n", line) < 0)
		kill(python.pid, SIGKILL);
}

static void start_python(const char *program, const char *name)
{
	sigset_t none;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	python.pid = fork();
	if (python.pid == 0) {
		dup2(ends[0], 0);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl(program, program, "/.dumm/warm", name, (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	python.line = ends[1];
	strcpy(python.first, name);
	if (python.pid < 0) {
		close(python.line);
		python.pid = 0;
	}
}

/* Let the warm Python have the request in the current directory; whether it is to do it. */
static bool hand_on(const char *name)
{
	char *program;

	if (python.cold || access("op", F_OK) == 0 || (program = read_file("warm")) == NULL)
		return false;
	*strchrnul(program, '\n') = '\0';
	if (python.pid > 0)
		tell_python(name);
	else if (access(program, X_OK) == 0)
		start_python(program, name);
	free(program);
	return python.pid > 0;
}

static void serve(const char *name)
{
	int keep[2], status;

	if (!go_to(name) || hand_on(name) || !begin_alone())
		return;
	keep[0] = dup(1);
	keep[1] = dup(2);
	status = do_op();
	for (int i = 0; i < 2; i++) {
		dup2(keep[i], i + 1);
		close(keep[i]);
	}
	if (status == NOT_MINE)
		start_script(name);
	else
		write_exit(status == 0 ? "0\n" : "1\n");
}

/* Kill a request and all of its process group. */
static void end(const char *name)
{
	char path[sizeof(SPOOL) + NAME_ROOM + 8];
	char *leader;

	snprintf(path, sizeof(path), SPOOL "/%.*s/pid", NAME_ROOM - 1, name);
	leader = read_file(path);
	if (leader != NULL && atoi(leader) > 1)
		kill(-atoi(leader), SIGKILL);
	free(leader);
}

/* Tell a request that there is something for it in its directory. */
static void poke(const char *name)
{
	for (struct child *child = children; child < children + CHILDREN; child++)
		if (child->pid != 0 && strcmp(child->name, name) == 0)
			kill(child->pid, SIGUSR1);
}

static void hear(char *line)
{
	char *name = line[0] == '!' || line[0] == '+' ? line + 1 : line;
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");

	if (length == 0 || name[length] != '\0' || length >= NAME_ROOM)
		return;
	if (name == line) {
		serve(name);
	} else if (line[0] == '+') {
		poke(name);
	} else {
		tell_python(line);
		end(name);
	}
}

/* Call for each request that has not ended. */
static void for_each_open(void (*each)(const char *name, bool all), bool all)
{
	DIR *spool = opendir(SPOOL);
	struct dirent *entry;

	while (spool != NULL && (entry = readdir(spool)) != NULL)
		if (entry->d_name[0] != '.' && strlen(entry->d_name) < NAME_ROOM && go_to(entry->d_name) &&
		    access("exit", F_OK) != 0)
			each(entry->d_name, all);
	if (spool != NULL)
		closedir(spool);
}

/* Tell that a request will never end: one that a predecessor of this process has begun, or one that a warm Python had, whose ack has
 * content. */
static void give_up(const char *name, bool all)
{
	struct stat ack;

	if (stat("ack", &ack) == 0 && (all || ack.st_size > 0)) {
		end(name);
		write_exit("lost\n");
	}
}

/* What the warm Python was told and has not begun. */
static void take_back(const char *name, bool all)
{
	(void)all;
	if (access("warm", F_OK) == 0 && begin_alone())
		start_script(name);
}

static void python_ended(int status)
{
	close(python.line);
	python.pid = 0;
	python.cold = status != 0 && go_to(python.first) && access("ack", F_OK) != 0;
	for_each_open(give_up, false);
	for_each_open(take_back, false);
}

static void collect(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == python.pid)
			python_ended(status);
		for (struct child *child = children; child < children + CHILDREN; child++)
			if (child->pid == pid) {
				child->pid = 0;
				if (go_to(child->name))
					write_status(status);
				break;
			}
	}
}

static void say_hello(void)
{
	char number[16];
	int file = open(SPOOL "/.hello", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (file < 0 || write(file, number, snprintf(number, sizeof(number), "%d\n", getpid())) < 0)
		_exit(1);
	close(file);
	rename(SPOOL "/.hello", SPOOL "/hello");
}

static int open_line(void)
{
	struct termios raw;
	int line = open("/dev/ttyS0", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (line < 0 || tcgetattr(line, &raw) != 0)
		_exit(1);
	cfmakeraw(&raw);
	tcsetattr(line, TCSANOW, &raw);
	return line;
}

static _Noreturn void serve_line(void)
{
	char heard[4096];
	size_t length = 0;
	sigset_t ends;
	int line = open_line();
	int ended;

	prctl(PR_SET_NAME, "dumm-agent");
	sigemptyset(&ends);
	sigaddset(&ends, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	ended = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	for_each_open(give_up, true);
	seen_begin();
	say_hello();
	for (;;) {
		struct pollfd either[2 + SEEN_POLLS] = { { .fd = line, .events = POLLIN }, { .fd = ended, .events = POLLIN } };
		struct signalfd_siginfo information;
		char *stop;
		int longest = seen_await(either + 2);

		if (poll(either, 2 + SEEN_POLLS, longest) < 0)
			continue;
		/* First of all, or somebody could hear of a change by a command's end and not see it in the file. */
		seen_look(either + 2);
		if (either[1].revents) {
			while (read(ended, &information, sizeof(information)) > 0)
				;
			collect();
		}
		if (!either[0].revents)
			continue;
		ssize_t more = read(line, heard + length, sizeof(heard) - 1 - length);

		if (more <= 0)
			_exit(1);
		length += more;
		heard[length] = '\0';
		while ((stop = strchr(heard, '\n')) != NULL) {
			*stop = '\0';
			hear(heard);
			length -= stop + 1 - heard;
			memmove(heard, stop + 1, length + 1);
		}
		/* No name is that long. */
		if (length == sizeof(heard) - 1)
			length = 0;
	}
}

pid_t start_line(void)
{
	sigset_t none;
	pid_t child = fork();
	int nothing;

	if (child != 0)
		return child;
	/* As if there had been no init before it. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	nothing = open("/dev/null", O_RDWR);
	for (int number = 0; nothing >= 0 && number < 3; number++)
		dup2(nothing, number);
	if (nothing > 2)
		close(nothing);
	unsetenv("TERM");
	unsetenv("dumm_init");
	unsetenv("dumm_name");
	serve_line();
}

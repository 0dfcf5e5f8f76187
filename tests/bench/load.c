/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later */

/* What the benchmarks let a guest and its host do: the same static program on both sides.  Each use prints its figures in one line.
 *
 *   load sink PORT                 all that comes over one TCP connection: bytes per second
 *   load swallow PORT              all datagrams until half a second passes without one: bytes per second, datagrams
 *   load echo PORT COUNT           send so many datagrams back
 *   load tcp ADDRESS PORT SECONDS  send as much as goes
 *   load udp ADDRESS PORT SECONDS SIZE
 *   load ask ADDRESS PORT COUNT    datagrams there and back: least and median seconds
 *   load calls COUNT               system calls: seconds each
 *   load programs COUNT            fork, exec and wait: seconds each
 *   load files DIRECTORY COUNT     create, stat and unlink: seconds each
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (1 << 17)
/* ICMP may say that nobody listens yet. */
#define TRIES 200

static char block[BLOCK];

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void check(int good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

static void patience(int end, double seconds)
{
	struct timeval time = { (time_t)seconds, (suseconds_t)((seconds - (time_t)seconds) * 1e6) };

	setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
}

static int bound(int type, const char *port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int end = socket(AF_INET, type, 0), yes = 1, room = 4 << 20;

	setsockopt(end, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	setsockopt(end, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	check(bind(end, (struct sockaddr *)&here, sizeof(here)) == 0, "bind");
	return end;
}

static int connected(int type, const char *address, const char *port)
{
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int end = -1, done = -1;

	check(inet_pton(AF_INET, address, &there.sin_addr) == 1, address);
	for (int tries = 0; done != 0 && tries < TRIES; tries++) {
		close(end);
		usleep(tries ? 20000 : 0);
		end = socket(AF_INET, type, 0);
		done = connect(end, (struct sockaddr *)&there, sizeof(there));
	}
	check(done == 0, "connect");
	return end;
}

static void sink(const char *port)
{
	int listener = bound(SOCK_STREAM, port), end;
	double bytes = 0, began;
	ssize_t more;

	listen(listener, 1);
	end = accept(listener, NULL, NULL);
	check(end >= 0, "accept");
	began = now();
	while ((more = read(end, block, BLOCK)) > 0)
		bytes += more;
	printf("%.0f\n", bytes / (now() - began));
}

static void swallow(const char *port)
{
	int end = bound(SOCK_DGRAM, port);
	double bytes = 0, began = 0, last = 0;
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	long count = 0;
	ssize_t more;

	patience(end, 20);
	check(recvfrom(end, block, BLOCK, 0, (struct sockaddr *)&from, &length) > 0, "nobody asked");
	sendto(end, block, 1, 0, (struct sockaddr *)&from, length);
	while ((more = recv(end, block, BLOCK, 0)) > 0) {
		last = now();
		if (more == 1)
			continue;
		if (count++ == 0) {
			began = last;
			patience(end, 0.5);
		}
		bytes += more;
	}
	check(count > 1, "nothing came");
	printf("%.0f %ld\n", bytes / (last - began), count);
}

static void echo(const char *port, int count)
{
	int end = bound(SOCK_DGRAM, port);
	struct sockaddr_in from;

	patience(end, 20);
	while (count-- > 0) {
		socklen_t length = sizeof(from);
		ssize_t more = recvfrom(end, block, BLOCK, 0, (struct sockaddr *)&from, &length);

		check(more > 0, "nothing came");
		sendto(end, block, more, 0, (struct sockaddr *)&from, length);
	}
}

static void tcp(const char *address, const char *port, double seconds)
{
	int end = connected(SOCK_STREAM, address, port);
	double stop = now() + seconds;

	while (now() < stop)
		check(write(end, block, BLOCK) > 0, "write");
}

static void udp(const char *address, const char *port, double seconds, size_t size)
{
	int end = connected(SOCK_DGRAM, address, port), ready = 0;
	double stop;

	/* A guest under such a flood would not come to open its socket. */
	patience(end, 0.05);
	for (int tries = 0; !ready && tries < TRIES; tries++) {
		send(end, block, 1, 0);
		ready = recv(end, block, 1, 0) == 1;
		usleep(ready ? 0 : 20000);
	}
	check(ready, "nobody listens");
	stop = now() + seconds;
	while (now() < stop)
		send(end, block, size, 0);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void ask(const char *address, const char *port, int count)
{
	int end = connected(SOCK_DGRAM, address, port), asked = 0;
	double *seconds = calloc(count, sizeof(double));

	patience(end, 0.2);
	for (int tries = 0; asked < count && tries < count + TRIES; tries++) {
		double began = now();

		send(end, block, 64, 0);
		if (recv(end, block, BLOCK, 0) == 64)
			seconds[asked++] = now() - began;
	}
	check(asked == count, "too few answers");
	qsort(seconds, count, sizeof(double), compare);
	printf("%.9f %.9f\n", seconds[0], seconds[count / 2]);
}

static void calls(int count)
{
	double began = now();

	for (int done = 0; done < count; done++)
		syscall(SYS_getppid);
	printf("%.9f\n", (now() - began) / count);
}

static void programs(char *self, int count)
{
	double began = now();

	for (int done = 0; done < count; done++) {
		int status = -1;
		pid_t child = fork();

		if (child == 0) {
			execl(self, self, "nothing", NULL);
			_exit(1);
		}
		waitpid(child, &status, 0);
		check(status == 0, "exec");
	}
	printf("%.9f\n", (now() - began) / count);
}

static void files(const char *directory, int count)
{
	double began, made, seen;
	struct stat what;
	char name[32];

	check(chdir(directory) == 0, directory);
	began = now();
	for (int number = 0; number < count; number++) {
		snprintf(name, sizeof(name), "load.%d", number);
		int file = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);

		check(file >= 0, "open");
		close(file);
	}
	made = now();
	for (int number = 0; number < count; number++) {
		snprintf(name, sizeof(name), "load.%d", number);
		check(stat(name, &what) == 0, "stat");
	}
	seen = now();
	for (int number = 0; number < count; number++) {
		snprintf(name, sizeof(name), "load.%d", number);
		check(unlink(name) == 0, "unlink");
	}
	printf("%.9f %.9f %.9f\n", (made - began) / count, (seen - made) / count, (now() - seen) / count);
}

int main(int count, char **words)
{
	const char *what = count > 1 ? words[1] : "";

	if (strcmp(what, "sink") == 0 && count == 3)
		sink(words[2]);
	else if (strcmp(what, "swallow") == 0 && count == 3)
		swallow(words[2]);
	else if (strcmp(what, "echo") == 0 && count == 4)
		echo(words[2], atoi(words[3]));
	else if (strcmp(what, "tcp") == 0 && count == 5)
		tcp(words[2], words[3], atof(words[4]));
	else if (strcmp(what, "udp") == 0 && count == 6)
		udp(words[2], words[3], atof(words[4]), atoi(words[5]));
	else if (strcmp(what, "ask") == 0 && count == 5)
		ask(words[2], words[3], atoi(words[4]));
	else if (strcmp(what, "calls") == 0 && count == 3)
		calls(atoi(words[2]));
	else if (strcmp(what, "programs") == 0 && count == 3)
		programs(words[0], atoi(words[2]));
	else if (strcmp(what, "files") == 0 && count == 4)
		files(words[2], atoi(words[3]));
	else if (strcmp(what, "nothing") != 0)
		return 2;
	return 0;
}

/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The guest's side of dumm.lab in one static program: the first process, the control line, and a minimal init.
 *
 * It is the twin of the shell scripts in plugins/module_utils/_lab/guest and keeps every promise of theirs; a guest that has it
 * needs a sixtieth of their CPU time to come up, because nothing is forked and executed for a mount or an address.
 */

#ifndef DUMM_GUEST_H
#define DUMM_GUEST_H

#define SPOOL "/.dumm/spool"

/* init.c: become the guest's own init, or be a minimal one. */
_Noreturn void be_init(void);
_Noreturn void be_minimal(void);

/* line.c: serve the control line for good; started anew by whoever called it, should it ever end. */
_Noreturn void serve_line(void);
/* Do what the request in the current directory asks for, without a shell where that can be; its exit status. */
int do_request(void);

/* network.c: carry out lines of ip, tc and sysctl words; 0, or 1 after a complaint on standard error.
 * NOT_MINE, before anything was done, where one of them is beyond it. */
enum { NOT_MINE = -1 };
int configure_network(char *lines);

/* look.c: write the guest's network configuration to standard output, as the script of guest/network.py does.
 * Lines of the request are files below /proc/sys whose values are wanted, and "conditions". */
int show_network(char *lines);

/* terminal.c: run a program on a pseudoterminal for somebody at the host; words are the program's own name, the request's directory, rows,
 * columns, and the program with its arguments. */
_Noreturn void be_terminal(int count, char *words[]);

/* netlink.c: rtnetlink(7). */
struct nlmsghdr;
struct rtattr;
struct request;
struct request *new_request(int type, int flags, const void *header, unsigned length);
void add_attribute(struct request *request, int type, const void *data, unsigned length);
/* 0, or 1 after a complaint about the line on standard error. */
int send_request(struct request *request, const char *line);
/* Call for each answer to a dump request; 0, or 1 after a complaint. */
int dump(int type, int family, void (*each)(struct nlmsghdr *message));

/* Run a program and wait for it; its exit status. */
int run_program(char *const words[]);

#endif

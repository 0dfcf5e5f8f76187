/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef DUMM_NETLINK_H
#define DUMM_NETLINK_H

/* rtnetlink(7). */
struct nlmsghdr;
struct rtattr;
struct request;
struct request *new_request(int type, int flags, const void *header, unsigned length);
void add_attribute(struct request *request, int type, const void *data, unsigned length);

/* 0, or 1 after a complaint about the line on standard error. */
int send_request(struct request *request, const char *line);

/* Call for each answer to a dump request; 0, or 1 after a complaint. */
int dump(int type, int family, void (*each)(struct nlmsghdr *message));

#endif

/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Requests to the guest's kernel by rtnetlink(7), one at a time over one socket.
 */

#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
	struct nlmsghdr header;
	char body[1024];
};

/* What the kernel sends at once for a dump (netlink(7): at most 32 KiB). */
static char answers[32768];

static int kernel(void)
{
	static int link = -1;
	int yes = 1;

	if (link < 0) {
		link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
		setsockopt(link, SOL_NETLINK, NETLINK_EXT_ACK, &yes, sizeof(yes));
	}
	return link;
}

struct request *new_request(int type, int flags, const void *header, unsigned length)
{
	static struct request request;

	memset(&request, 0, sizeof(request));
	request.header.nlmsg_len = NLMSG_LENGTH(length);
	request.header.nlmsg_type = type;
	request.header.nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(NLMSG_DATA(&request.header), header, length);
	return &request;
}

void add_attribute(struct request *request, int type, const void *data, unsigned length)
{
	struct rtattr *next = (struct rtattr *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	next->rta_type = type;
	next->rta_len = RTA_LENGTH(length);
	memcpy(RTA_DATA(next), data, length);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(next->rta_len);
}

/* What the kernel says beside the number of the error, if it does. */
static const char *reason(struct nlmsghdr *message)
{
	struct nlmsgerr *error = NLMSG_DATA(message);
	char *end = (char *)message + message->nlmsg_len;
	char *at = (char *)&error->msg + (message->nlmsg_flags & NLM_F_CAPPED ? sizeof(error->msg) : error->msg.nlmsg_len);

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	for (struct nlattr *each = (struct nlattr *)at; at + sizeof(*each) <= end; each = (struct nlattr *)at) {
		if (each->nla_type == NLMSGERR_ATTR_MSG)
			return (char *)each + NLA_HDRLEN;
		if (each->nla_len < NLA_HDRLEN)
			break;
		at += NLA_ALIGN(each->nla_len);
	}
	return NULL;
}

static int complain(const char *line, int error, const char *why)
{
	fprintf(stderr, "%s: %s\n", line, why != NULL ? why : strerror(error));
	return 1;
}

int send_request(struct request *request, const char *line)
{
	struct nlmsghdr *answer = (struct nlmsghdr *)answers;
	struct nlmsgerr *error;

	request->header.nlmsg_flags |= NLM_F_ACK;
	if (send(kernel(), request, request->header.nlmsg_len, 0) < 0 || recv(kernel(), answers, sizeof(answers), 0) < 0)
		return complain(line, errno, NULL);
	error = NLMSG_DATA(answer);
	if (answer->nlmsg_type != NLMSG_ERROR || error->error == 0)
		return 0;
	return complain(line, -error->error, reason(answer));
}

/* What a dump's request begins with.  What is beyond it counts as attributes, and the kernel complains in its log of those that are none. */
static unsigned header_length(int type)
{
	switch (type) {
	case RTM_GETLINK:
		return sizeof(struct ifinfomsg);
	case RTM_GETADDR:
		return sizeof(struct ifaddrmsg);
	case RTM_GETROUTE:
		return sizeof(struct rtmsg);
	default:
		return sizeof(struct tcmsg);
	}
}

int dump(int type, int family, void (*each)(struct nlmsghdr *message))
{
	/* The longest of them; each begins with the family. */
	struct tcmsg header = { .tcm_family = family };
	struct request *request = new_request(type, NLM_F_DUMP, &header, header_length(type));

	if (send(kernel(), request, request->header.nlmsg_len, 0) < 0)
		return complain("dump", errno, NULL);
	for (;;) {
		ssize_t length = recv(kernel(), answers, sizeof(answers), 0);
		struct nlmsghdr *message = (struct nlmsghdr *)answers;

		if (length < 0)
			return complain("dump", errno, NULL);
		for (; NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
			if (message->nlmsg_type == NLMSG_DONE)
				return 0;
			if (message->nlmsg_type == NLMSG_ERROR)
				return complain("dump", -((struct nlmsgerr *)NLMSG_DATA(message))->error, NULL);
			each(message);
		}
	}
}

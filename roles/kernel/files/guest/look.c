/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The guest's network configuration, told as "ip -j addr", "ip -j route", "ip -j -6 route" and "tc -j qdisc" do, in the parts of the
 * script in plugins/module_utils/_lab/inside/network.py; of what these tell, only what is used there.
 */

#include "look.h"
#include "netlink.h"
#include "program.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK "--dumm--\n"

enum { MOST_ATTRIBUTES = 64, MOST_LINKS = 1024, MOST_ADDRESSES = 4096 };

static struct link {
	int index;
	unsigned flags, mtu;
	unsigned char mac[6];
	bool ethernet, bonded;
	char name[IFNAMSIZ];
} links[MOST_LINKS];
static int link_count;

static struct address {
	unsigned index, flags;
	unsigned char family, length, scope, bytes[16];
} addresses[MOST_ADDRESSES];
static int address_count;

static bool first, queues;

static void sort(struct rtattr *from, int length, struct rtattr *found[MOST_ATTRIBUTES])
{
	memset(found, 0, MOST_ATTRIBUTES * sizeof(*found));
	for (; RTA_OK(from, length); from = RTA_NEXT(from, length))
		if ((from->rta_type & NLA_TYPE_MASK) < MOST_ATTRIBUTES)
			found[from->rta_type & NLA_TYPE_MASK] = from;
}

static unsigned number(const struct rtattr *attribute)
{
	return *(unsigned *)RTA_DATA(attribute);
}

/* A name as JSON; the kernel allows everything but slashes and white space in one. */
static void quote(const char *name)
{
	putchar('"');
	for (; *name != '\0'; name++)
		if (*name == '"' || *name == '\\')
			printf("\\%c", *name);
		else
			putchar(*name);
	putchar('"');
}

static void separate(void)
{
	if (!first)
		putchar(',');
	first = false;
}

static const char *name_of(unsigned index)
{
	for (int i = 0; i < link_count; i++)
		if (links[i].index == (int)index)
			return links[i].name;
	return "?";
}

static void keep_link(struct nlmsghdr *message)
{
	struct ifinfomsg *header = NLMSG_DATA(message);
	struct rtattr *has[MOST_ATTRIBUTES];
	struct link *link = links + link_count;

	sort(IFLA_RTA(header), IFLA_PAYLOAD(message), has);
	if (link_count == MOST_LINKS || has[IFLA_IFNAME] == NULL)
		return;
	*link = (struct link){ .index = header->ifi_index, .flags = header->ifi_flags };
	snprintf(link->name, sizeof(link->name), "%s", (char *)RTA_DATA(has[IFLA_IFNAME]));
	link->mtu = has[IFLA_MTU] ? number(has[IFLA_MTU]) : 0;
	link->ethernet = has[IFLA_ADDRESS] != NULL && RTA_PAYLOAD(has[IFLA_ADDRESS]) == sizeof(link->mac);
	if (link->ethernet)
		memcpy(link->mac, RTA_DATA(has[IFLA_ADDRESS]), sizeof(link->mac));
	/* Then its address is that of its bond. */
	link->bonded = has[IFLA_MASTER] != NULL && link->ethernet && has[IFLA_PERM_ADDRESS] != NULL &&
		       RTA_PAYLOAD(has[IFLA_PERM_ADDRESS]) == sizeof(link->mac) &&
		       memcmp(link->mac, RTA_DATA(has[IFLA_PERM_ADDRESS]), sizeof(link->mac)) != 0;
	link_count++;
}

static void keep_address(struct nlmsghdr *message)
{
	struct ifaddrmsg *header = NLMSG_DATA(message);
	struct rtattr *has[MOST_ATTRIBUTES], *local;
	struct address *address = addresses + address_count;

	sort(IFA_RTA(header), IFA_PAYLOAD(message), has);
	local = has[IFA_LOCAL] ? has[IFA_LOCAL] : has[IFA_ADDRESS];
	if (address_count == MOST_ADDRESSES || local == NULL || RTA_PAYLOAD(local) > sizeof(address->bytes))
		return;
	*address = (struct address){
		.index = header->ifa_index,
		.flags = has[IFA_FLAGS] ? number(has[IFA_FLAGS]) : header->ifa_flags,
		.family = header->ifa_family,
		.length = header->ifa_prefixlen,
		.scope = header->ifa_scope,
	};
	memcpy(address->bytes, RTA_DATA(local), RTA_PAYLOAD(local));
	address_count++;
}

static const char *scope_name(unsigned char scope)
{
	return scope == RT_SCOPE_UNIVERSE ? "global" : scope == RT_SCOPE_LINK ? "link" : scope == RT_SCOPE_HOST ? "host" : "site";
}

static void show_addresses_of(const struct link *link)
{
	char text[INET6_ADDRSTRLEN];

	first = true;
	for (struct address *each = addresses; each < addresses + address_count; each++) {
		if (each->index != (unsigned)link->index)
			continue;
		separate();
		inet_ntop(each->family, each->bytes, text, sizeof(text));
		printf("{\"local\":\"%s\",\"prefixlen\":%d,\"scope\":\"%s\"%s}", text, each->length, scope_name(each->scope),
		       each->flags & IFA_F_PERMANENT ? "" : ",\"dynamic\":true");
	}
}

static void show_links(void)
{
	putchar('[');
	for (struct link *link = links; link < links + link_count; link++) {
		if (link != links)
			putchar(',');
		printf("{\"ifname\":");
		quote(link->name);
		printf(",\"flags\":[%s],\"mtu\":%u,\"address\":\"", link->flags & IFF_UP ? "\"UP\"" : "", link->mtu);
		for (int i = 0; link->ethernet && i < 6; i++)
			printf("%s%02x", i ? ":" : "", link->mac[i]);
		printf("\"%s,\"addr_info\":[", link->bonded ? ",\"master\":\"\",\"permaddr\":\"\"" : "");
		show_addresses_of(link);
		printf("]}");
	}
	puts("]");
}

static const char *protocol_name(unsigned char protocol)
{
	/* rt_protos of iproute2 */
	static const struct {
		unsigned char number;
		const char *name;
	} names[] = {
		{ RTPROT_REDIRECT, "redirect" }, { RTPROT_KERNEL, "kernel" }, { RTPROT_BOOT, "boot" },	{ RTPROT_STATIC, "static" },
		{ RTPROT_RA, "ra" },		 { RTPROT_ZEBRA, "zebra" },   { RTPROT_BIRD, "bird" },	{ RTPROT_DHCP, "dhcp" },
		{ RTPROT_BABEL, "babel" },	 { RTPROT_BGP, "bgp" },	      { RTPROT_ISIS, "isis" }, { RTPROT_OSPF, "ospf" },
		{ RTPROT_RIP, "rip" },		 { RTPROT_EIGRP, "eigrp" },   { RTPROT_KEEPALIVED, "keepalived" },
	};
	static char other[4];

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].number == protocol)
			return names[i].name;
	snprintf(other, sizeof(other), "%hhu", protocol);
	return other;
}

static void show_field(const char *key, int family, const struct rtattr *attribute)
{
	char text[INET6_ADDRSTRLEN];

	if (attribute != NULL && inet_ntop(family, RTA_DATA(attribute), text, sizeof(text)) != NULL)
		printf(",\"%s\":\"%s\"", key, text);
}

static void show_device(unsigned index)
{
	printf(",\"dev\":");
	quote(name_of(index));
}

static void show_hops(int family, struct rtattr *all)
{
	struct rtnexthop *hop = RTA_DATA(all);
	int length = RTA_PAYLOAD(all);
	const char *comma = "";

	printf(",\"nexthops\":[");
	for (; RTNH_OK(hop, length); length -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		struct rtattr *has[MOST_ATTRIBUTES];

		sort(RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop), has);
		printf("%s{\"weight\":%d", comma, hop->rtnh_hops + 1);
		show_field("gateway", family, has[RTA_GATEWAY]);
		show_device(hop->rtnh_ifindex);
		putchar('}');
		comma = ",";
	}
	putchar(']');
}

static void show_route(struct nlmsghdr *message)
{
	struct rtmsg *header = NLMSG_DATA(message);
	struct rtattr *has[MOST_ATTRIBUTES];
	char text[INET6_ADDRSTRLEN];

	sort(RTM_RTA(header), RTM_PAYLOAD(message), has);
	if ((has[RTA_TABLE] ? number(has[RTA_TABLE]) : header->rtm_table) != RT_TABLE_MAIN || header->rtm_flags & RTM_F_CLONED)
		return;
	separate();
	if (has[RTA_DST] == NULL)
		strcpy(text, "default");
	else
		inet_ntop(header->rtm_family, RTA_DATA(has[RTA_DST]), text, sizeof(text));
	printf("{\"dst\":\"%s", text);
	if (has[RTA_DST] != NULL && header->rtm_dst_len != (header->rtm_family == AF_INET ? 32 : 128))
		printf("/%d", header->rtm_dst_len);
	putchar('"');
	show_field("gateway", header->rtm_family, has[RTA_GATEWAY]);
	if (has[RTA_OIF] != NULL)
		show_device(number(has[RTA_OIF]));
	if (has[RTA_MULTIPATH] != NULL)
		show_hops(header->rtm_family, has[RTA_MULTIPATH]);
	printf(",\"protocol\":\"%s\"", protocol_name(header->rtm_protocol));
	if (header->rtm_family == AF_INET && header->rtm_scope != RT_SCOPE_UNIVERSE)
		printf(",\"scope\":\"%s\"", scope_name(header->rtm_scope));
	show_field("prefsrc", header->rtm_family, has[RTA_PREFSRC]);
	if (has[RTA_PRIORITY] != NULL)
		printf(",\"metric\":%u", number(has[RTA_PRIORITY]));
	printf(",\"flags\":[]}");
}

static int show_routes(int family)
{
	int status;

	putchar('[');
	first = true;
	status = dump(RTM_GETROUTE, family, show_route);
	puts("]");
	return status;
}

static void find_queue(struct nlmsghdr *message)
{
	struct tcmsg *header = NLMSG_DATA(message);
	struct rtattr *has[MOST_ATTRIBUTES];

	sort(TCA_RTA(header), TCA_PAYLOAD(message), has);
	queues = queues || (has[TCA_KIND] != NULL && strcmp(RTA_DATA(has[TCA_KIND]), "netem") == 0);
}

bool has_conditions(void)
{
	queues = false;
	return dump(RTM_GETQDISC, AF_UNSPEC, find_queue) != 0 || queues;
}

static void show_queues(void)
{
	static char *const words[] = { "tc", "-j", "qdisc", NULL };

	if (has_conditions()) {
		fflush(stdout);
		run_program(words);
	}
}

/* Each line of a file after the file's name, as grep -H does. */
static void show_value(const char *path)
{
	char line[4096];
	FILE *file = fopen(path, "re");

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		printf("%s:%s%s", path, line, strchr(line, '\n') ? "" : "\n");
	if (file != NULL)
		fclose(file);
}

static void show_devices(void)
{
	char path[64 + IFNAMSIZ], target[256];

	for (struct link *link = links; link < links + link_count; link++) {
		ssize_t length;

		snprintf(path, sizeof(path), "/sys/class/net/%s/device", link->name);
		length = readlink(path, target, sizeof(target) - 1);
		if (length > 0)
			printf("%s %.*s\n", path, (int)length, target);
	}
}

int show_network(char *lines)
{
	bool conditions = false;
	char host[65] = "", *rest = lines;
	int status;

	link_count = address_count = 0;
	status = dump(RTM_GETLINK, AF_UNSPEC, keep_link) || dump(RTM_GETADDR, AF_UNSPEC, keep_address);
	show_links();
	fputs(MARK, stdout);
	status = status || show_routes(AF_INET);
	fputs(MARK, stdout);
	/* A kernel without IPv6 would tell IPv4's instead. */
	if (access("/proc/net/if_inet6", F_OK) == 0)
		status = status || show_routes(AF_INET6);
	fputs(MARK, stdout);
	for (char *at = lines; !conditions && (at = strstr(at, "conditions")) != NULL; at++)
		conditions = at == lines || at[-1] == '\n';
	if (conditions)
		show_queues();
	fputs(MARK, stdout);
	for (char *path; (path = strtok_r(rest, "\n", &rest)) != NULL;)
		if (path[0] == '/')
			show_value(path);
	fputs(MARK, stdout);
	gethostname(host, sizeof(host) - 1);
	puts(host);
	show_devices();
	return status;
}

/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines of words as plugins/module_utils/_lab/inside makes them for ip -batch, tc and the kernel's settings, carried out without these
 * programs; only a queue is left to tc.
 */

#include "network.h"
#include "netlink.h"
#include "program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IPV6_SETTINGS "/proc/sys/net/ipv6/"

enum { MOST_WORDS = 40 };

/* A line in words: a verb of two words, and pairs of a key and its value, as the line has them. */
struct line {
	const char *text;
	char *words[MOST_WORDS + 1];
	int count;
};

struct prefix {
	int family;
	unsigned char bytes[16];
	int length;
	bool whole;
};

static int size_of(int family)
{
	return family == AF_INET6 ? 16 : 4;
}

static bool parse_prefix(const char *text, struct prefix *found)
{
	char address[64];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	found->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	found->whole = slash == NULL;
	found->length = slash ? atoi(slash + 1) : 8 * size_of(found->family);
	return inet_pton(found->family, address, found->bytes) == 1;
}

/* The word after a key; NULL where the key is not there. */
static const char *value_of(const struct line *line, int from, const char *key)
{
	for (int i = from; i + 1 < line->count; i++)
		if (strcmp(line->words[i], key) == 0)
			return line->words[i + 1];
	return NULL;
}

static bool has_word(const struct line *line, const char *word)
{
	for (int i = 0; i < line->count; i++)
		if (strcmp(line->words[i], word) == 0)
			return true;
	return false;
}

/* Number of an interface; 0 after a complaint, as for an interface that is not there. */
static int index_of(const char *name)
{
	int index = if_nametoindex(name);

	if (index == 0)
		fprintf(stderr, "Cannot find device \"%s\"\n", name);
	return index;
}

/* link set NAME [name NEW] [address MAC] [mtu N] [up|down] */
static int set_link(const struct line *line)
{
	const char *name = value_of(line, 3, "name"), *mac = value_of(line, 3, "address"), *mtu = value_of(line, 3, "mtu");
	struct ifinfomsg header = { .ifi_index = index_of(line->words[2]) };
	struct request *request;

	if (header.ifi_index == 0)
		return 1;
	if (has_word(line, "up") || has_word(line, "down")) {
		header.ifi_change = IFF_UP;
		header.ifi_flags = has_word(line, "up") ? IFF_UP : 0;
	}
	request = new_request(RTM_NEWLINK, 0, &header, sizeof(header));
	if (name != NULL)
		add_attribute(request, IFLA_IFNAME, name, strlen(name) + 1);
	if (mtu != NULL)
		add_attribute(request, IFLA_MTU, &(unsigned){ atoi(mtu) }, sizeof(unsigned));
	if (mac != NULL) {
		unsigned char bytes[6];

		if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", bytes, bytes + 1, bytes + 2, bytes + 3, bytes + 4,
			   bytes + 5) != 6) {
			fprintf(stderr, "%s is no address of a link\n", mac);
			return 1;
		}
		add_attribute(request, IFLA_ADDRESS, bytes, sizeof(bytes));
	}
	return send_request(request, line->text);
}

/* addr replace|del ADDRESS/LENGTH dev NAME [nodad] */
static int set_address(const struct line *line)
{
	bool remove = strcmp(line->words[1], "del") == 0;
	const char *device = value_of(line, 3, "dev");
	struct prefix address;
	struct ifaddrmsg header;
	struct request *request;

	if (!parse_prefix(line->words[2], &address)) {
		fprintf(stderr, "%s is no address\n", line->words[2]);
		return 1;
	}
	header = (struct ifaddrmsg){ .ifa_family = address.family, .ifa_prefixlen = address.length };
	header.ifa_index = index_of(device);
	if (header.ifa_index == 0)
		return 1;
	if (address.family == AF_INET && address.bytes[0] == 127)
		header.ifa_scope = RT_SCOPE_HOST;
	if (has_word(line, "nodad"))
		header.ifa_flags = IFA_F_NODAD;
	request = new_request(remove ? RTM_DELADDR : RTM_NEWADDR, remove ? 0 : NLM_F_CREATE | NLM_F_REPLACE, &header,
			      sizeof(header));
	add_attribute(request, IFA_LOCAL, address.bytes, size_of(address.family));
	add_attribute(request, IFA_ADDRESS, address.bytes, size_of(address.family));
	return send_request(request, line->text);
}

/* route replace|del default|PREFIX [via ADDRESS] [dev NAME] [metric N] proto static */
static int set_route(const struct line *line)
{
	bool remove = strcmp(line->words[1], "del") == 0, everything = strcmp(line->words[2], "default") == 0;
	const char *via = value_of(line, 3, "via"), *device = value_of(line, 3, "dev"), *metric = value_of(line, 3, "metric");
	struct prefix to = { .family = AF_INET }, hop = { .family = AF_INET };
	struct rtmsg header;
	struct request *request;

	if ((via != NULL && !parse_prefix(via, &hop)) || (!everything && !parse_prefix(line->words[2], &to))) {
		fprintf(stderr, "%s is no route\n", line->text);
		return 1;
	}
	if (everything)
		to.family = hop.family;
	header = (struct rtmsg){
		.rtm_family = to.family,
		.rtm_dst_len = to.length,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_type = remove ? RTN_UNSPEC : RTN_UNICAST,
		/* As ip-route(8) chooses it. */
		.rtm_scope = remove ? RT_SCOPE_NOWHERE :
			     via != NULL || to.family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
	};
	request = new_request(remove ? RTM_DELROUTE : RTM_NEWROUTE, remove ? 0 : NLM_F_CREATE | NLM_F_REPLACE, &header,
			      sizeof(header));
	if (to.length > 0)
		add_attribute(request, RTA_DST, to.bytes, size_of(to.family));
	if (via != NULL)
		add_attribute(request, RTA_GATEWAY, hop.bytes, size_of(hop.family));
	if (metric != NULL)
		add_attribute(request, RTA_PRIORITY, &(unsigned){ strtoul(metric, NULL, 10) }, sizeof(unsigned));
	if (device != NULL) {
		unsigned index = index_of(device);

		if (index == 0)
			return 1;
		add_attribute(request, RTA_OIF, &index, sizeof(index));
	}
	return send_request(request, line->text);
}

/* sysctl FILE VALUE..., the file below /proc/sys and the value as the rest of the line has it */
static int set_sysctl(const struct line *line)
{
	const char *value = line->text + strlen("sysctl ") + strlen(line->words[1]);
	int file = open(line->words[1], O_WRONLY | O_CLOEXEC);

	if (*value == ' ')
		value++;
	if (file < 0 || dprintf(file, "%s\n", value) < 0) {
		fprintf(stderr, "%s: %s\n", line->words[1], strerror(errno));
		return 1;
	}
	close(file);
	return 0;
}

/* qdisc ... */
static int set_queue(const struct line *line)
{
	char *words[MOST_WORDS + 2] = { "tc" };
	int keep = -1, status;
	bool remove = strcmp(line->words[1], "del") == 0;

	memcpy(words + 1, line->words, sizeof(line->words));
	if (remove) {
		/* One that is to go may never have been made. */
		int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

		keep = dup(2);
		dup2(nothing, 2);
		close(nothing);
	}
	status = run_program(words);
	if (remove) {
		dup2(keep, 2);
		close(keep);
		return 0;
	}
	return status != 0;
}

typedef int (*Deed)(const struct line *line);

/* What a line asks for; NULL where it is none of the forms above. */
static Deed deed_of(const struct line *line)
{
	bool changes = line->count > 4 && (strcmp(line->words[1], "replace") == 0 || strcmp(line->words[1], "del") == 0);
	const char *kind = line->words[0], *via;
	struct prefix to, hop;

	if (line->count > 1 && strcmp(kind, "qdisc") == 0)
		return set_queue;
	if (line->count > 1 && strcmp(kind, "sysctl") == 0)
		return set_sysctl;
	if (line->count > 3 && strcmp(kind, "link") == 0 && strcmp(line->words[1], "set") == 0)
		return set_link;
	if (changes && strcmp(kind, "addr") == 0 && value_of(line, 3, "dev") != NULL)
		return set_address;
	if (changes && strcmp(kind, "route") == 0) {
		via = value_of(line, 3, "via");
		if (via != NULL && parse_prefix(via, &hop) && parse_prefix(line->words[2], &to) && hop.family != to.family)
			return NULL;
		return set_route;
	}
	return NULL;
}

static bool split(char *text, struct line *line, char *room)
{
	char *rest = room;

	line->text = text;
	line->count = 0;
	strcpy(room, text);
	for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL; line->words[line->count++] = word)
		if (line->count == MOST_WORDS)
			return false;
	line->words[line->count] = NULL;
	return true;
}

static bool names_ipv6(const struct line *line)
{
	if (line->count > 1 && strcmp(line->words[0], "sysctl") == 0)
		return strncmp(line->words[1], IPV6_SETTINGS, strlen(IPV6_SETTINGS)) == 0;
	if (line->count < 3 || (strcmp(line->words[0], "addr") != 0 && strcmp(line->words[0], "route") != 0))
		return false;
	for (int i = 2; i < line->count; i++)
		if (strchr(line->words[i], ':') != NULL)
			return true;
	return false;
}

/* Debian's kernels have IPv6 as a module, which an address alone does not load, nor a setting. */
static int load_ipv6(void)
{
	static char *const words[] = { "modprobe", "ipv6", NULL };

	if (access("/proc/net/if_inet6", F_OK) == 0 || run_program(words) == 0)
		return 0;
	fprintf(stderr, "the kernel has no IPv6 (modprobe ipv6 failed)\n");
	return 1;
}

/* Call for each line until one returns something else than 0. */
static int for_each(char *lines, int (*each)(const struct line *line))
{
	struct line line;
	char room[4096];
	int status = 0;

	while (status == 0 && *lines != '\0') {
		char *stop = strchrnul(lines, '\n');
		char was = *stop;

		*stop = '\0';
		if (strlen(lines) >= sizeof(room) || !split(lines, &line, room))
			status = NOT_MINE;
		else if (line.count > 0)
			status = each(&line);
		*stop = was;
		lines = was == '\0' ? stop : stop + 1;
	}
	return status;
}

static bool ipv6;

static int understand(const struct line *line)
{
	ipv6 = ipv6 || names_ipv6(line);
	return deed_of(line) == NULL ? NOT_MINE : 0;
}

static int carry_out(const struct line *line)
{
	return deed_of(line)(line);
}

int configure_network(char *lines)
{
	ipv6 = false;
	if (for_each(lines, understand) != 0)
		return NOT_MINE;
	if (ipv6 && load_ipv6() != 0)
		return 1;
	return for_each(lines, carry_out);
}

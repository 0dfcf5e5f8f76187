#!/bin/sh
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# guard-spans.sh show|check|set PORT ADDRESS...: let none but these lab hosts send to the UDP port of the tunnels between lab hosts, which
# take frames from anybody. The rule is a table of its own (nft(8)); show prints it, check and set print what is to be done.

set -u
what=$1 port=$2
shift 2

# nft(8) would look names up.
for address; do
    case $address in
    *[!0-9a-fA-F.:]* | '')
        echo "'$address' is no IP address; set dumm_address of that lab host in the inventory to an address of its own," \
            "at which the other lab hosts reach it" >&2
        exit 1
        ;;
    esac
done

of_family() {
    family=$1
    shift
    for address; do
        case $address in
        *:*) [ "$family" = ip6 ] && echo "$address" ;;
        *) [ "$family" = ip ] && echo "$address" ;;
        esac
    done | sort -u | paste -sd, | sed 's/,/, /g'
}

rules() {
    echo "table inet dumm_lab {"
    echo "    chain spans {"
    echo "        type filter hook input priority filter; policy accept;"
    echo "        udp dport != $port accept"
    for family in ip ip6; do
        known=$(of_family "$family" "$@")
        [ -z "$known" ] || echo "        $family saddr { $known } accept"
    done
    echo "        drop"
    echo "    }"
    echo "}"
}

if [ "$what" = show ]; then
    rules "$@"
    exit
fi
# What nft makes of it, in a network namespace that ends with the trial.
wanted=$(rules "$@" | unshare --net sh -ec 'nft -f -; nft list table inet dumm_lab') || exit
[ "$wanted" = "$(nft list table inet dumm_lab 2>/dev/null)" ] && exit
[ "$what" = check ] || { echo "table inet dumm_lab" && echo "delete table inet dumm_lab" && rules "$@"; } | nft -f - || exit
echo "let none but these lab hosts send to UDP port $port: $*"

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of strongSwan's tests on stock packages: which cannot be run, why, and which need a word more in their configuration.

Reasons are of the guests' kernel and packages, and are asked for where that is possible: a missing plugin or program is looked for in
a guest.  An adaptation changes configuration only, never what a test checks, and is named in the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from . import format

# Asked of a guest once: prints a word for each thing that is there.
PROBE = r"""
for plugin in /usr/lib/ipsec/plugins/libstrongswan-*.so; do
    plugin=${plugin##*/libstrongswan-}; echo "plugin:${plugin%.so}"
done
for program in apache2 charon-tkm dhcpd freeradius iptables named slapd sqlite3 swanctl traceroute; do
    ! command -v $program >/dev/null || echo "program:$program"
done
[ ! -x /usr/lib/ipsec/charon ] || echo program:charon
! iptables -t filter -L -n >/dev/null 2>&1 || echo kernel:iptables
! ip link add dumm-probe type xfrm dev lo if_id 1 2>/dev/null || { ip link del dumm-probe; echo kernel:xfrmi; }
! ip link add dumm-probe type vti key 1 local 127.0.0.1 remote 127.0.0.1 2>/dev/null || { ip link del dumm-probe; echo kernel:vti; }
"""

# What a command of a test needs, and what lacks it.
_COMMANDS = (
    (r"\b(tkm_cfgtool|tkm_keymanager|xfrm_proxy)\b", "program:charon-tkm", "charon-tkm, which Debian does not package"),
    (r"\bsqlite3\b", "program:sqlite3", "a database of strongSwan's, whose plugins Debian does not build"),
    (r"\bipsec (pool|attest)\b", "plugin:sql", "the plugin sql, which Debian does not build"),
    (r"\bfreeradius\b", "program:freeradius", "FreeRADIUS in the master (strongswan_services)"),
    (r"\bisc-dhcp-server\b", "program:dhcpd", "a DHCP server in the master (strongswan_services)"),
    (r"\bslapd\b", "program:slapd", "an LDAP server in the master (strongswan_services)"),
    (r"\bapache2\b", "program:apache2", "a web server in the master (strongswan_services)"),
    (r"\bipsec (start|up)\b", "program:charon", "the daemon of the package strongswan-charon in the master"),
    (r"\btraceroute\b", "program:traceroute", "traceroute in the master"),
    (r"\bip6?tables(-restore)?\b", "kernel:iptables", "a kernel with iptables, such as the tuned one (make kernel)"),
    (r"\btype xfrm\b|\bxfrmi\b", "kernel:xfrmi", "a kernel with XFRM interfaces, such as the tuned one (make kernel)"),
    (r"\btype vti6?\b|\bmode vti6?\b", "kernel:vti", "a kernel with VTI, such as the tuned one (make kernel)"),
    (r"\bpt-tls-client\b|\bsw-collector\b", "plugin:tnc-tnccs", "the TNC plugins, which Debian does not build"),
)
# Plugins that lists name beside others, and what a test says that does need them.
_OPTIONAL = {"blowfish": "blowfish", "des": "3des", "md4": "mschapv2", "sha3": "sha3", "sqlite": "sqlite"}
# Plugins that are there and need what no kernel has that is not patched for them.
_PATCHED = {"ha": "It needs a kernel with strongSwan's own patch for high availability."}
# What no look into a guest would tell.
_CANNOT = {
    "net2net-sha3-rsa-cert": "Its certificates are signed with SHA-3, which Debian's pki lacks.",
    "net2net-xfrmi-ike": "It needs strongSwan's Python library vici, which Debian does not package.",
    "rw-eap-tls-fragments": "The certificates that the suite brings along for it have expired on 17 August 2026.",
}
_INTEGRITY = re.compile(r"^\s*integrity_test\s*=\s*yes[ \t]*\n", re.MULTILINE)


@dataclass(frozen=True)
class Adapted:
    """A configuration, and how it was adapted.

    :ivar how: words such as ``kdf``; empty where it is as it was.
    """

    text: str
    how: tuple[str, ...] = ()


def adapted(group: str, configuration: str) -> Adapted:
    """A ``strongswan.conf`` for stock packages."""
    how = []
    if _INTEGRITY.search(configuration):
        configuration = _INTEGRITY.sub("", configuration)
        how.append("no integrity_test")
    named = format.plugins(configuration)
    if "ikev1" not in group and "openssl" in named and "kdf" not in named:
        configuration = format.with_plugin(configuration, "kdf")
        how.append("kdf")
    return Adapted(configuration, tuple(how))


def reason_to_skip(there: frozenset[str], commands: str, configurations: Iterable[str], text: str = "") -> str:
    """Why a test cannot be run; empty where it can.

    :param there: what :data:`PROBE` printed.
    :param commands: all commands of the test.
    :param configurations: every ``strongswan.conf`` of the test.
    :param text: its name, and all that it configures.
    """
    name = text.partition("\n")[0]
    if name in _CANNOT:
        return _CANNOT[name]
    for pattern, needed, words in _COMMANDS:
        if needed not in there and re.search(pattern, commands):
            return f"It needs {words}."
    wanted = frozenset[str]().union(*map(format.plugins, configurations))
    for plugin in sorted(wanted & _PATCHED.keys()):
        return _PATCHED[plugin]
    unused = {plugin for plugin, word in _OPTIONAL.items() if word not in text.lower()}
    missing = sorted(each for each in wanted - unused if f"plugin:{each}" not in there)
    if missing:
        named = ", ".join(missing)
        return f"It needs the plugin{'s' if len(missing) > 1 else ''} {named}, which the guests' strongSwan lacks."
    return ""

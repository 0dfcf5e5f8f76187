# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of strongSwan's tests: what they mean, and the shell text that upstream would make of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.strongswan import format, known
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.strongswan.format import Kind, Line
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.strongswan.testbed import through_links


def _check(text: str) -> Line:
    (line,) = format.checks(text, "evaltest.dat")
    return line


def test_comments_and_lines_without_a_command_are_none() -> None:
    text = "# moon::ping\n\nmoon\nmoon::\nmoon::true\n"

    assert [(line.host, line.command, line.place) for line in format.acts(text, "pretest.dat")] == [
        ("moon", "true", "pretest.dat:5")
    ]


@pytest.mark.parametrize(
    "expectation, kind",
    [
        ("YES", Kind.MATCH),
        ("NO", Kind.NO_MATCH),
        ("2", Kind.COUNT),
        ("", Kind.NEVER_FAILS),
        ("YES ", Kind.NEVER_FAILS),
        ("Yes", Kind.NEVER_FAILS),
    ],
)
def test_only_upstreams_expectations_can_fail(expectation: str, kind: Kind) -> None:
    assert _check(f"moon::cat x::y::{expectation}").kind is kind


@pytest.mark.parametrize(
    "expectation, found, good",
    [
        ("YES", 0, False),
        ("YES", 3, True),
        ("NO", 0, True),
        ("NO", 1, False),
        ("2", 2, True),
        ("2", 3, False),
        # Upstream echoes what was found, and counts the lines of that.
        ("1", 0, True),
        ("0", 0, False),
        ("", 0, True),
    ],
)
def test_an_expectation_holds_as_upstream_sees_it(expectation: str, found: int, good: bool) -> None:
    assert _check(f"moon::cat x::y::{expectation}").said(found) is good


def test_the_command_of_a_check_is_not_quoted_and_blanks_are_joined() -> None:
    line = _check("moon :: swanctl  --list-sas 2> /dev/null::a  b::YES")

    assert format.check_text(line) == "ssh moon swanctl --list-sas 2> /dev/null >out 2>err"
    assert format.grep_text(line) == 'grep "a b" <out'


def test_the_command_of_an_act_is_quoted_so_that_the_guest_sees_its_redirections() -> None:
    (line,) = format.acts("moon::iptables-restore  < /etc/iptables.rules\n", "pretest.dat")

    assert format.act_text(line) == 'ssh moon "iptables-restore < /etc/iptables.rules"'


def test_only_the_very_word_is_a_look_at_what_tcpdump_saw() -> None:
    assert _check("moon::tcpdump::ESP::YES").is_capture
    assert not _check("moon::tcpdump -r x::ESP::YES").is_capture


def test_an_address_of_ipv6_that_is_not_escaped_moves_the_fields_as_upstream() -> None:
    assert _check("moon::ping6 fec0::1::64 bytes::YES").expectation == "64 bytes"


def test_placeholders_are_replaced_the_longest_first() -> None:
    pairs = format.placeholders(
        {"HOSTNAMEIPV4": "moon,192.168.0.1,10.1.0.1 bob,10.2.0.10", "HOSTNAMEIPV6": "moon,fec0::1,fec1::1 bob,fec2::10"}
    )

    assert (
        format.replaced(b"PH_IP_MOON1 PH_IP_MOON PH_IP6_MOON1 PH_IP6_MOON PH_IPV6_BOB PH_IP_BOB", pairs)
        == b"10.1.0.1 192.168.0.1 fec1::1 fec0::1 fec2::10 10.2.0.10"
    )


_CONF = """charon-systemd {
  load = random nonce openssl vici
  integrity_test = yes
}
libimcv {
  load = no
}
"""


def test_a_list_of_plugins_gets_one_more_and_a_switch_none() -> None:
    assert format.with_plugin(_CONF, "kdf") == _CONF.replace("openssl vici", "openssl vici kdf")
    assert format.plugins(_CONF) == {"random", "nonce", "openssl", "vici"}


def test_an_adaptation_changes_what_stock_packages_lack_and_says_so() -> None:
    adapted = known.adapted("openssl-ikev2", _CONF)

    assert adapted.how == ("no integrity_test", "kdf")
    assert "integrity_test" not in adapted.text and "vici kdf\n" in adapted.text


def test_what_needs_no_adaptation_is_left_as_it_is() -> None:
    text = "charon {\n  load = openssl kdf vici\n}\n"

    assert known.adapted("ikev2", text) == known.Adapted(text)
    assert known.adapted("openssl-ikev1", "load = openssl vici\n").how == ()


_ALL = frozenset(
    {"kernel:iptables", "kernel:vti", "kernel:xfrmi", "program:freeradius", "plugin:vici", "plugin:openssl"}
)


@pytest.mark.parametrize(
    "there, commands, configurations, reason",
    [
        (_ALL, "iptables-restore < /etc/iptables.rules", ["load = vici openssl\n"], ""),
        (_ALL - {"kernel:iptables"}, "iptables-restore < /etc/iptables.rules", [], "It needs a kernel with iptables"),
        (
            _ALL - {"kernel:xfrmi"},
            "ip link add xfrm-moon type xfrm dev eth0 if_id 42",
            [],
            "It needs a kernel with XFRM",
        ),
        (_ALL - {"program:freeradius"}, "freeradius", [], "It needs FreeRADIUS in the master"),
        (
            _ALL,
            "true",
            ["load = vici botan sql\n"],
            "It needs the plugins botan, sql, which the guests' strongSwan lacks.",
        ),
        (_ALL, "true", ["load = vici ha\n"], "It needs a kernel with strongSwan's own patch"),
    ],
)
def test_a_test_is_skipped_with_what_it_needs(
    there: frozenset[str], commands: str, configurations: list[str], reason: str
) -> None:
    said = known.reason_to_skip(there, commands, configurations)

    assert said.startswith(reason) and bool(said) is bool(reason)


def test_a_plugin_that_is_listed_beside_others_is_needed_by_who_uses_it_only() -> None:
    def reason(text: str) -> str:
        return known.reason_to_skip(_ALL, "true", ["load = vici des\n"], text)

    assert reason("alg-3des-md5\nproposals = 3des-md5-modp1024\n") == (
        "It needs the plugin des, which the guests' strongSwan lacks."
    )
    assert reason("alg-sha256\nproposals = aes128-sha256-modp3072\n") == ""


def test_a_file_is_written_through_the_links_of_what_lies_below(tmp_path: Path) -> None:
    layer, master = tmp_path / "layer", tmp_path / "master"
    (layer / "etc").mkdir(parents=True)
    (master / "etc/free/files").mkdir(parents=True)
    (master / "etc/free/users").symlink_to("files/authorize")
    (master / "etc/absolute").symlink_to("/etc/free")
    (master / "etc/hosts").symlink_to("elsewhere")
    (layer / "etc/hosts").write_text("")
    (master / "etc/loop").symlink_to("loop")

    def written(inside: str) -> str:
        return through_links(inside, [layer, master])

    assert written("etc/free/users") == "etc/free/files/authorize"
    assert written("etc/absolute/users") == "etc/free/files/authorize"
    assert written("etc/hosts") == "etc/hosts"
    assert written("etc/new/file") == "etc/new/file"
    assert written("etc/loop").startswith("etc")

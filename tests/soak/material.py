# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What mangled scenario files are made of: valid ones, and values, keys, templates and signs that belong somewhere else or nowhere."""

from __future__ import annotations

import datetime
from typing import Any

RICH = """\
description: A bit of everything
defaults: {mem: 48, labels: {kind: test}}
groups:
  router:
    sysctl: {net.ipv4.ip_forward: 1, net.ipv6.conf.all.forwarding: 1}
    files:
      /etc/which: |
        a router
pools: {links: {prefix: [10.255.0.0/24, "fd00:255::/48"]}}
bridges:
  lan: {address: 10.1.0.254/24, prefix: 10.1.0.0/24, mtu: 1400}
  wan: {stp: false, multicast_snooping: false, interfaces: [moon:eth1]}
guests:
  moon:
    groups: [router]
    mem: 64
    disk: 32
    interfaces:
      eth0: {bridge: lan, address: [10.1.0.1/24, "fd01::1/64"], mac: "02:00:00:00:00:01"}
      eth1: {address: 192.168.7.1/24, mtu: 1400, up: true}
    files:
      /etc/motd: {template: "I am {{ name }}, {{ guests | length }} {{ site }}\\n", mode: "0640", owner: root}
      /root/deep/er: {content: "x\\n"}
    vars: {site: here, ports: [1, 2, {three: 3}]}
    run: [echo hello >>/root/hello, {command: touch /root/once, creates: /root/once}]
  sun:
    interfaces:
      eth0: {bridge: lan, address: auto}
    routes: [default via 10.1.0.1, {to: 192.0.2.0/24, via: 10.1.0.1, metric: 50}]
    cmdline: quiet
    ready: {run: "true", within: 30s}
  mars:
    union: cowfs
    init: minimal
links:
  - moon:eth2 -- mars:eth0
  - {a: sun:eth1, b: mars:eth1, prefix: 10.9.0.0/24, delay: 5, loss: 0.5%, rate: 20mbit, name: cable}
"""
SMALL = """\
guests:
  moon:
  sun:
links:
  - moon:eth0 -- sun:eth0
"""
SEEDS = (RICH, RICH, RICH, SMALL)

_WORDS = """
    .. ../../etc / /etc/passwd /dev/null /proc/self/root /a/../b ~ %s%s%n $(reboot) `id` {{1/0}} auto dhcp none absent
    10.0.0.1 10.0.0.1/33 10.0.0.1/-1 10.0.0.1/0.0.0.255 0.0.0.0/0 255.255.255.255/32 127.0.0.1/8 224.0.0.1/24 169.254.0.1/16
    fe80::1%eth0/64 fe80::1/64 ff02::1/64 ::/0 ::1/128 ::ffff:1.2.3.4/96 fd00::/129 1.2.3.4.5/24 10.1.0.0/24 10.1.0.1/24 moon
    moon:eth0 lan nobody:eth0 lo all localhost 64M -5ms 1e9s 100.0001% 1tbit 99999999999999 0x10 0o17 1_000 07 10:20 59:59:59
    net.ipv4.nope kernel.panic mem=1 umid=x init=/bin/sh 02:00:00:00:00:00:00 01:00:5e:00:00:01 00:00:00:00:00:00
"""
_SENTENCES = """\
sun:eth0 -- sun:eth0
moon:eth9 -- mars:eth9
5 s
default via 10.1.0.1 dev eth0 metric -1
blackhole 10.0.0.0/8
{{ 1/0 }}"""
_ODD = (
    "",
    " ",
    "a\0b",
    "\x1b[31mred",
    "\x9b2J",
    "\u202eevil",
    "\ufeff",
    "ü" * 300,
    "x" * 100_000,
    "a\nb",
    "\r",
    "\t",
    "x=" * 3000,
)
_OTHERS: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**40, 0.1, 1e308, float("nan"), float("inf"), [], {}, [[]]),
    *(
        datetime.date(2026, 1, 2),
        b"\xff\xfe\0",
        [1] * 3000,
        {"a": None},
        {"content": "x", "template": "y"},
        list("abc"),
    ),
    *({"command": "true", "unless": ["x"]}, {"run": "true", "within": "1e30s"}, {1: {2: {3: 4}}}, [None, [None, {}]]),
)
VALUES: tuple[Any, ...] = (*_WORDS.split(), *_SENTENCES.splitlines(), *_ODD, "\uff10.0.0.0/8", *_OTHERS)
_KEY_WORDS = """
    guests bridges links pools defaults groups hosts description interfaces bridge address prefix routes sysctl files run mem
    mac mtu delay loss rate corrupt jitter reorder disk layers union faults init cmdline kernel master cpu userspace ready stop
    vars labels up state name a b pool stp group_fwd_mask restart_services mode owner group template eth0 eth9 moon sun lan
    MOON - 1 null __class__
"""
KEYS = (*_KEY_WORDS.split(), "", "a b", "a\0", "\x1b[2J", "é", "x" * 70)
_TEMPLATES = r"""
{{ 1/0 }}
{% include 'x' %}
{% extends '/etc/passwd' %}
{% import 'os' as os %}
{{ lookup('pipe', 'id') }}
{{ nobody.knows }}
{{ [1] | sort(attribute='x') }}
{{ '%s' % () }}
{{ 'x' * 10**10 }}
{{ range(10**9) | list }}
{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}
{{ ''.__class__.__mro__[1].__subclasses__() }}
{%
{{
{% raw %}
{{ cycler.__init__.__globals__.os.popen('id').read() }}
{{ guests | tojson }}
{{ self.__init__ }}
{{ 2**2**20 }}
{{ '\x1b[31m' }}
{{ name.nope() }}
{{ namespace(a=1).__dict__ }}
{{ 'a' | nofilter }}
{{ vars }}
{{ undefined }}
{{ ('x' * 1000) | center(10**9) }}
{{ '{0.__class__}'.format(name) }}
{{ lipsum(n=10**6) }}
{{ joiner.__call__ }}"""
TEMPLATES = _TEMPLATES.splitlines()[1:]
# Each takes all of the CPU time, or of the memory, that it is given.
HEAVY = (
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% set x = namespace(a='x') %}{% for i in range(99999) %}{% set x.a = x.a ~ x.a %}{% endfor %}",
)
_SHORT_SIGNS = """
    *a --- ... [ ] { } | >- ' " # @ ` = ~ 0b12 -.inf
"""
_LONG_SIGNS = """\
<<: *a
!!python/object/apply:os.system [true]
!!bool maybe
!!int x
!!binary '!'
!vault |
!unsafe x
%YAML 9.9
%TAG ! tag:x,2000:
!!set {a}
!!timestamp 2026-13-45
!!float .inf
!!omap [a: 1]
!<tag:yaml.org,2002:map> {}"""
SIGNS = (*_SHORT_SIGNS.split(), *_LONG_SIGNS.splitlines(), "&a ", "? ", ": ", "- ", "\t")
LETTERS = ("\0", "\x1b", "\x07", "\x85", "\u2028", "\ufffe", "\ud800", "😀", "\x7f", "\x9b", ":", " ", "0")

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which packets are meant: expressions of tcpdump's language (pcap-filter(7)), in which guests have their names.

libpcap compiles them (Debian's libpcap0.8, by ctypes); the program that comes out runs in the kernel, at the socket, or here on packets
that were captured already.  libpcap would ask the host's name servers for names that it does not know, so names of guests are replaced
by their addresses before, and all others refused.
"""

from __future__ import annotations

import ctypes
import functools
import ipaddress
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...model.errors import HostError, InvalidInput, nearest

MAX_SNAPLEN = 262144
_LIBRARY = "libpcap.so.0.8"
_ETHERNET = 1
_NETMASK_UNKNOWN = 0xFFFFFFFF
_SUBJECT = "filter"
_TOKEN = re.compile(r"\s+|[A-Za-z0-9_.:][A-Za-z0-9_.:-]*|&&|\|\||\\[\w-]+|.", re.DOTALL)
_WORD = re.compile(r"[A-Za-z0-9_.:]")
_MAC = re.compile(r"(?:[0-9A-Fa-f]{1,2}[:.-]){5}[0-9A-Fa-f]{1,2}")
_NUMBER = re.compile(r"[0-9][0-9.]*|0[xX][0-9A-Fa-f]+")
# What follows one of these is the name of a host, or a list of names, unless it is one of the others.
_ENDS = {"host", "src", "dst"}
_NOT_NAMES = _ENDS | {"net", "port", "portrange", "or", "and", "not", "ra", "ta"}
_FAMILIES = {"ip": 4, "arp": 4, "rarp": 4, "ip6": 6}
_LINK_LAYERS = {"ether", "link", "fddi", "tr", "wlan", "ppp", "slip"}
_OPERATORS = {"and", "or", "not", "&&", "||", "!"}
_NUMBERED = """
    net mask port portrange proto protochain less greater vlan mpls byte pppoes geneve type subtype direction dir gateway len length
    ifindex on ifname rnr rset action
"""
_PROTOCOLS = """
    tcp udp sctp icmp icmp6 igmp igrp pim vrrp carp ah esp atalk aarp decnet lat sca moprc mopdl iso esis es-is isis is-is l1 l2 iih lsp
    snp csnp psnp clnp stp ipx netbeui radio broadcast multicast pppoed llc inbound outbound
"""
# What follows is a number, a port, a network.
_OTHERS = set(_NUMBERED.split())
_WORDS = _NOT_NAMES | set(_FAMILIES) | _LINK_LAYERS | _OPERATORS | _OTHERS | set(_PROTOCOLS.split())
_CONSTANT = re.compile("(?:icmp6?|tcp)(?:-[a-z0-9-]+|type|code|flags)")
Names = Mapping[str, Sequence[str]]
# Of Linux for filters of sockets (linux/filter.h): whether the frame's VLAN tag was taken out of it.
_LOAD_TAGGED = (0x30, 0, 0, 0xFFFFF000 + 48)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint), ("instructions", ctypes.c_void_p)]


class Filter:
    """A compiled expression.

    :ivar expression: as the user wrote it.
    :ivar compiled: the expression with addresses in the place of names.
    """

    def __init__(self, expression: str, names: Names | None = None, snaplen: int = MAX_SNAPLEN) -> None:
        """:raises InvalidInput: where it is no such expression, or names no guest.
        :raises HostError: where libpcap is missing.
        """
        self.expression = expression
        self.compiled = replaced(expression, names or {})
        self._instructions = _compile(self.compiled, snaplen)
        self._code = ctypes.create_string_buffer(self._instructions, len(self._instructions))
        self._run = _library().bpf_filter

    def matches(self, data: bytes, length: int | None = None) -> bool:
        """Whether a packet is meant.

        :param data: the packet from its Ethernet header on, with VLAN tags as on a wire.
        :param length: bytes that it had, if ``data`` is only its beginning.
        """
        size = len(data)
        return bool(self._run(self._code, data, size if length is None else length, size))

    def for_socket(self, snaplen: int) -> bytes:
        """The program for SO_ATTACH_FILTER.

        A socket sees frames without their VLAN tag, on which the expression means something else: these it lets through, to be asked here.
        """
        # The tag is there: take it; else go on behind that.
        return b"".join(
            (_instruction(*_LOAD_TAGGED), _instruction(0x15, 1, 0, 0), everything(snaplen), self._instructions)
        )


def everything(snaplen: int) -> bytes:
    """The program for SO_ATTACH_FILTER that keeps the beginning of every packet."""
    return _instruction(0x06, 0, 0, snaplen)


def _instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _compile(expression: str, snaplen: int) -> bytes:
    library = _library()
    handle = ctypes.c_void_p(library.pcap_open_dead(_ETHERNET, snaplen))
    program = _Program()
    try:
        if library.pcap_compile(handle, ctypes.byref(program), expression.encode(), 1, ctypes.c_uint(_NETMASK_UNKNOWN)):
            said = library.pcap_geterr(handle).decode(errors="replace")
            raise InvalidInput(f"{_SUBJECT} {expression!r}", said, "see pcap-filter(7), which tcpdump uses too")
        code = ctypes.string_at(program.instructions, program.length * 8)
        library.pcap_freecode(ctypes.byref(program))
        return code
    finally:
        library.pcap_close(handle)


@functools.cache
def _library() -> ctypes.CDLL:
    """libpcap.

    :raises HostError: where it is missing.
    """
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        raise HostError(
            "filters of captures",
            "libpcap, which compiles them, is missing on the lab host",
            "install libpcap0.8 (role dumm.lab.host does)",
        ) from None
    library.pcap_open_dead.restype = ctypes.c_void_p
    library.pcap_geterr.restype = ctypes.c_char_p
    library.bpf_filter.restype = ctypes.c_uint
    library.bpf_filter.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint]
    return library


def replaced(expression: str, names: Names) -> str:
    """An expression with addresses in the place of the names of guests.

    A name stands after ``host``, ``src`` or ``dst``, or in a list that begins there: ``src (moon or sun)``, ``host moon or sun``.

    :param names: addresses of each guest, and of each interface (``moon:eth0``), without prefix lengths.
    :raises InvalidInput: for a name that is neither, which libpcap would ask the host's name servers for.
    """
    if "\0" in expression:
        raise InvalidInput(_SUBJECT, "there is a NUL in it", "leave it out")
    return "".join(_translated(expression, names))


@dataclass
class _Place:
    """Where in an expression one is.

    :ivar begins: whether a name follows by all means, even one that is a word of the language.
    :ivar hosts: whether what is no word of the language is the name of a host.
    :ivar family: 4 or 6 where only addresses of one version fit.
    :ivar macs: whether the hosts are MAC addresses.
    :ivar others: whether it is the name of something else: a port, a protocol, a network.
    :ivar operator: whether an operator came last, after which all of this may change.
    """

    begins: bool = False
    hosts: bool = False
    family: int = 0
    macs: bool = False
    others: bool = False
    operator: bool = False

    def takes(self, word: str) -> bool:
        """Whether a word is the name of a host."""
        return word not in _NOT_NAMES if self.begins else self.hosts and word not in _WORDS

    def move(self, word: str) -> None:
        """Go behind a word of the language."""
        if word in _OPERATORS:
            self.operator, self.begins = True, self.begins and word in ("or", "and")
            return
        if self.operator:
            self.family, self.macs, self.operator = 0, False, False
        self.begins = word in _ENDS
        self.hosts = self.begins
        self.others = word in _OTHERS
        self.family = _FAMILIES.get(word, self.family)
        self.macs = self.macs or word in _LINK_LAYERS


def _translated(expression: str, names: Names) -> Iterator[str]:
    place, depth, listed = _Place(), 0, _List(expression)
    for token in _TOKEN.findall(expression):
        depth += (token == "[") - (token == "]")
        if depth > 0 or token.isspace() or not (_WORD.match(token) or token in _OPERATORS):
            listed.pass_by(token, begins=place.begins)
            yield token
        elif place.takes(token):
            yield token if place.macs else listed.one_of(_addresses(token, names, place.family))
            place.begins = place.operator = False
        else:
            _check_word(token, expression, place)
            listed.pass_by(token, begins=place.begins)
            if token in _WORDS:
                place.move(token)
            yield token


@dataclass
class _List:
    """A list of hosts in parentheses, ``src (moon or sun)``, in which there can be no other parentheses."""

    expression: str
    inside: bool = False
    has_many: bool = False
    has_and: bool = False

    def pass_by(self, token: str, *, begins: bool) -> None:
        """Take notice of what is no host."""
        if token == "(" and begins:
            self.inside, self.has_many, self.has_and = True, False, False
        elif token == ")":
            self.inside = False
        elif token in ("and", "&&", "not", "!"):
            self.has_and = True
            self._check()

    def one_of(self, addresses: Sequence[str]) -> str:
        """What a host with these addresses is in an expression."""
        self.has_many |= len(addresses) > 1
        self._check()
        told = " or ".join(addresses)
        return told if self.inside or len(addresses) == 1 else f"({told})"

    def _check(self) -> None:
        if self.inside and self.has_many and self.has_and:
            raise InvalidInput(
                f"filter {self.expression!r}",
                "a list in parentheses has a guest with several addresses, and more than or",
                "write the list apart, such as: host moon and host sun",
            )


def _check_word(word: str, expression: str, place: _Place) -> None:
    """:raises InvalidInput: for what libpcap understands otherwise than the user does."""
    subject = f"filter {expression!r}"
    if word in ("inbound", "outbound"):
        remedy = "name the guest instead: src alice, or dst alice"
        raise InvalidInput(subject, f"{word} is not known, since a packet has two guests", remedy)
    known = word in _WORDS or _NUMBER.fullmatch(word) or _CONSTANT.fullmatch(word)
    if not known and not place.others:
        raise InvalidInput(subject, f"{word!r} is not known", "write the name of a guest after host, src or dst")


def _addresses(name: str, names: Names, family: int) -> Sequence[str]:
    """What a host's name stands for, one or more.

    :raises InvalidInput: where it stands for nothing.
    """
    subject = f"filter: host {name!r}"
    if name not in names:
        if _NUMBER.fullmatch(name) or _MAC.fullmatch(name) or _is_address(name):
            return [name]
        guests = [each for each in names if ":" not in each]
        raise InvalidInput(subject, "there is no such guest", nearest(name, guests))
    found = [each for each in names[name] if not family or ipaddress.ip_address(each).version == family]
    if not found:
        which = f"IPv{family} address" if family else "address"
        raise InvalidInput(subject, f"it has no {which} that the lab knows", "write an address in its place")
    return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

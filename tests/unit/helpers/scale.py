# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenarios of any size, each with much of another thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Config = dict[str, Any]


def star(size: int) -> Config:
    """Segments of 20, with groups, routes and files."""
    segments = max(1, size // 20)
    return {
        "groups": {"router": {"mem": 64, "sysctl": {"net.ipv4.ip_forward": 1}}},
        "bridges": {f"b{each}": {"prefix": [f"10.{each}.0.0/16", f"fd00:{each}::/64"]} for each in range(segments)},
        "guests": {
            f"g{each}": {
                "groups": ["router"],
                "interfaces": {"eth0": {"bridge": f"b{each % segments}"}},
                "files": {"/etc/number": f"{each}\n"},
                **({"routes": [f"default via 10.{each % segments}.0.1"]} if each >= segments else {}),
            }
            for each in range(size)
        },
    }


def chain(size: int) -> Config:
    """Links that take their prefixes from a pool."""
    return {
        "pools": {"links": {"prefix": ["10.0.0.0/8", "fd00::/16"], "subnet": [31, 127]}},
        "guests": {f"g{each}": None for each in range(size)},
        "links": [f"g{each}:eth1 -- g{each + 1}:eth0" for each in range(size - 1)],
    }


def mixed(size: int) -> Config:
    """Links that take their prefixes from a pool of which much is taken, and a segment for each guest."""
    guests = range(size)
    return {
        "pools": {"links": {"prefix": "10.0.0.0/8", "subnet": 31}},
        "bridges": {
            f"b{each}": {"prefix": f"172.{16 + each // 250}.{each % 250}.0/24", "interfaces": [f"g{each}:lan"]}
            for each in guests
        },
        "guests": {
            f"g{each}": {"interfaces": {"lan": {"address": f"10.{each // 250}.{each % 250}.1/30"}}} for each in guests
        },
        "links": [{"a": f"g{each}:eth1", "b": f"g{each + 1}:eth0", "delay": "1ms"} for each in range(size - 1)],
    }


def crowd(size: int) -> Config:
    """Segments of up to a thousand, in which half of the addresses are given."""

    def interfaces(each: int) -> Config:
        segment, host = divmod(each, 500)
        given = {"bridge": f"b{segment}", "address": f"10.{segment}.{host // 250}.{host % 250 + 1}/16"}
        return {"eth0": given, "eth1": {"bridge": f"b{segment}"}}

    return {
        "bridges": {f"b{each}": {"prefix": f"10.{each}.0.0/16"} for each in range(size // 500 + 1)},
        "guests": {f"g{each}": {"interfaces": interfaces(each)} for each in range(size)},
    }


SHAPES: dict[str, Callable[[int], Config]] = {"star": star, "chain": chain, "mixed": mixed, "crowd": crowd}

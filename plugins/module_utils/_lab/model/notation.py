# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How single values are written, and what the model makes of them: paths, prefixes, times, shares, rates, routes.  Pure.

Each function takes text and raises InvalidInput; the subject of that error is the text alone, for the caller knows the place.
Units are those of tc(8), except that a bare number is milliseconds where tc(8) has microseconds.
"""

from __future__ import annotations

import ipaddress
import keyword
import re
from fractions import Fraction

from . import rules
from .addressing import Address, Network
from .conditions import MAX_RATE, MIN_RATE
from .errors import InvalidInput
from .lab import ANY_CPU, Route

AUTO = "auto"
MAX_WITHIN = 3600.0  # seconds
MAX_JITTER = 2_147  # ms
MAX_NAME = 255  # bytes: NAME_MAX (linux/limits.h)
MAX_PATH = 4095  # bytes: PATH_MAX less the final zero
MAX_SYSCTL = 255  # letters, in /proc/sys no name comes near
_MAX_VALUE = 4095  # one page less its final zero (proc_sys_call_handler, fs/proc/proc_sysctl.c, and do_proc_dointvec)
MAX_METRIC = 2**32 - 1
MAX_CPU = 8191  # NR_CPUS of x86-64 is 8192 at most (arch/x86/Kconfig)

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?) ?([a-z%]+)", re.IGNORECASE)
_TIMES = {  # in ms
    **dict.fromkeys(("s", "sec", "secs"), Fraction(1000)),
    **dict.fromkeys(("ms", "msec", "msecs"), Fraction(1)),
    **dict.fromkeys(("us", "usec", "usecs"), Fraction(1, 1000)),
    **dict.fromkeys(("ns", "nsec", "nsecs"), Fraction(1, 1_000_000)),
}
# In tc(8) "bps" is bytes a second.
_RATES = {
    f"{prefix}{unit}": Fraction(factor * bits)
    for prefix, factor in {
        **{prefix: 1000**power for power, prefix in enumerate(("", "k", "m", "g", "t"))},
        **{prefix: 1024**power for power, prefix in enumerate(("ki", "mi", "gi", "ti"), 1)},
    }.items()
    for unit, bits in (("bit", 1), ("bps", 8))
}
# Each letter has one way to be matched: a pattern that has several takes years for a long name.
_SYSCTL = re.compile(r"\w[\w-]*[./][\w@:.*-]+(/[\w@:.*-]+)*")
_LONGEST_NUMBER = 30  # letters, more than any value within its limits needs
# Words of kernels.boot_line that a guest would not start without, or would get somewhere else with; the kernel takes the last of two.
_OURS = re.compile(
    r"(mem|umid|uml_dir|root|rootfstype|rootflags|con0?|ssl0?|dumm_name|dumm_init|seccomp)=|noreboot$|vec[0-9]+:",
    re.ASCII,
)
_OTHERWISE = {
    "mem": "set mem of the guest",
    "dumm_init": "set init of the guest",
    "seccomp": "set userspace of the guest",
}
# Variables that the inventory itself gives a guest (guests.py, plugins/inventory/dumm.py).
OF_THE_INVENTORY = frozenset(
    {
        "ansible_dumm_guest",
        "dumm_interfaces",
        "dumm_kernel",
        "dumm_lab_host",
        "dumm_lab_host_vars",
        "dumm_labels",
        "dumm_master",
        "dumm_mem",
        "dumm_scenario",
        "dumm_state",
        "dumm_workdir",
    }
)
MAX_OWNER = 2**32 - 2  # the number above it is for "leave it as it is" (chown(2))
MAX_CONFINED_OWNER = 2**16 - 1  # a confined guest has so many users (users.COUNT)
_MADE_BY_KERNEL = ("/proc", "/sys", "/dev", "/.dumm")
_MODE = re.compile(r"0?[0-7]{3,4}")
_END = re.compile(r"([^\s:]+):([^\s:]+)")


def guest_name(text: str) -> str:
    """Name of a guest."""
    rules.check_guest_name(text)
    return text


def bridge_name(text: str) -> str:
    """Name of a bridge."""
    rules.check_bridge_name(text)
    return text


def iface_name(text: str) -> str:
    """Name of an interface."""
    rules.check_ifname("", text)
    return text


def reference(text: str) -> str:
    """A kernel or a master: a name in the working directory or an absolute path."""
    if not text.startswith("/") and ("/" in text or text.startswith(".") or not text):
        raise InvalidInput(
            text,
            f"{text!r} is neither a name nor an absolute path",
            "name one of the working directory, or give the full path",
        )
    if "\0" in text:
        raise InvalidInput(text, "there is a NUL in the path, which no path can have", "leave it out")
    return text


def init(text: str) -> str | None:
    """A guest's init; ``None`` for ``auto``."""
    if text in ("", AUTO):
        return None
    if text != "minimal" and (not text.startswith("/") or any(letter.isspace() for letter in text)):
        raise InvalidInput(text, f"{text!r} is no path in the guest", "give an absolute path, minimal, or auto")
    return text


def cmdline(text: str) -> str:
    """Kernel arguments, on one line."""
    if not text.isprintable():
        raise InvalidInput(text, "there are unprintable characters", "write it on one line")
    words = text.split()
    ours = next((word for word in words if _OURS.match(word)), None)
    if ours is not None:
        remedy = _OTHERWISE.get(ours.partition("=")[0], "leave it out")
        raise InvalidInput(text, f"{ours} is what the lab itself tells the kernel", remedy)
    return " ".join(words)


def cpu(text: str) -> int | None:
    """The CPU of the host that a guest runs on: its number, ``any``, or ``None`` for ``auto``."""
    if text in ("", AUTO):
        return None
    if text == "any":
        return ANY_CPU
    if not (text.isascii() and text.isdecimal()) or len(text) > _LONGEST_NUMBER or int(text) > MAX_CPU:
        raise InvalidInput(text, f"{text!r} is no CPU", "give its number, any, or auto")
    return int(text)


def directory(text: str) -> str:
    """A directory of the host: an absolute path, or one below the working directory."""
    if text.startswith("/"):
        return absolute(text).rstrip("/") or "/"
    found = text.rstrip("/")
    parts = found.split("/")
    if "\0" in text or any(part in ("", ".", "..") for part in parts):
        remedy = "give an absolute path, or one below the working directory such as layers/web"
        raise InvalidInput(text, f"{text!r} is no path of a directory", remedy)
    return found


def layer(text: str) -> str:
    """A directory as :func:`directory`, or a template of its path, which is rendered for each guest."""
    return text if is_template(text) else directory(text)


def is_template(text: str) -> bool:
    """Whether something of a text is left to Jinja2."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


def absolute(text: str) -> str:
    """An absolute path."""
    if not text.startswith("/") or "\0" in text:
        raise InvalidInput(text, f"{text!r} is no absolute path", "give the full path")
    return text


def file_path(text: str) -> str:
    """The path of a file in a guest."""
    parts = absolute(text).split("/")[1:]
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidInput(text, f"{text!r} is no plain path of a file", "leave '.', '..', '//' and a last '/' out")
    if any(len(part.encode(errors="replace")) > MAX_NAME for part in parts):
        raise InvalidInput(text, f"a name in {text!r} is longer than {MAX_NAME} bytes", "give it a shorter one")
    if len(text.encode(errors="replace")) > MAX_PATH:
        raise InvalidInput(text, f"the path is longer than {MAX_PATH} bytes", "give it a shorter one")
    hidden = next((each for each in _MADE_BY_KERNEL if text == each or text.startswith(f"{each}/")), None)
    if hidden is not None:
        remedy = "write it with run, or set sysctl" if hidden in ("/proc", "/sys") else "give the file another path"
        raise InvalidInput(text, f"a running guest has a {hidden} of its own, in which no file is seen", remedy)
    return text


def command(text: str) -> str:
    """A command for the guest's shell."""
    if not text.strip():
        raise InvalidInput(text, "there is no command", "give one, or leave it out")
    if "\0" in text:
        raise InvalidInput(text, "there is a NUL in the command, which no command can have", "leave it out")
    return text


def variable(text: str) -> str:
    """Name of an Ansible variable."""
    if not (text.isascii() and text.isidentifier()) or keyword.iskeyword(text):
        raise InvalidInput(
            text, f"{text!r} is no name of a variable", "use letters, digits and '_', no digit first, no word of Python"
        )
    if text in OF_THE_INVENTORY:
        raise InvalidInput(text, f"the variable {text} is set by the inventory itself", "give it another name")
    return text


def service(text: str) -> str:
    """Name of a service."""
    return _word(text, "name of a service", "give one, such as nginx")


def lab_host(text: str) -> str:
    """Name of a lab host, as an inventory has it."""
    return _word(text, "name of a lab host", "give one of the inventory, such as lab1")


def together(text: str) -> str:
    """A word that guests have in common."""
    return _word(text, "word", "give one, such as site1")


def _word(text: str, kind: str, remedy: str) -> str:
    """Something that is printed, without blanks in it.

    :raises InvalidInput: where it is not that.
    """
    if not text or not text.isprintable() or " " in text:
        raise InvalidInput(text, f"{text!r} is no {kind}", remedy)
    return text


def mode(text: str) -> int:
    """Permissions of a file."""
    if not _MODE.fullmatch(text):
        raise InvalidInput(text, f"{text!r} is no octal file mode", 'give one such as "0644"')
    return int(text, 8)


def address(text: str) -> str:
    """An address with prefix length, or ``auto``."""
    return text if text == AUTO else rules.parse_address(text, text)


def mac(text: str) -> str:
    """A MAC address."""
    return rules.parse_mac(text, text)


def leg(text: str) -> str:
    """An address with prefix length."""
    return rules.parse_address(text, text)


def prefix(text: str) -> Network:
    """A prefix."""
    if "/" not in text:
        raise InvalidInput(text, f"{text!r} is no prefix", "write it as 10.0.0.0/24 or fd00::/64")
    rules.without_zone(text, text)
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InvalidInput(text, f"{text!r} is no prefix", "write it as 10.0.0.0/24 or fd00::/64") from None
    raise InvalidInput(text, f"{text} is an address in a prefix", f"write the prefix as {meant}")


def segment_prefix(text: str) -> Network:
    """A prefix whose addresses interfaces can have."""
    found = prefix(text)
    rules.check_assignable(found[min(1, found.num_addresses - 1)], text)
    return found


def next_hop(text: str) -> str:
    """The address of a host, without prefix length."""
    found = ipaddress.ip_address(_plain_address(text))
    rules.check_assignable(found, text)
    return str(found)


def _plain_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(rules.without_zone(text, text)))
    except ValueError:
        raise InvalidInput(text, f"{text!r} is no IP address", "write it as 10.0.0.1 or fd00::1") from None


def destination(text: str) -> str:
    """Where a route leads: ``default`` or a prefix; a single address is a prefix of its own."""
    if text == "default":
        return text
    return str(prefix(text)) if "/" in text else str(ipaddress.ip_network(_plain_address(text)))


def route_words(text: str) -> dict[str, object]:
    """A route as ip-route(8) has it: ``default via 10.1.0.1 dev eth0 metric 10``."""
    to, *words = text.split() or [""]
    found: dict[str, object] = {"to": destination(to)}
    for key, value in zip(words[::2], [*words[1::2], None], strict=False):
        if key not in ("via", "dev", "metric") or value is None or key in found:
            raise InvalidInput(text, f"{text!r} is no route", "write it as default via 10.1.0.1 dev eth0 metric 10")
        found[key] = next_hop(value) if key == "via" else value
    if not re.fullmatch("[0-9]{1,10}", str(found.get("metric", 0))) or int(str(found.get("metric", 0))) > MAX_METRIC:
        raise InvalidInput(text, f"metric {found['metric']} is no number", f"give an integer from 0 to {MAX_METRIC}")
    if "metric" in found:
        found["metric"] = int(str(found["metric"]))
    return found


def route(to: str, via: str | None, dev: str | None, metric: int | None) -> Route:
    """A route whose parts fit each other."""
    if via is None and dev is None:
        raise InvalidInput(to, f"the route to {to} leads nowhere", "give via, dev, or both")
    hop = None if via is None else ipaddress.ip_address(via)
    if to != "default" and hop is not None and ipaddress.ip_network(to).version != hop.version:
        raise InvalidInput(to, f"{to} and {via} are not of one IP version", "give a next hop of the same")
    if hop is not None and hop.is_link_local and dev is None:
        raise InvalidInput(to, f"{via} is a link-local address", "say with dev on which interface")
    everything = to in ("0.0.0.0/0", "::/0") and (hop is not None or to == "0.0.0.0/0")
    return Route("default" if everything else to, via, dev, metric)


def version(made: Route) -> int:
    """IP version of a route."""
    text = made.via if made.via is not None else made.to
    return 6 if ":" in text else 4


def milliseconds(text: str, most: int) -> float:
    """Milliseconds."""
    return _limited(text, _quantity(text, _TIMES, "20ms, 1s or 500us"), most, f"{most} ms")


def slot(text: str, most: int) -> tuple[float, ...]:
    """A time, or the least and the most, in milliseconds."""
    times = tuple(milliseconds(word, most) for word in text.split())
    if len(times) not in (1, 2) or times[0] > times[-1]:
        raise InvalidInput(text, f"{text!r} is no range of times", "write it as 20ms, or 10ms 30ms")
    return times[0], times[-1]


def within(text: str) -> float:
    """Seconds that something may take."""
    seconds = _limited(text, _quantity(text, _TIMES, "60s or 500ms") / 1000, MAX_WITHIN, "an hour")
    if not seconds:
        raise InvalidInput(text, f"{text!r} leaves no time", "give more, such as 60s")
    return seconds


def share(text: str) -> float:
    """Percent."""
    return _limited(text, _quantity(text, {"%": Fraction(1)}, "1% or 0.5%"), 100, "100%")


def rate(text: str) -> int:
    """Bits a second."""
    value = _limited(text, _quantity(text, _RATES, "10mbit, 512kbit or 1gbit"), MAX_RATE, "1000 tbit")
    if 0 < value < MIN_RATE:
        raise InvalidInput(
            text, f"the kernel keeps no rate of {text}", f"give {MIN_RATE}bit or more, or 0 for no limit"
        )
    return round(value)


def _quantity(text: str, units: dict[str, Fraction], example: str) -> float:
    if len(text) > 2 * _LONGEST_NUMBER:
        raise InvalidInput(text, f"{text!r} is too long for a number with a unit", f"write it as {example}")
    found = _QUANTITY.fullmatch(text.strip())
    factor = units.get(found[2].lower()) if found else None
    if found is None or factor is None:
        raise InvalidInput(text, f"{text!r} is not a number with a unit", f"write it as {example}")
    return float(Fraction(found[1]) * factor)


def _limited(text: str, value: float, limit: float, said: str) -> float:
    if value > limit:
        raise InvalidInput(text, f"{text} is out of range", f"give {said} or less")
    return value


def sysctl_name(text: str) -> str:
    """Name of a kernel setting, with dots or slashes (sysctl(8))."""
    if not _SYSCTL.fullmatch(text) or ".." in text or text.endswith(".") or len(text) > MAX_SYSCTL:
        raise InvalidInput(text, f"{text!r} is no kernel setting", "give its full name, such as net.ipv4.ip_forward")
    return text


def sysctl_value(text: str) -> str:
    """Value of a kernel setting, on one line."""
    if not text.replace("\t", " ").isprintable():
        raise InvalidInput(text, "there are unprintable characters", "write it on one line")
    value = " ".join(text.split())
    if (size := len(value.encode())) > _MAX_VALUE:
        raise InvalidInput(value[:40], f"the value has {size} bytes", f"give it {_MAX_VALUE} or fewer")
    return value


def end(text: str) -> tuple[str, str]:
    """An interface of a guest: ``alice:eth0``."""
    found = _END.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(text, f"{text!r} is no interface of a guest", "write it as alice:eth0")
    rules.check_ifname(found[1], found[2])
    return found[1], found[2]


def cable(text: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Both ends of a link: ``moon:eth2 -- sun:eth2``."""
    words = text.split()
    if len(words) != 3 or words[1] != "--":
        raise InvalidInput(text, f"{text!r} is no link", "write it as moon:eth2 -- sun:eth2")
    return end(words[0]), end(words[2])


def ip_of(text: str) -> Address:
    """The address in an address with prefix length."""
    return ipaddress.ip_interface(text).ip


def network_of(text: str) -> Network:
    """The prefix in an address with prefix length."""
    return ipaddress.ip_interface(text).network

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guests of a working directory as Ansible's hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dumm
short_description: Guests of a virtual network lab as hosts
version_added: 0.1.0
author:
  - dumm.lab contributors (@dumm-lab)
description:
  - Makes a host of every guest in a working directory, one that is off too. Tasks run in it by the connection plugin
    P(dumm.lab.dumm#connection), so that a playbook needs neither SSH nor a network into the guests.
  - A guest whose name means something else to Ansible, such as V(all) or V(localhost), is left out with a warning.
  - Reads definitions and looks at the guests' processes. No guest is asked for anything.
  - The configuration is a YAML file whose name ends with V(dumm.yml) or V(dumm.yaml).
  - Every host is in the group V(dumm_guests) and in V(state_<state>), V(kernel_<name>) and V(master_<name>). It is in V(bridge_<name>)
    for each bridge that one of its interfaces is plugged into, in V(scenario_<name>) if it belongs to a scenario, and in
    V(label_<key>_<value>) for each of its labels. In names of groups what is no letter, digit or underscore becomes an underscore.
  - Every host has the variables C(dumm_state), one of V(stopped), V(starting), V(running), V(paused), V(died), and C(dumm_scenario),
    C(dumm_mem), C(dumm_kernel), C(dumm_master), C(dumm_labels), C(dumm_interfaces) and C(dumm_workdir). In C(dumm_interfaces) are, by name,
    C(bridge), C(address) (a list), C(mac), C(mtu) and C(up), as they are defined.
  - The C(vars) of the scenario's file are variables of the host by their own names. Their text is not templated. Those that decide where
    and how tasks run, C(ansible_connection) and all others of Ansible's own but interpreters, are left out with a warning unless
    O(allow_vars) names them.
  - A host has C(dumm_lab_host) and C(dumm_lab_host_vars), and is in the group V(lab_host_<name>), where there is O(lab_host) or
    O(lab_hosts).
  - The group V(dumm_guests) has the variables C(ansible_connection), C(ansible_pipelining) and C(ansible_python_interpreter), and those of
    a host, of C(group_vars) and of C(host_vars) go before them.
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [dumm.lab.dumm]
  workdir:
    description: The working directory of the lab.
    type: path
    default: /var/lib/dumm
    env:
      - name: DUMM_WORKDIR
  lab_host:
    description:
      - The machine that has the lab, where the controller is another one.
      - Its name in an inventory that is read before this one (C(-i hosts -i lab.dumm.yml)), with the variables of that inventory and of
        C(host_vars) and C(group_vars) beside this file; or a name that C(ssh) knows.
      - The guests get it as C(dumm_lab_host), so that their tasks go there, too.
    type: str
    default: ""
    env:
      - name: DUMM_LAB_HOST
  lab_hosts:
    description:
      - The machines that have a lab together.
      - Names of hosts or of groups of an inventory that is read before this one (C(-i hosts -i lab.dumm.yml)), such as V(labhosts).
      - All of them are asked at the same time. One that cannot be reached is a warning, and its guests are left out.
      - A lab host whose variable C(dumm_workdir) is set has its working directory there, else it is O(workdir).
      - Not together with O(lab_host).
    type: list
    elements: str
    default: []
    version_added: 0.1.0
  prefix:
    description:
      - What the name of each host begins with, before the name of the guest.
      - For several labs that have guests of the same name (C(-i lab1.dumm.yml -i lab2.dumm.yml)).
      - The host V(b-alice) is the guest V(alice) then, which C(ansible_dumm_guest) says.
    type: str
    default: ""
  allow_vars:
    description:
      - Which of Ansible's own variables the C(vars) of a scenario's file may set, by name or by pattern, such as V(ansible_user) or
        V(ansible_become*).
      - The author of that file then decides where and how tasks for its guests run. With V(ansible_connection) or V(ansible_ssh_*) that
        may be any program on the controller.
      - Interpreters, such as C(ansible_python_interpreter), need not be named, since they run in the guest.
    type: list
    elements: str
    default: []
    version_added: 0.1.0
notes:
  - Needs root on the lab host.
  - A cache, which is off by default, keeps the states of the guests too, as they were when it was filled.
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
"""

EXAMPLES = r"""
# lab.dumm.yml: the lab of the default working directory.
# Try it: ansible-inventory -i lab.dumm.yml --graph, ansible -i lab.dumm.yml state_running -m ping
plugin: dumm.lab.dumm

---
# The lab of another machine.
plugin: dumm.lab.dumm
lab_host: lab1.example.org

---
# A lab over several machines, those of the group labhosts: ansible -i hosts -i lab.dumm.yml dumm_guests -m ping
plugin: dumm.lab.dumm
lab_hosts: [labhosts]

---
# Another lab, with variables and groups of one's own.
plugin: dumm.lab.dumm
workdir: /srv/lab2
strict: true
compose:
  # Its first address without the prefix length.
  lab_address: (dumm_interfaces.values() | map(attribute='address') | select | first | first).split('/')[0]
  dumm_timeout: "60"
groups:
  small: dumm_mem < 64
  web: inventory_hostname.startswith('web')
keyed_groups:
  # role_router, role_gateway and so on, from labels such as role: router
  - key: dumm_labels
    separator: _
  - key: dumm_scenario
    prefix: testbed
    default_value: none
leading_separator: false
"""

import fnmatch
import functools
import re
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleParserError
from ansible.inventory.group import to_safe_group_name
from ansible.inventory.helpers import get_group_vars, sort_groups
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19, which takes all text for templates but what is wrapped

    def trust_as_template(value: str) -> str:
        """Text as it is."""
        return value


# Each task is a process forked from this one, and Ansible's loader of collections keeps no byte code: what the connection needs is compiled
# here, once, instead of by every task.
from ansible_collections.dumm.lab.plugins.connection import dumm as _connection  # noqa: F401  pylint: disable=unused-import

# Nothing that imports pyroute2, which takes longer than all that is done here.
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.hosts import Found, look
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.identity import derived
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, listed, nearest
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.rules import meaning_elsewhere

_ALL = "dumm_guests"
# Variables of the group, so that those of a host, of group_vars and of host_vars go before them.
_PRESET = {
    "ansible_connection": "dumm.lab.dumm",
    "ansible_pipelining": True,
    # As it does by itself, without a warning for each guest.
    "ansible_python_interpreter": "auto_silent",
}

# By these the connection finds the guest; guests of earlier versions may have any.
_NEVER = frozenset({"ansible_dumm_guest", "dumm_lab_host", "dumm_lab_host_vars"})
_INTERPRETER = re.compile(r"ansible_\w+_interpreter")

# What else is known of the lab host, its facts above all, is no business of a connection.
_LAB_HOST_VARS = trust_as_template(
    """{%- set known = hostvars[dumm_lab_host] if dumm_lab_host in hostvars else {} -%}
    {%- set names = known | select('match', 'ansible_(?!facts|local)') | list -%}
    {{ dict(names | zip(names | map('extract', known))) }}"""
)


# Lab hosts that are asked at the same time.
_ASKED = 32


@dataclass(frozen=True)
class _Site:
    """Where guests are.

    :ivar lab_host: name of the machine; none for the controller itself.
    :ivar workdir: path of the working directory there.
    """

    lab_host: str
    workdir: str

    def __str__(self) -> str:
        return _lab(self.workdir, self.lab_host)


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """A working directory's guests."""

    NAME = "dumm.lab.dumm"

    def verify_file(self, path: str) -> bool:
        """Whether a file is one of ours, by its name."""
        return bool(super().verify_file(path)) and path.endswith(("dumm.yml", "dumm.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the guests to the inventory.

        :raises AnsibleParserError: where the configuration is wrong or the working directory cannot be read.
        """
        super().parse(inventory, loader, path, cache)
        self._check_options(path, self._read_config_data(path))
        try:
            found = self._guests(path, cache)
        except (DummError, AnsibleError) as exc:
            raise AnsibleParserError(str(exc)) from None
        found = _without_arrived(found)
        self._check_names(found)
        self.inventory.add_group(_ALL)
        for key, value in _PRESET.items():
            self.inventory.set_variable(_ALL, key, _literal(value))
        lab_hosts = {site.lab_host for site in found}
        for site, told in found.items():
            self._add_site(site, self._understood(told), lab_hosts, path)

    def _add_site(self, site: _Site, told: Found, lab_hosts: set[str], path: str) -> None:
        """Add the guests of one machine."""
        prefix = self._prefix()
        hosts = {prefix + guest: guest for guest in told if self._can_be_host(prefix + guest, guest, lab_hosts)}
        for name, guest in hosts.items():
            self._check_other_labs(name, guest, site.lab_host, told[guest])
        variables = self._allowed({guest: told[guest]["variables"] for guest in hosts.values()}, path)
        for name, guest in hosts.items():
            groups = [*told[guest]["groups"], *([f"lab_host_{site.lab_host}"] if site.lab_host else [])]
            self._add(name, groups, _literal(variables[guest]) | _reached_by(name, guest, site.lab_host))

    def _check_names(self, found: dict[_Site, Found]) -> None:
        """A guest is on one machine.

        :raises AnsibleParserError: where two working directories of this inventory have a guest of the same name.
        """
        where: dict[str, _Site] = {}
        for site, told in found.items():
            for guest in told:
                if guest in where:
                    raise AnsibleParserError(
                        f"guest {guest}: it is in {where[guest]} and in {site}; remove it from one of them "
                        f"(dumm.lab.dumm_guest with state: absent on that lab host)"
                    )
                where[guest] = site

    def _understood(self, told: Found) -> Found:
        """The guests without those whose definition cannot be understood."""
        for found in told.values():
            if "damage" in found:
                self.display.warning(f"{found['damage']}. Until then the guest is left out of the inventory.")
        return {name: found for name, found in told.items() if "damage" not in found}

    def _check_options(self, path: str, given: Iterable[str]) -> None:
        """Ansible itself passes over what it does not know."""
        for key in given:
            if key not in self._options:
                raise AnsibleParserError(f"{path}: unknown option {key}; {nearest(key, self._options)}")

    def _prefix(self) -> str:
        prefix: str = self.get_option("prefix")
        if not re.fullmatch(r"[A-Za-z0-9_.-]*", prefix):
            raise AnsibleParserError(
                f"prefix: {prefix!a} cannot begin a host's name; use letters, digits, '_', '.', '-'"
            )
        return prefix

    def _can_be_host(self, name: str, guest: str, lab_hosts: set[str]) -> bool:
        """Whether a guest's name is free to be that of a host; guests of earlier versions may have any."""
        meaning = meaning_elsewhere(name)
        if meaning is None and name in lab_hosts:
            meaning = "that of its lab host, too"
        if meaning is not None:
            self.display.warning(
                f"guest {guest}: it is left out, because the name {name} is {meaning}; "
                "give the guest another name, or all guests of this inventory a prefix"
            )
        return meaning is None

    def _allowed(self, told: dict[str, dict[str, Any]], path: str) -> dict[str, dict[str, Any]]:
        """The variables of guests without those that whoever writes a scenario's file is not to decide about."""
        patterns = self.get_option("allow_vars")
        left_out: dict[str, list[str]] = {}
        for guest, variables in told.items():
            for name in variables:
                if _decides(name) and (name in _NEVER or not any(fnmatch.fnmatchcase(name, each) for each in patterns)):
                    left_out.setdefault(name, []).append(guest)
        for name, who in left_out.items():
            remedy = "rename it" if name in _NEVER else f"to allow it, add allow_vars: [{name}] to {path}"
            self.display.warning(
                f"guest {listed(who)}: the variable {name} of the scenario's file is left out, because it decides where and how "
                f"tasks run; {remedy}"
            )
        return {
            guest: {name: value for name, value in variables.items() if guest not in left_out.get(name, ())}
            for guest, variables in told.items()
        }

    def _check_other_labs(self, name: str, guest: str, lab_host: str, found: dict[str, Any]) -> None:
        """Two sources of an inventory may have labs with guests of the same name, and a host is only one of them.

        :raises AnsibleParserError: where the name is taken by a guest of another lab.
        """
        host = self.inventory.get_host(name)
        if host is None or "dumm_workdir" not in host.vars:
            return
        there = _lab(host.vars["dumm_workdir"], host.vars.get("dumm_lab_host"))
        here = _lab(found["variables"]["dumm_workdir"], lab_host)
        if there != here:
            raise AnsibleParserError(
                f"guest {guest} of {here}: the host {name} is already a guest of {there}; "
                "give prefix in one of the two inventories, such as prefix: b-"
            )

    def _guests(self, path: str, cache: bool) -> dict[_Site, Found]:
        """What is to be known of each guest, from the cache where the user wants that.

        :param cache: whether what is in the cache may be used; else it is only filled.
        """
        sites = self._sites(path)
        if not self.get_option("cache"):
            return self._look(path, sites)
        # One file may be used for several working directories, and on several machines.
        known = {
            site: f"{self.get_cache_key(path)}_{derived(Workdir.at(site.workdir).path)}{site.lab_host}"
            for site in sites
        }
        if not cache or not all(key in self._cache for key in known.values()):
            found = self._look(path, sites)
            for site in found:
                self._cache[known[site]] = found[site]
            return found
        return {site: self._cache[key] for site, key in known.items()}

    def _sites(self, path: str) -> list[_Site]:
        """Where guests are looked for.

        :raises AnsibleParserError: where a name of ``lab_hosts`` is not known.
        """
        workdir: str = self.get_option("workdir")
        one, many = self.get_option("lab_host"), self.get_option("lab_hosts")
        if not many:
            return [_Site(one, workdir)]
        if one:
            raise AnsibleParserError(f"{path}: lab_host and lab_hosts are both given; leave lab_host out")
        names: dict[str, None] = {}
        for name in many:
            group = self.inventory.groups.get(name)
            if group is None and self.inventory.get_host(name) is None:
                raise AnsibleParserError(
                    f"{path}: lab_hosts: no inventory read before has a host or a group {name}; "
                    f"name the inventory that has it first (-i hosts -i {path})"
                )
            names |= dict.fromkeys([name] if group is None else [host.name for host in group.get_hosts()])
        return [_Site(name, str(self._known_of(name, path).get("dumm_workdir") or workdir)) for name in names]

    def _look(self, path: str, sites: list[_Site]) -> dict[_Site, Found]:
        """Look where the lab is.  Of several lab hosts, those that cannot be reached are left out."""
        found = self._look_at_each(path, sites) if self.get_option("lab_hosts") else {}
        for site in [] if self.get_option("lab_hosts") else sites:
            found[site] = self._look_there(site, path)()
        for site, told in found.items():
            if told is None:
                self.display.warning(
                    f"{Workdir.at(site.workdir).label}{' of lab host ' + site.lab_host if site.lab_host else ''}: "
                    "it does not exist, so there is no guest; make a lab (make lab), or name its directory (workdir, DUMM_WORKDIR)"
                )
        return {site: told or {} for site, told in found.items()}

    def _look_at_each(self, path: str, sites: list[_Site]) -> dict[_Site, Found | None]:
        """Ask all lab hosts at the same time.

        :raises AnsibleParserError: where one answers that it cannot read its working directory.
        """
        looks = {site: self._look_there(site, path) for site in sites}
        with ThreadPoolExecutor(_ASKED) as pool:
            asked = {site: pool.submit(looks[site]) for site in sites}
        found = {}
        for site, answer in asked.items():
            try:
                found[site] = answer.result()
            except AnsibleConnectionFailure as exc:
                self.display.warning(f"{exc}. The guests of lab host {site.lab_host} are left out of the inventory.")
            except DummError as exc:
                raise AnsibleParserError(f"lab host {site.lab_host}: {exc}") from None
        return found

    def _look_there(self, site: _Site, path: str) -> Callable[[], Found | None]:
        """What looks at a machine, by a connection that is made here, because Ansible's loader of plugins is no matter for threads."""
        if site.lab_host:
            # Needed by few, and longer to import than all the rest.
            from ansible_collections.dumm.lab.plugins.plugin_utils import _lab_host

            lab_host = _lab_host.reached(site.lab_host, self._known_of(site.lab_host, path))
            if lab_host is not None:
                return functools.partial(lab_host.connected().guests, site.workdir)
        return functools.partial(look, site.workdir)

    def _known_of(self, name: str, path: str) -> dict[str, Any]:
        """Variables of a host of an inventory that was read before this one; none where there is no such host."""
        host = self.inventory.get_host(name)
        if host is None:
            return {}
        groups = sort_groups({self.inventory.groups["all"], *host.get_groups()})
        known = get_group_vars(groups)
        for source in (
            get_vars_from_inventory_sources(self.loader, [path], groups, "task"),
            host.get_vars(),
            get_vars_from_inventory_sources(self.loader, [path], [host], "task"),
        ):
            known = combine_vars(known, source)
        # Of Ansible's own variables the one that an inventory with localhost needs.
        self.templar.available_variables = {"ansible_playbook_python": sys.executable, **known}
        return {
            key: self.templar.template(value)
            for key, value in known.items()
            if key.startswith("ansible_") or key == "dumm_workdir"
        }

    def _add(self, name: str, groups: Iterable[str], variables: dict[str, Any]) -> None:
        self.inventory.add_host(name, group=_ALL)
        for group in groups:
            safe = to_safe_group_name(group, force=True, silent=True)
            self.inventory.add_host(name, group=self.inventory.add_group(safe))
        for key, value in variables.items():
            self.inventory.set_variable(name, key, value)
        known = self.inventory.get_host(name).get_vars()
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), known, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), known, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), known, name, strict=strict)


def _decides(name: str) -> bool:
    """Whether a variable decides where and how tasks run; an interpreter runs in the guest."""
    return name in _NEVER or (name.startswith("ansible_") and not _INTERPRETER.fullmatch(name))


def _without_arrived(found: dict[_Site, Found]) -> dict[_Site, Found]:
    """The guests without those that have arrived on another machine, while the one that they come from has them still."""
    there = {(site.lab_host, guest) for site, told in found.items() for guest in told}

    def has_arrived(guest: str, each: dict[str, Any]) -> bool:
        return (each.get("leaving"), guest) in there

    # Where two moves to and fro were cut off, nobody can tell which one counts.
    known = {guest for told in found.values() for guest, each in told.items() if not has_arrived(guest, each)}
    return {
        site: {guest: each for guest, each in told.items() if not (guest in known and has_arrived(guest, each))}
        for site, told in found.items()
    }


def _reached_by(name: str, guest: str, lab_host: str) -> dict[str, Any]:
    """Variables by which a guest's tasks get there.  Of the guest, because another lab may be elsewhere."""
    told: dict[str, Any] = {} if name == guest else {"ansible_dumm_guest": _literal(guest)}
    if lab_host:
        told |= {"dumm_lab_host": _literal(lab_host), "dumm_lab_host_vars": _LAB_HOST_VARS}
    return told


def _lab(workdir: str, lab_host: str | None) -> str:
    """What messages call a lab, unlike any other."""
    return f"working directory {workdir}" + (f" of lab host {lab_host}" if lab_host else "")


def _literal(value: Any) -> Any:
    """Data that Ansible takes as it is: who wrote a scenario's file is not to run templates on the controller.

    What is none anyway is trusted, because ``ansible-inventory --list`` shows all other text as a mapping (__ansible_unsafe).
    """
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    if not isinstance(value, str):
        return value
    return wrap_var(value) if any(mark in value for mark in ("{{", "{%", "{#")) else trust_as_template(value)

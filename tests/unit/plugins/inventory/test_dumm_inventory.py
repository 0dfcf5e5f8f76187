# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin: a working directory's guests as hosts, through Ansible's own loader of plugins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData

from ansible_collections.dumm.lab.plugins.inventory import dumm
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import notation
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, Iface
from ansible_collections.dumm.lab.tests.unit.helpers.labs import guest

OPTIONS = {
    "allow_vars": [],
    "cache": False,
    "compose": {},
    "groups": {},
    "keyed_groups": [],
    "leading_separator": True,
    "strict": False,
    "lab_host": "",
    "lab_hosts": [],
    "prefix": "",
    "use_extra_vars": False,
}
MOON = guest(
    "moon",
    Iface("moon", "eth0", "lan-1", mac="02:00:00:00:00:01", addresses=("10.0.0.1/24", "fd00::1/64")),
    Iface("moon", "eth1", "wan", mtu=9000, up=False),
    Iface("moon", "eth2", "lan-1"),
    Iface("moon", "eth3"),
    kernel="/opt/linux-7/linux",
    mem=64,
    scenario="vpn",
    labels={"role": "gateway", "is site": "a.b"},
    vars={"router_id": "192.0.2.1", "ports": [1, {"x": None}]},
)


def _trusted(value: Any) -> Any:
    """As Ansible reads a configuration: its text may be templates."""
    if isinstance(value, dict):
        return {key: _trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_trusted(item) for item in value]
    return dumm.trust_as_template(value) if isinstance(value, str) else value


class Inventory(dumm.InventoryModule):
    """The plugin with options of a test's own."""

    def __init__(self, workdir: Path, **options: Any) -> None:
        super().__init__()
        self.display = MagicMock()
        self._options = {**OPTIONS, "workdir": str(workdir), **_trusted(options)}
        self._cache: dict[str, Any] = {}

    def get_option(self, option: str, hostvars: Any = None) -> Any:
        """Without Ansible's loader of plugins, which knows what is documented."""
        return self._options[option]

    def get_cache_key(self, path: str) -> str:
        """It asks the loader too."""
        return path

    def _read_config_data(self, path: str) -> dict[str, Any]:
        """There is no file."""
        return {}

    def read(self, cache: bool = True, beside: InventoryData | None = None) -> InventoryData:
        """What it makes of the working directory.

        :param beside: what was read before, with ``-i`` of its own.
        """
        found = InventoryData() if beside is None else beside
        self.parse(found, MagicMock(), "lab.dumm.yml", cache)
        found.reconcile_inventory()
        return found

    @property
    def warnings(self) -> list[str]:
        """What it warned of."""
        return [call.args[0] for call in self.display.warning.mock_calls]


@pytest.fixture(autouse=True)
def _no_extra_vars(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come from the command line, here that of pytest."""
    monkeypatch.setattr("ansible.plugins.inventory.load_extra_vars", lambda _loader: {})


@pytest.fixture
def workdir(tmp_path: Path) -> Workdir:
    """A working directory that was just made."""
    made = Workdir.at(str(tmp_path / "lab"))
    made.create()
    return made


def groups(found: InventoryData, host: str) -> set[str]:
    """The groups that a host is in, but for all."""
    return {group.name for group in found.get_host(host).get_groups()} - {"all"}


def variables(found: InventoryData, host: str) -> dict[str, Any]:
    """A host's variables, but for those that Ansible has for every host."""
    own = dict(found.get_host(host).vars)
    return {key: value for key, value in own.items() if not key.startswith("inventory_")}


@pytest.mark.parametrize(
    ("name", "ours"),
    [("dumm.yml", True), ("lab.dumm.yaml", True), ("lab.yml", False), ("dumm.yml.bak", False), ("dumm.json", False)],
)
def test_a_file_is_ours_by_its_name(tmp_path: Path, name: str, ours: bool) -> None:
    (tmp_path / name).touch()

    assert Inventory(tmp_path).verify_file(str(tmp_path / name)) is ours


def test_a_file_that_is_not_there_is_not_ours(tmp_path: Path) -> None:
    assert not Inventory(tmp_path).verify_file(str(tmp_path / "dumm.yml"))


def test_a_guest_is_in_the_groups_of_all_it_has(workdir: Workdir) -> None:
    workdir.store_guest(MOON)
    workdir.store_guest(Guest("alice"))

    found = Inventory(workdir.path).read()

    common = {"dumm_guests", "state_stopped", "master_default"}
    assert groups(found, "alice") == {*common, "kernel_default"}
    assert groups(found, "moon") == {
        *common,
        "kernel__opt_linux_7_linux",
        "bridge_lan_1",
        "bridge_wan",
        "scenario_vpn",
        "label_role_gateway",
        "label_is_site_a_b",
    }


def test_a_host_has_the_guests_definition_and_its_own_variables(workdir: Workdir) -> None:
    workdir.store_guest(MOON)

    told = variables(Inventory(workdir.path).read(), "moon")

    macs = {name: told["dumm_interfaces"][name].pop("mac") for name in MOON.interfaces}
    assert macs["eth0"] == "02:00:00:00:00:01" and len(set(macs.values())) == 4
    assert told == {
        "router_id": "192.0.2.1",
        "ports": [1, {"x": None}],
        "dumm_workdir": str(workdir.path),
        "dumm_state": "stopped",
        "dumm_scenario": "vpn",
        "dumm_mem": 64,
        "dumm_kernel": "/opt/linux-7/linux",
        "dumm_master": "default",
        "dumm_labels": {"role": "gateway", "is site": "a.b"},
        "dumm_interfaces": {
            "eth0": {"bridge": "lan-1", "address": ["10.0.0.1/24", "fd00::1/64"], "mtu": 1500, "up": True},
            "eth1": {"bridge": "wan", "address": [], "mtu": 9000, "up": False},
            "eth2": {"bridge": "lan-1", "address": [], "mtu": 1500, "up": True},
            "eth3": {"bridge": None, "address": [], "mtu": 1500, "up": True},
        },
    }


def test_the_connection_is_that_of_the_group_so_that_a_host_may_have_another(workdir: Workdir) -> None:
    workdir.store_guest(Guest("alice", vars={"ansible_connection": "ssh"}))

    found = Inventory(workdir.path, allow_vars=["ansible_connection"]).read()

    assert found.groups["dumm_guests"].get_vars() == {
        "ansible_connection": "dumm.lab.dumm",
        "ansible_pipelining": True,
        "ansible_python_interpreter": "auto_silent",
    }
    assert variables(found, "alice")["ansible_connection"] == "ssh"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("all", "the name all is Ansible's group of all hosts"),
        ("ungrouped", "the name ungrouped is Ansible's group of the hosts without a group"),
        ("localhost", "the name localhost is the controller to Ansible, and each machine to itself"),
    ],
)
def test_a_guest_whose_name_is_ansibles_own_is_left_out_with_a_warning(
    workdir: Workdir, name: str, reason: str
) -> None:
    workdir.store_guest(Guest(name))
    workdir.store_guest(Guest("alice"))
    inventory = Inventory(workdir.path)

    found = inventory.read()

    assert set(found.hosts) == {"alice"}
    (warning,) = inventory.warnings
    assert warning.startswith(f"guest {name}: it is left out, because {reason}; ")


def test_with_a_prefix_such_a_guest_is_a_host(workdir: Workdir) -> None:
    workdir.store_guest(Guest("all"))
    inventory = Inventory(workdir.path, prefix="a-")

    found = inventory.read()

    assert set(found.hosts) == {"a-all"} and inventory.warnings == []
    assert variables(found, "a-all")["ansible_dumm_guest"] == "all"


def test_a_prefix_is_letters_that_a_hosts_name_may_have(workdir: Workdir) -> None:
    with pytest.raises(AnsibleParserError, match="prefix: 'a b' cannot begin a host's name; use letters, digits"):
        Inventory(workdir.path, prefix="a b").read()


@pytest.fixture
def other(tmp_path: Path) -> Workdir:
    """Another working directory that was just made."""
    made = Workdir.at(str(tmp_path / "other"))
    made.create()
    return made


def test_labs_with_a_guest_of_the_same_name_are_an_error_that_names_both(workdir: Workdir, other: Workdir) -> None:
    workdir.store_guest(Guest("alice"))
    other.store_guest(Guest("bob"))
    other.store_guest(Guest("alice"))
    first = Inventory(workdir.path).read()

    with pytest.raises(AnsibleParserError) as told:
        Inventory(other.path).read(beside=first)

    assert str(told.value) == (
        f"guest alice of working directory {other.path}: the host alice is already a guest of working directory {workdir.path}; "
        "give prefix in one of the two inventories, such as prefix: b-"
    )
    assert set(first.hosts) == {"alice"}


def test_with_a_prefix_both_are_hosts(workdir: Workdir, other: Workdir) -> None:
    for each in (workdir, other):
        each.store_guest(Guest("alice"))

    found = Inventory(other.path, prefix="b-").read(beside=Inventory(workdir.path).read())

    assert {name: variables(found, name)["dumm_workdir"] for name in found.hosts} == {
        "alice": str(workdir.path),
        "b-alice": str(other.path),
    }
    assert "ansible_dumm_guest" not in variables(found, "alice")


@pytest.fixture
def several(workdir: Workdir, other: Workdir) -> InventoryData:
    """An inventory with the lab hosts lab1 and lab2, both this machine, of which the second has another working directory."""
    beside = InventoryData()
    beside.add_group("labhosts")
    for name in ("lab1", "lab2"):
        beside.add_host(name, group="labhosts")
        beside.set_variable(name, "ansible_connection", "local")
    beside.set_variable("lab2", "dumm_workdir", str(other.path))
    beside.reconcile_inventory()
    return beside


class Several(Inventory):
    """The plugin where no variable of a host is a template, and none is in a file of its own."""

    def _known_of(self, name: str, path: str) -> dict[str, Any]:
        return dict(self.inventory.get_host(name).get_vars())


@pytest.mark.parametrize("lab_hosts", [["labhosts"], ["lab1", "lab2"], ["lab2", "labhosts"]])
def test_a_lab_over_several_machines_is_one_inventory(
    workdir: Workdir, other: Workdir, several: InventoryData, lab_hosts: list[str]
) -> None:
    workdir.store_guest(Guest("alice"))
    other.store_guest(Guest("bob"))

    found = Several(workdir.path, lab_hosts=lab_hosts).read(beside=several)

    for guest_, host, path in (("alice", "lab1", workdir.path), ("bob", "lab2", other.path)):
        told = variables(found, guest_)
        assert (told["dumm_lab_host"], told["dumm_workdir"]) == (host, str(path))
        assert groups(found, guest_) >= {"dumm_guests", f"lab_host_{host}", "state_stopped"}


def test_a_guest_on_two_machines_is_an_error_that_names_both(
    workdir: Workdir, other: Workdir, several: InventoryData
) -> None:
    for each in (workdir, other):
        each.store_guest(Guest("alice"))

    with pytest.raises(AnsibleParserError) as told:
        Several(workdir.path, lab_hosts=["labhosts"]).read(beside=several)

    assert str(told.value) == (
        f"guest alice: it is in working directory {workdir.path} of lab host lab1 and in working directory {other.path} of lab host "
        "lab2; remove it from one of them (dumm.lab.dumm_guest with state: absent on that lab host)"
    )
    assert "alice" not in several.hosts


def test_a_guest_that_has_arrived_elsewhere_is_there(workdir: Workdir, other: Workdir, several: InventoryData) -> None:
    for each in (workdir, other):
        each.store_guest(Guest("alice"))
    workdir.guest("alice").leaving.write_text("lab2\n")

    found = Several(workdir.path, lab_hosts=["labhosts"]).read(beside=several)
    assert variables(found, "alice")["dumm_lab_host"] == "lab2"

    # Two moves were cut off, there and back.
    other.guest("alice").leaving.write_text("lab1\n")
    with pytest.raises(
        AnsibleParserError, match=r"guest alice: it is in .* of lab host lab1 and in .* of lab host lab2"
    ):
        Several(workdir.path, lab_hosts=["labhosts"]).read(beside=several)


def test_a_guest_that_is_on_its_way_is_where_it_was(workdir: Workdir, other: Workdir, several: InventoryData) -> None:
    workdir.store_guest(Guest("alice"))
    workdir.guest("alice").leaving.write_text("lab2\n")

    found = Several(workdir.path, lab_hosts=["labhosts"]).read(beside=several)
    assert variables(found, "alice")["dumm_lab_host"] == "lab1"


def test_a_guest_that_has_the_name_of_any_lab_host_is_left_out(workdir: Workdir, several: InventoryData) -> None:
    workdir.store_guest(Guest("lab2"))
    inventory = Several(workdir.path, lab_hosts=["labhosts"])

    found = inventory.read(beside=several)

    assert "dumm_guests" not in groups(found, "lab2")
    assert "guest lab2: it is left out, because the name lab2 is that of its lab host, too" in inventory.warnings[0]


def test_a_machine_that_cannot_be_reached_is_a_warning(
    workdir: Workdir, several: InventoryData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(path: str) -> Any:
        if path == str(workdir.path):
            raise AnsibleConnectionFailure("lab host lab1 cannot be reached: no route")
        return looked(path)

    looked = dumm.look
    monkeypatch.setattr(dumm, "look", look)
    Workdir.at(several.get_host("lab2").vars["dumm_workdir"]).store_guest(Guest("bob"))
    inventory = Several(workdir.path, lab_hosts=["labhosts"])

    found = inventory.read(beside=several)

    assert "lab_host_lab2" in groups(found, "bob")
    assert inventory.warnings == [
        "lab host lab1 cannot be reached: no route. The guests of lab host lab1 are left out of the inventory."
    ]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"lab_hosts": ["lab9"]}, "no inventory read before has a host or a group lab9"),
        ({"lab_hosts": ["lab1"], "lab_host": "lab1"}, "lab_host and lab_hosts are both given"),
    ],
)
def test_lab_hosts_must_be_known(
    workdir: Workdir, several: InventoryData, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(AnsibleParserError, match=complaint):
        Several(workdir.path, **options).read(beside=several)


def test_lab_hosts_have_a_cache_each(workdir: Workdir, other: Workdir, several: InventoryData) -> None:
    inventory = Several(workdir.path, lab_hosts=["labhosts"], cache=True)
    workdir.store_guest(Guest("alice"))
    inventory.read(beside=several)
    other.store_guest(Guest("bob"))

    assert "bob" not in inventory.read(beside=several).hosts
    assert "bob" in inventory.read(cache=False, beside=several).hosts


def test_one_lab_may_be_read_twice(workdir: Workdir) -> None:
    workdir.store_guest(Guest("alice"))

    found = Inventory(workdir.path, groups={"mine": True}).read(beside=Inventory(workdir.path).read())

    assert set(found.hosts) == {"alice"} and "mine" in groups(found, "alice")


def test_a_host_that_another_inventory_has_variables_for_is_still_the_guest(workdir: Workdir) -> None:
    workdir.store_guest(Guest("alice"))
    beside = InventoryData()
    beside.add_host("alice")
    beside.set_variable("alice", "colour", "red")

    told = variables(Inventory(workdir.path).read(beside=beside), "alice")

    assert (told["colour"], told["dumm_workdir"]) == ("red", str(workdir.path))


def test_a_working_directory_with_a_newline_is_an_error(tmp_path: Path) -> None:
    for cache in (False, True):
        with pytest.raises(AnsibleParserError, match=r"its path has control characters"):
            Inventory(tmp_path / "a\nb", cache=cache).read()


def test_variables_of_a_guest_do_not_go_before_what_is_found(workdir: Workdir) -> None:
    workdir.store_guest(Guest("alice", vars={"dumm_mem": 1, "dumm_state": "fine"}))

    told = variables(Inventory(workdir.path).read(), "alice")

    assert (told["dumm_mem"], told["dumm_state"]) == (128, "stopped")


def test_text_of_a_scenario_is_no_template(workdir: Workdir) -> None:
    text = "{{ 7 * 6 }}"
    workdir.store_guest(Guest("alice", vars={"text": text, "deep": [{"x": text}], "sum": 42}))

    inventory = Inventory(workdir.path, strict=True, compose={"copy": "text", "other": "deep[0].x", "twice": "sum * 2"})
    told = variables(inventory.read(), "alice")

    assert (told["copy"], told["other"], told["twice"]) == (text, text, 84)


def test_variables_and_groups_are_made_of_those_of_the_guests(workdir: Workdir) -> None:
    workdir.store_guest(MOON)
    workdir.store_guest(Guest("alice"))

    found = Inventory(
        workdir.path,
        compose={"lab_address": "dumm_interfaces.eth0.address[0].split('/')[0]"},
        groups={"small": "dumm_mem < 100", "named_a": "inventory_hostname.startswith('a')"},
        keyed_groups=[
            {"key": "dumm_labels"},
            {"key": "dumm_scenario", "prefix": "testbed", "default_value": "none", "parent_group": "testbeds"},
        ],
        leading_separator=False,
    ).read()

    assert variables(found, "moon")["lab_address"] == "10.0.0.1"
    assert "lab_address" not in variables(found, "alice")
    assert {"small", "role_gateway", "testbed_vpn", "testbeds"} <= groups(found, "moon")
    assert {"named_a", "testbed_none", "testbeds"} <= groups(found, "alice")
    assert not {"small", "role_gateway", "testbed_vpn"} & groups(found, "alice")


@pytest.mark.parametrize(
    "options",
    [
        {"compose": {"x": "nothing.at_all"}},
        {"groups": {"x": "nothing.at_all"}},
        {"keyed_groups": [{"key": "nothing.at_all"}]},
    ],
)
def test_what_cannot_be_made_is_an_error_if_strict_and_left_out_else(workdir: Workdir, options: dict[str, Any]) -> None:
    workdir.store_guest(Guest("alice"))

    lax = Inventory(workdir.path, **options).read()
    assert "x" not in variables(lax, "alice") and "x" not in groups(lax, "alice")
    with pytest.raises(AnsibleError, match="alice"):
        Inventory(workdir.path, strict=True, **options).read()


def test_a_cache_is_filled_once_used_and_refreshed_on_request(workdir: Workdir) -> None:
    workdir.store_guest(Guest("alice"))
    inventory = Inventory(workdir.path, cache=True)

    first = inventory.read()
    workdir.store_guest(Guest("bob"))
    second = inventory.read()
    third = inventory.read(cache=False)
    workdir.forget_guest("alice")
    fourth = inventory.read()

    assert [sorted(found.hosts) for found in (first, second, third, fourth)] == [
        ["alice"],
        ["alice"],
        ["alice", "bob"],
        ["alice", "bob"],
    ]
    assert variables(first, "alice") == variables(second, "alice")
    assert groups(first, "alice") == groups(second, "alice")


def test_labs_of_one_file_do_not_share_a_cache(workdir: Workdir, tmp_path: Path) -> None:
    workdir.store_guest(Guest("alice"))
    inventory = Inventory(workdir.path, cache=True)
    inventory.read()
    (tmp_path / "other").mkdir()

    inventory._options["workdir"] = str(tmp_path / "other")

    assert not inventory.read().hosts


def test_an_empty_working_directory_has_no_guests(workdir: Workdir) -> None:
    inventory = Inventory(workdir.path)

    assert not inventory.read().hosts
    assert inventory.warnings == []


def test_a_working_directory_that_does_not_exist_has_no_guests_and_is_warned_of(tmp_path: Path) -> None:
    inventory = Inventory(tmp_path / "none")

    assert not inventory.read().hosts
    assert inventory.warnings == [
        f"working directory {tmp_path}/none: it does not exist, so there is no guest; "
        "make a lab (make lab), or name its directory (workdir, DUMM_WORKDIR)"
    ]


def test_a_working_directory_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(AnsibleParserError, match=rf"^working directory {tmp_path}/file: cannot read .*Not a directory"):
        Inventory(tmp_path / "file").read()


@contextmanager
def somebody() -> Iterator[None]:
    """As a user who is not root, whoever runs the tests."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(own)


@pytest.mark.parametrize("closed", [".", "guests"])
def test_a_working_directory_of_somebody_else_is_an_error(workdir: Workdir, closed: str) -> None:
    workdir.store_guest(Guest("alice"))
    for parent in (workdir.path, *workdir.path.parents[:3]):
        parent.chmod(0o755)
    (workdir.path / closed).chmod(0)

    try:
        with (
            somebody(),
            pytest.raises(AnsibleParserError, match=r"^working directory .*Permission denied; run as root"),
        ):
            Inventory(workdir.path).read()
    finally:
        (workdir.path / closed).chmod(0o700)


def test_a_guest_whose_definition_cannot_be_understood_is_left_out_with_a_warning(workdir: Workdir) -> None:
    for name in ("alice", "bob"):
        workdir.store_guest(Guest(name))
    workdir.guest("alice").definition.write_text('{"union": "glue"}')
    (workdir.guests / "Weird Name").mkdir()
    (workdir.guests / "README").touch()

    inventory = Inventory(workdir.path)

    found = inventory.read()

    assert set(found.hosts) == {"bob"}
    (warning,) = inventory.warnings
    assert re.match(r"guest alice: .*guest\.json cannot be understood \(union is .*left out of the inventory", warning)


_DECIDE = (
    "ansible_connection",
    "ansible_host",
    "ansible_port",
    "ansible_user",
    "ansible_ssh_common_args",
    "ansible_ssh_executable",
    "ansible_sftp_extra_args",
    "ansible_become",
    "ansible_become_exe",
    "ansible_become_password",
    "ansible_shell_executable",
    "ansible_shell_type",
    "ansible_remote_tmp",
    "ansible_module_compression",
    "ansible_pipelining",
    "ansible_delegated_vars",
    "ansible_facts",
)


@pytest.mark.parametrize("name", _DECIDE)
def test_a_variable_that_decides_where_and_how_tasks_run_is_left_out_with_a_warning(
    workdir: Workdir, name: str
) -> None:
    for guest_name in ("alice", "bob"):
        workdir.store_guest(Guest(guest_name, vars={name: "x", "mine": 1}))
    inventory = Inventory(workdir.path)

    found = inventory.read()

    assert [variables(found, each).get(name) for each in ("alice", "bob")] == [None, None]
    assert [variables(found, each)["mine"] for each in ("alice", "bob")] == [1, 1]
    (warning,) = [call.args[0] for call in inventory.display.warning.call_args_list]
    assert warning.startswith(
        f"guest alice, bob: the variable {name} of the scenario's file is left out, because it decides"
    )
    assert f"; to allow it, add allow_vars: [{name}] to " in warning


@pytest.mark.parametrize("name", _DECIDE)
@pytest.mark.parametrize("pattern", ["ansible_*", None])
def test_an_inventory_may_allow_it(workdir: Workdir, name: str, pattern: str | None) -> None:
    workdir.store_guest(Guest("alice", vars={name: "x"}))
    inventory = Inventory(workdir.path, allow_vars=[pattern or name])

    assert variables(inventory.read(), "alice")[name] == "x"
    inventory.display.warning.assert_not_called()


@pytest.mark.parametrize(
    "name", ["ansible_python_interpreter", "ansible_perl_interpreter", "dumm_timeout", "router_id"]
)
def test_what_is_of_the_guest_alone_needs_no_leave(workdir: Workdir, name: str) -> None:
    workdir.store_guest(Guest("alice", vars={name: "x"}))
    inventory = Inventory(workdir.path)

    assert variables(inventory.read(), "alice")[name] == "x"
    inventory.display.warning.assert_not_called()


@pytest.mark.parametrize("name", ["dumm_lab_host", "dumm_lab_host_vars", "ansible_dumm_guest"])
def test_how_a_guest_is_found_is_for_the_inventory_alone(workdir: Workdir, name: str) -> None:
    workdir.store_guest(Guest("alice", vars={name: "x"}))
    inventory = Inventory(workdir.path, allow_vars=["*"])

    assert name not in variables(inventory.read(), "alice")
    assert "rename it" in inventory.display.warning.call_args.args[0]


def test_no_file_can_name_a_variable_that_the_inventory_sets(workdir: Workdir) -> None:
    workdir.store_guest(Guest("alice"))

    assert variables(Inventory(workdir.path).read(), "alice").keys() == notation.OF_THE_INVENTORY - {
        "ansible_dumm_guest",
        "dumm_lab_host",
        "dumm_lab_host_vars",
    }

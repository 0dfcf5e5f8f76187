# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests on their union roots: by each engine and from one to the other, what they wrote, and saving points."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import debian_package
import pytest
from lab import Lab, Refused, fresh_lab, until
from mounts import file_system
from programs import Ansible

from ansible_collections.dumm.lab.plugins.module_utils._lab.union import serving

ENGINES = ["overlay", "cowfs"]
# Leaves a whiteout, a directory in place of one, and changed and new files.
_WRITE = """
    rm /etc/debian_version && rm -r /etc/alternatives && mkdir /etc/alternatives && echo mine >/etc/alternatives/mine
    echo more >>/etc/passwd && mkdir -p /opt/new && echo new >/opt/new/file && ln /opt/new/file /opt/new/link
    chmod 600 /etc/shells && mv /etc/issue /etc/issue.old && ln -s nowhere /opt/dangling
"""
_SHOW = """
    ls /etc/alternatives; tail -n 1 /etc/passwd; cat /opt/new/link; stat -c '%a %h' /etc/shells /opt/new/file
    test ! -e /etc/debian_version && test ! -e /etc/issue && test -e /etc/issue.old && readlink /opt/dangling
"""
_SHOWN = "mine\nmore\nnew\n600 1\n644 2\nnowhere\n"


@pytest.fixture(params=ENGINES)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """An empty lab; each promise holds for each engine."""
    with fresh_lab(engine=request.param) as fresh:
        yield fresh


def _engine(lab: Lab) -> str:
    """What alice's root is made by."""
    return str(lab.info(inside=False)["guests"]["alice"]["running"]["union"])


def test_a_guest_moves_between_the_engines_with_all_that_it_wrote(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    lab.read("alice", _WRITE)
    assert lab.read("alice", _SHOW) == _SHOWN

    for engine in ("cowfs", "overlay", "cowfs"):
        pending = lab.guest("alice", union=engine)
        assert pending["restart_required"] == ({} if _engine(lab) == engine else {"alice": ["union"]})
        lab.guest("alice", union=engine, restart=True)
        assert _engine(lab) == engine
        assert lab.read("alice", _SHOW) == _SHOWN


@pytest.mark.parametrize("python", [sys.executable, "/usr/bin/python3"], ids=["in the controller", "as a module"])
def test_a_guest_on_cowfs_is_started_by_ansible(tmp_path: Path, python: str) -> None:
    with fresh_lab() as lab:
        ansible = Ansible(lab, tmp_path)
        options = {"name": "alice", "mem": 64, "union": "cowfs"}
        first, second = (
            ansible.task("dumm.lab.dumm_guest", options, {}, "-e", f"ansible_python_interpreter={python}")
            for _time in range(2)
        )

        assert (first.get("msg"), first["changed"], second["changed"]) == (None, True, False)
        assert _engine(lab) == "cowfs"
        assert lab.read("alice", "echo alive") == "alive\n"


# A kernel without overlayfs, for those who ask it.
_NO_OVERLAYFS = """
mount --make-private /proc && grep -v overlay /proc/filesystems >"$0" && mount --bind "$0" /proc/filesystems && exec "$@"
"""


@pytest.mark.parametrize("python", [sys.executable, "/usr/bin/python3"], ids=["in the controller", "as a module"])
def test_auto_is_cowfs_where_the_kernel_has_no_overlayfs(tmp_path: Path, python: str) -> None:
    elsewhere = ("unshare", "--mount", "--propagation", "unchanged", "sh", "-c", _NO_OVERLAYFS)
    with fresh_lab() as lab:
        ansible = Ansible(lab, tmp_path, (*elsewhere, str(tmp_path / "filesystems")))
        options = {"name": "alice", "mem": 64}
        told = ansible.task("dumm.lab.dumm_guest", options, {}, "-e", f"ansible_python_interpreter={python}")

        assert told.get("msg") is None
        assert told["guest"]["running"]["union"] == "cowfs"
        assert "no overlayfs" in told["guest"]["running"]["union_reason"]
        # Here overlayfs works; what was chosen stands all the same.
        again = lab.guest("alice", mem=64)
        assert (again["changed"], again["restart_required"]) == (False, {})


@pytest.mark.skipif(shutil.which("fuse-overlayfs") is None, reason="no fuse-overlayfs")
def test_auto_is_cowfs_where_the_kernel_does_not_mount_overlayfs(tmp_path: Path) -> None:
    for name in ("lower", "upper", "work", "at"):
        (tmp_path / name).mkdir()
    layers = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work,allow_other"
    subprocess.run(["fuse-overlayfs", "-o", layers, tmp_path / "at"], check=True, stderr=subprocess.DEVNULL)
    try:
        with fresh_lab(tmp_path / "at") as lab:
            told = lab.guest("alice", mem=64)["guest"]["running"]
            assert (told["union"], "does not mount overlayfs" in told["union_reason"]) == ("cowfs", True)
            assert lab.read("alice", "echo kept >/root/file; cat /root/file") == "kept\n"
            again = lab.guest("alice", mem=64)
            assert (again["changed"], again["restart_required"]) == (False, {})

            with pytest.raises(Refused, match=r"guest bob: union overlay cannot work here: .* on fuse\.fuse-overlayfs"):
                lab.guest("bob", union="overlay", mem=64)
    finally:
        subprocess.run(["umount", tmp_path / "at"], check=True)


def test_directories_of_many_entries_are_listed_whole_even_while_they_are_emptied(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    lab.read(
        "alice", "mkdir /many; cd /many; i=0; while [ $i -lt 3000 ]; do : >a-file-of-no-content-$i; i=$((i+1)); done"
    )

    assert lab.read("alice", "ls /many | wc -l; ls -f /many | sort | uniq -d | wc -l; find /many | wc -l").split() == [
        *("3000", "0", "3001")
    ]
    half = lab.read("alice", "find /many -name '*[13579]' -delete; ls /many | wc -l")
    assert half.strip() == "1500"
    remove = 'opendir(my $all, "/many"); while (my $name = readdir $all) { unlink "/many/$name" }'
    assert lab.read("alice", f"perl -e '{remove}'; ls -A /many | wc -l; rmdir /many && echo gone").split() == [
        "0",
        "gone",
    ]


@pytest.mark.parametrize("kind", ["btrfs", "xfs", "tmpfs"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_lab_lives_on_any_file_system(tmp_path: Path, engine: str, kind: str) -> None:
    place = tmp_path / "lab"
    place.mkdir()
    with file_system(kind, tmp_path / "image", place), fresh_lab(place, engine=engine) as lab:
        lab.guest("alice", mem=64)
        lab.read("alice", _WRITE)
        assert lab.read("alice", _SHOW) == _SHOWN
        assert {"/etc/debian_version", "/etc/issue"} <= set(lab.info(diff=True)["guests"]["alice"]["diff"]["deleted"])

        lab.guest("alice", state="stopped", save="good")
        lab.guest("alice", state="stopped", reset=True)
        lab.guest("alice", state="stopped", restore="good")
        lab.guest("alice")
        assert lab.read("alice", _SHOW) == _SHOWN

        lab.guest("alice", state="absent")
        assert os.listdir(lab.workdir.guests) == []


def test_what_a_guest_wrote_is_told(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    before = lab.info(diff=True)["guests"]["alice"]["diff"]
    lab.read("alice", _WRITE)

    told = lab.info(diff=True)["guests"]["alice"]["diff"]

    assert {"/opt/new", "/opt/dangling", "/etc/issue.old", "/etc/alternatives/mine"} <= set(told["added"])
    assert "/opt/new/file" not in told["added"]
    assert {"/etc/passwd", "/etc/shells"} <= set(told["changed"])
    assert {"/etc/debian_version", "/etc/issue"} <= set(told["deleted"])
    assert [path for path in told["deleted"] if path.startswith("/etc/alternatives/")]
    assert told["size"] > before["size"]


def test_names_of_any_bytes_are_told_as_text(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    lab.read("alice", r"""cd /etc && touch "$(printf 'no\377text')" "$(printf 'bell\007')" grün && rm issue""")

    told = lab.info(diff=True)["guests"]["alice"]["diff"]

    assert {r"/etc/no\udcfftext", r"/etc/bell\x07", "/etc/grün"} <= set(told["added"])
    assert json.dumps(told, ensure_ascii=False).encode()


@pytest.mark.parametrize("record", [False, True])
def test_what_a_guest_wrote_is_looked_for_where_it_writes(lab: Lab, record: bool) -> None:
    lab.guest("alice", mem=64)
    lab.read("alice", "touch /root/before")
    lab.scenario("other", {"guests": {"alice": {"mem": 64}}}, state="loaded", record=record)
    lab.read("alice", "touch /root/while; rm /etc/issue")

    told = lab.info(diff=True)["guests"]["alice"]
    assert "/root/while" in told["diff"]["added"]
    assert "/root/before" not in told["diff"]["added"]
    assert "/etc/issue" in told["diff"]["deleted"]

    lab.scenario("other", state="unloaded")
    assert "/root/before" in lab.info(diff=True)["guests"]["alice"]["diff"]["added"]
    assert "/root/while" not in lab.info(diff=True)["guests"]["alice"]["diff"]["added"]


@pytest.mark.parametrize("confine", [True, False])
def test_a_root_is_made_of_as_many_layers_as_the_kernel_takes(lab: Lab, tmp_path: Path, confine: bool) -> None:
    """Their names are longer than the 255 bytes that it takes as one value."""
    layers = [tmp_path / f"layer-{number}" for number in range(497)]
    for layer in layers:
        layer.mkdir(mode=0o755)
        (layer / f"from-{layer.name}").touch()
    if lab.engine == "overlay":
        with pytest.raises(Refused, match="guest alice: 497 layers are more than overlayfs takes beside the lab's own"):
            lab.guest("alice", confine=confine, layers=[str(layer) for layer in layers])

    lab.guest("alice", confine=confine, layers=[str(layer) for layer in layers[:496]])

    assert lab.read("alice", "ls / | grep -c from-layer-") == "496\n"


def test_marks_that_lead_elsewhere_are_not_followed(lab: Lab, tmp_path: Path) -> None:
    """A layer comes from anybody, with attributes by which overlayfs would show another directory or another file's content."""
    (tmp_path / "opt/lure").mkdir(parents=True)
    os.setxattr(tmp_path / "opt/lure", "trusted.overlay.redirect", b"/etc")
    (tmp_path / "opt/hollow").touch()
    os.setxattr(tmp_path / "opt/hollow", "trusted.overlay.metacopy", b"")
    os.setxattr(tmp_path / "opt/hollow", "trusted.overlay.redirect", b"/etc/passwd")
    lab.guest("alice", layers=[str(tmp_path)])

    assert lab.run("alice", "ls /opt/lure/passwd").code != 0
    assert "root" not in lab.run("alice", "cat /opt/hollow").stdout.decode()
    if _engine(lab) == "overlay":
        mounted = Path(f"/proc/{lab.process('alice').pid}/mountinfo").read_text()
        assert "redirect_dir=nofollow" in mounted
        assert not any(option in mounted for option in ("index=on", "metacopy=on", "userxattr"))


def test_a_guest_goes_back_to_what_was_saved(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    lab.read("alice", _WRITE)
    saved = lab.guest("alice", state="stopped", save="good")
    assert saved["actions"] == ["stop guest alice", "guest alice: save what it wrote as good"]
    assert saved["guest"]["saves"] == ["good"]
    assert lab.guest("alice", state="stopped", save="good")["changed"] is False

    lab.guest("alice")
    lab.read("alice", "echo bad >/opt/new/file; rm /etc/passwd")
    predicted = lab.guest("alice", check=True, state="restarted", restore="good")
    restored = lab.guest("alice", state="restarted", restore="good")

    assert predicted["actions"] == restored["actions"]
    assert lab.read("alice", _SHOW) == _SHOWN
    lab.guest("alice", state="stopped")
    lab.guest("alice", state="stopped", restore="good")
    assert lab.guest("alice", state="stopped", restore="good")["changed"] is False


def test_a_guest_that_is_reset_is_as_its_master(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    lab.read("alice", _WRITE)

    assert lab.guest("alice", state="stopped", reset=True, save="old")["changed"]
    assert lab.guest("alice", state="stopped", reset=True)["changed"] is False
    lab.guest("alice")
    assert lab.run("alice", "test -e /etc/debian_version -a ! -e /opt/new").code == 0
    # A copy is nothing that a guest that runs uses.
    # By the name of earlier versions.
    assert lab.guest("alice", unsave="old")["actions"] == ["guest alice: remove saving point old"]
    assert lab.info()["guests"]["alice"]["saves"] == []


def test_what_is_saved_and_reset_is_what_the_guest_writes_to(lab: Lab) -> None:
    """While a scenario is loaded that is a layer of its own, and so it is for each guest of a scenario."""
    lab.scenario("lab", {"defaults": {"mem": 64}, "guests": {"alice": {"files": {"/etc/given": "given\n"}}}})
    lab.read("alice", _WRITE)
    lab.guest("alice", state="stopped", save="good")
    assert lab.guest("alice", state="stopped", save="good", restore="good")["changed"] is False

    assert lab.guest("alice", state="restarted", reset=True)["changed"]
    assert lab.run("alice", "test -e /etc/debian_version -a ! -e /opt/new -a -e /etc/given").code == 0
    assert lab.info(diff=True)["guests"]["alice"]["diff"]["deleted"] == []
    lab.read("alice", "echo bad >/etc/issue")
    assert lab.guest("alice", state="restarted", restore="good")["changed"]

    assert lab.read("alice", _SHOW) == _SHOWN
    assert lab.read("alice", "cat /etc/given") == "given\n"
    assert "/etc/debian_version" in str(lab.info(diff=True)["guests"]["alice"]["diff"])


def test_a_tree_too_deep_to_be_copied_is_told_before_the_guest_is_stopped(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    lab.read(
        "alice", "cd /root; n=0; while [ $n -lt 450 ]; do mkdir directory; cd directory; n=$((n+1)); done; touch file"
    )
    launch = lab.process("alice").launch

    for wish in ({"save": "deep"}, {"disk": 64}):
        with pytest.raises(
            Refused, match=r"guest alice: cannot .*: directories lie so deep .* 4096 bytes; remove"
        ) as refused:
            lab.guest("alice", state="restarted", **wish)
        assert len(str(refused.value)) < 300
        assert lab.process("alice").launch == launch

    lab.read("alice", "rm -r /root/directory")
    lab.guest("alice", state="restarted", save="deep", disk=64)
    assert lab.info()["guests"]["alice"]["saves"] == ["deep"]


def test_saving_points_are_refused_while_the_guest_runs(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    lab.read("alice", "echo x >/etc/x")
    before = lab.snapshot()
    for wish in ({"save": "a"}, {"reset": True}):
        with pytest.raises(Refused, match=r"guest alice: it runs, .*; stop it \(state: stopped\)"):
            lab.guest("alice", **wish)
    with pytest.raises(Refused, match=r"guest alice: it has no saving point none; make it with save"):
        lab.guest("alice", state="stopped", restore="none")
    with pytest.raises(Refused, match=r"both reset and restore"):
        lab.guest("alice", state="stopped", restore="none", reset=True)
    with pytest.raises(Refused, match=r"not a DNS label"):
        lab.guest("alice", state="stopped", save="../x")
    assert lab.snapshot() == before


@pytest.mark.parametrize("lab", ["cowfs"], indirect=True)
def test_a_guest_whose_union_is_killed_gets_it_back_at_the_next_run(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    lab.read("alice", "echo kept >/opt/kept; sync")
    pid = lab.process("alice").pid
    home = lab.directory("alice").path
    server = serving.server(home)
    assert server is not None
    os.kill(server, signal.SIGKILL)
    until(lambda: serving.server(home) is None, "the server to be gone")

    predicted = lab.guest("alice", check=True)
    healed = lab.guest("alice")

    assert healed["actions"] == ["guest alice: serve its union again, whose server was killed"] == predicted["actions"]
    assert "restart it" in healed["warnings"][0]
    assert lab.process("alice").pid == pid
    assert lab.read("alice", "cat /opt/kept; echo new >/opt/new; cat /opt/new") == "kept\nnew\n"
    assert lab.guest("alice")["changed"] is False


@pytest.mark.parametrize("lab", ["cowfs"], indirect=True)
def test_the_server_of_a_guest_ends_with_it(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    home = lab.directory("alice").path
    server = serving.server(home)
    os.kill(lab.process("alice").pid, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{server}/cmdline").exists(), "the server to be gone")
    assert (home / serving.LOG).read_text() == ""
    lab.guest("alice")
    assert lab.read("alice", "echo alive") == "alive\n"


@pytest.mark.parametrize("lab", ["cowfs"], indirect=True)
def test_files_of_a_running_guest_fail_on_purpose(lab: Lab) -> None:
    lab.guest("alice", mem=64)
    lab.read("alice", "mkdir /srv/data; echo x >/srv/data/file; cat /srv/data/file")
    faults = [{"path": "/srv/data/*", "during": ["read"], "error": "EIO"}, {"path": "*.log", "error": "ENOSPC"}]

    told = lab.guest("alice", faults=faults)

    assert told["actions"] == [
        "guest alice: add fault /srv/data/*: EIO during read",
        "guest alice: add fault *.log: ENOSPC",
    ]
    assert b"error" in lab.run("alice", "cp /srv/data/file /tmp/copy").stderr
    assert b"No space left" in lab.run("alice", "echo >/srv/a.log").stderr
    assert lab.guest("alice", faults=faults)["changed"] is False
    lab.guest("alice", state="restarted")
    assert b"error" in lab.run("alice", "cp /srv/data/file /tmp/copy").stderr
    lab.guest("alice", faults=[])
    assert lab.read("alice", "cat /srv/data/file") == "x\n"


@pytest.mark.parametrize("lab", ["overlay"], indirect=True)
def test_faults_on_an_engine_that_has_none_are_refused(lab: Lab) -> None:
    with pytest.raises(Refused, match=r"guest alice: union overlay cannot fail on purpose .*; set union: cowfs"):
        lab.guest("alice", faults=[{"path": "/x", "error": "EIO"}])


def _package(directory: Path) -> Path:
    """A Debian package with hundreds of files, a user of its own and a set-id program."""
    files = directory / "root/opt/try"
    files.mkdir(parents=True)
    for number in range(300):
        (files / str(number)).write_text(f"{number}\n" * 100)
    postinst = "useradd --system try; chown try /opt/try/0; chmod 4755 /opt/try/1"
    return debian_package.build(directory / "root", directory / "layer/srv/try.deb", postinst)


def test_a_package_is_installed_and_removed(lab: Lab, tmp_path: Path) -> None:
    _package(tmp_path)
    lab.guest("alice", mem=128, layers=[str(tmp_path / "layer")])

    lab.read("alice", "dpkg -i /srv/try.deb")

    assert (
        lab.read("alice", "stat -c '%U %a' /opt/try/0 /opt/try/1; ls /opt/try | wc -l") == "try 644\nroot 4755\n300\n"
    )
    assert lab.read("alice", "cat /opt/try/299 | sort -u; dpkg --verify dumm-try") == "299\n"
    lab.guest("alice", state="restarted")
    lab.read("alice", "dpkg --purge dumm-try")
    assert lab.run("alice", "test -e /opt/try").code == 1

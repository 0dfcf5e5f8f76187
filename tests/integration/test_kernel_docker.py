# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Docker in a guest of the tuned kernel, as Debian installs it, with no line of configuration.

Its storage lies on the guest's root, which is hostfs on one of our unions, so all of overlay2 rests on patches 0010 to 0013 of role kernel.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import BASE, TUNED, Lab, fresh_lab, until
from mounts import ENGINES

MASTER = "test-docker"

pytestmark = pytest.mark.skipif(
    not (BASE / "kernels" / TUNED / "linux").exists() or not (BASE / "masters" / MASTER).is_dir(),
    reason="the tuned kernel or the master with docker is not there: 'make test-kernel' makes them",
)

# An image out of nothing but busybox, so that no registry is asked.
IMAGE = """
set -e
mkdir -p /srv/base/bin /srv/made; cp /bin/busybox /srv/base/bin
for each in cat httpd id ls mkdir ping rm sh stat touch; do ln -sf busybox /srv/base/bin/$each; done
tar -C /srv/base -c . | docker import - base
cat >/srv/made/Dockerfile <<'END'
FROM base
RUN mkdir -p /tree/old /page && echo one >/kept && echo one >/gone && echo one >/tree/old/file && echo there >/page/index.html
RUN rm -r /gone /tree && mkdir /tree && echo two >/tree/new && chmod 4711 /bin/busybox
CMD httpd -f -p 80 -h /page
END
docker build -q -t made /srv/made
"""


@pytest.fixture(scope="module", params=ENGINES)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The guest moon with docker and two images, and the guest sun."""
    with fresh_lab(engine=request.param) as made:
        (made.path / "masters" / MASTER).symlink_to((BASE / "masters" / MASTER).resolve())
        made.bridge("br0")
        for number, (name, options) in enumerate(
            {"moon": {"master": MASTER, "mem": 512}, "sun": {"mem": 64}}.items(), 1
        ):
            made.guest(name, state="present", kernel=TUNED, **options)
            made.iface(name, "eth0", bridge="br0", address=[f"10.0.0.{number}/24"])
            made.guest(name)
        until(lambda: made.run("moon", "docker info").code == 0, "docker to answer")
        made.read("moon", IMAGE)
        yield made


def test_docker_takes_overlay2_by_itself_and_misses_no_controller(lab: Lab) -> None:
    assert lab.read("moon", "docker info --format '{{.Driver}} {{.CgroupVersion}}'").split() == ["overlay2", "2"]
    assert "cpuset" not in lab.read("moon", "docker info --format '{{.Warnings}}'")


def test_layers_hide_and_replace_what_is_below(lab: Lab) -> None:
    told = lab.read("moon", "docker run --rm made sh -c 'cat /kept; ls / /tree; stat -c %a /bin/busybox'").split()

    assert ("one" in told, "gone" in told, "old" in told, "new" in told, told[-1]) == (True, False, False, True, "4711")


def test_what_a_container_changes_is_told_and_can_be_kept(lab: Lab) -> None:
    lab.read("moon", "docker run --name changer made sh -c 'rm /kept; echo three >/tree/new; touch /fresh'")
    changes = set(lab.read("moon", "docker diff changer").splitlines())
    lab.read("moon", "docker commit changer kept; docker rm changer")

    assert changes == {"D /kept", "C /tree", "C /tree/new", "A /fresh"}
    assert lab.read("moon", "docker run --rm kept cat /tree/new").strip() == "three"
    assert lab.run("moon", "docker run --rm kept cat /kept").code == 1


def test_a_container_is_limited(lab: Lab) -> None:
    limits = "--cpuset-cpus 0 --memory 64m --pids-limit 50"
    files = "/sys/fs/cgroup/cpuset.cpus /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max"

    assert lab.read("moon", f"docker run --rm {limits} made cat {files}").split() == ["0", str(64 << 20), "50"]


def test_containers_reach_others_and_are_reached(lab: Lab) -> None:
    lab.read("moon", "docker run -d --name server -p 8080:80 made")
    page = "exec 3<>/dev/tcp/10.0.0.1/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"

    until(lambda: "there" in lab.run("sun", f'bash -c "{page}"').stdout.decode(), "the page of the container")
    assert lab.run("moon", "docker exec server ping -c 1 -w 60 10.0.0.2").code == 0
    lab.read("moon", "docker rm -f server")

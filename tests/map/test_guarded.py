# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who gets in, what the part that speaks HTTP could do, and that nothing is left behind, on a map as users start it."""

from __future__ import annotations

import grp
import json
import os
import re
import signal
import socket
import stat
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import PATIENCE, Lab
from lab import until as eventually
from served import DUMM, Served, lab_of, served, started
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect, unix_connect
from websockets.typing import Origin

CAMPUS = "guests: {alice: {interfaces: {eth0: {bridge: lan}}}}\nbridges: {lan: {prefix: 10.1.0.0/24}}\n"
SCRIPT = "<script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A guest on a segment."""
    with lab_of(CAMPUS) as made:
        yield made


@pytest.fixture(scope="module")
def here(lab: Lab) -> Iterator[Served]:
    """A map of it."""
    with served(lab.path) as found:
        yield found


@pytest.fixture(scope="module")
def cookie(here: Served) -> str:
    """That of somebody who is in."""
    return here.cookie()


def socket_to(
    here: Served, path: str, cookie: str | None, origin: str | None, host: str | None = None
) -> ClientConnection:
    """A WebSocket, with just these headers."""
    headers = {} if cookie is None else {"Cookie": cookie}
    base = here.base.removeprefix("http://")
    where = socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2])))
    return connect(
        f"ws://{host or base}{path}",
        sock=where,
        origin=None if origin is None else Origin(origin),
        additional_headers=headers,
        open_timeout=PATIENCE,
    )


def test_who_is_in_gets_the_page_and_the_lab(here: Served, cookie: str) -> None:
    page = here.ask("GET", "/", cookie=cookie)
    with socket_to(here, "/live", cookie, here.base) as live:
        told = [json.loads(live.recv(PATIENCE)) for _each in range(2)]

    assert page.status == 200
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert [each["type"] for each in told] == ["hello", "view"]
    assert list(told[1]["view"]["guests"]) == ["alice"]


@pytest.mark.parametrize(
    "path", ["/", "/static/js/main.js", "/capture?at=alice:eth0", "/picture.svg", "/?token=guessed"]
)
def test_nobody_else_gets_anything(path: str, here: Served) -> None:
    answer = here.ask("GET", path)

    assert answer.status == 403
    assert b"alice" not in answer.body


def test_an_address_holds_once(here: Served, cookie: str) -> None:
    assert here.ask("GET", here.address.removeprefix(here.base)).status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "192.0.2.1"])
def test_another_host_is_refused(host: str, here: Served, cookie: str) -> None:
    assert here.ask("GET", "/", cookie=cookie, host=host).status == 403
    with pytest.raises(InvalidStatus, match="403"):
        socket_to(here, "/live", cookie, f"http://{host}", host)


@pytest.mark.parametrize("path", ["/live", "/terminal?guest=alice"])
@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
def test_a_socket_of_another_site_is_refused(path: str, origin: str | None, here: Served, cookie: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        socket_to(here, path, cookie, origin)


@pytest.mark.parametrize("path", ["/live", "/terminal?guest=alice"])
def test_a_socket_without_the_cookie_is_refused(path: str, here: Served) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        socket_to(here, path, None, here.base)


@pytest.mark.parametrize("origin", [{}, {"origin": "http://evil.example"}])
def test_another_site_gets_no_invitation(origin: dict[str, str], here: Served, cookie: str) -> None:
    assert here.ask("POST", "/invite", cookie=cookie, **origin).status == 403
    assert here.ask("POST", "/invite", cookie=cookie, origin=here.base).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc/passwd",
        "/static//etc/passwd",
        "/static/%2e%2e/main.py",
        "/../etc/passwd",
    ],
)
def test_no_path_leads_to_a_file_of_the_host(path: str, here: Served, cookie: str) -> None:
    answer = here.ask("GET", path, cookie=cookie)

    assert answer.status in (400, 404)
    assert b"root:" not in answer.body


def test_a_guest_that_is_none_gets_no_terminal_and_no_capture(here: Served, cookie: str) -> None:
    for name in ("../alice", "bob", SCRIPT):
        with socket_to(
            here, f"/terminal?guest={name}".replace("<", "%3C").replace(">", "%3E"), cookie, here.base
        ) as terminal:
            assert "the lab has no such guest" in json.loads(terminal.recv(PATIENCE))["error"]
    refused = here.ask("GET", "/capture?at=../alice:eth0", cookie=cookie)
    assert refused.status == 400
    assert refused.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "message",
    ["{", "[]", '{"verb": 7}', b"\0binary", "x" * (5 << 20)],
    ids=["broken", "list", "no verb", "binary", "too large"],
)
def test_what_is_no_request_ends_the_socket_and_harms_nobody(message: str | bytes, here: Served, cookie: str) -> None:
    with (
        socket_to(here, "/live", cookie, here.base) as other,
        pytest.raises(ConnectionClosed),
        socket_to(here, "/live", cookie, here.base) as live,
    ):
        live.send(message)
        while True:
            live.recv(PATIENCE)
    assert here.ask("GET", "/", cookie=cookie).status == 200
    del other


@pytest.mark.parametrize(
    "raw", [b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000, b"\0" * 1000, b"GET " + b"/" * 100_000]
)
def test_what_is_no_http_is_refused_and_harms_nobody(raw: bytes, here: Served, cookie: str) -> None:
    host, port = here.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as own:
        try:
            own.sendall(raw)
            answer = own.recv(100)
        except ConnectionError:
            answer = b""
    assert answer[9:12] in (b"", b"400", b"431")
    assert here.ask("GET", "/", cookie=cookie).status == 200


def test_the_web_part_has_no_rights_no_files_and_no_network(here: Served) -> None:
    place = Path(f"/proc/{here.web}")
    status = dict(line.split(":\t", 1) for line in (place / "status").read_text().splitlines() if ":\t" in line)

    assert set(status["Uid"].split() + status["Gid"].split()) == {"65534"}
    assert status["Groups"].strip() == ""
    assert status["NoNewPrivs"] == "1"
    assert {status[name] for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {"0" * 16}
    assert os.listdir(place / "root") == []
    assert os.readlink(place / "root").endswith("(deleted)")
    assert os.readlink(place / "ns/net") != os.readlink("/proc/self/ns/net")
    devices = subprocess.run(
        ["nsenter", f"--net={place}/ns/net", "ip", "-br", "link"], capture_output=True, text=True, check=True
    )
    assert [line.split()[:2] for line in devices.stdout.splitlines()] == [["lo", "DOWN"]]
    opened = {os.readlink(place / "fd" / fd) for fd in os.listdir(place / "fd") if int(fd) > 2}
    assert all(each.startswith(("socket:", "anon_inode:")) for each in opened), opened


def test_the_web_part_is_the_user_who_called_sudo(lab: Lab) -> None:
    process = started(lab.path, environment={"SUDO_UID": "12345", "SUDO_GID": "12346", "SUDO_USER": "kim"})
    try:
        there = Served(process)
        status = Path(f"/proc/{there.web}/status").read_text()
        with socket_to(there, "/live", there.cookie(), there.base) as live:
            hello = json.loads(live.recv(PATIENCE))
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)

    assert "Uid:\t12345\t12345\t12345\t12345\n" in status
    assert "Gid:\t12346\t12346\t12346\t12346\n" in status
    assert hello["me"] == "kim"


def test_enter_gives_one_more_address(lab: Lab) -> None:
    near, far = os.openpty()
    process = subprocess.Popen(
        [DUMM, "map", "--workdir", lab.path, "--port", "0"], stdin=far, stdout=far, stderr=far, start_new_session=True
    )
    os.close(far)
    with os.fdopen(near, "r+b", buffering=0) as terminal:
        shown = b""

        def addresses(count: int) -> list[bytes]:
            nonlocal shown
            while len(found := re.findall(rb"http://\S+\r", shown)) < count:
                shown += terminal.read(4096)
            return found

        first = addresses(1)
        terminal.write(b"\n")
        second = addresses(2)
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert first[0] != second[1]
    assert all(b"?token=" in each for each in second)


def test_it_listens_on_loopback_alone(here: Served) -> None:
    port = int(here.base.rpartition(":")[2])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]

    assert [each[1] for each in listening if each[3] == "0A" and each[1].endswith(f":{port:04X}")] == [
        f"0100007F:{port:04X}"
    ]


def alive(pid: int) -> bool:
    """Whether a process is there, and does not only wait to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def programs(lab: Lab) -> set[str]:
    """What runs in alice because of terminals."""
    return {line for line in lab.read("alice", "ps -eo args").splitlines() if line.startswith("sleep 7777")}


def begun(terminal: ClientConnection, lab: Lab, seconds: int) -> None:
    """A program that goes on in a terminal."""
    terminal.send(f"sleep 7777{seconds}\n".encode())
    eventually(lambda: f"sleep 7777{seconds}" in programs(lab), "a program in the terminal")


@pytest.mark.parametrize("killed", ["root", "web", "ended"])
def test_whatever_is_killed_nothing_is_left_behind(killed: str, lab: Lab) -> None:
    process = started(lab.path)
    there = Served(process)
    web, inside = there.web, there.cookie()
    with socket_to(there, "/terminal?guest=alice", inside, there.base) as terminal:
        begun(terminal, lab, 1)
        capture = subprocess.Popen(
            ["curl", "-sN", "-o", os.devnull, "-H", f"Cookie: {inside}", f"{there.base}/capture?at=alice:eth0"]
        )
        os.kill(
            {"root": process.pid, "web": web, "ended": process.pid}[killed],
            signal.SIGTERM if killed == "ended" else signal.SIGKILL,
        )

        assert there.ended() == {"root": -signal.SIGKILL, "web": 1, "ended": 0}[killed]
        eventually(lambda: not alive(web), "the end of the web part")
        eventually(lambda: programs(lab) == set(), "the end of the program in the guest")
        capture.wait(PATIENCE)
    assert process.stdout is not None
    process.stdout.close()


def test_when_the_browser_closes_a_terminal_its_program_ends_and_others_go_on(
    here: Served, cookie: str, lab: Lab
) -> None:
    with socket_to(here, "/terminal?guest=alice", cookie, here.base) as first:
        begun(first, lab, 1)
        with socket_to(here, "/terminal?guest=alice", cookie, here.base) as second:
            begun(second, lab, 2)
        eventually(lambda: programs(lab) == {"sleep 77771"}, "the end of the second program alone")
    eventually(lambda: programs(lab) == set(), "the end of both")


def test_a_terminal_has_the_size_of_its_window_and_tells_how_its_program_ended(here: Served, cookie: str) -> None:
    with socket_to(here, "/terminal?guest=alice&rows=30&columns=100", cookie, here.base) as terminal:
        shown = said_until(terminal, "stty size; echo do''ne\n", b"done")
        assert b"30 100" in shown
        terminal.send(json.dumps({"rows": 41, "columns": 99}))
        shown = said_until(terminal, "stty size; echo do''ne\n", b"done")
        assert b"41 99" in shown
        terminal.send(b"exit 7\n")
        texts = []
        with pytest.raises(ConnectionClosed):
            while True:
                if isinstance(message := terminal.recv(PATIENCE), str):
                    texts.append(json.loads(message))
        assert texts == [{"ended": 7, "error": None}]


def said_until(terminal: ClientConnection, keys: str, end: bytes) -> bytes:
    """What a terminal shows after keys, until something is in it."""
    terminal.send(keys.encode())
    shown = b""
    while end not in shown:
        message = terminal.recv(PATIENCE)
        shown += message if isinstance(message, bytes) else b""
    return shown


def resident(*processes: int) -> int:
    """Kilobytes of memory that processes have."""
    lines = [line for pid in processes for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


COUNTING = "i=0; while :; do printf %02000d $i; i=$((i+1)); echo $i >/root/count; done\n"


def test_a_browser_that_reads_nothing_stops_the_program_in_the_guest(here: Served, cookie: str, lab: Lab) -> None:
    def count() -> int:
        return int(lab.read("alice", "cat /root/count 2>/dev/null || echo 0").strip() or 0)

    def stands_still() -> bool:
        first = count()
        return first > 0 and all(count() == first for _each in range(3))

    with socket_to(here, "/terminal?guest=alice", cookie, here.base) as terminal:
        said_until(terminal, "echo do''ne\n", b"done")
        before = resident(here.process.pid, here.web)
        terminal.send(COUNTING.encode())

        eventually(stands_still, "everything on the way to be full")

        assert resident(here.process.pid, here.web) - before < 50_000


def test_a_capture_is_pcapng_until_its_bound(here: Served, cookie: str, lab: Lab) -> None:
    capture = subprocess.Popen(
        ["curl", "-sN", "-H", f"Cookie: {cookie}", f"{here.base}/capture?at=alice:eth0&count=3&filter=icmp6+or+arp"],
        stdout=subprocess.PIPE,
    )
    assert capture.stdout is not None
    head = capture.stdout.read(4)
    # Its beginning is sent as soon as it hears everything.
    lab.run("alice", "for i in 1 2 3 4 5 6; do arping -c 1 -w 1 -I eth0 10.1.0.9; ping -c 1 -W 1 10.1.0.9; done; true")
    rest = capture.stdout.read()
    capture.stdout.close()

    assert capture.wait(PATIENCE) == 0
    assert struct.unpack("<I", head) == (0x0A0D0D0A,)
    read = subprocess.run(
        ["tshark", "-r", "-", "-T", "fields", "-e", "frame.number"], input=head + rest, capture_output=True, check=True
    )
    assert read.stdout.split() == [b"1", b"2", b"3"]


def refused(workdir: str | Path, *options: str, **environment: str) -> str:
    """What dumm map says where it cannot begin."""
    done = subprocess.run(
        [DUMM, "map", "--workdir", workdir, *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_port_that_is_taken_is_one_clear_error(here: Served, lab: Lab) -> None:
    port = here.base.rpartition(":")[2]

    said = refused(lab.path, "--port", port)

    assert said.startswith(f"dumm: port {port}: another program listens there")
    assert "--port" in said


def test_a_missing_directory_is_one_clear_error(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == (
        f"dumm: working directory {tmp_path}/none: there is no such directory;"
        " make a lab there first, or name the directory of one (--workdir, DUMM_WORKDIR)\n"
    )


def test_a_group_is_for_who_may_only_look(lab: Lab) -> None:
    assert "add --read-only" in refused(lab.path, "--group", "nogroup")
    assert "this machine has no such group" in refused(lab.path, "--read-only", "--group", "no-such-group")
    assert "--port excludes" in refused(lab.path, "--read-only", "--group", "nogroup", "--port", "0")


def test_users_of_a_group_may_look_and_nothing_else(lab: Lab, tmp_path: Path) -> None:
    place = tmp_path / "map.sock"
    group = grp.getgrnam("nogroup")
    process = started(lab.path, "--read-only", "--group", group.gr_name, "--socket", str(place))
    try:
        told = Served(process).address
        assert "token" not in told
        status = place.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o660, group.gr_gid)
        with unix_connect(
            str(place), "ws://localhost/live", origin=Origin("http://localhost"), open_timeout=PATIENCE
        ) as live:
            assert json.loads(live.recv(PATIENCE))["readonly"] is True
            replies: list[Any] = []
            for number, verb in enumerate(("view", "draft.apply", "guest.power", "nothing")):
                live.send(json.dumps({"id": number, "verb": verb, "arguments": {}}))
            while len(replies) < 4:
                message = json.loads(live.recv(PATIENCE))
                replies += [message] if message["type"] == "reply" else []
            assert [each["ok"] for each in sorted(replies, key=lambda each: each["id"])] == [True, False, False, False]
        with unix_connect(
            str(place), "ws://localhost/terminal?guest=alice", origin=Origin("http://localhost"), open_timeout=PATIENCE
        ) as terminal:
            assert "read-only" in json.loads(terminal.recv(PATIENCE))["error"]
        with pytest.raises(InvalidStatus, match="403"):
            unix_connect(str(place), "ws://localhost/live", origin=Origin("http://evil.example"), open_timeout=PATIENCE)
        assert "another program listens there" in refused(lab.path, "--socket", str(place))
    finally:
        process.terminate()
        process.wait(PATIENCE)
    assert not place.exists()


def test_a_socket_that_a_killed_map_has_left_is_taken_over(lab: Lab, tmp_path: Path) -> None:
    place = tmp_path / "map.sock"
    process = started(lab.path, "--socket", str(place))
    Served(process)
    process.kill()
    process.wait(PATIENCE)
    assert place.is_socket()

    with served(lab.path, "--socket", str(place)) as again:
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert "token=" in again.address
    assert not place.exists()

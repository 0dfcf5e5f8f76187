# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long one guest takes to boot: Debian's kernel, the tuned one, and QEMU with a stock kernel, side by side in one run.

Three moments are looked at, each from the start of the guest's process: its first process runs (a static one of a few lines, the
same for all), the agent answers, and the host's leg on the bridge gets its first ping answered.  The first is measured on kernels
started by hand, the others on guests started by dumm_guest, whose own CPU time is counted with theirs.

    PYTHONPATH=.collections:tests/integration python tests/bench/boot.py [FILE]

prints the table and writes what was measured to the file as JSON.  QEMU and Debian's kernel for it are fetched where they are missing.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import bare
import measure as meter
from lab import BASE, TUNED, fresh_lab, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import kernels
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.wait import Lookout
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Inside, Kernel
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.guest_steps import Start
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import lifecycle

_CACHE = Path("/var/cache/dumm/bench")
_PACKAGES = {"qemu-system-x86_64": "qemu-system-x86", "cpio": "cpio", "gcc": "gcc", "ping": "iputils-ping"}
_NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_PING = ("ping", "-n", "-c", "1", "-W", "1", "10.0.0.1")
_MEM = 128
_KVM_SECONDS = 20
# A guest of QEMU that is emulated takes seconds, and varies little.
_QEMU_ROUNDS = 3
INIT, AGENT, REACHABLE = "exec -> init", "exec -> agent ready", "exec -> reachable"
_KERNELS = {"default": "Debian's", TUNED: "tuned"}
_YARDSTICK = "tuned, seccomp"
# What a kernel needs to find our root and console; the rest are savings.
_UML = f"mem={_MEM}M uml_dir=/run/ umid=bench rootfstype=hostfs rootflags=/fs rw init=/init con=null con0=fd:0,fd:1 ssl=null quiet"
_QEMU = f"-m {_MEM} -smp 1 -nodefaults -no-user-config -display none -no-reboot -serial stdio"
# Without a PIT an emulated microvm cannot find out how fast its clock runs, and hangs.
_EMULATED = {"microvm": "microvm,acpi=off,pit=on,pic=on,rtc=on"}
_CPUS = {"tcg": "qemu64", "kvm": "host"}
# It prints (system call 1) and sleeps (34).
_SOURCE = """
static void call(long number, long a, const char *b, long c)
{
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
}
void _start(void)
{
    call(1, 1, "bench: ready\\n", 13);
    for (;;)
        call(34, 0, 0, 0);
}
"""


@dataclass
class Row:
    """All measurements of one thing.

    :ivar what: which moment.
    :ivar who: which kernel, and how.
    :ivar wanted: how many times as long as the tuned kernel with seccomp it is to take, at least.
    """

    what: str
    who: str
    note: str = ""
    wanted: float | None = None
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, spent: meter.Cost) -> None:
        """One more."""
        self.seconds.append(spent.wall)
        self.cpu.append(spent.cpu)


@dataclass
class Contender:
    """What takes its turn: a round of it adds to its rows."""

    rows: list[Row]
    run: Callable[[list[Row]], None]
    rounds: int


def install() -> Path:
    """Fetch what is missing, from Debian; the kernel for QEMU, which is unpacked only."""
    missing = [package for program, package in _PACKAGES.items() if shutil.which(program) is None]
    found = sorted(_CACHE.glob("cloud/boot/vmlinuz-*"))
    if missing or not found:
        _apt("apt-get", "-qq", "update")
    if missing:
        _apt("apt-get", "-qq", "install", "-y", "--no-install-recommends", *missing)
    if not found:
        _CACHE.mkdir(parents=True, exist_ok=True)
        package = re.search(r"Depends: (linux-image-\S+)", _apt("apt-cache", "depends", "linux-image-cloud-amd64"))
        if package is None:
            raise SystemExit("Debian's linux-image-cloud-amd64 depends on no kernel; see apt-cache policy")
        with tempfile.TemporaryDirectory(dir=_CACHE) as place:
            _apt("apt-get", "-qq", "download", "-o", "APT::Sandbox::User=root", package[1], cwd=place)
            _apt("dpkg", "-x", str(next(Path(place).glob("*.deb"))), f"{place}/cloud")
            shutil.rmtree(_CACHE / "cloud", ignore_errors=True)
            Path(place, "cloud").rename(_CACHE / "cloud")
        found = sorted(_CACHE.glob("cloud/boot/vmlinuz-*"))
    return found[-1]


def _apt(*command: str, cwd: str = "/") -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def _made_init() -> Iterator[Path]:
    """The first process, and beside it ``initrd``, which holds it."""
    with tempfile.TemporaryDirectory(prefix="dumm-bench-") as place:
        init = Path(place, "init")
        flags = ["-O2", "-static", "-nostdlib", "-fno-stack-protector", "-o", str(init), "-x", "c", "-"]
        subprocess.run(["gcc", *flags], input=_SOURCE, text=True, check=True)
        packed = subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc"], input=b"init\n", cwd=place, stdout=subprocess.PIPE, check=True
        )
        Path(place, "initrd").write_bytes(packed.stdout)
        yield init


def _boot(command: list[str], files: list[tuple[str, str]]) -> subprocess.CompletedProcess[str]:
    """Boot something in namespaces of its own, with which it is gone (:func:`boot_once`)."""
    job = json.dumps([command, files])
    return subprocess.run(
        [*_NAMESPACES, sys.executable, __file__, "--once", job], capture_output=True, text=True, check=False
    )


def boot_once(command: list[str], files: list[tuple[str, str]]) -> None:
    """Print what a command took until its first process said that it is ready.

    :param files: what the command's root consists of, with their places there; none for the host's.
    """
    if files:
        os.chroot(_make_view(files))
        os.chdir("/")
    pipe = subprocess.PIPE
    with meter.cost() as spent:
        guest = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env={"TMPDIR": "/tmp", "PATH": os.defpath}
        )
        assert guest.stdout is not None
        bare.wait_for_all([guest.stdout.fileno()])
    print(json.dumps([spent.wall, spent.cpu]), flush=True)
    # Nobody waits for it: it ends with the namespace.
    os._exit(0)


def _make_view(files: list[tuple[str, str]]) -> Path:
    top = Path("/mnt")
    subprocess.run(["mount", "-t", "tmpfs", "bench", top], check=True)
    for name in ("run", "tmp", "proc"):
        (top / name).mkdir()
    subprocess.run(["mount", "-t", "proc", "proc", top / "proc"], check=True)
    for source, place in files:
        (top / place.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, top / place.lstrip("/"))
    return top


def _measure_init(command: list[str], files: list[tuple[str, str]], rows: list[Row]) -> None:
    done = _boot(command, files)
    if done.returncode != 0:
        raise SystemExit(f"{rows[0].who}: {done.stderr}")
    rows[0].add(meter.Cost(*json.loads(done.stdout)))


def _uml(init: Path, kernel: Kernel, row: Row, rounds: int, savings: list[str]) -> Contender:
    """A kernel by hand."""
    files = [(str(kernel.path), "/linux"), (str(init), "/fs/init"), *kernel.libraries]
    return Contender([row], partial(_measure_init, ["/linux", *_UML.split(), *savings], files), rounds)


def _savings(kernel: Kernel, way: str) -> list[str]:
    """What the collection adds to a kernel's arguments to make it boot faster."""
    options = ["lpj=30000000", *kernel.savings, *(["noreboot"] if kernel.noreboot else [])]
    return [*options, "seccomp=on"] if way == "seccomp" else options


def _guest(name: str, userspace: str, who: str, rounds: int) -> Contender:
    """A guest by dumm_guest."""
    rows = [
        Row(AGENT, who, "CPU: with dumm_guest's"),
        Row(REACHABLE, who, "with dumm_guest's last look, and ping's start"),
    ]
    return Contender(rows, partial(_measure_guest, name, userspace), rounds)


def _measure_guest(kernel: str, userspace: str, rows: list[Row]) -> None:
    with fresh_lab(kernel=kernel) as lab:
        lab.bridge("br0", address=["10.0.0.254/24"])
        lab.guest("bench", state="present", mem=_MEM, init="minimal", userspace=userspace)
        lab.iface("bench", "eth0", bridge="br0", address=["10.0.0.1/24"])
        # The first start of a lab also makes what all others use.
        lab.guest("bench")
        lab.guest("bench", state="stopped")
        with _launches() as launched, meter.cost() as started:
            ready = lab.guest("bench")["guest"]["ready_after"]
            answered = time.perf_counter()
        with meter.cost() as pinged:
            until(lambda: lab.host(*_PING).returncode == 0, "an answer to a ping")
    rows[0].add(meter.Cost(ready, started.cpu))
    # The time between, in which CPU seconds were collected, is not the guest's.
    rows[1].add(meter.Cost(answered - launched[0] + pinged.wall, started.cpu + pinged.cpu))


@contextmanager
def _launches() -> Iterator[list[float]]:
    """When guests were launched meanwhile."""
    began: list[float] = []
    own = lifecycle.start

    def start(
        workdir: Workdir, action: Start, place: lifecycle.Place, timeout: float, lookout: Lookout
    ) -> Inside | None:
        began.append(time.perf_counter())
        return own(workdir, action, place, timeout, lookout)

    lifecycle.start = start
    try:
        yield began
    finally:
        lifecycle.start = own


def _qemu(machine: str, accelerator: str, kernel: Path, init: Path) -> list[str]:
    kind = _EMULATED.get(machine, machine) if accelerator == "tcg" else machine
    hardware = ["-M", kind, "-accel", accelerator, "-cpu", _CPUS[accelerator]]
    booted = ["-kernel", str(kernel), "-initrd", str(init.with_name("initrd"))]
    line = "console=ttyS0 quiet panic=-1 reboot=t rdinit=/init"
    return ["qemu-system-x86_64", *hardware, *_QEMU.split(), *booted, "-append", line]


def _accelerator(kernel: Path, init: Path) -> tuple[str, str]:
    """Whether KVM boots a stock kernel here, which is tried once, else what QEMU does without; and why."""
    if not Path("/dev/kvm").exists():
        return "tcg", "no /dev/kvm here"
    limited = ["timeout", "-s", "KILL", str(_KVM_SECONDS)]
    done = _boot([*limited, *_qemu("microvm", "kvm", kernel, init)], [])
    if done.returncode == 0:
        return "kvm", ""
    reason = re.search(r"error: [^\\]+", done.stderr)
    return "tcg", f"KVM did not boot it: {reason[0] if reason else f'no init within {_KVM_SECONDS} s'}"


def _uml_kernels(rounds: int, init: Path) -> list[Contender]:
    """User Mode Linux; without the tuned kernel where the tests' base has none."""
    names = {name: who for name, who in _KERNELS.items() if (BASE / "kernels" / name / "linux").exists()}
    found = {name: kernels.inspect((BASE / "kernels" / name / "linux").resolve(), "bench") for name in names}
    debian = found["default"]
    old = "cannot run a program on this CPU (AMX)" if kernels._too_large_registers() else "is not measured"
    plain = Row(INIT, "Debian's, as it comes", f"{debian.release}; bookworm's own 6.1 {old}", 20.0)
    result = [_uml(init, debian, plain, rounds, [])]
    for name, kernel in found.items():
        for way in ("ptrace", "seccomp") if kernel.seccomp else ("ptrace",):
            savings = _savings(kernel, way)
            best = name == "default" and (way == "seccomp") == kernel.seccomp
            row = Row(INIT, f"{names[name]}, {way}", f"{kernel.release} {' '.join(savings)}", 2.0 if best else None)
            result.append(_uml(init, kernel, row, rounds, savings))
            result.append(_guest(name, way, f"{names[name]}, {way}", rounds))
    return result


def _virtual_machines(rounds: int, init: Path, stock: Path) -> list[Contender]:
    """QEMU, with KVM where that works."""
    accelerator, why = _accelerator(stock, init)
    note = "; ".join(filter(None, (stock.name.removeprefix("vmlinuz-"), why)))
    result = []
    for machine, wanted in (("microvm", 3.0), ("q35", None)):
        row = Row(INIT, f"QEMU {machine}, {accelerator.upper()}", note, wanted if accelerator == "kvm" else None)
        run = partial(_measure_init, _qemu(machine, accelerator, stock, init), [])
        result.append(Contender([row], run, rounds))
    return result


def measure(rounds: int = 5) -> dict[str, Any]:
    """Boot all in turn, several times over.

    :return: ``rows``, each as :class:`Row`, and ``load``, before and after.
    """
    meter.adopt_orphans()
    load = [os.getloadavg()[0]]
    stock = install()
    with _made_init() as init:
        contenders = _uml_kernels(rounds, init) + _virtual_machines(min(rounds, _QEMU_ROUNDS), init, stock)
        for number in range(rounds):
            for each in contenders:
                if number < each.rounds:
                    each.run(each.rows)
    rows = [row for each in contenders for row in each.rows]
    rows.sort(key=lambda row: (INIT, AGENT, REACHABLE).index(row.what))
    return {"rows": [dataclasses.asdict(row) for row in rows], "load": [*load, os.getloadavg()[0]]}


def table(found: dict[str, Any]) -> str:
    """Medians, minima and ratios of medians to the tuned kernel with seccomp, as far as there is one."""
    load = " to ".join(f"{each:.1f}" for each in found["load"])
    lines = [f"ONE GUEST BOOTS (seconds; {_MEM} MB; load {load}; the ratio is that of the medians to {_YARDSTICK!r})"]
    rows = [Row(**row) for row in found["rows"]]
    yardsticks = {row.what: statistics.median(row.seconds) for row in rows if row.who == _YARDSTICK}
    for what in dict.fromkeys(row.what for row in rows):
        lines.append(f"\n{what:<26}{'median':>9}{'least':>9}{'CPU':>9}{'runs':>6}{'ratio':>8}")
        lines += [_line(row, yardsticks.get(what)) for row in rows if row.what == what]
    return "\n".join(lines)


def _line(row: Row, yardstick: float | None) -> str:
    median = statistics.median(row.seconds)
    cells = f"{median:9.4f}{min(row.seconds):9.4f}{statistics.median(row.cpu):9.4f}{len(row.seconds):6}"
    told = [row.note] if row.note else []
    if yardstick is None:
        cells += f"{'-':>8}"
    else:
        ratio = median / yardstick
        cells += f"{ratio:8.1f}"
        if row.wanted is not None:
            told.insert(0, f"wanted: at least {row.wanted:g}, {'met' if ratio >= row.wanted else 'MISSED'}")
    return f"  {row.who:<24}{cells}  {'; '.join(told)}".rstrip()


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--once"]:
        boot_once(*json.loads(sys.argv[2]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    found = measure()
    print(table(found))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

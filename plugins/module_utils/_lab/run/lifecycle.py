# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest comes up and goes down: the order of things around its process, each wait bounded.

Whatever goes wrong while it comes up, nothing of it is left.  Going down is clean first, then harder: the guest's own
shutdown, the kernel's halt, SIGTERM, SIGKILL.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import secrets
import shlex
import signal
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from ..guest import booting, channel, confine, kernels, launcher, logs, mconsole, processes, sandbox
from ..guest.confine import Confinement
from ..host import beneath, cgroups, disks, files, uids
from ..host.wait import Deadline, Lookout, poll_until, until_ended
from ..host.workdir import GuestDir, Workdir, load_guest
from ..inside import home, network, settings
from ..model.errors import DummError, GuestError, HostError, WaitTimeout, from_oserror
from ..model.found import Actual, Inside, Process
from ..model.given import Given
from ..model.lab import ANY_CPU, Command, Guest, Power, Stopping, loads
from ..model.readiness import Ready
from ..model.reference import GuestRef
from ..plan.guest_steps import Prepared, Start, digest
from ..union import engines, works
from ..union.engine import Client, Parts, Union

_ASK_AGAIN = 3.0
_HARDER_SECONDS = 5.0
_LAST_LINES = 12
_MOST_SEEN = 1 << 20
_CONFIGURE_SECONDS = 30.0
_SETTING = re.compile(r"(/proc/sys/[^:]+): ")


@dataclass(frozen=True)
class Place:
    """What of the host is a guest's.

    :ivar netns: path of the network namespace; ``None`` for the host's own.
    :ivar cpu: number of the CPU that it is to run on, or ``ANY_CPU``.
    :ivar user: the first of the users that are its own.
    """

    netns: str | None
    cpu: int
    user: int


def start(workdir: Workdir, action: Start, place: Place, timeout: float, lookout: Lookout) -> Inside | None:
    """Start a guest and wait until its control line answers.

    :param lookout: for all guests that are started meanwhile.
    :return: its network as it was then; ``None`` where it could not tell.
    :raises DummError: with the end of ``boot.log``; nothing of the guest is left running then.
    """
    directory = workdir.guest(action.guest.name)
    try:
        engines.end(directory, action.guest.label)
        disks.fit(workdir, action.guest.name, action.guest.disk, place.user + confine.LINE_GROUP)
        launcher.gone(directory)
        process = _launch_by_any_engine(workdir, directory, action, place)
        seen = _await_ready(directory, process, action, timeout, lookout)
        _number_for_host(directory, process)
        disks.save_spares(directory)
        return seen
    except OSError as exc:
        clean(workdir, action.guest.name)
        raise from_oserror(action.guest.label, "start it:", exc) from exc
    except BaseException:
        clean(workdir, action.guest.name)
        raise


def _launch_by_any_engine(workdir: Workdir, directory: GuestDir, action: Start, place: Place) -> Process:
    """Launch a guest; by another union engine if the kernel refuses this one, which shows only now.

    :raises HostError: as :func:`_launch`, and where this engine is wanted and refused.
    """
    engine = action.prepared.engine
    try:
        return _launch(workdir, directory, action, place)
    except HostError:
        fault = engines.of(engine).trial(directory.works)
        if fault is None:
            raise
    choice = engines.instead(action.guest.union, engine, fault, action.guest.label, workdir.guests)
    clean(workdir, action.guest.name)
    prepared = dataclasses.replace(action.prepared, engine=choice.engine, why=choice.why)
    return _launch(workdir, directory, dataclasses.replace(action, prepared=prepared), place)


def _launch(workdir: Workdir, directory: GuestDir, action: Start, place: Place) -> Process:
    definition, prepared = action.guest, action.prepared
    identity = processes.new_identity(
        definition, prepared.kernel, prepared.master, prepared.engine, prepared.why, prepared.stack, place.cpu
    )
    works.tidy(directory.works)
    works.make(directory.works, identity.launch)
    _write_boot_request(directory, action)
    parts = union_parts(workdir, definition, prepared, identity.launch)
    engine = engines.of(prepared.engine)
    line = kernels.boot_line(definition, prepared.kernel, list(action.units), action.carriers)
    with ExitStack() as stack:
        confinement = None
        if definition.confine:
            mapped = [str(directory.spool), str(directory.run), *engine.mapped(parts)]
            pinned = place.cpu != ANY_CPU
            confinement = stack.enter_context(confine.confinement(definition.mem, place.user, mapped, pinned=pinned))
        first = 0 if confinement is None or confinement.users is None else confinement.users.first
        xattrs = prepared.kernel.xattrs
        client = Client(directory, workdir.agents, definition.label, definition.faults, place.cpu, first, xattrs)
        union = stack.enter_context(engine.union(client, parts))
        view = _view(workdir, directory, action, identity, union, confinement)
        keep = functools.partial(logs.keep, directory, workdir.agents, first=place.user)
        return launcher.launch(directory, view, line, place.netns, identity, definition.label, keep)


def _view(
    workdir: Workdir,
    directory: GuestDir,
    action: Start,
    identity: Process,
    union: Union,
    confinement: Confinement | None,
) -> sandbox.View:
    definition, prepared = action.guest, action.prepared
    return sandbox.View(
        mountpoint=str(directory.view),
        owner={"lab": workdir.lab_name, "guest": definition.name, "launch": identity.launch},
        kernel=str(prepared.kernel.path),
        libraries=prepared.kernel.libraries,
        union=union,
        spool=str(directory.spool),
        run=str(directory.run),
        mem=definition.mem,
        confinement=confinement,
    )


def union_parts(workdir: Workdir, definition: Guest, prepared: Prepared, work: str) -> Parts:
    """What a guest's union is made of, read-only layers topmost first.

    They are ours, those that may change, the kernel's modules, the guest's own name, the master.

    :param work: name of its work directory.
    """
    directory = workdir.guest(definition.name)
    upper = workdir.path / prepared.stack.upper
    if not upper.is_dir():
        upper.mkdir(parents=True)
        upper.chmod(0o755)
    lower = [str(home.layer(workdir.agents, prepared.kernel.agent)), *prepared.stack.over]
    modules = prepared.kernel.modules
    if modules is not None:
        # Where /lib is a link to usr/lib, a layer with a directory of that name would hide it.
        merged = (Path(prepared.master) / "lib").is_symlink()
        lower.append(str(modules if merged else modules / "usr"))
    names = home.names(directory.names, definition.name, Path(prepared.master))
    lower += [] if names is None else [str(names)]
    return Parts(
        home=str(workdir.path),
        upper=prepared.stack.upper,
        work=str((directory.works / work).relative_to(workdir.path)),
        lower=(*lower, prepared.master),
    )


def swap(workdir: Workdir, definition: Guest, prepared: Prepared) -> None:
    """Give a running guest the layers that it should have; what its processes hold open stays what it was.

    :raises HostError: where that could not be done; it keeps those that it has then.
    """
    directory = workdir.guest(definition.name)
    process = _running(directory)
    parts = union_parts(workdir, definition, prepared, secrets.token_hex(6))
    change = launcher.Change(directory, process, prepared.stack, definition.label)
    engines.of(process.engine).replace(directory, parts, change)


def fail_on_purpose(workdir: Workdir, definition: Guest) -> None:
    """Have fail on purpose in a running guest's union what should.

    :raises HostError: where that could not be done.
    """
    directory = workdir.guest(definition.name)
    engines.of(_running(directory).engine).fail(directory, definition)


def remember(workdir: Workdir, name: str, given: Given) -> None:
    """Write down what a running guest is given.

    :raises GuestError: where it has ended.
    """
    directory = workdir.guest(name)
    processes.store(directory, dataclasses.replace(_running(directory), given=given))


def cpus(workdir: Workdir) -> list[int]:
    """The CPUs that the lab's running guests have, each as often as a guest has it."""
    known = [processes.read(workdir.guest(name)) for name in workdir.guest_names()]
    return [
        process.cpu
        for process in known
        if process is not None and process.cpu is not None and processes.is_alive(process)
    ]


def unserved(workdir: Workdir) -> list[str]:
    """Guests that run although the process that served their union does not."""
    # Asked first: it takes less than to look at each guest's process, and a union ends after its guest.
    lost = [name for name in workdir.guest_names() if engines.is_lost(workdir.guest(name))]
    return [name for name in lost if _is_alive(workdir.guest(name))]


def _is_alive(directory: GuestDir) -> bool:
    process = processes.read(directory)
    return process is not None and processes.is_alive(process)


def serve_again(workdir: Workdir, name: str) -> None:
    """Give a running guest its union back after the process that served it was killed.

    Files that its programs held open stay lost to them.

    :raises HostError: where that could not be done.
    """
    directory = workdir.guest(name)
    process = _running(directory)
    subject = f"guest {name}"
    faults = load_guest(directory).faults
    first = process.first_user or 0
    client = Client(directory, workdir.agents, subject, faults, process.cpu, first, process.xattrs)
    change = launcher.Change(directory, process, process.stacks[0], subject)
    engines.of(process.engine).serve_again(client, directory.works / process.launch, change)


def trim_logs(workdir: Workdir) -> None:
    """Shorten the logs of guests that have said too much, where nobody does, and have somebody do it from now on."""
    for name in workdir.guest_names():
        directory = workdir.guest(name)
        # What is on a full disk stays as it is.
        with suppress(OSError):
            if logs.is_kept(directory):
                continue
            logs.trim(directory)
            process = processes.read(directory)
            if process is not None and processes.is_alive(process):
                logs.keep(directory, workdir.agents, process.pid, uids.claim(directory))


def freshen(workdir: Workdir, name: str, scenario: str) -> None:
    """Let a guest's scratch layer for a scenario be empty, unless it is writing to it, and its commands be run anew."""
    scratch = workdir.guest(name).scratch / scenario
    recorded = workdir.scenario_layer(scenario, name)
    process = processes.read(workdir.guest(name))
    used = process.stacks if process is not None and processes.is_alive(process) else ()
    if scratch in [workdir.path / stack.upper for stack in used]:
        return
    if used and process is not None:
        written = (scratch, recorded)
        shelved = {upper: ran for upper, ran in process.shelved.items() if workdir.path / upper not in written}
        if shelved != process.shelved:
            processes.store(workdir.guest(name), dataclasses.replace(process, shelved=shelved))
    files.remove_tree(scratch)


def unscratch(workdir: Workdir, name: str) -> None:
    """Throw away all scratch layers of a guest but those that it has, is to have, or will go back to."""
    directory = workdir.guest(name)
    kept = {each.scenario for each in loads(load_guest(directory).loaded) if not each.record}
    for scratch in directory.scratch.glob("*"):
        if scratch.name not in kept:
            freshen(workdir, name, scratch.name)


def tidy_rendered(workdir: Workdir, actual: Actual) -> None:
    """Take away layers of files that no guest has any more, those too that a killed run had made for nobody yet."""
    loaded = [each for guest in actual.lab.guests.values() for each in loads(guest.loaded)]
    used = {name for each in loaded for name in (each.files, each.hosts)}
    known = [live.process for live in actual.live.values() if live.process is not None]
    used |= {Path(layer).name for process in known for stack in process.stacks for layer in stack.over}
    if any(guest.label in actual.lab.damaged for guest in actual.lab.guests.values()):
        # Nobody knows which it has.
        return
    for layer in workdir.rendered_layers():
        if layer.name not in used:
            files.remove_tree(layer)


def await_ready(workdir: Workdir, name: str, ready: Ready, timeout: float) -> None:
    """Wait until a guest is ready, see :func:`booting.await_ready`."""
    directory = workdir.guest(name)
    booting.await_ready(directory, _running(directory), ready, timeout)


def run_commands(workdir: Workdir, name: str, commands: tuple[Command, ...], timeout: float) -> None:
    """Run a scenario's commands in a guest, one after another.

    :param timeout: seconds for each.
    :raises GuestError: for the first that fails, with what it said.
    """
    directory = workdir.guest(name)
    for command in commands:
        _run_command(directory, command, timeout)
    # Looked up anew: it may have other layers by now.
    processes.store(directory, dataclasses.replace(_running(directory), ran=digest(commands)))


def _run_command(directory: GuestDir, command: Command, timeout: float) -> None:
    guards = []
    if command.creates is not None:
        guards.append(f"[ -e {shlex.quote(command.creates)} ] && exit 0")
    if command.unless is not None:
        guards.append(f"if ({command.unless}) >/dev/null 2>&1; then exit 0; fi")
    script = "\n".join([*guards, command.command])
    done = channel.Channel(directory, _running(directory)).run(script, timeout=timeout)
    if done.code != 0:
        said = beneath.printable(done.stderr or done.stdout)[-400:]
        raise GuestError(
            f"guest {directory.name}",
            f"{command.command!r} failed with exit code {done.code}: {said or 'it said nothing'}",
            "mend the command in the scenario, then run again",
        )


def restart_services(workdir: Workdir, name: str, services: tuple[str, ...], timeout: float) -> None:
    """Restart services of a guest, by systemd where that runs, else by their scripts.

    :raises GuestError: where one does not start.
    """
    for service in services:
        quoted = shlex.quote(service)
        script = (
            f"if [ -d /run/systemd/system ]; then systemctl restart {quoted}; else /etc/init.d/{quoted} restart; fi"
        )
        _run_command(workdir.guest(name), Command(script), timeout)


def configure(workdir: Workdir, name: str, lines: tuple[str, ...]) -> None:
    """Carry out lines for ip, tc and the kernel in a running guest, in one request.

    :raises GuestError: with what the guest said.
    """
    directory = workdir.guest(name)
    script, stdin = network.script(lines)
    line = channel.Channel(directory, _running(directory))
    answer = line.run(script, stdin, timeout=_CONFIGURE_SECONDS, ops=network.ops(lines))
    if answer.code != 0:
        raise refused(name, answer.stderr)


def _running(directory: GuestDir) -> Process:
    process = processes.read(directory)
    if process is None or not processes.is_alive(process):
        raise GuestError(f"guest {directory.name}", "it ended while it was changed", "run again")
    return process


def _write_boot_request(directory: GuestDir, action: Start) -> None:
    """The guest's network is configured before its own init starts: services find their addresses."""
    lines = ["link set lo up"]
    for unit, (iface, _mac) in enumerate(action.units):
        lines += network.appear(unit, iface)
    lines += settings.for_peers(action.guest, action.peers)
    lines += settings.all_lines(action.guest)
    script, stdin = network.script(lines)
    sysctl, conditions = network.managed([action.guest])
    look, ops = network.read(sysctl, conditions), network.read_ops(sysctl, conditions)
    # A userland without ip can still be a guest, as long as it has no interface.
    skip = "" if action.units else "command -v ip >/dev/null || exit 0\n"
    channel.write_request(
        directory.spool / channel.BOOT,
        f"{skip}(\n{script}\n) || exit\n{look}",
        stdin,
        f"{network.ops(lines)}\n{ops}",
    )


def _number_for_host(directory: GuestDir, process: Process) -> None:
    """UML's own ``pid`` has the process's number in its PID namespace; whoever reads that file means the host's."""
    # It is the guest's to write; whatever there is in its place, the guest runs.
    with suppress(OSError):
        beneath.overwrite(directory.run, f"{directory.name}/pid", f"{process.pid}\n".encode())


def _await_ready(
    directory: GuestDir, process: Process, action: Start, timeout: float, lookout: Lookout
) -> Inside | None:
    subject = action.guest.label
    deadline = Deadline(timeout)
    lookout.until(str(directory.spool / "hello"), process.pid, deadline)
    if not beneath.exists(directory.spool, "hello"):
        processes.check_alive(action.guest.name, process, directory)
        if (missing := disks.full(directory.spool)) is not None:
            raise GuestError(
                subject,
                f"it did not answer within {timeout:g} s: the file system of {directory.path} has no {missing} left",
                f"free some space there, then run again; what its kernel printed is in {directory.boot_log}",
            )
        raise WaitTimeout(
            subject,
            f"its control channel did not answer within {timeout:g} s; last lines of its boot.log: {_end_of_log(directory)}",
            f"see {directory.boot_log}, or raise wait_timeout",
        )
    boot = directory.spool / channel.BOOT
    ended = channel.ending(boot)
    if ended is None or ended[0] != 0:
        raise refused(action.guest.name, beneath.read(boot, "err", 4096))
    seen = beneath.read(boot, "out", _MOST_SEEN)
    beneath.remove(boot, _HARDER_SECONDS)
    return network.parse(action.guest.name, seen) if seen else None


def _end_of_log(directory: GuestDir) -> str:
    return " | ".join(files.tail(directory.boot_log, _LAST_LINES)) or "(empty)"


def refused(name: str, stderr: bytes) -> GuestError:
    """The error for a network configuration that the guest did not take."""
    said = beneath.printable(stderr)
    setting = _SETTING.match(said)
    error = GuestError(
        GuestRef(name),
        f"it refused its network configuration: {said or 'no reason given'}",
        "correct or leave out that setting (sysctl)"
        if setting
        else "its root file system needs iproute2, and its kernel what was asked for",
    )
    error.sysctl = setting[1] if setting else None
    return error


def stop(
    workdir: Workdir, name: str, netns: str | None, timeout: float, *, halt: bool = False, goes: bool = False
) -> None:
    """Stop a guest.

    :param timeout: seconds that its own shutdown may take.
    :param halt: whether it has no shutdown; what its kernel had not written to its files yet is lost then.
    :param goes: as for :func:`clean`.
    :raises WaitTimeout: where not even SIGKILL ends it.
    """
    directory = workdir.guest(name)
    process = processes.read(directory)
    apart = False
    if process is not None and processes.is_alive(process):
        apart = processes.is_apart(process)
        # Not for want of space: what is stopped is to give some back.
        with suppress(OSError):
            processes.store(directory, dataclasses.replace(process, stopping=True))
        # Nothing reaches a guest that has other files than those here, and what it writes is lost.
        if not processes.is_cut_off(directory, process):
            _end(directory, process, netns, 0 if halt else timeout)
        apart = apart and not processes.is_alive(process)
    clean(workdir, name, ended=apart, goes=goes)


def _end(directory: GuestDir, process: Process, netns: str | None, timeout: float) -> None:
    """Have a guest's process end: by its init, by its kernel, by signals."""
    was = processes.power(directory, process)
    if was is Power.PAUSED:
        _tell_kernel(directory, netns, "go")
    if was is not Power.STARTING:
        _shut_down(directory, process, netns, timeout)
    if processes.is_alive(process):
        _tell_kernel(directory, netns, "halt")
    for harder in (signal.SIGTERM, signal.SIGKILL):
        if not _waits(process, _HARDER_SECONDS):
            break
        processes.send(process, harder)


def finish_stops(workdir: Workdir, netns: str | None, timeout: float) -> None:
    """Stop the guests that a killed run was stopping: they would end by themselves while somebody talks to them.

    :param netns: path of the network namespace.
    :raises WaitTimeout: where not even SIGKILL ends one.
    """
    for name in workdir.guest_names():
        process = processes.read(workdir.guest(name)) if processes.is_noted(workdir.guest(name), "stopping") else None
        if process is not None and process.stopping:
            stop(workdir, name, netns, timeout, halt=_halts(workdir.guest(name)))


def _halts(directory: GuestDir) -> bool:
    """Whether a guest is defined to be stopped without its own shutdown, as far as that can be understood."""
    try:
        return load_guest(directory).stop is Stopping.HALT
    except DummError:
        return False


def _shut_down(directory: GuestDir, process: Process, netns: str | None, timeout: float) -> None:
    """Ask the guest's init by Ctrl-Alt-Del, again and again: one that is just starting may not listen yet."""
    deadline = Deadline(timeout)
    while processes.is_alive(process) and not deadline.over:
        _tell_kernel(directory, netns, "cad")
        _waits(process, min(_ASK_AGAIN, deadline.left))


def _tell_kernel(directory: GuestDir, netns: str | None, command: str) -> None:
    with suppress(GuestError):
        mconsole.ask(directory.run, directory.name, netns, command, timeout=1.0, nudge=lambda: channel.nudge(directory))


def _waits(process: Process, seconds: float) -> bool:
    """Give a process some time to end; whether it still has not."""
    if processes.is_alive(process):
        until_ended(process.pid, seconds)
    return processes.is_alive(process)


def clean(workdir: Workdir, name: str, *, ended: bool = False, goes: bool = False) -> None:
    """End whatever still runs of a guest and take away what its process left.

    :param ended: whether all of its processes are known to have ended.
    :param goes: whether :func:`forget` follows in the same run.  A run that follows one that was killed in between still finds the record
        of the process, and cleans up as after any that has ended.
    :raises WaitTimeout: where a process does not go.
    """

    def gone() -> bool | None:
        left = [each for each in processes.of_lab(workdir) if each.owner["guest"] == name]
        for each in left:
            processes.end(each)
        return None if left else True

    process = processes.read(workdir.guest(name))
    if process is not None and processes.is_alive(process):
        apart = processes.is_apart(process)
        processes.send(process, signal.SIGKILL)
        ended = not _waits(process, _HARDER_SECONDS) and apart
    # To look for more takes a look at all processes of the host.
    if not ended and poll_until(gone, Deadline(_HARDER_SECONDS)) is None:
        raise WaitTimeout(f"guest {name}", "its processes do not end", "look for processes in state D, then run again")
    if workdir.guest(name).path.is_dir():
        engines.end(workdir.guest(name), f"guest {name}")
        logs.let_go(workdir.guest(name))
        if goes:
            return
        launcher.gone(workdir.guest(name))
    cgroups.leave(workdir.lab_name, name)


def forget(workdir: Workdir, name: str) -> None:
    """Remove a guest that does not run, with what of the host was its own."""
    uids.release(workdir.guest(name))
    cgroups.leave(workdir.lab_name, name)
    disks.forget(workdir, name)
    workdir.forget_guest(name)

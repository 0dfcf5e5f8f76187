# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole run, on a page: from arguments to a report.

A run makes a lab what its arguments request.  ``run_guest`` and its siblings are what a module, the action plugin, a console or a
test calls: with the arguments of ``dumm_guest``, and without Ansible::

    report = run_guest({**defaults, "name": "alice", "state": "started"}, subscriber=Narrator(print, print))
    report.changed, report.actions, report.subject["state"]

1. ``ours``: take the working directory's lock, attach its disks, and mend what a killed run left.  Check mode and ``dumm_info``
   only look: they take no lock and change nothing.
2. Give running guests back the unions whose servers were killed.
3. ``_plan``: ``observe`` returns the lab as it is, stored on disk and present on the host.  ``understand`` derives the requested
   lab from that and the arguments (``plan/desired``, ``requested``).  ``prepare`` finds the kernels, layers and unions that
   it needs.  ``plan`` is the difference of both labs in steps.
4. Remove devices that a killed run left half made.  Resume paused guests that are to change (``Plan.first``), and plan again.
5. Check that the host can do what is planned (``checks``).
6. ``apply`` carries out the steps, independent ones at the same time, and publishes events to the subscriber.
7. Observe again: the report has what is there, not what was requested (``plan/describe``).

A run returns a :class:`Report` or raises :class:`RunFailed`, and no other error that a user can act on.  In check mode it
leaves 4, 6 and 7 out and reports the requested lab.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from ..guest import processes
from ..host import captures, namespaces, netlink
from ..host.wait import Deadline
from ..host.workdir import FORMAT, Workdir
from ..model import readiness
from ..model.errors import DummError, GuestError, together
from ..model.found import Actual, DeviceKind, Inside, Process
from ..model.lab import Guest, Lab, Power, Readiness
from ..model.reference import GuestRef
from ..plan import damaged, describe, desired
from ..plan.desired import Extra, Wish
from ..plan.guest_steps import coming_up, given_anew, started
from ..plan.layer_steps import WriteHosts
from ..plan.plan import plan
from ..plan.steps import Plan
from ..scenario.lab_hosts import LabHosts
from ..scenario.share import Share
from ..union import layers
from ..union.written import written
from . import applied, apply, cleaning, lifecycle, rendering, settle, sharing, spans
from .checks import check_host, check_readable, check_settings
from .context import Context
from .events import Subscriber, nobody
from .observe import have_booted, look_inside, observe
from .opening import Params, Run, looking, ours
from .prepare import Findings, has_init, prepare, save_points
from .report import Diff, Report, Result, RunFailed
from .requested import extras, load_scenario

_PARALLEL = 16
# How long something odd may be on its way.
_ODD_SECONDS, _FIRST_PAUSE = 2.0, 0.05


def run_guest(params: Params, *, check: bool = False, subscriber: Subscriber = nobody) -> Report:
    """Body of ``dumm_guest``."""
    with ours(params, check, subscriber) as run:
        return _run(run, "guest", desired.guest, lambda actual, lab: _guest_result(actual, lab, params["name"]))


def run_iface(params: Params, *, check: bool = False, subscriber: Subscriber = nobody) -> Report:
    """Body of ``dumm_iface``."""
    owner, name = params["guest"], params["name"]

    def told(actual: Actual | None, lab: Lab) -> Result | None:
        found = lab.guests[owner].interfaces.get(name) if owner in lab.guests else None
        if found is None:
            return None
        return describe.iface(lab, found) if actual is None else describe.whole_iface(actual, lab, found)

    with ours(params, check, subscriber) as run:
        return _run(run, "iface", desired.iface, told)


def run_bridge(params: Params, *, check: bool = False, subscriber: Subscriber = nobody) -> Report:
    """Body of ``dumm_bridge``."""
    with ours(params, check, subscriber) as run:
        return _run(run, "bridge", desired.bridge, lambda actual, lab: _bridge_result(actual, lab, params["name"]))


def run_scenario(params: Params, *, check: bool = False, subscriber: Subscriber = nobody) -> Report:
    """Body of ``dumm_scenario``."""

    parts: list[tuple[LabHosts, Share]] = []

    def told(actual: Actual | None, lab: Lab) -> Result:
        guests = [name for name, guest in lab.guests.items() if guest.scenario == params["name"]]
        bridges = [name for name, bridge in lab.bridges.items() if bridge.scenario == params["name"]]
        moving = {"moving": sharing.coming(params, parts[0][1])} if parts else {}
        return {
            "name": params["name"],
            "guests": {name: _guest_result(actual, lab, name) for name in guests},
            "bridges": {name: _bridge_result(actual, lab, name) for name in bridges},
            **moving,
        }

    with ours(params, check, subscriber) as run:
        workdir = run.workdir

        def understand(arguments: Params, lab: Lab) -> Wish:
            if arguments["state"] in ("absent", "unloaded"):
                return desired.scenario(arguments, lab, None, {})
            whole = load_scenario(workdir, arguments)
            found = sharing.shared(workdir, arguments, whole, lab)
            if found is None:
                return desired.scenario(arguments, lab, whole, extras(workdir, whole, arguments, lab))
            parts[:] = [found]
            part = found[1]
            if not run.check:
                sharing.check_all_here(arguments, part)
            more = extras(workdir, part.scenario, arguments, lab, whole)
            return desired.scenario(arguments, lab, part.scenario, more, part)

        def remember() -> None:
            for hosts, part in parts:
                sharing.remember(workdir, params["name"], part.placement(hosts))
                sharing.keep(workdir, part.scenario.guests)
                sharing.forget_packed(workdir, part.placed.keys() - part.moving.keys())

        report = _run(run, "scenario", understand, told, remember)
        if not run.check:
            if params["state"] == "absent":
                sharing.forget(workdir, params["name"])
            left = report.subject or {}
            applied.note(workdir, params, left=bool(left.get("guests") or left.get("bridges")))
        return report


def run_change(
    params: Params, understand: Callable[[Lab], Wish], *, check: bool = False, subscriber: Subscriber = nobody
) -> Report:
    """A change that no module has arguments for, such as a test's.

    :param params: workdir, name (what for), lock_timeout and wait_timeout.
    :param understand: the lab as it is → what is wanted; it may be asked twice.
    """
    with ours({**params, "state": "present"}, check, subscriber) as run:
        return _run(run, "change", lambda _params, lab: understand(lab), lambda _actual, _lab: None)


def run_info(params: Params, *, check: bool = False, subscriber: Subscriber = nobody) -> Report:
    """Body of ``dumm_info``."""
    with looking(params, check, subscriber) as run:
        workdir = run.workdir
        if workdir.format > FORMAT:
            run.warn(
                f"{workdir.label}: a newer version has made its lab; what this one does not know of it is left out"
            )
        try:
            workdir.check_identity()
        except DummError as exc:
            run.warn(f"{exc}. Until then its network namespace is taken to be {workdir.lab_name}.")
        actual = observe(workdir)
        for damage in actual.lab.damaged.values():
            run.warn(str(damage))
        if params["inside"]:
            actual = look_inside(workdir, actual, actual.lab.guests, actual.lab, {})
            actual = _look_at_boots(workdir, actual)
        actual = _look_again(workdir, actual)
        told = {"format": workdir.format, **describe.whole_lab(actual, str(workdir.path))}
        told["captures"] = {name: each.told() for name, each in captures.look(workdir).items()}
        if params["diff"]:
            for name, guest in actual.lab.guests.items():
                if guest.label not in actual.lab.damaged:
                    told["guests"][name]["diff"] = _written(run, guest, _process(actual, name))
        return Report("lab", told, warnings=tuple(run.warnings))


def _look_again(workdir: Workdir, actual: Actual) -> Actual:
    """What is odd must be so at a second look, and a third: a run may change the lab meanwhile, whose lock is not asked for."""
    deadline, pause = Deadline(_ODD_SECONDS), _FIRST_PAUSE
    while describe.is_odd(actual) and not deadline.over:
        time.sleep(pause)
        pause *= 2
        actual = describe.confirmed(actual, observe(workdir))
    return actual


def _look_at_boots(workdir: Workdir, actual: Actual) -> Actual:
    """With whether guests have booted, as far as that counts and was not seen before; the minimal init takes no time to."""
    unseen = {
        name: (workdir.guest(name), live.process)
        for name, live in actual.live.items()
        if live.process is not None
        and live.inside is not None
        and readiness.for_tasks(actual.lab.guests[name].ready) is Readiness.BOOTED
        and processes.BOOTED not in live.seen
    }
    asked = {name: each for name, each in unseen.items() if has_init(each[1].init, _roots(workdir, each[1]))}
    found = {**dict.fromkeys(unseen, True), **have_booted(asked)}
    live = {name: dataclasses.replace(actual.live[name], booted=booted) for name, booted in found.items()}
    return dataclasses.replace(actual, live={**actual.live, **live})


def _written(run: Run, guest: Guest, process: Process | None) -> Result | None:
    workdir = run.workdir
    if guest.name in workdir.read_out:
        run.warn(
            f"{guest.label}: what it wrote is not shown, since its disk is not mounted; any change of the lab mounts it"
        )
        return None
    # A guest that runs writes to the layer that it has, whatever is defined for its next start.
    alive = process is not None and guest.power.alive
    stack = process.stacks[0] if process is not None and alive else layers.stack(workdir, guest)
    upper, *below = map(Path, layers.whole(workdir, stack))
    return dataclasses.asdict(written(upper, [*below, workdir.master(guest.master)]))


def _roots(workdir: Workdir, process: Process) -> list[Path]:
    """What a running guest's root is made of, as far as it may bring an init."""
    return [workdir.path / process.upper, *map(Path, process.over), Path(process.master)]


def _guest_result(actual: Actual | None, lab: Lab, name: str) -> Result | None:
    if name not in lab.guests:
        return None
    return describe.guest(lab, lab.guests[name]) if actual is None else describe.whole_guest(actual, lab, name)


def _bridge_result(actual: Actual | None, lab: Lab, name: str) -> Result | None:
    if name not in lab.bridges:
        return None
    plain = describe.bridge(lab, lab.bridges[name])
    return plain if actual is None else describe.whole_bridge(actual, lab, name)


def _run(
    run: Run,
    kind: str,
    understand: Callable[[Params, Lab], Wish],
    subject: Callable[[Actual | None, Lab], Result | None],
    begin: Callable[[], None] = lambda: None,
) -> Report:
    """Make the lab what the arguments request.

    :param understand: arguments and the lab as it is → what is wanted.
    :param subject: the lab as found (or, with ``None``, as predicted) → the subject of the report.
    :param begin: called when nothing is refused any more, before anything is changed.
    """
    workdir = run.workdir
    healed, mute = _serve_all_again(run)
    cleaned: list[str] = []
    actual, wish, steps, refused = _plan(run, understand, mute, {}, cleaned)
    silent = _silent_ones(actual, steps)
    if actual.unfinished and not run.check:
        _finish(actual)
    for warning in damaged.warnings(wish, actual.lab, refused):
        run.warn(warning)
    for doubt in desired.doubts(wish):
        run.warn(doubt)
    looked_at, found = actual, describe.found_lab(actual)
    before = describe.mentioned(found, wish.scope)
    first: list[str] = []
    if steps.first and not run.check:
        resume = Plan(steps.first)
        _apply(run, resume, wish)
        first = resume.actions
        run.done.extend(first)
        actual, wish, steps, refused = _plan(run, understand, mute, silent, cleaned)
        silent = _silent_ones(actual, steps)
    check_host(workdir, steps)
    for warning in spans.check(actual, wish.lab, steps):
        run.warn(warning)
    if not run.check:
        begin()
    if steps.steps and not run.check:
        if wish.lab.guests or wish.lab.bridges:
            workdir.store_format()
            settle.store(workdir)
        context = _apply(run, steps, wish)
        outcome = observe(workdir)
        seen = {**_untouched(actual, outcome, steps), **context.seen}
        again = _look(workdir, outcome, wish, seen, frozenset(silent))
        actual = _with_silent(_with_ready(again, context), silent)
        captures.end_all_without(workdir, {mark.name for mark in actual.devices if mark.kind is DeviceKind.TAP})
    if not run.check:
        _keep_clean(run, actual, wish, steps)
        lifecycle.tidy_rendered(workdir, actual)
        if not actual.lab.guests and not actual.lab.bridges:
            namespaces.remove_name(workdir.netns() or workdir.lab_name)
            workdir.forget()
            applied.forget_all(workdir)
    unchanged = _unchanged(silent, steps.waiting)
    if refused:
        raise together([*refused, *unchanged])
    lab = wish.lab if run.check else found if actual is looked_at else describe.found_lab(actual)
    for warning in (*wish.warnings, *_old_names(workdir, actual, steps), *_warnings(steps, silent)):
        run.warn(warning)
    report = Report(
        kind,
        subject(None if run.check else actual, lab),
        changed=steps.changed or bool(healed or first or cleaned),
        actions=(*healed, *first, *cleaned, *steps.actions),
        diff=Diff(before, describe.mentioned(lab, wish.scope)),
        restart_required=steps.restart_required,
        durations=run.stopwatch.durations,
        warnings=tuple(run.warnings),
        spoken=steps.spoken,
    )
    if unchanged:
        raise RunFailed(together(unchanged), done=report.actions, warnings=report.warnings, report=report)
    return report


def _cleaned(run: Run, actual: Actual, wish: Wish) -> list[str]:
    """Bring the network of running guests back, before they are compared with what is wanted: what was done."""
    if run.params.get("clean") != "network":
        return []
    names = _running(actual, wish)
    new = cleaning.unknown(run.workdir, names)
    if new:
        told = f"guest {', '.join(new)}: not looked at since its start, so what its kernel has of the network now counts as clean"
        run.warnings.extend({told} - {*run.warnings})
    found = [each.action for each in cleaning.clean(run.workdir, names, check=run.check) if each.words]
    run.done.extend(() if run.check else found)
    return found


def _keep_clean(run: Run, actual: Actual, wish: Wish, steps: Plan) -> None:
    """Note what guests have now, if that is to be gone back to: those that were just started, or given something else."""
    asked, names = run.params.get("clean") is not None, _running(actual, wish)
    fresh = coming_up(steps)
    known = {name for name in fresh if run.workdir.guest(name).network.exists()}
    if asked:
        known |= {*fresh, *given_anew(steps), *cleaning.unknown(run.workdir, names)}
    cleaning.keep(run.workdir, [name for name in names if name in known], wish.timeout)


def _running(actual: Actual, wish: Wish) -> list[str]:
    """The guests that a run mentions, and that run."""
    guests = actual.lab.guests
    return [name for name in sorted(wish.scope.guests) if name in guests and guests[name].power is Power.RUNNING]


def _warnings(steps: Plan, silent: Mapping[str, DummError]) -> Iterator[str]:
    """What is to be said of guests that do not have everything yet, or more than they should."""
    for name in steps.waiting:
        if name not in silent:
            yield f"guest {name}: it is paused, and what is to change in it waits until it is resumed (state: started)"
    for name, why in silent.items():
        if name not in steps.waiting:
            yield f"{why.subject}: {why.cause}; nothing of it was to be changed; {why.remedy}"
    for name, what in steps.restart_required.items():
        yield f"guest {name}: {', '.join(what)} will take effect when it is restarted (restart: true does it)"
    if bare := [guest.name for guest in started(steps) if not guest.confine]:
        yield f"guest {', '.join(bare)}: not confined (confine: false), so root in there can do what root of the host can"


def _finish(actual: Actual) -> None:
    """Remove the devices that a killed run had begun to make."""
    with netlink.Network(actual.lab.name, actual.lab.netns) as network:
        for device in actual.unfinished:
            network.delete(f"device {device.name}", device)


def _old_names(workdir: Workdir, actual: Actual, steps: Plan) -> Iterator[str]:
    """What is to be said of guests that hold a file open whose content changes under them."""
    changing = {step.action.layer.name for step in steps.steps if isinstance(step.action, WriteHosts)}
    for guest in actual.lab.guests.values() if changing else ():
        process = _process(actual, guest.name)
        if process is None or not guest.power.alive or guest.loaded is None or guest.loaded.hosts not in changing:
            continue
        own = os.path.lexists(f"{workdir.path / process.upper}{rendering.HOSTS}")
        if not own and layers.holds_open(process.pid, rendering.HOSTS):
            yield (
                f"{guest.label}: its processes hold {rendering.HOSTS} open, and all of them see the names as they were"
                " until it is closed"
            )


def _serve_all_again(run: Run) -> tuple[list[str], frozenset[str]]:
    """Give running guests their unions back: what was done, and the guests that still cannot be asked."""
    unserved = lifecycle.unserved(run.workdir)
    healed: list[str] = []
    mute = set(unserved if run.check else ())
    for name in unserved:
        try:
            healed.append(_serve_again(run, name))
        except DummError as exc:
            # It can still be stopped or restarted.
            mute.add(name)
            run.warn(str(exc))
    return healed, frozenset(mute)


def _serve_again(run: Run, name: str) -> str:
    """Give a running guest its union back whose server was killed: before that it cannot even be asked."""
    if not run.check:
        lifecycle.serve_again(run.workdir, name)
    run.warn(f"guest {name}: its programs have lost the files that they held open; restart it to be sure of them")
    return f"guest {name}: serve its union again, whose server was killed"


def _plan(
    run: Run,
    understand: Callable[[Params, Lab], Wish],
    mute: frozenset[str],
    silent: Mapping[str, DummError],
    cleaned: list[str],
) -> tuple[Actual, Wish, Plan, list[DummError]]:
    """Find out what is, what is wanted, and the steps between.

    The network of running guests is brought back before they are asked for it, which is once then.

    :param mute: guests that cannot be asked.
    :param silent: guests that were asked before in this run and did not answer, with what became of that.
    :param cleaned: what was brought back is added to it.
    :return: also the errors of what cannot be done, which the rest need not wait for.
    """
    workdir, params = run.workdir, run.params
    actual = observe(workdir)
    # Only of a single guest: a scenario's file says more than that.
    stops = params["state"] == "stopped" and "src" not in params
    wish = understand(params, actual.lab)
    wish, refused = damaged.set_aside(wish, actual.lab, actual.devices.keys(), stopped=stops)
    if wish.lab.netns != actual.lab.netns:
        # Only an empty lab changes its place, and what counts is whether the new one is there.
        actual = dataclasses.replace(actual, netns_exists=namespaces.exists(wish.lab.netns))
    cleaned += _cleaned(run, actual, wish)
    actual = _with_silent(_look(workdir, actual, wish, {}, mute | silent.keys()), silent)
    check_readable(actual, wish)
    left = {name: save_points(workdir, wish.lab.guests[name], wanted) for name, wanted in wish.save_points.items()}
    wish = dataclasses.replace(wish, save_points=left)
    findings = Findings()
    prepared = {
        name: prepare(
            workdir,
            guest,
            _process(actual, name),
            wish.extras.get(name, Extra()).files,
            findings,
            [wish.lab.carrier_of(iface) for iface in guest.interfaces.values()],
        )
        for name, guest in _to_prepare(actual, wish).items()
    }
    check_settings(actual, wish, prepared)
    return actual, wish, plan(actual, wish, prepared), refused


def _silent_ones(actual: Actual, steps: Plan) -> dict[str, DummError]:
    """Guests that go on and do not answer, each with what became of its request."""
    told = {name: actual.live[name].unreadable for name in steps.silent}
    return {name: why for name, why in told.items() if why is not None}


def _with_silent(actual: Actual, silent: Mapping[str, DummError]) -> Actual:
    live = {
        name: dataclasses.replace(actual.live[name], unreadable=why)
        for name, why in silent.items()
        if name in actual.live
    }
    return dataclasses.replace(actual, live={**actual.live, **live})


def _unchanged(silent: Mapping[str, DummError], waiting: Iterable[str]) -> list[DummError]:
    """The errors for guests that were to be changed and do not answer; the others are as they should be."""
    return [
        DummError(
            each.subject,
            f"{each.cause}, and it is unchanged; all others are as they are to be",
            f"{each.remedy}, then run again",
        )
        for name, each in silent.items()
        if name in waiting
    ]


def _untouched(before: Actual, after: Actual, steps: Plan) -> dict[str, Inside]:
    """What guests told of their network before a plan that has no step of theirs: they need not be asked again."""
    touched = {step.key.name.partition(":")[0] for step in steps.steps}
    return {
        name: live.inside
        for name, live in before.live.items()
        if live.inside is not None and name not in touched and _process(after, name) == live.process
    }


def _process(actual: Actual, name: str) -> Process | None:
    return actual.live[name].process if name in actual.live else None


def _look(
    workdir: Workdir, actual: Actual, wish: Wish, seen: Mapping[str, Inside], mute: frozenset[str] = frozenset()
) -> Actual:
    """Look into the guests whose interfaces are mentioned; those that have none, or are to stop, need not answer.

    :param seen: guests that have just told it.
    :param mute: guests that cannot.
    """
    stay = {name for name, guest in wish.lab.guests.items() if guest.power.alive and name not in wish.renew}
    owners = {port[0] for port in wish.scope.ifaces}
    owners |= {
        name
        for name in wish.scope.guests & stay
        if wish.lab.guests[name].interfaces or (name in actual.lab.guests and actual.lab.guests[name].interfaces)
    }
    return look_inside(workdir, actual, (owners & stay) - mute, wish.lab, seen)


def _to_prepare(actual: Actual, wish: Wish) -> dict[str, Guest]:
    """Guests whose definition must hold: those that are to run, and those whose definition changes."""
    return {
        name: guest
        for name, guest in wish.lab.guests.items()
        if name in wish.scope.guests
        and guest.label not in actual.lab.damaged
        and (guest.power.alive or actual.lab.guests.get(name) != guest)
    }


def _apply(run: Run, steps: Plan, wish: Wish) -> Context:
    parallel = max(1, run.params.get("parallel", _PARALLEL))
    context = Context(run.workdir, wish.lab.netns, wish.timeout, run.publish, parallel)
    try:
        apply.apply(steps, context)
    except apply.Failed as exc:
        run.done.extend(Plan(exc.done).actions)
        raise together([_placed(error, wish) for error in exc.errors]) from exc
    return context


def _placed(error: DummError, wish: Wish) -> DummError:
    """An error, with where that is written which it is about."""
    if not isinstance(error, GuestError) or not isinstance(error.about, GuestRef) or error.sysctl is None:
        return error
    place = wish.extras.get(error.about.name, Extra()).sysctl.get(error.sysctl)
    return error if place is None else GuestError(f"{place}: {error.subject}", error.cause, error.remedy)


def _with_ready(actual: Actual, context: Context) -> Actual:
    """With the time that each guest took to come up, of those that just did."""
    came_up = {
        name: dataclasses.replace(live, ready_after=round(context.ready[name], 4))
        for name, live in actual.live.items()
        if name in context.ready
    }
    return dataclasses.replace(actual, live={**actual.live, **came_up})

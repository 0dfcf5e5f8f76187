# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases as tasks of one playbook: starting Ansible costs a second, a task of it a tenth of one.

No task ends the playbook; what each returned is written to one file at the end, and the tests read that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from case import Call, Case, Look, Script, Step
from way import Way

Task = dict[str, Any]
Result = dict[str, Any]

# The number of a case's process file differs, its directory does not.
_PRELUDE = """exec 2>&1
W='{workdir}' N='{netns}'
pid() {{ cat "$W/guests/$1/$1/pid"; }}
"""
_ABSENT = "<absent>"
# So many cases are in one playbook.
_AT_ONCE = 12


@dataclass
class Outcome:
    """What came out of a case.

    :ivar before: results of what was done before it, and after.
    :ivar first: the module's result.
    :ivar again: the same the second time.
    :ivar seen: for each option what was seen.
    """

    around: list[Result] = field(default_factory=list)
    first: Result = field(default_factory=dict)
    again: Result = field(default_factory=dict)
    seen: dict[str, Result] = field(default_factory=dict)


def run(way: Way, cases: Iterable[Case]) -> dict[str, Outcome]:
    """Run cases one after the other; the outcomes by the cases' names."""
    tasks: list[Task] = []
    registered: dict[str, tuple[str, str]] = {}
    guests: set[str] = set()
    cases = list(cases)
    assert len({case.name for case in cases}) == len(cases), "two cases have one name"
    for number, case in enumerate(cases):
        for part, what, task in _tasks(way, case):
            name = f"r{number}_{len(tasks)}"
            tasks.append(
                {"name": f"{case.name}: {part} {what}".replace("{", "(").replace("}", ")"), **task, "register": name}
            )
            registered[name] = (case.name, f"{part} {what}")
            guests.update([task["delegate_to"]] if "delegate_to" in task else [])
    told = way.new(".json")
    tasks.append(
        {
            "name": "Write down what came out",
            "ansible.builtin.copy": {
                "content": "{{ {" + ", ".join(f"'{name}': {name}" for name in registered) + "} | to_json }}",
                "dest": str(told),
                "mode": "0600",
            },
            "delegate_to": "controller",
            "no_log": True,
            "ignore_errors": False,
        }
    )
    output = way.play(
        [
            {
                "hosts": way.host,
                "gather_facts": False,
                "ignore_errors": True,
                "ignore_unreachable": True,
                "module_defaults": {"group/dumm.lab.lab": {"workdir": str(way.lab.path)}},
                "tasks": tasks,
            }
        ],
        guests,
    )
    assert told.stat().st_size, output
    results = json.loads(told.read_text())
    outcomes = {case.name: Outcome() for case in cases}
    for name, (case_name, where) in registered.items():
        _put(outcomes[case_name], where, results[name])
    return outcomes


class Running:
    """What comes out of the cases of a way: they run in their order, some in a playbook, beside those of another way."""

    def __init__(self, way: Way, cases: Sequence[Case]) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._made: dict[str, Future[dict[str, Outcome]]] = {}
        for begin in range(0, len(cases), _AT_ONCE):
            some = cases[begin : begin + _AT_ONCE]
            self._made.update(dict.fromkeys((case.name for case in some), self._pool.submit(run, way, some)))

    def of(self, case: Case) -> Outcome:
        """What came out of a case, when it has."""
        return self._made[case.name].result()[case.name]

    def end(self) -> None:
        """Run no more of them."""
        self._pool.shutdown(cancel_futures=True)


def _put(outcome: Outcome, where: str, result: Result) -> None:
    part, _space, what = where.partition(" ")
    if part == "run":
        setattr(outcome, what, result)
    elif part == "look":
        outcome.seen[what] = result
    else:
        outcome.around.append(result)


def _tasks(way: Way, case: Case) -> Iterable[tuple[str, str, Task]]:
    for number, step in enumerate(case.before):
        yield "before", str(number), _step(way, step)
    module = Call(case.module, case.options)
    yield "run", "first", _step(way, module)
    if case.again and not case.fails:
        yield "run", "again", _step(way, module)
    for option, look in case.sees.items():
        if not look.returned:
            yield "look", option, _step(way, Script(look.script, look.guest))
    for number, step in enumerate(case.after):
        yield "after", str(number), _step(way, step)


def _step(way: Way, step: Step) -> Task:
    if isinstance(step, Call):
        return {f"dumm.lab.dumm_{step.module}": _filled(way, step.options)}
    if step.guest:
        return {"ansible.builtin.raw": f"exec 2>&1\n{step.text}", "delegate_to": step.guest}
    return {"ansible.builtin.raw": _PRELUDE.format(workdir=way.lab.path, netns=way.lab.name) + step.text}


def _filled(way: Way, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(way, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(way, item) for item in value]
    if isinstance(value, str):
        return value.replace("$W", str(way.lab.path)).replace("$N", way.lab.name)
    return value


def check(case: Case, outcome: Outcome) -> str:
    """What is wrong with how a case ended, its looks aside; nothing if all is well."""
    for result in outcome.around:
        if _bad(result):
            return f"What comes before or after it fails: {_said(result)}"
    if case.fails:
        if outcome.first.get("failed") and re.search(case.fails, outcome.first.get("msg", "")):
            return ""
        return f"It does not fail with {case.fails!r}: {_said(outcome.first)}"
    if _bad(outcome.first):
        return f"It fails: {_said(outcome.first)}"
    if outcome.first["changed"] is not case.changes:
        return f"It reports changed={outcome.first['changed']}: {outcome.first.get('actions')}"
    if case.again and (_bad(outcome.again) or outcome.again["changed"]):
        return f"The second run is not unchanged: {_said(outcome.again)}"
    return ""


def check_look(look: Look, outcome: Outcome, option: str) -> str:
    """What is wrong with what is seen of an option; nothing if all is well."""
    if look.returned:
        found = _returned(outcome.first, look.script)
    else:
        result = outcome.seen[option]
        if result.get("unreachable"):
            return _said(result)
        found = result.get("stdout", "").replace("\r", "").strip()
    if re.fullmatch(look.expected, found):
        return ""
    return f"{look.script}\nshows\n{found}\nand not {look.expected}\nafter {_said(outcome.first)}"


def complaints(case: Case, outcome: Outcome) -> str:
    """All that is wrong with a case."""
    found = [check(case, outcome), *(check_look(look, outcome, option) for option, look in case.sees.items())]
    return "\n".join(filter(None, found))


def _returned(result: Any, path: str) -> str:
    for key in path.split("."):
        if not isinstance(result, dict) or key not in result:
            return _ABSENT
        result = result[key]
    return str(result)


def _bad(result: Result) -> bool:
    return bool(result.get("failed") or result.get("unreachable"))


def _said(result: Result) -> str:
    kept = {key: result[key] for key in ("msg", "changed", "actions", "stdout", "warnings") if result.get(key)}
    return json.dumps(kept, indent=1, ensure_ascii=False)

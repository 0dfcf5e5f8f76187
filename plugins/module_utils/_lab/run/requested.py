# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario as it is requested: its file, wherever that is, and what of it depends on the lab host."""

from __future__ import annotations

from pathlib import Path

from ..host import files
from ..host.workdir import Workdir
from ..model import stored
from ..model.errors import InvalidInput
from ..model.lab import Guest, Lab, Loaded
from ..model.root import RenderedLayer
from ..plan.desired import Extra, own_layers
from ..scenario import document, loader
from ..scenario.loader import Scenario
from ..union import layers
from . import rendering
from .opening import Params


def load_scenario(workdir: Workdir, params: Params) -> Scenario:
    """The scenario that is given as ``config``, ``content`` or ``src``, or is stored in the working directory.

    :raises InvalidInput: naming the place in its file.
    """
    return rendering.Known(_written(workdir, params)).with_layers()


def _written(workdir: Workdir, params: Params) -> Scenario:
    """A scenario as it is written."""
    name, src = params["name"], params.get("src")
    if params.get("config") is not None and params.get("content") is not None:
        raise InvalidInput(f"scenario {name}", "config and content cannot both be given", "give one of them")
    if params.get("config") is not None:
        return loader.load(params["config"], name=name, place="config")
    if params.get("content") is not None:
        return loader.load(params["content"], name=name, place=src or "content")
    path = Path(src) if src else workdir.scenario(name)
    try:
        raw = files.read_at_most(path, document.MAX_BYTES + 1) if src else files.read(path)
    except stored.Unfit as exc:
        raise InvalidInput(f"scenario {name}", f"{path} is no scenario file: {exc}", "write it there anew") from None
    except OSError as exc:
        cause = f"cannot read {path} on the lab host: {exc.strerror}"
        raise InvalidInput(f"scenario {name}", cause, "write it there, or give src, content or config") from None
    return loader.load(document.decoded(raw, str(path)), name=name, place=str(path))


def extras(
    workdir: Workdir, wanted: Scenario, params: Params, lab: Lab, whole: Scenario | None = None
) -> dict[str, Extra]:
    """What a scenario has for its guests besides their definitions, with files rendered for the layers that they have.

    :param lab: as it is.
    :param whole: the scenario, if what is wanted is a part of it.
    """
    known = rendering.Known(wanted, whole)
    current: dict[str, bool] = {}
    result: dict[str, Extra] = {}
    for name, guest in wanted.guests.items():
        before = lab.guests.get(name)
        under = None if before is None or params["state"] != "loaded" else own_layers(wanted.name, before)
        loaded = Loaded(wanted.name, params["record"], under=under)
        below = [*map(Path, layers.below_files(workdir, guest, loaded)), workdir.master(guest.master)]
        files, hosts = rendering.render(known, name, below), rendering.hosts(known, name, below)
        if hosts is not None and hosts.name not in current:
            current[hosts.name] = rendering.is_current(hosts, workdir.rendered(hosts.name))
        result[name] = Extra(
            files=files,
            hosts=hosts,
            hosts_current=hosts is not None and current[hosts.name],
            same=_same(workdir, files, before),
            commands=wanted.run.get(name, ()),
            services=wanted.restart_services.get(name, ()),
            sysctl=wanted.sysctl.get(name, {}),
        )
    return result


def _same(workdir: Workdir, files: RenderedLayer | None, before: Guest | None) -> frozenset[str]:
    """The layer of an earlier version, which had /etc/hosts in it, if a guest has one and its other files are these."""
    loaded = before.loaded if before is not None else None
    if loaded is None or loaded.files is None or loaded.hosts is not None:
        return frozenset()
    is_other = files is None or files.name != loaded.files
    same = is_other and rendering.holds(workdir.rendered(loaded.files), files)
    return frozenset((loaded.files,)) if same else frozenset()

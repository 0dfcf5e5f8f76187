# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How steps on the layers of guests are carried out."""

from __future__ import annotations

import functools

from ..host.workdir import load_guest
from ..plan import layer_steps as steps
from ..union import layers, saves
from . import lifecycle, rendering
from .context import Context


@functools.singledispatch
def carry_out(action: steps.LayerAction, context: Context) -> None:
    """Carry out one step on layers."""
    raise NotImplementedError(action)


@carry_out.register
def _render(action: steps.Render, context: Context) -> None:
    rendering.write(action.layer, context.workdir.rendered(action.layer.name))


@carry_out.register
def _write_hosts(action: steps.WriteHosts, context: Context) -> None:
    rendering.write_hosts(action.layer, context.workdir.rendered(action.layer.name))


@carry_out.register
def _freshen(action: steps.Freshen, context: Context) -> None:
    lifecycle.freshen(context.workdir, action.guest, action.scenario)


@carry_out.register
def _swap(action: steps.Swap, context: Context) -> None:
    lifecycle.swap(context.workdir, action.guest, action.prepared)


@carry_out.register
def _break(action: steps.Break, context: Context) -> None:
    lifecycle.fail_on_purpose(context.workdir, action.guest)


@carry_out.register
def _unscratch(action: steps.Unscratch, context: Context) -> None:
    lifecycle.unscratch(context.workdir, action.guest)


@carry_out.register
def _use_save_points(action: steps.UseSavePoints, context: Context) -> None:
    directory, wish = context.workdir.guest(action.guest), action.wish
    layer = context.workdir.path / layers.stack(context.workdir, load_guest(directory)).upper
    if wish.remove is not None:
        saves.remove(directory, wish.remove)
    if wish.save is not None:
        saves.save(directory, layer, wish.save)
    if wish.reset:
        saves.reset(directory, layer)
    if wish.restore is not None:
        saves.restore(directory, layer, wish.restore)

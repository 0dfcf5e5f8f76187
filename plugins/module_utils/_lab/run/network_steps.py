# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How steps on the lab's network are carried out: through ``netlink``."""

from __future__ import annotations

import functools

from ..host import bridges, netlink, taps, tunnels
from ..plan import network_steps as steps
from .context import Context


@functools.singledispatch
def carry_out(action: steps.NetworkAction, context: Context) -> None:
    """Carry out one step on the network."""
    raise NotImplementedError(action)


@carry_out.register
def _make_namespace(action: steps.MakeNamespace, context: Context) -> None:
    netlink.create_namespace(context.lab, action.netns)


@carry_out.register
def _store_netns(action: steps.StoreNetns, context: Context) -> None:
    context.workdir.store_netns(action.netns)


@carry_out.register
def _remove_namespace(action: steps.RemoveNamespace, context: Context) -> None:
    context.close()
    netlink.delete_namespace(context.lab, action.netns)


@carry_out.register
def _store_bridge(action: steps.StoreBridge, context: Context) -> None:
    context.workdir.store_bridge(action.bridge)


@carry_out.register
def _forget_bridge(action: steps.ForgetBridge, context: Context) -> None:
    context.workdir.forget_bridge(action.name)


@carry_out.register
def _add_bridge(action: steps.AddBridge, context: Context) -> None:
    bridges.add(context.network, action.bridge, context.closes(action.bridge.name))


@carry_out.register
def _set_bridge(action: steps.SetBridge, context: Context) -> None:
    bridges.change(context.network, action.found, action.bridge, context.closes(action.bridge.name))


@carry_out.register
def _add_tunnel(action: steps.AddTunnel, context: Context) -> None:
    bridge = action.bridge
    index = bridges.index_of(context.network, bridge.name)
    tunnels.add(context.network, bridge, index, action.mtu, context.closes(bridge.name))


@carry_out.register
def _set_tunnel(action: steps.SetTunnel, context: Context) -> None:
    bridge = action.bridge
    index = bridges.index_of(context.network, bridge.name)
    tunnels.change(context.network, action.found, bridge, index, action.mtu, context.closes(bridge.name))


@carry_out.register
def _add_tap(action: steps.AddTap, context: Context) -> None:
    bridge = _bridge_index(action.iface.bridge, context)
    group = context.user_of(action.iface.guest)
    taps.add(context.network, action.iface, group, bridge, action.port_mask, context.closes(action.iface.bridge))


@carry_out.register
def _set_tap(action: steps.SetTap, context: Context) -> None:
    bridge = _bridge_index(action.iface.bridge, context)
    taps.change(context.network, action.found.index, action.iface, bridge, action.port_mask)
    if action.ends:
        taps.hint(context.network.path, action.ends)


def _bridge_index(name: str | None, context: Context) -> int | None:
    return None if name is None else bridges.index_of(context.network, name)


@carry_out.register
def _delete_device(action: steps.DeleteDevice, context: Context) -> None:
    if not action.with_namespace:
        context.network.delete(action.subject, action.found)

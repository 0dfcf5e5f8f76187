# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Yardstick two: Mininet builds the same segment with as many hosts, which have no kernels of their own.

``peer.py N`` prints its measurements as JSON.  It is run by the distribution's Python, for which Debian has Mininet, in mount,
network and PID namespaces of its own.
"""

from __future__ import annotations

import json
import statistics
import sys

import measure
from mininet import net as mininet_net
from mininet.nodelib import LinuxBridge
from mininet.topo import SingleSwitchTopo

_LINKS = 5


def add_link(net: mininet_net.Mininet, number: int) -> measure.Cost:
    """A cable between two hosts, or another one to the switch where there is only one host; with addresses, and up."""
    first = net.hosts[0]
    second = net.hosts[1] if len(net.hosts) > 1 else net.switches[0]
    with measure.cost() as spent:
        link = net.addLink(first, second)
        link.intf1.setIP(f"10.255.{number}.1/24")
        if second in net.hosts:
            link.intf2.setIP(f"10.255.{number}.2/24")
        else:
            second.cmd("brctl addif", second, link.intf2)
    return spent


def main() -> None:
    """Measure."""
    count = int(sys.argv[1])
    # It would raise settings of the host's kernel, for more hosts than there are here.
    mininet_net.fixLimits = lambda: None
    with measure.cost() as ready:
        net = mininet_net.Mininet(
            topo=SingleSwitchTopo(k=count),
            switch=LinuxBridge,
            controller=None,
            autoSetMacs=True,
            ipBase="10.0.0.0/16",
        )
        net.start()
    if count > 1:
        lost = net.ping([net.hosts[0], net.hosts[-1]])
        if lost:
            raise SystemExit(f"Mininet's hosts do not reach each other: {lost} % lost")
    memory = measure.memory() / count
    links = [add_link(net, number) for number in range(_LINKS)]
    with measure.cost() as gone:
        net.stop()
    link = measure.Cost(statistics.median(each.wall for each in links), statistics.median(each.cpu for each in links))
    print(json.dumps({"ready": vars(ready), "link": vars(link), "gone": vars(gone), "memory": memory}))


if __name__ == "__main__":
    main()

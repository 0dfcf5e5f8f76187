# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual network labs of dumm.lab, from Python::

    from dumm_lab import Lab

    lab = Lab()
    lab.apply("ring.yml")
    done = lab.guest("alice").run("ping -c 1 bob")
    print(done.text)

A lab is a working directory on this machine.  Nothing is kept between two calls: what a :class:`Lab` or a :class:`Guest` tells is read from
the running system each time, so any number of processes may work on the same lab, Ansible among them.  Root is needed for it.

All errors are :class:`LabError`; their text names the object, says what happened and what to do about it.
"""

from ._errors import CollectionMissing, CommandFailed, CommandTimeout, GuestUnreachable, LabError
from ._guest import Guest
from ._lab import Lab
from ._results import Capture, Change, Packet, Result

__all__ = [
    "Capture",
    "Change",
    "CollectionMissing",
    "CommandFailed",
    "CommandTimeout",
    "Guest",
    "GuestUnreachable",
    "Lab",
    "LabError",
    "Packet",
    "Result",
]

__version__ = "0.2.0"

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that change a lab."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment."""

    DOCUMENTATION = r"""
options:
  netns:
    description:
      - Network namespace of the lab, made where it does not exist. V(host) is the lab host's own.
      - It is chosen with the lab's first object and stays. By default it is named after the working directory.
    type: str
  lock_timeout:
    description: Seconds to wait for another run that changes the same working directory.
    type: int
    default: 300
"""

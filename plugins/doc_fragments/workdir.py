# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option of every module."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment."""

    DOCUMENTATION = r"""
options:
  workdir:
    description:
      - The working directory, one lab host's world. Several may exist side by side.
      - Where it is not given, the environment variable E(DUMM_WORKDIR) of the task is taken, else the default.
    type: path
    default: /var/lib/dumm
requirements:
  - Linux 5.10 or later with network namespaces, overlayfs, TUN/TAP and bridges
  - Python 3.11 or later
  - pyroute2 0.7.2 or later
notes:
  - Needs root on the lab host.
  - Role P(dumm.lab.host#role) installs what is needed.
"""

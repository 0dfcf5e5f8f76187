# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules can."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what it would do, without doing it.
  diff_mode:
    description: Tells before and after with C(--diff).
  idempotent:
    description: Changes nothing when run again with the same arguments.
  platform:
    description: The platform of the lab host.
  action_group:
    description: Use C(group/dumm.lab.lab) in C(module_defaults) to set an option for all modules of the collection.
    support: full
    membership:
      - dumm.lab.lab
"""

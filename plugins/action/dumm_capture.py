# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm_capture` without the cost of a module, where it is the same."""

from __future__ import annotations

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture.body import run_capture
from ansible_collections.dumm.lab.plugins.module_utils._spec import CAPTURE
from ansible_collections.dumm.lab.plugins.plugin_utils._action import LocalFirst


class ActionModule(LocalFirst):
    """Action plugin of the module's name."""

    spec = CAPTURE
    body = staticmethod(run_capture)

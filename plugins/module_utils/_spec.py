# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument specifications of the modules, for module and action plugin alike.  PRIVATE to the collection."""

from __future__ import annotations

from ansible.module_utils.basic import env_fallback

from ._lab.model import options
from ._lab.model.options import Spec


def _with_environment(spec: Spec) -> Spec:
    """Options with the environment variable that names the working directory."""
    return {**spec, "workdir": {**spec["workdir"], "fallback": (env_fallback, ["DUMM_WORKDIR"])}}


GUEST = _with_environment(options.GUEST)
IFACE = _with_environment(options.IFACE)
BRIDGE = _with_environment(options.BRIDGE)
SCENARIO = _with_environment(options.SCENARIO)
TEST = _with_environment(options.TEST)
CAPTURE = _with_environment(options.CAPTURE)
INFO = _with_environment(options.INFO)

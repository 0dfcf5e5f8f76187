#!/usr/bin/env python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write docs/scenario.schema.json from the definition of the scenario file; a unit test tells when that is due.

PYTHONPATH=.collections .venv/bin/python scripts/write_schema.py
"""

import json
from pathlib import Path

from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.spec import schema

TARGET = Path(__file__).resolve().parent.parent / "docs" / "scenario.schema.json"

TARGET.write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")

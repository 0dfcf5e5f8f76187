#!/usr/bin/env python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the schemas in docs from the definition of the files that they describe; a unit test tells when that is due.

PYTHONPATH=.collections .venv/bin/python scripts/write_schema.py
"""

import json
from pathlib import Path

from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.spec import schema, tests_schema

DOCS = Path(__file__).resolve().parent.parent / "docs"

for name, content in {"scenario": schema(), "tests": tests_schema()}.items():
    (DOCS / f"{name}.schema.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

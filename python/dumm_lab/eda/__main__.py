# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the directory of the event sources: ``ansible-rulebook --source-dir "$(python -m dumm_lab.eda)" ...``."""

from pathlib import Path

print(Path(__file__).parent)

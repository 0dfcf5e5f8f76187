#!/usr/bin/env bash
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# soak.sh: try for SOAK_MINUTES to break the collection; what was tried and what failed is printed, and the exit code is 1 if anything did.

set -euo pipefail
cd "$(dirname "$0")/.."

export DUMM_TEST_BASE=${DUMM_TEST_BASE:-/var/cache/dumm/tests}
DUMM_WORKDIR=$DUMM_TEST_BASE .venv/bin/ansible-playbook tests/prepare.yml
PYTHONPATH=.collections:tests/integration:tests/bench:tests/soak exec .venv/bin/python tests/soak/soak.py

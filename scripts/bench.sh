#!/usr/bin/env bash
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# bench.sh: measure a lab beside its yardsticks; the table is printed, all figures go to build/bench.json.

set -euo pipefail
cd "$(dirname "$0")/.."

# Mininet, and what it forgets to depend on; the other union in user space; what others capture with.
PEER=(mininet bridge-utils iputils-ping fuse-overlayfs tcpdump)
export DUMM_TEST_BASE=${DUMM_TEST_BASE:-/var/cache/dumm/tests} DEBIAN_FRONTEND=noninteractive

dpkg-query -W "${PEER[@]}" >/dev/null 2>&1 ||
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends "${PEER[@]}" >/dev/null; }
DUMM_WORKDIR=$DUMM_TEST_BASE .venv/bin/ansible-playbook tests/prepare.yml
mkdir -p build
PYTHONPATH=.collections:tests/integration exec .venv/bin/python tests/bench/bench.py build/bench.json

#!/usr/bin/env bash
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# docs.sh: build the documentation as HTML in build/docs/html.  A link that leads nowhere is an error.
#
# The pages keep their places, so that links between them hold on a forge and here.  Pages that follow from the code are written anew.

set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
export ANSIBLE_COLLECTIONS_PATH=$PWD/.collections
source=build/docs/source html=build/docs/html

PYTHONPATH=.collections python scripts/write_reference.py
python scripts/words.py

rm -rf build/docs
mkdir -p "$source"
mkdir -m 700 "$source/collection"
cp docs/docsite/sphinx/* "$source"
# What pages link to, too: programs, examples, sources.
tar c --exclude=node_modules --exclude=__pycache__ --exclude=build --exclude='*.egg-info' --exclude=docsite \
    ./*.md LICENSE docs roles examples scripts plugins/modules playbooks tests/integration | tar x -C "$source"
antsibull-docs collection --use-current --squash-hierarchy --fail-on-error --no-breadcrumbs --dest-dir "$source/collection" dumm.lab
python docs/docsite/sphinx/index.py "$source"
sphinx-build -q -W --keep-going -j auto -b html "$source" "$html"
echo "the documentation is in $html/index.html"

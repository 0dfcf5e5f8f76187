#!/usr/bin/env bash
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# sanity.sh [TEST...]: "ansible-test sanity" on a copy of the files that git knows or would know.
#
# A copy, because ansible-test insists on a directory that is physically .../ansible_collections/dumm/lab.

set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
collection=$copy/ansible_collections/dumm/lab
mkdir -p "$collection"
git ls-files -z --cached --others --exclude-standard |
    rsync -a --from0 --files-from=- --ignore-missing-args ./ "$collection/"
git -C "$collection" init -q
git -C "$collection" add -A

# ansible-test fetches get-pip.py of one fixed release; ours goes where it looks first.
pip_release=$(python -c 'import re, pathlib, ansible_test as a
print(re.search(r"pip=.([\d.]+)", pathlib.Path(a.__path__[0], "_internal/python_requirements.py").read_text())[1])')
get_pip=$HOME/.ansible/test/cache/get_pip_${pip_release//./_}.py
[ -e "$get_pip" ] || install -D -m 0644 scripts/get_pip.py "$get_pip"

python_release=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
cd "$collection"
tests=()
for name in "$@"; do tests+=(--test "$name"); done
ansible-test sanity --color no --python "$python_release" "${tests[@]}"

#!/usr/bin/env bash
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# test.sh PART...: run the named parts, all of them whatever fails, and close with what each took and one line of counts.
#
# The parts are lint, docs, which builds the pages as HTML, sanity, unit, browser, which looks at pages of ours in chromium, story, the first
# story of the map there, map, all of its stories, integration, integration-long, which adds what takes long, hosts, which runs labs over
# three lab hosts, hosts-long, which does so at length, e2e, which drives the built collection as users do, security, which attacks from
# inside of guests, debian13, which is e2e there with the newest Ansible, ecosystem, which has Molecule and other tools around Ansible use
# the built collection, examples, which runs the tests of all examples, kernel, which is what integration leaves out where there is no tuned
# kernel, strongswan, the recommended tests of strongSwan's own suite, and union, the union engines at length.  Each linter and each sanity
# run counts as one test.
#
# EXAMPLES names a profile of tests/unit/conftest.py: how many examples hypothesis tries.  WORKERS=2 is how many files of the
# integration tests run at a time.

set -uo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH

passed=0 failed=0 skipped=0
broken=()
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT

# check NAME COMMAND...: one test, passed if the command succeeds within its time.
check() {
    local name=$1
    shift
    printf '\n=== %s\n' "$name"
    if timeout --foreground --kill-after=30 "$LIMIT" "$@"; then
        passed=$((passed + 1))
    else
        printf '%s FAILED (exit code %s)\n' "$name" "$?"
        failed=$((failed + 1))
        broken+=("$name")
    fi
}

# count_pytest NAME DIRECTORY [ARGUMENT...]: all tests of a directory, counted from pytest's own report.
count_pytest() {
    local name=$1 report=$reports/$1.xml code counts
    shift
    printf '\n=== %s tests\n' "$name"
    PYTHONPATH=$PWD/.collections timeout --foreground --signal=INT --kill-after=120 "$LIMIT" \
        pytest -q --color=no -p no:cacheprovider -o junit_family=xunit2 --junitxml="$report" "$@"
    code=$?
    counts=$(python - "$report" <<'PYTHON'
import sys
import xml.etree.ElementTree as ElementTree

count = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
for suite in ElementTree.parse(sys.argv[1]).iter("testsuite"):
    for key in count:
        count[key] += int(suite.get(key, 0))
bad = count["failures"] + count["errors"]
print(max(count["tests"] - bad - count["skipped"], 0), bad, count["skipped"])
PYTHON
    ) || counts="0 1 0"
    read -r good bad left <<<"$counts"
    # Ended early, or nothing to run: no single test says so, but it is a failure.
    if [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left))
    if [ "$bad" -gt 0 ]; then broken+=("$name tests"); fi
}

# count_node NAME FILE...: tests of JavaScript, counted from what node's runner says at its end.
count_node() {
    local name=$1 report=$reports/$1.tap good bad left
    shift
    printf '\n=== %s tests\n' "$name"
    timeout --foreground --kill-after=30 "$LIMIT" node --test --test-reporter=tap --test-reporter-destination="$report" "$@" ||
        grep -E -A 30 '^ *not ok' "$report"
    good=$(awk '/^# pass / {print $3}' "$report") bad=$(awk '/^# fail / {print $3}' "$report") left=$(awk '/^# skipped / {print $3}' "$report")
    good=${good:-0} bad=${bad:-0} left=${left:-0}
    # Ended early, or nothing to run: no single test says so, but it is a failure.
    [ $((good + bad)) -gt 0 ] || bad=1
    echo "$good passed, $bad failed"
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left))
    [ "$bad" -eq 0 ] || broken+=("$name tests")
}

lint() {
    LIMIT=10m
    check ansible-lint ansible-lint --offline --profile production
    check "ruff check" ruff check .
    check "ruff format" ruff format --check .
    check yamllint yamllint --strict .
    check antsibull-changelog antsibull-changelog lint
    check antsibull-docs antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all --skip-rstcheck .
    check "words of our texts" python scripts/words.py
    check mypy env MYPYPATH=.collections mypy
    check "mypy of the scripts" env MYPYPATH=.collections mypy scripts/*.py
    # The bench reaches into what it measures, and nothing else would notice that this has moved.
    check "mypy of the tests that go the users' way" env MYPYPATH=.collections:tests/integration:tests/e2e mypy --ignore-missing-imports tests/e2e/*.py
    check "tsc of the map's page" python/dumm_lab/map/node_modules/.bin/tsc -p python/dumm_lab/map/page
    check "mypy of the tests over several lab hosts" env MYPYPATH=.collections:tests/integration:tests/map:tests/hosts mypy --ignore-missing-imports tests/hosts/*.py
    check "mypy of the map's stories" env MYPYPATH=.collections:tests/integration:tests/map mypy --ignore-missing-imports tests/map/*.py
    check "mypy of the bench" env MYPYPATH=.collections:tests/integration:tests/bench:tests/map:tests/hosts mypy --ignore-missing-imports tests/bench/*.py
    check "mypy of the soak" env MYPYPATH=.collections:tests/integration:tests/bench:tests/map:tests/soak mypy --ignore-missing-imports tests/soak/*.py
}

# The pages as HTML; a link that leads nowhere fails it.
docs() {
    LIMIT=20m
    check "documentation as HTML" make docs
}

sanity() {
    LIMIT=30m
    check "ansible-test sanity" bash scripts/sanity.sh
}

unit() {
    LIMIT=10m
    # Each has its own directory, and none needs another's time.
    count_pytest unit tests/unit --numprocesses "$(nproc)" --hypothesis-profile "${EXAMPLES:-unit}"
    count_node page tests/unit/map/js/*.test.mjs
}

# install_chromium: the browser of the distribution, where there is none.
install_chromium() {
    command -v chromium >/dev/null || {
        apt-get -qq -o DPkg::Lock::Timeout=300 update
        DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends chromium >/dev/null
    } || echo "test.sh: apt-get could not install chromium; its message is above"
}

browser() {
    LIMIT=15m
    install_chromium
    count_pytest browser tests/browser
}

# prepare ARGUMENT...: what the tests on real guests need.
prepare() {
    # A place of their own, so that nobody finds the tests' masters among his.
    export DUMM_TEST_BASE=${DUMM_TEST_BASE:-/var/cache/dumm/tests}
    check "kernels and masters for the tests" env DUMM_WORKDIR="$DUMM_TEST_BASE" ansible-playbook tests/prepare.yml "$@"
}

# Screenshots are in tests/output/map.
story() {
    LIMIT=30m
    install_chromium
    prepare
    count_pytest story tests/map -m first
}

map() {
    LIMIT=30m
    install_chromium
    prepare
    LIMIT=60m
    count_pytest map tests/map
}

integration() {
    LIMIT=45m
    prepare
    LIMIT=75m
    # Labs are apart, and what is not is named in tests/integration/conftest.py.
    count_pytest integration tests/integration -m "not long" --numprocesses "${WORKERS:-2}"
}

integration-long() {
    LIMIT=45m
    prepare
    LIMIT=100m
    count_pytest integration-long tests/integration --numprocesses "${WORKERS:-2}"
}

hosts() {
    LIMIT=30m
    prepare
    LIMIT=20m
    count_pytest hosts tests/hosts -m "not long"
}

hosts-long() {
    LIMIT=30m
    install_chromium
    prepare
    LIMIT=60m
    count_pytest hosts-long tests/hosts
}

e2e() {
    LIMIT=30m
    prepare
    LIMIT=40m
    count_pytest e2e tests/e2e -m "not debian13 and not ecosystem"
}

debian13() {
    LIMIT=30m
    prepare
    LIMIT=60m
    count_pytest debian13 tests/e2e -m debian13
}

ecosystem() {
    LIMIT=30m
    prepare
    LIMIT=40m
    count_pytest ecosystem tests/e2e -m ecosystem
}

security() {
    LIMIT=30m
    prepare
    LIMIT=25m
    count_pytest security tests/security
}

union() {
    LIMIT=60m
    prepare
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends fuse-overlayfs stress-ng >/dev/null ||
        echo "test.sh: no fuse-overlayfs or stress-ng to compare with"
    [ -z "${PJDFSTEST_DIR:-}" ] || DEBIAN_FRONTEND=noninteractive apt-get -qq install -y autoconf automake make gcc perl >/dev/null || return
    check "union engines side by side" env PYTHONPATH=.collections:tests/integration python tests/integration/conformance.py
    check "what union engines cost" env PYTHONPATH=.collections python tests/bench/unions.py
}

kernel() {
    LIMIT=120m
    prepare -e '{kernel_build_cached_only: false}'
    count_pytest kernel tests/integration/test_kernel_{conformance,breadth,docker}.py
}

examples() {
    LIMIT=120m
    # Two of them need the tuned kernel.
    prepare -e '{kernel_build_cached_only: false}'
    LIMIT=30m
    check "master for the examples" env DUMM_WORKDIR="$DUMM_TEST_BASE" ansible-playbook examples/tests/master.yml
    count_pytest examples tests/integration/test_examples.py
}

strongswan() {
    local workdir=${DUMM_STRONGSWAN:-/var/lib/dumm-strongswan}
    LIMIT=120m
    check "tuned kernel" env DUMM_WORKDIR="$workdir" ansible-playbook playbooks/kernel.yml
    LIMIT=60m
    check "strongSwan's recommended tests" env DUMM_WORKDIR="$workdir" ansible-playbook playbooks/strongswan.yml -e retry=2
    LIMIT=10m
    check "an end without a trace" env DUMM_WORKDIR="$workdir" ansible-playbook playbooks/strongswan.yml -e state=absent
}

durations=
for part in "$@"; do
    SECONDS=0
    case $part in
        lint | docs | sanity | unit | browser | story | map | integration | integration-long | hosts | hosts-long | e2e | security | debian13 | ecosystem | examples | kernel | strongswan | union) "$part" ;;
        *) echo "test.sh: no part is called $part" >&2 && exit 2 ;;
    esac
    durations="$durations $part $SECONDS s"
done

printf '\nIt took:%s\n' "$durations"
for name in "${broken[@]}"; do printf 'FAILED: %s\n' "$name"; done
printf '%d passed, %d failed' "$passed" "$failed"
if [ "$skipped" -gt 0 ]; then printf ', %d skipped' "$skipped"; fi
printf '\n'
[ "$failed" -eq 0 ]

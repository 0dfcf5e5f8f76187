#!/usr/bin/env bash
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# setup.sh [test|map|docs]: what the controller needs; with "test" what the tests need as well, with "map" what "dumm map" needs, with
# "docs", after "test", what "make docs" needs.
#
# Packages of the distribution where they are missing, a virtual environment in .venv, and the link below .collections
# that makes this checkout the collection dumm.lab.  Nothing is done twice: a second run takes a fraction of a second.

set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES=(ca-certificates git python3 python3-apt python3-venv rsync)
PYTHON=/usr/bin/python3 # never one that merely comes first in PATH: the tested one is the distribution's

die() {
    printf 'dumm.lab: %s\n' "$*" >&2
    exit 1
}

check_machine() {
    [ "$(id -u)" -eq 0 ] || die "a lab makes network devices and mounts, which needs root: run this as root."
    command -v apt-get >/dev/null || die "this machine has no apt-get; dumm.lab runs on Debian and its relatives."
    if [ ! -e /dev/net/tun ]; then
        modprobe -q tun 2>/dev/null || true
        [ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod -m 0666 /dev/net/tun c 10 200; } 2>/dev/null || true
    fi
    (: <>/dev/net/tun) 2>/dev/null ||
        die "/dev/net/tun cannot be opened; a lab needs a kernel with CONFIG_TUN, and a container must be given the device."
}

# shellcheck disable=SC2016 # the ${...} is for dpkg-query
install_packages() {
    local installed missing=() package
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${PACKAGES[@]}" 2>/dev/null || true)
    for package in "${PACKAGES[@]}"; do
        grep -qx "installed $package" <<<"$installed" || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    echo "dumm.lab: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}" >/dev/null ||
        die "apt-get could not install ${missing[*]}; its message is above."
}

# install_python FILE: what a requirements file names, unless that was done for this very file, Python and place.
install_python() {
    local file=$1 stamp=.venv/.$1.stamp key
    key=$({ cat "$file"; "$PYTHON" -V; pwd; } | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null)" != "$key" ] || return 0
    if [ "$file" = requirements.txt ]; then
        echo "dumm.lab: making the virtual environment .venv"
        "$PYTHON" -m venv --clear .venv
    fi
    echo "dumm.lab: installing the Python packages of $file"
    .venv/bin/python -m pip --disable-pip-version-check -qq install -r "$file" ||
        die "pip could not install what $file names; its message is above."
    printf '%s\n' "$key" >"$stamp"
}

# install_companion: the package of python/ as it is in this checkout, with the command dumm.
install_companion() {
    local stamp=.venv/.python.stamp key
    key=$({ cat python/pyproject.toml; pwd; } | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null)" != "$key" ] || return 0
    # What it needs is in requirements.txt.
    .venv/bin/python -m pip --disable-pip-version-check -qq install --no-deps --editable ./python ||
        die "pip could not install the companion package from python/; its message is above."
    printf '%s\n' "$key" >"$stamp"
}

link_collection() {
    mkdir -p .collections/ansible_collections/dumm
    [ "$(readlink .collections/ansible_collections/dumm/lab)" = ../../.. ] ||
        ln -sfn ../../.. .collections/ansible_collections/dumm/lab
}

# What of the packages that npm brings the page of "dumm map" loads, and under which name.
VENDOR=(
    cytoscape/dist/cytoscape.min.js
    cytoscape-fcose/cytoscape-fcose.js
    cose-base/cose-base.js
    layout-base/layout-base.js
    @xterm/xterm/lib/xterm.js
    @xterm/xterm/css/xterm.css
    @xterm/addon-fit/lib/addon-fit.js
)

# install_page: the files of others that the page of "dumm map" needs, by the lock file, and what its lint needs.  Nothing of them runs here.
install_page() {
    local map=python/dumm_lab/map stamp=.venv/.page.stamp vendor=python/dumm_lab/map/page/vendor key file
    key=$({ cat "$map/package-lock.json" scripts/setup.sh; pwd; } | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null)" != "$key" ] || [ ! -d "$vendor" ] || return 0
    echo "dumm.lab: fetching the JavaScript of others that the page of dumm map loads"
    (cd "$map" && npm ci --silent --ignore-scripts) ||
        die "npm could not install what $map/package-lock.json names; run 'npm ci --ignore-scripts' there to see why."
    rm -rf "$vendor"
    mkdir -p "$vendor"
    for file in "${VENDOR[@]}"; do
        # The address of a map of the original source would be asked for where a browser's tools are open.
        sed '/^\/\/# sourceMappingURL=/d' "$map/node_modules/$file" >"$vendor/${file##*/}"
    done
    for file in cytoscape cytoscape-fcose cose-base layout-base @xterm/xterm @xterm/addon-fit; do
        cp "$map/node_modules/$file/LICENSE" "$vendor/LICENSE-${file##*/}.txt" 2>/dev/null || true
    done
    printf '%s\n' "$key" >"$stamp"
}

main() {
    check_machine
    # Captures are read with it too.
    [ "${1-}" != test ] || PACKAGES+=(tshark)
    # One that somebody else has installed may not agree with the distribution's.
    [ -z "${1-}" ] || command -v npm >/dev/null || PACKAGES+=(nodejs npm)
    exec 9<.
    flock -w 900 9 || die "another set-up of this checkout has been running for 15 minutes; end it and try again."
    install_packages
    [ -x "$PYTHON" ] || die "$PYTHON is missing though its packages are installed; apt-get install --reinstall python3-minimal."
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "$PYTHON is $("$PYTHON" -V); dumm.lab needs Python 3.11 or later (Debian 12)."
    install_python requirements.txt
    [ -z "${1-}" ] || install_python requirements-map.txt
    [ "${1-}" != test ] || install_python requirements-test.txt
    [ "${1-}" != docs ] || install_python requirements-docs.txt
    install_companion
    [ -z "${1-}" ] || install_page
    link_collection
}

main "$@"

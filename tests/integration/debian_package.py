# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian packages that tests make."""

from __future__ import annotations

import subprocess
from pathlib import Path

_CONTROL = """Package: dumm-try
Version: 1
Architecture: all
Maintainer: nobody <n@example.org>
Description: a try
"""


def build(root: Path, package: Path, postinst: str) -> Path:
    """Make a package.

    :param root: what it installs.
    :param package: where it is to be.
    :param postinst: commands of the shell that it runs when it is installed.
    """
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN/control").write_text(_CONTROL)
    script = root / "DEBIAN/postinst"
    script.write_text(f"#!/bin/sh\nset -e\n{postinst}\n")
    script.chmod(0o755)
    package.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, package], check=True, capture_output=True)
    return package

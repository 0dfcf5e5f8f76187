# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-test's own downloaded get-pip.py would do, from what Python brings along.

ansible-test looks for it in its cache before it asks its server, which a laboratory behind a mirror does not reach.
ensurepip installs the pip that came with Python; that one then fetches what was asked for from the configured index.
"""

import ensurepip
import os
import subprocess
import sys

# ensurepip removes every PIP_* variable from the environment and lets PIP_CONFIG_FILE name nothing.
ENVIRONMENT = dict(os.environ)

# Arguments of get-pip.py that pip itself does not know.
OWN_ARGUMENTS = ("--no-setuptools", "--no-wheel")


def main() -> int:
    """Install pip, then the wanted version of it and whatever else was named."""
    ensurepip.bootstrap()
    wanted = [argument for argument in sys.argv[1:] if argument not in OWN_ARGUMENTS]
    return subprocess.call([sys.executable, "-m", "pip", "install", *wanted], env=ENVIRONMENT)


if __name__ == "__main__":
    sys.exit(main())

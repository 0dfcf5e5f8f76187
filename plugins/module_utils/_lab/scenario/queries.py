# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions to JSON in the language JMESPath (jmespath.org).  Pure.

The only file that imports that library, which a lab host needs for tests with ``json`` only: without it their questions are asked for
their grammar when they are run.
"""

from __future__ import annotations

from typing import Any

from ..model.errors import HostError, InvalidInput

try:
    import jmespath
    import jmespath.exceptions
except ImportError:
    HAS_JMESPATH = False
else:
    HAS_JMESPATH = True


def check(expression: str) -> None:
    """:raises InvalidInput: where an expression is none, if the library is there to know."""
    if HAS_JMESPATH:
        _compiled(expression)


def ask(expression: str, data: Any) -> Any:
    """What an expression yields of data.

    :raises InvalidInput: where it is none, or cannot be asked of such data.
    :raises HostError: where the library is missing.
    """
    if not HAS_JMESPATH:
        raise HostError(
            "python library jmespath", "it is not installed", "install python3-jmespath (role dumm.lab.host)"
        )
    try:
        return _compiled(expression).search(data)
    except jmespath.exceptions.JMESPathError as exc:
        raise InvalidInput(expression, _said(exc), "see jmespath.org") from None


def _compiled(expression: str) -> Any:
    try:
        return jmespath.compile(expression)
    except (jmespath.exceptions.JMESPathError, RecursionError) as exc:
        cause = f"{expression!r} is no JMESPath expression: {_said(exc)}"
        raise InvalidInput(expression, cause, "see jmespath.org") from None


def _said(exc: Exception) -> str:
    return str(exc).splitlines()[0] if str(exc) else type(exc).__name__

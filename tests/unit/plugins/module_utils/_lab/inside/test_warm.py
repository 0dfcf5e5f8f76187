# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the warm Python compiles is what any would, whatever long literals a script has."""

from __future__ import annotations

from types import CodeType

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.inside import warm

LONG = "QUJD" * 6000
PLACE = warm._IN_PLACE.decode()


def essence(code: CodeType) -> tuple[object, ...]:
    """All of a code but columns, which only tracebacks show that have the script's text."""
    constants = [essence(constant) if isinstance(constant, CodeType) else constant for constant in code.co_consts]
    return (
        code.co_name,
        code.co_flags,
        code.co_code,
        constants,
        code.co_names,
        code.co_varnames,
        list(code.co_lines()),
    )


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(f"main(\nzip_data='{LONG}',\nparams='x',\n)\n", id="as-ansible-has-it"),
        pytest.param(f"def f(a='{LONG}'):\n    return a, '{LONG}'\nprint(len(f()[0]))\n", id="two-of-them"),
        pytest.param(f"def f():\n    def g():\n        return '{LONG}='\n    return g\n", id="in-a-function"),
        pytest.param(f"def f(*, a='{LONG}'):\n    return a\n", id="a-default-by-name"),
        pytest.param(f"data = 1, ('{LONG}', 2)\n", id="in-a-tuple"),
        pytest.param(f"print(1 in {{'{LONG}', 2}})\n", id="in-a-set"),
        pytest.param(f"data = b'{LONG}'\n", id="bytes"),
        pytest.param(f"data = 'x' '{LONG}' 'y'\n", id="as-a-part"),
        pytest.param(f"data = '''a\n'{LONG}'\nb'''\n", id="in-a-longer-one"),
        pytest.param(f"# '{LONG}'\nprint(1)\n", id="in-a-comment"),
        pytest.param(f"data = '{LONG}', {PLACE}\n", id="beside-what-takes-its-place"),
        pytest.param("print('short')\n", id="none"),
    ],
)
def test_the_code_is_the_same(script: str) -> None:
    source = script.encode()
    expected = compile(source, "<stdin>", "exec", dont_inherit=True)

    compiled = warm._compiled(source)

    assert essence(compiled) == essence(expected)


def test_what_is_no_python_is_complained_of_as_ever() -> None:
    source = f"x = = '{LONG}'\n".encode()

    with pytest.raises(SyntaxError, match="invalid syntax"):
        warm._compiled(source)

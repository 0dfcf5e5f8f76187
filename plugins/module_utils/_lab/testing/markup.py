# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTML whose text cannot become markup: what guests print ends up in it, and guests may be hostile.

Whatever is no :class:`Markup` is escaped, and only :func:`element` makes any.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

from ..model.errors import plain

_VOID = ("meta",)


class Markup(str):
    """HTML."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str) -> Markup:
    """An element.

    :param children: markup, and text that is escaped.
    :param attributes: by their names, with ``_`` for ``-``; a final ``_`` is left out (``class_``), and so is one that is empty.
    """
    told = "".join(
        f' {key.removesuffix("_").replace("_", "-")}="{_escaped(value)}"' for key, value in attributes.items() if value
    )
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{joined(children)}</{name}>")


def flag(opening: Markup, name: str) -> Markup:
    """The same element with an attribute that has no value, such as ``open``."""
    head, end, rest = opening.partition(">")
    return Markup(f"{head} {name}{end}{rest}")


def joined(parts: Iterable[str]) -> Markup:
    """Markup, and text that is escaped, one after the other."""
    return Markup("".join(part if isinstance(part, Markup) else _escaped(part) for part in parts))


def _escaped(text: str) -> str:
    return html.escape(plain(text), quote=True)

# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of a verb, as a page sent them: each is read with its type, and what is wrong is refused with the verb's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenGuest, SeenLab
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput, nearest

_LONGEST = 1 << 20


class Arguments:
    """What came with a request.

    :param verb: for errors.
    """

    def __init__(self, verb: str, given: object) -> None:
        if not isinstance(given, dict):
            raise InvalidInput(f"request {verb}", "its arguments are no object", "reload the page")
        self.verb = verb
        self.given: Mapping[str, Any] = given

    def text(self, key: str, longest: int = _LONGEST) -> str:
        """:raises InvalidInput: where it is missing, no text or too long."""
        found = self.given.get(key)
        if not isinstance(found, str) or len(found) > longest:
            raise self.wrong(key, f"a text of {longest} characters at most")
        return found

    def maybe_text(self, key: str) -> str | None:
        """``None`` where it is missing.

        :raises InvalidInput: where it is no text.
        """
        return None if self.given.get(key) is None else self.text(key)

    def texts(self, key: str) -> list[str]:
        """:raises InvalidInput: where it is no list of texts."""
        found = self.given.get(key)
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise self.wrong(key, "a list of texts")
        return found

    def flag(self, key: str) -> bool:
        """``False`` where it is missing.

        :raises InvalidInput: where it is neither true nor false.
        """
        found = self.given.get(key, False)
        if not isinstance(found, bool):
            raise self.wrong(key, "true or false")
        return found

    def maybe_number(self, key: str) -> int | float | None:
        """``None`` where it is missing.

        :raises InvalidInput: where it is no number above 0.
        """
        found = self.given.get(key)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 < found < 1e15:
            raise self.wrong(key, "a number above 0")
        return found

    def guest(self, lab: SeenLab, key: str = "guest") -> SeenGuest:
        """:raises InvalidInput: where the lab has no guest of that name."""
        return known(lab, self.text(key))

    def guests(self, lab: SeenLab, key: str = "guests") -> list[SeenGuest]:
        """:raises InvalidInput: where the lab lacks one of them."""
        return [known(lab, name) for name in self.texts(key)]

    def wrong(self, key: str, wanted: str) -> InvalidInput:
        """What is to be raised for an argument."""
        return InvalidInput(f"request {self.verb}", f"{key!r} is not {wanted}", "reload the page")


def known(lab: SeenLab, name: str) -> SeenGuest:
    """A guest of the lab.

    :raises InvalidInput: where there is none of that name.
    """
    if name not in lab.guests:
        raise InvalidInput(f"guest {name}", "the lab has no such guest", nearest(name, lab.guests))
    return lab.guests[name]

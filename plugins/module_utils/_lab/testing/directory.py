# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory of results: what is written there, and what of an earlier run is removed.

``report.html`` for people, ``junit.xml`` for CI systems, ``results.json`` for programs and the next run, ``evidence/`` with what was found
out when tests failed.  Nothing else in the directory is touched, for it may be anybody's.
"""

from __future__ import annotations

from pathlib import Path

from ..host import files
from ..model.errors import InvalidInput, from_oserror
from .junit import junit
from .page import page
from .record import FORMAT, Identity, durations, suite_data
from .results import SuiteResult

PAGE, JUNIT, RECORD, EVIDENCE = "report.html", "junit.xml", "results.json", "evidence"


class Results:
    """A directory of results.

    :param path: made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> dict[Identity, float]:
        """Remove what an earlier run has left.

        :return: how long tests took in that.
        :raises InvalidInput: where something of the same name is not of an earlier run.
        :raises HostError: where it cannot be written.
        """
        subject = f"results {self.path}"
        try:
            self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
            record = files.read_json(self.path / RECORD)
            is_ours = isinstance(record, dict) and "format" in record
            taken = [name for name in (PAGE, JUNIT, RECORD, EVIDENCE) if (self.path / name).exists()]
            if taken and not is_ours:
                raise InvalidInput(
                    subject, f"there is {taken[0]}, which no run of tests has written", "give another directory"
                )
            if not is_ours:
                # Marks the directory as ours, should this run be killed.
                files.write_json(self.path / RECORD, {"format": FORMAT, "tests": []})
            (self.path / RECORD).chmod(0o644)
            for name in (PAGE, JUNIT):
                (self.path / name).unlink(missing_ok=True)
            files.remove_tree(self.path / EVIDENCE)
        except OSError as exc:
            raise from_oserror(subject, "write", exc) from exc
        return durations(record)

    def write(self, suite: SuiteResult) -> None:
        """Write all reports.

        :raises HostError: where one cannot be written.
        """
        try:
            files.write(self.path / PAGE, page(suite).encode(errors="replace"), 0o644, durable=False)
            files.write(self.path / JUNIT, junit(suite), 0o644, durable=False)
            files.write(self.path / RECORD, files.json_text(suite_data(suite)).encode(), 0o644, durable=False)
        except OSError as exc:
            raise from_oserror(f"results {self.path}", "write", exc) from exc

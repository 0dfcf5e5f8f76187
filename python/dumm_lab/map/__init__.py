# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``dumm map``: a page that shows the live lab, and changes it.

Two processes, see ``docs/howto/map.md``.  ``root`` has the lab: it watches it, runs what is asked for, and answers typed requests
(``messages``) over a socket pair (``wire``).  ``web`` has no rights and no files: it speaks HTTP with browsers, checks who they are, and
passes requests on.  ``page`` is what browsers get.
"""

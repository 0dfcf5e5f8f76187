# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``dumm console``: a lab is typed together, a line at a time, as in the original Dumm of 2007.

``program`` starts it.  ``rooms`` says which verbs there are and where, ``words`` reads a line, ``completion`` completes one; these are
pure.  ``verbs`` does what a line says, each verb as one body of a module.  Lines come from ``terminal`` or ``script``.
"""

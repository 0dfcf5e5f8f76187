# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server of the union engine cowfs: a copy-on-write file system in user space, one process a guest.

``serve`` starts it, ``driver`` runs requests one after another, ``requests`` says what each means, ``tree`` knows what is where in the
layers, ``changes`` and ``copyup`` write, ``restack`` changes the layers, ``control`` listens to the module, ``disk`` is the format on disk
(that of overlayfs, Documentation/filesystems/overlayfs.rst), ``faults`` breaks things on purpose.

It runs under the Python that has pyfuse3, from a copy of these files: only the standard library, ``pyfuse3`` and ``syscalls``
are imported here, and pyfuse3 only where the process starts.
"""

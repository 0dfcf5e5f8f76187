/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef DUMM_PROGRAM_H
#define DUMM_PROGRAM_H

/* Run a program and wait for it; its exit status. */
int run_program(char *const words[]);

#endif

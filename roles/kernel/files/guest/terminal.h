/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef DUMM_TERMINAL_H
#define DUMM_TERMINAL_H

/* Run a program on a pseudoterminal for somebody at the host; words are the program's own name, the request's directory, rows, columns,
 * and the program with its arguments. */
_Noreturn void be_terminal(int count, char *words[]);

#endif

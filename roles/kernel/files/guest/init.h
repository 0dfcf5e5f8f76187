/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef DUMM_INIT_H
#define DUMM_INIT_H

#include <stdbool.h>

/* The guest's own init; NULL for the minimal one. */
const char *own_init(void);

/* Become an init, or be the minimal one, which serves the control line as well if it is the first that runs. */
_Noreturn void be_init(const char *program);
_Noreturn void be_minimal(bool serves);

#endif

/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef DUMM_INIT_H
#define DUMM_INIT_H

/* Become the guest's own init, or be a minimal one. */
_Noreturn void be_init(void);
_Noreturn void be_minimal(void);

#endif

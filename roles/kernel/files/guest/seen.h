/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef DUMM_SEEN_H
#define DUMM_SEEN_H

#include <poll.h>

enum { SEEN_POLLS = 2 };

/* Tell of the network a while from now, and never of what another agent has told. */
void seen_begin(void);

/* What is told holds no longer: take it away, and tell anew a while from now. */
void seen_forget(void);

/* What to wait for, and how long at most (milliseconds; -1 for ever), until seen_look() has something to do. */
int seen_await(struct pollfd polls[SEEN_POLLS]);

/* Do what was waited for. */
void seen_look(const struct pollfd polls[SEEN_POLLS]);

#endif

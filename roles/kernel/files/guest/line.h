/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef DUMM_LINE_H
#define DUMM_LINE_H

#include <sys/types.h>

/* Have a process serve the control line for good; the caller starts it anew, should it ever end. */
pid_t start_line(void);

/* Do what the request in the current directory asks for, without a shell where that can be; its exit status. */
int do_request(void);

#endif

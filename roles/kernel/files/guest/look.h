/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef DUMM_LOOK_H
#define DUMM_LOOK_H

#include <stdbool.h>

/* Write the guest's network configuration to standard output, as the script of guest/network.py does.
 * Lines of the request are files below /proc/sys whose values are wanted, and "conditions". */
int show_network(char *lines);

/* Whether interfaces have conditions, which only tc(8) can tell. */
bool has_conditions(void);

#endif

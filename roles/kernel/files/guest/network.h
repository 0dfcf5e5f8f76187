/* Copyright (c) 2026, dumm.lab contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef DUMM_NETWORK_H
#define DUMM_NETWORK_H

/* Carry out lines of ip, tc and sysctl words; 0, or 1 after a complaint on standard error.
 * NOT_MINE, before anything was done, where one of them is beyond it. */
enum { NOT_MINE = -1 };
int configure_network(char *lines);

#endif

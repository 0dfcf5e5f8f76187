// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What the parts of the attack program share.

#include <errno.h>
#include <stdlib.h>

enum { REACHED = 0, REFUSED = -1 };

// An attack returns REACHED, or REFUSED with the reason in errno.  Its arguments end with NULL.
struct attack {
    const char *name;
    int (*run)(char **);
    int in_main; // whether the program itself makes it, and not a child
};
#define ATTACK(name) { #name, a_##name, 0 }

extern const struct attack on_shared[], on_others[], to_stay[];

static inline int number(const char *text) { return (int)strtol(text, NULL, 0); }

// Whether a call failed for its odd arguments only, and not for want of a privilege.
static inline int privileged(long result)
{
    return result >= 0 || (errno != EPERM && errno != EACCES && errno != ENOSYS) ? REACHED : REFUSED;
}

/* SPDX-License-Identifier: MIT */
#ifndef PRELOAD_CALLS_RIGHTS_H
#define PRELOAD_CALLS_RIGHTS_H

/* Lets the engine remember the program's credentials, if all calls that change them are seen. */
void credentials_init(void);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef PRELOAD_CREDENTIALS_H
#define PRELOAD_CREDENTIALS_H

/* Lets the engine remember the program's credentials, if all calls that change them are seen. */
void credentials_init(void);

#endif

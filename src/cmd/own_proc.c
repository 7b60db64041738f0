/* SPDX-License-Identifier: MIT */
/* See own_proc.h. */
#include "cmd/own_proc.h"

#include <stdlib.h>
#include <unistd.h>

enum own_proc own_proc_find(void)
{
	char number[16];
	ssize_t len = readlink("/proc/self", number, sizeof(number) - 1);

	if (len < 0)
		return OWN_PROC_MISSING;
	number[len] = '\0';
	return strtol(number, NULL, 10) == getpid() ? OWN_PROC_IS_THERE : OWN_PROC_OF_OTHERS;
}

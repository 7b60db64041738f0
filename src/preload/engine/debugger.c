/* SPDX-License-Identifier: MIT */
#include "preload/engine/debugger.h"

/* Visible, so that it has a name in a library without symbols, too. */
__attribute__((visibility("default"), noinline)) void uiommufd_fatal_signal(void)
{
	__asm__ volatile("");
}

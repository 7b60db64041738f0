/* SPDX-License-Identifier: MIT */
/* mmap() of emulated files. */
#ifndef PRELOAD_CALLS_MAP_EMULATED_H
#define PRELOAD_CALLS_MAP_EMULATED_H

#include <stdint.h>
#include <sys/types.h>

#include "preload/process/fdtable.h"

/*
 * Maps @desc, of an emulated file, with the arguments of mmap(). Returns the address or a negative
 * errno. Context: inside a call into the engine (engine/call.h).
 */
long map_emulated(struct description *desc, void *addr, uint64_t len, int prot, int flags,
		  off_t offset);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The state of all contexts as JSON, for `uiommufd show` (docs/windows.md describes the members).
 * Its texts and pictures are made from this JSON.
 *
 * Each object is shown consistently in itself. Two objects are shown at different times, unless the
 * caller has stopped the world (base/world.h). Objects are held for moments only, as by an ioctl.
 */
#ifndef INSPECT_SHOW_STATE_H
#define INSPECT_SHOW_STATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct iommufd_ctx;

enum {
	SHOW_VERSION = 1,    /* changes when a reader of the one before would be wrong */
	SHOW_MAPPINGS = 256, /* of each IOAS one by one, by default; its runs cover the others */
};

#define SHOW_ALL UINT64_MAX

/*
 * All contexts, with at most @mappings mappings of each IOAS one by one. *@text (ends with a 0) is
 * the caller's, freed with alloc_free(); *@len does not count the 0. 0 or -ENOMEM.
 */
int show_state(uint64_t mappings, char **text, size_t *len);

/* The same of @ctx alone. */
int show_state_of(const struct iommufd_ctx *ctx, uint64_t mappings, char **text, size_t *len);

/* Calls @tell, with @arg, for each process. */
typedef void show_processes_fn(void (*tell)(void *arg, pid_t pid, const char *name), void *arg);

/*
 * The contexts are not those of this process, but of the processes that @processes tells.
 *
 * Context: before the first show_state().
 */
void show_set_processes(show_processes_fn *processes);

#endif

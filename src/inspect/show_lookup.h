/* SPDX-License-Identifier: MIT */
/* One IOVA as JSON, for `uiommufd lookup` (docs/windows.md describes the members). */
#ifndef INSPECT_SHOW_LOOKUP_H
#define INSPECT_SHOW_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Where @iova leads in @pt_id (IOAS or HWPT) of context number @context, counted as by
 * show_state(): the mapping, and the entries of each table level by level. *@text (ends with a 0)
 * is the caller's, freed with alloc_free(); *@len does not count the 0. 0, also if @iova leads
 * nowhere; -ENOENT: no such context or object; -EINVAL: an object of another type; -ENOMEM.
 */
int show_lookup(uint32_t context, uint32_t pt_id, uint64_t iova, char **text, size_t *len);

#endif

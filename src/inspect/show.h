/* SPDX-License-Identifier: MIT */
/*
 * The state of all contexts as JSON, for `uiommufd show` and `uiommufd lookup` (docs/windows.md
 * describes the members). The only producer: texts and pictures are made of it.
 *
 * What is shown is consistent within each object, not between them, unless the caller keeps
 * everybody out (base/world.h). Objects are held for moments, as by an ioctl.
 */
#ifndef IOMMUFD_SHOW_H
#define IOMMUFD_SHOW_H

#include <stddef.h>
#include <stdint.h>

struct json;
struct mem_source;

enum {
	SHOW_MAPPINGS = 256, /* of each IOAS, one by one; the others are in its runs */
	SHOW_RUNS = 256,     /* of each IOAS */
};

#define SHOW_ALL UINT64_MAX

/*
 * All contexts, with at most @mappings mappings of each IOAS one by one. *@text (ended by 0) is the
 * caller's, to free with alloc_free(); *@len without the 0. 0 or -ENOMEM.
 */
int show_state(uint64_t mappings, char **text, size_t *len);

/*
 * Where @iova leads by @pt_id (IOAS or HWPT) of context number @context, in the order in which
 * show_state() has them: the mapping, and the entries of each table level by level. As above.
 * -ENOENT: no such context or object; -EINVAL: an object of another type. An @iova that leads
 * nowhere is a result as any other.
 */
int show_lookup(uint32_t context, uint32_t pt_id, uint64_t iova, char **text, size_t *len);

/*
 * The page tables of @pt_id (IOAS or paging HWPT), as text and not as JSON (iopt_dump() says how it
 * looks). Otherwise as show_lookup().
 */
int show_dump(uint32_t context, uint32_t pt_id, char **text, size_t *len);

/*
 * The member "file", a name of the file that @source is of; none if it is of no file, or its name
 * is not known.
 */
void show_file_name(struct json *json, const struct mem_source *source);

/* "rw", "r", "w", "" for enum iopt_prot. */
const char *show_rights(unsigned int prot);

#endif

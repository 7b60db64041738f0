/* SPDX-License-Identifier: MIT */
/* Arguments that several commands take: memory, IOVAs, parts of mappings. */
#ifndef DIFFERENTIAL_ARGUMENTS_H
#define DIFFERENTIAL_ARGUMENTS_H

#include <stdint.h>

#include "known.h"

/* Memory of the program to map: va, length, and whether it should be writable. */
struct mapping some_memory(void);

uint64_t some_iova(void);

/* Flags of MAP, without FIXED_IOVA. */
uint32_t some_map_flags(void);

struct part {
	uint64_t iova, length;
};

/* A part of @mapping, or around it, or anything (always for NULL). */
struct part some_part(const struct mapping *mapping);

#endif

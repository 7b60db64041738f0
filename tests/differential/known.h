/* SPDX-License-Identifier: MIT */
/*
 * What a sequence knows of what it has made: IDs, descriptors, mappings, pins. Steps take their
 * arguments from here, most of the time.
 */
#ifndef DIFFERENTIAL_KNOWN_H
#define DIFFERENTIAL_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "draw.h"

/* Objects. */
enum kind {
	KIND_IOAS,
	KIND_HWPT,
	KIND_NESTED,
	KIND_MOCK, /* the handle of a mock device */
	KIND_DEVICE,
	KIND_FAULT,
	KIND_VIOMMU,
	KIND_VDEVICE,
	KIND_VEVENTQ,
	KIND_HW_QUEUE,
	KINDS,
};

/* Descriptors; the numbers are printed. */
enum file_kind {
	FILE_ACCESS,
	FILE_PINNING_ACCESS,
	FILE_FAULT,
	FILE_VEVENT,
};

enum {
	MOST_IDS = 64,
	MOST_FILES = 64,
	MOST_MAPPINGS = 128,
	MOST_PINS = 32,
	MOST_REGIONS = 8,
	MOST_COOKIES = 16,
	MOST_PASIDS = 64,
};

struct mapping {
	uint32_t ioas;
	uint64_t iova, length, va;
	bool file, writable;
};

struct region {
	uint64_t offset, length;
	void *mapped;
};

extern struct known {
	int fd; /* the context */

	struct known_ids {
		uint32_t count, id[MOST_IDS];
	} ids[KINDS];
	uint32_t file_count;
	struct known_file {
		int fd;
		enum file_kind kind;
	} files[MOST_FILES];
	uint32_t mapping_count;
	struct mapping mappings[MOST_MAPPINGS];
	uint32_t pin_count;
	struct known_pin {
		uint32_t fd, id;
	} pins[MOST_PINS];

	uint32_t region_count; /* that can be mapped */
	struct region regions[MOST_REGIONS];
	uint32_t mapped_count;
	struct region mapped[MOST_REGIONS];

	uint32_t cookie_count;
	uint32_t cookies[MOST_COOKIES];
	uint32_t pasid_count; /* that may be attached */
	struct known_pasid {
		uint32_t mock, pasid;
	} pasids[MOST_PASIDS];

	/*
	 * No IOAS has large pages. How large a leaf of a page table is depends on where pages lie
	 * physically, and with it which pages are dirty when one is; so only such sequences set
	 * dirty bits.
	 */
	bool small;
} known;

void id_add(enum kind kind, uint32_t id);
void id_remove(uint32_t id);
void file_add(int fd, enum file_kind kind);
void mapping_add(uint32_t ioas, const struct mapping *mapping);
void mappings_remove(uint32_t ioas, uint64_t first, uint64_t last);
void pin_add(uint32_t fd, uint32_t id);

/* An attach to @given has said what it led to: a HWPT, if that is another ID. */
void id_add_attached(uint32_t id, uint32_t given);

/* Some ID of any kind, or an unknown one. */
uint32_t any_id(void);
/* Of @kind, as a rule. */
uint32_t some_id(enum kind kind);
/* Of @other in @chance percent of the cases. */
uint32_t some_id_or(enum kind kind, enum kind other, uint32_t chance);
/* Of @kind, or 0 if there is none. */
uint32_t known_id(enum kind kind);
uint32_t last_id(enum kind kind);

/* A descriptor of one of the kinds, or NULL. */
const struct known_file *some_file(enum file_kind first, enum file_kind last);
/* Its number, or one of something else. */
uint32_t fd_of(const struct known_file *file);

/* A mapping, or NULL, more often than there is none. */
struct mapping *some_mapping(void);
/* A mapping, or NULL if there is none. */
struct mapping *known_mapping(void);

#endif

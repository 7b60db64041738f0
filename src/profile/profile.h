/* SPDX-License-Identifier: MIT */
/*
 * A profile of DMA: every access goes through a model of the IOMMU's caches (tlb_model.h), and
 * through others in which something is different, which shows what that would save.
 *
 * Each IOMMU has caches of its own. A request is as many look-ups as it is packets on the bus.
 *
 * Thread-safe: LOCK_PROFILE serialises everything, so programs with several devices are slowed down
 * to one.
 */
#ifndef PROFILE_PROFILE_H
#define PROFILE_PROFILE_H

#include "base/observe.h"
#include "iova/range.h"
#include "profile/profile_mapping.h"
#include "profile/profile_settings.h"

struct json;

static inline bool profiling(void)
{
	return observed_by(OBSERVER_PROFILE);
}

/* Starts. Stacks are recorded from now on. Context: before any other thread uses the engine. */
void profile_start(const struct profile_settings *settings);

/* In the child of a fork: begins with nothing but the mappings, of which nothing has been used. */
void profile_fork_child(void);

/* The IOMMU whose caches it is about. */
struct profile_iommu {
	const char *name, *kind;
};

/*
 * [@range] in the tables of @domain (an address that is not used) leads to @address. @sizes: of
 * pages, as bits; @stack: of the call, 0: unknown.
 */
void profile_map(const void *domain, const struct profile_iommu *iommu, struct iova_range range,
		 uint64_t address, uint64_t sizes, uint32_t stack);

/* [@range], one mapping, is gone from the tables of @domain: they are invalidated. */
void profile_unmap(const void *domain, struct iova_range range);

/* The guest has invalidated @range of @domain, a nested one; or devices do not use it any more. */
void profile_invalidate(const void *domain, const struct profile_iommu *iommu,
			struct iova_range range);

/* @domain is freed, with its mappings. */
void profile_forget(const void *domain);

/* A part of a request: @len bytes from @iova on, in one page of the tables. */
struct profile_part {
	uint64_t iova, len;
	uint64_t page, size;
	unsigned int top; /* the level of the root table */
};

struct profile_access {
	const char *device;
	struct profile_iommu iommu;
	const void *domain;  /* whose translations are cached */
	const void *mapped;  /* whose mappings they are; NULL: not known (nested) */
	unsigned int stage2; /* levels of a second stage; 0: none */
};

void profile_dma(const struct profile_access *access, const struct profile_part *parts,
		 size_t count);

/* Writes all that is known as one JSON object. At the end of the process. */
void profile_write(struct json *json);

/* Whether there was any DMA or mapping. */
bool profile_has_content(void);

/* ---- for profile_json.c ---- */

enum {
	PROFILE_DEVICES = 256,
	PROFILE_IOMMUS = 32,
	PROFILE_NAME = 64,
};

struct profile_unit {
	char name[PROFILE_NAME], kind[PROFILE_NAME];
	uint64_t bytes; /* of DMA */
	struct tlb_model models[MODELS];
};

struct profile_device {
	char name[PROFILE_NAME];
	uint64_t requests;
	struct usage usage;
};

struct profile_state {
	struct profile_settings settings;
	struct profile_unit units[PROFILE_IOMMUS];
	size_t unit_count;
	struct profile_device devices[PROFILE_DEVICES];
	size_t device_count;
	uint64_t mapped, mapped_most; /* bytes, in all tables */
	uint64_t missed;	      /* mappings for which there was no memory */
};

#endif

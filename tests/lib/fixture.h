/* SPDX-License-Identifier: MIT */
/*
 * A context and devices behind one IOMMU, through the embedding API, for tests of the user API.
 * Each function that is an ioctl returns 0 or a negative errno.
 */
#ifndef TESTS_LIB_FIXTURE_H
#define TESTS_LIB_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

enum {
	FIXTURE_DEVICES = 2,
	FIXTURE_RW = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
};

struct fixture {
	struct uiommufd *ctx;
	struct uiommufd_iommu *iommu;
	struct uiommufd_endpoint *devices[FIXTURE_DEVICES];
	uint32_t dev_ids[FIXTURE_DEVICES];
	char *buffer; /* the memory that fixture_map() maps */
	size_t buffer_size;
};

/* Behind a new IOMMU of @kind, with a buffer of @pages; the devices are bound. Returns owned. */
struct fixture *fixture_create(const char *kind, size_t pages);
void fixture_destroy(struct fixture *f);

int fixture_call(struct fixture *f, unsigned int cmd, void *arg);

/* Returns the ID of a new IOAS. */
uint32_t fixture_ioas(struct fixture *f);

/* Maps [@offset, @offset + @len) of the buffer at @iova; @flags are the rights. */
int fixture_map(struct fixture *f, uint32_t ioas, uint64_t iova, size_t offset, uint64_t len,
		uint32_t flags);

int fixture_unmap(struct fixture *f, uint32_t ioas, uint64_t iova, uint64_t len);

/* Attaches device @index for @pasid; *@pt_id is the IOAS or HWPT, and gets the HWPT. */
int fixture_attach(struct fixture *f, int index, uint32_t pasid, uint32_t *pt_id);

/* HWPT_ALLOC for device @index. */
int fixture_hwpt(struct fixture *f, int index, uint32_t pt_id, uint32_t flags, uint32_t *hwpt);

int fixture_object_destroy(struct fixture *f, uint32_t id);

/*
 * Writes up to @capacity permitted ranges of @ioas, and their alignment (or NULL); returns how many
 * exist.
 */
uint32_t fixture_ranges(struct fixture *f, uint32_t ioas, struct iommu_iova_range *ranges,
			uint32_t capacity, uint64_t *alignment);

#endif

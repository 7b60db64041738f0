/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "page.h"
#include "said.h"

int fixture_call(struct fixture *f, unsigned int cmd, void *arg)
{
	return (int)said_why(uiommufd_ioctl(f->ctx, NULL, cmd, (uintptr_t)arg), cmd);
}

struct fixture *fixture_create(const char *kind, size_t pages)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(uiommufd_open(NULL, &f->ctx), 0);
	assert_int_equal(uiommufd_iommu_create(kind, "iommu0", &f->iommu), 0);
	for (int i = 0; i < FIXTURE_DEVICES; i++) {
		assert_int_equal(uiommufd_endpoint_create(f->iommu, "device", &f->devices[i]), 0);
		assert_int_equal(uiommufd_endpoint_bind(f->devices[i], f->ctx, &f->dev_ids[i]), 0);
	}
	f->buffer_size = pages * PAGE;
	f->buffer = mmap(NULL, f->buffer_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	assert_ptr_not_equal(f->buffer, MAP_FAILED);
	return f;
}

void fixture_destroy(struct fixture *f)
{
	for (int i = 0; i < FIXTURE_DEVICES; i++)
		uiommufd_endpoint_destroy(f->devices[i]);
	uiommufd_iommu_put(f->iommu);
	uiommufd_close(f->ctx);
	munmap(f->buffer, f->buffer_size);
	free(f);
}

uint32_t fixture_ioas(struct fixture *f)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	assert_int_equal(fixture_call(f, IOMMU_IOAS_ALLOC, &cmd), 0);
	return cmd.out_ioas_id;
}

int fixture_map(struct fixture *f, uint32_t ioas, uint64_t iova, size_t offset, uint64_t len,
		uint32_t flags)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | flags,
		.ioas_id = ioas,
		.user_va = (uintptr_t)f->buffer + offset,
		.length = len,
		.iova = iova,
	};

	return fixture_call(f, IOMMU_IOAS_MAP, &cmd);
}

int fixture_unmap(struct fixture *f, uint32_t ioas, uint64_t iova, uint64_t len)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.iova = iova,
		.length = len,
	};

	return fixture_call(f, IOMMU_IOAS_UNMAP, &cmd);
}

int fixture_attach(struct fixture *f, int index, uint32_t pasid, uint32_t *pt_id)
{
	return uiommufd_endpoint_attach(f->devices[index], pasid, pt_id);
}

int fixture_hwpt(struct fixture *f, int index, uint32_t pt_id, uint32_t flags, uint32_t *hwpt)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = f->dev_ids[index],
		.pt_id = pt_id,
	};
	int rc = fixture_call(f, IOMMU_HWPT_ALLOC, &cmd);

	*hwpt = cmd.out_hwpt_id;
	return rc;
}

int fixture_object_destroy(struct fixture *f, uint32_t id)
{
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = id};

	return fixture_call(f, IOMMU_DESTROY, &cmd);
}

uint32_t fixture_ranges(struct fixture *f, uint32_t ioas, struct iommu_iova_range *ranges,
			uint32_t capacity, uint64_t *alignment)
{
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = capacity,
		.allowed_iovas = (uintptr_t)ranges,
	};

	assert_int_equal(fixture_call(f, IOMMU_IOAS_IOVA_RANGES, &cmd), 0);
	if (alignment)
		*alignment = cmd.out_iova_alignment;
	return cmd.num_iovas;
}

/* SPDX-License-Identifier: MIT */
/*
 * Version 1 of the type1 container against an array of pages: random mappings, random parts of them
 * unmapped, copies of parts, page tables that come and go meanwhile. After each step what devices
 * see and what is pinned is what the array says.
 */

#include <uiommufd/vfio.h>

#include "iommufd/ioas/ioas_check.h"
#include "kit.h"

enum {
	SPACE = 96,   /* pages of IOVA */
	MEMORY = 256, /* pages of the buffer */
	STEPS = 4000,
};
#define BASE UINT64_C(0x400000)

struct world {
	struct fixture *f;
	uint32_t ioas;
	bool attached[FIXTURE_DEVICES];
	int page[SPACE]; /* of the buffer; -1: not mapped */
};

static unsigned int random_index(unsigned int bound)
{
	return (unsigned int)random_below(bound);
}

static unsigned int random_count(unsigned int start)
{
	return 1 + random_index(random_index(4) ? 8 : SPACE) % (SPACE - start);
}

static uint64_t iova_of(unsigned int page)
{
	return BASE + (uint64_t)page * PAGE;
}

static bool is_free(const struct world *w, unsigned int start, unsigned int count)
{
	for (unsigned int i = start; i < start + count; i++) {
		if (w->page[i] >= 0)
			return false;
	}
	return true;
}

static void map(struct world *w)
{
	unsigned int start = random_index(SPACE), count = random_count(start);
	unsigned int first = random_index(MEMORY - count);
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)w->f->buffer + first * PAGE,
		.iova = iova_of(start),
		.size = (uint64_t)count * PAGE,
	};

	if (!is_free(w, start, count)) {
		assert_int_equal(fixture_call(w->f, VFIO_IOMMU_MAP_DMA, &cmd), -EEXIST);
		return;
	}
	assert_int_equal(fixture_call(w->f, VFIO_IOMMU_MAP_DMA, &cmd), 0);
	for (unsigned int i = 0; i < count; i++)
		w->page[start + i] = (int)(first + i);
}

static void unmap(struct world *w)
{
	unsigned int start = random_index(SPACE), count = random_count(start), mapped = 0;
	struct vfio_iommu_type1_dma_unmap cmd = {
		.argsz = sizeof(cmd),
		.iova = iova_of(start),
		.size = (uint64_t)count * PAGE,
	};

	for (unsigned int i = start; i < start + count; i++) {
		mapped += w->page[i] >= 0;
		w->page[i] = -1;
	}
	assert_int_equal(fixture_call(w->f, VFIO_IOMMU_UNMAP_DMA, &cmd), 0);
	assert_int_equal(cmd.size, (uint64_t)mapped * PAGE);
}

/* Both parts of what is cut share the source with the copy. */
static void copy(struct world *w)
{
	unsigned int from = random_index(SPACE), to = random_index(SPACE);
	unsigned int count = random_count(from > to ? from : to);
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | FIXTURE_RW,
		.dst_ioas_id = w->ioas,
		.src_ioas_id = w->ioas,
		.length = (uint64_t)count * PAGE,
		.dst_iova = iova_of(to),
		.src_iova = iova_of(from),
	};
	int rc = is_free(w, to, count) ? 0 : -EEXIST;

	for (unsigned int i = from; i < from + count; i++) {
		if (w->page[i] < 0)
			rc = -ENOENT;
	}
	assert_int_equal(fixture_call(w->f, IOMMU_IOAS_COPY, &cmd), rc);
	for (unsigned int i = 0; i < count && !rc; i++)
		w->page[to + i] = w->page[from + i];
}

static void toggle(struct world *w)
{
	unsigned int device = random_index(FIXTURE_DEVICES);
	uint32_t pt_id = w->ioas;

	if (w->attached[device])
		uiommufd_endpoint_detach(w->f->devices[device], 0);
	else
		assert_int_equal(fixture_attach(w->f, (int)device, 0, &pt_id), 0);
	w->attached[device] = !w->attached[device];
}

static void check(struct world *w)
{
	const char *broken = ioas_check_all();

	if (broken)
		fail_msg("does not hold: %s", broken);
	for (unsigned int d = 0; d < FIXTURE_DEVICES; d++) {
		for (unsigned int i = 0; i < SPACE && w->attached[d]; i++) {
			const char *expected = w->f->buffer + w->page[i] * PAGE;
			int rc, value = 0;

			if (w->page[i] < 0)
				continue;
			rc = uiommufd_dma_read(w->f->devices[d], 0, iova_of(i), &value,
					       sizeof(value));
			assert_int_equal(rc, 0);
			assert_memory_equal(&value, expected, sizeof(value));
		}
	}
}

static void version_1_behaves_as_an_array_of_pages(void **state)
{
	static const char *const kinds[] = {"amd", "intel", "smmuv3", "riscv"};

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct world w = {.f = fixture_create(kinds[k], MEMORY)};
		struct iommu_vfio_ioas set = {.size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET};

		for (int i = 0; i < MEMORY; i++)
			*(int *)(void *)(w.f->buffer + i * PAGE) = i + 1;
		memset(w.page, 0xff, sizeof(w.page));
		set.ioas_id = w.ioas = fixture_ioas(w.f);
		assert_int_equal(fixture_call(w.f, IOMMU_VFIO_IOAS, &set), 0);
		assert_int_equal(uiommufd_ioctl(w.f->ctx, NULL, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU),
				 0);
		for (unsigned int i = 0; i < STEPS; i++) {
			unsigned int what = random_index(32);

			if (what < 12)
				map(&w);
			else if (what < 26)
				unmap(&w);
			else if (what < 31)
				copy(&w);
			else
				toggle(&w);
			if (i % 8 == 0)
				check(&w);
		}
		fixture_destroy(w.f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_behaves_as_an_array_of_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * A container of VFIO against an array of pages, as version 1 and version 2: random mappings are
 * made and removed, their addresses taken back and given again, bitmaps asked for. After each step
 * errno, sizes, what devices see, and how many mappings are left are what the array says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include <uiommufd/vfio.h>

#include "../lib/group_rig.h"
#include "base/check.h"
#include "vfio/vfio_internal.h"

enum {
	SPACE = 160, /* pages of IOVA */
	STEPS = 6000,
	LIMIT = 65535,
};
#define BASE UINT64_C(0x400000)

/* What is mapped at a page: the page of memory, and where its mapping begins. */
struct slot {
	int page; /* -1: nothing */
	int first, last;
	bool invalid;
};

struct world {
	struct group_rig rig;
	int container;
	bool v2, tracking;
	char *memory; /* SPACE pages */
	struct slot slots[SPACE];
	unsigned int mappings;
};

static uint64_t seed;

static unsigned int random_below(unsigned int n)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (unsigned int)((z ^ (z >> 31)) % n);
}

/* Pages [*@first, *@last], mostly few. */
static void random_range(int *first, int *last)
{
	unsigned int count = 1 + random_below(random_below(4) ? 6 : SPACE);

	*first = (int)random_below(SPACE);
	*last = *first + (int)count - 1 < SPACE ? *first + (int)count - 1 : SPACE - 1;
}

static uint64_t iova_of(int slot)
{
	return BASE + (uint64_t)slot * PAGE_SIZE;
}

static long call(struct world *w, unsigned int cmd, void *arg)
{
	return group_rig_ioctl(&w->rig, w->container, cmd, (uintptr_t)arg);
}

/* Whether a mapping begins before @first, or ends behind @last. */
static bool cuts_first(const struct world *w, int first)
{
	return w->slots[first].page >= 0 && w->slots[first].first < first;
}

static bool cuts_last(const struct world *w, int last)
{
	return w->slots[last].page >= 0 && w->slots[last].last > last;
}

static bool any_in(const struct world *w, int first, int last)
{
	for (int i = first; i <= last; i++) {
		if (w->slots[i].page >= 0)
			return true;
	}
	return false;
}

/* ---- steps ---- */

static void step_map(struct world *w)
{
	struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map)};
	int first, last, page;
	long expected = 0;

	random_range(&first, &last);
	page = (int)random_below((unsigned int)(SPACE - (last - first)));
	map.flags = 1 + random_below(3);
	map.iova = iova_of(first);
	map.size = (uint64_t)(last - first + 1) * PAGE_SIZE;
	map.vaddr = (uintptr_t)w->memory + (uint64_t)page * PAGE_SIZE;
	if (any_in(w, first, last))
		expected = -EEXIST;
	assert_int_equal(call(w, VFIO_IOMMU_MAP_DMA, &map), expected);
	if (expected)
		return;
	for (int i = first; i <= last; i++)
		w->slots[i] = (struct slot){page + i - first, first, last, false};
	w->mappings++;
}

/* Forgets the mappings that begin in [@first, @last]. Returns their pages. */
static uint64_t forget(struct world *w, int first, int last)
{
	uint64_t pages = 0;

	for (int i = first; i <= last; i++) {
		int end = w->slots[i].last;

		if (w->slots[i].page < 0)
			continue;
		assert_int_equal(w->slots[i].first, i);
		pages += (uint64_t)(end - i + 1);
		w->mappings--;
		for (; i <= end; i++)
			w->slots[i].page = -1;
		i--;
	}
	return pages;
}

static void step_unmap(struct world *w, bool all)
{
	struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof(unmap)};
	int first = 0, last = SPACE - 1;
	long expected = 0;
	uint64_t size;

	if (!all)
		random_range(&first, &last);
	unmap.flags = all ? VFIO_DMA_UNMAP_FLAG_ALL : 0;
	unmap.iova = all ? 0 : iova_of(first);
	size = unmap.size = all ? 0 : (uint64_t)(last - first + 1) * PAGE_SIZE;
	if (w->v2 && (cuts_first(w, first) || cuts_last(w, last)))
		expected = -EINVAL;
	assert_int_equal(call(w, VFIO_IOMMU_UNMAP_DMA, &unmap), expected);
	if (!expected)
		size = cuts_first(w, first) ? 0 : forget(w, first, last) * PAGE_SIZE;
	assert_int_equal(unmap.size, size);
}

static void step_invalidate(struct world *w)
{
	struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof(unmap),
						   .flags = VFIO_DMA_UNMAP_FLAG_VADDR};
	uint64_t pages = 0;
	int first, last;
	long expected = 0;

	random_range(&first, &last);
	/* Version 1 takes whole mappings, too. */
	if (cuts_first(w, first) || cuts_last(w, last))
		return;
	for (int i = first; i <= last; i++) {
		if (w->slots[i].page >= 0 && w->slots[i].invalid)
			expected = -EINVAL;
		pages += w->slots[i].page >= 0;
	}
	unmap.iova = iova_of(first);
	unmap.size = (uint64_t)(last - first + 1) * PAGE_SIZE;
	assert_int_equal(call(w, VFIO_IOMMU_UNMAP_DMA, &unmap), expected);
	if (expected)
		return;
	assert_int_equal(unmap.size, pages * PAGE_SIZE);
	for (int i = first; i <= last; i++)
		w->slots[i].invalid = true;
}

static void step_validate(struct world *w)
{
	struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map),
					       .flags = VFIO_DMA_MAP_FLAG_VADDR};
	int first, last;
	long expected = 0;

	random_range(&first, &last);
	if (w->slots[first].page >= 0 && random_below(4)) {
		last = w->slots[first].last;
		first = w->slots[first].first;
	}
	if (!any_in(w, first, last))
		expected = -ENOENT;
	else if (w->slots[first].page < 0 || w->slots[first].first != first ||
		 w->slots[first].last != last || !w->slots[first].invalid)
		expected = -EINVAL;
	map.vaddr = (uintptr_t)w->memory;
	map.iova = iova_of(first);
	map.size = (uint64_t)(last - first + 1) * PAGE_SIZE;
	assert_int_equal(call(w, VFIO_IOMMU_MAP_DMA, &map), expected);
	for (int i = first; !expected && i <= last; i++)
		w->slots[i].invalid = false;
}

/* The words that a GET_BITMAP from @first on leaves in memory that was @bits before. */
static void expect_bits(const struct world *w, int first, int last, uint64_t *bits)
{
	for (int i = first; i <= last; i++) {
		const int at = i - first, end = w->slots[i].last - first;

		if (w->slots[i].page < 0)
			continue;
		/* From the beginning of the first word, unless that is not the mapping's. */
		if (at % 64 == 0)
			bits[at / 64] = 0;
		for (int word = at / 64 + 1; word <= end / 64; word++)
			bits[word] = 0;
		for (int bit = at; bit <= end; bit++)
			bits[bit / 64] |= UINT64_C(1) << bit % 64;
		i = w->slots[i].last;
	}
}

static void step_dirty(struct world *w)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap cmd;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} dirty = {.cmd = {.argsz = sizeof(dirty)}};
	uint64_t bits[SPACE / 64 + 1], expected_bits[SPACE / 64 + 1];
	int first, last;
	long expected = 0;

	if (random_below(4) == 0) {
		w->tracking = random_below(2);
		dirty.cmd.flags = w->tracking ? 1 : 2;
		assert_int_equal(call(w, VFIO_IOMMU_DIRTY_PAGES, &dirty), w->v2 ? 0 : -EACCES);
		return;
	}
	random_range(&first, &last);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		expected_bits[i] = bits[i] = UINT64_C(0x8040201008040201) << random_below(8);
	dirty.cmd.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP;
	dirty.get.iova = iova_of(first);
	dirty.get.size = (uint64_t)(last - first + 1) * PAGE_SIZE;
	dirty.get.bitmap.pgsize = PAGE_SIZE;
	dirty.get.bitmap.size = sizeof(bits);
	dirty.get.bitmap.data = (void *)bits;
	if (!w->v2)
		expected = -EACCES;
	else if (!w->tracking || cuts_first(w, first) || cuts_last(w, last))
		expected = -EINVAL;
	assert_int_equal(call(w, VFIO_IOMMU_DIRTY_PAGES, &dirty), expected);
	if (!expected)
		expect_bits(w, first, last, expected_bits);
	assert_memory_equal(bits, expected_bits, sizeof(bits));
}

/* ---- what must hold ---- */

static void check(struct world *w)
{
	struct {
		struct vfio_iommu_type1_info info;
		char capabilities[512];
	} info = {.info = {.argsz = sizeof(info)}};
	const struct vfio_iommu_type1_info_dma_avail *avail =
		(const void *)((const char *)&info + 56);
	uint64_t len;
	void *bus;

	assert_int_equal(call(w, VFIO_IOMMU_GET_INFO, &info), 0);
	assert_int_equal(avail->avail, LIMIT - w->mappings);
	for (int i = 0; i < SPACE; i++) {
		int rc = iommu_translate(w->rig.devices[1]->endpoint, NO_PASID, iova_of(i), 0, &bus,
					 &len);

		assert_int_equal(rc, w->slots[i].page < 0 ? -ENOENT : 0);
		if (!rc)
			assert_int_equal((uintptr_t)bus,
					 (uintptr_t)w->memory +
						 (uint64_t)w->slots[i].page * PAGE_SIZE);
	}
}

static void run(bool v2)
{
	struct world *w = calloc(1, sizeof(*w));
	int group;

	group_rig_open(&w->rig);
	w->v2 = v2;
	w->memory = mmap(NULL, SPACE * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < SPACE; i++)
		w->slots[i].page = -1;
	w->container = group_rig_type1(&w->rig);
	group = group_rig_group(&w->rig);
	assert_int_equal(group_rig_set_container(&w->rig, group, w->container), 0);
	assert_int_equal(group_rig_ioctl(&w->rig, w->container, VFIO_SET_IOMMU,
					 v2 ? VFIO_TYPE1v2_IOMMU : VFIO_TYPE1_IOMMU),
			 0);
	for (int step = 0; step < STEPS; step++) {
		switch (random_below(12)) {
		case 0:
			step_invalidate(w);
			break;
		case 1:
			step_validate(w);
			break;
		case 2:
		case 3:
			step_dirty(w);
			break;
		case 4:
		case 5:
		case 6:
			step_unmap(w, false);
			break;
		case 7:
			if (random_below(20) == 0)
				step_unmap(w, true);
			break;
		default:
			step_map(w);
			break;
		}
		if (step % 16 == 0)
			check(w);
	}
	check(w);
	group_rig_close_fd(&w->rig, group);
	assert_int_equal(w->rig.caller.locked_pages, 0);
	group_rig_close(&w->rig);
	munmap(w->memory, SPACE * PAGE_SIZE);
	free(w);
}

static void version_1_is_what_the_array_says(void **state)
{
	(void)state;
	run(false);
}

static void version_2_is_what_the_array_says(void **state)
{
	(void)state;
	run(true);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_is_what_the_array_says),
		cmocka_unit_test(version_2_is_what_the_array_says),
	};

	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

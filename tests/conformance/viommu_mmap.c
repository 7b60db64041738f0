/* SPDX-License-Identifier: MIT */
/* mmap of the iommufd [MMAP]. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "groups.h"
#include "nested.h"

#define WORD 0x12345678u
#define SIZE (2 * PAGE)

/* region: a vIOMMU with a region of two pages. */
static struct region region;

static int setup_region(void **state)
{
	struct fixture *t;

	if (setup_nested(state))
		return -1;
	t = *state;
	region = new_region(t->iommu, mock.idev, nested.parent, WORD);
	return 0;
}

static char *map_region(const struct fixture *t, const struct region *of)
{
	char *memory = mmap(NULL, of->length, PROT_READ | PROT_WRITE, MAP_SHARED, t->iommu,
			    (off_t)of->offset);

	if (memory == MAP_FAILED)
		conformance_fail(HERE, "mmap of a region: %s", strerrorname_np(errno));
	return memory;
}

#define mmap_errno(error, length, prot, flags, offset) \
	expect_failed(error, (intptr_t)mmap(NULL, length, prot, flags, t->iommu, (off_t)(offset)))

static void mmap_as_private_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	mmap_errno(EINVAL, SIZE, PROT_READ, MAP_PRIVATE, region.offset);
	/* Whatever else is wrong. */
	mmap_errno(EINVAL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0);
}

static void mmap_as_executable_is_EPERM(void **state)
{
	struct fixture *t = fixture(state);

	mmap_errno(EPERM, SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, region.offset);
	mmap_errno(EPERM, PAGE, PROT_EXEC, MAP_SHARED, 100 * PAGE);
}

static void mmap_of_an_offset_in_no_region_is_ENXIO(void **state)
{
	struct fixture *t = fixture(state);

	mmap_errno(ENXIO, SIZE, PROT_READ, MAP_SHARED, 0);
	mmap_errno(ENXIO, SIZE, PROT_READ, MAP_SHARED, region.offset + SIZE);
	destroy(t->iommu, region.viommu);
	mmap_errno(ENXIO, SIZE, PROT_READ, MAP_SHARED, region.offset);
}

static void mmap_of_part_of_a_region_is_ENXIO(void **state)
{
	struct fixture *t = fixture(state);

	mmap_errno(ENXIO, PAGE, PROT_READ, MAP_SHARED, region.offset);
	mmap_errno(ENXIO, PAGE, PROT_READ, MAP_SHARED, region.offset + PAGE);
	mmap_errno(ENXIO, SIZE + PAGE, PROT_READ, MAP_SHARED, region.offset);
}

static void mmap_rounds_lengths_to_pages(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mmap(NULL, SIZE - 5, PROT_READ, MAP_SHARED, t->iommu, (off_t)region.offset);

	expect_true(memory != MAP_FAILED);
	expect_equal(munmap(memory, SIZE - 5), 0);
	destroy(t->iommu, region.viommu);
}

static void mmap_of_a_context_without_regions_is_ENXIO(void **state)
{
	struct fixture *t = fixture(state);

	mmap_errno(ENXIO, PAGE, PROT_READ, MAP_SHARED, PAGE);
}

static void mmap_regions_begin_at_the_second_page(void **state)
{
	struct fixture *t = fixture(state);
	struct region two = new_region(t->iommu, mock.idev, nested.parent, 2);
	struct region three = new_region(t->iommu, mock.idev, nested.parent, 3);

	expect_equal(region.offset, PAGE);
	expect_equal(region.length, SIZE);
	expect_equal(two.offset, PAGE + SIZE);
	expect_equal(three.offset, PAGE + 2 * SIZE);
	/* First fit. */
	destroy(t->iommu, two.viommu);
	expect_equal(new_region(t->iommu, mock.idev, nested.parent, 4).offset, two.offset);
	expect_equal(new_region(t->iommu, mock.idev, nested.parent, 5).offset, three.offset + SIZE);
}

static void mappings_of_a_region_show_the_same_memory(void **state)
{
	struct fixture *t = fixture(state);
	struct region other = new_region(t->iommu, mock.idev, nested.parent, 7);
	char *one = map_region(t, &region), *two = map_region(t, &region);
	char *others = map_region(t, &other);

	expect_equal(*(uint32_t *)one, WORD);
	expect_equal(*(uint32_t *)others, 7);
	for (uint64_t i = 4; i < SIZE; i++)
		expect_equal(one[i], 0);
	one[SIZE - 1] = 'x';
	expect_equal(two[SIZE - 1], 'x');
	expect_equal(others[SIZE - 1], 0);
	munmap(one, SIZE);
	munmap(two, SIZE);
	munmap(others, SIZE);
	/* What was written stays. */
	one = map_region(t, &region);
	expect_equal(one[SIZE - 1], 'x');
	munmap(one, SIZE);
}

static void a_mapped_region_holds_its_owner(void **state)
{
	struct fixture *t = fixture(state);
	char *one = map_region(t, &region), *two = map_region(t, &region);

	expect_busy(t->iommu, region.viommu);
	munmap(one, SIZE);
	expect_busy(t->iommu, region.viommu);
	munmap(two, SIZE);
	destroy(t->iommu, region.viommu);
}

static void every_piece_of_a_mapped_region_counts(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = map_region(t, &region);

	expect_equal(mprotect(memory, PAGE, PROT_READ), 0);
	expect_busy(t->iommu, region.viommu);
	expect_equal(munmap(memory, PAGE), 0);
	expect_busy(t->iommu, region.viommu);
	expect_equal(memory[PAGE], 0);
	expect_equal(munmap(memory + PAGE, PAGE), 0);
	destroy(t->iommu, region.viommu);
}

static void mapping_over_a_region_releases_it(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = map_region(t, &region);

	expect_true(mmap(memory, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		    memory);
	destroy(t->iommu, region.viommu);
	munmap(memory, SIZE);
}

static void a_moved_mapping_of_a_region_holds_its_owner(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = map_region(t, &region), *to = mem_pages(SIZE);

	expect_true(mremap(memory, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	expect_equal(*(uint32_t *)to, WORD);
	expect_busy(t->iommu, region.viommu);
	munmap(to, SIZE);
	destroy(t->iommu, region.viommu);
}

static void a_forked_child_holds_the_mapped_region_too(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = map_region(t, &region);
	int status;
	pid_t child = fork();

	if (!child) {
		memory[4] = 'c';
		_exit(0);
	}
	expect_equal(waitpid(child, &status, 0), child);
	expect_equal(status, 0);
	expect_equal(memory[4], 'c');
	/* That the child's is gone takes nothing from ours. */
	expect_busy(t->iommu, region.viommu);
	munmap(memory, SIZE);
	destroy(t->iommu, region.viommu);
}

static void a_mapped_region_keeps_the_context(void **state)
{
	struct fixture *t = fixture(state);
	int iommu = open("/dev/iommu", O_RDWR);
	uint32_t ioas = new_ioas(iommu);
	struct mock other = add_mock(iommu, ioas, 0);
	uint32_t parent = new_hwpt(iommu, other.idev, ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	const struct region its = new_region(iommu, other.idev, parent, 5);
	char *pages = mem_pages(PAGE), *memory;

	map_at(iommu, ioas, RW, IOVA, pages, PAGE);
	memory = map_region(&(struct fixture){.iommu = iommu}, &its);
	close(iommu);
	check_refs(t->iommu, pages, PAGE, 1);
	expect_equal(*(uint32_t *)memory, 5);
	munmap(memory, SIZE);
	check_refs(t->iommu, pages, PAGE, 0);
}

int viommu_mmap(void)
{
	const struct CMUnitTest tests[] = {
		CASE(region, mmap_as_private_is_EINVAL, "MMAP.1"),
		CASE(region, mmap_as_executable_is_EPERM, "MMAP.2"),
		CASE(region, mmap_of_an_offset_in_no_region_is_ENXIO, "MMAP.3"),
		CASE(region, mmap_of_part_of_a_region_is_ENXIO, "MMAP.4"),
		CASE(region, mmap_rounds_lengths_to_pages, "MMAP.4"),
		CASE(viommu, mmap_of_a_context_without_regions_is_ENXIO, "MMAP"),
		CASE(region, mmap_regions_begin_at_the_second_page, "MMAP"),
		CASE(region, mappings_of_a_region_show_the_same_memory, "MMAP"),
		CASE(region, a_mapped_region_holds_its_owner, "MMAP"),
		CASE(region, every_piece_of_a_mapped_region_counts, "MMAP"),
		CASE(region, mapping_over_a_region_releases_it, "MMAP"),
		CASE(region, a_moved_mapping_of_a_region_holds_its_owner, "MMAP"),
		CASE(region, a_forked_child_holds_the_mapped_region_too, "MMAP"),
		CASE(context, a_mapped_region_keeps_the_context, "MMAP"),
	};

	return cmocka_run_group_tests_name("mmap", tests, NULL, NULL);
}

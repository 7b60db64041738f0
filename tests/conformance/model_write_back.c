/* SPDX-License-Identifier: MIT */
/*
 * What is written back, and when [WRITE-BACK]. A structure in read-only memory shows whether
 * anything is written; a structure across a border between read-only and writable pages shows
 * which part is.
 */
#include <errno.h>
#include <string.h>

#include "conformance.h"
#include "groups.h"

/* The structure @before is unchanged at @now. */
#define expect_unchanged(now, before) expect_true(!memcmp(now, before, sizeof(*(before))))

static void ioas_alloc_writes_the_whole_structure(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	/* The size is not writable, so out_ioas_id alone cannot be what is written. */
	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_ALLOC,
		     at_border(&alloc, sizeof(alloc), 8, MEM_RO, MEM_RW));
	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_ALLOC,
		     at_border(&alloc, sizeof(alloc), 8, MEM_RW, MEM_RO));
	expect_equal(new_ioas(t->iommu), t->ioas + 1);
}

static void a_failed_ioas_alloc_writes_nothing(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc), .flags = 1, .out_ioas_id = 77};
	struct iommu_ioas_alloc before = alloc;

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_IOAS_ALLOC, &alloc);
	expect_unchanged(&alloc, &before);
}

static void iova_ranges_writes_the_structure_on_EMSGSIZE(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_iova_ranges cmd = {.size = sizeof(cmd), .ioas_id = t->ioas};

	expect_errno(EMSGSIZE, t->iommu, IOMMU_IOAS_IOVA_RANGES, &cmd);
	expect_equal(cmd.num_iovas, 1);
	expect_equal(cmd.out_iova_alignment, 1);
	/* If that cannot be written, EFAULT takes the place of EMSGSIZE. */
	cmd.num_iovas = 0;
	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_IOVA_RANGES, read_only(&cmd, sizeof(cmd)));
}

static void iova_ranges_leaves_the_structure_if_the_array_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = t->ioas,
		.num_iovas = 5,
		.allowed_iovas = (uintptr_t)mem_of_kind(PAGE, MEM_RO),
		.out_iova_alignment = 99,
	};
	struct iommu_ioas_iova_ranges before = cmd;

	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_IOVA_RANGES, &cmd);
	expect_unchanged(&cmd, &before);
}

static struct iommu_ioas_map good_map(const struct fixture *t)
{
	return (struct iommu_ioas_map){
		.size = sizeof(struct iommu_ioas_map),
		.flags = RW,
		.ioas_id = t->ioas,
		.user_va = (uintptr_t)mem_aligned(PAGE, 64 * 1024),
		.length = PAGE,
		.iova = 0x12345,
	};
}

static void map_writes_the_iova_and_leaves_the_rest(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good_map(t);
	struct iommu_ioas_map expected = map;

	expect_ok(t->iommu, IOMMU_IOAS_MAP, &map);
	expected.iova = PAGE;
	expect_unchanged(&map, &expected);
}

static void a_failed_map_writes_nothing(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good_map(t);
	struct iommu_ioas_map before;

	map.length = 0;
	before = map;
	expect_errno(EINVAL, t->iommu, IOMMU_IOAS_MAP, &map);
	expect_unchanged(&map, &before);
}

static void map_whose_copy_out_fails_stays(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good_map(t);

	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_MAP, read_only(&map, sizeof(map)));
	expect_true(is_mapped(t->iommu, t->ioas, PAGE));
	/* Also when the IOVA could be written and what is in front of it could not. */
	map.flags |= FIXED;
	map.iova = IOVA;
	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_MAP,
		     at_border(&map, sizeof(map), offsetof(struct iommu_ioas_map, iova), MEM_RO,
			       MEM_RW));
	expect_true(is_mapped(t->iommu, t->ioas, IOVA));
}

static void map_file_writes_as_map(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = RW,
		.ioas_id = t->ioas,
		.fd = mem_file(PAGE),
		.length = PAGE,
		.iova = 0x12345,
	};
	struct iommu_ioas_map_file before = map;

	map.length = before.length = 0;
	expect_errno(EINVAL, t->iommu, IOMMU_IOAS_MAP_FILE, &map);
	expect_unchanged(&map, &before);
	map.length = PAGE;
	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_MAP_FILE, read_only(&map, sizeof(map)));
	expect_true(is_mapped(t->iommu, t->ioas, PAGE));
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE, &map);
	expect_equal(map.iova, 2 * PAGE);
}

static void copy_writes_as_map(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = RW,
		.dst_ioas_id = t->ioas,
		.src_ioas_id = t->ioas,
		.length = 0,
		.dst_iova = 0x12345,
		.src_iova = IOVA,
	};
	struct iommu_ioas_copy before = copy;

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	expect_errno(EINVAL, t->iommu, IOMMU_IOAS_COPY, &copy);
	expect_unchanged(&copy, &before);
	copy.length = PAGE;
	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_COPY, read_only(&copy, sizeof(copy)));
	expect_true(is_mapped(t->iommu, t->ioas, PAGE));
	before = copy;
	expect_ok(t->iommu, IOMMU_IOAS_COPY, &copy);
	before.dst_iova = 2 * PAGE;
	expect_unchanged(&copy, &before);
}

static void unmap_writes_the_length(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = t->ioas, .iova = IOVA, .length = 100 * PAGE};
	struct iommu_ioas_unmap expected = cmd;

	map_at(t->iommu, t->ioas, RW, IOVA + PAGE, mem_pages(PAGE), PAGE);
	expect_ok(t->iommu, IOMMU_IOAS_UNMAP, &cmd);
	expected.length = PAGE;
	expect_unchanged(&cmd, &expected);
}

static void a_failed_unmap_writes_nothing_even_if_areas_are_gone(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = t->ioas, .iova = IOVA, .length = 2 * PAGE};
	struct iommu_ioas_unmap before = cmd;

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	map_at(t->iommu, t->ioas, RW, IOVA + PAGE, mem_pages(2 * PAGE), 2 * PAGE);
	expect_errno(ENOENT, t->iommu, IOMMU_IOAS_UNMAP, &cmd);
	expect_unchanged(&cmd, &before);
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA));
}

static void unmap_whose_copy_out_fails_is_done(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = t->ioas, .iova = IOVA, .length = PAGE};

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_UNMAP, read_only(&cmd, sizeof(cmd)));
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA));
}

static void option_writes_val64_only(void **state)
{
	struct fixture *t = fixture(state);
	const size_t before = offsetof(struct iommu_option, val64);
	struct iommu_option option = {
		.size = sizeof(option),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.object_id = t->ioas,
		.val64 = 1,
	};

	for (uint16_t op = IOMMU_OPTION_OP_SET; op <= IOMMU_OPTION_OP_GET; op++) {
		option.op = op;
		expect_ok(t->iommu, IOMMU_OPTION,
			  at_border(&option, sizeof(option), before, MEM_RO, MEM_RW));
		expect_errno(EFAULT, t->iommu, IOMMU_OPTION,
			     at_border(&option, sizeof(option), before, MEM_RW, MEM_RO));
	}
}

static void a_failed_option_writes_nothing(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_option option = {
		.size = sizeof(option), .option_id = 77, .object_id = t->ioas, .val64 = 5};
	struct iommu_option before = option;

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_OPTION, &option);
	expect_unchanged(&option, &before);
}

static void vfio_ioas_writes_on_get_only(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_vfio_ioas cmd = {
		.size = sizeof(cmd), .op = IOMMU_VFIO_IOAS_SET, .ioas_id = t->ioas};

	expect_ok(t->iommu, IOMMU_VFIO_IOAS, read_only(&cmd, sizeof(cmd)));
	cmd.op = IOMMU_VFIO_IOAS_GET;
	cmd.ioas_id = 0;
	expect_errno(EFAULT, t->iommu, IOMMU_VFIO_IOAS, read_only(&cmd, sizeof(cmd)));
	/* All of it: the ID fits on the writable page, the op does not. */
	expect_errno(
		EFAULT, t->iommu, IOMMU_VFIO_IOAS,
		at_border(&cmd, sizeof(cmd), offsetof(struct iommu_vfio_ioas, op), MEM_RW, MEM_RO));
	expect_ok(t->iommu, IOMMU_VFIO_IOAS, &cmd);
	expect_equal(cmd.ioas_id, t->ioas);
	cmd.op = IOMMU_VFIO_IOAS_CLEAR;
	expect_ok(t->iommu, IOMMU_VFIO_IOAS, read_only(&cmd, sizeof(cmd)));
}

static void destroy_allow_iovas_and_change_process_write_nothing(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_allow_iovas allowed = {.size = sizeof(allowed), .ioas_id = t->ioas};
	struct iommu_ioas_change_process change = {.size = sizeof(change)};
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = t->ioas};

	expect_ok(t->iommu, IOMMU_IOAS_ALLOW_IOVAS, read_only(&allowed, sizeof(allowed)));
	expect_ok(t->iommu, IOMMU_IOAS_CHANGE_PROCESS, read_only(&change, sizeof(change)));
	expect_ok(t->iommu, IOMMU_DESTROY, read_only(&cmd, sizeof(cmd)));
}

int model_write_back(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, ioas_alloc_writes_the_whole_structure, "WRITE-BACK.1"),
		CASE(ioas, a_failed_ioas_alloc_writes_nothing, "WRITE-BACK.1"),
		CASE(ioas, iova_ranges_writes_the_structure_on_EMSGSIZE, "WRITE-BACK.2"),
		CASE(ioas, iova_ranges_leaves_the_structure_if_the_array_is_EFAULT, "WRITE-BACK.2"),
		CASE(ioas, map_writes_the_iova_and_leaves_the_rest, "WRITE-BACK.3"),
		CASE(ioas, a_failed_map_writes_nothing, "WRITE-BACK.3"),
		CASE(ioas, map_whose_copy_out_fails_stays, "WRITE-BACK.3"),
		CASE(ioas, map_file_writes_as_map, "WRITE-BACK.3"),
		CASE(ioas, copy_writes_as_map, "WRITE-BACK.3"),
		CASE(ioas, unmap_writes_the_length, "WRITE-BACK.4"),
		CASE(ioas, a_failed_unmap_writes_nothing_even_if_areas_are_gone, "WRITE-BACK.4"),
		CASE(ioas, unmap_whose_copy_out_fails_is_done, "WRITE-BACK.4"),
		CASE(ioas, option_writes_val64_only, "WRITE-BACK.5"),
		CASE(ioas, a_failed_option_writes_nothing, "WRITE-BACK.5"),
		CASE(ioas, vfio_ioas_writes_on_get_only, "WRITE-BACK.6"),
		CASE(ioas, destroy_allow_iovas_and_change_process_write_nothing, "WRITE-BACK.9"),
	};

	return cmocka_run_group_tests_name("write back", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* IOMMU_IOVA_LOOKUP: on an IOAS, on a table, and through a guest's own table [EXT-LOOKUP]. */
#include <fcntl.h>
#include <unistd.h>

#include "kit.h"

#define IOVA	    UINT64_C(0x200000)
#define GUEST_DATA  UINT64_C(0x20000)
#define GUEST_TABLE UINT64_C(0x10000) /* guest address of the stage-1 tables */

static int set_up(void **state)
{
	*state = fixture_create("intel", 64);
	return 0;
}

static int set_up_amd(void **state)
{
	*state = fixture_create("amd", 64);
	return 0;
}

static int tear_down(void **state)
{
	fixture_destroy(*state);
	return 0;
}

static int lookup(struct fixture *f, uint32_t pt_id, uint64_t iova, struct iommu_iova_lookup *cmd)
{
	*cmd = (struct iommu_iova_lookup){.size = sizeof(*cmd), .pt_id = pt_id, .iova = iova};
	return fixture_call(f, IOMMU_IOVA_LOOKUP, cmd);
}

static void ioas_tells_what_map_established(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), pt_id = ioas;
	struct iommu_iova_lookup cmd;

	assert_int_equal(fixture_map(f, ioas, IOVA, 100, 5000, IOMMU_IOAS_MAP_READABLE), 0);
	assert_int_equal(lookup(f, ioas, IOVA + 4999, &cmd), 0);
	assert_int_equal(cmd.out_start, IOVA);
	assert_int_equal(cmd.out_length, 5000);
	assert_int_equal(cmd.out_addr, (uintptr_t)f->buffer + 100 + 4999);
	assert_int_equal(cmd.out_perm, IOMMU_IOVA_LOOKUP_PERM_READ);
	assert_int_equal(cmd.out_kind, IOMMU_IOVA_LOOKUP_KIND_USER_VA);
	assert_int_equal(cmd.out_pid, getpid());
	assert_int_equal(cmd.out_flags, 0);
	assert_int_equal(lookup(f, ioas, IOVA + 5000, &cmd), -ENOENT);
	assert_int_equal(lookup(f, ioas, IOVA - 1, &cmd), -ENOENT);

	assert_int_equal(fixture_unmap(f, ioas, IOVA, 5000), 0);
	assert_int_equal(fixture_map(f, ioas, IOVA, 0, 8192, FIXTURE_RW), 0);
	assert_int_equal(fixture_attach(f, 0, 0, &pt_id), 0);
	assert_int_equal(lookup(f, ioas, IOVA, &cmd), 0);
	assert_int_equal(cmd.out_flags, IOMMU_IOVA_LOOKUP_FLAG_PINNED);
	assert_int_equal(cmd.out_perm, IOMMU_IOVA_LOOKUP_PERM_READ | IOMMU_IOVA_LOOKUP_PERM_WRITE);
}

static void copy_of_a_part_leads_into_the_source(void **state)
{
	struct fixture *f = *state;
	uint32_t a = fixture_ioas(f), b = fixture_ioas(f);
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | FIXTURE_RW,
		.src_ioas_id = a,
		.dst_ioas_id = b,
		.length = 4096,
		.src_iova = IOVA + 8192,
		.dst_iova = 0x7000,
	};
	struct iommu_iova_lookup cmd;

	assert_int_equal(fixture_map(f, a, IOVA, 4096, 16384, FIXTURE_RW), 0);
	assert_int_equal(fixture_call(f, IOMMU_IOAS_COPY, &copy), 0);
	assert_int_equal(lookup(f, b, 0x7010, &cmd), 0);
	assert_int_equal(cmd.out_addr, (uintptr_t)f->buffer + 4096 + 8192 + 0x10);
	assert_int_equal(cmd.out_start, 0x7000);
	assert_int_equal(cmd.out_length, 4096);
}

static void file_gives_its_offset(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f);
	int fd = memfd_create("lookup", MFD_CLOEXEC);
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | FIXTURE_RW,
		.ioas_id = ioas,
		.fd = fd,
		.start = 0x3000,
		.length = 0x2000,
		.iova = IOVA,
	};
	struct iommu_iova_lookup cmd;

	assert_int_equal(ftruncate(fd, 0x10000), 0);
	assert_int_equal(fixture_call(f, IOMMU_IOAS_MAP_FILE, &map), 0);
	close(fd);
	assert_int_equal(lookup(f, ioas, IOVA + 0x1234, &cmd), 0);
	assert_int_equal(cmd.out_kind, IOMMU_IOVA_LOOKUP_KIND_FILE);
	assert_int_equal(cmd.out_addr, 0x4234);
	assert_int_equal(cmd.out_pid, getpid());
}

static void hwpt_gives_its_leaf_and_leaves_it_clean(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), hwpt;
	struct iommu_iova_lookup cmd;
	char byte = 1;

	assert_int_equal(fixture_hwpt(f, 0, ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt), 0);
	assert_int_equal(fixture_map(f, ioas, IOVA, 0, 8192, FIXTURE_RW), 0);
	assert_int_equal(fixture_attach(f, 0, 0, &(uint32_t){hwpt}), 0);
	assert_int_equal(lookup(f, hwpt, IOVA + 0x1010, &cmd), 0);
	assert_int_equal(cmd.out_kind, IOMMU_IOVA_LOOKUP_KIND_PHYS);
	assert_int_equal(cmd.out_addr, (uintptr_t)f->buffer + 0x1010);
	assert_true(cmd.out_start <= IOVA + 0x1010);
	assert_true(cmd.out_length >= 4096);
	assert_int_equal(cmd.out_pid, 0);
	assert_int_equal(cmd.out_flags, IOMMU_IOVA_LOOKUP_FLAG_PINNED);
	assert_int_equal(lookup(f, hwpt, IOVA + 8192, &cmd), -ENOENT);
	assert_int_equal(lookup(f, hwpt, UINT64_MAX, &cmd), -ENOENT);

	struct iommu_hwpt_set_dirty_tracking track = {
		.size = sizeof(track), .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE, .hwpt_id = hwpt};

	assert_int_equal(fixture_call(f, IOMMU_HWPT_SET_DIRTY_TRACKING, &track), 0);
	assert_int_equal(uiommufd_dma_write(f->devices[0], 0, IOVA + 0x1010, &byte, 1), 0);
	assert_int_equal(lookup(f, hwpt, IOVA + 0x1010, &cmd), 0);
	assert_int_equal(cmd.out_flags,
			 IOMMU_IOVA_LOOKUP_FLAG_PINNED | IOMMU_IOVA_LOOKUP_FLAG_DIRTY);
	/* A second look-up gives the same. */
	assert_int_equal(lookup(f, hwpt, IOVA + 0x1010, &cmd), 0);
	assert_true(cmd.out_flags & IOMMU_IOVA_LOOKUP_FLAG_DIRTY);
}

static void arguments_are_checked_in_order(void **state)
{
	struct fixture *f = *state;
	struct iommu_iova_lookup cmd = {.size = sizeof(cmd), .flags = 1, .pt_id = 99};

	assert_int_equal(fixture_call(f, IOMMU_IOVA_LOOKUP, &cmd), -EOPNOTSUPP);
	cmd.flags = 0;
	cmd.__reserved = 1;
	assert_int_equal(fixture_call(f, IOMMU_IOVA_LOOKUP, &cmd), -EOPNOTSUPP);
	assert_int_equal(lookup(f, 99, 0, &cmd), -ENOENT);
	assert_int_equal(lookup(f, f->dev_ids[0], 0, &cmd), -EINVAL);
	assert_int_equal(lookup(f, fixture_ioas(f), 0, &cmd), -ENOENT);
}

/* ---- nested ---- */

#define PRESENT	 UINT64_C(1)
#define WRITABLE UINT64_C(2)
#define USER	 UINT64_C(4)
#define ACCESSED (UINT64_C(1) << 5)

/*
 * Four tables in guest memory, one below the other, and a page at their end: IOVA leads to
 * GUEST_DATA.
 */
static uint64_t *build_tables(struct fixture *f)
{
	uint64_t *tables = (uint64_t *)(f->buffer + GUEST_TABLE);
	const uint64_t flags = PRESENT | WRITABLE | USER;

	tables[(IOVA >> 39) & 511] = (GUEST_TABLE + 0x1000) | flags;
	tables[512 + ((IOVA >> 30) & 511)] = (GUEST_TABLE + 0x2000) | flags;
	tables[1024 + ((IOVA >> 21) & 511)] = (GUEST_TABLE + 0x3000) | flags;
	tables[1536 + ((IOVA >> 12) & 511)] = GUEST_DATA | flags;
	return tables;
}

static uint32_t create_nested(struct fixture *f, uint32_t parent)
{
	struct iommu_hwpt_vtd_s1 data = {.pgtbl_addr = GUEST_TABLE, .addr_width = 48};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = f->dev_ids[0],
		.pt_id = parent,
		.data_type = IOMMU_HWPT_DATA_VTD_S1,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	assert_int_equal(fixture_call(f, IOMMU_HWPT_ALLOC, &cmd), 0);
	return cmd.out_hwpt_id;
}

static void nested_hwpt_is_walked_without_a_trace(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), parent, nested;
	uint64_t *tables = build_tables(f);
	struct iommu_iova_lookup cmd;
	uint64_t before[2048];

	assert_int_equal(fixture_hwpt(f, 0, ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, &parent), 0);
	assert_int_equal(fixture_map(f, ioas, 0, 0, f->buffer_size, FIXTURE_RW), 0);
	nested = create_nested(f, parent);
	memcpy(before, tables, sizeof(before));
	assert_int_equal(lookup(f, nested, IOVA + 0x123, &cmd), 0);
	assert_int_equal(cmd.out_kind, IOMMU_IOVA_LOOKUP_KIND_GUEST);
	assert_int_equal(cmd.out_addr, GUEST_DATA + 0x123);
	assert_int_equal(cmd.out_start, IOVA);
	assert_int_equal(cmd.out_length, 4096);
	assert_int_equal(cmd.out_perm, IOMMU_IOVA_LOOKUP_PERM_READ | IOMMU_IOVA_LOOKUP_PERM_WRITE);
	assert_memory_equal(before, tables, sizeof(before));
	assert_int_equal(lookup(f, nested, IOVA + 0x1000, &cmd), -ENOENT);

	/* DMA then goes to the address that was found, and leaves its traces there. */
	tables[1536 + ((IOVA >> 12) & 511)] &= ~WRITABLE;
	assert_int_equal(lookup(f, nested, IOVA, &cmd), 0);
	assert_int_equal(cmd.out_perm, IOMMU_IOVA_LOOKUP_PERM_READ);
	assert_int_equal(fixture_attach(f, 0, 0, &nested), 0);
	f->buffer[GUEST_DATA] = 'x';

	char byte = 0;

	assert_int_equal(uiommufd_dma_read(f->devices[0], 0, IOVA, &byte, 1), 0);
	assert_int_equal(byte, 'x');
	assert_true(tables[0] & ACCESSED);

	/* A table that the parent does not map leads nowhere. */
	uiommufd_endpoint_detach(f->devices[0], 0);
	assert_int_equal(fixture_unmap(f, ioas, 0, f->buffer_size), 0);
	assert_int_equal(lookup(f, nested, IOVA, &cmd), -ENOENT);
}

#define TEST(name)     cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define AMD_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_amd, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ioas_tells_what_map_established),
		TEST(copy_of_a_part_leads_into_the_source),
		TEST(file_gives_its_offset),
		TEST(hwpt_gives_its_leaf_and_leaves_it_clean),
		AMD_TEST(hwpt_gives_its_leaf_and_leaves_it_clean),
		TEST(arguments_are_checked_in_order),
		TEST(nested_hwpt_is_walked_without_a_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

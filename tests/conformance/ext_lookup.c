/* SPDX-License-Identifier: MIT */
/* IOMMU_IOVA_LOOKUP [EXT-LOOKUP]. */
#include <errno.h>
#include <unistd.h>

#include "ext.h"
#include "groups.h"

#define lookup_errno(error, ...) \
	expect_errno(error, t->iommu, IOMMU_IOVA_LOOKUP, CMD(iommu_iova_lookup, __VA_ARGS__))

#define PERM_READ  IOMMU_IOVA_LOOKUP_PERM_READ
#define PERM_WRITE IOMMU_IOVA_LOOKUP_PERM_WRITE
#define IS_DIRTY   IOMMU_IOVA_LOOKUP_FLAG_DIRTY
#define IS_PINNED  IOMMU_IOVA_LOOKUP_FLAG_PINNED
#define IS_REVOKED IOMMU_IOVA_LOOKUP_FLAG_REVOKED

static struct iommu_iova_lookup lookup(const struct fixture *t, uint32_t pt_id, uint64_t iova)
{
	struct iommu_iova_lookup cmd = {.size = sizeof(cmd), .pt_id = pt_id, .iova = iova};

	expect_ok(t->iommu, IOMMU_IOVA_LOOKUP, &cmd);
	return cmd;
}

/* ---- the table of errors ---- */

static void iova_lookup_with_flags_or_reserved_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = ext_fixture(state);

	lookup_errno(EOPNOTSUPP, .flags = 1, .pt_id = 99);
	lookup_errno(EOPNOTSUPP, .pt_id = 99, .__reserved = 1);
}

static void iova_lookup_of_an_unknown_id_is_ENOENT(void **state)
{
	struct fixture *t = ext_fixture(state);

	lookup_errno(ENOENT, .pt_id = 0);
	lookup_errno(ENOENT, .pt_id = 99);
}

static void iova_lookup_of_another_type_of_object_is_EINVAL(void **state)
{
	struct fixture *t = ext_fixture(state);
	const uint32_t ids[] = {mock.stdev, mock.idev, nested.viommu, new_fault_queue(t->iommu).id};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		lookup_errno(EINVAL, .pt_id = ids[i], .iova = IOVA);
}

static void iova_lookup_of_an_unmapped_iova_is_ENOENT(void **state)
{
	struct fixture *t = ext_fixture(state);
	const uint64_t iovas[] = {0,	    IOVA - 1,	       IOVA + PAGE,
				  2 * IOVA, UINT64_C(1) << 50, UINT64_MAX};

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(iovas); i++) {
		lookup_errno(ENOENT, .pt_id = t->ioas, .iova = iovas[i]);
		lookup_errno(ENOENT, .pt_id = mock.hwpt, .iova = iovas[i]);
	}
}

static void iova_lookup_with_a_failed_copy_out_is_EFAULT(void **state)
{
	struct fixture *t = ext_fixture(state);
	const struct iommu_iova_lookup *cmd =
		CMD(iommu_iova_lookup, .pt_id = t->ioas, .iova = IOVA);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	expect_errno(EFAULT, t->iommu, IOMMU_IOVA_LOOKUP, read_only(cmd, sizeof(*cmd)));
}

/* ---- an IOAS ---- */

static void iova_lookup_in_an_ioas_reports_the_area(void **state)
{
	struct fixture *t = ext_fixture(state);
	char *memory = mem_pages(4 * PAGE);
	struct iommu_iova_lookup at;

	map_at(t->iommu, t->ioas, RW, IOVA + 16, memory + 100, 2 * PAGE);
	at = lookup(t, t->ioas, IOVA + 16 + PAGE + 5);
	expect_equal(at.out_start, IOVA + 16);
	expect_equal(at.out_length, 2 * PAGE);
	expect_equal(at.out_addr, (uintptr_t)memory + 100 + PAGE + 5);
	expect_equal(at.out_perm, PERM_READ | PERM_WRITE);
	expect_equal(at.out_kind, IOMMU_IOVA_LOOKUP_KIND_USER_VA);
	expect_equal(at.out_pid, getpid());
	expect_equal(at.out_flags, 0);
	/* Its first byte, and its last. */
	expect_equal(lookup(t, t->ioas, IOVA + 16).out_addr, (uintptr_t)memory + 100);
	expect_equal(lookup(t, t->ioas, IOVA + 15 + 2 * PAGE).out_start, IOVA + 16);
	lookup_errno(ENOENT, .pt_id = t->ioas, .iova = IOVA + 16 + 2 * PAGE);
}

static void iova_lookup_reports_the_rights_of_the_area(void **state)
{
	struct fixture *t = ext_fixture(state);
	void *page = mem_pages(PAGE);

	map_at(t->iommu, t->ioas, READ, IOVA, page, PAGE);
	map_at(t->iommu, t->ioas, WRITE, 2 * IOVA, page, PAGE);
	expect_equal(lookup(t, t->ioas, IOVA).out_perm, PERM_READ);
	expect_equal(lookup(t, t->ioas, 2 * IOVA).out_perm, PERM_WRITE);
}

static void iova_lookup_of_file_memory_reports_the_offset(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct iommu_iova_lookup at;

	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas,
		      .fd = mem_file(8 * PAGE), .start = 3 * PAGE + 8, .length = 2 * PAGE,
		      .iova = IOVA));
	at = lookup(t, t->ioas, IOVA + PAGE);
	expect_equal(at.out_kind, IOMMU_IOVA_LOOKUP_KIND_FILE);
	expect_equal(at.out_addr, 4 * PAGE + 8);
	expect_equal(at.out_pid, getpid());
}

static void iova_lookup_of_a_copy_reports_the_memory_of_the_original(void **state)
{
	struct fixture *t = ext_fixture(state);
	uint32_t other = new_ioas(t->iommu);
	char *memory = mem_pages(4 * PAGE);
	struct iommu_iova_lookup at;

	map_at(t->iommu, t->ioas, RW, IOVA, memory, 4 * PAGE);
	expect_ok(t->iommu, IOMMU_IOAS_COPY,
		  CMD(iommu_ioas_copy, .flags = READ | FIXED, .dst_ioas_id = other,
		      .src_ioas_id = t->ioas, .length = PAGE, .dst_iova = 2 * IOVA,
		      .src_iova = IOVA + 2 * PAGE));
	at = lookup(t, other, 2 * IOVA + 1);
	expect_equal(at.out_start, 2 * IOVA);
	expect_equal(at.out_length, PAGE);
	expect_equal(at.out_addr, (uintptr_t)memory + 2 * PAGE + 1);
	expect_equal(at.out_perm, PERM_READ);
}

static void iova_lookup_faults_no_memory_in(void **state)
{
	struct fixture *t = ext_fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	expect_equal(lookup(t, t->ioas, IOVA).out_flags, 0);
}

static void iova_lookup_flags_pinned_memory(void **state)
{
	struct fixture *t = ext_fixture(state);
	int access;

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(2 * PAGE), 2 * PAGE);
	expect_equal(lookup(t, t->ioas, IOVA).out_flags, 0);
	access = mock_access(t->iommu, t->ioas, MOCK_ACCESS_NEEDS_PIN_PAGES);
	access_pin(t->iommu, access, IOVA + PAGE, PAGE, 0);
	expect_equal(lookup(t, t->ioas, IOVA).out_flags, 0);
	expect_equal(lookup(t, t->ioas, IOVA + PAGE).out_flags, IS_PINNED);
	close(access);
	expect_equal(lookup(t, t->ioas, IOVA + PAGE).out_flags, 0);
	add_mock(t->iommu, t->ioas, 0);
	expect_equal(lookup(t, t->ioas, IOVA).out_flags, IS_PINNED);
}

static void iova_lookup_of_a_dmabuf_reports_offset_and_revocation(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct iommu_iova_lookup at;
	int fd =
		close_later(expect_ok(t->iommu, IOMMU_TEST_CMD,
				      TEST_CMD(DMABUF_GET, 0, .dmabuf_get = {.length = 4 * PAGE})));

	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas, .fd = fd,
		      .start = PAGE, .length = 2 * PAGE, .iova = IOVA));
	at = lookup(t, t->ioas, IOVA + PAGE);
	expect_equal(at.out_kind, IOMMU_IOVA_LOOKUP_KIND_DMABUF);
	expect_equal(at.out_addr, 2 * PAGE);
	expect_equal(at.out_pid, 0);
	expect_equal(at.out_flags & IS_REVOKED, 0);
	test_ok(t->iommu, DMABUF_REVOKE, 0, .dmabuf_revoke = {.dmabuf_fd = fd, .revoked = 1});
	at = lookup(t, t->ioas, IOVA + PAGE);
	expect_equal(at.out_flags & IS_REVOKED, IS_REVOKED);
	expect_equal(at.out_addr, 2 * PAGE);
}

/* ---- a paging table ---- */

static void iova_lookup_in_a_hwpt_reports_the_leaf(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct iommu_iova_lookup at, next;

	map_at(t->iommu, t->ioas, READ, IOVA, mem_pages(2 * PAGE), 2 * PAGE);
	at = lookup(t, mock.hwpt, IOVA + 5);
	expect_equal(at.out_start, IOVA);
	/* The mock IOMMU has no larger leaves of ordinary pages. */
	expect_equal(at.out_length, PAGE);
	expect_equal(at.out_perm, PERM_READ);
	expect_equal(at.out_kind, IOMMU_IOVA_LOOKUP_KIND_PHYS);
	expect_equal(at.out_pid, 0);
	expect_equal(at.out_addr % PAGE, 5);
	next = lookup(t, mock.hwpt, IOVA + PAGE);
	expect_equal(next.out_start, IOVA + PAGE);
	expect_true(next.out_addr != at.out_addr - 5);
}

static void iova_lookup_reports_one_address_for_two_iovas_of_a_page(void **state)
{
	struct fixture *t = ext_fixture(state);
	void *page = mem_pages(PAGE);

	map_at(t->iommu, t->ioas, RW, IOVA, page, PAGE);
	map_at(t->iommu, t->ioas, RW, 2 * IOVA, page, PAGE);
	expect_equal(lookup(t, mock.hwpt, IOVA).out_addr, lookup(t, mock.hwpt, 2 * IOVA).out_addr);
}

static void iova_lookup_flags_a_dirty_leaf_and_leaves_it_dirty(void **state)
{
	struct fixture *t = ext_fixture(state);
	uint32_t hwpt = new_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	uint8_t one = 1;

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(2 * PAGE), 2 * PAGE);
	expect_ok(t->iommu, IOMMU_HWPT_SET_DIRTY_TRACKING,
		  CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = hwpt,
		      .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	test_ok(t->iommu, DIRTY, hwpt,
		.dirty = {.iova = IOVA + PAGE,
			  .length = PAGE,
			  .page_size = PAGE,
			  .uptr = (uintptr_t)&one});
	for (int i = 0; i < 2; i++) {
		expect_equal(lookup(t, hwpt, IOVA).out_flags & IS_DIRTY, 0);
		expect_equal(lookup(t, hwpt, IOVA + PAGE).out_flags & IS_DIRTY, IS_DIRTY);
	}
	/* The IOAS has no such state. */
	expect_equal(lookup(t, t->ioas, IOVA + PAGE).out_flags & IS_DIRTY, 0);
}

static void iova_lookup_in_a_hwpt_does_not_find_a_revoked_dmabuf(void **state)
{
	struct fixture *t = ext_fixture(state);
	int fd = close_later(expect_ok(t->iommu, IOMMU_TEST_CMD,
				       TEST_CMD(DMABUF_GET, 0, .dmabuf_get = {.length = PAGE})));

	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas, .fd = fd,
		      .length = PAGE, .iova = IOVA));
	lookup(t, mock.hwpt, IOVA);
	test_ok(t->iommu, DMABUF_REVOKE, 0, .dmabuf_revoke = {.dmabuf_fd = fd, .revoked = 1});
	lookup_errno(ENOENT, .pt_id = mock.hwpt, .iova = IOVA);
}

/* Mock hardware has no tables of stage 1, and changes no address. */
static void iova_lookup_in_a_nested_hwpt_reports_the_parents_iova(void **state)
{
	struct fixture *t = ext_fixture(state);
	const uint32_t tables[] = {nested_hwpt(t->iommu, mock.idev, nested.parent, 0),
				   nested_hwpt(t->iommu, mock.idev, nested.viommu, 0)};

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		struct iommu_iova_lookup cmd = lookup(t, tables[i], IOVA + 5);

		expect_equal(cmd.out_kind, IOMMU_IOVA_LOOKUP_KIND_GUEST);
		expect_equal(cmd.out_addr, IOVA + 5);
		expect_true(cmd.out_start <= IOVA + 5 && IOVA + 5 - cmd.out_start < cmd.out_length);
	}
}

int ext_lookup(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ext, iova_lookup_with_flags_or_reserved_is_EOPNOTSUPP, "EXT-LOOKUP.1"),
		CASE(ext, iova_lookup_of_an_unknown_id_is_ENOENT, "EXT-LOOKUP.2"),
		CASE(viommu, iova_lookup_of_another_type_of_object_is_EINVAL, "EXT-LOOKUP.3"),
		CASE(mock, iova_lookup_of_an_unmapped_iova_is_ENOENT, "EXT-LOOKUP.4"),
		CASE(ext, iova_lookup_with_a_failed_copy_out_is_EFAULT, "EXT-LOOKUP.6"),
		CASE(ext, iova_lookup_in_an_ioas_reports_the_area, "EXT-LOOKUP-LAYOUT.6..11"),
		CASE(ext, iova_lookup_reports_the_rights_of_the_area, "EXT-LOOKUP-LAYOUT.7..9"),
		CASE(ext, iova_lookup_of_file_memory_reports_the_offset, "EXT-LOOKUP-LAYOUT.10"),
		CASE(ext, iova_lookup_of_a_copy_reports_the_memory_of_the_original, "EXT-LOOKUP"),
		CASE(ext, iova_lookup_faults_no_memory_in, "EXT-LOOKUP"),
		CASE(ext, iova_lookup_flags_pinned_memory, "EXT-LOOKUP-LAYOUT.12"),
		CASE(ext, iova_lookup_of_a_dmabuf_reports_offset_and_revocation,
		     "EXT-LOOKUP-LAYOUT.10, EXT-LOOKUP-LAYOUT.12"),
		CASE(mock, iova_lookup_in_a_hwpt_reports_the_leaf, "EXT-LOOKUP-LAYOUT.6..9"),
		CASE(mock, iova_lookup_reports_one_address_for_two_iovas_of_a_page, "EXT-LOOKUP"),
		CASE(mock, iova_lookup_flags_a_dirty_leaf_and_leaves_it_dirty,
		     "EXT-LOOKUP-LAYOUT.12"),
		CASE(mock, iova_lookup_in_a_hwpt_does_not_find_a_revoked_dmabuf, "EXT-LOOKUP"),
		CASE(viommu, iova_lookup_in_a_nested_hwpt_reports_the_parents_iova,
		     "EXT-LOOKUP-LAYOUT.10"),
	};

	return cmocka_run_group_tests_name("IOVA_LOOKUP", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * What counts towards RLIMIT_MEMLOCK [IOAS-ACCOUNTING]. Each test runs in a child process,
 * which opens its own files with the rights of the program and then becomes a user without
 * CAP_IPC_LOCK and without other locked memory.
 */
#include <errno.h>
#include <linux/capability.h>
#include <unistd.h>

#include "conformance.h"
#include "groups.h"
#include "privilege.h"

/* How many pages may be locked, unless a test says otherwise. */
#define LIMIT 8

/* What a child works with: as the fixture, but of the child. */
static struct fixture open_files(void)
{
	struct fixture t = {.iommu = open_context(), .device = need_device(0)};

	t.ioas = new_ioas(t.iommu);
	t.dev_id = bind_device(t.device, t.iommu);
	return t;
}

static struct fixture limited(void)
{
	struct fixture t = open_files();

	become_nobody_else();
	limit_locked_pages(LIMIT);
	return t;
}

/* Maps @count pages at page @at. */
static void expect_map(int error, const struct fixture *t, uint64_t at, uint64_t count)
{
	expect_errno(error, t->iommu, IOMMU_IOAS_MAP,
		     CMD(iommu_ioas_map, .flags = RW | FIXED, .ioas_id = t->ioas,
			 .iova = IOVA + at * PAGE, .user_va = (uintptr_t)mem_pages(count * PAGE),
			 .length = count * PAGE));
}

static void expect_attach(int error, const struct fixture *t)
{
	expect_errno(error, t->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = t->ioas));
}

static void pages_up_to_the_limit(void *arg)
{
	struct fixture t = limited();

	(void)arg;
	expect_attach(0, &t);
	expect_map(ENOMEM, &t, 0, LIMIT + 1);
	expect_map(0, &t, 0, LIMIT);
	expect_map(ENOMEM, &t, LIMIT, 1);
}

static void pages_one_by_one(void *arg)
{
	struct fixture t = limited();

	(void)arg;
	expect_attach(0, &t);
	for (uint64_t i = 0; i < LIMIT; i++)
		expect_map(0, &t, i, 1);
	expect_map(ENOMEM, &t, LIMIT, 1);
	unmap(t.iommu, t.ioas, IOVA + 3 * PAGE, PAGE);
	expect_map(0, &t, LIMIT, 1);
	expect_map(ENOMEM, &t, 3, 1);
}

static void failed_charge(void *arg)
{
	struct fixture t = limited();

	(void)arg;
	expect_attach(0, &t);
	for (int i = 0; i < 3; i++)
		expect_map(ENOMEM, &t, 0, LIMIT + 1);
	/* Nothing is mapped and nothing is counted. */
	expect_map(0, &t, 0, LIMIT);
}

static void no_page_table(void *arg)
{
	struct fixture t = limited();

	(void)arg;
	expect_map(0, &t, 0, LIMIT + 1);
	expect_attach(ENOMEM, &t);
	expect_map(0, &t, 100, 1);
	unmap(t.iommu, t.ioas, IOVA, (LIMIT + 1) * PAGE);
	expect_attach(0, &t);
}

static void detached(void *arg)
{
	struct fixture t = limited();

	(void)arg;
	expect_attach(0, &t);
	expect_map(0, &t, 0, LIMIT);
	detach_device(t.device);
	t.ioas = new_ioas(t.iommu);
	expect_attach(0, &t);
	expect_map(0, &t, 0, LIMIT);
}

static void copied(void *arg)
{
	struct fixture t = limited();

	(void)arg;
	expect_attach(0, &t);
	expect_map(0, &t, 0, LIMIT);
	for (uint64_t i = 1; i < 5; i++)
		expect_ok(t.iommu, IOMMU_IOAS_COPY,
			  CMD(iommu_ioas_copy, .flags = RW | FIXED, .dst_ioas_id = t.ioas,
			      .src_ioas_id = t.ioas, .length = LIMIT * PAGE, .src_iova = IOVA,
			      .dst_iova = IOVA + i * LIMIT * PAGE));
	/* They are counted until the last copy is gone. */
	unmap(t.iommu, t.ioas, IOVA, 4 * LIMIT * PAGE);
	expect_map(ENOMEM, &t, 0, 1);
	unmap(t.iommu, t.ioas, IOVA + 4 * LIMIT * PAGE, LIMIT * PAGE);
	expect_map(0, &t, 0, LIMIT);
}

static void part_of_a_copy(void *arg)
{
	struct fixture t = limited();

	(void)arg;
	expect_attach(0, &t);
	expect_map(0, &t, 0, LIMIT);
	expect_ok(t.iommu, IOMMU_IOAS_COPY,
		  CMD(iommu_ioas_copy, .flags = RW | FIXED, .dst_ioas_id = t.ioas,
		      .src_ioas_id = t.ioas, .length = 3 * PAGE, .src_iova = IOVA + PAGE,
		      .dst_iova = IOVA + 2 * LIMIT * PAGE));
	unmap(t.iommu, t.ioas, IOVA, LIMIT * PAGE);
	expect_map(ENOMEM, &t, 0, LIMIT - 2);
	expect_map(0, &t, 0, LIMIT - 3);
}

static void mapped_twice(void *arg)
{
	struct fixture t = limited();
	const void *memory = mem_pages(LIMIT / 2 * PAGE);

	(void)arg;
	expect_attach(0, &t);
	map_at(t.iommu, t.ioas, RW, IOVA, memory, LIMIT / 2 * PAGE);
	map_at(t.iommu, t.ioas, RW, 2 * IOVA, memory, LIMIT / 2 * PAGE);
	expect_errno(ENOMEM, t.iommu, IOMMU_IOAS_MAP,
		     CMD(iommu_ioas_map, .flags = RW | FIXED, .ioas_id = t.ioas, .iova = 3 * IOVA,
			 .user_va = (uintptr_t)memory, .length = PAGE));
}

static void files(void *arg)
{
	struct fixture t = limited();
	int file = mem_file((LIMIT + 1) * PAGE);

	(void)arg;
	expect_attach(0, &t);
	expect_errno(ENOMEM, t.iommu, IOMMU_IOAS_MAP_FILE,
		     CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t.ioas, .fd = file,
			 .length = (LIMIT + 1) * PAGE, .iova = IOVA));
	expect_ok(t.iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t.ioas, .fd = file,
		      .length = LIMIT * PAGE, .iova = IOVA));
	expect_map(ENOMEM, &t, LIMIT, 1);
}

static void two_contexts(void *arg)
{
	struct fixture other = {.iommu = open_context(), .device = need_device(1)};
	struct fixture t = limited();

	(void)arg;
	other.ioas = new_ioas(other.iommu);
	bind_device(other.device, other.iommu);
	expect_attach(0, &t);
	expect_attach(0, &other);
	expect_map(0, &t, 0, LIMIT - 1);
	expect_map(ENOMEM, &other, 0, 2);
	expect_map(0, &other, 0, 1);
	close(t.device);
	close(t.iommu);
	expect_map(0, &other, 1, LIMIT - 1);
}

static void limit_when_charged(void *arg)
{
	struct fixture t = limited();

	(void)arg;
	expect_attach(0, &t);
	expect_map(0, &t, 0, LIMIT);
	limit_locked_pages(LIMIT + 2);
	expect_map(0, &t, LIMIT, 2);
	limit_locked_pages(1);
	expect_map(ENOMEM, &t, LIMIT + 2, 1);
	unmap(t.iommu, t.ioas, IOVA, LIMIT * PAGE);
	expect_map(ENOMEM, &t, 0, 1);
	limit_locked_pages(LIMIT);
	expect_map(0, &t, 0, LIMIT - 2);
}

static void closed(void *arg)
{
	/* The later ones are opened while the process still may. */
	struct fixture later = {.iommu = open_context(), .device = need_device(0)};
	struct fixture t = limited();

	(void)arg;
	expect_attach(0, &t);
	expect_map(0, &t, 0, LIMIT);
	/* The context is gone when the last close() returns, and so is the charge. */
	close(t.iommu);
	close(t.device);
	later.ioas = new_ioas(later.iommu);
	bind_device(later.device, later.iommu);
	expect_attach(0, &later);
	expect_map(0, &later, 0, LIMIT);
}

static void need_ipc_lock(void)
{
	if (!has_capability(CAP_IPC_LOCK))
		skip_test("needs CAP_IPC_LOCK");
}

static void with_the_capability(void *arg)
{
	struct fixture t = open_files();

	(void)arg;
	need_ipc_lock();
	limit_locked_pages(1);
	expect_attach(0, &t);
	expect_map(0, &t, 0, LIMIT);
}

static void capability_at_map(void *arg)
{
	struct fixture t = open_files();

	(void)arg;
	need_ipc_lock();
	limit_locked_pages(LIMIT);
	expect_map(0, &t, 0, 2 * LIMIT);
	become_nobody_else();
	expect_attach(0, &t);
	/* The first mapping is not counted; a new one is. */
	expect_map(0, &t, 2 * LIMIT, LIMIT);
	expect_map(ENOMEM, &t, 3 * LIMIT, 1);
}

static void mm_mode(void *arg)
{
	struct fixture t = {.iommu = open_context(), .device = need_device(0)};

	(void)arg;
	if (!has_capability(CAP_SYS_RESOURCE))
		skip_test("needs CAP_SYS_RESOURCE");
	expect_ok(t.iommu, IOMMU_OPTION,
		  CMD(iommu_option, .option_id = IOMMU_OPTION_RLIMIT_MODE,
		      .op = IOMMU_OPTION_OP_SET, .val64 = 1));
	t.ioas = new_ioas(t.iommu);
	bind_device(t.device, t.iommu);
	become_nobody_else();
	limit_locked_pages(LIMIT);
	expect_attach(0, &t);
	expect_map(ENOMEM, &t, 0, LIMIT + 1);
	expect_map(0, &t, 0, LIMIT);
	expect_map(ENOMEM, &t, LIMIT, 1);
}

#define IN_CHILD(name, function)              \
	static void name(void **state)        \
	{                                     \
		fixture(state);               \
		run_in_child(function, NULL); \
	}

IN_CHILD(pinning_more_than_the_limit_is_ENOMEM, pages_up_to_the_limit)
IN_CHILD(unmapping_uncharges_the_pages, pages_one_by_one)
IN_CHILD(a_failed_charge_changes_nothing, failed_charge)
IN_CHILD(pages_are_charged_when_the_first_hwpt_pins_them, no_page_table)
IN_CHILD(detaching_uncharges_the_pages, detached)
IN_CHILD(copy_charges_nothing_for_pinned_pages_of_its_source, copied)
IN_CHILD(pages_that_a_copy_still_uses_stay_charged, part_of_a_copy)
IN_CHILD(two_maps_of_a_page_charge_twice, mapped_twice)
IN_CHILD(pages_of_files_are_charged, files)
IN_CHILD(in_user_mode_all_contexts_of_a_user_count_together, two_contexts)
IN_CHILD(the_limit_is_read_when_pages_are_charged, limit_when_charged)
IN_CHILD(closing_uncharges_the_pages, closed)
IN_CHILD(with_CAP_IPC_LOCK_there_is_no_limit, with_the_capability)
IN_CHILD(the_mode_of_a_source_is_fixed_by_map, capability_at_map)
IN_CHILD(in_mm_mode_the_limit_is_that_of_the_process, mm_mode)

int ioas_accounting(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, pinning_more_than_the_limit_is_ENOMEM, "IOAS-ACCOUNTING.2"),
		CASE(context, unmapping_uncharges_the_pages, "IOAS-ACCOUNTING"),
		CASE(context, a_failed_charge_changes_nothing, "IOAS-ACCOUNTING"),
		CASE(context, pages_are_charged_when_the_first_hwpt_pins_them, "IOAS-ACCOUNTING"),
		CASE(context, detaching_uncharges_the_pages, "IOAS-ACCOUNTING"),
		CASE(context, copy_charges_nothing_for_pinned_pages_of_its_source,
		     "IOAS-ACCOUNTING"),
		CASE(context, pages_that_a_copy_still_uses_stay_charged, "IOAS-ACCOUNTING"),
		CASE(context, two_maps_of_a_page_charge_twice, "IOAS-ACCOUNTING"),
		CASE(context, pages_of_files_are_charged, "IOAS-ACCOUNTING"),
		CASE(context, in_user_mode_all_contexts_of_a_user_count_together,
		     "IOAS-ACCOUNTING.2"),
		CASE(context, the_limit_is_read_when_pages_are_charged, "IOAS-ACCOUNTING"),
		CASE(context, closing_uncharges_the_pages, "IOAS-ACCOUNTING"),
		CASE(context, with_CAP_IPC_LOCK_there_is_no_limit, "IOAS-ACCOUNTING.1"),
		CASE(context, the_mode_of_a_source_is_fixed_by_map, "IOAS-ACCOUNTING"),
		CASE(context, in_mm_mode_the_limit_is_that_of_the_process, "IOAS-ACCOUNTING.3"),
	};

	return cmocka_run_group_tests_name("accounting", tests, NULL, NULL);
}

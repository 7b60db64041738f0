/* SPDX-License-Identifier: MIT */
/*
 * What depends on the calling process: rights, limits, and the process's end. The test makes up the
 * callers [OPTION], [IOAS-ACCOUNTING], [IOAS-CHANGE-PROCESS].
 */
#include <linux/capability.h>
#include <unistd.h>

#include "kit.h"

enum {
	PAGES = 4
};

#define IOVA UINT64_C(0x100000)
#define ALL  (PAGES * PAGE)

/* Stands for another process; its address space is nevertheless the test's. */
struct process {
	struct uiommufd_caller caller; /* must be first */
	struct uiommufd_caller_ops ops;
	uint64_t limit; /* bytes */
	int capability; /* its only capability, or -1 */
	bool gone;
};

static struct engine *e;
static uint32_t ioas;
static int file;
static struct process one, two;

static uint64_t limit_of(struct uiommufd_caller *caller)
{
	return ((struct process *)caller)->limit;
}

static bool has_capability(struct uiommufd_caller *caller, int capability)
{
	return ((struct process *)caller)->capability == capability;
}

static bool is_alive(struct uiommufd_caller *caller)
{
	return !((struct process *)caller)->gone;
}

/* In accounting mode "mm" each caller has its own counter. */
static void begin(struct process *process, int32_t pid)
{
	*process = (struct process){.limit = UINT64_MAX, .capability = -1};
	process->ops = *uiommufd_caller_self()->ops;
	process->ops.memlock_limit = limit_of;
	process->ops.capable = has_capability;
	process->ops.alive = is_alive;
	process->ops.release = NULL;
	uiommufd_caller_init(&process->caller, &process->ops, pid, 1);
}

static int call(struct process *process, unsigned int cmd, const void *arg)
{
	struct uiommufd_file *context = iommufd_ctx_file(e->ctx);

	return (int)context->ops->ioctl(context, &process->caller, cmd, (uintptr_t)arg);
}

#define CMD(type, ...) (&(struct type){.size = sizeof(struct type), __VA_ARGS__})

static int set_mode(struct process *process, uint64_t mode)
{
	return call(process, IOMMU_OPTION,
		    CMD(iommu_option, .option_id = IOMMU_OPTION_RLIMIT_MODE,
			.op = IOMMU_OPTION_OP_SET, .val64 = mode));
}

static int change_process(struct process *to)
{
	return call(to, IOMMU_IOAS_CHANGE_PROCESS, CMD(iommu_ioas_change_process));
}

static int map_file(struct process *process)
{
	return call(process, IOMMU_IOAS_MAP_FILE,
		    CMD(iommu_ioas_map_file,
			.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
			.ioas_id = ioas, .fd = file, .iova = IOVA, .length = ALL));
}

static int map_memory(struct process *process)
{
	return call(
		process, IOMMU_IOAS_MAP,
		CMD(iommu_ioas_map, .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
		    .ioas_id = ioas, .user_va = (uintptr_t)e->buffer, .iova = IOVA, .length = ALL));
}

static int set_up(void **state)
{
	(void)state;
	begin(&one, 11);
	begin(&two, 22);
	e = engine_create("amd", PAGES);
	file = memfd_create("pages", MFD_CLOEXEC);
	assert_int_equal(ftruncate(file, ALL), 0);
	/* The mode can only be set before there are objects, so not after binding a device. */
	engine_unbind(e, 0);
	engine_unbind(e, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	engine_destroy(e);
	close(file);
	return 0;
}

/* The mode is "mm", there is an IOAS, and a device is attached to it. */
static void attach(void)
{
	struct iommufd_device_info info = {.endpoint = e->endpoints[0], .group = e->groups[0]};
	uint32_t pt_id;

	one.capability = CAP_SYS_RESOURCE;
	assert_int_equal(set_mode(&one, 1), 0);
	pt_id = ioas = engine_ioas(e);
	assert_int_equal(iommufd_device_bind(e->ctx, &info, &e->devices[0], &e->dev_ids[0]), 0);
	assert_int_equal(iommufd_device_attach_or_replace(e->devices[0], NO_PASID, &pt_id), 0);
}

static void detach(void)
{
	iommufd_device_detach(e->devices[0], NO_PASID);
}

/* ---- RLIMIT_MODE ---- */

static void rlimit_mode_is_for_those_who_may_exceed_limits(void **state)
{
	(void)state;
	assert_int_equal(set_mode(&one, 1), -EPERM);
	one.capability = CAP_IPC_LOCK;
	assert_int_equal(set_mode(&one, 2), -EPERM);
	one.capability = CAP_SYS_RESOURCE;
	assert_int_equal(set_mode(&one, 2), -EINVAL);
	assert_int_equal(set_mode(&one, 1), 0);
	ioas = engine_ioas(e);
	/* The check for objects comes before that of the mode's value. */
	assert_int_equal(set_mode(&one, 2), -EBUSY);
	assert_int_equal(set_mode(&one, 0), -EBUSY);
	assert_int_equal(engine_object_destroy(e, ioas), 0);
	assert_int_equal(set_mode(&one, 0), 0);
}

/* ---- accounting ---- */

static void pinned_pages_are_charged_to_whoever_mapped(void **state)
{
	(void)state;
	attach();
	two.limit = ALL - 1;
	assert_int_equal(map_memory(&two), -ENOMEM);
	assert_int_equal(two.caller.locked_pages, 0);
	assert_int_equal(two.caller.pinned_pages, 0);
	two.limit = ALL;
	assert_int_equal(map_memory(&two), 0);
	assert_int_equal(one.caller.locked_pages, 0);
	assert_int_equal(two.caller.locked_pages, PAGES);
	assert_int_equal(two.caller.pinned_pages, PAGES);
	detach();
	assert_int_equal(two.caller.locked_pages, 0);
	assert_int_equal(two.caller.pinned_pages, 0);
}

static void who_may_lock_memory_is_charged_nothing(void **state)
{
	(void)state;
	attach();
	two.limit = 0;
	two.capability = CAP_IPC_LOCK;
	assert_int_equal(map_memory(&two), 0);
	assert_int_equal(two.caller.locked_pages, 0);
	assert_int_equal(two.caller.pinned_pages, PAGES);
	detach();
}

/* ---- CHANGE_PROCESS ---- */

static void change_process_moves_what_is_charged(void **state)
{
	(void)state;
	attach();
	assert_int_equal(map_file(&one), 0);
	assert_int_equal(change_process(&two), 0);
	assert_int_equal(one.caller.locked_pages, 0);
	assert_int_equal(one.caller.pinned_pages, 0);
	assert_int_equal(two.caller.locked_pages, PAGES);
	assert_int_equal(two.caller.pinned_pages, PAGES);
	/* Later pins count, too: the pages are pinned again. */
	detach();
	assert_int_equal(two.caller.locked_pages, 0);
}

static void change_process_beyond_the_callers_limit_changes_nothing(void **state)
{
	(void)state;
	attach();
	assert_int_equal(map_file(&one), 0);
	two.limit = ALL - 1;
	assert_int_equal(change_process(&two), -ENOMEM);
	assert_int_equal(one.caller.locked_pages, PAGES);
	assert_int_equal(one.caller.pinned_pages, PAGES);
	assert_int_equal(two.caller.locked_pages, 0);
	assert_int_equal(two.caller.pinned_pages, 0);
	detach();
}

/* ---- processes that are gone ---- */

static int attach_again(void)
{
	uint32_t pt_id = ioas;

	return iommufd_device_attach_or_replace(e->devices[0], NO_PASID, &pt_id);
}

static void memory_of_a_process_that_is_gone_cannot_be_pinned(void **state)
{
	(void)state;
	attach();
	detach();
	assert_int_equal(map_memory(&two), 0);
	two.gone = true;
	assert_int_equal(attach_again(), -EFAULT);
	/* Files need no process. */
	assert_int_equal(engine_unmap(e, ioas, IOVA, ALL), 0);
	two.gone = false;
	assert_int_equal(map_file(&two), 0);
	two.gone = true;
	assert_int_equal(attach_again(), 0);
	detach();
}

static void memory_that_is_pinned_outlives_its_process(void **state)
{
	uint64_t len;
	void *bus;

	(void)state;
	attach();
	assert_int_equal(map_memory(&two), 0);
	two.gone = true;
	assert_int_equal(iommu_translate(e->endpoints[0], NO_PASID, IOVA, IOPT_READ, &bus, &len),
			 0);
	assert_ptr_equal(bus, e->buffer);
	detach();
	assert_int_equal(two.caller.locked_pages, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(rlimit_mode_is_for_those_who_may_exceed_limits),
		TEST(pinned_pages_are_charged_to_whoever_mapped),
		TEST(who_may_lock_memory_is_charged_nothing),
		TEST(change_process_moves_what_is_charged),
		TEST(change_process_beyond_the_callers_limit_changes_nothing),
		TEST(memory_of_a_process_that_is_gone_cannot_be_pinned),
		TEST(memory_that_is_pinned_outlives_its_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

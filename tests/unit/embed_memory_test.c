/* SPDX-License-Identifier: MIT */
/* Memory that an embedding program has registered is mapped without a system call. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uiommufd/memory.h>

#include "base/sanitized_build.h"
#include "kit.h"

enum {
	RAM = 4096 * PAGE, /* more than is known to be there by touching it */
	IOVA = 0x40000000,
	CALLED = 3, /* exit status: there was a system call */
};

static struct fixture *f;
static uint32_t ioas;
static char *ram;

static int setup(void **state)
{
	uint32_t pt_id;

	(void)state;
	f = fixture_create("amd", 1);
	ioas = pt_id = fixture_ioas(f);
	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(ram, MAP_FAILED);
	return fixture_attach(f, 0, UIOMMUFD_NO_PASID, &pt_id);
}

static int teardown(void **state)
{
	(void)state;
	fixture_destroy(f);
	munmap(ram, RAM);
	return 0;
}

static int map_ram(uint64_t offset, uint64_t len)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | FIXTURE_RW,
		.ioas_id = ioas,
		.user_va = (uintptr_t)ram + offset,
		.length = len,
		.iova = IOVA + offset,
	};

	return fixture_call(f, IOMMU_IOAS_MAP, &map);
}

static void on_call(int signo)
{
	(void)signo;
	_exit(CALLED);
}

/* From here on a system call, except for exit, is SIGSYS. */
static void forbid_calls(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	signal(SIGSYS, on_call);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int map_pieces(uint64_t len)
{
	int rc = 0;

	for (uint64_t at = 0; !rc && at < RAM; at += len)
		rc = map_ram(at, len);
	return rc;
}

/* The exit status of a child that maps @len bytes piece by piece: 0, CALLED, or 1. */
static int map_in_a_child(uint64_t len)
{
	pid_t child;
	int status;

	uiommufd_caller_rights_changed();
	child = fork();
	if (!child) {
		int rc;

		/* Once before: the engine's own memory, and what the process may do. */
		rc = map_pieces(len) || fixture_unmap(f, ioas, IOVA, RAM);
		forbid_calls();
		_exit(rc || map_pieces(len) ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void registered_memory_is_mapped_without_a_system_call(void **state)
{
	(void)state;
#ifdef BASE_SANITIZER
	skip(); /* sanitizers make system calls */
#endif
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
		print_message("skipped: there are no seccomp filters here\n");
		skip();
	}
	assert_int_equal(map_in_a_child(RAM / 4), CALLED);
	assert_int_equal(uiommufd_memory_register(ram, RAM, 1), 0);
	assert_int_equal(map_in_a_child(RAM / 4), 0);
	assert_int_equal(map_in_a_child(16 * PAGE), 0);
	assert_int_equal(uiommufd_memory_unregister(ram, RAM), 0);
	assert_int_equal(map_in_a_child(RAM / 4), CALLED);
}

static void dma_reaches_registered_memory(void **state)
{
	(void)state;
	assert_int_equal(uiommufd_memory_register(ram, RAM, 1), 0);
	assert_int_equal(map_ram(0, RAM), 0);
	assert_int_equal(uiommufd_dma_write(f->devices[0], 0, IOVA + RAM - 6, "hello", 6), 0);
	assert_string_equal(ram + RAM - 6, "hello");
	assert_int_equal(uiommufd_memory_unregister(ram, RAM), 0);
}

static void what_is_not_there_is_not_registered(void **state)
{
	(void)state;
	assert_int_equal(uiommufd_memory_register(ram + 1, PAGE, 1), -EINVAL);
	assert_int_equal(uiommufd_memory_register(ram, PAGE + 1, 1), -EINVAL);
	assert_int_equal(uiommufd_memory_register(ram, 0, 1), -EINVAL);
	munmap(ram + PAGE, PAGE);
	assert_int_equal(uiommufd_memory_register(ram, 4 * PAGE, 1), -EFAULT);
	assert_int_equal(uiommufd_memory_unregister(ram, 4 * PAGE), -ENOENT);
}

static void memory_that_may_only_be_read_is_registered_for_reading(void **state)
{
	(void)state;
	mprotect(ram, RAM, PROT_READ);
	assert_int_equal(uiommufd_memory_register(ram, RAM, 1), -EFAULT);
	assert_int_equal(uiommufd_memory_register(ram, RAM, 0), 0);
	assert_int_equal(map_ram(0, RAM), -EFAULT); /* for writing */
	assert_int_equal(uiommufd_memory_unregister(ram, RAM), 0);
}

static void there_is_an_end_to_ranges(void **state)
{
	int rc = 0, made = 0;

	(void)state;
	while (!rc && made < 65)
		rc = uiommufd_memory_register(ram + made++ * PAGE, PAGE, 1);
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(made, 65);
	/* The space of one that has gone is used again. */
	assert_int_equal(uiommufd_memory_unregister(ram, PAGE), 0);
	assert_int_equal(uiommufd_memory_register(ram + 64 * PAGE, PAGE, 1), 0);
	for (int i = 1; i < 65; i++)
		assert_int_equal(uiommufd_memory_unregister(ram + i * PAGE, PAGE), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(registered_memory_is_mapped_without_a_system_call),
		TEST(dma_reaches_registered_memory),
		TEST(what_is_not_there_is_not_registered),
		TEST(memory_that_may_only_be_read_is_registered_for_reading),
		TEST(there_is_an_end_to_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

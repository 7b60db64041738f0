/* SPDX-License-Identifier: MIT */
/*
 * What is pinned when, and what a device sees meanwhile [IOAS-PINNING]. Errors show with any
 * device; contents need one that does DMA when told to (edu.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance.h"
#include "edu.h"
#include "groups.h"

static void expect_map(int error, const struct fixture *t, uint32_t flags, const void *va,
		       uint64_t length)
{
	expect_errno(error, t->iommu, IOMMU_IOAS_MAP,
		     CMD(iommu_ioas_map, .flags = flags | FIXED, .ioas_id = t->ioas, .iova = IOVA,
			 .user_va = (uintptr_t)va, .length = length));
	if (error)
		expect_true(!is_mapped(t->iommu, t->ioas, IOVA));
	else
		unmap(t->iommu, t->ioas, IOVA, length);
}

static bool is_present(const void *page)
{
	unsigned char resident = 0;

	expect_equal(mincore((void *)(uintptr_t)page, PAGE, &resident), 0);
	return resident & 1;
}

static void store(void *va, uint64_t value)
{
	*(volatile uint64_t *)va = value;
}

static uint64_t load(const void *va)
{
	return *(const volatile uint64_t *)va;
}

/* Puts new, empty memory of the process where @va is. */
static void map_over(void *va, uint64_t bytes)
{
	expect_true(mmap(va, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			 -1, 0) == va);
}

/* ---- when ---- */

static void map_without_a_page_table_touches_no_memory(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);

	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	expect_true(!is_present(memory));
}

static void map_with_a_page_table_makes_memory_present(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(4 * PAGE);

	map_at(t->iommu, t->ioas, RW, IOVA, memory, 4 * PAGE);
	for (uint64_t i = 0; i < 4; i++)
		expect_true(is_present(memory + i * PAGE));
}

static void attaching_makes_mapped_memory_present(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(2 * PAGE);

	map_at(t->iommu, t->ioas, RW, IOVA, memory + PAGE, PAGE);
	attach_device(t->device, t->ioas);
	expect_true(is_present(memory + PAGE));
	expect_true(!is_present(memory));
}

static void bad_memory_is_found_by_attaching(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	map_at(t->iommu, t->ioas, RW, 2 * IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	expect_errno(EFAULT, t->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = t->ioas));
	/* Undone: nothing reserved, no page table left. */
	expect_equal(iova_ranges(t->iommu, t->ioas, NULL, 0, NULL), 1);
	unmap(t->iommu, t->ioas, 2 * IOVA, PAGE);
	expect_equal(attach_device(t->device, t->ioas), t->dev_id + 1);
}

/* ---- errors ---- */

static void pinning_unmapped_memory_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);

	expect_map(EFAULT, t, RW, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	expect_map(EFAULT, t, READ, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	expect_map(EFAULT, t, READ, NULL, PAGE);
	expect_map(EFAULT, t, READ, (void *)(UINT64_C(1) << 63), PAGE);
	expect_map(EFAULT, t, RW, at_border("", 1, PAGE, MEM_RW, MEM_HOLE), 2 * PAGE);
}

static void pinning_memory_without_rights_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);

	expect_map(EFAULT, t, READ, mem_of_kind(PAGE, MEM_NONE), PAGE);
	expect_map(EFAULT, t, WRITE, mem_of_kind(PAGE, MEM_NONE), PAGE);
	expect_map(EFAULT, t, READ, at_border("", 1, PAGE, MEM_RW, MEM_NONE), 2 * PAGE);
}

static void pinning_registers_of_a_device_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	void *registers;

	need_edu(t);
	registers = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, t->device, 0);
	if (registers == MAP_FAILED)
		skip_test("the device's memory cannot be mapped");
	expect_map(EFAULT, t, RW, registers, PAGE);
	expect_map(EFAULT, t, READ, registers, PAGE);
	munmap(registers, PAGE);
}

static void pinning_secret_memory_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	int fd = (int)syscall(SYS_memfd_secret, 0);
	void *secret;

	if (fd < 0)
		skip_test("there is no secret memory (secretmem.enable=1)");
	close_later(fd);
	expect_equal(ftruncate(fd, PAGE), 0);
	secret = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (secret == MAP_FAILED)
		skip_test("there is no locked memory left for a secret");
	expect_map(EFAULT, t, RW, secret, PAGE);
	munmap(secret, PAGE);
}

static void pinning_read_only_memory_as_writeable_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	const void *memory = mem_of_kind(PAGE, MEM_RO);

	expect_map(EFAULT, t, RW, memory, PAGE);
	expect_map(EFAULT, t, WRITE, memory, PAGE);
	expect_map(0, t, READ, memory, PAGE);
	expect_map(EFAULT, t, RW, at_border("", 1, PAGE, MEM_RW, MEM_RO), 2 * PAGE);
}

static void pinning_memory_beyond_the_end_of_its_file_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	int file = mem_file(PAGE);
	char *memory = mem_pages(2 * PAGE);

	expect_true(mmap(memory, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
			 0) == memory);
	expect_map(EFAULT, t, RW, memory, 2 * PAGE);
	expect_map(0, t, RW, memory, PAGE);
}

static void pinning_a_shared_mapping_of_a_disk_file_as_writeable_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	int file = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	void *memory = mem_pages(PAGE);
	const long tmpfs = 0x01021994, ramfs = (long)0x858458f6;
	struct statfs fs;

	if (file < 0)
		skip_test("no temporary file can be made here");
	close_later(file);
	expect_equal(fstatfs(file, &fs), 0);
	if (fs.f_type == tmpfs || fs.f_type == ramfs)
		skip_test("the current directory is not on a disk");
	expect_equal(ftruncate(file, PAGE), 0);
	expect_true(mmap(memory, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) ==
		    memory);
	expect_map(EFAULT, t, RW, memory, PAGE);
	expect_map(0, t, READ, memory, PAGE);
	/* A private mapping has pages of its own. */
	expect_true(mmap(memory, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) ==
		    memory);
	expect_map(0, t, RW, memory, PAGE);
}

/* ---- what the device sees ---- */

static void device_and_process_see_the_stores_of_each_other(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(3 * PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, 3 * PAGE);
	store(memory + 2 * PAGE + 8, 0x1122334455667788);
	expect_equal(edu_peek(t->device, IOVA + 2 * PAGE + 8), 0x1122334455667788);
	edu_poke(t->device, IOVA + PAGE, 42);
	expect_equal(load(memory + PAGE), 42);
	store(memory + PAGE, 43);
	expect_equal(edu_peek(t->device, IOVA + PAGE), 43);
}

static void untouched_pages_pinned_read_only_belong_to_the_process(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(2 * PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, READ, IOVA, memory, 2 * PAGE);
	expect_equal(edu_peek(t->device, IOVA + PAGE), 0);
	store(memory + PAGE, 1234);
	expect_equal(edu_peek(t->device, IOVA + PAGE), 1234);
}

static void private_file_pages_pinned_read_only_belong_to_the_process(void **state)
{
	struct fixture *t = fixture(state);
	int file = mem_file(PAGE);
	void *memory = mem_pages(PAGE);
	uint64_t word = 5;

	need_edu(t);
	edu_scratch(t);
	expect_equal(pwrite(file, &word, sizeof(word), 0), sizeof(word));
	expect_true(mmap(memory, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) ==
		    memory);
	map_at(t->iommu, t->ioas, READ, IOVA, memory, PAGE);
	expect_equal(edu_peek(t->device, IOVA), 5);
	store(memory, 6);
	expect_equal(edu_peek(t->device, IOVA), 6);
	/* What happens to the file does not reach it. */
	word = 7;
	expect_equal(pwrite(file, &word, sizeof(word), 0), sizeof(word));
	expect_equal(edu_peek(t->device, IOVA), 6);
}

static void munmap_does_not_change_what_the_iova_refers_to(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(2 * PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, 2 * PAGE);
	store(memory, 21);
	store(memory + PAGE, 22);
	expect_equal(munmap(memory, 2 * PAGE), 0);
	expect_equal(edu_peek(t->device, IOVA), 21);
	expect_equal(edu_peek(t->device, IOVA + PAGE), 22);
	edu_poke(t->device, IOVA, 23);
	expect_equal(edu_peek(t->device, IOVA), 23);
}

static void mmap_over_pinned_memory_does_not_change_what_the_iova_refers_to(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(3 * PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, 3 * PAGE);
	for (uint64_t i = 0; i < 3; i++)
		store(memory + i * PAGE, 30 + i);
	map_over(memory + PAGE, PAGE);
	expect_equal(load(memory + PAGE), 0);
	expect_equal(edu_peek(t->device, IOVA + PAGE), 31);
	store(memory + PAGE, 99);
	expect_equal(edu_peek(t->device, IOVA + PAGE), 31);
	/* Its neighbours are shared as before. */
	store(memory + 2 * PAGE, 50);
	expect_equal(edu_peek(t->device, IOVA + 2 * PAGE), 50);
	expect_equal(edu_peek(t->device, IOVA), 30);
}

static void madvise_does_not_take_pinned_memory_away(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	store(memory, 61);
	expect_equal(madvise(memory, PAGE, MADV_DONTNEED), 0);
	expect_equal(load(memory), 0);
	expect_equal(edu_peek(t->device, IOVA), 61);
}

static void mremap_takes_pinned_memory_along(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);
	char *target = mem_pages(PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	store(memory, 71);
	expect_true(mremap(memory, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
	expect_equal(edu_peek(t->device, IOVA), 71);
	store(target, 72);
	expect_equal(edu_peek(t->device, IOVA), 72);
}

static void pinning_after_the_last_unpin_resolves_the_address_again(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	store(memory, 81);
	detach_device(t->device);
	map_over(memory, PAGE);
	store(memory, 82);
	attach_device(t->device, t->ioas);
	expect_equal(edu_peek(t->device, IOVA), 82);
	/* While it is pinned, another mapping over it does not count. */
	map_over(memory, PAGE);
	expect_equal(edu_peek(t->device, IOVA), 82);
}

static void a_copy_holds_the_same_pages(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(2 * PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, 2 * PAGE);
	store(memory + PAGE, 91);
	map_over(memory, 2 * PAGE);
	expect_ok(t->iommu, IOMMU_IOAS_COPY,
		  CMD(iommu_ioas_copy, .flags = RW | FIXED, .dst_ioas_id = t->ioas,
		      .src_ioas_id = t->ioas, .length = PAGE, .src_iova = IOVA + PAGE,
		      .dst_iova = 2 * IOVA));
	unmap(t->iommu, t->ioas, IOVA, 2 * PAGE);
	expect_equal(edu_peek(t->device, 2 * IOVA), 91);
}

static void two_maps_of_one_address_may_refer_to_different_memory(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	store(memory, 101);
	map_over(memory, PAGE);
	store(memory, 102);
	map_at(t->iommu, t->ioas, RW, 2 * IOVA, memory, PAGE);
	expect_equal(edu_peek(t->device, IOVA), 101);
	expect_equal(edu_peek(t->device, 2 * IOVA), 102);
}

static void the_parent_keeps_the_pinned_page_after_fork(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);
	int status = -1;
	pid_t pid;

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	store(memory, 111);
	pid = fork();
	if (!pid) {
		/* The child has a copy. */
		store(memory, 112);
		_exit(load(memory) != 112);
	}
	store(memory, 113);
	expect_equal(waitpid(pid, &status, 0), pid);
	expect_equal(status, 0);
	expect_equal(edu_peek(t->device, IOVA), 113);
	edu_poke(t->device, IOVA, 114);
	expect_equal(load(memory), 114);
}

static void the_device_writes_to_the_mapped_file(void **state)
{
	struct fixture *t = fixture(state);
	int file = mem_file(2 * PAGE);
	uint64_t word = 121;

	need_edu(t);
	edu_scratch(t);
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas, .fd = file,
		      .start = PAGE, .length = PAGE, .iova = IOVA));
	expect_equal(pwrite(file, &word, sizeof(word), PAGE + 16), sizeof(word));
	expect_equal(edu_peek(t->device, IOVA + 16), 121);
	edu_poke(t->device, IOVA + 24, 122);
	expect_equal(pread(file, &word, sizeof(word), PAGE + 24), sizeof(word));
	expect_equal(word, 122);
}

static void detaching_and_unmapping_end_the_access_of_the_device(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	store(memory, 131);
	unmap(t->iommu, t->ioas, IOVA, PAGE);
	edu_poke(t->device, IOVA, 132);
	expect_equal(load(memory), 131);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	detach_device(t->device);
	edu_poke(t->device, IOVA, 133);
	expect_equal(load(memory), 131);
}

static void the_rights_of_a_mapping_bind_the_device(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, READ, IOVA, memory, PAGE);
	store(memory, 141);
	expect_equal(edu_peek(t->device, IOVA), 141);
	edu_poke(t->device, IOVA, 142);
	expect_equal(load(memory), 141);
}

int ioas_pin(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, map_without_a_page_table_touches_no_memory, "IOAS-PIN"),
		CASE(attached, map_with_a_page_table_makes_memory_present, "IOAS-PIN"),
		CASE(bound, attaching_makes_mapped_memory_present, "IOAS-PIN"),
		CASE(bound, bad_memory_is_found_by_attaching, "IOAS-PIN"),
		CASE(attached, pinning_unmapped_memory_is_EFAULT, "IOAS-PIN-ERRORS.1"),
		CASE(attached, pinning_memory_without_rights_is_EFAULT, "IOAS-PIN-ERRORS.1"),
		CASE(attached, pinning_registers_of_a_device_is_EFAULT, "IOAS-PIN-ERRORS.3"),
		CASE(attached, pinning_secret_memory_is_EFAULT, "IOAS-PIN-ERRORS.3"),
		CASE(attached, pinning_read_only_memory_as_writeable_is_EFAULT,
		     "IOAS-PIN-ERRORS.2"),
		CASE(attached, pinning_memory_beyond_the_end_of_its_file_is_EFAULT,
		     "IOAS-PIN-ERRORS"),
		CASE(attached, pinning_a_shared_mapping_of_a_disk_file_as_writeable_is_EFAULT,
		     "IOAS-PIN-ERRORS.4"),
		CASE(attached, device_and_process_see_the_stores_of_each_other, "IOAS-PIN-ERRORS"),
		CASE(attached, untouched_pages_pinned_read_only_belong_to_the_process,
		     "IOAS-PIN-ERRORS"),
		CASE(attached, private_file_pages_pinned_read_only_belong_to_the_process,
		     "IOAS-PIN-ERRORS"),
		CASE(attached, munmap_does_not_change_what_the_iova_refers_to, "IOAS-PIN"),
		CASE(attached, mmap_over_pinned_memory_does_not_change_what_the_iova_refers_to,
		     "IOAS-PIN"),
		CASE(attached, madvise_does_not_take_pinned_memory_away, "IOAS-PIN"),
		CASE(attached, mremap_takes_pinned_memory_along, "IOAS-PIN"),
		CASE(attached, pinning_after_the_last_unpin_resolves_the_address_again, "IOAS-PIN"),
		CASE(attached, a_copy_holds_the_same_pages, "IOAS-PIN"),
		CASE(attached, two_maps_of_one_address_may_refer_to_different_memory, "IOAS-PIN"),
		CASE(attached, the_parent_keeps_the_pinned_page_after_fork, "IOAS-PIN-ERRORS"),
		CASE(attached, the_device_writes_to_the_mapped_file, "IOAS-PIN"),
		CASE(attached, detaching_and_unmapping_end_the_access_of_the_device, "IOAS-PIN"),
		CASE(attached, the_rights_of_a_mapping_bind_the_device, "IOAS-MAP"),
	};

	return cmocka_run_group_tests_name("pinning", tests, NULL, NULL);
}

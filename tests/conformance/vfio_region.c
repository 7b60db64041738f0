/* SPDX-License-Identifier: MIT */
/* Read, write and mmap of the device file [PCI-ACCESS]. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conformance.h"
#include "edu.h"
#include "groups.h"

enum {
	CONFIG_COMMAND = 4,
	CONFIG_BAR0 = 0x10,
	COMMAND_MEMORY = 2,
	BAR_IO = 1,
};

static off_t position(uint32_t index, uint64_t offset)
{
	return (off_t)((uint64_t)index << 40 | offset);
}

static uint64_t region_size(const struct fixture *t, uint32_t index)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = index};

	expect_ok(t->device, VFIO_DEVICE_GET_REGION_INFO, &info);
	return info.size;
}

static uint32_t region_flags(const struct fixture *t, uint32_t index)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = index};

	expect_ok(t->device, VFIO_DEVICE_GET_REGION_INFO, &info);
	return info.flags;
}

/* The first memory BAR; the device's memory is switched on. */
static uint32_t need_memory_bar(const struct fixture *t)
{
	for (uint32_t i = 0; i < VFIO_PCI_ROM_REGION_INDEX; i++) {
		if (region_size(t, i) &&
		    !(config_read(t->device, CONFIG_BAR0 + 4 * i, 4) & BAR_IO)) {
			config_write(t->device, CONFIG_COMMAND, 2,
				     config_read(t->device, CONFIG_COMMAND, 2) | COMMAND_MEMORY);
			return i;
		}
	}
	skip_test("the device has no memory BAR");
}

static void device_read_of_0_bytes_returns_0(void **state)
{
	struct fixture *t = fixture(state);
	char byte;

	expect_equal(pread(t->device, &byte, 0, position(VFIO_PCI_CONFIG_REGION_INDEX, 0)), 0);
	expect_equal(pwrite(t->device, &byte, 0, position(VFIO_PCI_CONFIG_REGION_INDEX, 0)), 0);
}

static void device_read_of_an_unknown_index_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	char bytes[4] = {0};

	expect_failed(EINVAL, pread(t->device, bytes, 4, position(1000, 0)));
	expect_failed(EINVAL, pwrite(t->device, bytes, 4, position(1000, 0)));
}

/* ---- config space ---- */

static void config_space_can_be_read_in_any_bytes(void **state)
{
	struct fixture *t = fixture(state);
	uint8_t all[64], part[64];

	expect_equal(pread(t->device, all, sizeof(all), position(VFIO_PCI_CONFIG_REGION_INDEX, 0)),
		     sizeof(all));
	for (size_t size = 1; size <= 9; size++) {
		for (size_t offset = 0; offset + size <= sizeof(all); offset++) {
			expect_equal(pread(t->device, part, size,
					   position(VFIO_PCI_CONFIG_REGION_INDEX, offset)),
				     size);
			expect_true(!memcmp(part, all + offset, size));
		}
	}
}

static void config_space_ends_with_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	uint64_t size = region_size(t, VFIO_PCI_CONFIG_REGION_INDEX);
	uint32_t word = 0;

	expect_failed(EFAULT,
		      pread(t->device, &word, 4, position(VFIO_PCI_CONFIG_REGION_INDEX, size)));
	expect_failed(EFAULT,
		      pread(t->device, &word, 4, position(VFIO_PCI_CONFIG_REGION_INDEX, size - 2)));
	expect_failed(EFAULT,
		      pwrite(t->device, &word, 4, position(VFIO_PCI_CONFIG_REGION_INDEX, size)));
	expect_equal(pread(t->device, &word, 4, position(VFIO_PCI_CONFIG_REGION_INDEX, size - 4)),
		     4);
}

static void device_read_into_inaccessible_memory_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	const off_t config = position(VFIO_PCI_CONFIG_REGION_INDEX, 0);

	expect_failed(EFAULT, pread(t->device, mem_of_kind(PAGE, MEM_RO), 4, config));
	expect_failed(EFAULT, pread(t->device, mem_of_kind(PAGE, MEM_HOLE), 4, config));
	expect_failed(EFAULT, pwrite(t->device, mem_of_kind(PAGE, MEM_NONE), 4, config));
}

static void bars_are_sized_by_writing_ones(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t bar = need_memory_bar(t);
	const unsigned int offset = CONFIG_BAR0 + 4 * bar;
	uint32_t before = config_read(t->device, offset, 4);
	uint32_t type = before & 0xf;
	uint64_t size = region_size(t, bar);

	config_write(t->device, offset, 4, UINT32_MAX);
	expect_equal(config_read(t->device, offset, 4), (uint32_t)-size | type);
	config_write(t->device, offset, 4, before);
	expect_equal(config_read(t->device, offset, 4), before);
}

static void vendor_and_device_ids_cannot_be_written(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t before = config_read(t->device, 0, 4);

	config_write(t->device, 0, 4, ~before);
	expect_equal(config_read(t->device, 0, 4), before);
}

/* ---- BARs ---- */

static void access_to_an_absent_bar_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t word = 0;

	for (uint32_t i = 0; i < VFIO_PCI_ROM_REGION_INDEX; i++) {
		if (region_size(t, i))
			continue;
		expect_failed(EINVAL, pread(t->device, &word, 4, position(i, 0)));
		expect_failed(EINVAL, pwrite(t->device, &word, 4, position(i, 0)));
	}
}

static void access_to_a_bar_ends_at_its_size(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t bar = need_memory_bar(t);
	uint64_t size = region_size(t, bar);
	uint32_t words[2] = {0};

	expect_failed(EINVAL, pread(t->device, words, 4, position(bar, size)));
	expect_failed(EINVAL, pwrite(t->device, words, 4, position(bar, size)));
	expect_failed(EINVAL, pread(t->device, words, 4, position(bar, UINT64_C(1) << 39)));
	/* What goes beyond the end is cut off. */
	expect_equal(pread(t->device, words, 8, position(bar, size - 4)), 4);
}

static void access_to_a_bar_without_memory_decoding_is_EIO(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t bar = need_memory_bar(t);
	uint32_t command = config_read(t->device, CONFIG_COMMAND, 2);
	uint32_t word = 0;

	config_write(t->device, CONFIG_COMMAND, 2, command & ~COMMAND_MEMORY);
	expect_failed(EIO, pread(t->device, &word, 4, position(bar, 0)));
	expect_failed(EIO, pwrite(t->device, &word, 4, position(bar, 0)));
	config_write(t->device, CONFIG_COMMAND, 2, command);
	expect_equal(pread(t->device, &word, 4, position(bar, 0)), 4);
}

static void registers_are_reached_through_the_bar(void **state)
{
	struct fixture *t = fixture(state);

	need_edu(t);
	expect_equal(edu_read(t->device, EDU_ID), EDU_ID_VALUE);
	edu_write(t->device, EDU_LIVENESS, 0x12345678);
	expect_equal(edu_read(t->device, EDU_LIVENESS), ~0x12345678u);
}

/* ---- ROM and mmap ---- */

static void the_rom_cannot_be_written(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t word = 0;

	expect_failed(EINVAL, pwrite(t->device, &word, 4, position(VFIO_PCI_ROM_REGION_INDEX, 0)));
}

static void expect_no_mmap(const struct fixture *t, uint64_t length, int flags, off_t at)
{
	void *mapping = mmap(NULL, length, PROT_READ, flags, t->device, at);

	expect_failed(EINVAL, mapping == MAP_FAILED ? -1 : 0);
}

static void only_bars_with_the_mmap_flag_can_be_mapped(void **state)
{
	struct fixture *t = fixture(state);

	expect_no_mmap(t, PAGE, MAP_SHARED, position(VFIO_PCI_CONFIG_REGION_INDEX, 0));
	expect_no_mmap(t, PAGE, MAP_SHARED, position(VFIO_PCI_ROM_REGION_INDEX, 0));
	expect_no_mmap(t, PAGE, MAP_SHARED, position(1000, 0));
	for (uint32_t i = 0; i < VFIO_PCI_ROM_REGION_INDEX; i++) {
		if (!(region_flags(t, i) & VFIO_REGION_INFO_FLAG_MMAP))
			expect_no_mmap(t, PAGE, MAP_SHARED, position(i, 0));
	}
}

static void a_bar_is_mapped_shared_and_within_its_size(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t bar = need_memory_bar(t);
	uint64_t size = region_size(t, bar);
	void *mapping;

	if (!(region_flags(t, bar) & VFIO_REGION_INFO_FLAG_MMAP))
		skip_test("the device's memory cannot be mapped");
	expect_no_mmap(t, PAGE, MAP_PRIVATE, position(bar, 0));
	expect_no_mmap(t, size + PAGE, MAP_SHARED, position(bar, 0));
	expect_no_mmap(t, PAGE, MAP_SHARED, position(bar, size));
	mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, t->device, position(bar, 0));
	expect_true(mapping != MAP_FAILED);
	munmap(mapping, size);
}

int vfio_region(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bound, device_read_of_0_bytes_returns_0, "PCI-ACCESS"),
		CASE(bound, device_read_of_an_unknown_index_is_EINVAL, "PCI-ACCESS"),
		CASE(bound, config_space_can_be_read_in_any_bytes, "PCI-ACCESS.1"),
		CASE(bound, config_space_ends_with_EFAULT, "PCI-ACCESS.1"),
		CASE(bound, device_read_into_inaccessible_memory_is_EFAULT, "PCI-ACCESS"),
		CASE(bound, bars_are_sized_by_writing_ones, "PCI-ACCESS.1"),
		CASE(bound, vendor_and_device_ids_cannot_be_written, "PCI-ACCESS"),
		CASE(bound, access_to_an_absent_bar_is_EINVAL, "PCI-ACCESS.2, CONFIG-REGIONS.1"),
		CASE(bound, access_to_a_bar_ends_at_its_size, "PCI-ACCESS.2"),
		CASE(bound, access_to_a_bar_without_memory_decoding_is_EIO,
		     "PCI-ACCESS.2, CONFIG-COMMAND.2, CONFIG-REGIONS.3"),
		CASE(bound, registers_are_reached_through_the_bar, "PCI-ACCESS"),
		CASE(bound, the_rom_cannot_be_written, "PCI-ACCESS.3, CONFIG-REGIONS.7"),
		CASE(bound, only_bars_with_the_mmap_flag_can_be_mapped, "PCI-ACCESS"),
		CASE(bound, a_bar_is_mapped_shared_and_within_its_size, "PCI-ACCESS"),
	};

	return cmocka_run_group_tests_name("read, write, mmap", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "places.h"
#include "record.h"
#include "steps.h"

enum {
	MOST_ACCESSES = 20 /* descriptors, of all kinds */
};

static void create_access(struct iommu_test_cmd *cmd)
{
	if (known.file_count >= MOST_ACCESSES || test_run("CREATE_ACCESS", cmd))
		return;
	file_add((int)cmd->create_access.out_access_fd,
		 cmd->create_access.flags & MOCK_ACCESS_NEEDS_PIN_PAGES ? FILE_PINNING_ACCESS
									: FILE_ACCESS);
}

void step_create_access(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(CREATE_ACCESS);

	cmd.id = some_id(KIND_IOAS);
	cmd.create_access.flags = percent(95) ? below(2) : 2;
	create_access(&cmd);
}

void usual_pinning_access(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(CREATE_ACCESS);

	cmd.id = known_id(KIND_IOAS);
	cmd.create_access.flags = MOCK_ACCESS_NEEDS_PIN_PAGES;
	if (known.file_count >= MOST_ACCESSES || test_run("CREATE_ACCESS", &cmd))
		return;
	file_add((int)cmd.create_access.out_access_fd, FILE_PINNING_ACCESS);
}

/* ---- pins ---- */

/* With MOCK_ACCESS_SYZ: the number of a mapping and an offset in it. */
static uint64_t some_nth_iova(void)
{
	const uint64_t nth = below(3);

	return nth | (uint64_t)below(2) << 44;
}

void step_access_pages(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(ACCESS_PAGES);
	const struct mapping *mapping = some_mapping();
	struct part part = some_part(mapping);

	cmd.id = fd_of(percent(92) ? some_file(FILE_PINNING_ACCESS, FILE_PINNING_ACCESS)
				   : some_file(FILE_ACCESS, FILE_VEVENT));
	cmd.access_pages.flags = percent(95) ? below(2)
					     : ONE_OF32(2, 4, MOCK_ACCESS_SYZ, MOCK_ACCESS_SYZ | 1);
	if (cmd.access_pages.flags & MOCK_ACCESS_SYZ)
		part.iova = some_nth_iova();
	cmd.access_pages.iova = part.iova;
	cmd.access_pages.length = part.length;
	if (mapping && !mapping->file && percent(60))
		cmd.access_pages.uptr = mapping->va + (part.iova - mapping->iova);
	if (!test_run("ACCESS_PAGES", &cmd))
		pin_add(cmd.id, cmd.access_pages.out_access_pages_id);
}

void usual_pin(void)
{
	const struct known_file *file = some_file(FILE_PINNING_ACCESS, FILE_PINNING_ACCESS);
	const struct mapping *mapping = known_mapping();
	struct iommu_test_cmd cmd = TEST_CMD(ACCESS_PAGES);
	uint64_t length, offset, rest;

	if (!file || !mapping)
		return;
	length = mapping->length > 16 * PAGE ? 16 * PAGE : mapping->length;
	offset = PAGE * below((uint32_t)(length / PAGE + 1));
	if (offset >= length)
		offset = 0;
	rest = length - offset;
	cmd.id = (uint32_t)file->fd;
	cmd.access_pages.iova = mapping->iova + offset;
	cmd.access_pages.length = percent(70) && rest >= PAGE
					  ? PAGE * (1 + below((uint32_t)(rest / PAGE)))
					  : 1 + below((uint32_t)rest);
	cmd.access_pages.flags = mapping->writable && percent(50);
	if (!mapping->file && percent(40))
		cmd.access_pages.uptr = mapping->va + offset;
	if (!test_run("ACCESS_PAGES", &cmd))
		pin_add(cmd.id, cmd.access_pages.out_access_pages_id);
}

void step_unpin(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(DESTROY_ACCESS_PAGES);

	if (known.pin_count && percent(90)) {
		const uint32_t at = below(known.pin_count);

		cmd.id = known.pins[at].fd;
		cmd.destroy_access_pages.access_pages_id = known.pins[at].id;
		known.pins[at] = known.pins[--known.pin_count];
	} else {
		cmd.id = fd_of(some_file(FILE_ACCESS, FILE_VEVENT));
		cmd.destroy_access_pages.access_pages_id = below(4);
	}
	test_run("UNPIN", &cmd);
}

/* ---- copies ---- */

/* Fills BUFFER with what is to be written, or with what a read replaces, and says so. */
static void fill_buffer(bool write, uint32_t first)
{
	uint8_t *bytes = AT(BUFFER);

	if (!write) {
		buffer_fill(0xcc, BUFFER_SIZE);
		return;
	}
	for (uint32_t i = 0; i < BUFFER_SIZE; i++)
		bytes[i] = (uint8_t)(first + i * 3);
}

static void run_copy(struct iommu_test_cmd *cmd)
{
	test_run("ACCESS_RW", cmd);
	record(" all=%llx\n", (long long)hash_of(AT(BUFFER), BUFFER_SIZE));
}

static uint32_t some_copy_flags(void)
{
	return percent(95) ? ONE_OF32(0, 0, 1, 1, 4, 5)
			   : ONE_OF32(2, 8, MOCK_ACCESS_SYZ, MOCK_ACCESS_SYZ | 1, 0x20000);
}

void step_access_rw(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(ACCESS_RW);
	struct part part = some_part(some_mapping());
	uint32_t first;

	cmd.id = fd_of(percent(94) ? some_file(FILE_ACCESS, FILE_PINNING_ACCESS)
				   : some_file(FILE_ACCESS, FILE_VEVENT));
	cmd.access_rw.flags = some_copy_flags();
	if (cmd.access_rw.flags & MOCK_ACCESS_SYZ)
		part.iova = some_nth_iova();
	if (part.length > BUFFER_SIZE && percent(95))
		part.length = BUFFER_SIZE;
	if (percent(30)) {
		part.iova += below(PAGE);
		part.length = below(600);
	}
	cmd.access_rw.iova = part.iova;
	cmd.access_rw.length = part.length;
	cmd.access_rw.uptr = some_pointer(0, part.length);
	if (cmd.access_rw.flags & MOCK_ACCESS_WRITE) {
		first = below(256);
		fill_buffer(true, first);
		record("{%x}", first);
	} else {
		fill_buffer(false, 0);
	}
	run_copy(&cmd);
}

void usual_rw(void)
{
	const struct known_file *file = some_file(FILE_ACCESS, FILE_PINNING_ACCESS);
	const struct mapping *mapping = known_mapping();
	struct iommu_test_cmd cmd = TEST_CMD(ACCESS_RW);
	uint64_t length, offset;
	uint32_t first, beyond;

	if (!file || !mapping)
		return;
	length = mapping->length > 4 * PAGE ? 4 * PAGE : mapping->length;
	offset = below((uint32_t)length);
	cmd.id = (uint32_t)file->fd;
	cmd.access_rw.iova = mapping->iova + offset;
	beyond = percent(10) ? PAGE : 0;
	cmd.access_rw.length = 1 + below((uint32_t)(length - offset + beyond));
	if (cmd.access_rw.length > BUFFER_SIZE)
		cmd.access_rw.length = BUFFER_SIZE;
	cmd.access_rw.flags = ONE_OF32(0, 1, 1, 4, 5);
	cmd.access_rw.uptr = BUFFER;
	first = below(256);
	fill_buffer(cmd.access_rw.flags & MOCK_ACCESS_WRITE, first);
	record("{%x}", first);
	run_copy(&cmd);
}

/* ---- the rest ---- */

void step_temp_limit(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(SET_TEMP_MEMORY_LIMIT);

	cmd.set_temp_memory_limit.limit = percent(80) ? ONE_OF32(12, 16, 4096, 65536, 100)
						      : ONE_OF32(0, 11, 1);
	test_run("TEMP_LIMIT", &cmd);
}

void step_access_replace(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(ACCESS_REPLACE_IOAS);

	cmd.id = fd_of(percent(94) ? some_file(FILE_ACCESS, FILE_PINNING_ACCESS)
				   : some_file(FILE_ACCESS, FILE_VEVENT));
	cmd.access_replace_ioas.ioas_id = some_id(KIND_IOAS);
	test_run("ACCESS_REPLACE", &cmd);
}

/* SPDX-License-Identifier: MIT */
/* The IO commands of the NVMe controller, and the ways in which they name memory. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "devices/devices.h"
#include "kit.h"

enum {
	MEMORY_SIZE = 1 << 23,
	SIZE = 4 << 20,
	BLOCKS = SIZE / 512,
	MDTS_BYTES = 128 << 10,
	LIST = 0x400000, /* offset in the data: PRP lists and SGL segments */
	FROM = 0,
	TO = 0x200000,
	BEYOND = NVME_IOVA + MEMORY_SIZE,
};

static struct nvme_rig t;
static struct nvme_ring *io;
static char path[] = "/tmp/nvme_io_test.XXXXXX";

static int start(const struct option_value *options, unsigned int count)
{
	if (nvme_open(&t, MEMORY_SIZE, options, count) || !nvme_enable(&t))
		return -1;
	io = &t.rings[1];
	for (size_t i = 0; i < TO; i++)
		nvme_data_at(&t, FROM)[i] = (uint8_t)(i * 7 + i / 251);
	return nvme_create_ring(&t, 1, 0) ? -1 : 0;
}

static int setup(void **state)
{
	static const struct option_value options[] = {
		{"size", "4M"}, {"namespaces", "2"}, {"mdts", "5"}};

	(void)state;
	return start(options, 3);
}

static int setup_read_only(void **state)
{
	static const struct option_value options[] = {{"size", "4M"}, {"readonly", "on"}};

	(void)state;
	return start(options, 2);
}

static int make_file(void)
{
	int fd;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	return fd < 0 || ftruncate(fd, 2 * SIZE) || close(fd) ? -1 : 0;
}

static int setup_file(void **state)
{
	const struct option_value options[] = {{"file", path}, {"namespaces", "2"}, {"mdts", "5"}};

	(void)state;
	return make_file() ? -1 : start(options, 3);
}

static int teardown(void **state)
{
	(void)state;
	nvme_close(&t);
	return 0;
}

static int teardown_file(void **state)
{
	unlink(path);
	return teardown(state);
}

static uint16_t run(struct nvme_command command)
{
	return nvme_do(&t, io, &command);
}

#define RUN(...) run((struct nvme_command){.nsid = 1, __VA_ARGS__})

/* @blocks blocks between the disk and the memory at @off, by a PRP list if they need one. */
static uint16_t move(uint8_t opcode, uint64_t lba, uint32_t blocks, uint64_t off)
{
	struct nvme_command command = nvme_rw(opcode, lba, blocks, off);
	uint64_t *list = (uint64_t *)(void *)nvme_data_at(&t, LIST);
	uint64_t page = (off & ~UINT64_C(0xfff)) + 4096;

	if (blocks * 512 > 4096 - (off & 0xfff) + 4096) {
		command.prp2 = nvme_data_iova(LIST);
		for (; page < off + blocks * 512; page += 4096)
			*list++ = nvme_data_iova(page);
	}
	return run(command);
}

static void assert_copied(uint64_t to, uint64_t from, size_t len)
{
	assert_memory_equal(nvme_data_at(&t, to), nvme_data_at(&t, from), len);
}

/* ---- the commands ---- */

static void what_is_written_is_read(void **state)
{
	(void)state;
	for (unsigned int blocks = 1; blocks <= MDTS_BYTES / 512; blocks *= 2) {
		assert_int_equal(move(IO_WRITE, 17, blocks, FROM), ST_SUCCESS);
		memset(nvme_data_at(&t, TO), 0, MDTS_BYTES);
		assert_int_equal(move(IO_READ, 17, blocks, TO), ST_SUCCESS);
		assert_copied(TO, FROM, blocks * 512);
		assert_int_equal(*nvme_data_at(&t, TO + blocks * 512), 0);
	}
	/* Not at the start of a page. */
	assert_int_equal(move(IO_WRITE, 100, 64, FROM + 508), ST_SUCCESS);
	assert_int_equal(move(IO_READ, 100, 64, TO + 4092), ST_SUCCESS);
	assert_copied(TO + 4092, FROM + 508, 64 * 512);
}

static void a_new_disk_is_empty(void **state)
{
	(void)state;
	assert_int_equal(move(IO_READ, BLOCKS - 8, 8, TO), ST_SUCCESS);
	for (unsigned int i = 0; i < 4096; i++)
		assert_int_equal(nvme_data_at(&t, TO)[i], 0);
}

static void namespaces_are_apart(void **state)
{
	struct nvme_command command = nvme_rw(IO_WRITE, 0, 8, FROM);

	(void)state;
	command.nsid = 2;
	assert_int_equal(run(command), ST_SUCCESS);
	assert_int_equal(move(IO_READ, 0, 8, TO), ST_SUCCESS);
	assert_int_equal(nvme_data_at(&t, TO)[1], 0);
	command = nvme_rw(IO_READ, 0, 8, TO);
	command.nsid = 2;
	assert_int_equal(run(command), ST_SUCCESS);
	assert_copied(TO, FROM, 4096);
}

static void commands_are_checked(void **state)
{
	static const uint8_t ranged[] = {IO_READ,	  IO_WRITE,  IO_COMPARE,
					 IO_WRITE_ZEROES, IO_VERIFY, IO_COPY};
	struct nvme_command command;

	(void)state;
	for (size_t i = 0; i < sizeof(ranged); i++) {
		command = nvme_rw(ranged[i], BLOCKS, 1, LIST);
		assert_int_equal(run(command), ST_LBA_RANGE);
		command = nvme_rw(ranged[i], UINT64_MAX, 1, LIST);
		assert_int_equal(run(command), ST_LBA_RANGE);
		command.nsid = 3;
		assert_int_equal(run(command), ST_INVALID_NAMESPACE);
		command.nsid = 0;
		assert_int_equal(run(command), ST_INVALID_NAMESPACE);
		command.nsid = UINT32_MAX;
		assert_int_equal(run(command), ST_INVALID_NAMESPACE);
		command.flags = 1;
		assert_int_equal(run(command), ST_INVALID_FIELD);
		command.flags = 3 << COMMAND_PSDT_SHIFT;
		assert_int_equal(run(command), ST_INVALID_FIELD);
	}
	assert_int_equal(move(IO_READ, BLOCKS - 1, 1, TO), ST_SUCCESS);
	assert_int_equal(move(IO_READ, BLOCKS - 1, 2, TO), ST_LBA_RANGE);
	assert_int_equal(move(IO_READ, 0, MDTS_BYTES / 512 + 1, TO), ST_INVALID_FIELD);
	assert_int_equal(RUN(.opcode = 0x04), ST_INVALID_OPCODE); /* Write Uncorrectable */
	assert_int_equal(RUN(.opcode = 0x0d), ST_INVALID_OPCODE); /* reservations */
	assert_int_equal(RUN(.opcode = 0x7f), ST_INVALID_OPCODE);
	assert_int_equal(RUN(.opcode = IO_FLUSH), ST_SUCCESS);
	command = (struct nvme_command){.opcode = IO_FLUSH, .nsid = UINT32_MAX};
	assert_int_equal(run(command), ST_SUCCESS);
	command.nsid = 3;
	assert_int_equal(run(command), ST_INVALID_NAMESPACE);
}

static void zeroes_are_written_without_data(void **state)
{
	(void)state;
	assert_int_equal(move(IO_WRITE, 0, 64, FROM), ST_SUCCESS);
	assert_int_equal(RUN(.opcode = IO_WRITE_ZEROES, .cdw10 = 3, .cdw12 = 40 - 1), ST_SUCCESS);
	assert_int_equal(move(IO_READ, 0, 64, TO), ST_SUCCESS);
	assert_copied(TO, FROM, 3 * 512);
	for (unsigned int i = 3 * 512; i < 43 * 512; i++)
		assert_int_equal(nvme_data_at(&t, TO)[i], 0);
	assert_copied(TO + 43 * 512, FROM + 43 * 512, 21 * 512);
	/* All of it, which is more than MDTS. */
	assert_int_equal(RUN(.opcode = IO_WRITE_ZEROES, .cdw12 = BLOCKS - 1), ST_SUCCESS);
	assert_int_equal(move(IO_READ, 0, 64, TO), ST_SUCCESS);
	for (unsigned int i = 0; i < 64 * 512; i++)
		assert_int_equal(nvme_data_at(&t, TO)[i], 0);
}

static void compare_tells_whether_it_is_equal(void **state)
{
	(void)state;
	assert_int_equal(move(IO_WRITE, 5, 200, FROM), ST_SUCCESS);
	assert_int_equal(move(IO_COMPARE, 5, 200, FROM), ST_SUCCESS);
	nvme_data_at(&t, FROM)[199 * 512 + 511] ^= 1;
	assert_int_equal(move(IO_COMPARE, 5, 200, FROM), ST_COMPARE_FAILURE);
	assert_int_equal(move(IO_COMPARE, 5, 199, FROM), ST_SUCCESS);
	assert_int_equal(RUN(.opcode = IO_VERIFY, .cdw10 = 5, .cdw12 = 199), ST_SUCCESS);
}

static void deallocated_blocks_read_as_zeros(void **state)
{
	struct nvme_dsm_range *ranges = (void *)nvme_data_at(&t, LIST + 0x1000);
	const struct nvme_command hint = {
		.opcode = IO_DSM, .nsid = 1, .prp1 = nvme_data_iova(LIST + 0x1000), .cdw10 = 2};
	struct nvme_command command = hint;

	(void)state;
	assert_int_equal(move(IO_WRITE, 0, 64, FROM), ST_SUCCESS);
	ranges[0] = (struct nvme_dsm_range){.blocks = 2, .lba = 10};
	ranges[1] = (struct nvme_dsm_range){.blocks = 0, .lba = 20};
	ranges[2] = (struct nvme_dsm_range){.blocks = 20, .lba = 30};
	/* Hints change nothing. */
	assert_int_equal(run(hint), ST_SUCCESS);
	assert_int_equal(move(IO_COMPARE, 0, 64, FROM), ST_SUCCESS);
	command.cdw11 = DSM_DEALLOCATE;
	assert_int_equal(run(command), ST_SUCCESS);
	memset(nvme_data_at(&t, FROM + 10 * 512), 0, 2 * 512);
	memset(nvme_data_at(&t, FROM + 30 * 512), 0, 20 * 512);
	assert_int_equal(move(IO_COMPARE, 0, 64, FROM), ST_SUCCESS);
	/* A bad range: none is deallocated. */
	ranges[0].lba = 0;
	ranges[2].lba = BLOCKS - 19;
	assert_int_equal(run(command), ST_LBA_RANGE);
	assert_int_equal(move(IO_COMPARE, 0, 64, FROM), ST_SUCCESS);
}

static uint16_t copy(uint64_t to, unsigned int count)
{
	return RUN(.opcode = IO_COPY, .prp1 = nvme_data_iova(LIST + 0x1000), .cdw10 = (uint32_t)to,
		   .cdw12 = count - 1);
}

static void copy_gathers_ranges(void **state)
{
	struct nvme_copy_range *ranges = (void *)nvme_data_at(&t, LIST + 0x1000);

	(void)state;
	assert_int_equal(move(IO_WRITE, 0, 256, FROM), ST_SUCCESS);
	ranges[0] = (struct nvme_copy_range){.lba = 100, .blocks = 7};
	ranges[1] = (struct nvme_copy_range){.lba = 0, .blocks = 0};
	ranges[2] = (struct nvme_copy_range){.lba = 10, .blocks = 199};
	assert_int_equal(copy(1000, 3), ST_SUCCESS);
	assert_int_equal(move(IO_READ, 1000, 209, TO), ST_SUCCESS);
	assert_copied(TO, FROM + 100 * 512, 8 * 512);
	assert_copied(TO + 8 * 512, FROM, 512);
	assert_copied(TO + 9 * 512, FROM + 10 * 512, 200 * 512);
	assert_int_equal(copy(BLOCKS - 208, 3), ST_LBA_RANGE);
	ranges[1].lba = BLOCKS;
	assert_int_equal(copy(1000, 3), ST_LBA_RANGE);
	ranges[1] = (struct nvme_copy_range){.lba = 0, .blocks = 4096};
	assert_int_equal(copy(1000, 3), ST_COMMAND_SIZE);
	assert_int_equal(copy(1000, 129), ST_COMMAND_SIZE);
	assert_int_equal(
		RUN(.opcode = IO_COPY, .prp1 = nvme_data_iova(LIST + 0x1000), .cdw12 = 1 << 8),
		ST_INVALID_FIELD);
}

static void a_read_only_disk_is_only_read(void **state)
{
	(void)state;
	assert_int_equal(move(IO_READ, 0, 8, TO), ST_SUCCESS);
	assert_int_equal(move(IO_WRITE, 0, 8, FROM), ST_WRITE_PROTECTED);
	assert_int_equal(RUN(.opcode = IO_WRITE_ZEROES), ST_WRITE_PROTECTED);
	assert_int_equal(RUN(.opcode = IO_DSM, .prp1 = nvme_data_iova(0), .cdw11 = DSM_DEALLOCATE),
			 ST_WRITE_PROTECTED);
	assert_int_equal(copy(0, 1), ST_WRITE_PROTECTED);
	assert_int_equal(RUN(.opcode = IO_FLUSH), ST_SUCCESS);
}

/* ---- PRPs ---- */

static void prp_lists_continue_in_other_pages(void **state)
{
	struct nvme_command command = nvme_rw(IO_WRITE, 0, 256, FROM + 1024);
	uint64_t *first = (uint64_t *)(void *)nvme_data_at(&t, LIST + 4096 - 16);
	uint64_t *second = (uint64_t *)(void *)nvme_data_at(&t, LIST + 0x3000);

	(void)state;
	/* One entry in the first page of the list, the others in the second; pages out of order. */
	command.prp2 = nvme_data_iova(LIST + 4096 - 16);
	first[0] = nvme_data_iova(FROM + 32 * 4096);
	first[1] = nvme_data_iova(LIST + 0x3000);
	for (unsigned int i = 0; i < 31; i++)
		second[i] = nvme_data_iova(FROM + (31 - i) * 4096);
	assert_int_equal(run(command), ST_SUCCESS);
	assert_int_equal(move(IO_READ, 0, 256, TO), ST_SUCCESS);
	assert_copied(TO, FROM + 1024, 3072);
	assert_copied(TO + 3072, FROM + 32 * 4096, 4096);
	for (unsigned int i = 0; i < 30; i++)
		assert_copied(TO + 3072 + 4096 * (i + 1), FROM + (31 - i) * 4096, 4096);
	assert_copied(TO + 3072 + 31 * 4096, FROM + 4096, 1024);
	/* The pointer at the end of a page must point to a page. */
	first[1] = nvme_data_iova(LIST + 4096 - 8);
	assert_int_equal(run(command), ST_PRP_OFFSET);
	/* Only a pointer in the first page. */
	first[1] = nvme_data_iova(LIST + 0x3000);
	command.prp2 += 8;
	second[31] = nvme_data_iova(FROM);
	assert_int_equal(run(command), ST_SUCCESS);
}

static void bad_prps_are_refused(void **state)
{
	struct nvme_command command = nvme_rw(IO_READ, 0, 32, TO);
	uint64_t *list = (uint64_t *)(void *)nvme_data_at(&t, LIST);

	(void)state;
	command.prp2 = nvme_data_iova(LIST + 4);
	assert_int_equal(run(command), ST_PRP_OFFSET);
	command.prp2 = nvme_data_iova(LIST);
	list[0] = nvme_data_iova(TO + 4096);
	list[1] = nvme_data_iova(TO + 8192 + 512);
	assert_int_equal(run(command), ST_PRP_OFFSET);
	list[1] = BEYOND;
	assert_int_equal(run(command), ST_DATA_TRANSFER);
	command.prp2 = BEYOND;
	assert_int_equal(run(command), ST_DATA_TRANSFER);
	command = nvme_rw(IO_READ, 0, 8, TO + 2);
	assert_int_equal(run(command), ST_PRP_OFFSET);
	command = nvme_rw(IO_READ, 0, 16, TO);
	command.prp2 += 4;
	assert_int_equal(run(command), ST_PRP_OFFSET);
}

/* ---- SGLs ---- */

static struct nvme_sgl sgl(enum nvme_sgl_type type, uint64_t address, uint32_t len)
{
	return (struct nvme_sgl){.address = address, .len = len, .type = (uint8_t)(type << 4)};
}

static uint16_t run_sgl(uint8_t opcode, uint64_t lba, uint32_t blocks, struct nvme_sgl first)
{
	struct nvme_command command = nvme_rw(opcode, lba, blocks, 0);

	command.flags = PSDT_SGL << COMMAND_PSDT_SHIFT;
	memcpy(command.sgl1, &first, sizeof(first));
	return run(command);
}

static void sgls_scatter_and_gather(void **state)
{
	struct nvme_sgl *first = (void *)nvme_data_at(&t, LIST);
	struct nvme_sgl *second = (void *)nvme_data_at(&t, LIST + 0x2000);

	(void)state;
	assert_int_equal(
		run_sgl(IO_WRITE, 0, 64, sgl(SGL_DATA_BLOCK, nvme_data_iova(FROM), 64 * 512)),
		ST_SUCCESS);
	assert_int_equal(move(IO_COMPARE, 0, 64, FROM), ST_SUCCESS);
	first[0] = sgl(SGL_DATA_BLOCK, nvme_data_iova(TO + 1), 3);
	first[1] = sgl(SGL_BIT_BUCKET, 0, 512);
	first[2] = sgl(SGL_DATA_BLOCK, 0, 0);
	first[3] = sgl(SGL_LAST_SEGMENT, nvme_data_iova(LIST + 0x2000), 40 * 16);
	for (unsigned int i = 0; i < 39; i++)
		second[i] = sgl(SGL_DATA_BLOCK, nvme_data_iova(TO + 0x1000 + i * 600), 599);
	/* Longer than the rest. */
	second[39] = sgl(SGL_DATA_BLOCK, nvme_data_iova(TO + 0x100000), 1 << 20);
	memset(nvme_data_at(&t, TO), 0xee, 1 << 18);
	assert_int_equal(run_sgl(IO_READ, 0, 64, sgl(SGL_SEGMENT, nvme_data_iova(LIST), 4 * 16)),
			 ST_SUCCESS);
	assert_copied(TO + 1, FROM, 3);
	assert_int_equal(*nvme_data_at(&t, TO + 4), 0xee);
	for (unsigned int i = 0; i < 39; i++)
		assert_copied(TO + 0x1000 + i * 600, FROM + 515 + i * 599, 599);
	assert_copied(TO + 0x100000, FROM + 515 + 39 * 599, 64 * 512 - 515 - 39 * 599);
}

static void bad_sgls_are_refused(void **state)
{
	const uint64_t list = nvme_data_iova(LIST), data = nvme_data_iova(TO);
	struct nvme_sgl *first = (void *)nvme_data_at(&t, LIST);
	struct nvme_sgl odd = sgl(SGL_DATA_BLOCK, data, 512);

	(void)state;
	assert_int_equal(run_sgl(IO_READ, 0, 1, sgl(SGL_DATA_BLOCK, data, 511)), ST_SGL_LENGTH);
	odd.type |= 1;
	assert_int_equal(run_sgl(IO_READ, 0, 1, odd), ST_SGL_TYPE);
	assert_int_equal(run_sgl(IO_READ, 0, 1, sgl(4, data, 512)), ST_SGL_TYPE);
	assert_int_equal(run_sgl(IO_READ, 0, 1, sgl(SGL_SEGMENT, list, 0)), ST_SGL_SEGMENT);
	assert_int_equal(run_sgl(IO_READ, 0, 1, sgl(SGL_SEGMENT, list, 24)), ST_SGL_SEGMENT);
	/* One in the middle; one after the last. */
	first[0] = sgl(SGL_SEGMENT, list, 16);
	first[1] = sgl(SGL_DATA_BLOCK, data, 512);
	assert_int_equal(run_sgl(IO_READ, 0, 1, sgl(SGL_SEGMENT, list, 32)), ST_SGL_SEGMENT);
	assert_int_equal(run_sgl(IO_READ, 0, 1, sgl(SGL_LAST_SEGMENT, list, 16)), ST_SGL_SEGMENT);
	/* For ever. */
	assert_int_equal(run_sgl(IO_READ, 0, 1, sgl(SGL_SEGMENT, list, 16)), ST_SGL_COUNT);
	assert_int_equal(run_sgl(IO_READ, 0, 1, sgl(SGL_SEGMENT, BEYOND, 16)), ST_DATA_TRANSFER);
	/* Data does not come from a bit bucket. */
	assert_int_equal(run_sgl(IO_WRITE, 0, 1, sgl(SGL_BIT_BUCKET, 0, 512)), ST_SGL_LENGTH);
	assert_int_equal(run_sgl(IO_READ, 0, 1, sgl(SGL_DATA_BLOCK, data, 512)), ST_SUCCESS);
}

/* ---- the file ---- */

static void the_file_has_what_was_written(void **state)
{
	uint8_t *found = malloc(2 * SIZE);
	struct nvme_command command = nvme_rw(IO_WRITE, 0, 8, FROM);
	int fd = open(path, O_RDONLY);

	(void)state;
	assert_non_null(found);
	assert_true(fd >= 0);
	command.nsid = 2;
	assert_int_equal(run(command), ST_SUCCESS);
	assert_int_equal(move(IO_WRITE, 9, 256, FROM), ST_SUCCESS);
	assert_int_equal(RUN(.opcode = IO_FLUSH), ST_SUCCESS);
	assert_int_equal(pread(fd, found, 2 * SIZE, 0), 2 * SIZE);
	assert_memory_equal(found + 9 * 512, nvme_data_at(&t, FROM), 256 * 512);
	assert_memory_equal(found + SIZE, nvme_data_at(&t, FROM), 4096);
	close(fd);
	free(found);
}

static void a_file_that_shrinks_gives_errors(void **state)
{
	(void)state;
	assert_int_equal(truncate(path, SIZE / 2), 0);
	assert_int_equal(move(IO_READ, 0, 8, TO), ST_SUCCESS);
	assert_int_equal(move(IO_READ, BLOCKS / 2, 8, TO), ST_UNRECOVERED_READ);
	assert_int_equal(RUN(.opcode = IO_VERIFY, .cdw10 = BLOCKS / 2), ST_UNRECOVERED_READ);
	assert_int_equal(move(IO_COMPARE, BLOCKS / 2, 8, TO), ST_UNRECOVERED_READ);
}

/* As a full file system does, but for this process alone. */
static void a_file_without_space_gives_errors(void **state)
{
	struct rlimit before, limit;

	(void)state;
	if (getenv("RIG_SERVED"))
		skip(); /* the limit is not the server's */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = SIZE / 2;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(move(IO_WRITE, BLOCKS / 2, 8, FROM), ST_CAPACITY);
	assert_int_equal(move(IO_WRITE, 0, 8, FROM), ST_SUCCESS);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(move(IO_WRITE, BLOCKS / 2, 8, FROM), ST_SUCCESS);
}

static void a_file_is_locked(void **state)
{
	const struct option_value option = {"file", path};
	struct device_spec config = {
		.model = &device_nvme, .options = &option, .option_count = 1, .iommu = t.rig.iommu};
	struct vfio_device *device;
	int fd = open(path, O_RDWR);

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	close(fd);
	config.group = t.rig.group;
	assert_int_equal(vfio_device_create(&config, &device), -EBUSY);
	/* The run has locked it already. */
	config.claimed = true;
	assert_int_equal(vfio_device_create(&config, &device), 0);
	vfio_device_destroy(device);
}

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_FILE(name) cmocka_unit_test_setup_teardown(name, setup_file, teardown_file)
#define TEST_BOTH(name) TEST(name), TEST_FILE(name)
	const struct CMUnitTest tests[] = {
		TEST_BOTH(what_is_written_is_read),
		TEST_BOTH(a_new_disk_is_empty),
		TEST_BOTH(namespaces_are_apart),
		TEST(commands_are_checked),
		TEST_BOTH(zeroes_are_written_without_data),
		TEST_BOTH(compare_tells_whether_it_is_equal),
		TEST_BOTH(deallocated_blocks_read_as_zeros),
		TEST_BOTH(copy_gathers_ranges),
		cmocka_unit_test_setup_teardown(a_read_only_disk_is_only_read, setup_read_only,
						teardown),
		TEST(prp_lists_continue_in_other_pages),
		TEST(bad_prps_are_refused),
		TEST_BOTH(sgls_scatter_and_gather),
		TEST(bad_sgls_are_refused),
		TEST_FILE(the_file_has_what_was_written),
		TEST_FILE(a_file_that_shrinks_gives_errors),
		TEST_FILE(a_file_without_space_gives_errors),
		TEST_FILE(a_file_is_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

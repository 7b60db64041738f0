/* SPDX-License-Identifier: MIT */
/*
 * Random commands, good and bad, on several queues and namespaces of an NVMe controller, in memory
 * and in a file; a naive model says which status each must have, and what must be on the disk.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "kit.h"

enum {
	MEMORY_SIZE = 1 << 22,
	NAMESPACES = 2,
	SIZE = 256 << 10, /* of a namespace */
	MDTS_BYTES = 64 << 10,
	BUFFER = 128 << 10, /* bytes of memory for the data of one command */
	LISTS = 0x100000,   /* offset in the data: PRP lists, SGLs, ranges */
	COMMANDS = 4000,
	HOSTILE_STEPS = 3000,
	RINGS = 3,
	STEP_PAGES = MDTS_BYTES / 4096 + 2,
};

static struct nvme_rig t;
static struct rng rng;
static uint8_t disk[NAMESPACES][SIZE];
static unsigned int shifts[NAMESPACES];

static uint64_t below(uint64_t bound)
{
	return rng_below(&rng, bound);
}

/* A command, and what it is about. */
struct step {
	struct nvme_command command;
	unsigned int ns; /* from 0 */
	uint64_t lba, blocks, len;
	uint64_t pages[STEP_PAGES]; /* offsets of the data's pages, in the data */
	uint64_t first;		    /* offset of the first byte in its page */
	bool sgl;
};

static uint8_t *byte_of(const struct step *s, uint64_t i)
{
	const uint64_t at = s->first + i;

	return nvme_data_at(&t, s->pages[at / 4096] + at % 4096);
}

/* Data in pages out of order. */
static void choose_memory(struct step *s)
{
	uint64_t order[BUFFER / 4096];
	const unsigned int count = BUFFER / 4096;

	for (unsigned int i = 0; i < count; i++)
		order[i] = i * 4096ull;
	for (unsigned int i = count - 1; below(4) && i > 0; i--) {
		const uint64_t other = below(i + 1), kept = order[i];

		order[i] = order[other];
		order[other] = kept;
	}
	memcpy(s->pages, order, sizeof(s->pages));
	s->first = below(3) ? 0 : below(1024) * 4;
}

static void point_by_prps(struct step *s)
{
	uint64_t *list = (uint64_t *)(void *)nvme_data_at(&t, LISTS);
	const uint64_t count = (s->first + s->len + 4095) / 4096;
	/* Somewhere in a page, so that it may go on in the next one, by a pointer. */
	uint64_t slot = below(2) ? 0 : 512 - 1 - below(8);
	const uint64_t start = slot;

	s->command.prp1 = nvme_data_iova(s->pages[0] + s->first);
	if (count == 2)
		s->command.prp2 = nvme_data_iova(s->pages[1]);
	if (count <= 2)
		return;
	s->command.prp2 = nvme_data_iova(LISTS + start * 8);
	for (uint64_t i = 1; i < count; i++) {
		if (slot == 511 && i + 1 < count)
			list[slot++] = nvme_data_iova(LISTS + 4096);
		list[slot++] = nvme_data_iova(s->pages[i]);
	}
}

static void point_by_sgl(struct step *s)
{
	struct nvme_sgl *list = (struct nvme_sgl *)(void *)nvme_data_at(&t, LISTS);
	struct nvme_sgl segment = {.address = nvme_data_iova(LISTS), .type = SGL_LAST_SEGMENT << 4};
	uint64_t at = 0, len;
	unsigned int count = 0;

	while (at < s->len) {
		/* A part of a page. */
		len = 4096 - (s->first + at) % 4096;
		if (below(2))
			len = 1 + below(len);
		if (len > s->len - at)
			len = s->len - at;
		list[count++] = (struct nvme_sgl){
			.address = nvme_data_iova((uint64_t)(byte_of(s, at) - nvme_data_at(&t, 0))),
			.len = (uint32_t)len,
		};
		at += len;
	}
	segment.len = count * (uint32_t)sizeof(list[0]);
	s->command.flags = PSDT_SGL << COMMAND_PSDT_SHIFT;
	memcpy(s->command.sgl1, &segment, sizeof(segment));
}

/* Mostly inside the namespace, and not longer than MDTS. */
static void choose_blocks(struct step *s)
{
	const uint64_t blocks = SIZE >> shifts[s->ns], max = MDTS_BYTES >> shifts[s->ns];

	s->blocks = 1 + below(below(4) ? 8 : max);
	s->lba = below(blocks - s->blocks + 1);
	if (!below(20))
		s->lba = blocks - below(s->blocks + 1);
	if (!below(50))
		s->lba = rng_next(&rng);
	s->len = s->blocks << shifts[s->ns];
	s->command.cdw10 = (uint32_t)s->lba;
	s->command.cdw11 = (uint32_t)(s->lba >> 32);
	s->command.cdw12 = (uint32_t)s->blocks - 1;
}

static bool in_range(const struct step *s, uint64_t lba, uint64_t blocks)
{
	const uint64_t all = SIZE >> shifts[s->ns];

	return blocks <= all && lba <= all - blocks;
}

static uint8_t *block(const struct step *s, uint64_t lba)
{
	return disk[s->ns] + (lba << shifts[s->ns]);
}

static uint16_t run(const struct step *s)
{
	return nvme_do(&t, &t.rings[1 + below(RINGS)], &s->command);
}

/* ---- the commands ---- */

static void write_step(struct step *s)
{
	for (uint64_t i = 0; i < s->len; i++)
		*byte_of(s, i) = (uint8_t)(i % 512 < 8 ? rng_next(&rng) : i);
	if (!in_range(s, s->lba, s->blocks)) {
		assert_int_equal(run(s), ST_LBA_RANGE);
		return;
	}
	assert_int_equal(run(s), ST_SUCCESS);
	for (uint64_t i = 0; i < s->len; i++)
		block(s, s->lba)[i] = *byte_of(s, i);
}

static void read_step(struct step *s)
{
	memset(nvme_data_at(&t, 0), 0xee, BUFFER);
	if (!in_range(s, s->lba, s->blocks)) {
		assert_int_equal(run(s), ST_LBA_RANGE);
		return;
	}
	assert_int_equal(run(s), ST_SUCCESS);
	for (uint64_t i = 0; i < s->len; i++)
		assert_int_equal(*byte_of(s, i), block(s, s->lba)[i]);
	/* And nothing else. */
	if (s->first)
		assert_int_equal(*byte_of(s, (uint64_t)-1), 0xee);
	assert_int_equal(*byte_of(s, s->len), 0xee);
}

static void compare_step(struct step *s)
{
	const bool spoil = below(2);
	uint64_t at;

	if (!in_range(s, s->lba, s->blocks)) {
		assert_int_equal(run(s), ST_LBA_RANGE);
		return;
	}
	for (uint64_t i = 0; i < s->len; i++)
		*byte_of(s, i) = block(s, s->lba)[i];
	at = below(s->len);
	if (spoil)
		*byte_of(s, at) ^= 0x10;
	assert_int_equal(run(s), spoil ? ST_COMPARE_FAILURE : ST_SUCCESS);
}

static void zero_step(struct step *s)
{
	if (!in_range(s, s->lba, s->blocks)) {
		assert_int_equal(run(s), ST_LBA_RANGE);
		return;
	}
	assert_int_equal(run(s), ST_SUCCESS);
	memset(block(s, s->lba), 0, s->len);
}

static void deallocate_step(struct step *s)
{
	const unsigned int count = 1 + (unsigned int)below(20);
	struct nvme_dsm_range *ranges = (void *)nvme_data_at(&t, 0);
	bool bad = false;

	s->command.prp1 = nvme_data_iova(0);
	s->command.cdw10 = count - 1;
	s->command.cdw11 = DSM_DEALLOCATE;
	for (unsigned int i = 0; i < count; i++) {
		ranges[i] = (struct nvme_dsm_range){
			.blocks = (uint32_t)below(16),
			.lba = below((SIZE >> shifts[s->ns]) - 14),
		};
		bad = bad || !in_range(s, ranges[i].lba, ranges[i].blocks);
	}
	assert_int_equal(run(s), bad ? ST_LBA_RANGE : ST_SUCCESS);
	for (unsigned int i = 0; i < count && !bad; i++)
		memset(block(s, ranges[i].lba), 0, (size_t)ranges[i].blocks << shifts[s->ns]);
}

static void copy_step(struct step *s)
{
	const unsigned int count = 1 + (unsigned int)below(6), shift = shifts[s->ns];
	struct nvme_copy_range *ranges = (void *)nvme_data_at(&t, 0);
	uint64_t to = below(SIZE >> shift >> 1), blocks = 0;
	bool bad;

	s->command.prp1 = nvme_data_iova(0);
	s->command.cdw10 = (uint32_t)to;
	s->command.cdw11 = 0;
	s->command.cdw12 = count - 1;
	/* From the upper half to the lower, so that they do not overlap. */
	for (unsigned int i = 0; i < count; i++) {
		ranges[i] = (struct nvme_copy_range){
			.lba = (SIZE >> shift >> 1) + below((SIZE >> shift >> 1) - 3),
			.blocks = (uint16_t)below(4),
		};
		blocks += ranges[i].blocks + 1u;
	}
	if (to + blocks > (uint64_t)SIZE >> shift >> 1)
		return;
	bad = false;
	for (unsigned int i = 0; i < count; i++)
		bad = bad || !in_range(s, ranges[i].lba, ranges[i].blocks + 1u);
	assert_int_equal(run(s), bad ? ST_LBA_RANGE : ST_SUCCESS);
	for (unsigned int i = 0; i < count && !bad; i++) {
		const size_t len = (ranges[i].blocks + 1ul) << shift;

		memcpy(block(s, to), block(s, ranges[i].lba), len);
		to += ranges[i].blocks + 1u;
	}
}

static void format_step(struct step *s)
{
	const unsigned int format = (unsigned int)below(2);
	const struct nvme_command command = {
		.opcode = ADMIN_FORMAT, .nsid = s->ns + 1, .cdw10 = format};

	assert_int_equal(nvme_do(&t, &t.rings[0], &command), ST_SUCCESS);
	memset(disk[s->ns], 0, SIZE);
	shifts[s->ns] = format ? 12 : 9;
}

static void bad_step(struct step *s)
{
	static const uint8_t opcodes[] = {IO_READ, IO_WRITE, IO_COMPARE, IO_VERIFY};

	s->command.opcode = opcodes[below(sizeof(opcodes))];
	switch (below(4)) {
	case 0:
		s->command.nsid = NAMESPACES + 1 + (uint32_t)below(3);
		assert_int_equal(run(s), ST_INVALID_NAMESPACE);
		break;
	case 1:
		s->command.flags = 1 + (uint8_t)below(2);
		assert_int_equal(run(s), ST_INVALID_FIELD);
		break;
	case 2:
		s->command.opcode = 0x80 + (uint8_t)below(0x80);
		assert_int_equal(run(s), ST_INVALID_OPCODE);
		break;
	default:
		s->command.opcode = IO_READ;
		s->command.cdw12 = (MDTS_BYTES >> shifts[s->ns]) + (uint32_t)below(100);
		assert_int_equal(run(s), ST_INVALID_FIELD);
		break;
	}
}

static void random_step(void)
{
	static const struct {
		unsigned int weight;
		uint8_t opcode;
		void (*run)(struct step *);
	} kinds[] = {
		{30, IO_READ, read_step},	{30, IO_WRITE, write_step},
		{10, IO_COMPARE, compare_step}, {5, IO_WRITE_ZEROES, zero_step},
		{5, IO_DSM, deallocate_step},	{8, IO_COPY, copy_step},
		{1, ADMIN_FORMAT, format_step}, {8, IO_READ, bad_step},
	};
	struct step s = {.ns = (unsigned int)below(NAMESPACES)};
	unsigned int kind = 0, weight = (unsigned int)below(97);

	while (weight >= kinds[kind].weight)
		weight -= kinds[kind++].weight;
	s.command.opcode = kinds[kind].opcode;
	s.command.nsid = s.ns + 1;
	choose_blocks(&s);
	choose_memory(&s);
	if (below(3))
		point_by_prps(&s);
	else
		point_by_sgl(&s);
	if (kinds[kind].run == deallocate_step || kinds[kind].run == copy_step)
		s.command.flags = 0;
	kinds[kind].run(&s);
}

/* All of the disk, block by block. */
static void assert_disk(void)
{
	for (unsigned int ns = 0; ns < NAMESPACES; ns++) {
		for (uint64_t lba = 0; lba < (uint64_t)SIZE >> shifts[ns]; lba++) {
			struct nvme_command read = nvme_rw(IO_READ, lba, 1, 0);

			read.nsid = ns + 1;
			assert_int_equal(nvme_do(&t, &t.rings[1], &read), ST_SUCCESS);
			assert_memory_equal(nvme_data_at(&t, 0), disk[ns] + (lba << shifts[ns]),
					    1ul << shifts[ns]);
		}
	}
}

static void run_on(const struct option_value *options, unsigned int count, uint64_t stream)
{
	rng = rng_of(stream);
	memset(disk, 0, sizeof(disk));
	for (unsigned int i = 0; i < NAMESPACES; i++)
		shifts[i] = 9;
	assert_int_equal(nvme_open(&t, MEMORY_SIZE, options, count), 0);
	assert_true(nvme_enable(&t));
	for (unsigned int i = 1; i <= RINGS; i++)
		assert_int_equal(nvme_create_ring(&t, i, 0), ST_SUCCESS);
	for (unsigned int i = 0; i < COMMANDS; i++)
		random_step();
	assert_disk();
	nvme_close(&t);
}

static void a_memory_disk_does_what_the_model_does(void **state)
{
	static const struct option_value options[] = {
		{"size", "256K"}, {"namespaces", "2"}, {"mdts", "4"}};

	(void)state;
	for (uint64_t stream = 0; stream < 3; stream++)
		run_on(options, 3, stream);
}

static void a_file_does_what_the_model_does(void **state)
{
	char path[] = "/tmp/nvme_property.XXXXXX";
	const struct option_value options[] = {{"file", path}, {"namespaces", "2"}, {"mdts", "4"}};
	int fd = mkstemp(path);
	uint8_t *found = malloc(NAMESPACES * SIZE);

	(void)state;
	assert_true(fd >= 0 && found && !ftruncate(fd, NAMESPACES * SIZE));
	run_on(options, 3, 100);
	assert_int_equal(pread(fd, found, NAMESPACES * SIZE, 0), NAMESPACES * SIZE);
	assert_memory_equal(found, disk, NAMESPACES * SIZE);
	free(found);
	close(fd);
	unlink(path);
}

/* ---- what no driver does ---- */

/* Addresses in and around the memory, most of them in pages. */
static uint64_t random_address(void)
{
	const uint64_t address = NVME_IOVA - 8192 + below(MEMORY_SIZE + 16384);

	return below(3) ? address & ~UINT64_C(0xfff) : address;
}

static struct nvme_command random_command(bool admin)
{
	static const uint8_t admin_opcodes[] = {
		ADMIN_DELETE_SQ, ADMIN_CREATE_SQ,    ADMIN_GET_LOG_PAGE, ADMIN_DELETE_CQ,
		ADMIN_CREATE_CQ, ADMIN_IDENTIFY,     ADMIN_ABORT,	 ADMIN_SET_FEATURES,
		ADMIN_FORMAT,	 ADMIN_GET_FEATURES, ADMIN_ASYNC_EVENT,	 ADMIN_DBBUF_CONFIG,
	};
	static const uint8_t io_opcodes[] = {IO_FLUSH,	      IO_WRITE, IO_READ,   IO_COMPARE,
					     IO_WRITE_ZEROES, IO_DSM,	IO_VERIFY, IO_COPY};
	struct nvme_command command = {
		.opcode = admin ? admin_opcodes[below(sizeof(admin_opcodes))]
				: io_opcodes[below(sizeof(io_opcodes))],
		.flags = below(4) ? 0 : (uint8_t)rng_next(&rng),
		.cid = (uint16_t)below(64),
		.nsid = (uint32_t)below(4),
		.prp1 = random_address(),
		.prp2 = random_address(),
		.cdw10 = (uint32_t)below(20),
		.cdw11 = (uint32_t)below(8),
		.cdw12 = (uint32_t)below(40),
	};

	if (admin && below(2))
		command.cdw10 |= (uint32_t)below(64) << 16;
	if (!below(8))
		command.cdw10 = (uint32_t)rng_next(&rng);
	if (!below(8))
		command.cdw11 = (uint32_t)rng_next(&rng);
	return command;
}

static void random_register(void)
{
	static const unsigned int registers[] = {NVME_INTMS, NVME_INTMC, NVME_CSTS,   NVME_AQA,
						 NVME_ASQ,   NVME_ACQ,	 NVME_CMBMSC, NVME_CC};
	const unsigned int reg = registers[below(8)];

	if (reg == NVME_ASQ || reg == NVME_ACQ || reg == NVME_CMBMSC)
		nvme_set(&t, reg, 8, random_address() | below(4));
	else if (reg == NVME_CC)
		nvme_set(&t, reg, 4, below(2) ? rng_next(&rng) & 0x00ffcff1 : 0x460001);
	else
		nvme_set(&t, reg, 4, rng_next(&rng) & 0xff00ff);
}

/* As a driver does, but for its patience. */
static void restart(void)
{
	nvme_set(&t, NVME_CC, 4, 0);
	usleep((unsigned int)below(300));
	nvme_set_admin_queue(&t);
	nvme_set(&t, NVME_CC, 4, 0x460001);
	usleep((unsigned int)below(300));
}

static void hostile_step(void)
{
	struct nvme_ring *ring = &t.rings[below(RINGS + 1)];

	switch (below(40)) {
	case 0:
		random_register();
		break;
	case 1:
		nvme_set(&t, (unsigned int)below(0x8000) & ~3u, 4, below(64));
		break;
	case 2:
		restart();
		break;
	case 3:
		nvme_set(&t, NVME_NSSR, 4, NSSR_RESET);
		break;
	case 4:
		assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_RESET, NULL), 0);
		break;
	case 5:
		nvme_set(&t, NVME_DOORBELLS + 8 * ring->id + 4, 4, below(40));
		break;
	default:
		ring->sq[ring->tail % ring->entries] = random_command(!ring->id);
		ring->tail = (ring->tail + 1) % ring->entries;
		nvme_set(&t, NVME_DOORBELLS + 8 * ring->id, 4, ring->tail);
		break;
	}
}

/* Queues, lists and data overwrite each other; afterwards a reset makes all well. */
static void nothing_that_a_program_does_lasts_beyond_a_reset(void **state)
{
	static const struct option_value options[] = {
		{"size", "256K"}, {"namespaces", "2"}, {"queues", "4"}, {"cmb", "64K"}};
	const struct nvme_command flush = {.opcode = IO_FLUSH, .nsid = 1};

	(void)state;
	assert_int_equal(log_open("/dev/null"), 0);
	for (uint64_t stream = 200; stream < 206; stream++) {
		rng = rng_of(stream);
		assert_int_equal(nvme_open(&t, MEMORY_SIZE, options, 4), 0);
		for (unsigned int i = 0; i <= RINGS; i++)
			(void)nvme_ring_init(&t, i, NVME_RIG_ENTRIES);
		for (unsigned int i = 0; i < HOSTILE_STEPS; i++)
			hostile_step();
		assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_RESET, NULL), 0);
		memset(t.memory, 0, MEMORY_SIZE);
		assert_true(nvme_enable(&t));
		assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
		assert_int_equal(nvme_do(&t, &t.rings[1], &flush), ST_SUCCESS);
		nvme_close(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_memory_disk_does_what_the_model_does),
		cmocka_unit_test(a_file_does_what_the_model_does),
		cmocka_unit_test(nothing_that_a_program_does_lasts_beyond_a_reset),
	};

	random_seed(20260101);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

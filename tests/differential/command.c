/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <uiommufd/vfio.h>

#include "draw.h"
#include "known.h"
#include "places.h"
#include "record.h"

enum {
	LARGEST = 512,	    /* of all structures */
	BUFFER_SEEN = 1024, /* bytes of BUFFER that are compared */
};

/* A command, spoilt or not. */
struct attempt {
	unsigned long number;
	uint32_t size;	  /* of the structure */
	uint32_t length;  /* that it is said to have, if longer */
	uint64_t address; /* that is passed */
	bool read_only;	  /* at ARGUMENT_READ_ONLY */
	bool sized;	  /* begins with its size */
	uint32_t words[LARGEST / 4];
};

uint32_t spoil_percent;

static bool uses_buffer;

void buffer_used(void)
{
	uses_buffer = true;
}

void buffer_done(void)
{
	uses_buffer = false;
}

uint64_t some_pointer(uint64_t offset, uint64_t size)
{
	buffer_used();
	if (percent(93))
		return BUFFER + offset;
	switch (below(6)) {
	case 0:
		return 0;
	case 1: /* straddles the end, or just fits */
		return BUFFER + BUFFER_SIZE - below((uint32_t)(size + 1));
	case 2:
		return BUFFER + BUFFER_SIZE - size;
	case 3:
		return HOLE;
	case 4:
		return BUFFER + offset + 1 + below(7);
	default:
		return percent(50) ? READ_ONLY
				   : ONE_OF(0xffff800000000000, 0x800000000000, UINT64_MAX,
					    0x7fffffffffff);
	}
}

uint64_t some_io_pointer(uint64_t size)
{
	const uint64_t others[] = {
		0,	   HOLE,       BUFFER + BUFFER_SIZE - size, BUFFER + BUFFER_SIZE - size + 4,
		READ_ONLY, BUFFER + 3,
	};

	return percent(93) ? BUFFER : others[below(6)];
}

/* ---- spoiling ---- */

static bool is_access_pin(const struct attempt *attempt)
{
	return attempt->number == IOMMU_TEST_CMD && attempt->words[1] == IOMMU_TEST_OP_ACCESS_PAGES;
}

static void lengthen(struct attempt *attempt)
{
	attempt->length = attempt->size + ONE_OF32(1, 4, 8, 16, 60, 500);
	attempt->words[0] = attempt->length;
}

static void spoil_size(struct attempt *attempt, uint32_t how)
{
	if (!attempt->sized)
		return;
	switch (how) {
	case 0:
		attempt->words[0] = attempt->size - ONE_OF32(4, 8, 12, 16, 1, 2, 3, 20, 24);
		break;
	case 1:
		lengthen(attempt);
		break;
	case 2:
		lengthen(attempt);
		*(uint8_t *)AT(ARGUMENT + attempt->length - 1 -
			       below(attempt->length - attempt->size)) = 0x55;
		break;
	default:
		attempt->words[0] = ONE_OF32(0, 1, 4, 8, 0x80000000, 0xffffffff, 4096, 4097, 65536);
		break;
	}
}

static void spoil_word(struct attempt *attempt)
{
	uint32_t word = below(attempt->size / 4);

	if (!attempt->sized || word)
		attempt->words[word] ^= percent(50) ? 1u << below(32) : (uint32_t)draw();
}

static void spoil(struct attempt *attempt)
{
	uint32_t how;

	if (!percent(spoil_percent))
		return;
	how = below(10);
	/* The number of a pin that is not told is used up. */
	if (is_access_pin(attempt) && (how == 4 || how == 5))
		return;
	switch (how) {
	case 4:
		attempt->address = ARGUMENT + ARGUMENT_SIZE - below(attempt->size + 1);
		break;
	case 5:
		attempt->read_only = true;
		break;
	case 6:
		attempt->address = ONE_OF(0, HOLE, 0xffff888000000000, 0x800000000000, UINT64_MAX,
					  1, ANON - 4);
		break;
	case 7:
	case 8:
		spoil_word(attempt);
		break;
	case 9:
		attempt->address = ARGUMENT + 1 + below(7);
		break;
	default:
		spoil_size(attempt, how);
		break;
	}
}

/* What the recording kernel could not be asked. */
static void avoid(struct attempt *attempt)
{
	uint32_t *words = attempt->words;

	/* It does not say which descriptor a dma-buf has got. */
	if (attempt->number == IOMMU_TEST_CMD &&
	    (words[1] == IOMMU_TEST_OP_DMABUF_GET || words[1] == IOMMU_TEST_OP_DMABUF_REVOKE))
		words[1] += 2;
	/* User Mode Linux takes for ever to clear so much. */
	if (attempt->number == IOMMU_GET_HW_INFO)
		words[3] &= 0x7fffffff;
}

/* ---- the call ---- */

static bool in_argument(const struct attempt *attempt)
{
	return attempt->address >= ARGUMENT && attempt->address < ARGUMENT + ARGUMENT_SIZE;
}

/* The bytes of the structure that are in ARGUMENT. */
static uint32_t room_of(const struct attempt *attempt)
{
	uint64_t room = ARGUMENT + ARGUMENT_SIZE - attempt->address;

	return room < attempt->size ? (uint32_t)room : attempt->size;
}

static void put_argument(struct attempt *attempt)
{
	uint32_t room;

	if (attempt->read_only) {
		memset(AT(ARGUMENT_WRITABLE), 0, 1024);
		memcpy(AT(ARGUMENT_WRITABLE), attempt->words, attempt->size);
		attempt->address = ARGUMENT_READ_ONLY;
	} else if (in_argument(attempt)) {
		room = room_of(attempt);
		if (attempt->address != ARGUMENT)
			memset(AT(attempt->address), 0, room);
		memcpy(AT(attempt->address), attempt->words, room);
	}
}

static void get_argument(const struct attempt *attempt, void *argument)
{
	memcpy(argument, attempt->words, attempt->size);
	if (in_argument(attempt))
		memcpy(argument, AT(attempt->address), room_of(attempt));
	else if (attempt->read_only)
		memcpy(argument, AT(ARGUMENT_WRITABLE), attempt->size);
}

static void record_call(const char *name, const struct attempt *attempt)
{
	record("%s", name);
	if (attempt->address != ARGUMENT)
		record("@%llx", (long long)attempt->address);
	for (uint32_t i = 0; i < attempt->size / 4; i++)
		record(i ? " %x" : "(%x", attempt->words[i]);
}

static bool tail_changed(const struct attempt *attempt)
{
	const uint8_t *bytes = AT(ARGUMENT);

	if (attempt->address != ARGUMENT)
		return false;
	for (uint32_t i = attempt->size; i < attempt->length; i++) {
		if (bytes[i] && bytes[i] != 0x55)
			return true;
	}
	return false;
}

static void record_changes(const struct attempt *attempt, const void *after, uint64_t buffer)
{
	for (uint32_t i = 0; i < attempt->size / 4; i++) {
		uint32_t word;

		memcpy(&word, (const char *)after + 4 * i, 4);
		if (word != attempt->words[i])
			record(" [%u]=%x", i, word);
	}
	if (tail_changed(attempt))
		record(" TAIL");
	if (uses_buffer && hash_of(AT(BUFFER), BUFFER_SEEN) != buffer)
		record(" buf=%llx", (long long)hash_of(AT(BUFFER), BUFFER_SEEN));
	record("\n");
}

static bool has_size(unsigned long number)
{
	return number != VFIO_IOMMU_MAP_DMA && number != VFIO_IOMMU_UNMAP_DMA;
}

int command_run(const char *name, unsigned long number, void *argument, uint32_t size)
{
	const uint64_t buffer = hash_of(AT(BUFFER), BUFFER_SEEN);
	struct attempt attempt = {
		.number = number,
		.size = size,
		.length = size,
		.address = ARGUMENT,
		.sized = has_size(number),
	};
	int rc, error;

	memset(AT(ARGUMENT), 0, ARGUMENT_SIZE);
	memcpy(attempt.words, argument, size);
	if (attempt.sized)
		attempt.words[0] = size;
	spoil(&attempt);
	avoid(&attempt);
	put_argument(&attempt);
	record_call(name, &attempt);
	rc = ioctl(known.fd, number, attempt.address);
	error = errno;
	record(") = %d", rc);
	if (rc < 0)
		record(" %s", error_name(error));
	get_argument(&attempt, argument);
	record_changes(&attempt, argument, buffer);
	buffer_done();
	record_flush();
	errno = error;
	return rc;
}

int test_run(const char *name, struct iommu_test_cmd *cmd)
{
	return command_run(name, IOMMU_TEST_CMD, cmd, sizeof(*cmd));
}

int quiet_test(struct iommu_test_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	return ioctl(known.fd, IOMMU_TEST_CMD, cmd);
}

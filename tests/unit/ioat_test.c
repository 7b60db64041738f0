/* SPDX-License-Identifier: MIT */
/*
 * The ioat device, driven as a program would: registers through the file, chains in a real IO
 * address space.
 */
#include <linux/pci_regs.h>

#include "kit.h"

enum {
	MEMORY_SIZE = 1 << 23,
	FROM = DATA_OFFSET,
	TO = 0x400000,
	BEYOND = MEMORY_SIZE, /* nothing is mapped there */
};

static struct ioat_rig t;

static int setup(void **state)
{
	(void)state;
	if (ioat_open(&t, MEMORY_SIZE))
		return -1;
	for (size_t i = 0; i < TO - FROM; i++)
		t.memory[FROM + i] = (uint8_t)(i * 7 + i / 251);
	ioat_start_ring(&t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ioat_close(&t);
	return 0;
}

static void assert_completed(unsigned int slot, enum ioat_state status)
{
	assert_int_equal(ioat_get(&t, IOAT_CHANSTS, 8), ioat_slot_iova(slot) | status);
}

/* ---- registers ---- */

static void it_says_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(ioat_get(&t, IOAT_CHANCNT, 1), 1);
	assert_int_equal(ioat_get(&t, IOAT_XFERCAP, 1), 21);
	assert_int_equal(ioat_get(&t, IOAT_CBVER, 1), 0x33);
	assert_int_equal(ioat_get(&t, IOAT_DMACAPABILITY, 4), DMACAPABILITY_FILL);
	assert_int_equal(ioat_get(&t, IOAT_DMA_COMP, 2), DMA_COMP_V2 | DMA_COMP_V3);
	/* All at once, and a part of one. */
	assert_int_equal(ioat_get(&t, IOAT_CHANCNT, 4), 1 | 21 << 8);
	assert_int_equal(ioat_get(&t, IOAT_CHANCMP + 4, 4), 0);
	assert_int_equal(ioat_get(&t, IOAT_CHANCMP + 1, 1),
			 (RING_IOVA + COMPLETION_OFFSET) >> 8 & 0xff);
	assert_int_equal(ioat_get(&t, IOAT_CHAINADDR, 8), ioat_slot_iova(0));
	assert_int_equal(ioat_get(&t, 0x1000, 8), 0);
}

static void the_channel_is_claimed_by_reading_and_released_by_writing_0(void **state)
{
	(void)state;
	assert_int_equal(ioat_get(&t, IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, 0);
	assert_int_equal(ioat_get(&t, IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, CHANCTRL_IN_USE);
	/* The other byte is not touched. */
	ioat_set(&t, IOAT_CHANCTRL, 1, CHANCTRL_ERR_INT_EN);
	assert_int_equal(ioat_get(&t, IOAT_CHANCTRL, 2), CHANCTRL_IN_USE | CHANCTRL_ERR_INT_EN);
	ioat_set(&t, IOAT_CHANCTRL, 2, 0);
	assert_int_equal(ioat_get(&t, IOAT_CHANCTRL, 2), 0);
	ioat_set(&t, IOAT_CHANCTRL, 2, 0);
	ioat_set(&t, IOAT_CHANCTRL, 2, 0xffff & ~CHANCTRL_IN_USE);
	assert_int_equal(ioat_get(&t, IOAT_CHANCTRL, 2),
			 CHANCTRL_ERR_COMP_EN | CHANCTRL_ANY_ERR_ABORT_EN | CHANCTRL_ERR_INT_EN |
				 CHANCTRL_DESC_SNOOP | CHANCTRL_DCA_EN);
}

static void addresses_can_be_written_in_halves(void **state)
{
	(void)state;
	ioat_set(&t, IOAT_CHAINADDR, 4, 0x12345640);
	ioat_set(&t, IOAT_CHAINADDR + 4, 4, 0xabcd);
	assert_int_equal(ioat_get(&t, IOAT_CHAINADDR, 8), UINT64_C(0xabcd12345640));
	ioat_set(&t, IOAT_CHANCMP + 4, 4, 1);
	assert_int_equal(ioat_get(&t, IOAT_CHANCMP, 8),
			 UINT64_C(0x100000000) | (RING_IOVA + COMPLETION_OFFSET));
}

static void the_chain_address_arms_the_channel(void **state)
{
	(void)state;
	assert_int_equal(ioat_get(&t, IOAT_CHANSTS, 8), CHANSTS_ARMED);
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_SUSPEND);
	assert_int_equal(ioat_get(&t, IOAT_CHANSTS, 8), CHANSTS_SUSPENDED);
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_RESUME);
	assert_int_equal(ioat_get(&t, IOAT_CHANSTS, 8), CHANSTS_ARMED);
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_RESET);
	assert_int_equal(ioat_get(&t, IOAT_CHANSTS, 8), CHANSTS_HALTED);
	/* Neither more descriptors nor these commands get it out of that. */
	ioat_prepare(&t, TO, FROM, 64, 0);
	ioat_submit(&t);
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_SUSPEND);
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_RESUME);
	assert_int_equal(ioat_get(&t, IOAT_CHANSTS, 8), CHANSTS_HALTED);
	ioat_set(&t, IOAT_CHAINADDR, 8, ioat_slot_iova(0));
	assert_int_equal(ioat_get(&t, IOAT_CHANSTS, 8), CHANSTS_ARMED);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
}

static void a_reset_of_the_channel_forgets_the_last_completion(void **state)
{
	(void)state;
	ioat_prepare(&t, TO, FROM, 64, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_RESET);
	ioat_start_ring(&t);
	assert_int_equal(ioat_get(&t, IOAT_CHANSTS, 8), CHANSTS_ARMED);
	ioat_set(&t, IOAT_CHANCTRL, 2, CHANCTRL_ERR_COMP_EN);
	ioat_prepare(&t, TO, FROM, 0, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_HALTED);
	assert_int_equal(*ioat_completion(&t), CHANSTS_HALTED);
}

static void a_device_reset_forgets_everything(void **state)
{
	(void)state;
	ioat_prepare(&t, TO, FROM, 64, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_RESET, NULL), 0);
	assert_int_equal(ioat_get(&t, IOAT_CHANSTS, 8), CHANSTS_HALTED);
	assert_int_equal(ioat_get(&t, IOAT_CHAINADDR, 8), 0);
	assert_int_equal(ioat_get(&t, IOAT_CHANCMP, 8), 0);
	assert_int_equal(ioat_get(&t, IOAT_DMACOUNT, 2), 0);
}

/* ---- chains ---- */

static void a_copy_is_a_copy(void **state)
{
	static const uint32_t sizes[] = {1, 7, 64, 4096, 4097, 1 << 20, 1 << 21};

	(void)state;
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(t.memory + TO, 0, sizes[i] + 1);
		ioat_prepare(&t, TO, FROM + i, sizes[i], 0);
		ioat_submit(&t);
		assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
		assert_completed(i, CHANSTS_IDLE);
		assert_memory_equal(t.memory + TO, t.memory + FROM + i, sizes[i]);
		assert_int_equal(t.memory[TO + sizes[i]], 0);
	}
}

static void a_fill_repeats_its_pattern_from_the_first_byte(void **state)
{
	static const uint64_t pattern = UINT64_C(0xfedcba9876543210);
	static const uint32_t sizes[] = {1, 8, 89, 4096, 4099, 1 << 21};

	(void)state;
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *to = t.memory + TO + 3;

		memset(t.memory + TO, 0x55, sizes[i] + 4);
		ioat_prepare(&t, TO + 3, 0, sizes[i],
			     (uint32_t)OPERATION_FILL << DESCRIPTOR_OPERATION_SHIFT)
			->source = pattern;
		ioat_submit(&t);
		assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
		assert_int_equal(to[-1], 0x55);
		for (uint32_t at = 0; at < sizes[i]; at++)
			assert_int_equal(to[at], pattern >> (8 * (at % 8)) & 0xff);
		assert_int_equal(to[sizes[i]], 0x55);
	}
}

static void a_chain_is_done_in_order(void **state)
{
	(void)state;
	/* Each copies what the one before has copied. */
	for (unsigned int i = 0; i < RING_SLOTS; i++)
		ioat_prepare(&t, TO + i * 4096, i ? TO + (i - 1) * 4096 : FROM, 4096, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	assert_completed(RING_SLOTS - 1, CHANSTS_IDLE);
	assert_memory_equal(t.memory + TO + (RING_SLOTS - 1) * 4096, t.memory + FROM, 4096);
}

static void a_chain_goes_on_where_it_ended_also_when_the_count_wraps(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 70000; i += RING_SLOTS / 2) {
		for (unsigned int n = 0; n < RING_SLOTS / 2; n++)
			ioat_prepare(&t, TO, FROM, 8, DESCRIPTOR_NULL);
		ioat_submit(&t);
		assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
		assert_completed(t.given - 1u, CHANSTS_IDLE);
	}
	assert_true(t.given < 70000 - 65536 + RING_SLOTS);
}

static void a_null_descriptor_moves_nothing_and_completes(void **state)
{
	(void)state;
	t.memory[TO] = 1;
	ioat_prepare(&t, TO, FROM, 0, DESCRIPTOR_NULL | DESCRIPTOR_COMPLETION)->source = 0;
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	assert_int_equal(*ioat_completion(&t), ioat_slot_iova(0) | CHANSTS_IDLE);
	assert_int_equal(t.memory[TO], 1);
}

static void completions_are_written_for_those_who_ask(void **state)
{
	(void)state;
	ioat_prepare(&t, TO, FROM, 64, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	assert_int_equal(*ioat_completion(&t), 0);
	ioat_prepare(&t, TO, FROM, 64, DESCRIPTOR_COMPLETION);
	ioat_prepare(&t, TO, FROM, 64, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	assert_int_equal(*ioat_completion(&t), ioat_slot_iova(1) | CHANSTS_ACTIVE);
	assert_completed(2, CHANSTS_IDLE);
}

static void writing_the_chain_address_starts_anew(void **state)
{
	(void)state;
	ioat_prepare(&t, TO, FROM, 64, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	ioat_set(&t, IOAT_CHAINADDR, 8, ioat_slot_iova(10));
	assert_int_equal(ioat_get(&t, IOAT_DMACOUNT, 2), 0);
	*ioat_slot(&t, 10) = (struct ioat_descriptor){.control = DESCRIPTOR_NULL};
	ioat_set(&t, IOAT_DMACOUNT, 2, 1);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	assert_completed(10, CHANSTS_IDLE);
}

/* ---- interrupts ---- */

static void an_interrupt_disables_itself_until_it_is_enabled_again(void **state)
{
	int fd = ioat_take_interrupts(&t, VFIO_PCI_MSIX_IRQ_INDEX);

	(void)state;
	ioat_prepare(&t, TO, FROM, 64, DESCRIPTOR_INTERRUPT);
	ioat_prepare(&t, TO, FROM, 64, DESCRIPTOR_INTERRUPT);
	ioat_prepare(&t, TO, FROM, 64, DESCRIPTOR_INTERRUPT);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	assert_int_equal(ioat_events(fd, 2000), 1);
	assert_int_equal(ioat_events(fd, 20), 0);
	assert_true(ioat_get(&t, IOAT_CHANCTRL, 2) & CHANCTRL_INT_DISABLE);
	assert_int_equal(ioat_get(&t, IOAT_ATTNSTATUS, 4), 1);
	assert_int_equal(ioat_get(&t, IOAT_ATTNSTATUS, 4), 0);
	/* Interrupts that were raised meanwhile arrive as one. */
	ioat_set(&t, IOAT_CHANCTRL, 2, CHANCTRL_INT_DISABLE);
	assert_int_equal(ioat_events(fd, 2000), 1);
	ioat_set(&t, IOAT_CHANCTRL, 2, CHANCTRL_INT_DISABLE);
	assert_int_equal(ioat_events(fd, 20), 0);
	close(fd);
}

static void intx_follows_the_master_enable(void **state)
{
	int fd = ioat_take_interrupts(&t, VFIO_PCI_INTX_IRQ_INDEX);

	(void)state;
	ioat_prepare(&t, TO, FROM, 64, DESCRIPTOR_INTERRUPT);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	assert_int_equal(ioat_events(fd, 20), 0);
	ioat_set(&t, IOAT_INTRCTRL, 1, INTRCTRL_MASTER_EN);
	assert_int_equal(ioat_events(fd, 2000), 1);
	/* Reading disables it again, and says what it was. */
	assert_int_equal(ioat_get(&t, IOAT_INTRCTRL, 1),
			 INTRCTRL_MASTER_EN | INTRCTRL_STATUS | INTRCTRL_INT);
	assert_int_equal(ioat_get(&t, IOAT_INTRCTRL, 1), INTRCTRL_STATUS);
	assert_int_equal(ioat_get(&t, IOAT_ATTNSTATUS, 4), 1);
	assert_int_equal(ioat_get(&t, IOAT_INTRCTRL, 1), 0);
	close(fd);
}

/* ---- errors ---- */

struct bad {
	uint64_t at; /* of the descriptor; 0: the ring's */
	struct ioat_descriptor descriptor;
	uint32_t error;
};

static void run_bad(const struct bad *bad)
{
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_RESET);
	ioat_start_ring(&t);
	ioat_prepare(&t, TO, FROM, 64, 0);
	*ioat_slot(&t, 1) = bad->descriptor;
	t.given++;
	if (bad->at)
		ioat_slot(&t, 0)->next = bad->at;
	ioat_set(&t, IOAT_CHANCTRL, 2, CHANCTRL_ERR_COMP_EN);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_HALTED);
	assert_int_equal(ioat_get(&t, IOAT_CHANERR, 4), bad->error);
	/* The one before it is the last that was completed. */
	assert_completed(0, CHANSTS_HALTED);
	assert_int_equal(*ioat_completion(&t), ioat_slot_iova(0) | CHANSTS_HALTED);
}

static void a_bad_descriptor_halts_the_channel(void **state)
{
	static const struct ioat_descriptor good = {
		.size = 64, .source = RING_IOVA + FROM, .destination = RING_IOVA + TO};
	struct bad bad[] = {
		{.descriptor = good, .error = CHANERR_LENGTH},
		{.descriptor = good, .error = CHANERR_LENGTH},
		{.descriptor = good, .error = CHANERR_CONTROL},
		{.descriptor = good, .error = CHANERR_CONTROL},
		{.descriptor = good, .error = CHANERR_SOURCE_ADDRESS},
		{.descriptor = good, .error = CHANERR_DESTINATION_ADDRESS},
		{.descriptor = good, .error = CHANERR_READ_DATA},
		{.descriptor = good, .error = CHANERR_WRITE_DATA},
		{.descriptor = good, .error = CHANERR_WRITE_DATA},
		{.descriptor = good, .error = CHANERR_DESTINATION_ADDRESS},
		{.descriptor = good, .error = CHANERR_NEXT_ADDRESS, .at = RING_IOVA + 72},
		{.descriptor = good, .error = CHANERR_DESCRIPTOR, .at = RING_IOVA + BEYOND},
	};

	(void)state;
	bad[0].descriptor.size = 0;
	bad[1].descriptor.size = (1 << 21) + 1;
	bad[2].descriptor.control = 0x87u << DESCRIPTOR_OPERATION_SHIFT;
	bad[3].descriptor.control = 1 << 23;
	bad[4].descriptor.source = UINT64_MAX - 62;
	bad[5].descriptor.destination = UINT64_MAX - 62;
	bad[6].descriptor.source = RING_IOVA + BEYOND - 32;
	bad[7].descriptor.destination = RING_IOVA + BEYOND - 32;
	bad[8].descriptor.control = (uint32_t)OPERATION_FILL << DESCRIPTOR_OPERATION_SHIFT;
	bad[8].descriptor.destination = RING_IOVA + BEYOND - 32;
	bad[9].descriptor.control = (uint32_t)OPERATION_FILL << DESCRIPTOR_OPERATION_SHIFT;
	bad[9].descriptor.destination = UINT64_MAX - 62;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		run_bad(&bad[i]);
}

static void a_misaligned_chain_address_is_an_error_of_its_own(void **state)
{
	(void)state;
	ioat_set(&t, IOAT_CHAINADDR, 8, ioat_slot_iova(0) + 8);
	ioat_set(&t, IOAT_DMACOUNT, 2, 1);
	assert_int_equal(ioat_await(&t), CHANSTS_HALTED);
	assert_int_equal(ioat_get(&t, IOAT_CHANERR, 4), CHANERR_CHAIN_ADDRESS);
}

static void a_completion_that_cannot_be_written_halts(void **state)
{
	(void)state;
	ioat_set(&t, IOAT_CHANCMP, 8, RING_IOVA + BEYOND);
	ioat_prepare(&t, TO, FROM, 64, DESCRIPTOR_COMPLETION);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_HALTED);
	assert_int_equal(ioat_get(&t, IOAT_CHANERR, 4), CHANERR_COMPLETION_ADDRESS);
}

static void an_error_interrupts_if_asked_to_and_not_masked(void **state)
{
	int fd = ioat_take_interrupts(&t, VFIO_PCI_MSIX_IRQ_INDEX);

	(void)state;
	for (unsigned int masked = 0; masked < 2; masked++) {
		ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_RESET);
		ioat_start_ring(&t);
		ioat_set(&t, IOAT_CHANERRMSK, 4, masked ? CHANERR_LENGTH : 0);
		ioat_set(&t, IOAT_CHANCTRL, 2, CHANCTRL_ERR_INT_EN | CHANCTRL_INT_DISABLE);
		ioat_prepare(&t, TO, FROM, 0, 0);
		ioat_submit(&t);
		assert_int_equal(ioat_await(&t), CHANSTS_HALTED);
		assert_int_equal(ioat_events(fd, masked ? 20 : 2000), !masked);
	}
	close(fd);
}

static void a_halted_channel_is_armed_once_the_error_is_cleared(void **state)
{
	(void)state;
	ioat_prepare(&t, TO, FROM, 0, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_HALTED);
	ioat_slot(&t, 0)->size = 64;
	ioat_set(&t, IOAT_CHAINADDR, 8, ioat_slot_iova(0));
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_HALTED);
	ioat_set(&t, IOAT_CHANERR, 4, ioat_get(&t, IOAT_CHANERR, 4));
	assert_int_equal(ioat_get(&t, IOAT_CHANERR, 4), 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_HALTED);
	ioat_set(&t, IOAT_CHAINADDR, 8, ioat_slot_iova(0));
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	assert_completed(0, CHANSTS_IDLE);
}

static void without_bus_mastering_nothing_is_fetched(void **state)
{
	(void)state;
	rig_set_pci_command(&t.rig, PCI_COMMAND_MEMORY);
	ioat_prepare(&t, TO, FROM, 64, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_HALTED);
	assert_int_equal(ioat_get(&t, IOAT_CHANERR, 4), CHANERR_DESCRIPTOR);
}

/* ---- commands ---- */

static void an_idle_channel_is_suspended_and_goes_on(void **state)
{
	(void)state;
	ioat_prepare(&t, TO, FROM, 64, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_SUSPEND);
	assert_completed(0, CHANSTS_SUSPENDED);
	ioat_submit(&t);
	assert_completed(0, CHANSTS_IDLE);
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_SUSPEND);
	ioat_prepare(&t, TO, FROM, 64, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	assert_completed(1, CHANSTS_IDLE);
}

enum {
	MANY = 60000
};

/*
 * Around the ring again and again: some seconds of copying, so that it is busy when the test looks.
 */
static void start_long_chain(void)
{
	for (unsigned int i = 0; i < RING_SLOTS; i++)
		ioat_prepare(&t, TO, FROM, 1 << 21, DESCRIPTOR_COMPLETION);
	ioat_set(&t, IOAT_DMACOUNT, 2, MANY);
	while (!*ioat_completion(&t))
		usleep(10);
}

static void a_running_chain_is_suspended_between_two_descriptors(void **state)
{
	uint64_t status;

	(void)state;
	start_long_chain();
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_SUSPEND);
	assert_int_equal(ioat_await(&t), CHANSTS_SUSPENDED);
	assert_int_equal(ioat_get(&t, IOAT_CHANCMD, 1), 0);
	status = ioat_get(&t, IOAT_CHANSTS, 8);
	assert_int_equal(*ioat_completion(&t) & CHANSTS_DESCRIPTOR, status & CHANSTS_DESCRIPTOR);
	usleep(2000);
	assert_int_equal(ioat_get(&t, IOAT_CHANSTS, 8), status);
	/* Writing the count, also the same, goes on. */
	*ioat_completion(&t) = 0;
	ioat_set(&t, IOAT_DMACOUNT, 2, MANY);
	assert_int_equal(ioat_state(&t), CHANSTS_ACTIVE);
	while (!*ioat_completion(&t))
		usleep(10);
}

static void a_running_chain_is_reset(void **state)
{
	(void)state;
	start_long_chain();
	/* Ignored while the channel is active. */
	ioat_set(&t, IOAT_CHAINADDR, 8, 0x40);
	assert_int_equal(ioat_get(&t, IOAT_CHAINADDR, 8), ioat_slot_iova(0));
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_RESET);
	assert_int_equal(ioat_await(&t), CHANSTS_HALTED);
	while (ioat_get(&t, IOAT_CHANCMD, 1))
		usleep(10);
	assert_int_equal(ioat_get(&t, IOAT_DMACOUNT, 2), 0);
	ioat_start_ring(&t);
	ioat_prepare(&t, TO, FROM, 64, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
	assert_completed(0, CHANSTS_IDLE);
}

static void two_commands_at_once_are_an_error(void **state)
{
	(void)state;
	ioat_set(&t, IOAT_CHANCMD, 1, CHANCMD_RESET | CHANCMD_SUSPEND);
	assert_int_equal(ioat_get(&t, IOAT_CHANERR, 4), CHANERR_COMMAND);
	assert_int_equal(ioat_state(&t), CHANSTS_HALTED);
}

static void a_device_reset_ends_a_running_chain(void **state)
{
	(void)state;
	start_long_chain();
	assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_RESET, NULL), 0);
	assert_int_equal(ioat_get(&t, IOAT_CHANSTS, 8), CHANSTS_HALTED);
	ioat_start_ring(&t);
	ioat_prepare(&t, TO, FROM, 64, 0);
	ioat_submit(&t);
	assert_int_equal(ioat_await(&t), CHANSTS_IDLE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_says_what_it_is),
		TEST(the_channel_is_claimed_by_reading_and_released_by_writing_0),
		TEST(addresses_can_be_written_in_halves),
		TEST(the_chain_address_arms_the_channel),
		TEST(a_reset_of_the_channel_forgets_the_last_completion),
		TEST(a_device_reset_forgets_everything),
		TEST(a_copy_is_a_copy),
		TEST(a_fill_repeats_its_pattern_from_the_first_byte),
		TEST(a_chain_is_done_in_order),
		TEST(a_chain_goes_on_where_it_ended_also_when_the_count_wraps),
		TEST(a_null_descriptor_moves_nothing_and_completes),
		TEST(completions_are_written_for_those_who_ask),
		TEST(writing_the_chain_address_starts_anew),
		TEST(an_interrupt_disables_itself_until_it_is_enabled_again),
		TEST(intx_follows_the_master_enable),
		TEST(a_bad_descriptor_halts_the_channel),
		TEST(a_misaligned_chain_address_is_an_error_of_its_own),
		TEST(a_completion_that_cannot_be_written_halts),
		TEST(an_error_interrupts_if_asked_to_and_not_masked),
		TEST(a_halted_channel_is_armed_once_the_error_is_cleared),
		TEST(without_bus_mastering_nothing_is_fetched),
		TEST(an_idle_channel_is_suspended_and_goes_on),
		TEST(a_running_chain_is_suspended_between_two_descriptors),
		TEST(a_running_chain_is_reset),
		TEST(two_commands_at_once_are_an_error),
		TEST(a_device_reset_ends_a_running_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

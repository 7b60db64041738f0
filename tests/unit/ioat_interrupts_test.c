/* SPDX-License-Identifier: MIT */
/*
 * The interrupts of the ioat device, by the million: each completion that is awaited interrupts
 * once.
 */
#include "base/sanitized_build.h"
#include "kit.h"

enum {
	MEMORY_SIZE = 1 << 20,
	FROM = DATA_OFFSET,
	TO = FROM + 64,
	PATIENCE_MS = 10000,
#ifdef BASE_SANITIZER
	INTERRUPTS = 50000,
#else
	INTERRUPTS = 1000000,
#endif
};

/* One copy at a time; the program sleeps until it is done. */
static void each_completion_interrupts_once(void **state)
{
	struct ioat_rig t;
	int fd;

	(void)state;
	assert_int_equal(ioat_open(&t, MEMORY_SIZE), 0);
	ioat_start_ring(&t);
	fd = ioat_take_interrupts(&t, VFIO_PCI_MSIX_IRQ_INDEX);
	for (unsigned int i = 0; i < INTERRUPTS; i++) {
		ioat_prepare(&t, TO, FROM, 64, DESCRIPTOR_INTERRUPT | DESCRIPTOR_COMPLETION);
		ioat_submit(&t);
		assert_int_equal(ioat_events(fd, PATIENCE_MS), 1);
		/* After the interrupt the completion is there. */
		assert_int_equal(*ioat_completion(&t) & CHANSTS_DESCRIPTOR, ioat_slot_iova(i));
		ioat_set(&t, IOAT_CHANCTRL, 2, CHANCTRL_INT_DISABLE);
	}
	/* And no more than that. */
	assert_int_equal(ioat_events(fd, 20), 0);
	close(fd);
	ioat_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_completion_interrupts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

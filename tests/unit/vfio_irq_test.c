/* SPDX-License-Identifier: MIT */
/* Interrupts of a VFIO device: INTx with its mask, messages, and eventfds that come and go. */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include <uiommufd/vfio.h>

#include "vfio/irq.h"

static const struct uiommufd_model model = {
	.name = "test",
	.intx = true,
	.msi_vectors = 4,
	.msix_vectors = 16,
	.pcie = true,
};

static int test_dup_fd(struct uiommufd_caller *caller, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	(void)caller;
	return copy < 0 ? -errno : copy;
}

static const struct uiommufd_caller_ops caller_ops = {.dup_fd = test_dup_fd};
static struct uiommufd_caller caller = {.ops = &caller_ops};

struct fixture {
	struct device_irqs irqs;
	int event[4];
};

static int setup(void **state)
{
	static struct fixture f;

	*state = &f;
	for (unsigned int i = 0; i < 4; i++)
		f.event[i] = eventfd(0, EFD_NONBLOCK);
	if (vfio_irqs_init(&f.irqs, &model, "0000:01:00.0", 0))
		return -1;
	vfio_irqs_set_command(&f.irqs, true, false);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	vfio_irqs_destroy(&f->irqs);
	for (unsigned int i = 0; i < 4; i++)
		close(f->event[i]);
	return 0;
}

/* What has been counted since the last call. */
static uint64_t events(int fd)
{
	uint64_t count = 0;

	if (read(fd, &count, sizeof(count)) < 0)
		return 0;
	return count;
}

static int set_irqs(struct fixture *f, enum irq_index index, uint32_t flags, unsigned int start,
		    unsigned int count, const void *data)
{
	const struct irq_request request = {.caller = &caller,
					    .index = index,
					    .start = start,
					    .count = count,
					    .flags = flags,
					    .data = data};

	return vfio_irqs_set(&f->irqs, &request);
}

#define NONE	VFIO_IRQ_SET_DATA_NONE
#define BOOL	VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD VFIO_IRQ_SET_DATA_EVENTFD
#define TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER
#define MASK	VFIO_IRQ_SET_ACTION_MASK
#define UNMASK	VFIO_IRQ_SET_ACTION_UNMASK

static void enable_intx(struct fixture *f)
{
	int32_t fd = f->event[0];

	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | TRIGGER, 0, 1, &fd), 0);
}

static void unmask(struct fixture *f)
{
	assert_int_equal(set_irqs(f, IRQ_INTX, NONE | UNMASK, 0, 1, NULL), 0);
}

/* ---- INTx ---- */

static void intx_notifies_once_and_masks_itself(void **state)
{
	struct fixture *f = *state;

	enable_intx(f);
	vfio_irqs_set_level(&f->irqs, true);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 1);
	vfio_irqs_set_level(&f->irqs, false);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 0);
}

static void unmask_notifies_again_while_the_line_is_asserted(void **state)
{
	struct fixture *f = *state;

	enable_intx(f);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 1);
	unmask(f);
	assert_int_equal(events(f->event[0]), 1);
	vfio_irqs_set_level(&f->irqs, false);
	unmask(f);
	assert_int_equal(events(f->event[0]), 0);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 1);
}

static void an_assertion_while_masked_is_not_lost(void **state)
{
	struct fixture *f = *state;

	enable_intx(f);
	assert_int_equal(set_irqs(f, IRQ_INTX, NONE | MASK, 0, 1, NULL), 0);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 0);
	unmask(f);
	assert_int_equal(events(f->event[0]), 1);
}

static void a_line_asserted_before_enabling_notifies_at_once(void **state)
{
	struct fixture *f = *state;

	vfio_irqs_set_level(&f->irqs, true);
	enable_intx(f);
	assert_int_equal(events(f->event[0]), 1);
}

static void the_command_register_holds_intx_back(void **state)
{
	struct fixture *f = *state;

	enable_intx(f);
	vfio_irqs_set_command(&f->irqs, false, true);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(set_irqs(f, IRQ_INTX, NONE | TRIGGER, 0, 1, NULL), 0);
	assert_int_equal(events(f->event[0]), 0);
	assert_true(vfio_irqs_status(&f->irqs).intx);
	vfio_irqs_set_command(&f->irqs, false, false);
	assert_int_equal(events(f->event[0]), 1);
}

/* [CONFIG-INTX.1], [CONFIG-COMMAND.5] */
static void disabling_and_enabling_intx_unmasks_it(void **state)
{
	struct fixture *f = *state;

	enable_intx(f);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 1);
	vfio_irqs_set_command(&f->irqs, true, true);
	unmask(f); /* succeeds, and does nothing */
	assert_int_equal(events(f->event[0]), 0);
	vfio_irqs_set_command(&f->irqs, true, false);
	assert_int_equal(events(f->event[0]), 1);

	/* Another mask than the register's own goes, too. */
	vfio_irqs_set_level(&f->irqs, false);
	unmask(f);
	assert_int_equal(set_irqs(f, IRQ_INTX, NONE | MASK, 0, 1, NULL), 0);
	vfio_irqs_set_level(&f->irqs, true);
	vfio_irqs_set_command(&f->irqs, true, false);
	assert_int_equal(events(f->event[0]), 0);
	vfio_irqs_set_command(&f->irqs, true, true);
	vfio_irqs_set_command(&f->irqs, true, false);
	assert_int_equal(events(f->event[0]), 1);
}

static void intx_enabled_while_the_register_disables_it_starts_masked(void **state)
{
	struct fixture *f = *state;

	vfio_irqs_set_command(&f->irqs, true, true);
	enable_intx(f);
	assert_true(vfio_irqs_status(&f->irqs).intx_disabled);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 0);
	vfio_irqs_set_command(&f->irqs, true, false);
	assert_int_equal(events(f->event[0]), 1);
}

static void intx_can_be_simulated(void **state)
{
	struct fixture *f = *state;
	uint8_t yes = 1, no = 0;

	assert_int_equal(set_irqs(f, IRQ_INTX, NONE | TRIGGER, 0, 1, NULL), -EINVAL);
	enable_intx(f);
	assert_int_equal(set_irqs(f, IRQ_INTX, NONE | TRIGGER, 0, 1, NULL), 0);
	assert_int_equal(set_irqs(f, IRQ_INTX, BOOL | TRIGGER, 0, 1, &yes), 0);
	assert_int_equal(set_irqs(f, IRQ_INTX, BOOL | TRIGGER, 0, 1, &no), 0);
	assert_int_equal(events(f->event[0]), 2);
}

static void intx_refuses_what_it_is_not(void **state)
{
	struct fixture *f = *state;
	int32_t fd = f->event[0], bad[] = {-1, 12345};

	assert_int_equal(set_irqs(f, IRQ_INTX, NONE | UNMASK, 0, 1, NULL), -EINVAL);
	assert_int_equal(set_irqs(f, IRQ_INTX, NONE | TRIGGER, 0, 0, NULL), -EINVAL);
	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | TRIGGER, 0, 1, &bad[1]), -EBADF);
	bad[1] = STDIN_FILENO;
	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | TRIGGER, 0, 1, &bad[1]), -EINVAL);
	enable_intx(f);
	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 1, &fd), -EINVAL);
	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | MASK, 0, 1, &fd), -ENOTTY);
	assert_int_equal(set_irqs(f, IRQ_INTX, NONE, 0, 1, NULL), -ENOTTY);
	assert_int_equal(set_irqs(f, IRQ_INTX, NONE | MASK | UNMASK, 0, 1, NULL), -ENOTTY);
	assert_int_equal(set_irqs(f, IRQ_INTX, NONE | UNMASK, 0, 0, NULL), -EINVAL);
	/* -1: no eventfd any more, but enabled. */
	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | TRIGGER, 0, 1, &bad[0]), 0);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 0);
	assert_int_equal(set_irqs(f, IRQ_INTX, NONE | TRIGGER, 0, 0, NULL), 0);
	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 1, &fd), 0);
}

static void await_event(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&pfd, 1, 5000), 1);
}

static void an_eventfd_unmasks_intx(void **state)
{
	struct fixture *f = *state;
	int32_t fd = f->event[1], none = -1;
	const uint64_t one = 1;

	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | UNMASK, 0, 1, &fd), -EINVAL);
	enable_intx(f);
	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | UNMASK, 0, 1, &fd), 0);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 1);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(write(f->event[1], &one, sizeof(one)), sizeof(one));
		await_event(f->event[0]);
		assert_int_equal(events(f->event[0]), 1);
	}
	/* Another one, then none: the former do nothing any more. */
	fd = f->event[2];
	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | UNMASK, 0, 1, &none), 0);
	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | UNMASK, 0, 1, &fd), 0);
	assert_int_equal(write(f->event[2], &one, sizeof(one)), sizeof(one));
	await_event(f->event[0]);
	assert_int_equal(events(f->event[0]), 1);
	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | UNMASK, 0, 1, &none), 0);
	assert_int_equal(write(f->event[2], &one, sizeof(one)), sizeof(one));
	assert_int_equal(poll(&(struct pollfd){.fd = f->event[0], .events = POLLIN}, 1, 20), 0);
}

static void an_unmask_eventfd_that_was_closed_behind_us_can_be_replaced(void **state)
{
	struct fixture *f = *state;
	int32_t fd = f->event[1];
	int other;
	const uint64_t one = 1;

	enable_intx(f);
	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | UNMASK, 0, 1, &fd), 0);
	/* By a program that closes all descriptors and opens others; the wait that has begun needs
	 * a push. */
	other = open("/dev/null", O_RDWR);
	assert_int_equal(dup2(other, f->irqs.unmask.fd), f->irqs.unmask.fd);
	close(other);
	assert_int_equal(write(f->event[1], &one, sizeof(one)), sizeof(one));
	usleep(10000);
	fd = f->event[2];
	assert_int_equal(set_irqs(f, IRQ_INTX, EVENTFD | UNMASK, 0, 1, &fd), 0);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 1);
	assert_int_equal(write(f->event[2], &one, sizeof(one)), sizeof(one));
	await_event(f->event[0]);
}

/* ---- messages ---- */

static void each_message_notifies_its_vector(void **state)
{
	struct fixture *f = *state;
	int32_t fds[] = {f->event[0], f->event[1], f->event[2]};

	assert_false(vfio_irqs_send(&f->irqs, 0));
	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 3, fds), 0);
	assert_int_equal(vfio_irqs_status(&f->irqs).msi_control, PCI_MSI_FLAGS_ENABLE | 2 << 4);
	assert_true(vfio_irqs_send(&f->irqs, 1));
	assert_true(vfio_irqs_send(&f->irqs, 1));
	assert_true(vfio_irqs_send(&f->irqs, 2));
	assert_false(vfio_irqs_send(&f->irqs, 3));
	assert_int_equal(events(f->event[0]), 0);
	assert_int_equal(events(f->event[1]), 2);
	assert_int_equal(events(f->event[2]), 1);
}

/* [CONFIG-MSI-WRITE.2] */
static void without_its_enable_bit_msi_sends_nothing(void **state)
{
	struct fixture *f = *state;
	int32_t fd = f->event[0];

	vfio_irqs_set_msi_control(&f->irqs, PCI_MSI_FLAGS_ENABLE);
	assert_int_equal(vfio_irqs_status(&f->irqs).msi_control, 0);
	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 1, &fd), 0);
	vfio_irqs_set_msi_control(&f->irqs, 0);
	assert_false(vfio_irqs_send(&f->irqs, 0));
	assert_int_equal(events(f->event[0]), 0);
	vfio_irqs_set_msi_control(&f->irqs, PCI_MSI_FLAGS_ENABLE);
	assert_true(vfio_irqs_send(&f->irqs, 0));
	assert_int_equal(events(f->event[0]), 1);
}

static void a_rise_of_the_line_is_message_0_under_msi(void **state)
{
	struct fixture *f = *state;
	int32_t fd = f->event[0];

	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 1, &fd), 0);
	vfio_irqs_set_level(&f->irqs, true);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 1);
	vfio_irqs_set_level(&f->irqs, false);
	vfio_irqs_set_level(&f->irqs, true);
	assert_int_equal(events(f->event[0]), 1);
}

static void a_message_without_bus_mastering_is_lost(void **state)
{
	struct fixture *f = *state;
	int32_t fd = f->event[0];

	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 1, &fd), 0);
	vfio_irqs_set_command(&f->irqs, false, false);
	assert_false(vfio_irqs_send(&f->irqs, 0));
	vfio_irqs_set_command(&f->irqs, true, false);
	assert_int_equal(events(f->event[0]), 0);
	assert_true(vfio_irqs_send(&f->irqs, 0));
	assert_int_equal(events(f->event[0]), 1);
}

/* [CONFIG-IRQ.7] */
static void msi_does_not_grow_and_msix_does(void **state)
{
	struct fixture *f = *state;
	int32_t fds[] = {f->event[0], f->event[1]}, none = -1;

	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 2, fds), 0);
	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 1, 2, fds), -EINVAL);
	assert_int_equal(set_irqs(f, IRQ_MSIX, EVENTFD | TRIGGER, 0, 2, fds), -EINVAL);
	assert_int_equal(set_irqs(f, IRQ_MSI, NONE | TRIGGER, 0, 0, NULL), 0);
	assert_int_equal(set_irqs(f, IRQ_MSI, NONE | TRIGGER, 0, 0, NULL), -EINVAL);
	assert_int_equal(set_irqs(f, IRQ_MSIX, EVENTFD | TRIGGER, 0, 1, fds), 0);
	assert_int_equal(set_irqs(f, IRQ_MSIX, EVENTFD | TRIGGER, 9, 1, fds + 1), 0);
	assert_true(vfio_irqs_send(&f->irqs, 9));
	assert_int_equal(events(f->event[1]), 1);
	/* -1 takes an eventfd away; the vector stays. */
	assert_int_equal(set_irqs(f, IRQ_MSIX, EVENTFD | TRIGGER, 9, 1, &none), 0);
	assert_true(vfio_irqs_send(&f->irqs, 9));
	assert_int_equal(events(f->event[1]), 0);
}

/* [CONFIG-MSIX-TABLE.3] */
static void a_vector_masked_in_the_table_is_pending_until_unmasked(void **state)
{
	struct fixture *f = *state;
	int32_t fds[] = {f->event[0], f->event[1]};

	assert_int_equal(vfio_irqs_read_table(&f->irqs, 12, 4), PCI_MSIX_ENTRY_CTRL_MASKBIT);
	assert_int_equal(set_irqs(f, IRQ_MSIX, EVENTFD | TRIGGER, 0, 2, fds), 0);
	assert_int_equal(vfio_irqs_read_table(&f->irqs, 16 + 12, 4), 0);
	vfio_irqs_write_table(&f->irqs, 16 + 12, 4, PCI_MSIX_ENTRY_CTRL_MASKBIT);
	assert_true(vfio_irqs_send(&f->irqs, 1));
	assert_true(vfio_irqs_send(&f->irqs, 1));
	assert_int_equal(events(f->event[1]), 0);
	assert_int_equal(vfio_irqs_read_pending(&f->irqs, 0, 8), 2);
	vfio_irqs_write_table(&f->irqs, 16 + 12, 1, 0);
	assert_int_equal(events(f->event[1]), 1);
	assert_int_equal(vfio_irqs_read_pending(&f->irqs, 0, 8), 0);
	/* Setting the vector up again unmasks it, too. */
	vfio_irqs_write_table(&f->irqs, 12, 4, PCI_MSIX_ENTRY_CTRL_MASKBIT);
	assert_true(vfio_irqs_send(&f->irqs, 0));
	assert_int_equal(set_irqs(f, IRQ_MSIX, EVENTFD | TRIGGER, 0, 1, fds), 0);
	assert_int_equal(events(f->event[0]), 1);
}

/* [CONFIG-RESET-STATE.2], [CONFIG-RESET-STATE.4] */
static void a_reset_restores_the_table_of_set_irqs(void **state)
{
	struct fixture *f = *state;
	int32_t fd = f->event[0];

	vfio_irqs_write_table(&f->irqs, 0, 4, 0x1234);
	vfio_irqs_reset(&f->irqs);
	assert_int_equal(vfio_irqs_read_table(&f->irqs, 0, 4), 0);
	assert_int_equal(set_irqs(f, IRQ_MSIX, EVENTFD | TRIGGER, 2, 1, &fd), 0);
	vfio_irqs_write_table(&f->irqs, 2 * 16 + 12, 4, PCI_MSIX_ENTRY_CTRL_MASKBIT);
	vfio_irqs_reset(&f->irqs);
	assert_int_equal(vfio_irqs_read_table(&f->irqs, 12, 4), PCI_MSIX_ENTRY_CTRL_MASKBIT);
	assert_true(vfio_irqs_send(&f->irqs, 2));
	assert_int_equal(events(f->event[0]), 1);
}

/* [CONFIG-IRQ.8] */
static void a_bad_eventfd_leaves_the_vectors_after_it(void **state)
{
	struct fixture *f = *state;
	int32_t good[] = {f->event[0], f->event[1], f->event[2]};
	int32_t fds[] = {f->event[0], 12345, f->event[2]};

	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 3, good), 0);
	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 3, fds), -EBADF);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(vfio_irqs_send(&f->irqs, i));
		assert_int_equal(events(f->event[i]), i == 2);
	}
}

static void a_bad_eventfd_among_good_ones_undoes_the_call(void **state)
{
	struct fixture *f = *state;
	int32_t fds[] = {f->event[0], 12345}, good[] = {f->event[0], f->event[1]};

	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 2, fds), -EBADF);
	assert_false(vfio_irqs_send(&f->irqs, 0));
	assert_false(vfio_irqs_status(&f->irqs).msi);
	/* Later, the vectors of the failed call have none. */
	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 2, good), 0);
	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 2, fds), -EBADF);
	assert_true(vfio_irqs_send(&f->irqs, 0));
	assert_int_equal(events(f->event[0]), 0);
}

static void messages_can_be_simulated(void **state)
{
	struct fixture *f = *state;
	int32_t fds[] = {f->event[0], f->event[1]};
	uint8_t second[] = {0, 1};

	assert_int_equal(set_irqs(f, IRQ_MSIX, NONE | TRIGGER, 0, 2, NULL), -EINVAL);
	assert_int_equal(set_irqs(f, IRQ_MSIX, EVENTFD | TRIGGER, 0, 2, fds), 0);
	assert_int_equal(set_irqs(f, IRQ_MSIX, NONE | TRIGGER, 0, 2, NULL), 0);
	assert_int_equal(set_irqs(f, IRQ_MSIX, BOOL | TRIGGER, 0, 2, second), 0);
	assert_int_equal(events(f->event[0]), 1);
	assert_int_equal(events(f->event[1]), 2);
	assert_int_equal(set_irqs(f, IRQ_MSIX, NONE | MASK, 0, 1, NULL), -ENOTTY);
	assert_int_equal(set_irqs(f, IRQ_MSIX, NONE | UNMASK, 0, 1, NULL), -ENOTTY);
}

static void err_and_req_have_one_eventfd_each(void **state)
{
	struct fixture *f = *state;
	int32_t fd = f->event[0], none = -1, worse = -2;

	for (enum irq_index index = IRQ_ERR; index <= IRQ_REQ; index++) {
		assert_int_equal(set_irqs(f, index, NONE | TRIGGER, 0, 1, NULL), -EINVAL);
		assert_int_equal(set_irqs(f, index, EVENTFD | TRIGGER, 0, 1, &worse), -EINVAL);
		assert_int_equal(set_irqs(f, index, EVENTFD | TRIGGER, 0, 0, NULL), -EINVAL);
		assert_int_equal(set_irqs(f, index, EVENTFD | MASK, 0, 1, &fd), -ENOTTY);
		assert_int_equal(set_irqs(f, index, EVENTFD | TRIGGER, 0, 1, &fd), 0);
		assert_int_equal(set_irqs(f, index, NONE | TRIGGER, 0, 1, NULL), 0);
		assert_int_equal(events(f->event[0]), 1);
		assert_int_equal(set_irqs(f, index, BOOL | TRIGGER, 0, 0, NULL), -EINVAL);
		assert_int_equal(set_irqs(f, index, NONE | TRIGGER, 0, 0, NULL), 0);
		assert_int_equal(set_irqs(f, index, NONE | TRIGGER, 0, 1, NULL), -EINVAL);
		assert_int_equal(set_irqs(f, index, EVENTFD | TRIGGER, 0, 1, &fd), 0);
		assert_int_equal(set_irqs(f, index, EVENTFD | TRIGGER, 0, 1, &none), 0);
		assert_int_equal(set_irqs(f, index, NONE | TRIGGER, 0, 1, NULL), -EINVAL);
	}
}

static void a_full_counter_does_not_stop_the_device(void **state)
{
	struct fixture *f = *state;
	const uint64_t full = UINT64_MAX - 1;
	int32_t fd = eventfd(0, 0);

	assert_int_equal(set_irqs(f, IRQ_MSI, EVENTFD | TRIGGER, 0, 1, &fd), 0);
	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	assert_true(vfio_irqs_send(&f->irqs, 0));
	close(fd);
}

/* ---- threads ---- */

enum {
	ROUNDS = 20000
};

static void *send_many(void *arg)
{
	struct fixture *f = arg;

	for (int i = 0; i < ROUNDS; i++)
		(void)vfio_irqs_send(&f->irqs, 0);
	return NULL;
}

static void no_message_is_lost_among_threads(void **state)
{
	struct fixture *f = *state;
	int32_t fds[] = {f->event[0], f->event[1]};
	pthread_t thread[2];

	assert_int_equal(set_irqs(f, IRQ_MSIX, EVENTFD | TRIGGER, 0, 1, fds), 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, send_many, f);
	/* Another vector comes and goes meanwhile. */
	for (int i = 0; i < 200; i++)
		assert_int_equal(set_irqs(f, IRQ_MSIX, EVENTFD | TRIGGER, 1, 1, fds + 1), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(events(f->event[0]), 2 * ROUNDS);
}

static void *raise_and_lower(void *arg)
{
	struct fixture *f = arg;

	for (int i = 0; i < ROUNDS; i++) {
		vfio_irqs_set_level(&f->irqs, false);
		vfio_irqs_set_level(&f->irqs, true);
	}
	return NULL;
}

static void a_line_left_asserted_is_seen_in_the_end(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	uint64_t seen = 0;

	enable_intx(f);
	pthread_create(&thread, NULL, raise_and_lower, f);
	for (int i = 0; i < 2000; i++) {
		seen += events(f->event[0]);
		unmask(f);
	}
	pthread_join(thread, NULL);
	(void)events(f->event[0]);
	unmask(f);
	assert_int_equal(events(f->event[0]), 1);
	assert_true(seen <= 2001);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(intx_notifies_once_and_masks_itself),
		TEST(unmask_notifies_again_while_the_line_is_asserted),
		TEST(an_assertion_while_masked_is_not_lost),
		TEST(a_line_asserted_before_enabling_notifies_at_once),
		TEST(the_command_register_holds_intx_back),
		TEST(disabling_and_enabling_intx_unmasks_it),
		TEST(intx_enabled_while_the_register_disables_it_starts_masked),
		TEST(intx_can_be_simulated),
		TEST(intx_refuses_what_it_is_not),
		TEST(an_eventfd_unmasks_intx),
		TEST(an_unmask_eventfd_that_was_closed_behind_us_can_be_replaced),
		TEST(each_message_notifies_its_vector),
		TEST(without_its_enable_bit_msi_sends_nothing),
		TEST(a_rise_of_the_line_is_message_0_under_msi),
		TEST(a_message_without_bus_mastering_is_lost),
		TEST(msi_does_not_grow_and_msix_does),
		TEST(a_vector_masked_in_the_table_is_pending_until_unmasked),
		TEST(a_reset_restores_the_table_of_set_irqs),
		TEST(a_bad_eventfd_leaves_the_vectors_after_it),
		TEST(a_bad_eventfd_among_good_ones_undoes_the_call),
		TEST(messages_can_be_simulated),
		TEST(err_and_req_have_one_eventfd_each),
		TEST(a_full_counter_does_not_stop_the_device),
		TEST(no_message_is_lost_among_threads),
		TEST(a_line_left_asserted_is_seen_in_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

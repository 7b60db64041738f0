/* SPDX-License-Identifier: MIT */
/*
 * SET_IRQS [PCI-SET-IRQS], [PCI-IRQ-ACTIONS]. Interrupts that software simulates need any
 * device, real ones an edu.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "conformance.h"
#include "edu.h"
#include "groups.h"

#define NONE	VFIO_IRQ_SET_DATA_NONE
#define BOOL	VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD VFIO_IRQ_SET_DATA_EVENTFD
#define MASK	VFIO_IRQ_SET_ACTION_MASK
#define UNMASK	VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER

enum {
	INTX = VFIO_PCI_INTX_IRQ_INDEX,
	MSI = VFIO_PCI_MSI_IRQ_INDEX,
	MSIX = VFIO_PCI_MSIX_IRQ_INDEX,
	ERR = VFIO_PCI_ERR_IRQ_INDEX,
	REQ = VFIO_PCI_REQ_IRQ_INDEX,
};

/* A struct vfio_irq_set with one element of data. */
struct request {
	uint32_t argsz, flags, index, start, count;
	int32_t data;
};

static struct request request(uint32_t index, uint32_t flags, uint32_t count, int32_t data)
{
	return (struct request){
		.argsz = sizeof(struct request),
		.flags = flags,
		.index = index,
		.count = count,
		.data = data,
	};
}

static void expect_set(int error, const struct fixture *t, uint32_t index, uint32_t flags,
		       uint32_t count, int32_t data)
{
	struct request set = request(index, flags, count, data);

	expect_errno(error, t->device, VFIO_DEVICE_SET_IRQS, &set);
}

static void expect_request(int error, const struct fixture *t, const void *set)
{
	expect_errno(error, t->device, VFIO_DEVICE_SET_IRQS, set);
}

static uint32_t vectors(const struct fixture *t, uint32_t index)
{
	struct vfio_irq_info info = {.argsz = sizeof(info), .index = index};

	expect_ok(t->device, VFIO_DEVICE_GET_IRQ_INFO, &info);
	return info.count;
}

static void need_vectors(const struct fixture *t, uint32_t index)
{
	if (!vectors(t, index))
		skip_test("the device has no interrupts of this kind");
}

static int new_eventfd(void)
{
	return close_later(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

/* How often it was signalled; waits a while for the first time. */
static uint64_t signals(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	uint64_t count = 0;

	if (poll(&pollfd, 1, 2000) == 1)
		expect_equal(read(fd, &count, sizeof(count)), sizeof(count));
	return count;
}

static bool stays_quiet(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, 50) == 0;
}

/* ---- checks of all requests ---- */

static void set_irqs_with_an_unreadable_head_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	struct request set = request(REQ, NONE | TRIGGER, 1, 0);

	expect_request(EFAULT, t, NULL);
	expect_request(EFAULT, t, before_hole(&set, 19));
}

static void set_irqs_with_a_bad_head_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct request set = request(REQ, EVENTFD | TRIGGER, 1, -1);

	for (set.argsz = 0; set.argsz < 20; set.argsz++)
		expect_request(EINVAL, t, &set);
	expect_set(EINVAL, t, VFIO_PCI_NUM_IRQS, EVENTFD | TRIGGER, 1, -1);
	expect_set(EINVAL, t, UINT32_MAX, EVENTFD | TRIGGER, 1, -1);
	expect_set(EINVAL, t, REQ, EVENTFD | TRIGGER | 0x40, 1, -1);
	expect_set(EINVAL, t, REQ, EVENTFD | TRIGGER | 0x80000000, 1, -1);
	expect_set(EINVAL, t, REQ, EVENTFD | TRIGGER, UINT32_MAX, -1);
	set = request(REQ, EVENTFD | TRIGGER, UINT32_MAX - 5, -1);
	set.start = 5;
	expect_request(EINVAL, t, &set);
}

static void set_irqs_of_unknown_vectors_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	for (uint32_t index = 0; index < VFIO_PCI_NUM_IRQS; index++) {
		struct request set = request(index, NONE | TRIGGER, 0, 0);

		set.start = vectors(t, index);
		expect_request(EINVAL, t, &set);
		expect_set(EINVAL, t, index, NONE | TRIGGER, vectors(t, index) + 1, 0);
	}
}

static void set_irqs_wants_data_of_one_type(void **state)
{
	struct fixture *t = fixture(state);

	expect_set(EINVAL, t, REQ, TRIGGER, 1, -1);
	expect_set(EINVAL, t, REQ, NONE | BOOL | TRIGGER, 1, -1);
	expect_set(EINVAL, t, REQ, NONE | EVENTFD | TRIGGER, 1, -1);
	expect_set(EINVAL, t, REQ, BOOL | EVENTFD | TRIGGER, 1, -1);
}

static void set_irqs_wants_all_of_its_data(void **state)
{
	struct fixture *t = fixture(state);
	struct request set = request(REQ, EVENTFD | TRIGGER, 1, -1);

	expect_request(EFAULT, t, before_hole(&set, 20));
	set.argsz = 23;
	expect_request(EINVAL, t, &set);
	set.argsz = 20;
	set.flags = BOOL | TRIGGER;
	expect_request(EINVAL, t, &set);
	/* Before the action is looked at. */
	set.flags = BOOL | MASK;
	expect_request(EINVAL, t, &set);
}

static void set_irqs_with_an_unsupported_action_is_ENOTTY(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t indices[] = {MSI, MSIX, ERR, REQ};

	for (size_t i = 0; i < ARRAY_SIZE(indices); i++) {
		if (!vectors(t, indices[i]))
			continue;
		expect_set(ENOTTY, t, indices[i], NONE | MASK, 1, 0);
		expect_set(ENOTTY, t, indices[i], NONE | UNMASK, 1, 0);
		expect_set(ENOTTY, t, indices[i], NONE | TRIGGER | MASK, 1, 0);
		expect_set(ENOTTY, t, indices[i], NONE, 1, 0);
	}
	if (vectors(t, INTX))
		expect_set(ENOTTY, t, INTX, NONE, 1, 0);
}

/* ---- INTx ---- */

static void intx_that_is_not_active_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	need_vectors(t, INTX);
	expect_set(EINVAL, t, INTX, NONE | TRIGGER, 1, 0);
	expect_set(EINVAL, t, INTX, NONE | TRIGGER, 0, 0);
	expect_set(EINVAL, t, INTX, BOOL | TRIGGER, 1, 1);
	expect_set(EINVAL, t, INTX, NONE | MASK, 1, 0);
	expect_set(EINVAL, t, INTX, NONE | UNMASK, 1, 0);
}

static void intx_is_enabled_simulated_and_disabled(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	need_vectors(t, INTX);
	expect_set(EINVAL, t, INTX, EVENTFD | TRIGGER, 0, fd);
	expect_set(0, t, INTX, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, INTX, NONE | TRIGGER, 1, 0);
	expect_equal(signals(fd), 1);
	expect_set(0, t, INTX, BOOL | TRIGGER, 1, 0);
	expect_true(stays_quiet(fd));
	expect_set(0, t, INTX, BOOL | TRIGGER, 1, 1);
	expect_equal(signals(fd), 1);
	expect_set(0, t, INTX, NONE | TRIGGER, 0, 0);
	expect_set(EINVAL, t, INTX, NONE | TRIGGER, 1, 0);
}

static void intx_can_be_enabled_without_an_eventfd(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	need_vectors(t, INTX);
	expect_set(0, t, INTX, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, INTX, EVENTFD | TRIGGER, 1, -1);
	expect_set(0, t, INTX, NONE | UNMASK, 1, 0);
	expect_true(stays_quiet(fd));
	expect_set(0, t, INTX, NONE | TRIGGER, 0, 0);
}

static void intx_mask_and_unmask_check_their_arguments(void **state)
{
	struct fixture *t = fixture(state);

	need_vectors(t, INTX);
	expect_set(0, t, INTX, EVENTFD | TRIGGER, 1, new_eventfd());
	expect_set(EINVAL, t, INTX, NONE | MASK, 0, 0);
	expect_set(EINVAL, t, INTX, NONE | UNMASK, 0, 0);
	expect_set(ENOTTY, t, INTX, EVENTFD | MASK, 1, new_eventfd());
	expect_set(0, t, INTX, NONE | MASK, 1, 0);
	expect_set(0, t, INTX, BOOL | UNMASK, 1, 1);
	expect_set(0, t, INTX, EVENTFD | UNMASK, 1, new_eventfd());
	expect_set(0, t, INTX, EVENTFD | UNMASK, 1, -1);
}

static void intx_is_masked_by_each_interrupt(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	need_edu(t);
	expect_set(0, t, INTX, EVENTFD | TRIGGER, 1, fd);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_equal(signals(fd), 1);
	/* The line stays up: unmasking it interrupts again. */
	expect_true(stays_quiet(fd));
	expect_set(0, t, INTX, NONE | UNMASK, 1, 0);
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 1);
	expect_set(0, t, INTX, NONE | UNMASK, 1, 0);
	expect_true(stays_quiet(fd));
	edu_write(t->device, EDU_IRQ_RAISE, 2);
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 2);
}

static void intx_that_is_masked_is_quiet(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	need_edu(t);
	expect_set(0, t, INTX, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, INTX, NONE | MASK, 1, 0);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_true(stays_quiet(fd));
	expect_set(0, t, INTX, BOOL | UNMASK, 1, 0);
	expect_true(stays_quiet(fd));
	expect_set(0, t, INTX, BOOL | UNMASK, 1, 1);
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 1);
}

static void intx_is_unmasked_by_an_eventfd(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd(), unmask = new_eventfd();
	uint64_t one = 1;

	need_edu(t);
	expect_set(0, t, INTX, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, INTX, EVENTFD | UNMASK, 1, unmask);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_equal(signals(fd), 1);
	expect_true(stays_quiet(fd));
	expect_equal(write(unmask, &one, sizeof(one)), sizeof(one));
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 1);
}

enum {
	COMMAND = 4,
	COMMAND_MASTER = 4,
	INTX_DISABLE = 0x400,
};

static void disable_intx(const struct fixture *t, bool disable)
{
	const uint32_t command = config_read(t->device, COMMAND, 2) & ~INTX_DISABLE;

	config_write(t->device, COMMAND, 2, disable ? command | INTX_DISABLE : command);
	expect_equal(config_read(t->device, COMMAND, 2) & INTX_DISABLE, disable ? INTX_DISABLE : 0);
}

static void clearing_intx_disable_unmasks(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	need_edu(t);
	expect_set(0, t, INTX, EVENTFD | TRIGGER, 1, fd);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_equal(signals(fd), 1);
	disable_intx(t, true);
	expect_set(0, t, INTX, NONE | UNMASK, 1, 0); /* says yes and does nothing */
	expect_set(0, t, INTX, NONE | TRIGGER, 1, 0);
	expect_true(stays_quiet(fd));
	disable_intx(t, false);
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 1);
	/* A mask of the ioctl's, too. */
	expect_set(0, t, INTX, NONE | MASK, 1, 0);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	disable_intx(t, true);
	expect_true(stays_quiet(fd));
	disable_intx(t, false);
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 1);
}

static void intx_enabled_under_intx_disable_starts_masked(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	need_edu(t);
	disable_intx(t, true);
	expect_set(0, t, INTX, EVENTFD | TRIGGER, 1, fd);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_true(stays_quiet(fd));
	disable_intx(t, false);
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 1);
}

/* The kernel hears of the last copy that is closed; another descriptor of the same counts. */
static void a_second_unmask_eventfd_is_EBUSY_until_the_first_is_closed(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd(), second = new_eventfd(), first = eventfd(0, EFD_CLOEXEC);
	int copy = dup(first);
	uint64_t one = 1;

	need_edu(t);
	expect_set(0, t, INTX, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, INTX, EVENTFD | UNMASK, 1, first);
	expect_set(EBUSY, t, INTX, EVENTFD | UNMASK, 1, second);
	expect_set(EBUSY, t, INTX, EVENTFD | UNMASK, 1, first);
	close(first);
	expect_set(EBUSY, t, INTX, EVENTFD | UNMASK, 1, second);
	close(copy);
	expect_set(0, t, INTX, EVENTFD | UNMASK, 1, second);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_equal(signals(fd), 1);
	expect_equal(write(second, &one, sizeof(one)), sizeof(one));
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 1);
}

/* ---- MSI ---- */

static void msi_that_is_not_active_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	need_vectors(t, MSI);
	expect_set(EINVAL, t, MSI, NONE | TRIGGER, 1, 0);
	expect_set(EINVAL, t, MSI, BOOL | TRIGGER, 1, 1);
}

static void msi_is_enabled_simulated_and_disabled(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	need_vectors(t, MSI);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, MSI, NONE | TRIGGER, 1, 0);
	expect_equal(signals(fd), 1);
	expect_set(0, t, MSI, BOOL | TRIGGER, 1, 0);
	expect_true(stays_quiet(fd));
	expect_set(0, t, MSI, BOOL | TRIGGER, 1, 1);
	expect_equal(signals(fd), 1);
	expect_set(0, t, MSI, NONE | TRIGGER, 0, 0);
	expect_set(EINVAL, t, MSI, NONE | TRIGGER, 1, 0);
}

static void msi_vectors_are_replaced_and_removed(void **state)
{
	struct fixture *t = fixture(state);
	int first = new_eventfd(), second = new_eventfd();

	need_vectors(t, MSI);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, first);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, second);
	expect_set(0, t, MSI, NONE | TRIGGER, 1, 0);
	expect_equal(signals(second), 1);
	expect_true(stays_quiet(first));
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, -1);
	expect_set(0, t, MSI, NONE | TRIGGER, 1, 0);
	expect_true(stays_quiet(second));
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, first);
	expect_set(0, t, MSI, NONE | TRIGGER, 1, 0);
	expect_equal(signals(first), 1);
}

static void a_descriptor_that_is_no_eventfd_removes_the_vector(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd(), null = close_later(open("/dev/null", O_RDWR | O_CLOEXEC));
	struct request set;

	need_vectors(t, MSI);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, fd);
	set = request(MSI, EVENTFD | TRIGGER, 1, null);
	expect_true(do_ioctl(t->device, VFIO_DEVICE_SET_IRQS, &set) < 0);
	expect_set(0, t, MSI, NONE | TRIGGER, 1, 0);
	expect_true(stays_quiet(fd));
}

static void msi_does_not_begin_without_a_vector(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	need_vectors(t, MSI);
	expect_set(ERANGE, t, MSI, EVENTFD | TRIGGER, 0, 0);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 0, 0);
	expect_set(0, t, MSI, NONE | TRIGGER, 1, 0);
	expect_equal(signals(fd), 1);
}

/* The offset of the capability @id. */
static uint32_t find_cap(int device, uint32_t id)
{
	uint32_t cap = config_read(device, 0x34, 1);

	while (cap && config_read(device, cap, 1) != id)
		cap = config_read(device, cap + 1, 1);
	return cap;
}

static void msi_does_not_begin_in_D3hot(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t pm = find_cap(t->device, 1);
	int fd = new_eventfd();

	need_vectors(t, MSI);
	if (!pm)
		skip_test("the device has no power management");
	config_write(t->device, pm + 4, 2, 3);
	expect_set(EINVAL, t, MSI, EVENTFD | TRIGGER, 1, fd);
	config_write(t->device, pm + 4, 2, 0);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, fd);
	config_write(t->device, pm + 4, 2, 3);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, MSI, NONE | TRIGGER, 1, 0);
	expect_equal(signals(fd), 1);
	config_write(t->device, pm + 4, 2, 0);
}

static void one_type_of_interrupt_is_active_at_a_time(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	need_vectors(t, INTX);
	need_vectors(t, MSI);
	expect_set(0, t, INTX, EVENTFD | TRIGGER, 1, fd);
	expect_set(EINVAL, t, MSI, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, INTX, NONE | TRIGGER, 0, 0);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, fd);
	expect_set(EINVAL, t, INTX, EVENTFD | TRIGGER, 1, fd);
	expect_set(EINVAL, t, INTX, NONE | MASK, 1, 0);
}

static void the_device_sends_msi(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	need_edu(t);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, fd);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 1);
	/* Messages are not masked. */
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 1);
	expect_true(stays_quiet(fd));
}

static void without_its_enable_bit_msi_is_silent(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();
	uint32_t msi;

	need_edu(t);
	for (msi = config_read(t->device, 0x34, 1); msi && config_read(t->device, msi, 1) != 5;)
		msi = config_read(t->device, msi + 1, 1);
	expect_true(msi);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, fd);
	expect_equal(config_read(t->device, msi + 2, 1) & 1, 0); /* until it is written */
	config_write(t->device, msi + 2, 1, 1);
	expect_equal(config_read(t->device, msi + 2, 1) & 1, 1);
	config_write(t->device, msi + 2, 1, 0);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_true(stays_quiet(fd));
	edu_write(t->device, EDU_IRQ_ACK, 1);
	config_write(t->device, msi + 2, 1, 1);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 1);
}

static void without_bus_mastering_no_message_is_sent(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();
	uint32_t command;

	need_edu(t);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, fd);
	command = config_read(t->device, COMMAND, 2);
	config_write(t->device, COMMAND, 2, command & ~COMMAND_MASTER);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_true(stays_quiet(fd));
	edu_write(t->device, EDU_IRQ_ACK, 1);
	config_write(t->device, COMMAND, 2, command);
	edu_write(t->device, EDU_IRQ_RAISE, 1);
	expect_equal(signals(fd), 1);
	edu_write(t->device, EDU_IRQ_ACK, 1);
}

static void interrupts_are_set_up_without_memory_decoding(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t index = vectors(t, MSI) ? MSI : MSIX;
	int fd = new_eventfd();

	need_vectors(t, index);
	config_write(t->device, COMMAND, 2, 0);
	expect_set(0, t, index, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, index, NONE | TRIGGER, 1, 0);
	expect_equal(signals(fd), 1);
	expect_equal(config_read(t->device, COMMAND, 2), 0);
}

static void interrupts_end_with_the_device_file(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	need_vectors(t, MSI);
	expect_set(0, t, MSI, EVENTFD | TRIGGER, 1, fd);
	close(t->device);
	t->device = need_device(0);
	bind_device(t->device, t->iommu);
	expect_set(EINVAL, t, MSI, NONE | TRIGGER, 1, 0);
	expect_true(stays_quiet(fd));
}

/* ---- ERR and REQ ---- */

static void req_is_set_signalled_and_cleared(void **state)
{
	struct fixture *t = fixture(state);
	int fd = new_eventfd();

	expect_set(EINVAL, t, REQ, NONE | TRIGGER, 1, 0);
	expect_set(EINVAL, t, REQ, NONE | TRIGGER, 0, 0);
	expect_set(0, t, REQ, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, REQ, NONE | TRIGGER, 1, 0);
	expect_equal(signals(fd), 1);
	expect_set(0, t, REQ, BOOL | TRIGGER, 1, 1);
	expect_equal(signals(fd), 1);
	expect_set(0, t, REQ, BOOL | TRIGGER, 1, 0);
	expect_true(stays_quiet(fd));
	expect_set(0, t, REQ, NONE | TRIGGER, 0, 0);
	expect_set(EINVAL, t, REQ, NONE | TRIGGER, 1, 0);
	expect_set(0, t, REQ, EVENTFD | TRIGGER, 1, fd);
	expect_set(0, t, REQ, EVENTFD | TRIGGER, 1, -1);
	expect_set(EINVAL, t, REQ, NONE | TRIGGER, 1, 0);
}

static void req_with_bad_data_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	expect_set(EINVAL, t, REQ, EVENTFD | TRIGGER, 1, -2);
	expect_set(EINVAL, t, REQ, EVENTFD | TRIGGER, 0, -1);
	expect_set(0, t, REQ, EVENTFD | TRIGGER, 1, new_eventfd());
	expect_set(EINVAL, t, REQ, BOOL | TRIGGER, 0, 0);
}

int vfio_irq(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bound, set_irqs_with_an_unreadable_head_is_EFAULT, "PCI-SET-IRQS.1"),
		CASE(bound, set_irqs_with_a_bad_head_is_EINVAL, "PCI-SET-IRQS.1"),
		CASE(bound, set_irqs_of_unknown_vectors_is_EINVAL, "PCI-SET-IRQS.2"),
		CASE(bound, set_irqs_wants_data_of_one_type, "PCI-SET-IRQS.3"),
		CASE(bound, set_irqs_wants_all_of_its_data, "PCI-SET-IRQS.3"),
		CASE(bound, set_irqs_with_an_unsupported_action_is_ENOTTY, "PCI-SET-IRQS.4"),
		CASE(bound, intx_that_is_not_active_is_EINVAL, "PCI-IRQ-ACTIONS.1"),
		CASE(bound, intx_is_enabled_simulated_and_disabled, "PCI-IRQ-ACTIONS.1"),
		CASE(bound, intx_can_be_enabled_without_an_eventfd, "PCI-IRQ"),
		CASE(bound, intx_mask_and_unmask_check_their_arguments, "PCI-IRQ-ACTIONS.2"),
		CASE(bound, intx_is_masked_by_each_interrupt, "CONFIG-IRQ.3..4"),
		CASE(bound, intx_that_is_masked_is_quiet, "PCI-IRQ"),
		CASE(bound, clearing_intx_disable_unmasks,
		     "CONFIG-INTX.1, CONFIG-COMMAND.5, CONFIG-HEADER.2"),
		CASE(bound, intx_enabled_under_intx_disable_starts_masked,
		     "CONFIG-INTX.2, CONFIG-COMMAND.5"),
		CASE(bound, intx_is_unmasked_by_an_eventfd, "PCI-IRQ-ACTIONS.2"),
		CASE(bound, a_second_unmask_eventfd_is_EBUSY_until_the_first_is_closed,
		     "CONFIG-IRQ.5"),
		CASE(bound, msi_that_is_not_active_is_EINVAL, "PCI-IRQ-ACTIONS.3"),
		CASE(bound, msi_is_enabled_simulated_and_disabled, "PCI-IRQ-ACTIONS.3"),
		CASE(bound, msi_vectors_are_replaced_and_removed, "PCI-IRQ-ACTIONS.3"),
		CASE(bound, a_descriptor_that_is_no_eventfd_removes_the_vector, "PCI-IRQ"),
		CASE(bound, msi_does_not_begin_without_a_vector, "CONFIG-IRQ.6b"),
		CASE(bound, msi_does_not_begin_in_D3hot, "CONFIG-IRQ.6c"),
		CASE(bound, one_type_of_interrupt_is_active_at_a_time,
		     "PCI-IRQ-ACTIONS.1, CONFIG-IRQ.2"),
		CASE(bound, the_device_sends_msi, "PCI-IRQ"),
		CASE(bound, without_its_enable_bit_msi_is_silent,
		     "CONFIG-MSI-WRITE.2, CONFIG-CAPS.4"),
		CASE(bound, without_bus_mastering_no_message_is_sent, "CONFIG-COMMAND.3"),
		CASE(bound, interrupts_are_set_up_without_memory_decoding, "CONFIG-IRQ.9"),
		CASE(bound, interrupts_end_with_the_device_file, "PCI-IRQ"),
		CASE(bound, req_is_set_signalled_and_cleared, "PCI-IRQ-ACTIONS.4"),
		CASE(bound, req_with_bad_data_is_EINVAL, "PCI-IRQ-ACTIONS.4"),
	};

	return cmocka_run_group_tests_name("SET_IRQS", tests, NULL, NULL);
}

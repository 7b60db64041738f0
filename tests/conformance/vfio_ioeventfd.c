/* SPDX-License-Identifier: MIT */
/* What ioeventfds do [PCI-IOEVENTFD]. What they refuse is in vfio_reset_feature.c. */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "conformance.h"
#include "edu.h"
#include "groups.h"

static int add(const struct fixture *t, uint64_t data, int fd)
{
	return do_ioctl(t->device, VFIO_DEVICE_IOEVENTFD,
			VFIO_CMD(vfio_device_ioeventfd, .flags = VFIO_DEVICE_IOEVENTFD_32,
				 .offset = EDU_LIVENESS, .data = data, .fd = fd));
}

static int new_event(void)
{
	return close_later(eventfd(0, EFD_CLOEXEC));
}

static void signal_event(int event)
{
	const uint64_t one = 1;

	expect_equal(write(event, &one, sizeof(one)), sizeof(one));
}

/* Waits until the register reads @value; false: it does not come to that. */
static bool becomes(const struct fixture *t, uint32_t value, unsigned int milliseconds)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};

	for (unsigned int i = 0; edu_read(t->device, EDU_LIVENESS) != value; i++) {
		if (i == milliseconds)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static void an_ioeventfd_signal_writes_the_value(void **state)
{
	struct fixture *t = fixture(state);
	int first = new_event(), second = new_event();
	uint64_t count;

	need_edu(t);
	expect_equal(add(t, 11, first), 0);
	expect_equal(add(t, 22, second), 0);
	signal_event(first);
	expect_true(becomes(t, ~11u, 5000));
	signal_event(second);
	expect_true(becomes(t, ~22u, 5000));
	signal_event(first);
	expect_true(becomes(t, ~11u, 5000));
	/* The count is taken. */
	fcntl(first, F_SETFL, O_NONBLOCK);
	expect_failed(EAGAIN, read(first, &count, sizeof(count)));
}

static void an_ioeventfd_that_is_signalled_already_writes(void **state)
{
	struct fixture *t = fixture(state);
	int event = new_event();

	need_edu(t);
	signal_event(event);
	expect_equal(add(t, 33, event), 0);
	expect_true(becomes(t, ~33u, 5000));
}

static void a_removed_ioeventfd_writes_no_more(void **state)
{
	struct fixture *t = fixture(state);
	int event = new_event();

	need_edu(t);
	expect_equal(add(t, 44, event), 0);
	expect_equal(add(t, 44, -1), 0);
	edu_write(t->device, EDU_LIVENESS, 0);
	signal_event(event);
	expect_true(!becomes(t, ~44u, 20));
}

static void a_device_has_at_most_1000_ioeventfds(void **state)
{
	struct fixture *t = fixture(state);
	int event = new_event();
	uint64_t i;
	int rc = 0;

	need_edu(t);
	for (i = 0; i < 1000 && !rc; i++)
		rc = add(t, i, event);
	if (rc == -EMFILE)
		skip_test("the process may not have so many descriptors");
	expect_equal(rc, 0);
	expect_equal(add(t, i, event), -ENOSPC);
	for (i = 0; i < 1000; i++)
		expect_equal(add(t, i, -1), 0);
}

static void closing_the_device_ends_its_ioeventfds(void **state)
{
	struct fixture *t = fixture(state);
	int event = new_event();

	need_edu(t);
	expect_equal(add(t, 55, event), 0);
	signal_event(event);
	close(t->device);
	signal_event(event);
	t->device = need_device(0);
	bind_device(t->device, t->iommu);
	need_edu(t);
	expect_true(!becomes(t, ~55u, 20));
}

int vfio_ioeventfd(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bound, an_ioeventfd_signal_writes_the_value, "PCI-IOEVENTFD"),
		CASE(bound, an_ioeventfd_that_is_signalled_already_writes, "PCI-IOEVENTFD"),
		CASE(bound, a_removed_ioeventfd_writes_no_more, "PCI-IOEVENTFD"),
		CASE(bound, a_device_has_at_most_1000_ioeventfds, "PCI-IOEVENTFD"),
		CASE(bound, closing_the_device_ends_its_ioeventfds, "PCI-IOEVENTFD"),
	};

	return cmocka_run_group_tests_name("ioeventfds", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* vEVENTQs [VEVENTQ-ALLOC]. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "groups.h"
#include "nested.h"

#define MOCK_TYPE IOMMU_VEVENTQ_TYPE_SELFTEST

#define veventq_errno(error, ...) \
	expect_errno(error, t->iommu, IOMMU_VEVENTQ_ALLOC, CMD(iommu_veventq_alloc, __VA_ARGS__))

/* What is read of an event of a mock device; the lost header has no data. */
struct event {
	struct iommufd_vevent_header header;
	struct iommu_vevent_selftest data;
};

enum {
	HEADER_SIZE = sizeof(struct iommufd_vevent_header),
	EVENT_SIZE = sizeof(struct event)
};

/* The device reports @count events. */
static void report(const struct fixture *t, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		test_ok(t->iommu, TRIGGER_VEVENT, 0, .trigger_vevent.dev_id = mock.idev);
}

/*
 * The next that is read is event number @sequence; is the header that says that events up to that
 * are lost.
 */
static void expect_event(int fd, uint32_t sequence)
{
	struct event event;

	expect_equal(read(fd, &event, sizeof(event)), EVENT_SIZE);
	expect_equal(event.header.flags, 0);
	expect_equal(event.header.sequence, sequence);
	expect_equal(event.data.virt_id, VIRT_ID);
}

static void expect_lost(int fd, uint32_t sequence)
{
	struct event event;

	expect_equal(read(fd, &event, sizeof(event)), HEADER_SIZE);
	expect_equal(event.header.flags, IOMMU_VEVENTQ_FLAG_LOST_EVENTS);
	expect_equal(event.header.sequence, sequence);
}

static void expect_empty(int fd)
{
	struct event event;

	expect_equal(read(fd, &event, sizeof(event)), 0);
}

/* ---- VEVENTQ_ALLOC ---- */

static void veventq_alloc_with_flags_reserved_or_type_0_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	veventq_errno(EOPNOTSUPP, .flags = 1, .viommu_id = nested.viommu, .type = MOCK_TYPE,
		      .veventq_depth = 1);
	veventq_errno(EOPNOTSUPP, .viommu_id = nested.viommu, .type = MOCK_TYPE, .veventq_depth = 1,
		      .__reserved = 1);
	veventq_errno(EOPNOTSUPP, .viommu_id = nested.viommu, .veventq_depth = 1);
}

static void veventq_alloc_takes_a_depth_of_1_to_524288(void **state)
{
	struct fixture *t = fixture(state);

	veventq_errno(EINVAL, .viommu_id = nested.viommu, .type = MOCK_TYPE);
	veventq_errno(EINVAL, .viommu_id = nested.viommu, .type = MOCK_TYPE,
		      .veventq_depth = 524289);
	new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 524288);
	new_veventq(t->iommu, nested.viommu, 1, 1);
}

static void veventq_alloc_on_no_viommu_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, nested.parent, mock.idev};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		veventq_errno(ENOENT, .viommu_id = ids[i], .type = MOCK_TYPE, .veventq_depth = 1);
}

static void a_viommu_has_one_veventq_of_a_type(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_viommu(t->iommu, mock.idev, nested.parent, IOMMU_VIOMMU_TYPE_SELFTEST);

	new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 1);
	veventq_errno(EEXIST, .viommu_id = nested.viommu, .type = MOCK_TYPE, .veventq_depth = 2);
	new_veventq(t->iommu, nested.viommu, MOCK_TYPE + 1, 1);
	new_veventq(t->iommu, other, MOCK_TYPE, 1);
}

static void veventq_alloc_without_a_free_descriptor_is_EMFILE(void **state)
{
	struct fixture *t = fixture(state);
	struct rlimit limit, none;
	int result;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	result = do_ioctl(t->iommu, IOMMU_VEVENTQ_ALLOC,
			  CMD(iommu_veventq_alloc, .viommu_id = nested.viommu, .type = MOCK_TYPE,
			      .veventq_depth = 1));
	setrlimit(RLIMIT_NOFILE, &limit);
	expect_equal(-result, EMFILE);
	destroy(t->iommu, nested.viommu);
}

static void veventq_alloc_with_a_failed_copy_out_undoes_all(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_veventq_alloc *cmd = CMD(iommu_veventq_alloc, .viommu_id = nested.viommu,
						    .type = MOCK_TYPE, .veventq_depth = 1);
	int before = dup(0);

	close(before);
	expect_errno(EFAULT, t->iommu, IOMMU_VEVENTQ_ALLOC, read_only(cmd, sizeof(*cmd)));
	expect_equal(dup(0), before);
	close(before);
	destroy(t->iommu, nested.viommu);
}

static void veventq_alloc_checks_in_order(void **state)
{
	struct fixture *t = fixture(state);

	new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 1);
	veventq_errno(EOPNOTSUPP, .viommu_id = 99);
	veventq_errno(EINVAL, .viommu_id = 99, .type = MOCK_TYPE);
	veventq_errno(ENOENT, .viommu_id = 99, .type = MOCK_TYPE, .veventq_depth = 1);
	veventq_errno(EEXIST, .viommu_id = nested.viommu, .type = MOCK_TYPE, .veventq_depth = 1);
}

static void veventq_alloc_takes_a_structure_of_28_bytes(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_veventq_alloc cmd = {
		.size = offsetof(struct iommu_veventq_alloc, __reserved),
		.viommu_id = nested.viommu,
		.type = MOCK_TYPE,
		.veventq_depth = 1,
		.__reserved = 1,
	};

	expect_ok(t->iommu, IOMMU_VEVENTQ_ALLOC, &cmd);
	close_later((int)cmd.out_veventq_fd);
	cmd.size--;
	expect_errno(EINVAL, t->iommu, IOMMU_VEVENTQ_ALLOC, &cmd);
}

static void a_veventq_has_a_descriptor_like_that_of_a_fault_queue(void **state)
{
	struct queue queue = new_veventq(fixture(state)->iommu, nested.viommu, MOCK_TYPE, 1);

	expect_equal(fcntl(queue.fd, F_GETFD), FD_CLOEXEC);
	expect_fd_name(queue.fd, "anon_inode:[iommufd-viommu-event]");
}

static void a_veventq_is_held_by_its_descriptor_and_holds_the_viommu(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 1);

	expect_busy(t->iommu, queue.id);
	close(queue.fd);
	expect_busy(t->iommu, nested.viommu);
	/* Closed, it is still the one of its type. */
	veventq_errno(EEXIST, .viommu_id = nested.viommu, .type = MOCK_TYPE, .veventq_depth = 1);
	destroy(t->iommu, queue.id);
	expect_equal(new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 1).id, queue.id);
}

/* ---- events ---- */

static void reporting_an_event_without_a_queue_fails(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue;

	test_errno(EOPNOTSUPP, t->iommu, TRIGGER_VEVENT, 0, .trigger_vevent.dev_id = mock.idev);
	/* One of another type is none. */
	new_veventq(t->iommu, nested.viommu, 1, 4);
	test_errno(EOPNOTSUPP, t->iommu, TRIGGER_VEVENT, 0, .trigger_vevent.dev_id = mock.idev);
	queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 4);
	report(t, 1);
	/* Nothing was counted. */
	expect_event(queue.fd, 0);
}

static void events_have_sequence_numbers(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 4);

	report(t, 3);
	for (uint32_t i = 0; i < 3; i++)
		expect_event(queue.fd, i);
	expect_empty(queue.fd);
	report(t, 4);
	for (uint32_t i = 3; i < 7; i++)
		expect_event(queue.fd, i);
	expect_empty(queue.fd);
}

static void lost_events_show_as_in_the_example(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 2);
	uint32_t words[16];

	report(t, 5);
	expect_equal(read(queue.fd, words, sizeof(words)), 2 * EVENT_SIZE + HEADER_SIZE);
	expect_equal(words[0], 0);
	expect_equal(words[1], 0);
	expect_equal(words[2], VIRT_ID);
	expect_equal(words[3], 0);
	expect_equal(words[4], 1);
	expect_equal(words[5], VIRT_ID);
	expect_equal(words[6], IOMMU_VEVENTQ_FLAG_LOST_EVENTS);
	expect_equal(words[7], 4);
	report(t, 1);
	expect_event(queue.fd, 5);
	expect_empty(queue.fd);
}

static void the_lost_header_is_always_the_last_entry(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 2);

	report(t, 3);
	expect_event(queue.fd, 0);
	/* There is room again: the header goes, its number shows as a gap. */
	report(t, 1);
	expect_event(queue.fd, 1);
	expect_event(queue.fd, 3);
	expect_empty(queue.fd);
}

static void the_lost_header_has_the_newest_sequence_number(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 1);

	report(t, 2);
	expect_event(queue.fd, 0);
	expect_lost(queue.fd, 1);
	expect_empty(queue.fd);
	report(t, 10);
	expect_event(queue.fd, 2);
	expect_lost(queue.fd, 11);
	expect_empty(queue.fd);
}

static void the_lost_header_does_not_count_towards_the_depth(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 2);

	report(t, 4);
	expect_event(queue.fd, 0);
	expect_event(queue.fd, 1);
	/* The header is left; two more fit. */
	report(t, 2);
	expect_event(queue.fd, 4);
	expect_event(queue.fd, 5);
	expect_empty(queue.fd);
}

static void a_new_veventq_starts_at_sequence_0(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 1);

	report(t, 5);
	close(queue.fd);
	destroy(t->iommu, queue.id);
	queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 1);
	expect_empty(queue.fd);
	report(t, 1);
	expect_event(queue.fd, 0);
}

/* ---- read, write, poll ---- */

static void reading_less_than_an_event_header_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 1);
	struct event event;

	expect_failed(EINVAL, read(queue.fd, &event, 0));
	expect_failed(EINVAL, read(queue.fd, &event, HEADER_SIZE - 1));
	expect_equal(read(queue.fd, &event, HEADER_SIZE), 0);
}

static void reading_an_empty_veventq_returns_0(void **state)
{
	struct queue queue = new_veventq(fixture(state)->iommu, nested.viommu, MOCK_TYPE, 1);

	expect_empty(queue.fd);
	expect_equal(fcntl(queue.fd, F_SETFL, O_NONBLOCK), 0);
	expect_empty(queue.fd);
}

static void events_are_read_while_they_fit(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 3);
	struct event events[4];

	report(t, 4);
	expect_failed(EINVAL, read(queue.fd, events, HEADER_SIZE));
	expect_failed(EINVAL, read(queue.fd, events, EVENT_SIZE - 1));
	expect_equal(read(queue.fd, events, EVENT_SIZE + HEADER_SIZE), EVENT_SIZE);
	expect_equal(read(queue.fd, events, 2 * EVENT_SIZE + HEADER_SIZE - 1), 2 * EVENT_SIZE);
	/* Of the lost header a header's room is enough. */
	expect_equal(read(queue.fd, events, HEADER_SIZE), HEADER_SIZE);
	expect_equal(events[0].header.flags, IOMMU_VEVENTQ_FLAG_LOST_EVENTS);
}

static void an_event_that_cannot_be_copied_stays_queued(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 2);
	const struct event zeros = {.header = {.flags = 9}};
	struct event *one = before_hole(&zeros, EVENT_SIZE);

	report(t, 3);
	expect_failed(EFAULT, read(queue.fd, mem_of_kind(PAGE, MEM_HOLE), PAGE));
	expect_failed(EFAULT, read(queue.fd, mem_of_kind(PAGE, MEM_RO), PAGE));
	/* The header fits, its data does not. */
	expect_failed(EFAULT, read(queue.fd, before_hole(&zeros, HEADER_SIZE), PAGE));
	expect_equal(read(queue.fd, one, PAGE), EVENT_SIZE);
	expect_equal(one->header.sequence, 0);
	expect_event(queue.fd, 1);
	expect_failed(EFAULT, read(queue.fd, mem_of_kind(PAGE, MEM_HOLE), PAGE));
	expect_lost(queue.fd, 2);
}

static void write_to_a_veventq_is_EINVAL(void **state)
{
	struct queue queue = new_veventq(fixture(state)->iommu, nested.viommu, MOCK_TYPE, 1);
	const uint64_t word = 0;

	expect_failed(EINVAL, write(queue.fd, &word, sizeof(word)));
}

static void a_veventq_has_no_file_position(void **state)
{
	struct queue queue = new_veventq(fixture(state)->iommu, nested.viommu, MOCK_TYPE, 1);
	struct event event;

	expect_failed(ESPIPE, lseek(queue.fd, 0, SEEK_SET));
	expect_failed(ESPIPE, pread(queue.fd, &event, sizeof(event), 0));
}

static void poll_reports_queued_events(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, MOCK_TYPE, 1);
	struct pollfd ready = {.fd = queue.fd, .events = POLLIN | POLLRDNORM | POLLOUT};

	expect_equal(poll(&ready, 1, 0), 0);
	report(t, 2);
	expect_equal(poll(&ready, 1, 0), 1);
	expect_equal(ready.revents, POLLIN | POLLRDNORM);
	expect_event(queue.fd, 0);
	/* The lost header is one. */
	expect_equal(poll(&ready, 1, 0), 1);
	expect_equal(ready.revents, POLLIN | POLLRDNORM);
	expect_lost(queue.fd, 1);
	expect_equal(poll(&ready, 1, 0), 0);
}

int viommu_veventq(void)
{
	const struct CMUnitTest tests[] = {
		CASE(viommu, veventq_alloc_with_flags_reserved_or_type_0_is_EOPNOTSUPP,
		     "VEVENTQ-ALLOC.1"),
		CASE(viommu, veventq_alloc_takes_a_depth_of_1_to_524288, "VEVENTQ-ALLOC.2"),
		CASE(viommu, veventq_alloc_on_no_viommu_is_ENOENT, "VEVENTQ-ALLOC.3"),
		CASE(viommu, a_viommu_has_one_veventq_of_a_type, "VEVENTQ-ALLOC.4"),
		CASE(viommu, veventq_alloc_without_a_free_descriptor_is_EMFILE, "VEVENTQ-ALLOC.5"),
		CASE(viommu, veventq_alloc_with_a_failed_copy_out_undoes_all, "VEVENTQ-ALLOC.6"),
		CASE(viommu, veventq_alloc_checks_in_order, "VEVENTQ-ALLOC"),
		CASE(viommu, veventq_alloc_takes_a_structure_of_28_bytes, "VEVENTQ-ALLOC"),
		CASE(viommu, a_veventq_has_a_descriptor_like_that_of_a_fault_queue,
		     "VEVENTQ-ALLOC"),
		CASE(viommu, a_veventq_is_held_by_its_descriptor_and_holds_the_viommu,
		     "VEVENTQ-ALLOC, OBJECTS.9"),
		CASE(seated, reporting_an_event_without_a_queue_fails, "VEVENTQ-EVENTS"),
		CASE(seated, events_have_sequence_numbers, "VEVENTQ-EVENTS"),
		CASE(seated, lost_events_show_as_in_the_example, "VEVENTQ-EVENTS"),
		CASE(seated, the_lost_header_is_always_the_last_entry, "VEVENTQ-EVENTS"),
		CASE(seated, the_lost_header_has_the_newest_sequence_number, "VEVENTQ-EVENTS"),
		CASE(seated, the_lost_header_does_not_count_towards_the_depth, "VEVENTQ-EVENTS"),
		CASE(seated, a_new_veventq_starts_at_sequence_0, "VEVENTQ-EVENTS"),
		CASE(seated, reading_less_than_an_event_header_is_EINVAL, "VEVENTQ-READ.1"),
		CASE(seated, reading_an_empty_veventq_returns_0, "VEVENTQ-READ.2"),
		CASE(seated, events_are_read_while_they_fit, "VEVENTQ-READ.3"),
		CASE(seated, an_event_that_cannot_be_copied_stays_queued, "VEVENTQ-READ.4"),
		CASE(viommu, write_to_a_veventq_is_EINVAL, "VEVENTQ-READ"),
		CASE(viommu, a_veventq_has_no_file_position, "VEVENTQ-READ"),
		CASE(seated, poll_reports_queued_events, "VEVENTQ-READ"),
	};

	return cmocka_run_group_tests_name("vEVENTQs", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The fault queue, its records and responses [FAULT-QUEUE], [FAULT-READ], [FAULT-RESPONSE],
 * [FAULT-CLEANUP].
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "groups.h"
#include "nested.h"

/* faulting: the mock device goes through a nested table, t->hwpt, whose faults go to this queue. */
static struct queue queue;

static int setup_faulting(void **state)
{
	struct fixture *t;

	if (setup_nested(state))
		return -1;
	t = *state;
	queue = new_fault_queue(t->iommu);
	t->hwpt = faulting_hwpt(t->iommu, mock.idev, nested.parent, 0, queue.id);
	move_mock(t->iommu, mock.stdev, t->hwpt);
	return 0;
}

/* The device asks for a page; its group is the number @grpid. */
static void fault(const struct fixture *t, uint32_t grpid)
{
	test_ok(t->iommu, TRIGGER_IOPF, 0,
		.trigger_iopf = {.dev_id = mock.idev,
				 .grpid = grpid,
				 .perm = IOMMU_PGFAULT_PERM_READ | IOMMU_PGFAULT_PERM_WRITE,
				 .addr = IOVA + grpid * PAGE});
}

/* Reads the next group, which is of number @grpid; its cookie. */
static uint32_t take_fault(uint32_t grpid)
{
	struct iommu_hwpt_pgfault record;

	expect_equal(read(queue.fd, &record, sizeof(record)), sizeof(record));
	expect_equal(record.grpid, grpid);
	return record.cookie;
}

static ssize_t respond(uint32_t cookie, uint32_t code)
{
	const struct iommu_hwpt_page_response response = {.cookie = cookie, .code = code};

	return write(queue.fd, &response, sizeof(response));
}

/* ---- FAULT_QUEUE_ALLOC ---- */

static void fault_queue_alloc_with_flags_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_FAULT_QUEUE_ALLOC,
		     CMD(iommu_fault_alloc, .flags = 1));
}

static void fault_queue_alloc_without_a_free_descriptor_is_EMFILE(void **state)
{
	struct fixture *t = fixture(state);
	struct rlimit limit, none;
	int result;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	result = do_ioctl(t->iommu, IOMMU_FAULT_QUEUE_ALLOC, CMD(iommu_fault_alloc));
	setrlimit(RLIMIT_NOFILE, &limit);
	expect_equal(-result, EMFILE);
	expect_equal(new_ioas(t->iommu), 1);
}

static void fault_queue_alloc_with_a_failed_copy_out_undoes_object_and_descriptor(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_fault_alloc *cmd = CMD(iommu_fault_alloc);
	int before = dup(0);

	close(before);
	expect_errno(EFAULT, t->iommu, IOMMU_FAULT_QUEUE_ALLOC, read_only(cmd, sizeof(*cmd)));
	expect_equal(dup(0), before);
	close(before);
	expect_equal(new_ioas(t->iommu), 1);
}

static void a_fault_queue_is_read_write_and_close_on_exec(void **state)
{
	struct queue one = new_fault_queue(fixture(state)->iommu);

	expect_equal(fcntl(one.fd, F_GETFD), FD_CLOEXEC);
	expect_equal(fcntl(one.fd, F_GETFL) & O_ACCMODE, O_RDWR);
}

static void expect_pipe(int fd)
{
	char path[64], name[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	expect_true(readlink(path, name, sizeof(name) - 1) > 0);
	expect_true(!strncmp(name, "pipe:[", 6));
}

static void a_fault_queue_has_a_name_in_proc(void **state)
{
	struct queue one = new_fault_queue(fixture(state)->iommu);
	int copy = close_later(dup(one.fd)), pipes[2];

	expect_fd_name(one.fd, "anon_inode:[iommufd-pgfault]");
	expect_fd_name(copy, "anon_inode:[iommufd-pgfault]");
	/* A pipe of the program's own is one. */
	expect_equal(pipe(pipes), 0);
	close_later(pipes[0]);
	close_later(pipes[1]);
	expect_pipe(pipes[0]);
}

static void a_fault_queue_has_no_file_position(void **state)
{
	struct queue one = new_fault_queue(fixture(state)->iommu);
	struct iommu_hwpt_pgfault record;
	struct iommu_hwpt_page_response response = {.cookie = 1};

	expect_failed(ESPIPE, lseek(one.fd, 0, SEEK_SET));
	expect_failed(ESPIPE, pread(one.fd, &record, sizeof(record), 0));
	expect_failed(ESPIPE, pwrite(one.fd, &response, sizeof(response), 0));
}

static void the_descriptor_of_a_fault_queue_holds_the_object(void **state)
{
	struct fixture *t = fixture(state);
	struct queue one = new_fault_queue(t->iommu);
	int copy = close_later(dup(one.fd));

	expect_busy(t->iommu, one.id);
	close(one.fd);
	expect_busy(t->iommu, one.id);
	close(copy);
	destroy(t->iommu, one.id);
}

static void the_descriptor_of_a_fault_queue_holds_the_context(void **state)
{
	struct fixture *t = fixture(state);
	int iommu = open("/dev/iommu", O_RDWR);
	uint32_t ioas = new_ioas(iommu);
	char *memory = mem_pages(PAGE);
	struct queue one;

	add_mock(iommu, ioas, 0);
	map_at(iommu, ioas, RW, IOVA, memory, PAGE);
	one = new_fault_queue(iommu);
	close(iommu);
	check_refs(t->iommu, memory, PAGE, 1);
	close(one.fd);
	check_refs(t->iommu, memory, PAGE, 0);
}

/* ---- read ---- */

static void a_fault_record_says_what_the_device_wants(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_pgfault record;

	memset(&record, 0xff, sizeof(record));
	test_ok(t->iommu, TRIGGER_IOPF, 0,
		.trigger_iopf = {.dev_id = mock.idev,
				 .pasid = 3,
				 .grpid = 0x1ff,
				 .perm = IOMMU_PGFAULT_PERM_EXEC | IOMMU_PGFAULT_PERM_PRIV,
				 .addr = 0xfedcba9876543210});
	expect_equal(read(queue.fd, &record, sizeof(record)), 40);
	expect_equal(record.flags, IOMMU_PGFAULT_FLAGS_PASID_VALID | IOMMU_PGFAULT_FLAGS_LAST_PAGE);
	expect_equal(record.dev_id, mock.idev);
	expect_equal(record.pasid, 3);
	expect_equal(record.grpid, 0x1ff);
	expect_equal(record.perm, IOMMU_PGFAULT_PERM_EXEC | IOMMU_PGFAULT_PERM_PRIV);
	expect_equal(record.__reserved, 0);
	expect_equal(record.addr, 0xfedcba9876543210);
	expect_equal(record.length, 0);
	expect_equal(record.cookie, 1);
}

static void reading_faults_in_other_sizes_is_ESPIPE(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_pgfault records[2];
	const size_t sizes[] = {1, 8, 39, 41, 79};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		expect_failed(ESPIPE, read(queue.fd, records, sizes[i]));
	fault(t, 1);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		expect_failed(ESPIPE, read(queue.fd, records, sizes[i]));
}

static void a_buffer_in_the_kernels_half_is_EFAULT_before_all_else(void **state)
{
	char *const half = (char *)(UINT64_C(1) << 63);
	char *const hole = mem_of_kind(PAGE, MEM_HOLE);

	fixture(state);
	expect_failed(EFAULT, read(queue.fd, half, 40));
	expect_failed(EFAULT, read(queue.fd, half, 7));
	expect_failed(EFAULT, read(queue.fd, half - 8, 16));
	expect_failed(EFAULT, read(queue.fd, (char *)-PAGE, 0));
	expect_failed(EFAULT, write(queue.fd, half, 7));
	expect_failed(EFAULT, write(queue.fd, half, 0));
	/* Elsewhere the size comes first, and nothing is looked at that is not there. */
	expect_failed(ESPIPE, read(queue.fd, hole, 7));
	expect_equal(read(queue.fd, hole, 40), 0);
}

static void reading_an_empty_fault_queue_returns_0(void **state)
{
	struct iommu_hwpt_pgfault record;

	fixture(state);
	expect_equal(read(queue.fd, &record, sizeof(record)), 0);
	expect_equal(read(queue.fd, &record, 0), 0);
	expect_equal(fcntl(queue.fd, F_SETFL, O_NONBLOCK), 0);
	expect_equal(read(queue.fd, &record, sizeof(record)), 0);
}

static void fault_groups_are_read_while_they_fit(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_pgfault records[4];

	for (uint32_t i = 0; i < 3; i++)
		fault(t, 10 + i);
	expect_failed(EINVAL, read(queue.fd, records, 0));
	expect_equal(read(queue.fd, records, 2 * sizeof(records[0])), 2 * sizeof(records[0]));
	expect_equal(records[0].grpid, 10);
	expect_equal(records[1].grpid, 11);
	expect_equal(read(queue.fd, records, sizeof(records)), sizeof(records[0]));
	expect_equal(records[0].grpid, 12);
	expect_equal(read(queue.fd, records, sizeof(records)), 0);
}

static void a_fault_group_gets_the_lowest_free_cookie(void **state)
{
	struct fixture *t = fixture(state);

	for (uint32_t i = 0; i < 6; i++)
		fault(t, i);
	for (uint32_t i = 0; i < 3; i++)
		expect_equal(take_fault(i), i + 1);
	expect_equal(respond(2, 0), 8);
	expect_equal(take_fault(3), 2);
	expect_equal(respond(1, 0), 8);
	expect_equal(respond(3, 0), 8);
	expect_equal(take_fault(4), 1);
	expect_equal(take_fault(5), 3);
}

static void a_fault_group_that_cannot_be_copied_stays_queued(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_pgfault records[2] = {{.flags = 0}};
	struct iommu_hwpt_pgfault *end = before_hole(records, sizeof(records[0]));

	fault(t, 1);
	fault(t, 2);
	expect_failed(EFAULT, read(queue.fd, mem_of_kind(PAGE, MEM_HOLE), sizeof(records)));
	expect_failed(EFAULT, read(queue.fd, mem_of_kind(PAGE, MEM_RO), sizeof(records)));
	/* One fits: no error. */
	expect_equal(read(queue.fd, end, sizeof(records)), sizeof(records[0]));
	expect_equal(end->grpid, 1);
	expect_equal(end->cookie, 1);
	expect_equal(take_fault(2), 2);
}

/* ---- write, poll ---- */

static void responses_of_other_sizes_are_ESPIPE(void **state)
{
	const struct iommu_hwpt_page_response responses[2] = {{.cookie = 1}};

	fixture(state);
	expect_failed(ESPIPE, write(queue.fd, responses, 4));
	expect_failed(ESPIPE, write(queue.fd, responses, 9));
	expect_equal(write(queue.fd, responses, 0), 0);
}

static void bad_responses_are_EFAULT_or_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t cookie;

	expect_failed(EINVAL, respond(1, 0));
	fault(t, 1);
	/* It is not delivered yet. */
	expect_failed(EINVAL, respond(1, 0));
	cookie = take_fault(1);
	expect_failed(EINVAL, respond(cookie, 2));
	expect_failed(EINVAL, respond(cookie, UINT32_MAX));
	expect_failed(EINVAL, respond(0, 0));
	expect_failed(EINVAL, respond(cookie + 1, 0));
	expect_failed(EFAULT, write(queue.fd, mem_of_kind(PAGE, MEM_HOLE), 8));
	expect_equal(respond(cookie, IOMMUFD_PAGE_RESP_SUCCESS), 8);
}

static void responses_before_a_bad_one_are_handled_and_counted(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_page_response responses[] = {
		{.cookie = 1}, {.cookie = 2, .code = 1}, {.cookie = 9}, {.cookie = 3}};

	const char *last = before_hole(&responses[3], sizeof(responses[3]));

	for (uint32_t i = 0; i < 4; i++)
		fault(t, i);
	for (uint32_t i = 0; i < 4; i++)
		take_fault(i);
	expect_equal(write(queue.fd, responses, sizeof(responses)), 16);
	expect_failed(EINVAL, respond(1, 0));
	expect_failed(EINVAL, respond(2, 0));
	/* One before unreadable memory. */
	expect_equal(write(queue.fd, last, 16), 8);
	expect_equal(respond(4, 0), 8);
}

static void a_fault_group_is_answered_once(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t cookie;

	fault(t, 1);
	cookie = take_fault(1);
	expect_equal(respond(cookie, IOMMUFD_PAGE_RESP_INVALID), 8);
	expect_failed(EINVAL, respond(cookie, IOMMUFD_PAGE_RESP_INVALID));
}

static void poll_reports_queued_fault_groups(void **state)
{
	struct fixture *t = fixture(state);
	struct pollfd ready = {.fd = queue.fd, .events = POLLIN | POLLRDNORM | POLLOUT};

	expect_equal(poll(&ready, 1, 0), 1);
	expect_equal(ready.revents, POLLOUT);
	fault(t, 1);
	expect_equal(poll(&ready, 1, 0), 1);
	expect_equal(ready.revents, POLLIN | POLLRDNORM | POLLOUT);
	fault(t, 2);
	take_fault(1);
	expect_equal(poll(&ready, 1, 0), 1);
	expect_equal(ready.revents, POLLIN | POLLRDNORM | POLLOUT);
	take_fault(2);
	/* What waits for its response does not count. */
	expect_equal(poll(&ready, 1, 0), 1);
	expect_equal(ready.revents, POLLOUT);
}

/* ---- the end of faults ---- */

static void replacing_answers_all_faults_of_the_attachment(void **state)
{
	struct fixture *t = fixture(state);
	struct pollfd ready = {.fd = queue.fd, .events = POLLIN};
	struct iommu_hwpt_pgfault record;

	fault(t, 1);
	fault(t, 2);
	expect_equal(take_fault(1), 1);
	move_mock(t->iommu, mock.stdev, t->ioas);
	expect_failed(EINVAL, respond(1, 0));
	expect_equal(read(queue.fd, &record, sizeof(record)), 0);
	expect_equal(poll(&ready, 1, 0), 0);
	/* The cookie is free. */
	move_mock(t->iommu, mock.stdev, t->hwpt);
	fault(t, 3);
	expect_equal(take_fault(3), 1);
}

static void detaching_answers_all_faults_of_the_attachment(void **state)
{
	struct fixture *t = fixture(state);
	struct mock other = add_mock(t->iommu, t->hwpt, 0);
	struct iommu_hwpt_pgfault record;

	fault(t, 1);
	fault(t, 2);
	test_ok(t->iommu, TRIGGER_IOPF, 0, .trigger_iopf = {.dev_id = other.idev, .grpid = 3});
	expect_equal(take_fault(1), 1);
	destroy(t->iommu, mock.stdev);
	expect_failed(EINVAL, respond(1, 0));
	/* The other device's are untouched. */
	expect_equal(read(queue.fd, &record, sizeof(record)), sizeof(record));
	expect_equal(record.dev_id, other.idev);
	expect_equal(record.grpid, 3);
	expect_equal(respond(record.cookie, 0), 8);
}

static void replacing_by_the_same_hwpt_leaves_its_faults(void **state)
{
	struct fixture *t = fixture(state);

	fault(t, 1);
	fault(t, 2);
	take_fault(1);
	move_mock(t->iommu, mock.stdev, t->hwpt);
	take_fault(2);
	expect_equal(respond(1, 0), 8);
}

static void closing_a_fault_queue_answers_nothing(void **state)
{
	struct fixture *t = fixture(state);

	fault(t, 1);
	fault(t, 2);
	take_fault(1);
	close(queue.fd);
	/* They go with the object. */
	expect_busy(t->iommu, queue.id);
	fault(t, 3);
	move_mock(t->iommu, mock.stdev, t->ioas);
	destroy(t->iommu, t->hwpt);
	destroy(t->iommu, queue.id);
}

static void a_context_with_queued_faults_can_be_closed(void **state)
{
	struct fixture *t = fixture(state);

	fault(t, 1);
	fault(t, 2);
	take_fault(1);
	close(t->iommu);
	expect_equal(respond(1, 0), 8);
	expect_equal(take_fault(2), 1);
}

int fault_queue(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, fault_queue_alloc_with_flags_is_EOPNOTSUPP, "FAULT-QUEUE.1"),
		CASE(context, fault_queue_alloc_without_a_free_descriptor_is_EMFILE,
		     "FAULT-QUEUE.2"),
		CASE(context, fault_queue_alloc_with_a_failed_copy_out_undoes_object_and_descriptor,
		     "FAULT-QUEUE.3"),
		CASE(context, a_fault_queue_is_read_write_and_close_on_exec, "FAULT-QUEUE"),
		CASE(context, a_fault_queue_has_a_name_in_proc, "FAULT-QUEUE"),
		CASE(context, a_fault_queue_has_no_file_position, "FAULT-QUEUE"),
		CASE(context, the_descriptor_of_a_fault_queue_holds_the_object,
		     "FAULT-QUEUE, OBJECTS.6"),
		CASE(context, the_descriptor_of_a_fault_queue_holds_the_context, "FAULT-QUEUE"),
		CASE(faulting, a_fault_record_says_what_the_device_wants,
		     "FAULT-READ, FAULT-RECORD.1..8"),
		CASE(faulting, reading_faults_in_other_sizes_is_ESPIPE, "FAULT-READ.1"),
		CASE(faulting, a_buffer_in_the_kernels_half_is_EFAULT_before_all_else,
		     "FAULT-READ, FAULT-RESPONSE"),
		CASE(faulting, reading_an_empty_fault_queue_returns_0, "FAULT-READ.2"),
		CASE(faulting, fault_groups_are_read_while_they_fit, "FAULT-READ.3"),
		CASE(faulting, a_fault_group_gets_the_lowest_free_cookie,
		     "FAULT-READ.4, FAULT-RECORD.9"),
		CASE(faulting, a_fault_group_that_cannot_be_copied_stays_queued, "FAULT-READ.5"),
		CASE(faulting, responses_of_other_sizes_are_ESPIPE, "FAULT-RESPONSE.1"),
		CASE(faulting, bad_responses_are_EFAULT_or_EINVAL, "FAULT-RESPONSE.2"),
		CASE(faulting, responses_before_a_bad_one_are_handled_and_counted,
		     "FAULT-RESPONSE.2"),
		CASE(faulting, a_fault_group_is_answered_once, "FAULT-RESPONSE.3"),
		CASE(faulting, poll_reports_queued_fault_groups, "FAULT-RESPONSE"),
		CASE(faulting, replacing_answers_all_faults_of_the_attachment, "FAULT-CLEANUP"),
		CASE(faulting, detaching_answers_all_faults_of_the_attachment, "FAULT-CLEANUP"),
		CASE(faulting, replacing_by_the_same_hwpt_leaves_its_faults, "FAULT-CLEANUP"),
		CASE(faulting, closing_a_fault_queue_answers_nothing, "FAULT-CLEANUP"),
		CASE(faulting, a_context_with_queued_faults_can_be_closed, "FAULT-CLEANUP"),
	};

	return cmocka_run_group_tests_name("fault queues", tests, NULL, NULL);
}

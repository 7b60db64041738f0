/* SPDX-License-Identifier: MIT */
/* Fault queues: routing, records, cookies, responses, and DMA that waits for its page. */
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "iommufd/device/page_request.h"
#include "iommufd/queue/fault_queue.h"
#include "kit.h"

#define IOVA UINT64_C(0x200000)

struct queue {
	struct engine *e;
	uint32_t ioas, hwpt, id, fd;
};

static int set_up(void **state)
{
	struct queue *q = calloc(1, sizeof(*q));
	struct iommu_fault_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_hwpt_alloc hwpt = {.flags = IOMMU_HWPT_FAULT_ID_VALID};
	uint32_t pt_id;

	assert_non_null(q);
	q->e = engine_create("amd", 16);
	q->ioas = engine_ioas(q->e);
	assert_int_equal(engine_call(q->e, IOMMU_FAULT_QUEUE_ALLOC, &alloc), 0);
	q->id = alloc.out_fault_id;
	q->fd = alloc.out_fault_fd;
	hwpt.pt_id = q->ioas;
	hwpt.fault_id = q->id;
	assert_int_equal(engine_hwpt(q->e, 0, &hwpt), 0);
	q->hwpt = hwpt.out_hwpt_id;
	pt_id = q->hwpt;
	assert_int_equal(iommufd_device_attach(q->e->devices[0], 0, &pt_id), 0);
	*state = q;
	return 0;
}

static int tear_down(void **state)
{
	struct queue *q = *state;

	engine_destroy(q->e);
	free(q);
	return 0;
}

struct answer {
	struct fault_waiter waiter;
	int count;
	uint32_t code;
};

static void note_answer(struct fault_waiter *waiter, uint32_t code)
{
	struct answer *answer = (struct answer *)waiter;

	answer->count++;
	answer->code = code;
}

/* A fault of device @index; complete if @last. */
static void report(struct queue *q, int index, uint32_t grpid, uint64_t addr, bool last,
		   struct answer *answer)
{
	const struct iommu_hwpt_pgfault fault = {
		.flags = last ? IOMMU_PGFAULT_FLAGS_LAST_PAGE : 0,
		.grpid = grpid,
		.perm = IOMMU_PGFAULT_PERM_READ,
		.addr = addr,
	};

	if (answer)
		*answer = (struct answer){.waiter.respond = note_answer};
	assert_int_equal(
		device_report_fault(q->e->devices[index], &fault, answer ? &answer->waiter : NULL),
		0);
}

static bool readable(struct queue *q)
{
	struct uiommufd_file *file = engine_file(q->e, q->fd);
	struct pollfd poll_fd = {.fd = file->ops->readiness(file), .events = POLLIN | POLLOUT};

	assert_int_equal(poll(&poll_fd, 1, 0), 1);
	assert_true(poll_fd.revents & POLLOUT);
	return poll_fd.revents & POLLIN;
}

static ssize_t respond(struct queue *q, uint32_t cookie, uint32_t code)
{
	const struct iommu_hwpt_page_response response = {.cookie = cookie, .code = code};

	return engine_write(q->e, q->fd, &response, sizeof(response));
}

static void group_is_read_whole_and_answered_once(void **state)
{
	struct queue *q = *state;
	struct iommu_hwpt_pgfault records[4];
	struct answer answer;

	assert_false(readable(q));
	assert_int_equal(engine_read(q->e, q->fd, records, sizeof(records)), 0);
	report(q, 0, 7, 0x1000, false, NULL);
	report(q, 0, 8, 0x9000, false, NULL);
	report(q, 0, 7, 0x2000, false, NULL);
	assert_false(readable(q));
	report(q, 0, 7, 0x3000, true, &answer);
	assert_true(readable(q));
	assert_int_equal(engine_read(q->e, q->fd, records, 2 * sizeof(records[0])), -EINVAL);
	assert_int_equal(engine_read(q->e, q->fd, records, sizeof(records)),
			 3 * sizeof(records[0]));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(records[i].addr, 0x1000 * (i + 1));
		assert_int_equal(records[i].dev_id, q->e->dev_ids[0]);
		assert_int_equal(records[i].grpid, 7);
		assert_int_equal(records[i].cookie, 1);
		assert_int_equal(records[i].flags, i == 2 ? IOMMU_PGFAULT_FLAGS_LAST_PAGE : 0);
	}
	assert_false(readable(q));
	assert_int_equal(respond(q, 2, 0), -EINVAL);
	assert_int_equal(respond(q, 1, 2), -EINVAL);
	assert_int_equal(respond(q, 1, IOMMUFD_PAGE_RESP_SUCCESS), 8);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.code, IOMMUFD_PAGE_RESP_SUCCESS);
	assert_int_equal(respond(q, 1, IOMMUFD_PAGE_RESP_SUCCESS), -EINVAL);
}

static void cookies_are_the_lowest_free(void **state)
{
	struct queue *q = *state;
	struct iommu_hwpt_pgfault records[3];
	struct answer answers[4];

	for (int i = 0; i < 3; i++)
		report(q, 0, (uint32_t)i, 0x1000, true, &answers[i]);
	assert_int_equal(engine_read(q->e, q->fd, records, sizeof(records)), sizeof(records));
	assert_int_equal(records[0].cookie, 1);
	assert_int_equal(records[2].cookie, 3);
	assert_int_equal(respond(q, 2, IOMMUFD_PAGE_RESP_INVALID), 8);
	assert_int_equal(answers[1].code, IOMMUFD_PAGE_RESP_INVALID);
	report(q, 0, 9, 0x1000, true, &answers[3]);
	assert_int_equal(engine_read(q->e, q->fd, records, sizeof(records)), sizeof(records[0]));
	assert_int_equal(records[0].cookie, 2);
	/* Answers the rest while the device is still attached. */
	iommufd_device_detach(q->e->devices[0], 0);
}

static void sizes_that_are_no_multiple_are_refused(void **state)
{
	struct queue *q = *state;
	char bytes[64];

	assert_int_equal(engine_read(q->e, q->fd, bytes, 39), -ESPIPE);
	assert_int_equal(engine_write(q->e, q->fd, bytes, 7), -ESPIPE);
	assert_int_equal(engine_write(q->e, q->fd, bytes, 0), 0);
	assert_int_equal(engine_read(q->e, q->fd, bytes, 0), 0);
	report(q, 0, 1, 0, true, NULL);
	assert_int_equal(engine_read(q->e, q->fd, bytes, 0), -EINVAL);
}

static void unreadable_buffer_keeps_the_group(void **state)
{
	struct queue *q = *state;
	struct iommu_hwpt_pgfault record;

	report(q, 0, 1, 0x5000, true, NULL);
	assert_int_equal(engine_read(q->e, q->fd, NULL, 40), -EFAULT);
	assert_true(readable(q));
	assert_int_equal(engine_read(q->e, q->fd, &record, sizeof(record)), 40);
	assert_int_equal(record.cookie, 1);
}

static void fault_without_a_queue_is_answered_invalid_at_once(void **state)
{
	struct queue *q = *state;
	uint32_t pt_id = q->ioas;
	struct answer answer;

	report(q, 1, 1, 0x1000, true, &answer);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.code, IOMMUFD_PAGE_RESP_INVALID);
	assert_int_equal(iommufd_device_attach(q->e->devices[1], 0, &pt_id), 0);
	report(q, 1, 1, 0x1000, true, &answer);
	assert_int_equal(answer.code, IOMMUFD_PAGE_RESP_INVALID);
	assert_false(readable(q));
}

static void detach_answers_what_is_pending(void **state)
{
	struct queue *q = *state;
	struct iommu_hwpt_pgfault record;
	struct answer delivered, queued;

	report(q, 0, 1, 0x1000, true, &delivered);
	assert_int_equal(engine_read(q->e, q->fd, &record, sizeof(record)), 40);
	report(q, 0, 2, 0x1000, true, &queued);
	iommufd_device_detach(q->e->devices[0], 0);
	assert_int_equal(delivered.code, IOMMUFD_PAGE_RESP_INVALID);
	assert_int_equal(delivered.count, 1);
	assert_int_equal(queued.count, 1);
	assert_false(readable(q));
	assert_int_equal(respond(q, record.cookie, 0), -EINVAL);
}

static void queue_lives_as_long_as_its_descriptor_and_its_hwpts(void **state)
{
	struct queue *q = *state;
	struct answer answer;

	assert_int_equal(engine_object_destroy(q->e, q->id), -EBUSY);
	report(q, 0, 1, 0x1000, true, &answer);
	engine_close(q->e, q->fd);
	assert_int_equal(answer.count, 0);
	assert_int_equal(engine_object_destroy(q->e, q->id), -EBUSY);
	iommufd_device_detach(q->e->devices[0], 0);
	assert_int_equal(answer.count, 1);
	assert_int_equal(engine_object_destroy(q->e, q->hwpt), 0);
	assert_int_equal(engine_object_destroy(q->e, q->id), 0);
}

static void responses_before_a_bad_one_count(void **state)
{
	struct queue *q = *state;
	struct iommu_hwpt_pgfault records[2];
	struct iommu_hwpt_page_response responses[3] = {
		{.cookie = 1}, {.cookie = 9}, {.cookie = 2}};
	struct answer first, second;

	report(q, 0, 1, 0x1000, true, &first);
	report(q, 0, 2, 0x1000, true, &second);
	assert_int_equal(engine_read(q->e, q->fd, records, sizeof(records)), sizeof(records));
	assert_int_equal(engine_write(q->e, q->fd, responses, sizeof(responses)), 8);
	assert_int_equal(first.count, 1);
	assert_int_equal(second.count, 0);
	assert_int_equal(engine_write(q->e, q->fd, &responses[2], 8), 8);
	assert_int_equal(second.count, 1);
	assert_int_equal(engine_write(q->e, q->fd, NULL, 8), -EFAULT);
}

/* As many groups as fit, each whole; where one does not, what came before it. */
static void groups_are_read_while_they_fit(void **state)
{
	struct queue *q = *state;
	struct iommu_hwpt_pgfault records[4];

	report(q, 0, 1, 0x1000, true, NULL);
	report(q, 0, 2, 0x2000, false, NULL);
	report(q, 0, 2, 0x3000, true, NULL);
	report(q, 0, 3, 0x4000, true, NULL);
	assert_int_equal(engine_read(q->e, q->fd, records, 2 * sizeof(records[0])),
			 sizeof(records[0]));
	assert_int_equal(records[0].cookie, 1);
	assert_int_equal(engine_read(q->e, q->fd, records, sizeof(records)),
			 3 * sizeof(records[0]));
	assert_int_equal(records[0].cookie, 2);
	assert_int_equal(records[1].cookie, 2);
	assert_int_equal(records[2].cookie, 3);
}

static void replacing_answers_what_is_pending(void **state)
{
	struct queue *q = *state;
	uint32_t pt_id = q->ioas;
	struct iommu_hwpt_pgfault record;
	struct answer delivered, queued;

	report(q, 0, 1, 0x1000, true, &delivered);
	assert_int_equal(engine_read(q->e, q->fd, &record, sizeof(record)), sizeof(record));
	report(q, 0, 2, 0x1000, true, &queued);
	assert_int_equal(iommufd_device_replace(q->e->devices[0], 0, &pt_id), 0);
	assert_int_equal(delivered.code, IOMMUFD_PAGE_RESP_INVALID);
	assert_int_equal(queued.code, IOMMUFD_PAGE_RESP_INVALID);
	assert_int_equal(queued.count, 1);
	assert_int_equal(respond(q, record.cookie, 0), -EINVAL);
	assert_false(readable(q));
}

static void a_device_that_refuses_has_nothing_pending(void **state)
{
	struct queue *q = *state;
	struct answer before, during, after;
	char byte;

	report(q, 0, 1, 0x1000, true, &before);
	iommufd_device_refuse_pages(q->e->devices[0], true);
	assert_int_equal(before.code, IOMMUFD_PAGE_RESP_INVALID);
	assert_int_equal(before.count, 1);
	report(q, 0, 1, 0x1000, true, &during);
	assert_int_equal(during.count, 1);
	assert_int_equal(during.code, IOMMUFD_PAGE_RESP_INVALID);
	assert_int_equal(iommu_dma(q->e->endpoints[0], 0, IOVA, &byte, 1, DMA_READ), -EFAULT);
	assert_false(readable(q));
	iommufd_device_refuse_pages(q->e->devices[0], false);
	report(q, 0, 1, 0x1000, true, &after);
	assert_int_equal(after.count, 0);
	assert_true(readable(q));
	iommufd_device_detach(q->e->devices[0], 0);
	assert_int_equal(after.count, 1);
}

/* Without a nested table of PASIDs, a PASID has the queue that it is attached by, or none. */
static void a_pasid_without_an_attachment_has_no_queue(void **state)
{
	struct queue *q = *state;
	const struct iommu_hwpt_pgfault fault = {
		.flags = IOMMU_PGFAULT_FLAGS_LAST_PAGE | IOMMU_PGFAULT_FLAGS_PASID_VALID,
		.pasid = 5,
	};
	struct answer answer = {.waiter.respond = note_answer};

	assert_int_equal(device_report_fault(q->e->devices[0], &fault, &answer.waiter), 0);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.code, IOMMUFD_PAGE_RESP_INVALID);
	assert_false(readable(q));
}

struct pager {
	struct queue *q;
	uint32_t code;
};

/* User space that maps the page that is asked for, or refuses it. */
static void *serve_one(void *arg)
{
	struct pager *pager = arg;
	struct uiommufd_file *file = engine_file(pager->q->e, pager->q->fd);
	struct pollfd poll_fd = {.fd = file->ops->readiness(file), .events = POLLIN};
	struct iommu_hwpt_pgfault record;

	while (poll(&poll_fd, 1, -1) < 0)
		;
	if (engine_read(pager->q->e, pager->q->fd, &record, sizeof(record)) != sizeof(record))
		return NULL;
	if (pager->code == IOMMUFD_PAGE_RESP_SUCCESS)
		engine_map(pager->q->e, pager->q->ioas, record.addr, 0, 4096);
	respond(pager->q, record.cookie, pager->code);
	return pager;
}

static void dma_waits_for_the_page_that_it_asked_for(void **state)
{
	struct queue *q = *state;
	struct pager pager = {q, IOMMUFD_PAGE_RESP_SUCCESS};
	char bytes[8] = "";
	pthread_t thread;
	void *result;

	memcpy(q->e->buffer + 16, "on time", 8);
	assert_int_equal(pthread_create(&thread, NULL, serve_one, &pager), 0);
	assert_int_equal(iommu_dma(q->e->endpoints[0], 0, IOVA + 16, bytes, 8, DMA_READ), 0);
	pthread_join(thread, &result);
	assert_ptr_equal(result, &pager);
	assert_string_equal(bytes, "on time");
}

static void dma_fails_when_the_page_is_refused(void **state)
{
	struct queue *q = *state;
	struct pager pager = {q, IOMMUFD_PAGE_RESP_INVALID};
	pthread_t thread;
	char byte;

	assert_int_equal(pthread_create(&thread, NULL, serve_one, &pager), 0);
	assert_int_equal(iommu_dma(q->e->endpoints[0], 0, IOVA, &byte, 1, DMA_READ), -EFAULT);
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		QUEUE_TEST(group_is_read_whole_and_answered_once),
		QUEUE_TEST(cookies_are_the_lowest_free),
		QUEUE_TEST(sizes_that_are_no_multiple_are_refused),
		QUEUE_TEST(unreadable_buffer_keeps_the_group),
		QUEUE_TEST(fault_without_a_queue_is_answered_invalid_at_once),
		QUEUE_TEST(detach_answers_what_is_pending),
		QUEUE_TEST(queue_lives_as_long_as_its_descriptor_and_its_hwpts),
		QUEUE_TEST(responses_before_a_bad_one_count),
		QUEUE_TEST(groups_are_read_while_they_fit),
		QUEUE_TEST(replacing_answers_what_is_pending),
		QUEUE_TEST(a_device_that_refuses_has_nothing_pending),
		QUEUE_TEST(a_pasid_without_an_attachment_has_no_queue),
		QUEUE_TEST(dma_waits_for_the_page_that_it_asked_for),
		QUEUE_TEST(dma_fails_when_the_page_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

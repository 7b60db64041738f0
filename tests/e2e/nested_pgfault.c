/* SPDX-License-Identifier: MIT */
/*
 * IO page faults: DMA to an unmapped page waits until a thread that serves the fault queue has
 * mapped the page or refused it. The DMA ends whatever else happens to the device. Run with
 * --device edu.
 */
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nested.h"

enum {
	TIMEOUT_MS = 10000,
	MAX_FAULTS = 8,
};

/* Never mapped. */
#define IOVA_REFUSED UINT64_C(0x3000000)

struct server {
	struct rig *rig;
	int queue; /* descriptor */
	uint8_t *in, *out;
	unsigned int expected; /* faults, before it ends */
	struct iommu_hwpt_pgfault faults[MAX_FAULTS];
};

static uint8_t *pages(void)
{
	uint8_t *memory =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

/* Maps the page at @iova if it belongs to one of the buffers. */
static uint32_t provide(const struct server *server, uint64_t iova)
{
	if (iova - IOVA_IN < 2 * PAGE)
		rig_map(server->rig, server->in + (iova - IOVA_IN), PAGE, iova);
	else if (iova - IOVA_OUT < 2 * PAGE)
		rig_map(server->rig, server->out + (iova - IOVA_OUT), PAGE, iova);
	else
		return IOMMUFD_PAGE_RESP_INVALID;
	return IOMMUFD_PAGE_RESP_SUCCESS;
}

static void *serve(void *arg)
{
	struct server *server = arg;

	for (unsigned int i = 0; i < server->expected; i++) {
		struct iommu_hwpt_pgfault *fault = &server->faults[i];
		struct pollfd pfd = {.fd = server->queue, .events = POLLIN};
		struct iommu_hwpt_page_response response;

		CHECK(poll(&pfd, 1, TIMEOUT_MS) == 1);
		CHECK(read(server->queue, fault, sizeof(*fault)) == sizeof(*fault));
		response.cookie = fault->cookie;
		response.code = provide(server, fault->addr);
		CHECK(write(server->queue, &response, sizeof(response)) == sizeof(response));
		/* Once. */
		CHECK(write(server->queue, &response, sizeof(response)) < 0);
	}
	return NULL;
}

/* A HWPT with the fault queue @queue, a descriptor. */
static uint32_t make_hwpt(const struct rig *rig, int *queue)
{
	struct iommu_fault_alloc fault = {.size = sizeof(fault)};
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt),
		.flags = IOMMU_HWPT_FAULT_ID_VALID,
		.dev_id = rig->dev_id,
		.pt_id = rig->ioas,
	};

	rig_call(rig, IOMMU_FAULT_QUEUE_ALLOC, &fault);
	hwpt.fault_id = fault.out_fault_id;
	rig_call(rig, IOMMU_HWPT_ALLOC, &hwpt);
	*queue = (int)fault.out_fault_fd;
	return hwpt.out_hwpt_id;
}

static void check_record(const struct server *server, unsigned int i, uint64_t addr, uint32_t perm)
{
	const struct iommu_hwpt_pgfault *fault = &server->faults[i];

	CHECK(fault->flags == IOMMU_PGFAULT_FLAGS_LAST_PAGE);
	CHECK(fault->dev_id == server->rig->dev_id);
	CHECK(fault->addr == addr);
	CHECK(fault->perm == perm);
	CHECK(fault->cookie);
}

/* Each page is asked for once, when it is reached. */
static void pages_come_when_they_are_needed(struct server *server)
{
	const uint32_t half = PAGE / 2;
	const struct rig *rig = server->rig;
	pthread_t thread;

	for (size_t i = 0; i < 2 * PAGE; i++)
		server->in[i] = (uint8_t)(i * 5 + (i >> 8));
	server->expected = 4;
	CHECK(!pthread_create(&thread, NULL, serve, server));
	edu_copy(rig, IOVA_OUT + half, IOVA_IN + half);
	pthread_join(thread, NULL);
	CHECK(!memcmp(server->out + half, server->in + half, PAGE));
	CHECK(!server->out[0] && !server->out[2 * PAGE - 1]);
	check_record(server, 0, IOVA_IN, IOMMU_PGFAULT_PERM_READ);
	check_record(server, 1, IOVA_IN + PAGE, IOMMU_PGFAULT_PERM_READ);
	check_record(server, 2, IOVA_OUT, IOMMU_PGFAULT_PERM_WRITE);
	check_record(server, 3, IOVA_OUT + PAGE, IOMMU_PGFAULT_PERM_WRITE);

	/* Now they are there. */
	memset(server->in, 0x5a, PAGE);
	edu_copy(rig, IOVA_OUT, IOVA_IN);
	CHECK(!memcmp(server->out, server->in, PAGE));
}

static void a_refusal_ends_the_dma(struct server *server)
{
	const struct rig *rig = server->rig;
	pthread_t thread;

	server->expected = 1;
	edu_read(rig, IOVA_IN, PAGE);
	CHECK(!pthread_create(&thread, NULL, serve, server));
	edu_read(rig, IOVA_REFUSED, PAGE);
	pthread_join(thread, NULL);
	check_record(server, 0, IOVA_REFUSED, IOMMU_PGFAULT_PERM_READ);
	memset(server->out, 0, PAGE);
	edu_write(rig, IOVA_OUT, PAGE);
	CHECK(!memcmp(server->out, server->in, PAGE));
}

/* ---- what ends a DMA that waits, while no thread serves the queue ---- */

/* DMA that waits for a page at @iova. */
static void begin_waiting(const struct server *server, uint64_t iova)
{
	struct pollfd pfd = {.fd = server->queue, .events = POLLIN};

	edu_begin_read(server->rig, iova, PAGE);
	CHECK(poll(&pfd, 1, TIMEOUT_MS) == 1);
}

static uint32_t take_request(const struct server *server)
{
	struct iommu_hwpt_pgfault fault;

	CHECK(read(server->queue, &fault, sizeof(fault)) == sizeof(fault));
	return fault.cookie;
}

static ssize_t answer(const struct server *server, uint32_t cookie, uint32_t code)
{
	const struct iommu_hwpt_page_response response = {.cookie = cookie, .code = code};

	return write(server->queue, &response, sizeof(response));
}

static bool is_readable(const struct server *server)
{
	struct pollfd pfd = {.fd = server->queue, .events = POLLIN};

	return poll(&pfd, 1, 0) == 1;
}

static void detach_ends_it(const struct server *server, uint32_t hwpt)
{
	uint32_t cookie;

	begin_waiting(server, IOVA_REFUSED);
	rig_detach(server->rig);
	edu_end(server->rig);
	CHECK(!is_readable(server));
	rig_attach(server->rig, hwpt);

	/* Also when the request has been read. */
	begin_waiting(server, IOVA_REFUSED);
	cookie = take_request(server);
	rig_detach(server->rig);
	edu_end(server->rig);
	CHECK(answer(server, cookie, IOMMUFD_PAGE_RESP_SUCCESS) < 0);
	rig_attach(server->rig, hwpt);
}

static void replacing_ends_it(const struct server *server, uint32_t hwpt, uint32_t other)
{
	begin_waiting(server, IOVA_REFUSED);
	rig_attach(server->rig, other);
	edu_end(server->rig);
	CHECK(!is_readable(server));
	rig_attach(server->rig, hwpt);
}

static void reset_ends_it(const struct server *server)
{
	begin_waiting(server, IOVA_REFUSED);
	CHECK(!ioctl(server->rig->edu, VFIO_DEVICE_RESET));
	edu_end(server->rig);
	CHECK(!is_readable(server));
}

/* A child answers for its parent, and closing its descriptor closes nothing. */
static void a_child_of_a_shared_machine_answers(const struct server *server)
{
	const uint64_t iova = IOVA_REFUSED + PAGE;
	int status;
	pid_t child;

	begin_waiting(server, iova);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		rig_map(server->rig, server->in, PAGE, iova);
		CHECK(answer(server, take_request(server), IOMMUFD_PAGE_RESP_SUCCESS) > 0);
		CHECK(!close(server->rig->edu));
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && !status);
	edu_end(server->rig);
	CHECK(!is_readable(server));
}

/* The thread that forks is also the one that answers. */
static void fork_does_not_wait_for_it(const struct server *server)
{
	const uint64_t iova = IOVA_REFUSED + PAGE;
	int status;
	pid_t child;

	begin_waiting(server, iova);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		/*
		 * In the child that DMA is over; the copy of its request can be answered like any
		 * other.
		 */
		CHECK(answer(server, take_request(server), IOMMUFD_PAGE_RESP_INVALID) > 0);
		CHECK(!close(server->rig->edu));
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && !status);
	CHECK(is_readable(server));
	rig_map(server->rig, server->in, PAGE, iova);
	CHECK(answer(server, take_request(server), IOMMUFD_PAGE_RESP_SUCCESS) > 0);
	edu_end(server->rig);
	memset(server->out, 0, PAGE);
	edu_write(server->rig, IOVA_OUT, PAGE);
	CHECK(!memcmp(server->out, server->in, PAGE));
}

/* With the queue's descriptor closed, no answer can come any more. */
static void close_ends_it(const struct server *server)
{
	begin_waiting(server, IOVA_REFUSED);
	CHECK(!close(server->queue));
	CHECK(!close(server->rig->edu));
}

int main(int argc, char **argv)
{
	struct server server = {.in = pages(), .out = pages()};
	uint32_t hwpt, other;
	struct rig rig;
	int unused;

	rig_open(&rig);
	hwpt = make_hwpt(&rig, &server.queue);
	other = make_hwpt(&rig, &unused);
	rig_attach(&rig, hwpt);
	server.rig = &rig;
	pages_come_when_they_are_needed(&server);
	a_refusal_ends_the_dma(&server);

	detach_ends_it(&server, hwpt);
	replacing_ends_it(&server, hwpt, other);
	reset_ends_it(&server);
	if (argc > 1 && !strcmp(argv[1], "shared"))
		a_child_of_a_shared_machine_answers(&server);
	else
		fork_does_not_wait_for_it(&server);
	close_ends_it(&server);
	return 0;
}

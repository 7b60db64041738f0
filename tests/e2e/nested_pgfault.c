/* SPDX-License-Identifier: MIT */
/*
 * IO page faults: DMA to what is not mapped waits until a thread of ours, which serves the fault queue, has mapped it or refused.
 * Run with --device edu.
 */
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nested.h"

enum {
	TIMEOUT_MS = 10000,
	MAX_FAULTS = 8,
};

/* Where nothing ever is. */
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
	uint8_t *memory = mmap(NULL, 2 * RIG_PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

/* Maps the page at @iova if it is one of ours. */
static uint32_t provide(const struct server *server, uint64_t iova)
{
	if (iova - IOVA_IN < 2 * RIG_PAGE)
		rig_map(server->rig, server->in + (iova - IOVA_IN), RIG_PAGE, iova);
	else if (iova - IOVA_OUT < 2 * RIG_PAGE)
		rig_map(server->rig, server->out + (iova - IOVA_OUT), RIG_PAGE, iova);
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

static void attach(const struct rig *rig, int *queue)
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
	rig_attach(rig, hwpt.out_hwpt_id);
	*queue = (int)fault.out_fault_fd;
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
	const uint32_t half = RIG_PAGE / 2;
	const struct rig *rig = server->rig;
	pthread_t thread;

	for (size_t i = 0; i < 2 * RIG_PAGE; i++)
		server->in[i] = (uint8_t)(i * 5 + (i >> 8));
	server->expected = 4;
	CHECK(!pthread_create(&thread, NULL, serve, server));
	edu_copy(rig, IOVA_OUT + half, IOVA_IN + half);
	pthread_join(thread, NULL);
	CHECK(!memcmp(server->out + half, server->in + half, RIG_PAGE));
	CHECK(!server->out[0] && !server->out[2 * RIG_PAGE - 1]);
	check_record(server, 0, IOVA_IN, IOMMU_PGFAULT_PERM_READ);
	check_record(server, 1, IOVA_IN + RIG_PAGE, IOMMU_PGFAULT_PERM_READ);
	check_record(server, 2, IOVA_OUT, IOMMU_PGFAULT_PERM_WRITE);
	check_record(server, 3, IOVA_OUT + RIG_PAGE, IOMMU_PGFAULT_PERM_WRITE);

	/* Now they are there. */
	memset(server->in, 0x5a, RIG_PAGE);
	edu_copy(rig, IOVA_OUT, IOVA_IN);
	CHECK(!memcmp(server->out, server->in, RIG_PAGE));
}

static void a_refusal_ends_the_dma(struct server *server)
{
	const struct rig *rig = server->rig;
	pthread_t thread;

	server->expected = 1;
	edu_read(rig, IOVA_IN, RIG_PAGE);
	CHECK(!pthread_create(&thread, NULL, serve, server));
	edu_read(rig, IOVA_REFUSED, RIG_PAGE);
	pthread_join(thread, NULL);
	check_record(server, 0, IOVA_REFUSED, IOMMU_PGFAULT_PERM_READ);
	memset(server->out, 0, RIG_PAGE);
	edu_write(rig, IOVA_OUT, RIG_PAGE);
	CHECK(!memcmp(server->out, server->in, RIG_PAGE));
}

int main(void)
{
	struct server server = {.in = pages(), .out = pages()};
	struct rig rig;

	rig_open(&rig);
	attach(&rig, &server.queue);
	server.rig = &rig;
	pages_come_when_they_are_needed(&server);
	a_refusal_ends_the_dma(&server);
	return 0;
}

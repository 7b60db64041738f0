/* SPDX-License-Identifier: MIT */
/* The descriptor of an event queue on a machine that is shared (uiommufd run --shared). */
#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

/* The headers of the system may be older than this part of the ABI. */
#define FAULT_QUEUE_ALLOC 0x3b8e

struct fault_alloc {
	uint32_t size, flags, id, fd;
};

struct page_response {
	uint32_t cookie, code;
};

enum {
	FAULT_SIZE = 40 /* bytes of one record */
};

static bool polls(int fd, short events)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN | POLLOUT};

	return poll(&pfd, 1, 0) == 1 && pfd.revents == events;
}

static int destroy(int iommu, uint32_t id)
{
	const uint32_t cmd[] = {2 * sizeof(uint32_t), id};

	return ioctl(iommu, IOMMU_DESTROY, cmd);
}

static void an_event_queue_is_read_and_written(void)
{
	struct fault_alloc alloc = {.size = sizeof(alloc)};
	const struct page_response none = {.cookie = 77};
	struct iovec vector = {.iov_base = (void *)&none, .iov_len = sizeof(none)};
	char fault[FAULT_SIZE];
	int iommu = open("/dev/iommu", O_RDWR), queue, copy;

	CHECK(ioctl(iommu, FAULT_QUEUE_ALLOC, &alloc) == 0);
	queue = (int)alloc.fd;
	copy = dup(queue);
	/* As long as nothing has happened. */
	CHECK(polls(queue, POLLOUT) && read(queue, fault, sizeof(fault)) == 0);
	CHECK(read(queue, fault, 1) < 0 && errno == ESPIPE);
	CHECK(write(queue, &none, sizeof(none)) < 0 && errno == EINVAL);
	CHECK(writev(copy, &vector, 1) < 0 && errno == EINVAL);
	CHECK(pread(copy, fault, sizeof(fault), 0) < 0 && errno == ESPIPE);
	CHECK(preadv(copy, &vector, 1, 0) < 0 && errno == ESPIPE);
	close(queue);
	CHECK(read(copy, fault, sizeof(fault)) == 0);
	CHECK(destroy(iommu, alloc.id) < 0 && errno == EBUSY);
	close(copy);
	CHECK(destroy(iommu, alloc.id) == 0);
	close(iommu);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(an_event_queue_is_read_and_written),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

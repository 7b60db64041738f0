/* SPDX-License-Identifier: MIT */
/* See work_loop.h. */
#include "vfio/work_loop.h"

#include <errno.h>
#include <stdint.h>
#include <sys/timerfd.h>

#include "base/sys.h"
#include "vfio/vfio_internal.h"

enum {
	NS_PER_S = 1000000000
};

void work_loop_init(struct work_loop *loop)
{
	loop->fd = -1;
}

void work_loop_destroy(struct work_loop *loop)
{
	if (loop->fd >= 0)
		(void)sys_close(loop->fd);
}

/* The descriptor is readable from @ns on (CLOCK_MONOTONIC); 0: never. */
static void set_due(struct work_loop *loop, uint64_t ns)
{
	const struct itimerspec due = {
		.it_value = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)}};

	(void)sys_call(SYS_timerfd_settime, loop->fd, TFD_TIMER_ABSTIME, (long)&due, 0, 0, 0);
}

void work_loop_poke(struct work_loop *loop)
{
	atomic_store(&loop->poked, true);
	set_due(loop, 1);
}

int vfio_device_use_loop(struct vfio_device *device)
{
	struct work_loop *loop = &device->loop;

	if (loop->fd >= 0)
		return loop->fd;
	loop->fd = (int)sys_call(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK, 0,
				 0, 0, 0);
	if (loop->fd < 0) {
		const int rc = loop->fd;

		loop->fd = -1;
		return rc;
	}
	for (unsigned int i = 0; i < device->work_count; i++)
		device->work[i].loop = loop;
	return loop->fd;
}

unsigned int vfio_device_run_work(struct vfio_device *device)
{
	struct work_loop *loop = &device->loop;
	uint64_t earliest = UINT64_MAX;
	unsigned int count = 0;

	if (loop->fd < 0)
		return 0;
	set_due(loop, 0);
	atomic_store(&loop->poked, false);
	for (unsigned int i = 0; i < device->work_count; i++) {
		uint64_t next;

		count += vfio_work_run(&device->work[i], &next);
		if (next < earliest)
			earliest = next;
	}
	if (earliest != UINT64_MAX)
		set_due(loop, earliest);
	if (atomic_load(&loop->poked))
		set_due(loop, 1);
	return count;
}

/* SPDX-License-Identifier: MIT */
/*
 * Ioeventfds [PCI-RESET]: a signal of the program's eventfd writes a value to a BAR. One thread for
 * each device serves all of them; the first one starts it.
 */
#ifndef VFIO_IOEVENTFD_H
#define VFIO_IOEVENTFD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <urcu/list.h>

#include <uiommufd/caller.h>

#include "base/lock.h"

struct vfio_device;

struct ioeventfds {
	struct vfio_device *device;
	struct lock lock;	   /* guards what follows, and is held while the thread writes */
	struct cds_list_head list; /* struct ioeventfd */
	unsigned int count;
	uint64_t next_id;
	int epoll, stop; /* the thread waits for the one, and the other ends it; -1: no thread */
	pthread_t thread;
};

void vfio_ioeventfds_init(struct ioeventfds *events, struct vfio_device *device);
void vfio_ioeventfds_destroy(struct ioeventfds *events);

/* VFIO_DEVICE_IOEVENTFD. */
long vfio_ioeventfd(struct ioeventfds *events, struct uiommufd_caller *caller, uint64_t arg);

/* Removes all and ends the thread: no write comes after it. Context: without events->lock. */
void vfio_ioeventfds_stop(struct ioeventfds *events);

/* In the child of a fork, which has none: the signals are the parent's. */
void vfio_ioeventfds_fork_child(struct ioeventfds *events) REQUIRES(events->lock);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A device without threads of its own for its work (work.h): a descriptor says when there is some,
 * and an embedding program does it in its event loop.
 *
 * The descriptor is a timer's, which is due at once when there is work, and later for a timer of
 * the model. Whoever does the work disarms it first and sets it again at last, so a poke in between
 * could be overwritten: it is remembered, too.
 */
#ifndef VFIO_WORK_LOOP_H
#define VFIO_WORK_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>

struct vfio_device;

struct work_loop {
	int fd; /* -1: the device has threads */
	atomic_bool poked;
};

void work_loop_init(struct work_loop *loop);
void work_loop_destroy(struct work_loop *loop);

/* There may be something to do. Context: any thread, any locks. */
void work_loop_poke(struct work_loop *loop);

#endif

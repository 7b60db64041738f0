/* SPDX-License-Identifier: MIT */
/*
 * Parts of BARs that are memory (struct uiommufd_bar_part): memory of the device that programs map,
 * and doorbells, to which a program that is busy writes without a trap.
 *
 * Why no doorbell is lost. A page of doorbells is in one of two states, changed with the device
 * lock held:
 *
 * - at rest: its mappings trap, so each store is delivered to the model by the thread that makes
 *   it, under the device lock;
 * - busy: its mappings are shared memory, and the watcher, a work function that queues itself
 *   again, takes what is not `empty` out of it by an exchange and delivers it.
 *
 * A store of the program is one access to either the memory or the trap. To rest, the mappings are
 * made to trap first; when that system call returns, no processor has a translation to the memory
 * any more, so each store that did not trap has been made to it. The watcher then takes what is
 * there, under the same lock, and a store that traps from now on waits for that lock. So each store
 * is seen by that last look, by one before it, or by its own trap. An exchange gives each value
 * once; of several stores to one doorbell between two looks, it gives the last. Any other access to
 * the device's registers looks first, so a program finds its doorbells and its registers in order.
 *
 * Whatever ends the watcher (a reset, the close, a fork in the child) or keeps stores from the
 * device (decoding, low power, removal) makes the page rest.
 *
 * Locks: the device lock guards `busy` and `pace`. Cost: of a doorbell of a busy page a store, and
 * a look of the watcher at the page; of one at rest a trap. A page rests after REST_NS without a
 * store, and for some time if the watcher does not get a processor (look_pace.h).
 */
#ifndef VFIO_BAR_PART_H
#define VFIO_BAR_PART_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/device.h>

#include "base/lock.h"
#include "vfio/bar.h"
#include "vfio/look_pace.h"

struct vfio_device;

struct bar_part {
	const struct uiommufd_bar_part
		*model; /* NULL: there is none, or its doorbells always trap */
	void *memory;	/* of model->size bytes */
	bool busy;
	struct look_pace pace;
	_Atomic uint64_t rung;	  /* when a doorbell was last seen, in ns */
	_Atomic uint64_t trapped; /* when the last one trapped */
};

/* 0 or -ENOMEM. The parts of @device->model's BARs; its settings say whether doorbells trap. */
int bar_parts_create(struct vfio_device *device);
void bar_parts_destroy(struct vfio_device *device);

/* False: the access is outside of parts that are memory. Context: the device lock is held. */
bool bar_parts_read(const struct bar_access *access, uint64_t *value);
bool bar_parts_write(const struct bar_access *access, uint64_t value);

/*
 * Before a read of anything but doorbells: delivers what earlier stores have left in them, so that
 * a driver that rings and then reads the status finds what hardware would show. Context: the device
 * lock is held.
 */
void bar_parts_before_read(const struct bar_access *access);

/*
 * Around a write to the model's registers: delivers what earlier stores have left in the doorbells
 * that are written, or in all of them before any other register; and makes the page busy if the
 * program is. Context: the device lock is held.
 */
void bar_parts_before_write(const struct bar_access *access);
void bar_parts_after_write(const struct bar_access *access);

/*
 * All doorbells rest. What has been written to them is delivered, or forgotten. Context: the device
 * lock is held.
 */
void bar_parts_rest(struct vfio_device *device, bool deliver);

/*
 * Delivers what has been written: before another access, and before a fork, as the child has no
 * part in the parent's memory. Context: the device lock is held.
 */
void bar_parts_collect(struct vfio_device *device);

/* The program has mapped this part of the device's file: memory in it is mapped directly. */
void bar_parts_placed(void *cookie, uint64_t offset, uint64_t len);

/*
 * Puts the memory parts of BAR @bar into a file of the BAR's size, at their offsets, so that
 * another process may map them; what is in the memory stays. *@fd: the file, owned by the caller;
 * -1: the BAR has no memory. A later call makes a new file, and the one before is the device's no
 * more. 0 or a negative errno. Context: no file of the device is open, so neither programs nor the
 * model use the memory.
 */
int bar_parts_share(struct vfio_device *device, unsigned int bar, int *fd);

/* In the child of a fork: its doorbells are its own, and rest. Context: the device lock is held. */
void bar_parts_fork_child(struct vfio_device *device);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The eventfd that unmasks INTx (SET_IRQS with UNMASK and EVENTFD). A thread waits for it. To make
 * the thread look at what changed, the eventfd itself is notified, which the program cannot tell,
 * as only the thread reads it: so no further descriptor is needed in the program's process.
 */
#include <errno.h>

#include "vfio/device_thread.h"
#include "vfio/eventfd.h"
#include "vfio/irq_internal.h"

static void *watch_thread(void *arg)
{
	struct device_irqs *irqs = arg;
	struct irq_watch *watch = &irqs->unmask;
	bool usable;
	int fd;

	lock_acquire(&irqs->lock);
	while ((fd = watch->fd) >= 0) {
		lock_release(&irqs->lock);
		usable = eventfd_wait(fd);
		lock_acquire(&irqs->lock);
		/* A program can close descriptors that are not its own. */
		while (!usable && !watch->change)
			lock_wait(&irqs->lock, &watch->changed);
		if (watch->change) {
			watch->fd = watch->next;
			watch->change = false;
			condition_broadcast(&watch->changed);
			continue;
		}
		irqs_set_masked(irqs, false);
		/* A child of a fork must not find this thread waiting for a reply. */
		lock_release(&irqs->lock);
		irqs_tell_unmasked(irqs, false);
		lock_acquire(&irqs->lock);
	}
	lock_release(&irqs->lock);
	return NULL;
}

/* Makes the thread wait for @fd from now on, or end (-1). */
static void change(struct device_irqs *irqs, int fd) REQUIRES(irqs->set_lock)
{
	struct irq_watch *watch = &irqs->unmask;
	int old = watch->fd;

	lock_assert_held(&irqs->set_lock);
	lock_acquire(&irqs->lock);
	watch->next = fd;
	watch->change = true;
	condition_broadcast(&watch->changed);
	eventfd_notify(old);
	while (watch->change)
		lock_wait(&irqs->lock, &watch->changed);
	lock_release(&irqs->lock);
	eventfd_drop(old);
	if (fd < 0) {
		pthread_join(watch->thread, NULL);
		watch->running = false;
	}
}

int irqs_set_unmask_fd(struct device_irqs *irqs, int fd)
{
	struct irq_watch *watch = &irqs->unmask;

	lock_assert_held(&irqs->set_lock);
	if (watch->running) {
		change(irqs, fd);
		return 0;
	}
	if (fd < 0)
		return 0;
	watch->fd = fd;
	if (thread_start(&watch->thread, watch_thread, irqs)) {
		watch->fd = -1;
		return -ENOMEM;
	}
	watch->running = true;
	return 0;
}

void vfio_irqs_fork_child(struct device_irqs *irqs)
{
	struct irq_watch *watch = &irqs->unmask;

	lock_assert_held(&irqs->set_lock);
	lock_assert_held(&irqs->lock);
	watch->running = false;
	watch->changed = (struct condition){0};
	eventfd_drop(watch->fd);
	watch->fd = -1;
}

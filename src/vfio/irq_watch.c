/* SPDX-License-Identifier: MIT */
/*
 * The eventfd that unmasks INTx (SET_IRQS with UNMASK and EVENTFD): a thread waits for it. To make
 * the thread look up, the eventfd itself is notified, which the program cannot tell, as only the
 * thread reads it: so no further descriptor is needed in the program's process.
 */
#include <errno.h>

#include "vfio/eventfd.h"
#include "vfio/irq.h"
#include "vfio/thread.h"

static void *watch_thread(void *arg)
{
	struct vfio_irqs *irqs = arg;
	struct irq_watch *watch = &irqs->unmask;
	bool usable;
	int fd;

	pthread_mutex_lock(&irqs->lock);
	while ((fd = watch->fd) >= 0) {
		pthread_mutex_unlock(&irqs->lock);
		usable = eventfd_wait(fd);
		pthread_mutex_lock(&irqs->lock);
		/* A program may close even descriptors that it does not know. */
		while (!usable && !watch->change)
			pthread_cond_wait(&watch->changed, &irqs->lock);
		if (watch->change) {
			watch->fd = watch->next;
			watch->change = false;
			pthread_cond_broadcast(&watch->changed);
			continue;
		}
		irqs->masked = false;
		irq_deliver_intx(irqs);
	}
	pthread_mutex_unlock(&irqs->lock);
	return NULL;
}

/* Has the thread go over to @fd, or end. */
static void change(struct vfio_irqs *irqs, int fd)
{
	struct irq_watch *watch = &irqs->unmask;
	int old = watch->fd;

	pthread_mutex_lock(&irqs->lock);
	watch->next = fd;
	watch->change = true;
	pthread_cond_broadcast(&watch->changed);
	eventfd_notify(old);
	while (watch->change)
		pthread_cond_wait(&watch->changed, &irqs->lock);
	pthread_mutex_unlock(&irqs->lock);
	eventfd_drop(old);
	if (fd < 0) {
		pthread_join(watch->thread, NULL);
		watch->running = false;
	}
}

int irq_watch_set(struct vfio_irqs *irqs, int fd)
{
	struct irq_watch *watch = &irqs->unmask;

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

void irq_watch_fork_child(struct vfio_irqs *irqs)
{
	struct irq_watch *watch = &irqs->unmask;

	pthread_cond_init(&watch->changed, NULL);
	watch->running = false;
	eventfd_drop(watch->fd);
	watch->fd = -1;
}

/* SPDX-License-Identifier: MIT */
/* What the files that make up irq.h share. */
#ifndef VFIO_IRQ_INTERNAL_H
#define VFIO_IRQ_INTERNAL_H

#include "vfio/irq.h"

/* Masks or unmasks INTx. The command register's mask stays: only the register takes it away. */
void irqs_set_masked(struct device_irqs *irqs, bool masked) REQUIRES(irqs->lock);

/*
 * Installs @fd (taken on success; -1: none) as the eventfd that unmasks INTx. 0, or -ENOMEM if
 * there was none before.
 */
int irqs_set_unmask_fd(struct device_irqs *irqs, int fd) REQUIRES(irqs->set_lock);

/* Tells the watcher of INTx that was unmasked, once. Context: without irqs->lock. */
void irqs_tell_unmasked(struct device_irqs *irqs, bool wait);

#endif

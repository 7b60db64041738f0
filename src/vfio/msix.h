/* SPDX-License-Identifier: MIT */
/*
 * The MSI-X table of a device and its array of pending bits (PCI Local Bus 3.0, 6.8.2), as they are
 * in the device's memory. VFIO fills an entry when SET_IRQS sets its vector up; a program that maps
 * the BAR can change it. Address and data are kept and have no meaning: with interrupt remapping,
 * a device cannot choose whom it interrupts. The mask bit has.
 *
 * Invariant: a bit is pending only while its vector is masked.
 *
 * Locks: none of its own; the lock of the interrupts guards it.
 */
#ifndef VFIO_MSIX_H
#define VFIO_MSIX_H

#include <stdbool.h>
#include <stdint.h>

struct msix_table {
	unsigned int vectors;
	uint8_t *entries; /* of PCI_MSIX_ENTRY_SIZE */
	uint8_t *pending; /* a bit for each, in whole quadwords */
};

/* All vectors masked. 0 or -ENOMEM. */
int msix_init(struct msix_table *table, unsigned int vectors);
void msix_destroy(struct msix_table *table);

/* As after power-on: entries of 0, masked. */
void msix_reset(struct msix_table *table);

/* Fills the entry of @vector and unmasks it; masks it. */
void msix_set(struct msix_table *table, unsigned int vector);
void msix_mask(struct msix_table *table, unsigned int vector);

/* Whether @vector can be sent; if not, it is pending from now on. */
bool msix_send(struct msix_table *table, unsigned int vector);

/* True once for a @vector that is pending and not masked any more: it is to be sent now. */
bool msix_take_pending(struct msix_table *table, unsigned int vector);

/* Bytes @off to @off + @size - 1 of the table, and of the pending bits; inside of them. */
uint64_t msix_read(const struct msix_table *table, uint64_t off, unsigned int size);
void msix_write(struct msix_table *table, uint64_t off, unsigned int size, uint64_t value);
uint64_t msix_read_pending(const struct msix_table *table, uint64_t off, unsigned int size);

#endif

/* SPDX-License-Identifier: MIT */
/* What the drivers of the example models share: finding, opening and attaching a device. */
#ifndef EXAMPLES_MODELS_DRIVER_H
#define EXAMPLES_MODELS_DRIVER_H

#include <stdint.h>

struct driver {
	int iommufd, device;
	uint32_t ioas_id;
	volatile uint32_t *registers; /* BAR 0, mapped */
};

/* Prints what is wrong, and ends the program with status 1. */
void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...);

/*
 * Opens the first device with these IDs, attaches it to a new IO address space, and lets it do
 * DMA.
 */
void driver_open(struct driver *driver, uint16_t vendor, uint16_t id);

/* Maps @len bytes at @memory, whole pages, for the device to read and write. Returns the IOVA. */
uint64_t driver_map(const struct driver *driver, void *memory, uint64_t len);

/* Returns an eventfd that the device's first MSI raises. */
int driver_interrupt(const struct driver *driver);

#endif

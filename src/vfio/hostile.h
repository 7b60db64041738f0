/* SPDX-License-Identifier: MIT */
/*
 * A device that misbehaves, to test drivers: --hostile seed=N[,rate=R][,kinds=K+K...].
 *
 * Everything that a device does belongs to a stream: the reads of one register, the messages of one
 * vector, the completions of one queue, the DMA of one thread. Whether the n-th event of a stream
 * is a victim, and of what, is a function of the seed, the device's address, the stream and n, and
 * of nothing else. So a seed gives the same decisions however threads run, as far as a driver does
 * the same things in the same order in each stream.
 *
 * No lock: counters are atomic. Cost: one load if the device is not hostile.
 */
#ifndef VFIO_HOSTILE_H
#define VFIO_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/device.h>

struct vfio_device;
struct hostile;

enum hostile_kind {
	HOSTILE_LATE,	 /* completions, interrupts and DMA come late */
	HOSTILE_LOST,	 /* completions and interrupts are lost */
	HOSTILE_TWICE,	 /* they come twice */
	HOSTILE_ORDER,	 /* they come after the next one */
	HOSTILE_CHANGE,	 /* a register reads as something else, once */
	HOSTILE_DATA,	 /* transfers are short or wrong, and end with an error */
	HOSTILE_REMOVAL, /* the device is pulled out */
	HOSTILE_RESET,	 /* a reset does nothing, or takes long */
	HOSTILE_KINDS,
};

struct hostile_settings {
	bool on;
	uint64_t seed;
	uint64_t rate;	    /* of one event, in units of 2^-64 */
	unsigned int kinds; /* a set of enum hostile_kind */
};

/* Parses "seed=N[,rate=R][,kinds=K+K...]". 0; -EINVAL, and @why (@size bytes). */
int hostile_parse(const char *text, struct hostile_settings *settings, char *why, size_t size);

/* 0 or -ENOMEM. *@hostile: NULL if @settings are not on. @name: of the device. */
int hostile_create(const struct hostile_settings *settings, const char *name,
		   struct hostile **hostile);
void hostile_destroy(struct hostile *hostile);

/*
 * Before the program's write to a BAR, which the device may not live to see. Context: no lock is
 * held, and the calling thread is none of the device's.
 */
void hostile_before_write(struct vfio_device *device);

/* What a register reads as, which the model says is @value; and whether it takes writes. */
uint64_t hostile_read(struct vfio_device *device, unsigned int bar, uint64_t off, unsigned int size,
		      uint64_t value);
bool hostile_drops_write(struct vfio_device *device);

/* False: the device does not perform the reset. */
bool hostile_allows_reset(struct vfio_device *device);

/* The model's services, of a hostile device. Context: as theirs. */
bool hostile_send_msi(struct vfio_device *device, unsigned int vector);
void hostile_set_intx(struct vfio_device *device, bool level);
unsigned int hostile_fate(struct vfio_device *device, unsigned int event, uint64_t stream);

/*
 * Whether DMA of @len bytes goes wrong: then *@done (below @len) bytes of it are to be transferred,
 * and the rest is not, or as other bytes if *@garble, which hostile_garble() makes; and the model
 * is told that it was refused. May sleep.
 */
bool hostile_spoils_dma(struct vfio_device *device, bool write, size_t len, size_t *done,
			bool *garble);
void hostile_garble(uint8_t *bytes, size_t len);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a program did last with a device: register writes, attach and detach, bus mastering.
 *
 * Each device has one record, made with its endpoint while recording is on. Thread-safe: a record
 * has a lock of its own, which is held for a few stores. All functions accept NULL for a device
 * without a record, and then do nothing.
 */
#ifndef REPORT_DEVICE_RECORD_H
#define REPORT_DEVICE_RECORD_H

#include <stddef.h>

#include "report/origin.h"

enum {
	DEVICE_WRITES = 6,  /* that are kept of each device */
	DEVICE_ATTACHES = 8 /* PASIDs whose latest attach or detach is kept */
};

struct device_record;

struct device_write {
	struct origin origin;
	uint64_t offset, value;
	unsigned int bar, size;
};

/* The latest change of what a PASID goes through. */
struct device_attach {
	struct origin origin; /* time 0: there was none */
	uint32_t pasid;
	bool attached; /* then */
};

/* NULL: recording is off, or no memory. */
struct device_record *device_record_create(void);
void device_record_destroy(struct device_record *record);

void device_record_write(struct device_record *record, unsigned int bar, uint64_t offset,
			 unsigned int size, uint64_t value);
/* The same of a write that was found later: who made it is not known. */
void device_record_unseen_write(struct device_record *record, unsigned int bar, uint64_t offset,
				unsigned int size, uint64_t value);
/*
 * Whether a DMA of the device may be checked at some cost: each register write permits a number of
 * checks, so that they cost little beside what the write has cost.
 */
bool device_record_take_check(struct device_record *record);

/* Whether it would say so. @record may be NULL: it would not. */
bool device_record_has_checks(const struct device_record *record);

void device_record_attach(struct device_record *record, uint32_t pasid, bool attached);

/* What the command register turns on and off. */
enum device_switch {
	DEVICE_MASTER, /* DMA and messages */
	DEVICE_MEMORY, /* decoding of memory BARs */
	DEVICE_SWITCHES
};

/* @which has become @on; ignored if it was. */
void device_record_switch(struct device_record *record, enum device_switch which, bool on);

/* Copies the latest writes, the newest first, to @writes (DEVICE_WRITES); returns how many. */
size_t device_record_writes(struct device_record *record, struct device_write *writes);

/* *@attach: the latest change for @pasid. */
void device_record_last_attach(struct device_record *record, uint32_t pasid,
			       struct device_attach *attach);

/* *@origin: the call that turned @which off; time 0: it has not been on. */
void device_record_off(struct device_record *record, enum device_switch which,
		       struct origin *origin);

#endif

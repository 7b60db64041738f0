/* SPDX-License-Identifier: MIT */
/*
 * Functions of an embedding program that are told of reports, which are not printed then. Each
 * serves the devices behind one IOMMU; one serves all others.
 *
 * Guarded by the lock of the reports: report_listen() and report_end() hold it.
 */
#ifndef REPORT_LISTENER_H
#define REPORT_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

/* The DMA that a report is about. */
struct report_dma {
	const void *iommu;
	uint32_t pasid; /* NO_PASID: without one */
	bool write;
	uint64_t iova;
	uint64_t request_iova, request_len;
	uint32_t ioas_id;      /* 0: none */
	unsigned int prot;     /* of the mapping, enum iopt_prot */
	uint64_t mapping_iova; /* the mapping that it is about */
	uint64_t mapping_len;  /* 0: none */
};

/* A report, as a listener is told of it. */
struct report_told {
	const char *kind, *device, *headline, *text;
	uint64_t time;
	uint64_t repeated;
	const struct report_dma *dma; /* NULL: it is about none */
};

typedef void (*report_listener_fn)(void *arg, const struct report_told *told);

/*
 * Sets the listener of @iommu (NULL: of all others), or removes it (@fn NULL). 0; -ENOSPC: there
 * are too many others.
 */
int report_listener_set(const void *iommu, report_listener_fn fn, void *arg);

/* Tells the listener of the report. False: there is none. */
bool report_listener_tell(const struct report_told *told);

#endif

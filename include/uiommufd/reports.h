/* SPDX-License-Identifier: MIT */
/*
 * reports.h - what the library has to say, as structures and lines
 *
 * Without these functions each mistake is one line on standard error. A program that shows it
 * elsewhere, counts it, or injects it into its guest as a fault sets handlers:
 *
 * 	static void on_report(void *arg, const struct uiommufd_report *report)
 * 	{
 * 		if (report->dma)
 * 			queue_fault(arg, report->dma->pasid, report->dma->iova);
 * 	}
 *
 * 	struct uiommufd_report_options options = {
 * 		.size = sizeof(options), .handler = on_report, .arg = machine };
 *
 * 	uiommufd_report_to(NULL, &options);
 *
 * Several machines in one program that know nothing of each other have a handler each, for the
 * devices behind their own IOMMUs.
 */
#ifndef UIOMMUFD_REPORTS_H
#define UIOMMUFD_REPORTS_H

#include <stddef.h>
#include <stdint.h>

#include <uiommufd/uiommufd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The DMA that a report is about. Ranges of IOVA are in bytes. */
struct uiommufd_report_dma {
	struct uiommufd_iommu *iommu; /* that the device is behind; borrowed */
	uint32_t pasid;		      /* UIOMMUFD_NO_PASID: without one */
	uint32_t direction;	      /* what the device did: one bit of enum uiommufd_prot */
	uint64_t iova;		      /* the first address that failed */
	uint64_t request_iova;	      /* of the whole request */
	uint64_t request_length;
	uint32_t ioas_id; /* the address space that it went through; 0: none, or a guest's */
	/*
	 * The mapping that the report is about: the one at @iova, which lacks a right, the latest
	 * one that was there, or the one that the request ran out of. mapping_length is 0 if there
	 * is none.
	 */
	uint32_t mapping_prot; /* its rights, enum uiommufd_prot; 0: it is gone */
	uint64_t mapping_iova;
	uint64_t mapping_length;
};

/*
 * A report. Later versions append members: compare @size with the end of a member that is newer
 * than the oldest library that the program may run with. Everything is valid during the call only.
 */
struct uiommufd_report {
	size_t size;	      /* bytes of the structure that the library has filled */
	const char *kind;     /* such as "dma-after-unmap": docs/reports.md names them all */
	const char *device;   /* the name that it was created with; "": it is about none */
	const char *headline; /* what is wrong, in one line without a newline */
	const char *text;     /* the headline and what else is known, in lines */
	uint64_t time;	      /* when it happened: ns on CLOCK_MONOTONIC */
	uint64_t repeated;    /* how many reports of the same mistake there were before this one */
	const struct uiommufd_report_dma *dma; /* NULL: it is about no DMA */
};

/*
 * Called for each report, on the thread that made the mistake or, for a device, did its work.
 *
 * Context: locks of the library are held. It must call no function of the library, and must not
 * wait for a thread that does; it may queue a copy and wake another thread.
 */
typedef void (*uiommufd_report_handler)(void *arg, const struct uiommufd_report *report);

/* struct uiommufd_report_options.flags */
enum uiommufd_report_flags {
	/*
	 * Record the stacks of calls that map, unmap and attach, and put them into the text. Each
	 * such call takes some hundred ns longer.
	 */
	UIOMMUFD_REPORT_STACKS = 1,
};

/* Where reports go. */
struct uiommufd_report_options {
	size_t size;	    /* sizeof(struct uiommufd_report_options), so that it can grow */
	unsigned int flags; /* enum uiommufd_report_flags; those of the first call count */
	uiommufd_report_handler handler;
	void *arg; /* for the handler */
};

/*
 * uiommufd_report_to() - call a function for each report, instead of writing a line
 * @iommu: whose devices' reports go there, in place of another handler of this IOMMU; NULL: all
 *	reports that have no handler of an IOMMU
 * @options: borrowed; NULL: there is no handler any more, and lines are written again
 *
 * From the first call on the library remembers what was unmapped, so that a report can tell DMA
 * after an unmap from DMA to what never was mapped. An IOMMU with a handler has one reference more
 * until the handler is removed.
 *
 * Returns: 0, or
 * -EINVAL: options->size is not sizeof(struct uiommufd_report_options), a flag is unknown, or there
 *	is no handler in @options
 * -ENOMEM: out of memory
 * -ENOSPC: too many IOMMUs have handlers
 *
 * Context: any thread, but the first call before there is any DMA. When it returns, the former
 * handler is not running and is not called any more.
 */
UIOMMUFD_API int uiommufd_report_to(struct uiommufd_iommu *iommu,
				    const struct uiommufd_report_options *options);

/* How important a line of the log is. */
enum uiommufd_log_level {
	UIOMMUFD_LOG_ERROR = 0, /* the library cannot do what it was asked to */
	UIOMMUFD_LOG_FAULT = 1, /* a mistake of the program or of a device model */
	UIOMMUFD_LOG_INFO = 2,
	UIOMMUFD_LOG_DEBUG = 3,
};

/*
 * Called for each line, which has neither the prefix "uiommufd: " nor a newline.
 *
 * Context: as for a report.
 */
typedef void (*uiommufd_log_handler)(void *arg, unsigned int level, const char *line);

/*
 * uiommufd_log_to() - call a function for each line of the log, instead of writing it
 * @level: the least important lines that are wanted (enum uiommufd_log_level)
 * @handler: the function; NULL: lines go to standard error, as they do before the first call
 * @arg: for the handler
 *
 * Returns: 0, or
 * -EINVAL: there is no such level
 *
 * Context: no other function of the library may run meanwhile.
 */
UIOMMUFD_API int uiommufd_log_to(unsigned int level, uiommufd_log_handler handler, void *arg);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/*
 * A listener of an IOAS is told what is mapped and unmapped, for a device that has to know before
 * it does DMA: one that is emulated in another process.
 *
 * While it listens it has been told of exactly the areas that are in the tables of the IOAS. An
 * area that is unmapped is taken from it before the memory is given back.
 *
 * Locks: the lock of the IOAS guards its list, and is held for all operations but nested(). The
 * owner of a listener (the lock of its device's group) serialises ioas_listen() and
 * ioas_unlisten().
 */
#ifndef IOMMUFD_IOAS_LISTENER_H
#define IOMMUFD_IOAS_LISTENER_H

#include <stdbool.h>

#include <urcu/list.h>

#include "iova/range.h"

struct ioas;
struct ioas_listener;
struct iommu_domain;
struct mem_source;

/* What is mapped. */
struct listened_area {
	struct iova_range range;
	unsigned int prot;	   /* IOPT_READ, IOPT_WRITE */
	struct mem_source *source; /* borrowed while it is mapped */
	uint64_t start;		   /* byte of the source, counted from the start of its page 0 */
};

struct listener_ops {
	/* The device's DMA goes through @domain from now on; what is mapped follows. */
	void (*begin)(struct ioas_listener *listener, const struct iommu_domain *domain);
	void (*mapped)(struct ioas_listener *listener, const struct listened_area *area);
	/* What was mapped inside @range is not any more. */
	void (*unmapped)(struct ioas_listener *listener, struct iova_range range);
	/* The pages of what is mapped inside @range are at another place. */
	void (*moved)(struct ioas_listener *listener, struct iova_range range);
	/* Nothing is mapped any more. */
	void (*end)(struct ioas_listener *listener);
	/* DMA goes through tables of the program's own, from now on or not any more. */
	void (*nested)(struct ioas_listener *listener, bool nested);
};

struct ioas_listener {
	const struct listener_ops *ops;
	struct cds_list_head link; /* of ioas->listeners */
	struct ioas *ioas;	   /* that it listens to; NULL: none */
};

/* Tells @listener what is mapped, and what will be, until ioas_unlisten(). */
void ioas_listen(struct ioas *ioas, struct ioas_listener *listener,
		 const struct iommu_domain *domain);

/* It listens to none: does nothing. */
void ioas_unlisten(struct ioas_listener *listener);

struct area;

/* For the files of this folder: tells all listeners of @ioas, whose lock is held. */
void ioas_tell_mapped(struct ioas *ioas, const struct area *area);
void ioas_tell_unmapped(struct ioas *ioas, struct iova_range range);
void ioas_tell_moved(struct ioas *ioas, struct iova_range range);

#endif

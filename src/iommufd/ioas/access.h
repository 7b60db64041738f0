/* SPDX-License-Identifier: MIT */
/*
 * Accesses: how an emulated (mediated) device uses an IOAS without a page table of its own
 * [ACCESS-RW], [ACCESS-PIN], [ACCESS-ATTACH].
 *
 * An access is an object of the context, with an ID; its owner creates, attaches and ends it, and
 * calls it from any thread. What it pins it must let go of when it is told that the range is being
 * unmapped.
 */
#ifndef IOMMUFD_ACCESS_H
#define IOMMUFD_ACCESS_H

#include "base/lock.h"
#include "iommufd/ioas/ioas.h"

struct iommufd_access_ops {
	/* May pin: everything in its IOAS is a multiple of the page then. */
	bool needs_pin_pages;

	/*
	 * [@iova, @iova + @len) is being unmapped: unpin all that intersects it, before returning.
	 * Called with no lock held, possibly several times. NULL: an internal access, whose pins
	 * make UNMAP fail with -EBUSY.
	 */
	void (*unmap)(void *data, uint64_t iova, uint64_t len);
};

/* An access's place in the list of an IOAS. It has two while it moves from one to another. */
struct access_link {
	struct cds_list_head link; /* of ioas->accesses; ioas->lock */
	struct iommufd_access *access;
	uint64_t sequence; /* of attachments to the IOAS: ascending in the list */
};

struct iommufd_access {
	struct iommufd_object object;
	const struct iommufd_access_ops *ops;
	void *data;
	struct lock lock;  /* attach, detach, replace */
	struct ioas *ioas; /* a user of it; NULL: not attached */
	struct access_link links[2];
	unsigned int current; /* which of the links is in the list of @ioas */
};

/* What it asks of the IOAS's alignment. */
uint64_t access_alignment(const struct iommufd_access *access);

/*
 * A new access, not attached; its context's file is kept until it is ended, but not by an internal
 * one. 0 or -ENOMEM.
 */
int iommufd_access_create(struct iommufd_ctx *ctx, const struct iommufd_access_ops *ops, void *data,
			  struct iommufd_access **access);

/* Ends it: it must hold no pins. */
void iommufd_access_destroy(struct iommufd_access *access);

/*
 * -EINVAL: attached already; -ENOENT: no such IOAS; -EADDRINUSE: its areas do not keep to the
 * alignment.
 */
int iommufd_access_attach(struct iommufd_access *access, uint32_t ioas_id);

/* Has everything unpinned (by its unmap operation) and detaches. Not attached: nothing happens. */
void iommufd_access_detach(struct iommufd_access *access);

/*
 * Moves to another IOAS; on failure it stays where it is. -ENOENT: not attached, or no such IOAS;
 * -EADDRINUSE.
 */
int iommufd_access_replace(struct iommufd_access *access, uint32_t ioas_id);

/*
 * Pins [@iova, @iova + @len) for reading, or @write too, and gives the bus address of each page in
 * @pages (as many as pages are touched). All or nothing. Errors: [ACCESS-PIN].
 */
int iommufd_access_pin(struct iommufd_access *access, uint64_t iova, uint64_t len, bool write,
		       uint64_t *pages);

/* Undoes one pin of exactly this range. */
void iommufd_access_unpin(struct iommufd_access *access, uint64_t iova, uint64_t len);

/*
 * Copies between @buf and [@iova, @iova + @len). @slow: never by way of the caller's current
 * mapping. Errors: [ACCESS-RW]; what precedes the failing point has been copied.
 */
int iommufd_access_rw(struct iommufd_access *access, struct uiommufd_caller *caller, uint64_t iova,
		      void *buf, uint64_t len, bool write, bool slow);

#endif

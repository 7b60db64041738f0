/* SPDX-License-Identifier: MIT */
/*
 * Accesses: how an emulated (mediated) device uses an IOAS without a page table of its own
 * [ACCESS-RW], [ACCESS-PIN], [ACCESS-ATTACH].
 *
 * An access is an object of the context, with an ID. Its owner creates, attaches and destroys it,
 * may call it from any thread, and must unpin a range when it is told that the range is being
 * unmapped. It does not detach, replace or destroy while another thread pins, unpins or copies.
 */
#ifndef IOMMUFD_ACCESS_H
#define IOMMUFD_ACCESS_H

#include "base/lock.h"
#include "iommufd/ioas/ioas.h"

struct iommufd_access_ops {
	/* It may pin. Then everything in its IOAS is a multiple of the page. */
	bool needs_pin_pages;

	/*
	 * [@iova, @iova + @len) is being unmapped: unpins all that intersects it, before it
	 * returns. Called without ioas->lock, possibly several times. NULL: an internal access; its
	 * pins make UNMAP fail with -EBUSY.
	 */
	void (*unmap)(void *data, uint64_t iova, uint64_t len);
};

/* An access's link in the list of an IOAS. Both are in use while it moves to another IOAS. */
struct access_link {
	struct cds_list_head link; /* of ioas->accesses; ioas->lock */
	struct iommufd_access *access;
	uint64_t sequence; /* of its attachment to the IOAS: ascending in the list */
};

struct iommufd_access {
	struct iommufd_object object;
	const struct iommufd_access_ops *ops;
	void *data;
	struct lock lock;  /* serialises attach, detach and replace */
	struct ioas *ioas; /* a user of it; NULL: not attached */
	struct access_link links[2];
	unsigned int current; /* index of the link that is in the list of @ioas */
};

/* The alignment that @access asks of its IOAS. */
uint64_t access_alignment(const struct iommufd_access *access);

/*
 * Creates an access, not attached. It keeps a reference of the context's file until it is
 * destroyed, unless it is internal. Borrows @ops and @data. 0 or -ENOMEM.
 */
int iommufd_access_create(struct iommufd_ctx *ctx, const struct iommufd_access_ops *ops, void *data,
			  struct iommufd_access **access);

/* Detaches and destroys it. */
void iommufd_access_destroy(struct iommufd_access *access);

/*
 * Attaches it. -EINVAL: it is attached already; -ENOENT: no such IOAS; -EADDRINUSE: areas do not
 * conform to the alignment.
 */
int iommufd_access_attach(struct iommufd_access *access, uint32_t ioas_id);

/* Has everything unpinned by its unmap operation, and detaches. Not attached: does nothing. */
void iommufd_access_detach(struct iommufd_access *access);

/*
 * Moves it to another IOAS; on failure it stays attached to the old one. -ENOENT: not attached, or
 * no such IOAS; -EADDRINUSE.
 */
int iommufd_access_replace(struct iommufd_access *access, uint32_t ioas_id);

/*
 * Pins [@iova, @iova + @len) for reading, or with @write for writing, and stores the bus address of
 * each page that it touches in @pages. All or nothing. Errors: [ACCESS-PIN].
 */
int iommufd_access_pin(struct iommufd_access *access, uint64_t iova, uint64_t len, bool write,
		       uint64_t *pages);

/* Undoes one iommufd_access_pin() of exactly this range. */
void iommufd_access_unpin(struct iommufd_access *access, uint64_t iova, uint64_t len);

/*
 * Copies between @buf and [@iova, @iova + @len). @slow: never through the caller's current mapping.
 * Errors: [ACCESS-RW]; the bytes before the failing one have been copied.
 */
int iommufd_access_rw(struct iommufd_access *access, struct uiommufd_caller *caller, uint64_t iova,
		      void *buf, uint64_t len, bool write, bool slow);

/*
 * Tells every access of @ioas, internal ones apart, that @range is being unmapped. Drops ioas->lock
 * meanwhile.
 */
void ioas_notify_accesses(struct ioas *ioas, struct iova_range range) REQUIRES(ioas->lock);

#endif

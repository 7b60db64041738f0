/* SPDX-License-Identifier: MIT */
/*
 * Emulated IOMMUs: kinds, instances, the domains (page tables) they walk, and the devices behind
 * them.
 *
 * A kind states facts: table format, aperture, reserved ranges, page sizes, capabilities. An
 * instance (struct iommu) is one unit of a kind, with a name. A domain is one paging table of an
 * instance. An endpoint is a device as its IOMMU sees it: which domain its RID and each of its
 * PASIDs go through; its DMA enters here.
 *
 * Locking: domain_map and domain_unmap on one domain are serialised by its owner (the IOAS).
 * endpoint_set_domain on one endpoint is serialised by its owner (the group). DMA and translation
 * take no lock and run at any time.
 */
#ifndef IOMMU_IOMMU_H
#define IOMMU_IOMMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iopt/iopt.h"
#include "iova/range.h"

struct user_data;

/* Types of reserved regions [DEVICE]. */
enum resv_type {
	RESV_DIRECT,
	RESV_DIRECT_RELAXABLE,
	RESV_RESERVED,
	RESV_MSI,
	RESV_SW_MSI,
};

struct resv_region {
	struct iova_range range;
	enum resv_type type;
};

/* The word for @type in sysfs' reserved_regions: "direct", "msi", ... */
const char *iommu_resv_word(enum resv_type type);

struct iommu_kind;
struct iommu;
struct iommu_domain;
struct iommu_endpoint;

/* The kind called @name ("amd", ...; or by its other name), or NULL. */
const struct iommu_kind *iommu_kind_find(const char *name);

/* Enumerates kinds: index 0, 1, ... until NULL. */
const struct iommu_kind *iommu_kind_at(size_t index);
const char *iommu_kind_name(const struct iommu_kind *kind);

/* Its other name, or NULL. */
const char *iommu_kind_alias(const struct iommu_kind *kind);

/* One line for people: format, width, windows. */
const char *iommu_kind_summary(const struct iommu_kind *kind);

/* Creates an instance called @name (copied), e.g. "amd0". One reference. 0 or -ENOMEM. */
int iommu_create(const struct iommu_kind *kind, const char *name, struct iommu **iommu);
struct iommu *iommu_get(struct iommu *iommu);
void iommu_put(struct iommu *iommu);
const char *iommu_name(const struct iommu *iommu);
const struct iommu_kind *iommu_kind_of(const struct iommu *iommu);

/* ---- domains ---- */

/*
 * What a paging table is wanted for; which kinds accept which combination: [HWPT-ALLOC].
 */
enum domain_flags {
	DOMAIN_NEST_PARENT = 1,
	DOMAIN_DIRTY = 2,
	DOMAIN_PASID = 4,
};

/*
 * A paging table of @iommu for @flags, by @data of the user's (NULL: none). 0; -ENOMEM;
 * -EOPNOTSUPP: the kind has no such table, or takes no such data; -EINVAL, -EFAULT the data. One
 * owner; destroy when no endpoint goes through it.
 */
int iommu_domain_create(struct iommu *iommu, unsigned int flags, const struct user_data *data,
			struct iommu_domain **domain);
void iommu_domain_destroy(struct iommu_domain *domain);

struct iommu *iommu_domain_iommu(const struct iommu_domain *domain);
unsigned int iommu_domain_flags(const struct iommu_domain *domain);
struct iopt *iommu_domain_table(const struct iommu_domain *domain);
struct iova_range iommu_domain_aperture(const struct iommu_domain *domain);

/* Gaps inside the aperture that the hardware does not translate (windows): an array of *@count. */
const struct iova_range *iommu_domain_gaps(const struct iommu_domain *domain, size_t *count);

/* Whether DMA writes mark the leaves that they go through dirty. */
void iommu_domain_set_dirty_tracking(struct iommu_domain *domain, bool on);
bool iommu_domain_dirty_tracking(const struct iommu_domain *domain);

/*
 * True if a leaf may only lead into one page of memory, small or huge: the IOMMU takes neighbouring
 * pages for what they usually are in a machine, not neighbours.
 */
bool iommu_domain_scattered(const struct iommu_domain *domain);

/* True if DMA through it goes by way of the caches whatever the device asks for (no-snoop). */
bool iommu_domain_enforces_coherency(const struct iommu_domain *domain);

/* Leaf sizes, as bits. The lowest is what the domain asks of the IOAS alignment. */
uint64_t iommu_domain_pgsizes(const struct iommu_domain *domain);

/*
 * As iopt_map(). @pgsizes limits the leaves (0: all of the domain's). -EINVAL also: no right at
 * all.
 */
int iommu_domain_map(struct iommu_domain *domain, uint64_t iova, uint64_t bus, uint64_t len,
		     unsigned int prot, uint64_t pgsizes);

/*
 * Removes the range from the table, and returns the bytes removed. DMA in flight may still go on:
 * call iommu_domain_quiesce() before the memory is given up.
 */
uint64_t iommu_domain_unmap(struct iommu_domain *domain, uint64_t iova, uint64_t len);

/* As iopt_prefetch(). */
void iommu_domain_prefetch(const struct iommu_domain *domain, uint64_t iova);

/* Returns when no DMA through @domain that began before the call is still running. */
void iommu_domain_quiesce(struct iommu_domain *domain);

/* ---- endpoints ---- */

/* A device behind @iommu (a reference is taken), called @name (copied; a BDF) in reports. 0 or
 * -ENOMEM. */
int iommu_endpoint_create(struct iommu *iommu, const char *name, struct iommu_endpoint **endpoint);
void iommu_endpoint_destroy(struct iommu_endpoint *endpoint);
struct iommu *iommu_endpoint_iommu(const struct iommu_endpoint *endpoint);
const char *iommu_endpoint_name(const struct iommu_endpoint *endpoint);

/* The regions of IOVA that are reserved for the device: an array of *@count, ascending. */
const struct resv_region *iommu_endpoint_reserved(const struct iommu_endpoint *endpoint,
						  size_t *count);

/* enum iommufd_hw_capabilities of the device and its IOMMU. */
uint64_t iommu_endpoint_capabilities(const struct iommu_endpoint *endpoint);

/* How many PASIDs the device can use: PASIDs are below that. 0: none. */
uint32_t iommu_endpoint_max_pasids(const struct iommu_endpoint *endpoint);

/* A device that can do less than its kind of IOMMU, or whose driver wants to find itself again
 * (@driver, for the kind's operations). Before it is bound. */
void iommu_endpoint_limit(struct iommu_endpoint *endpoint, uint64_t capabilities,
			  uint32_t max_pasids);
void iommu_endpoint_set_driver(struct iommu_endpoint *endpoint, void *driver);
void *iommu_endpoint_driver(const struct iommu_endpoint *endpoint);

enum {
	HW_INFO_MAX = 64
};

/*
 * What the hardware says of itself: *@type, and *@len bytes in @info (HW_INFO_MAX). @wanted
 * is a type or 0 for the default. 0, or -EOPNOTSUPP: not that type. Hardware without information:
 * type 0, length 0.
 */
int iommu_endpoint_hw_info(const struct iommu_endpoint *endpoint, uint32_t wanted, uint32_t *type,
			   void *info, size_t *len);

/*
 * True if @endpoint can be attached to @domain: they are of one kind, and the hardware can do what
 * stage 1 asks for.
 */
bool iommu_domain_accepts(const struct iommu_domain *domain, const struct iommu_endpoint *endpoint);

/* PASID 0 stands for the RID: requests without a PASID. */
enum {
	NO_PASID = 0
};

/*
 * From now on DMA of @endpoint with @pasid goes through @domain (NULL: is refused). When it
 * returns, no DMA through the former domain is running. 0; -ENOMEM or -EINVAL, only for another
 * PASID than 0 or to a nested domain; or what the kind says, never to NULL.
 */
int iommu_endpoint_set_domain(struct iommu_endpoint *endpoint, uint32_t pasid,
			      struct iommu_domain *domain);
struct iommu_domain *iommu_endpoint_domain(const struct iommu_endpoint *endpoint, uint32_t pasid);

enum dma_dir {
	DMA_READ, /* the device reads memory */
	DMA_WRITE,
};

/* Why DMA failed. */
enum dma_fault_cause {
	DMA_FAULT_NO_DOMAIN, /* not attached */
	DMA_FAULT_NOT_MAPPED,
	DMA_FAULT_PERMISSION,
	DMA_FAULT_TABLES, /* stage 1 is malformed, or refuses all such requests */
	DMA_FAULT_MEMORY, /* mapped, but the memory is gone: of the page, or of a stage-1 table */
};

/* What nested translation was reaching for. */
enum dma_fault_access {
	DMA_FAULT_AT_CONTEXT, /* context descriptor, GCR3 table */
	DMA_FAULT_AT_TABLE,   /* entry of a stage-1 page table */
	DMA_FAULT_AT_PAGE,    /* where stage 1 leads to */
};

struct dma_fault {
	enum dma_fault_cause cause;
	enum dma_dir dir;
	uint32_t pasid;
	uint64_t iova;	       /* the first that failed */
	uint64_t request_iova; /* of the whole request */
	uint64_t request_len;

	/* Nested translation. stage 0: none took part, or it succeeded; the rest is 0, too. */
	unsigned int stage; /* 1, 2 */
	enum dma_fault_access access;
	uint32_t reason;    /* the specification's number: VT-d fault reason, SMMUv3 or AMD event */
	const char *name;   /* and its name, "SFS.2", "F_TRANSLATION" */
	const char *text;   /* what is wrong, for people */
	uint64_t ipa;	    /* stage 2: what it was asked for; stage 1: where the entry is */
	bool has_entry;	    /* a stage-1 entry was read: */
	unsigned int level; /* as the format counts: Arm 0..3 from the top, x86 5..1 */
	uint64_t entry;

	/*
	 * SMMUv3: the event record, without the stream ID; all 0 if the context descriptor wants
	 * none. AMD: the entry of the event log in words 0 and 1, without the device and domain
	 * IDs. VT-d: 0.
	 */
	uint64_t event[4];
};

enum dma_fault_action {
	DMA_FAULT_FAIL,
	DMA_FAULT_RETRY, /* a page request was answered with success: translate again */
};

/*
 * Told of each fault, and decides what becomes of the DMA; it may wait. Called on the thread that
 * does the DMA, outside the gate. NULL: the fault is logged, and the DMA fails. A DMA that gets
 * nowhere is retried a few times at most.
 *
 * Setting one waits for calls of the former that are in progress: not from a handler, nor with a
 * lock that one may take.
 */
typedef enum dma_fault_action (*dma_fault_handler)(struct iommu_endpoint *endpoint,
						   const struct dma_fault *fault, void *arg);
void iommu_endpoint_set_fault_handler(struct iommu_endpoint *endpoint, dma_fault_handler handler,
				      void *arg);

/* In the child of a fork: the threads that did DMA are gone, in whatever they were. */
void iommu_after_fork(void);

/* Logs @fault as one line: what happens without a handler. */
void iommu_fault_log(const struct iommu_endpoint *endpoint, const struct dma_fault *fault);

/*
 * DMA: copies @len bytes between @buf and @iova of @endpoint. 0, or -EFAULT after the fault was
 * reported; the bytes before the failing page have been transferred. Lock-free; from any thread.
 */
int iommu_dma(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova, void *buf, size_t len,
	      enum dma_dir dir);

/*
 * DMA from one IOVA to another of the same endpoint, without a buffer in between. The ranges may
 * overlap like memmove's only within one page. 0 or -EFAULT, and *@failed (may be NULL) which way
 * the refused access went.
 */
int iommu_dma_copy(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t dst, uint64_t src,
		   size_t len, enum dma_dir *failed);

/*
 * Translates one IOVA, without a report and without touching memory, but that nested translation
 * walks stage 1 as DMA with the rights
 * @prot would, and sets its accessed and dirty bits: *@bus and the contiguous bytes from there
 * (*@len). The caller makes sure by its own means that the memory stays mapped while it uses *@bus.
 * 0; -ENOENT; -EPERM (a right of @prot is missing).
 */
int iommu_translate(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova,
		    unsigned int prot, uint64_t *bus, uint64_t *len);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * dma-bufs: memory of a device, shared as a file, which its exporter may revoke [DMABUF].
 *
 * The exporter creates one and gives its file away. MAP_FILE finds it behind a descriptor and makes
 * sources of it. Both revoking and ending a revocation detach the existing sources from the memory
 * for good; the user API is notified and takes it out of the tables.
 */
#ifndef MEM_DMABUF_H
#define MEM_DMABUF_H

#include <stdbool.h>
#include <stdint.h>

struct dmabuf;
struct file_trap_ops;
struct mem_source;
struct uiommufd_caller;
struct uiommufd_file;

/*
 * @len bytes (whole pages, not 0) of zeroed memory, contiguous and aligned to the next power of
 * two. One reference of the file, which the caller owns. 0 or -ENOMEM.
 */
int dmabuf_create(uint64_t len, struct dmabuf **out);

/*
 * What is in the place of memory, from @offset on: the registers of a device, where @ops answers
 * accesses (file.h), or, if @ops is NULL, the memory of another process.
 */
struct dmabuf_registers {
	const struct file_trap_ops *ops;
	/*
	 * Moves @len bytes (at most DMABUF_MOVE) at once between @buf, which is in this process,
	 * and what is at @offset; @write: from @buf. 0 or -EFAULT. It may wait.
	 */
	int (*move)(void *cookie, uint64_t offset, void *buf, uint64_t len, bool write);
	void *cookie; /* outlives the dma-buf */
	uint64_t offset;
	bool scattered; /* the bytes are not contiguous there: no source can be made of them */
};

enum {
	DMABUF_MOVE = 4096
};

/*
 * A dma-buf without memory: @len bytes (whole pages, not 0) of @registers, which only DMA reaches.
 * Its addresses are congruent to the offset, for large leaves where that is the IOVA; and they
 * touch those of no other mapping, so that no extent goes on beyond it. 0 or -ENOMEM.
 */
int dmabuf_create_registers(uint64_t len, const struct dmabuf_registers *registers,
			    struct dmabuf **out);

/*
 * Copies @len bytes of which those at @dst, at @src or both are in such a dma-buf, which stays
 * meanwhile. 0; -EFAULT: neither of them is, or something did not answer.
 *
 * Context: the operations run on this thread.
 */
int dmabuf_copy_registers(void *dst, const void *src, uint64_t len);

/* The file (borrowed) of @dmabuf; and the dma-buf of @file, or NULL if it is another file. */
struct uiommufd_file *dmabuf_file(struct dmabuf *dmabuf);
struct dmabuf *dmabuf_from_file(struct uiommufd_file *file);

/* Its memory, for the exporter. */
void *dmabuf_memory(const struct dmabuf *dmabuf);

/* Revokes it, or ends the revocation. When it returns, no DMA reaches what was mapped before. */
void dmabuf_set_revoked(struct dmabuf *dmabuf, bool revoked);

/*
 * Sets the function that takes a dma-buf out of the tables: one for the process (the user API), set
 * before any is mapped. It is called without a lock.
 */
typedef void (*dmabuf_notify)(struct dmabuf *dmabuf);
void dmabuf_set_notify(dmabuf_notify revoked);

/*
 * A source for [@start, @start + @len) of @dmabuf; takes a reference of its file. @start + @len
 * does not wrap. -EINVAL: not inside it, or too long; -EOPNOTSUPP: it is scattered; -ENODEV: it is
 * revoked; -ENOMEM.
 */
int mem_source_from_dmabuf(struct uiommufd_caller *caller, struct dmabuf *dmabuf, uint64_t start,
			   uint64_t len, bool writable, struct mem_source **out);

/* True if @source is of @dmabuf. */
bool mem_source_is_of(const struct mem_source *source, const struct dmabuf *dmabuf);

/* True if a revocation has detached @source from its memory. */
bool mem_source_revoked(const struct mem_source *source);

#endif

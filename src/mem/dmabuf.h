/* SPDX-License-Identifier: MIT */
/*
 * dma-bufs: memory of a device, shared as a file, which its exporter may revoke (spec 10-ioas, 10).
 *
 * The exporter creates one and gives its file away. MAP_FILE finds it behind a descriptor and makes
 * sources of it. A revocation, and also its end, parts the sources that exist from the memory for
 * good; who has tables that lead there is told.
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
 * @len bytes (whole pages, not 0) of zeroed memory, contiguous and aligned to what they have room
 * for. One reference of the file. 0 or -ENOMEM.
 */
int dmabuf_create(uint64_t len, struct dmabuf **out);

/* The registers of a device: @ops of @cookie from @offset on answer accesses to them (file.h). */
struct dmabuf_registers {
	const struct file_trap_ops *ops;
	void *cookie; /* outlives the dma-buf */
	uint64_t offset;
};

/*
 * A dma-buf without memory: @len bytes (whole pages, not 0) of @registers, which only DMA reaches.
 * 0 or -ENOMEM.
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

/* The file (borrowed) of a dma-buf, and back: NULL if @file is none. */
struct uiommufd_file *dmabuf_file(struct dmabuf *dmabuf);
struct dmabuf *dmabuf_from_file(struct uiommufd_file *file);

/* Its memory, for the exporter. */
void *dmabuf_memory(const struct dmabuf *dmabuf);

/* Revokes it, or ends that. When it returns, nothing that was mapped before is reached any more. */
void dmabuf_set_revoked(struct dmabuf *dmabuf, bool revoked);

/*
 * Who takes a dma-buf out of the tables. One for the process (the user API); set before any is
 * mapped.
 */
typedef void (*dmabuf_notify)(struct dmabuf *dmabuf);
void dmabuf_set_notify(dmabuf_notify revoked);

/*
 * A source for [@start, @start + @len) of @dmabuf (whose file gets a reference). @start + @len does
 * not wrap. -EINVAL: not inside of it, or too long; -ENODEV: it is revoked; -ENOMEM.
 */
int mem_source_from_dmabuf(struct uiommufd_caller *caller, struct dmabuf *dmabuf, uint64_t start,
			   uint64_t len, bool writable, struct mem_source **out);

/* True if @source is of @dmabuf. */
bool mem_source_is_of(const struct mem_source *source, const struct dmabuf *dmabuf);

/* True if a revocation has parted @source from its memory. */
bool mem_source_revoked(const struct mem_source *source);

#endif

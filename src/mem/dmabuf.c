/* SPDX-License-Identifier: MIT */
/*
 * A source remembers how many changes of revocation there had been when it was made, and is valid
 * while that number is the same. So no list of sources is needed.
 */
#include "mem/dmabuf.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/sys.h"
#include "mem/source_internal.h"

struct dmabuf {
	struct uiommufd_file file;
	void *memory;
	uint64_t len;
	struct lock lock; /* guards what follows; @generation is read without it */
	bool revoked;
	_Atomic uint64_t generation; /* changes of @revoked that were asked for */
};

static dmabuf_notify notify;

void dmabuf_set_notify(dmabuf_notify revoked)
{
	notify = revoked;
}

static struct dmabuf *dmabuf_of(struct uiommufd_file *file)
{
	return (struct dmabuf *)file;
}

static void dmabuf_release(struct uiommufd_file *file)
{
	struct dmabuf *dmabuf = dmabuf_of(file);

	(void)sys_munmap(dmabuf->memory, dmabuf->len);
	lock_destroy(&dmabuf->lock);
	alloc_free(dmabuf);
}

static const struct file_ops dmabuf_file_ops = {
	.name = "/dmabuf:",
	.release = dmabuf_release,
};

/* Shared memory, so that the child of a fork sees the same. */
static int map_memory(uint64_t len, void **out)
{
	const uint64_t align = UINT64_C(2) << log2_floor(max_u64(len, 2) - 1);
	void *addr;
	int rc = sys_reserve(len, max_u64(align, PAGE_SIZE), 0, &addr);

	if (rc)
		return rc;
	if (sys_mmap(addr, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1,
		     0, out)) {
		(void)sys_munmap(addr, len);
		return -ENOMEM;
	}
	return 0;
}

int dmabuf_create(uint64_t len, struct dmabuf **out)
{
	struct dmabuf *dmabuf = alloc_zeroed(sizeof(*dmabuf));
	int rc;

	if (!dmabuf)
		return -ENOMEM;
	rc = map_memory(len, &dmabuf->memory);
	if (rc) {
		alloc_free(dmabuf);
		return rc;
	}
	dmabuf->len = len;
	lock_init(&dmabuf->lock, LOCK_DMABUF);
	file_init(&dmabuf->file, &dmabuf_file_ops, 0);
	*out = dmabuf;
	return 0;
}

struct uiommufd_file *dmabuf_file(struct dmabuf *dmabuf)
{
	return &dmabuf->file;
}

struct dmabuf *dmabuf_from_file(struct uiommufd_file *file)
{
	return file->ops == &dmabuf_file_ops ? dmabuf_of(file) : NULL;
}

void *dmabuf_memory(const struct dmabuf *dmabuf)
{
	return dmabuf->memory;
}

void dmabuf_set_revoked(struct dmabuf *dmabuf, bool revoked)
{
	lock_acquire(&dmabuf->lock);
	dmabuf->revoked = revoked;
	dmabuf->generation++;
	lock_release(&dmabuf->lock);
	/* A thread that fills a table from here on sees the new generation. */
	if (notify)
		notify(dmabuf);
}

/* ---- sources ---- */

/* Attaches @source to @dmabuf in its present generation. 0 or -ENODEV. */
static int tie(struct mem_source *source, struct dmabuf *dmabuf)
{
	bool revoked;

	lock_acquire(&dmabuf->lock);
	revoked = dmabuf->revoked;
	if (!revoked) {
		source->dmabuf.buf = dmabuf;
		source->dmabuf.generation = dmabuf->generation;
		file_get(&dmabuf->file);
	}
	lock_release(&dmabuf->lock);
	return revoked ? -ENODEV : 0;
}

int mem_source_from_dmabuf(struct uiommufd_caller *caller, struct dmabuf *dmabuf, uint64_t start,
			   uint64_t len, bool writable, struct mem_source **out)
{
	struct mem_source *source;
	int rc;

	if (dmabuf->len <= start + (len - 1) || len >> PAGE_SHIFT >= UINT32_MAX)
		return -EINVAL;
	source = source_create(caller, MEM_KIND_DMABUF, start, len, writable, MEM_ACCOUNT_NONE);
	if (!source)
		return -ENOMEM;
	rc = tie(source, dmabuf);
	if (rc) {
		source_destroy(source);
		return rc;
	}
	*out = source;
	return 0;
}

bool mem_source_is_of(const struct mem_source *source, const struct dmabuf *dmabuf)
{
	return source->kind == MEM_KIND_DMABUF && source->dmabuf.buf == dmabuf;
}

bool mem_source_revoked(const struct mem_source *source)
{
	return source->kind == MEM_KIND_DMABUF &&
	       source->dmabuf.generation != source->dmabuf.buf->generation;
}

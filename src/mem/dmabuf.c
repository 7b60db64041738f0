/* SPDX-License-Identifier: MIT */
/*
 * A source remembers how many changes of revocation there had been when it was made, and is valid
 * while that number is the same. So no list of sources is needed.
 */
#include "mem/dmabuf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <urcu/list.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/file.h"
#include "base/last_error.h"
#include "base/lock.h"
#include "base/sys.h"
#include "mem/source_internal.h"
#include "mem/view.h"

/* The largest leaf of the page tables: a larger alignment gains nothing. */
#define LARGE_LEAF (UINT64_C(1) << 30)

struct dmabuf {
	struct uiommufd_file file;
	void *memory;
	uint64_t len;
	struct lock lock; /* guards what follows; @generation is read without it */
	bool revoked;
	_Atomic uint64_t generation;	   /* changes of @revoked that were asked for */
	struct dmabuf_registers registers; /* all 0: it has memory */
	struct cds_list_head link;	   /* of those without memory */
};

/* Those without memory. */
static struct lock registry_lock = LOCK_INIT(LOCK_DMABUF);
static CDS_LIST_HEAD(registry);

static dmabuf_notify notify;

void dmabuf_set_notify(dmabuf_notify revoked)
{
	notify = revoked;
}

static struct dmabuf *dmabuf_of(struct uiommufd_file *file)
{
	return (struct dmabuf *)file;
}

static bool has_memory(const struct dmabuf *dmabuf)
{
	return !dmabuf->registers.ops && !dmabuf->registers.move;
}

static void dmabuf_release(struct uiommufd_file *file)
{
	struct dmabuf *dmabuf = dmabuf_of(file);

	if (has_memory(dmabuf)) {
		(void)sys_munmap(dmabuf->memory, dmabuf->len);
	} else {
		lock_acquire(&registry_lock);
		cds_list_del(&dmabuf->link);
		lock_release(&registry_lock);
		(void)sys_munmap((char *)dmabuf->memory - PAGE_SIZE, dmabuf->len + 2 * PAGE_SIZE);
	}
	lock_destroy(&dmabuf->lock);
	alloc_free(dmabuf);
}

/* Programs ask for the size so. */
static int64_t dmabuf_seek(struct uiommufd_file *file, int64_t offset, int whence)
{
	if (offset || (whence != SEEK_SET && whence != SEEK_END))
		return -EINVAL;
	return whence == SEEK_END ? (int64_t)dmabuf_of(file)->len : 0;
}

/* The exporters have no mapping for programs [DMABUF]. */
static int dmabuf_mmap(struct uiommufd_file *file, uint64_t offset, uint64_t len, int prot,
		       int flags, struct file_mapping *map)
{
	(void)file, (void)offset, (void)len, (void)prot, (void)flags, (void)map;
	return -EINVAL;
}

static const struct file_ops dmabuf_file_ops = {
	.name = "/dmabuf:",
	.seek = dmabuf_seek,
	.mmap = dmabuf_mmap,
	.release = dmabuf_release,
};

static uint64_t alignment(uint64_t len)
{
	return max_u64(UINT64_C(2) << log2_floor(max_u64(len, 2) - 1), PAGE_SIZE);
}

/* Congruent to @offset, and with a page on either side, which keeps other mappings away. */
static int reserve_apart(uint64_t len, uint64_t offset, void **out)
{
	const uint64_t align = min_u64(alignment(len), LARGE_LEAF);
	uint64_t all;
	void *addr;
	int rc;

	if (check_add(len, 2 * PAGE_SIZE, &all))
		return -ENOMEM;
	rc = sys_reserve(all, align, (offset - PAGE_SIZE) & (align - 1), &addr);
	if (!rc)
		*out = (char *)addr + PAGE_SIZE;
	return rc;
}

/* Shared memory, so that the child of a fork sees the same. */
static int map_memory(uint64_t len, void **out)
{
	void *addr;
	int rc = sys_reserve(len, alignment(len), 0, &addr);

	if (rc)
		return rc;
	if (sys_mmap(addr, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1,
		     0, out)) {
		(void)sys_munmap(addr, len);
		return -ENOMEM;
	}
	return 0;
}

/* Of @len bytes, which are at @offset of @registers; NULL: of memory. */
static int create(uint64_t len, const struct dmabuf_registers *registers, struct dmabuf **out)
{
	struct dmabuf *dmabuf = alloc_zeroed(sizeof(*dmabuf));
	int rc;

	if (!dmabuf)
		return -ENOMEM;
	if (registers)
		rc = reserve_apart(len, registers->offset, &dmabuf->memory);
	else
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

int dmabuf_create(uint64_t len, struct dmabuf **out)
{
	return create(len, NULL, out);
}

int dmabuf_create_registers(uint64_t len, const struct dmabuf_registers *registers,
			    struct dmabuf **out)
{
	int rc = create(len, registers, out);

	if (rc)
		return rc;
	(*out)->registers = *registers;
	lock_acquire(&registry_lock);
	cds_list_add(&(*out)->link, &registry);
	lock_release(&registry_lock);
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

/* ---- registers ---- */

/* Registers that begin at an address, and how many bytes there are from there on. */
struct window {
	struct dmabuf_registers registers;
	uint64_t left;
};

static bool find_registers(const void *addr, struct window *window)
{
	const uint64_t at = (uint64_t)(uintptr_t)addr;
	struct dmabuf *dmabuf;
	bool found = false;

	lock_acquire(&registry_lock);
	cds_list_for_each_entry (dmabuf, &registry, link) {
		const uint64_t off = at - (uint64_t)(uintptr_t)dmabuf->memory;

		if (off >= dmabuf->len)
			continue;
		window->registers = dmabuf->registers;
		window->registers.offset += off;
		window->left = dmabuf->len - off;
		found = true;
		break;
	}
	lock_release(&registry_lock);
	return found;
}

/*
 * Moves @size bytes at @done between @buf and @window, or, without one, @addr. Registers take 1, 2,
 * 4 or 8 bytes. 0 or not.
 */
static int fetch(const struct window *window, const char *addr, uint64_t done, void *buf,
		 uint64_t size)
{
	const struct dmabuf_registers *at;

	if (!window)
		return view_copy(buf, addr + done, size);
	at = &window->registers;
	if (at->move)
		return at->move(at->cookie, at->offset + done, buf, size, false);
	memset(buf, 0, sizeof(uint64_t));
	return at->ops->read(at->cookie, at->offset + done, (unsigned int)size, buf);
}

static int store(const struct window *window, char *addr, uint64_t done, void *buf, uint64_t size)
{
	const struct dmabuf_registers *at;
	uint64_t value = 0;

	if (!window)
		return view_copy(addr + done, buf, size);
	at = &window->registers;
	if (at->move)
		return at->move(at->cookie, at->offset + done, buf, size, true);
	memcpy(&value, buf, size);
	return at->ops->write(at->cookie, at->offset + done, (unsigned int)size, value);
}

static bool takes_accesses(const struct window *window)
{
	return window && !window->registers.move;
}

/* How many of the @left bytes at @done can be moved at once. */
static uint64_t step(const struct window *to, const struct window *from, uint64_t done,
		     uint64_t left)
{
	uint64_t at = 0, size = 8;

	if (takes_accesses(to))
		at |= to->registers.offset + done;
	if (takes_accesses(from))
		at |= from->registers.offset + done;
	if (!takes_accesses(to) && !takes_accesses(from))
		return min_u64(left, DMABUF_MOVE);
	while (size > left || !is_aligned(at, size))
		size /= 2;
	return size;
}

int dmabuf_copy_registers(void *dst, const void *src, uint64_t len)
{
	struct window dst_window, src_window, *to, *from;
	char buf[DMABUF_MOVE] __attribute__((aligned(8)));
	uint64_t size;

	to = find_registers(dst, &dst_window) ? &dst_window : NULL;
	from = find_registers(src, &src_window) ? &src_window : NULL;
	if ((!to && !from) || (to && to->left < len) || (from && from->left < len))
		return -EFAULT;
	for (uint64_t done = 0; done < len; done += size) {
		size = step(to, from, done, len - done);
		if (fetch(from, src, done, buf, size) || store(to, dst, done, buf, size))
			return -EFAULT;
	}
	return 0;
}

/* ---- sources ---- */

/* Attaches @source to @dmabuf in its present generation. 0 or -ENODEV. */
static int tie(struct mem_source *source, struct dmabuf *dmabuf)
{
	bool revoked;

	lock_acquire(&dmabuf->lock);
	revoked = dmabuf->revoked;
	if (!revoked) {
		source_wide(source)->dmabuf.buf = dmabuf;
		source_wide(source)->dmabuf.generation = dmabuf->generation;
		file_get(&dmabuf->file);
	}
	lock_release(&dmabuf->lock);
	return revoked ? refuse(-ENODEV, "the dma-buf is revoked: its device does not answer now")
		       : 0;
}

int mem_source_from_dmabuf(struct uiommufd_caller *caller, struct dmabuf *dmabuf, uint64_t start,
			   uint64_t len, bool writable, struct mem_source **out)
{
	struct mem_source *source;
	int rc;

	if (dmabuf->len <= start + (len - 1) || len >> PAGE_SHIFT >= UINT32_MAX)
		return refuse_mistake(-EINVAL,
				      "start and length go beyond the dma-buf, which has 0x%" PRIx64
				      " bytes",
				      dmabuf->len);
	if (dmabuf->registers.scattered)
		return refuse(-EOPNOTSUPP, "the dma-buf is of several ranges of a BAR: one each");
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
	return source->kind == MEM_KIND_DMABUF && source_wide(source)->dmabuf.buf == dmabuf;
}

bool mem_source_revoked(const struct mem_source *source)
{
	const struct wide_source *wide;

	if (source->kind != MEM_KIND_DMABUF)
		return false;
	wide = source_wide(source);
	return wide->dmabuf.generation != wide->dmabuf.buf->generation;
}

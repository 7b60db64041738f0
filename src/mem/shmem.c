/* SPDX-License-Identifier: MIT */
/*
 * Files in memory and the windows on them.
 *
 * Invariants: pinnable objects are in the registry, one for each inode and right to write; an
 * object's windows are in ascending order, and each has a pin.
 *
 * Locks: the registry's guards the lists and the reference counts, an object's guards its windows.
 * Populating is done under neither. Cost: finding a window is a binary search.
 */
#include "mem/shmem.h"

#include <assert.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/alloc.h"
#include "base/last_error.h"
#include "base/lock.h"
#include "base/ref.h"
#include "base/sys.h"
#include "mem/index.h"
#include "mem/populate.h"

/*
 * A window maps WINDOW_SIZE bytes of the file from @index << WINDOW_SHIFT on, however long it is.
 */
#define WINDOW_SHIFT 30u
#define WINDOW_SIZE  (UINT64_C(1) << WINDOW_SHIFT)
#define WINDOW_PAGES (WINDOW_SIZE >> PAGE_SHIFT)

struct window {
	uint64_t index;
	char *addr;
	uint64_t pins; /* pages, each counted as often as pinned */
	bool writable;
};

struct shmem {
	struct shmem *next; /* in the registry */
	struct ref refs;    /* taken and given back under the registry's lock */
	int fd;
	bool pinnable; /* the right kind of file; then it is in the registry */
	bool writable; /* fd is */
	dev_t dev;
	ino_t ino;

	struct lock lock;	/* guards what follows */
	struct window *windows; /* by index */
	size_t count, capacity;
	struct index_link *sources;
};

enum {
	REGISTRY_LISTS = 256,
	FD_PATH_SIZE = sizeof("/proc/self/fd/") + 10,
	NAME_SIZE = 128,
};

static struct lock registry_lock = LOCK_INIT(LOCK_SHMEM_REGISTRY);
static struct shmem *registry[REGISTRY_LISTS] GUARDED_BY(registry_lock);
static _Atomic uint64_t registered;

static struct shmem **registry_list(ino_t ino)
{
	return &registry[ino % REGISTRY_LISTS];
}

static bool is_memory(int fd)
{
	struct statfs fs;

	if (sys_call(SYS_fstatfs, fd, (long)&fs, 0, 0, 0, 0))
		return false;
	return (uint64_t)fs.f_type == TMPFS_MAGIC || (uint64_t)fs.f_type == HUGETLBFS_MAGIC;
}

static void fd_path(int fd, char path[FD_PATH_SIZE])
{
	(void)snprintf(path, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
}

/*
 * The open mode of the program's descriptor does not limit DMA: opens the file again with both
 * rights, if the system permits. Takes @fd and returns the descriptor to use.
 */
static int open_both_ways(int fd)
{
	char path[FD_PATH_SIZE];
	int mode = sys_fcntl(fd, F_GETFL, 0);
	int both;

	if (mode >= 0 && (mode & O_ACCMODE) == O_RDWR)
		return fd;
	fd_path(fd, path);
	both = sys_open(path, O_RDWR | O_CLOEXEC);
	if (both < 0)
		return fd;
	(void)sys_close(fd);
	return sys_move_away(both);
}

/* Finds out what file @shmem->fd has open. */
static void identify(struct shmem *shmem)
{
	struct stat st;
	int mode;

	if (sys_call(SYS_fstat, shmem->fd, (long)&st, 0, 0, 0, 0) || !S_ISREG(st.st_mode) ||
	    !is_memory(shmem->fd))
		return;
	shmem->fd = open_both_ways(shmem->fd);
	mode = sys_fcntl(shmem->fd, F_GETFL, 0);
	shmem->pinnable = true;
	shmem->writable = (mode & O_ACCMODE) == O_RDWR;
	shmem->dev = st.st_dev;
	shmem->ino = st.st_ino;
}

static void free_shmem(struct shmem *shmem)
{
	assert(!shmem->count && !shmem->sources);
	(void)sys_close(shmem->fd);
	lock_destroy(&shmem->lock);
	alloc_free(shmem->windows);
	alloc_free(shmem);
}

/* Takes @fresh: returns the registered object of the same file, or @fresh, now registered. */
static struct shmem *register_shmem(struct shmem *fresh)
{
	struct shmem **list = registry_list(fresh->ino), *shmem;

	lock_acquire(&registry_lock);
	for (shmem = *list; shmem; shmem = shmem->next) {
		if (shmem->ino == fresh->ino && shmem->dev == fresh->dev &&
		    shmem->writable == fresh->writable)
			break;
	}
	if (shmem) {
		ref_get(&shmem->refs);
	} else {
		fresh->next = *list;
		*list = fresh;
		atomic_fetch_add_explicit(&registered, 1, memory_order_relaxed);
	}
	lock_release(&registry_lock);
	if (!shmem)
		return fresh;
	free_shmem(fresh);
	return shmem;
}

int shmem_get(int fd, struct shmem **out)
{
	struct shmem *shmem = alloc_zeroed(sizeof(*shmem));

	if (!shmem) {
		(void)sys_close(fd);
		return -ENOMEM;
	}
	ref_init(&shmem->refs);
	shmem->fd = fd;
	lock_init(&shmem->lock, LOCK_SHMEM);
	identify(shmem);
	*out = shmem->pinnable ? register_shmem(shmem) : shmem;
	return 0;
}

void shmem_put(struct shmem *shmem)
{
	struct shmem **link = registry_list(shmem->ino);
	bool last;

	lock_acquire(&registry_lock);
	last = ref_put(&shmem->refs);
	if (last && shmem->pinnable) {
		while (*link != shmem)
			link = &(*link)->next;
		*link = shmem->next;
		atomic_fetch_sub_explicit(&registered, 1, memory_order_relaxed);
	}
	lock_release(&registry_lock);
	if (last)
		free_shmem(shmem);
}

/* ---- sources ---- */

bool shmem_in_use(void)
{
	return atomic_load_explicit(&registered, memory_order_relaxed) != 0;
}

void shmem_add_source(struct shmem *shmem, struct index_link *link)
{
	lock_acquire(&shmem->lock);
	index_link_push(&shmem->sources, link);
	lock_release(&shmem->lock);
}

void shmem_remove_source(struct shmem *shmem, struct index_link *link)
{
	lock_acquire(&shmem->lock);
	index_link_remove(link);
	lock_release(&shmem->lock);
}

static int visit_sources(struct shmem *shmem, int (*visit)(struct index_link *link, void *arg),
			 void *arg)
{
	int rc = 0;

	lock_acquire(&shmem->lock);
	for (struct index_link *link = shmem->sources; link && !rc; link = link->next)
		rc = visit(link, arg);
	lock_release(&shmem->lock);
	return rc;
}

int shmem_visit_sources(dev_t dev, ino_t ino, int (*visit)(struct index_link *link, void *arg),
			void *arg)
{
	int rc = 0;

	lock_acquire(&registry_lock);
	for (struct shmem *shmem = *registry_list(ino); shmem && !rc; shmem = shmem->next) {
		if (shmem->ino == ino && shmem->dev == dev)
			rc = visit_sources(shmem, visit, arg);
	}
	lock_release(&registry_lock);
	return rc;
}

/* ---- windows ---- */

/* Where the window @index is in the array, or would be. */
static size_t window_position(const struct shmem *shmem, uint64_t index) REQUIRES(shmem->lock)
{
	size_t low = 0, high = shmem->count;

	lock_assert_held(&shmem->lock);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (shmem->windows[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The window @index, or NULL. */
static struct window *find_window(const struct shmem *shmem, uint64_t index) REQUIRES(shmem->lock)
{
	size_t at = window_position(shmem, index);

	if (at == shmem->count || shmem->windows[at].index != index)
		return NULL;
	return &shmem->windows[at];
}

/*
 * Maps a window that is only read. Before Linux 6.7, of a file that is sealed against writing only
 * a descriptor that is open for reading alone can be mapped.
 */
static int map_for_reading(int fd, uint64_t offset, int flags, void **addr)
{
	int rc = sys_mmap(*addr, WINDOW_SIZE, PROT_READ, flags, fd, offset, addr), own;
	char path[32];

	if (rc != -EPERM)
		return rc;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = sys_open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return rc;
	rc = sys_mmap(*addr, WINDOW_SIZE, PROT_READ, flags, own, offset, addr);
	(void)sys_close(own);
	return rc;
}

/* Fills in the rest of @window. If the file is sealed against writing, the window is read only. */
static int map_window(const struct shmem *shmem, struct window *window)
{
	const uint64_t offset = window->index << WINDOW_SHIFT;
	const int flags = MAP_SHARED | MAP_FIXED | MAP_NORESERVE;
	void *addr;
	int rc;

	rc = sys_reserve(WINDOW_SIZE, WINDOW_SIZE, 0, &addr);
	if (rc)
		return rc;
	window->writable = shmem->writable;
	rc = window->writable ? sys_mmap(addr, WINDOW_SIZE, PROT_READ | PROT_WRITE, flags,
					 shmem->fd, offset, &addr)
			      : -EACCES;
	if (rc == -EPERM || rc == -EACCES) {
		window->writable = false;
		rc = map_for_reading(shmem->fd, offset, flags, &addr);
	}
	if (rc) {
		(void)sys_munmap(addr, WINDOW_SIZE);
		return -ENOMEM;
	}
	/* The program's own mapping is what a core dump shows. */
	(void)sys_madvise(addr, WINDOW_SIZE, MADV_DONTDUMP);
	window->addr = addr;
	return 0;
}

/* Maps the window @index, without a pin. NULL: no memory. */
static struct window *add_window(struct shmem *shmem, uint64_t index) REQUIRES(shmem->lock)
{
	size_t at = window_position(shmem, index);
	struct window window = {.index = index}, *grown;

	if (shmem->count == shmem->capacity) {
		size_t capacity = shmem->capacity ? 2 * shmem->capacity : 1;

		grown = alloc_resize(shmem->windows, capacity, sizeof(*grown));
		if (!grown)
			return NULL;
		shmem->windows = grown;
		shmem->capacity = capacity;
	}
	if (map_window(shmem, &window))
		return NULL;
	memmove(&shmem->windows[at + 1], &shmem->windows[at], (shmem->count - at) * sizeof(window));
	shmem->windows[at] = window;
	shmem->count++;
	return &shmem->windows[at];
}

static void remove_window(struct shmem *shmem, struct window *window) REQUIRES(shmem->lock)
{
	size_t at = (size_t)(window - shmem->windows);

	lock_assert_held(&shmem->lock);
	assert(!window->pins);

	(void)sys_munmap(window->addr, WINDOW_SIZE);
	shmem->count--;
	memmove(window, window + 1, (shmem->count - at) * sizeof(*window));
}

/* The part of @pages that lies in the window of its first page. */
static struct mem_pages first_part(struct mem_pages pages)
{
	uint64_t left = WINDOW_PAGES - pages.first % WINDOW_PAGES;

	return (struct mem_pages){.first = pages.first, .count = min_u64(pages.count, left)};
}

/* Pins @part, which is in one window. *@addr: where it is. */
static int pin_part(struct shmem *shmem, struct mem_pages part, uint64_t *addr, bool *writable)
{
	const uint64_t index = part.first / WINDOW_PAGES;
	struct window *window;

	lock_acquire(&shmem->lock);
	window = find_window(shmem, index);
	if (!window)
		window = add_window(shmem, index);
	if (window) {
		window->pins += part.count;
		*addr = (uint64_t)(uintptr_t)window->addr +
			((part.first % WINDOW_PAGES) << PAGE_SHIFT);
		*writable = window->writable;
	}
	lock_release(&shmem->lock);
	return window ? 0 : -ENOMEM;
}

static void unpin_part(struct shmem *shmem, struct mem_pages part)
{
	struct window *window;

	lock_acquire(&shmem->lock);
	window = find_window(shmem, part.first / WINDOW_PAGES);
	assert(window && window->pins >= part.count);
	window->pins -= part.count;
	if (!window->pins)
		remove_window(shmem, window);
	lock_release(&shmem->lock);
}

void shmem_unpin(struct shmem *shmem, struct mem_pages pages)
{
	while (pages.count) {
		struct mem_pages part = first_part(pages);

		unpin_part(shmem, part);
		pages.first += part.count;
		pages.count -= part.count;
	}
}

/* True if all of @pages is entirely inside the file, as it is now. */
static bool inside_file(const struct shmem *shmem, struct mem_pages pages)
{
	struct stat st;
	uint64_t end;

	if (sys_call(SYS_fstat, shmem->fd, (long)&st, 0, 0, 0, 0) ||
	    check_add(pages.first, pages.count, &end))
		return false;
	return end <= (uint64_t)st.st_size >> PAGE_SHIFT;
}

/* -EINVAL, with the reason why @pages are not pinned. */
static int refuse_pages(const struct shmem *shmem, struct mem_pages pages)
{
	char name[NAME_SIZE];
	struct stat st;

	if (!shmem_name(shmem, name, sizeof(name)))
		snprintf(name, sizeof(name), "the file");
	if (!shmem->pinnable || sys_call(SYS_fstat, shmem->fd, (long)&st, 0, 0, 0, 0))
		return refuse_mistake(-EINVAL,
				      "%s is not in memory: files of memfd_create, tmpfs and "
				      "hugetlbfs can be mapped for DMA, and dma-bufs",
				      name);
	return refuse_mistake(-EINVAL,
			      "pages %" PRIu64 " to %" PRIu64 " are not entirely inside %s, which "
			      "has %" PRIu64 " bytes",
			      pages.first, pages.first + (pages.count - 1), name,
			      (uint64_t)st.st_size);
}

/* Pins and populates @part, which is in one window. */
static int fill_part(struct shmem *shmem, struct mem_pages part, bool write)
{
	uint64_t addr;
	bool writable;

	if (pin_part(shmem, part, &addr, &writable))
		return -ENOMEM;
	/* Inside the file, populating can only fail for lack of memory. */
	if (populate(addr, part.count << PAGE_SHIFT, write && writable)) {
		unpin_part(shmem, part);
		return -ENOMEM;
	}
	return 0;
}

int shmem_pin(struct shmem *shmem, struct mem_pages pages, bool write)
{
	struct mem_pages done = {.first = pages.first, .count = 0};

	if (!shmem->pinnable || !inside_file(shmem, pages))
		return refuse_pages(shmem, pages);
	while (pages.count) {
		struct mem_pages part = first_part(pages);

		if (fill_part(shmem, part, write)) {
			shmem_unpin(shmem, done);
			return -ENOMEM;
		}
		done.count += part.count;
		pages.first += part.count;
		pages.count -= part.count;
	}
	return 0;
}

void shmem_extent(struct shmem *shmem, uint64_t offset, uint64_t len, uint64_t *bus,
		  uint64_t *extent)
{
	const uint64_t inside = offset & (WINDOW_SIZE - 1);
	struct window *window;

	lock_acquire(&shmem->lock);
	window = find_window(shmem, offset >> WINDOW_SHIFT);
	assert(window);
	*bus = (uint64_t)(uintptr_t)window->addr + inside;
	lock_release(&shmem->lock);
	*extent = min_u64(len, WINDOW_SIZE - inside);
}

int shmem_dup(const struct shmem *shmem)
{
	return sys_fcntl(shmem->fd, F_DUPFD_CLOEXEC, 0);
}

bool shmem_name(const struct shmem *shmem, char *name, size_t size)
{
	char path[FD_PATH_SIZE];
	long len;

	fd_path(shmem->fd, path);
	len = sys_call(SYS_readlinkat, AT_FDCWD, (long)path, (long)name, (long)size, 0, 0);
	if (len <= 0 || (size_t)len == size)
		return false;
	name[len] = '\0';
	return true;
}

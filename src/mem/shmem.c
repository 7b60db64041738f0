/* SPDX-License-Identifier: MIT */
/*
 * Files in memory and the windows on them.
 *
 * The registry's lock guards the lists and the reference counts; the lock of an object guards its
 * windows. Populating is under neither. Finding a window is a binary search.
 */
#include "mem/shmem.h"

#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "mem/self.h"

/*
 * A window maps [@index << WINDOW_SHIFT, + WINDOW_SIZE) of the file, whether it is so long or not.
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
	struct shmem *next;
	uint32_t refs;
	int fd;
	bool pinnable; /* the right kind of file; then it is in the registry */
	bool writable; /* fd is */
	dev_t dev;
	ino_t ino;

	pthread_mutex_t lock;
	struct window *windows; /* by index */
	size_t count, capacity;
};

enum {
	REGISTRY_LISTS = 256,
	FD_PATH_SIZE = sizeof("/proc/self/fd/") + 10,
};

static struct shmem *registry[REGISTRY_LISTS];
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;

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
 * The open mode of the program's descriptor does not limit what DMA may do: another one, with both
 * rights, if the system gives it to us. Takes @fd, returns what to use.
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

/* What identifies the file that @shmem->fd has open. */
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
	(void)sys_close(shmem->fd);
	pthread_mutex_destroy(&shmem->lock);
	alloc_free(shmem->windows);
	alloc_free(shmem);
}

/* The object in the registry that is for the same file as @fresh, or @fresh, which is now there. */
static struct shmem *register_shmem(struct shmem *fresh)
{
	struct shmem **list = registry_list(fresh->ino), *shmem;

	pthread_mutex_lock(&registry_lock);
	for (shmem = *list; shmem; shmem = shmem->next) {
		if (shmem->ino == fresh->ino && shmem->dev == fresh->dev &&
		    shmem->writable == fresh->writable)
			break;
	}
	if (shmem) {
		shmem->refs++;
	} else {
		fresh->next = *list;
		*list = fresh;
	}
	pthread_mutex_unlock(&registry_lock);
	if (!shmem)
		return fresh;
	free_shmem(fresh);
	return shmem;
}

int shmem_open(int fd, struct shmem **out)
{
	struct shmem *shmem = alloc_zeroed(sizeof(*shmem));

	if (!shmem) {
		(void)sys_close(fd);
		return -ENOMEM;
	}
	shmem->refs = 1;
	shmem->fd = fd;
	pthread_mutex_init(&shmem->lock, NULL);
	identify(shmem);
	*out = shmem->pinnable ? register_shmem(shmem) : shmem;
	return 0;
}

void shmem_put(struct shmem *shmem)
{
	struct shmem **link = registry_list(shmem->ino);
	bool last;

	pthread_mutex_lock(&registry_lock);
	last = --shmem->refs == 0;
	if (last && shmem->pinnable) {
		while (*link != shmem)
			link = &(*link)->next;
		*link = shmem->next;
	}
	pthread_mutex_unlock(&registry_lock);
	if (last)
		free_shmem(shmem);
}

/* Where the window @index is in the array, or would be. Caller holds the lock. */
static size_t window_position(const struct shmem *shmem, uint64_t index)
{
	size_t low = 0, high = shmem->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (shmem->windows[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The window @index, or NULL. Caller holds the lock. */
static struct window *find_window(const struct shmem *shmem, uint64_t index)
{
	size_t at = window_position(shmem, index);

	if (at == shmem->count || shmem->windows[at].index != index)
		return NULL;
	return &shmem->windows[at];
}

/* Fills in the rest of @window. A file may be sealed against writing: then it is read only. */
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
		rc = sys_mmap(addr, WINDOW_SIZE, PROT_READ, flags, shmem->fd, offset, &addr);
	}
	if (rc) {
		(void)sys_munmap(addr, WINDOW_SIZE);
		return -ENOMEM;
	}
	/* It is in a dump once already, if the program has it mapped. */
	(void)sys_madvise(addr, WINDOW_SIZE, MADV_DONTDUMP);
	window->addr = addr;
	return 0;
}

/* Maps the window @index, without a pin. NULL: no memory. Caller holds the lock. */
static struct window *add_window(struct shmem *shmem, uint64_t index)
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

/* Caller holds the lock. */
static void remove_window(struct shmem *shmem, struct window *window)
{
	size_t at = (size_t)(window - shmem->windows);

	(void)sys_munmap(window->addr, WINDOW_SIZE);
	shmem->count--;
	memmove(window, window + 1, (shmem->count - at) * sizeof(*window));
}

/* The part of @pages that lies in the window of its first page. */
static struct mem_pages first_part(struct mem_pages pages)
{
	uint64_t room = WINDOW_PAGES - pages.first % WINDOW_PAGES;

	return (struct mem_pages){.first = pages.first, .count = min_u64(pages.count, room)};
}

/* Pins @part, which is in one window. *@addr: where it is. */
static int pin_part(struct shmem *shmem, struct mem_pages part, uint64_t *addr, bool *writable)
{
	const uint64_t index = part.first / WINDOW_PAGES;
	struct window *window;

	pthread_mutex_lock(&shmem->lock);
	window = find_window(shmem, index);
	if (!window)
		window = add_window(shmem, index);
	if (window) {
		window->pins += part.count;
		*addr = (uint64_t)(uintptr_t)window->addr +
			((part.first % WINDOW_PAGES) << PAGE_SHIFT);
		*writable = window->writable;
	}
	pthread_mutex_unlock(&shmem->lock);
	return window ? 0 : -ENOMEM;
}

static void unpin_part(struct shmem *shmem, struct mem_pages part)
{
	struct window *window;

	pthread_mutex_lock(&shmem->lock);
	window = find_window(shmem, part.first / WINDOW_PAGES);
	window->pins -= part.count;
	if (!window->pins)
		remove_window(shmem, window);
	pthread_mutex_unlock(&shmem->lock);
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

int shmem_pin(struct shmem *shmem, struct mem_pages pages, bool write)
{
	struct mem_pages done = {.first = pages.first, .count = 0};

	if (!shmem->pinnable || !inside_file(shmem, pages))
		return -EINVAL;
	while (pages.count) {
		struct mem_pages part = first_part(pages);
		uint64_t addr;
		bool writable;
		int rc;

		rc = pin_part(shmem, part, &addr, &writable);
		if (!rc) {
			done.count += part.count;
			/* Inside the file only memory can be what is missing. */
			if (self_populate(addr, part.count << PAGE_SHIFT, write && writable))
				rc = -ENOMEM;
		}
		if (rc) {
			shmem_unpin(shmem, done);
			return rc;
		}
		pages.first += part.count;
		pages.count -= part.count;
	}
	return 0;
}

void shmem_run(struct shmem *shmem, uint64_t offset, uint64_t len, uint64_t *bus, uint64_t *run)
{
	const uint64_t inside = offset & (WINDOW_SIZE - 1);
	struct window *window;

	pthread_mutex_lock(&shmem->lock);
	window = find_window(shmem, offset >> WINDOW_SHIFT);
	*bus = (uint64_t)(uintptr_t)window->addr + inside;
	pthread_mutex_unlock(&shmem->lock);
	*run = min_u64(len, WINDOW_SIZE - inside);
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

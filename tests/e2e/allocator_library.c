/* SPDX-License-Identifier: MIT */
/*
 * The library of allocator.c: an allocator as programs link them (jemalloc, tcmalloc). It sets
 * itself up at the first call, by files and system calls, and goes to the system for memory, all
 * with its one lock held. A call that comes back to it from there would wait for ever: here it
 * ends the program.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

#define EXPORTED __attribute__((visibility("default")))

enum {
	HEAD = 64, /* before each block; its size is there */
	CHUNK = 1 << 20,
	LARGE = 1 << 16, /* from here on a block has a mapping of its own */
	PAGES = 4096,
};

static _Atomic pid_t holder; /* the thread that has the lock, or 0 */
static char *chunk;
static size_t used;
static bool ready;

EXPORTED extern _Atomic unsigned long allocator_calls;
_Atomic unsigned long allocator_calls;

static void enter(void)
{
	static const char text[] = "the allocator was called by what it calls\n";
	const pid_t self = (pid_t)syscall(SYS_gettid);
	pid_t nobody = 0;

	atomic_fetch_add(&allocator_calls, 1);
	while (!atomic_compare_exchange_weak(&holder, &nobody, self)) {
		if (nobody == self) {
			(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
			_exit(3);
		}
		nobody = 0;
		sched_yield();
	}
}

static void leave(void)
{
	atomic_store(&holder, 0);
}

static void look_at(const char *path)
{
	char text[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!read(fd, text, sizeof(text));
	close(fd);
}

/* What allocators ask when they begin. */
static void set_up(void)
{
	char text[256];

	ready = true;
	(void)!readlink("/etc/malloc.conf", text, sizeof(text));
	look_at("/proc/sys/vm/overcommit_memory");
	look_at("/sys/kernel/mm/transparent_hugepage/enabled");
	look_at("/proc/self/maps");
	look_at("/dev/urandom");
	(void)access("/dev/vfio/vfio", R_OK);
	(void)sysconf(_SC_NPROCESSORS_ONLN);
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static char *take(size_t size)
{
	char *block;

	if (size >= LARGE)
		return map(size);
	if (!chunk || used + size > CHUNK) {
		chunk = map(CHUNK);
		used = 0;
	}
	if (!chunk)
		return NULL;
	block = chunk + used;
	used += size;
	return block;
}

EXPORTED void *malloc(size_t size)
{
	const size_t bytes = (HEAD + size + HEAD - 1) / HEAD * HEAD;
	char *block;

	if (bytes < size)
		return NULL;
	enter();
	if (!ready)
		set_up();
	block = take(bytes);
	leave();
	if (!block)
		return NULL;
	*(size_t *)block = bytes;
	return block + HEAD;
}

/* Small blocks are not used again. */
EXPORTED void free(void *block)
{
	char *head = block ? (char *)block - HEAD : NULL;
	char *page = head ? head + (-(uintptr_t)head & (PAGES - 1)) : NULL;

	if (!head)
		return;
	enter();
	if (*(size_t *)head >= LARGE)
		munmap(head, *(size_t *)head);
	else if (page + PAGES <= head + *(size_t *)head)
		madvise(page, PAGES, MADV_DONTNEED);
	leave();
}

EXPORTED void *calloc(size_t count, size_t size)
{
	size_t bytes;

	/* What comes from mmap is zero. */
	return __builtin_mul_overflow(count, size, &bytes) ? NULL : malloc(bytes);
}

EXPORTED void *realloc(void *block, size_t size)
{
	void *moved = malloc(size);
	const size_t old = block ? *(size_t *)((char *)block - HEAD) - HEAD : 0;

	if (moved && block)
		memcpy(moved, block, old < size ? old : size);
	if (moved)
		free(block);
	return moved;
}

EXPORTED int posix_memalign(void **block, size_t align, size_t size)
{
	*block = align <= HEAD ? malloc(size) : NULL;
	return *block ? 0 : ENOMEM;
}

EXPORTED void *aligned_alloc(size_t align, size_t size)
{
	return align <= HEAD ? malloc(size) : NULL;
}

/* Runs before those of what is preloaded. */
static __attribute__((constructor)) void allocate_early(void)
{
	void *volatile block = malloc(100); /* compilers leave out what nobody looks at */

	free(block);
}

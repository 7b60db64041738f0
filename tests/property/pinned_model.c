/* SPDX-License-Identifier: MIT */
/*
 * Random calls that change memory, compared with a model that knows which page the program sees at
 * each address and which page a device sees at each IOVA. A page is known by a tag at its begin,
 * which the program or the device writes.
 *
 * An ordinary program, for `uiommufd run --device edu`: pinned_model SEED STEPS [direct]. With
 * "direct" half of the calls are made without the C library. What must never happen is that a
 * device sees, or writes, another page than the one that was mapped: that is a silent corruption. A
 * DMA that fails is counted apart.
 *
 * The calls are made inside a window of addresses in which nothing is ever left unmapped for long,
 * so that no other mapping of the process comes there. No memory is allocated after the start: the
 * break is the model's, too.
 */
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../e2e/device.h"

#ifndef MREMAP_DONTUNMAP /* missing in older glibc */
#define MREMAP_DONTUNMAP 4
#endif

#ifndef MADV_GUARD_INSTALL /* likewise */
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif

#ifdef __GLIBC__
#define SBRK_MOVES_THE_BREAK true
#else
#define SBRK_MOVES_THE_BREAK false /* musl's only tells it */
#endif

#define DETACH_PT     0x3b78
#define IOAS_COPY     0x3b83
#define MAP_WRITEABLE 2u

enum {
	PAGE_BYTES = 4096,
	WINDOW = 64, /* pages of the window */
	THP = 512,   /* pages of a huge page, which follow */
	HEAP = 16,   /* pages of the break, which follow */
	ALL = WINDOW + THP + HEAP,
	FILE_PAGES = 32,
	SEGMENTS = 2,
	SEGMENT_PAGES = 8,
	RUN = 8, /* pages of a call, at most */
	PINS = 12,
	HISTORY = 40,
	OBJECTS = ALL + FILE_PAGES + SEGMENTS * SEGMENT_PAGES + PINS * RUN + 64,
};

/* A page, wherever it is seen. */
struct object {
	uint64_t tag;
	int seen; /* by how many addresses, files and pins */
	int pinned;
};

enum kind {
	NOTHING,
	PRIVATE,
	SHARED,
	OF_FILE,
	COPY, /* of the file, mapped privately: its page, or the program's own */
	OF_SEGMENT,
};

/* What the program has at an address. */
struct place {
	struct object *object;
	enum kind kind;
	int prot;
	long birth;	     /* consecutive in what one call made */
	int segment, offset; /* OF_SEGMENT; COPY has an offset */
	bool own;	     /* COPY */
	bool locked;	     /* by mlock */
};

/* A mapping for the device. */
struct pin {
	int pages; /* 0: none */
	uint64_t iova;
	int first;	       /* page of the program; -1: of the file */
	int offset;	       /* of the file */
	bool writes, writable; /* for the device; of the memory */
	struct object *objects[RUN];
};

static struct object objects[OBJECTS];
static struct place places[ALL];
static struct object *of_file[FILE_PAGES], *of_segment[SEGMENTS][SEGMENT_PAGES];
static struct pin pins[PINS];
static char *window, *huge, *heap;
static int heap_pages, file_fd, segments[SEGMENTS];
static uint64_t tags = 1, random_state;
static long births, corruptions, failures;
static bool direct;
static char history[HISTORY][96];
static long step;

#define NOTE(...) ((void)snprintf(history[step % HISTORY], sizeof(history[0]), __VA_ARGS__))

static int below(int bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (int)(random_state % (uint64_t)bound);
}

static void die(const char *what)
{
	printf("step %ld: %s: %s\n", step, what, strerror(errno));
	exit(2);
}

static void complain(long *count, const char *what, uint64_t got, uint64_t wanted)
{
	++*count;
	printf("step %ld: %s: %#llx, the model says %#llx\n", step, what, (unsigned long long)got,
	       (unsigned long long)wanted);
	for (long i = step > HISTORY - 1 ? step - HISTORY + 1 : 0; i <= step; i++) {
		if (history[i % HISTORY][0])
			printf("    %s\n", history[i % HISTORY]);
	}
	fflush(stdout);
	if (corruptions + failures > 3)
		exit(1);
}

/* ---- calls ---- */

/* By the C library's function for all calls, or by an instruction of our own. */
static long call(long number, long a, long b, long c, long d, long e, long f)
{
#ifdef __x86_64__
	if (direct && below(2)) {
		register long r10 __asm__("r10") = d;
		register long r8 __asm__("r8") = e;
		register long r9 __asm__("r9") = f;
		long rc = number;

		__asm__ volatile("syscall"
				 : "+a"(rc)
				 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
				 : "rcx", "r11", "memory");
		if (rc >= 0 || rc < -4095)
			return rc;
		errno = (int)-rc;
		return -1;
	}
#endif
	switch (number) {
	case SYS_mmap:
		return (long)mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e, f);
	case SYS_munmap:
		return munmap((void *)a, (size_t)b);
	case SYS_madvise:
		return madvise((void *)a, (size_t)b, (int)c);
	case SYS_mprotect:
		return mprotect((void *)a, (size_t)b, (int)c);
	case SYS_mremap:
		return (long)mremap((void *)a, (size_t)b, (size_t)c, (int)d, (void *)e);
	case SYS_ftruncate:
		return ftruncate((int)a, b);
	case SYS_fallocate:
		return fallocate((int)a, (int)b, c, d);
	case SYS_shmat:
		return (long)shmat((int)a, (void *)b, (int)c);
	case SYS_shmdt:
		return shmdt((void *)a);
	default:
		return syscall(number, a, b, c, d, e, f);
	}
}

static char *address(int page)
{
	if (page < WINDOW)
		return window + page * PAGE_BYTES;
	if (page < WINDOW + THP)
		return huge + (page - WINDOW) * PAGE_BYTES;
	return heap + (page - WINDOW - THP) * PAGE_BYTES;
}

struct copy {
	uint32_t size, flags, dst_ioas_id, src_ioas_id;
	uint64_t length, dst_iova, src_iova;
};

static int copy_mapping(uint64_t from, uint64_t to, uint64_t len, bool writes)
{
	struct copy cmd = {
		.size = sizeof(cmd),
		.flags = MAP_FLAGS & ~(writes ? 0u : MAP_WRITEABLE),
		.dst_ioas_id = (uint32_t)ioas,
		.src_ioas_id = (uint32_t)ioas,
		.length = len,
		.dst_iova = to,
		.src_iova = from,
	};

	return ioctl(context, IOAS_COPY, &cmd);
}

/* ---- objects ---- */

static struct object *see(struct object *object)
{
	object->seen++;
	return object;
}

static void lose(struct object *object)
{
	object->seen--;
}

/* A page of zeros. */
static struct object *fresh(void)
{
	static int next;

	for (int i = 0; i < OBJECTS; i++) {
		struct object *object = &objects[(next + i) % OBJECTS];

		if (!object->seen) {
			next = (next + i + 1) % OBJECTS;
			object->tag = 0;
			object->pinned = 0;
			return object;
		}
	}
	die("too many pages");
	return NULL;
}

static void replace(struct object **at, struct object *object)
{
	see(object);
	if (*at)
		lose(*at);
	*at = object;
}

static void put(int page, enum kind kind, struct object *object)
{
	struct place *place = &places[page];

	replace(&place->object, object);
	place->kind = kind;
	place->prot = PROT_READ | PROT_WRITE;
	place->birth = births++;
	place->own = false;
	place->locked = false;
}

/* A store, or a pin, gives the program a page of its own. */
static void own_page(int page)
{
	struct place *place = &places[page];
	const uint64_t tag = place->object->tag;

	if (place->kind != COPY || place->own)
		return;
	replace(&place->object, fresh());
	place->object->tag = tag;
	place->own = true;
}

/* The program's view of a private page ends. */
static void drop_page(int page)
{
	struct place *place = &places[page];

	if (place->kind == PRIVATE)
		replace(&place->object, fresh());
	else if (place->kind == COPY)
		replace(&place->object, of_file[place->offset]);
	place->own = false;
}

static void clear(int page)
{
	if (places[page].object)
		lose(places[page].object);
	places[page] = (struct place){.birth = -1};
}

/* Nothing of the model is there, and nothing else comes there. */
static void close_hole(int page, int count)
{
	if (page < WINDOW &&
	    mmap(address(page), (size_t)count * PAGE_BYTES, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		die("mmap of a hole");
	for (int i = page; i < page + count; i++)
		clear(i);
}

/* ---- choices ---- */

static int some_run(int *count, int pages)
{
	*count = 1 + below(RUN);
	return below(pages - *count + 1);
}

/* A run of pages that are there. False: none was found. */
static bool present_run(int *page, int *count)
{
	for (int tries = 0; tries < 20; tries++) {
		bool all = true;

		*page = some_run(count, ALL);
		for (int i = *page; i < *page + *count; i++)
			all &= places[i].kind != NOTHING;
		/* Not over the edge of two regions. */
		if (all &&
		    address(*page + *count - 1) == address(*page) + (*count - 1) * PAGE_BYTES)
			return true;
	}
	return false;
}

static bool is_one_mapping(int page, int count)
{
	for (int i = 1; i < count; i++) {
		if (places[page + i].birth != places[page].birth + i ||
		    places[page + i].prot != places[page].prot ||
		    places[page + i].locked != places[page].locked)
			return false;
	}
	return true;
}

/* ---- steps ---- */

static void step_anonymous(void)
{
	const bool shared = below(2);
	int count, page = some_run(&count, WINDOW);

	if (call(SYS_mmap, (long)address(page), count * PAGE_BYTES, PROT_READ | PROT_WRITE,
		 (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED, -1, 0) < 0)
		die("mmap");
	births += 2;
	for (int i = page; i < page + count; i++)
		put(i, shared ? SHARED : PRIVATE, fresh());
	NOTE("mmap anonymous%s %d+%d", shared ? " shared" : "", page, count);
}

static void step_file(void)
{
	int count, page = some_run(&count, WINDOW), offset = below(FILE_PAGES - count + 1);
	const bool copy = !below(3);

	if (call(SYS_mmap, (long)address(page), count * PAGE_BYTES, PROT_READ | PROT_WRITE,
		 (copy ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED, file_fd, offset * PAGE_BYTES) < 0)
		die("mmap of the file");
	births += 2;
	for (int i = 0; i < count; i++) {
		put(page + i, copy ? COPY : OF_FILE, of_file[offset + i]);
		places[page + i].offset = offset + i;
	}
	NOTE("mmap file%s %d+%d at %d", copy ? " privately" : "", page, count, offset);
}

static void step_attach(void)
{
	const int segment = below(SEGMENTS), page = below(WINDOW - SEGMENT_PAGES + 1);

	if (call(SYS_shmat, segments[segment], (long)address(page), SHM_REMAP, 0, 0, 0) < 0)
		die("shmat");
	births += 2;
	for (int i = 0; i < SEGMENT_PAGES; i++) {
		put(page + i, OF_SEGMENT, of_segment[segment][i]);
		places[page + i].segment = segment;
		places[page + i].offset = i;
	}
	NOTE("shmat %d at %d", segment, page);
}

static void step_detach(void)
{
	for (int page = below(WINDOW - SEGMENT_PAGES); page <= WINDOW - SEGMENT_PAGES; page++) {
		const struct place first = places[page];

		if (first.kind != OF_SEGMENT || first.offset)
			continue;
		if (call(SYS_shmdt, (long)address(page), 0, 0, 0, 0, 0))
			die("shmdt");
		for (int i = 0; i < SEGMENT_PAGES; i++) {
			const struct place *place = &places[page + i];

			if (place->kind == OF_SEGMENT && place->segment == first.segment &&
			    place->offset == i)
				close_hole(page + i, 1);
		}
		NOTE("shmdt at %d", page);
		return;
	}
}

static void step_unmap(void)
{
	int count, page = some_run(&count, WINDOW);

	if (call(SYS_munmap, (long)address(page), count * PAGE_BYTES, 0, 0, 0, 0))
		die("munmap");
	close_hole(page, count);
	NOTE("munmap %d+%d", page, count);
}

/* The kernel goes on to the first mapping that is locked. */
static void step_dontneed(void)
{
	int page, count, end;

	if (!present_run(&page, &count))
		return;
	for (end = page; end < page + count && !places[end].locked; end++)
		continue;
	NOTE("DONTNEED %d+%d to %d", page, count, end);
	if (!call(SYS_madvise, (long)address(page), count * PAGE_BYTES, MADV_DONTNEED, 0, 0, 0) !=
	    (end == page + count))
		die("MADV_DONTNEED");
	for (int i = page; i < end; i++)
		drop_page(i);
}

/* Guards that come and go: of private memory the pages do not come back. */
static void step_guard(void)
{
	int page, count;

	if (!present_run(&page, &count))
		return;
	for (int i = page; i < page + count; i++) {
		if (places[i].locked || places[i].kind == OF_SEGMENT)
			return;
	}
	NOTE("guards %d+%d", page, count);
	if (call(SYS_madvise, (long)address(page), count * PAGE_BYTES, MADV_GUARD_INSTALL, 0, 0,
		 0)) {
		if (errno != EINVAL)
			die("MADV_GUARD_INSTALL");
		return;
	}
	if (call(SYS_madvise, (long)address(page), count * PAGE_BYTES, MADV_GUARD_REMOVE, 0, 0, 0))
		die("MADV_GUARD_REMOVE");
	for (int i = page; i < page + count; i++)
		drop_page(i);
}

static void step_lock(void)
{
	const bool lock = !below(3);
	int page, count;

	if (!present_run(&page, &count) || page >= WINDOW)
		return;
	for (int i = page; i < page + count; i++) {
		if (places[i].kind == COPY || places[i].prot != (PROT_READ | PROT_WRITE))
			return;
	}
	NOTE("%s %d+%d", lock ? "mlock" : "munlock", page, count);
	if (lock ? mlock(address(page), (size_t)count * PAGE_BYTES)
		 : munlock(address(page), (size_t)count * PAGE_BYTES)) {
		if (!lock || (errno != ENOMEM && errno != EPERM))
			die("mlock");
		(void)munlock(address(page), (size_t)count * PAGE_BYTES);
	}
	for (int i = page; i < page + count; i++)
		places[i].locked = lock;
}

/* What is not pinned may be zeros from now on: it is written. */
static void step_free(void)
{
	bool refused = false;
	int page, count;

	if (!present_run(&page, &count))
		return;
	for (int i = page; i < page + count; i++) {
		refused |= places[i].kind != PRIVATE || places[i].locked;
		/* On a shared machine, nobody looks whether what is pinned is locked. */
		if (places[i].prot != (PROT_READ | PROT_WRITE) ||
		    (places[i].locked && places[i].object->pinned) ||
		    (refused && (count > 1 || places[i].kind == COPY)))
			return;
	}
	NOTE("FREE %d+%d%s", page, count, refused ? ", refused" : "");
	if (!call(SYS_madvise, (long)address(page), count * PAGE_BYTES, MADV_FREE, 0, 0, 0) ==
	    refused)
		die("MADV_FREE");
	if (refused)
		return;
	for (int i = page; i < page + count; i++) {
		struct object *object = places[i].object;

		if (!object->pinned)
			*(volatile uint64_t *)address(i) = object->tag = tags++;
	}
}

static void step_protect(void)
{
	static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_WRITE};
	const int prot = prots[below(4)];
	int page, count;

	if (!present_run(&page, &count))
		return;
	if (call(SYS_mprotect, (long)address(page), count * PAGE_BYTES, prot, 0, 0, 0))
		die("mprotect");
	for (int i = page; i < page + count; i++)
		places[i].prot = prot;
	NOTE("mprotect %d+%d %d", page, count, prot);
}

/* The pages leave the file; its mappings have new ones. A truncation takes copies away, too. */
static void leave_file(int first, int end, bool truncation)
{
	for (int i = first; i < end; i++) {
		struct object *old = of_file[i], *now = fresh();

		see(now);
		for (int page = 0; page < WINDOW; page++) {
			struct place *place = &places[page];
			const bool copy = place->kind == COPY && place->offset == i;

			if ((place->kind == OF_FILE && place->object == old) ||
			    (copy && (truncation || !place->own))) {
				replace(&place->object, now);
				place->own = false;
			}
		}
		replace(&of_file[i], now);
		lose(now);
	}
}

static void step_truncate(void)
{
	const int pages = below(FILE_PAGES);

	if (below(4))
		return;
	if (call(SYS_ftruncate, file_fd, pages * PAGE_BYTES, 0, 0, 0, 0) ||
	    ftruncate(file_fd, FILE_PAGES * PAGE_BYTES))
		die("ftruncate");
	leave_file(pages, FILE_PAGES, true);
	NOTE("ftruncate to %d", pages);
}

static void step_punch(void)
{
	int count, page = some_run(&count, FILE_PAGES);

	if (call(SYS_fallocate, file_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		 page * PAGE_BYTES, count * PAGE_BYTES, 0, 0))
		die("fallocate");
	leave_file(page, page + count, false);
	NOTE("hole %d+%d", page, count);
}

static void step_remove(void)
{
	int page, count;

	if (!present_run(&page, &count) || places[page].kind != OF_FILE ||
	    !(places[page].prot & PROT_WRITE) || places[page].locked)
		return;
	if (call(SYS_madvise, (long)address(page), PAGE_BYTES, MADV_REMOVE, 0, 0, 0))
		die("MADV_REMOVE");
	for (int i = 0; i < FILE_PAGES; i++) {
		if (of_file[i] == places[page].object) {
			leave_file(i, i + 1, false);
			break;
		}
	}
	NOTE("REMOVE %d", page);
}

static void step_move(void)
{
	int page, count, to;
	bool keep;

	if (!present_run(&page, &count) || page >= WINDOW)
		return;
	if (!is_one_mapping(page, count))
		count = 1;
	to = below(WINDOW - count + 1);
	if (to < page + count && page < to + count)
		return;
	keep = places[page].kind == PRIVATE && !below(3);
	if (call(SYS_mremap, (long)address(page), count * PAGE_BYTES, count * PAGE_BYTES,
		 MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0), (long)address(to),
		 0) < 0) {
		NOTE("mremap %d+%d to %d failed", page, count, to);
		close_hole(to, count);
		return;
	}
	births += 2;
	for (int i = 0; i < count; i++) {
		const struct place from = places[page + i];

		put(to + i, from.kind, from.object);
		places[to + i].prot = from.prot;
		places[to + i].segment = from.segment;
		places[to + i].offset = from.kind == OF_SEGMENT ? -1 : from.offset;
		places[to + i].own = from.own;
		places[to + i].locked = from.locked;
		if (keep) {
			replace(&places[page + i].object, fresh());
			places[page + i].birth = -2 - (births += 2);
			places[page + i].locked = false;
		}
	}
	if (!keep)
		close_hole(page, count);
	NOTE("mremap %d+%d to %d%s", page, count, to, keep ? ", kept" : "");
}

static void step_shrink(void)
{
	int page, count, left;

	if (!present_run(&page, &count) || page >= WINDOW || count < 2 ||
	    !is_one_mapping(page, count))
		return;
	left = 1 + below(count - 1);
	if (call(SYS_mremap, (long)address(page), count * PAGE_BYTES, left * PAGE_BYTES, 0, 0, 0) <
	    0)
		return;
	close_hole(page + left, count - left);
	NOTE("mremap %d+%d shrinks to %d", page, count, left);
}

static void step_break(void)
{
	const int pages = below(HEAP + 1);

	if (!SBRK_MOVES_THE_BREAK)
		return;
	if (sbrk((pages - heap_pages) * PAGE_BYTES) == (void *)-1)
		die("sbrk");
	for (int i = pages; i < heap_pages; i++)
		clear(WINDOW + THP + i);
	births += 2;
	for (int i = heap_pages; i < pages; i++)
		put(WINDOW + THP + i, PRIVATE, fresh());
	heap_pages = pages;
	NOTE("break at %d", pages);
}

static void unpin(struct pin *pin)
{
	if (unmap((size_t)pin->pages * PAGE_BYTES, pin->iova))
		die("IOAS_UNMAP");
	for (int i = 0; i < pin->pages; i++) {
		pin->objects[i]->pinned--;
		lose(pin->objects[i]);
	}
	pin->pages = 0;
}

static void add_object(struct pin *pin, struct object *object)
{
	pin->objects[pin->pages++] = see(object);
	object->pinned++;
}

static int map_for(const struct pin *pin, int page, int count)
{
	struct ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = MAP_FLAGS & ~(pin->writes ? 0u : MAP_WRITEABLE),
		.ioas_id = (uint32_t)ioas,
		.user_va = (uintptr_t)address(page),
		.length = (uint64_t)count * PAGE_BYTES,
		.iova = pin->iova,
	};

	return ioctl(context, IOMMU_IOAS_MAP, &cmd);
}

static void step_pin(void)
{
	const int number = below(PINS);
	struct pin *pin = &pins[number];
	int page, count, rc;
	bool allowed = true, copies = false;

	if (pin->pages) {
		unpin(pin);
		NOTE("IOAS_UNMAP %d", number);
		return;
	}
	if (!present_run(&page, &count))
		return;
	*pin = (struct pin){.iova = 0x100000 + (uint64_t)number * RUN * PAGE_BYTES,
			    .first = page,
			    .writes = below(4)};
	pin->writable = pin->writes;
	for (int i = page; i < page + count; i++) {
		allowed &= (places[i].prot & (pin->writes ? PROT_WRITE : PROT_READ)) != 0;
		copies |= places[i].kind == COPY;
	}
	/* How far it gets is not said. */
	if (copies && !allowed)
		return;
	rc = map_for(pin, page, count);
	NOTE("IOAS_MAP %d: %d+%d%s = %d", number, page, count, pin->writes ? "" : " for reading",
	     rc);
	if (!rc != allowed || (rc && errno != EFAULT))
		die("IOAS_MAP");
	for (int i = 0; !rc && i < count; i++) {
		own_page(page + i);
		add_object(pin, places[page + i].object);
	}
}

static void step_pin_file(void)
{
	const int number = below(PINS);
	struct pin *pin = &pins[number];

	if (pin->pages)
		return;
	*pin = (struct pin){.iova = 0x100000 + (uint64_t)number * RUN * PAGE_BYTES,
			    .first = -1,
			    .writes = true,
			    .writable = true};
	if (map_file(file_fd, RUN * PAGE_BYTES, pin->iova))
		die("IOAS_MAP_FILE");
	while (pin->pages < RUN)
		add_object(pin, of_file[pin->pages]);
	NOTE("IOAS_MAP_FILE %d", number);
}

/* A part of a mapping is mapped once more: the same pages, wherever they are now. */
static void step_copy(void)
{
	const int from = below(PINS), to = below(PINS);
	const struct pin *source = &pins[from];
	struct pin *pin = &pins[to];
	int first, count;

	if (!source->pages || pin->pages)
		return;
	count = 1 + below(source->pages);
	first = below(source->pages - count + 1);
	*pin = (struct pin){.iova = 0x100000 + (uint64_t)to * RUN * PAGE_BYTES,
			    .first = source->first < 0 ? -1 : source->first + first,
			    .offset = source->offset + first,
			    .writes = source->writes && below(2),
			    .writable = source->writable};
	if (copy_mapping(source->iova + (uint64_t)first * PAGE_BYTES, pin->iova,
			 (uint64_t)count * PAGE_BYTES, pin->writes))
		die("IOAS_COPY");
	for (int i = 0; i < count; i++)
		add_object(pin, source->objects[first + i]);
	NOTE("IOAS_COPY %d: %d+%d to %d", from, first, count, to);
}

/* Whether the memory of @pin can be pinned as it is now. */
static bool can_be_pinned(const struct pin *pin)
{
	for (int i = pin->first; pin->first >= 0 && i < pin->first + pin->pages; i++) {
		if (places[i].kind == NOTHING ||
		    !(places[i].prot & (pin->writable ? PROT_WRITE : PROT_READ)))
			return false;
	}
	return true;
}

/* Without a page table nothing is pinned; the next one pins what is there then. */
static void step_attach_again(void)
{
	struct vfio_device_detach {
		uint32_t argsz, flags;
	} detach = {.argsz = sizeof(detach)};
	struct attach attach = {.argsz = sizeof(attach), .pt_id = (uint32_t)ioas};

	if (below(20))
		return;
	for (int i = 0; i < PINS; i++) {
		if (!can_be_pinned(&pins[i]))
			return;
	}
	if (ioctl(device, DETACH_PT, &detach) || ioctl(device, ATTACH_PT, &attach))
		die("detach and attach");
	for (int number = 0; number < PINS; number++) {
		struct pin *pin = &pins[number];

		for (int i = 0; i < pin->pages; i++) {
			if (pin->first >= 0)
				own_page(pin->first + i);
			pin->objects[i]->pinned--;
			replace(&pin->objects[i], pin->first < 0 ? of_file[pin->offset + i]
								 : places[pin->first + i].object);
			pin->objects[i]->pinned++;
		}
	}
	NOTE("detached and attached");
}

static void step_write(void)
{
	int page, count;

	if (!present_run(&page, &count) || !(places[page].prot & PROT_WRITE))
		return;
	own_page(page);
	*(volatile uint64_t *)address(page) = places[page].object->tag = tags++;
	NOTE("the program writes %d", page);
}

static void step_write_file(void)
{
	const int page = below(FILE_PAGES);
	const uint64_t tag = tags++;

	if (pwrite(file_fd, &tag, sizeof(tag), (off_t)page * PAGE_BYTES) != sizeof(tag))
		die("pwrite");
	of_file[page]->tag = tag;
	NOTE("the program writes page %d of the file", page);
}

static void check_page(int page)
{
	uint64_t got;

	if (places[page].kind == NOTHING || !(places[page].prot & PROT_READ))
		return;
	got = *(volatile uint64_t *)address(page);
	if (got != places[page].object->tag)
		complain(&corruptions, "the program reads", got, places[page].object->tag);
}

static void step_read(void)
{
	int page, count;

	if (!present_run(&page, &count))
		return;
	NOTE("the program reads %d", page);
	check_page(page);
}

/* A page of a pin. False: there is none. */
static bool some_pinned(int *number, int *page)
{
	*number = below(PINS);
	if (!pins[*number].pages)
		return false;
	*page = below(pins[*number].pages);
	return true;
}

static void step_dma_write(void)
{
	int number, page;
	uint64_t *bytes = (uint64_t *)(void *)scratch();

	if (!some_pinned(&number, &page) || !pins[number].writes)
		return;
	*bytes = pins[number].objects[page]->tag = tags++;
	transfer(SCRATCH_IOVA, EDU_MEMORY, sizeof(*bytes));
	transfer(EDU_MEMORY, pins[number].iova + (uint64_t)page * PAGE_BYTES, sizeof(*bytes));
	NOTE("the device writes %d: %d", number, page);
}

static void step_dma_read(void)
{
	const uint64_t nothing = UINT64_MAX;
	int number, page;
	uint64_t *bytes = (uint64_t *)(void *)scratch(), wanted;

	if (!some_pinned(&number, &page))
		return;
	NOTE("the device reads %d: %d", number, page);
	wanted = pins[number].objects[page]->tag;
	*bytes = nothing;
	transfer(SCRATCH_IOVA, EDU_MEMORY, sizeof(*bytes));
	transfer(pins[number].iova + (uint64_t)page * PAGE_BYTES, EDU_MEMORY, sizeof(*bytes));
	transfer(EDU_MEMORY, SCRATCH_IOVA, sizeof(*bytes));
	if (*(volatile uint64_t *)bytes == nothing)
		complain(&failures, "the device cannot read", 0, wanted);
	else if (*bytes != wanted)
		complain(&corruptions, "the device reads", *bytes, wanted);
}

/* A child has a copy of the memory; what it writes is its own [IOAS-PIN-VIEW.9]. */
static void step_fork(void)
{
	pid_t child;

	if (below(200))
		return;
	child = fork();
	if (!child) {
		for (int i = 0; i < ALL; i++) {
			if (places[i].kind == PRIVATE && (places[i].prot & PROT_WRITE))
				*(volatile uint64_t *)address(i) = 0;
		}
		_exit(0);
	}
	(void)waitpid(child, NULL, 0);
	NOTE("fork");
}

static void (*const steps[])(void) = {
	step_anonymous, step_file,     step_attach,    step_detach,	  step_unmap,
	step_dontneed,	step_free,     step_protect,   step_truncate,	  step_punch,
	step_remove,	step_move,     step_shrink,    step_break,	  step_pin,
	step_pin,	step_pin_file, step_copy,      step_attach_again, step_guard,
	step_lock,	step_write,    step_write,     step_write_file,	  step_write_file,
	step_read,	step_read,     step_dma_write, step_dma_write,	  step_dma_read,
	step_dma_read,	step_dma_read, step_fork,
};

/* ---- the whole ---- */

static void make_memory(void)
{
	const size_t huge_bytes = THP * PAGE_BYTES;

	window = mmap(NULL, WINDOW * PAGE_BYTES, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	huge = mmap(NULL, 2 * huge_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (window == MAP_FAILED || huge == MAP_FAILED)
		die("mmap");
	huge = (char *)(((uintptr_t)huge + huge_bytes - 1) & ~(huge_bytes - 1));
	(void)madvise(huge, huge_bytes, MADV_HUGEPAGE);
	for (int i = 0; i < ALL; i++)
		clear(i);
	for (int i = 0; i < THP; i++)
		put(WINDOW + i, PRIVATE, fresh());
	file_fd = memfd_create("model", 0);
	if (ftruncate(file_fd, FILE_PAGES * PAGE_BYTES))
		die("ftruncate");
	for (int i = 0; i < FILE_PAGES; i++)
		replace(&of_file[i], fresh());
	for (int segment = 0; segment < SEGMENTS; segment++) {
		segments[segment] =
			shmget(IPC_PRIVATE, SEGMENT_PAGES * PAGE_BYTES, IPC_CREAT | 0600);
		if (segments[segment] < 0)
			die("shmget");
		for (int i = 0; i < SEGMENT_PAGES; i++)
			replace(&of_segment[segment][i], fresh());
	}
	(void)sbrk((intptr_t)(PAGE_BYTES - (uintptr_t)sbrk(0) % PAGE_BYTES));
	heap = sbrk(0);
}

int main(int argc, char **argv)
{
	static char output[65536];
	const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	const long count = argc > 2 ? atol(argv[2]) : 20000;

	direct = argc > 3 && !strcmp(argv[3], "direct");
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	printf("seed %llu, %ld steps\n", (unsigned long long)seed, count);
	fflush(stdout);
	set_up();
	map_scratch();
	make_memory();
	for (step = 0; step < count; step++) {
		history[step % HISTORY][0] = '\0';
		steps[below(sizeof(steps) / sizeof(steps[0]))]();
	}
	for (int i = 0; i < ALL; i++)
		check_page(i);
	for (int i = 0; i < SEGMENTS; i++)
		(void)shmctl(segments[i], IPC_RMID, NULL);
	printf("%ld silent corruptions, %ld failures of DMA\n", corruptions, failures);
	return corruptions || failures || check_failed;
}

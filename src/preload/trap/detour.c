/* SPDX-License-Identifier: MIT */
/*
 * The thunk of a site:
 *
 *	the instructions that the jump has replaced
 *	lea SYSCALL(%rip), %r11		the syscall instruction
 *	jmp *ENTRY(%rip)		entry_detour
 *
 * Thunks, and the address of the entry before them, are one mapping within reach of a jump from the
 * library.
 *
 * Code that other threads may be executing is not written to. A changed copy of its pages takes
 * their place, by one mremap(): a thread finds either the old page or the new one, or waits in the
 * fault until the new one is there. A thread that stands between two instructions of a site would
 * go on in the middle of the jump, so where other threads run, only sites are changed whose first
 * instruction is as long as a jump; most are.
 *
 * `busy` guards all of this, and is held with all signals blocked.
 *
 * Cost of installing: reading the code of the two libraries once, and a private copy of some
 * fifteen pages.
 */
#include "preload/trap/detour.h"

#include <assert.h>
#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/check.h"
#include "base/log.h"
#include "preload/trap/entry.h"
#include "preload/trap/scan.h"

static bool begun;

bool detours_begun(void)
{
	return __atomic_load_n(&begun, __ATOMIC_RELAXED);
}

void detours_begin(void)
{
	detours_install();
	__atomic_store_n(&begun, true, __ATOMIC_RELAXED);
}

#if ENTRY_SUPPORTED

enum {
	SYSCALL_BYTES = 2,
	GATE_SPACE = 16, /* bytes of a function that only makes a system call */
	THUNK_BYTES = 32,
	SITES = 256, /* more than a version of the C library has of concern */
	NUMBERS = 512,
	JMP_REL32 = 0xe9,
	RET = 0xc3,
	CODE_PAGES = 1024, /* of a library, at most */
};

#ifdef __GLIBC__
#define LINKER_IS_APART true
#else
#define LINKER_IS_APART false
#endif

#define REACH ((int64_t)INT32_MAX - (1 << 24))

struct site {
	const unsigned char *at;
	long number;
	unsigned char len;
	bool left_out;
};

struct library {
	const unsigned char *code, *end;
	struct site sites[SITES];
	unsigned int count;
	unsigned char *area; /* the address of the entry, and thunks */
	bool done;	     /* installed, or it has failed */
};

static struct {
	bool (*wants)(long number);
	bool covered[NUMBERS], left_out[NUMBERS];
	struct library libc, linker;
	struct detour_libc found;
	bool busy;
} detours;

/* ---- libraries ---- */

struct search {
	uintptr_t address; /* in the code that is sought, or the base of its library */
	struct library *library;
};

static int look_at_object(struct dl_phdr_info *info, size_t size, void *data)
{
	const struct search *search = data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		const uintptr_t code = info->dlpi_addr + part->p_vaddr;

		if (part->p_type != PT_LOAD || !(part->p_flags & PF_X) ||
		    (info->dlpi_addr != search->address && search->address - code >= part->p_memsz))
			continue;
		search->library->code = (const unsigned char *)code;
		search->library->end = search->library->code + part->p_memsz;
		return 1;
	}
	return 0;
}

static bool find_library(struct library *library, uintptr_t address)
{
	struct search search = {.address = address, .library = library};

	return address && dl_iterate_phdr(look_at_object, &search);
}

/* The syscall instruction of getppid(), which does nothing else. */
static const unsigned char *find_gate(const unsigned char *function)
{
	const unsigned char *at = scan_for_syscall(function, function + GATE_SPACE);

	return at && at[SYSCALL_BYTES] == RET ? at : NULL;
}

/*
 * glibc before 2.34 has its threads in libpthread, which blocks all signals around some of its
 * calls. What lies between the two libraries is included: other libraries that the program needs.
 */
static void include_threads(struct detour_libc *found)
{
	struct library threads = {.code = NULL};

	if (!find_library(&threads, (uintptr_t)dlsym(RTLD_NEXT, "sem_post")))
		return;
	if (threads.code < found->code)
		found->code = threads.code;
	if (threads.end > found->end)
		found->end = threads.end;
}

const struct detour_libc *detours_libc(void)
{
	const unsigned char *function;

	if (detours.found.gate)
		return &detours.found;
	function = dlsym(RTLD_NEXT, "getppid");
	if (!find_library(&detours.libc, (uintptr_t)function))
		return NULL;
	detours.found.code = detours.libc.code;
	detours.found.end = detours.libc.end;
	include_threads(&detours.found);
	detours.found.gate = find_gate(function);
	return detours.found.gate ? &detours.found : NULL;
}

/* ---- sites ---- */

static bool is_alone(void)
{
	extern char __libc_single_threaded __attribute__((weak));

	return &__libc_single_threaded && __libc_single_threaded;
}

static void add_site(struct library *library, const unsigned char *at, bool alone)
{
	struct scan_site found;

	if (!scan_site_before(at, library->code, &found) || found.number >= NUMBERS ||
	    !detours.wants(found.number) || library->count == SITES)
		return;
	library->sites[library->count++] = (struct site){
		.at = found.start,
		.number = found.number,
		.len = (unsigned char)(at - found.start),
		.left_out = !alone && found.first < SCAN_JUMP,
	};
}

static void find_sites(struct library *library)
{
	const unsigned char *at = library->code;
	const bool alone = is_alone();

	while ((at = scan_for_syscall(at, library->end))) {
		add_site(library, at, alone);
		at += SYSCALL_BYTES;
	}
}

/* ---- thunks ---- */

static uint64_t whole_pages(uint64_t len)
{
	return align_down(len + PAGE_SIZE - 1, PAGE_SIZE);
}

/* What stands at @at relative to @from, the address behind it in the code that runs. */
static void put_rel32(unsigned char *at, const unsigned char *from, const unsigned char *target)
{
	const int64_t distance = target - from;
	const int32_t rel = (int32_t)distance;

	assert(distance == rel);
	memcpy(at, &rel, sizeof(rel));
}

static unsigned char *thunk_of(const struct library *library, unsigned int i)
{
	return library->area + (size_t)(i + 1) * THUNK_BYTES;
}

static void write_thunk(const struct library *library, unsigned int i)
{
	static const unsigned char form[] = {
		0x4c, 0x8d, 0x1d, 0, 0, 0, 0, /* lea rel32(%rip), %r11 */
		0xff, 0x25, 0,	  0, 0, 0,    /* jmp *rel32(%rip) */
	};
	const struct site *site = &library->sites[i];
	unsigned char *thunk = thunk_of(library, i);

	_Static_assert(SCAN_LONGEST + sizeof(form) <= THUNK_BYTES, "a thunk fits");
	memcpy(thunk, site->at, site->len);
	thunk += site->len;
	memcpy(thunk, form, sizeof(form));
	put_rel32(thunk + 3, thunk + 7, site->at + site->len);
	put_rel32(thunk + 9, thunk + 13, library->area);
}

static bool reaches(const unsigned char *area, size_t len, const struct library *library)
{
	return area - library->code > -REACH && library->end - area > -REACH &&
	       area + len - library->code < REACH;
}

/* The kernel places mappings beside the libraries, so they reach each other. */
static int make_thunks(struct library *library)
{
	const uint64_t len = whole_pages((library->count + 1) * THUNK_BYTES);
	const void *entry = entry_detour;
	void *area = NULL;
	int rc = sys_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0,
			  &area);

	if (rc)
		return rc;
	library->area = area;
	rc = -ERANGE;
	if (!reaches(library->area, len, library))
		goto out_unmap;
	memcpy(library->area, &entry, sizeof(entry));
	for (unsigned int i = 0; i < library->count; i++)
		write_thunk(library, i);
	rc = (int)sys_call(SYS_mprotect, (long)area, (long)len, PROT_READ | PROT_EXEC, 0, 0, 0);
	if (!rc)
		return 0;

out_unmap:
	(void)sys_munmap(area, len);
	return rc;
}

/* ---- pages ---- */

/* Which pages of the library change. */
struct pages {
	const unsigned char *first; /* of the library's code */
	unsigned int count;
	bool changes[CODE_PAGES];
};

static unsigned int page_of(const struct pages *pages, const unsigned char *at)
{
	return (unsigned int)((uint64_t)(at - pages->first) / PAGE_SIZE);
}

static void mark_pages(struct pages *pages, const struct library *library)
{
	for (unsigned int i = 0; i < library->count; i++) {
		const struct site *site = &library->sites[i];

		if (site->left_out)
			continue;
		pages->changes[page_of(pages, site->at)] = true;
		pages->changes[page_of(pages, site->at + SCAN_JUMP - 1)] = true;
	}
}

static void write_jumps(const struct pages *pages, const struct library *library,
			unsigned char *copy)
{
	for (unsigned int i = 0; i < library->count; i++) {
		const struct site *site = &library->sites[i];
		unsigned char *at = copy + (site->at - pages->first);

		if (site->left_out)
			continue;
		at[0] = JMP_REL32;
		put_rel32(at + 1, site->at + SCAN_JUMP, thunk_of(library, i));
	}
}

/* Moves each run of changed pages into the place of the library's. */
static int move_pages(const struct pages *pages, unsigned char *copy)
{
	unsigned int end;
	int rc = 0;

	for (unsigned int i = 0; i < pages->count && !rc; i = end + 1) {
		for (end = i; end < pages->count && pages->changes[end]; end++)
			continue;
		if (end > i)
			rc = sys_mremap_to(copy + i * PAGE_SIZE, (end - i) * PAGE_SIZE,
					   (void *)(pages->first + i * PAGE_SIZE), 0);
	}
	return rc;
}

static int change_pages(const struct library *library)
{
	struct pages pages = {
		.first = (const unsigned char *)align_down((uintptr_t)library->code, PAGE_SIZE)};
	const uint64_t len = whole_pages((uint64_t)(library->end - pages.first));
	void *copy = NULL;
	int rc;

	pages.count = (unsigned int)(len / PAGE_SIZE);
	if (pages.count > CODE_PAGES)
		return -E2BIG;
	mark_pages(&pages, library);
	rc = sys_mmap(NULL, len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &copy);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < pages.count; i++) {
		if (pages.changes[i])
			memcpy((char *)copy + i * PAGE_SIZE, pages.first + i * PAGE_SIZE,
			       PAGE_SIZE);
	}
	write_jumps(&pages, library, copy);
	rc = (int)sys_call(SYS_mprotect, (long)copy, (long)len, PROT_READ | PROT_EXEC, 0, 0, 0);
	if (!rc)
		rc = move_pages(&pages, copy);
	(void)sys_munmap(copy, len); /* what is left of it */
	return rc;
}

/* ---- installing ---- */

static int install_in(struct library *library)
{
	int rc;

	library->count = 0; /* the parent of this process may have been at it when it forked */
	find_sites(library);
	if (!library->count)
		return 0;
	rc = make_thunks(library);
	return rc ? rc : change_pages(library);
}

static void install(struct library *library, uintptr_t address)
{
	int rc;

	if (library->done || (!library->code && !find_library(library, address)))
		return;
	rc = install_in(library);
	if (rc)
		log_info("code cannot be changed (%s): what the C library calls by itself is not "
			 "followed",
			 strerror(-rc));
	for (unsigned int i = 0; i < library->count && library == &detours.libc; i++) {
		const struct site *site = &library->sites[i];

		if (site->number >= 0)
			(rc || site->left_out ? detours.left_out : detours.covered)[site->number] =
				true;
	}
}

static void lock(sigset_t *mask)
{
	sigset_t all;

	sigfillset(&all);
	sys_sigmask(SIG_SETMASK, &all, mask);
	while (__atomic_exchange_n(&detours.busy, true, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(const sigset_t *mask)
{
	__atomic_store_n(&detours.busy, false, __ATOMIC_RELEASE);
	sys_sigmask(SIG_SETMASK, mask, NULL);
}

void detours_set(bool (*wants)(long number))
{
	detours.wants = wants;
}

/* musl's linker is the C library. */
void detours_install_linker(void)
{
	sigset_t mask;

	if (!LINKER_IS_APART || !detours.wants ||
	    __atomic_load_n(&detours.linker.done, __ATOMIC_ACQUIRE))
		return;
	lock(&mask);
	install(&detours.linker, getauxval(AT_BASE));
	unlock(&mask);
}

void detours_install(void)
{
	sigset_t mask;

	if (!detours.wants || __atomic_load_n(&detours.libc.done, __ATOMIC_ACQUIRE))
		return;
	detours_install_linker();
	lock(&mask);
	if (detours_libc())
		install(&detours.libc, 0);
	unlock(&mask);
}

void detours_fork_child(void)
{
	__atomic_store_n(&detours.busy, false, __ATOMIC_RELAXED);
}

bool detours_cover(long number)
{
	return number >= 0 && number < NUMBERS && detours.covered[number] &&
	       !detours.left_out[number];
}

#else

void detours_set(bool (*wants)(long number))
{
	(void)wants;
}

void detours_install(void)
{
}

void detours_install_linker(void)
{
}

void detours_fork_child(void)
{
}

bool detours_cover(long number)
{
	(void)number;
	return false;
}

const struct detour_libc *detours_libc(void)
{
	return NULL;
}

#endif

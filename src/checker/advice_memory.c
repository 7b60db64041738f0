/* SPDX-License-Identifier: MIT */
/*
 * Pages are mapped whole, so a device that has a buffer of the heap has its neighbours, too. How
 * large the buffer is says AddressSanitizer in programs that have it; otherwise glibc's malloc, in
 * the word before the buffer.
 */
#include "checker/advice_memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "mem/guard.h"
#include "mem/maps.h"
#include "report/report.h"
#include "report/sanitizer.h"

/* glibc's malloc: the word before a block is its size with that word, and flags. */
enum {
	CHUNK_MAPPED = 2,
	CHUNK_OTHER_ARENA = 4,
	CHUNK_FLAGS = 7,
	CHUNK_LEAST = 32,
};

struct search {
	uint64_t va;
	uint64_t here; /* an address of the thread's stack */
	bool found, stack, heap, code, anonymous;
	uint64_t end; /* of the mapping at @va */
};

static bool visit(const struct maps_entry *entry, void *arg)
{
	struct search *search = arg;

	if (entry->end <= search->va)
		return true;
	if (entry->start > search->va)
		return false;
	search->found = true;
	search->end = entry->end;
	search->stack = strcmp(entry->name, "[stack]") == 0 ||
			(entry->start <= search->here && search->here < entry->end);
	search->heap = strcmp(entry->name, "[heap]") == 0;
	search->code = entry->executable ||
		       (entry->name[0] == '/' && !entry->writable && !entry->shared);
	search->anonymous = !entry->name[0];
	return false;
}

static void say(const char *kind, uint64_t va, uint64_t len, const char *what)
{
	struct report *report;
	struct origin now;

	origin_capture(&now);
	report = report_begin(kind, "");
	report_headline(report, "the mapping of 0x%" PRIx64 "-0x%" PRIx64 " exposes %s", va,
			va + len - 1, what);
	report_origin(report, "caller", &now, "mapped");
	report_end(report);
}

/* How many bytes malloc has given at @va; 0: it is not known. */
static uint64_t malloc_size(const struct search *search)
{
	uint64_t word, size;

	if (guard_copy(&word, (const char *)(uintptr_t)search->va - sizeof(word), sizeof(word)))
		return 0;
	size = word & ~(uint64_t)CHUNK_FLAGS;
	if (word & CHUNK_MAPPED || size < CHUNK_LEAST || size % 16 ||
	    size > search->end - search->va + 16 ||
	    (search->anonymous && !(word & CHUNK_OTHER_ARENA)))
		return 0;
	return size - sizeof(word);
}

static void advise_on_heap(const struct search *search, uint64_t len)
{
	const uint64_t first = align_down(search->va, PAGE_SIZE);
	const uint64_t size = sanitizer_object_size((const void *)(uintptr_t)search->va)
				      ?: malloc_size(search);
	uint64_t last, exposed;
	struct report *report;
	struct origin now;

	if (!size || check_last(search->va, len, &last))
		return;
	exposed = (last | PAGE_MASK) + 1 - first - (size < len ? size : len);
	if (!exposed)
		return;
	origin_capture(&now);
	report = report_begin("advice-exposed-neighbours", "");
	report_headline(report,
			"the mapping exposes %" PRIu64 " bytes beside the buffer of %" PRIu64
			" bytes: other objects of the heap are in the same page",
			exposed, size);
	report_number(report, "exposed_bytes", exposed);
	report_number(report, "buffer_bytes", size);
	report_origin(report, "caller", &now, "mapped");
	report_end(report);
}

void advise_on_memory(uint64_t va, uint64_t len)
{
	struct search search = {.va = va, .here = (uintptr_t)&search};

	if (maps_for_each(visit, &search) || !search.found)
		return;
	if (search.stack)
		say("advice-stack-mapped", va, len,
		    "a stack of the program: return addresses and variables of other functions");
	else if (search.code)
		say("advice-code-mapped", va, len, "code or constants of the program");
	else if (search.heap || search.anonymous)
		advise_on_heap(&search, len);
}

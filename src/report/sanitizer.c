/* SPDX-License-Identifier: MIT */
/* The functions are the program's, if it has them: weak references that are NULL otherwise. */
#include "report/sanitizer.h"

#include <string.h>

#include "base/check.h"
#include "report/stack.h"

#define PROGRAMS __attribute__((weak, visibility("default")))

extern void *__asan_region_is_poisoned(void *address, size_t len) PROGRAMS;
extern const char *__asan_locate_address(void *address, char *name, size_t name_size, void **region,
					 size_t *region_size) PROGRAMS;
extern size_t __asan_get_alloc_stack(void *address, void **trace, size_t size, int *tid) PROGRAMS;
extern size_t __asan_get_free_stack(void *address, void **trace, size_t size, int *tid) PROGRAMS;
extern void __tsan_read_range(void *address, long len) PROGRAMS;
extern void __tsan_write_range(void *address, long len) PROGRAMS;
extern void __tsan_acquire(void *address) PROGRAMS;
extern void __tsan_release(void *address) PROGRAMS;
extern intptr_t __msan_test_shadow(const void *address, size_t len) PROGRAMS;

atomic_bool sanitizer_watching;

static bool has_tsan(void)
{
	return __tsan_read_range && __tsan_write_range && __tsan_acquire && __tsan_release;
}

void sanitizer_start(void)
{
	atomic_store(&sanitizer_watching,
		     __asan_region_is_poisoned || __msan_test_shadow || has_tsan());
}

/* The stack that @get_stack has for @address, or 0. It gives the addresses of the calls. */
static uint32_t stack_from(size_t (*get_stack)(void *, void **, size_t, int *), void *address)
{
	uintptr_t frames[STACK_DEPTH];
	void *trace[STACK_DEPTH];
	size_t count;
	int tid;

	if (!get_stack)
		return 0;
	count = get_stack(address, trace, STACK_DEPTH, &tid);
	for (size_t i = 0; i < count; i++)
		frames[i] = (uintptr_t)trace[i] + 1;
	return count ? stack_add(frames, count) : 0;
}

static void describe(struct sanitizer_finding *finding)
{
	void *address = (void *)finding->address, *region = NULL;
	size_t size = 0;
	char name[32];

	finding->place = "";
	finding->start = finding->size = 0;
	finding->allocated = finding->freed = 0;
	if (!__asan_locate_address)
		return;
	finding->place = __asan_locate_address(address, name, sizeof(name), &region, &size);
	finding->start = (uintptr_t)region;
	finding->size = size;
	if (strcmp(finding->place, "heap") != 0)
		return;
	finding->allocated = stack_from(__asan_get_alloc_stack, address);
	finding->freed = stack_from(__asan_get_free_stack, address);
}

static void object(enum sanitizer_objection objection, const void *address,
		   struct sanitizer_finding *finding)
{
	finding->objection = objection;
	finding->address = address;
	describe(finding);
}

void sanitizer_check_write(const void *address, size_t len, struct sanitizer_finding *finding)
{
	const void *bad = NULL;

	finding->objection = SANITIZER_FINE;
	if (__asan_region_is_poisoned)
		bad = __asan_region_is_poisoned((void *)address, len);
	if (bad)
		object(SANITIZER_POISONED, bad, finding);
}

void sanitizer_check_read(const void *address, size_t len, struct sanitizer_finding *finding)
{
	intptr_t at;

	sanitizer_check_write(address, len, finding);
	if (finding->objection || !__msan_test_shadow)
		return;
	at = __msan_test_shadow(address, len);
	if (at >= 0)
		object(SANITIZER_UNINITIALISED, (const char *)address + at, finding);
}

uint64_t sanitizer_object_size(const void *address)
{
	void *region = NULL;
	size_t size = 0;
	char name[32];

	if (!__asan_locate_address)
		return 0;
	if (strcmp(__asan_locate_address((void *)address, name, sizeof(name), &region, &size),
		   "heap") != 0)
		return 0;
	return region == address ? size : 0;
}

/* ---- ThreadSanitizer ---- */

static char doorbells, completions; /* each stands for all of them */

void sanitizer_device_read(const void *address, size_t len)
{
	if (!has_tsan())
		return;
	__tsan_acquire(&doorbells);
	__tsan_read_range((void *)address, (long)len);
	__tsan_release(&completions);
}

/* What a driver polls is not checked: a store that releases what the device did before. */
static bool is_polled(const void *address, size_t len)
{
	return len <= sizeof(uint64_t) && is_power_of_two(len) &&
	       is_aligned((uintptr_t)address, len);
}

void sanitizer_device_write(const void *address, size_t len)
{
	if (!has_tsan())
		return;
	__tsan_acquire(&doorbells);
	if (is_polled(address, len))
		__tsan_release((void *)address);
	else
		__tsan_write_range((void *)address, (long)len);
	__tsan_release(&completions);
}

void sanitizer_doorbell(void)
{
	if (sanitizer_present() && has_tsan())
		__tsan_release(&doorbells);
}

void sanitizer_completion(void)
{
	if (sanitizer_present() && has_tsan())
		__tsan_acquire(&completions);
}

/* SPDX-License-Identifier: MIT */
/* Address space for our own mappings, aligned so that large pages and large leaves fit. */
#include "base/sys.h"

#include "base/check.h"
#include "base/fail.h"

int sys_map_aligned(uint64_t len, uint64_t align, uint64_t congruent, int prot, void **out)
{
	uint64_t total, start, head;
	void *got = NULL;
	int rc;

	if (check_add(len, align - PAGE_SIZE, &total))
		return -ENOMEM;
	rc = sys_mmap(NULL, total, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &got);
	if (rc)
		return rc;
	start = (uint64_t)(uintptr_t)got;
	head = (congruent - start) & (align - 1);
	if (head)
		(void)sys_munmap(got, head);
	if (total > head + len)
		(void)sys_munmap((char *)got + head + len, total - head - len);
	*out = (char *)got + head;
	return 0;
}

int sys_reserve(uint64_t len, uint64_t align, uint64_t congruent, void **out)
{
	if (fail_inject())
		return -ENOMEM;
	return sys_map_aligned(len, align, congruent, PROT_NONE, out);
}

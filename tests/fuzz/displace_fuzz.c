/* SPDX-License-Identifier: MIT */
/*
 * A program that takes memory away, moves it and maps anew, while devices use it: by the embedding
 * interface, and displacement as the preload calls it.
 *
 * What must hold: each page that the program or the device sees is the one that a model says, which
 * is the kernel's rule: a mapping keeps its pages, whatever becomes of their addresses.
 *
 * Input: steps of 4 bytes: what, where, how many pages, and the target.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "base/check.h"
#include "base/log.h"
#include "fuzz.h"
#include "mem/displace.h"
#include "require.h"

enum {
	PAGES = 16, /* of addresses, and of IOVAs */
	MAX_STEPS = 24,
	IOVA = 1 << 20,
	NONE = -1,
};

/* A step of the input. */
struct step {
	unsigned int what;
	unsigned int at, count, to; /* pages; @at + @count and @to + @count are at most PAGES */
};

static struct {
	struct uiommufd *ctx;
	struct uiommufd_iommu *iommu;
	struct uiommufd_endpoint *endpoint;
	uint32_t ioas;
	char *memory;

	/* The model: which page is seen at each address, and what each page contains. */
	int program[PAGES], device[PAGES];
	unsigned int length[PAGES]; /* of the mapping that begins at the IOVA; 0: none does */
	uint32_t content[PAGES + MAX_STEPS * PAGES];
	int pages;
} state;

static char *address(unsigned int page)
{
	return state.memory + page * PAGE_SIZE;
}

static uint64_t iova(unsigned int page)
{
	return IOVA + page * PAGE_SIZE;
}

static int ioctl_of(uint32_t cmd, void *arg)
{
	return uiommufd_ioctl(state.ctx, NULL, cmd, (uintptr_t)arg);
}

/* Pages of zeros at [@at, @at + @count) for the program. */
static void model_fresh(unsigned int at, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		state.content[state.pages] = 0;
		state.program[at + i] = state.pages++;
	}
}

static void model_gone(unsigned int at, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		state.program[at + i] = NONE;
}

static bool all_are(const int *view, unsigned int at, unsigned int count, bool there)
{
	for (unsigned int i = 0; i < count; i++) {
		if ((view[at + i] != NONE) != there)
			return false;
	}
	return true;
}

static void reserve(unsigned int at, unsigned int count)
{
	void *got = mmap(address(at), count * PAGE_SIZE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	require(got == address(at));
}

static void map_fresh(unsigned int at, unsigned int count)
{
	void *got = mmap(address(at), count * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	require(got == address(at));
	model_fresh(at, count);
}

/* As the preload does before a call that takes memory away. False: the call is to fail. */
static bool displace(const struct step *step, enum displace_cause cause, bool keep)
{
	const uint64_t va = (uintptr_t)address(step->at), len = step->count * PAGE_SIZE;

	return !displace_needed(va, len) || !displace_range(va, len, cause, keep);
}

/* ---- steps ---- */

static void step_map(const struct step *step)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = state.ioas,
		.user_va = (uintptr_t)address(step->at),
		.length = step->count * PAGE_SIZE,
		.iova = iova(step->to),
	};
	const bool free = all_are(state.device, step->to, step->count, false);
	int rc = ioctl_of(IOMMU_IOAS_MAP, &cmd);

	if (!all_are(state.program, step->at, step->count, true) || !free) {
		require(rc == -EFAULT || rc == -EEXIST);
		return;
	}
	require(!rc);
	memcpy(state.device + step->to, state.program + step->at, step->count * sizeof(int));
	state.length[step->to] = step->count;
}

static void step_unmap(const struct step *step)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = state.ioas,
		.iova = iova(step->at),
		.length = state.length[step->at] * PAGE_SIZE,
	};
	int rc;

	if (!state.length[step->at])
		return;
	rc = ioctl_of(IOMMU_IOAS_UNMAP, &cmd);
	require(!rc);
	for (unsigned int i = 0; i < state.length[step->at]; i++)
		state.device[step->at + i] = NONE;
	state.length[step->at] = 0;
}

static void step_munmap(const struct step *step)
{
	if (!displace(step, DISPLACE_MUNMAP, false))
		return;
	munmap(address(step->at), step->count * PAGE_SIZE);
	/* The place stays ours: what else is in this process maps memory, too. */
	reserve(step->at, step->count);
	model_gone(step->at, step->count);
}

static void step_mmap(const struct step *step)
{
	if (displace(step, DISPLACE_MMAP_FIXED, false))
		map_fresh(step->at, step->count);
}

static void step_discard(const struct step *step)
{
	int rc;

	if (!all_are(state.program, step->at, step->count, true) ||
	    !displace(step, DISPLACE_MADVISE, true))
		return;
	rc = madvise(address(step->at), step->count * PAGE_SIZE, MADV_DONTNEED);
	require(!rc);
	model_fresh(step->at, step->count);
}

static void step_move(const struct step *step)
{
	const size_t len = step->count * PAGE_SIZE;
	const unsigned int distance = step->at > step->to ? step->at - step->to
							  : step->to - step->at;
	int moved[PAGES];
	long rc;

	if (distance < step->count || !all_are(state.program, step->at, step->count, true))
		return;
	rc = displace_mremap((uintptr_t)address(step->at), len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
			     (uintptr_t)address(step->to));
	if (rc < 0)
		return;
	require(rc == (long)(uintptr_t)address(step->to));
	memcpy(moved, state.program + step->at, step->count * sizeof(int));
	reserve(step->at, step->count);
	model_gone(step->at, step->count);
	memcpy(state.program + step->to, moved, step->count * sizeof(int));
}

/* The program, or the device if @to is odd, writes something that nobody has written before. */
static void step_write(const struct step *step)
{
	static uint32_t last;
	const bool by_device = step->to % 2;
	const int page = by_device ? state.device[step->at] : state.program[step->at];
	int rc;

	if (page == NONE)
		return;
	last++;
	if (by_device) {
		rc = uiommufd_dma_write(state.endpoint, UIOMMUFD_NO_PASID, iova(step->at), &last,
					sizeof(last));
		require(!rc);
	} else {
		memcpy(address(step->at), &last, sizeof(last));
	}
	state.content[page] = last;
}

/* ---- checking ---- */

static void check(void)
{
	uint32_t found;
	int rc;

	for (unsigned int i = 0; i < PAGES; i++) {
		if (state.program[i] != NONE) {
			memcpy(&found, address(i), sizeof(found));
			require(found == state.content[state.program[i]]);
		}
		if (state.device[i] == NONE)
			continue;
		rc = uiommufd_dma_read(state.endpoint, UIOMMUFD_NO_PASID, iova(i), &found,
				       sizeof(found));
		require(!rc && found == state.content[state.device[i]]);
	}
}

/* One device for all inputs: closing it would take longer than an input. */
static void set_up_once(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	uint32_t id, pt_id;
	int rc;

	log_set_level(LOG_LEVEL_ERROR); /* each displacement is a line */
	displace_enable();
	state.memory = mmap(NULL, PAGES * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	require(state.memory != MAP_FAILED);
	rc = uiommufd_guard_memory();
	require(!rc);
	rc = uiommufd_iommu_create("amd", "fuzz", &state.iommu);
	require(!rc);
	rc = uiommufd_open(NULL, &state.ctx);
	require(!rc);
	rc = ioctl_of(IOMMU_IOAS_ALLOC, &alloc);
	require(!rc);
	state.ioas = pt_id = alloc.out_ioas_id;
	rc = uiommufd_endpoint_create(state.iommu, "device", &state.endpoint);
	require(!rc);
	rc = uiommufd_endpoint_bind(state.endpoint, state.ctx, &id);
	require(!rc);
	rc = uiommufd_endpoint_attach(state.endpoint, UIOMMUFD_NO_PASID, &pt_id);
	require(!rc);
}

static void set_up(void)
{
	if (!state.memory)
		set_up_once();
	state.pages = 0;
	for (int i = 0; i < PAGES; i++)
		state.device[i] = NONE;
	memset(state.length, 0, sizeof(state.length));
	map_fresh(0, PAGES);
}

static void tear_down(void)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = state.ioas, .length = UINT64_MAX};
	int rc = ioctl_of(IOMMU_IOAS_UNMAP, &cmd);

	require(!rc || rc == -ENOENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const steps[])(const struct step *) = {
		step_map, step_unmap, step_munmap, step_mmap, step_discard, step_move, step_write,
	};
	struct fuzz_input input = {data, size};

	set_up();
	for (int i = 0; input.left && i < MAX_STEPS; i++) {
		struct step step = {.what = fuzz_byte(&input), .at = fuzz_byte(&input) % PAGES};
		unsigned int count = fuzz_byte(&input), to = fuzz_byte(&input) % PAGES;

		step.to = to;
		step.count = 1 + count % (PAGES - (step.at > to ? step.at : to));
		steps[step.what % (sizeof(steps) / sizeof(steps[0]))](&step);
		check();
	}
	tear_down();
	return 0;
}

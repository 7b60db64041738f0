/* SPDX-License-Identifier: MIT */
/*
 * A sequence has a profile, which says what it begins with and how likely each step is, and a
 * number of steps, at most 62.
 */
#include "sequence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "places.h"
#include "record.h"
#include "steps.h"

enum {
	PROFILES = 6,
	MOST_STEPS = 62,
	MOST_FIRST_STEPS = 10,
};

typedef void (*step_fn)(void);

/* The order is part of what the sequences are. */
static const struct step {
	step_fn run;
	uint8_t weight[PROFILES]; /* plain, page tables, nested, PASIDs, container, mixed */
} steps[] = {
	{step_ioas_alloc, {5, 3, 2, 3, 3, 4}},	   {step_destroy, {3, 4, 5, 4, 2, 6}},
	{step_map, {20, 18, 6, 3, 6, 8}},	   {step_map_file, {8, 7, 2, 0, 1, 4}},
	{step_copy, {16, 10, 2, 0, 4, 5}},	   {step_unmap, {16, 10, 4, 1, 4, 5}},
	{step_ranges, {5, 3, 1, 1, 2, 3}},	   {step_allow, {6, 4, 0, 1, 2, 3}},
	{step_option, {4, 5, 0, 0, 3, 3}},	   {step_vfio_ioas, {2, 1, 0, 0, 8, 3}},
	{step_vfio_misc, {1, 1, 0, 0, 6, 2}},	   {step_vfio_info, {1, 1, 0, 0, 6, 2}},
	{step_vfio_map, {1, 1, 0, 0, 14, 3}},	   {step_vfio_unmap, {1, 1, 0, 0, 14, 3}},
	{step_hwpt_alloc, {0, 7, 14, 8, 2, 6}},	   {step_hw_info, {0, 1, 3, 2, 0, 2}},
	{step_invalidate, {0, 0, 9, 0, 0, 3}},	   {step_set_dirty, {0, 7, 0, 1, 1, 3}},
	{step_get_dirty, {0, 8, 0, 0, 1, 4}},	   {step_fault_alloc, {0, 1, 3, 5, 0, 3}},
	{step_viommu_alloc, {0, 0, 8, 2, 0, 4}},   {step_vdevice_alloc, {0, 0, 8, 1, 0, 3}},
	{step_veventq, {0, 0, 6, 0, 0, 3}},	   {step_hw_queue, {0, 0, 6, 0, 0, 3}},
	{step_change_process, {1, 1, 0, 0, 0, 1}}, {step_get_pa, {0, 0, 0, 0, 0, 1}},
	{step_add_reserved, {3, 3, 0, 1, 1, 2}},   {step_mock_domain, {1, 6, 5, 7, 3, 5}},
	{step_replace, {0, 4, 7, 6, 1, 4}},	   {step_check_map, {0, 7, 1, 0, 2, 3}},
	{step_check_refs, {2, 5, 1, 0, 1, 2}},	   {step_create_access, {5, 4, 1, 1, 2, 4}},
	{step_access_pages, {8, 8, 0, 0, 2, 5}},   {step_unpin, {4, 4, 0, 0, 1, 3}},
	{step_access_rw, {9, 8, 1, 0, 3, 5}},	   {step_temp_limit, {1, 1, 0, 0, 0, 1}},
	{step_access_replace, {3, 2, 0, 0, 1, 2}}, {step_dirty, {0, 8, 0, 0, 0, 3}},
	{step_check_iotlb, {0, 0, 5, 0, 0, 2}},	   {step_iopf, {0, 0, 4, 8, 0, 3}},
	{step_device_cache, {0, 0, 3, 0, 0, 2}},   {step_vevent, {0, 0, 7, 0, 0, 3}},
	{step_pasid, {0, 0, 2, 22, 0, 5}},	   {step_read, {0, 0, 8, 8, 0, 5}},
	{step_respond, {0, 0, 3, 6, 0, 3}},	   {step_close, {2, 2, 3, 3, 1, 4}},
	{step_mmap, {0, 0, 3, 0, 0, 2}},	   {step_unknown, {1, 1, 1, 1, 2, 2}},
	{step_poke, {3, 3, 0, 0, 0, 1}},	   {step_mm, {2, 2, 0, 0, 1, 1}},
	{step_truncate, {1, 1, 0, 0, 0, 1}},	   {step_limit, {1, 2, 0, 0, 1, 1}},
	{step_vfio_set, {0, 0, 0, 0, 1, 1}},	   {usual_mock, {0, 1, 1, 0, 1, 1}},
	{usual_pasid_mock, {0, 0, 1, 2, 0, 1}},	   {usual_parent, {0, 0, 4, 0, 0, 2}},
	{usual_viommu, {0, 0, 4, 0, 0, 2}},	   {usual_vdevice, {0, 0, 5, 0, 0, 2}},
	{usual_nested, {0, 0, 8, 1, 0, 3}},	   {usual_veventq, {0, 0, 3, 0, 0, 2}},
	{usual_vevent, {0, 0, 8, 0, 0, 3}},	   {usual_invalidate, {0, 0, 8, 0, 0, 2}},
	{usual_hw_queue, {0, 0, 5, 0, 0, 2}},	   {usual_dirty, {0, 5, 0, 0, 0, 2}},
	{usual_set_dirty, {0, 12, 0, 0, 2, 4}},	   {usual_pasid_hwpt, {0, 0, 1, 7, 0, 2}},
	{usual_fault_hwpt, {0, 0, 1, 4, 0, 2}},	   {usual_pasid, {0, 0, 1, 18, 0, 3}},
	{usual_iopf, {0, 0, 2, 14, 0, 3}},	   {usual_pinning_access, {3, 3, 0, 0, 1, 2}},
	{usual_pin, {10, 12, 1, 0, 2, 5}},	   {usual_rw, {10, 10, 1, 0, 2, 5}},
	{usual_vfio_unmap, {0, 0, 0, 0, 12, 2}},
};

/* What a profile begins with. */
static const step_fn first_steps[PROFILES][MOST_FIRST_STEPS] = {
	{step_ioas_alloc, step_ioas_alloc, step_map, step_map, step_create_access,
	 usual_pinning_access, step_map},
	{step_ioas_alloc, usual_mock, step_map, step_map, usual_dirty, usual_pinning_access,
	 step_create_access, step_ioas_alloc, step_hwpt_alloc},
	{step_ioas_alloc, usual_mock, step_map, usual_parent, usual_viommu, usual_vdevice,
	 usual_nested, usual_veventq, step_map_file},
	{step_ioas_alloc, step_fault_alloc, usual_pasid_mock, usual_pasid_hwpt, usual_pasid_hwpt,
	 usual_pasid, usual_pasid_mock, usual_fault_hwpt, step_map},
	{step_ioas_alloc, step_vfio_set, step_vfio_map, step_vfio_map, step_mock_domain,
	 step_create_access},
	{step_ioas_alloc, usual_mock, step_map, usual_pinning_access},
};

/* What is drawn before the first step. */
struct plan {
	uint32_t profile, steps, spoil, weight;
	uint32_t first; /* steps of first_steps */
};

static struct plan draw_plan(uint64_t seed)
{
	struct plan plan = {0};

	draw_begin(seed, STREAM_SEQUENCE);
	plan.profile = below(PROFILES);
	plan.steps = percent(15) ? MOST_STEPS : 8 + below(34);
	plan.spoil = ONE_OF32(0, 0, 3, 3, 6, 20);
	(void)percent(30);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		plan.weight += steps[i].weight[plan.profile];
	while (plan.first < MOST_FIRST_STEPS && first_steps[plan.profile][plan.first])
		plan.first++;
	return plan;
}

static int open_context(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		perror("/dev/iommu");
		_exit(2);
	}
	return fd;
}

static void begin(const struct plan *plan)
{
	struct iommu_test_cmd limit = TEST_CMD(SET_TEMP_MEMORY_LIMIT);
	struct iommu_option mode = {.option_id = IOMMU_OPTION_RLIMIT_MODE};

	memset(&known, 0, sizeof(known));
	record_begin();
	places_reset();
	known.fd = open_context();
	limit.set_temp_memory_limit.limit = 65536;
	(void)quiet_test(&limit);
	known.small = (plan->profile == 1 || plan->profile == 4 || plan->profile == 5) &&
		      percent(60);
	if (percent(8)) {
		mode.val64 = below(3);
		spoil_percent = 0;
		COMMAND(OPTION, mode);
	}
}

static void run_some_step(const struct plan *plan)
{
	uint32_t weight = below(plan->weight);
	const struct step *step = steps;

	for (; weight >= step->weight[plan->profile]; step++)
		weight -= step->weight[plan->profile];
	step->run();
}

static void run_step(uint64_t seed, const struct plan *plan, uint32_t step)
{
	const bool first = step < plan->first;

	draw_begin(seed, step);
	spoil_percent = first ? plan->spoil / 3 : plan->spoil;
	record("%u ", step);
	if (first)
		first_steps[plan->profile][step]();
	else
		run_some_step(plan);
	record_flush();
}

/* What stays pinned after everything is closed is a leak. */
static void check_leaks(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(MD_CHECK_REFS);
	int rc;

	if (touched.anon_gone)
		return;
	known.fd = open_context();
	cmd.md_check_refs.uptr = ANON;
	cmd.md_check_refs.length = ANON_SIZE;
	rc = quiet_test(&cmd);
	record("leak %d %s\n", rc, rc ? error_name(errno) : "");
	close(known.fd);
}

/* Closes the context first or last. */
static void end(uint64_t seed)
{
	bool context_first;

	pasids_detach(0);
	draw_begin(seed, STREAM_END);
	context_first = below(2);
	if (context_first)
		close(known.fd);
	for (uint32_t i = 0; i < known.file_count; i++)
		close(known.files[i].fd);
	for (uint32_t i = 0; i < known.mapped_count; i++)
		munmap(known.mapped[i].mapped, known.mapped[i].length);
	if (!context_first)
		close(known.fd);
	check_leaks();
	record_flush();
}

void sequence_run(uint64_t seed, uint64_t chosen)
{
	const struct plan plan = draw_plan(seed);

	begin(&plan);
	for (uint32_t step = 0; step < plan.steps; step++) {
		if (chosen >> step & 1)
			run_step(seed, &plan, step);
	}
	dump_all(seed);
	end(seed);
}

/* SPDX-License-Identifier: MIT */
/*
 * Two IOASes and two devices under random MAP, UNMAP, COPY, ATTACH and DETACH, against arrays that
 * say which page of a buffer each page of IOVA leads to. After each step, what the devices
 * translate is compared page by page, and the invariants of the IOASes are checked. Then the same
 * while the program moves parts of the buffer away and back (mem/displace.h).
 */
#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "base/fail.h"
#include "base/log.h"
#include "iommufd/ioas/area_move.h"
#include "iommufd/ioas/ioas_check.h"
#include "kit.h"
#include "mem/displace.h"

enum {
	BUFFER_PAGES = 64,
	WINDOW_PAGES = 96,
	IOASES = 2,
	DEVICES = 2,
	STEPS = 6000,
	MANY = 2000,
	FEW = 20,
};

#define WINDOW_IOVA UINT64_C(0x40000000)

/* One page of IOVA: what it leads to, and which area it belongs to. */
struct model_page {
	int target; /* page of the buffer, -1: not mapped */
	int prot;
	int area;
	int writable; /* what the original MAP allowed */
};

static struct model_page model[IOASES][WINDOW_PAGES];
static int next_area = 1;
static int attached[DEVICES]; /* index of the IOAS, -1 */
static uint32_t ioas_ids[IOASES];
static struct uiommufd *ctx;
static struct uiommufd_iommu *iommu;
static struct uiommufd_endpoint *devices[DEVICES];
static char *buffer;
static char *away; /* where pages [away_first, away_end) of it are now */
static int away_first, away_end;

static int call(unsigned int cmd, void *arg)
{
	return uiommufd_ioctl(ctx, NULL, cmd, (uintptr_t)arg);
}

static bool window_free(int ioas, int first, int count)
{
	for (int i = first; i < first + count; i++) {
		if (model[ioas][i].target >= 0)
			return false;
	}
	return true;
}

static uint32_t prot_flags(int prot)
{
	return (prot & 1 ? IOMMU_IOAS_MAP_READABLE : 0) | (prot & 2 ? IOMMU_IOAS_MAP_WRITEABLE : 0);
}

static void step_map(void)
{
	int ioas = (int)random_below(IOASES), count = 1 + (int)random_below(8);
	int first = (int)random_below(WINDOW_PAGES - count + 1);
	int target = (int)random_below(BUFFER_PAGES - count + 1);
	int prot = 1 + (int)random_below(3), rc;
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | prot_flags(prot),
		.ioas_id = ioas_ids[ioas],
		.user_va = (uintptr_t)buffer + (uint64_t)target * PAGE,
		.length = (uint64_t)count * PAGE,
		.iova = WINDOW_IOVA + (uint64_t)first * PAGE,
	};

	rc = call(IOMMU_IOAS_MAP, &cmd);
	if (!window_free(ioas, first, count)) {
		assert_int_equal(rc, -EEXIST);
		return;
	}
	assert_int_equal(rc, 0);
	for (int i = 0; i < count; i++)
		model[ioas][first + i] = (struct model_page){target + i, prot, next_area, prot & 2};
	next_area++;
}

/* What UNMAP does: whole areas, ascending, until one sticks out. */
static int model_unmap(int ioas, int first, int end, int *removed)
{
	*removed = 0;
	for (int i = first; i < end;) {
		int area, last = i;

		if (model[ioas][i].target < 0) {
			i++;
			continue;
		}
		area = model[ioas][i].area;
		while (last < WINDOW_PAGES && model[ioas][last].target >= 0 &&
		       model[ioas][last].area == area)
			last++;
		if (last > end ||
		    (i > 0 && model[ioas][i - 1].target >= 0 && model[ioas][i - 1].area == area))
			return -ENOENT;
		for (int j = i; j < last; j++)
			model[ioas][j].target = -1;
		*removed += last - i;
		i = last;
	}
	return *removed ? 0 : -ENOENT;
}

static void step_unmap(void)
{
	int ioas = (int)random_below(IOASES), count = 1 + (int)random_below(24), removed, expected;
	int first = (int)random_below((uint64_t)(WINDOW_PAGES - count + 1));
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas_ids[ioas],
		.iova = WINDOW_IOVA + (uint64_t)first * PAGE,
		.length = (uint64_t)count * PAGE,
	};

	expected = model_unmap(ioas, first, first + count, &removed);
	assert_int_equal(call(IOMMU_IOAS_UNMAP, &cmd), expected);
	assert_int_equal(cmd.length, (uint64_t)(expected ? count : removed) * PAGE);
}

/* All there is, by the length that means it or by a range around it. */
static void step_unmap_all(void)
{
	const bool named = random_below(2);
	int ioas = (int)random_below(IOASES), removed, expected;
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas_ids[ioas],
		.iova = named ? WINDOW_IOVA - PAGE : 0,
		.length = named ? (uint64_t)(WINDOW_PAGES + 2) * PAGE : UINT64_MAX,
	};

	expected = model_unmap(ioas, 0, WINDOW_PAGES, &removed);
	assert_int_equal(call(IOMMU_IOAS_UNMAP, &cmd), named ? expected : 0);
	if (!named || !expected)
		assert_int_equal(cmd.length, (uint64_t)removed * PAGE);
}

/* Whether a COPY of @count pages at @first works, as far as its source goes. */
static int model_copy_source(int ioas, int first, int count, int prot)
{
	for (int i = first; i < first + count; i++) {
		if (model[ioas][i].target < 0)
			return -ENOENT;
	}
	for (int i = first; i < first + count; i++) {
		if ((prot & 2) && !model[ioas][i].writable)
			return -EPERM;
	}
	return 0;
}

static void apply_copy(int from_ioas, int from, int to_ioas, int to, int count, int prot)
{
	struct model_page pages[WINDOW_PAGES];
	int last_area = -1;

	memcpy(pages, &model[from_ioas][from], (size_t)count * sizeof(pages[0]));
	for (int i = 0; i < count; i++) {
		if (pages[i].area != last_area)
			next_area++;
		last_area = pages[i].area;
		pages[i].area = next_area;
		pages[i].prot = prot;
		model[to_ioas][to + i] = pages[i];
	}
	next_area++;
}

static void step_copy(void)
{
	int src = (int)random_below(IOASES), dst = (int)random_below(IOASES);
	int count = 1 + (int)random_below(6), prot = 1 + (int)random_below(3);
	int from = (int)random_below(WINDOW_PAGES - count + 1);
	int to = (int)random_below(WINDOW_PAGES - count + 1);
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | prot_flags(prot),
		.dst_ioas_id = ioas_ids[dst],
		.src_ioas_id = ioas_ids[src],
		.length = (uint64_t)count * PAGE,
		.dst_iova = WINDOW_IOVA + (uint64_t)to * PAGE,
		.src_iova = WINDOW_IOVA + (uint64_t)from * PAGE,
	};
	int expected = model_copy_source(src, from, count, prot);

	if (expected != -ENOENT && !window_free(dst, to, count))
		expected = -EEXIST;
	assert_int_equal(call(IOMMU_IOAS_COPY, &cmd), expected);
	if (!expected)
		apply_copy(src, from, dst, to, count, prot);
}

static void step_attach(void)
{
	int device = (int)random_below(DEVICES), ioas = (int)random_below(IOASES + 1) - 1;
	uint32_t pt_id;

	if (ioas < 0) {
		uiommufd_endpoint_detach(devices[device], UIOMMUFD_NO_PASID);
	} else {
		pt_id = ioas_ids[ioas];
		assert_int_equal(
			uiommufd_endpoint_attach(devices[device], UIOMMUFD_NO_PASID, &pt_id), 0);
	}
	attached[device] = ioas;
}

/* Where page @target of the buffer is. */
static char *target_address(int target)
{
	const bool is_away = target >= away_first && target < away_end;

	return (is_away ? away : buffer) + (size_t)target * PAGE;
}

static void check_page(int device, int page)
{
	const struct model_page *expected = attached[device] < 0 ? NULL
								 : &model[attached[device]][page];
	uint64_t iova = WINDOW_IOVA + (uint64_t)page * PAGE + 0x123;
	void *addr;
	int rc;

	rc = uiommufd_translate(devices[device], UIOMMUFD_NO_PASID, iova, 0, &addr, NULL);
	if (!expected || expected->target < 0) {
		assert_int_equal(rc, -ENOENT);
		return;
	}
	assert_int_equal(rc, 0);
	assert_ptr_equal(addr, target_address(expected->target) + 0x123);
	for (int prot = 1; prot <= 2; prot++) {
		rc = uiommufd_translate(devices[device], UIOMMUFD_NO_PASID, iova,
					(unsigned int)prot, &addr, NULL);
		assert_int_equal(rc, expected->prot & prot ? 0 : -EPERM);
	}
}

static void check_all(void)
{
	const char *broken = ioas_check_all();

	if (broken)
		fail_msg("does not hold: %s", broken);
	for (int device = 0; device < DEVICES; device++) {
		for (int page = 0; page < WINDOW_PAGES; page++)
			check_page(device, page);
	}
}

static void move(char *from, char *to, int count)
{
	const uint64_t len = (uint64_t)count * PAGE;

	assert_int_equal(displace_mremap((uintptr_t)from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
					 (uintptr_t)to),
			 (uintptr_t)to);
}

/* Pages that are not pinned have to be back before a device is attached. */
static void step_move(void)
{
	const int count = 1 + (int)random_below(3);
	const int first = (int)random_below(BUFFER_PAGES - count + 1);
	const size_t at = (size_t)first * PAGE;

	away_first = first;
	away_end = first + count;
	move(buffer + at, away + at, count);
	check_all();
	away_end = away_first;
	move(away + at, buffer + at, count);
}

static void set_up(void)
{
	uint32_t id;

	buffer = mmap(NULL, (size_t)BUFFER_PAGES * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	away = mmap(NULL, (size_t)BUFFER_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	assert_ptr_not_equal(buffer, MAP_FAILED);
	assert_ptr_not_equal(away, MAP_FAILED);
	assert_int_equal(uiommufd_open(NULL, &ctx), 0);
	assert_int_equal(uiommufd_iommu_create("amd", "amd0", &iommu), 0);
	for (int i = 0; i < IOASES; i++) {
		struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

		assert_int_equal(call(IOMMU_IOAS_ALLOC, &cmd), 0);
		ioas_ids[i] = cmd.out_ioas_id;
		for (int page = 0; page < WINDOW_PAGES; page++)
			model[i][page].target = -1;
	}
	for (int i = 0; i < DEVICES; i++) {
		assert_int_equal(uiommufd_endpoint_create(iommu, "device", &devices[i]), 0);
		assert_int_equal(uiommufd_endpoint_bind(devices[i], ctx, &id), 0);
		attached[i] = -1;
	}
}

static void tear_down(void)
{
	for (int i = 0; i < DEVICES; i++)
		uiommufd_endpoint_destroy(devices[i]);
	uiommufd_iommu_put(iommu);
	uiommufd_close(ctx);
	munmap(buffer, (size_t)BUFFER_PAGES * PAGE);
	munmap(away, (size_t)BUFFER_PAGES * PAGE);
}

static void take_steps(bool moves)
{
	set_up();
	for (int step = 0; step < STEPS; step++) {
		if (!random_below(64))
			step_unmap_all();
		switch (random_below(8)) {
		case 0:
		case 1:
		case 2:
			step_map();
			break;
		case 3:
		case 4:
			step_unmap();
			break;
		case 5:
		case 6:
			step_copy();
			break;
		default:
			step_attach();
			break;
		}
		if (moves && random_below(2))
			step_move();
		check_all();
	}
	tear_down();
}

static void devices_see_exactly_what_is_mapped(void **state)
{
	(void)state;
	take_steps(false);
}

static void devices_see_exactly_what_is_mapped_while_it_moves(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR); /* each move is a line */
	displace_enable();
	take_steps(true);
}

/* Maps each page of a buffer of @count pages by itself, from *@iova on, and copies all then. */
static char *map_pages(int count, uint64_t *iova)
{
	char *pages = mmap(NULL, (size_t)count * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iommu_ioas_map map = {.size = sizeof(map), .ioas_id = ioas_ids[0], .length = PAGE};
	struct iommu_ioas_copy copy = {.size = sizeof(copy),
				       .flags = prot_flags(1),
				       .dst_ioas_id = ioas_ids[0],
				       .src_ioas_id = ioas_ids[0],
				       .length = (uint64_t)count * PAGE};

	assert_ptr_not_equal(pages, MAP_FAILED);
	for (int i = 0; i < count; i++) {
		map.flags = prot_flags(3) | IOMMU_IOAS_MAP_FIXED_IOVA;
		map.iova = WINDOW_IOVA + (uint64_t)i * PAGE;
		map.user_va = (uintptr_t)pages + (uint64_t)i * PAGE;
		assert_int_equal(call(IOMMU_IOAS_MAP, &map), 0);
	}
	*iova = copy.src_iova = WINDOW_IOVA;
	assert_int_equal(call(IOMMU_IOAS_COPY, &copy), 0);
	return pages;
}

static void a_page_that_moves_is_found_without_a_look_at_every_area(void **state)
{
	uint64_t before, iova;
	uint32_t pt_id;
	char *pages;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	displace_enable();
	set_up();
	pt_id = ioas_ids[0];
	assert_int_equal(uiommufd_endpoint_attach(devices[0], UIOMMUFD_NO_PASID, &pt_id), 0);
	pages = map_pages(MANY, &iova);
	before = iommufd_areas_looked_at();
	for (int i = 0; i < MANY; i++)
		assert_int_equal(displace_range((uintptr_t)pages + (uint64_t)i * PAGE, PAGE,
						DISPLACE_MUNMAP, false),
				 0);
	assert_int_equal(iommufd_areas_looked_at() - before, 2 * MANY);
	assert_null(ioas_check_all());
	tear_down();
}

/* To a page lead the COPY and the MAP of all pages; the COPYs beside it are looked at. */
static void copies_of_one_mapping_are_found_by_their_pages(void **state)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map), .flags = prot_flags(3), .length = (uint64_t)MANY * PAGE};
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy), .flags = prot_flags(1), .length = PAGE};
	uint64_t before;
	uint32_t pt_id;
	char *pages = mmap(NULL, (size_t)MANY * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(pages, MAP_FAILED);
	log_set_level(LOG_LEVEL_ERROR);
	displace_enable();
	set_up();
	pt_id = ioas_ids[0];
	assert_int_equal(uiommufd_endpoint_attach(devices[0], UIOMMUFD_NO_PASID, &pt_id), 0);
	map.ioas_id = copy.src_ioas_id = copy.dst_ioas_id = ioas_ids[0];
	map.user_va = (uintptr_t)pages;
	assert_int_equal(call(IOMMU_IOAS_MAP, &map), 0);
	for (int i = 0; i < MANY; i++) {
		copy.src_iova = map.iova + (uint64_t)i * PAGE;
		assert_int_equal(call(IOMMU_IOAS_COPY, &copy), 0);
	}
	before = iommufd_areas_looked_at();
	for (int i = 0; i < MANY; i += 2)
		assert_int_equal(displace_range((uintptr_t)pages + (uint64_t)i * PAGE, PAGE,
						DISPLACE_MUNMAP, false),
				 0);
	assert_in_range(iommufd_areas_looked_at() - before, MANY, 2 * MANY);
	assert_null(ioas_check_all());
	tear_down();
}

/* Takes page 3 of @pages away, where the @nth step that may fail does. Returns false: none has. */
static bool take_away_and_fail(char *pages, uint64_t nth)
{
	bool failed;
	int rc;

	fail_arm(nth);
	rc = displace_range((uintptr_t)pages + 3 * PAGE, PAGE, DISPLACE_MUNMAP, false);
	failed = !fail_left();
	fail_arm(0);
	assert_true(rc == 0 || (failed && rc == -ENOMEM));
	return failed;
}

/* Whatever of it fails, the index included, the device has its page. */
static void a_page_stays_the_devices_without_memory_for_the_index(void **state)
{
	uint64_t iova, nth = 0;
	uint32_t pt_id;
	bool failed;
	char *pages;
	void *addr;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	displace_enable();
	do {
		set_up();
		pt_id = ioas_ids[0];
		assert_int_equal(uiommufd_endpoint_attach(devices[0], UIOMMUFD_NO_PASID, &pt_id),
				 0);
		pages = map_pages(FEW, &iova);
		pages[3 * PAGE] = 33;
		failed = take_away_and_fail(pages, ++nth);
		assert_int_equal(uiommufd_translate(devices[0], UIOMMUFD_NO_PASID, iova + 3 * PAGE,
						    0, &addr, NULL),
				 0);
		assert_int_equal(*(char *)addr, 33);
		assert_null(ioas_check_all());
		tear_down();
		munmap(pages, FEW * PAGE);
	} while (failed);
	assert_true(nth > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_see_exactly_what_is_mapped),
		cmocka_unit_test(devices_see_exactly_what_is_mapped_while_it_moves),
		cmocka_unit_test(a_page_that_moves_is_found_without_a_look_at_every_area),
		cmocka_unit_test(copies_of_one_mapping_are_found_by_their_pages),
		cmocka_unit_test(a_page_stays_the_devices_without_memory_for_the_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

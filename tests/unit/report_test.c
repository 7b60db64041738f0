/* SPDX-License-Identifier: MIT */
/*
 * Reports, as far as a program under `uiommufd run` cannot bring them about by itself: which
 * mistake a fault is said to be, what is remembered, and settings. Reports are read back as JSON.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/last_error.h"
#include "checker/dma_report.h"
#include "kit.h"
#include "report/history.h"
#include "report/report.h"
#include "trace/call_table.h"
#include "trace/error_name.h"

enum {
	IOVA = 0x100000,
	HISTORY = 4,
};

static char path[] = "/tmp/uiommufd-report-test-XXXXXX";

/* Whether the latest report has @text. All that were printed before are forgotten. */
static bool latest_has(const char *text)
{
	static char line[16384];
	FILE *file = fopen(path, "r");
	bool found = false;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		found = strstr(line, text);
	fclose(file);
	assert_int_equal(truncate(path, 0), 0);
	return found;
}

/* An address space with one page mapped at IOVA, to which device 0 is attached. */
static struct fixture *create(uint32_t *ioas)
{
	struct fixture *f = fixture_create("amd", 8);
	uint32_t pt_id;

	*ioas = pt_id = fixture_ioas(f);
	assert_int_equal(fixture_map(f, *ioas, IOVA, 0, PAGE, FIXTURE_RW), 0);
	assert_int_equal(fixture_attach(f, 0, UIOMMUFD_NO_PASID, &pt_id), 0);
	return f;
}

static void read_at(struct fixture *f, uint32_t pasid, uint64_t iova)
{
	char byte;

	assert_int_equal(uiommufd_dma_read(f->devices[0], pasid, iova, &byte, 1), -EFAULT);
}

static void a_fault_after_an_unmap_has_its_time(void **state)
{
	uint32_t ioas;
	struct fixture *f = create(&ioas);

	(void)state;
	assert_int_equal(fixture_unmap(f, ioas, IOVA, PAGE), 0);
	read_at(f, UIOMMUFD_NO_PASID, IOVA);
	assert_true(latest_has("\"kind\":\"dma-after-unmap\""));
	fixture_destroy(f);
}

/* The same through the engine's own interfaces, by which a fault can be made. */
static struct engine *create_engine(uint32_t *ioas)
{
	struct engine *e = engine_create("amd", 8);
	uint32_t pt_id;

	*ioas = pt_id = engine_ioas(e);
	assert_int_equal(engine_map(e, *ioas, IOVA, 0, PAGE), 0);
	assert_int_equal(iommufd_device_attach(e->devices[0], NO_PASID, &pt_id), 0);
	return e;
}

/* A read at IOVA that began when there had been @unmaps, and found nothing. */
static struct dma_fault fault_at_iova(uint64_t unmaps)
{
	return (struct dma_fault){
		.cause = DMA_FAULT_NOT_MAPPED,
		.iova = IOVA,
		.request_iova = IOVA,
		.request_len = 1,
		.unmaps = unmaps,
	};
}

/* The request begins, then the UNMAP, and the fault is found. */
static void a_fault_during_an_unmap_is_told_from_one_after(void **state)
{
	struct dma_fault fault = fault_at_iova(history_unmaps());
	uint32_t ioas;
	struct engine *e = create_engine(&ioas);

	(void)state;
	assert_int_equal(engine_unmap(e, ioas, IOVA, PAGE), 0);
	iommu_fault_report(e->endpoints[0], &fault);
	assert_true(latest_has("\"kind\":\"dma-during-unmap\""));
	engine_destroy(e);
}

static void a_fault_during_a_map_is_one(void **state)
{
	const struct dma_fault fault = fault_at_iova(history_unmaps());
	uint32_t ioas;
	struct engine *e = create_engine(&ioas);

	(void)state;
	iommu_fault_report(e->endpoints[0], &fault);
	assert_true(latest_has("\"kind\":\"dma-during-map\""));
	engine_destroy(e);
}

static void a_pasid_that_nothing_was_attached_for_is_named(void **state)
{
	uint32_t ioas;
	struct fixture *f = create(&ioas);

	(void)state;
	read_at(f, 5, IOVA);
	assert_true(latest_has("\"kind\":\"dma-pasid-not-attached\""));
	fixture_destroy(f);
}

/* The neighbours of 0x105000, between mappings at 0x100000, 0x102000 and 0x108000. */
static void the_nearest_mappings_are_named(void **state)
{
	uint32_t ioas;
	struct fixture *f = create(&ioas);

	(void)state;
	assert_int_equal(fixture_map(f, ioas, IOVA + 0x2000, PAGE, PAGE, FIXTURE_RW), 0);
	assert_int_equal(fixture_map(f, ioas, IOVA + 0x8000, PAGE, PAGE, FIXTURE_RW), 0);
	read_at(f, UIOMMUFD_NO_PASID, IOVA + 0x5000);
	assert_true(latest_has("below: 0x102000-0x102fff, read-write, ends 8192 bytes before"));
	read_at(f, UIOMMUFD_NO_PASID, IOVA + 0x6000);
	assert_true(latest_has("above: 0x108000-0x108fff, read-write, begins 8192 bytes after"));
	fixture_destroy(f);
}

static void the_history_forgets_the_oldest(void **state)
{
	struct history *history = history_create();

	(void)state;
	assert_non_null(history);
	for (uint64_t i = 0; i <= HISTORY; i++) {
		const struct history_entry entry = {.range = {i * PAGE, i * PAGE + PAGE - 1},
						    .unmaps = i};

		history_add(history, &entry);
	}
	assert_null(history_find(history, 0));
	for (uint64_t i = 1; i <= HISTORY; i++)
		assert_int_equal(history_find(history, i * PAGE + 1)->unmaps, i);
	assert_null(history_find(history, (HISTORY + 1) * PAGE));
	history_destroy(history);
}

static void the_latest_of_several_unmaps_counts(void **state)
{
	const struct history_entry first = {.range = {0, PAGE - 1}, .unmaps = 1};
	const struct history_entry second = {.range = {0, 4 * PAGE - 1}, .unmaps = 2};
	struct history *history = history_create();

	(void)state;
	history_add(history, &first);
	history_add(history, &second);
	assert_int_equal(history_find(history, 0)->unmaps, 2);
	history_destroy(history);
}

static void an_overlap_with_the_same_memory_is_no_mistake(void **state)
{
	uint32_t ioas;
	struct fixture *f = create(&ioas);

	(void)state;
	assert_int_equal(fixture_map(f, ioas, IOVA, 0, PAGE, FIXTURE_RW), -EEXIST);
	assert_int_equal(last_error_kind(), REFUSAL_ANSWER);
	assert_int_equal(fixture_map(f, ioas, IOVA, PAGE, PAGE, FIXTURE_RW), -EEXIST);
	assert_int_equal(last_error_kind(), REFUSAL_MISTAKE);
	assert_non_null(strstr(uiommufd_last_error(), "overlaps the mapping 0x100000-0x100fff"));
	assert_int_equal(fixture_unmap(f, ioas, IOVA, PAGE), 0);
	assert_string_equal(uiommufd_last_error(), "");
	fixture_destroy(f);
}

/* MAP_FILE of a page at @start of @fd is EINVAL, for the reason @text. */
static void refuses_file(struct fixture *f, uint32_t ioas, int fd, uint64_t start, const char *text)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE,
		.ioas_id = ioas,
		.fd = fd,
		.start = start,
		.length = PAGE,
	};

	assert_int_equal(uiommufd_ioctl(f->ctx, NULL, IOMMU_IOAS_MAP_FILE, (uintptr_t)&map),
			 -EINVAL);
	assert_int_equal(last_error_kind(), REFUSAL_MISTAKE);
	assert_non_null(strstr(uiommufd_last_error(), text));
}

static void a_file_that_cannot_be_mapped_is_named(void **state)
{
	const int disk = open("/proc/self/exe", O_RDONLY);
	const int memory = memfd_create("short", 0);
	uint32_t ioas;
	struct fixture *f = create(&ioas);

	(void)state;
	assert_int_equal(ftruncate(memory, PAGE + 1), 0);
	refuses_file(f, ioas, disk, 0, "report_test is not in memory");
	refuses_file(f, ioas, memory, PAGE,
		     "pages 1 to 1 are not entirely inside /memfd:short (deleted), which has 4097");
	close(disk);
	close(memory);
	fixture_destroy(f);
}

static void settings_refuse_what_they_cannot_be(void **state)
{
	static const struct {
		const char *name, *value;
		int rc;
	} cases[] = {
		{"no-such", "1", -ENOENT},    {"explain", NULL, 0},
		{"explain", "on", -EINVAL},   {"stacks", "off", 0},
		{"stacks", "maybe", -EINVAL}, {"stacks", NULL, -EINVAL},
		{"history", "0", 0},	      {"history", "0x10", 0},
		{"history", "-1", -EINVAL},   {"history", "1x", -EINVAL},
		{"history", "", -EINVAL},     {"history", "1000000000", -EINVAL},
		{"error-exitcode", "255", 0}, {"error-exitcode", "256", -EINVAL},
		{"log-file", "", -EINVAL},    {"log-file", "a\nb", -EINVAL},
	};
	struct report_settings settings;
	char why[128];

	(void)state;
	report_settings_init(&settings);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(report_settings_set(&settings, cases[i].name, cases[i].value, why,
						     sizeof(why)),
				 cases[i].rc);
	assert_true(settings.explain);
	assert_false(settings.stacks);
	assert_int_equal(settings.history, 16);
	assert_int_equal(settings.exitcode, 255);
}

static void settings_are_read_line_by_line(void **state)
{
	char text[] = "explain\nhistory=7\nno-such=1\nlog-file=/tmp/a b\n";
	struct report_settings settings;

	(void)state;
	report_settings_init(&settings);
	report_settings_read(&settings, text);
	assert_true(settings.explain);
	assert_int_equal(settings.history, 7);
	assert_string_equal(settings.log_file, "/tmp/a b");
}

/* 113 is VFIO_IOMMU_MAP_DMA of a container and VFIO_DEVICE_PCI_HOT_RESET of a device. */
static void commands_of_one_number_have_the_name_of_their_file(void **state)
{
	(void)state;
	assert_string_equal(call_find(VFIO_IOMMU_MAP_DMA, false)->name, "VFIO_IOMMU_MAP_DMA");
	assert_string_equal(call_find(VFIO_IOMMU_MAP_DMA, true)->name, "VFIO_DEVICE_PCI_HOT_RESET");
	assert_string_equal(call_find(IOMMU_IOAS_MAP, false)->name, "IOMMU_IOAS_MAP");
	assert_null(call_find(0xffff, false));
	assert_string_equal(error_name(EINVAL), "EINVAL");
	assert_string_equal(error_name(0), "an error");
}

static int start(void **state)
{
	struct report_settings settings;
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	report_settings_init(&settings);
	settings.quiet = true;
	settings.stacks = false;
	settings.history = HISTORY;
	strcpy(settings.json_file, path);
	report_start(&settings, NULL);
	dma_report_start();
	return 0;
}

static int finish(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_after_an_unmap_has_its_time),
		cmocka_unit_test(a_fault_during_an_unmap_is_told_from_one_after),
		cmocka_unit_test(a_fault_during_a_map_is_one),
		cmocka_unit_test(a_pasid_that_nothing_was_attached_for_is_named),
		cmocka_unit_test(the_nearest_mappings_are_named),
		cmocka_unit_test(the_history_forgets_the_oldest),
		cmocka_unit_test(the_latest_of_several_unmaps_counts),
		cmocka_unit_test(an_overlap_with_the_same_memory_is_no_mistake),
		cmocka_unit_test(a_file_that_cannot_be_mapped_is_named),
		cmocka_unit_test(settings_refuse_what_they_cannot_be),
		cmocka_unit_test(settings_are_read_line_by_line),
		cmocka_unit_test(commands_of_one_number_have_the_name_of_their_file),
	};

	return cmocka_run_group_tests(tests, start, finish);
}

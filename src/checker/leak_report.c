/* SPDX-License-Identifier: MIT */
/*
 * What is left is gathered first, a bounded number, and reported when no lock is held; mappings of
 * one call site are one report.
 */
#include "checker/leak_report.h"

#include <inttypes.h>
#include <string.h>

#include "checker/leak_object.h"
#include "iommufd/ioas/area.h"
#include "report/report_device.h"
#include "vfio/left.h"

enum {
	MAX_SITES = 64
};

/* All mappings that one call site has left in one address space. */
struct leak {
	const struct iommufd_object *ioas; /* only its address is of use */
	uint32_t ioas_id;
	struct origin origin; /* of the first */
	struct iova_range first;
	uint64_t count, bytes;
};

struct leaks {
	struct leak sites[MAX_SITES];
	size_t count;
	const struct iommufd_object *ioas; /* that is being looked at */
};

static struct leaks leaks;

static int visit_area(const struct iova_map_entry *entry, void *arg)
{
	const struct origin *origin = area_mapped_by(entry->value);
	struct leak *leak = leaks.sites;
	struct leak *end = leak + leaks.count;

	(void)arg;

	if (!origin)
		return 0;
	while (leak < end && !(leak->ioas == leaks.ioas && leak->origin.stack == origin->stack))
		leak++;
	if (leak == end) {
		if (leaks.count == MAX_SITES)
			return 1;
		leaks.count++;
		*leak = (struct leak){
			.ioas = leaks.ioas,
			.ioas_id = leaks.ioas->id,
			.origin = *origin,
			.first = entry->range,
		};
	}
	leak->count++;
	leak->bytes += iova_range_len(entry->range);
	return 0;
}

static void visit_ioas(struct ioas *ioas, void *arg)
{
	lock_assert_held(&ioas->lock);
	leaks.ioas = &ioas->object;
	(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, visit_area, arg);
}

static void report_one(const struct leak *leak)
{
	struct report *report = report_begin("leak-mapping", "");

	report_headline(
		report,
		"at exit %" PRIu64 " mapping(s) of %" PRIu64 " bytes are left in IOAS %" PRIu32
		", the first at 0x%" PRIx64 "-0x%" PRIx64,
		leak->count, leak->bytes, leak->ioas_id, leak->first.start, leak->first.last);
	report_key(report, leak->ioas_id);
	report_number(report, "ioas", leak->ioas_id);
	report_number(report, "mappings", leak->count);
	report_number(report, "bytes", leak->bytes);
	report_origin(report, "mapped", &leak->origin, "mapped");
	report_end(report);
}

/* An IOAS whose mappings are left is told of with them. */
static bool has_leaks(const struct iommufd_object *object)
{
	for (size_t i = 0; i < leaks.count; i++)
		if (leaks.sites[i].ioas == object)
			return true;
	return false;
}

static void report_mappings(void)
{
	leaks.count = 0;
	ioas_for_each(visit_ioas, NULL);
	for (size_t i = 0; i < leaks.count; i++)
		report_one(&leaks.sites[i]);
}

/* ---- descriptors ---- */

void leak_add_file(struct leak_files *files, int fd, const struct uiommufd_file *file,
		   const struct origin *opened)
{
	bool excess = false;

	for (size_t i = 0; i < files->count; i++) {
		if (files->files[i].file == file)
			return;
		excess = excess || strcmp(files->files[i].name, file->ops->name) == 0;
	}
	if (files->count == LEAK_FILES)
		return;
	files->files[files->count++] = (struct leak_file){
		.file = file,
		.name = file->ops->name,
		.fd = fd,
		.opened = *opened,
		.excess = excess,
	};
}

/* A program opens /dev/iommu and devices, and has one of each until it ends. */
static bool is_usual(const struct leak_file *file)
{
	return strncmp(file->name, "/dev/", strlen("/dev/")) == 0 && !file->excess;
}

static void report_files(const struct leak_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		const struct leak_file *file = &files->files[i];
		struct report *report;

		if (is_usual(file) || !file->opened.time)
			continue;
		report = report_begin("leak-descriptor", "");
		report_headline(report, "at exit descriptor %d of %s is open%s", file->fd,
				file->name, file->excess ? ", beside another one of it" : "");
		report_string(report, "file", file->name);
		report_origin(report, "opened", &file->opened, "opened");
		report_end(report);
	}
}

/* ---- devices ---- */

static void report_interrupts(const struct vfio_left *left)
{
	static const char *const names[] = {"INTx", "MSI", "MSI-X"};
	struct report *report;

	if (left->interrupts >= IRQ_ERR || !left->enabled.time)
		return;
	report = report_begin("leak-interrupts", left->name);
	report_headline(report, "%s: at exit %s is enabled, with %u vector(s)", left->name,
			names[left->interrupts], left->vectors);
	report_number(report, "vectors", left->vectors);
	report_origin(report, "enabled", &left->enabled, "enabled");
	report_end(report);
}

static void report_busy(const struct vfio_left *left)
{
	struct device_write writes[DEVICE_WRITES];
	struct report *report;
	size_t count;

	if (!left->busy)
		return;
	count = device_record_writes(left->record, writes);
	report = report_begin("leak-busy-device", left->name);
	report_headline(report,
			"%s: at exit the device is still doing what it was told: its DMA goes on "
			"until the kernel resets it",
			left->name);
	report_writes(report, writes, count);
	report_end(report);
}

void leak_report(const struct leak_files *files)
{
	static struct vfio_left left[VFIO_LEFT_MAX];
	const size_t count = vfio_find_left(left);

	for (size_t i = 0; i < count; i++)
		report_busy(&left[i]);
	report_mappings();
	leak_report_objects(has_leaks);
	report_files(files);
	for (size_t i = 0; i < count; i++)
		report_interrupts(&left[i]);
}

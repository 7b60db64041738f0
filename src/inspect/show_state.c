/* SPDX-License-Identifier: MIT */
/*
 * The state of all contexts as JSON. IOASes are in show_ioas.c.
 *
 * Each object is held for the time that it is shown, and shown under the lock that guards what is
 * shown of it.
 */
#include "inspect/show_state.h"

#include <errno.h>
#include <unistd.h>

#include "inspect/show_ioas.h"
#include "iommu/nested_domain.h"
#include "iommufd/device/device_ranges.h"
#include "iommufd/device/group.h"
#include "iommufd/viommu/viommu.h"
#include "mem/source.h"
#include "report/counts.h"
#include "report/json.h"

struct show {
	struct json json;
	const struct iommufd_ctx *only; /* NULL: all contexts */
	uint64_t mappings;		/* of each IOAS one by one, at most */
	uint32_t contexts;		/* shown so far */
};

/* ---- tables ---- */

/* The page table of @hwpt. Tables grow under the lock. */
static void show_table(struct json *json, const struct hwpt *hwpt) REQUIRES(hwpt->ioas->lock)
{
	const struct iommu_domain *domain = hwpt->domain;
	const struct iopt *table = iommu_domain_table(domain);
	const struct iova_range *gaps;
	size_t gap_count;

	lock_assert_held(&hwpt->ioas->lock);
	json_string(json, "format", iopt_format(table)->name);
	json_object(json, "aperture");
	json_range(json, iommu_domain_aperture(domain));
	json_end_object(json);
	gaps = iommu_domain_gaps(domain, &gap_count);
	json_array(json, "gaps");
	for (size_t i = 0; i < gap_count; i++) {
		json_object(json, NULL);
		json_range(json, gaps[i]);
		json_end_object(json);
	}
	json_end_array(json);
	json_hex(json, "page_sizes", iommu_domain_pgsizes(domain));
	json_number(json, "table_bytes", iopt_memory(table));
	if (iommu_domain_flags(domain) & DOMAIN_DIRTY)
		json_bool(json, "dirty_tracking", iommu_domain_dirty_tracking(domain));
	if (iommu_domain_flags(domain) & DOMAIN_NEST_PARENT)
		json_bool(json, "nest_parent", true);
}

/* Opens the object of @hwpt, with the members that all HWPTs have. */
static void show_hwpt(struct json *json, const struct hwpt *hwpt)
{
	struct iommu *iommu = iommu_domain_iommu(hwpt->domain);

	json_object(json, NULL);
	json_number(json, "id", hwpt->object.id);
	json_number(json, "ioas", hwpt->ioas->object.id);
	json_string(json, "iommu", iommu_name(iommu));
	json_string(json, "kind", iommu_kind_name(iommu_kind_of(iommu)));
	json_bool(json, "automatic", hwpt_is_automatic(hwpt));
}

static void show_hwpt_paging(struct json *json, const struct hwpt_paging *hwpt)
{
	show_hwpt(json, &hwpt->base);
	lock_acquire(&hwpt->base.ioas->lock);
	show_table(json, &hwpt->base);
	lock_release(&hwpt->base.ioas->lock);
	json_end_object(json);
}

static void show_hwpt_nested(struct json *json, const struct hwpt_nested *hwpt)
{
	const char *soft = iommu_soft_format_name(hwpt->base.domain);

	show_hwpt(json, &hwpt->base);
	json_number(json, "parent", hwpt->parent->base.object.id);
	if (soft)
		json_string(json, "soft_format", soft);
	if (hwpt->viommu)
		json_number(json, "viommu", hwpt->viommu->object.id);
	json_end_object(json);
}

static void show_hwpts(struct json *json, struct iommufd_ctx *ctx)
{
	struct iommufd_object *object;

	json_array(json, "hwpts");
	for (uint32_t id = 1; (object = object_next(ctx, &id, OBJECT_HWPT)); id++) {
		show_hwpt_paging(json, (struct hwpt_paging *)object);
		object_put(object);
	}
	for (uint32_t id = 1; (object = object_next(ctx, &id, OBJECT_HWPT_NESTED)); id++) {
		show_hwpt_nested(json, (struct hwpt_nested *)object);
		object_put(object);
	}
	json_end_array(json);
}

/* ---- devices ---- */

static void show_regions(struct json *json, const struct iommufd_device *device)
{
	size_t count;
	const struct resv_region *regions = iommu_endpoint_reserved(device->endpoint, &count);

	json_array(json, "reserved");
	for (size_t i = 0; i < count; i++) {
		json_object(json, NULL);
		json_range(json, regions[i].range);
		json_string(json, "type", iommu_resv_word(regions[i].type));
		json_end_object(json);
	}
	json_end_array(json);
}

/* What @device permits, and where that conflicts; nothing if no table is made for it by itself. */
static void show_permitted(struct json *json, struct iommufd_ctx *ctx,
			   const struct iommufd_device *device)
{
	struct iova_set permitted;
	uint64_t alignment;
	int rc;

	iova_set_init(&permitted);
	rc = device_permitted_ranges(device, &permitted, &alignment);
	if (rc == -ENOMEM)
		json_fail(json);
	if (rc)
		goto out_destroy;
	json_number(json, "alignment", alignment);
	show_ranges(json, "permitted", &permitted);
	show_conflicts(json, ctx, &permitted);
out_destroy:
	iova_set_destroy(&permitted);
}

static void show_attachment(uint32_t pasid, const struct hwpt *hwpt, void *arg)
{
	struct json *json = arg;

	json_object(json, NULL);
	if (pasid != NO_PASID)
		json_number(json, "pasid", pasid);
	json_number(json, "hwpt", hwpt->object.id);
	json_number(json, "ioas", hwpt->ioas->object.id);
	json_end_object(json);
}

/* What @device did so far; nothing if it is not counted. */
static void show_counts(struct json *json, const struct iommufd_device *device)
{
	static const char *const keys[] = {
		[DEVICE_DMA_READS] = "dma_reads",
		[DEVICE_DMA_READ_BYTES] = "dma_read_bytes",
		[DEVICE_DMA_WRITES] = "dma_writes",
		[DEVICE_DMA_WRITE_BYTES] = "dma_write_bytes",
		[DEVICE_FAULTS] = "faults",
		[DEVICE_INTERRUPTS] = "interrupts",
		[DEVICE_REGISTER_READS] = "register_reads",
		[DEVICE_REGISTER_WRITES] = "register_writes",
	};
	const unsigned int counted = iommu_endpoint_counted(device->endpoint);
	struct device_counts counts;

	if (!counted)
		return;
	count_device_read(counted, &counts);
	json_object(json, "counts");
	for (size_t i = 0; i < DEVICE_COUNTS; i++)
		json_number(json, keys[i], counts.values[i]);
	json_end_object(json);
}

static void show_device(struct json *json, struct iommufd_ctx *ctx, struct iommufd_device *device)
{
	struct iommu *iommu = iommu_endpoint_iommu(device->endpoint);

	json_object(json, NULL);
	json_number(json, "id", device->object.id);
	json_string(json, "name", iommu_endpoint_name(device->endpoint));
	json_string(json, "iommu", iommu_name(iommu));
	json_string(json, "kind", iommu_kind_name(iommu_kind_of(iommu)));
	json_number(json, "group", iommufd_group_number(device->group));
	json_array(json, "attached");
	group_for_each_attachment(device, show_attachment, json);
	json_end_array(json);
	show_counts(json, device);
	show_regions(json, device);
	show_permitted(json, ctx, device);
	json_end_object(json);
}

static void show_devices(struct json *json, struct iommufd_ctx *ctx)
{
	struct iommufd_device *device;

	json_array(json, "devices");
	for (uint32_t id = 1; (device = device_next(ctx, &id)); id++) {
		show_device(json, ctx, device);
		object_put(&device->object);
	}
	json_end_array(json);
}

/* ---- the rest ---- */

static void show_others(struct json *json, struct iommufd_ctx *ctx)
{
	static const struct {
		enum object_type type;
		const char *name;
	} others[] = {
		{OBJECT_ACCESS, "access"},     {OBJECT_FAULT, "fault queue"},
		{OBJECT_VIOMMU, "viommu"},     {OBJECT_VDEVICE, "vdevice"},
		{OBJECT_VEVENTQ, "veventq"},   {OBJECT_HW_QUEUE, "hw queue"},
		{OBJECT_SELFTEST, "selftest"},
	};
	struct iommufd_object *object;

	json_array(json, "others");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		for (uint32_t id = 1; (object = object_next(ctx, &id, others[i].type)); id++) {
			json_object(json, NULL);
			json_number(json, "id", id);
			json_string(json, "type", others[i].name);
			json_end_object(json);
			object_put(object);
		}
	}
	json_end_array(json);
}

static void show_ctx(struct iommufd_ctx *ctx, void *arg)
{
	struct show *show = arg;
	struct json *json = &show->json;

	if (show->only && ctx != show->only)
		return;
	json_object(json, NULL);
	json_number(json, "context", show->contexts++);
	json_string(json, "accounting", ctx->accounting_mm ? "process" : "user");
	show_ioases(json, ctx, show->mappings);
	show_hwpts(json, ctx);
	show_devices(json, ctx);
	show_others(json, ctx);
	json_end_object(json);
}

static show_processes_fn *processes_of_others;

void show_set_processes(show_processes_fn *processes)
{
	processes_of_others = processes;
}

static void show_process(void *arg, pid_t pid, const char *name)
{
	struct json *json = arg;

	json_object(json, NULL);
	json_number(json, "pid", (uint64_t)pid);
	json_string(json, "program", name);
	json_end_object(json);
}

static void show_processes(struct json *json)
{
	if (!processes_of_others)
		return;
	json_array(json, "processes");
	processes_of_others(show_process, json);
	json_end_array(json);
}

int show_state_of(const struct iommufd_ctx *only, uint64_t mappings, char **text, size_t *len)
{
	struct show show = {.only = only, .mappings = mappings};
	struct json *json = &show.json;

	json_init(json);
	json_object(json, NULL);
	json_number(json, "version", SHOW_VERSION);
	json_number(json, "pid", (uint64_t)getpid());
	json_string(json, "program", program_invocation_short_name);
	show_processes(json);
	/* As mode "user" accounts for this process: each page once, however often it is copied. */
	json_number(json, "locked_pages", mem_user_locked(getuid()));
	json_array(json, "contexts");
	ctx_for_each(show_ctx, &show);
	json_end_array(json);
	json_end_object(json);
	*text = json_finish(json, len);
	return *text ? 0 : -ENOMEM;
}

int show_state(uint64_t mappings, char **text, size_t *len)
{
	return show_state_of(NULL, mappings, text, len);
}

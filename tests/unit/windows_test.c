/* SPDX-License-Identifier: MIT */
/*
 * What devices reserve and permit, windows that are requested before a device is attached, and why
 * a device does not fit [EXT-DEV-RANGES], [EXT-SEVERAL-DEVICES], [EXT-WINDOWS].
 */
#include <uiommufd/ranges.h>

#include "kit.h"

#define GIB	   (UINT64_C(1) << 30)
#define HIGH_START UINT64_C(0x0800000000000000)
#define HIGH_LAST  UINT64_C(0x08001fffffffffff)

enum {
	MAX_RANGES = 16
};

struct list {
	uint32_t count;
	struct iommu_iova_range ranges[MAX_RANGES];
};

static void assert_list(const struct list *list, uint32_t count,
			const struct iommu_iova_range *expected)
{
	assert_int_equal(list->count, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(list->ranges[i].start, expected[i].start);
		assert_int_equal(list->ranges[i].last, expected[i].last);
	}
}

#define ASSERT_LIST(list, ...)                                                          \
	do {                                                                            \
		const struct iommu_iova_range expected_[] = {__VA_ARGS__};              \
		assert_list(list, sizeof(expected_) / sizeof(expected_[0]), expected_); \
	} while (0)

/* A device behind an IOMMU of its own, in the context of the fixture. */
struct device {
	struct uiommufd_iommu *iommu;
	struct uiommufd_endpoint *endpoint;
	uint32_t id;
};

static struct device plug(struct fixture *f, const char *kind, const char *name)
{
	struct device device;

	assert_int_equal(uiommufd_iommu_create(kind, "iommu", &device.iommu), 0);
	assert_int_equal(uiommufd_endpoint_create(device.iommu, name, &device.endpoint), 0);
	assert_int_equal(uiommufd_endpoint_bind(device.endpoint, f->ctx, &device.id), 0);
	return device;
}

static void unplug(struct device *device)
{
	uiommufd_endpoint_destroy(device->endpoint);
	uiommufd_iommu_put(device->iommu);
}

static int permitted(struct fixture *f, uint32_t dev_id, struct list *list, uint64_t *alignment)
{
	struct iommu_dev_iova_ranges cmd = {
		.size = sizeof(cmd),
		.dev_id = dev_id,
		.num_iovas = MAX_RANGES,
		.allowed_iovas = (uintptr_t)list->ranges,
	};
	int rc = fixture_call(f, IOMMU_DEV_IOVA_RANGES, &cmd);

	list->count = cmd.num_iovas;
	if (alignment)
		*alignment = cmd.out_iova_alignment;
	return rc;
}

static int reserved(struct fixture *f, uint32_t dev_id, struct list *list, uint32_t capacity)
{
	struct iommu_resv_iova_ranges cmd = {
		.size = sizeof(cmd),
		.dev_id = dev_id,
		.num_iovas = capacity,
		.resv_iovas = capacity ? (uintptr_t)list->ranges : 0,
	};
	int rc = fixture_call(f, IOMMU_RESV_IOVA_RANGES, &cmd);

	list->count = cmd.num_iovas;
	return rc;
}

static int allow(struct fixture *f, uint32_t ioas, const struct list *list)
{
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = list->count,
		.allowed_iovas = (uintptr_t)list->ranges,
	};

	return fixture_call(f, IOMMU_IOAS_ALLOW_IOVAS, &cmd);
}

static int attach(const struct device *device, uint32_t ioas)
{
	uint32_t pt_id = ioas;

	return uiommufd_endpoint_attach(device->endpoint, UIOMMUFD_NO_PASID, &pt_id);
}

static struct list ioas_ranges(struct fixture *f, uint32_t ioas)
{
	struct list list;

	list.count = fixture_ranges(f, ioas, list.ranges, MAX_RANGES, NULL);
	return list;
}

/* Permits what an IOAS does with the device attached: the definition of the command. */
static void assert_as_attached(struct fixture *f, const struct device *device)
{
	uint32_t ioas = fixture_ioas(f);
	uint64_t alignment, asked;
	struct list before, after;

	assert_int_equal(permitted(f, device->id, &before, &alignment), 0);
	assert_int_equal(attach(device, ioas), 0);
	after.count = fixture_ranges(f, ioas, after.ranges, MAX_RANGES, &asked);
	assert_list(&before, after.count, after.ranges);
	assert_int_equal(alignment, asked);
	uiommufd_endpoint_detach(device->endpoint, UIOMMUFD_NO_PASID);
	assert_int_equal(fixture_object_destroy(f, ioas), 0);
}

static int set_up(void **state)
{
	*state = fixture_create("amd", 4);
	return 0;
}

static int tear_down(void **state)
{
	fixture_destroy(*state);
	return 0;
}

/* ---- ranges of one device ---- */

static void check_permits(struct fixture *f, const char *kind, uint32_t count,
			  const struct iommu_iova_range *expected)
{
	struct device device = plug(f, kind, "dev");
	struct list list;

	assert_int_equal(permitted(f, device.id, &list, NULL), 0);
	assert_list(&list, count, expected);
	assert_as_attached(f, &device);
	unplug(&device);
}

#define CHECK_PERMITS(f, kind, ...)                                                          \
	do {                                                                                 \
		const struct iommu_iova_range expected_[] = {__VA_ARGS__};                   \
		check_permits(f, kind, sizeof(expected_) / sizeof(expected_[0]), expected_); \
	} while (0)

static void devices_permit_what_the_worked_examples_say(void **state)
{
	struct fixture *f = *state;

	CHECK_PERMITS(f, "45bit", {0, 0x1fffffffffff});
	CHECK_PERMITS(f, "power2win", {0, 0x3fffffff}, {HIGH_START, HIGH_LAST});
	CHECK_PERMITS(f, "hole64", {0, 0xaaa9ffff}, {0xbbbb0000, UINT64_MAX});
	CHECK_PERMITS(f, "x86", {0, 0xfedfffff}, {0xfef00000, 0xffffffffffff});
	CHECK_PERMITS(f, "64bit", {0, UINT64_MAX});
	CHECK_PERMITS(f, "smmu", {0, 0x7ffffff}, {0x8100000, 0xffffffffffff});
}

static void every_kind_permits_what_attaching_leaves(void **state)
{
	static const char *const kinds[] = {"amd", "intel", "smmuv3", "riscv", "power"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct device device = plug(f, kinds[i], "dev");

		assert_as_attached(f, &device);
		unplug(&device);
	}
}

static void shaped_iommu_permits_its_windows(void **state)
{
	struct fixture *f = *state;
	struct uiommufd_iommu *iommu;

	CHECK_PERMITS(f, "64bit,aperture=0x0-0x3fffffff+0x800000000000000-0x8001fffffffffff",
		      {0, 0x3fffffff}, {HIGH_START, HIGH_LAST});
	CHECK_PERMITS(f, "64bit,hole=0xfffffffffffff000-0xffffffffffffffff+0x0-0xfff",
		      {0x1000, UINT64_MAX - 0x1000});
	CHECK_PERMITS(f, "x86,aperture=0x1000-0x1fffffffffff", {0x1000, 0xfedfffff},
		      {0xfef00000, 0x1fffffffffff});
	assert_int_equal(uiommufd_iommu_create("x86,aperture=0-0x1ffffffffffff", "x", &iommu),
			 -EINVAL);
	assert_int_equal(uiommufd_iommu_create("x86,aperture=5-4", "x", &iommu), -EINVAL);
	assert_int_equal(uiommufd_iommu_create("x86,aperture=", "x", &iommu), -EINVAL);
	assert_int_equal(uiommufd_iommu_create("x86,aperture=0-1+", "x", &iommu), -EINVAL);
	assert_int_equal(uiommufd_iommu_create("x86,size=1", "x", &iommu), -EINVAL);
	assert_int_equal(uiommufd_iommu_create("x86,hole", "x", &iommu), -EINVAL);
}

/* ---- several devices ---- */

static void windows_of_two_devices_are_planned_before_they_are_attached(void **state)
{
	struct fixture *f = *state;
	struct device narrow = plug(f, "45bit", "narrow"), x86 = plug(f, "x86", "x86");
	uint32_t ioas = fixture_ioas(f);
	struct list a, b, both, attached;

	assert_int_equal(permitted(f, narrow.id, &a, NULL), 0);
	assert_int_equal(permitted(f, x86.id, &b, NULL), 0);
	both.count = (uint32_t)uiommufd_ranges_intersect(a.ranges, a.count, b.ranges, b.count,
							 both.ranges, MAX_RANGES);
	ASSERT_LIST(&both, {0, 0xfedfffff}, {0xfef00000, 0x1fffffffffff});
	assert_int_equal(allow(f, ioas, &both), 0);
	assert_int_equal(attach(&narrow, ioas), 0);
	assert_int_equal(attach(&x86, ioas), 0);
	attached = ioas_ranges(f, ioas);
	assert_list(&attached, both.count, both.ranges);
	unplug(&narrow);
	unplug(&x86);
}

/* ---- windows ---- */

static uint32_t ioas_with_power_windows(struct fixture *f)
{
	const struct list windows = {2, {{0, GIB - 1}, {HIGH_START, HIGH_LAST}}};
	uint32_t ioas = fixture_ioas(f);

	assert_int_equal(allow(f, ioas, &windows), 0);
	return ioas;
}

static void device_behind_64_bits_fits_the_windows(void **state)
{
	struct fixture *f = *state;
	struct device device = plug(f, "64bit", "plain");

	assert_int_equal(attach(&device, ioas_with_power_windows(f)), 0);
	assert_string_equal(uiommufd_last_error(), "");
	unplug(&device);
}

static void power_device_fits_and_narrows_to_the_windows(void **state)
{
	struct fixture *f = *state;
	struct device device = plug(f, "power", "power");
	uint32_t ioas = ioas_with_power_windows(f);
	struct list list;

	assert_int_equal(attach(&device, ioas), 0);
	list = ioas_ranges(f, ioas);
	ASSERT_LIST(&list, {0, 0x3fffffff}, {HIGH_START, HIGH_LAST});
	uiommufd_endpoint_detach(device.endpoint, UIOMMUFD_NO_PASID);
	list = ioas_ranges(f, ioas);
	ASSERT_LIST(&list, {0, UINT64_MAX});
	unplug(&device);
}

static void device_of_45_bits_is_refused_and_nothing_changes(void **state)
{
	struct fixture *f = *state;
	struct device device = plug(f, "45bit", "0000:05:00.0");
	uint32_t ioas = ioas_with_power_windows(f), other = fixture_ioas(f);
	struct list list;

	assert_int_equal(attach(&device, ioas), -EADDRINUSE);
	assert_string_equal(
		uiommufd_last_error(),
		"0000:05:00.0: window 0x800000000000000-0x8001fffffffffff of IOAS 4 cannot be "
		"kept: 0x200000000000-0xffffffffffffffff is outside of the aperture "
		"0x0-0x1fffffffffff of IOMMU iommu");
	list = ioas_ranges(f, ioas);
	ASSERT_LIST(&list, {0, UINT64_MAX});
	/* A device that is attached elsewhere stays there. */
	assert_int_equal(attach(&device, other), 0);
	assert_int_equal(attach(&device, ioas), -EADDRINUSE);
	list = ioas_ranges(f, other);
	ASSERT_LIST(&list, {0, 0x1fffffffffff});
	unplug(&device);
}

static void x86_device_fits_and_the_windows_cannot_grow_over_its_msi_range(void **state)
{
	const struct list wider = {1, {{0, 0xffffffff}}};
	struct fixture *f = *state;
	struct device device = plug(f, "amd", "0000:06:00.0"), late = plug(f, "45bit", "late");
	uint32_t ioas = ioas_with_power_windows(f);

	assert_int_equal(attach(&device, ioas), 0);
	assert_int_equal(allow(f, ioas, &wider), -EADDRINUSE);
	assert_string_equal(
		uiommufd_last_error(),
		"window 0x0-0xffffffff of IOAS 5 cannot be kept: 0xfee00000-0xfeefffff is "
		"reserved (msi) for device 0000:06:00.0");
	/* The old windows still hold. */
	assert_int_equal(attach(&late, ioas), -EADDRINUSE);
	unplug(&late);
	unplug(&device);
}

static void hole_of_a_hwpt_and_a_mapping_are_named(void **state)
{
	const struct list middle = {1, {{GIB, 2 * GIB - 1}}};
	struct fixture *f = *state;
	struct device power = plug(f, "power", "power"), x86 = plug(f, "x86", "x86");
	uint32_t ioas = fixture_ioas(f), hwpt;
	struct iommu_hwpt_alloc cmd = {.size = sizeof(cmd), .dev_id = power.id, .pt_id = ioas};

	assert_int_equal(allow(f, ioas, &middle), 0);
	assert_int_equal(fixture_call(f, IOMMU_HWPT_ALLOC, &cmd), -EADDRINUSE);
	assert_non_null(
		strstr(uiommufd_last_error(), "power: window 0x40000000-0x7fffffff of IOAS"));
	assert_non_null(strstr(uiommufd_last_error(),
			       "0x40000000-0x7ffffffffffffff is a hole in the aperture"));
	assert_int_equal(fixture_map(f, ioas, 0xfee00000, 0, 4096, FIXTURE_RW), 0);
	assert_int_equal(attach(&x86, ioas), -EADDRINUSE);
	assert_non_null(
		strstr(uiommufd_last_error(), "x86: mapping 0xfee00000-0xfee00fff of IOAS"));
	/* The next call replaces the explanation. */
	assert_int_equal(fixture_hwpt(f, 0, 99, 0, &hwpt), -EINVAL);
	assert_non_null(strstr(uiommufd_last_error(), "there is no object with this ID"));
	unplug(&power);
	unplug(&x86);
}

static void automatic_iovas_use_the_windows_in_ascending_order(void **state)
{
	const struct list windows = {2, {{0x100000, 0x100fff}, {0x80000000, 0x80ffffff}}};
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f);
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = FIXTURE_RW,
		.ioas_id = ioas,
		.user_va = (uintptr_t)f->buffer,
		.length = 4096,
	};

	assert_int_equal(allow(f, ioas, &windows), 0);
	assert_int_equal(fixture_call(f, IOMMU_IOAS_MAP, &map), 0);
	assert_int_equal(map.iova, 0x100000);
	assert_int_equal(fixture_call(f, IOMMU_IOAS_MAP, &map), 0);
	assert_int_equal(map.iova, 0x80000000);
}

/* ---- the commands themselves ---- */

static void reserved_ranges_are_sorted_merged_and_counted(void **state)
{
	struct fixture *f = *state;
	struct device device = plug(
		f, "x86,hole=0xfef00000-0xfef0ffff+0x1000-0x1fff+0xfed00000-0xfedfffff", "dev");
	struct list list = {0};

	/* Three regions touch. */
	assert_int_equal(reserved(f, device.id, &list, MAX_RANGES), 0);
	ASSERT_LIST(&list, {0x1000, 0x1fff}, {0xfed00000, 0xfef0ffff});
	memset(&list, 0, sizeof(list));
	assert_int_equal(reserved(f, device.id, &list, 1), -EMSGSIZE);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.ranges[0].last, 0x1fff);
	assert_int_equal(list.ranges[1].last, 0);
	assert_int_equal(reserved(f, device.id, &list, 0), -EMSGSIZE);
	unplug(&device);
}

static void device_without_regions_reserves_nothing(void **state)
{
	struct fixture *f = *state;
	struct device device = plug(f, "45bit", "dev");
	struct list list;

	assert_int_equal(reserved(f, device.id, &list, 0), 0);
	assert_int_equal(list.count, 0);
	unplug(&device);
}

static void commands_check_their_arguments(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f);
	struct iommu_resv_iova_ranges resv = {.size = sizeof(resv), .dev_id = f->dev_ids[0]};
	struct iommu_dev_iova_ranges dev = {.size = sizeof(dev), .dev_id = f->dev_ids[0]};

	resv.__reserved = dev.__reserved = 1;
	assert_int_equal(fixture_call(f, IOMMU_RESV_IOVA_RANGES, &resv), -EOPNOTSUPP);
	assert_int_equal(fixture_call(f, IOMMU_DEV_IOVA_RANGES, &dev), -EOPNOTSUPP);
	resv.__reserved = dev.__reserved = 0;
	resv.dev_id = dev.dev_id = 0;
	assert_int_equal(fixture_call(f, IOMMU_RESV_IOVA_RANGES, &resv), -ENOENT);
	assert_int_equal(fixture_call(f, IOMMU_DEV_IOVA_RANGES, &dev), -ENOENT);
	resv.dev_id = dev.dev_id = ioas;
	assert_int_equal(fixture_call(f, IOMMU_RESV_IOVA_RANGES, &resv), -ENOENT);
	assert_int_equal(fixture_call(f, IOMMU_DEV_IOVA_RANGES, &dev), -ENOENT);
	resv.dev_id = dev.dev_id = f->dev_ids[0];
	resv.num_iovas = dev.num_iovas = 1;
	resv.resv_iovas = dev.allowed_iovas = 8;
	assert_int_equal(fixture_call(f, IOMMU_RESV_IOVA_RANGES, &resv), -EFAULT);
	assert_int_equal(fixture_call(f, IOMMU_DEV_IOVA_RANGES, &dev), -EFAULT);
	/* The structures were not written. */
	assert_int_equal(resv.num_iovas, 1);
	assert_int_equal(dev.num_iovas, 1);
	assert_int_equal(dev.out_iova_alignment, 0);
	resv.size = sizeof(resv) - 1;
	assert_int_equal(fixture_call(f, IOMMU_RESV_IOVA_RANGES, &resv), -EINVAL);
}

static void without_extensions_the_numbers_are_unknown(void **state)
{
	const struct uiommufd_options options = {.size = sizeof(options),
						 .flags = UIOMMUFD_OPEN_NO_EXTENSIONS};
	struct iommu_resv_iova_ranges resv = {.size = sizeof(resv)};
	struct uiommufd *ctx;

	(void)state;
	assert_int_equal(uiommufd_open(&options, &ctx), 0);
	assert_int_equal(uiommufd_ioctl(ctx, NULL, IOMMU_RESV_IOVA_RANGES, (uintptr_t)&resv),
			 -ENOTTY);
	/* Only after the size could be read [EXT-NUMBERS]. */
	assert_int_equal(uiommufd_ioctl(ctx, NULL, IOMMU_RESV_IOVA_RANGES, 8), -EFAULT);
	uiommufd_close(ctx);
	assert_int_equal(uiommufd_open(NULL, &ctx), 0);
	assert_int_equal(uiommufd_ioctl(ctx, NULL, IOMMU_RESV_IOVA_RANGES, (uintptr_t)&resv),
			 -ENOENT);
	/* No command has a higher number. */
	assert_int_equal(uiommufd_ioctl(ctx, NULL, 0x3bc4, (uintptr_t)&resv), -ENOTTY);
	uiommufd_close(ctx);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(devices_permit_what_the_worked_examples_say),
		TEST(every_kind_permits_what_attaching_leaves),
		TEST(shaped_iommu_permits_its_windows),
		TEST(windows_of_two_devices_are_planned_before_they_are_attached),
		TEST(device_behind_64_bits_fits_the_windows),
		TEST(power_device_fits_and_narrows_to_the_windows),
		TEST(device_of_45_bits_is_refused_and_nothing_changes),
		TEST(x86_device_fits_and_the_windows_cannot_grow_over_its_msi_range),
		TEST(hole_of_a_hwpt_and_a_mapping_are_named),
		TEST(automatic_iovas_use_the_windows_in_ascending_order),
		TEST(reserved_ranges_are_sorted_merged_and_counted),
		TEST(device_without_regions_reserves_nothing),
		TEST(commands_check_their_arguments),
		TEST(without_extensions_the_numbers_are_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

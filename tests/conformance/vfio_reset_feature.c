/* SPDX-License-Identifier: MIT */
/*
 * Resets, the checks of ioeventfds, DEVICE_FEATURE [PCI-RESET], [PCI-HOT-RESET],
 * [PCI-IOEVENTFD], [VFIO-FEATURE].
 */
#include <errno.h>
#include <sys/eventfd.h>

#include "conformance.h"
#include "edu.h"
#include "groups.h"

/* ---- resets, ioeventfds ---- */

static void reset_works_if_the_device_says_so(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_info info = {.argsz = sizeof(info)};
	bool can;

	expect_ok(t->device, VFIO_DEVICE_GET_INFO, &info);
	can = info.flags & VFIO_DEVICE_FLAGS_RESET;
	expect_errno(can ? 0 : EINVAL, t->device, VFIO_DEVICE_RESET, NULL);
}

static void reset_keeps_attachment_and_mappings(void **state)
{
	struct fixture *t = fixture(state);
	uint64_t *memory = mem_pages(PAGE);

	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	*memory = 77;
	if (do_ioctl(t->device, VFIO_DEVICE_RESET, NULL) == -EINVAL)
		skip_test("the device cannot be reset alone");
	need_edu(t); /* switches bus mastering on again */
	expect_equal(edu_peek(t->device, IOVA), 77);
	expect_equal(attach_device(t->device, t->ioas), t->hwpt);
}

static void hot_reset_info_checks_its_argument(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_pci_hot_reset_info info = {.argsz = sizeof(info)};

	expect_errno(EFAULT, t->device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, NULL);
	expect_errno(EFAULT, t->device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
		     before_hole(&info, sizeof(info) - 1));
	for (info.argsz = 0; info.argsz < 12; info.argsz++)
		expect_errno(EINVAL, t->device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info);
}

static void hot_reset_info_counts_the_device_or_is_ENODEV(void **state)
{
	struct fixture *t = fixture(state);
	/* A struct vfio_pci_hot_reset_info. */
	struct {
		uint32_t argsz, flags, count;
		struct vfio_pci_dependent_device devices[64];
	} answer = {.argsz = sizeof(struct vfio_pci_hot_reset_info)};
	int result = do_ioctl(t->device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &answer);

	if (result == -ENODEV)
		skip_test("the device's slot cannot be reset");
	expect_equal(result, -ENOSPC);
	expect_true(answer.count >= 1);
	answer.argsz = sizeof(answer);
	expect_ok(t->device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &answer);
	expect_true(answer.flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID);
	for (uint32_t i = 0; i < answer.count; i++) {
		if (answer.devices[i].devid == t->dev_id)
			return;
	}
	conformance_fail(HERE, "the device is not among those that are reset");
}

static void hot_reset_checks_its_argument(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_pci_hot_reset reset = {.argsz = sizeof(reset)};

	expect_errno(EFAULT, t->device, VFIO_DEVICE_PCI_HOT_RESET, NULL);
	expect_errno(EFAULT, t->device, VFIO_DEVICE_PCI_HOT_RESET,
		     before_hole(&reset, sizeof(reset) - 1));
	for (reset.argsz = 0; reset.argsz < 12; reset.argsz++)
		expect_errno(EINVAL, t->device, VFIO_DEVICE_PCI_HOT_RESET, &reset);
	reset.argsz = sizeof(reset);
	reset.flags = 1;
	expect_errno(EINVAL, t->device, VFIO_DEVICE_PCI_HOT_RESET, &reset);
	/* Group descriptors are not for files of devices. */
	reset.flags = 0;
	reset.count = 1;
	expect_errno(EINVAL, t->device, VFIO_DEVICE_PCI_HOT_RESET, &reset);
}

static struct vfio_device_ioeventfd ioeventfd(void)
{
	return (struct vfio_device_ioeventfd){
		.argsz = sizeof(struct vfio_device_ioeventfd),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = EDU_LIVENESS,
		.data = 1,
		.fd = close_later(eventfd(0, EFD_CLOEXEC)),
	};
}

static void expect_ioeventfd(int error, const struct fixture *t, const void *cmd)
{
	expect_errno(error, t->device, VFIO_DEVICE_IOEVENTFD, cmd);
}

static void ioeventfd_checks_its_argument(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_ioeventfd cmd = ioeventfd();
	const uint32_t flags[] = {0, 3, 0xc, 0x10, 0x14, 0x80000004};

	expect_ioeventfd(EFAULT, t, NULL);
	expect_ioeventfd(EFAULT, t, before_hole(&cmd, 27));
	for (cmd.argsz = 0; cmd.argsz < 28; cmd.argsz++)
		expect_ioeventfd(EINVAL, t, &cmd);
	cmd = ioeventfd();
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		cmd.flags = flags[i];
		expect_ioeventfd(EINVAL, t, &cmd);
	}
	cmd = ioeventfd();
	cmd.fd = -2;
	expect_ioeventfd(EINVAL, t, &cmd);
}

static void ioeventfd_takes_bars_only(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_ioeventfd cmd = ioeventfd();

	cmd.offset = (uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40;
	expect_ioeventfd(EINVAL, t, &cmd);
	cmd.offset = (uint64_t)VFIO_PCI_ROM_REGION_INDEX << 40;
	expect_ioeventfd(EINVAL, t, &cmd);
	cmd.offset = (UINT64_C(1) << 40) - 4;
	expect_ioeventfd(EINVAL, t, &cmd);
}

static void ioeventfd_is_added_once_and_removed(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_ioeventfd cmd = ioeventfd();

	need_edu(t);
	expect_ioeventfd(0, t, &cmd);
	expect_ioeventfd(EEXIST, t, &cmd);
	cmd.fd = -1;
	expect_ioeventfd(0, t, &cmd);
	expect_ioeventfd(ENODEV, t, &cmd);
}

/* ---- features ---- */

enum {
	/* Of no feature. */
	NO_FEATURE = 0xfff0
};

static void expect_feature(int error, const struct fixture *t, uint32_t flags)
{
	/* A struct vfio_device_feature with room for any data. */
	struct {
		uint32_t argsz, flags;
		uint64_t data[32];
	} cmd = {.argsz = sizeof(cmd), .flags = flags};

	expect_errno(error, t->device, VFIO_DEVICE_FEATURE, &cmd);
}

static void device_feature_with_an_unreadable_head_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_feature feature = {.argsz = sizeof(feature)};

	expect_errno(EFAULT, t->device, VFIO_DEVICE_FEATURE, NULL);
	expect_errno(EFAULT, t->device, VFIO_DEVICE_FEATURE, before_hole(&feature, 7));
}

static void device_feature_with_argsz_below_8_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_feature feature = {.flags = NO_FEATURE};

	for (feature.argsz = 0; feature.argsz < 8; feature.argsz++)
		expect_errno(EINVAL, t->device, VFIO_DEVICE_FEATURE, &feature);
}

static void device_feature_with_other_flags_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	for (unsigned int bit = 19; bit < 32; bit++)
		expect_feature(EINVAL, t, VFIO_DEVICE_FEATURE_GET | 1u << bit | NO_FEATURE);
}

static void device_feature_with_get_and_set_without_probe_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;

	expect_feature(EINVAL, t, both | NO_FEATURE);
	expect_feature(ENOTTY, t, both | VFIO_DEVICE_FEATURE_PROBE | NO_FEATURE);
}

static void an_absent_device_feature_is_ENOTTY(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ops[] = {0, VFIO_DEVICE_FEATURE_GET, VFIO_DEVICE_FEATURE_SET,
				VFIO_DEVICE_FEATURE_PROBE,
				VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		expect_feature(ENOTTY, t, ops[i] | NO_FEATURE);
}

/* True if the device has the feature. */
static bool has_feature(const struct fixture *t, uint32_t feature)
{
	struct vfio_device_feature probe = {.argsz = sizeof(probe),
					    .flags = VFIO_DEVICE_FEATURE_PROBE | feature};

	return do_ioctl(t->device, VFIO_DEVICE_FEATURE, &probe) == 0;
}

/* Rows 1 to 13: what a feature can be asked for; the data of the longest fits. */
static void each_device_feature_has_one_operation(void **state)
{
	static const struct {
		uint32_t feature, other; /* the operation that it has not */
	} features[] = {
		{VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, VFIO_DEVICE_FEATURE_GET},
		{VFIO_DEVICE_FEATURE_MIGRATION, VFIO_DEVICE_FEATURE_SET},
		{VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, VFIO_DEVICE_FEATURE_GET},
		{VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP, VFIO_DEVICE_FEATURE_GET},
		{VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, VFIO_DEVICE_FEATURE_GET},
		{VFIO_DEVICE_FEATURE_DMA_LOGGING_START, VFIO_DEVICE_FEATURE_GET},
		{VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, VFIO_DEVICE_FEATURE_GET},
		{VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, VFIO_DEVICE_FEATURE_SET},
		{VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, VFIO_DEVICE_FEATURE_SET},
		{VFIO_DEVICE_FEATURE_BUS_MASTER, VFIO_DEVICE_FEATURE_GET},
		{VFIO_DEVICE_FEATURE_DMA_BUF, VFIO_DEVICE_FEATURE_SET},
		{VFIO_DEVICE_FEATURE_ZPCI_ERROR, VFIO_DEVICE_FEATURE_SET},
	};
	struct fixture *t = fixture(state);

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		bool there = has_feature(t, features[i].feature);

		expect_feature(there ? EINVAL : ENOTTY, t, features[i].feature | features[i].other);
		/* Neither. */
		expect_feature(there ? EINVAL : ENOTTY, t, features[i].feature);
	}
}

static void vfio_pci_has_no_feature_bus_master(void **state)
{
	struct fixture *t = fixture(state);

	expect_feature(ENOTTY, t, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_BUS_MASTER);
	expect_feature(ENOTTY, t, VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_BUS_MASTER);
	expect_feature(ENOTTY, t, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_ZPCI_ERROR);
}

static void precopy_info_without_precopy_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	if (has_feature(t, VFIO_DEVICE_FEATURE_MIGRATION))
		skip_test("the device can migrate");
	expect_feature(EINVAL, t, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2);
}

int vfio_reset_feature(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bound, reset_works_if_the_device_says_so, "PCI-RESET"),
		CASE(attached, reset_keeps_attachment_and_mappings,
		     "PCI-RESET, CONFIG-RESET-STATE.7"),
		CASE(bound, hot_reset_info_checks_its_argument, "PCI-HOT-RESET"),
		CASE(bound, hot_reset_info_counts_the_device_or_is_ENODEV,
		     "PCI-HOT-RESET, CONFIG-RESET.4"),
		CASE(bound, hot_reset_checks_its_argument, "PCI-HOT-RESET"),
		CASE(bound, ioeventfd_checks_its_argument, "PCI-IOEVENTFD"),
		CASE(bound, ioeventfd_takes_bars_only, "PCI-IOEVENTFD"),
		CASE(bound, ioeventfd_is_added_once_and_removed, "PCI-IOEVENTFD"),
		CASE(bound, device_feature_with_an_unreadable_head_is_EFAULT, "VFIO-FEATURE"),
		CASE(bound, device_feature_with_argsz_below_8_is_EINVAL, "VFIO-FEATURE"),
		CASE(bound, device_feature_with_other_flags_is_EINVAL, "VFIO-FEATURE"),
		CASE(bound, device_feature_with_get_and_set_without_probe_is_EINVAL,
		     "VFIO-FEATURE"),
		CASE(bound, an_absent_device_feature_is_ENOTTY, "VFIO-FEATURE"),
		CASE(bound, each_device_feature_has_one_operation,
		     "VFIO-FEATURE.1..3, VFIO-FEATURE.8, VFIO-FEATURE.10, VFIO-FEATURE.12"),
		CASE(bound, vfio_pci_has_no_feature_bus_master,
		     "VFIO-FEATURE.9, CONFIG-FEATURES.4"),
		CASE(bound, precopy_info_without_precopy_is_EINVAL,
		     "VFIO-FEATURE.11, CONFIG-FEATURES.6"),
	};

	return cmocka_run_group_tests_name("reset, features", tests, NULL, NULL);
}

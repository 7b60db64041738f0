/* SPDX-License-Identifier: MIT */
/*
 * Devices that are unbound, pulled out, or reached past VFIO, with files of them open: what the
 * preload waits for, and what each file answers meanwhile.
 */
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kit.h"
#include "vfio/vfio_internal.h"

/* The group with its first device open in a type1 container. */
struct opened {
	struct group_rig rig;
	int container, group, device;
	int event; /* of REQ, and of ERR */
};

static int open_all(void **state)
{
	struct opened *o = calloc(1, sizeof(*o));

	group_rig_open(&o->rig);
	o->container = group_rig_type1(&o->rig);
	o->group = group_rig_group(&o->rig);
	assert_int_equal(group_rig_set_container(&o->rig, o->group, o->container), 0);
	assert_int_equal(group_rig_set_iommu(&o->rig, o->container), 0);
	o->device = (int)group_rig_device(&o->rig, o->group, 0);
	assert_true(o->device >= 0);
	o->event = eventfd(0, EFD_NONBLOCK);
	*state = o;
	return 0;
}

static int close_all(void **state)
{
	struct opened *o = *state;

	group_rig_close(&o->rig);
	close(o->event);
	free(o);
	return 0;
}

/* SET_IRQS of one eventfd for ERR or REQ. */
static void watch(struct opened *o, uint32_t index)
{
	union rig_irqs irqs;

	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, index, 1, &o->event);
	assert_int_equal(
		group_rig_ioctl(&o->rig, o->device, VFIO_DEVICE_SET_IRQS, (uintptr_t)&irqs), 0);
}

static uint64_t events(const struct opened *o)
{
	uint64_t count = 0;

	return read(o->event, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static struct uiommufd_file *file_of(struct opened *o)
{
	return o->rig.files[o->device - GROUP_RIG_FD];
}

static uint32_t read_device(struct opened *o, uint64_t region, uint64_t off)
{
	uint64_t pos = vfio_region_offset(region) + off;
	uint32_t value = 0;

	assert_int_equal(file_of(o)->ops->read(file_of(o), &o->rig.caller, (uintptr_t)&value,
					       sizeof(value), &pos),
			 sizeof(value));
	return value;
}

/* ---- unbinding ---- */

static void an_unbound_device_opens_no_further_file(void **state)
{
	struct opened *o = *state;
	struct vfio_device *device = o->rig.devices[0];
	struct uiommufd_file *file;

	assert_int_equal(vfio_device_files(device), 1);
	vfio_device_unbind_driver(device);
	assert_int_equal(group_rig_device(&o->rig, o->group, 0), -ENODEV);
	assert_int_equal(vfio_device_open(device, &file), -ENODEV);
	assert_int_equal(vfio_device_files(device), 1);
	/* The other one does, and the file that is open works. */
	assert_true(group_rig_device(&o->rig, o->group, 1) >= 0);
	assert_int_equal(read_device(o, VFIO_PCI_CONFIG_REGION_INDEX, 0) & 0xffff, 0x1234);
	group_rig_close_fd(&o->rig, o->device);
	assert_int_equal(vfio_device_files(device), 0);
	vfio_device_bind_driver(device);
	assert_true(group_rig_device(&o->rig, o->group, 0) >= 0);
}

/* [CONFIG-IRQ.10] */
static void a_request_signals_the_program(void **state)
{
	struct opened *o = *state;

	vfio_device_request(o->rig.devices[0]); /* nobody listens */
	watch(o, VFIO_PCI_REQ_IRQ_INDEX);
	vfio_device_request(o->rig.devices[0]);
	assert_int_equal(events(o), 1);
	vfio_device_request(o->rig.devices[0]);
	vfio_device_request(o->rig.devices[0]);
	assert_int_equal(events(o), 2);
}

/* [TYPE1-SET-CONTAINER.3] */
static void a_group_without_a_bound_device_is_of_no_use(void **state)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	struct opened *o = *state;
	struct uiommufd_file *file;

	vfio_device_unbind_driver(o->rig.devices[0]);
	vfio_device_unbind_driver(o->rig.devices[1]);
	/* A file is open still. */
	vfio_device_unbound(o->rig.devices[1]);
	assert_int_equal(
		group_rig_ioctl(&o->rig, o->group, VFIO_GROUP_GET_STATUS, (uintptr_t)&status), 0);
	group_rig_close_fd(&o->rig, o->device);
	vfio_device_unbound(o->rig.devices[0]);
	assert_int_equal(
		group_rig_ioctl(&o->rig, o->group, VFIO_GROUP_GET_STATUS, (uintptr_t)&status),
		-ENODEV);
	assert_int_equal(group_rig_ioctl(&o->rig, o->group, VFIO_GROUP_UNSET_CONTAINER, 0),
			 -EINVAL);
	assert_int_equal(group_rig_set_container(&o->rig, o->group, o->container), -ENODEV);
	assert_int_equal(vfio_group_open(o->rig.devices[0], &file), -ENODEV);
	vfio_device_bind_driver(o->rig.devices[1]);
	assert_int_equal(group_rig_set_container(&o->rig, o->group, o->container), 0);
}

/* ---- pulling out ---- */

static void a_device_that_is_pulled_out_reads_as_ones(void **state)
{
	struct opened *o = *state;
	uint16_t ids[2] = {0};

	assert_int_equal(read_device(o, 0, 0), 0x010000ed);
	vfio_device_pull(o->rig.devices[0]);
	assert_int_equal(read_device(o, 0, 0), UINT32_MAX);
	/* What VFIO keeps for itself stays; what the device would answer does not. */
	assert_int_equal(read_device(o, VFIO_PCI_CONFIG_REGION_INDEX, PCI_VENDOR_ID) & 0xffff,
			 0x1234);
	assert_int_equal(read_device(o, VFIO_PCI_CONFIG_REGION_INDEX, PCI_CLASS_REVISION),
			 UINT32_MAX);
	assert_int_equal(vfio_device_config_read(o->rig.devices[0], 0, ids, sizeof(ids)), 4);
	assert_int_equal(ids[0], UINT16_MAX);
	group_rig_close_fd(&o->rig, o->device);
	assert_int_equal(vfio_device_config_read(o->rig.devices[0], 0, ids, sizeof(ids)), 4);
	assert_int_equal(ids[0], UINT16_MAX);
	assert_int_equal(group_rig_device(&o->rig, o->group, 0), -ENODEV);
}

static void pulling_out_signals_an_error_and_a_request(void **state)
{
	static const uint32_t indices[] = {VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX};
	struct opened *o = *state;

	for (size_t i = 0; i < 2; i++)
		watch(o, indices[i]);
	vfio_device_pull(o->rig.devices[0]);
	assert_int_equal(events(o), 2);
}

static void dma_of_a_device_that_is_pulled_out_is_refused(void **state)
{
	struct opened *o = *state;
	struct uiommufd_device *dev = vfio_device_dev(o->rig.devices[0]);
	const uint32_t command = PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY;
	char byte = 1;

	assert_int_equal(group_rig_map(&o->rig, o->container), 0);
	group_rig_write(&o->rig, o->device,
			vfio_region_offset(VFIO_PCI_CONFIG_REGION_INDEX) + PCI_COMMAND, command);
	assert_int_equal(uiommufd_device_dma_write(dev, GROUP_RIG_IOVA, &byte, 1), 0);
	vfio_device_pull(o->rig.devices[0]);
	assert_int_equal(uiommufd_device_dma_write(dev, GROUP_RIG_IOVA, &byte, 1), -EFAULT);
	/* Writing the command register does not bring it back. */
	group_rig_write(&o->rig, o->device,
			vfio_region_offset(VFIO_PCI_CONFIG_REGION_INDEX) + PCI_COMMAND, command);
	assert_int_equal(uiommufd_device_dma_write(dev, GROUP_RIG_IOVA, &byte, 1), -EFAULT);
}

/* ---- past VFIO ---- */

/* [SYSFS-WRITE.11] */
static void registers_written_past_vfio_last_until_the_last_close(void **state)
{
	struct opened *o = *state;
	struct vfio_device *device = o->rig.devices[0];
	uint8_t line = 0x10;

	assert_int_equal(vfio_device_config_write(device, PCI_CACHE_LINE_SIZE, &line, 1), 1);
	assert_int_equal(read_device(o, VFIO_PCI_CONFIG_REGION_INDEX, PCI_CACHE_LINE_SIZE) & 0xff,
			 0x10);
	group_rig_close_fd(&o->rig, o->device);
	assert_int_equal(vfio_device_config_read(device, PCI_CACHE_LINE_SIZE, &line, 1), 1);
	assert_int_equal(line, 0);
	/* Without a program, they are what the next one finds. */
	line = 0x20;
	assert_int_equal(vfio_device_config_write(device, PCI_CACHE_LINE_SIZE, &line, 1), 1);
	o->device = (int)group_rig_device(&o->rig, o->group, 0);
	assert_int_equal(read_device(o, VFIO_PCI_CONFIG_REGION_INDEX, PCI_CACHE_LINE_SIZE) & 0xff,
			 0x20);
}

/* [SYSFS-DEVICE.15] */
static void a_device_sleeps_while_it_is_bound_and_not_open(void **state)
{
	struct opened *o = *state;
	struct vfio_device *device = o->rig.devices[0];
	const uint32_t pmcsr = device->config.pm + PCI_PM_CTRL;
	uint8_t state_bits;

	(void)vfio_device_config_read(device, pmcsr, &state_bits, 1);
	assert_int_equal(state_bits & PCI_PM_CTRL_STATE_MASK, 0);
	group_rig_close_fd(&o->rig, o->device);
	(void)vfio_device_config_read(device, pmcsr, &state_bits, 1);
	assert_int_equal(state_bits & PCI_PM_CTRL_STATE_MASK, 3);
	vfio_device_unbind_driver(device);
	(void)vfio_device_config_read(device, pmcsr, &state_bits, 1);
	assert_int_equal(state_bits & PCI_PM_CTRL_STATE_MASK, 0);
}

/* [CONFIG-RESET.1] */
static void without_a_method_a_reset_is_ENOTTY(void **state)
{
	struct opened *o = *state;
	struct vfio_device *device = o->rig.devices[0];

	assert_int_equal(group_rig_ioctl(&o->rig, o->device, VFIO_DEVICE_RESET, 0), 0);
	assert_int_equal(vfio_device_reset_function(device), 0);
	vfio_device_set_resets(device, 0);
	assert_int_equal(group_rig_ioctl(&o->rig, o->device, VFIO_DEVICE_RESET, 0), -ENOTTY);
	assert_int_equal(vfio_device_reset_function(device), -ENOTTY);
	vfio_device_set_resets(device, UINT_MAX);
	assert_int_equal(group_rig_ioctl(&o->rig, o->device, VFIO_DEVICE_RESET, 0), 0);
}

/* [TYPE1-GET-DEVICE-FD.2] */
static void a_name_may_be_followed_by_options(void **state)
{
	static const struct {
		const char *rest;
		long error;
	} cases[] = {
		{"x", -ENODEV},
		{"\t", -ENODEV},
		{" x", -EINVAL},
		{" vf_token=", -EINVAL},
		{" vf_token=00000000-0000-0000-0000-000000000000", -EINVAL},
		{"  x", -EINVAL},
	};
	struct opened *o = *state;
	char text[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", vfio_device_name(o->rig.devices[1]),
			 cases[i].rest);
		assert_int_equal(group_rig_ioctl(&o->rig, o->group, VFIO_GROUP_GET_DEVICE_FD,
						 (uintptr_t)text),
				 cases[i].error);
	}
	snprintf(text, sizeof(text), "%s  ", vfio_device_name(o->rig.devices[1]));
	assert_true(group_rig_ioctl(&o->rig, o->group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)text) >=
		    0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unbound_device_opens_no_further_file),
		TEST(a_request_signals_the_program),
		TEST(a_group_without_a_bound_device_is_of_no_use),
		TEST(a_device_that_is_pulled_out_reads_as_ones),
		TEST(pulling_out_signals_an_error_and_a_request),
		TEST(dma_of_a_device_that_is_pulled_out_is_refused),
		TEST(registers_written_past_vfio_last_until_the_last_close),
		TEST(a_device_sleeps_while_it_is_bound_and_not_open),
		TEST(without_a_method_a_reset_is_ENOTTY),
		TEST(a_name_may_be_followed_by_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

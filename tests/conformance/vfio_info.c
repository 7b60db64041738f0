/* SPDX-License-Identifier: MIT */
/* GET_INFO, GET_REGION_INFO, GET_IRQ_INFO [PCI-INFO], [PCI-REGION], [PCI-IRQ]. */
#include <errno.h>

#include "conformance.h"
#include "edu.h"
#include "groups.h"

static struct vfio_region_info region_info(const struct fixture *t, uint32_t index)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = index};

	expect_ok(t->device, VFIO_DEVICE_GET_REGION_INFO, &info);
	return info;
}

static struct vfio_irq_info irq_info(const struct fixture *t, uint32_t index)
{
	struct vfio_irq_info info = {.argsz = sizeof(info), .index = index};

	expect_ok(t->device, VFIO_DEVICE_GET_IRQ_INFO, &info);
	return info;
}

/* ---- GET_INFO ---- */

static void device_get_info_with_16_unreadable_bytes_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_info info = {.argsz = sizeof(info)};

	expect_errno(EFAULT, t->device, VFIO_DEVICE_GET_INFO, NULL);
	expect_errno(EFAULT, t->device, VFIO_DEVICE_GET_INFO, before_hole(&info, 15));
	expect_errno(EFAULT, t->device, VFIO_DEVICE_GET_INFO, read_only(&info, sizeof(info)));
}

static void device_get_info_with_argsz_below_16_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_info info = {0};

	for (info.argsz = 0; info.argsz < 16; info.argsz++)
		expect_errno(EINVAL, t->device, VFIO_DEVICE_GET_INFO, &info);
}

static void a_pci_device_has_9_regions_and_5_interrupts(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_info info = {.argsz = sizeof(info)};

	expect_ok(t->device, VFIO_DEVICE_GET_INFO, &info);
	expect_true(info.flags & VFIO_DEVICE_FLAGS_PCI);
	expect_true(info.num_regions >= VFIO_PCI_NUM_REGIONS);
	expect_equal(info.num_irqs, VFIO_PCI_NUM_IRQS);
	if (is_edu(t->device))
		expect_equal(info.num_regions, VFIO_PCI_NUM_REGIONS);
}

static void device_get_info_writes_no_more_than_argsz(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_info info = {.argsz = 16};
	struct vfio_device_info *copy = before_hole(&info, 16);

	expect_ok(t->device, VFIO_DEVICE_GET_INFO, copy);
	expect_equal(copy->num_irqs, VFIO_PCI_NUM_IRQS);
	info.cap_offset = 0x77777777;
	expect_ok(t->device, VFIO_DEVICE_GET_INFO, &info);
	expect_equal(info.cap_offset, 0x77777777);
}

/* ---- GET_REGION_INFO ---- */

static void region_info_that_cannot_be_read_or_written_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_region_info info = {.argsz = sizeof(info)};

	expect_errno(EFAULT, t->device, VFIO_DEVICE_GET_REGION_INFO, NULL);
	expect_errno(EFAULT, t->device, VFIO_DEVICE_GET_REGION_INFO,
		     before_hole(&info, sizeof(info) - 1));
	expect_errno(EFAULT, t->device, VFIO_DEVICE_GET_REGION_INFO,
		     read_only(&info, sizeof(info)));
}

static void region_info_with_argsz_below_32_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_region_info info = {0};

	for (info.argsz = 0; info.argsz < 32; info.argsz++)
		expect_errno(EINVAL, t->device, VFIO_DEVICE_GET_REGION_INFO, &info);
}

static void region_info_of_an_unknown_index_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_info device = {.argsz = sizeof(device)};
	const uint32_t beyond[] = {0, 1, 100, 0x7fffffff};

	expect_ok(t->device, VFIO_DEVICE_GET_INFO, &device);
	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++)
		expect_errno(EINVAL, t->device, VFIO_DEVICE_GET_REGION_INFO,
			     VFIO_CMD(vfio_region_info, .index = device.num_regions + beyond[i]));
	expect_errno(EINVAL, t->device, VFIO_DEVICE_GET_REGION_INFO,
		     VFIO_CMD(vfio_region_info, .index = UINT32_MAX));
}

static void the_offset_of_a_region_is_its_index_in_bits_40_on(void **state)
{
	struct fixture *t = fixture(state);

	for (uint32_t i = 0; i <= VFIO_PCI_CONFIG_REGION_INDEX; i++)
		expect_equal(region_info(t, i).offset, (uint64_t)i << 40);
}

static void bars_can_be_read_and_written_if_they_exist(void **state)
{
	struct fixture *t = fixture(state);

	for (uint32_t i = 0; i < VFIO_PCI_ROM_REGION_INDEX; i++) {
		struct vfio_region_info info = region_info(t, i);
		uint32_t rights = info.flags &
				  (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);

		if (info.size)
			expect_equal(rights, 3);
		else
			expect_equal(info.flags, 0);
		expect_true(!(info.size & (info.size - 1)));
	}
}

static void edu_has_one_bar_of_a_mebibyte(void **state)
{
	struct fixture *t = fixture(state);

	need_edu(t);
	expect_equal(region_info(t, 0).size, MIB);
	for (uint32_t i = 1; i <= VFIO_PCI_ROM_REGION_INDEX; i++)
		expect_equal(region_info(t, i).size, 0);
}

static void config_space_is_256_or_4096_bytes(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_region_info info = region_info(t, VFIO_PCI_CONFIG_REGION_INDEX);

	expect_true(info.size == 256 || info.size == 4096);
	expect_equal(info.flags, 3);
}

static void the_rom_is_read_only_if_it_exists(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_region_info info = region_info(t, VFIO_PCI_ROM_REGION_INDEX);

	expect_equal(info.flags, info.size ? VFIO_REGION_INFO_FLAG_READ : 0);
}

static void region_info_of_vga_on_a_device_without_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	if (config_read(t->device, 0xa, 2) == 0x300)
		skip_test("the device is a VGA");
	expect_errno(EINVAL, t->device, VFIO_DEVICE_GET_REGION_INFO,
		     VFIO_CMD(vfio_region_info, .index = VFIO_PCI_VGA_REGION_INDEX));
}

/* ---- GET_IRQ_INFO ---- */

static void irq_info_that_cannot_be_read_or_written_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_irq_info info = {.argsz = sizeof(info)};

	expect_errno(EFAULT, t->device, VFIO_DEVICE_GET_IRQ_INFO, NULL);
	expect_errno(EFAULT, t->device, VFIO_DEVICE_GET_IRQ_INFO,
		     before_hole(&info, sizeof(info) - 1));
	expect_errno(EFAULT, t->device, VFIO_DEVICE_GET_IRQ_INFO, read_only(&info, sizeof(info)));
}

static void irq_info_of_a_small_argsz_or_no_index_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_irq_info info = {0};

	for (info.argsz = 0; info.argsz < 16; info.argsz++)
		expect_errno(EINVAL, t->device, VFIO_DEVICE_GET_IRQ_INFO, &info);
	info.argsz = sizeof(info);
	info.index = VFIO_PCI_NUM_IRQS;
	expect_errno(EINVAL, t->device, VFIO_DEVICE_GET_IRQ_INFO, &info);
	info.index = UINT32_MAX;
	expect_errno(EINVAL, t->device, VFIO_DEVICE_GET_IRQ_INFO, &info);
}

static void intx_is_maskable_and_masked_automatically(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_irq_info info = irq_info(t, VFIO_PCI_INTX_IRQ_INDEX);

	expect_equal(info.flags,
		     VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED);
	expect_equal(info.count, config_read(t->device, 0x3d, 1) ? 1 : 0);
}

static void msi_err_and_req_cannot_be_resized(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t indices[] = {VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_ERR_IRQ_INDEX,
				    VFIO_PCI_REQ_IRQ_INDEX};

	for (size_t i = 0; i < ARRAY_SIZE(indices); i++)
		expect_equal(irq_info(t, indices[i]).flags,
			     VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE);
	expect_equal(irq_info(t, VFIO_PCI_REQ_IRQ_INDEX).count, 1);
	expect_equal(irq_info(t, VFIO_PCI_ERR_IRQ_INDEX).count, 1);
	expect_true(irq_info(t, VFIO_PCI_MSIX_IRQ_INDEX).flags & VFIO_IRQ_INFO_EVENTFD);
}

static void edu_has_intx_and_one_msi(void **state)
{
	struct fixture *t = fixture(state);

	need_edu(t);
	expect_equal(irq_info(t, VFIO_PCI_INTX_IRQ_INDEX).count, 1);
	expect_equal(irq_info(t, VFIO_PCI_MSI_IRQ_INDEX).count, 1);
	expect_equal(irq_info(t, VFIO_PCI_MSIX_IRQ_INDEX).count, 0);
}

int vfio_info(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bound, device_get_info_with_16_unreadable_bytes_is_EFAULT, "PCI-INFO"),
		CASE(bound, device_get_info_with_argsz_below_16_is_EINVAL, "PCI-INFO"),
		CASE(bound, a_pci_device_has_9_regions_and_5_interrupts, "PCI-INFO"),
		CASE(bound, device_get_info_writes_no_more_than_argsz, "PCI-INFO"),
		CASE(bound, region_info_that_cannot_be_read_or_written_is_EFAULT, "PCI-REGION"),
		CASE(bound, region_info_with_argsz_below_32_is_EINVAL, "PCI-REGION"),
		CASE(bound, region_info_of_an_unknown_index_is_EINVAL, "PCI-REGION.6"),
		CASE(bound, the_offset_of_a_region_is_its_index_in_bits_40_on, "PCI-REGION"),
		CASE(bound, bars_can_be_read_and_written_if_they_exist, "PCI-REGION.1"),
		CASE(bound, edu_has_one_bar_of_a_mebibyte, "PCI-REGION.1"),
		CASE(bound, config_space_is_256_or_4096_bytes, "PCI-REGION.3"),
		CASE(bound, the_rom_is_read_only_if_it_exists, "PCI-REGION.2"),
		CASE(bound, region_info_of_vga_on_a_device_without_is_EINVAL, "PCI-REGION.4"),
		CASE(bound, irq_info_that_cannot_be_read_or_written_is_EFAULT, "PCI-IRQ"),
		CASE(bound, irq_info_of_a_small_argsz_or_no_index_is_EINVAL, "PCI-IRQ"),
		CASE(bound, intx_is_maskable_and_masked_automatically, "PCI-IRQ"),
		CASE(bound, msi_err_and_req_cannot_be_resized, "PCI-IRQ, CONFIG-IRQ.1"),
		CASE(bound, edu_has_intx_and_one_msi, "PCI-IRQ"),
	};

	return cmocka_run_group_tests_name("information", tests, NULL, NULL);
}

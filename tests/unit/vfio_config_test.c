/* SPDX-License-Identifier: MIT */
/* Config space: the header, the BARs' sizes, capabilities, and power states. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vfio/pci_config.h"

static const struct uiommufd_model full = {
	.name = "full",
	.vendor = 0x1234,
	.device = 0x5678,
	.subsystem_vendor = 0x9abc,
	.subsystem = 0xdef0,
	.class_code = 0x010802,
	.revision = 7,
	.bars = {{.size = 1 << 20},
		 {.size = 256, .flags = UIOMMUFD_BAR_IO},
		 {.size = UINT64_C(1) << 33, .flags = UIOMMUFD_BAR_64 | UIOMMUFD_BAR_PREFETCH},
		 {0},
		 {.size = 16}},
	.intx = true,
	.msi_vectors = 8,
	.msix_vectors = 65,
	.msix_bar = 0,
	.msix_table = 0x2000,
	.msix_pba = 0x3000,
	.pcie = true,
};

static struct pci_window windows[PCI_WINDOWS];

static void make(struct pci_config *config, const struct uiommufd_model *model)
{
	pci_place_bars(model, 0, 3, windows);
	pci_config_init(config, model, windows);
}

static uint32_t get(const struct pci_config *config, uint32_t off, unsigned int size)
{
	uint32_t value = 0;

	pci_config_read(config, off, &value, size);
	return value;
}

static void set(struct pci_config *config, uint32_t off, uint32_t value, unsigned int size)
{
	pci_config_write(config, off, &value, size);
}

static void the_header_shows_the_model(void **state)
{
	struct pci_config config;

	(void)state;
	make(&config, &full);
	assert_int_equal(get(&config, PCI_VENDOR_ID, 4), 0x56781234);
	assert_int_equal(get(&config, PCI_CLASS_REVISION, 4), 0x01080207);
	assert_int_equal(get(&config, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(get(&config, PCI_SUBSYSTEM_VENDOR_ID, 4), 0xdef09abc);
	assert_int_equal(get(&config, PCI_INTERRUPT_PIN, 1), 1);
	assert_int_equal(config.size, 4096);
}

static void powered_up_the_device_decodes_and_does_not_master(void **state)
{
	struct pci_config config;

	(void)state;
	make(&config, &full);
	assert_int_equal(pci_config_command(&config), PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
}

static void all_ones_in_a_memory_bar_read_back_as_its_size(void **state)
{
	struct pci_config config;

	(void)state;
	make(&config, &full);
	assert_int_equal(get(&config, PCI_BASE_ADDRESS_0, 4), windows[0].start);
	set(&config, PCI_BASE_ADDRESS_0, 0xffffffff, 4);
	assert_int_equal(get(&config, PCI_BASE_ADDRESS_0, 4), 0xfff00000);
	set(&config, PCI_BASE_ADDRESS_4, 0xffffffff, 4);
	assert_int_equal(get(&config, PCI_BASE_ADDRESS_4, 4), 0xfffffff0);
}

static void an_io_bar_keeps_its_type_bit(void **state)
{
	struct pci_config config;

	(void)state;
	make(&config, &full);
	assert_int_equal(get(&config, PCI_BASE_ADDRESS_1, 4), windows[1].start | 1);
	set(&config, PCI_BASE_ADDRESS_1, 0xffffffff, 4);
	assert_int_equal(get(&config, PCI_BASE_ADDRESS_1, 4), 0xffffff01);
	set(&config, PCI_BASE_ADDRESS_1, 0, 4);
	assert_int_equal(get(&config, PCI_BASE_ADDRESS_1, 4), 1);
}

static void a_64_bit_bar_is_sized_over_both_halves(void **state)
{
	struct pci_config config;

	(void)state;
	make(&config, &full);
	set(&config, PCI_BASE_ADDRESS_2, 0xffffffff, 4);
	set(&config, PCI_BASE_ADDRESS_3, 0xffffffff, 4);
	assert_int_equal(get(&config, PCI_BASE_ADDRESS_2, 4), 0xc);
	assert_int_equal(get(&config, PCI_BASE_ADDRESS_3, 4), 0xfffffffe);
}

static void a_bar_that_is_not_there_reads_zero_whatever_is_written(void **state)
{
	struct pci_config config;

	(void)state;
	make(&config, &full);
	set(&config, PCI_BASE_ADDRESS_5, 0xffffffff, 4);
	set(&config, PCI_ROM_ADDRESS, 0xffffffff, 4);
	assert_int_equal(get(&config, PCI_BASE_ADDRESS_5, 4), 0);
	assert_int_equal(get(&config, PCI_ROM_ADDRESS, 4), 0);
}

static void identity_and_status_cannot_be_written(void **state)
{
	struct pci_config config;

	(void)state;
	make(&config, &full);
	set(&config, PCI_VENDOR_ID, 0, 4);
	set(&config, PCI_STATUS, 0xffff, 2);
	set(&config, PCI_CLASS_REVISION, 0, 4);
	set(&config, PCI_CAPABILITY_LIST, 0, 1);
	assert_int_equal(get(&config, PCI_VENDOR_ID, 4), 0x56781234);
	assert_int_equal(get(&config, PCI_STATUS, 2), PCI_STATUS_CAP_LIST);
	assert_int_equal(get(&config, PCI_CLASS_REVISION, 4), 0x01080207);
	assert_int_not_equal(get(&config, PCI_CAPABILITY_LIST, 1), 0);
}

static void the_command_register_holds_only_what_the_device_has(void **state)
{
	struct uiommufd_model no_io = {.bars = {{.size = 4096}}};
	struct pci_config config;

	(void)state;
	make(&config, &no_io);
	set(&config, PCI_COMMAND, 0xffff, 2);
	assert_int_equal(pci_config_command(&config), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
							      PCI_COMMAND_PARITY |
							      PCI_COMMAND_SERR);
	set(&config, PCI_COMMAND + 1, 0, 1);
	assert_int_equal(pci_config_command(&config),
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY);
}

static void capabilities_are_a_list_that_ends(void **state)
{
	static const uint8_t expected[] = {PCI_CAP_ID_MSI, PCI_CAP_ID_MSIX, PCI_CAP_ID_PM,
					   PCI_CAP_ID_EXP};
	struct pci_config config;
	unsigned int found = 0;

	(void)state;
	make(&config, &full);
	for (uint32_t at = get(&config, PCI_CAPABILITY_LIST, 1); at;
	     at = get(&config, at + PCI_CAP_LIST_NEXT, 1)) {
		assert_true(at >= 0x40 && at % 4 == 0 && found < 4);
		assert_int_equal(get(&config, at, 1), expected[found++]);
	}
	assert_int_equal(found, 4);
}

static void extended_capabilities_are_a_list_that_ends(void **state)
{
	struct pci_config config;
	uint32_t header;

	(void)state;
	make(&config, &full);
	assert_int_equal(config.size, 4096);
	header = get(&config, PCI_CFG_SPACE_SIZE, 4);
	assert_int_equal(PCI_EXT_CAP_ID(header), PCI_EXT_CAP_ID_ERR);
	assert_int_equal(PCI_EXT_CAP_VER(header), 1);
	assert_int_equal(PCI_EXT_CAP_NEXT(header), 0);
	/* What is to be reported can be chosen; that something was cannot be claimed. */
	set(&config, PCI_CFG_SPACE_SIZE + PCI_ERR_UNCOR_MASK, PCI_ERR_UNC_UNSUP, 4);
	set(&config, PCI_CFG_SPACE_SIZE + PCI_ERR_UNCOR_STATUS, PCI_ERR_UNC_UNSUP, 4);
	assert_int_equal(get(&config, PCI_CFG_SPACE_SIZE + PCI_ERR_UNCOR_MASK, 4),
			 PCI_ERR_UNC_UNSUP);
	assert_int_equal(get(&config, PCI_CFG_SPACE_SIZE + PCI_ERR_UNCOR_STATUS, 4), 0);
}

static void a_model_without_interrupts_has_only_power_management(void **state)
{
	struct uiommufd_model bare = {.bars = {{.size = 4096}}};
	struct pci_config config;
	uint32_t at;

	(void)state;
	make(&config, &bare);
	at = get(&config, PCI_CAPABILITY_LIST, 1);
	assert_int_equal(get(&config, PCI_STATUS, 2), PCI_STATUS_CAP_LIST);
	assert_int_equal(get(&config, at, 1), PCI_CAP_ID_PM);
	assert_int_equal(get(&config, at + PCI_CAP_LIST_NEXT, 1), 0);
	assert_int_equal(config.size, 256);
	assert_int_equal(get(&config, PCI_INTERRUPT_PIN, 1), 0);
}

static void asleep_a_device_neither_answers_nor_does_dma(void **state)
{
	struct uiommufd_model memory = {.bars = {{.size = 4096}}};
	const uint16_t all = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	struct pci_config config;

	(void)state;
	make(&config, &memory);
	set(&config, PCI_COMMAND, all, 2);
	/* There is no D1. */
	pci_config_set_power(&config, 1);
	assert_int_equal(pci_config_effective(&config), all);
	pci_config_set_power(&config, 3);
	assert_int_equal(get(&config, config.pm + PCI_PM_CTRL, 2), 3 | PCI_PM_CTRL_NO_SOFT_RESET);
	assert_int_equal(pci_config_effective(&config), 0);
	assert_int_equal(pci_config_command(&config), all);
	pci_config_set_power(&config, 0);
	assert_int_equal(pci_config_effective(&config), all);
	pci_config_set_power(&config, 3);
	pci_config_wake(&config);
	assert_int_equal(pci_config_effective(&config), all);
}

static void msi_shows_what_is_enabled(void **state)
{
	struct pci_config config;

	(void)state;
	make(&config, &full);
	assert_int_equal(get(&config, config.msi + PCI_MSI_FLAGS, 2), PCI_MSI_FLAGS_64BIT | 3 << 1);
	pci_config_show_irqs(&config, &(struct pci_irq_status){.msi_control = 3 << 4 | 1});
	assert_int_equal(get(&config, config.msi + PCI_MSI_FLAGS, 2),
			 PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_ENABLE | 3 << 4 | 3 << 1);
}

static void msix_shows_its_table_and_whether_it_is_enabled(void **state)
{
	struct pci_config config;

	(void)state;
	make(&config, &full);
	assert_int_equal(get(&config, config.msix + PCI_MSIX_FLAGS, 2), 64);
	assert_int_equal(get(&config, config.msix + PCI_MSIX_TABLE, 4), 0x2000);
	assert_int_equal(get(&config, config.msix + PCI_MSIX_PBA, 4), 0x3000);
	pci_config_show_irqs(&config, &(struct pci_irq_status){.msix = true, .intx = true});
	assert_int_equal(get(&config, config.msix + PCI_MSIX_FLAGS, 2), PCI_MSIX_FLAGS_ENABLE | 64);
	assert_int_equal(get(&config, PCI_STATUS, 2), PCI_STATUS_CAP_LIST | PCI_STATUS_INTERRUPT);
}

static void windows_are_aligned_and_apart(void **state)
{
	(void)state;
	pci_place_bars(&full, 0, 3, windows);
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		assert_int_equal(windows[i].size, full.bars[i].size);
		if (windows[i].size)
			assert_int_equal(windows[i].start % windows[i].size, 0);
	}
	assert_true(windows[0].start + windows[0].size <= windows[4].start);
	assert_true(windows[0].start < UINT32_MAX && windows[2].start > UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_shows_the_model),
		cmocka_unit_test(powered_up_the_device_decodes_and_does_not_master),
		cmocka_unit_test(all_ones_in_a_memory_bar_read_back_as_its_size),
		cmocka_unit_test(an_io_bar_keeps_its_type_bit),
		cmocka_unit_test(a_64_bit_bar_is_sized_over_both_halves),
		cmocka_unit_test(a_bar_that_is_not_there_reads_zero_whatever_is_written),
		cmocka_unit_test(identity_and_status_cannot_be_written),
		cmocka_unit_test(the_command_register_holds_only_what_the_device_has),
		cmocka_unit_test(capabilities_are_a_list_that_ends),
		cmocka_unit_test(extended_capabilities_are_a_list_that_ends),
		cmocka_unit_test(a_model_without_interrupts_has_only_power_management),
		cmocka_unit_test(asleep_a_device_neither_answers_nor_does_dma),
		cmocka_unit_test(msi_shows_what_is_enabled),
		cmocka_unit_test(msix_shows_its_table_and_whether_it_is_enabled),
		cmocka_unit_test(windows_are_aligned_and_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

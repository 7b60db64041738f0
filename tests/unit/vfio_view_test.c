/* SPDX-License-Identifier: MIT */
/*
 * Config space as VFIO shows it: what is virtual, what passes to the device, what is dropped. Rows
 * that need a device of this kind or another, which the conformance suite does not have.
 */
#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vfio/pci_view.h"

static const struct uiommufd_model full = {
	.name = "full",
	.vendor = 0x1234,
	.device = 0x5678,
	.class_code = 0x010802,
	.bars = {{.size = 1 << 20},
		 {.size = 256, .flags = UIOMMUFD_BAR_IO},
		 {.size = UINT64_C(1) << 33, .flags = UIOMMUFD_BAR_64 | UIOMMUFD_BAR_PREFETCH}},
	.intx = true,
	.msi_vectors = 8,
	.msix_vectors = 65,
	.msix_table = 0x2000,
	.msix_pba = 0x3000,
	.pcie = true,
};

struct fixture {
	struct pci_config config;
	struct pci_view view;
	struct pci_irq_status status;
};

static struct fixture *make(const struct uiommufd_model *model)
{
	static struct fixture f;
	struct pci_window windows[PCI_BARS];

	pci_place_bars(model, 3, windows);
	pci_config_init(&f.config, model, windows);
	pci_view_init(&f.view, &f.config);
	f.status = (struct pci_irq_status){0};
	return &f;
}

/* One access, in the pieces that VFIO makes of it. */
static uint32_t get(struct fixture *f, uint32_t off, uint32_t size)
{
	uint32_t value = 0, part;

	for (uint32_t at = 0; at < size; at += part) {
		part = pci_view_piece(&f->view, off + at, size - at);
		pci_view_read(&f->view, off + at, (char *)&value + at, part);
	}
	return value;
}

static unsigned int set(struct fixture *f, uint32_t off, uint32_t value, uint32_t size)
{
	unsigned int effects = 0;
	uint32_t part;

	for (uint32_t at = 0; at < size; at += part) {
		part = pci_view_piece(&f->view, off + at, size - at);
		effects |=
			pci_view_write(&f->view, off + at, (char *)&value + at, part, &f->status);
	}
	return effects;
}

/* The register of the device itself. */
static uint32_t hw(struct fixture *f, uint32_t off, uint32_t size)
{
	uint32_t value = 0;

	pci_config_read(&f->config, off, &value, size);
	return value;
}

/* The bits of the register of @size bytes at @off that a program can change. */
static uint32_t changeable(struct fixture *f, uint32_t off, uint32_t size)
{
	const uint32_t ones = size == 4 ? UINT32_MAX : (1u << (8 * size)) - 1;
	uint32_t high, low;

	set(f, off, ones, size);
	high = get(f, off, size);
	set(f, off, 0, size);
	low = get(f, off, size);
	return high ^ low;
}

/* [CONFIG-HEADER.1..14] */
static void the_header_has_few_writable_registers(void **state)
{
	static const struct {
		uint32_t off, size, bits;
	} registers[] = {
		{PCI_VENDOR_ID, 4, 0},
		{PCI_COMMAND, 2, 0x547}, /* what the device has of it, and INTx disable */
		{PCI_STATUS, 2, 0},
		{PCI_CLASS_REVISION, 4, 0},
		{PCI_CACHE_LINE_SIZE, 1, 0xff},
		{PCI_LATENCY_TIMER, 1, 0}, /* of PCI Express: hardwired */
		{PCI_HEADER_TYPE, 1, 0},
		{PCI_BIST, 1, 0},
		{PCI_BASE_ADDRESS_0, 4, 0xfff00000},
		{PCI_BASE_ADDRESS_1, 4, 0xffffff00},
		{PCI_BASE_ADDRESS_2, 4, 0},
		{PCI_BASE_ADDRESS_3, 4, 0xfffffffe},
		{PCI_BASE_ADDRESS_4, 4, 0},
		{PCI_CARDBUS_CIS, 4, 0},
		{PCI_SUBSYSTEM_VENDOR_ID, 4, 0},
		{PCI_ROM_ADDRESS, 4, 0},
		{PCI_CAPABILITY_LIST, 4, 0},
		{0x38, 4, 0},
		{PCI_INTERRUPT_LINE, 1, 0xff},
		{PCI_INTERRUPT_PIN, 1, 0},
		{PCI_MIN_GNT, 2, 0},
	};
	struct fixture *f = make(&full);

	(void)state;
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		assert_int_equal(changeable(f, registers[i].off, registers[i].size),
				 registers[i].bits);
	assert_int_equal(get(f, PCI_VENDOR_ID, 4), 0x56781234);
	assert_int_equal(get(f, PCI_INTERRUPT_PIN, 1), 1);
}

/* [CONFIG-BARS.1..5] */
static void bars_are_sized_without_moving_the_device(void **state)
{
	struct fixture *f = make(&full);
	const uint32_t before = hw(f, PCI_BASE_ADDRESS_0, 4);

	(void)state;
	for (uint32_t off = PCI_BASE_ADDRESS_0; off <= PCI_ROM_ADDRESS; off += 4)
		set(f, off, UINT32_MAX, 4);
	assert_int_equal(get(f, PCI_BASE_ADDRESS_0, 4), 0xfff00000);
	assert_int_equal(get(f, PCI_BASE_ADDRESS_1, 4), 0xffffff01);
	assert_int_equal(get(f, PCI_BASE_ADDRESS_2, 4), 0xc);
	assert_int_equal(get(f, PCI_BASE_ADDRESS_3, 4), 0xfffffffe);
	assert_int_equal(get(f, PCI_BASE_ADDRESS_4, 4), 0);
	assert_int_equal(get(f, PCI_ROM_ADDRESS, 4), 0);
	assert_int_equal(hw(f, PCI_BASE_ADDRESS_0, 4), before);
}

/* [CONFIG-PM.1..2] */
static void power_management_shows_no_pme(void **state)
{
	struct fixture *f = make(&full);
	const uint32_t pmcsr = f->config.pm + PCI_PM_CTRL;

	(void)state;
	assert_int_equal(get(f, f->config.pm + PCI_PM_PMC, 2), 3);
	assert_int_equal(changeable(f, f->config.pm + PCI_PM_PMC, 2), 0);
	set(f, pmcsr, 0x8103, 2);
	assert_int_equal(get(f, pmcsr, 2), 3 | PCI_PM_CTRL_NO_SOFT_RESET);
	/* Only a piece that starts at the register asks for a state; there is no D1. */
	set(f, pmcsr + 1, 0, 1);
	set(f, pmcsr, 1, 1);
	assert_int_equal(get(f, pmcsr, 1) & PCI_PM_CTRL_STATE_MASK, 3);
	set(f, pmcsr, 0, 4);
	assert_int_equal(get(f, pmcsr, 1) & PCI_PM_CTRL_STATE_MASK, 0);
}

/* [CONFIG-PCIE.1..4] */
static void express_keeps_sizes_and_passes_enables(void **state)
{
	struct fixture *f = make(&full);
	const uint32_t cap = f->config.express, devctl = cap + PCI_EXP_DEVCTL;

	(void)state;
	for (uint32_t off = PCI_EXP_FLAGS; off < 52; off += 2) {
		if (off != PCI_EXP_DEVCTL && off != PCI_EXP_DEVCTL2)
			assert_int_equal(changeable(f, cap + off, 2), 0);
	}
	assert_int_equal(changeable(f, cap + PCI_EXP_DEVCTL2, 2), 0x1f);
	/* Enables, MPS and MRRS; the device has neither extended tags nor auxiliary power. */
	assert_int_equal(changeable(f, devctl, 2), 0x78ff);
	for (uint32_t value = 0; value < 8; value++) {
		set(f, devctl, value << 12 | value << 5, 2);
		assert_int_equal(get(f, devctl, 2), value << 12 | value << 5);
		/* Reserved sizes do not get to the device, and no payload size does. */
		assert_int_equal(hw(f, devctl, 2), (value < 6 ? value : 5) << 12);
	}
	assert_int_equal(set(f, devctl, PCI_EXP_DEVCTL_BCR_FLR, 2), 0);
	assert_int_equal(get(f, devctl, 2), 0);
}

/* [CONFIG-RESET.2] */
static void the_flr_bit_asks_for_a_reset_and_reads_0(void **state)
{
	struct uiommufd_model model = full;
	struct fixture *f;
	uint32_t devctl;

	(void)state;
	model.flr = true;
	f = make(&model);
	devctl = f->config.express + PCI_EXP_DEVCTL;
	assert_int_equal(set(f, devctl, PCI_EXP_DEVCTL_BCR_FLR, 2), PCI_EFFECT_RESET);
	assert_int_equal(get(f, devctl, 2), 0);
	assert_int_equal(set(f, devctl, 0, 2), 0);
	assert_int_equal(set(f, devctl + 1, 0x80, 1), PCI_EFFECT_RESET);
}

/* [CONFIG-MSI.1..3], [CONFIG-MSI-WRITE.1], [CONFIG-MSI-WRITE.3] */
static void msi_is_enabled_by_set_irqs_only(void **state)
{
	struct fixture *f = make(&full);
	const uint32_t flags = f->config.msi + PCI_MSI_FLAGS;

	(void)state;
	assert_int_equal(get(f, flags, 2), PCI_MSI_FLAGS_64BIT | 3 << 1);
	assert_int_equal(PCI_EFFECT_MSI, set(f, flags, 0xffff, 2));
	assert_int_equal(get(f, flags, 2), PCI_MSI_FLAGS_64BIT | 7 << 1);
	assert_false(set(f, flags + 2, UINT32_MAX, 4));
	assert_false(set(f, flags + 6, UINT32_MAX, 4));
	assert_false(set(f, flags + 10, 0xffff, 2));
	assert_int_equal(get(f, flags + 2, 4), UINT32_MAX);
	assert_int_equal(get(f, flags + 6, 4), UINT32_MAX);
	assert_int_equal(get(f, flags + 10, 2), 0xffff);
	assert_int_equal(hw(f, flags + 2, 4), 0);

	f->status = (struct pci_irq_status){.msi = true, .msi_log_limit = 2};
	assert_int_equal(PCI_EFFECT_MSI, set(f, flags, 0x71, 1));
	assert_int_equal(get(f, flags, 2), PCI_MSI_FLAGS_ENABLE | 2 << 4);
	/* A piece that ends at it is enough. */
	f->status.msi = false;
	assert_int_equal(set(f, f->config.msi, 0, 2), PCI_EFFECT_MSI);
	assert_int_equal(get(f, flags, 2), 2 << 4);
}

/* [CONFIG-MSI-WRITE.2] */
static void the_device_gets_the_enable_bit_of_active_msi(void **state)
{
	struct fixture *f = make(&full);
	const uint32_t flags = f->config.msi + PCI_MSI_FLAGS;

	(void)state;
	f->status = (struct pci_irq_status){.msi = true};
	set(f, flags, PCI_MSI_FLAGS_ENABLE, 2);
	assert_int_equal(pci_view_msi_control(&f->view) & PCI_MSI_FLAGS_ENABLE, 1);
	set(f, flags, 0, 2);
	assert_int_equal(pci_view_msi_control(&f->view) & PCI_MSI_FLAGS_ENABLE, 0);
}

/* [CONFIG-CAPS.9] */
static void msix_cannot_be_written(void **state)
{
	struct fixture *f = make(&full);

	(void)state;
	for (uint32_t off = 0; off < 12; off += 4)
		assert_int_equal(changeable(f, f->config.msix + off, 4), 0);
	pci_config_show_irqs(&f->config, &(struct pci_irq_status){.msix = true});
	assert_int_equal(get(f, f->config.msix + PCI_MSIX_FLAGS, 2), PCI_MSIX_FLAGS_ENABLE | 64);
}

/* [CONFIG-EXTCAPS.1] */
static void error_masks_pass_to_the_device(void **state)
{
	struct fixture *f = make(&full);

	(void)state;
	assert_int_equal(changeable(f, 0x100, 4), 0);
	set(f, 0x100 + PCI_ERR_UNCOR_MASK, UINT32_MAX, 4);
	assert_int_equal(get(f, 0x100 + PCI_ERR_UNCOR_MASK, 4),
			 hw(f, 0x100 + PCI_ERR_UNCOR_MASK, 4));
	assert_int_equal(changeable(f, 0x100 + PCI_ERR_HEADER_LOG, 4), 0);
}

/* [CONFIG-ACCESS.1..3] */
static void a_piece_stays_in_its_dword_and_capability(void **state)
{
	struct fixture *f = make(&full);
	const uint32_t msi = f->config.msi;

	(void)state;
	assert_int_equal(pci_view_piece(&f->view, 0, 8), 4);
	assert_int_equal(pci_view_piece(&f->view, 1, 8), 1);
	assert_int_equal(pci_view_piece(&f->view, 2, 8), 2);
	assert_int_equal(pci_view_piece(&f->view, 4, 3), 2);
	/* It ends in the middle of a dword. */
	assert_int_equal(pci_view_piece(&f->view, msi + 8, 4), 4);
	assert_int_equal(pci_view_piece(&f->view, msi + 12, 4), 2);
	assert_int_equal(pci_view_piece(&f->view, msi + 14, 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_has_few_writable_registers),
		cmocka_unit_test(bars_are_sized_without_moving_the_device),
		cmocka_unit_test(power_management_shows_no_pme),
		cmocka_unit_test(express_keeps_sizes_and_passes_enables),
		cmocka_unit_test(the_flr_bit_asks_for_a_reset_and_reads_0),
		cmocka_unit_test(msi_is_enabled_by_set_irqs_only),
		cmocka_unit_test(the_device_gets_the_enable_bit_of_active_msi),
		cmocka_unit_test(msix_cannot_be_written),
		cmocka_unit_test(error_masks_pass_to_the_device),
		cmocka_unit_test(a_piece_stays_in_its_dword_and_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

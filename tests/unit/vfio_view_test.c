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

#include "vfio/pci_model.h"
#include "vfio/pci_view.h"

static uint64_t read_nothing(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			     unsigned int size)
{
	(void)dev, (void)bar, (void)off, (void)size;
	return 0;
}

static void write_nothing(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			  unsigned int size, uint64_t value)
{
	(void)dev, (void)bar, (void)off, (void)size, (void)value;
}

static const struct uiommufd_model full = {
	.name = "full",
	.summary = "every capability",
	.read = read_nothing,
	.write = write_nothing,
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
	struct pci_window windows[PCI_WINDOWS];

	pci_place_bars(model, 0, 3, windows);
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

/* [CONFIG-HEADER.1..14], [CONFIG-COMMAND.4] */
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

/* ---- capabilities that a model states ---- */

enum {
	CAP = 0xb0, /* of the capability that is tried */
	EXT_CAP = 0x140,
	HIDDEN = 0xf8, /* of one that is never visible: a subsystem ID */
	EXT_HIDDEN = 0xf00,
};

static const uint8_t ones[256] = {[0 ... 255] = 0xff};

/* A device with one capability of @id between others, whose bits the hardware can all change. */
static struct fixture *make_cap(uint8_t id, uint16_t size, const uint8_t *bytes)
{
	static struct uiommufd_model model;
	static struct uiommufd_capability caps[3];

	caps[0] = (struct uiommufd_capability){
		.id = PCI_CAP_ID_SSVID, .off = HIDDEN, .size = 8, .writable = ones};
	caps[1] = (struct uiommufd_capability){
		.id = id, .off = CAP, .size = size, .bytes = bytes, .writable = ones};
	model = full;
	model.capabilities = caps;
	assert_int_equal(pci_model_check(&model, NULL, 0), 0);
	return make(&model);
}

static struct fixture *make_ext_cap(uint16_t id, uint16_t off, uint16_t size, const uint8_t *bytes)
{
	static struct uiommufd_model model;
	static struct uiommufd_capability caps[3];

	caps[0] = (struct uiommufd_capability){.id = PCI_EXT_CAP_ID_PASID,
					       .off = EXT_HIDDEN,
					       .size = 8,
					       .version = 1,
					       .writable = ones};
	caps[1] = (struct uiommufd_capability){
		.id = id, .off = off, .size = size, .version = 1, .bytes = bytes, .writable = ones};
	model = full;
	model.capabilities = caps;
	assert_int_equal(pci_model_check(&model, NULL, 0), 0);
	return make(&model);
}

/* Whether the chain has a capability at @off; the chain ends. */
static bool in_chain(struct fixture *f, uint32_t off)
{
	bool found = false;

	for (uint32_t at = get(f, PCI_CAPABILITY_LIST, 1); at;
	     at = get(f, at + PCI_CAP_LIST_NEXT, 1)) {
		assert_true(at >= PCI_STD_HEADER_SIZEOF && at % 4 == 0);
		found |= at == off;
	}
	return found;
}

static bool in_ext_chain(struct fixture *f, uint32_t off)
{
	bool found = false;

	for (uint32_t at = PCI_CONFIG_SIZE; at; at = PCI_EXT_CAP_NEXT(get(f, at, 4)))
		found |= at == off;
	return found;
}

struct cap_case {
	uint16_t id;
	uint16_t size; /* bytes; those after it are a gap */
	bool hidden;
	uint8_t bytes[8];	/* after the header */
	uint8_t changeable[32]; /* by offset in the capability */
};

/* A capability's bytes change as the case says; hidden, they are the device's own. */
static void expect_bytes(struct fixture *f, uint32_t at, uint32_t header, const struct cap_case *c)
{
	for (uint32_t i = header; i < c->size; i++) {
		const uint8_t bits = c->hidden ? 0xff : i < 32 ? c->changeable[i] : 0;

		if (changeable(f, at + i, 1) != bits)
			fail_msg("capability 0x%x, byte 0x%x: 0x%x can be changed, not 0x%x", c->id,
				 i, changeable(f, at + i, 1), bits);
	}
	/* Behind it is a gap, which is the device's. */
	assert_int_equal(changeable(f, at + c->size, 1), 0xff);
}

/* [CONFIG-CAPS.2], [CONFIG-CAPS.5..8], [CONFIG-CAPS.10..12], [CONFIG-GAPS] */
static void each_capability_has_its_rule(void **state)
{
	static const struct cap_case cases[] = {
		{PCI_CAP_ID_AGP, 12, false, {0}, {0}},
		{PCI_CAP_ID_PCIX, 8, false, {0}, {[2] = 0xff, 0xff}},
		{PCI_CAP_ID_HT, 28, false, {0}, {0}},
		{PCI_CAP_ID_SATA, 8, false, {0}, {0}},
		{PCI_CAP_ID_SATA, 16, false, {[2] = 0xf}, {0}},
		{PCI_CAP_ID_AF, 6, false, {0}, {0}}, /* initiating a reset reads 0 */
		{0x00, 8, true, {0}, {0}},
		{PCI_CAP_ID_SLOTID, 4, true, {0}, {0}},
		{PCI_CAP_ID_CHSWP, 4, true, {0}, {0}},
		{PCI_CAP_ID_DBG, 4, true, {0}, {0}},
		{PCI_CAP_ID_SSVID, 8, true, {0}, {0}},
		{PCI_CAP_ID_SECDEV, 8, true, {0}, {0}},
		{PCI_CAP_ID_EA, 8, true, {0}, {0}},
		{0x15, 8, true, {0}, {0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct cap_case *c = &cases[i];
		uint8_t bytes[64] = {0};
		struct fixture *f;

		memcpy(bytes, c->bytes, sizeof(c->bytes));
		/* The hardware has more behind it, too. */
		f = make_cap((uint8_t)c->id, 40, bytes);
		assert_int_equal(in_chain(f, CAP), !c->hidden);
		assert_false(in_chain(f, HIDDEN));
		assert_int_equal(get(f, CAP, 1), c->id);
		expect_bytes(f, CAP, 2, c);
		/* A hidden one is found at its place, with the device's own link. */
		assert_int_equal(get(f, HIDDEN, 1), PCI_CAP_ID_SSVID);
		assert_int_equal(get(f, HIDDEN + 1, 1), CAP);
	}
}

/* [CONFIG-CAPS.7] */
static void the_vendors_capability_is_the_devices_own(void **state)
{
	static const uint8_t bytes[] = {8, 0x12, 0x34, 0x56, 0x78, 0x9a}, empty[6] = {0};
	struct fixture *f = make_cap(PCI_CAP_ID_VNDR, 8, bytes);

	(void)state;
	assert_true(in_chain(f, CAP));
	assert_int_equal(get(f, CAP + 4, 4), 0x9a785634);
	set(f, CAP + 4, 0x01020304, 4);
	assert_int_equal(hw(f, CAP + 4, 4), 0x01020304);
	assert_int_equal(changeable(f, CAP + 1, 1), 0);
	/* Without a length it is hidden. */
	assert_false(in_chain(make_cap(PCI_CAP_ID_VNDR, 8, empty), CAP));
}

/* [CONFIG-RESET.3], [CONFIG-CAPS.11] */
static void af_resets_what_can_be_reset(void **state)
{
	static const uint8_t able[4] = {6, PCI_AF_CAP_TP | PCI_AF_CAP_FLR},
			     unable[4] = {6, PCI_AF_CAP_TP};
	struct fixture *f = make_cap(PCI_CAP_ID_AF, 6, able);

	(void)state;
	assert_true(pci_config_has_af_flr(&f->config));
	assert_int_equal(set(f, CAP + PCI_AF_CTRL, 1, 1), PCI_EFFECT_RESET);
	assert_int_equal(get(f, CAP + PCI_AF_CTRL, 1), 0);
	assert_int_equal(set(f, CAP + PCI_AF_CTRL, 0, 1), 0);
	f = make_cap(PCI_CAP_ID_AF, 6, unable);
	assert_int_equal(set(f, CAP + PCI_AF_CTRL, 1, 1), 0);
	assert_false(pci_config_has_af_flr(&f->config));
}

/* [CONFIG-EXTCAPS.2..11] */
static void each_extended_capability_has_its_rule(void **state)
{
	static const struct cap_case cases[] = {
		{PCI_EXT_CAP_ID_VC, 16, false, {0}, {0}},
		{PCI_EXT_CAP_ID_VC, 28, false, {1}, {0}},
		{PCI_EXT_CAP_ID_MFVC, 16, false, {0}, {0}},
		{PCI_EXT_CAP_ID_VC9, 16, false, {0}, {0}},
		{PCI_EXT_CAP_ID_DSN, 12, false, {0}, {0}},
		{PCI_EXT_CAP_ID_PWR, 16, false, {0}, {[8] = 0xff}},
		{PCI_EXT_CAP_ID_ACS, 8, false, {0}, {0}},
		{PCI_EXT_CAP_ID_ARI, 8, false, {0}, {0}},
		{PCI_EXT_CAP_ID_ATS, 8, false, {0}, {0}},
		{PCI_EXT_CAP_ID_PRI, 16, false, {0}, {0}},
		{PCI_EXT_CAP_ID_SRIOV, 64, false, {0}, {0}},
		{PCI_EXT_CAP_ID_MCAST, 40, false, {0}, {0}},
		{PCI_EXT_CAP_ID_REBAR, 20, false, {[4] = 2 << 5}, {0}},
		{PCI_EXT_CAP_ID_LTR, 8, false, {0}, {0}},
		{PCI_EXT_CAP_ID_PASID, 8, true, {0}, {0}},
		{5, 16, true, {0}, {0}},
		{PCI_EXT_CAP_ID_RCRB, 16, true, {0}, {0}},
		{PCI_EXT_CAP_ID_SECPCI, 16, true, {0}, {0}},
		{PCI_EXT_CAP_ID_DPC, 12, true, {0}, {0}},
		{PCI_EXT_CAP_ID_L1SS, 16, true, {0}, {0}},
		{PCI_EXT_CAP_ID_PTM, 12, true, {0}, {0}},
		{0x2e, 24, true, {0}, {0}},
		{0x7777, 8, true, {0}, {0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct cap_case *c = &cases[i];
		uint8_t bytes[96] = {0};
		struct fixture *f;

		memcpy(bytes, c->bytes, sizeof(c->bytes));
		f = make_ext_cap(c->id, EXT_CAP, 96, bytes);
		assert_int_equal(in_ext_chain(f, EXT_CAP), !c->hidden);
		assert_false(in_ext_chain(f, EXT_HIDDEN));
		assert_int_equal(get(f, EXT_CAP, 2), c->id);
		expect_bytes(f, EXT_CAP, 4, c);
	}
}

/* [CONFIG-EXTCAPS.5], [CONFIG-EXTCAPS.10] */
static void vendors_extended_capabilities_are_the_devices_own(void **state)
{
	static const uint16_t ids[] = {PCI_EXT_CAP_ID_VNDR, PCI_EXT_CAP_ID_DVSEC};
	static const uint8_t bytes[12] = {0, 0, 0x00, 0x01}; /* 16 bytes long */

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture *f = make_ext_cap(ids[i], EXT_CAP, 16, bytes);

		assert_true(in_ext_chain(f, EXT_CAP));
		set(f, EXT_CAP + 8, 0x01020304, 4);
		assert_int_equal(hw(f, EXT_CAP + 8, 4), 0x01020304);
		assert_int_equal(changeable(f, EXT_CAP, 4), 0);
	}
}

/* [CONFIG-EXTCAPS] */
static void a_hidden_one_at_the_start_is_a_placeholder(void **state)
{
	struct fixture *f = make_ext_cap(PCI_EXT_CAP_ID_DPC, PCI_CONFIG_SIZE, 12, NULL);

	(void)state;
	/* Nothing else is visible. */
	assert_int_equal(get(f, PCI_CONFIG_SIZE, 4), 0);
	assert_int_equal(hw(f, PCI_CONFIG_SIZE, 4),
			 PCI_EXT_CAP_ID_DPC | 1 << 16 | (uint32_t)EXT_HIDDEN << 20);
	assert_int_equal(changeable(f, PCI_CONFIG_SIZE + 4, 4), UINT32_MAX);
}

/* [CONFIG-VPD], [CONFIG-CAPS.3] */
static void vpd_is_read_and_written_by_its_address(void **state)
{
	static const uint8_t tags[8] = {0x82, 2, 0, 'a', 'b', 0x78, 0, 0};
	struct uiommufd_model model = full;
	uint8_t bytes[8];
	struct fixture *f;
	uint32_t cap;

	(void)state;
	memcpy(bytes, tags, sizeof(bytes));
	model.vpd = tags;
	model.vpd_size = sizeof(tags);
	f = make(&model);
	f->config.vpd_bytes = bytes;
	f->config.vpd_size = sizeof(bytes);
	cap = f->config.vpd;
	assert_true(in_chain(f, cap));
	set(f, cap + PCI_VPD_ADDR, 0, 2);
	assert_int_equal(get(f, cap + PCI_VPD_ADDR, 2), PCI_VPD_ADDR_F);
	assert_int_equal(get(f, cap + PCI_VPD_DATA, 4), 'a' << 24 | 2 << 8 | 0x82);
	set(f, cap + PCI_VPD_ADDR, 3, 1); /* the byte with the flag runs it */
	assert_int_equal(get(f, cap + PCI_VPD_DATA, 4), 'a' << 24 | 2 << 8 | 0x82);
	set(f, cap + PCI_VPD_ADDR + 1, 0, 1);
	assert_int_equal(get(f, cap + PCI_VPD_DATA, 4), 0x78 << 16 | 'b' << 8 | 'a');
	/* Behind the end. */
	set(f, cap + PCI_VPD_ADDR, 0x100, 2);
	assert_int_equal(get(f, cap + PCI_VPD_ADDR, 2), PCI_VPD_ADDR_F | 0x100);
	assert_int_equal(get(f, cap + PCI_VPD_DATA, 4), 0);
	set(f, cap + PCI_VPD_ADDR, PCI_VPD_ADDR_F | 0x100, 2);
	assert_int_equal(get(f, cap + PCI_VPD_ADDR, 2), PCI_VPD_ADDR_F | 0x100);
	/* Written. */
	set(f, cap + PCI_VPD_DATA, 0x11223344, 4);
	set(f, cap + PCI_VPD_ADDR, PCI_VPD_ADDR_F | 4, 2);
	assert_int_equal(get(f, cap + PCI_VPD_ADDR, 2), 4);
	assert_int_equal(bytes[4], 0x44);
	/* Not valid: nothing completes. */
	f->config.vpd_bytes = NULL;
	set(f, cap + PCI_VPD_ADDR, 0, 2);
	assert_int_equal(get(f, cap + PCI_VPD_ADDR, 2), 0);
}

/* [CONFIG-PM]: No_Soft_Reset. */
static void coming_back_from_D3hot_may_be_a_reset(void **state)
{
	struct uiommufd_model model = full;
	struct fixture *f;
	uint32_t pmcsr;

	(void)state;
	model.d3_reset = true;
	f = make(&model);
	pmcsr = f->config.pm + PCI_PM_CTRL;
	assert_true(pci_config_has_d3_reset(&f->config));
	assert_int_equal(get(f, pmcsr, 2), 0);
	assert_int_equal(set(f, pmcsr, 3, 2), 0);
	assert_int_equal(set(f, pmcsr, 0, 2), PCI_EFFECT_RESET);
	assert_int_equal(set(f, pmcsr, 0, 2), 0);
	f = make(&full);
	set(f, pmcsr, 3, 2);
	assert_int_equal(set(f, pmcsr, 0, 2), 0);
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
		cmocka_unit_test(each_capability_has_its_rule),
		cmocka_unit_test(the_vendors_capability_is_the_devices_own),
		cmocka_unit_test(af_resets_what_can_be_reset),
		cmocka_unit_test(each_extended_capability_has_its_rule),
		cmocka_unit_test(vendors_extended_capabilities_are_the_devices_own),
		cmocka_unit_test(a_hidden_one_at_the_start_is_a_placeholder),
		cmocka_unit_test(vpd_is_read_and_written_by_its_address),
		cmocka_unit_test(coming_back_from_D3hot_may_be_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

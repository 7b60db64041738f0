/* SPDX-License-Identifier: MIT */
/* Config space as vfio-pci virtualises it [CONFIG], of any PCI device. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conformance.h"
#include "edu.h"
#include "groups.h"

static uint32_t get(const struct fixture *t, uint32_t off, uint32_t size)
{
	return config_read(t->device, off, size);
}

static void set(const struct fixture *t, uint32_t off, uint32_t size, uint32_t value)
{
	config_write(t->device, off, size, value);
}

static uint32_t find_cap(const struct fixture *t, uint32_t id)
{
	uint32_t at = get(t, PCI_CAPABILITY_LIST, 1);

	while (at && get(t, at, 1) != id)
		at = get(t, at + PCI_CAP_LIST_NEXT, 1);
	return at;
}

/* The offset of the capability; without it, the test ends as skipped. */
static uint32_t need_cap(const struct fixture *t, uint32_t id)
{
	uint32_t at = find_cap(t, id);

	if (!at)
		skip_test("the device does not have the capability");
	return at;
}

/* Writes all ones, then zeros: none of the bits of @mask changes. */
static void expect_constant(const struct fixture *t, uint32_t off, uint32_t size, uint32_t mask)
{
	const uint32_t before = get(t, off, size) & mask;

	set(t, off, size, UINT32_MAX);
	expect_equal(get(t, off, size) & mask, before);
	set(t, off, size, 0);
	expect_equal(get(t, off, size) & mask, before);
}

/* ---- open, header ---- */

static void a_fresh_device_decodes_and_does_no_dma(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t command = get(t, PCI_COMMAND, 2);
	const uint32_t msi = find_cap(t, PCI_CAP_ID_MSI), msix = find_cap(t, PCI_CAP_ID_MSIX);
	const uint32_t pm = find_cap(t, PCI_CAP_ID_PM);

	expect_true(command & PCI_COMMAND_MEMORY);
	expect_true(!(command & (PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)));
	if (pm)
		expect_equal(get(t, pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK, 0);
	if (msi)
		expect_true(!(get(t, msi + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE));
	if (msix)
		expect_true(!(get(t, msix + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_ENABLE));
}

static void identity_and_chains_are_read_only(void **state)
{
	static const struct {
		uint32_t off, size;
	} registers[] = {
		{PCI_VENDOR_ID, 4},	  {PCI_STATUS, 2},
		{PCI_CLASS_REVISION, 4},  {PCI_HEADER_TYPE, 1},
		{PCI_CARDBUS_CIS, 4},	  {PCI_SUBSYSTEM_VENDOR_ID, 4},
		{PCI_CAPABILITY_LIST, 4}, {PCI_INTERRUPT_PIN, 1},
		{PCI_MIN_GNT, 2},	  {0x38, 4},
	};
	struct fixture *t = fixture(state);

	for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
		expect_constant(t, registers[i].off, registers[i].size, UINT32_MAX);
}

static void the_interrupt_line_is_kept_and_the_pin_tells_of_intx(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_irq_info info = {.argsz = sizeof(info), .index = VFIO_PCI_INTX_IRQ_INDEX};

	set(t, PCI_INTERRUPT_LINE, 1, 0x5a);
	expect_equal(get(t, PCI_INTERRUPT_LINE, 1), 0x5a);
	expect_ok(t->device, VFIO_DEVICE_GET_IRQ_INFO, &info);
	expect_equal(!get(t, PCI_INTERRUPT_PIN, 1), !info.count);
}

static void bars_that_are_not_there_read_0(void **state)
{
	struct fixture *t = fixture(state);

	for (uint32_t i = 0; i < VFIO_PCI_ROM_REGION_INDEX; i++) {
		struct vfio_region_info info = {.argsz = sizeof(info), .index = i};
		const uint32_t off = PCI_BASE_ADDRESS_0 + 4 * i;
		const uint32_t before = get(t, off, 4);

		expect_ok(t->device, VFIO_DEVICE_GET_REGION_INFO, &info);
		set(t, off, 4, UINT32_MAX);
		if (!info.size && !(i && get(t, off - 4, 4) & PCI_BASE_ADDRESS_MEM_TYPE_64))
			expect_equal(get(t, off, 4), 0);
		else if (info.size)
			expect_equal(get(t, off, 4) & ~0xfu & (uint32_t)info.size,
				     info.size & ~0xfu);
		set(t, off, 4, before);
		expect_equal(get(t, off, 4), before);
	}
	set(t, PCI_ROM_ADDRESS, 4, UINT32_MAX);
	expect_equal(get(t, PCI_ROM_ADDRESS, 4), 0);
}

/* ---- access ---- */

static void an_access_is_cut_into_pieces(void **state)
{
	struct fixture *t = fixture(state);
	const off_t at = (off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40;
	uint8_t all[256], bytes[256];

	expect_equal(pread(t->device, all, sizeof(all), at), sizeof(all));
	for (uint32_t i = 0; i < sizeof(all); i++)
		expect_equal(pread(t->device, bytes + i, 1, at + i), 1);
	expect_true(!memcmp(all, bytes, sizeof(all)));
	/* One write over registers of all kinds: each takes what it takes. */
	memset(bytes, 0xff, sizeof(bytes));
	bytes[PCI_COMMAND] = PCI_COMMAND_MEMORY;
	bytes[PCI_COMMAND + 1] = 0;
	expect_equal(pwrite(t->device, bytes, 0x3d, at), 0x3d);
	expect_equal(get(t, PCI_VENDOR_ID, 4),
		     all[0] | all[1] << 8 | all[2] << 16 | (uint32_t)all[3] << 24);
	expect_equal(get(t, PCI_INTERRUPT_LINE, 1), 0xff);
}

/* ---- capabilities ---- */

static void power_management_shows_no_pme(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t pm = need_cap(t, PCI_CAP_ID_PM);
	const uint32_t pme = PCI_PM_CTRL_PME_ENABLE | PCI_PM_CTRL_PME_STATUS;

	expect_equal(get(t, pm + PCI_PM_PMC, 2) & PCI_PM_CAP_PME_MASK, 0);
	expect_constant(t, pm + PCI_PM_PMC, 2, UINT32_MAX);
	set(t, pm + PCI_PM_CTRL, 2, pme);
	expect_equal(get(t, pm + PCI_PM_CTRL, 2) & pme, 0);
}

static void a_device_in_D3hot_has_no_memory(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t pmcsr = need_cap(t, PCI_CAP_ID_PM) + PCI_PM_CTRL;
	uint32_t word;

	set(t, pmcsr, 2, 3);
	expect_equal(get(t, pmcsr, 2) & PCI_PM_CTRL_STATE_MASK, 3);
	expect_failed(EIO, pread(t->device, &word, 4, 0));
	/* Only the piece that starts at the register asks for a state. */
	set(t, pmcsr + 1, 1, 0);
	expect_equal(get(t, pmcsr, 2) & PCI_PM_CTRL_STATE_MASK, 3);
	set(t, pmcsr, 2, 1); /* from D3hot there is only D0 */
	expect_equal(get(t, pmcsr, 2) & PCI_PM_CTRL_STATE_MASK, 3);
	set(t, pmcsr, 1, 0);
	expect_equal(get(t, pmcsr, 2) & PCI_PM_CTRL_STATE_MASK, 0);
	expect_equal(pread(t->device, &word, 4, 0), 4);
}

static void msi_is_enabled_by_set_irqs_only(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t flags = need_cap(t, PCI_CAP_ID_MSI) + PCI_MSI_FLAGS;

	expect_constant(t, flags + 1, 1, UINT32_MAX);
	set(t, flags + 2, 4, 0xfee00123);
	expect_equal(get(t, flags + 2, 4), 0xfee00123);
	/* The whole byte is kept, without what only SET_IRQS can set up. */
	set(t, flags, 2, 0xff);
	expect_equal(get(t, flags, 1), 0xff & ~(PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE));
}

static void msix_is_read_only(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t msix = need_cap(t, PCI_CAP_ID_MSIX);

	for (uint32_t off = 0; off < 12; off += 4)
		expect_constant(t, msix + off, 4, UINT32_MAX);
}

static void mps_and_mrrs_read_as_written(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t devctl = need_cap(t, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
	const uint32_t sizes = PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ;
	const uint32_t before = get(t, devctl, 2) & ~sizes;

	for (uint32_t value = 0; value < 8; value++) {
		set(t, devctl, 2, before | value << 12 | (7 - value) << 5);
		expect_equal(get(t, devctl, 2), before | value << 12 | (7 - value) << 5);
	}
	set(t, devctl, 2, 0);
	expect_equal(get(t, devctl, 2), 0);
	set(t, devctl, 2, PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_PHANTOM);
	expect_equal(get(t, devctl, 2), PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_RELAX_EN);
}

static void express_is_read_only_beside_its_controls(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t cap = need_cap(t, PCI_CAP_ID_EXP);

	for (uint32_t off = PCI_EXP_FLAGS; off < 52; off += 2) {
		if (off != PCI_EXP_DEVCTL && off != PCI_EXP_DEVCTL2)
			expect_constant(t, cap + off, 2, UINT32_MAX);
	}
	expect_constant(t, cap + PCI_EXP_DEVCTL2, 2, PCI_EXP_DEVCTL2_ARI);
}

static void error_masks_can_be_set_and_the_log_cannot(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t mask;

	need_cap(t, PCI_CAP_ID_EXP);
	if (PCI_EXT_CAP_ID(get(t, 0x100, 4)) != PCI_EXT_CAP_ID_ERR)
		skip_test("the device does not report errors");
	expect_constant(t, 0x100, 4, UINT32_MAX);
	expect_constant(t, 0x100 + PCI_ERR_HEADER_LOG, 4, UINT32_MAX);
	mask = get(t, 0x100 + PCI_ERR_UNCOR_MASK, 4);
	set(t, 0x100 + PCI_ERR_UNCOR_MASK, 4, mask ^ PCI_ERR_UNC_UNSUP);
	expect_equal(get(t, 0x100 + PCI_ERR_UNCOR_MASK, 4), mask ^ PCI_ERR_UNC_UNSUP);
}

/* ---- resets ---- */

static void the_flag_reset_stands_for_the_ioctl(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_info info = {.argsz = sizeof(info)};

	expect_ok(t->device, VFIO_DEVICE_GET_INFO, &info);
	if (find_cap(t, PCI_CAP_ID_EXP) &&
	    get(t, find_cap(t, PCI_CAP_ID_EXP) + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR)
		expect_true(info.flags & VFIO_DEVICE_FLAGS_RESET);
	expect_errno(info.flags & VFIO_DEVICE_FLAGS_RESET ? 0 : EINVAL, t->device,
		     VFIO_DEVICE_RESET, NULL);
}

/* What a reset must not touch: registers, VFIO's copies of them. */
static void set_kept(const struct fixture *t, uint32_t devctl)
{
	set(t, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	set(t, PCI_INTERRUPT_LINE, 1, 0x33);
	set(t, PCI_BASE_ADDRESS_0, 4, 0xa5500000);
	set(t, devctl, 2, 5 << 12 | 1 << 5 | PCI_EXP_DEVCTL_CERE);
}

static void expect_kept(const struct fixture *t, uint32_t devctl)
{
	expect_equal(get(t, PCI_COMMAND, 2),
		     PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	expect_equal(get(t, PCI_INTERRUPT_LINE, 1), 0x33);
	expect_equal(get(t, PCI_BASE_ADDRESS_0, 4) & 0xfff00000, 0xa5500000);
	expect_equal(get(t, devctl, 2), 5 << 12 | 1 << 5 | PCI_EXP_DEVCTL_CERE);
}

static void flr_by_config_space_resets_the_device_and_keeps_registers(void **state)
{
	enum {
		IOAT_CHANCMP = 0x98
	};
	struct fixture *t = fixture(state);
	const uint32_t devctl = need_cap(t, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
	uint64_t address = 0x1000;

	if (!(get(t, devctl - 4, 4) & PCI_EXP_DEVCAP_FLR) || get(t, 0, 4) != 0x20218086)
		skip_test("needs an ioat device (8086:2021)");
	set_kept(t, devctl);
	expect_equal(pwrite(t->device, &address, 8, IOAT_CHANCMP), 8);
	set(t, devctl, 2, get(t, devctl, 2) | PCI_EXP_DEVCTL_BCR_FLR);
	expect_kept(t, devctl);
	expect_equal(pread(t->device, &address, 8, IOAT_CHANCMP), 8);
	expect_equal(address, 0);

	address = 0x1000;
	expect_equal(pwrite(t->device, &address, 8, IOAT_CHANCMP), 8);
	set(t, find_cap(t, PCI_CAP_ID_PM) + PCI_PM_CTRL, 2, 3);
	expect_ok(t->device, VFIO_DEVICE_RESET, NULL);
	expect_equal(get(t, find_cap(t, PCI_CAP_ID_PM) + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK,
		     0);
	expect_kept(t, devctl);
	expect_equal(pread(t->device, &address, 8, IOAT_CHANCMP), 8);
	expect_equal(address, 0);
}

/* ---- the MSI-X table ---- */

struct table {
	struct vfio_region_info bar;
	uint32_t off; /* of entry 0 in the BAR */
};

static struct table need_msix_table(const struct fixture *t)
{
	const uint32_t where = get(t, need_cap(t, PCI_CAP_ID_MSIX) + PCI_MSIX_TABLE, 4);
	struct table table = {
		.bar = {.argsz = sizeof(table.bar), .index = where & PCI_MSIX_TABLE_BIR},
		.off = where & PCI_MSIX_TABLE_OFFSET,
	};

	expect_ok(t->device, VFIO_DEVICE_GET_REGION_INFO, &table.bar);
	return table;
}

static int set_msix(const struct fixture *t, uint32_t data, uint32_t count, int32_t fd)
{
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} irqs = {
		.set = {.argsz = sizeof(irqs),
			.flags = data | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_MSIX_IRQ_INDEX,
			.count = count},
		.fd = fd,
	};

	return do_ioctl(t->device, VFIO_DEVICE_SET_IRQS, &irqs);
}

static void the_msix_table_is_not_read_or_written(void **state)
{
	struct fixture *t = fixture(state);
	const struct table table = need_msix_table(t);
	const off_t at = (off_t)(table.bar.offset + table.off);
	uint64_t word = 0;

	expect_equal(pread(t->device, &word, 8, at), 8);
	expect_equal(word, UINT64_MAX);
	word = 0;
	expect_equal(pwrite(t->device, &word, 8, at + 8), 8);
	expect_equal(pread(t->device, &word, 8, at + 8), 8);
	expect_equal(word, UINT64_MAX);
}

static void the_msix_table_takes_no_ioeventfd(void **state)
{
	struct fixture *t = fixture(state);
	const struct table table = need_msix_table(t);
	struct vfio_device_ioeventfd cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = table.bar.offset + table.off,
		.fd = close_later(eventfd(0, EFD_CLOEXEC)),
	};

	expect_errno(EINVAL, t->device, VFIO_DEVICE_IOEVENTFD, &cmd);
	cmd.offset += 12;
	expect_errno(EINVAL, t->device, VFIO_DEVICE_IOEVENTFD, &cmd);
}

static void check_mapped_entry(const struct fixture *t, volatile uint32_t *entry)
{
	const int fd = close_later(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	const uint32_t flags = find_cap(t, PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS;

	expect_equal(entry[3] & PCI_MSIX_ENTRY_CTRL_MASKBIT, 1);
	entry[0] = 0xfee00123;
	entry[2] = 0x4567;
	expect_equal(entry[0], 0xfee00123);
	expect_equal(entry[2], 0x4567);
	/* VFIO's own stores replace the program's. */
	expect_equal(set_msix(t, VFIO_IRQ_SET_DATA_EVENTFD, 1, fd), 0);
	expect_equal(get(t, flags, 2) & PCI_MSIX_FLAGS_ENABLE, PCI_MSIX_FLAGS_ENABLE);
	expect_equal(entry[3] & PCI_MSIX_ENTRY_CTRL_MASKBIT, 0);
	expect_true(entry[0] != 0xfee00123);
	entry[3] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	expect_equal(entry[3], PCI_MSIX_ENTRY_CTRL_MASKBIT);
	expect_equal(set_msix(t, VFIO_IRQ_SET_DATA_EVENTFD, 1, fd), 0);
	expect_equal(entry[3] & PCI_MSIX_ENTRY_CTRL_MASKBIT, 0);
	expect_equal(set_msix(t, VFIO_IRQ_SET_DATA_NONE, 0, 0), 0);
	expect_equal(get(t, flags, 2) & PCI_MSIX_FLAGS_ENABLE, 0);
	expect_equal(entry[3] & PCI_MSIX_ENTRY_CTRL_MASKBIT, 1);
}

static void a_mapping_has_the_msix_table_itself(void **state)
{
	struct fixture *t = fixture(state);
	const struct table table = need_msix_table(t);
	char *bar;

	if (!(table.bar.flags & VFIO_REGION_INFO_FLAG_MMAP))
		skip_test("the BAR of the MSI-X table cannot be mapped");
	bar = mmap(NULL, table.bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, t->device,
		   (off_t)table.bar.offset);
	expect_true(bar != MAP_FAILED);
	check_mapped_entry(t, (uint32_t *)(bar + table.off));
	/* The mapping would keep the device open. */
	expect_equal(munmap(bar, table.bar.size), 0);
}

/* The two functions of a device without a reset of its own, where the machine has one. */
static void two_functions_are_marked_and_cannot_be_reset_alone(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_info info = {.argsz = sizeof(info)};

	if (!(get(t, PCI_HEADER_TYPE, 1) & 0x80))
		skip_test("the device is not one of several functions");
	expect_equal(get(t, PCI_HEADER_TYPE, 1), 0x80);
	if (find_cap(t, PCI_CAP_ID_EXP))
		skip_test("the device may have a reset of its own");
	expect_ok(t->device, VFIO_DEVICE_GET_INFO, &info);
	expect_true(!(info.flags & VFIO_DEVICE_FLAGS_RESET));
	expect_errno(EINVAL, t->device, VFIO_DEVICE_RESET, NULL);
}

int vfio_config(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bound, a_fresh_device_decodes_and_does_no_dma,
		     "CONFIG-OPEN.1..2, CONFIG-OPEN.4..5"),
		CASE(bound, identity_and_chains_are_read_only,
		     "CONFIG-HEADER.1, CONFIG-HEADER.3..4, CONFIG-HEADER.6, CONFIG-HEADER.8, "
		     "CONFIG-HEADER.10..11, CONFIG-HEADER.14"),
		CASE(bound, the_interrupt_line_is_kept_and_the_pin_tells_of_intx,
		     "CONFIG-HEADER.12..13"),
		CASE(bound, bars_that_are_not_there_read_0,
		     "CONFIG-HEADER.7, CONFIG-HEADER.9, CONFIG-BARS.1..2, CONFIG-BARS.5"),
		CASE(bound, an_access_is_cut_into_pieces, "CONFIG-ACCESS.1..3"),
		CASE(bound, power_management_shows_no_pme, "CONFIG-CAPS.1, CONFIG-PM.1"),
		CASE(bound, a_device_in_D3hot_has_no_memory, "CONFIG-PM.2"),
		CASE(bound, msi_is_enabled_by_set_irqs_only,
		     "CONFIG-CAPS.4, CONFIG-MSI.1..3, CONFIG-MSI-WRITE.1, CONFIG-MSI-WRITE.3"),
		CASE(bound, msix_is_read_only, "CONFIG-CAPS.9"),
		CASE(bound, mps_and_mrrs_read_as_written, "CONFIG-PCIE.2"),
		CASE(bound, express_is_read_only_beside_its_controls,
		     "CONFIG-CAPS.8, CONFIG-PCIE.1, CONFIG-PCIE.3..4"),
		CASE(bound, the_flag_reset_stands_for_the_ioctl, "CONFIG-OPEN.3, CONFIG-RESET.1"),
		CASE(bound, flr_by_config_space_resets_the_device_and_keeps_registers,
		     "CONFIG-RESET.2, CONFIG-RESET-STATE.1..3, CONFIG-RESET-STATE.5"),
		CASE(bound, two_functions_are_marked_and_cannot_be_reset_alone,
		     "CONFIG-HEADER.6, CONFIG-RESET.1"),
		CASE(bound, the_msix_table_is_not_read_or_written, "CONFIG-MSIX-TABLE.1..2"),
		CASE(bound, the_msix_table_takes_no_ioeventfd, "CONFIG-MSIX-TABLE.4"),
		CASE(bound, a_mapping_has_the_msix_table_itself,
		     "CONFIG-MSIX-TABLE.3, CONFIG-CAPS.9"),
		CASE(bound, error_masks_can_be_set_and_the_log_cannot, "CONFIG-EXTCAPS.1"),
	};

	return cmocka_run_group_tests_name("config space", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Config space as programs see it: see pci_view.h. The masks are made once, from the capabilities
 * that the device has; only few registers need code.
 */
#include <assert.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/check.h"
#include "vfio/pci_view.h"

#ifndef PCI_DVSEC_HEADER1_LEN
#define PCI_DVSEC_HEADER1	 0x4
#define PCI_DVSEC_HEADER1_LEN(x) (((x) >> 20) & 0xfff)
#endif

enum {
	VIEW_GAP = 0,
	VIEW_HEADER,
	VIEW_FIRST_CAP,
};

/* Of DEVCTL: what the device enables, and what is virtual [CONFIG-PCIE.2]. */
enum {
	DEVCTL_PASS = PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE |
		      PCI_EXP_DEVCTL_URRE | PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_EXT_TAG |
		      PCI_EXP_DEVCTL_AUX_PME | PCI_EXP_DEVCTL_NOSNOOP_EN,
	DEVCTL_VIRTUAL = PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ | PCI_EXP_DEVCTL_BCR_FLR,
};

/* Of AER: the errors, and the enables of ECRC [CONFIG-EXTCAPS.1]. */
enum {
	AER_UNCORRECTABLE = 0x03fff031,
	AER_CORRECTABLE = 0xf1c1,
	AER_ECRC = PCI_ERR_CAP_ECRC_GENE | PCI_ERR_CAP_ECRC_CHKE,
};

static uint32_t get(const uint8_t *bytes, uint32_t off, unsigned int size)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint32_t)bytes[off + i] << (8 * i);
	return value;
}

static void put(uint8_t *bytes, uint32_t off, uint32_t value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		bytes[off + i] = (uint8_t)(value >> (8 * i));
}

/* ---- the three kinds of registers; @bits of the register of @size bytes at @off ---- */

static void set_pass(struct pci_view *view, uint32_t off, unsigned int size, uint32_t bits)
{
	put(view->writable, off, get(view->writable, off, size) | bits, size);
}

static void set_virtual(struct pci_view *view, uint32_t off, unsigned int size, uint32_t bits,
			uint32_t writable)
{
	put(view->is_virtual, off, get(view->is_virtual, off, size) | bits, size);
	put(view->writable, off, (get(view->writable, off, size) & ~bits) | writable, size);
}

static void set_raw(struct pci_view *view, uint32_t off, uint32_t len)
{
	memset(view->writable + off, 0xff, len);
}

/* ---- the header [CONFIG-HEADER] ---- */

static void init_header(struct pci_view *view)
{
	memset(view->owner, VIEW_HEADER, PCI_STD_HEADER_SIZEOF);
	set_virtual(view, PCI_VENDOR_ID, 4, UINT32_MAX, 0);
	set_pass(view, PCI_COMMAND, 2, 0xffff);
	set_virtual(view, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE, PCI_COMMAND_INTX_DISABLE);
	set_virtual(view, PCI_STATUS, 2, PCI_STATUS_CAP_LIST, 0);
	set_pass(view, PCI_CACHE_LINE_SIZE, 2, 0xffff);
	set_pass(view, PCI_BIST, 1, 0xff);
	/* The bits below a BAR's size keep their value, which normalises it [CONFIG-BARS]. */
	for (uint32_t off = PCI_BASE_ADDRESS_0; off <= PCI_BASE_ADDRESS_5; off += 4)
		set_virtual(view, off, 4, UINT32_MAX, get(view->config->writable, off, 4));
	set_virtual(view, PCI_ROM_ADDRESS, 4, UINT32_MAX,
		    get(view->config->writable, PCI_ROM_ADDRESS, 4));
	set_virtual(view, PCI_CAPABILITY_LIST, 1, 0xff, 0);
	set_virtual(view, PCI_INTERRUPT_LINE, 1, 0xff, 0xff);
	set_virtual(view, PCI_INTERRUPT_PIN, 1, 0xff, 0);
}

/* ---- standard capabilities [CONFIG-CAPS] ---- */

static uint32_t express_size(const uint8_t *hw, uint32_t cap)
{
	const uint32_t flags = get(hw, cap + PCI_EXP_FLAGS, 2);
	const uint32_t type = (flags & PCI_EXP_FLAGS_TYPE) >> 4;
	const bool internal = type == PCI_EXP_TYPE_RC_END;

	if ((flags & PCI_EXP_FLAGS_VERS) == 1)
		return internal ? 12 : 20;
	return internal ? 44 : 52;
}

static uint32_t msi_size(const uint8_t *hw, uint32_t cap)
{
	const uint32_t flags = get(hw, cap + PCI_MSI_FLAGS, 2);

	return 10 + (flags & PCI_MSI_FLAGS_64BIT ? 4 : 0) +
	       (flags & PCI_MSI_FLAGS_MASKBIT ? 10 : 0);
}

/* The bytes of the capability at @cap; 0: it is hidden. */
static uint32_t cap_size(const uint8_t *hw, uint32_t cap)
{
	switch (hw[cap]) {
	case PCI_CAP_ID_PM:
	case PCI_CAP_ID_VPD:
		return 8;
	case PCI_CAP_ID_AGP:
	case PCI_CAP_ID_MSIX:
		return 12;
	case PCI_CAP_ID_MSI:
		return msi_size(hw, cap);
	case PCI_CAP_ID_PCIX:
		return get(hw, cap + PCI_X_CMD, 2) & 0x3000 ? 24 : 8; /* version 1 or 2 */
	case PCI_CAP_ID_HT:
		return hw[cap + 3] & HT_3BIT_CAP_MASK ? 24 : 28;
	case PCI_CAP_ID_VNDR:
		return hw[cap + PCI_CAP_FLAGS];
	case PCI_CAP_ID_EXP:
		return express_size(hw, cap);
	case PCI_CAP_ID_SATA:
		return (hw[cap + PCI_SATA_REGS] & PCI_SATA_REGS_MASK) == PCI_SATA_REGS_INLINE ? 16
											      : 8;
	case PCI_CAP_ID_AF:
		return PCI_CAP_AF_SIZEOF;
	default:
		return 0;
	}
}

static void init_msi(struct pci_view *view, uint32_t cap)
{
	const uint32_t size = msi_size(view->config->bytes, cap);
	const bool wide = get(view->config->bytes, cap + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_64BIT;
	const uint32_t message = wide ? 10 : 6; /* address and data */

	set_virtual(view, cap + PCI_MSI_FLAGS, 1, 0xff, 0xff);
	for (uint32_t i = 0; i < message; i++)
		set_virtual(view, cap + PCI_MSI_ADDRESS_LO + i, 1, 0xff, 0xff);
	if (size > PCI_MSI_ADDRESS_LO + message)
		set_raw(view, cap + PCI_MSI_ADDRESS_LO + message + 2,
			size - (PCI_MSI_ADDRESS_LO + message + 2));
}

static void init_pm(struct pci_view *view, uint32_t cap)
{
	const uint32_t pme = PCI_PM_CTRL_PME_ENABLE | PCI_PM_CTRL_PME_STATUS;

	set_virtual(view, cap + PCI_PM_PMC, 2, PCI_PM_CAP_PME_MASK, 0);
	set_pass(view, cap + PCI_PM_CTRL, 2, 0xffff & ~PCI_PM_CTRL_STATE_MASK);
	set_virtual(view, cap + PCI_PM_CTRL, 2, pme, 0);
	put(view->copy, cap + PCI_PM_PMC,
	    get(view->copy, cap + PCI_PM_PMC, 2) & ~PCI_PM_CAP_PME_MASK, 2);
	put(view->copy, cap + PCI_PM_CTRL, get(view->copy, cap + PCI_PM_CTRL, 2) & ~pme, 2);
}

static void init_express(struct pci_view *view, uint32_t cap, uint32_t size)
{
	set_pass(view, cap + PCI_EXP_DEVCTL, 2, DEVCTL_PASS);
	set_virtual(view, cap + PCI_EXP_DEVCTL, 2, DEVCTL_VIRTUAL, DEVCTL_VIRTUAL);
	if (size > PCI_EXP_DEVCTL2)
		set_pass(view, cap + PCI_EXP_DEVCTL2, 2, 0xffff & ~PCI_EXP_DEVCTL2_ARI);
}

static void init_cap(struct pci_view *view, uint32_t cap, uint32_t size)
{
	switch (view->config->bytes[cap]) {
	case PCI_CAP_ID_PM:
		init_pm(view, cap);
		break;
	case PCI_CAP_ID_VPD:
		set_virtual(view, cap + PCI_VPD_ADDR, 2, 0xffff, 0xffff);
		set_virtual(view, cap + PCI_VPD_DATA, 4, UINT32_MAX, UINT32_MAX);
		break;
	case PCI_CAP_ID_MSI:
		init_msi(view, cap);
		break;
	case PCI_CAP_ID_PCIX:
		set_pass(view, cap + PCI_X_CMD, 2, 0xffff);
		if (size > PCI_X_ECC_CSR)
			set_pass(view, cap + PCI_X_ECC_CSR, 4, UINT32_MAX);
		break;
	case PCI_CAP_ID_VNDR:
		set_raw(view, cap, size);
		break;
	case PCI_CAP_ID_EXP:
		init_express(view, cap, size);
		break;
	case PCI_CAP_ID_AF:
		set_virtual(view, cap + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR, PCI_AF_CTRL_FLR);
		break;
	default:
		break;
	}
	set_virtual(view, cap + PCI_CAP_LIST_NEXT, 1, 0xff, 0);
}

/* Makes the bytes of a capability its own, which are part of no gap any more. */
static void claim(struct pci_view *view, uint32_t off, uint32_t size, uint8_t owner)
{
	memset(view->owner + off, owner, size);
	memset(view->writable + off, 0, size);
	memset(view->is_virtual + off, 0, size);
}

/* Returns the number of the next capability. */
static uint8_t init_caps(struct pci_view *view)
{
	const uint8_t *hw = view->config->bytes;
	uint32_t link = PCI_CAPABILITY_LIST, next;
	uint8_t owner = VIEW_FIRST_CAP;

	view->copy[PCI_CAPABILITY_LIST] = 0;
	for (uint32_t cap = hw[PCI_CAPABILITY_LIST]; cap; cap = next) {
		const uint32_t size = (uint32_t)min_u64(cap_size(hw, cap), PCI_CONFIG_SIZE - cap);

		next = hw[cap + PCI_CAP_LIST_NEXT];
		if (!size)
			continue;
		claim(view, cap, size, owner++);
		init_cap(view, cap, size);
		view->copy[link] = (uint8_t)cap;
		link = cap + PCI_CAP_LIST_NEXT;
		view->copy[link] = 0;
	}
	if (!view->copy[PCI_CAPABILITY_LIST])
		view->copy[PCI_STATUS] &= (uint8_t)~PCI_STATUS_CAP_LIST;
	return owner;
}

/* ---- extended capabilities [CONFIG-EXTCAPS] ---- */

/* The bytes of the extended capability at @cap; 0: it is hidden. */
static uint32_t ext_cap_size(const uint8_t *hw, uint32_t cap)
{
	switch (PCI_EXT_CAP_ID(get(hw, cap, 4))) {
	case PCI_EXT_CAP_ID_ERR:
		return PCI_ERR_ROOT_COMMAND;
	case PCI_EXT_CAP_ID_VC:
	case PCI_EXT_CAP_ID_MFVC:
	case PCI_EXT_CAP_ID_VC9:
		return PCI_CAP_VC_BASE_SIZEOF +
		       (get(hw, cap + PCI_VC_PORT_CAP1, 4) & PCI_VC_CAP1_EVCC) *
			       PCI_CAP_VC_PER_VC_SIZEOF;
	case PCI_EXT_CAP_ID_DSN:
		return 12;
	case PCI_EXT_CAP_ID_PWR:
		return 16;
	case PCI_EXT_CAP_ID_VNDR:
		return PCI_VNDR_HEADER_LEN(get(hw, cap + PCI_VNDR_HEADER, 4));
	case PCI_EXT_CAP_ID_ACS:
	case PCI_EXT_CAP_ID_ARI:
	case PCI_EXT_CAP_ID_ATS:
	case PCI_EXT_CAP_ID_LTR:
		return 8;
	case PCI_EXT_CAP_ID_SRIOV:
		return PCI_EXT_CAP_SRIOV_SIZEOF;
	case PCI_EXT_CAP_ID_MCAST:
		return 40;
	case PCI_EXT_CAP_ID_PRI:
		return 16;
	case PCI_EXT_CAP_ID_REBAR:
		return 4 + 8 * (get(hw, cap + PCI_REBAR_CTRL, 4) >> PCI_REBAR_CTRL_NBAR_SHIFT & 7);
	case PCI_EXT_CAP_ID_DPA:
		return 16 + (get(hw, cap + 4, 4) & 0x1f) + 1; /* a byte for each substate */
	case PCI_EXT_CAP_ID_TPH:
		return 12;
	case PCI_EXT_CAP_ID_DVSEC:
		return PCI_DVSEC_HEADER1_LEN(get(hw, cap + PCI_DVSEC_HEADER1, 4));
	default:
		return 0;
	}
}

static void init_error_reporting(struct pci_view *view, uint32_t cap)
{
	set_pass(view, cap + PCI_ERR_UNCOR_STATUS, 4, AER_UNCORRECTABLE);
	set_pass(view, cap + PCI_ERR_UNCOR_MASK, 4, AER_UNCORRECTABLE);
	set_pass(view, cap + PCI_ERR_UNCOR_SEVER, 4, AER_UNCORRECTABLE);
	set_pass(view, cap + PCI_ERR_COR_STATUS, 4, AER_CORRECTABLE);
	set_pass(view, cap + PCI_ERR_COR_MASK, 4, AER_CORRECTABLE);
	set_pass(view, cap + PCI_ERR_CAP, 4, AER_ECRC);
}

static void init_ext_cap(struct pci_view *view, uint32_t cap, uint32_t size)
{
	switch (PCI_EXT_CAP_ID(get(view->config->bytes, cap, 4))) {
	case PCI_EXT_CAP_ID_ERR:
		init_error_reporting(view, cap);
		break;
	case PCI_EXT_CAP_ID_PWR:
		set_pass(view, cap + PCI_PWR_DATA, 1, 0xff);
		break;
	case PCI_EXT_CAP_ID_VNDR:
	case PCI_EXT_CAP_ID_DVSEC:
		set_raw(view, cap, size);
		break;
	default:
		break;
	}
	set_virtual(view, cap, 4, UINT32_MAX, 0);
}

/* Sets the offset of the next one in the header at @cap of the copy. */
static void set_ext_next(struct pci_view *view, uint32_t cap, uint32_t next)
{
	put(view->copy, cap, (get(view->copy, cap, 4) & 0xfffff) | next << 20, 4);
}

/* @owner: the number of the first one. */
static void init_ext_caps(struct pci_view *view, uint8_t owner)
{
	const uint8_t *hw = view->config->bytes;
	uint32_t link = 0, next;

	if (view->config->size <= PCI_CONFIG_SIZE || !get(hw, PCI_CONFIG_SIZE, 4))
		return;
	for (uint32_t cap = PCI_CONFIG_SIZE; cap; cap = next) {
		const uint32_t size =
			(uint32_t)min_u64(ext_cap_size(hw, cap), view->config->size - cap);

		next = PCI_EXT_CAP_NEXT(get(hw, cap, 4));
		if (!size && cap != PCI_CONFIG_SIZE)
			continue;
		/* The first one keeps its place when it is hidden, as a dword without an ID. */
		claim(view, cap, size ? size : 4, owner++);
		set_virtual(view, cap, 4, UINT32_MAX, 0);
		if (!size)
			put(view->copy, cap, 0, 4);
		else
			init_ext_cap(view, cap, size);
		if (link)
			set_ext_next(view, link, cap);
		set_ext_next(view, cap, 0);
		link = cap;
	}
}

void pci_view_init(struct pci_view *view, struct pci_config *config)
{
	*view = (struct pci_view){.config = config};
	memcpy(view->copy, config->bytes, sizeof(view->copy));
	init_header(view);
	memset(view->owner + PCI_STD_HEADER_SIZEOF, VIEW_GAP,
	       sizeof(view->owner) - PCI_STD_HEADER_SIZEOF);
	set_raw(view, PCI_STD_HEADER_SIZEOF, sizeof(view->writable) - PCI_STD_HEADER_SIZEOF);
	init_ext_caps(view, init_caps(view));
}

/* ---- access ---- */

uint32_t pci_view_piece(const struct pci_view *view, uint32_t off, uint32_t len)
{
	uint32_t size = 4;

	while (size > len || !is_aligned(off, size) ||
	       view->owner[off] != view->owner[off + size - 1])
		size /= 2;
	return size;
}

void pci_view_read(const struct pci_view *view, uint32_t off, void *buf, uint32_t len)
{
	uint8_t *to = buf;

	for (uint32_t i = off; i < off + len; i++)
		*to++ = (uint8_t)((view->copy[i] & view->is_virtual[i]) |
				  (view->config->bytes[i] & ~view->is_virtual[i]));
}

uint16_t pci_view_command(const struct pci_view *view)
{
	uint16_t command;

	pci_view_read(view, PCI_COMMAND, &command, sizeof(command));
	return command;
}

bool pci_view_has_memory(const struct pci_view *view)
{
	return view->copy[PCI_COMMAND] & PCI_COMMAND_MEMORY;
}

uint16_t pci_view_msi_control(const struct pci_view *view)
{
	return (uint16_t)get(view->copy, view->config->msi + PCI_MSI_FLAGS, 2);
}

/* Only SET_IRQS enables messages, and says how many there are [CONFIG-MSI-WRITE]. */
static void limit_msi(struct pci_view *view, const struct pci_irq_status *status)
{
	uint8_t *control = &view->copy[view->config->msi + PCI_MSI_FLAGS];

	if (!status->msi)
		*control &= (uint8_t)~PCI_MSI_FLAGS_ENABLE;
	if ((unsigned int)(*control & PCI_MSI_FLAGS_QSIZE) >> 4 > status->msi_log_limit)
		*control =
			(uint8_t)((*control & ~PCI_MSI_FLAGS_QSIZE) | status->msi_log_limit << 4);
}

/*
 * The device may read as much at once as the program says, but not less than its largest payload.
 * The values 6 and 7 are reserved.
 */
static void pass_read_request(struct pci_view *view, uint32_t devctl)
{
	const uint32_t wanted = (get(view->copy, devctl, 2) & PCI_EXP_DEVCTL_READRQ) >> 12;
	const uint32_t hw = get(view->config->bytes, devctl, 2);
	const uint32_t payload = (hw & PCI_EXP_DEVCTL_PAYLOAD) >> 5;

	if (wanted > 5)
		return;
	put(view->config->bytes, devctl,
	    (hw & ~(uint32_t)PCI_EXP_DEVCTL_READRQ) | (uint32_t)max_u64(wanted, payload) << 12, 2);
}

/*
 * @old: the virtual DEVCTL before the write. Initiating a reset reads as 0, whether or not the
 * device can do it.
 */
static unsigned int devctl_written(struct pci_view *view, uint32_t devctl, uint32_t old)
{
	const uint32_t now = get(view->copy, devctl, 2);

	if ((now ^ old) & PCI_EXP_DEVCTL_READRQ)
		pass_read_request(view, devctl);
	put(view->copy, devctl, now & ~(uint32_t)PCI_EXP_DEVCTL_BCR_FLR, 2);
	return now & PCI_EXP_DEVCTL_BCR_FLR && pci_config_has_flr(view->config) ? PCI_EFFECT_RESET
										: 0;
}

static unsigned int af_written(struct pci_view *view)
{
	uint8_t *control = &view->copy[view->config->af + PCI_AF_CTRL];
	const bool reset = *control & PCI_AF_CTRL_FLR;

	*control &= (uint8_t)~PCI_AF_CTRL_FLR;
	return reset && pci_config_has_af_flr(view->config) ? PCI_EFFECT_RESET : 0;
}

/*
 * Does what the address register of VPD says: the flag asks to write the data register, and is
 * inverted when that or reading it is done [CONFIG-VPD].
 */
static void run_vpd(struct pci_view *view)
{
	const struct pci_config *config = view->config;
	uint8_t *data = view->copy + config->vpd + PCI_VPD_DATA;
	uint8_t *flag = view->copy + config->vpd + PCI_VPD_ADDR + 1;
	const uint32_t at = get(view->copy, config->vpd + PCI_VPD_ADDR, 2) & PCI_VPD_ADDR_MASK;
	const bool write = *flag & PCI_VPD_ADDR_F >> 8;

	if (!config->vpd_bytes)
		return;
	if (write && (at % 4 || at + 4 > config->vpd_size))
		return;
	for (uint32_t i = 0; i < 4; i++) {
		if (write)
			config->vpd_bytes[at + i] = data[i];
		else
			data[i] = at + i < config->vpd_size ? config->vpd_bytes[at + i] : 0;
	}
	*flag ^= PCI_VPD_ADDR_F >> 8;
}

static bool covers(uint32_t off, uint32_t len, uint32_t byte)
{
	return off <= byte && byte < off + len;
}

unsigned int pci_view_write(struct pci_view *view, uint32_t off, const void *buf, uint32_t len,
			    const struct pci_irq_status *status)
{
	struct pci_config *config = view->config;
	const uint32_t devctl = config->express + PCI_EXP_DEVCTL;
	const uint32_t msi_flags = config->msi + PCI_MSI_FLAGS;
	const uint32_t pmcsr = config->pm + PCI_PM_CTRL;
	const uint32_t old = get(view->copy, devctl, 2);
	const uint8_t *from = buf;
	unsigned int effects = 0;
	uint8_t pass[4];

	assert(len <= sizeof(pass));
	for (uint32_t i = 0; i < len; i++) {
		const uint8_t writable = view->writable[off + i];
		const uint8_t kept = writable & view->is_virtual[off + i];
		const uint8_t passed = writable & (uint8_t)~kept;

		view->copy[off + i] = (uint8_t)((view->copy[off + i] & ~kept) | (from[i] & kept));
		pass[i] = (uint8_t)((config->bytes[off + i] & ~passed) | (from[i] & passed));
	}
	pci_config_write(config, off, pass, len);
	/* The bits read as the device has them, but what VFIO goes by is what was written. */
	if (off == PCI_COMMAND)
		view->copy[off] =
			(uint8_t)((view->copy[off] & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY)) |
				  (from[0] & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)));

	/* A piece that ends at the control register counts, too. */
	if (config->msi && off <= msi_flags && off + len >= msi_flags) {
		limit_msi(view, status);
		effects |= PCI_EFFECT_MSI;
	}
	if (config->express && covers(off, len, devctl + 1))
		effects |= devctl_written(view, devctl, old);
	if (off == pmcsr && pci_config_set_power(config, from[0] & PCI_PM_CTRL_STATE_MASK))
		effects |= PCI_EFFECT_RESET;
	if (config->af && covers(off, len, config->af + PCI_AF_CTRL))
		effects |= af_written(view);
	if (config->vpd && covers(off, len, config->vpd + PCI_VPD_ADDR + 1))
		run_vpd(view);
	return effects;
}

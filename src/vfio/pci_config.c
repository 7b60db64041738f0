/* SPDX-License-Identifier: MIT */
/*
 * The registers of config space (PCI Local Bus 3.0 6.1, 6.8; PCI Express 6.0 7.5): built at
 * power-up, then bytes and masks. Sizing a BAR needs no code: the address bits below its size are
 * not writable, so a write of all ones reads back as the size.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/check.h"
#include "vfio/pci_config.h"
#include "vfio/pci_model.h"

/* Of the header type, whose other bits are the layout. */
enum {
	HEADER_MULTIFUNCTION = 0x80
};

/* Power states, as encoded in PMCSR. */
enum {
	PCI_D0 = 0,
	PCI_D3HOT = 3,
};

/* Offsets of the capabilities. */
enum {
	CAP_MSI = 0x40,
	CAP_MSIX = 0x50,
	CAP_EXPRESS = 0x60,
	CAP_PM = 0xa0,
	CAP_VPD = 0xa8,
};

/* Ranges of bus addresses that BARs are shown in: one step for each device. */
enum {
	WINDOW_32_BASE = 0x80000000u,
	WINDOW_32_STEP = 0x01000000u,
	WINDOW_32_COUNT = 0x60,
	WINDOW_IO_BASE = 0x1000u,
	WINDOW_IO_STEP = 0x400u,
	WINDOW_IO_COUNT = 0x30,
};
#define WINDOW_64_BASE UINT64_C(0x380000000000)
#define WINDOW_64_STEP UINT64_C(0x001000000000)

static void put(uint8_t *bytes, uint32_t off, uint64_t value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		bytes[off + i] = (uint8_t)(value >> (8 * i));
}

static uint16_t get16(const uint8_t *bytes, uint32_t off)
{
	return (uint16_t)(bytes[off] | bytes[off + 1] << 8);
}

/* Cannot overflow: all three ranges of windows end far below 2^64 - 2^40. */
static struct pci_window place(uint64_t *next, uint64_t size)
{
	struct pci_window window = {.size = size};

	if (!size)
		return window;
	window.start = (*next + size - 1) & ~(size - 1);
	*next = window.start + size;
	return window;
}

void pci_place_bars(const struct uiommufd_model *model, uint64_t rom, unsigned int index,
		    struct pci_window windows[PCI_WINDOWS])
{
	uint64_t next_32 = WINDOW_32_BASE + (uint64_t)(index % WINDOW_32_COUNT) * WINDOW_32_STEP;
	uint64_t next_io = WINDOW_IO_BASE + (index % WINDOW_IO_COUNT) * WINDOW_IO_STEP;
	uint64_t next_64 = WINDOW_64_BASE + index * WINDOW_64_STEP;

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct uiommufd_bar *bar = &model->bars[i];
		uint64_t *next = bar->flags & UIOMMUFD_BAR_IO	? &next_io
				 : bar->flags & UIOMMUFD_BAR_64 ? &next_64
								: &next_32;

		windows[i] = place(next, bar->size);
	}
	windows[PCI_ROM] = place(&next_32, rom);
}

static void init_bars(struct pci_config *config, const struct uiommufd_model *model,
		      const struct pci_window windows[PCI_WINDOWS])
{
	const struct pci_window *rom = &windows[PCI_ROM];

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct uiommufd_bar *bar = &model->bars[i];
		uint32_t off = PCI_BASE_ADDRESS_0 + 4 * i;
		uint64_t type = 0, low_bits = ~(uint64_t)PCI_BASE_ADDRESS_MEM_MASK;
		unsigned int size = 4;

		if (!bar->size)
			continue;
		if (bar->flags & UIOMMUFD_BAR_IO) {
			type = PCI_BASE_ADDRESS_SPACE_IO;
			low_bits = ~(uint64_t)PCI_BASE_ADDRESS_IO_MASK;
		}
		if (bar->flags & UIOMMUFD_BAR_64) {
			type |= PCI_BASE_ADDRESS_MEM_TYPE_64;
			size = 8;
		}
		if (bar->flags & UIOMMUFD_BAR_PREFETCH)
			type |= PCI_BASE_ADDRESS_MEM_PREFETCH;
		put(config->bytes, off, windows[i].start | type, size);
		put(config->writable, off, ~(bar->size - 1) & ~low_bits, size);
	}
	if (!rom->size)
		return;
	/* Firmware leaves it disabled. */
	put(config->bytes, PCI_ROM_ADDRESS, rom->start, 4);
	put(config->writable, PCI_ROM_ADDRESS, ~(rom->size - 1) | PCI_ROM_ADDRESS_ENABLE, 4);
}

static void init_command(struct pci_config *config, const struct uiommufd_model *model, bool rom)
{
	uint16_t decode = rom ? PCI_COMMAND_MEMORY : 0;

	for (unsigned int i = 0; i < PCI_BARS; i++)
		if (model->bars[i].size)
			decode = (uint16_t)(decode | (model->bars[i].flags & UIOMMUFD_BAR_IO
							      ? PCI_COMMAND_IO
							      : PCI_COMMAND_MEMORY));
	put(config->bytes, PCI_COMMAND, decode, 2);
	put(config->writable, PCI_COMMAND,
	    (uint64_t)decode | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR, 2);
}

/*
 * Starts a capability at @off and links it into the list: @link is the offset of the previous link.
 * Returns the offset of the new capability's link.
 */
static uint32_t add_cap(struct pci_config *config, uint32_t link, uint8_t off, uint8_t id)
{
	config->bytes[link] = off;
	config->bytes[off] = id;
	config->bytes[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	return off + PCI_CAP_LIST_NEXT;
}

/* 64-bit addresses, no masking of single vectors. */
static uint32_t add_msi(struct pci_config *config, const struct uiommufd_model *model,
			uint32_t link)
{
	unsigned int log_vectors = log2_floor(model->msi_vectors);

	link = add_cap(config, link, CAP_MSI, PCI_CAP_ID_MSI);
	config->msi = CAP_MSI;
	put(config->bytes, CAP_MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT | log_vectors << 1, 2);
	put(config->writable, CAP_MSI + PCI_MSI_ADDRESS_LO, 0xfffffffc, 4);
	put(config->writable, CAP_MSI + PCI_MSI_ADDRESS_HI, 0xffffffff, 4);
	put(config->writable, CAP_MSI + PCI_MSI_DATA_64, 0xffff, 2);
	return link;
}

static uint32_t add_msix(struct pci_config *config, const struct uiommufd_model *model,
			 uint32_t link)
{
	link = add_cap(config, link, CAP_MSIX, PCI_CAP_ID_MSIX);
	config->msix = CAP_MSIX;
	put(config->bytes, CAP_MSIX + PCI_MSIX_FLAGS, model->msix_vectors - 1, 2);
	put(config->bytes, CAP_MSIX + PCI_MSIX_TABLE, model->msix_table | model->msix_bar, 4);
	put(config->bytes, CAP_MSIX + PCI_MSIX_PBA, model->msix_pba | model->msix_bar, 4);
	return link;
}

/* D0 and D3hot. */
static uint32_t add_pm(struct pci_config *config, const struct uiommufd_model *model, uint32_t link)
{
	link = add_cap(config, link, CAP_PM, PCI_CAP_ID_PM);
	config->pm = CAP_PM;
	put(config->bytes, CAP_PM + PCI_PM_PMC, 3, 2); /* version 1.2 of the specification */
	put(config->bytes, CAP_PM + PCI_PM_CTRL, model->d3_reset ? 0 : PCI_PM_CTRL_NO_SOFT_RESET,
	    2);
	return link;
}

/* What follows the header of @header bytes. */
static void put_body(struct pci_config *config, const struct uiommufd_capability *cap,
		     uint32_t header)
{
	if (cap->bytes)
		memcpy(config->bytes + cap->off + header, cap->bytes, cap->size - header);
	if (cap->writable)
		memcpy(config->writable + cap->off + header, cap->writable, cap->size - header);
}

static uint32_t add_model_caps(struct pci_config *config, const struct uiommufd_model *model,
			       uint32_t link)
{
	for (const struct uiommufd_capability *cap = model->capabilities; cap && cap->size; cap++) {
		if (cap->off >= PCI_CONFIG_SIZE)
			continue;
		link = add_cap(config, link, (uint8_t)cap->off, (uint8_t)cap->id);
		put_body(config, cap, 2);
		if (cap->id == PCI_CAP_ID_AF)
			config->af = (uint8_t)cap->off;
		if (cap->id == PCI_CAP_ID_VPD)
			config->vpd = (uint8_t)cap->off;
	}
	return link;
}

/* Extended ones: the first is at 0x100, whether or not it has been met when another is linked. */
static void add_model_ext_caps(struct pci_config *config, const struct uiommufd_model *model)
{
	uint32_t link = PCI_CONFIG_SIZE;

	for (const struct uiommufd_capability *cap = model->capabilities; cap && cap->size; cap++) {
		if (cap->off < PCI_CONFIG_SIZE)
			continue;
		put(config->bytes, cap->off, cap->id, 2);
		put(config->bytes, cap->off + 2, get16(config->bytes, cap->off + 2) | cap->version,
		    2);
		put_body(config, cap, 4);
		if (cap->off == PCI_CONFIG_SIZE)
			continue;
		put(config->bytes, link + 2, get16(config->bytes, link + 2) | cap->off << 4, 2);
		link = cap->off;
	}
}

static bool model_replaces_errors(const struct uiommufd_model *model)
{
	for (const struct uiommufd_capability *cap = model->capabilities; cap && cap->size; cap++)
		if (cap->off == EXT_CAP_ERRORS)
			return true;
	return false;
}

/*
 * An endpoint on a link of one lane at 2.5 GT/s, with payloads of up to 256 bytes and every timeout
 * of completions. After power-on it may relax the order, not snoop, and read 512 bytes at once.
 */
static void add_express(struct pci_config *config, const struct uiommufd_model *model,
			uint32_t link)
{
	enum {
		PAYLOAD_256 = 1,
		TIMEOUTS = 0x1f, /* all ranges, and none */
	};

	add_cap(config, link, CAP_EXPRESS, PCI_CAP_ID_EXP);
	config->express = CAP_EXPRESS;
	put(config->bytes, CAP_EXPRESS + PCI_EXP_FLAGS, 2, 2);
	put(config->bytes, CAP_EXPRESS + PCI_EXP_DEVCAP,
	    PCI_EXP_DEVCAP_RBER | PAYLOAD_256 | (model->flr ? PCI_EXP_DEVCAP_FLR : 0), 4);
	put(config->bytes, CAP_EXPRESS + PCI_EXP_DEVCTL,
	    PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ_512B, 2);
	put(config->bytes, CAP_EXPRESS + PCI_EXP_DEVCAP2, TIMEOUTS, 4);
	put(config->writable, CAP_EXPRESS + PCI_EXP_DEVCTL2, TIMEOUTS, 2);
	put(config->bytes, CAP_EXPRESS + PCI_EXP_LNKCAP,
	    PCI_EXP_LNKCAP_SLS_2_5GB | 1 << PCI_EXP_LNKSTA_NLW_SHIFT, 4);
	put(config->bytes, CAP_EXPRESS + PCI_EXP_LNKSTA,
	    PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1, 2);
	put(config->writable, CAP_EXPRESS + PCI_EXP_DEVCTL,
	    PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE |
		    PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN,
	    2);
}

/*
 * Advanced Error Reporting. No error ever occurs on the bus; the
 * masks that software writes are kept.
 */
static void add_error_reporting(struct pci_config *config)
{
	const uint32_t fatal = PCI_ERR_UNC_DLP | PCI_ERR_UNC_SURPDN | PCI_ERR_UNC_FCP |
			       PCI_ERR_UNC_RX_OVER | PCI_ERR_UNC_MALF_TLP;
	const uint32_t uncorrectable = PCI_ERR_UNC_DLP | PCI_ERR_UNC_POISON_TLP | PCI_ERR_UNC_FCP |
				       PCI_ERR_UNC_COMP_TIME | PCI_ERR_UNC_COMP_ABORT |
				       PCI_ERR_UNC_UNX_COMP | PCI_ERR_UNC_RX_OVER |
				       PCI_ERR_UNC_MALF_TLP | PCI_ERR_UNC_UNSUP;
	const uint32_t correctable = PCI_ERR_COR_RCVR | PCI_ERR_COR_BAD_TLP | PCI_ERR_COR_BAD_DLLP |
				     PCI_ERR_COR_REP_ROLL | PCI_ERR_COR_REP_TIMER |
				     PCI_ERR_COR_ADV_NFAT;

	put(config->bytes, PCI_CONFIG_SIZE, PCI_EXT_CAP_ID_ERR | 1 << 16, 4);
	put(config->writable, PCI_CONFIG_SIZE + PCI_ERR_UNCOR_MASK, uncorrectable, 4);
	put(config->bytes, PCI_CONFIG_SIZE + PCI_ERR_UNCOR_SEVER, fatal, 4);
	put(config->writable, PCI_CONFIG_SIZE + PCI_ERR_UNCOR_SEVER, uncorrectable, 4);
	put(config->bytes, PCI_CONFIG_SIZE + PCI_ERR_COR_MASK, PCI_ERR_COR_ADV_NFAT, 4);
	put(config->writable, PCI_CONFIG_SIZE + PCI_ERR_COR_MASK, correctable, 4);
}

void pci_config_init(struct pci_config *config, const struct uiommufd_model *model,
		     const struct pci_window windows[PCI_WINDOWS])
{
	uint32_t link = PCI_CAPABILITY_LIST;

	memset(config, 0, sizeof(*config));
	config->size = model->pcie ? PCI_CONFIG_SIZE_EXPRESS : PCI_CONFIG_SIZE;
	put(config->bytes, PCI_VENDOR_ID, model->vendor, 2);
	put(config->bytes, PCI_DEVICE_ID, model->device, 2);
	put(config->bytes, PCI_REVISION_ID, model->revision, 1);
	put(config->bytes, PCI_CLASS_PROG, model->class_code, 3);
	put(config->bytes, PCI_SUBSYSTEM_VENDOR_ID, model->subsystem_vendor, 2);
	put(config->bytes, PCI_SUBSYSTEM_ID, model->subsystem, 2);
	put(config->bytes, PCI_INTERRUPT_PIN, model->intx ? 1 : 0, 1);
	put(config->writable, PCI_INTERRUPT_LINE, 0xff, 1);
	put(config->writable, PCI_CACHE_LINE_SIZE, 0xff, 1);
	put(config->writable, PCI_LATENCY_TIMER, model->pcie ? 0 : 0xff, 1);
	init_command(config, model, windows[PCI_ROM].size != 0);
	init_bars(config, model, windows);
	if (model->msi_vectors)
		link = add_msi(config, model, link);
	if (model->msix_vectors)
		link = add_msix(config, model, link);
	link = add_pm(config, model, link);
	if (model->vpd) {
		link = add_cap(config, link, CAP_VPD, PCI_CAP_ID_VPD);
		config->vpd = CAP_VPD;
	}
	link = add_model_caps(config, model, link);
	if (!model->pcie)
		return;
	add_express(config, model, link);
	if (!model_replaces_errors(model))
		add_error_reporting(config);
	add_model_ext_caps(config, model);
}

bool pci_config_bar_is_moved(const struct pci_config *config, const struct uiommufd_model *model,
			     const struct pci_window windows[PCI_WINDOWS], unsigned int bar)
{
	const unsigned int flags = model->bars[bar].flags;
	const uint32_t off = PCI_BASE_ADDRESS_0 + 4 * bar;
	const unsigned int size = flags & UIOMMUFD_BAR_64 ? 8 : 4;
	uint64_t start = 0;

	if (!windows[bar].size)
		return false;
	for (unsigned int i = 0; i < size; i++)
		start |= (uint64_t)config->bytes[off + i] << (8 * i);
	start &= flags & UIOMMUFD_BAR_IO ? PCI_BASE_ADDRESS_IO_MASK : PCI_BASE_ADDRESS_MEM_MASK;
	return start != windows[bar].start;
}

void pci_config_restore_bars(struct pci_config *config, const struct uiommufd_model *model,
			     const struct pci_window windows[PCI_WINDOWS])
{
	if (!config->vanished)
		init_bars(config, model, windows);
}

void pci_config_vanish(struct pci_config *config)
{
	memset(config->bytes, 0xff, sizeof(config->bytes));
	memset(config->writable, 0, sizeof(config->writable));
	config->vanished = true;
}

void pci_config_read(const struct pci_config *config, uint32_t off, void *buf, uint32_t len)
{
	memcpy(buf, config->bytes + off, len);
}

/* Sets the bits of @mask in the 16-bit register at @off to @value. */
static void set_field(struct pci_config *config, uint32_t off, uint16_t mask, unsigned int value)
{
	if (config->vanished)
		return;
	put(config->bytes, off, (get16(config->bytes, off) & ~mask) | value, 2);
}

/* The power state in PMCSR: D0 or D3hot. */
static uint16_t power_state(const struct pci_config *config)
{
	return get16(config->bytes, config->pm + PCI_PM_CTRL) & PCI_PM_CTRL_STATE_MASK;
}

bool pci_config_is_awake(const struct pci_config *config)
{
	return config->vanished || power_state(config) == PCI_D0;
}

void pci_config_write(struct pci_config *config, uint32_t off, const void *buf, uint32_t len)
{
	const uint8_t *from = buf;

	for (uint32_t i = 0; i < len; i++) {
		uint8_t mask = config->writable[off + i];

		config->bytes[off + i] =
			(uint8_t)((config->bytes[off + i] & ~mask) | (from[i] & mask));
	}
}

void pci_config_set_multifunction(struct pci_config *config)
{
	config->bytes[PCI_HEADER_TYPE] |= HEADER_MULTIFUNCTION;
}

bool pci_config_has_flr(const struct pci_config *config)
{
	/* The bit is in the highest byte of DEVCAP. */
	return config->express &&
	       config->bytes[config->express + PCI_EXP_DEVCAP + 3] & PCI_EXP_DEVCAP_FLR >> 24;
}

bool pci_config_has_af_flr(const struct pci_config *config)
{
	const uint8_t both = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;

	return config->af && (config->bytes[config->af + PCI_AF_CAP] & both) == both;
}

bool pci_config_has_d3_reset(const struct pci_config *config)
{
	return !(get16(config->bytes, config->pm + PCI_PM_CTRL) & PCI_PM_CTRL_NO_SOFT_RESET);
}

uint16_t pci_config_command(const struct pci_config *config)
{
	return get16(config->bytes, PCI_COMMAND);
}

void pci_config_set_command(struct pci_config *config, uint16_t command)
{
	put(config->bytes, PCI_COMMAND, command, 2);
}

uint16_t pci_config_effective(const struct pci_config *config)
{
	const uint16_t command = pci_config_command(config);

	if (config->vanished)
		return 0;
	if (power_state(config) == PCI_D0)
		return command;
	return command & (uint16_t) ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

bool pci_config_set_power(struct pci_config *config, unsigned int state)
{
	const unsigned int old = power_state(config);

	/* The device does not support D1 and D2: the state does not change. */
	if (state != PCI_D0 && state != PCI_D3HOT)
		return false;
	set_field(config, config->pm + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK, state);
	return old == PCI_D3HOT && state == PCI_D0 && pci_config_has_d3_reset(config);
}

void pci_config_wake(struct pci_config *config)
{
	(void)pci_config_set_power(config, PCI_D0);
}

void pci_config_show_irqs(struct pci_config *config, const struct pci_irq_status *status)
{
	set_field(config, PCI_STATUS, PCI_STATUS_INTERRUPT,
		  status->intx ? PCI_STATUS_INTERRUPT : 0);
	set_field(config, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE,
		  status->intx_disabled ? PCI_COMMAND_INTX_DISABLE : 0);
	if (config->msi)
		set_field(config, config->msi + PCI_MSI_FLAGS,
			  PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE, status->msi_control);
	if (config->msix)
		set_field(config, config->msix + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE,
			  status->msix ? PCI_MSIX_FLAGS_ENABLE : 0);
}

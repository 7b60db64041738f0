/* SPDX-License-Identifier: MIT */
/*
 * From a server's config space and regions to a model. What VFIO's frame makes for every device
 * (power management, MSI, MSI-X, PCI Express) is only read for its facts; other capabilities are
 * copied, read-only, to where models have theirs.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "devices/devices.h"
#include "devices/remote/remote.h"
#include "vfio/pci_model.h"

enum {
	CAPS_FIRST = 0xb0, /* where models have theirs */
	CAPS_END = 0x100,
	EXT_CAPS_FIRST = 0x130,
	EXT_CAPS_END = 0x1000,
	LEAST_MEMORY = 16, /* bytes of a BAR */
	LEAST_PORTS = 4,
};

static uint16_t get16(const struct vu_identity *identity, uint32_t off)
{
	return (uint16_t)(identity->config[off] | identity->config[off + 1] << 8);
}

static uint32_t get32(const struct vu_identity *identity, uint32_t off)
{
	return get16(identity, off) | (uint32_t)get16(identity, off + 2) << 16;
}

/* ---- capabilities ---- */

/*
 * The next capability after that at @off (0: the first), or 0. A list that turns back ends: *@left
 * counts down.
 */
static uint8_t next_cap(const struct vu_identity *identity, uint8_t off, unsigned int *left)
{
	uint8_t next;

	if (!off && !(get16(identity, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	next = identity->config[off ? off + PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST] & 0xfc;
	if (next < PCI_STD_HEADER_SIZEOF || !*left)
		return 0;
	--*left;
	return next;
}

static uint8_t find_cap(const struct vu_identity *identity, uint8_t id)
{
	unsigned int left = REMOTE_MAX_CAPS;

	for (uint8_t off = 0; (off = next_cap(identity, off, &left));) {
		if (identity->config[off] == id)
			return off;
	}
	return 0;
}

/* Where the capability at @off must have ended: at the next one, wherever that is in the list. */
static uint32_t cap_limit(const struct vu_identity *identity, uint32_t off)
{
	unsigned int left = REMOTE_MAX_CAPS;
	uint32_t limit = PCI_CFG_SPACE_SIZE;

	for (uint8_t other = 0; (other = next_cap(identity, other, &left));) {
		if (other > off && other < limit)
			limit = other;
	}
	return limit;
}

static uint16_t cap_size(const struct vu_identity *identity, uint8_t off)
{
	const uint32_t space = cap_limit(identity, off) - off;
	uint32_t size = space;

	switch (identity->config[off]) {
	case PCI_CAP_ID_VNDR:
		size = identity->config[off + PCI_CAP_FLAGS];
		break;
	case PCI_CAP_ID_AF:
		size = PCI_CAP_AF_SIZEOF;
		break;
	case PCI_CAP_ID_SSVID:
		size = 8;
		break;
	default:
		break;
	}
	return (uint16_t)(size < 4 ? 4 : min_u64(size, space));
}

/* Those that the frame makes itself. */
static bool is_of_frame(uint8_t id)
{
	return id == PCI_CAP_ID_PM || id == PCI_CAP_ID_MSI || id == PCI_CAP_ID_MSIX ||
	       id == PCI_CAP_ID_EXP || id == PCI_CAP_ID_VPD;
}

/* Adds a capability after the @count that there are. True: there was space. */
static bool add_cap(struct remote_model *remote, unsigned int count,
		    const struct uiommufd_capability *cap, uint32_t end)
{
	if (count >= REMOTE_MAX_CAPS || (uint32_t)cap->off + cap->size > end)
		return false;
	remote->capabilities[count] = *cap;
	return true;
}

/* Copies the capabilities below 0x100. Returns how many there are now. */
static unsigned int copy_caps(struct remote_model *remote)
{
	const struct vu_identity *identity = &remote->identity;
	unsigned int left = REMOTE_MAX_CAPS, count = 0;
	uint32_t at = CAPS_FIRST;

	for (uint8_t off = 0; (off = next_cap(identity, off, &left));) {
		const struct uiommufd_capability cap = {
			.id = identity->config[off],
			.off = (uint16_t)at,
			.size = cap_size(identity, off),
			.bytes = identity->config + off + 2,
		};

		if (is_of_frame(identity->config[off]) || !add_cap(remote, count, &cap, CAPS_END))
			continue;
		count++;
		at = (at + cap.size + 3) & ~3u;
	}
	return count;
}

/* The next extended capability after that at @off (0: the first), or 0. */
static uint32_t next_ext_cap(const struct vu_identity *identity, uint32_t off, unsigned int *left)
{
	const uint32_t next = off ? PCI_EXT_CAP_NEXT(get32(identity, off)) : PCI_CFG_SPACE_SIZE;

	if (next < PCI_CFG_SPACE_SIZE || next > VU_CONFIG_SIZE - 4 || !*left ||
	    !get32(identity, next))
		return 0;
	--*left;
	return next;
}

static uint32_t ext_cap_limit(const struct vu_identity *identity, uint32_t off)
{
	unsigned int left = REMOTE_MAX_CAPS;
	uint32_t limit = VU_CONFIG_SIZE;

	for (uint32_t other = 0; (other = next_ext_cap(identity, other, &left));) {
		if (other > off && other < limit)
			limit = other;
	}
	return limit;
}

/* Copies the extended ones, but that of error reporting, which the frame makes. */
static void copy_ext_caps(struct remote_model *remote, unsigned int count)
{
	const struct vu_identity *identity = &remote->identity;
	unsigned int left = REMOTE_MAX_CAPS;
	uint32_t at = EXT_CAPS_FIRST;

	for (uint32_t off = 0; (off = next_ext_cap(identity, off, &left));) {
		const uint32_t head = get32(identity, off);
		const struct uiommufd_capability cap = {
			.id = PCI_EXT_CAP_ID(head),
			.off = (uint16_t)at,
			.size = (uint16_t)(ext_cap_limit(identity, off) - off),
			.version = PCI_EXT_CAP_VER(head),
			.bytes = identity->config + off + 4,
		};

		if (cap.id == PCI_EXT_CAP_ID_ERR || !add_cap(remote, count, &cap, EXT_CAPS_END))
			continue;
		count++;
		at += cap.size;
	}
}

/* ---- interrupts ---- */

static void take_interrupts(struct remote_model *remote)
{
	const struct vu_identity *identity = &remote->identity;
	struct uiommufd_model *model = &remote->model;
	uint32_t table, pba;

	model->intx = identity->irqs[VFIO_PCI_INTX_IRQ_INDEX] != 0;
	remote->msi = find_cap(identity, PCI_CAP_ID_MSI);
	if (remote->msi && identity->irqs[VFIO_PCI_MSI_IRQ_INDEX]) {
		const unsigned int log =
			(get16(identity, remote->msi + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_QMASK) >> 1;

		model->msi_vectors = 1u << (log < 5 ? log : 5);
	}
	remote->msix = find_cap(identity, PCI_CAP_ID_MSIX);
	if (!remote->msix || remote->msix > PCI_CFG_SPACE_SIZE - PCI_CAP_MSIX_SIZEOF ||
	    !identity->irqs[VFIO_PCI_MSIX_IRQ_INDEX])
		return;
	table = get32(identity, remote->msix + PCI_MSIX_TABLE);
	pba = get32(identity, remote->msix + PCI_MSIX_PBA);
	/* The frame has both in one BAR. */
	if ((table & PCI_MSIX_TABLE_BIR) != (pba & PCI_MSIX_PBA_BIR))
		return;
	model->msix_vectors =
		(get16(identity, remote->msix + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1u;
	if (model->msix_vectors > identity->irqs[VFIO_PCI_MSIX_IRQ_INDEX])
		model->msix_vectors = identity->irqs[VFIO_PCI_MSIX_IRQ_INDEX];
	model->msix_bar = table & PCI_MSIX_TABLE_BIR;
	model->msix_table = table & PCI_MSIX_TABLE_OFFSET;
	model->msix_pba = pba & PCI_MSIX_PBA_OFFSET;
}

/* ---- BARs ---- */

__attribute__((format(printf, 2, 3))) static int fail(const struct vu_why *why, const char *format,
						      ...)
{
	va_list args;

	va_start(args, format);
	if (why->size)
		vsnprintf(why->text, why->size, format, args);
	va_end(args);
	return -EINVAL;
}

/*
 * What the BAR register @i of the server says about its BAR. A region of any size becomes a BAR of
 * the next power of two, whose end reads as ones.
 */
static int take_bar(struct remote_model *remote, unsigned int i, const struct vu_why *why)
{
	const uint32_t bits = get32(&remote->identity, PCI_BASE_ADDRESS_0 + 4 * i);
	const bool io = bits & PCI_BASE_ADDRESS_SPACE_IO;
	const uint64_t size = remote->identity.bars[i];
	struct uiommufd_bar *bar = &remote->model.bars[i];

	if (!size)
		return 0;
	if (size > UINT64_C(1) << 39)
		return fail(why, "the server's BAR %u has 0x%llx bytes; at most 2^39 are possible",
			    i, (unsigned long long)size);
	bar->size = io ? LEAST_PORTS : LEAST_MEMORY;
	while (bar->size < size)
		bar->size *= 2;
	if (io) {
		bar->flags = UIOMMUFD_BAR_IO;
		return 0;
	}
	if ((bits & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64)
		bar->flags |= UIOMMUFD_BAR_64;
	if (bits & PCI_BASE_ADDRESS_MEM_PREFETCH)
		bar->flags |= UIOMMUFD_BAR_PREFETCH;
	if (is_aligned(bar->size, PAGE_SIZE))
		bar->flags |= UIOMMUFD_BAR_MMAP;
	return 0;
}

/* ---- together ---- */

static void take_identity(struct remote_model *remote)
{
	const struct vu_identity *identity = &remote->identity;
	struct uiommufd_model *model = &remote->model;
	const uint8_t express = find_cap(identity, PCI_CAP_ID_EXP);

	model->vendor = get16(identity, PCI_VENDOR_ID);
	model->device = get16(identity, PCI_DEVICE_ID);
	model->subsystem_vendor = get16(identity, PCI_SUBSYSTEM_VENDOR_ID);
	model->subsystem = get16(identity, PCI_SUBSYSTEM_ID);
	model->class_code = get32(identity, PCI_CLASS_REVISION) >> 8;
	model->revision = identity->config[PCI_REVISION_ID];
	model->pcie = express && identity->config_size == VU_CONFIG_SIZE;
	if (model->pcie && express <= PCI_CFG_SPACE_SIZE - 8)
		model->flr = get32(identity, express + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR;
}

static int fill(struct remote_model *remote, const struct vu_why *why)
{
	unsigned int count;
	char mistake[128];
	int rc;

	take_identity(remote);
	for (unsigned int i = 0; i < VU_ID_BARS; i++) {
		rc = take_bar(remote, i, why);
		if (rc)
			return rc;
	}
	take_interrupts(remote);
	count = copy_caps(remote);
	if (remote->model.pcie)
		copy_ext_caps(remote, count);
	remote->model.capabilities = remote->capabilities;
	if (pci_model_check(&remote->model, mistake, sizeof(mistake)))
		return fail(why, "the server's device cannot be: %s", mistake);
	return 0;
}

struct remote_model *remote_model_create(const struct vu_identity *identity,
					 const struct vu_connection *kept, const struct vu_why *why)
{
	struct remote_model *remote = alloc_zeroed(sizeof(*remote));

	if (!remote) {
		(void)fail(why, "out of memory");
		if (kept)
			vu_connection_close(kept);
		return NULL;
	}
	if (kept)
		remote->kept = *kept;
	atomic_init(&remote->has_kept, kept != NULL);
	remote->model = device_vfio_user;
	remote->identity = *identity;
	if (fill(remote, why)) {
		remote_model_destroy(remote);
		return NULL;
	}
	return remote;
}

bool remote_model_take(struct remote_model *remote, struct vu_connection *kept)
{
	*kept = remote->kept;
	return atomic_exchange(&remote->has_kept, false);
}

void remote_model_destroy(struct remote_model *remote)
{
	struct vu_connection kept;

	if (remote_model_take(remote, &kept))
		vu_connection_close(&kept);
	alloc_free(remote->handover);
	alloc_free(remote);
}

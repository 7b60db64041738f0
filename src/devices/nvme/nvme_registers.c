/* SPDX-License-Identifier: MIT */
/*
 * See nvme_registers.h. All functions run with the device lock held. Registers are read and written
 * as words of 32 bits; one of 64 bits is two of them, the lower first. A narrower read gives its
 * part of the word; a narrower write is dropped, which the specification leaves undefined.
 */
#include "devices/nvme/nvme_registers.h"

#include <string.h>

#include "devices/nvme/nvme.h"
#include "devices/nvme/nvme_doorbell.h"
#include "devices/nvme/nvme_queue.h"
#include "devices/nvme/nvme_state.h"

enum {
	RESET_UNITS = 20, /* CAP.TO: 10 s */
	CMB_IN_BAR = 0,	  /* CMBLOC.BIR */
	CMBSZ_KINDS = CMBSZ_SQS | CMBSZ_CQS | CMBSZ_LISTS | CMBSZ_RDS | CMBSZ_WDS,
};

static uint64_t capabilities(const struct nvme *n)
{
	return CAP_MQES(NVME_MAX_ENTRIES) | CAP_CQR | CAP_TO(RESET_UNITS) | CAP_DSTRD(n->stride) |
	       CAP_NSSRS | CAP_CSS_NVM | CAP_MPSMAX(NVME_MAX_PAGE_SHIFT - 12) |
	       (n->cmb_size ? CAP_CMBS : 0);
}

/* CMBLOC and CMBSZ are 0 until the host has asked for them. */
static uint32_t cmb_register(const struct nvme *n, uint32_t value)
{
	return n->cmb_size && n->cmbmsc & CMBMSC_CRE ? value : 0;
}

static uint32_t read_word(const struct nvme *n, uint64_t off)
{
	switch (off) {
	case NVME_CAP:
		return (uint32_t)capabilities(n);
	case NVME_CAP + 4:
		return (uint32_t)(capabilities(n) >> 32);
	case NVME_VS:
		return VS_1_4;
	case NVME_INTMS:
	case NVME_INTMC:
		return n->masked;
	case NVME_CC:
		return n->cc;
	case NVME_CSTS:
		return n->csts;
	case NVME_AQA:
		return n->aqa;
	case NVME_ASQ:
		return (uint32_t)n->asq;
	case NVME_ASQ + 4:
		return (uint32_t)(n->asq >> 32);
	case NVME_ACQ:
		return (uint32_t)n->acq;
	case NVME_ACQ + 4:
		return (uint32_t)(n->acq >> 32);
	case NVME_CMBLOC:
		return cmb_register(n, NVME_CMB / 4096 << 12 | CMB_IN_BAR);
	case NVME_CMBSZ:
		return cmb_register(n, n->cmb_size / 4096 << CMBSZ_SZ_SHIFT | CMBSZ_KINDS);
	case NVME_CMBMSC:
		return (uint32_t)n->cmbmsc;
	case NVME_CMBMSC + 4:
		return (uint32_t)(n->cmbmsc >> 32);
	default:
		return 0;
	}
}

/* Replaces the half of *@reg that is at @off of it. */
static void set_half(uint64_t *reg, uint64_t off, uint32_t value)
{
	const unsigned int shift = off % 8 ? 32 : 0;

	*reg = (*reg & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

/* ASQ, ACQ and AQA, which hardware may read as soon as CC.EN is set. */
static void check_late(struct uiommufd_device *dev, const char *name)
{
	struct nvme *n = nvme_of(dev);

	if (!(n->cc & CC_EN) || n->late_reported)
		return;
	n->late_reported = true;
	uiommufd_device_report(dev, "nvme: %s is written while CC.EN is 1: %s", name,
			       n->latched ? "it has no effect, the admin queue is in use"
					  : "other controllers have read it already");
}

static void write_cmbmsc(struct nvme *n, uint64_t off, uint32_t value)
{
	if (!n->cmb_size)
		return;
	set_half(&n->cmbmsc, off, value);
	n->cmbmsc &= CMBMSC_CBA | CMBMSC_CMSE | CMBMSC_CRE;
}

static void write_mask(struct uiommufd_device *dev, uint32_t masked)
{
	nvme_of(dev)->masked = masked;
	nvme_update_line(dev);
}

static void write_word(struct uiommufd_device *dev, uint64_t off, uint32_t value)
{
	struct nvme *n = nvme_of(dev);

	switch (off) {
	case NVME_INTMS:
		write_mask(dev, n->masked | value);
		break;
	case NVME_INTMC:
		write_mask(dev, n->masked & ~value);
		break;
	case NVME_CC:
		nvme_configure(dev, value);
		break;
	case NVME_CSTS:
		n->csts &= ~(value & CSTS_NSSRO);
		break;
	case NVME_NSSR:
		if (value == NSSR_RESET)
			nvme_reset_subsystem(dev);
		break;
	case NVME_AQA:
		check_late(dev, "AQA");
		n->aqa = value & (AQA_SIZE_MASK | AQA_SIZE_MASK << AQA_ACQS_SHIFT);
		break;
	case NVME_ASQ:
	case NVME_ASQ + 4:
		check_late(dev, "ASQ");
		set_half(&n->asq, off, value);
		n->asq &= ~UINT64_C(0xfff);
		break;
	case NVME_ACQ:
	case NVME_ACQ + 4:
		check_late(dev, "ACQ");
		set_half(&n->acq, off, value);
		n->acq &= ~UINT64_C(0xfff);
		break;
	case NVME_CMBMSC:
	case NVME_CMBMSC + 4:
		write_cmbmsc(n, off, value);
		break;
	default:
		break;
	}
}

/* The bytes of the controller memory buffer at @off, or NULL. */
static uint8_t *cmb_at(struct nvme *n, uint64_t off)
{
	return n->cmbmsc & CMBMSC_CRE && off >= NVME_CMB && off - NVME_CMB < n->cmb_size
		       ? n->cmb + (off - NVME_CMB)
		       : NULL;
}

uint64_t nvme_bar_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
		       unsigned int size)
{
	struct nvme *n = nvme_of(dev);
	const uint8_t *cmb = cmb_at(n, off);
	uint64_t value = 0;

	(void)bar;
	if (cmb) {
		memcpy(&value, cmb, size);
		return value;
	}
	if (size == 8)
		return read_word(n, off) | (uint64_t)read_word(n, off + 4) << 32;
	return read_word(n, off & ~UINT64_C(3)) >> (8 * (off & 3));
}

static void write_register(struct uiommufd_device *dev, uint64_t off, uint32_t value)
{
	if (off >= NVME_DOORBELLS && off < NVME_MSIX_TABLE)
		nvme_doorbell(dev, off - NVME_DOORBELLS, value);
	else
		write_word(dev, off, value);
}

void nvme_bar_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off, unsigned int size,
		    uint64_t value)
{
	uint8_t *cmb = cmb_at(nvme_of(dev), off);

	(void)bar;
	if (cmb) {
		memcpy(cmb, &value, size);
		return;
	}
	if (size < 4)
		return;
	write_register(dev, off, (uint32_t)value);
	if (size == 8)
		write_register(dev, off + 4, (uint32_t)(value >> 32));
}

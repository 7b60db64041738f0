/* SPDX-License-Identifier: MIT */
/*
 * A DMA engine: it copies LENGTH bytes from SOURCE to DESTINATION when 1 is written to COMMAND, and
 * sends an interrupt when it is done. STATUS tells how the last copy ended. What writes registers
 * must not wait, so the copy is done by a work function, on the device's own thread.
 */
#include <string.h>

#include <uiommufd/device.h>

/* Registers of 32 bits, in BAR 0. */
enum {
	SOURCE = 0x00, /* low half; the high half follows */
	DESTINATION = 0x08,
	LENGTH = 0x10,
	COMMAND = 0x14,
	STATUS = 0x18,
	REGISTERS_END = 0x1c,
};

enum {
	STATUS_BUSY = 1,
	STATUS_BAD_SOURCE = 2,	    /* the IOMMU refused an address that is read */
	STATUS_BAD_DESTINATION = 4, /* or written */
};

struct mover {
	uint32_t registers[REGISTERS_END / 4];
};

static uint32_t *at(struct uiommufd_device *dev, uint64_t off)
{
	struct mover *mover = uiommufd_device_state(dev);

	return &mover->registers[off / 4];
}

static uint64_t address(struct uiommufd_device *dev, uint64_t off)
{
	return *at(dev, off) | (uint64_t)*at(dev, off + 4) << 32;
}

static void copy(struct uiommufd_device *dev)
{
	enum uiommufd_copy_end failed;
	uint64_t source, destination;
	uint32_t length;
	int rc;

	/* A work function runs without the lock, which DMA must not be done under. */
	uiommufd_device_lock(dev);
	source = address(dev, SOURCE);
	destination = address(dev, DESTINATION);
	length = *at(dev, LENGTH);
	uiommufd_device_unlock(dev);

	rc = uiommufd_device_dma_copy(dev, destination, source, length, &failed);

	uiommufd_device_lock(dev);
	*at(dev, STATUS) = !rc				    ? 0
			   : failed == UIOMMUFD_COPY_SOURCE ? STATUS_BAD_SOURCE
							    : STATUS_BAD_DESTINATION;
	uiommufd_device_unlock(dev);
	(void)uiommufd_device_send_msi(dev, 0);
}

static void mover_reset(struct uiommufd_device *dev)
{
	memset(uiommufd_device_state(dev), 0, sizeof(struct mover));
}

static uint64_t mover_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			   unsigned int size)
{
	(void)bar, (void)size;
	return off < REGISTERS_END ? *at(dev, off) : UINT64_MAX;
}

static void mover_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			unsigned int size, uint64_t value)
{
	(void)bar, (void)size;
	if (off >= STATUS)
		return;
	if (*at(dev, STATUS) & STATUS_BUSY) {
		uiommufd_device_report(dev, "register 0x%x is written while a copy is in progress",
				       (unsigned int)off);
		return;
	}
	*at(dev, off) = (uint32_t)value;
	if (off == COMMAND && value == 1) {
		*at(dev, STATUS) = STATUS_BUSY;
		uiommufd_device_queue_work(dev, copy);
	}
}

static const struct uiommufd_model mover = {
	.name = "mover",
	.summary = "a DMA engine that copies memory",
	.vendor = 0x1234,
	.device = 0xc0df,
	.class_code = 0x088000,
	.bars = {{.size = 4096, .flags = UIOMMUFD_BAR_MMAP, .min_access = 4, .max_access = 4}},
	.msi_vectors = 1,
	.state_size = sizeof(struct mover),
	.reset = mover_reset,
	.read = mover_read,
	.write = mover_write,
};

UIOMMUFD_MODEL(mover);

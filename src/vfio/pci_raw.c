/* SPDX-License-Identifier: MIT */
/*
 * See pci_raw.h. What is written while the device is open lasts until it is closed, as the kernel
 * saves the registers at the first open and restores them at the last close; what is written while
 * it is not is kept in at_rest, which the next open begins with.
 */
#include "vfio/pci_raw.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "vfio/bar.h"
#include "vfio/vfio_internal.h"

/* Numbers of interrupts: those of pins are shared, messages have their own. */
enum {
	PIN_FIRST = 16,
	PINS = 8,
	MESSAGE_FIRST = 40,
	MESSAGES = 32,
};

/* ---- resets ---- */

const char *pci_reset_word(unsigned int reset)
{
	static const char *const words[] = {
		[PCI_RESET_DEVICE_SPECIFIC] = "device_specific",
		[PCI_RESET_ACPI] = "acpi",
		[PCI_RESET_FLR] = "flr",
		[PCI_RESET_AF_FLR] = "af_flr",
		[PCI_RESET_PM] = "pm",
		[PCI_RESET_BUS] = "bus",
		[PCI_RESET_CXL_BUS] = "cxl_bus",
	};

	return reset < sizeof(words) / sizeof(words[0]) ? words[reset] : NULL;
}

/* The bridge above the device resets it alone if no other device is below that. */
unsigned int vfio_device_known_resets(struct vfio_device *device)
{
	unsigned int set = 0;

	lock_acquire(&device->lock);
	if (pci_config_has_flr(&device->config))
		set |= 1u << PCI_RESET_FLR;
	if (pci_config_has_af_flr(&device->config))
		set |= 1u << PCI_RESET_AF_FLR;
	if (pci_config_has_d3_reset(&device->config))
		set |= 1u << PCI_RESET_PM;
	if (device->bdf.bus != 0 && !atomic_load(&device->shares_bus))
		set |= 1u << PCI_RESET_BUS;
	lock_release(&device->lock);
	return set;
}

unsigned int vfio_device_reset_methods(struct vfio_device *device)
{
	return vfio_device_known_resets(device) & atomic_load(&device->resets);
}

void vfio_device_set_resets(struct vfio_device *device, unsigned int set)
{
	atomic_store(&device->resets, set);
}

void vfio_device_permit_messages(struct vfio_device *device, bool permitted)
{
	atomic_store(&device->no_messages, !permitted);
}

int vfio_device_reset_function(struct vfio_device *device)
{
	if (!vfio_device_reset_methods(device))
		return -ENOTTY;
	lock_acquire(&device->bind_lock);
	vfio_device_reset_alone(device, UIOMMUFD_RESET_FUNCTION);
	lock_release(&device->bind_lock);
	return 0;
}

/* ---- registers ---- */

/* A device that is bound and not open is in D3hot [SYSFS-DEVICE.15]. */
static void show_sleep(const struct vfio_device *device, uint64_t off, uint8_t *bytes, size_t len)
	REQUIRES(device->lock)
{
	const uint32_t pmcsr = device->config.pm + PCI_PM_CTRL;

	lock_assert_held(&device->lock);
	if (atomic_load(&device->enabled) || atomic_load(&device->unbound) ||
	    atomic_load(&device->gone))
		return;
	if (off <= pmcsr && pmcsr < off + len)
		bytes[pmcsr - off] |= PCI_PM_CTRL_STATE_MASK;
}

size_t vfio_device_config_read(struct vfio_device *device, uint64_t off, void *buf, size_t len)
{
	struct pci_irq_status status = vfio_irqs_status(&device->irqs);

	if (off >= device->config.size)
		return 0;
	len = min_u64(len, device->config.size - off);
	lock_acquire(&device->lock);
	pci_config_show_irqs(&device->config, &status);
	pci_config_read(&device->config, (uint32_t)off, buf, (uint32_t)len);
	show_sleep(device, off, buf, len);
	lock_release(&device->lock);
	return len;
}

/* Keeps the registers of a device that is not open. */
static void keep_at_rest(struct vfio_device *device) REQUIRES(device->lock)
{
	lock_assert_held(&device->lock);
	if (!device->at_rest)
		device->at_rest = alloc_zeroed(sizeof(device->config.bytes));
	/* Without memory the registers are those of power-up again when it is opened. */
	if (device->at_rest)
		memcpy(device->at_rest, device->config.bytes, device->config.size);
}

size_t vfio_device_config_write(struct vfio_device *device, uint64_t off, const void *buf,
				size_t len)
{
	const uint8_t *bytes = buf;
	uint32_t pmcsr;

	if (off >= device->config.size)
		return 0;
	len = min_u64(len, device->config.size - off);
	lock_acquire(&device->lock);
	pci_config_write(&device->config, (uint32_t)off, buf, (uint32_t)len);
	pmcsr = device->config.pm + PCI_PM_CTRL;
	if (atomic_load(&device->enabled) && off <= pmcsr && pmcsr < off + len)
		(void)pci_config_set_power(&device->config,
					   bytes[pmcsr - off] & PCI_PM_CTRL_STATE_MASK);
	if (!atomic_load(&device->enabled))
		keep_at_rest(device);
	vfio_device_apply_command(device);
	lock_release(&device->lock);
	bar_exports_update(device);
	return len;
}

/* Whether @bytes are the registers that the next open begins with. */
static bool is_known(const struct vfio_device *device, const uint8_t *bytes, size_t len)
	REQUIRES(device->lock)
{
	const uint8_t *known = device->at_rest;

	lock_assert_held(&device->lock);
	if (!known)
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((known[i] ^ bytes[i]) & device->config.writable[i])
			return false;
	}
	return true;
}

int vfio_device_config_restore(struct vfio_device *device, const void *bytes, size_t len)
{
	int rc = 0;

	lock_acquire(&device->lock);
	if (!atomic_load(&device->enabled) && !is_known(device, bytes, len)) {
		pci_config_write(&device->config, 0, bytes,
				 (uint32_t)min_u64(len, device->config.size));
		keep_at_rest(device);
		rc = device->at_rest ? 0 : -ENOMEM;
	}
	lock_release(&device->lock);
	return rc;
}

/* ---- BARs ---- */

void vfio_device_resource(const struct vfio_device *device, unsigned int bar, uint64_t *start,
			  uint64_t *end, uint64_t *flags)
{
	/* Flags of a resource, as sysfs shows them. */
	enum {
		RESOURCE_IO = 0x100,
		RESOURCE_MEM = 0x200,
		RESOURCE_PREFETCH = 0x2000,
		RESOURCE_READONLY = 0x4000,
		RESOURCE_SIZEALIGN = 0x40000,
		RESOURCE_MEM_64 = 0x100000,
	};
	unsigned int kind;

	*start = *end = *flags = 0;
	if (bar >= PCI_WINDOWS || !device->windows[bar].size)
		return;
	*start = device->windows[bar].start;
	*end = *start + device->windows[bar].size - 1;
	*flags = RESOURCE_SIZEALIGN;
	if (bar == PCI_ROM) {
		*flags |= RESOURCE_MEM | RESOURCE_PREFETCH | RESOURCE_READONLY;
		return;
	}
	kind = device->model->bars[bar].flags;
	if (kind & UIOMMUFD_BAR_IO)
		*flags |= RESOURCE_IO | PCI_BASE_ADDRESS_SPACE_IO;
	else
		*flags |= RESOURCE_MEM;
	if (kind & UIOMMUFD_BAR_64)
		*flags |= RESOURCE_MEM_64 | PCI_BASE_ADDRESS_MEM_TYPE_64;
	if (kind & UIOMMUFD_BAR_PREFETCH)
		*flags |= RESOURCE_PREFETCH | PCI_BASE_ADDRESS_MEM_PREFETCH;
}

bool vfio_device_has_ports(const struct vfio_device *device, unsigned int bar)
{
	return device->model->bars[bar].flags & UIOMMUFD_BAR_IO;
}

uint64_t vfio_device_port_read(struct vfio_device *device, unsigned int bar, uint64_t off,
			       unsigned int size)
{
	const struct bar_access access = {.device = device, .bar = bar, .off = off, .size = size};
	uint64_t value;

	vfio_device_resume_work(device);
	(void)bar_read(&access, &value);
	return value;
}

void vfio_device_port_write(struct vfio_device *device, unsigned int bar, uint64_t off,
			    unsigned int size, uint64_t value)
{
	const struct bar_access access = {.device = device, .bar = bar, .off = off, .size = size};

	vfio_device_resume_work(device);
	(void)bar_write(&access, value);
}

/* Past VFIO, what does not decode reads as ones: nothing raises a signal. */
static int raw_read(void *cookie, uint64_t offset, unsigned int size, uint64_t *value)
{
	bar_raw_read(cookie, offset, size, value);
	return 0;
}

static int raw_write(void *cookie, uint64_t offset, unsigned int size, uint64_t value)
{
	bar_raw_write(cookie, offset, size, value);
	return 0;
}

static void raw_name(void *cookie, uint64_t offset, char *text, size_t size)
{
	bar_trap.name(cookie, offset, text, size);
}

static const struct file_trap_ops raw_trap = {
	.read = raw_read,
	.write = raw_write,
	.name = raw_name,
};

int vfio_device_resource_mmap(struct vfio_device *device, unsigned int bar, uint64_t offset,
			      uint64_t len, int flags, struct file_mapping *map)
{
	int rc;

	if (offset >= vfio_region_offset(1))
		return -EINVAL;
	rc = vfio_device_mmap(device, vfio_region_offset(bar) + offset, len, flags, map);
	if (!rc && map->trap)
		map->trap = &raw_trap;
	return rc;
}

/* ---- interrupts ---- */

unsigned int vfio_device_irq_number(struct vfio_device *device)
{
	const struct pci_irq_status status = vfio_irqs_status(&device->irqs);

	if (status.msi)
		return MESSAGE_FIRST + MESSAGES * device->index;
	return device->model->intx ? PIN_FIRST + device->index % PINS : 0;
}

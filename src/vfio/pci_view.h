/* SPDX-License-Identifier: MIT */
/*
 * Config space as programs see it through VFIO: the registers of the device (pci_config.h) with a
 * copy of VFIO's own in front of them [CONFIG]. For each bit there is
 *
 *	virtual		it is read from the copy; otherwise from the device
 *	writable	a write changes it there; otherwise the write is dropped
 *
 * So a bit that is writable and not virtual passes to the device, which may have its own opinion on
 * what can be written. No reset touches the copy.
 *
 * An access is cut into pieces, which do not cross a dword or the end of a capability; what a write
 * does beside the bits depends on where its pieces start [CONFIG-ACCESS].
 *
 * Locks: none of its own; the device lock guards it.
 */
#ifndef VFIO_PCI_VIEW_H
#define VFIO_PCI_VIEW_H

#include <linux/pci_regs.h>
#include <stdint.h>

#include "vfio/pci_config.h"

/* Missing in older headers. */
#ifndef PCI_EXT_CAP_ID_DVSEC
#define PCI_EXT_CAP_ID_DVSEC 0x23
#endif

struct pci_view {
	struct pci_config *config; /* the device's registers; borrowed */
	uint8_t copy[PCI_CONFIG_SIZE_EXPRESS];
	uint8_t is_virtual[PCI_CONFIG_SIZE_EXPRESS];
	uint8_t writable[PCI_CONFIG_SIZE_EXPRESS];
	/* Which visible capability a byte is in: VIEW_GAP, VIEW_HEADER, or a number of its own. */
	uint8_t owner[PCI_CONFIG_SIZE_EXPRESS];
};

/* What the device has to do because of a write. */
enum pci_effect {
	PCI_EFFECT_MSI = 1,   /* the control register of MSI was written: pci_view_msi_control() */
	PCI_EFFECT_RESET = 2, /* a reset of the function was asked for */
};

/* Starts a new copy of the registers of @config, as the first open of a device does. */
void pci_view_init(struct pci_view *view, struct pci_config *config);

/* The size of the first piece of an access of @len bytes (not 0) at @off, inside config space. */
uint32_t pci_view_piece(const struct pci_view *view, uint32_t off, uint32_t len);

/*
 * Reads or writes one piece. The registers of the device show @status. A write returns what the
 * device has to do, a set of enum pci_effect.
 */
void pci_view_read(const struct pci_view *view, uint32_t off, void *buf, uint32_t len);
unsigned int pci_view_write(struct pci_view *view, uint32_t off, const void *buf, uint32_t len,
			    const struct pci_irq_status *status);

/* The command register as the program has written it. */
uint16_t pci_view_command(const struct pci_view *view);

/*
 * Whether the program has left memory decoding on. The device may see it otherwise: its register
 * is also written past VFIO, by sysfs.
 */
bool pci_view_has_memory(const struct pci_view *view);

/* The control register of MSI, as the last write left it. */
uint16_t pci_view_msi_control(const struct pci_view *view);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The config space of a PCI device, as it is on the bus: a type 0 header and its capabilities, made
 * from a model, and a mask of the bits that a write changes. Writes have no effect elsewhere: the
 * device asks for the registers that concern it (pci_config_effective()). Programs do not see
 * these registers but the view of them that VFIO gives (pci_view.h); sysfs shows them.
 *
 * Locks: none of its own; the device lock guards it.
 */
#ifndef VFIO_PCI_CONFIG_H
#define VFIO_PCI_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/device.h>

enum {
	PCI_BARS = 6,
	PCI_ROM = PCI_BARS, /* the window of the expansion ROM */
	PCI_WINDOWS,
	PCI_CONFIG_SIZE = 256,
	PCI_CONFIG_SIZE_EXPRESS = 4096,
};

/*
 * Where a BAR, or the ROM, is on the bus. Nothing decodes these addresses: sysfs and the BAR
 * registers show them.
 */
struct pci_window {
	uint64_t start;
	uint64_t size; /* 0: no BAR */
};

struct pci_config {
	uint32_t size;
	bool vanished;
	uint8_t msi, msix, express; /* offsets of the capabilities; 0: none */
	uint8_t pm, vpd, af;
	uint8_t *vpd_bytes; /* what is behind VPD; borrowed, from the device. NULL: not valid */
	uint32_t vpd_size;
	uint8_t bytes[PCI_CONFIG_SIZE_EXPRESS];
	uint8_t writable[PCI_CONFIG_SIZE_EXPRESS];
};

/* The state of interrupts that config space shows. */
struct pci_irq_status {
	bool intx;		    /* the INTA# line is asserted */
	bool intx_disabled;	    /* VFIO masks it in the command register */
	bool msi;		    /* SET_IRQS has enabled MSI */
	uint16_t msi_control;	    /* PCI_MSI_FLAGS_ENABLE, PCI_MSI_FLAGS_QSIZE of the device */
	unsigned int msi_log_limit; /* the most that QSIZE can be */
	bool msix;		    /* MSI-X is enabled */
};

/*
 * Chooses windows for the BARs of @model and its expansion ROM, whose BAR has @rom bytes (0: none),
 * as device @index of the machine.
 */
void pci_place_bars(const struct uiommufd_model *model, uint64_t rom, unsigned int index,
		    struct pci_window windows[PCI_WINDOWS]);

/*
 * Config space after firmware has set the device up: BARs placed, decoding on, bus mastering off.
 * The caller sets vpd_bytes and vpd_size.
 */
void pci_config_init(struct pci_config *config, const struct uiommufd_model *model,
		     const struct pci_window windows[PCI_WINDOWS]);

/* Nothing answers any more: all registers read as ones, and no write changes them. */
void pci_config_vanish(struct pci_config *config);

/* Read and write without side effects. The range is inside the config space. */
void pci_config_read(const struct pci_config *config, uint32_t off, void *buf, uint32_t len);
void pci_config_write(struct pci_config *config, uint32_t off, const void *buf, uint32_t len);

/* The command register (PCI_COMMAND_MEMORY, ...). Setting it sets all bits. */
uint16_t pci_config_command(const struct pci_config *config);
void pci_config_set_command(struct pci_config *config, uint16_t command);

/* The bits of it that are in effect: in D3hot a device neither decodes its BARs nor does DMA. */
uint16_t pci_config_effective(const struct pci_config *config);

/*
 * Whether the registers of BAR @bar do not say where it is on the bus, so that it does not answer
 * there: they are written past VFIO, by sysfs.
 */
bool pci_config_bar_is_moved(const struct pci_config *config, const struct uiommufd_model *model,
			     const struct pci_window windows[PCI_WINDOWS], unsigned int bar);

/* Sets the registers of all BARs to where these are. */
void pci_config_restore_bars(struct pci_config *config, const struct uiommufd_model *model,
			     const struct pci_window windows[PCI_WINDOWS]);

/*
 * Changes the power state to @state, 0 (D0) or 3 (D3hot); there are no others. True: the device has
 * lost its state on the way back from D3hot.
 */
bool pci_config_set_power(struct pci_config *config, unsigned int state);

/* Whether it is in D0, or not there to be asked. */
bool pci_config_is_awake(const struct pci_config *config);

/* Changes the power state to D0, like any reset. */
void pci_config_wake(struct pci_config *config);

/* The device is one of several functions. */
void pci_config_set_multifunction(struct pci_config *config);

/*
 * Whether the device can be reset by a register of its own: DEVCTL of PCI Express, the control
 * register of Advanced Features, or the way through D3hot.
 */
bool pci_config_has_flr(const struct pci_config *config);
bool pci_config_has_af_flr(const struct pci_config *config);
bool pci_config_has_d3_reset(const struct pci_config *config);

/* Updates the bits that show the state of interrupts. */
void pci_config_show_irqs(struct pci_config *config, const struct pci_irq_status *status);

#endif

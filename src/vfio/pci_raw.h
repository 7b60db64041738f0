/* SPDX-License-Identifier: MIT */
/*
 * A device as sysfs reaches it, past VFIO: its registers, its BARs, the resets that it knows
 * [SYSFS-DEVICE], [SYSFS-WRITE].
 *
 * Context: any thread, without locks; whether or not a program has the device open.
 */
#ifndef VFIO_PCI_RAW_H
#define VFIO_PCI_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vfio_device;
struct file_mapping;

/* Ways to reset a function, in the order in which the kernel tries them. */
enum pci_reset {
	PCI_RESET_DEVICE_SPECIFIC,
	PCI_RESET_ACPI,
	PCI_RESET_FLR,
	PCI_RESET_AF_FLR,
	PCI_RESET_PM,
	PCI_RESET_BUS,
	PCI_RESET_CXL_BUS,
};

/* The word of @reset in sysfs, "flr"; NULL past the end. */
const char *pci_reset_word(unsigned int reset);

/* The set of what the device knows; and what is left of it after vfio_device_set_resets(). */
unsigned int vfio_device_known_resets(struct vfio_device *device);
unsigned int vfio_device_reset_methods(struct vfio_device *device);
void vfio_device_set_resets(struct vfio_device *device, unsigned int set);

/* Whether MSI and MSI-X may begin: sysfs' file msi_bus. */
void vfio_device_permit_messages(struct vfio_device *device, bool permitted);

/* Resets the function, whoever uses it. 0, or -ENOTTY: no method is left. */
int vfio_device_reset_function(struct vfio_device *device);

/*
 * The registers: copies up to @len bytes at @off to or from @buf, in this process. Returns how
 * many; 0 past the end. A device that nobody uses is asleep, as a bound one is.
 */
size_t vfio_device_config_read(struct vfio_device *device, uint64_t off, void *buf, size_t len);
size_t vfio_device_config_write(struct vfio_device *device, uint64_t off, const void *buf,
				size_t len);

/* Its command register if it decodes all that it has, and may assert its line. */
uint16_t vfio_device_decoding_command(const struct vfio_device *device);

/* Its registers while it is not open, @len bytes, are @bytes. 0 or -ENOMEM. */
int vfio_device_config_restore(struct vfio_device *device, const void *bytes, size_t len);

/*
 * BAR @bar, or that of the ROM (PCI_ROM, 6), as sysfs' "resource" shows it: start, end and flags of
 * its window; all 0 for none.
 */
void vfio_device_resource(const struct vfio_device *device, unsigned int bar, uint64_t *start,
			  uint64_t *end, uint64_t *flags);

/* Whether BAR @bar is ports. */
bool vfio_device_has_ports(const struct vfio_device *device, unsigned int bar);

/*
 * The expansion ROM: copies up to @len bytes at @off to @buf, in this process. Returns how many; 0
 * past the end of its images; -EIO: there are none.
 */
ssize_t vfio_device_rom_read(struct vfio_device *device, uint64_t off, void *buf, size_t len);

/* One access of 1, 2 or 4 bytes to ports, inside the BAR and aligned. */
uint64_t vfio_device_port_read(struct vfio_device *device, unsigned int bar, uint64_t off,
			       unsigned int size);
void vfio_device_port_write(struct vfio_device *device, unsigned int bar, uint64_t off,
			    unsigned int size, uint64_t value);

/* mmap of BAR @bar, as in struct file_ops. */
int vfio_device_resource_mmap(struct vfio_device *device, unsigned int bar, uint64_t offset,
			      uint64_t len, int flags, struct file_mapping *map);

/* The number of its interrupt: of its first message if it uses MSI, else of INTA#; 0: none. */
unsigned int vfio_device_irq_number(struct vfio_device *device);

#endif

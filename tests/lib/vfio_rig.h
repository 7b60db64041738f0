/* SPDX-License-Identifier: MIT */
/*
 * One VFIO device behind one IOMMU, and a context. The rig's caller has a descriptor for each of
 * the two files. Its memory is this process's, except that addresses below RIG_BAD_LIMIT, and a
 * byte and a structure that a test may choose, give EFAULT.
 */
#ifndef TESTS_LIB_VFIO_RIG_H
#define TESTS_LIB_VFIO_RIG_H

#include <stddef.h>
#include <stdint.h>

#include <uiommufd/caller.h>
#include <uiommufd/vfio.h>

#include "iommufd/device/group.h"
#include "served.h"
#include "vfio/vfio.h"

enum {
	RIG_FD_CONTEXT = 1000,
	RIG_FD_DEVICE,
	RIG_FD_GIVEN, /* the last one that the device has given away */
	RIG_BAD_LIMIT = 65536,
};

struct vfio_rig {
	struct uiommufd_caller caller; /* must be first */
	struct uiommufd_caller_ops ops;
	uint64_t hole;	       /* this byte is neither readable nor writable; 0: none */
	const void *read_only; /* this structure is not writable; NULL: none */
	struct iommu *iommu;
	struct iommufd_group *group;
	struct vfio_device *device;
	struct uiommufd_file *context;
	struct uiommufd_file *file;  /* of the device */
	struct uiommufd_file *given; /* NULL: none */
	struct served served;
};

/* Opens a device of @model, with one option or NULL, and a context; does not bind them. */
void rig_open(struct vfio_rig *rig, const struct uiommufd_model *model,
	      const struct option_value *option);

/* The same with @count options. */
void rig_open_with(struct vfio_rig *rig, const struct uiommufd_model *model,
		   const struct option_value *options, unsigned int count);

/* The same with model, options and settings of @spec; the rest of it is the rig's. */
void rig_open_as(struct vfio_rig *rig, const struct device_spec *spec);

void rig_close(struct vfio_rig *rig);

/* An ioctl of the device, and of the context: a result or a negative errno. */
long rig_ioctl(struct vfio_rig *rig, unsigned int cmd, const void *arg);
long rig_iommu(struct vfio_rig *rig, unsigned int cmd, const void *arg);

/* BIND_IOMMUFD to the context. */
long rig_bind(struct vfio_rig *rig);

/*
 * Binds the device, attaches it to a new IOAS, in which @size bytes of @memory are mapped at @iova
 * for reading and writing, and turns on decoding and bus mastering. 0 or a negative errno.
 */
long rig_connect(struct vfio_rig *rig, void *memory, uint64_t size, uint64_t iova,
		 uint32_t *ioas_id);

/* Writes the command register of config space. */
void rig_set_pci_command(struct vfio_rig *rig, uint16_t command);

/* Read and write the file of the device at @pos: a length or a negative errno. */
long rig_pread(struct vfio_rig *rig, void *buf, size_t len, uint64_t pos);
long rig_pwrite(struct vfio_rig *rig, const void *buf, size_t len, uint64_t pos);

/* The argument of a SET_IRQS of up to 4 eventfds. */
union rig_irqs {
	struct vfio_irq_set set;
	char bytes[sizeof(struct vfio_irq_set) + 4 * sizeof(int32_t)];
};

/* Fills @irqs; @action is a VFIO_IRQ_SET_ACTION_... */
void rig_irqs(union rig_irqs *irqs, uint32_t action, uint32_t index, uint32_t count,
	      const int32_t *fds);

/* The position in the file of byte @off of region @index. */
uint64_t rig_pos(uint64_t index, uint64_t off);

#endif

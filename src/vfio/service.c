/* SPDX-License-Identifier: MIT */
/* The functions of <uiommufd/device.h> that device models call. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "vfio/vfio_internal.h"

void *uiommufd_device_state(struct uiommufd_device *dev)
{
	return dev->state;
}

const char *uiommufd_device_name(struct uiommufd_device *dev)
{
	return vfio_device_of(dev)->name;
}

const char *uiommufd_device_option(struct uiommufd_device *dev, const char *name)
{
	for (unsigned int i = 0; i < dev->option_count; i++)
		if (strcmp(dev->options[i].name, name) == 0)
			return dev->options[i].value;
	return NULL;
}

int uiommufd_device_refuse(struct uiommufd_device *dev, int error, const char *format, ...)
{
	va_list args;

	if (!dev->spec || !dev->spec->why)
		return error;
	va_start(args, format);
	vsnprintf(dev->spec->why, dev->spec->why_size, format, args);
	va_end(args);
	return error;
}

bool uiommufd_device_claims(struct uiommufd_device *dev)
{
	return !dev->spec || !dev->spec->claimed;
}

/*
 * 0, or -EFAULT and a line in the log: drivers forget to set the bit. Context: no lock held, as the
 * DMA may wait for the program to answer a page request.
 */
static int check_master(const struct vfio_device *device, const char *what, uint64_t iova,
			size_t len)
{
	lock_assert_none_from(LOCK_NONE);
	if (atomic_load(&device->bus_master))
		return 0;
	log_fault("%s: DMA %s of %zu bytes at IOVA 0x%llx is refused: bus mastering is off "
		  "(command register, bit 2)",
		  device->name, what, len, (unsigned long long)iova);
	return -EFAULT;
}

int uiommufd_device_dma_read(struct uiommufd_device *dev, uint64_t iova, void *buf, size_t len)
{
	struct vfio_device *device = vfio_device_of(dev);
	int rc = check_master(device, "read", iova, len);

	if (rc)
		return rc;
	return iommu_dma(device->endpoint, NO_PASID, iova, buf, len, DMA_READ);
}

int uiommufd_device_dma_write(struct uiommufd_device *dev, uint64_t iova, const void *buf,
			      size_t len)
{
	struct vfio_device *device = vfio_device_of(dev);
	int rc = check_master(device, "write", iova, len);

	if (rc)
		return rc;
	return iommu_dma(device->endpoint, NO_PASID, iova, (void *)buf, len, DMA_WRITE);
}

int uiommufd_device_dma_copy(struct uiommufd_device *dev, uint64_t dst, uint64_t src, size_t len,
			     enum uiommufd_copy_end *failed)
{
	struct vfio_device *device = vfio_device_of(dev);
	enum dma_dir dir = DMA_READ;
	int rc = check_master(device, "copy", src, len);

	if (rc)
		goto out;
	rc = iommu_dma_copy(device->endpoint, NO_PASID, dst, src, len, &dir);
out:
	if (rc && failed)
		*failed = dir == DMA_WRITE ? UIOMMUFD_COPY_DESTINATION : UIOMMUFD_COPY_SOURCE;
	return rc;
}

void uiommufd_device_set_intx(struct uiommufd_device *dev, bool level)
{
	vfio_irqs_set_level(&vfio_device_of(dev)->irqs, level);
}

bool uiommufd_device_send_msi(struct uiommufd_device *dev, unsigned int vector)
{
	return vfio_irqs_send(&vfio_device_of(dev)->irqs, vector);
}

void uiommufd_device_queue_work(struct uiommufd_device *dev,
				void (*work)(struct uiommufd_device *dev))
{
	uiommufd_device_queue_work_on(dev, 0, work);
}

void uiommufd_device_queue_work_on(struct uiommufd_device *dev, unsigned int thread,
				   void (*work)(struct uiommufd_device *dev))
{
	struct vfio_device *device = vfio_device_of(dev);

	assert(thread < device->work_count);
	vfio_work_queue(&device->work[thread], work);
}

unsigned int uiommufd_device_work_thread(struct uiommufd_device *dev)
{
	const struct vfio_device *device = vfio_device_of(dev);
	const struct device_work *work = vfio_work_current();

	assert(work >= device->work && work < device->work + device->work_count);
	return (unsigned int)(work - device->work);
}

/* The model holds the lock in between. */
void uiommufd_device_lock(struct uiommufd_device *dev) NO_LOCK_ANALYSIS
{
	lock_acquire(&vfio_device_of(dev)->lock);
}

void uiommufd_device_unlock(struct uiommufd_device *dev) NO_LOCK_ANALYSIS
{
	lock_release(&vfio_device_of(dev)->lock);
}

void uiommufd_device_report(struct uiommufd_device *dev, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_fault("%s: %s", vfio_device_of(dev)->name, text);
}

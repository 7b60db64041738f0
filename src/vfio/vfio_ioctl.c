/* SPDX-License-Identifier: MIT */
/*
 * The ioctls of a bound PCI device: information, interrupts, reset [PCI]. The order of the checks
 * is that of docs/abi.
 */
#include <errno.h>
#include <stddef.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/last_error.h"
#include "report/report.h"
#include "vfio/vfio_internal.h"

static int copy_in(struct uiommufd_caller *caller, void *to, uint64_t from, size_t len)
{
	return caller_read(caller, to, from, len) ? refuse_memory("the argument", from, len) : 0;
}

static int copy_out(struct uiommufd_caller *caller, uint64_t to, const void *from, size_t len)
{
	return caller_write(caller, to, from, len) ? refuse_memory("the argument", to, len) : 0;
}

int refuse_argsz(uint32_t argsz, size_t least)
{
	return refuse_mistake(-EINVAL, "argsz is %u, and must be %zu at least", argsz, least);
}

static long get_info(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t arg)
{
	const size_t least = SIZE_TO(struct vfio_device_info, num_irqs);
	struct vfio_device_info info = {0};

	if (copy_in(caller, &info, arg, least))
		return refuse_memory("the argument", arg, least);
	if (info.argsz < least)
		return refuse_argsz(info.argsz, least);
	info.flags = VFIO_DEVICE_FLAGS_PCI;
	if (device->resettable)
		info.flags |= VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return copy_out(caller, arg, &info, min_u64(info.argsz, sizeof(info)));
}

/* The capability of the BAR with the MSI-X table: mappings may include the table. */
static long add_msix_cap(struct uiommufd_caller *caller, uint64_t arg,
			 struct vfio_region_info *info)
{
	const struct vfio_info_cap_header cap = {
		.id = VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
		.version = 1,
	};

	info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	if (info->argsz < sizeof(*info) + sizeof(cap)) {
		info->argsz = sizeof(*info) + sizeof(cap);
		info->cap_offset = 0;
		return 0;
	}
	info->cap_offset = sizeof(*info);
	return copy_out(caller, arg + sizeof(*info), &cap, sizeof(cap));
}

static long get_region_info(struct vfio_device *device, struct uiommufd_caller *caller,
			    uint64_t arg)
{
	struct vfio_region_info info;
	struct device_region region;
	long rc;

	if (copy_in(caller, &info, arg, sizeof(info)))
		return refuse_memory("the argument", arg, sizeof(info));
	if (info.argsz < sizeof(info))
		return refuse_argsz(info.argsz, sizeof(info));
	if (vfio_region_get(device, info.index, &region))
		return refuse(-EINVAL, "there is no region %u", info.index);
	info.offset = vfio_region_offset(info.index);
	info.size = region.size;
	info.flags = 0;
	if (region.size)
		info.flags = VFIO_REGION_INFO_FLAG_READ;
	if (region.size && region.writable)
		info.flags |= VFIO_REGION_INFO_FLAG_WRITE;
	if (region.mappable)
		info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (region.msix_table) {
		rc = add_msix_cap(caller, arg, &info);
		if (rc)
			return rc;
	}
	return copy_out(caller, arg, &info, sizeof(info));
}

static long get_irq_info(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t arg)
{
	struct vfio_irq_info info;

	if (copy_in(caller, &info, arg, sizeof(info)))
		return refuse_memory("the argument", arg, sizeof(info));
	if (info.argsz < sizeof(info))
		return refuse_argsz(info.argsz, sizeof(info));
	if (info.index >= VFIO_PCI_NUM_IRQS)
		return refuse(-EINVAL, "there is no interrupt index %u", info.index);
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	if (info.index == VFIO_PCI_INTX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	else if (info.index != VFIO_PCI_MSIX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_NORESIZE;
	info.count = device->irqs.counts[info.index];
	return copy_out(caller, arg, &info, sizeof(info));
}

/* Bytes of one element of the data, or -EINVAL unless exactly one type is given. */
static int element_size(uint32_t flags)
{
	switch (flags & VFIO_IRQ_SET_DATA_TYPE_MASK) {
	case VFIO_IRQ_SET_DATA_NONE:
		return 0;
	case VFIO_IRQ_SET_DATA_BOOL:
		return sizeof(uint8_t);
	case VFIO_IRQ_SET_DATA_EVENTFD:
		return sizeof(int32_t);
	default:
		return refuse_mistake(-EINVAL, "flags 0x%x do not have exactly one type of data",
				      flags);
	}
}

/* Why no message can be set up now [CONFIG-IRQ.6c]; NULL: it can. */
static const char *why_no_messages(struct vfio_device *device)
{
	bool awake;

	if (atomic_load(&device->no_messages))
		return "sysfs' file msi_bus is 0";
	lock_acquire(&device->lock);
	awake = pci_config_is_awake(&device->config);
	lock_release(&device->lock);
	return awake ? NULL : "the device is in D3hot (PMCSR)";
}

static long set_irqs(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t arg)
{
	const size_t least = SIZE_TO(struct vfio_irq_set, count);
	struct irq_request request;
	struct vfio_irq_set head;
	void *data = NULL;
	uint64_t bytes;
	unsigned int max;
	int size;
	long rc;

	if (copy_in(caller, &head, arg, least))
		return refuse_memory("the argument", arg, least);
	if (head.argsz < least)
		return refuse_argsz(head.argsz, least);
	if (head.index >= VFIO_PCI_NUM_IRQS || head.count >= UINT32_MAX - head.start)
		return refuse_mistake(-EINVAL,
				      "index %u, start %u, count %u: there is no such interrupt",
				      head.index, head.start, head.count);
	if (head.flags & ~(VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK))
		return refuse_flags(-EINVAL, "flags", head.flags,
				    VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK);
	max = device->irqs.counts[head.index];
	if (head.start >= max || head.start + head.count > max)
		return refuse_mistake(-EINVAL, "vectors %u to %u of interrupt index %u: it has %u",
				      head.start, head.start + head.count - 1, head.index, max);
	size = element_size(head.flags);
	if (size < 0)
		return size;
	bytes = (uint64_t)head.count * (unsigned int)size;
	if (head.argsz - least < bytes)
		return refuse_mistake(
			-EINVAL, "argsz is %u, and %u elements of %d bytes behind %zu need more",
			head.argsz, head.count, size, least);
	if (bytes) {
		data = alloc_zeroed(bytes);
		if (!data)
			return -ENOMEM;
		rc = copy_in(caller, data, arg + least, bytes);
		if (rc)
			goto out;
	}
	request = (struct irq_request){.caller = caller,
				       .index = head.index,
				       .start = head.start,
				       .count = head.count,
				       .flags = head.flags,
				       .data = data,
				       .no_messages = why_no_messages(device)};
	rc = vfio_irqs_set(&device->irqs, &request);
out:
	alloc_free(data);
	return rc;
}

/* With --advice: a reset during which the device may still reach memory. */
static void advise_on_reset(const struct vfio_device *device)
{
	struct report *report;
	struct origin now;

	if (!report_advises() || !atomic_load(&device->bus_master) ||
	    !iommu_endpoint_domain(device->endpoint, NO_PASID))
		return;
	origin_capture(&now);
	report = report_begin("advice-reset-with-bus-master", device->name);
	report_headline(report,
			"%s: reset while bus mastering is on and the device is attached: what it "
			"starts before it is set up again reaches the mappings of before",
			device->name);
	report_origin(report, "caller", &now, "called");
	report_end(report);
}

static long reset(struct vfio_device *device)
{
	if (!device->resettable)
		return refuse(-EINVAL,
			      "the device cannot be reset alone (VFIO_DEVICE_FLAGS_RESET)");
	/* Of sysfs' file reset_method [CONFIG-RESET.1]. */
	if (!vfio_device_reset_methods(device))
		return refuse(-ENOTTY, "sysfs' file reset_method is empty");
	advise_on_reset(device);
	vfio_device_reset(device, UIOMMUFD_RESET_FUNCTION);
	return 0;
}

long vfio_device_ioctl(struct device_file *file, struct uiommufd_caller *caller, unsigned int cmd,
		       uint64_t arg)
{
	struct vfio_device *device = file->device;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return get_info(device, caller, arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return get_region_info(device, caller, arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return get_irq_info(device, caller, arg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(device, caller, arg);
	case VFIO_DEVICE_RESET:
		return reset(device);
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		return vfio_get_hot_reset_info(file, caller, arg);
	case VFIO_DEVICE_PCI_HOT_RESET:
		return vfio_hot_reset(file, caller, arg);
	case VFIO_DEVICE_IOEVENTFD:
		return vfio_ioeventfd(&device->ioeventfds, caller, arg);
	case VFIO_DEVICE_FEATURE:
		return vfio_feature(device, caller, arg);
	default:
		return -ENOTTY;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * BARs: see bar.h. A mapped BAR is registers, not memory: the transport traps each access of the
 * program and passes it on here, like one of read() or write(). So reads with side effects, bits
 * that are cleared by writing 1, and doorbells behave as in hardware (docs/architecture.md). Pages
 * that the model says are memory, or nothing but doorbells, are in bar_part.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <sys/mman.h>

#include <uiommufd/vfio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/gate.h"
#include "base/last_error.h"
#include "iommufd/queue/fault_queue.h"
#include "report/counts.h"
#include "report/device_record.h"
#include "report/report_device.h"
#include "report/sanitizer.h"
#include "trace/events.h"
#include "vfio/backend.h"
#include "vfio/bar.h"
#include "vfio/bar_part.h"
#include "vfio/vfio_internal.h"

/*
 * The MSI-X table and its pending bits start and end at multiples of 8: an aligned access is inside
 * or outside of them.
 */
static bool in_msix_table(const struct bar_access *access)
{
	const struct uiommufd_model *model = access->device->model;
	uint64_t end = model->msix_table + (uint64_t)model->msix_vectors * PCI_MSIX_ENTRY_SIZE;

	return model->msix_bar == access->bar && access->off >= model->msix_table &&
	       access->off < end;
}

static bool in_msix_pending(const struct bar_access *access)
{
	const struct uiommufd_model *model = access->device->model;
	uint64_t end = model->msix_pba + (model->msix_vectors + 63) / 64 * 8;

	return model->msix_bar == access->bar && access->off >= model->msix_pba &&
	       access->off < end;
}

/* Of what has been pulled out, all reads are ones, and no write has an effect. */
static bool is_gone(const struct vfio_device *device)
{
	return atomic_load(&device->gone);
}

/*
 * 0 or -EIO. VFIO looks after memory only: ports that do not decode read as all ones, as on a bus
 * where no device answers [CONFIG-COMMAND.1].
 */
static int check_decoding(const struct vfio_device *device, unsigned int bar) REQUIRES(device->lock)
{
	lock_assert_held(&device->lock);
	if (device->model->bars[bar].flags & UIOMMUFD_BAR_IO || is_gone(device))
		return 0;
	return vfio_device_permits_memory(device) ? 0 : -EIO;
}

bool vfio_bar_is_silent(const struct vfio_device *device, unsigned int bar)
{
	lock_assert_held(&device->lock);
	if (is_gone(device) || device->model->bars[bar].flags & UIOMMUFD_BAR_IO)
		return false;
	return !(pci_config_effective(&device->config) & PCI_COMMAND_MEMORY) ||
	       pci_config_bar_is_moved(&device->config, device->model, device->windows, bar);
}

bool bar_decodes_at(struct vfio_device *device, uint64_t offset)
{
	const unsigned int bar = (unsigned int)(offset / vfio_region_offset(1));
	bool does;

	lock_acquire(&device->lock);
	does = !check_decoding(device, bar) && !vfio_bar_is_silent(device, bar);
	lock_release(&device->lock);
	return does;
}

/* The width of the accesses that the model gets instead; 0: it gets none. */
static unsigned int model_width(const struct bar_access *access)
{
	const struct uiommufd_bar *bar = &access->device->model->bars[access->bar];
	unsigned int max = bar->max_access ? bar->max_access : 8;

	if (access->size < bar->min_access)
		return 0;
	return access->size < max ? access->size : max;
}

static uint64_t cut(uint64_t value, unsigned int size)
{
	return size < 8 ? value & ((UINT64_C(1) << (8 * size)) - 1) : value;
}

/* Whether the access gets to the device at all. */
static bool answers(const struct vfio_device *device, const struct bar_access *access)
	REQUIRES(device->lock)
{
	lock_assert_held(&device->lock);
	return !(device->model->bars[access->bar].flags & UIOMMUFD_BAR_IO) ||
	       pci_config_effective(&device->config) & PCI_COMMAND_IO;
}

/* All ones where the model does not answer. */
static uint64_t model_read(struct vfio_device *device, const struct bar_access *access)
	REQUIRES(device->lock)
{
	const unsigned int width = model_width(access);
	uint64_t value = 0;

	lock_assert_held(&device->lock);
	if (!width || !answers(device, access))
		return UINT64_MAX;
	for (unsigned int at = 0; at < access->size; at += width)
		value |=
			cut(device->model->read(&device->dev, access->bar, access->off + at, width),
			    width)
			<< (8 * at);
	return value;
}

static void model_write(struct vfio_device *device, const struct bar_access *access, uint64_t value)
	REQUIRES(device->lock)
{
	const unsigned int width = model_width(access);

	lock_assert_held(&device->lock);
	if (!width || !answers(device, access))
		return;
	for (unsigned int at = 0; at < access->size; at += width)
		device->model->write(&device->dev, access->bar, access->off + at, width,
				     cut(value >> (8 * at), width));
}

/* Counts an access to registers of @device. */
static void count_register(const struct vfio_device *device, enum device_count count)
{
	if (counting())
		count_device(iommu_endpoint_counted(device->endpoint), count, 1);
}

void bar_ring(struct vfio_device *device, unsigned int bar, uint64_t off, uint32_t value)
{
	const struct bar_access access = {
		.device = device, .bar = bar, .off = off, .size = sizeof(value)};

	lock_assert_held(&device->lock);
	double_fetch_settle(device);
	count_register(device, DEVICE_REGISTER_WRITES);
	if (recording())
		device_record_unseen_write(iommu_endpoint_record(device->endpoint), bar, off,
					   sizeof(value), value);
	model_write(device, &access, value);
}

/*
 * A register that does not answer: the program's access is reported. DMA of another device to it
 * is a fault, whose report has the text. Context: no lock held; within a DMA, inside the gate.
 */
static void explain_silence(const struct bar_access *access, const char *verb)
{
	const struct vfio_device *device = access->device;
	struct register_access what = {
		.device = device->name,
		.bar = access->bar,
		.offset = access->off,
		.size = access->size,
		.verb = verb,
	};

	struct device_record *record = iommu_endpoint_record(device->endpoint);
	char ago[AGO_TEXT_SIZE];
	struct origin off;

	if (!gate_self || !atomic_load_explicit(&gate_self->key, memory_order_relaxed)) {
		report_register_silent(&what, record);
		return;
	}
	device_record_off(record, DEVICE_MEMORY, &off);
	(void)refuse(-EIO, "BAR %u + 0x%" PRIx64 " of %s: its memory decoding %s%s%s", access->bar,
		     access->off, device->name, off.time ? "was turned off " : "is off",
		     off.time ? report_ago(off.time, clock_ns(), ago) : "", off.time ? " ago" : "");
}

int bar_read(const struct bar_access *access, uint64_t *value)
{
	struct vfio_device *device = access->device;
	const struct uiommufd_model *model = device->model;
	bool silent;
	int rc;

	*value = UINT64_MAX;
	if (in_msix_table(access) && !access->mapped)
		return 0;
	lock_acquire(&device->lock);
	rc = access->raw ? 0 : check_decoding(device, access->bar);
	silent = rc || vfio_bar_is_silent(device, access->bar);
	if (silent || is_gone(device))
		goto out;
	bar_parts_before_read(access);
	if (in_msix_table(access))
		*value = vfio_irqs_read_table(&device->irqs, access->off - model->msix_table,
					      access->size);
	else if (in_msix_pending(access))
		*value = vfio_irqs_read_pending(&device->irqs, access->off - model->msix_pba,
						access->size);
	else if (!bar_parts_read(access, value))
		*value = hostile_read(device, access->bar, access->off, access->size,
				      model_read(device, access));
out:
	lock_release(&device->lock);
	if (!rc && observed()) {
		count_register(device, DEVICE_REGISTER_READS);
		event_register(device->name, access->bar, access->off, access->size, *value, false);
	}
	sanitizer_completion();
	if (silent)
		explain_silence(access, "read");
	return rc;
}

static void write_registers(struct vfio_device *device, const struct bar_access *access,
			    uint64_t value) REQUIRES(device->lock)
{
	lock_assert_held(&device->lock);
	bar_parts_before_write(access);
	model_write(device, access, value);
	bar_parts_after_write(access);
}

/*
 * Whether this thread is ready for what the write makes the device do. Not if that may wait for the
 * program: for the answer to a page request, or in a hostile device that is late. Not within the
 * DMA of another device, which is inside the gate. And not if a sanitizer watches: to it, a device
 * is a thread of its own.
 */
static bool offer_work(const struct bar_access *access)
{
	const struct vfio_device *device = access->device;
	const bool in_dma = gate_self &&
			    atomic_load_explicit(&gate_self->key, memory_order_relaxed);

	return access->prompt && !in_dma && !device->hostile && !sanitizer_present() &&
	       !fault_queues_any() && vfio_work_offer(device->work, device->work_count);
}

int bar_write(const struct bar_access *access, uint64_t value)
{
	struct vfio_device *device = access->device;
	const uint64_t table = device->model->msix_table;
	const bool offered = offer_work(access);
	bool silent;
	int rc = 0;

	if (in_msix_table(access) && !access->mapped)
		goto out_work;
	sanitizer_doorbell();
	double_fetch_settle(device);
	lock_acquire(&device->lock);
	rc = access->raw ? 0 : check_decoding(device, access->bar);
	silent = rc || vfio_bar_is_silent(device, access->bar);
	if (silent || is_gone(device) || migration_drops_write(device) ||
	    hostile_drops_write(device))
		goto out;
	if (observed()) {
		count_register(device, DEVICE_REGISTER_WRITES);
		device_record_write(iommu_endpoint_record(device->endpoint), access->bar,
				    access->off, access->size, value);
		event_register(device->name, access->bar, access->off, access->size, value, true);
	}
	if (in_msix_table(access))
		vfio_irqs_write_table(&device->irqs, access->off - table, access->size, value);
	else if (!in_msix_pending(access) && !bar_parts_write(access, value))
		write_registers(device, access, value);
out:
	lock_release(&device->lock);
	if (silent)
		explain_silence(access, "write");
out_work:
	if (offered)
		vfio_work_take_up();
	return rc;
}

/* ---- mmap ---- */

static struct bar_access access_at(void *cookie, uint64_t offset, unsigned int size)
{
	uint64_t index = offset / vfio_region_offset(1);

	return (struct bar_access){
		.device = cookie,
		.bar = (unsigned int)index,
		.off = offset - vfio_region_offset(index),
		.size = size,
		.mapped = true,
		.prompt = true,
	};
}

/* Neither a load nor a store wakes the device from a low-power feature [CONFIG-FEATURES.2]. */
static bool is_asleep(const struct bar_access *access)
{
	return atomic_load(&access->device->low_power);
}

static int trap_read(void *cookie, uint64_t offset, unsigned int size, uint64_t *value)
{
	const struct bar_access access = access_at(cookie, offset, size);

	if (is_asleep(&access))
		return -EIO;
	vfio_device_resume_work(access.device);
	return bar_read(&access, value);
}

static int trap_write(void *cookie, uint64_t offset, unsigned int size, uint64_t value)
{
	const struct bar_access access = access_at(cookie, offset, size);

	if (is_asleep(&access))
		return -EIO;
	vfio_device_resume_work(access.device);
	hostile_before_write(access.device);
	return bar_write(&access, value);
}

void bar_raw_read(void *cookie, uint64_t offset, unsigned int size, uint64_t *value)
{
	struct bar_access access = access_at(cookie, offset, size);

	access.raw = true;
	*value = UINT64_MAX;
	if (is_asleep(&access))
		return;
	vfio_device_resume_work(access.device);
	(void)bar_read(&access, value);
}

void bar_raw_write(void *cookie, uint64_t offset, unsigned int size, uint64_t value)
{
	struct bar_access access = access_at(cookie, offset, size);

	access.raw = true;
	if (is_asleep(&access))
		return;
	vfio_device_resume_work(access.device);
	hostile_before_write(access.device);
	(void)bar_write(&access, value);
}

static void trap_name(void *cookie, uint64_t offset, char *text, size_t size)
{
	const struct vfio_device *device = cookie;

	snprintf(text, size, "BAR %u of %s", (unsigned int)(offset / vfio_region_offset(1)),
		 device->name);
}

const struct file_trap_ops bar_trap = {
	.read = trap_read,
	.write = trap_write,
	.name = trap_name,
};

static bool some_are_mappable = FILE_CAN_TRAP;

void vfio_bars_set_mappable(bool mappable)
{
	some_are_mappable = FILE_CAN_TRAP && mappable;
}

bool bar_is_mappable(const struct vfio_device *device, unsigned int bar)
{
	return some_are_mappable && !device->settings.no_mmap &&
	       device->model->bars[bar].flags & UIOMMUFD_BAR_MMAP;
}

int vfio_device_mmap(struct vfio_device *device, uint64_t offset, uint64_t len, int flags,
		     struct file_mapping *map)
{
	uint64_t index = offset / vfio_region_offset(1);
	uint64_t off = offset - vfio_region_offset(index);
	const int type = flags & MAP_TYPE;
	uint64_t end;

	/* The BAR consists of whole pages, and the transport maps whole pages. */
	if (check_align_up(len, PAGE_SIZE, &len))
		return -EINVAL;
	if (index >= PCI_BARS || !bar_is_mappable(device, (unsigned int)index))
		return -EINVAL;
	if (type != MAP_SHARED && type != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (check_add(off, len, &end) || end > device->model->bars[index].size)
		return -EINVAL;
	*map = (struct file_mapping){.fd = -1};
	if (device->backend && device->backend->map(&device->dev, (unsigned int)index, off, len,
						    &map->fd, &map->offset))
		return 0;
	/* The mapping keeps the file open, and the file keeps the device. */
	*map = (struct file_mapping){
		.fd = -1,
		.offset = offset,
		.trap = &bar_trap,
		.placed = bar_parts_placed,
		.cookie = device,
	};
	return 0;
}

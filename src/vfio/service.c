/* SPDX-License-Identifier: MIT */
/* The services that <uiommufd/device.h> offers to device models. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/last_error.h"
#include "base/log.h"
#include "report/counts.h"
#include "report/report_device.h"
#include "trace/events.h"
#include "vfio/vfio_internal.h"

static void *service_state(struct uiommufd_device *dev)
{
	return vfio_device_of(dev)->model_state;
}

static const char *service_name(struct uiommufd_device *dev)
{
	return vfio_device_of(dev)->name;
}

static const char *service_option(struct uiommufd_device *dev, const char *name)
{
	const struct vfio_device *device = vfio_device_of(dev);

	for (unsigned int i = 0; i < device->option_count; i++)
		if (strcmp(device->options[i].name, name) == 0)
			return device->options[i].value;
	return NULL;
}

__attribute__((format(printf, 3, 0))) static int
service_refuse(struct uiommufd_device *dev, int error, const char *format, va_list args)
{
	const struct device_spec *spec = vfio_device_of(dev)->spec;
	char text[160];

	if (spec && spec->why)
		vsnprintf(spec->why, spec->why_size, format, args);
	if (spec)
		return error;
	/* Not while the device is created: its state is loaded (migration_stream.c). */
	vsnprintf(text, sizeof(text), format, args);
	return refuse(error, "%s", text);
}

static bool service_claims(struct uiommufd_device *dev)
{
	const struct device_spec *spec = vfio_device_of(dev)->spec;

	return !spec || !spec->claimed;
}

/*
 * 0, or -EFAULT and a report: drivers forget to set the bit. Context: no lock held, as the DMA may
 * wait for the program to answer a page request.
 */
static int check_master(const struct vfio_device *device, enum dma_dir dir, uint32_t pasid,
			uint64_t iova, size_t len)
{
	const struct dma_fault fault = {
		.cause = DMA_FAULT_MASTER_OFF,
		.dir = dir,
		.pasid = pasid,
		.iova = iova,
		.request_iova = iova,
		.request_len = len,
	};

	lock_assert_none_from(LOCK_NONE);
	if (atomic_load(&device->bus_master))
		return 0;
	if (atomic_load(&device->gone)) {
		log_mistake("device-gone",
			    "%s: DMA %s of %zu bytes at IOVA 0x%llx is refused: the device has "
			    "been pulled out",
			    device->name, dir == DMA_WRITE ? "write" : "read", len,
			    (unsigned long long)iova);
		return -EFAULT;
	}
	if (observed()) {
		if (counting())
			count_device(iommu_endpoint_counted(device->endpoint), DEVICE_FAULTS, 1);
		event_fault(device->name, NO_PASID, iova, dir == DMA_WRITE,
			    iommu_fault_cause(&fault));
	}
	iommu_fault_report(device->endpoint, &fault);
	return -EFAULT;
}

/* The part of a transfer that a hostile device performs before it fails. */
static void dma_spoilt(struct vfio_device *device, uint32_t pasid, uint64_t iova, void *buf,
		       size_t len, enum dma_dir dir, bool garble)
{
	uint8_t *bytes = buf;
	uint8_t part[64];

	for (size_t at = 0; at < len; at += sizeof(part)) {
		const size_t count = len - at < sizeof(part) ? len - at : sizeof(part);

		memcpy(part, bytes + at, count);
		if (garble)
			hostile_garble(part, count);
		if (iommu_dma(device->endpoint, pasid, iova + at, part, count, dir))
			return;
		if (dir == DMA_READ)
			memcpy(bytes + at, part, count);
	}
}

/* Whether the device is hostile, and this transfer has failed. */
static bool is_spoilt(struct vfio_device *device, uint32_t pasid, uint64_t iova, void *buf,
		      size_t len, enum dma_dir dir)
{
	size_t done;
	bool garble;

	if (!device->hostile || !hostile_spoils_dma(device, dir == DMA_WRITE, len, &done, &garble))
		return false;
	dma_spoilt(device, pasid, iova, buf, done, dir, false);
	if (garble)
		dma_spoilt(device, pasid, iova + done, (uint8_t *)buf + done, len - done, dir,
			   true);
	return true;
}

static int service_dma_read_pasid(struct uiommufd_device *dev, uint32_t pasid, uint64_t iova,
				  void *buf, size_t len)
{
	struct vfio_device *device = vfio_device_of(dev);
	int rc = check_master(device, DMA_READ, pasid, iova, len);

	if (rc)
		return rc;
	if (is_spoilt(device, pasid, iova, buf, len, DMA_READ))
		return -EFAULT;
	rc = iommu_dma(device->endpoint, pasid, iova, buf, len, DMA_READ);
	if (!rc && recording())
		double_fetch_note(device, pasid, iova, buf, len);
	return rc;
}

static int service_dma_write_pasid(struct uiommufd_device *dev, uint32_t pasid, uint64_t iova,
				   const void *buf, size_t len)
{
	struct vfio_device *device = vfio_device_of(dev);
	int rc = check_master(device, DMA_WRITE, pasid, iova, len);

	if (rc)
		return rc;
	if (is_spoilt(device, pasid, iova, (void *)buf, len, DMA_WRITE))
		return -EFAULT;
	double_fetch_settle(device);
	return iommu_dma(device->endpoint, pasid, iova, (void *)buf, len, DMA_WRITE);
}

static int service_dma_read(struct uiommufd_device *dev, uint64_t iova, void *buf, size_t len)
{
	return service_dma_read_pasid(dev, NO_PASID, iova, buf, len);
}

static int service_dma_write(struct uiommufd_device *dev, uint64_t iova, const void *buf,
			     size_t len)
{
	return service_dma_write_pasid(dev, NO_PASID, iova, buf, len);
}

static int service_dma_copy(struct uiommufd_device *dev, uint64_t dst, uint64_t src, size_t len,
			    enum uiommufd_copy_end *failed)
{
	struct vfio_device *device = vfio_device_of(dev);
	enum dma_dir dir = DMA_READ;
	size_t done;
	bool garble;
	int rc = check_master(device, DMA_READ, NO_PASID, src, len);

	if (rc)
		goto out;
	if (device->hostile && hostile_spoils_dma(device, false, len, &done, &garble)) {
		rc = iommu_dma_copy(device->endpoint, NO_PASID, dst, src, done, &dir);
		rc = rc ? rc : -EFAULT;
		goto out;
	}
	double_fetch_settle(device);
	rc = iommu_dma_copy(device->endpoint, NO_PASID, dst, src, len, &dir);
out:
	if (rc && failed)
		*failed = dir == DMA_WRITE ? UIOMMUFD_COPY_DESTINATION : UIOMMUFD_COPY_SOURCE;
	return rc;
}

static int service_atomic(struct uiommufd_device *dev, uint32_t pasid, uint64_t iova,
			  unsigned int op, unsigned int size, uint64_t operand, uint64_t compare,
			  uint64_t *old)
{
	static const enum guard_op ops[] = {
		[UIOMMUFD_ATOMIC_FETCH_ADD] = GUARD_ADD,
		[UIOMMUFD_ATOMIC_SWAP] = GUARD_SWAP,
		[UIOMMUFD_ATOMIC_COMPARE_SWAP] = GUARD_COMPARE_SWAP,
	};
	struct vfio_device *device = vfio_device_of(dev);
	struct dma_atomic atomic = {.operand = operand, .compare = compare};
	size_t done;
	bool garble;
	int rc;

	if (op >= sizeof(ops) / sizeof(ops[0]) || (size != 4 && size != 8) ||
	    !is_aligned(iova, size))
		return -EINVAL;
	rc = check_master(device, DMA_WRITE, pasid, iova, size);
	if (rc)
		return rc;
	if (device->hostile && hostile_spoils_dma(device, true, size, &done, &garble))
		return -EFAULT;
	double_fetch_settle(device);
	atomic.op = ops[op];
	rc = iommu_dma_atomic(device->endpoint, pasid, iova, size, &atomic);
	if (!rc)
		*old = atomic.old;
	return rc;
}

/* ---- translations that the device keeps ---- */

/* The function of an endpoint for invalidations. */
void vfio_device_invalidate(void *arg, uint32_t pasid, struct iova_range range)
{
	struct vfio_device *device = arg;

	lock_acquire(&device->lock);
	device->model->invalidated(&device->dev, pasid, range.start, range.last);
	lock_release(&device->lock);
}

static int service_translate(struct uiommufd_device *dev, uint32_t pasid, uint64_t iova,
			     unsigned int rights,
			     struct uiommufd_translation *translation) NO_LOCK_ANALYSIS
{
	struct vfio_device *device = vfio_device_of(dev);
	const unsigned int prot = (rights & UIOMMUFD_RIGHT_READ ? IOPT_READ : 0) |
				  (rights & UIOMMUFD_RIGHT_WRITE ? IOPT_WRITE : 0);
	struct ats_entry entry;
	int rc;

	lock_assert_held(&device->lock);
	if (!device->model->invalidated)
		return -EOPNOTSUPP;
	if (!prot || !atomic_load(&device->bus_master))
		return -EPERM;
	rc = ats_translate(device->endpoint, pasid, iova, prot, &entry);
	if (rc)
		return rc;
	*translation = (struct uiommufd_translation){
		.pasid = pasid,
		.rights = rights,
		.iova = entry.iova,
		.len = entry.len,
		.bus = entry.bus,
	};
	return 0;
}

static int translated(struct uiommufd_device *dev, const struct uiommufd_translation *translation,
		      uint64_t iova, void *buf, size_t len, enum dma_dir dir) NO_LOCK_ANALYSIS
{
	struct vfio_device *device = vfio_device_of(dev);
	const unsigned int right = dir == DMA_WRITE ? UIOMMUFD_RIGHT_WRITE : UIOMMUFD_RIGHT_READ;
	const struct ats_entry entry = {
		.iova = translation->iova, .bus = translation->bus, .len = translation->len};

	lock_assert_held(&device->lock);
	if (!(translation->rights & right) || iova < entry.iova || len > entry.len ||
	    iova - entry.iova > entry.len - len)
		return -EINVAL;
	if (device->hostile || !atomic_load(&device->bus_master))
		return -EAGAIN;
	return ats_copy(device->endpoint, translation->pasid, &entry, iova, buf, len, dir);
}

static int service_translated_read(struct uiommufd_device *dev,
				   const struct uiommufd_translation *translation, uint64_t iova,
				   void *buf, size_t len)
{
	return translated(dev, translation, iova, buf, len, DMA_READ);
}

static int service_translated_write(struct uiommufd_device *dev,
				    const struct uiommufd_translation *translation, uint64_t iova,
				    const void *buf, size_t len)
{
	return translated(dev, translation, iova, (void *)buf, len, DMA_WRITE);
}

static void service_set_intx(struct uiommufd_device *dev, bool level)
{
	struct vfio_device *device = vfio_device_of(dev);

	double_fetch_settle(device);
	if (device->hostile)
		hostile_set_intx(device, level);
	else
		vfio_irqs_set_level(&device->irqs, level);
}

static bool service_send_msi(struct uiommufd_device *dev, unsigned int vector)
{
	struct vfio_device *device = vfio_device_of(dev);

	double_fetch_settle(device);
	if (device->hostile)
		return hostile_send_msi(device, vector);
	return vfio_irqs_send(&device->irqs, vector);
}

/* Whether a model has said what to do, and on a thread that it has. */
static bool is_work(const struct vfio_device *device, unsigned int thread,
		    void (*work)(struct uiommufd_device *dev))
{
	if (work && thread < device->work_count)
		return true;
	log_error("%s: its model queues %s on thread %u of %u: ignored", device->name,
		  work ? "work" : "no function", thread, device->work_count);
	return false;
}

static void service_queue_work_on(struct uiommufd_device *dev, unsigned int thread,
				  void (*work)(struct uiommufd_device *dev))
{
	struct vfio_device *device = vfio_device_of(dev);

	if (is_work(device, thread, work))
		(void)vfio_work_queue(&device->work[thread], work);
}

static void service_queue_work_after(struct uiommufd_device *dev, unsigned int thread,
				     void (*work)(struct uiommufd_device *dev), uint64_t ns)
{
	struct vfio_device *device = vfio_device_of(dev);

	if (is_work(device, thread, work))
		vfio_work_queue_after(&device->work[thread], work, ns);
}

static void service_cancel_work(struct uiommufd_device *dev, unsigned int thread,
				void (*work)(struct uiommufd_device *dev))
{
	struct vfio_device *device = vfio_device_of(dev);

	if (is_work(device, thread, work))
		vfio_work_cancel(&device->work[thread], work);
}

static void service_queue_work(struct uiommufd_device *dev,
			       void (*work)(struct uiommufd_device *dev))
{
	service_queue_work_on(dev, 0, work);
}

static void service_queue_work_promptly(struct uiommufd_device *dev,
					void (*work)(struct uiommufd_device *dev))
{
	struct vfio_device *device = vfio_device_of(dev);

	if (is_work(device, 0, work))
		vfio_work_queue_promptly(&device->work[0], work);
}

static unsigned int service_work_thread(struct uiommufd_device *dev)
{
	const struct vfio_device *device = vfio_device_of(dev);
	const struct device_work *work = vfio_work_current();

	assert(work >= device->work && work < device->work + device->work_count);
	return (unsigned int)(work - device->work);
}

static unsigned int service_fate(struct uiommufd_device *dev, unsigned int event, uint64_t stream)
{
	struct vfio_device *device = vfio_device_of(dev);

	return device->hostile ? hostile_fate(device, event, stream) : UIOMMUFD_FATE_NORMAL;
}

static void *service_bar_memory(struct uiommufd_device *dev, unsigned int index)
{
	const struct bar_part *parts = vfio_device_of(dev)->bar_parts;

	if (index >= UIOMMUFD_MAX_BAR_PARTS || !parts[index].model ||
	    parts[index].model->kind != UIOMMUFD_PART_MEMORY)
		return NULL;
	return parts[index].memory;
}

static uint32_t service_config(struct uiommufd_device *dev, unsigned int off, unsigned int size)
{
	struct vfio_device *device = vfio_device_of(dev);
	uint32_t value = 0;

	if ((size != 1 && size != 2 && size != 4) || off >= device->config.size ||
	    size > device->config.size - off)
		return UINT32_MAX;
	pci_config_read(&device->config, off, &value, size);
	return value;
}

static unsigned int service_reset_kind(struct uiommufd_device *dev)
{
	return vfio_device_of(dev)->reset_kind;
}

/* The model holds the lock in between. */
static void service_lock(struct uiommufd_device *dev) NO_LOCK_ANALYSIS
{
	lock_acquire(&vfio_device_of(dev)->lock);
}

static void service_unlock(struct uiommufd_device *dev) NO_LOCK_ANALYSIS
{
	lock_release(&vfio_device_of(dev)->lock);
}

__attribute__((format(printf, 2, 0))) static void service_report(struct uiommufd_device *dev,
								 const char *format, va_list args)
{
	const struct vfio_device *device = vfio_device_of(dev);
	char text[512];

	vsnprintf(text, sizeof(text), format, args);
	report_device_mistake("device-protocol", device->name,
			      iommu_endpoint_record(device->endpoint), text);
}

const struct uiommufd_device_services vfio_services = {
	.size = sizeof(vfio_services),
	.state = service_state,
	.option = service_option,
	.dma_read = service_dma_read,
	.dma_write = service_dma_write,
	.dma_copy = service_dma_copy,
	.set_intx = service_set_intx,
	.send_msi = service_send_msi,
	.queue_work = service_queue_work,
	.report = service_report,
	.lock = service_lock,
	.unlock = service_unlock,
	.name = service_name,
	.refuse = service_refuse,
	.claims = service_claims,
	.queue_work_on = service_queue_work_on,
	.work_thread = service_work_thread,
	.queue_work_promptly = service_queue_work_promptly,
	.queue_work_after = service_queue_work_after,
	.cancel_work = service_cancel_work,
	.fate = service_fate,
	.bar_memory = service_bar_memory,
	.dma_read_pasid = service_dma_read_pasid,
	.dma_write_pasid = service_dma_write_pasid,
	.config = service_config,
	.reset_kind = service_reset_kind,
	.atomic = service_atomic,
	.translate = service_translate,
	.translated_read = service_translated_read,
	.translated_write = service_translated_write,
};

/* SPDX-License-Identifier: MIT */
/*
 * A VFIO device's life: made from a model, enabled for an owner, reset, disabled, destroyed; and
 * all devices of the process across a fork.
 */
#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "vfio/vfio_internal.h"

/* All devices, in order of creation. */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static CDS_LIST_HEAD(registry);

void vfio_registry_lock(void)
{
	pthread_mutex_lock(&registry_lock);
}

void vfio_registry_unlock(void)
{
	pthread_mutex_unlock(&registry_lock);
}

struct vfio_device *vfio_registry_next(struct vfio_device *device)
{
	struct cds_list_head *link = device ? device->link.next : registry.next;

	return link == &registry ? NULL : cds_list_entry(link, struct vfio_device, link);
}

static void free_options(struct uiommufd_device *dev)
{
	for (unsigned int i = 0; i < dev->option_count; i++) {
		alloc_free((void *)dev->options[i].name);
		alloc_free((void *)dev->options[i].value);
	}
	alloc_free(dev->options);
}

static char *copy_text(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = alloc_zeroed(size);

	if (copy)
		memcpy(copy, text, size);
	return copy;
}

static bool model_has_option(const struct uiommufd_model *model, const char *name)
{
	for (const struct uiommufd_option *o = model->options; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return true;
	return false;
}

static int copy_options(struct uiommufd_device *dev, const struct vfio_device_config *config)
{
	if (!config->option_count)
		return 0;
	dev->options = alloc_array(config->option_count, sizeof(*dev->options));
	if (!dev->options)
		return -ENOMEM;
	for (unsigned int i = 0; i < config->option_count; i++) {
		struct vfio_option_value *option = &dev->options[i];

		if (!model_has_option(config->model, config->options[i].name))
			return -EINVAL;
		dev->option_count = i + 1;
		option->name = copy_text(config->options[i].name);
		option->value = copy_text(config->options[i].value);
		if (!option->name || !option->value)
			return -ENOMEM;
	}
	return 0;
}

static int init_model(struct vfio_device *device)
{
	const struct uiommufd_model *model = device->dev.model;

	if (model->state_size) {
		device->dev.state = alloc_zeroed(model->state_size);
		if (!device->dev.state)
			return -ENOMEM;
	}
	return model->init ? model->init(&device->dev) : 0;
}

static void init_names(struct vfio_device *device, const struct vfio_device_config *config)
{
	const struct pci_bdf bdf = config->bdf;

	device->bdf = bdf;
	device->index = config->index;
	snprintf(device->name, sizeof(device->name), "%04x:%02x:%02x.%x", bdf.domain, bdf.bus,
		 bdf.slot & 0x1f, bdf.function & 7);
	snprintf(device->path, sizeof(device->path), "/dev/vfio/devices/vfio%u", config->index);
	device->file_ops = vfio_cdev_ops;
	device->file_ops.name = device->path;
}

int vfio_device_create(const struct vfio_device_config *config, struct vfio_device **out)
{
	const struct uiommufd_model *model = config->model;
	struct vfio_device *device;
	int rc = pci_model_check(model);

	if (rc)
		return rc;
	device = alloc_zeroed(sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->dev.model = model;
	device->iommu_group = config->group;
	device->wakeup_fd = -1;
	init_names(device, config);
	pci_place_bars(model, config->index, device->windows);
	pci_config_init(&device->config, model, device->windows);
	rc = copy_options(&device->dev, config);
	if (rc)
		goto out_options;
	rc = iommu_endpoint_create(config->iommu, device->name, &device->endpoint);
	if (rc)
		goto out_options;
	rc = vfio_irqs_init(&device->irqs, model, device->name);
	if (rc)
		goto out_endpoint;
	pthread_mutex_init(&device->bind_lock, NULL);
	pthread_mutex_init(&device->lock, NULL);
	vfio_work_init(&device->work, &device->dev);
	vfio_ioeventfds_init(&device->ioeventfds, device);
	rc = vfio_group_join(device);
	if (rc)
		goto out_locks;
	rc = init_model(device);
	if (rc)
		goto out_model;

	pthread_mutex_lock(&registry_lock);
	cds_list_add_tail(&device->link, &registry);
	pthread_mutex_unlock(&registry_lock);
	*out = device;
	return 0;

out_model:
	alloc_free(device->dev.state);
	vfio_group_leave(device);
out_locks:
	vfio_ioeventfds_destroy(&device->ioeventfds);
	vfio_work_destroy(&device->work);
	pthread_mutex_destroy(&device->lock);
	pthread_mutex_destroy(&device->bind_lock);
	vfio_irqs_destroy(&device->irqs);
out_endpoint:
	iommu_endpoint_destroy(device->endpoint);
out_options:
	free_options(&device->dev);
	alloc_free(device);
	return rc;
}

void vfio_device_destroy(struct vfio_device *device)
{
	if (!device)
		return;
	assert(!device->iommufd);
	pthread_mutex_lock(&registry_lock);
	cds_list_del(&device->link);
	pthread_mutex_unlock(&registry_lock);
	vfio_group_leave(device);
	vfio_ioeventfds_destroy(&device->ioeventfds);

	/* Its thread first: then nothing touches the model any more. */
	vfio_work_destroy(&device->work);
	if (device->dev.model->fini)
		device->dev.model->fini(&device->dev);
	alloc_free(device->dev.state);
	vfio_irqs_destroy(&device->irqs);
	pthread_mutex_destroy(&device->lock);
	pthread_mutex_destroy(&device->bind_lock);
	iommu_endpoint_destroy(device->endpoint);
	free_options(&device->dev);
	alloc_free(device);
}

/* What follows from the command register. Caller holds lock. */
static void apply_command(struct vfio_device *device)
{
	uint16_t command = pci_config_effective(&device->config);

	atomic_store(&device->bus_master, command & PCI_COMMAND_MASTER);
	vfio_irqs_set_command(&device->irqs, command);
}

/* Caller holds lock; no work runs or is queued. */
static void reset_model(struct vfio_device *device)
{
	if (device->dev.model->reset)
		device->dev.model->reset(&device->dev);
	vfio_irqs_set_level(&device->irqs, false);
}

static void power_up(struct vfio_device *device)
{
	vfio_work_hold(&device->work);
	pthread_mutex_lock(&device->lock);
	pci_config_init(&device->config, device->dev.model, device->windows);
	apply_command(device);
	reset_model(device);
	pthread_mutex_unlock(&device->lock);
	vfio_work_release(&device->work);
}

void vfio_device_enable(struct vfio_device *device)
{
	power_up(device);
}

void vfio_device_disable(struct vfio_device *device)
{
	vfio_feature_disable(device);
	vfio_ioeventfds_stop(&device->ioeventfds);
	/* Work whose DMA waits for a page must not wait for whoever is closing the device. */
	iommufd_device_refuse_pages(device->iommufd, true);
	vfio_work_stop(&device->work);
	vfio_irqs_disable(&device->irqs);
	power_up(device);
}

void vfio_device_reset(struct vfio_device *device)
{
	/* As a reset device forgets what it has asked for. */
	if (device->iommufd)
		iommufd_device_refuse_pages(device->iommufd, true);
	vfio_work_hold(&device->work);
	if (device->iommufd)
		iommufd_device_refuse_pages(device->iommufd, false);
	pthread_mutex_lock(&device->lock);
	pci_config_wake(&device->config);
	apply_command(device);
	reset_model(device);
	pthread_mutex_unlock(&device->lock);
	vfio_work_release(&device->work);
}

void vfio_config_read(struct vfio_device *device, uint32_t off, void *buf, uint32_t len)
{
	struct pci_irq_status status = vfio_irqs_status(&device->irqs);

	pci_config_show_irqs(&device->config, &status);
	pci_config_read(&device->config, off, buf, len);
}

void vfio_config_write(struct vfio_device *device, uint32_t off, const void *buf, uint32_t len)
{
	pci_config_write(&device->config, off, buf, len);
	apply_command(device);
}

void vfio_device_set_master(struct vfio_device *device, bool master)
{
	uint16_t command;

	pthread_mutex_lock(&device->lock);
	command = pci_config_command(&device->config);
	command = (uint16_t)(master ? command | PCI_COMMAND_MASTER : command & ~PCI_COMMAND_MASTER);
	vfio_config_write(device, PCI_COMMAND, &command, sizeof(command));
	pthread_mutex_unlock(&device->lock);
}

/* ---- for sysfs and embedding programs ---- */

const char *vfio_device_name(const struct vfio_device *device)
{
	return device->name;
}

unsigned int vfio_device_index(const struct vfio_device *device)
{
	return device->index;
}

const struct uiommufd_model *vfio_device_model(const struct vfio_device *device)
{
	return device->dev.model;
}

struct pci_bdf vfio_device_bdf(const struct vfio_device *device)
{
	return device->bdf;
}

struct uiommufd_device *vfio_device_dev(struct vfio_device *device)
{
	return &device->dev;
}

size_t vfio_device_config_read(struct vfio_device *device, uint64_t off, void *buf, size_t len)
{
	if (off >= device->config.size)
		return 0;
	len = min_u64(len, device->config.size - off);
	pthread_mutex_lock(&device->lock);
	vfio_config_read(device, (uint32_t)off, buf, (uint32_t)len);
	pthread_mutex_unlock(&device->lock);
	return len;
}

void vfio_device_resource(const struct vfio_device *device, unsigned int bar, uint64_t *start,
			  uint64_t *end, uint64_t *flags)
{
	/* As the kernel's struct resource counts them. */
	enum {
		RESOURCE_IO = 0x100,
		RESOURCE_MEM = 0x200,
		RESOURCE_PREFETCH = 0x2000,
		RESOURCE_SIZEALIGN = 0x40000,
		RESOURCE_MEM_64 = 0x100000,
	};
	unsigned int kind;

	*start = *end = *flags = 0;
	if (bar >= PCI_BARS || !device->windows[bar].size)
		return;
	kind = device->dev.model->bars[bar].flags;
	*start = device->windows[bar].start;
	*end = *start + device->windows[bar].size - 1;
	*flags = RESOURCE_SIZEALIGN;
	if (kind & UIOMMUFD_BAR_IO)
		*flags |= RESOURCE_IO | PCI_BASE_ADDRESS_SPACE_IO;
	else
		*flags |= RESOURCE_MEM;
	if (kind & UIOMMUFD_BAR_64)
		*flags |= RESOURCE_MEM_64 | PCI_BASE_ADDRESS_MEM_TYPE_64;
	if (kind & UIOMMUFD_BAR_PREFETCH)
		*flags |= RESOURCE_PREFETCH | PCI_BASE_ADDRESS_MEM_PREFETCH;
}

/* ---- fork ---- */

void vfio_fork_prepare(void)
{
	struct vfio_device *device;

	pthread_mutex_lock(&registry_lock);
	cds_list_for_each_entry (device, &registry, link) {
		pthread_mutex_lock(&device->bind_lock);
		pthread_mutex_lock(&device->ioeventfds.lock);
		pthread_mutex_lock(&device->irqs.set_lock);
		vfio_work_fork_prepare(&device->work);
		pthread_mutex_lock(&device->lock);
		pthread_mutex_lock(&device->work.lock);
		pthread_mutex_lock(&device->irqs.lock);
	}
}

static void unlock_all(struct vfio_device *device)
{
	pthread_mutex_unlock(&device->irqs.lock);
	pthread_mutex_unlock(&device->work.lock);
	pthread_mutex_unlock(&device->lock);
	pthread_mutex_unlock(&device->irqs.set_lock);
	pthread_mutex_unlock(&device->ioeventfds.lock);
	pthread_mutex_unlock(&device->bind_lock);
}

void vfio_fork_parent(void)
{
	struct vfio_device *device;

	cds_list_for_each_entry (device, &registry, link) {
		vfio_work_fork_parent(&device->work);
		unlock_all(device);
	}
	pthread_mutex_unlock(&registry_lock);
}

void vfio_fork_child(void)
{
	struct vfio_device *device;

	cds_list_for_each_entry (device, &registry, link) {
		vfio_work_fork_child(&device->work);
		vfio_irqs_fork_child(&device->irqs);
		vfio_ioeventfds_fork_child(&device->ioeventfds);
		unlock_all(device);
	}
	pthread_mutex_unlock(&registry_lock);
}

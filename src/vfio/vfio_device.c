/* SPDX-License-Identifier: MIT */
/*
 * The life of VFIO devices: creation from a model, enabling for an owner, reset, disabling,
 * destruction; and fork.
 *
 * vfio_registry_lock guards the list of all devices. Cost: look-ups walk the list.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/dev_names.h"
#include "report/device_record.h"
#include "vfio/backend.h"
#include "vfio/pci_model.h"
#include "vfio/vfio_internal.h"

/* What a model in another process is told of the command register. */
#define DECODING (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

/* All devices, in order of creation. */
struct lock vfio_registry_lock = LOCK_INIT(LOCK_VFIO_DEVICES);
static CDS_LIST_HEAD(registry);

void vfio_devices_leave_to_parent(void)
{
	lock_acquire(&vfio_registry_lock);
	CDS_INIT_LIST_HEAD(&registry);
	lock_release(&vfio_registry_lock);
}

struct vfio_device *vfio_registry_next(struct vfio_device *device)
{
	struct cds_list_head *link = device ? device->link.next : registry.next;

	lock_assert_held(&vfio_registry_lock);
	return link == &registry ? NULL : cds_list_entry(link, struct vfio_device, link);
}

static void free_options(struct vfio_device *device)
{
	for (unsigned int i = 0; i < device->option_count; i++) {
		alloc_free((void *)device->options[i].name);
		alloc_free((void *)device->options[i].value);
	}
	alloc_free(device->options);
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
	return strcmp(name, rom_option.name) == 0;
}

static int copy_options(struct vfio_device *device, const struct device_spec *config)
{
	if (!config->option_count)
		return 0;
	device->options = alloc_array(config->option_count, sizeof(*device->options));
	if (!device->options)
		return -ENOMEM;
	for (unsigned int i = 0; i < config->option_count; i++) {
		struct option_value *option = &device->options[i];

		if (!model_has_option(config->model, config->options[i].name))
			return -EINVAL;
		device->option_count = i + 1;
		option->name = copy_text(config->options[i].name);
		option->value = copy_text(config->options[i].value);
		if (!option->name || !option->value)
			return -ENOMEM;
	}
	return 0;
}

/* ---- the device's threads ---- */

static void init_work(struct vfio_device *device)
{
	device->work_count = device->model->work_threads ? device->model->work_threads : 1;
	work_loop_init(&device->loop);
	for (unsigned int i = 0; i < device->work_count; i++)
		vfio_work_init(&device->work[i], &device->dev);
}

void vfio_device_hold_work(struct vfio_device *device)
{
	for (unsigned int i = 0; i < device->work_count; i++)
		vfio_work_hold(&device->work[i]);
	/* A function that ran while others were held already may have queued work for these. */
	for (unsigned int i = 0; i < device->work_count; i++)
		vfio_work_drop(&device->work[i]);
	/* The watcher of doorbells was dropped with the rest. */
	lock_acquire(&device->lock);
	bar_parts_rest(device, false);
	lock_release(&device->lock);
}

void vfio_device_release_work(struct vfio_device *device)
{
	for (unsigned int i = 0; i < device->work_count; i++)
		vfio_work_release(&device->work[i]);
}

/* Ends the threads; held, because a function of one could start another again. */
static void stop_work(struct vfio_device *device)
{
	vfio_device_hold_work(device);
	for (unsigned int i = 0; i < device->work_count; i++)
		vfio_work_stop(&device->work[i]);
	vfio_device_release_work(device);
}

static void destroy_work(struct vfio_device *device)
{
	stop_work(device);
	for (unsigned int i = 0; i < device->work_count; i++)
		vfio_work_destroy(&device->work[i]);
	work_loop_destroy(&device->loop);
}

/* ---- creation ---- */

static int init_model(struct vfio_device *device, const struct device_spec *config)
{
	const struct uiommufd_model *model = device->model;
	int rc;

	if (model->state_size) {
		device->model_state = alloc_zeroed(model->state_size);
		if (!device->model_state)
			return -ENOMEM;
	}
	if (!model->init)
		return 0;
	device->spec = config;
	rc = model->init(&device->dev);
	device->spec = NULL;
	return rc;
}

static void init_names(struct vfio_device *device, const struct device_spec *config)
{
	const struct pci_bdf bdf = config->bdf;

	device->bdf = bdf;
	device->index = config->index;
	snprintf(device->name, sizeof(device->name), "%04x:%02x:%02x.%x", bdf.domain, bdf.bus,
		 bdf.slot & 0x1f, bdf.function & 7);
	snprintf(device->path, sizeof(device->path), DEV_CDEV, config->index);
	device->file_ops = vfio_cdev_ops;
	device->file_ops.name = device->path;
}

/* Resets and closing keep what programs write to vital product data. 0 or -ENOMEM. */
static int copy_vpd(struct vfio_device *device)
{
	const struct uiommufd_model *model = device->model;

	if (!model->vpd)
		return 0;
	device->vpd = alloc_zeroed(model->vpd_size);
	if (!device->vpd)
		return -ENOMEM;
	memcpy(device->vpd, model->vpd, model->vpd_size);
	return 0;
}

/* The registers as they are when the device is powered up, or as sysfs has left them. */
static void init_config(struct vfio_device *device)
{
	pci_config_init(&device->config, device->model, device->windows);
	device->config.vpd_bytes = device->vpd;
	device->config.vpd_size = (uint32_t)device->model->vpd_size;
	if (atomic_load(&device->multifunction))
		pci_config_set_multifunction(&device->config);
	if (device->at_rest)
		memcpy(device->config.bytes, device->at_rest, device->config.size);
	if (atomic_load(&device->gone))
		pci_config_vanish(&device->config);
}

static void set_multifunction(struct vfio_device *device)
{
	atomic_store(&device->multifunction, true);
	lock_acquire(&device->lock);
	pci_config_set_multifunction(&device->config);
	lock_release(&device->lock);
}

/* Finds the devices on the bus of the new @device, and in its slot. */
static void meet_neighbours(struct vfio_device *device) REQUIRES(vfio_registry_lock)
{
	const struct pci_bdf bdf = device->bdf;
	struct vfio_device *other;

	lock_assert_held(&vfio_registry_lock);
	cds_list_for_each_entry (other, &registry, link) {
		if (other->bdf.domain != bdf.domain || other->bdf.bus != bdf.bus)
			continue;
		atomic_store(&device->shares_bus, true);
		atomic_store(&other->shares_bus, true);
		if (other->bdf.slot != bdf.slot)
			continue;
		set_multifunction(device);
		set_multifunction(other);
	}
}

int vfio_device_create(const struct device_spec *config, struct vfio_device **out)
{
	const struct uiommufd_model *model = config->model;
	struct vfio_device *device;
	int rc = pci_model_check(model, NULL, 0);

	if (rc)
		return rc;
	device = alloc_zeroed(sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->dev.services = &vfio_services;
	device->model = model;
	device->settings = config->settings;
	device->iommu_group = config->group;
	device->wakeup_fd = -1;
	init_names(device, config);
	rc = vfio_device_set_hostile(device, &config->settings.hostile);
	if (rc)
		goto out_options;
	rc = copy_options(device, config);
	if (rc)
		goto out_options;
	rc = rom_init(device, config);
	if (rc)
		goto out_options;
	pci_place_bars(model, rom_window(device->rom.len), config->index, device->windows);
	rc = copy_vpd(device);
	if (rc)
		goto out_options;
	init_config(device);
	pci_view_init(&device->view, &device->config);
	rc = iommu_endpoint_create(config->iommu, device->name, &device->endpoint);
	if (rc)
		goto out_options;
	rc = vfio_irqs_init(&device->irqs, model, device->name,
			    iommu_endpoint_counted(device->endpoint));
	if (rc)
		goto out_endpoint;
	lock_init(&device->bind_lock, LOCK_VFIO_BIND);
	lock_init(&device->lock, LOCK_VFIO_DEVICE);
	bar_exports_init(&device->exports);
	migration_init(&device->migration);
	if (model->invalidated)
		ats_enable(device->endpoint, vfio_device_invalidate, device);
	init_work(device);
	vfio_ioeventfds_init(&device->ioeventfds, device);
	rc = vfio_group_join(device);
	if (rc)
		goto out_locks;
	rc = bar_parts_create(device);
	if (rc)
		goto out_windows;
	rc = init_model(device, config);
	if (rc)
		goto out_model;

	lock_acquire(&vfio_registry_lock);
	meet_neighbours(device);
	cds_list_add_tail(&device->link, &registry);
	lock_release(&vfio_registry_lock);
	atomic_store(&device->resets, UINT_MAX);
	*out = device;
	return 0;

out_model:
	alloc_free(device->model_state);
	bar_parts_destroy(device);
out_windows:
	vfio_group_leave(device);
out_locks:
	vfio_ioeventfds_destroy(&device->ioeventfds);
	destroy_work(device);
	migration_destroy(&device->migration);
	bar_exports_destroy(&device->exports);
	lock_destroy(&device->lock);
	lock_destroy(&device->bind_lock);
	vfio_irqs_destroy(&device->irqs);
out_endpoint:
	iommu_endpoint_destroy(device->endpoint);
out_options:
	free_options(device);
	hostile_destroy(device->hostile);
	rom_destroy(device);
	alloc_free(device->vpd);
	alloc_free(device);
	return rc;
}

void vfio_device_destroy(struct vfio_device *device)
{
	if (!device)
		return;
	assert(!device->iommufd);
	lock_acquire(&vfio_registry_lock);
	cds_list_del(&device->link);
	lock_release(&vfio_registry_lock);
	vfio_group_leave(device);
	vfio_ioeventfds_destroy(&device->ioeventfds);

	/* The threads first: nothing else calls the model any more. */
	destroy_work(device);
	device->irqs.watcher = NULL;
	if (device->model->fini)
		device->model->fini(&device->dev);
	alloc_free(device->model_state);
	bar_parts_destroy(device);
	vfio_irqs_destroy(&device->irqs);
	migration_destroy(&device->migration);
	bar_exports_destroy(&device->exports);
	lock_destroy(&device->lock);
	lock_destroy(&device->bind_lock);
	iommu_endpoint_destroy(device->endpoint);
	free_options(device);
	hostile_destroy(device->hostile);
	alloc_free(device->at_rest);
	double_fetch_destroy(device);
	rom_destroy(device);
	alloc_free(device->vpd);
	alloc_free(device);
}

static void record_command(struct vfio_device *device, bool master) REQUIRES(device->lock)
{
	struct device_record *record = iommu_endpoint_record(device->endpoint);

	lock_assert_held(&device->lock);
	device_record_switch(record, DEVICE_MASTER, master);
	device_record_switch(record, DEVICE_MEMORY,
			     pci_config_effective(&device->config) & PCI_COMMAND_MEMORY);
}

bool vfio_device_permits_memory(const struct vfio_device *device)
{
	lock_assert_held(&device->lock);
	if (!atomic_load(&device->enabled))
		return pci_config_effective(&device->config) & PCI_COMMAND_MEMORY;
	return pci_view_has_memory(&device->view) && pci_config_is_awake(&device->config);
}

/* Whether one of the memory BARs that the program can reach does not answer. */
static bool bars_are_silent(const struct vfio_device *device) REQUIRES(device->lock)
{
	bool silent = false;

	lock_assert_held(&device->lock);
	for (unsigned int bar = 0; bar < PCI_BARS && !silent; bar++)
		silent = vfio_bar_is_silent(device, bar);
	return silent;
}

void vfio_device_apply_command(struct vfio_device *device)
{
	const bool master = pci_config_effective(&device->config) & PCI_COMMAND_MASTER &&
			    !atomic_load(&device->gone);

	lock_assert_held(&device->lock);
	if (!vfio_device_permits_memory(device) || bars_are_silent(device))
		bar_parts_rest(device, true);
	atomic_store(&device->bus_master, master);
	record_command(device, master);
	vfio_irqs_set_command(&device->irqs, master,
			      pci_view_command(&device->view) & PCI_COMMAND_INTX_DISABLE);
	if (device->backend)
		device->backend->set_command(&device->dev,
					     pci_config_effective(&device->config) & DECODING);
}

/* While the work of the device is held. */
static void reset_model(struct vfio_device *device, enum uiommufd_reset_kind kind)
	REQUIRES(device->lock)
{
	lock_assert_held(&device->lock);
	device->reset_kind = kind;
	if (device->model->reset)
		device->model->reset(&device->dev);
	vfio_irqs_reset(&device->irqs);
}

uint16_t vfio_device_decoding_command(const struct vfio_device *device)
{
	uint16_t command = pci_config_command(&device->config);

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		if (device->windows[i].size)
			command =
				(uint16_t)(command | (device->model->bars[i].flags & UIOMMUFD_BAR_IO
							      ? PCI_COMMAND_IO
							      : PCI_COMMAND_MEMORY));
	}
	if (device->windows[PCI_ROM].size)
		command |= PCI_COMMAND_MEMORY;
	return command & (uint16_t)~PCI_COMMAND_INTX_DISABLE;
}

/* What the command register is while the device is open: it decodes what it has [CONFIG-OPEN]. */
static uint16_t open_command(const struct vfio_device *device)
{
	return vfio_device_decoding_command(device) & (uint16_t)~PCI_COMMAND_MASTER;
}

static void power_up(struct vfio_device *device, bool open)
{
	vfio_device_hold_work(device);
	lock_acquire(&device->lock);
	init_config(device);
	if (!atomic_load(&device->gone))
		pci_config_set_command(&device->config,
				       open ? open_command(device) : PCI_COMMAND_INTX_DISABLE);
	/* The view of a device that has been pulled out stays what it was. */
	if (!atomic_load(&device->gone))
		pci_view_init(&device->view, &device->config);
	vfio_device_apply_command(device);
	reset_model(device, UIOMMUFD_RESET_POWER);
	lock_release(&device->lock);
	vfio_device_release_work(device);
}

int vfio_device_enable(struct vfio_device *device)
{
	int rc = 0;

	lock_assert_held(&device->bind_lock);
	if (device->backend)
		rc = device->backend->open(&device->dev);
	if (rc)
		return rc;
	power_up(device, true);
	device->resettable = vfio_device_reset_methods(device) != 0;
	atomic_store(&device->enabled, true);
	return 0;
}

void vfio_device_disable(struct vfio_device *device)
{
	lock_assert_held(&device->bind_lock);
	if (device->backend)
		device->backend->quiesce(&device->dev);
	bar_exports_drop(device);
	vfio_feature_disable(device);
	vfio_ioeventfds_stop(&device->ioeventfds);
	/* Work whose DMA waits for a page: the program that closes the device may never answer. */
	iommufd_device_refuse_pages(device->iommufd, true);
	stop_work(device);
	migration_close(device);
	vfio_irqs_disable(&device->irqs);
	power_up(device, false);
	if (device->backend)
		device->backend->close(&device->dev);
	atomic_store(&device->enabled, false);
	assert(device->irqs.active == IRQ_NONE && device->ioeventfds.epoll < 0);
	assert(!atomic_load(&device->bus_master));
}

int vfio_device_set_hostile(struct vfio_device *device, const struct hostile_settings *settings)
{
	if (device->hostile || device->settings.not_hostile)
		return 0;
	return hostile_create(settings, device->name, &device->hostile);
}

void vfio_device_reset(struct vfio_device *device, enum uiommufd_reset_kind kind)
{
	bar_exports_revoke(device);
	vfio_device_reset_alone(device, kind);
	bar_exports_update(device);
}

void vfio_device_reset_alone(struct vfio_device *device, enum uiommufd_reset_kind kind)
{
	if (!hostile_allows_reset(device))
		return;
	/* A device forgets its page requests when it is reset. */
	if (device->iommufd)
		iommufd_device_refuse_pages(device->iommufd, true);
	vfio_device_hold_work(device);
	if (device->iommufd)
		iommufd_device_refuse_pages(device->iommufd, false);
	lock_acquire(&device->lock);
	pci_config_wake(&device->config);
	vfio_device_apply_command(device);
	reset_model(device, kind);
	lock_release(&device->lock);
	vfio_device_release_work(device);
	migration_reset(device);
}

void vfio_config_read(struct vfio_device *device, uint32_t off, void *buf, uint32_t len)
{
	struct pci_irq_status status = vfio_irqs_status(&device->irqs);

	lock_assert_held(&device->lock);
	if (device->backend && off <= PCI_STATUS && off + len > PCI_STATUS && !status.intx)
		status.intx = device->backend->intx_asserted(&device->dev);
	pci_config_show_irqs(&device->config, &status);
	pci_view_read(&device->view, off, buf, len);
}

bool vfio_config_write(struct vfio_device *device, uint32_t off, const void *buf, uint32_t len)
{
	struct pci_irq_status status = vfio_irqs_status(&device->irqs);
	unsigned int effects;

	lock_assert_held(&device->lock);
	pci_config_show_irqs(&device->config, &status);
	/* What has been done to the BARs past VFIO is undone before they decode. */
	if (off == PCI_COMMAND && ((const uint8_t *)buf)[0] & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY))
		pci_config_restore_bars(&device->config, device->model, device->windows);
	effects = pci_view_write(&device->view, off, buf, len, &status);
	if (atomic_load(&device->gone))
		pci_config_vanish(&device->config);
	if (effects & PCI_EFFECT_MSI)
		vfio_irqs_set_msi_control(&device->irqs, pci_view_msi_control(&device->view));
	vfio_device_apply_command(device);
	if (device->model->config_written)
		device->model->config_written(&device->dev, off, len);
	return effects & PCI_EFFECT_RESET;
}

/* ---- properties ---- */

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
	return device->model;
}

struct pci_bdf vfio_device_bdf(const struct vfio_device *device)
{
	return device->bdf;
}

struct uiommufd_device *vfio_device_dev(struct vfio_device *device)
{
	return &device->dev;
}

int vfio_device_share_memory(struct vfio_device *device, unsigned int bar, int *fd)
{
	return bar_parts_share(device, bar, fd);
}

/* ---- fork ---- */

/*
 * Threads of devices run outside of calls: fork holds what they take, each lock of all devices in
 * the order of the registry. Loops, which the analysis of locks does not follow.
 */
static const size_t outer_locks[] = {
	offsetof(struct vfio_device, bind_lock),     offsetof(struct vfio_device, migration.lock),
	offsetof(struct vfio_device, exports.lock),  offsetof(struct vfio_device, ioeventfds.lock),
	offsetof(struct vfio_device, irqs.set_lock),
};
static const size_t inner_locks[] = {
	offsetof(struct vfio_device, lock),
};
static const size_t innermost_locks[] = {
	offsetof(struct vfio_device, irqs.lock),
};

static struct lock *lock_at(struct vfio_device *device, size_t offset)
{
	return (struct lock *)((char *)device + offset);
}

static void acquire_of_all(const size_t *offsets, size_t count) NO_LOCK_ANALYSIS
{
	struct vfio_device *device;

	for (size_t i = 0; i < count; i++) {
		cds_list_for_each_entry (device, &registry, link)
			lock_acquire_nested(lock_at(device, offsets[i]));
	}
}

static void release_of_all(const size_t *offsets, size_t count) NO_LOCK_ANALYSIS
{
	struct vfio_device *device;

	for (size_t i = count; i-- > 0;) {
		cds_list_for_each_entry (device, &registry, link)
			lock_release(lock_at(device, offsets[i]));
	}
}

/* These are a number for each device. */
static void acquire_work_of_all(void) NO_LOCK_ANALYSIS
{
	struct vfio_device *device;

	cds_list_for_each_entry (device, &registry, link) {
		for (unsigned int i = 0; i < device->work_count; i++)
			lock_acquire_nested(&device->work[i].lock);
	}
}

static void release_work_of_all(void) NO_LOCK_ANALYSIS
{
	struct vfio_device *device;

	cds_list_for_each_entry (device, &registry, link) {
		for (unsigned int i = device->work_count; i-- > 0;)
			lock_release(&device->work[i].lock);
	}
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Of devices in other processes. */
static void tell_backends_of_fork(size_t operation)
{
	struct vfio_device *device;

	cds_list_for_each_entry (device, &registry, link) {
		void (*tell)(struct uiommufd_device * dev);

		if (!device->backend)
			continue;
		memcpy(&tell, (const char *)device->backend + operation, sizeof(tell));
		tell(&device->dev);
	}
}

void vfio_fork_prepare(void) NO_LOCK_ANALYSIS
{
	struct vfio_device *device;

	lock_acquire(&vfio_registry_lock);
	acquire_of_all(outer_locks, COUNT(outer_locks));
	cds_list_for_each_entry (device, &registry, link) {
		for (unsigned int i = 0; i < device->work_count; i++)
			vfio_work_fork_prepare(&device->work[i]);
	}
	acquire_of_all(inner_locks, COUNT(inner_locks));
	tell_backends_of_fork(offsetof(struct device_backend, fork_prepare));
	cds_list_for_each_entry (device, &registry, link)
		bar_parts_collect(device);
	acquire_work_of_all();
	acquire_of_all(innermost_locks, COUNT(innermost_locks));
}

static void release_all(void) NO_LOCK_ANALYSIS
{
	release_of_all(innermost_locks, COUNT(innermost_locks));
	release_work_of_all();
	release_of_all(inner_locks, COUNT(inner_locks));
	release_of_all(outer_locks, COUNT(outer_locks));
	lock_release(&vfio_registry_lock);
}

void vfio_fork_parent(void) NO_LOCK_ANALYSIS
{
	struct vfio_device *device;

	cds_list_for_each_entry (device, &registry, link) {
		for (unsigned int i = 0; i < device->work_count; i++)
			vfio_work_fork_parent(&device->work[i]);
	}
	tell_backends_of_fork(offsetof(struct device_backend, fork_parent));
	release_all();
}

void vfio_fork_child(void) NO_LOCK_ANALYSIS
{
	struct vfio_device *device;

	cds_list_for_each_entry (device, &registry, link) {
		for (unsigned int i = 0; i < device->work_count; i++)
			vfio_work_fork_child(&device->work[i]);
		vfio_irqs_fork_child(&device->irqs);
		bar_parts_fork_child(device);
		vfio_ioeventfds_fork_child(&device->ioeventfds);
	}
	tell_backends_of_fork(offsetof(struct device_backend, fork_child));
	release_all();
}

/* SPDX-License-Identifier: MIT */
/*
 * The ioctls, reads and writes of a VFIO device file, with a model that records what it is asked.
 */
#include <linux/pci_regs.h>
#include <unistd.h>

#include "kit.h"

/* ---- a device that remembers what it was asked ---- */

struct probe {
	uint64_t regs[512]; /* BAR 0, as memory */
	unsigned int accesses, widest;
	unsigned int resets;
};

static uint64_t probe_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			   unsigned int size)
{
	struct probe *probe = uiommufd_device_state(dev);
	uint64_t value = 0;

	assert_int_equal(off % size, 0);
	probe->accesses++;
	probe->widest = size > probe->widest ? size : probe->widest;
	if (bar == 0)
		memcpy(&value, (char *)probe->regs + off, size);
	return value;
}

static void probe_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			unsigned int size, uint64_t value)
{
	struct probe *probe = uiommufd_device_state(dev);

	assert_int_equal(off % size, 0);
	probe->accesses++;
	probe->widest = size > probe->widest ? size : probe->widest;
	if (bar == 0)
		memcpy((char *)probe->regs + off, &value, size);
}

static void probe_reset(struct uiommufd_device *dev)
{
	struct probe *probe = uiommufd_device_state(dev);
	unsigned int resets = probe->resets;

	*probe = (struct probe){.resets = resets + 1};
}

static const struct uiommufd_model probe_model = {
	.name = "probe",
	.summary = "registers that are memory",
	.vendor = 0x1234,
	.device = 1,
	.bars = {{.size = 4096},
		 {.size = 32, .flags = UIOMMUFD_BAR_IO, .max_access = 2},
		 {.size = 8192, .flags = UIOMMUFD_BAR_64},
		 {0},
		 {.size = 64, .min_access = 4}},
	.intx = true,
	.msi_vectors = 2,
	.msix_vectors = 16,
	.msix_bar = 2,
	.msix_table = 0x40,
	.msix_pba = 0x1000,
	.pcie = true,
	.state_size = sizeof(struct probe),
	.reset = probe_reset,
	.read = probe_read,
	.write = probe_write,
};

static struct probe *probe(struct vfio_rig *rig)
{
	return uiommufd_device_state(vfio_device_dev(rig->device));
}

static int setup(void **state)
{
	static struct vfio_rig rig;

	*state = &rig;
	rig_open(&rig, &probe_model, NULL);
	return 0;
}

static int setup_bound(void **state)
{
	setup(state);
	return rig_bind(*state) ? -1 : 0;
}

static int teardown(void **state)
{
	rig_close(*state);
	return 0;
}

/* @size bytes at the end of readable memory: what follows is out of the caller's reach. */
static void *at_the_edge(struct vfio_rig *rig, const void *bytes, size_t size)
{
	static char buffer[256];

	memset(buffer, 0, sizeof(buffer));
	memcpy(buffer, bytes, size);
	rig->hole = (uintptr_t)buffer + size;
	return buffer;
}

static uint32_t u32_at(const void *at, size_t off)
{
	uint32_t value;

	memcpy(&value, (const char *)at + off, sizeof(value));
	return value;
}

/* ---- BIND ---- */

static void before_bind_every_call_is_invalid(void **state)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};
	struct file_mapping map;
	struct vfio_rig *rig = *state;
	uint32_t word = 0;

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_INFO, &info), -EINVAL);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &info), -EINVAL);
	assert_int_equal(rig_ioctl(rig, 0x1234, NULL), -EINVAL);
	assert_int_equal(rig_pread(rig, &word, 4, rig_pos(7, 0)), -EINVAL);
	assert_int_equal(rig_pwrite(rig, &word, 4, rig_pos(7, 0)), -EINVAL);
	assert_int_equal(rig->file->ops->mmap(rig->file, 0, 4096, PROT_READ, MAP_SHARED, &map),
			 -EINVAL);
	assert_int_equal(rig_bind(rig), 0);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_INFO, &info), 0);
	assert_int_equal(rig_ioctl(rig, 0x1234, NULL), -ENOTTY);
}

static void bind_checks_its_structure_first(void **state)
{
	struct vfio_device_bind_iommufd bind = {.argsz = 15, .iommufd = -1};
	struct vfio_rig *rig = *state;
	char longer[40] = {0};

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, NULL), -EFAULT);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, &bind), -EINVAL);
	bind.argsz = 16;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, at_the_edge(rig, &bind, 12)),
			 -EFAULT);
	/* A tail that is not zero; a tail that cannot be read. */
	bind.argsz = 40;
	memcpy(longer, &bind, sizeof(bind));
	longer[39] = 1;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, longer), -E2BIG);
	assert_int_equal(
		rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, at_the_edge(rig, &bind, sizeof(bind))),
		-EFAULT);
	/* Now only iommufd -1 is wrong. */
	longer[39] = 0;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, longer), -EINVAL);
}

static void bind_refuses_unknown_flags_and_tokens(void **state)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = 12345};
	struct vfio_rig *rig = *state;

	bind.flags = 2;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, &bind), -EINVAL);
	bind.flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, &bind), -EINVAL);
	bind.flags = 0;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, &bind), -EBADF);
}

static void bind_tells_a_closed_descriptor_from_one_of_another_kind(void **state)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = 12345};
	struct vfio_rig *rig = *state;

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, &bind), -EBADF);
	bind.iommufd = STDERR_FILENO;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, &bind), -EBADFD);
	bind.iommufd = RIG_FD_DEVICE;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, &bind), -EBADFD);
}

static void bind_gives_the_device_id_in_the_16_byte_structure(void **state)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = 16, .iommufd = RIG_FD_CONTEXT, .token_uuid_ptr = 77};
	struct vfio_rig *rig = *state;
	void *arg = at_the_edge(rig, &bind, 16);

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, arg), 0);
	assert_int_equal(u32_at(arg, offsetof(struct vfio_device_bind_iommufd, out_devid)), 1);
}

static void a_device_has_one_owner_at_a_time(void **state)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = RIG_FD_CONTEXT};
	struct uiommufd_file *second;
	struct vfio_rig *rig = *state;

	assert_int_equal(vfio_device_open(rig->device, &second), 0);
	assert_int_equal(rig_bind(rig), 0);
	assert_int_equal(rig_bind(rig), -EINVAL);
	assert_int_equal(second->ops->ioctl(second, &rig->caller, VFIO_DEVICE_BIND_IOMMUFD,
					    (uintptr_t)&bind),
			 -EINVAL);
	file_put(rig->file);
	rig->file = second;
	assert_int_equal(rig_bind(rig), 0);
}

static void a_bind_whose_answer_cannot_be_written_is_undone(void **state)
{
	struct vfio_device_bind_iommufd bind = {.argsz = 16, .iommufd = RIG_FD_CONTEXT};
	struct vfio_device_info info = {.argsz = sizeof(info)};
	struct iommu_destroy destroy = {.size = sizeof(destroy), .id = 1};
	struct vfio_rig *rig = *state;

	rig->read_only = &bind;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, &bind), -EFAULT);
	rig->read_only = NULL;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_INFO, &info), -EINVAL);
	assert_int_equal(rig_iommu(rig, IOMMU_DESTROY, &destroy), -ENOENT);
	assert_int_equal(rig_bind(rig), 0);
	assert_int_equal(rig_iommu(rig, IOMMU_DESTROY, &destroy), -EBUSY);
}

static void closing_the_device_unbinds_it(void **state)
{
	struct iommu_destroy destroy = {.size = sizeof(destroy), .id = 1};
	struct vfio_rig *rig = *state;

	file_put(rig->file);
	assert_int_equal(rig_iommu(rig, IOMMU_DESTROY, &destroy), -ENOENT);
	assert_int_equal(vfio_device_open(rig->device, &rig->file), 0);
	assert_int_equal(rig_bind(rig), 0);
}

/* ---- ATTACH, DETACH ---- */

static uint32_t new_ioas(struct vfio_rig *rig)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	assert_int_equal(rig_iommu(rig, IOMMU_IOAS_ALLOC, &alloc), 0);
	return alloc.out_ioas_id;
}

static void attach_checks_its_structure_first(void **state)
{
	struct vfio_device_attach_iommufd_pt attach = {.argsz = 11};
	struct vfio_rig *rig = *state;

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, NULL), -EFAULT);
	assert_int_equal(
		rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, at_the_edge(rig, &attach, 11)),
		-EFAULT);
	assert_int_equal(
		rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, at_the_edge(rig, &attach, 12)),
		-EINVAL);
	attach.argsz = 12;
	attach.flags = 2;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), -EINVAL);
	attach.flags = VFIO_DEVICE_ATTACH_PASID;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), -EINVAL);
	attach.argsz = 16;
	assert_int_equal(
		rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, at_the_edge(rig, &attach, 12)),
		-EFAULT);
	attach.flags = 0;
	attach.pt_id = 99;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), -ENOENT);
}

static void attach_gives_the_page_table_and_then_replaces(void **state)
{
	struct vfio_device_attach_iommufd_pt attach = {.argsz = 1000};
	struct vfio_rig *rig = *state;
	uint32_t first;

	attach.pt_id = new_ioas(rig);
	/* argsz may be larger, and what follows is not looked at. */
	assert_int_equal(
		rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, at_the_edge(rig, &attach, 12)), 0);
	rig->hole = 0;
	attach.pt_id = new_ioas(rig);
	first = attach.pt_id;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), 0);
	assert_int_not_equal(attach.pt_id, first);
}

static void an_attach_whose_answer_cannot_be_written_is_undone(void **state)
{
	struct vfio_device_attach_iommufd_pt attach = {.argsz = 12};
	struct iommu_destroy destroy = {.size = sizeof(destroy)};
	struct vfio_rig *rig = *state;

	destroy.id = attach.pt_id = new_ioas(rig);
	rig->read_only = &attach;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), -EFAULT);
	/* No page table holds the IOAS. */
	assert_int_equal(rig_iommu(rig, IOMMU_DESTROY, &destroy), 0);
}

static void detach_checks_and_then_always_succeeds(void **state)
{
	struct vfio_device_detach_iommufd_pt detach = {.argsz = 7};
	struct vfio_rig *rig = *state;

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_DETACH_IOMMUFD_PT, NULL), -EFAULT);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach), -EINVAL);
	detach.argsz = 8;
	detach.flags = 2;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach), -EINVAL);
	detach.flags = VFIO_DEVICE_DETACH_PASID;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach), -EINVAL);
	detach.argsz = 12;
	assert_int_equal(
		rig_ioctl(rig, VFIO_DEVICE_DETACH_IOMMUFD_PT, at_the_edge(rig, &detach, 8)),
		-EFAULT);
	detach.flags = 0;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach), 0);
}

/* ---- what the device is ---- */

static void get_info_takes_16_bytes_and_writes_what_fits(void **state)
{
	struct vfio_device_info info = {.argsz = 15};
	struct vfio_rig *rig = *state;
	void *arg;

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_INFO, NULL), -EFAULT);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_INFO, &info), -EINVAL);
	info.argsz = 16;
	arg = at_the_edge(rig, &info, 16);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_INFO, arg), 0);
	assert_int_equal(u32_at(arg, 4), VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
	assert_int_equal(u32_at(arg, 8), 9);
	assert_int_equal(u32_at(arg, 12), 5);
}

static void regions_are_described(void **state)
{
	static const struct {
		uint64_t size;
		uint32_t flags;
	} expected[] = {{4096, 3}, {32, 3}, {8192, 3 | 8}, {0, 0},
			{64, 3},   {0, 0},  {0, 0},	   {4096, 3}};
	struct vfio_rig *rig = *state;

	for (uint32_t i = 0; i < 8; i++) {
		struct vfio_region_info info = {.argsz = sizeof(info), .index = i};

		assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_REGION_INFO, &info), 0);
		assert_int_equal(info.size, expected[i].size);
		assert_int_equal(info.flags, expected[i].flags);
		assert_int_equal(info.offset, (uint64_t)i << 40);
	}
	for (uint32_t i = 8; i < 11; i++) {
		struct vfio_region_info info = {.argsz = sizeof(info), .index = i};

		assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_REGION_INFO, &info), -EINVAL);
	}
}

static void region_info_checks_its_structure_first(void **state)
{
	struct vfio_region_info info = {.argsz = 31};
	struct vfio_rig *rig = *state;

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_REGION_INFO, NULL), -EFAULT);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_REGION_INFO, at_the_edge(rig, &info, 31)),
			 -EFAULT);
	rig->hole = 0;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_REGION_INFO, &info), -EINVAL);
}

static void the_bar_of_the_msix_table_has_a_capability(void **state)
{
	struct {
		struct vfio_region_info info;
		struct vfio_info_cap_header cap;
	} arg = {.info = {.argsz = 32, .index = 2}};
	struct vfio_rig *rig = *state;

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_REGION_INFO, &arg), 0);
	assert_int_equal(arg.info.argsz, 40);
	assert_int_equal(arg.info.cap_offset, 0);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_REGION_INFO, &arg), 0);
	assert_int_equal(arg.info.cap_offset, 32);
	assert_int_equal(arg.cap.id, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE);
	assert_int_equal(arg.cap.version, 1);
	assert_int_equal(arg.cap.next, 0);
}

static void interrupts_are_described(void **state)
{
	static const struct {
		uint32_t count, flags;
	} expected[] = {{1, 7}, {2, 9}, {16, 1}, {1, 9}, {1, 9}};
	struct vfio_rig *rig = *state;
	struct vfio_irq_info info = {.argsz = 15};

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_IRQ_INFO, NULL), -EFAULT);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_IRQ_INFO, &info), -EINVAL);
	for (uint32_t i = 0; i < 5; i++) {
		info = (struct vfio_irq_info){.argsz = sizeof(info), .index = i};
		assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_IRQ_INFO, &info), 0);
		assert_int_equal(info.count, expected[i].count);
		assert_int_equal(info.flags, expected[i].flags);
	}
	info.index = 5;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_IRQ_INFO, &info), -EINVAL);
}

/* ---- SET_IRQS ---- */

static long set_irqs(struct vfio_rig *rig, uint32_t argsz, uint32_t flags, uint32_t index,
		     uint32_t start, uint32_t count)
{
	static const int32_t none[] = {-1, -1, -1, -1};
	union rig_irqs irqs;

	rig_irqs(&irqs, 0, index, 4, none);
	irqs.set = (struct vfio_irq_set){
		.argsz = argsz, .flags = flags, .index = index, .start = start, .count = count};
	return rig_ioctl(rig, VFIO_DEVICE_SET_IRQS, &irqs);
}

static void set_irqs_checks_in_order(void **state)
{
	const uint32_t none = VFIO_IRQ_SET_DATA_NONE, fds = VFIO_IRQ_SET_DATA_EVENTFD,
		       trigger = VFIO_IRQ_SET_ACTION_TRIGGER, mask = VFIO_IRQ_SET_ACTION_MASK;
	union rig_irqs arg;
	struct vfio_rig *rig = *state;

	rig_irqs(&arg, trigger, 1, 2, (const int32_t[]){-1, -1});
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_SET_IRQS, NULL), -EFAULT);
	assert_int_equal(set_irqs(rig, 19, none | trigger, 1, 0, 0), -EINVAL);
	assert_int_equal(set_irqs(rig, 20, none | trigger, 5, 0, 0), -EINVAL);
	assert_int_equal(set_irqs(rig, 20, none | trigger | 64, 1, 0, 0), -EINVAL);
	assert_int_equal(set_irqs(rig, 20, none | trigger, 1, 1, UINT32_MAX - 1), -EINVAL);
	/* Vectors that do not exist. */
	assert_int_equal(set_irqs(rig, 28, fds | trigger, 1, 2, 0), -EINVAL);
	assert_int_equal(set_irqs(rig, 28, fds | trigger, 1, 1, 2), -EINVAL);
	/* No data type, two; too little data, unreadable data. */
	assert_int_equal(set_irqs(rig, 28, trigger, 1, 0, 1), -EINVAL);
	assert_int_equal(set_irqs(rig, 28, none | fds | trigger, 1, 0, 1), -EINVAL);
	assert_int_equal(set_irqs(rig, 27, fds | trigger, 1, 0, 2), -EINVAL);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_SET_IRQS, at_the_edge(rig, &arg, 24)), -EFAULT);
	rig->hole = 0;
	/* The action comes last. */
	assert_int_equal(set_irqs(rig, 28, fds | mask, 1, 0, 2), -ENOTTY);
	assert_int_equal(set_irqs(rig, 28, fds, 1, 0, 2), -ENOTTY);
	assert_int_equal(set_irqs(rig, 28, fds | trigger, 1, 0, 2), 0);
	assert_int_equal(set_irqs(rig, 20, none | trigger, 1, 0, 0), 0);
}

/* [CONFIG-MSI-WRITE.2]: to the program the bit is as it has written it. */
static void config_space_shows_enabled_msi(void **state)
{
	struct vfio_rig *rig = *state;
	uint16_t flags;

	assert_int_equal(
		set_irqs(rig, 28, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 1, 0, 2),
		0);
	assert_int_equal(rig_pread(rig, &flags, 2, rig_pos(7, 0x40 + PCI_MSI_FLAGS)), 2);
	assert_false(flags & PCI_MSI_FLAGS_ENABLE);
	assert_int_equal(vfio_device_config_read(rig->device, 0x40 + PCI_MSI_FLAGS, &flags, 2), 2);
	assert_true(flags & PCI_MSI_FLAGS_ENABLE);
	assert_int_equal(rig_pread(rig, &flags, 2, rig_pos(7, 0x40 + PCI_MSI_FLAGS)), 2);
	flags |= PCI_MSI_FLAGS_ENABLE;
	assert_int_equal(rig_pwrite(rig, &flags, 2, rig_pos(7, 0x40 + PCI_MSI_FLAGS)), 2);
	assert_int_equal(rig_pread(rig, &flags, 2, rig_pos(7, 0x40 + PCI_MSI_FLAGS)), 2);
	assert_true(flags & PCI_MSI_FLAGS_ENABLE);
}

/* [CONFIG-OPEN]: after the last close, and [CONFIG-OPEN.2] before the next use. */
static void closed_the_device_decodes_nothing(void **state)
{
	struct vfio_rig *rig = *state;
	uint16_t command = PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY;

	assert_int_equal(rig_pwrite(rig, &command, 2, rig_pos(7, PCI_COMMAND)), 2);
	file_put(rig->file);
	assert_int_equal(vfio_device_config_read(rig->device, PCI_COMMAND, &command, 2), 2);
	assert_int_equal(command, PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(vfio_device_open(rig->device, &rig->file), 0);
	assert_int_equal(rig_bind(rig), 0);
	assert_int_equal(vfio_device_config_read(rig->device, PCI_COMMAND, &command, 2), 2);
	assert_int_equal(command, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
}

/* ---- reset, features ---- */

static void reset_resets_the_model_and_keeps_config_space(void **state)
{
	struct vfio_rig *rig = *state;
	uint16_t command = PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, read = 0;
	unsigned int before = probe(rig)->resets;
	uint32_t word = 7;

	assert_int_equal(rig_pwrite(rig, &command, 2, rig_pos(7, PCI_COMMAND)), 2);
	assert_int_equal(rig_pwrite(rig, &word, 4, rig_pos(0, 0)), 4);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_RESET, NULL), 0);
	assert_int_equal(probe(rig)->resets, before + 1);
	assert_int_equal(rig_pread(rig, &word, 4, rig_pos(0, 0)), 4);
	assert_int_equal(word, 0);
	assert_int_equal(rig_pread(rig, &read, 2, rig_pos(7, PCI_COMMAND)), 2);
	assert_int_equal(read, command);
}

static void hot_reset_resets_what_is_on_the_bus(void **state)
{
	union {
		struct vfio_pci_hot_reset_info info;
		char bytes[sizeof(struct vfio_pci_hot_reset_info) +
			   2 * sizeof(struct vfio_pci_dependent_device)];
	} list = {.info.argsz = 11};
	struct vfio_pci_hot_reset_info *info = &list.info;
	struct vfio_pci_hot_reset reset = {.argsz = 11};
	struct vfio_rig *rig = *state;
	unsigned int before;

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, NULL), -EFAULT);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info), -EINVAL);
	info->argsz = 12;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info), -ENOSPC);
	assert_int_equal(info->count, 1);
	info->argsz = sizeof(list);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info), 0);
	assert_int_equal(info->count, 1);
	assert_int_equal(info->flags,
			 VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED);
	assert_true((int32_t)info->devices[0].devid > 0);
	assert_int_equal(info->devices[0].bus, 1);
	assert_int_equal(info->devices[0].devfn, 0);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_PCI_HOT_RESET, NULL), -EFAULT);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_PCI_HOT_RESET, &reset), -EINVAL);
	reset.argsz = 12;
	reset.count = 1;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_PCI_HOT_RESET, &reset), -EINVAL);
	reset.count = 0;
	reset.flags = 1;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_PCI_HOT_RESET, &reset), -EINVAL);
	reset.flags = 0;
	before = probe(rig)->resets;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_PCI_HOT_RESET, &reset), 0);
	assert_int_equal(probe(rig)->resets, before + 1);
}

static long feature(struct vfio_rig *rig, uint32_t argsz, uint32_t flags, uint32_t value)
{
	struct {
		uint32_t argsz, flags, value, reserved;
	} arg = {argsz, flags, value, 0};

	return rig_ioctl(rig, VFIO_DEVICE_FEATURE, &arg);
}

static void feature_checks_in_order(void **state)
{
	const uint32_t get = VFIO_DEVICE_FEATURE_GET, set = VFIO_DEVICE_FEATURE_SET,
		       probing = VFIO_DEVICE_FEATURE_PROBE,
		       wake = VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP;
	uint32_t head[] = {16, set | wake};
	struct vfio_rig *rig = *state;

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_FEATURE, NULL), -EFAULT);
	assert_int_equal(feature(rig, 7, set | wake, 1), -EINVAL);
	assert_int_equal(feature(rig, 16, set | 1u << 19 | wake, 1), -EINVAL);
	assert_int_equal(feature(rig, 16, get | set | 999, 1), -EINVAL);
	assert_int_equal(feature(rig, 16, set | 999, 1), -ENOTTY);
	assert_int_equal(feature(rig, 16, set, 1), -ENOTTY);
	assert_int_equal(feature(rig, 16, probing | 1, 1), -ENOTTY);
	assert_int_equal(feature(rig, 16, get | wake, 1), -EINVAL);
	assert_int_equal(feature(rig, 16, get | set | probing | wake, 1), -EINVAL);
	assert_int_equal(feature(rig, 8, set | probing | wake, 1), 0);
	assert_int_equal(feature(rig, 8, probing | wake, 1), 0);
	assert_int_equal(feature(rig, 16, wake, 1), -EINVAL);
	assert_int_equal(feature(rig, 15, set | wake, 1), -EINVAL);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_FEATURE, at_the_edge(rig, head, 8)), -EFAULT);
	rig->hole = 0;
	assert_int_equal(feature(rig, 16, set | wake, UINT32_MAX), -EINVAL);
	/* vfio-pci has none [CONFIG-FEATURES.4], [CONFIG-FEATURES.1], [CONFIG-FEATURES.5]. */
	assert_int_equal(feature(rig, 12, set | VFIO_DEVICE_FEATURE_BUS_MASTER, 1), -ENOTTY);
	assert_int_equal(feature(rig, 16, set | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, 1), -ENOTTY);
	assert_int_equal(feature(rig, 16, get | VFIO_DEVICE_FEATURE_ZPCI_ERROR, 1), -ENOTTY);
}

/* ---- read and write ---- */

static void config_space_is_read_byte_by_byte_and_not_beyond(void **state)
{
	struct vfio_rig *rig = *state;
	uint8_t bytes[16];

	assert_int_equal(rig_pread(rig, bytes, 16, rig_pos(7, 1)), 16);
	assert_int_equal(bytes[0], 0x12);
	assert_int_equal(bytes[1], 1);
	assert_int_equal(rig_pread(rig, bytes, 1, rig_pos(7, 4095)), 1);
	assert_int_equal(rig_pread(rig, bytes, 2, rig_pos(7, 4095)), -EFAULT);
	assert_int_equal(rig_pread(rig, bytes, 1, rig_pos(7, 4096)), -EFAULT);
	assert_int_equal(rig_pwrite(rig, bytes, 2, rig_pos(7, 4095)), -EFAULT);
	assert_int_equal(rig_pread(rig, NULL, 1, rig_pos(7, 0)), -EFAULT);
	assert_int_equal(rig_pread(rig, bytes, 0, rig_pos(7, 9999)), 0);
}

static void a_position_outside_every_region_is_invalid(void **state)
{
	struct vfio_rig *rig = *state;
	uint32_t word;

	assert_int_equal(rig_pread(rig, &word, 4, rig_pos(9, 0)), -EINVAL);
	assert_int_equal(rig_pread(rig, &word, 4, rig_pos(8, 0)), -EINVAL);
	assert_int_equal(rig_pread(rig, &word, 4, rig_pos(6, 0)), -EINVAL);
	assert_int_equal(rig_pwrite(rig, &word, 4, rig_pos(6, 0)), -EINVAL);
	assert_int_equal(rig_pread(rig, &word, 4, rig_pos(3, 0)), -EINVAL);
	assert_int_equal(rig_pread(rig, &word, 4, rig_pos(0, 4096)), -EINVAL);
	assert_int_equal(rig_pread(rig, &word, 4, UINT64_MAX - 3), -EINVAL);
}

static void bar_accesses_are_clipped_to_its_end(void **state)
{
	struct vfio_rig *rig = *state;
	uint8_t bytes[16];

	assert_int_equal(rig_pread(rig, bytes, 16, rig_pos(0, 4092)), 4);
	assert_int_equal(rig_pwrite(rig, bytes, 16, rig_pos(0, 4095)), 1);
}

/* [CONFIG-REGIONS.4] */
static void bar_accesses_are_split_by_alignment(void **state)
{
	uint8_t out[21], in[21];
	struct vfio_rig *rig = *state;

	for (unsigned int i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 37 + 1);
	/* From 3 to 24: 1 byte, 4, 8, 8. */
	assert_int_equal(rig_pwrite(rig, out, 21, rig_pos(0, 3)), 21);
	assert_int_equal(probe(rig)->accesses, 4);
	assert_int_equal(probe(rig)->widest, 8);
	assert_memory_equal((char *)probe(rig)->regs + 3, out, 21);
	assert_int_equal(rig_pread(rig, in, 21, rig_pos(0, 3)), 21);
	assert_memory_equal(in, out, 21);
}

static void the_model_sees_no_wider_and_no_narrower_accesses_than_it_takes(void **state)
{
	struct vfio_rig *rig = *state;
	uint64_t value = 0;

	assert_int_equal(rig_pread(rig, &value, 8, rig_pos(1, 0)), 8);
	assert_int_equal(probe(rig)->widest, 2);
	assert_int_equal(probe(rig)->accesses, 4);
	/* BAR 4 takes 4 bytes and more. */
	probe(rig)->accesses = 0;
	assert_int_equal(rig_pread(rig, &value, 2, rig_pos(4, 0)), 2);
	assert_int_equal(value & 0xffff, 0xffff);
	assert_int_equal(rig_pwrite(rig, &value, 1, rig_pos(4, 1)), 1);
	assert_int_equal(probe(rig)->accesses, 0);
	assert_int_equal(rig_pread(rig, &value, 4, rig_pos(4, 0)), 4);
	assert_int_equal(probe(rig)->accesses, 1);
}

static void the_msix_table_reads_ones_and_takes_nothing(void **state)
{
	struct vfio_rig *rig = *state;
	uint8_t bytes[0x180];

	/* The table is at 0x40..0x13f; around it the model answers zero. */
	memset(bytes, 0x55, sizeof(bytes));
	assert_int_equal(rig_pread(rig, bytes, sizeof(bytes), rig_pos(2, 0)), sizeof(bytes));
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], i >= 0x40 && i < 0x140 ? 0xff : 0);
	assert_int_equal(probe(rig)->accesses, 0x80 / 8);
	assert_int_equal(rig_pwrite(rig, bytes, 64, rig_pos(2, 0x40)), 64);
	assert_int_equal(probe(rig)->accesses, 0x80 / 8);
}

static void a_bar_that_does_not_decode_is_an_io_error(void **state)
{
	struct vfio_rig *rig = *state;
	uint16_t command = PCI_COMMAND_IO;
	uint32_t word = 0;

	assert_int_equal(rig_pwrite(rig, &command, 2, rig_pos(7, PCI_COMMAND)), 2);
	assert_int_equal(rig_pread(rig, &word, 4, rig_pos(0, 0)), -EIO);
	assert_int_equal(rig_pwrite(rig, &word, 4, rig_pos(0, 0)), -EIO);
	assert_int_equal(rig_pread(rig, &word, 4, rig_pos(1, 0)), 4);
	command = PCI_COMMAND_MEMORY;
	assert_int_equal(rig_pwrite(rig, &command, 2, rig_pos(7, PCI_COMMAND)), 2);
	assert_int_equal(rig_pread(rig, &word, 4, rig_pos(0, 0)), 4);
	/* [CONFIG-COMMAND.1] */
	assert_int_equal(rig_pread(rig, &word, 4, rig_pos(1, 0)), 4);
	assert_int_equal(word, UINT32_MAX);
	assert_int_equal(rig_pwrite(rig, &word, 4, rig_pos(1, 0)), 4);
}

static void the_position_moves_by_what_was_done(void **state)
{
	struct vfio_rig *rig = *state;
	uint64_t pos = rig_pos(0, 4090);
	uint8_t bytes[16];

	assert_int_equal(rig->file->ops->read(rig->file, &rig->caller, (uintptr_t)bytes, 4, &pos),
			 4);
	assert_int_equal(rig->file->ops->write(rig->file, &rig->caller, (uintptr_t)bytes, 9, &pos),
			 2);
	assert_int_equal(pos, rig_pos(0, 4096));
	assert_int_equal(rig->file->ops->read(rig->file, &rig->caller, (uintptr_t)bytes, 4, &pos),
			 -EINVAL);
	assert_int_equal(pos, rig_pos(0, 4096));
}

/* ---- for sysfs ---- */

static void sysfs_sees_config_space_and_resources(void **state)
{
	struct vfio_rig *rig = *state;
	uint64_t start, end, flags;
	uint8_t bytes[8];

	assert_int_equal(vfio_device_config_read(rig->device, 0, bytes, 2), 2);
	assert_int_equal(bytes[0] | bytes[1] << 8, 0x1234);
	assert_int_equal(vfio_device_config_read(rig->device, 4090, bytes, 8), 6);
	assert_int_equal(vfio_device_config_read(rig->device, 4096, bytes, 8), 0);
	vfio_device_resource(rig->device, 0, &start, &end, &flags);
	assert_int_equal(end - start, 4095);
	assert_int_equal(flags, 0x40200);
	vfio_device_resource(rig->device, 1, &start, &end, &flags);
	assert_int_equal(flags, 0x40101);
	vfio_device_resource(rig->device, 2, &start, &end, &flags);
	assert_int_equal(flags, 0x140204);
	vfio_device_resource(rig->device, 3, &start, &end, &flags);
	assert_int_equal(start | end | flags, 0);
	assert_string_equal(vfio_device_name(rig->device), "0000:01:00.0");
	assert_string_equal(rig->file->ops->name, "/dev/vfio/devices/vfio0");
	assert_ptr_equal(vfio_device_from_file(rig->file), rig->device);
	assert_null(vfio_device_from_file(rig->context));
}

int main(void)
{
#define UNBOUND(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define BOUND(name)   cmocka_unit_test_setup_teardown(name, setup_bound, teardown)
	const struct CMUnitTest tests[] = {
		UNBOUND(before_bind_every_call_is_invalid),
		UNBOUND(bind_checks_its_structure_first),
		UNBOUND(bind_refuses_unknown_flags_and_tokens),
		UNBOUND(bind_tells_a_closed_descriptor_from_one_of_another_kind),
		UNBOUND(bind_gives_the_device_id_in_the_16_byte_structure),
		UNBOUND(a_device_has_one_owner_at_a_time),
		UNBOUND(a_bind_whose_answer_cannot_be_written_is_undone),
		BOUND(closing_the_device_unbinds_it),
		BOUND(attach_checks_its_structure_first),
		BOUND(attach_gives_the_page_table_and_then_replaces),
		BOUND(an_attach_whose_answer_cannot_be_written_is_undone),
		BOUND(detach_checks_and_then_always_succeeds),
		BOUND(get_info_takes_16_bytes_and_writes_what_fits),
		BOUND(regions_are_described),
		BOUND(region_info_checks_its_structure_first),
		BOUND(the_bar_of_the_msix_table_has_a_capability),
		BOUND(interrupts_are_described),
		BOUND(set_irqs_checks_in_order),
		BOUND(config_space_shows_enabled_msi),
		BOUND(closed_the_device_decodes_nothing),
		BOUND(reset_resets_the_model_and_keeps_config_space),
		BOUND(hot_reset_resets_what_is_on_the_bus),
		BOUND(feature_checks_in_order),
		BOUND(config_space_is_read_byte_by_byte_and_not_beyond),
		BOUND(a_position_outside_every_region_is_invalid),
		BOUND(bar_accesses_are_clipped_to_its_end),
		BOUND(bar_accesses_are_split_by_alignment),
		BOUND(the_model_sees_no_wider_and_no_narrower_accesses_than_it_takes),
		BOUND(the_msix_table_reads_ones_and_takes_nothing),
		BOUND(a_bar_that_does_not_decode_is_an_io_error),
		BOUND(the_position_moves_by_what_was_done),
		UNBOUND(sysfs_sees_config_space_and_resources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

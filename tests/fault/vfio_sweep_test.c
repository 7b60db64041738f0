/* SPDX-License-Identifier: MIT */
/*
 * Every step that may fail in the commands of VFIO fails in turn (lib/sweep.h): those of a device
 * file by way of the cdev, those of a group, and those of a container.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kit.h"

enum {
	TABLE_ID = 3 /* the third object of a context */
};

#define IOVA GROUP_RIG_IOVA

static struct group_rig rig;
static int iommu;		 /* the context, which is the container */
static int group, device, type1; /* files */
static int event;
static uint32_t ioas, table; /* an address space with memory, a table of it */

#define ARG(type, ...)	 (&(struct type){.argsz = sizeof(struct type), __VA_ARGS__})
#define must(expression) assert_true((expression) >= 0)

static long on(int fd, unsigned int cmd, const void *arg)
{
	return group_rig_ioctl(&rig, fd, cmd, (uintptr_t)arg);
}

static int set_up(void **state)
{
	(void)state;
	group_rig_open(&rig);
	group = device = type1 = -1;
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(event);
	iommu = group_rig_container(&rig);
	must(iommu);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	failure_disarm();
	group_rig_close(&rig);
	close(event);
	return 0;
}

/* ---- by way of the cdev ---- */

static long open_cdev(void)
{
	return device = group_rig_cdev(&rig, 0);
}

static void close_device(void)
{
	group_rig_close_fd(&rig, device);
}

static void cdev(void)
{
	must(open_cdev());
}

static long bind(void)
{
	return on(device, VFIO_DEVICE_BIND_IOMMUFD,
		  ARG(vfio_device_bind_iommufd, .iommufd = iommu));
}

static void open_again(void)
{
	close_device();
	cdev();
}

/* Bound, with an address space and a table of it that allows PASIDs. */
static void bound(void)
{
	struct vfio_device_bind_iommufd bind_cmd = {.argsz = sizeof(bind_cmd), .iommufd = iommu};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.user_va = (uintptr_t)rig.memory,
		.length = 2 * PAGE,
		.iova = IOVA,
	};
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt), .flags = IOMMU_HWPT_ALLOC_PASID};

	cdev();
	must(on(device, VFIO_DEVICE_BIND_IOMMUFD, &bind_cmd));
	must(on(iommu, IOMMU_IOAS_ALLOC, &alloc));
	ioas = map.ioas_id = hwpt.pt_id = alloc.out_ioas_id;
	must(on(iommu, IOMMU_IOAS_MAP, &map));
	hwpt.dev_id = bind_cmd.out_devid;
	must(on(iommu, IOMMU_HWPT_ALLOC, &hwpt));
	table = hwpt.out_hwpt_id;
	assert_int_equal(table, TABLE_ID);
}

static long attach(uint32_t pt_id, uint32_t flags, uint32_t pasid)
{
	return on(
		device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		ARG(vfio_device_attach_iommufd_pt, .flags = flags, .pt_id = pt_id, .pasid = pasid));
}

static long attach_ioas(void)
{
	return attach(ioas, 0, 0);
}

static long attach_table(void)
{
	return attach(table, 0, 0);
}

static long attach_pasid(void)
{
	return attach(table, VFIO_DEVICE_ATTACH_PASID, 5);
}

static long detach(void)
{
	return on(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, ARG(vfio_device_detach_iommufd_pt));
}

static long detach_pasid(void)
{
	return on(
		device, VFIO_DEVICE_DETACH_IOMMUFD_PT,
		ARG(vfio_device_detach_iommufd_pt, .flags = VFIO_DEVICE_DETACH_PASID, .pasid = 5));
}

static void undo_attach(void)
{
	must(detach());
}

static void undo_attach_pasid(void)
{
	must(detach_pasid());
}

static void undo_detach(void)
{
	must(attach_table());
}

static void undo_detach_pasid(void)
{
	must(attach_pasid());
}

static void on_table(void)
{
	bound();
	must(attach_table());
}

static void on_table_with_pasid(void)
{
	on_table();
	must(attach_pasid());
}

/* ---- a device ---- */

static long get_info(void)
{
	char info[256] = "";

	*(uint32_t *)info = sizeof(info);
	return on(device, VFIO_DEVICE_GET_INFO, info);
}

static long get_region_info(void)
{
	char info[256] = "";

	*(struct vfio_region_info *)info = (struct vfio_region_info){.argsz = sizeof(info)};
	return on(device, VFIO_DEVICE_GET_REGION_INFO, info);
}

static long get_irq_info(void)
{
	return on(device, VFIO_DEVICE_GET_IRQ_INFO, ARG(vfio_irq_info));
}

/* One vector of @index, to the eventfd; @fd -2: all disabled. */
static long set_irqs(uint32_t index, uint32_t action, int32_t fd)
{
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} irqs = {
		.set = {.argsz = sizeof(irqs),
			.flags = action | VFIO_IRQ_SET_DATA_EVENTFD,
			.index = index,
			.count = 1},
		.fd = fd,
	};

	if (fd == -2) {
		irqs.set.flags = action | VFIO_IRQ_SET_DATA_NONE;
		irqs.set.count = 0;
	}
	return on(device, VFIO_DEVICE_SET_IRQS, &irqs);
}

static long enable_intx(void)
{
	return set_irqs(VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, event);
}

static void disable_intx(void)
{
	must(set_irqs(VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, -2));
}

static void with_intx(void)
{
	on_table();
	must(enable_intx());
}

static long unmask_by_eventfd(void)
{
	return set_irqs(VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK, event);
}

static void no_unmask(void)
{
	must(set_irqs(VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK, -1));
}

static long enable_msi(void)
{
	return set_irqs(VFIO_PCI_MSI_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, event);
}

static void disable_msi(void)
{
	must(set_irqs(VFIO_PCI_MSI_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, -2));
}

static long set_req(void)
{
	return set_irqs(VFIO_PCI_REQ_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, event);
}

static void clear_req(void)
{
	must(set_irqs(VFIO_PCI_REQ_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, -1));
}

static long reset(void)
{
	return on(device, VFIO_DEVICE_RESET, NULL);
}

static long hot_reset_info(void)
{
	struct {
		struct vfio_pci_hot_reset_info head;
		struct vfio_pci_dependent_device devices[4];
	} info = {.head.argsz = sizeof(info)};

	return on(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info);
}

/* The context must own all that are affected. */
static void both_bound(void)
{
	int second;

	on_table();
	second = group_rig_cdev(&rig, 1);
	must(on(second, VFIO_DEVICE_BIND_IOMMUFD, ARG(vfio_device_bind_iommufd, .iommufd = iommu)));
}

static long hot_reset(void)
{
	return on(device, VFIO_DEVICE_PCI_HOT_RESET, ARG(vfio_pci_hot_reset));
}

static long add_ioeventfd(void)
{
	return group_rig_ioeventfd(&rig, device, event);
}

static void remove_ioeventfd(void)
{
	must(group_rig_ioeventfd(&rig, device, -1));
}

static long feature(uint32_t flags)
{
	struct vfio_device_feature head = {.argsz = sizeof(head), .flags = flags};

	return on(device, VFIO_DEVICE_FEATURE, &head);
}

static long probe(void)
{
	return feature(VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
		       VFIO_DEVICE_FEATURE_DMA_LOGGING_START);
}

static long low_power(void)
{
	return feature(VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
}

static void high_power(void)
{
	must(feature(VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_EXIT));
}

static long start_log(void)
{
	return group_rig_start_log(&rig, device);
}

static void stop_log(void)
{
	must(feature(VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP));
}

static void logging(void)
{
	on_table();
	must(start_log());
}

/* The descriptor is the last one. */
static int exported;

static long export_bar(void)
{
	struct {
		struct vfio_device_feature head;
		struct vfio_device_feature_dma_buf buf;
		struct vfio_region_dma_range range;
	} cmd = {
		.head = {.argsz = sizeof(cmd),
			 .flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF},
		.buf = {.open_flags = O_CLOEXEC, .nr_ranges = 1},
		.range = {.length = 2 * PAGE},
	};

	exported = (int)on(device, VFIO_DEVICE_FEATURE, &cmd);
	return exported;
}

static void close_export(void)
{
	group_rig_close_fd(&rig, exported);
}

/* The data file of a migration, or -1. */
static int data_fd;

static long set_state(uint32_t state)
{
	struct {
		struct vfio_device_feature head;
		struct vfio_device_feature_mig_state state;
	} cmd = {
		.head = {.argsz = sizeof(cmd),
			 .flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE},
		.state = {.device_state = state},
	};
	const long rc = on(device, VFIO_DEVICE_FEATURE, &cmd);

	data_fd = cmd.state.data_fd;
	return rc;
}

static long save_state(void)
{
	return set_state(VFIO_DEVICE_STATE_STOP_COPY);
}

static long begin_pre_copy(void)
{
	return set_state(VFIO_DEVICE_STATE_PRE_COPY);
}

static long begin_to_load(void)
{
	return set_state(VFIO_DEVICE_STATE_RESUMING);
}

/* Out of any state, by a reset. */
static void end_migration(void)
{
	if (data_fd >= 0)
		group_rig_close_fd(&rig, data_fd);
	must(on(device, VFIO_DEVICE_RESET, NULL));
}

static long report_log(void)
{
	uint64_t bits = 0;
	struct {
		uint32_t argsz, flags;
		struct vfio_device_feature_dma_logging_report report;
	} report = {
		.argsz = sizeof(report),
		.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
		.report = {.iova = IOVA,
			   .length = 2 * PAGE,
			   .page_size = PAGE,
			   .bitmap = (uintptr_t)&bits},
	};

	return on(device, VFIO_DEVICE_FEATURE, &report);
}

/* ---- a group and its container ---- */

static long open_the_group(void)
{
	return group = group_rig_group(&rig);
}

static void close_group(void)
{
	group_rig_close_fd(&rig, group);
}

static void open_group(void)
{
	must(open_the_group());
}

static long get_status(void)
{
	return on(group, VFIO_GROUP_GET_STATUS, ARG(vfio_group_status));
}

static long set_container(void)
{
	return group_rig_set_container(&rig, group, iommu);
}

static long unset_container(void)
{
	return on(group, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

static long hot_reset_with_group(void)
{
	struct {
		struct vfio_pci_hot_reset head;
		int32_t group;
	} cmd = {.head = {.argsz = sizeof(cmd), .count = 1}, .group = group};

	return on(device, VFIO_DEVICE_PCI_HOT_RESET, &cmd);
}

/* The address space that SET_CONTAINER makes stays, so there is one before. */
static void compat_ioas(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_vfio_ioas set = {.size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET};

	must(on(iommu, IOMMU_IOAS_ALLOC, &alloc));
	set.ioas_id = ioas = alloc.out_ioas_id;
	must(on(iommu, IOMMU_VFIO_IOAS, &set));
}

static void group_and_ioas(void)
{
	open_group();
	compat_ioas();
}

static void group_in_container(void)
{
	open_group();
	must(set_container());
}

static void undo_set_container(void)
{
	must(unset_container());
}

static void undo_first_set_container(void)
{
	struct iommu_vfio_ioas get = {.size = sizeof(get), .op = IOMMU_VFIO_IOAS_GET};

	must(unset_container());
	must(on(iommu, IOMMU_VFIO_IOAS, &get));
	must(on(iommu, IOMMU_DESTROY,
		&(struct iommu_destroy){.size = sizeof(struct iommu_destroy), .id = get.ioas_id}));
}

static void undo_unset_container(void)
{
	must(set_container());
}

static long get_device(void)
{
	return device = (int)group_rig_device(&rig, group, 0);
}

static void device_of_group(void)
{
	group_in_container();
	must(get_device());
}

static long get_second_device(void)
{
	long rc = group_rig_device(&rig, group, 1);

	if (rc >= 0)
		group_rig_close_fd(&rig, (int)rc);
	return rc;
}

static long set_type(uint64_t type)
{
	return group_rig_ioctl(&rig, iommu, VFIO_SET_IOMMU, type);
}

static long set_version1(void)
{
	return set_type(VFIO_TYPE1_IOMMU);
}

static long set_version2(void)
{
	return set_type(VFIO_TYPE1v2_IOMMU);
}

static void set_huge_pages(void)
{
	struct iommu_vfio_ioas get = {.size = sizeof(get), .op = IOMMU_VFIO_IOAS_GET};
	struct iommu_option option = {
		.size = sizeof(option),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_SET,
		.val64 = 1,
	};

	must(on(iommu, IOMMU_VFIO_IOAS, &get));
	option.object_id = get.ioas_id;
	must(on(iommu, IOMMU_OPTION, &option));
}

static long check_extension(void)
{
	return group_rig_ioctl(&rig, iommu, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU);
}

static long iommu_info(void)
{
	char info[512] = "";

	*(uint32_t *)info = sizeof(info);
	return on(iommu, VFIO_IOMMU_GET_INFO, info);
}

static long map_dma(void)
{
	return group_rig_map(&rig, iommu);
}

static long unmap_dma(uint32_t flags, uint64_t iova, uint64_t size)
{
	return on(iommu, VFIO_IOMMU_UNMAP_DMA,
		  ARG(vfio_iommu_type1_dma_unmap, .flags = flags, .iova = iova, .size = size));
}

static long unmap_all(void)
{
	return unmap_dma(VFIO_DMA_UNMAP_FLAG_ALL, 0, 0);
}

static long unmap_area(void)
{
	return unmap_dma(0, IOVA, 2 * PAGE);
}

static long unmap_part(void)
{
	return unmap_dma(0, IOVA + PAGE, PAGE);
}

static void undo_map(void)
{
	must(unmap_all());
}

static void undo_unmap(void)
{
	must(map_dma());
}

static void undo_unmap_part(void)
{
	must(unmap_all());
	must(map_dma());
}

static void mapped(void)
{
	device_of_group();
	must(map_dma());
}

static void mapped_in_version1(void)
{
	group_in_container();
	must(set_version1());
	must(get_device());
	must(map_dma());
}

/* ---- a container with the type1 driver ---- */

static long open_type1(void)
{
	return type1 = group_rig_type1(&rig);
}

static void close_type1(void)
{
	group_rig_close_fd(&rig, type1);
}

static long join_type1(void)
{
	return group_rig_set_container(&rig, group, type1);
}

static void type1_and_group(void)
{
	must(open_type1());
	open_group();
}

static void group_in_type1(void)
{
	type1_and_group();
	must(join_type1());
}

static long set_driver(void)
{
	return group_rig_set_iommu(&rig, type1);
}

static void undo_set_driver(void)
{
	must(unset_container());
	must(join_type1());
}

static void driver_set(void)
{
	group_in_type1();
	must(set_driver());
}

static void undo_unset_driver(void)
{
	must(join_type1());
	must(set_driver());
}

static void device_of_type1(void)
{
	driver_set();
	must(get_device());
}

static long type1_info(void)
{
	char info[512] = "";

	*(uint32_t *)info = sizeof(info);
	return on(type1, VFIO_IOMMU_GET_INFO, info);
}

static long map_type1(void)
{
	return group_rig_map(&rig, type1);
}

static long unmap_type1_flags(uint32_t flags)
{
	return on(type1, VFIO_IOMMU_UNMAP_DMA,
		  ARG(vfio_iommu_type1_dma_unmap, .flags = flags, .iova = IOVA, .size = 2 * PAGE));
}

static long unmap_type1(void)
{
	return unmap_type1_flags(0);
}

static long invalidate_type1(void)
{
	return unmap_type1_flags(VFIO_DMA_UNMAP_FLAG_VADDR);
}

static long validate_type1(void)
{
	return on(type1, VFIO_IOMMU_MAP_DMA,
		  ARG(vfio_iommu_type1_dma_map, .flags = VFIO_DMA_MAP_FLAG_VADDR, .iova = IOVA,
		      .vaddr = (uintptr_t)rig.memory, .size = 2 * PAGE));
}

static void undo_map_type1(void)
{
	must(unmap_type1());
}

static void undo_unmap_type1(void)
{
	must(map_type1());
}

static void undo_unmap_invalid(void)
{
	must(map_type1());
	must(invalidate_type1());
}

static void undo_invalidate(void)
{
	must(validate_type1());
}

static void undo_validate(void)
{
	must(invalidate_type1());
}

static void mapped_in_type1(void)
{
	device_of_type1();
	must(map_type1());
}

static void invalid_in_type1(void)
{
	mapped_in_type1();
	must(invalidate_type1());
}

static const struct sweep_step steps[] = {
	{"open of a cdev", NULL, open_cdev, close_device, true},
	{"BIND_IOMMUFD", cdev, bind, open_again, true},
	{"ATTACH to an IOAS", bound, attach_ioas, undo_attach, true},
	{"ATTACH to a HWPT", bound, attach_table, undo_attach, true},
	{"ATTACH of a PASID", on_table, attach_pasid, undo_attach_pasid, true},
	{"replace by an IOAS", on_table, attach_ioas, undo_detach, true},
	{"DETACH", on_table, detach, undo_detach, false},
	{"DETACH of a PASID", on_table_with_pasid, detach_pasid, undo_detach_pasid, false},
	{"GET_INFO", on_table, get_info, NULL, false},
	{"GET_REGION_INFO", on_table, get_region_info, NULL, false},
	{"GET_IRQ_INFO", on_table, get_irq_info, NULL, false},
	{"SET_IRQS of INTx", on_table, enable_intx, disable_intx, true},
	{"SET_IRQS to unmask", with_intx, unmask_by_eventfd, no_unmask, true},
	{"SET_IRQS of MSI", on_table, enable_msi, disable_msi, true},
	{"SET_IRQS of REQ", on_table, set_req, clear_req, true},
	{"RESET", on_table, reset, NULL, false},
	{"GET_PCI_HOT_RESET_INFO", both_bound, hot_reset_info, NULL, false},
	{"PCI_HOT_RESET", both_bound, hot_reset, NULL, false},
	{"IOEVENTFD", on_table, add_ioeventfd, remove_ioeventfd, true},
	{"FEATURE, probed", on_table, probe, NULL, false},
	{"LOW_POWER_ENTRY", on_table, low_power, high_power, false},
	{"DMA_LOGGING_START", on_table, start_log, stop_log, true},
	{"DMA_LOGGING_REPORT", logging, report_log, NULL, false},
	{"DMA_BUF", on_table, export_bar, close_export, true},
	{"MIG_DEVICE_STATE, to PRE_COPY", on_table, begin_pre_copy, end_migration, true},
	{"MIG_DEVICE_STATE, to STOP_COPY", on_table, save_state, end_migration, true},
	{"MIG_DEVICE_STATE, to RESUMING", on_table, begin_to_load, end_migration, true},
	{"open of a group", NULL, open_the_group, close_group, true},
	{"GROUP_GET_STATUS", open_group, get_status, NULL, false},
	{"GROUP_SET_CONTAINER", group_and_ioas, set_container, undo_set_container, false},
	{"the first GROUP_SET_CONTAINER", open_group, set_container, undo_first_set_container,
	 true},
	{"GROUP_UNSET_CONTAINER", group_in_container, unset_container, undo_unset_container, false},
	{"GROUP_GET_DEVICE_FD", group_in_container, get_device, close_device, true},
	{"GROUP_GET_DEVICE_FD, a second", device_of_group, get_second_device, NULL, true},
	{"PCI_HOT_RESET with groups", device_of_group, hot_reset_with_group, NULL, true},
	{"SET_IOMMU of version 1", compat_ioas, set_version1, set_huge_pages, false},
	{"SET_IOMMU of version 2", compat_ioas, set_version2, NULL, false},
	{"CHECK_EXTENSION", mapped, check_extension, NULL, false},
	{"IOMMU_GET_INFO", mapped, iommu_info, NULL, true},
	{"MAP_DMA", compat_ioas, map_dma, undo_map, true},
	{"MAP_DMA with a device", device_of_group, map_dma, undo_map, true},
	{"UNMAP_DMA", mapped, unmap_area, undo_unmap, false},
	{"UNMAP_DMA of everything", mapped, unmap_all, undo_unmap, false},
	{"UNMAP_DMA of a part", mapped_in_version1, unmap_part, undo_unmap_part, true},
	{"open of a container", NULL, open_type1, close_type1, true},
	{"SET_CONTAINER of a container", type1_and_group, join_type1, undo_set_container, false},
	{"SET_IOMMU of a container", group_in_type1, set_driver, undo_set_driver, true},
	{"UNSET_CONTAINER of the last group", driver_set, unset_container, undo_unset_driver,
	 false},
	{"GROUP_GET_DEVICE_FD of a container", driver_set, get_device, close_device, true},
	{"IOMMU_GET_INFO of a container", device_of_type1, type1_info, NULL, true},
	{"MAP_DMA in a container", device_of_type1, map_type1, undo_map_type1, true},
	{"UNMAP_DMA in a container", mapped_in_type1, unmap_type1, undo_unmap_type1, false},
	{"UNMAP_DMA of an address", mapped_in_type1, invalidate_type1, undo_invalidate, true},
	{"MAP_DMA of an address", invalid_in_type1, validate_type1, undo_validate, false},
	{"UNMAP_DMA of what has no address", invalid_in_type1, unmap_type1, undo_unmap_invalid,
	 false},
};

static void survives_each_failure(void **state)
{
	sweep(&rig, iommu, *state);
}

int main(void)
{
	return sweep_all("each failure in the commands of VFIO", steps,
			 sizeof(steps) / sizeof(steps[0]), survives_each_failure, set_up,
			 tear_down);
}

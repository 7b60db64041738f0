/* SPDX-License-Identifier: MIT */
/*
 * VFIO_DEVICE_FEATURE_DMA_BUF: DMA of one device to the registers of another, and when it ends
 * [VFIO-FEATURE.10], [DMABUF]. Two edu devices: the buffer of one is copied to the liveness
 * register of the other, which inverts what it is given.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <signal.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "kit.h"

#include "mem/guard.h"

enum {
	LIVENESS = 4,
	SOURCE = 0x80,
	DESTINATION = 0x88,
	COUNT = 0x90,
	COMMAND = 0x98,
	BUFFER = 0x40000,
	START = 1,
	TO_RAM = 2,
	BAR_IOVA = 0x400000,
	BAR_LEN = 1 << 20,
	ROUNDS = 200,
	PMCSR_D3 = 3,
};

static struct group_rig rig;
static int context, device[2];
static uint32_t ioas;
static uint32_t pm_control; /* offset in config space */

struct get {
	struct vfio_device_feature head;
	struct vfio_device_feature_dma_buf buf;
	struct vfio_region_dma_range ranges[2];
};

static struct get usual(void)
{
	return (struct get){
		.head = {.argsz = sizeof(struct get),
			 .flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF},
		.buf = {.open_flags = O_RDWR | O_CLOEXEC, .nr_ranges = 1},
		.ranges = {{.offset = 0, .length = BAR_LEN}},
	};
}

static long feature(unsigned int index, const void *arg)
{
	return group_rig_ioctl(&rig, device[index], VFIO_DEVICE_FEATURE, (uintptr_t)arg);
}

static int export(unsigned int index)
{
	struct get get = usual();
	const long fd = feature(index, &get);

	assert_true(fd >= 0);
	return (int)fd;
}

static long map_file(int fd, uint64_t iova, uint64_t start, uint64_t length)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.fd = fd,
		.start = start,
		.length = length,
		.iova = iova,
	};

	return group_rig_ioctl(&rig, context, IOMMU_IOAS_MAP_FILE, (uintptr_t)&map);
}

static long unmap(uint64_t iova, uint64_t length)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = ioas, .iova = iova, .length = length};

	return group_rig_ioctl(&rig, context, IOMMU_IOAS_UNMAP, (uintptr_t)&cmd);
}

static uint32_t read_at(unsigned int index, uint64_t region, uint64_t off)
{
	struct uiommufd_file *file = rig.files[device[index] - GROUP_RIG_FD];
	uint64_t pos = region << 40 | off;
	uint32_t value = 0;

	if (file->ops->read(file, &rig.caller, (uintptr_t)&value, 4, &pos) != 4)
		return UINT32_MAX;
	return value;
}

static void write_at(unsigned int index, uint64_t region, uint64_t off, uint32_t value)
{
	group_rig_write(&rig, device[index], region << 40 | off, value);
}

/* A copy of @count bytes by device @index, to its end. */
static void dma(unsigned int index, uint32_t from, uint32_t to, uint32_t count, uint32_t how)
{
	write_at(index, 0, SOURCE, from);
	write_at(index, 0, DESTINATION, to);
	write_at(index, 0, COUNT, count);
	write_at(index, 0, COMMAND, START | how);
	while (read_at(index, 0, COMMAND) & START)
		sched_yield();
}

/* Puts @value into the buffer of device @index, by way of memory. */
static void load(unsigned int index, uint32_t value)
{
	memcpy(rig.memory, &value, sizeof(value));
	dma(index, (uint32_t)GROUP_RIG_IOVA, BUFFER, sizeof(value), 0);
}

/* Device 0 writes @value to the liveness register of device 1 at @iova; what that is then. */
static uint32_t send(uint32_t value, uint32_t iova)
{
	write_at(1, 0, LIVENESS, 0);
	load(0, value);
	dma(0, BUFFER, iova, sizeof(value), TO_RAM);
	return read_at(1, 0, LIVENESS);
}

static void command(unsigned int index, uint32_t value)
{
	write_at(index, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, value);
}

static int set_up(void **state)
{
	(void)state;
	group_rig_open(&rig);
	context = group_rig_container(&rig);
	ioas = group_rig_attach_all(&rig, context, device);
	pm_control = read_at(0, VFIO_PCI_CONFIG_REGION_INDEX, PCI_CAPABILITY_LIST) & 0xff;
	while ((read_at(0, VFIO_PCI_CONFIG_REGION_INDEX, pm_control) & 0xff) != PCI_CAP_ID_PM)
		pm_control = read_at(0, VFIO_PCI_CONFIG_REGION_INDEX, pm_control) >> 8 & 0xff;
	pm_control += PCI_PM_CTRL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	group_rig_close(&rig);
	return 0;
}

/* cmocka has put its own handlers in front of the guard's. */
static void begin(void **state)
{
	static struct sigaction segv, bus;
	const bool again = guard_installed();

	(void)state;
	assert_int_equal(guard_install(), 0);
	assert_int_equal(sigaction(SIGSEGV, again ? &segv : NULL, again ? NULL : &segv), 0);
	assert_int_equal(sigaction(SIGBUS, again ? &bus : NULL, again ? NULL : &bus), 0);
}

/* ---- GET ---- */

static void ports_are_refused(void **state)
{
	struct get get = usual();

	begin(state);
	rig.model.bars[0].flags |= UIOMMUFD_BAR_IO;
	assert_int_equal(feature(1, &get), -EINVAL);
	rig.model.bars[0].flags &= ~(unsigned int)UIOMMUFD_BAR_IO;
}

static void bad_arguments_are_refused_in_order(void **state)
{
	struct get get = usual();

	begin(state);
	get.buf = (struct vfio_device_feature_dma_buf){
		.region_index = 6, .open_flags = O_CREAT, .flags = 1, .nr_ranges = 1};
	get.ranges[0] = (struct vfio_region_dma_range){1, BAR_LEN};
	get.head.argsz = sizeof(get.head) + sizeof(get.buf) - 1;
	assert_int_equal(feature(0, &get), -EINVAL);
	get.head.argsz = sizeof(get);
	assert_int_equal(feature(0, &get), -EINVAL);
	get.buf.flags = 0;
	get.buf.nr_ranges = 0;
	assert_int_equal(feature(0, &get), -EINVAL);
	get.buf.nr_ranges = 1;
	assert_int_equal(feature(0, &get), -ENODEV);
	get.buf.region_index = 1; /* not there */
	assert_int_equal(feature(0, &get), -EINVAL);
	get.buf.region_index = 0;
	assert_int_equal(feature(0, &get), -EINVAL);
	get.ranges[0].offset = PAGE;
	assert_int_equal(feature(0, &get), -EINVAL);
	get.ranges[0] = (struct vfio_region_dma_range){0, 0};
	assert_int_equal(feature(0, &get), -EINVAL);
	get.ranges[0].length = UINT64_MAX & ~UINT64_C(0xfff);
	assert_int_equal(feature(0, &get), -EINVAL);
	get.ranges[0].length = BAR_LEN;
	assert_int_equal(feature(0, &get), -EINVAL);
	get.buf.open_flags = O_ACCMODE;
	assert_int_equal(feature(0, &get), -EINVAL);
	get.buf.open_flags = O_RDONLY;
	assert_true(feature(0, &get) >= 0);
	get.head.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_BUF;
	assert_int_equal(feature(0, &get), -EINVAL);
	get.head.flags |= VFIO_DEVICE_FEATURE_PROBE;
	assert_int_equal(feature(0, &get), -EINVAL);
	get.head.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_PROBE |
			 VFIO_DEVICE_FEATURE_DMA_BUF;
	assert_int_equal(feature(0, &get), 0);
}

static void several_ranges_make_a_dma_buf_that_cannot_be_mapped(void **state)
{
	struct get get = usual();
	long fd;

	begin(state);
	get.buf.nr_ranges = 2;
	get.ranges[0] = (struct vfio_region_dma_range){0, PAGE};
	get.ranges[1] = (struct vfio_region_dma_range){4 * PAGE, PAGE};
	fd = feature(1, &get);
	assert_true(fd >= 0);
	assert_int_equal(map_file((int)fd, BAR_IOVA, 0, 2 * PAGE), -EOPNOTSUPP);
}

/* ---- DMA ---- */

static void dma_reaches_the_registers_of_the_other_device(void **state)
{
	const int fd = export(1);
	uint32_t id;

	begin(state);
	assert_int_equal(map_file(fd, BAR_IOVA, 0, BAR_LEN), 0);
	assert_int_equal(send(0x1234, BAR_IOVA + LIVENESS), ~UINT32_C(0x1234));
	/* The other direction: its identification, into the buffer and on into memory. */
	dma(0, BAR_IOVA, BUFFER, 4, 0);
	dma(0, BUFFER, (uint32_t)GROUP_RIG_IOVA, 4, TO_RAM);
	memcpy(&id, rig.memory, sizeof(id));
	assert_int_equal(id, 0x010000ed);
}

static void a_range_begins_at_its_offset(void **state)
{
	struct get get = usual();
	long fd;

	begin(state);
	get.ranges[0] = (struct vfio_region_dma_range){PAGE, PAGE};
	fd = feature(1, &get);
	assert_true(fd >= 0);
	assert_int_equal(map_file((int)fd, BAR_IOVA, 0, 2 * PAGE), -EINVAL);
	assert_int_equal(map_file((int)fd, BAR_IOVA, 0, PAGE), 0);
	assert_int_equal(send(0x1234, BAR_IOVA + LIVENESS), UINT32_MAX);
}

static void a_closed_descriptor_leaves_the_mapping(void **state)
{
	const int fd = export(1);

	begin(state);
	assert_int_equal(map_file(fd, BAR_IOVA, 0, BAR_LEN), 0);
	group_rig_close_fd(&rig, fd);
	assert_int_equal(send(5, BAR_IOVA + LIVENESS), ~UINT32_C(5));
	/* The next export looks through the earlier ones. */
	group_rig_close_fd(&rig, export(1));
	assert_int_equal(unmap(BAR_IOVA, BAR_LEN), 0);
	group_rig_close_fd(&rig, export(1));
}

/* ---- revocation ---- */

static void memory_off(void)
{
	command(1, PCI_COMMAND_MASTER);
}

static void memory_on(void)
{
	command(1, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
}

static void d3(void)
{
	write_at(1, VFIO_PCI_CONFIG_REGION_INDEX, pm_control, PMCSR_D3);
}

static void d0(void)
{
	write_at(1, VFIO_PCI_CONFIG_REGION_INDEX, pm_control, 0);
	memory_on();
}

static void power(uint32_t what)
{
	struct vfio_device_feature head = {.argsz = sizeof(head),
					   .flags = VFIO_DEVICE_FEATURE_SET | what};

	assert_int_equal(feature(1, &head), 0);
}

static void low_power(void)
{
	power(VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
}

static void high_power(void)
{
	power(VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
}

static void reset(void)
{
	assert_int_equal(group_rig_ioctl(&rig, device[1], VFIO_DEVICE_RESET, 0), 0);
}

static void a_bar_that_does_not_answer_is_out_of_the_tables_for_good(void **state)
{
	static const struct {
		void (*off)(void), (*on)(void);
	} cases[] = {{memory_off, memory_on}, {d3, d0}, {low_power, high_power}, {reset, NULL}};

	begin(state);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int fd = export(1);

		assert_int_equal(map_file(fd, BAR_IOVA, 0, BAR_LEN), 0);
		assert_int_equal(send(7, BAR_IOVA + LIVENESS), ~UINT32_C(7));
		cases[i].off();
		if (cases[i].on) {
			assert_int_equal(map_file(fd, 2 * BAR_IOVA, 0, BAR_LEN), -ENODEV);
			cases[i].on();
		}
		/* Not even now; but it can be mapped again, beside the area that is dead. */
		assert_int_equal(send(8, BAR_IOVA + LIVENESS), UINT32_MAX);
		assert_int_equal(map_file(fd, 2 * BAR_IOVA, 0, BAR_LEN), 0);
		assert_int_equal(send(9, 2 * BAR_IOVA + LIVENESS), ~UINT32_C(9));
		assert_int_equal(unmap(BAR_IOVA, BAR_LEN), 0);
		assert_int_equal(unmap(2 * BAR_IOVA, BAR_LEN), 0);
		group_rig_close_fd(&rig, fd);
	}
}

static void an_export_while_decoding_is_off_is_revoked(void **state)
{
	int fd;

	begin(state);
	memory_off();
	fd = export(1);
	assert_int_equal(map_file(fd, BAR_IOVA, 0, BAR_LEN), -ENODEV);
	memory_on();
	assert_int_equal(map_file(fd, BAR_IOVA, 0, BAR_LEN), 0);
}

static void closing_the_device_revokes_its_dma_bufs(void **state)
{
	const int fd = export(1);

	begin(state);
	assert_int_equal(map_file(fd, BAR_IOVA, 0, BAR_LEN), 0);
	group_rig_close_fd(&rig, device[1]);
	assert_int_equal(map_file(fd, 2 * BAR_IOVA, 0, BAR_LEN), -ENODEV);
	/* Nothing happens; the descriptor and the mapping can be given up in any order. */
	load(0, 1);
	dma(0, BUFFER, BAR_IOVA + LIVENESS, 4, TO_RAM);
	group_rig_close_fd(&rig, fd);
	assert_int_equal(unmap(BAR_IOVA, BAR_LEN), 0);
}

/* ---- both at once ---- */

static void *write_to_the_other(void *arg)
{
	const unsigned int index = *(const unsigned int *)arg;

	for (unsigned int i = 0; i < ROUNDS; i++)
		dma(index, BUFFER, BAR_IOVA * (1 + index) + LIVENESS, 4, TO_RAM);
	return NULL;
}

static void devices_that_write_to_each_other_do_not_wait_for_each_other(void **state)
{
	static const unsigned int indexes[] = {0, 1};
	pthread_t threads[2];

	begin(state);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(map_file(export(1 - i), BAR_IOVA * (1 + i), 0, BAR_LEN), 0);
		load(i, 3);
	}
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, write_to_the_other, (void *)&indexes[i]),
			0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(read_at(0, 0, LIVENESS), ~UINT32_C(3));
	assert_int_equal(read_at(1, 0, LIVENESS), ~UINT32_C(3));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(bad_arguments_are_refused_in_order),
		TEST(ports_are_refused),
		TEST(several_ranges_make_a_dma_buf_that_cannot_be_mapped),
		TEST(dma_reaches_the_registers_of_the_other_device),
		TEST(a_range_begins_at_its_offset),
		TEST(a_closed_descriptor_leaves_the_mapping),
		TEST(a_bar_that_does_not_answer_is_out_of_the_tables_for_good),
		TEST(an_export_while_decoding_is_off_is_revoked),
		TEST(closing_the_device_revokes_its_dma_bufs),
		TEST(devices_that_write_to_each_other_do_not_wait_for_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The edu device, driven as a program would: registers through the file, DMA through a real IO
 * address space.
 */
#include <linux/pci_regs.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "devices/devices.h"
#include "kit.h"

enum {
	ID = 0x00,
	LIVENESS = 0x04,
	FACTORIAL = 0x08,
	STATUS = 0x20,
	IRQ_STATUS = 0x24,
	IRQ_RAISE = 0x60,
	IRQ_ACK = 0x64,
	SOURCE = 0x80,
	DESTINATION = 0x88,
	COUNT = 0x90,
	COMMAND = 0x98,
	PASID = 0xa0,
	BUFFER = 0x40000,
	MEMORY_SIZE = 16384,
	IOVA = 0x100000,
};

static uint8_t *memory;	      /* at IOVA, for reading and writing */
static uint32_t ioas, dev_id; /* ioas maps it */

static void enable(struct vfio_rig *rig, uint16_t command)
{
	assert_int_equal(rig_pwrite(rig, &command, 2, rig_pos(7, PCI_COMMAND)), 2);
}

static int setup_with(void **state, const struct option_value *option)
{
	static struct vfio_rig rig;
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = RIG_FD_CONTEXT};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};
	struct iommu_ioas_map map = {.size = sizeof(map),
				     .flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
					      IOMMU_IOAS_MAP_FIXED_IOVA,
				     .length = MEMORY_SIZE,
				     .iova = IOVA};

	*state = &rig;
	rig_open(&rig, &device_edu, option);
	memory =
		mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || rig_ioctl(&rig, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
	    rig_iommu(&rig, IOMMU_IOAS_ALLOC, &alloc))
		return -1;
	dev_id = bind.out_devid;
	ioas = alloc.out_ioas_id;
	map.ioas_id = attach.pt_id = alloc.out_ioas_id;
	map.user_va = (uintptr_t)memory;
	if (rig_ioctl(&rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ||
	    rig_iommu(&rig, IOMMU_IOAS_MAP, &map))
		return -1;
	enable(&rig, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, NULL);
}

static int setup_slow(void **state)
{
	return setup_with(state, &(struct option_value){"delay_us", "20000"});
}

/* Longer than a few registers take in an emulated machine, where each is a message. */
static int setup_slowest(void **state)
{
	return setup_with(state, &(struct option_value){"delay_us", "1000000"});
}

static int setup_wide(void **state)
{
	return setup_with(state, &(struct option_value){"dma_mask", "0xffffffff"});
}

static int setup_pasid(void **state)
{
	return setup_with(state, &(struct option_value){"pasid", "7"});
}

static int teardown(void **state)
{
	rig_close(*state);
	munmap(memory, MEMORY_SIZE);
	return 0;
}

static uint32_t get(struct vfio_rig *rig, unsigned int reg)
{
	uint32_t value;

	assert_int_equal(rig_pread(rig, &value, 4, reg), 4);
	return value;
}

static void set(struct vfio_rig *rig, unsigned int reg, uint32_t value)
{
	assert_int_equal(rig_pwrite(rig, &value, 4, reg), 4);
}

static void await_clear(struct vfio_rig *rig, unsigned int reg, uint32_t bits)
{
	for (int i = 0; get(rig, reg) & bits; i++) {
		if (i > 1000)
			usleep(1000);
		assert_true(i < 6000);
	}
}

static void start_dma(struct vfio_rig *rig, uint64_t source, uint64_t destination, uint64_t count,
		      uint32_t command)
{
	assert_int_equal(rig_pwrite(rig, &source, 8, SOURCE), 8);
	assert_int_equal(rig_pwrite(rig, &destination, 8, DESTINATION), 8);
	assert_int_equal(rig_pwrite(rig, &count, 8, COUNT), 8);
	set(rig, COMMAND, command);
}

static void dma(struct vfio_rig *rig, uint64_t source, uint64_t destination, uint64_t count,
		uint32_t command)
{
	start_dma(rig, source, destination, count, command);
	await_clear(rig, COMMAND, 1);
}

static int take_interrupts(struct vfio_rig *rig, uint32_t index)
{
	int32_t fd = eventfd(0, EFD_NONBLOCK);
	union rig_irqs irqs;

	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, index, 1, &fd);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_SET_IRQS, &irqs), 0);
	return fd;
}

static uint64_t events(int fd, int timeout_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint64_t count = 0;

	if (poll(&pfd, 1, timeout_ms) == 1)
		assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	return count;
}

/* ---- registers ---- */

static void it_identifies_itself_and_inverts(void **state)
{
	struct vfio_rig *rig = *state;

	assert_int_equal(get(rig, ID), 0x010000ed);
	set(rig, ID, 0);
	assert_int_equal(get(rig, ID), 0x010000ed);
	set(rig, LIVENESS, 0x12345678);
	assert_int_equal(get(rig, LIVENESS), ~0x12345678u);
	assert_int_equal(get(rig, 0x40), 0xffffffff);
}

static void low_registers_take_four_bytes_only(void **state)
{
	struct vfio_rig *rig = *state;
	uint64_t value = 0;

	assert_int_equal(rig_pread(rig, &value, 8, ID), 8);
	assert_true(value == UINT64_MAX);
	assert_int_equal(rig_pread(rig, &value, 2, ID), 2);
	assert_int_equal(value & 0xffff, 0xffff);
	value = 5;
	assert_int_equal(rig_pwrite(rig, &value, 8, 0), 8);
	assert_int_equal(rig_pwrite(rig, &value, 1, LIVENESS), 1);
	assert_int_equal(get(rig, LIVENESS), 0);
}

static void dma_registers_take_four_or_eight(void **state)
{
	struct vfio_rig *rig = *state;
	uint64_t value = UINT64_C(0x1122334455667788);

	assert_int_equal(rig_pwrite(rig, &value, 8, SOURCE), 8);
	value = 0;
	assert_int_equal(rig_pread(rig, &value, 8, SOURCE), 8);
	assert_true(value == UINT64_C(0x1122334455667788));
	assert_int_equal(get(rig, SOURCE), 0x55667788);
	set(rig, SOURCE, 1);
	assert_int_equal(rig_pread(rig, &value, 8, SOURCE), 8);
	assert_true(value == 1);
}

static void factorials_are_computed(void **state)
{
	static const struct {
		uint32_t n, product;
	} expected[] = {{0, 1},		  {1, 1},	    {5, 120}, {12, 479001600},
			{13, 1932053504}, {33, 2147483648}, {34, 0},  {UINT32_MAX, 0}};
	struct vfio_rig *rig = *state;

	for (unsigned int i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		set(rig, FACTORIAL, expected[i].n);
		await_clear(rig, STATUS, 1);
		assert_int_equal(get(rig, FACTORIAL), expected[i].product);
	}
}

static void a_factorial_interrupts_if_asked_to(void **state)
{
	struct vfio_rig *rig = *state;
	int fd = take_interrupts(rig, VFIO_PCI_MSI_IRQ_INDEX);

	set(rig, FACTORIAL, 3);
	await_clear(rig, STATUS, 1);
	assert_int_equal(get(rig, IRQ_STATUS), 0);
	set(rig, STATUS, 0xff);
	assert_int_equal(get(rig, STATUS), 0x80);
	set(rig, FACTORIAL, 4);
	assert_int_equal(events(fd, 5000), 1);
	assert_int_equal(get(rig, FACTORIAL), 24);
	assert_int_equal(get(rig, IRQ_STATUS), 1);
	close(fd);
}

/* ---- interrupts ---- */

static void raising_and_acknowledging_by_hand(void **state)
{
	struct vfio_rig *rig = *state;

	set(rig, IRQ_RAISE, 0x5);
	set(rig, IRQ_RAISE, 0x2);
	assert_int_equal(get(rig, IRQ_STATUS), 7);
	assert_int_equal(get(rig, IRQ_RAISE), 0xffffffff);
	set(rig, IRQ_ACK, 0x3);
	assert_int_equal(get(rig, IRQ_STATUS), 4);
}

static void intx_stays_until_everything_is_acknowledged(void **state)
{
	struct vfio_irq_set unmask = {.argsz = sizeof(unmask),
				      .flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
				      .index = VFIO_PCI_INTX_IRQ_INDEX,
				      .count = 1};
	struct vfio_rig *rig = *state;
	int fd = take_interrupts(rig, VFIO_PCI_INTX_IRQ_INDEX);
	uint16_t status;

	set(rig, IRQ_RAISE, 3);
	assert_int_equal(events(fd, 0), 1);
	set(rig, IRQ_ACK, 1);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_SET_IRQS, &unmask), 0);
	assert_int_equal(events(fd, 0), 1);
	rig_pread(rig, &status, 2, rig_pos(7, PCI_STATUS));
	assert_true(status & PCI_STATUS_INTERRUPT);
	set(rig, IRQ_ACK, 2);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_SET_IRQS, &unmask), 0);
	assert_int_equal(events(fd, 0), 0);
	close(fd);
}

static void each_event_sends_a_message(void **state)
{
	struct vfio_rig *rig = *state;
	int fd = take_interrupts(rig, VFIO_PCI_MSI_IRQ_INDEX);

	set(rig, IRQ_RAISE, 1);
	set(rig, IRQ_RAISE, 1);
	set(rig, IRQ_RAISE, 2);
	assert_int_equal(events(fd, 0), 3);
	close(fd);
}

/* ---- DMA ---- */

static void dma_goes_into_the_buffer_and_out_again(void **state)
{
	struct vfio_rig *rig = *state;

	for (unsigned int i = 0; i < 4096; i++)
		memory[i] = (uint8_t)(i * 31 + i / 256);
	dma(rig, IOVA, BUFFER, 4096, 1);
	dma(rig, BUFFER, IOVA + 8192, 4096, 1 | 2);
	assert_memory_equal(memory + 8192, memory, 4096);
	/* A part, across a page boundary of memory. */
	dma(rig, BUFFER + 100, IOVA + 4096 - 50, 100, 3);
	assert_memory_equal(memory + 4096 - 50, memory + 8192 + 100, 100);
}

static void dma_interrupts_once_for_each_completion(void **state)
{
	struct vfio_rig *rig = *state;
	int fd = take_interrupts(rig, VFIO_PCI_MSI_IRQ_INDEX);

	for (int i = 0; i < 200; i++) {
		start_dma(rig, IOVA, BUFFER, 64, 1 | 4);
		assert_int_equal(events(fd, 5000), 1);
		assert_int_equal(get(rig, COMMAND) & 1, 0);
		assert_int_equal(get(rig, IRQ_STATUS), 0x100);
		set(rig, IRQ_ACK, 0x100);
	}
	dma(rig, IOVA, BUFFER, 64, 1);
	assert_int_equal(events(fd, 0), 0);
	close(fd);
}

static void dma_that_leaves_the_buffer_moves_nothing(void **state)
{
	static const struct {
		uint64_t address, count;
	} bad[] = {{BUFFER, 4097},  {BUFFER + 4096, 1},	      {BUFFER - 1, 2},		{0, 1},
		   {UINT64_MAX, 2}, {BUFFER + 1, UINT64_MAX}, {UINT64_MAX - 4095, 4096}};
	struct vfio_rig *rig = *state;

	memset(memory, 0xab, MEMORY_SIZE);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		dma(rig, IOVA, bad[i].address, bad[i].count, 1);
		dma(rig, bad[i].address, IOVA, bad[i].count, 3);
	}
	for (unsigned int i = 0; i < MEMORY_SIZE; i++)
		assert_int_equal(memory[i], 0xab);
	assert_int_equal(get(rig, ID), 0x010000ed);
}

static void dma_that_the_iommu_refuses_ends_like_any_other(void **state)
{
	struct vfio_rig *rig = *state;
	int fd = take_interrupts(rig, VFIO_PCI_MSI_IRQ_INDEX);

	start_dma(rig, 0x5000, BUFFER, 16, 1 | 4);
	assert_int_equal(events(fd, 5000), 1);
	assert_int_equal(get(rig, COMMAND) & 1, 0);
	close(fd);
}

static void dma_without_bus_mastering_moves_nothing(void **state)
{
	struct vfio_rig *rig = *state;

	memset(memory, 0x11, 64);
	dma(rig, IOVA, BUFFER, 64, 1);
	memset(memory, 0x22, 64);
	enable(rig, PCI_COMMAND_MEMORY);
	dma(rig, BUFFER, IOVA, 64, 3);
	assert_int_equal(memory[0], 0x22);
	enable(rig, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	dma(rig, BUFFER, IOVA, 64, 3);
	assert_int_equal(memory[0], 0x11);
}

static void dma_addresses_are_cut_by_the_mask(void **state)
{
	struct vfio_rig *rig = *state;

	memset(memory, 0x33, 64);
	dma(rig, UINT64_C(0xf0000000) | IOVA, BUFFER, 64, 1);
	memset(memory, 0, 64);
	dma(rig, BUFFER, IOVA, 64, 3);
	assert_int_equal(memory[0], 0x33);
}

static void a_wider_mask_can_be_chosen(void **state)
{
	struct vfio_rig *rig = *state;

	memset(memory, 0x44, 64);
	dma(rig, IOVA, BUFFER, 64, 1);
	/* Nothing is mapped there. */
	dma(rig, UINT64_C(0xf0000000) | IOVA, BUFFER, 64, 1);
	memset(memory, 0, 64);
	dma(rig, BUFFER, IOVA, 64, 3);
	assert_int_equal(memory[0], 0x44);
}

static void dma_registers_stand_still_while_it_runs(void **state)
{
	struct vfio_rig *rig = *state;

	start_dma(rig, IOVA, BUFFER, 64, 1);
	assert_int_equal(get(rig, COMMAND), 1);
	set(rig, COUNT, 5);
	set(rig, COMMAND, 3);
	assert_int_equal(get(rig, COUNT), 64);
	assert_int_equal(get(rig, COMMAND), 1);
	await_clear(rig, COMMAND, 1);
	set(rig, COUNT, 5);
	assert_int_equal(get(rig, COUNT), 5);
	/* Without the start bit a command is none. */
	set(rig, COMMAND, 6);
	assert_int_equal(get(rig, COMMAND), 0);
}

static void reset_ends_dma_and_forgets_everything(void **state)
{
	struct vfio_rig *rig = *state;

	set(rig, IRQ_RAISE, 1);
	set(rig, LIVENESS, 5);
	start_dma(rig, IOVA, BUFFER, 64, 1 | 4);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_RESET, NULL), 0);
	assert_int_equal(get(rig, COMMAND), 0);
	assert_int_equal(get(rig, IRQ_STATUS), 0);
	assert_int_equal(get(rig, LIVENESS), 0);
	assert_int_equal(get(rig, COUNT), 0);
}

static void closing_while_dma_runs_waits_for_it(void **state)
{
	struct vfio_rig *rig = *state;

	start_dma(rig, IOVA, BUFFER, 64, 1 | 4);
	file_put(rig->file);
	assert_int_equal(vfio_device_open(rig->device, &rig->file), 0);
	assert_int_equal(rig_bind(rig), 0);
	assert_int_equal(get(rig, COMMAND), 0);
}

/* ---- PASIDs ---- */

/* In place of what the device is attached to without one. */
static void attach_pasid(struct vfio_rig *rig, uint32_t pasid)
{
	struct vfio_device_detach_iommufd_pt detach = {.argsz = sizeof(detach)};
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach), .flags = VFIO_DEVICE_ATTACH_PASID, .pasid = pasid};
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt),
					.flags = IOMMU_HWPT_ALLOC_PASID,
					.dev_id = dev_id,
					.pt_id = ioas};

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach), 0);
	assert_int_equal(rig_iommu(rig, IOMMU_HWPT_ALLOC, &hwpt), 0);
	attach.pt_id = hwpt.out_hwpt_id;
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), 0);
}

static void dma_goes_through_the_table_of_its_pasid(void **state)
{
	struct vfio_rig *rig = *state;

	/* vfio-user has no PASIDs: the device's DMA arrives without. */
	if (rig->served.remote)
		skip();
	attach_pasid(rig, 7);
	assert_int_equal(get(rig, PASID), 7);
	memset(memory, 0x55, 64);
	dma(rig, IOVA, BUFFER, 64, 1);
	memset(memory, 0x66, 64);
	/* Nothing is attached for this one, nor any more for requests without. */
	set(rig, PASID, 8);
	dma(rig, BUFFER, IOVA, 64, 3);
	set(rig, PASID, 0);
	dma(rig, BUFFER, IOVA, 64, 3);
	assert_int_equal(memory[0], 0x66);
	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_RESET, NULL), 0);
	assert_int_equal(get(rig, PASID), 7);
	enable(rig, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	memset(memory + 64, 0x77, 64);
	dma(rig, IOVA + 64, BUFFER, 64, 1);
	dma(rig, BUFFER, IOVA, 64, 3);
	assert_int_equal(memory[0], 0x77);
}

static void the_pasid_has_twenty_bits(void **state)
{
	struct vfio_rig *rig = *state;

	set(rig, PASID, 0xffffffff);
	assert_int_equal(get(rig, PASID), 0xfffff);
}

static void without_the_option_there_is_no_pasid(void **state)
{
	struct vfio_rig *rig = *state;

	set(rig, PASID, 7);
	assert_int_equal(get(rig, PASID), 0xffffffff);
}

/* ---- options ---- */

static void bad_options_are_refused(void **state)
{
	static const struct option_value bad[] = {
		{"dma_mask", ""},	 {"dma_mask", "0x"},
		{"dma_mask", "-1"},	 {"dma_mask", "12 "},
		{"delay_us", "1e3"},	 {"delay_us", "1000001"},
		{"no_such_option", "1"}, {"dma_mask", "0x10000000000000000"},
		{"pasid", "0x100000"},	 {"pasid", ""},
	};
	struct device_spec config = {.model = &device_edu, .option_count = 1};
	struct vfio_device *device;

	(void)state;
	assert_int_equal(iommu_create(iommu_kind_find("amd"), "amd0", &config.iommu), 0);
	assert_int_equal(iommufd_group_create(0, &config.group), 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		config.options = &bad[i];
		assert_int_equal(vfio_device_create(&config, &device), -EINVAL);
	}
	iommufd_group_destroy(config.group);
	iommu_put(config.iommu);
}

int main(void)
{
#define TEST(name)	 cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_PASID(name) cmocka_unit_test_setup_teardown(name, setup_pasid, teardown)
#define TEST_SLOW(name)	 cmocka_unit_test_setup_teardown(name, setup_slow, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_identifies_itself_and_inverts),
		TEST(low_registers_take_four_bytes_only),
		TEST(dma_registers_take_four_or_eight),
		TEST(factorials_are_computed),
		TEST(a_factorial_interrupts_if_asked_to),
		TEST(raising_and_acknowledging_by_hand),
		TEST(intx_stays_until_everything_is_acknowledged),
		TEST(each_event_sends_a_message),
		TEST(dma_goes_into_the_buffer_and_out_again),
		TEST(dma_interrupts_once_for_each_completion),
		TEST(dma_that_leaves_the_buffer_moves_nothing),
		TEST(dma_that_the_iommu_refuses_ends_like_any_other),
		TEST(dma_without_bus_mastering_moves_nothing),
		TEST(dma_addresses_are_cut_by_the_mask),
		cmocka_unit_test_setup_teardown(a_wider_mask_can_be_chosen, setup_wide, teardown),
		cmocka_unit_test_setup_teardown(dma_registers_stand_still_while_it_runs,
						setup_slowest, teardown),
		TEST_SLOW(reset_ends_dma_and_forgets_everything),
		TEST_SLOW(closing_while_dma_runs_waits_for_it),
		TEST_PASID(dma_goes_through_the_table_of_its_pasid),
		TEST_PASID(the_pasid_has_twenty_bits),
		TEST(without_the_option_there_is_no_pasid),
		cmocka_unit_test(bad_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* A hostile device: each kind by itself, and that a seed decides the same whatever threads do. */
#include <linux/pci_regs.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kit.h"
#include "vfio/vfio_internal.h"

enum {
	VALUE = 0x12345678,
	IOVA = 0x100000,
	MANY = 1000,
};

struct probe {
	unsigned int resets, writes;
	_Atomic int dma;
	bool copy;
};

static uint64_t probe_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			   unsigned int size)
{
	(void)dev, (void)bar, (void)off, (void)size;
	return VALUE;
}

static void probe_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			unsigned int size, uint64_t value)
{
	struct probe *probe = uiommufd_device_state(dev);

	(void)bar, (void)off, (void)size, (void)value;
	probe->writes++;
}

static void probe_reset(struct uiommufd_device *dev)
{
	struct probe *probe = uiommufd_device_state(dev);

	probe->resets++;
}

static const struct uiommufd_model model = {
	.name = "probe",
	.summary = "registers of one value",
	.bars = {{.size = 4096, .min_access = 4, .max_access = 4}},
	.intx = true,
	.msi_vectors = 4,
	.pcie = true,
	.flr = true,
	.state_size = sizeof(struct probe),
	.reset = probe_reset,
	.read = probe_read,
	.write = probe_write,
};

static struct vfio_rig rig;
static int events[4];

static struct probe *probe(void)
{
	return uiommufd_device_state(vfio_device_dev(rig.device));
}

static struct uiommufd_device *dev(void)
{
	return vfio_device_dev(rig.device);
}

static void set_command(uint16_t command)
{
	const uint64_t at = rig_pos(VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND);

	assert_int_equal(rig_pwrite(&rig, &command, sizeof(command), at), sizeof(command));
}

static void open_hostile(const char *text)
{
	struct device_spec spec = {.model = &model};
	union rig_irqs irqs;
	char why[256];

	if (text)
		assert_int_equal(hostile_parse(text, &spec.settings.hostile, why, sizeof(why)), 0);
	rig_open_as(&rig, &spec);
	assert_int_equal(rig_bind(&rig), 0);
	set_command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (unsigned int i = 0; i < 4; i++)
		events[i] = eventfd(0, EFD_CLOEXEC);
	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_MSI_IRQ_INDEX, 4, events);
	assert_int_equal(rig_ioctl(&rig, VFIO_DEVICE_SET_IRQS, &irqs), 0);
}

static void close_hostile(void)
{
	rig_close(&rig);
	for (unsigned int i = 0; i < 4; i++)
		close(events[i]);
}

static uint32_t read_register(uint64_t off)
{
	uint32_t value = 0;

	assert_int_equal(rig_pread(&rig, &value, sizeof(value), rig_pos(0, off)), sizeof(value));
	return value;
}

static void write_register(void)
{
	const uint32_t value = 1;

	assert_int_equal(rig_pwrite(&rig, &value, sizeof(value), rig_pos(0, 0)), sizeof(value));
}

/* How often the vector was signalled, which has to be at least @least times. */
static uint64_t signals(unsigned int vector, uint64_t least)
{
	struct pollfd pfd = {.fd = events[vector], .events = POLLIN};
	uint64_t sum = 0, count;

	while (poll(&pfd, 1, sum < least ? 10000 : 20) == 1) {
		assert_int_equal(read(events[vector], &count, sizeof(count)), sizeof(count));
		sum += count;
	}
	return sum;
}

static void settings_say_what_they_may_be(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"", "hostile has no \"\"; there are: seed, rate, kinds"},
		{"rate=1", "hostile needs a seed"},
		{"seed", "write a number"},
		{"seed=-1", "write a number"},
		{"seed=18446744073709551616", "write a number"},
		{"seed=1,rate=2", "write a probability"},
		{"seed=1,rate=0", "write a probability"},
		{"seed=1,rate=1.5", "write a probability"},
		{"seed=1,rate=.5x", "write a probability"},
		{"seed=1,kinds=late+", "write some of late, lost"},
		{"seed=1,kinds=evil", "write some of late, lost"},
		{"seed=1,speed=3", "hostile has no \"speed\""},
	};
	struct hostile_settings settings;
	char why[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hostile_parse(bad[i].text, &settings, why, sizeof(why)), -EINVAL);
		assert_non_null(strstr(why, bad[i].why));
	}
	assert_int_equal(hostile_parse("seed=7,rate=0.5,kinds=lost+data", &settings, why, 256), 0);
	assert_true(settings.on && settings.seed == 7);
	assert_int_equal(settings.kinds, 1 << HOSTILE_LOST | 1 << HOSTILE_DATA);
	assert_int_equal(settings.rate >> 60, 7);
	assert_int_equal(hostile_parse("seed=18446744073709551615,rate=1", &settings, why, 256), 0);
	assert_true(settings.rate == UINT64_MAX);
}

static void record_reads(const char *text, uint32_t values[MANY])
{
	open_hostile(text);
	for (unsigned int i = 0; i < MANY; i++)
		values[i] = read_register(i % 4 * 4);
	close_hostile();
}

static void a_seed_gives_the_same_values_again(void **state)
{
	static uint32_t first[MANY], again[MANY], other[MANY];
	unsigned int changed = 0;

	(void)state;
	record_reads("seed=1,rate=0.1,kinds=change", first);
	record_reads("seed=1,rate=0.1,kinds=change", again);
	record_reads("seed=2,rate=0.1,kinds=change", other);
	assert_memory_equal(first, again, sizeof(first));
	assert_memory_not_equal(first, other, sizeof(first));
	for (unsigned int i = 0; i < MANY; i++)
		changed += first[i] != VALUE;
	assert_in_range(changed, MANY / 20, MANY / 5);
}

static void without_a_seed_nothing_happens(void **state)
{
	static uint32_t values[MANY];

	(void)state;
	record_reads(NULL, values);
	for (unsigned int i = 0; i < MANY; i++)
		assert_int_equal(values[i], VALUE);
}

static void interrupts_are_lost(void **state)
{
	(void)state;
	open_hostile("seed=1,rate=1,kinds=lost");
	assert_true(uiommufd_device_send_msi(dev(), 0));
	assert_int_equal(signals(0, 0), 0);
	close_hostile();
}

static void interrupts_come_twice(void **state)
{
	(void)state;
	open_hostile("seed=1,rate=1,kinds=twice");
	assert_true(uiommufd_device_send_msi(dev(), 2));
	assert_int_equal(signals(2, 2), 2);
	close_hostile();
}

static void interrupts_that_are_late_come(void **state)
{
	static const char *const kinds[] = {"seed=1,rate=1,kinds=late",
					    "seed=1,rate=1,kinds=order"};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		open_hostile(kinds[i]);
		assert_true(uiommufd_device_send_msi(dev(), 1));
		assert_true(uiommufd_device_send_msi(dev(), 3));
		assert_int_equal(signals(1, 1), 1);
		assert_int_equal(signals(3, 1), 1);
		close_hostile();
	}
}

/* Vector 0 is held back until vector 1 is sent; none is lost. */
static void interrupts_change_places(void **state)
{
	unsigned int held = 0;

	(void)state;
	open_hostile("seed=3,rate=0.3,kinds=order");
	for (unsigned int i = 0; i < 100; i++) {
		struct pollfd pfd = {.fd = events[0], .events = POLLIN};

		assert_true(uiommufd_device_send_msi(dev(), 0));
		held += poll(&pfd, 1, 0) == 0;
		assert_true(uiommufd_device_send_msi(dev(), 1));
		assert_true(signals(0, 1) >= 1);
	}
	assert_true(held > 0);
	close_hostile();
}

/* ---- DMA ---- */

static void write_page(struct uiommufd_device *device)
{
	static uint8_t bytes[PAGE];

	memset(bytes, 0x11, sizeof(bytes));
	probe()->dma = uiommufd_device_dma_write(device, IOVA, bytes, sizeof(bytes));
	uiommufd_device_send_msi(device, 0);
}

static void map_page(void *page)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.user_va = (uintptr_t)page,
		.length = PAGE,
		.iova = IOVA,
	};

	assert_int_equal(rig_iommu(&rig, IOMMU_IOAS_ALLOC, &ioas), 0);
	attach.pt_id = map.ioas_id = ioas.out_ioas_id;
	assert_int_equal(rig_ioctl(&rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), 0);
	assert_int_equal(rig_iommu(&rig, IOMMU_IOAS_MAP, &map), 0);
}

/* Some bytes are right, the others wrong or missing: and the model knows, so that it can say so. */
static void spoilt_dma_is_an_error_of_the_device(void **state)
{
	uint8_t *page =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	open_hostile("seed=1,rate=1,kinds=data");
	map_page(page);
	uiommufd_device_queue_work(dev(), write_page);
	assert_int_equal(signals(0, 1), 1);
	assert_int_equal(probe()->dma, -EFAULT);
	assert_int_not_equal(page[PAGE - 1], 0x11);
	close_hostile();
	munmap(page, PAGE);
}

/* ---- resets, removal ---- */

static void resets_do_nothing_or_take_long(void **state)
{
	unsigned int ignored = 0, slow = 0;

	(void)state;
	open_hostile("seed=1,rate=1,kinds=reset");
	for (unsigned int i = 0; i < 100; i++) {
		const unsigned int before = probe()->resets, writes = probe()->writes;

		assert_int_equal(rig_ioctl(&rig, VFIO_DEVICE_RESET, NULL), 0);
		if (probe()->resets == before) {
			ignored++;
			continue;
		}
		assert_int_equal(read_register(0), UINT32_MAX);
		write_register();
		assert_int_equal(probe()->writes, writes);
		while (read_register(0) == UINT32_MAX)
			;
		write_register();
		assert_int_equal(probe()->writes, writes + 1);
		slow++;
	}
	assert_true(ignored && slow);
	close_hostile();
}

static void a_device_is_pulled_out_in_the_end(void **state)
{
	(void)state;
	open_hostile("seed=1,rate=1,kinds=removal");
	for (unsigned int i = 0; i < 10000 && !vfio_device_is_gone(rig.device); i++)
		write_register();
	assert_true(vfio_device_is_gone(rig.device));
	assert_int_equal(read_register(0), UINT32_MAX);
	close_hostile();
}

/* ---- fates ---- */

static void ask(uint64_t stream, uint8_t fates[MANY])
{
	for (unsigned int i = 0; i < MANY; i++)
		fates[i] = (uint8_t)uiommufd_device_fate(dev(), UIOMMUFD_EVENT_COMPLETION, stream);
}

struct asking {
	uint64_t stream;
	uint8_t fates[MANY];
};

static void *ask_in_thread(void *arg)
{
	struct asking *asking = arg;

	ask(asking->stream, asking->fates);
	return NULL;
}

static void fates_of_a_queue_do_not_depend_on_other_threads(void **state)
{
	static struct asking together[4];
	static uint8_t alone[MANY];
	pthread_t threads[4];

	(void)state;
	open_hostile("seed=9,rate=0.2,kinds=lost+twice+order");
	for (unsigned int i = 0; i < 4; i++) {
		together[i].stream = i;
		assert_int_equal(pthread_create(&threads[i], NULL, ask_in_thread, &together[i]), 0);
	}
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	close_hostile();
	for (unsigned int i = 0; i < 4; i++) {
		open_hostile("seed=9,rate=0.2,kinds=lost+twice+order");
		ask(i, alone);
		assert_memory_equal(alone, together[i].fates, sizeof(alone));
		close_hostile();
	}
	assert_memory_not_equal(together[0].fates, together[1].fates, MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_say_what_they_may_be),
		cmocka_unit_test(a_seed_gives_the_same_values_again),
		cmocka_unit_test(without_a_seed_nothing_happens),
		cmocka_unit_test(interrupts_are_lost),
		cmocka_unit_test(interrupts_come_twice),
		cmocka_unit_test(interrupts_that_are_late_come),
		cmocka_unit_test(interrupts_change_places),
		cmocka_unit_test(spoilt_dma_is_an_error_of_the_device),
		cmocka_unit_test(resets_do_nothing_or_take_long),
		cmocka_unit_test(a_device_is_pulled_out_in_the_end),
		cmocka_unit_test(fates_of_a_queue_do_not_depend_on_other_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

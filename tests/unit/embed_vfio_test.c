/* SPDX-License-Identifier: MIT */
/*
 * VFIO devices inside a program, and what models get that no model of ours uses: PASIDs, kinds of
 * reset, config space. The counter is the example's file as it is.
 */
#include <linux/pci_regs.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <uiommufd/devices.h>
#include <uiommufd/vfio.h>

#include "kit.h"

extern const struct uiommufd_plugin counter_plugin;

enum {
	IOVA = 0x100000,
	PASID = 7,
	CONFIG = VFIO_PCI_CONFIG_REGION_INDEX,
};

/* ---- a model that tells what it sees ---- */

struct probe {
	unsigned int resets[UIOMMUFD_RESET_REMOVED + 1];
	uint32_t command; /* the register at the last write of config space */
	int plain, tagged;
};

static void probe_dma(struct uiommufd_device *dev)
{
	struct probe *probe = uiommufd_device_state(dev);
	uint32_t value = 0;

	probe->plain = uiommufd_device_dma_read(dev, IOVA, &value, sizeof(value));
	probe->tagged = uiommufd_device_dma_read_pasid(dev, PASID, IOVA, &value, sizeof(value));
	value++;
	if (!probe->tagged)
		probe->tagged =
			uiommufd_device_dma_write_pasid(dev, PASID, IOVA, &value, sizeof(value));
	uiommufd_device_send_msi(dev, 0);
}

static uint64_t probe_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			   unsigned int size)
{
	const struct probe *probe = uiommufd_device_state(dev);

	(void)bar, (void)size;
	switch (off) {
	case 0:
		return probe->command;
	case 4:
		return (uint32_t)probe->plain;
	case 8:
		return (uint32_t)probe->tagged;
	default:
		return off / 4 >= 4 && off / 4 - 4 <= UIOMMUFD_RESET_REMOVED
			       ? probe->resets[off / 4 - 4]
			       : 0;
	}
}

/* What a model gets wrong is ignored. */
static void probe_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			unsigned int size, uint64_t value)
{
	(void)bar, (void)off, (void)size, (void)value;
	uiommufd_device_queue_work(dev, NULL);
	uiommufd_device_queue_work_on(dev, 5, probe_dma);
	uiommufd_device_queue_work_after(dev, 0, NULL, 1);
	uiommufd_device_queue_work(dev, probe_dma);
}

static void probe_reset(struct uiommufd_device *dev)
{
	struct probe *probe = uiommufd_device_state(dev);

	probe->resets[uiommufd_device_reset_kind(dev)]++;
}

static void probe_config(struct uiommufd_device *dev, unsigned int off, unsigned int len)
{
	struct probe *probe = uiommufd_device_state(dev);

	if (off <= PCI_COMMAND && PCI_COMMAND < off + len)
		probe->command = uiommufd_device_config(dev, PCI_COMMAND, 2);
	assert_int_equal(uiommufd_device_config(dev, 4096, 4), UINT32_MAX);
	assert_int_equal(uiommufd_device_config(dev, 0, 3), UINT32_MAX);
}

static const struct uiommufd_model probe_model = {
	.name = "probe",
	.summary = "tells what it sees",
	.vendor = 0x1234,
	.device = 1,
	.bars = {{.size = 4096, .min_access = 4, .max_access = 4}},
	.msi_vectors = 1,
	.pcie = true,
	.flr = true,
	.state_size = sizeof(struct probe),
	.reset = probe_reset,
	.read = probe_read,
	.write = probe_write,
	.config_written = probe_config,
};

UIOMMUFD_MODEL(probe_model);

/* ---- the program ---- */

static struct uiommufd *ctx;
static struct uiommufd_iommu *iommu;
static struct uiommufd_vfio *vfio;

static void must_create(const char *device)
{
	char why[256] = "";

	if (uiommufd_vfio_create(iommu, device, why, sizeof(why), &vfio))
		fail_msg("%s: %s", device, why);
}

static uint32_t get(unsigned int region, uint64_t off)
{
	uint32_t value = 0;

	assert_int_equal(uiommufd_vfio_read(vfio, &value, 4, (uint64_t)region << 40 | off), 4);
	return value;
}

static void set(unsigned int region, uint64_t off, uint32_t value, unsigned int size)
{
	assert_int_equal(uiommufd_vfio_write(vfio, &value, size, (uint64_t)region << 40 | off),
			 size);
}

static int open_all(void **state)
{
	static bool registered;
	char why[256];

	(void)state;
	if (!registered)
		assert_int_equal(uiommufd_model_register(&counter_plugin, why, sizeof(why)), 0);
	if (!registered)
		assert_int_equal(uiommufd_model_register(&uiommufd_plugin, why, sizeof(why)), 0);
	registered = true;
	assert_int_equal(uiommufd_open(NULL, &ctx), 0);
	return uiommufd_iommu_create("amd", "amd0", &iommu);
}

static int close_all(void **state)
{
	(void)state;
	uiommufd_vfio_destroy(vfio);
	vfio = NULL;
	uiommufd_iommu_put(iommu);
	uiommufd_close(ctx);
	return 0;
}

static void a_model_that_is_linked_in_is_a_device(void **state)
{
	uint32_t id = 0, value;

	(void)state;
	must_create("counter@0000:05:00.0");
	assert_int_equal(uiommufd_vfio_read(vfio, &value, 4, 0), -EINVAL);
	assert_int_equal(uiommufd_vfio_bind(vfio, ctx, &id), 0);
	assert_int_not_equal(id, 0);
	assert_int_equal(uiommufd_vfio_bind(vfio, ctx, &id), -EINVAL);
	set(0, 0, 42, 4);
	assert_int_equal(get(0, 0), 42);
	assert_int_equal(get(0, 0), 43);
	assert_int_equal(get(CONFIG, 0), 0xc0de1234);
	uiommufd_vfio_unbind(vfio);
	assert_int_equal(uiommufd_vfio_bind(vfio, ctx, &id), 0);
}

static void models_of_the_library_are_devices_too(void **state)
{
	uint32_t id;

	(void)state;
	must_create("edu,delay_us=1");
	assert_int_equal(uiommufd_vfio_bind(vfio, ctx, &id), 0);
	assert_int_equal(get(0, 0), 0x010000ed);
}

static void what_cannot_be_is_refused_with_the_reason(void **state)
{
	struct uiommufd_plugin bad = uiommufd_plugin;
	struct uiommufd_model odd = probe_model;
	char why[256] = "";

	(void)state;
	assert_int_equal(uiommufd_vfio_create(iommu, "nosuch", why, sizeof(why), &vfio), -EINVAL);
	assert_non_null(strstr(why, "there are: e1000, edu, ioat, nvme"));
	assert_non_null(strstr(why, "counter"));
	assert_int_equal(uiommufd_vfio_create(iommu, "edu,delay_us=x", NULL, 0, &vfio), -EINVAL);
	assert_int_equal(uiommufd_model_register(&counter_plugin, why, sizeof(why)), -EEXIST);
	odd.bars[0].size = 3000;
	bad.model = &odd;
	assert_int_equal(uiommufd_model_register(&bad, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "BAR 0: 3000 bytes is no power of two"));
}

static void attach(uint32_t dev_id, uint32_t flags, void *page)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach), .flags = flags, .pasid = flags ? PASID : 0};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.user_va = (uintptr_t)page,
		.length = PAGE,
		.iova = IOVA,
	};
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt), .flags = IOMMU_HWPT_ALLOC_PASID, .dev_id = dev_id};

	assert_int_equal(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_ALLOC, (uintptr_t)&ioas), 0);
	map.ioas_id = hwpt.pt_id = ioas.out_ioas_id;
	assert_int_equal(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_MAP, (uintptr_t)&map), 0);
	assert_int_equal(uiommufd_ioctl(ctx, NULL, IOMMU_HWPT_ALLOC, (uintptr_t)&hwpt), 0);
	attach.pt_id = hwpt.out_hwpt_id;
	assert_int_equal(
		uiommufd_vfio_ioctl(vfio, NULL, VFIO_DEVICE_ATTACH_IOMMUFD_PT, (uintptr_t)&attach),
		0);
}

static int take_interrupt(void)
{
	union rig_irqs irqs;
	int fd = eventfd(0, EFD_CLOEXEC);

	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_MSI_IRQ_INDEX, 1, &fd);
	assert_int_equal(uiommufd_vfio_ioctl(vfio, NULL, VFIO_DEVICE_SET_IRQS, (uintptr_t)&irqs),
			 0);
	return fd;
}

static void dma_with_a_pasid_goes_where_that_is_attached(void **state)
{
	static uint32_t pages[2][PAGE / 4] __attribute__((aligned(4096)));
	struct pollfd pfd = {.events = POLLIN};
	uint32_t id;

	(void)state;
	must_create("probe");
	assert_int_equal(uiommufd_vfio_bind(vfio, ctx, &id), 0);
	set(CONFIG, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	pfd.fd = take_interrupt();
	pages[1][0] = 41;
	attach(id, 0, pages[0]);
	attach(id, VFIO_DEVICE_ATTACH_PASID, pages[1]);
	set(0, 0, 1, 4);
	assert_int_equal(poll(&pfd, 1, 10000), 1);
	close(pfd.fd);
	assert_int_equal(get(0, 4), 0);
	assert_int_equal(get(0, 8), 0);
	assert_int_equal(pages[0][0], 0);
	assert_int_equal(pages[1][0], 42);
}

static void a_model_knows_which_reset_it_is_and_what_config_space_has(void **state)
{
	uint32_t id, before;

	(void)state;
	must_create("probe");
	assert_int_equal(uiommufd_vfio_bind(vfio, ctx, &id), 0);
	assert_true(get(0, 16 + 4 * UIOMMUFD_RESET_POWER) > 0);
	before = get(0, 16 + 4 * UIOMMUFD_RESET_FUNCTION);
	assert_int_equal(uiommufd_vfio_ioctl(vfio, NULL, VFIO_DEVICE_RESET, 0), 0);
	assert_int_equal(get(0, 16 + 4 * UIOMMUFD_RESET_FUNCTION), before + 1);
	set(CONFIG, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	assert_int_equal(get(0, 0) & 0xf, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	set(CONFIG, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	assert_int_equal(get(0, 0) & 0xf, PCI_COMMAND_MEMORY);
}

/* ---- in an event loop ---- */

/* The threads of the process. */
static unsigned int thread_count(void)
{
	char text[4096] = "";
	unsigned int count = 0;
	FILE *status = fopen("/proc/self/status", "r");

	while (fgets(text, sizeof(text), status))
		if (sscanf(text, "Threads: %u", &count) == 1)
			break;
	fclose(status);
	return count;
}

static void the_work_of_a_device_can_be_done_in_an_event_loop(void **state)
{
	static uint32_t page[PAGE / 4] __attribute__((aligned(4096)));
	struct pollfd loop = {.events = POLLIN}, interrupt = {.events = POLLIN};
	const unsigned int threads = thread_count();
	uint32_t id;

	(void)state;
	must_create("probe");
	assert_int_equal(uiommufd_vfio_run(vfio), 0);
	loop.fd = uiommufd_vfio_loop_fd(vfio);
	assert_true(loop.fd >= 0);
	assert_int_equal(uiommufd_vfio_loop_fd(vfio), loop.fd);
	assert_int_equal(uiommufd_vfio_bind(vfio, ctx, &id), 0);
	assert_int_equal(uiommufd_vfio_loop_fd(vfio), -EINVAL);
	set(CONFIG, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	interrupt.fd = take_interrupt();
	attach(id, 0, page);
	(void)uiommufd_vfio_run(vfio);
	assert_int_equal(poll(&loop, 1, 0), 0);
	for (int i = 0; i < 3; i++) {
		eventfd_t count;

		set(0, 0, 1, 4);
		assert_int_equal(poll(&interrupt, 1, 0), 0);
		assert_int_equal(poll(&loop, 1, 10000), 1);
		assert_int_equal(uiommufd_vfio_run(vfio), 1);
		assert_int_equal(poll(&interrupt, 1, 0), 1);
		assert_int_equal(poll(&loop, 1, 0), 0);
		assert_int_equal(uiommufd_vfio_run(vfio), 0);
		eventfd_read(interrupt.fd, &count);
	}
	assert_int_equal(get(0, 4), 0);
	/* One of the test before may have been about to end. */
	assert_true(thread_count() <= threads);
	close(interrupt.fd);
	/* Work that nobody does ends with the device. */
	set(0, 0, 1, 4);
	uiommufd_vfio_unbind(vfio);
	(void)uiommufd_vfio_run(vfio);
	assert_int_equal(poll(&loop, 1, 0), 0);
}

static void a_timer_of_a_device_makes_its_descriptor_readable(void **state)
{
	struct pollfd loop = {.events = POLLIN};
	uint32_t id;

	(void)state;
	must_create("edu,delay_us=20000");
	loop.fd = uiommufd_vfio_loop_fd(vfio);
	assert_int_equal(uiommufd_vfio_bind(vfio, ctx, &id), 0);
	set(0, 0x08, 5, 4); /* the factorial of 5 */
	assert_int_equal(get(0, 0x20) & 1, 1);
	while (get(0, 0x20) & 1) {
		assert_int_equal(poll(&loop, 1, 10000), 1);
		(void)uiommufd_vfio_run(vfio);
	}
	assert_int_equal(get(0, 0x08), 120);
}

/* ---- for other processes ---- */

struct server {
	char path[64];
	int stop, rc;
};

static void *serve(void *arg)
{
	struct server *server = arg;

	server->rc = uiommufd_vfio_serve(vfio, server->path, server->stop, 30);
	return NULL;
}

/* The socket of a client, when the server is there. */
static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		usleep(1000);
	return fd;
}

/* VERSION 0.1 and its answer, which begins in the same way. */
static void agree(int fd)
{
	char rest[512];
	struct {
		uint16_t id, command;
		uint32_t size, flags, error;
		uint16_t major, minor;
	} message = {.id = 3, .command = 1, .size = sizeof(message), .minor = 1};

	assert_int_equal(write(fd, &message, sizeof(message)), sizeof(message));
	assert_int_equal(recv(fd, &message, sizeof(message), MSG_WAITALL), sizeof(message));
	assert_int_equal(message.id, 3);
	assert_int_equal(message.flags, 1);
	assert_int_equal(message.minor, 1);
	assert_in_range(message.size, sizeof(message), sizeof(message) + sizeof(rest));
	message.size -= (uint32_t)sizeof(message);
	assert_int_equal(recv(fd, rest, message.size, MSG_WAITALL), message.size);
}

static void a_device_is_served_to_clients_of_vfio_user(void **state)
{
	struct server server = {.stop = eventfd(0, EFD_CLOEXEC)};
	pthread_t thread;
	uint32_t id;
	int fd;

	(void)state;
	snprintf(server.path, sizeof(server.path), "/tmp/embed-vfio-test-%d", getpid());
	must_create("counter");
	assert_int_equal(uiommufd_vfio_bind(vfio, ctx, &id), 0);
	assert_int_equal(uiommufd_vfio_serve(vfio, server.path, server.stop, 0), -EINVAL);
	uiommufd_vfio_unbind(vfio);
	assert_int_equal(uiommufd_vfio_serve(vfio, "/dev/null", server.stop, 0), -EEXIST);
	assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
	for (int i = 0; i < 2; i++) {
		fd = connect_to(server.path);
		agree(fd);
		close(fd);
	}
	eventfd_write(server.stop, 1);
	pthread_join(thread, NULL);
	assert_int_equal(server.rc, 0);
	assert_int_equal(access(server.path, F_OK), -1);
	close(server.stop);
	assert_int_equal(uiommufd_vfio_bind(vfio, ctx, &id), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
	const struct CMUnitTest tests[] = {
		TEST(a_model_that_is_linked_in_is_a_device),
		TEST(models_of_the_library_are_devices_too),
		TEST(what_cannot_be_is_refused_with_the_reason),
		TEST(dma_with_a_pasid_goes_where_that_is_attached),
		TEST(a_model_knows_which_reset_it_is_and_what_config_space_has),
		TEST(the_work_of_a_device_can_be_done_in_an_event_loop),
		TEST(a_timer_of_a_device_makes_its_descriptor_readable),
		TEST(a_device_is_served_to_clients_of_vfio_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The device of a vfio-user server: what a program sees of it, what the server may reach, and what
 * becomes of a server that lies, leaves or hangs. The server is tests/lib/liar.h.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/devices.h"
#include "devices/remote/remote.h"
#include "kit.h"
#include "liar.h"
#include "machine/machine.h"
#include "migrate.h"

enum {
	IOVA = 0x100000,
	PAGES = 4,
	PATIENCE_MS = 10000,
};

struct remote_rig {
	struct liar liar;
	struct vfio_rig rig;
	struct remote_model *remote;
	struct option_value options[2];
	uint32_t ioas, other;
	uint8_t *memory; /* PAGES of it, private */
};

/* ---- the rig ---- */

static struct remote_rig rig;

/* Makes the device; does not bind it. */
static void make_device(void)
{
	struct vu_identity identity;
	char line[256] = "";
	const struct vu_why why = {line, sizeof(line)};
	struct vu_connection kept;

	assert_int_equal(remote_probe(rig.liar.path, "1", &identity, &kept, &why), 0);
	rig.remote = remote_model_create(&identity, &kept, &why);
	assert_non_null(rig.remote);
	rig.options[0] = (struct option_value){"socket", rig.liar.path};
	rig.options[1] = (struct option_value){"timeout", "1"};
	rig_open_with(&rig.rig, &rig.remote->model, rig.options, 2);
}

static uint32_t make_ioas(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	assert_int_equal(rig_iommu(&rig.rig, IOMMU_IOAS_ALLOC, &alloc), 0);
	return alloc.out_ioas_id;
}

static void attach(uint32_t ioas)
{
	struct vfio_device_attach_iommufd_pt cmd = {.argsz = sizeof(cmd), .pt_id = ioas};

	assert_int_equal(rig_ioctl(&rig.rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd), 0);
}

static void detach(void)
{
	struct vfio_device_detach_iommufd_pt cmd = {.argsz = sizeof(cmd)};

	assert_int_equal(rig_ioctl(&rig.rig, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd), 0);
}

static void map_at(uint32_t ioas, const void *va, uint64_t iova, uint64_t len, uint32_t rights)
{
	struct iommu_ioas_map map = {.size = sizeof(map),
				     .flags = IOMMU_IOAS_MAP_FIXED_IOVA | rights,
				     .ioas_id = ioas,
				     .length = len,
				     .user_va = (uintptr_t)va,
				     .iova = iova};

	assert_int_equal(rig_iommu(&rig.rig, IOMMU_IOAS_MAP, &map), 0);
}

static void unmap_at(uint32_t ioas, uint64_t iova, uint64_t len)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = ioas, .iova = iova, .length = len};

	assert_int_equal(rig_iommu(&rig.rig, IOMMU_IOAS_UNMAP, &unmap), 0);
}

static uint64_t get(unsigned int reg, unsigned int size)
{
	uint64_t value = 0;

	assert_int_equal(rig_pread(&rig.rig, &value, size, reg), size);
	return value;
}

static void set(unsigned int reg, uint64_t value)
{
	assert_int_equal(rig_pwrite(&rig.rig, &value, sizeof(value), reg), sizeof(value));
}

static void master(void)
{
	const uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	assert_int_equal(rig_pwrite(&rig.rig, &command, 2, rig_pos(7, PCI_COMMAND)), 2);
}

static int setup(void **state)
{
	(void)state;
	rig = (struct remote_rig){.ioas = 0};
	liar_start(&rig.liar);
	make_device();
	assert_int_equal(rig_bind(&rig.rig), 0);
	rig.ioas = make_ioas();
	rig.other = make_ioas();
	rig.memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	attach(rig.ioas);
	master();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig.rig);
	remote_model_destroy(rig.remote);
	liar_stop(&rig.liar);
	munmap(rig.memory, PAGES * PAGE);
	return 0;
}

/* ---- what a program sees ---- */

static void the_device_is_what_its_server_says(void **state)
{
	struct vfio_region_info region = {.argsz = sizeof(region)};
	struct vfio_irq_info irq = {.argsz = sizeof(irq), .index = VFIO_PCI_MSIX_IRQ_INDEX};
	uint32_t id, table, class;

	(void)state;
	rig_pread(&rig.rig, &id, 4, rig_pos(7, PCI_VENDOR_ID));
	assert_int_equal(id, 0x56781234);
	rig_pread(&rig.rig, &class, 4, rig_pos(7, PCI_CLASS_REVISION));
	assert_int_equal(class >> 24, 0xff);
	assert_int_equal(rig_ioctl(&rig.rig, VFIO_DEVICE_GET_REGION_INFO, &region), 0);
	assert_int_equal(region.size, LIAR_BAR);
	assert_int_equal(rig_ioctl(&rig.rig, VFIO_DEVICE_GET_IRQ_INFO, &irq), 0);
	assert_int_equal(irq.count, LIAR_VECTORS);
	rig_pread(&rig.rig, &table, 4, rig_pos(7, 0x50 + PCI_MSIX_TABLE));
	assert_int_equal(table, 1);
}

static void accesses_go_to_the_server(void **state)
{
	(void)state;
	set(0x40, 0x1122334455667788);
	assert_memory_equal(rig.liar.registers + 0x40, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	assert_int_equal(get(0x42, 2), 0x5566);
	/* And the command register. */
	assert_int_equal(rig.liar.config[PCI_COMMAND], PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void a_part_that_is_memory_is_mapped_without_traps(void **state)
{
	struct file_mapping map;
	uint8_t *shared;

	(void)state;
	if (!FILE_CAN_TRAP) {
		print_message("skipped: no BAR can be mapped on this processor\n");
		skip();
	}
	assert_int_equal(rig.rig.file->ops->mmap(rig.rig.file, LIAR_AREA, PAGE,
						 PROT_READ | PROT_WRITE, MAP_SHARED, &map),
			 0);
	assert_null(map.trap);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, map.fd, (off_t)map.offset);
	assert_true(shared != MAP_FAILED);
	shared[5] = 99;
	assert_int_equal(pread(rig.liar.memory, shared + 6, 1, LIAR_AREA + 5), 1);
	assert_int_equal(shared[6], 99);
	munmap(shared, PAGE);
	/* The rest of the BAR are registers. */
	assert_int_equal(
		rig.rig.file->ops->mmap(rig.rig.file, 0, LIAR_BAR, PROT_READ, MAP_SHARED, &map), 0);
	assert_non_null(map.trap);
}

static uint64_t events(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint64_t count = 0;

	if (poll(&pfd, 1, PATIENCE_MS) != 1 || read(fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

static void the_server_interrupts(void **state)
{
	int32_t fds[] = {eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK)};
	union rig_irqs irqs;

	(void)state;
	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_MSIX_IRQ_INDEX, 2, fds);
	assert_int_equal(rig_ioctl(&rig.rig, VFIO_DEVICE_SET_IRQS, &irqs), 0);
	assert_true(rig.liar.vector_fds[1] >= 0 && rig.liar.vector_fds[2] < 0);
	set(LIAR_NOTIFY, 1);
	assert_int_equal(events(fds[1]), 1);
	assert_int_equal(rig.liar.config[0x50 + PCI_MSIX_FLAGS + 1] << 8, PCI_MSIX_FLAGS_ENABLE);
	close(fds[0]);
	close(fds[1]);
}

static void intx_is_masked_here_and_unmasked_there(void **state)
{
	struct vfio_irq_set unmask = {.argsz = sizeof(unmask),
				      .flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
				      .index = VFIO_PCI_INTX_IRQ_INDEX,
				      .count = 1};
	int32_t fd = eventfd(0, EFD_NONBLOCK);
	union rig_irqs irqs;

	(void)state;
	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_INTX_IRQ_INDEX, 1, &fd);
	assert_int_equal(rig_ioctl(&rig.rig, VFIO_DEVICE_SET_IRQS, &irqs), 0);
	set(LIAR_NOTIFY, 0);
	assert_int_equal(events(fd), 1);
	assert_int_equal(rig_ioctl(&rig.rig, VFIO_DEVICE_SET_IRQS, &unmask), 0);
	assert_int_equal(rig.liar.unmasks, 1);
	set(LIAR_NOTIFY, 0);
	assert_int_equal(events(fd), 1);
	close(fd);
}

static void a_reset_resets_the_server(void **state)
{
	const unsigned int before = rig.liar.resets;

	(void)state;
	assert_int_equal(before, 1); /* as it was opened */
	assert_int_equal(rig_ioctl(&rig.rig, VFIO_DEVICE_RESET, NULL), 0);
	assert_int_equal(rig.liar.resets, 2);
}

/* ---- what the server may reach ---- */

static void dma_by_messages_goes_through_the_page_table(void **state)
{
	(void)state;
	map_at(rig.ioas, rig.memory, IOVA, PAGE, IOMMU_IOAS_MAP_READABLE);
	memset(rig.memory, 'r', PAGE);
	set(LIAR_READ, IOVA + 16);
	assert_int_equal(get(LIAR_RESULT, 4), 0);
	assert_int_equal(rig.liar.registers[LIAR_DATA + LIAR_BYTES - 1], 'r');
	/* Not with that right, not there, and not across the end. */
	set(LIAR_WRITE, IOVA);
	assert_int_equal(get(LIAR_RESULT, 4), EFAULT);
	set(LIAR_READ, IOVA + PAGE);
	assert_int_equal(get(LIAR_RESULT, 4), EFAULT);
	set(LIAR_READ, IOVA + PAGE - 1);
	assert_int_equal(get(LIAR_RESULT, 4), EFAULT);
	unmap_at(rig.ioas, IOVA, PAGE);
	set(LIAR_READ, IOVA + 16);
	assert_int_equal(get(LIAR_RESULT, 4), EFAULT);
}

static void the_server_knows_what_is_mapped_and_no_more(void **state)
{
	struct liar_map map;

	(void)state;
	map_at(rig.ioas, rig.memory, IOVA, PAGE, IOMMU_IOAS_MAP_READABLE);
	map_at(rig.ioas, rig.memory, IOVA + 2 * PAGE, 2 * PAGE,
	       IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);
	map_at(rig.other, rig.memory, IOVA + 8 * PAGE, PAGE, IOMMU_IOAS_MAP_READABLE);
	assert_int_equal(rig.liar.map_count, 2);
	assert_true(liar_find_map(&rig.liar, IOVA, &map));
	assert_int_equal(map.flags, VU_DMA_READABLE);
	assert_int_equal(map.fd, -1);
	assert_true(liar_find_map(&rig.liar, IOVA + 2 * PAGE, &map));
	assert_int_equal(map.size, 2 * PAGE);
	assert_int_equal(map.flags, VU_DMA_READABLE | VU_DMA_WRITABLE);
	unmap_at(rig.ioas, IOVA, PAGE);
	assert_int_equal(rig.liar.map_count, 1);
	attach(rig.other); /* in the place of the first */
	assert_int_equal(rig.liar.map_count, 1);
	assert_true(liar_find_map(&rig.liar, IOVA + 8 * PAGE, &map));
	detach();
	assert_int_equal(rig.liar.map_count, 0);
	attach(rig.ioas);
	assert_int_equal(rig.liar.map_count, 1);
}

static void a_file_is_given_with_the_rights_of_the_mapping(void **state)
{
	int file = memfd_create("memory", MFD_CLOEXEC);
	struct liar_map map;
	uint8_t *va;

	(void)state;
	assert_int_equal(ftruncate(file, PAGES * PAGE), 0);
	va = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, PAGE);
	map_at(rig.ioas, va, IOVA, 2 * PAGE, IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);
	map_at(rig.ioas, va + PAGE, IOVA + 4 * PAGE, PAGE, IOMMU_IOAS_MAP_READABLE);
	assert_true(liar_find_map(&rig.liar, IOVA, &map));
	assert_true(map.fd >= 0 && map.offset == PAGE);
	assert_int_equal(fcntl(map.fd, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_true(liar_find_map(&rig.liar, IOVA + 4 * PAGE, &map));
	assert_true(map.fd >= 0 && map.offset == 2 * PAGE);
	assert_int_equal(fcntl(map.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	munmap(va, 2 * PAGE);
	close(file);
}

static void a_file_named_by_its_descriptor_is_given_too(void **state)
{
	int file = memfd_create("memory", MFD_CLOEXEC);
	struct iommu_ioas_map_file cmd = {.size = sizeof(cmd),
					  .flags = IOMMU_IOAS_MAP_FIXED_IOVA |
						   IOMMU_IOAS_MAP_READABLE,
					  .ioas_id = rig.ioas,
					  .fd = file,
					  .start = 2 * PAGE,
					  .length = PAGE,
					  .iova = IOVA};
	struct liar_map map;

	(void)state;
	assert_int_equal(ftruncate(file, PAGES * PAGE), 0);
	assert_int_equal(rig_iommu(&rig.rig, IOMMU_IOAS_MAP_FILE, &cmd), 0);
	assert_true(liar_find_map(&rig.liar, IOVA, &map));
	assert_true(map.fd >= 0 && map.offset == 2 * PAGE);
	assert_int_equal(fcntl(map.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(file);
}

static void a_table_that_tracks_dirty_pages_sees_every_access(void **state)
{
	int file = memfd_create("memory", MFD_CLOEXEC);
	struct iommu_hwpt_alloc alloc = {.size = sizeof(alloc),
					 .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
					 .dev_id = 1,
					 .pt_id = rig.ioas};
	struct liar_map map;
	uint8_t *va;

	(void)state;
	assert_int_equal(ftruncate(file, PAGE), 0);
	va = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	map_at(rig.ioas, va, IOVA, PAGE, IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);
	assert_true(liar_find_map(&rig.liar, IOVA, &map) && map.fd >= 0);
	assert_int_equal(rig_iommu(&rig.rig, IOMMU_HWPT_ALLOC, &alloc), 0);
	attach(alloc.out_hwpt_id);
	assert_true(liar_find_map(&rig.liar, IOVA, &map) && map.fd < 0);
	munmap(va, PAGE);
	close(file);
}

/* ---- migration ---- */

static void the_server_goes_to_each_state_and_has_the_data(void **state)
{
	static const uint32_t states[][2] = {
		/* ours, the server's */
		{VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_RUNNING},
		{VFIO_DEVICE_STATE_PRE_COPY_P2P, VFIO_DEVICE_STATE_RUNNING_P2P},
		{VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_STOP_COPY},
		{VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP},
		{VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_RESUMING},
	};
	struct saved_device saved;

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		assert_int_equal(rig_set_state(&rig.rig, states[i][0]), 0);
		assert_int_equal(atomic_load(&rig.liar.state), states[i][1]);
	}
	assert_int_equal(rig_ioctl(&rig.rig, VFIO_DEVICE_RESET, NULL), 0);
	set(LIAR_DATA, 0x1234);
	assert_int_equal(rig_save(&rig.rig, &saved), 0);
	assert_int_equal(rig_set_state(&rig.rig, VFIO_DEVICE_STATE_RUNNING), 0);
	set(LIAR_DATA, 0x5678);
	assert_int_equal(rig_load(&rig.rig, saved.bytes, saved.len), 0);
	assert_int_equal(atomic_load(&rig.liar.state), VFIO_DEVICE_STATE_RUNNING);
	assert_int_equal(get(LIAR_DATA, 4), 0x1234);
	free(saved.bytes);
}

/* ---- servers that go wrong ---- */

struct lie {
	const char *what;
	uint16_t command;
	void (*tell)(struct liar_answer *answer);
};

static void be_silent(struct liar_answer *answer)
{
	answer->silent = true;
}

static void leave(struct liar_answer *answer)
{
	answer->leave = true;
}

static void other_id(struct liar_answer *answer)
{
	answer->header.id ^= 0x100;
}

static void other_command(struct liar_answer *answer)
{
	answer->header.command = VU_DEVICE_FEATURE;
}

static void refuse_it(struct liar_answer *answer)
{
	answer->header.flags |= VU_ERROR;
	answer->header.error = EPERM;
	answer->header.size = sizeof(answer->header);
	answer->len = 0;
}

static void too_short(struct liar_answer *answer)
{
	answer->len = answer->len ? answer->len - 1 : 0;
	answer->header.size = (uint32_t)sizeof(answer->header) + answer->len;
}

static void half(struct liar_answer *answer)
{
	answer->header.size += 100;
}

static void endless(struct liar_answer *answer)
{
	answer->header.size = UINT32_MAX;
}

static void shorter_than_its_header(struct liar_answer *answer)
{
	answer->header.size = 8;
}

static void no_type(struct liar_answer *answer)
{
	answer->header.flags |= 7;
}

static void of_ones(struct liar_answer *answer)
{
	memset(answer->payload, 0xff, answer->len);
}

static void spoil(struct liar *liar, uint16_t command, struct liar_answer *answer)
{
	const struct lie *lie = liar->arg;

	if (lie && command == atomic_load(&liar->lie_about))
		lie->tell(answer);
}

static void (*const tales[])(struct liar_answer *answer) = {
	be_silent, leave, other_id, other_command,	     refuse_it,
	too_short, half,  endless,  shorter_than_its_header, no_type,
	of_ones,
};

#define TALES (sizeof(tales) / sizeof(tales[0]))

/* Answers that are good, whatever they are: nothing of them is looked at. */
static bool may_be_good(uint16_t command, void (*tale)(struct liar_answer *answer))
{
	return tale == of_ones && (command == VU_REGION_READ || command == VU_DEVICE_GET_IRQ_INFO ||
				   command == VU_DEVICE_GET_INFO);
}

static void a_server_that_lies_at_first_is_no_device(void **state)
{
	static const uint16_t commands[] = {VU_VERSION, VU_DEVICE_GET_INFO,
					    VU_DEVICE_GET_REGION_INFO, VU_DEVICE_GET_IRQ_INFO,
					    VU_REGION_READ};
	char text[128], error[512];

	(void)state;
	for (size_t i = 0; i < TALES * sizeof(commands) / sizeof(commands[0]); i++) {
		struct lie lie = {.tell = tales[i % TALES]};
		struct liar liar = {.spoil = spoil, .arg = &lie};
		struct machine *machine;

		liar.lie_about = commands[i / TALES];
		if (may_be_good(liar.lie_about, lie.tell))
			continue;
		liar_start(&liar);
		snprintf(text, sizeof(text), "vfio-user,timeout=1,socket=%s", liar.path);
		assert_int_equal(machine_create(&machine), 0);
		error[0] = '\0';
		if (machine_add_device(machine, text, error, sizeof(error)) != -EINVAL)
			fail_msg("lie %zu about command %u is believed", i % TALES, liar.lie_about);
		assert_non_null(strstr(error, liar.path));
		assert_null(strchr(error, '\n'));
		assert_null(machine_device(machine, 0));
		machine_destroy(machine);
		liar_stop(&liar);
	}
}

/* What a program does with the device; it must come back from all of it. */
static void use_device(void)
{
	int32_t fd = eventfd(0, EFD_NONBLOCK);
	union rig_irqs irqs;
	uint64_t value;

	map_at(rig.ioas, rig.memory, IOVA, PAGE, IOMMU_IOAS_MAP_READABLE);
	(void)rig_pread(&rig.rig, &value, 8, 0x40);
	value = IOVA;
	(void)rig_pwrite(&rig.rig, &value, 8, LIAR_READ);
	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_MSIX_IRQ_INDEX, 1, &fd);
	(void)rig_ioctl(&rig.rig, VFIO_DEVICE_SET_IRQS, &irqs);
	(void)rig_migrate(&rig.rig);
	(void)rig_ioctl(&rig.rig, VFIO_DEVICE_RESET, NULL);
	unmap_at(rig.ioas, IOVA, PAGE);
	close(fd);
}

static void a_server_that_lies_later_is_given_up(void **state)
{
	static const uint16_t commands[] = {VU_DMA_MAP,	      VU_DMA_UNMAP,	 VU_DEVICE_SET_IRQS,
					    VU_REGION_READ,   VU_REGION_WRITE,	 VU_DMA_READ,
					    VU_DEVICE_RESET,  VU_DEVICE_FEATURE, VU_MIG_DATA_READ,
					    VU_MIG_DATA_WRITE};
	struct lie lie;
	void *no_state = NULL;

	(void)state;
	for (size_t i = 0; i < TALES * sizeof(commands) / sizeof(commands[0]); i++) {
		setup(&no_state);
		lie = (struct lie){.tell = tales[i % TALES]};
		rig.liar.arg = &lie;
		atomic_store(&rig.liar.lie_about, commands[i / TALES]);
		rig.liar.spoil = spoil;
		use_device();
		/* The next one that opens the device finds it as it should be. */
		atomic_store(&rig.liar.lie_about, 0);
		teardown(&no_state);
	}
}

static void nothing_answers_when_the_server_has_left(void **state)
{
	struct lie lie = {.tell = leave};
	int32_t fd = eventfd(0, EFD_NONBLOCK);
	union rig_irqs irqs;

	(void)state;
	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_ERR_IRQ_INDEX, 1, &fd);
	assert_int_equal(rig_ioctl(&rig.rig, VFIO_DEVICE_SET_IRQS, &irqs), 0);
	set(0x40, 5);
	assert_int_equal(get(0x40, 4), 5);
	rig.liar.arg = &lie;
	rig.liar.spoil = spoil;
	atomic_store(&rig.liar.lie_about, VU_REGION_READ);
	assert_int_equal(get(0x40, 4), UINT32_MAX);
	assert_int_equal(events(fd), 1);
	atomic_store(&rig.liar.lie_about, 0);
	assert_int_equal(get(0x40, 4), UINT32_MAX);
	close(fd);
	/* Closing and opening connects again. */
	file_put(rig.rig.file);
	assert_int_equal(vfio_device_open(rig.rig.device, &rig.rig.file), 0);
	assert_int_equal(rig_bind(&rig.rig), 0);
	assert_int_equal(get(0x40, 4), 5);
}

static void a_server_that_cannot_be_reached_refuses_the_bind(void **state)
{
	(void)state;
	file_put(rig.rig.file);
	liar_stop(&rig.liar);
	assert_int_equal(vfio_device_open(rig.rig.device, &rig.rig.file), 0);
	assert_int_equal(rig_bind(&rig.rig), -ENODEV);
	/* It is not bound, and not half open. */
	assert_int_equal(rig_bind(&rig.rig), -ENODEV);
	rig.liar = (struct liar){.listener = 0};
	liar_start(&rig.liar);
}

static void a_socket_that_is_none_is_one_line(void **state)
{
	static const char *const texts[] = {
		"vfio-user",
		"vfio-user,socket=/tmp/no-such.socket",
		"vfio-user,socket=/dev/null",
		"vfio-user,socket=/tmp",
		"vfio-user,socket=/tmp/x,timeout=0",
		"vfio-user,socket=/tmp/x,timeout=soon",
	};
	char error[512];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct machine *machine;

		assert_int_equal(machine_create(&machine), 0);
		error[0] = '\0';
		assert_int_equal(machine_add_device(machine, texts[i], error, sizeof(error)),
				 -EINVAL);
		assert_true(error[0] && !strchr(error, '\n'));
		assert_null(machine_device(machine, 0));
		machine_destroy(machine);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_device_is_what_its_server_says),
		TEST(accesses_go_to_the_server),
		TEST(a_part_that_is_memory_is_mapped_without_traps),
		TEST(the_server_interrupts),
		TEST(intx_is_masked_here_and_unmasked_there),
		TEST(a_reset_resets_the_server),
		TEST(dma_by_messages_goes_through_the_page_table),
		TEST(the_server_knows_what_is_mapped_and_no_more),
		TEST(a_file_is_given_with_the_rights_of_the_mapping),
		TEST(a_file_named_by_its_descriptor_is_given_too),
		TEST(a_table_that_tracks_dirty_pages_sees_every_access),
		TEST(the_server_goes_to_each_state_and_has_the_data),
		TEST(nothing_answers_when_the_server_has_left),
		TEST(a_server_that_cannot_be_reached_refuses_the_bind),
		cmocka_unit_test(a_server_that_lies_at_first_is_no_device),
		cmocka_unit_test(a_server_that_lies_later_is_given_up),
		cmocka_unit_test(a_socket_that_is_none_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

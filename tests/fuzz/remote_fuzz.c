/* SPDX-License-Identifier: MIT */
/*
 * A hostile server against the device that is made from it: any answer to any command, and DMA and
 * interrupts at any time, while a program uses the device.
 *
 * What must hold: nothing crashes or waits for ever, and at the end no descriptor is left. Threads
 * are involved, so an input does not run the same way each time.
 *
 * Input: bytes for the program, which choose what it does next; and for the server, which spoil its
 * answers. Both come from the same input, from its two ends; when it ends, answers are good.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

#include "base/log.h"
#include "devices/devices.h"
#include "devices/remote/remote.h"
#include "fuzz.h"
#include "liar.h"
#include "mem/guard.h"
#include "require.h"
#include "vfio_rig.h"

enum {
	MAX_STEPS = 24,
	PAGE = 4096,
	IOVA = 0x100000,
	PAGES = 8,
};

/* The end of the input, which is the server's. */
struct lies {
	const uint8_t *data;
	size_t left;
};

static uint8_t next_lie(struct lies *lies)
{
	return lies->left ? lies->data[--lies->left] : 0;
}

static void spoil_payload(struct lies *lies, struct liar_answer *answer)
{
	for (unsigned int i = next_lie(lies) % 4; answer->len && i < 4; i++)
		answer->payload[next_lie(lies) % answer->len] = next_lie(lies);
}

static void resize(struct liar_answer *answer, uint32_t len)
{
	answer->len = len;
	answer->header.size = (uint32_t)sizeof(answer->header) + len;
}

static void spoil_header(struct lies *lies, struct liar_answer *answer)
{
	const uint8_t value = next_lie(lies);

	switch (next_lie(lies) % 8) {
	case 0:
		answer->header.id = (uint16_t)(answer->header.id + value);
		break;
	case 1:
		answer->header.command = value % 20;
		break;
	case 2:
		/* Not what makes it a command, whose reply the server would wait for. */
		answer->header.flags ^= value & 0x2e;
		break;
	case 3:
		answer->header.size = value % 16;
		break;
	case 4:
		answer->header.size = UINT32_MAX - value;
		break;
	case 5:
		answer->header.flags |= VU_ERROR;
		answer->header.error = value;
		break;
	case 6:
		resize(answer, value);
		break;
	default:
		answer->leave = true;
	}
}

/* Most answers are good, or the device would never get far. */
static void spoil(struct liar *liar, uint16_t command, struct liar_answer *answer)
{
	struct lies *lies = liar->arg;

	(void)command;
	switch (next_lie(lies) % 16) {
	case 1:
		spoil_header(lies, answer);
		break;
	case 2:
	case 3:
		spoil_payload(lies, answer);
		break;
	case 4:
		answer->fd_count = 0;
		break;
	case 5:
		while (answer->fd_count < next_lie(lies) % 16)
			answer->fds[answer->fd_count++] = liar->memory;
		break;
	case 6:
		memset(answer->payload, 0xff, answer->len);
		break;
	default:
		break;
	}
}

/* ---- the program ---- */

struct program {
	struct fuzz_input input;
	struct vfio_rig rig;
	uint8_t *memory;
	int file;
	uint32_t ioas;
};

static void map_memory(struct program *program)
{
	const uint64_t page = fuzz_byte(&program->input) % PAGES;
	const uint64_t count = fuzz_byte(&program->input) % (PAGES - page) + 1;
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = program->ioas,
		.length = count * PAGE,
		.user_va = (uintptr_t)program->memory + page * PAGE,
		.iova = IOVA + page * PAGE,
	};

	(void)rig_iommu(&program->rig, IOMMU_IOAS_MAP, &map);
}

static void unmap_memory(struct program *program)
{
	const uint64_t page = fuzz_byte(&program->input) % PAGES;
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = program->ioas,
		.length = (PAGES - page) * PAGE,
		.iova = IOVA + page * PAGE,
	};

	(void)rig_iommu(&program->rig, IOMMU_IOAS_UNMAP, &unmap);
}

static void access_register(struct program *program, bool write)
{
	const uint64_t where = fuzz_byte(&program->input) % 64 * 8;
	uint64_t value = IOVA + fuzz_byte(&program->input) * UINT64_C(512);

	if (write)
		(void)rig_pwrite(&program->rig, &value, 8, where);
	else
		(void)rig_pread(&program->rig, &value, 8, where);
}

static void set_interrupts(struct program *program)
{
	const uint8_t how = fuzz_byte(&program->input);
	int32_t fds[4];
	union rig_irqs irqs;

	for (unsigned int i = 0; i < 4; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, how % 5, how / 5 % 5, fds);
	(void)rig_ioctl(&program->rig, VFIO_DEVICE_SET_IRQS, &irqs);
	for (unsigned int i = 0; i < 4; i++)
		close(fds[i]);
}

static void map_bar(struct program *program)
{
	const uint64_t off = fuzz_byte(&program->input) % 4 * PAGE;
	struct file_mapping map;

	(void)program->rig.file->ops->mmap(program->rig.file, off, PAGE, PROT_READ, MAP_SHARED,
					   &map);
}

static void attach(struct program *program, bool on)
{
	struct vfio_device_attach_iommufd_pt in = {.argsz = sizeof(in), .pt_id = program->ioas};
	struct vfio_device_detach_iommufd_pt out = {.argsz = sizeof(out)};

	if (on)
		(void)rig_ioctl(&program->rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &in);
	else
		(void)rig_ioctl(&program->rig, VFIO_DEVICE_DETACH_IOMMUFD_PT, &out);
}

static void step(struct program *program)
{
	uint16_t command = 6;

	switch (fuzz_byte(&program->input) % 12) {
	case 0:
		map_memory(program);
		break;
	case 1:
		unmap_memory(program);
		break;
	case 2:
	case 3:
		access_register(program, false);
		break;
	case 4:
	case 5:
	case 6:
		access_register(program, true);
		break;
	case 7:
		set_interrupts(program);
		break;
	case 8:
		map_bar(program);
		break;
	case 9:
		attach(program, fuzz_byte(&program->input) % 4);
		break;
	case 10:
		(void)rig_ioctl(&program->rig, VFIO_DEVICE_RESET, NULL);
		break;
	default:
		(void)rig_pwrite(&program->rig, &command, 2, rig_pos(7, 4));
	}
}

static void use_device(struct program *program)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	if (rig_bind(&program->rig))
		return;
	if (rig_iommu(&program->rig, IOMMU_IOAS_ALLOC, &alloc))
		abort();
	program->ioas = alloc.out_ioas_id;
	attach(program, true);
	for (int i = 0; i < MAX_STEPS && program->input.left; i++)
		step(program);
}

static void run(struct program *program, const char *path)
{
	struct option_value options[] = {{"socket", path}, {"timeout", "1"}};
	struct remote_model *remote;
	struct vu_identity identity;
	char line[256];
	const struct vu_why why = {line, sizeof(line)};
	struct vu_connection kept;

	if (remote_probe(path, "1", &identity, &kept, &why))
		return;
	remote = remote_model_create(&identity, &kept, &why);
	if (!remote)
		return;
	rig_open_with(&program->rig, &remote->model, options, 2);
	use_device(program);
	rig_close(&program->rig);
	remote_model_destroy(remote);
}

static int lowest_free(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lies lies = {data + size / 2, size - size / 2};
	struct program program = {.input = {.data = data, .left = size / 2}};
	struct liar liar = {.spoil = spoil, .arg = &lies};
	int before;

	log_set_level(LOG_LEVEL_ERROR);
	if (guard_install())
		abort();
	before = lowest_free();
	program.file = memfd_create("memory", MFD_CLOEXEC);
	if (ftruncate(program.file, PAGES * PAGE))
		abort();
	program.memory =
		mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, program.file, 0);
	liar_start(&liar);
	run(&program, liar.path);
	liar_stop(&liar);
	munmap(program.memory, PAGES * PAGE);
	close(program.file);
	require(lowest_free() == before);
	(void)before;
	return 0;
}

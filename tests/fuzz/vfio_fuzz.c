/* SPDX-License-Identifier: MIT */
/*
 * A hostile program against VFIO: it opens, binds, drives, resets and closes an emulated device in
 * any order, with good and bad arguments, and programs it to do DMA wherever it likes.
 *
 * What must hold: nothing crashes, and once all is closed nothing of the program is referenced or
 * pinned (hostile.h). The device has a thread of its own, so an input does not run the same way
 * each time.
 *
 * Input: steps; each takes what it needs, and an input that ends early reads as zeros.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "fuzz.h"
#include "hostile.h"
#include "iommufd/iommufd.h"
#include "machine/machine.h"

enum {
	MAX_STEPS = 64,
	LARGEST = 128, /* bytes of an argument */
};

struct fuzz_state {
	struct hostile program;
	struct machine *machine;
	struct fuzz_input input;
};

static const unsigned int commands[] = {
	VFIO_DEVICE_BIND_IOMMUFD,
	VFIO_DEVICE_ATTACH_IOMMUFD_PT,
	VFIO_DEVICE_DETACH_IOMMUFD_PT,
	VFIO_DEVICE_GET_INFO,
	VFIO_DEVICE_GET_REGION_INFO,
	VFIO_DEVICE_GET_IRQ_INFO,
	VFIO_DEVICE_SET_IRQS,
	VFIO_DEVICE_RESET,
	VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
	VFIO_DEVICE_PCI_HOT_RESET,
	VFIO_DEVICE_IOEVENTFD,
	VFIO_DEVICE_FEATURE,
	IOMMU_IOAS_ALLOC,
	IOMMU_IOAS_MAP,
	IOMMU_IOAS_UNMAP,
	IOMMU_DESTROY,
};

static void step_open(struct fuzz_state *state)
{
	struct uiommufd_file *file;

	if (vfio_device_open(machine_device(state->machine, fuzz_byte(&state->input) % 2), &file))
		return;
	if (hostile_give(&state->program, file) < 0)
		file_put(file);
}

static void step_ioctl(struct fuzz_state *state)
{
	struct fuzz_input *input = &state->input;
	struct uiommufd_file *file = state->program.files[fuzz_byte(input) % HOSTILE_FILES];
	unsigned int cmd = commands[fuzz_byte(input) % (sizeof(commands) / sizeof(commands[0]))];
	unsigned int how = fuzz_byte(input), len = fuzz_byte(input) % LARGEST;
	uint64_t words[LARGEST / 8] = {0};

	words[0] = len | (uint64_t)fuzz_byte(input) << 32;
	for (unsigned int i = 1; i < (len + 7) / 8; i++)
		words[i] = hostile_word(input);
	if (file && file->ops->ioctl)
		file->ops->ioctl(file, &state->program.caller, cmd, hostile_place(words, len, how));
}

/* One access of a size that the device knows: most of hostile_use_file()'s are refused for theirs. */
static void step_register(struct fuzz_state *state, bool write)
{
	struct fuzz_input *input = &state->input;
	struct uiommufd_file *file = state->program.files[fuzz_byte(input) % HOSTILE_FILES];
	unsigned int how = fuzz_byte(input);
	uint64_t pos = (uint64_t)(how >> 4) << 40 | (fuzz_bytes(input, 2) & ~UINT64_C(3));
	uint64_t value = hostile_word(input), at = hostile_place(&value, sizeof(value), 0);
	size_t size = (size_t)1 << (how & 3);

	if (!file)
		return;
	if (write && file->ops->write)
		file->ops->write(file, &state->program.caller, at, size, &pos);
	else if (file->ops->read)
		file->ops->read(file, &state->program.caller, at, size, &pos);
}

static void step(struct fuzz_state *state)
{
	switch (fuzz_byte(&state->input) % 8) {
	case 0:
		step_open(state);
		break;
	case 1:
		hostile_fill(&state->input);
		break;
	case 2:
		hostile_use_file(&state->program, &state->input);
		break;
	case 3:
		step_register(state, false);
		break;
	case 4:
	case 5:
		step_register(state, true);
		break;
	default:
		step_ioctl(state);
		break;
	}
}

/* A context as the program's first file, and a machine with two devices. */
static void start_state(struct fuzz_state *state, const uint8_t *data, size_t size)
{
	const struct iommufd_options options = {0};
	struct iommufd_ctx *ctx;
	char error[256];

	memset(state, 0, sizeof(*state));
	state->input = (struct fuzz_input){.data = data, .left = size};
	hostile_start(&state->program);
	if (machine_create(&state->machine) ||
	    machine_add_device(state->machine, "edu", error, sizeof(error)) ||
	    machine_add_device(state->machine, "ioat", error, sizeof(error)) ||
	    iommufd_ctx_create(&options, &ctx))
		abort();
	hostile_give(&state->program, iommufd_ctx_file(ctx));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_state state;

	start_state(&state, data, size);
	for (int i = 0; i < MAX_STEPS && state.input.left; i++)
		step(&state);
	hostile_finish(&state.program);
	machine_destroy(state.machine);
	return 0;
}

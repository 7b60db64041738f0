/* SPDX-License-Identifier: MIT */
/*
 * A hostile program against VFIO: it opens, binds, drives, resets and closes emulated devices in
 * any order, by their own nodes or by their groups', with good and bad arguments, and programs them
 * to do DMA wherever it likes.
 *
 * What must hold: nothing crashes, and once all is closed nothing of the program is referenced or
 * pinned (hostile.h). The device has a thread of its own, so an input does not run the same way
 * each time.
 *
 * Input: steps; each takes what it needs, and an input that ends early reads as zeros.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "../lib/failure.h"
#include "fuzz.h"
#include "hostile.h"
#include "iommufd/entry/ctx_file.h"
#include "machine/machine.h"
#include "shape.h"

enum {
	MAX_STEPS = 64,
	DEVICES = 3,
};

struct fuzz_state {
	struct hostile program;
	struct machine *machine;
	struct fuzz_input input;
};

/* The cdev of a device; the node of its group; or a container. */
static void step_open(struct fuzz_state *state)
{
	unsigned int which = fuzz_byte(&state->input);
	struct vfio_device *device = machine_device(state->machine, which % DEVICES);
	struct uiommufd_file *file;

	if (which & 64	  ? vfio_container_open(&file)
	    : which & 128 ? vfio_group_open(device, &file)
			  : vfio_device_open(device, &file))
		return;
	if (hostile_give(&state->program, file) < 0)
		file_put(file);
}

static unsigned int fill_argument(struct fuzz_state *state, const struct shape_command *command,
				  unsigned char *to)
{
	const char *name;

	if (command->shape)
		return shape_fill(&state->input, command->shape, to, 0);
	name = vfio_device_name(machine_device(state->machine, fuzz_byte(&state->input) % DEVICES));
	memcpy(to, name, strlen(name) + 1);
	return (unsigned int)strlen(name) + 1;
}

/*
 * One call. Bits of @how: 0-2 all set: another size than it says; 3: an allocation fails; 4:
 * another thread changes what was read; 5: what the structure says of its size is left as the input
 * has it; 7: its end cannot be read.
 */
static void step_ioctl(struct fuzz_state *state)
{
	struct fuzz_input *input = &state->input;
	struct uiommufd_file *file = state->program.files[fuzz_byte(input) % HOSTILE_FILES];
	const struct shape_command *command = &shape_vfio[fuzz_byte(input) % SHAPE_VFIO_COMMANDS];
	unsigned int how = fuzz_byte(input), fail = how & 8 ? 1u + fuzz_byte(input) % 64 : 0, len;
	unsigned char bytes[SHAPE_LARGEST] = {0};

	state->program.race = how & 16 ? fuzz_byte(input) : 0;
	len = fill_argument(state, command, bytes);
	if (!(how & 32) && command->shape && *command->shape == 'n')
		memcpy(bytes, &len, sizeof(len));
	if ((how & 7) == 7)
		len = fuzz_byte(input) % SHAPE_LARGEST;
	failure_arm(fail);
	if (file && file->ops->ioctl)
		file->ops->ioctl(file, &state->program.caller, command->cmd,
				 hostile_place(bytes, len, how));
	failure_disarm();
	state->program.race = 0;
}

/*
 * One access of a size that the device knows: most of hostile_use_file()'s are refused for theirs.
 */
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

/* A context as the program's first file, and a machine with three devices. */
static void start_state(struct fuzz_state *state, const uint8_t *data, size_t size)
{
	const struct iommufd_options options = {0};
	struct iommufd_ctx *ctx;
	char error[256];

	memset(state, 0, sizeof(*state));
	state->input = (struct fuzz_input){.data = data, .left = size};
	hostile_start(&state->program);
	if (machine_create(&state->machine) ||
	    machine_add_iommu(state->machine, "intel,name=one", error, sizeof(error)) ||
	    machine_add_iommu(state->machine, "smmuv3,name=two", error, sizeof(error)) ||
	    machine_add_device(state->machine, "edu,iommu=one", error, sizeof(error)) ||
	    machine_add_device(state->machine, "ioat,iommu=one", error, sizeof(error)) ||
	    machine_add_device(state->machine, "edu,iommu=two", error, sizeof(error)) ||
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

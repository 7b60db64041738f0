/* SPDX-License-Identifier: MIT */
/*
 * A hostile program against the user API: the input is a list of steps (ioctls with arguments good
 * and bad, devices that come, attach and do DMA, reads and writes of the queues' files, what a
 * guest has in its memory) on two contexts. Allocations fail, and structures change while they are
 * read.
 *
 * What must hold: nothing crashes, and once all is closed nothing of the program is referenced or
 * pinned (hostile.h).
 *
 * Input: one byte of options, then steps; each takes what it needs, and an input that ends early
 * reads as zeros. tests/fuzz/make_corpus.py writes the same format.
 */
#include <stdbool.h>
#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>
#include <uiommufd/vfio.h>

#include "../lib/failure.h"
#include "fuzz.h"
#include "guest_data.h"
#include "hostile.h"
#include "iommu/iommu.h"
#include "mock/test_abi.h"
#include "require.h"
#include "shape.h"

enum {
	ENDPOINTS = 4, /* behind two IOMMUs of two kinds */
	CONTEXTS = 2,
	MAX_STEPS = 256,
};

struct fuzz_state {
	struct hostile program;
	struct uiommufd *ctx[CONTEXTS];
	unsigned int now; /* the context that calls go to */
	unsigned int open_flags;
	struct uiommufd_endpoint *endpoints[ENDPOINTS];
	bool bound[ENDPOINTS];
	struct fuzz_input input;
};

/* ---- the steps ---- */

/* What follows the size of IOMMU_TEST_CMD: one of its operations, and a little more. */
static unsigned int fill_test(struct fuzz_input *input, unsigned char *to)
{
	unsigned int op = fuzz_byte(input) % 25;
	unsigned int at;

	memcpy(to + 4, &op, sizeof(op));
	at = shape_fill(input, "iz", to, 8);
	shape_fill(input, shape_of_test(op), to, at);
	return 72;
}

/*
 * One call. Bits of @how: 0-2 all set: another size than the structure's; 3: an allocation fails;
 * 4: another thread changes what was read; 5: a size that is not true; 7: the end of the structure
 * cannot be read.
 */
static void step_ioctl(struct fuzz_state *state)
{
	struct fuzz_input *input = &state->input;
	const struct shape_command *command =
		&shape_iommufd[fuzz_byte(input) % SHAPE_IOMMUFD_COMMANDS];
	unsigned int how = fuzz_byte(input), len;
	unsigned char bytes[SHAPE_LARGEST] = {0};
	uint64_t at;

	if (how & 8)
		failure_arm(1u + fuzz_byte(input) % 64);
	state->program.race = how & 16 ? fuzz_byte(input) : 0;
	len = command->shape ? shape_fill(input, command->shape, bytes, 4)
			     : fill_test(input, bytes);
	if ((how & 7) == 7)
		len = fuzz_byte(input) % SHAPE_LARGEST;
	memcpy(bytes, &len, sizeof(len));
	if (how & 32)
		bytes[0] = fuzz_byte(input);
	at = hostile_place(bytes, len, how);
	if (command->shape && !*command->shape)
		at = fuzz_byte(input) % 16;
	uiommufd_ioctl(state->ctx[state->now], &state->program.caller, command->cmd, at);
	failure_disarm();
	state->program.race = 0;
}

static void step_raw_ioctl(struct fuzz_state *state)
{
	unsigned int cmd = (unsigned int)fuzz_bytes(&state->input, 2);

	uiommufd_ioctl(state->ctx[state->now], &state->program.caller, cmd,
		       hostile_word(&state->input));
}

static void step_endpoint(struct fuzz_state *state)
{
	unsigned int how = fuzz_byte(&state->input), index = how % ENDPOINTS;
	struct uiommufd_endpoint *endpoint = state->endpoints[index];
	uint32_t pt_id, pasid = how & 128 ? 1 + (how >> 4 & 3) : UIOMMUFD_NO_PASID;

	switch (how / ENDPOINTS % 4) {
	case 0:
		if (!uiommufd_endpoint_bind(endpoint, state->ctx[state->now], &pt_id))
			state->bound[index] = true;
		break;
	case 1:
		if (state->bound[index])
			uiommufd_endpoint_unbind(endpoint);
		state->bound[index] = false;
		break;
	case 2:
		pt_id = fuzz_byte(&state->input) & 31u;
		uiommufd_endpoint_attach(endpoint, pasid, &pt_id);
		break;
	default:
		if (state->bound[index])
			uiommufd_endpoint_detach(endpoint, pasid);
		break;
	}
}

static void step_dma(struct fuzz_state *state)
{
	static uint8_t buffer[3 * 4096];
	unsigned int how = fuzz_byte(&state->input);
	struct uiommufd_endpoint *endpoint = state->endpoints[how % ENDPOINTS];
	uint32_t pasid = how & 128 ? 1 + (how >> 4 & 3) : UIOMMUFD_NO_PASID;
	uint64_t iova = shape_iova(&state->input) + (how >> 6 & 1);
	size_t len = fuzz_bytes(&state->input, 2) % sizeof(buffer);
	uint64_t run = 0;
	void *addr;

	switch (how / ENDPOINTS % 4) {
	case 0:
		uiommufd_dma_read(endpoint, pasid, iova, buffer, len);
		break;
	case 1:
		uiommufd_dma_write(endpoint, pasid, iova, buffer, len);
		break;
	default:
		if (!uiommufd_translate(endpoint, pasid, iova, UIOMMUFD_PROT_READ, &addr, &run))
			require(run);
		break;
	}
}

static bool open_context(struct fuzz_state *state)
{
	struct uiommufd_options options = {.size = sizeof(options), .flags = state->open_flags};

	return uiommufd_open(&options, &state->ctx[state->now]) == 0;
}

/*
 * The other context; or closes this one while devices and queues may still hold it, and opens
 * another.
 */
static bool step_context(struct fuzz_state *state)
{
	if (fuzz_byte(&state->input) & 1) {
		state->now = !state->now;
		return state->ctx[state->now] || open_context(state);
	}
	uiommufd_close(state->ctx[state->now]);
	state->ctx[state->now] = NULL;
	return open_context(state);
}

static void step_show(void)
{
	char *json;

	if (!uiommufd_show(4, &json))
		uiommufd_free(json);
}

static bool step(struct fuzz_state *state)
{
	switch (fuzz_byte(&state->input) % 16) {
	case 7:
		step_show();
		return true;
	case 8:
		guest_data_write(&state->input);
		return true;
	case 9:
		hostile_fill(&state->input);
		return true;
	case 10:
		step_raw_ioctl(state);
		return true;
	case 11:
		step_endpoint(state);
		return true;
	case 12:
	case 13:
		step_dma(state);
		return true;
	case 14:
		hostile_use_file(&state->program, &state->input);
		return true;
	case 15:
		return step_context(state);
	default:
		step_ioctl(state);
		return true;
	}
}

/* ---- one input ---- */

/* Two endpoints behind an IOMMU of the kind @index, counted round. */
static bool create_endpoints(struct fuzz_state *state, size_t index, unsigned int from)
{
	struct uiommufd_iommu *iommu;
	size_t kinds = 0;
	bool ok;

	while (iommu_kind_at(kinds))
		kinds++;
	if (uiommufd_iommu_create(iommu_kind_name(iommu_kind_at(index % kinds)), "fuzz", &iommu))
		return false;
	ok = uiommufd_endpoint_create(iommu, "one", &state->endpoints[from]) == 0 &&
	     uiommufd_endpoint_create(iommu, "two", &state->endpoints[from + 1]) == 0;
	uiommufd_iommu_put(iommu);
	return ok;
}

static bool start_state(struct fuzz_state *state, const uint8_t *data, size_t size)
{
	unsigned int options;

	memset(state, 0, sizeof(*state));
	state->input = (struct fuzz_input){.data = data, .left = size};
	hostile_start(&state->program);

	options = fuzz_byte(&state->input);
	state->open_flags = options & 7u;
	return create_endpoints(state, options >> 3, 0) &&
	       create_endpoints(state, (options >> 3) + 1, 2) && open_context(state);
}

static void finish_state(struct fuzz_state *state)
{
	for (int i = 0; i < CONTEXTS; i++)
		uiommufd_close(state->ctx[i]);
	for (int i = 0; i < ENDPOINTS; i++)
		if (state->endpoints[i])
			uiommufd_endpoint_destroy(state->endpoints[i]);
	hostile_finish(&state->program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_state state;

	if (start_state(&state, data, size))
		for (int i = 0; i < MAX_STEPS && state.input.left; i++)
			if (!step(&state))
				break;
	finish_state(&state);
	return 0;
}

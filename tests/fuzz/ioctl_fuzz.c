/* SPDX-License-Identifier: MIT */
/*
 * A hostile program against the user API: the input is a list of steps (ioctls with arguments good
 * and bad, devices that come, attach and do DMA, reads and writes of the queues' files) on one
 * context.
 *
 * What must hold: nothing crashes, and once all is closed nothing of the program is referenced or
 * pinned (hostile.h).
 *
 * Input: one byte of options, then steps; each takes what it needs, and an input that ends early
 * reads as zeros. tests/fuzz/make_corpus.py writes the same format.
 */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "fuzz.h"
#include "hostile.h"
#include "iommu/iommu.h"

enum {
	ENDPOINTS = 2,
	MAX_STEPS = 256,
};

struct fuzz_state {
	struct hostile program;
	struct uiommufd *ctx;
	unsigned int open_flags;
	struct uiommufd_endpoint *endpoints[ENDPOINTS];
	bool bound[ENDPOINTS];
	struct fuzz_input input;
};

/* ---- the steps ---- */

struct command {
	unsigned int cmd;
	unsigned int size;
};

#define IOMMU_COMMAND(number, type)                          \
	{                                                    \
		.cmd = (number), .size = sizeof(struct type) \
	}

static const struct command commands[] = {
	IOMMU_COMMAND(IOMMU_DESTROY, iommu_destroy),
	IOMMU_COMMAND(IOMMU_IOAS_ALLOC, iommu_ioas_alloc),
	IOMMU_COMMAND(IOMMU_IOAS_ALLOW_IOVAS, iommu_ioas_allow_iovas),
	IOMMU_COMMAND(IOMMU_IOAS_COPY, iommu_ioas_copy),
	IOMMU_COMMAND(IOMMU_IOAS_IOVA_RANGES, iommu_ioas_iova_ranges),
	IOMMU_COMMAND(IOMMU_IOAS_MAP, iommu_ioas_map),
	IOMMU_COMMAND(IOMMU_IOAS_UNMAP, iommu_ioas_unmap),
	IOMMU_COMMAND(IOMMU_OPTION, iommu_option),
	IOMMU_COMMAND(IOMMU_VFIO_IOAS, iommu_vfio_ioas),
	IOMMU_COMMAND(IOMMU_HWPT_ALLOC, iommu_hwpt_alloc),
	IOMMU_COMMAND(IOMMU_GET_HW_INFO, iommu_hw_info),
	IOMMU_COMMAND(IOMMU_HWPT_SET_DIRTY_TRACKING, iommu_hwpt_set_dirty_tracking),
	IOMMU_COMMAND(IOMMU_HWPT_GET_DIRTY_BITMAP, iommu_hwpt_get_dirty_bitmap),
	IOMMU_COMMAND(IOMMU_HWPT_INVALIDATE, iommu_hwpt_invalidate),
	IOMMU_COMMAND(IOMMU_FAULT_QUEUE_ALLOC, iommu_fault_alloc),
	IOMMU_COMMAND(IOMMU_IOAS_MAP_FILE, iommu_ioas_map_file),
	IOMMU_COMMAND(IOMMU_VIOMMU_ALLOC, iommu_viommu_alloc),
	IOMMU_COMMAND(IOMMU_VDEVICE_ALLOC, iommu_vdevice_alloc),
	IOMMU_COMMAND(IOMMU_IOAS_CHANGE_PROCESS, iommu_ioas_change_process),
	IOMMU_COMMAND(IOMMU_VEVENTQ_ALLOC, iommu_veventq_alloc),
	IOMMU_COMMAND(IOMMU_HW_QUEUE_ALLOC, iommu_hw_queue_alloc),
	/* New commands are added at the end: an input names them by index. */
	{.cmd = 0x3BA0, .size = 72}, /* IOMMU_TEST_CMD */
	{.cmd = 0x3BC0, .size = 24}, /* IOMMU_RESV_IOVA_RANGES */
	{.cmd = 0x3BC1, .size = 32}, /* IOMMU_DEV_IOVA_RANGES */
	{.cmd = 0x3BC2, .size = 64}, /* IOMMU_IOVA_LOOKUP */
	{.cmd = 0x3B70, .size = 24}, /* VFIO_IOMMU_GET_INFO */
	{.cmd = 0x3B71, .size = 32}, /* VFIO_IOMMU_MAP_DMA */
	{.cmd = 0x3B72, .size = 24}, /* VFIO_IOMMU_UNMAP_DMA */
	{.cmd = 0x3B75, .size = 40}, /* VFIO_IOMMU_DIRTY_PAGES */
};

enum {
	LARGEST = 128, /* bytes of a structure, with room for an unknown tail */
};

static void step_ioctl(struct fuzz_state *state)
{
	struct fuzz_input *input = &state->input;
	const struct command *command =
		&commands[fuzz_byte(input) % (sizeof(commands) / sizeof(commands[0]))];
	uint64_t words[LARGEST / 8] = {0};
	unsigned int how = fuzz_byte(input), len;
	uint32_t size = command->size, second;
	uint64_t at;

	if (how % 8 == 7)
		size = fuzz_byte(input);
	second = fuzz_byte(input);
	words[0] = size | (uint64_t)second << 32;
	len = size < LARGEST ? size : LARGEST;
	for (unsigned int i = 1; i < (len + 7) / 8; i++)
		words[i] = hostile_word(input);

	at = hostile_place(words, len, how);
	uiommufd_ioctl(state->ctx, &state->program.caller, command->cmd, at);
}

static void step_raw_ioctl(struct fuzz_state *state)
{
	unsigned int cmd = (unsigned int)fuzz_bytes(&state->input, 2);

	uiommufd_ioctl(state->ctx, &state->program.caller, cmd, hostile_word(&state->input));
}

static void step_endpoint(struct fuzz_state *state)
{
	unsigned int how = fuzz_byte(&state->input), index = how % ENDPOINTS;
	struct uiommufd_endpoint *endpoint = state->endpoints[index];
	uint32_t pt_id, pasid = how & 128 ? 1 + (how >> 5 & 3) : UIOMMUFD_NO_PASID;

	switch (how / ENDPOINTS % 4) {
	case 0:
		if (!uiommufd_endpoint_bind(endpoint, state->ctx, &pt_id))
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
	uint32_t pasid = how & 128 ? 1 + (how >> 5 & 3) : UIOMMUFD_NO_PASID;
	uint64_t iova = hostile_word(&state->input) + (how >> 4 & 1);
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
			assert(run);
		break;
	}
}

static bool open_context(struct fuzz_state *state)
{
	struct uiommufd_options options = {.size = sizeof(options), .flags = state->open_flags};

	return uiommufd_open(&options, &state->ctx) == 0;
}

/* Closes the iommufd while devices and queues may still hold it, and opens another. */
static bool step_reopen(struct fuzz_state *state)
{
	uiommufd_close(state->ctx);
	state->ctx = NULL;
	return open_context(state);
}

static bool step(struct fuzz_state *state)
{
	switch (fuzz_byte(&state->input) % 16) {
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
		return step_reopen(state);
	default:
		step_ioctl(state);
		return true;
	}
}

/* ---- one input ---- */

static bool start_state(struct fuzz_state *state, const uint8_t *data, size_t size)
{
	struct uiommufd_iommu *iommu;
	const struct iommu_kind *kind;
	unsigned int options;
	size_t kinds = 0;
	bool ok = true;

	memset(state, 0, sizeof(*state));
	state->input = (struct fuzz_input){.data = data, .left = size};
	hostile_start(&state->program);

	options = fuzz_byte(&state->input);
	state->open_flags = options & 7u;
	while (iommu_kind_at(kinds))
		kinds++;
	kind = iommu_kind_at((options >> 3) % kinds);
	if (uiommufd_iommu_create(iommu_kind_name(kind), "fuzz", &iommu))
		return false;
	for (int i = 0; i < ENDPOINTS; i++)
		ok = ok &&
		     uiommufd_endpoint_create(iommu, i ? "two" : "one", &state->endpoints[i]) == 0;
	uiommufd_iommu_put(iommu);
	return ok && open_context(state);
}

static void finish_state(struct fuzz_state *state)
{
	uiommufd_close(state->ctx);
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

/* SPDX-License-Identifier: MIT */
/*
 * Signal frames hold the vector registers as XSAVE lays them out (Intel SDM 1, 13.4): xmm in the
 * legacy area, the upper parts in components at offsets that CPUID tells. A component whose bit of
 * XSTATE_BV is clear is in its initial state, all 0, whatever the frame holds.
 */
#include "preload/trap/insn_vector.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <stdint.h>
#include <string.h>

enum {
	COMPONENT_YMM = 2,     /* bits 128..255 of 0..15 */
	COMPONENT_ZMM = 6,     /* bits 256..511 of 0..15 */
	COMPONENT_ZMM_16 = 7,  /* 16..31 */
	LEGACY_XMM = 160,      /* offsets in the frame */
	LEGACY_SOFTWARE = 464, /* what the kernel says of the rest: struct _fpx_sw_bytes */
	HEADER_XSTATE_BV = 512,
	CPUID_XSTATE = 0xd,
};
#define SOFTWARE_MAGIC UINT32_C(0x46505853)

/* Where @component is in the frame at @frame; NULL if the frame does not have it. */
static uint8_t *find_component(uint8_t *frame, unsigned int component)
{
	struct {
		uint32_t magic, extended_size;
		uint64_t features;
	} software;
	unsigned int size, off, c, d;

	memcpy(&software, frame + LEGACY_SOFTWARE, sizeof(software));
	if (software.magic != SOFTWARE_MAGIC || !(software.features >> component & 1) ||
	    !__get_cpuid_count(CPUID_XSTATE, component, &size, &off, &c, &d) ||
	    (uint64_t)off + size > software.extended_size)
		return NULL;
	return frame + off;
}

static bool in_use(const uint8_t *frame, unsigned int component)
{
	uint64_t bv;

	memcpy(&bv, frame + HEADER_XSTATE_BV, sizeof(bv));
	return bv >> component & 1;
}

/* Takes @component, @len bytes at @place, out of its initial state, as zeros. */
static void leave_initial_state(uint8_t *frame, unsigned int component, uint8_t *place, size_t len)
{
	uint64_t bv;

	if (in_use(frame, component))
		return;
	memset(place, 0, len);
	memcpy(&bv, frame + HEADER_XSTATE_BV, sizeof(bv));
	bv |= UINT64_C(1) << component;
	memcpy(frame + HEADER_XSTATE_BV, &bv, sizeof(bv));
}

/* Where a part of a register is kept. */
struct part {
	unsigned int component;
	unsigned int at, len; /* in the register */
	unsigned int stride;  /* of registers in the component */
	unsigned int count;
};

static const struct part upper_parts[] = {
	{COMPONENT_YMM, 16, 16, 16, 16},
	{COMPONENT_ZMM, 32, 32, 32, 16},
};
enum {
	UPPER_PARTS = sizeof(upper_parts) / sizeof(upper_parts[0])
};
static const struct part whole_part = {COMPONENT_ZMM_16, 0, 64, 64, 16};

static bool part_get(uint8_t *frame, const struct part *part, unsigned int n, uint8_t *reg)
{
	uint8_t *place = find_component(frame, part->component);

	if (!place)
		return false;
	if (in_use(frame, part->component))
		memcpy(reg + part->at, place + n * part->stride, part->len);
	else
		memset(reg + part->at, 0, part->len);
	return true;
}

static bool part_set(uint8_t *frame, const struct part *part, unsigned int n, const uint8_t *reg)
{
	uint8_t *place = find_component(frame, part->component);

	if (!place)
		return false;
	leave_initial_state(frame, part->component, place, part->stride * part->count);
	memcpy(place + n * part->stride, reg + part->at, part->len);
	return true;
}

static uint8_t *frame_of(const ucontext_t *context)
{
	return (uint8_t *)context->uc_mcontext.fpregs;
}

bool vector_get(const ucontext_t *context, unsigned int n, unsigned int bytes, void *buf)
{
	uint8_t *frame = frame_of(context), *reg = buf;

	memset(reg, 0, VECTOR_BYTES);
	if (!frame)
		return false;
	if (n >= 16)
		return part_get(frame, &whole_part, n - 16, reg);
	memcpy(reg, frame + LEGACY_XMM + n * XMM_BYTES, XMM_BYTES);
	for (size_t i = 0; i < UPPER_PARTS; i++) {
		if (!part_get(frame, &upper_parts[i], n, reg) && upper_parts[i].at < bytes)
			return false;
	}
	return true;
}

bool vector_set(ucontext_t *context, unsigned int n, unsigned int bytes, const void *buf,
		bool clear)
{
	uint8_t *frame = frame_of(context);
	uint8_t reg[VECTOR_BYTES];

	if (!vector_get(context, n, bytes, reg))
		return false;
	memcpy(reg, buf, bytes);
	if (clear)
		memset(reg + bytes, 0, VECTOR_BYTES - bytes);
	if (n >= 16)
		return part_set(frame, &whole_part, n - 16, reg);
	memcpy(frame + LEGACY_XMM + n * XMM_BYTES, reg, XMM_BYTES);
	/* A part that the processor does not have need not be cleared. */
	for (size_t i = 0; i < UPPER_PARTS; i++) {
		if (bytes > upper_parts[i].at || clear)
			(void)part_set(frame, &upper_parts[i], n, reg);
	}
	return true;
}

#endif

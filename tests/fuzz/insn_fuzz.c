/* SPDX-License-Identifier: MIT */
/*
 * Instructions at a mapped register: any bytes, any state of the thread, and memory that may refuse
 * any access.
 *
 * What must hold: an instruction that is not emulated, or whose first access is refused, changes
 * nothing; one that is done continues behind itself, or at itself if its rep goes on; and all
 * accesses are to the operand, or to what rsi and rdi point to.
 *
 * Input: 1 byte how many accesses succeed (255: all), 15 bytes of code, 1 byte how many of them can
 * be read, then registers, 8 bytes each, and the state of the vector registers.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "preload/trap/insn.h"
#include "require.h"

#if defined(__x86_64__)

enum {
	ALL = 255,
	FRAME_BYTES = 4096,
	LEGACY_SOFTWARE = 464, /* what the kernel says of the frame */
	LARGEST_ACCESS = 64,
};

static unsigned int allowed; /* accesses that succeed from now on */
static unsigned int done;

static int access_memory(size_t len)
{
	require(len && len <= LARGEST_ACCESS);
	if (!allowed)
		return -1;
	if (allowed != ALL)
		allowed--;
	done++;
	return 0;
}

static int memory_read(uint64_t addr, void *buf, size_t len)
{
	if (access_memory(len))
		return -1;
	memset(buf, (int)addr, len);
	return 0;
}

static int memory_write(uint64_t addr, const void *buf, size_t len)
{
	static volatile uint8_t sum;

	(void)addr;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)buf)[i]);
	return access_memory(len);
}

/* Half of the frames say that they have all that the processor has. */
static void fill_frame(struct fuzz_input *input, uint8_t *frame)
{
	const struct {
		uint32_t magic, size;
		uint64_t features;
	} software = {0x46505853, FRAME_BYTES, UINT64_MAX};

	memset(frame, fuzz_byte(input), FRAME_BYTES);
	for (size_t i = 0; i < 1024; i += 8) {
		uint64_t value = fuzz_bytes(input, 8);

		memcpy(frame + i, &value, sizeof(value));
	}
	if (fuzz_byte(input) & 1)
		memcpy(frame + LEGACY_SOFTWARE, &software, sizeof(software));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};
	static uint8_t frame[FRAME_BYTES] __attribute__((aligned(64))), before[FRAME_BYTES];
	struct fuzz_input input = {data, size};
	uint8_t code[INSN_MAX_BYTES];
	ucontext_t context, was;
	enum insn_result result;
	size_t len;

	allowed = fuzz_byte(&input);
	done = 0;
	for (int i = 0; i < INSN_MAX_BYTES; i++)
		code[i] = fuzz_byte(&input);
	len = fuzz_byte(&input) % (INSN_MAX_BYTES + 1);
	memset(&context, 0, sizeof(context));
	for (size_t i = 0; i < NGREG; i++)
		context.uc_mcontext.gregs[i] = (greg_t)fuzz_bytes(&input, 8);
	fill_frame(&input, frame);
	context.uc_mcontext.fpregs = (fpregset_t)frame;
	was = context;
	memcpy(before, frame, sizeof(before));

	result = insn_emulate(code, len, &context, fuzz_bytes(&input, 8), &memory);
	if (result == INSN_UNKNOWN || (result == INSN_REFUSED && !done)) {
		require(!memcmp(&was.uc_mcontext.gregs, &context.uc_mcontext.gregs,
				sizeof(was.uc_mcontext.gregs)));
		require(!memcmp(before, frame, sizeof(before)));
		require(result == INSN_REFUSED || !done);
	} else if (result == INSN_DONE) {
		uint64_t moved = (uint64_t)context.uc_mcontext.gregs[REG_RIP] -
				 (uint64_t)was.uc_mcontext.gregs[REG_RIP];

		require(moved <= len);
	}
	return 0;
}

#else

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)data, (void)size;
	return 0;
}

#endif

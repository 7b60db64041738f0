/* SPDX-License-Identifier: MIT */
/* No state. */
#include "preload/trap/trap_copy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "preload/trap/insn.h"

/* The largest naturally aligned access at @offset of at most @len bytes. */
static unsigned int access_size(uint64_t offset, size_t len)
{
	unsigned int size = 8;

	assert(len);
	while (size > len || !is_aligned(offset, size))
		size /= 2;
	return size;
}

int trap_copy_read(const struct file_trap_ops *ops, void *cookie, uint64_t offset, uint8_t *buf,
		   size_t len)
{
	unsigned int size;
	uint64_t value;
	int rc;

	for (size_t at = 0; at < len; at += size) {
		size = access_size(offset + at, len - at);
		rc = ops->read(cookie, offset + at, size, &value);
		if (rc)
			return rc;
		memcpy(buf + at, &value, size);
	}
	return 0;
}

int trap_copy_write(const struct file_trap_ops *ops, void *cookie, uint64_t offset,
		    const uint8_t *buf, size_t len)
{
	unsigned int size;
	int rc;

	for (size_t at = 0; at < len; at += size) {
		uint64_t value = 0;

		size = access_size(offset + at, len - at);
		memcpy(&value, buf + at, size);
		rc = ops->write(cookie, offset + at, size, value);
		if (rc)
			return rc;
	}
	return 0;
}

/* As a disassembler shows it. */
static void describe(const uint8_t *code, char text[3 * INSN_MAX_BYTES + 1])
{
#if defined(__aarch64__)
	uint32_t word;

	memcpy(&word, code, sizeof(word));
	snprintf(text, 3 * INSN_MAX_BYTES + 1, " %08x", word);
#else
	for (size_t i = 0; i < INSN_MAX_BYTES; i++)
		snprintf(text + 3 * i, 4, " %02x", code[i]);
#endif
}

void trap_copy_report_unknown(const char *file, uint64_t offset, uint64_t pc, const uint8_t *code)
{
	char text[3 * INSN_MAX_BYTES + 1];

	describe(code, text);
	log_mistake(
		"register-access",
		"%s: the instruction at 0x%llx (%s ) accesses the mapping of offset 0x%llx in a "
		"way that is not emulated: SIGBUS. Access registers by moves of 1, 2, 4 or 8 "
		"bytes",
		file, (unsigned long long)pc, text, (unsigned long long)offset);
}

void trap_copy_report_misaligned(const char *file, uint64_t offset, uint64_t pc,
				 const uint8_t *code)
{
	char text[3 * INSN_MAX_BYTES + 1];

	describe(code, text);
	log_mistake(
		"register-access",
		"%s: the instruction at 0x%llx (%s ) accesses the mapping of offset 0x%llx, which "
		"is not aligned to its size: SIGBUS, as for all device memory. Access registers "
		"by aligned moves of 1, 2, 4 or 8 bytes, which memcpy() may not do",
		file, (unsigned long long)pc, text, (unsigned long long)offset);
}

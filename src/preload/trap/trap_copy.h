/* SPDX-License-Identifier: MIT */
/* Bytes of a mapping whose accesses are trapped, by the operations of its file. */
#ifndef PRELOAD_TRAP_TRAP_COPY_H
#define PRELOAD_TRAP_TRAP_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

/* Each is a row of naturally aligned accesses. 0, or what the first that failed returned. */
int trap_copy_read(const struct file_trap_ops *ops, void *cookie, uint64_t offset, uint8_t *buf,
		   size_t len);
int trap_copy_write(const struct file_trap_ops *ops, void *cookie, uint64_t offset,
		    const uint8_t *buf, size_t len);

/*
 * Reports an instruction at @pc that is not emulated, of INSN_MAX_BYTES bytes; and one that is not,
 * because its access is not aligned.
 */
void trap_copy_report_unknown(const char *file, uint64_t offset, uint64_t pc, const uint8_t *code);
void trap_copy_report_misaligned(const char *file, uint64_t offset, uint64_t pc,
				 const uint8_t *code);

#endif

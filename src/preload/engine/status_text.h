/* SPDX-License-Identifier: MIT */
/* What the kernel does not know in /proc/PID/status: memory that is pinned and locked for DMA. */
#ifndef PRELOAD_ENGINE_STATUS_TEXT_H
#define PRELOAD_ENGINE_STATUS_TEXT_H

#include <stdint.h>
#include <sys/types.h>

/* The number of the process whose status @path names, of the program @self; 0: it names none. */
pid_t status_text_process(const char *path, pid_t self);

/*
 * Writes @text, a whole status, to @fd with @pinned pages more in VmPin and @locked more in VmLck,
 * and goes back to its start. 0 or a negative errno; -ENOENT: @text has no such lines.
 */
int status_text_write(int fd, const char *text, uint64_t pinned, uint64_t locked);

#endif

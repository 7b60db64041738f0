/* SPDX-License-Identifier: MIT */
/* The memory of a program in another process, with the rights that the program has to it. */
#ifndef SERVER_PROGRAM_MEMORY_H
#define SERVER_PROGRAM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/client.h"

/*
 * Copies @len bytes between @buf and address @addr of the thread that waits. 0; -EFAULT: a byte
 * cannot be reached, or the thread does not wait any more.
 *
 * A first word is often the size of a structure, which is read next from the same place: both come
 * from one copy.
 */
int program_memory_read(struct request *request, void *buf, uint64_t addr, size_t len);
int program_memory_write(struct request *request, uint64_t addr, const void *buf, size_t len);

/*
 * Copies the string at @addr of the program. Its length; -EFAULT; -ENAMETOOLONG: it does not end
 * within @size bytes.
 */
int program_memory_read_string(struct request *request, char *to, uint64_t addr, size_t size);

/*
 * Whether all pages of [@va, @va + @len) of @client are mapped readable and, with @write, writable;
 * they become present, and its own where a file is mapped privately. 0, -EFAULT, -ENOMEM.
 */
int program_memory_check(const struct client *client, uint64_t va, uint64_t len, bool write);

#endif

/* SPDX-License-Identifier: MIT */
/* The memory of this process, reached in ways that make a bad address an error, never a signal. */
#ifndef MEM_SELF_H
#define MEM_SELF_H

#include <stddef.h>
#include <stdint.h>

/*
 * Copy @len bytes from, and to, addresses of this process that may be bad. 0, or -EFAULT: the bytes
 * before the bad page have been copied.
 */
int self_read(void *dst, uint64_t src, size_t len);
int self_write(uint64_t dst, const void *src, size_t len);

/* The limit of locked memory of this process is @bytes, whatever the kernel says. */
void self_set_memlock_limit(uint64_t bytes);

#endif

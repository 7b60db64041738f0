/* SPDX-License-Identifier: MIT */
/* Memory of this process, reached so that a bad address is an error and never a signal. */
#ifndef MEM_SELF_H
#define MEM_SELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies @len bytes from, and to, addresses of this process that may be bad. 0 or -EFAULT; bytes
 * before the bad page have been copied. */
int self_read(void *dst, uint64_t src, size_t len);
int self_write(uint64_t dst, const void *src, size_t len);

/* Makes whole pages present with the right asked for. 0, -EFAULT, -ENOMEM. */
int self_populate(uint64_t va, uint64_t len, bool write);

#endif

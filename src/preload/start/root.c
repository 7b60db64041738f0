/* SPDX-License-Identifier: MIT */
/*
 * Invariant: once set, the root never changes. It may be set twice at the same time, with the same
 * value (start/real.c); its length is stored last.
 */
#include "preload/start/root.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "preload/start/layout.h"

static char root[ROOT_MAX + 1];
static _Atomic size_t root_len; /* 0: there is none */

static size_t length(void)
{
	return atomic_load_explicit(&root_len, memory_order_acquire);
}

void root_init(void)
{
	const char *value = getenv(LAYOUT_ROOT_VARIABLE);
	size_t len = value ? strlen(value) : 0;

	if (!len || len > ROOT_MAX || value[0] != '/')
		return;
	/* In a sandbox with other file systems the machine is not there. */
	if (sys_call_made(SYS_faccessat, AT_FDCWD, (long)value, F_OK, 0, 0, 0) == -ENOENT)
		return;
	assert(!length() || strcmp(root, value) == 0);
	memcpy(root, value, len);
	atomic_store_explicit(&root_len, len, memory_order_release);
}

bool root_active(void)
{
	return length() != 0;
}

const char *root_path(void)
{
	return root;
}

const char *root_strip(const char *text)
{
	const size_t len = length();

	if (!len || strncmp(text, root, len) != 0)
		return NULL;
	if (text[len] == '\0')
		return "/";
	return text[len] == '/' ? text + len : NULL;
}

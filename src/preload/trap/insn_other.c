/* SPDX-License-Identifier: MIT */
/* See insn_other.h. */
#include "preload/trap/insn_other.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"

#if defined(__x86_64__)

static const char *chosen;

void insn_other_set_path(const char *path)
{
	chosen = path;
}

static void *open_module(void)
{
	char path[PATH_MAX] = "";
	const char *slash;
	Dl_info own;

	if (chosen)
		return dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
	if (!dladdr((void *)insn_other_load, &own))
		return NULL;
	slash = strrchr(own.dli_fname, '/');
	if (!slash || snprintf(path, sizeof(path), "%.*s/" INSN_LIBRARY,
			       (int)(slash - own.dli_fname), own.dli_fname) >= PATH_MAX)
		return NULL;
	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static void load(void)
{
	insn_start_fn *start = NULL;
	void *module, *symbol, *space = NULL;
	size_t size;

	/* To open files may end a program that confines itself; everyday instructions need none. */
	if (sys_confined())
		return;
	module = open_module();
	symbol = module ? dlsym(module, INSN_START) : NULL;
	if (!symbol) {
		log_debug("no " INSN_LIBRARY ": %s", dlerror());
		return;
	}
	memcpy(&start, &symbol, sizeof(start));
	(void)start(NULL, &size);
	if (sys_mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0, &space))
		return;
	insn_set_other(start(space, &size));
}

void insn_other_load(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, load);
}

#else

void insn_other_set_path(const char *path)
{
	(void)path;
}

void insn_other_load(void)
{
}

#endif

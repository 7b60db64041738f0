/* SPDX-License-Identifier: MIT */
/*
 * Functions that a program takes from the C library's own handle (Python's ctypes, .NET, JNA), or a
 * plug-in that looks for symbols among its own libraries first (RTLD_DEEPBIND), would be the C
 * library's and not ours.
 *
 * What dlsym() and dlopen() do depends on who calls them, which they read from their return
 * address. So the entries are instructions that jump to the C library's function as if they had
 * not been there; only dlsym() with a real handle, which does not depend on it, is a call.
 */
#include "preload/start/real.h"

#if defined(REAL_SYSCALL_IS_REPLACED) && defined(__GLIBC__)

#include <dlfcn.h>
#include <string.h>

#include "preload/start/root.h"
#include "preload/trap/user_dispatch.h"

typedef void *dlsym_function(void *handle, const char *name);
typedef void *dlopen_function(const char *path, int flags);

/* For the instructions below; looked up by dl_init(). */
extern dlsym_function *dl_real_dlsym;
extern dlopen_function *dl_real_dlopen;
void dl_init(void);
void *dl_find(void *handle, const char *name);
int dl_flags(int flags);

dlsym_function *dl_real_dlsym;
dlopen_function *dl_real_dlopen;

/* The addresses of the replacing functions, whatever their types are. */
#define INTERPOSED(name, family, why)	   extern const char replacing_##name[] __asm__(#name);
#define INTERPOSED_REAL(name, family, why) extern const char replacing_##name[] __asm__(#name);
#define INTERPOSED_ALIAS(name, family, of) extern const char replacing_##name[] __asm__(#name);
#include "preload/start/interposed.def"

static const struct {
	const char *name;
	const char *function;
} replaced[] = {
#define INTERPOSED(name, family, why)	   {#name, replacing_##name},
#define INTERPOSED_REAL(name, family, why) {#name, replacing_##name},
#define INTERPOSED_ALIAS(name, family, of) {#name, replacing_##name},
#include "preload/start/interposed.def"
};

/* The function of ours in place of @name; NULL: there is none. */
static void *replacing(const char *name)
{
	for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++) {
		if (strcmp(replaced[i].name, name) == 0)
			return (void *)replaced[i].function;
	}
	return NULL;
}

/* Whether the C library is what @function is in. */
static bool in_libc(const void *function)
{
	Dl_info libc, found;

	return dladdr((void *)dl_real_dlsym, &libc) && dladdr(function, &found) &&
	       libc.dli_fbase == found.dli_fbase;
}

/* Does not call dlsym(), which is ours. */
void dl_init(void)
{
	if (!dl_real_dlsym)
		dl_real_dlsym = (dlsym_function *)dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
	if (!dl_real_dlsym)
		dl_real_dlsym = (dlsym_function *)dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
	dl_real_dlopen = (dlopen_function *)dl_real_dlsym(RTLD_NEXT, "dlopen");
}

/* Whether the library that @code is in has the function @name itself. */
static bool has_function(const void *code, const char *name)
{
	Dl_info library, found;
	const void *function;
	void *handle;

	/* A program has no handle by its name. */
	if (!dladdr(code, &library))
		return false;
	handle = dl_real_dlopen(library.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	if (!handle)
		return false;
	function = dl_real_dlsym(handle, name);
	dlclose(handle);
	return function && dladdr(function, &found) && found.dli_fbase == library.dli_fbase;
}

/*
 * Whether ours may go on to the @name of the library that @caller is in, which stands behind us and
 * wants the C library's: were it given ours, the call would go round and round.
 */
static bool goes_on_to(const void *caller, const char *name)
{
	const void *next = dl_real_dlsym(RTLD_NEXT, name);

	return next && !in_libc(next) && has_function(caller, name);
}

/* dlsym() with @handle of a library, which jumps here. */
void *dl_find(void *handle, const char *name)
{
	const void *caller = __builtin_return_address(0);
	void *found, *ours;

	dl_init();
	found = dl_real_dlsym(handle, name);
	if (!found)
		return NULL;
	preload_ready();
	ours = root_active() ? replacing(name) : NULL;
	return ours && in_libc(found) && !goes_on_to(caller, name) ? ours : found;
}

/* The flags of dlopen() that the program may have. */
int dl_flags(int flags)
{
	dl_init();
	preload_ready();
	user_dispatch_may_open();
	return root_active() ? flags & ~RTLD_DEEPBIND : flags;
}

#define NAKED  __attribute__((naked))
#define UNUSED __attribute__((unused))

/* RTLD_DEFAULT is 0, RTLD_NEXT is -1. */
EXPORT NAKED void *dlsym(void *handle UNUSED, const char *name UNUSED)
{
	__asm__("leaq 1(%rdi), %rax\n\t"
		"cmpq $1, %rax\n\t"
		"ja dl_find\n\t"
		"movq dl_real_dlsym(%rip), %rax\n\t"
		"testq %rax, %rax\n\t"
		"jnz 1f\n\t"
		"pushq %rdi\n\t"
		"pushq %rsi\n\t"
		"subq $8, %rsp\n\t"
		"call dl_init\n\t"
		"addq $8, %rsp\n\t"
		"popq %rsi\n\t"
		"popq %rdi\n\t"
		"movq dl_real_dlsym(%rip), %rax\n"
		"1:\tjmp *%rax");
}

EXPORT NAKED void *dlopen(const char *path UNUSED, int flags UNUSED)
{
	__asm__("pushq %rdi\n\t"
		"movl %esi, %edi\n\t"
		"call dl_flags\n\t"
		"popq %rdi\n\t"
		"movl %eax, %esi\n\t"
		"jmp *dl_real_dlopen(%rip)");
}

#endif

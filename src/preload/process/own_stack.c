/* SPDX-License-Identifier: MIT */
/* See own_stack.h. Below the stack is a page that cannot be accessed. */
#include "preload/process/own_stack.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/sys.h"

enum {
	STACK_SIZE = 256 << 10,
	GUARD_SIZE = 64 << 10, /* a multiple of every page size */
};

/*
 * In both, the address of the frame has the compiler find it by a register that the switch leaves
 * alone, for those who walk the stack from inside @function.
 */
#if defined(__x86_64__)

static __attribute__((noinline)) void call_on(uintptr_t top, void (*function)(void *), void *arg)
{
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov %[top], %%rsp\n\t"
			 "call *%[function]\n\t"
			 "mov %%rbx, %%rsp"
			 : "+D"(arg), [top] "+S"(top), [function] "+d"(function)
			 : "r"(__builtin_frame_address(0))
			 : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "cc", "memory");
}

#elif defined(__aarch64__)

static __attribute__((noinline)) void call_on(uintptr_t top, void (*function)(void *), void *arg)
{
	register void *x0 __asm__("x0") = arg;
	register uintptr_t x1 __asm__("x1") = top;
	register void (*x2)(void *) __asm__("x2") = function;

	__asm__ volatile("mov x19, sp\n\t"
			 "mov sp, x1\n\t"
			 "blr x2\n\t"
			 "mov sp, x19"
			 : "+r"(x0), "+r"(x1), "+r"(x2)
			 : "r"(__builtin_frame_address(0))
			 : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
			   "x14", "x15", "x16", "x17", "x18", "x19", "x30", "cc", "memory");
}

#endif

static bool switches;

void own_stack_init(void)
{
	switches = !sys_under_valgrind();
}

/* The whole mapping; NULL: no memory. */
static void *map_stack(void)
{
	void *whole = NULL;

	if (sys_mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0, &whole))
		return NULL;
	if (!sys_call(SYS_mprotect, (long)((uintptr_t)whole + GUARD_SIZE), STACK_SIZE,
		      PROT_READ | PROT_WRITE, 0, 0, 0))
		return whole;
	(void)sys_munmap(whole, GUARD_SIZE + STACK_SIZE);
	return NULL;
}

void own_stack_call(void (*function)(void *arg), void *arg)
{
	void *whole = switches ? map_stack() : NULL;

	if (!whole) {
		function(arg);
		return;
	}
	call_on((uintptr_t)whole + GUARD_SIZE + STACK_SIZE, function, arg);
	(void)sys_munmap(whole, GUARD_SIZE + STACK_SIZE);
}

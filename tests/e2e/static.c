/* SPDX-License-Identifier: MIT */
/*
 * A static program without a C library: nothing of the program that executes it may be left, such
 * as a handler or a filter for its system calls. Its end is 0 if they work.
 */
#ifdef __x86_64__

enum {
	SYS_MMAP = 9,
	SYS_MUNMAP = 11,
	SYS_EXIT_GROUP = 231,
	READ_WRITE = 3,
	PRIVATE_ANONYMOUS = 0x22,
	PAGE = 4096,
};

static long direct(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = 0;
	long rc;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return rc;
}

void _start(void);

void _start(void)
{
	long at = direct(SYS_MMAP, 0, PAGE, READ_WRITE, PRIVATE_ANONYMOUS, -1);

	direct(SYS_EXIT_GROUP, at < 0 || direct(SYS_MUNMAP, at, PAGE, 0, 0, 0), 0, 0, 0, 0);
	__builtin_unreachable();
}

#else

void _start(void);

void _start(void)
{
	for (;;)
		continue;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "death.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static _Noreturn void run_child(void (*body)(void), int out)
{
	const struct rlimit no_core = {0};

	setrlimit(RLIMIT_CORE, &no_core);
	/* cmocka, and a sanitizer, have handlers of their own. */
	signal(SIGABRT, SIG_DFL);
	dup2(out, STDERR_FILENO);
	body();
	_exit(0);
}

void assert_aborts(void (*body)(void), const char *message)
{
	char text[4096];
	size_t used = 0;
	ssize_t n;
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		run_child(body, ends[1]);
	close(ends[1]);
	while ((n = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = 0;
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !strstr(text, message))
		print_error("status %x, no \"%s\" in: %s\n", (unsigned int)status, message, text);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(text, message));
}

/* SPDX-License-Identifier: MIT */
/* Inspecting a program before it is run. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

enum {
	PROGRAM_RUNTIME_MAX = 128
};

/* What matters here of a program, or of the interpreter of a script. */
struct program_facts {
	/*
	 * Why it would not load a preloaded library: it is statically linked; or set-user-ID,
	 * set-group-ID or with capabilities, so that ld.so(8) ignores the environment. Words to
	 * follow the program's name. NULL: it loads the library, or cannot be read.
	 */
	const char *obstacle;

	/* The obstacle is that it is statically linked, and nothing else. */
	bool is_static;

	/*
	 * The library that it must load before all others: the runtime of a sanitizer, as the
	 * program names it. "": none.
	 */
	char runtime[PROGRAM_RUNTIME_MAX];
};

/* Looks at @program, as execvp(3) finds it. */
void program_examine(const char *program, struct program_facts *facts);

/* Looks at the program that is open as @fd. */
void program_examine_fd(int fd, struct program_facts *facts);

/* Whether @name, with or without folders, is a library that program_facts.runtime may be. */
bool program_is_runtime(const char *name, size_t len);

/*
 * Writes a value of LD_PRELOAD to @to: @library; before it @runtime, or if that is "" the first
 * runtime of a sanitizer in @before; after it @before, the value so far or NULL, without what an
 * earlier call has put in front. So @before may be a result of this function, for another program.
 * Returns false if it needs more than @size bytes.
 */
bool program_preload(char *to, size_t size, const char *runtime, const char *library,
		     const char *before);

/* The part of @value that is not in front of @library: what any program may inherit. */
const char *program_preload_inherited(const char *value, const char *library);

#endif

/* SPDX-License-Identifier: MIT */
#include "cmd/launch.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "preload/start/layout.h"

/* Where what they need is in the tree. */
#define GDB_COMMANDS	     "/gdb"
#define VALGRIND_SUPPRESSION "/valgrind"

/*
 * The signals that the preload answers are passed on. When one is the program's own mistake, the
 * preload says so by calling a function (preload/engine/debugger.h) and returns, and the
 * instruction raises the signal once more: that one gdb stops at. And at one that no handler can
 * run for, because the stack is full: where its frame would be is mapped, but not for writing.
 */
static const char gdb_commands[] =
	"handle SIGSEGV SIGBUS SIGSYS nostop noprint pass\n"
	"python\n"
	"class UiommufdFatal(gdb.Breakpoint):\n"
	"    reached = False\n"
	"    def stop(self):\n"
	"        UiommufdFatal.reached = True\n"
	"        gdb.execute('handle SIGSEGV SIGBUS stop print pass', to_string=True)\n"
	"        return False\n"
	"def uiommufd_loaded(event):\n"
	"    if '" LAYOUT_LIBRARY "' not in (event.new_objfile.filename or ''):\n"
	"        return\n"
	"    UiommufdFatal.reached = False\n"
	"    gdb.execute('handle SIGSEGV SIGBUS SIGSYS nostop noprint pass', to_string=True)\n"
	"    if not hasattr(uiommufd_loaded, 'breakpoint'):\n"
	"        uiommufd_loaded.breakpoint = UiommufdFatal('uiommufd_fatal_signal', "
	"internal=True)\n"
	"gdb.events.new_objfile.connect(uiommufd_loaded)\n"
	"class UiommufdStackIsFull(gdb.Function):\n"
	"    def invoke(self):\n"
	"        if UiommufdFatal.reached:\n"
	"            return True\n"
	"        top = int(gdb.parse_and_eval('(unsigned long)$sp'))\n"
	"        writable = {}\n"
	"        with open('/proc/%d/maps' % gdb.selected_inferior().pid) as maps:\n"
	"            for line in maps:\n"
	"                place, rights = line.split()[:2]\n"
	"                start, end = (int(part, 16) for part in place.split('-'))\n"
	"                for at in (top, top - 4096):\n"
	"                    if start <= at < end:\n"
	"                        writable[at] = 'w' in rights\n"
	"        return not writable.get(top, False) or not writable.get(top - 4096, True)\n"
	"UiommufdStackIsFull('uiommufd_stack_is_full')\n"
	"gdb.execute('catch signal SIGSEGV', to_string=True)\n"
	"gdb.execute('condition $bpnum $uiommufd_stack_is_full()', to_string=True)\n"
	"end\n";

/* Threads of ours that have not ended: valgrind finds their memory only by pointers inside it. */
static const char valgrind_suppression[] = "{\n"
					   "   threads of uiommufd\n"
					   "   Memcheck:Leak\n"
					   "   match-leak-kinds: possible\n"
					   "   ...\n"
					   "   fun:pthread_create*\n"
					   "   obj:*/" LAYOUT_LIBRARY "\n"
					   "   ...\n"
					   "}\n";

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_gdb(const char *name)
{
	return strcmp(name, "gdb") == 0 || fnmatch("gdb-*", name, 0) == 0 ||
	       fnmatch("*-gdb", name, 0) == 0;
}

/* @program with the @count words @words behind its first. Owned by the caller. */
static char **insert(char **program, char *const words[], size_t count)
{
	size_t args = 0;
	char **result;

	while (program[args])
		args++;
	result = calloc(args + count + 1, sizeof(*result));
	if (!result)
		return NULL;
	result[0] = program[0];
	memcpy(result + 1, words, count * sizeof(*words));
	memcpy(result + 1 + count, program + 1, args * sizeof(*program));
	return result;
}

static char **prepare_gdb(struct tree *tree, char **program)
{
	static char file[PATH_MAX];
	static char option[] = "-ix";
	char *const words[] = {option, file};

	tree_bytes(tree, GDB_COMMANDS, 0444, gdb_commands, sizeof(gdb_commands) - 1);
	tree_real_path(tree, GDB_COMMANDS, file);
	return tree->error ? program : insert(program, words, 2);
}

/*
 * The registers that a signal handler sees are what they are at the instruction only if valgrind is
 * told so. It reads the variable before its arguments, which come last.
 */
static char **prepare_valgrind(struct tree *tree, char **program)
{
	const char *before = getenv("VALGRIND_OPTS");
	char file[PATH_MAX], *value;
	int rc;

	tree_bytes(tree, VALGRIND_SUPPRESSION, 0444, valgrind_suppression,
		   sizeof(valgrind_suppression) - 1);
	tree_real_path(tree, VALGRIND_SUPPRESSION, file);
	if (asprintf(&value,
		     "--vex-iropt-register-updates=allregs-at-mem-access --suppressions=%s %s",
		     file, before ? before : "") < 0)
		return NULL;
	rc = setenv("VALGRIND_OPTS", value, 1);
	free(value);
	return rc ? NULL : program;
}

char **launch_prepare(struct tree *tree, char **program)
{
	const char *name = base_name(program[0]);

	if (is_gdb(name))
		return prepare_gdb(tree, program);
	return prepare_valgrind(tree, program);
}

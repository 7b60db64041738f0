/* SPDX-License-Identifier: MIT */
/*
 * Executing programs: a child sees the machine if its environment names the library and the shadow
 * root. Programs pass environments of their own (`env -i`, clearenv(), supervisors), so the two are
 * added where they are missing. A program that ignores the environment is named in a line.
 *
 * Context: also the child of a vfork, which shares our memory and may allocate nothing: what is
 * added is on the caller's stack. A child of clone() may have one page of it (User Mode Linux's
 * has), so nothing is formatted here: printf() alone needs half of that.
 */
#include <dlfcn.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/program.h"
#include "mem/guard.h"
#include "preload/process/path.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

#define PRELOAD_VARIABLE "LD_PRELOAD"

enum {
	ADDED = 2,	      /* variables */
	MOST_ENTRIES = 65536, /* of an environment or of arguments */
	PRELOAD_MAX = 4096,   /* of a variable that is taken into account */
};

/* An environment with what it needs. The caller has the space, as much as is needed. */
struct completed {
	char root[sizeof(LAYOUT_ROOT_VARIABLE "=") + ROOT_MAX];
	char *preload;
	size_t preload_size; /* as preload_size() says */
	char **entries;	     /* as many as complete_size() says */
};

/* "LD_PRELOAD=/.../libuiommufd-preload.so", or "" when the library's name is not known. */
static char preload_entry[PATH_MAX + sizeof(PRELOAD_VARIABLE "=")];

static const char *library(void)
{
	return preload_entry + sizeof(PRELOAD_VARIABLE "=") - 1;
}

/*
 * Takes away what was put in front for this program alone: children that we do not see executed
 * must not load it. In place, so that whatever reads the environment sees the same.
 */
static void restore_preload(void)
{
	char *value = getenv(PRELOAD_VARIABLE);
	const char *inherited;

	if (!value)
		return;
	inherited = program_preload_inherited(value, library());
	memmove(value, inherited, strlen(inherited) + 1);
}

static __attribute__((constructor)) void find_library(void)
{
	Dl_info info;

	if (!dladdr(preload_entry, &info) || info.dli_fname[0] != '/')
		return;
	snprintf(preload_entry, sizeof(preload_entry), PRELOAD_VARIABLE "=%s", info.dli_fname);
	restore_preload();
}

static bool is_variable(const char *entry, const char *name, size_t len)
{
	return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

/* The entry of the variable @name in @env, or NULL. */
static const char *find_entry(char *const env[], const char *name)
{
	for (size_t i = 0; env && env[i]; i++) {
		if (is_variable(env[i], name, strlen(name)))
			return env[i] + strlen(name) + 1;
	}
	return NULL;
}

/* Whether the entries of @env can be read, and how many they are. */
static bool count_entries(char *const env[], size_t *count)
{
	char *entry;
	char byte;

	*count = 0;
	for (; env; ++*count) {
		if (*count == MOST_ENTRIES || guard_copy(&entry, env + *count, sizeof(entry)))
			return false;
		if (!entry)
			return true;
		if (guard_copy_string(&byte, entry, 1) < 0)
			return false;
	}
	return true;
}

/*
 * Space for the LD_PRELOAD entry of a program with the environment @env. 0: it is left as it is, or
 * cannot be read, which the kernel is to say.
 */
static size_t preload_size(char *const env[])
{
	const char *before;
	size_t count, len;

	if (!root_active() || !preload_entry[0] || !count_entries(env, &count))
		return 0;
	before = find_entry(env, PRELOAD_VARIABLE);
	len = before ? strlen(before) : 0;
	/* A runtime that it names comes first as well (base/program.h). */
	return len > PRELOAD_MAX ? 0 : strlen(preload_entry) + 2 * len + PROGRAM_RUNTIME_MAX + 4;
}

/* Writes the LD_PRELOAD entry that the program of @facts needs, when it is @before so far. */
static bool write_preload(struct completed *to, const struct program_facts *facts,
			  const char *before)
{
	const size_t prefix = sizeof(PRELOAD_VARIABLE "=") - 1;

	memcpy(to->preload, PRELOAD_VARIABLE "=", prefix);
	return program_preload(to->preload + prefix, to->preload_size - prefix, facts->runtime,
			       library(), before);
}

/*
 * How many entries @env would have with what it lacks, and the NULL after them. 0: it lacks
 * nothing, or cannot be read, which the kernel is to say.
 */
static size_t complete_size(struct completed *to, const struct program_facts *facts,
			    char *const env[])
{
	const char *value;
	size_t count;

	if (!to->preload_size || !count_entries(env, &count))
		return 0;
	value = find_entry(env, PRELOAD_VARIABLE);
	if (!write_preload(to, facts, value))
		return 0;
	if (value && strcmp(value, to->preload + sizeof(PRELOAD_VARIABLE "=") - 1) == 0) {
		value = find_entry(env, LAYOUT_ROOT_VARIABLE);
		if (value && strcmp(value, root_path()) == 0)
			return 0;
	}
	return count + ADDED + 1;
}

/* Fills @to->entries with those of @env and what it lacks. */
static char **complete(struct completed *to, char *const env[])
{
	size_t count = 0;

	for (size_t i = 0; env && env[i]; i++) {
		if (!is_variable(env[i], LAYOUT_ROOT_VARIABLE, sizeof(LAYOUT_ROOT_VARIABLE) - 1) &&
		    !is_variable(env[i], PRELOAD_VARIABLE, sizeof(PRELOAD_VARIABLE) - 1))
			to->entries[count++] = env[i];
	}
	strcpy(stpcpy(to->root, LAYOUT_ROOT_VARIABLE "="), root_path());
	to->entries[count++] = to->root;
	to->entries[count++] = to->preload;
	to->entries[count] = NULL;
	return to->entries;
}

/* Declares @name, the environment @env with what it lacks; valid until the function returns. */
#define COMPLETE(name, facts, env)                                             \
	struct completed name##_storage = {.preload_size = preload_size(env)}; \
	char name##_preload[name##_storage.preload_size + 1];                  \
	name##_storage.preload = name##_preload;                               \
	const size_t name##_size = complete_size(&name##_storage, facts, env); \
	char *name##_entries[name##_size + 1];                                 \
	char *const *name = (name##_storage.entries = name##_entries, (env));  \
	if (name##_size)                                                       \
	name = complete(&name##_storage, (env))

/* Whether the system calls of programs are answered without the library. */
static __attribute__((noinline)) bool is_served(void)
{
	char path[ROOT_MAX + sizeof("/" LAYOUT_SERVED)];

	strcpy(stpcpy(path, root_path()), "/" LAYOUT_SERVED);
	return SYS(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

/* Tells if the program of @facts, by the name @program, cannot be reached. */
static void warn(const char *program, const struct program_facts *facts)
{
	static const char begin[] = "uiommufd: ", space[] = " ";
	static const char end[] = ": it cannot be reached, and sees the real /dev and /sys\n";
	char name[256];
	int len = facts->obstacle ? guard_copy_string(name, program, sizeof(name)) : -1;
	const struct iovec line[] = {
		{(void *)begin, sizeof(begin) - 1},
		{name, len < 0 ? 0 : (size_t)len},
		{(void *)space, 1},
		{(void *)facts->obstacle, facts->obstacle ? strlen(facts->obstacle) : 0},
		{(void *)end, sizeof(end) - 1},
	};

	if (len < 0 || (facts->is_static && is_served()))
		return;
	SYS(SYS_writev, STDERR_FILENO, line, sizeof(line) / sizeof(line[0]));
}

/*
 * Looks at what execveat(2) finds. What cannot be opened is not looked at: the kernel says of a bad
 * pointer, too, that it is one.
 */
static void look_at(int dirfd, const char *path, int flags, struct program_facts *facts)
{
	char first;
	const bool unnamed = flags & AT_EMPTY_PATH && guard_copy_string(&first, path, 1) == 0;
	int fd = dirfd;

	*facts = (struct program_facts){.obstacle = NULL};
	if (!root_active())
		return;
	if (!unnamed)
		fd = (int)SYS(SYS_openat, dirfd, path,
			      O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return;
	program_examine_fd(fd, facts);
	if (fd != dirfd)
		SYS(SYS_close, fd);
	/* What has no name is a part of the program that made it, such as UML's stub. */
	if (!unnamed)
		warn(path, facts);
}

static void look_at_path(const char *path, struct program_facts *facts)
{
	look_at(AT_FDCWD, path, 0, facts);
}

/* The same for what execvp(3) finds. */
static void look_for(const char *file, struct program_facts *facts)
{
	*facts = (struct program_facts){.obstacle = NULL};
	if (!root_active())
		return;
	program_examine(file, facts);
	warn(file, facts);
}

/* ---- exec ---- */

/* Whether @path is an emulated file. Not part of its caller, which may have a small stack. */
static __attribute__((noinline)) bool is_emulated(int dirfd, const char *path)
{
	struct path_at at;

	path_resolve(&at, dirfd, path, true);
	return at.shadow && SYS(SYS_faccessat, at.dirfd, at.path, F_OK) == 0;
}

/* The kernel's @error for @path, in which it does not find emulated files: none is a program. */
static int exec_failed(int dirfd, const char *path, long error)
{
	if (error == -ENOENT && root_active() && is_emulated(dirfd, path))
		error = -EACCES;
	return (int)libc_result(error);
}

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	struct program_facts facts;

	look_at_path(path, &facts);
	COMPLETE(env, &facts, envp);
	return exec_failed(AT_FDCWD, path, SYS(SYS_execve, path, argv, env));
}

EXPORT int execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags)
{
	struct program_facts facts;

	look_at(dirfd, path, flags, &facts);
	COMPLETE(env, &facts, envp);
	return exec_failed(dirfd, path, SYS(SYS_execveat, dirfd, path, argv, env, flags));
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	struct program_facts facts;

	program_examine_fd(fd, &facts);
	COMPLETE(env, &facts, envp);
	return REAL(fexecve)(fd, argv, env);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	struct program_facts facts;

	look_for(file, &facts);
	COMPLETE(env, &facts, envp);
	return REAL(execvpe)(file, argv, env);
}

EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

/* The arguments of a function that takes them one by one, from @first to NULL, as an array. */
#define COLLECT(argv, first, list)                             \
	size_t argv##_count = 0;                               \
	va_start(list, first);                                 \
	for (const char *arg_ = (first); arg_;)                \
		arg_ = (argv##_count++, va_arg(list, char *)); \
	va_end(list);                                          \
	char *argv[argv##_count + 1];                          \
	argv[0] = (char *)(first);                             \
	va_start(list, first);                                 \
	for (size_t i_ = 1; i_ <= argv##_count; i_++)          \
	argv[i_] = va_arg(list, char *)

EXPORT int execl(const char *path, const char *arg, ...)
{
	va_list list;
	COLLECT(argv, arg, list);

	va_end(list);
	return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *arg, ...)
{
	va_list list;
	COLLECT(argv, arg, list);

	va_end(list);
	return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *arg, ...)
{
	char *const *envp;
	va_list list;
	COLLECT(argv, arg, list);

	envp = va_arg(list, char *const *);
	va_end(list);
	return execve(path, argv, envp);
}

/* ---- spawn ---- */

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	struct program_facts facts;

	look_at_path(path, &facts);
	COMPLETE(env, &facts, envp);
	return REAL(posix_spawn)(pid, path, actions, attributes, argv, env);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	struct program_facts facts;

	look_for(file, &facts);
	COMPLETE(env, &facts, envp);
	return REAL(posix_spawnp)(pid, file, actions, attributes, argv, env);
}

/* The child opens the file by a system call of its own. */
EXPORT int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions, int fd,
					    const char *path, int flags, mode_t mode)
{
	struct path_at at;

	path_resolve_links(&at, AT_FDCWD, path, true);
	return REAL(posix_spawn_file_actions_addopen)(actions, fd, at.path, flags, mode);
}

/* And it goes to the directory. */
EXPORT int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions,
						const char *path)
{
	struct path_at at;

	path_resolve_links(&at, AT_FDCWD, path, true);
	return REAL(posix_spawn_file_actions_addchdir_np)(actions, at.path);
}

/*
 * The C library's own shell gets the program's environment, which the program may have cleared.
 */
static void restore_environment(void)
{
	const struct program_facts shell = {.obstacle = NULL};
	struct completed lacking = {.preload_size = preload_size(environ)};
	char preload[lacking.preload_size + 1];

	lacking.preload = preload;
	if (!complete_size(&lacking, &shell, environ))
		return;
	setenv(LAYOUT_ROOT_VARIABLE, root_path(), 1);
	setenv(PRELOAD_VARIABLE, lacking.preload + sizeof(PRELOAD_VARIABLE "=") - 1, 1);
}

EXPORT int system(const char *command)
{
	restore_environment();
	return REAL(system)(command);
}

EXPORT FILE *popen(const char *command, const char *mode)
{
	restore_environment();
	return REAL(popen)(command, mode);
}

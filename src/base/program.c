/* SPDX-License-Identifier: MIT */
#include "base/program.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/sys.h"

enum {
	MAX_SCRIPTS = 4,   /* scripts that interpret scripts, as in the kernel */
	MAX_DYNAMIC = 512, /* entries of what a program needs */
	SCRIPT_LINE = 256, /* of the first line of a script, as in the kernel */
	WINDOW = 512,
	NAME_SPACE = 512, /* a thread's stack may have no space for more (PTHREAD_STACK_MIN) */
};

static ssize_t read_at(int fd, void *buf, size_t len, off_t offset)
{
	return sys_call(SYS_pread64, fd, (long)buf, (long)len, offset, 0, 0);
}

/*
 * A string that grows in a buffer, without printf(): the child of a clone() whose stack is a page
 * comes here.
 */
struct text {
	char *to;
	size_t room; /* with the 0 at the end; 0: it did not fit */
};

static void text_put(struct text *text, const char *bytes, size_t len)
{
	if (len >= text->room) {
		text->room = 0;
		return;
	}
	memcpy(text->to, bytes, len);
	text->to += len;
	text->room -= len;
	*text->to = '\0';
}

static void text_put_string(struct text *text, const char *string)
{
	text_put(text, string, strlen(string));
}

static void text_put_number(struct text *text, unsigned int number)
{
	char digits[3 * sizeof(number)];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	text_put(text, digits + at, sizeof(digits) - at);
}

/* Opens the file that execvp(3) would start. -1: there is none, or its name is too long for us. */
static int open_program(const char *program)
{
	const char *folder = getenv("PATH");
	char path[NAME_SPACE];

	if (strchr(program, '/'))
		return sys_open(program, O_RDONLY | O_CLOEXEC);
	if (!folder)
		folder = "/bin:/usr/bin";
	for (;; folder++) {
		const size_t len = strcspn(folder, ":");
		struct text text = {path, sizeof(path)};

		text_put(&text, folder, len);
		text_put_string(&text, len ? "/" : "");
		text_put_string(&text, program);
		if (text.room && sys_call(SYS_faccessat, AT_FDCWD, (long)path, X_OK, 0, 0, 0) == 0)
			return sys_open(path, O_RDONLY | O_CLOEXEC);
		folder += len;
		if (!*folder)
			return -1;
	}
}

/* ---- ELF ---- */

/* What is read of a 64-bit program, through a window of its file: most of it is close together. */
struct image {
	int fd;
	off_t window_at;
	size_t window_len;
	char window[WINDOW];
	Elf64_Ehdr header;
	bool interpreted;   /* by ld.so, which loads libraries */
	Elf64_Phdr dynamic; /* what it needs; p_filesz is 0 if there is none */
};

/* Reads all of @len bytes, at most a window, at @at of the file. */
static bool read_part(struct image *image, void *to, size_t len, off_t at)
{
	if (at < 0)
		return false;
	if (at < image->window_at || (uint64_t)(at - image->window_at) + len > image->window_len) {
		const ssize_t got = read_at(image->fd, image->window, sizeof(image->window), at);

		image->window_at = at;
		image->window_len = got < 0 ? 0 : (size_t)got;
		if (len > image->window_len)
			return false;
	}
	memcpy(to, image->window + (at - image->window_at), len);
	return true;
}

static bool read_segment(struct image *image, unsigned int index, Elf64_Phdr *segment)
{
	off_t at = (off_t)(image->header.e_phoff + index * sizeof(*segment));

	return read_part(image, segment, sizeof(*segment), at);
}

static bool read_image(struct image *image, int fd)
{
	Elf64_Ehdr *header = &image->header;
	Elf64_Phdr segment;

	image->fd = fd;
	image->window_at = 0;
	image->window_len = 0;
	image->interpreted = false;
	image->dynamic.p_filesz = 0;
	if (!read_part(image, header, sizeof(*header), 0) ||
	    memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_phentsize != sizeof(Elf64_Phdr))
		return false;
	for (unsigned int i = 0; i < header->e_phnum; i++) {
		if (!read_segment(image, i, &segment))
			return false;
		if (segment.p_type == PT_INTERP)
			image->interpreted = true;
		if (segment.p_type == PT_DYNAMIC)
			image->dynamic = segment;
	}
	return true;
}

/* Where in the file the address @va of the program is. -1: nowhere. */
static off_t file_offset(struct image *image, Elf64_Addr va)
{
	Elf64_Phdr segment;

	for (unsigned int i = 0; i < image->header.e_phnum; i++) {
		if (read_segment(image, i, &segment) && segment.p_type == PT_LOAD &&
		    va >= segment.p_vaddr && va - segment.p_vaddr < segment.p_filesz)
			return (off_t)(segment.p_offset + (va - segment.p_vaddr));
	}
	return -1;
}

/* The @index-th entry of what the program needs. False: there are no more. */
static bool read_dynamic(struct image *image, size_t index, Elf64_Dyn *entry)
{
	return index < image->dynamic.p_filesz / sizeof(*entry) && index < MAX_DYNAMIC &&
	       read_part(image, entry, sizeof(*entry),
			 (off_t)(image->dynamic.p_offset + index * sizeof(*entry))) &&
	       entry->d_tag != DT_NULL;
}

bool program_is_runtime(const char *name, size_t len)
{
	static const char *const runtimes[] = {
		"libasan.so",	    "libtsan.so",	"liblsan.so",	      "libhwasan.so",
		"libclang_rt.asan", "libclang_rt.tsan", "libclang_rt.hwasan",
	};
	const char *base = memrchr(name, '/', len);

	if (base) {
		base++;
		len -= (size_t)(base - name);
		name = base;
	}
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		if (len >= strlen(runtimes[i]) &&
		    strncmp(name, runtimes[i], strlen(runtimes[i])) == 0)
			return true;
	}
	return false;
}

/*
 * Finds the runtime among the libraries that the program names itself: gcc links it there, and
 * clang with -shared-libasan. One that is part of the program comes before all libraries anyway.
 */
static void find_runtime(struct image *image, char name[PROGRAM_RUNTIME_MAX])
{
	off_t strings = -1;
	Elf64_Dyn entry;

	for (size_t i = 0; strings < 0 && read_dynamic(image, i, &entry); i++) {
		if (entry.d_tag == DT_STRTAB)
			strings = file_offset(image, entry.d_un.d_ptr);
	}
	for (size_t i = 0; strings >= 0 && read_dynamic(image, i, &entry); i++) {
		ssize_t len;

		if (entry.d_tag != DT_NEEDED)
			continue;
		len = read_at(image->fd, name, PROGRAM_RUNTIME_MAX - 1,
			      strings + (off_t)entry.d_un.d_val);
		name[len < 0 ? 0 : len] = '\0';
		/* LD_PRELOAD cannot name what has a separator in its name. */
		if (program_is_runtime(name, strlen(name)) && !name[strcspn(name, " :")])
			return;
	}
	name[0] = '\0';
}

/* The interpreter in the first line of the script @fd. */
static bool script_interpreter(int fd, char path[SCRIPT_LINE])
{
	char line[SCRIPT_LINE];
	ssize_t len = read_at(fd, line, sizeof(line) - 1, 0);
	size_t start;

	if (len < 2 || line[0] != '#' || line[1] != '!')
		return false;
	line[len] = '\0';
	start = 2 + strspn(line + 2, " \t");
	len = (ssize_t)strcspn(line + start, " \t\n");
	memcpy(path, line + start, (size_t)len);
	path[len] = '\0';
	return *path;
}

/* True if executing @fd changes credentials: then ld.so ignores LD_PRELOAD. */
static bool changes_rights(int fd)
{
	struct stat st;

	if (sys_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) ||
	    sys_call(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0) == 1)
		return false;
	if ((st.st_mode & S_ISUID && st.st_uid != getuid()) ||
	    ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid()))
		return true;
	return getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* Valgrind's tools and ld.so are static, but load the program, and what is preloaded. */
static bool loads_programs(int fd)
{
	char link[32], name[NAME_SPACE];
	struct text text = {link, sizeof(link)};
	long len;

	text_put_string(&text, "/proc/self/fd/");
	text_put_number(&text, (unsigned int)fd);
	len = sys_call(SYS_readlinkat, AT_FDCWD, (long)link, (long)name, sizeof(name) - 1, 0, 0);
	name[len < 0 ? 0 : len] = '\0';
	return strstr(name, "/valgrind/") || strstr(name, "/ld-linux");
}

/* Looks at @fd. True: it is a script, and what its interpreter @path is decides. */
static bool examine(int fd, struct program_facts *facts, char path[SCRIPT_LINE])
{
	struct image image;

	if (script_interpreter(fd, path))
		return true;
	if (!read_image(&image, fd))
		return false;
	if (image.interpreted && changes_rights(fd))
		facts->obstacle = "runs with more rights than you have";
	if (image.interpreted) {
		find_runtime(&image, facts->runtime);
	} else if (!loads_programs(fd)) {
		facts->obstacle = "is statically linked";
		facts->is_static = true;
	}
	return false;
}

void program_examine_fd(int fd, struct program_facts *facts)
{
	char path[SCRIPT_LINE];
	bool script;

	*facts = (struct program_facts){.obstacle = NULL};
	script = examine(fd, facts, path);
	for (int i = 0; script && i < MAX_SCRIPTS; i++) {
		fd = open_program(path);
		script = fd >= 0 && examine(fd, facts, path);
		if (fd >= 0)
			(void)sys_close(fd);
	}
}

void program_examine(const char *program, struct program_facts *facts)
{
	int fd = open_program(program);

	*facts = (struct program_facts){.obstacle = NULL};
	if (fd < 0)
		return;
	program_examine_fd(fd, facts);
	(void)sys_close(fd);
}

/* ---- LD_PRELOAD ---- */

/* What separates the libraries in LD_PRELOAD. */
#define SEPARATORS " :"

/* The next element at *@list, which moves behind it. Returns its length; 0: there are no more. */
static size_t next_element(const char **list, const char **element)
{
	size_t len;

	*list += strspn(*list, SEPARATORS);
	*element = *list;
	len = strcspn(*list, SEPARATORS);
	*list += len;
	return len;
}

static bool is_library(const char *element, size_t len, const char *library)
{
	return len == strlen(library) && memcmp(element, library, len) == 0;
}

const char *program_preload_inherited(const char *value, const char *library)
{
	const char *rest = value, *element;
	size_t len;

	while ((len = next_element(&rest, &element))) {
		if (is_library(element, len, library))
			return element;
		if (!program_is_runtime(element, len))
			break;
	}
	return value;
}

bool program_preload(char *to, size_t size, const char *runtime, const char *library,
		     const char *before)
{
	const char *rest = before ? program_preload_inherited(before, library) : "";
	const char *list = rest, *element;
	const char *front = runtime, *separator = "";
	size_t front_len = strlen(runtime), len;
	struct text text = {to, size};
	bool loads = false;

	while ((len = next_element(&list, &element))) {
		loads = loads || is_library(element, len, library);
		if (!front_len && program_is_runtime(element, len)) {
			front = element;
			front_len = len;
		}
	}
	if (*rest && !loads)
		separator = ":";
	text_put(&text, front, front_len);
	text_put_string(&text, front_len ? ":" : "");
	text_put_string(&text, loads ? "" : library);
	text_put_string(&text, separator);
	text_put_string(&text, rest);
	return text.room;
}

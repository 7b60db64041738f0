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
	MAX_SCRIPTS = 4, /* scripts that interpret scripts, as in the kernel */
};

static ssize_t read_at(int fd, void *buf, size_t len, off_t offset)
{
	return sys_call(SYS_pread64, fd, (long)buf, (long)len, offset, 0, 0);
}

/* Opens the file that execvp(3) would start. -1: there is none. */
static int open_program(const char *program)
{
	const char *folder = getenv("PATH");
	char path[PATH_MAX];

	if (strchr(program, '/'))
		return sys_open(program, O_RDONLY | O_CLOEXEC);
	if (!folder)
		folder = "/bin:/usr/bin";
	for (;; folder++) {
		int len = (int)strcspn(folder, ":");

		if (snprintf(path, sizeof(path), "%.*s%s%s", len, folder, len ? "/" : "", program) <
			    (int)sizeof(path) &&
		    sys_call(SYS_access, (long)path, X_OK, 0, 0, 0, 0) == 0)
			return sys_open(path, O_RDONLY | O_CLOEXEC);
		folder += len;
		if (!*folder)
			return -1;
	}
}

/* True if @fd is a 64-bit program without an interpreter that loads libraries. */
static bool elf_is_static(int fd)
{
	Elf64_Ehdr header;

	if (read_at(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr))
		return false;
	for (unsigned int i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;
		off_t at = (off_t)(header.e_phoff + i * sizeof(segment));

		if (read_at(fd, &segment, sizeof(segment), at) != sizeof(segment) ||
		    segment.p_type == PT_INTERP)
			return false;
	}
	return true;
}

/* The interpreter in the first line of the script @fd. */
static bool script_interpreter(int fd, char path[PATH_MAX])
{
	char line[PATH_MAX];
	ssize_t len = read_at(fd, line, sizeof(line) - 1, 0);
	size_t start;

	if (len < 2 || line[0] != '#' || line[1] != '!')
		return false;
	line[len] = '\0';
	start = 2 + strspn(line + 2, " \t");
	snprintf(path, PATH_MAX, "%.*s", (int)strcspn(line + start, " \t\n"), line + start);
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

const char *program_obstacle(const char *program)
{
	char path[PATH_MAX];

	for (int i = 0; i <= MAX_SCRIPTS; i++) {
		const char *obstacle = NULL;
		int fd = open_program(program);
		bool script;

		if (fd < 0)
			return NULL;
		script = script_interpreter(fd, path);
		if (elf_is_static(fd))
			obstacle = "is statically linked";
		else if (!script && changes_rights(fd))
			obstacle = "runs with more rights than you have";
		(void)sys_close(fd);
		if (!script)
			return obstacle;
		program = path;
	}
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * A module of its own, which the process that finds names loads when it is asked for the first time
 * (cmd/symbol_server.c): the command itself starts faster without libdw and the libraries that it
 * needs. Serves one request after the other. The modules of the process that asked last are kept
 * until it has loaded or unloaded one, or is another program.
 */
#include "cmd/symbol_names.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	MAX_ADDRESSES = 1024,
	PATIENCE = 5,	 /* seconds, for a client to send and to receive */
	SCOPES_MAX = 64, /* nested ones: the rest is not named */
};

/* ---- one address ---- */

/* A frame, as the reply has it. */
struct frame {
	const char *function; /* NULL: unknown */
	const char *file;     /* NULL: unknown */
	int line;
	bool inlined;
};

struct module {
	Dwfl_Module *module;
	const char *path;
	uint64_t offset;
};

/* Neither tabs nor line ends may be in a name. */
static void put_name(FILE *out, const char *name)
{
	for (; name && *name; name++)
		fputc(*name == '\t' || *name == '\n' ? ' ' : *name, out);
}

static void put_frame(FILE *out, const struct module *module, const struct frame *frame)
{
	fputs(frame->inlined ? "-\t" : "+\t", out);
	put_name(out, frame->function);
	fputc('\t', out);
	put_name(out, frame->file);
	fprintf(out, "\t%d\t", frame->file ? frame->line : 0);
	put_name(out, module->path);
	fprintf(out, "\t%" PRIx64 "\n", module->offset);
}

static int number_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value))
		return 0;
	return (int)value;
}

/* Where the function that @die has inlined was called. */
static void set_call(Dwarf_Die *unit, Dwarf_Die *die, struct frame *frame)
{
	const int file = number_of(die, DW_AT_call_file);
	Dwarf_Files *files;
	size_t count;

	frame->file = NULL;
	if (!dwarf_getsrcfiles(unit, &files, &count) && file > 0 && (size_t)file < count)
		frame->file = dwarf_filesrc(files, (size_t)file, NULL, NULL);
	frame->line = number_of(die, DW_AT_call_line);
}

/* DIEs around an address, from the outside in: of functions, also inlined ones, and of blocks. */
struct scopes {
	Dwarf_Die dies[SCOPES_MAX];
	int count, depth;
};

/* What may have functions in it, and has no addresses itself. */
static bool is_container(Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		return true;
	default:
		return false;
	}
}

/*
 * Appends to *@scopes what lies in @die around @address. Not dwarf_getscopes(), which finds nothing
 * where a function's origin is in another unit, as link-time optimisation leaves all of them.
 * False: there is nothing.
 */
static bool find_scopes(Dwarf_Die *die, Dwarf_Addr address, struct scopes *scopes)
{
	Dwarf_Die child;
	int rc;

	if (scopes->depth == SCOPES_MAX)
		return false;
	scopes->depth++;
	for (rc = dwarf_child(die, &child); rc == 0; rc = dwarf_siblingof(&child, &child)) {
		if (dwarf_haspc(&child, address) > 0) {
			scopes->dies[scopes->count++] = child;
			(void)find_scopes(&child, address, scopes);
			return true;
		}
		if (is_container(&child) && find_scopes(&child, address, scopes))
			return true;
	}
	scopes->depth--;
	return false;
}

/* The compilation unit of @address, or NULL. Compilers need not write an index of them (clang). */
static Dwarf_Die *find_unit(Dwfl_Module *module, Dwarf_Addr address, Dwarf_Addr *bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(module, address, bias);

	if (unit)
		return unit;
	while ((unit = dwfl_module_nextcu(module, unit, bias)))
		if (dwarf_haspc(unit, address - *bias) > 0)
			return unit;
	return NULL;
}

/* The line of the instruction, to which *@frame is set. */
static void set_line(Dwarf_Die *unit, Dwarf_Addr address, struct frame *frame)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, address);

	if (!line)
		return;
	frame->file = dwarf_linesrc(line, NULL, NULL);
	if (dwarf_lineno(line, &frame->line))
		frame->line = 0;
}

/* Puts the frames of functions that are inlined at @address. *@frame is left at the outermost. */
static void put_inlined(FILE *out, const struct module *module, Dwarf_Addr address,
			struct frame *frame)
{
	struct scopes scopes = {.count = 0};
	Dwarf_Addr bias;
	Dwarf_Die *unit;

	unit = find_unit(module->module, address, &bias);
	if (!unit)
		return;
	set_line(unit, address - bias, frame);
	(void)find_scopes(unit, address - bias, &scopes);
	while (scopes.count) {
		Dwarf_Die *scope = &scopes.dies[--scopes.count];
		const int tag = dwarf_tag(scope);

		if (tag == DW_TAG_inlined_subroutine) {
			frame->function = dwarf_diename(scope);
			frame->inlined = true;
			put_frame(out, module, frame);
			set_call(unit, scope, frame);
		} else if (tag == DW_TAG_subprogram) {
			frame->function = dwarf_diename(scope);
			break;
		}
	}
	frame->inlined = false;
}

static void put_address(FILE *out, Dwfl *process, Dwarf_Addr address)
{
	struct module module = {.module = dwfl_addrmodule(process, address), .offset = address};
	struct frame frame = {.function = NULL};
	const char *name, *symbol = NULL;
	Dwarf_Addr start;

	if (module.module) {
		name = dwfl_module_info(module.module, NULL, &start, NULL, NULL, NULL, &module.path,
					NULL);
		if (!module.path)
			module.path = name;
		module.offset = address - start;
		symbol = dwfl_module_addrname(module.module, address);
		put_inlined(out, &module, address, &frame);
	}
	if (!frame.function)
		frame.function = symbol;
	put_frame(out, &module, &frame);
}

/* ---- one request ---- */

/* The modules of the process @pid, or NULL. */
static Dwfl *open_process(pid_t pid)
{
	static char *debug_path;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_linux_proc_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &debug_path,
	};
	Dwfl *process = dwfl_begin(&callbacks);

	if (!process)
		return NULL;
	dwfl_report_begin(process);
	if (dwfl_linux_proc_report(process, pid) || dwfl_report_end(process, NULL, NULL)) {
		dwfl_end(process);
		return NULL;
	}
	return process;
}

/* A number that changes when the process @pid loads or unloads a module, or becomes another. */
static uint64_t modules_of(pid_t pid)
{
	uint64_t hash = (uint64_t)pid;
	char path[32], *line = NULL;
	size_t size = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	if (!maps)
		return 0;
	while (getline(&line, &size, maps) > 0) {
		if (!strstr(line, " r-xp "))
			continue;
		for (const char *c = line; *c; c++)
			hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	}
	free(line);
	fclose(maps);
	return hash;
}

/* The modules of @pid; those of the latest request, if they are the same. NULL: unknown. */
static Dwfl *get_process(pid_t pid)
{
	static Dwfl *latest;
	static uint64_t latest_modules;
	const uint64_t modules = modules_of(pid);

	if (latest && modules == latest_modules)
		return latest;
	if (latest)
		dwfl_end(latest);
	latest = open_process(pid);
	latest_modules = modules;
	return latest;
}

static bool read_all(int fd, void *to, size_t len)
{
	char *next = to;

	while (len) {
		ssize_t got = read(fd, next, len);

		if (got <= 0)
			return false;
		next += got;
		len -= (size_t)got;
	}
	return true;
}

static void write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		text += sent;
		len -= (size_t)sent;
	}
}

void symbol_names_serve(int fd)
{
	static uint64_t addresses[MAX_ADDRESSES];
	const struct timeval patience = {.tv_sec = PATIENCE};
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char *text = NULL;
	uint64_t count;
	size_t len = 0;
	Dwfl *process;
	FILE *out;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) ||
	    !read_all(fd, &count, sizeof(count)) || count > MAX_ADDRESSES ||
	    !read_all(fd, addresses, count * sizeof(addresses[0])))
		return;
	process = get_process(peer.pid);
	if (!process)
		return;
	out = open_memstream(&text, &len);
	if (out) {
		for (uint64_t i = 0; i < count; i++)
			put_address(out, process, addresses[i]);
		if (!fclose(out))
			write_all(fd, text, len);
		free(text);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The request is a count and the addresses. The reply has a line for each frame, of fields that are
 * separated by tabs: "-" if the next frame is that which this one is inlined into, otherwise "+";
 * function; file; line; module; offset in it.
 *
 * Context of all: LOCK_REPORT is held, so one request is under way at a time.
 */
#include "report/symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/sys.h"
#include "mem/maps.h"
#include "report/json.h"

enum {
	PATIENCE = 20, /* seconds: a library's debug information may be large */
};

static struct sockaddr_un server = {.sun_family = AF_UNIX};

void symbols_set_server(const char *path)
{
	if (strlen(path) < sizeof(server.sun_path))
		strcpy(server.sun_path, path);
}

/* ---- from the server ---- */

static int connect_server(void)
{
	const struct timeval patience = {.tv_sec = PATIENCE};
	int fd;

	if (!server.sun_path[0] || sys_confined())
		return -1;
	fd = (int)sys_call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0, 0);
	if (fd < 0)
		return fd;
	(void)sys_call(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, (long)&patience,
		       sizeof(patience), 0);
	if (sys_call(SYS_connect, fd, (long)&server, sizeof(server), 0, 0, 0)) {
		(void)sys_close(fd);
		return -1;
	}
	return fd;
}

static bool send_request(int fd, const uintptr_t *addresses, size_t count)
{
	const uint64_t header = count;

	return sys_call(SYS_sendto, fd, (long)&header, sizeof(header), MSG_NOSIGNAL | MSG_MORE, 0,
			0) == (long)sizeof(header) &&
	       sys_call(SYS_sendto, fd, (long)addresses, (long)(count * sizeof(*addresses)),
			MSG_NOSIGNAL, 0, 0) == (long)(count * sizeof(*addresses));
}

/* Appends what comes until the end to symbols->reply; returns where it begins, or NULL. */
static char *receive_reply(int fd, struct symbols *symbols)
{
	char *begin = symbols->reply + symbols->used;

	for (;;) {
		const size_t space = sizeof(symbols->reply) - symbols->used - 1;
		long len = sys_read(fd, symbols->reply + symbols->used, space);

		if (len == -EINTR)
			continue;
		if (len < 0 || !space)
			return NULL;
		if (!len)
			break;
		symbols->used += (size_t)len;
	}
	symbols->reply[symbols->used++] = '\0';
	return begin;
}

/* Takes one line apart. False: it is not one. */
static bool parse_line(char *line, struct symbol *symbol)
{
	char *fields[6];

	for (int i = 0; i < 6; i++) {
		fields[i] = strsep(&line, "\t");
		if (!fields[i])
			return false;
	}
	*symbol = (struct symbol){
		.inlined = fields[0][0] == '-',
		.function = fields[1],
		.file = fields[2],
		.line = (unsigned int)strtoul(fields[3], NULL, 10),
		.module = fields[4],
		.offset = strtoull(fields[5], NULL, 16),
	};
	return true;
}

/* False: there is no server, or it does not answer; nothing was appended. */
static bool ask_server(struct symbols *symbols, const uintptr_t *addresses, size_t count)
{
	const size_t before = symbols->used;
	char *reply = NULL, *line;
	int fd = connect_server();

	if (fd < 0)
		return false;
	if (send_request(fd, addresses, count))
		reply = receive_reply(fd, symbols);
	(void)sys_close(fd);
	if (!reply || !*reply) {
		symbols->used = before;
		return false;
	}
	while ((line = strsep(&reply, "\n")) && symbols->count < SYMBOLS_MAX)
		if (parse_line(line, &symbols->symbols[symbols->count]))
			symbols->count++;
	return true;
}

/* ---- from the list of mappings ---- */

/* The search for what is behind an address. */
struct module_search {
	uintptr_t address;
	char *name;
	size_t size;
	uint64_t offset;
};

static bool visit_mapping(const struct maps_entry *entry, void *arg)
{
	struct module_search *search = arg;

	if (search->address >= entry->end)
		return true;
	if (search->address >= entry->start && entry->name[0]) {
		snprintf(search->name, search->size, "%s", entry->name);
		search->offset = search->address - entry->start + entry->offset;
	}
	return false;
}

static void add_module(struct symbols *symbols, uintptr_t address)
{
	struct symbol *symbol = &symbols->symbols[symbols->count];
	struct module_search search = {
		.address = address,
		.name = symbols->reply + symbols->used,
		.size = sizeof(symbols->reply) - symbols->used,
		.offset = address,
	};

	if (symbols->count == SYMBOLS_MAX || search.size < 2)
		return;
	*search.name = '\0';
	(void)maps_for_each(visit_mapping, &search);
	*symbol = (struct symbol){
		.function = "",
		.file = "",
		.module = search.name,
		.offset = search.offset,
	};
	symbols->used += strlen(search.name) + 1;
	symbols->count++;
}

void symbols_add(struct symbols *symbols, const uintptr_t *addresses, size_t count)
{
	if (!count || ask_server(symbols, addresses, count))
		return;
	for (size_t i = 0; i < count; i++)
		add_module(symbols, addresses[i]);
}

void symbol_put(struct json *json, const struct symbol *symbol)
{
	if (symbol->function[0])
		json_string(json, "function", symbol->function);
	if (symbol->file[0]) {
		json_string(json, "file", symbol->file);
		json_number(json, "line", symbol->line);
	}
	if (symbol->module[0])
		json_string(json, "module", symbol->module);
	json_hex(json, "offset", symbol->offset);
}

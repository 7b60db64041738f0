/* SPDX-License-Identifier: MIT */
/*
 * Names for addresses of the program. They are found by another process, which symbols_set_server()
 * names, because reading debug information takes memory, descriptors and time that the program
 * should not notice. Without it, or when it does not answer, an address is a file and an offset.
 */
#ifndef REPORT_SYMBOLS_H
#define REPORT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

enum {
	SYMBOLS_MAX = 320,
	SYMBOL_REPLY_SIZE = 64 * 1024,
};

/* One frame. Strings are in symbols->reply, "" if unknown. */
struct symbol {
	const char *function;
	const char *file; /* of the source, as in the debug information */
	unsigned int line;
	const char *module; /* the executable or library */
	uint64_t offset;    /* in it */
	bool inlined;	    /* into the next one */
};

struct symbols {
	size_t count;
	struct symbol symbols[SYMBOLS_MAX];
	size_t used; /* of reply */
	char reply[SYMBOL_REPLY_SIZE];
};

/* @path: of a socket (cmd/symbol_server.c), copied; ignored if it is too long for one. */
void symbols_set_server(const char *path);

/*
 * Appends the frames of @count addresses to @symbols, innermost first: at least one for each
 * address as long as there is space. Context: any lock may be held; may wait for seconds.
 */
void symbols_add(struct symbols *symbols, const uintptr_t *addresses, size_t count);

/* Adds what is known of @symbol to the object that is open in @json. */
void symbol_put(struct json *json, const struct symbol *symbol);

#endif

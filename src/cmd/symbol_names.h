/* SPDX-License-Identifier: MIT */
/* What the module with libdw offers to the process that finds names. */
#ifndef CMD_SYMBOL_NAMES_H
#define CMD_SYMBOL_NAMES_H

#define SYMBOL_NAMES_MODULE   "libuiommufd-names.so"
#define SYMBOL_NAMES_FUNCTION "symbol_names_serve"

/* Reads one request of a client from the socket @fd, and answers it (report/symbols.c). */
__attribute__((visibility("default"))) void symbol_names_serve(int fd);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Events of a trace as lines of text, in the manner of strace(1): a call when it has returned, with
 * what it was passed and what it got back.
 */
#ifndef CMD_TRACE_PRINT_H
#define CMD_TRACE_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/trace_read.h"

struct trace_printer;

/* @all: not only calls. @times: when, in seconds since the first event. NULL: no memory. */
struct trace_printer *trace_printer_create(FILE *out, bool all, bool times);

/* A trace_visit; @arg is the printer. */
bool trace_print(const struct trace_item *item, void *arg);

/* Prints the calls that have not returned, and frees the printer. */
void trace_printer_finish(struct trace_printer *printer);

#endif

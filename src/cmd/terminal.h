/* SPDX-License-Identifier: MIT */
/*
 * The terminal as a screen that is drawn again and again: keys arrive one by one, and what was
 * there before comes back at the end.
 *
 * Signals that end or resize are blocked while it is open, and read with the keys: so there is one
 * place that restores the terminal.
 */
#ifndef CMD_TERMINAL_H
#define CMD_TERMINAL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct terminal {
	int keys; /* where keys come from; -1: nowhere */
	int signals;
	sigset_t mask; /* of before */
	struct termios saved;
};

enum terminal_event {
	TERMINAL_TIME, /* nothing happened meanwhile */
	TERMINAL_RESIZED,
	TERMINAL_LEAVE, /* "q", Ctrl-C, or a signal */
};

/* Whether standard output is a terminal that has a cursor to move. */
bool terminal_is_screen(void);

/* 0 or a negative errno. */
int terminal_open(struct terminal *terminal);
void terminal_close(struct terminal *terminal);

/* Waits for what happens first; not longer than @milliseconds. */
enum terminal_event terminal_wait(struct terminal *terminal, long milliseconds);

/* Replaces what the screen shows by the lines of @text, cut where it ends. */
void terminal_draw(const char *text);

#endif

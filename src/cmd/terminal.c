/* SPDX-License-Identifier: MIT */
/* The sequences are those of ECMA-48, and xterm's for the alternate screen: every terminal's. */
#include "cmd/terminal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
	CTRL_C = 3,
	COLUMNS = 80, /* of a terminal that does not say */
	ROWS = 24,
};

#define SCREEN_BEGIN \
	"\033[?1049h\033[?25l\033[?7l" /* another screen, no cursor, lines do not wrap */
#define SCREEN_END "\033[?7h\033[?25h\033[?1049l"
#define HOME	   "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_REST "\033[J"

bool terminal_is_screen(void)
{
	const char *kind = getenv("TERM");

	return isatty(STDOUT_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

int terminal_open(struct terminal *terminal)
{
	struct termios raw;
	sigset_t signals;
	int rc;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGQUIT);
	sigaddset(&signals, SIGWINCH);
	terminal->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (terminal->signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &signals, &terminal->mask);
	terminal->keys = -1;
	if (!tcgetattr(STDIN_FILENO, &terminal->saved)) {
		raw = terminal->saved;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
		raw.c_cc[VMIN] = 1;
		raw.c_cc[VTIME] = 0;
		if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw))
			goto out_signals;
		terminal->keys = STDIN_FILENO;
	}
	fputs(SCREEN_BEGIN, stdout);
	fflush(stdout);
	return 0;

out_signals:
	rc = -errno;
	sigprocmask(SIG_SETMASK, &terminal->mask, NULL);
	close(terminal->signals);
	return rc;
}

void terminal_close(struct terminal *terminal)
{
	struct signalfd_siginfo info;

	fputs(SCREEN_END, stdout);
	fflush(stdout);
	if (terminal->keys >= 0)
		tcsetattr(terminal->keys, TCSAFLUSH, &terminal->saved);
	/* A signal that came again is one that was obeyed. */
	while (read(terminal->signals, &info, sizeof(info)) > 0)
		;
	sigprocmask(SIG_SETMASK, &terminal->mask, NULL);
	close(terminal->signals);
}

/* What the key or the signal that can be read says. */
static enum terminal_event read_key(struct terminal *terminal)
{
	char key;
	ssize_t len = read(terminal->keys, &key, 1);

	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return TERMINAL_TIME;
	if (len == 1)
		return key == 'q' || key == 'Q' || key == CTRL_C ? TERMINAL_LEAVE : TERMINAL_TIME;
	terminal->keys = -1; /* the terminal is gone */
	return TERMINAL_LEAVE;
}

static enum terminal_event read_signal(struct terminal *terminal)
{
	struct signalfd_siginfo info;

	if (read(terminal->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return TERMINAL_TIME;
	return info.ssi_signo == SIGWINCH ? TERMINAL_RESIZED : TERMINAL_LEAVE;
}

static long milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum terminal_event terminal_wait(struct terminal *terminal, long milliseconds)
{
	const long end = milliseconds_now() + milliseconds;
	enum terminal_event event = TERMINAL_TIME;
	long left = milliseconds;

	while (event == TERMINAL_TIME) {
		struct pollfd sources[] = {
			{.fd = terminal->signals, .events = POLLIN},
			{.fd = terminal->keys, .events = POLLIN},
		};

		if (poll(sources, 2, (int)left) == 0)
			break;
		if (sources[0].revents)
			event = read_signal(terminal);
		if (event == TERMINAL_TIME && sources[1].revents)
			event = read_key(terminal);
		left = end - milliseconds_now();
		if (left < 0)
			left = 0;
	}
	return event;
}

/* Prints the line at @text, not more than @columns characters of it. Returns its end. */
static const char *draw_line(const char *text, unsigned int columns)
{
	unsigned int used = 0;

	for (; *text && *text != '\n'; text++) {
		/* The bytes of a UTF-8 character after the first take no place. */
		used += ((unsigned char)*text & 0xc0) != 0x80;
		if (used <= columns)
			putchar(*text);
	}
	fputs(CLEAR_LINE, stdout);
	return text;
}

void terminal_draw(const char *text)
{
	struct winsize size = {.ws_row = 0};
	unsigned int rows, columns;

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	rows = size.ws_row ? size.ws_row : ROWS;
	columns = size.ws_col ? size.ws_col : COLUMNS;
	fputs(HOME, stdout);
	while (*text && rows--) {
		text = draw_line(text, columns);
		if (*text)
			text++;
		if (*text && rows)
			putchar('\n');
	}
	fputs(CLEAR_REST, stdout);
	fflush(stdout);
}

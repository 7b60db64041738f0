/* SPDX-License-Identifier: MIT */
/* The calls that the preload replaces are made directly (base/sys.h). */
#include "inspect/inquiry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "base/world.h"
#include "inspect/dump.h"
#include "inspect/show_lookup.h"
#include "inspect/show_state.h"

enum {
	PATIENCE_ASK = 300, /* milliseconds, for a client to send its request; others wait for it */
	PATIENCE_SEND = 10, /* seconds, for it to receive the answer */
	PATIENCE_CALL = 100, /* milliseconds, for calls into the engine to end */
};

/* ---- answers ---- */

/* Whether @matched is all @wanted conversions of sscanf(), and @rest is the end of the request. */
static bool complete(int matched, int wanted, const char *rest)
{
	return matched == wanted && *rest == '\0';
}

/* *@text: a copy, from alloc(), of the @len bytes and the 0 that the C library has allocated. */
static int take_text(char *from, size_t len, char **text)
{
	*text = alloc_zeroed(len + 1);
	if (*text)
		memcpy(*text, from, len);
	free(from);
	return *text ? 0 : -ENOMEM;
}

static int dump_text(uint32_t context, uint32_t pt_id, int (*close)(FILE *), char **text,
		     size_t *len)
{
	char *written = NULL;
	FILE *out;
	int rc;

	*text = NULL;
	out = open_memstream(&written, len);
	if (!out)
		return -ENOMEM;
	rc = show_dump(context, pt_id, out);
	if (close(out) && !rc)
		rc = -ENOMEM;
	if (!rc)
		return take_text(written, *len, text);
	free(written);
	return rc;
}

static int read_state(const char *request, int (*close)(FILE *), char **text, size_t *len)
{
	uint64_t mappings, iova;
	uint32_t context, pt_id;
	int matched, end = 0;

	matched = sscanf(request, "show %" SCNu64 "%n", &mappings, &end);
	if (complete(matched, 1, request + end))
		return show_state(mappings, text, len);
	matched = sscanf(request, "lookup %" SCNu32 " %" SCNu32 " %" SCNx64 "%n", &context, &pt_id,
			 &iova, &end);
	if (complete(matched, 3, request + end))
		return show_lookup(context, pt_id, iova, text, len);
	matched = sscanf(request, "dump %" SCNu32 " %" SCNu32 "%n", &context, &pt_id, &end);
	if (complete(matched, 2, request + end))
		return dump_text(context, pt_id, close, text, len);
	return -ENOSYS;
}

int inquiry_answer(const char *request, int (*close)(FILE *), char **text, size_t *len)
{
	int rc;

	if (!world_try_stop(PATIENCE_CALL))
		return -EBUSY;
	rc = read_state(request, close, text, len);
	world_resume();
	return rc;
}

/* ---- conversations ---- */

static void send_all(int fd, const char *text, size_t len)
{
	while (len) {
		long sent = sys_call(SYS_sendto, fd, (long)text, (long)len, MSG_NOSIGNAL, 0, 0);

		if (sent == -EINTR)
			continue;
		if (sent <= 0)
			return;
		text += sent;
		len -= (size_t)sent;
	}
}

/* Reads one line and removes its end. A client sends it in one piece. */
static bool read_request(int fd, char request[INQUIRY_REQUEST])
{
	ssize_t len = sys_read(fd, request, INQUIRY_REQUEST - 1);

	if (len <= 0)
		return false;
	request[len] = '\0';
	request[strcspn(request, "\n")] = '\0';
	return true;
}

static void set_patience(int fd, int option, struct timeval patience)
{
	(void)sys_call(SYS_setsockopt, fd, SOL_SOCKET, option, (long)&patience, sizeof(patience),
		       0);
}

void inquiry_serve(int fd, int (*answer)(const char *request, char **text, size_t *len))
{
	char request[INQUIRY_REQUEST], error[32];
	char *text;
	size_t len;
	int rc;

	set_patience(fd, SO_RCVTIMEO, (struct timeval){.tv_usec = PATIENCE_ASK * 1000});
	set_patience(fd, SO_SNDTIMEO, (struct timeval){.tv_sec = PATIENCE_SEND});
	if (!read_request(fd, request))
		return;
	rc = answer(request, &text, &len);
	if (rc) {
		snprintf(error, sizeof(error), "{\"error\":%d}", -rc);
		send_all(fd, error, strlen(error) + 1);
		return;
	}
	send_all(fd, text, len + 1);
	alloc_free(text);
}

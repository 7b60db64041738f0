/* SPDX-License-Identifier: MIT */
/*
 * A reader of just as much JSON as it takes to skip what is not known. It is strict, except that
 * numbers with a fraction or an exponent are skipped without a look at their form, and strings are
 * not checked for UTF-8.
 */
#include "vfio_user/capabilities.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "vfio_user/channel.h"

enum {
	MAX_DEPTH = 16
};

/* The position in a text; NULL: it is malformed, and so is all that follows. */
struct reader {
	const char *at;
	struct vu_capabilities *found;
};

struct name {
	const char *text;
	size_t len;
};

const char *vu_capabilities_of_server(void)
{
	_Static_assert(VU_MAX_FDS == 16 && VU_MAX_DATA == 1048576 && VU_MAX_REGIONS == 65535,
		       "the numbers in the text");
	return "{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,"
	       "\"pgsizes\":4096,\"max_dma_maps\":65535,\"write_multiple\":true}}";
}

const char *vu_capabilities_of_client(void)
{
	return "{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,"
	       "\"pgsizes\":4096,\"twin_socket\":{\"supported\":true}}}";
}

static void fail(struct reader *reader)
{
	reader->at = NULL;
}

static void skip_space(struct reader *reader)
{
	if (reader->at)
		reader->at += strspn(reader->at, " \t\r\n");
}

/* Whether @c comes next, which is then taken. */
static bool take(struct reader *reader, char c)
{
	skip_space(reader);
	if (!reader->at || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static void expect(struct reader *reader, char c)
{
	if (!take(reader, c))
		fail(reader);
}

/* A string, with its escapes as they are. */
static struct name read_string(struct reader *reader)
{
	struct name name = {0};

	expect(reader, '"');
	if (!reader->at)
		return name;
	name.text = reader->at;
	while (*reader->at != '"') {
		if ((unsigned char)*reader->at < 0x20)
			goto malformed;
		if (*reader->at == '\\' && (unsigned char)*++reader->at < 0x20)
			goto malformed;
		reader->at++;
	}
	name.len = (size_t)(reader->at - name.text);
	reader->at++;
	return name;
malformed:
	fail(reader);
	return (struct name){0};
}

static bool is(struct name name, const char *text)
{
	return name.len == strlen(text) && memcmp(name.text, text, name.len) == 0;
}

/* A word: a number, true, false, null. */
static void skip_word(struct reader *reader)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzE0123456789+-.";
	size_t len = strspn(reader->at, chars);
	const struct name word = {reader->at, len};

	if (!len || (!strchr("-0123456789", *reader->at) && !is(word, "true") &&
		     !is(word, "false") && !is(word, "null")))
		fail(reader);
	else
		reader->at += len;
}

/* A whole number of at least @least. */
static void read_number(struct reader *reader, char least, uint64_t *number)
{
	uint64_t value = 0;

	skip_space(reader);
	if (!reader->at || *reader->at < least || *reader->at > '9') {
		fail(reader);
		return;
	}
	for (; *reader->at >= '0' && *reader->at <= '9'; reader->at++) {
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    check_add(value, (uint64_t)(*reader->at - '0'), &value)) {
			fail(reader);
			return;
		}
	}
	if (*reader->at && strchr("eE.", *reader->at))
		fail(reader);
	else
		*number = value;
}

static void read_twin(struct reader *reader)
{
	read_number(reader, '0', &reader->found->twin_index);
	reader->found->twin = true;
}

static void read_value(struct reader *reader, struct name parent, unsigned int depth);

/* A member of the object at @depth, which is called @object. */
static void read_member(struct reader *reader, struct name object, unsigned int depth)
{
	const bool capability = depth == 2 && is(object, "capabilities");
	const bool twin = depth == 3 && is(object, "twin_socket");
	struct name name = read_string(reader);

	expect(reader, ':');
	if (!reader->at)
		return;
	if (capability && is(name, "max_msg_fds"))
		read_number(reader, '1', &reader->found->max_msg_fds);
	else if (capability && is(name, "max_data_xfer_size"))
		read_number(reader, '1', &reader->found->max_data_xfer_size);
	else if (twin && is(name, "fd_index"))
		read_twin(reader);
	else
		read_value(reader, name, depth);
}

/* The elements of the array or object @name, up to @end. */
static void read_elements(struct reader *reader, struct name name, unsigned int depth, char end)
{
	if (take(reader, end))
		return;
	do {
		if (end == '}')
			read_member(reader, name, depth);
		else
			read_value(reader, (struct name){0}, depth);
	} while (reader->at && take(reader, ','));
	expect(reader, end);
}

/* A value called @name, in one at @depth. */
static void read_value(struct reader *reader, struct name name, unsigned int depth)
{
	skip_space(reader);
	if (!reader->at || depth == MAX_DEPTH) {
		fail(reader);
		return;
	}
	if (take(reader, '{'))
		read_elements(reader, name, depth + 1, '}');
	else if (take(reader, '['))
		read_elements(reader, name, depth + 1, ']');
	else if (*reader->at == '"')
		(void)read_string(reader);
	else
		skip_word(reader);
}

int vu_capabilities_read(const char *text, struct vu_capabilities *capabilities)
{
	struct reader reader = {text, capabilities};

	*capabilities =
		(struct vu_capabilities){.max_msg_fds = 1, .max_data_xfer_size = VU_MAX_DATA};
	if (!*text)
		return 0;
	skip_space(&reader);
	if (*reader.at != '{')
		return -EINVAL;
	read_value(&reader, (struct name){0}, 0);
	skip_space(&reader);
	return reader.at && !*reader.at ? 0 : -EINVAL;
}

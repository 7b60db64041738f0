/* SPDX-License-Identifier: MIT */
/* See server_link.h. */
#include "vfio_user/server_link.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/log.h"
#include "base/sys.h"

enum {
	CONNECT_PAUSE_MS = 10, /* between attempts, while others wait for the server */
};

static const char *const names[] = {
	[VU_VERSION] = "VERSION",
	[VU_DMA_MAP] = "DMA_MAP",
	[VU_DMA_UNMAP] = "DMA_UNMAP",
	[VU_DEVICE_GET_INFO] = "DEVICE_GET_INFO",
	[VU_DEVICE_GET_REGION_INFO] = "DEVICE_GET_REGION_INFO",
	[VU_DEVICE_GET_IRQ_INFO] = "DEVICE_GET_IRQ_INFO",
	[VU_DEVICE_SET_IRQS] = "DEVICE_SET_IRQS",
	[VU_REGION_READ] = "REGION_READ",
	[VU_REGION_WRITE] = "REGION_WRITE",
	[VU_DEVICE_RESET] = "DEVICE_RESET",
	[VU_DEVICE_FEATURE] = "DEVICE_FEATURE",
};

static const char *name_of(uint16_t command)
{
	const char *name = command < sizeof(names) / sizeof(names[0]) ? names[command] : NULL;

	return name ? name : "a command";
}

__attribute__((format(printf, 3, 4))) static int fail(const struct vu_why *why, int rc,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (why->size)
		vsnprintf(why->text, why->size, format, args);
	va_end(args);
	return rc;
}

/* ---- giving up ---- */

/* False: it was over already. */
static bool end(struct vu_link *link)
{
	if (atomic_exchange(&link->over, true))
		return false;
	vu_exchanges_end(&link->exchanges);
	vu_channel_shut(&link->channel);
	vu_channel_shut(&link->twin);
	return true;
}

void vu_link_give_up(struct vu_link *link, const char *format, ...)
{
	char text[256];
	va_list args;

	if (!end(link))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (link->why)
		(void)fail(link->why, 0, "%s: the server %s", link->name, text);
	else
		log_fault("%s: vfio-user: the server %s; its connection is closed", link->name,
			  text);
}

/* What receiving has ended with, in words; NULL: nothing to complain about. */
static void give_up_receiving(struct vu_link *link, int rc)
{
	/* Whoever has shut it is about to say why. */
	if (atomic_load(&link->channel.shut))
		return;
	switch (rc) {
	case -ESHUTDOWN:
		vu_link_give_up(link, "has left");
		break;
	case -ECONNRESET:
		vu_link_give_up(link, "has left in the middle of a message");
		break;
	case -ETIMEDOUT:
		vu_link_give_up(link, "does not send the rest of a message");
		break;
	case -EPROTO:
		vu_link_give_up(link, "sends a message that is shorter than its header");
		break;
	case -EMSGSIZE:
		vu_link_give_up(link, "sends a message that is too long");
		break;
	default:
		vu_link_give_up(link, "cannot be heard: %s", strerror(-rc));
	}
}

/* ---- receiving ---- */

int vu_link_receive(struct vu_link *link, bool twin, struct vu_message **message)
{
	int rc;

	*message = NULL;
	rc = vu_channel_receive(twin ? &link->twin : &link->channel, -1, message);
	if (rc) {
		give_up_receiving(link, rc);
		return -EIO;
	}
	switch ((*message)->header.flags & VU_TYPE_MASK) {
	case VU_TYPE_COMMAND:
		return 0;
	case VU_TYPE_REPLY:
		rc = vu_exchanges_deliver(&link->exchanges, *message);
		*message = NULL;
		if (!rc)
			return 0;
		/* It may answer a request that was given up with the whole connection. */
		vu_link_give_up(link, "sends a reply that nothing waits for");
		return -EIO;
	default:
		vu_message_free(*message);
		*message = NULL;
		vu_link_give_up(link, "sends a message of an unknown type");
		return -EIO;
	}
}

void vu_link_reply(struct vu_link *link, const struct vu_message *command, int error,
		   const struct vu_part parts[2])
{
	static const struct vu_part none[2];
	struct vu_header header = {
		.id = command->header.id,
		.command = command->header.command,
		.flags = VU_TYPE_REPLY | (error ? VU_ERROR : 0),
		.error = (uint32_t)-error,
	};

	if (command->header.flags & VU_NO_REPLY)
		return;
	if (vu_channel_send(link->twin.fd >= 0 ? &link->twin : &link->channel, &header,
			    error ? none : parts))
		vu_link_give_up(link, "does not read what it is answered");
}

/* ---- asking while nothing else receives ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until @fd has something to read, or @deadline. 0, -ETIMEDOUT or an error. */
static int wait_until(int fd, int64_t deadline)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int rc;

	do {
		const int64_t left = deadline - now_ms();

		rc = poll(&pfd, 1, left > 0 ? (int)left : 0);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	return rc ? 0 : -ETIMEDOUT;
}

/* Receives until the reply @id is there. The server's requests are refused: no DMA is possible. */
static int receive_reply(struct vu_link *link, uint16_t id, struct vu_message **reply)
{
	const int64_t deadline = now_ms() + link->channel.timeout_ms;
	int rc;

	for (;;) {
		rc = wait_until(link->channel.fd, deadline);
		if (rc)
			return rc;
		rc = vu_channel_receive(&link->channel, -1, reply);
		if (rc) {
			give_up_receiving(link, rc);
			return -EIO;
		}
		if (((*reply)->header.flags & VU_TYPE_MASK) == VU_TYPE_REPLY &&
		    (*reply)->header.id == id)
			return 0;
		if (((*reply)->header.flags & VU_TYPE_MASK) == VU_TYPE_COMMAND)
			vu_link_reply(link, *reply, -EIO, NULL);
		else
			vu_link_give_up(link, "sends a reply that nothing waits for");
		vu_message_free(*reply);
		*reply = NULL;
		if (atomic_load(&link->over))
			return -EIO;
	}
}

static int ask_alone(struct vu_link *link, uint16_t command, const struct vu_part parts[2],
		     const struct vu_descriptors *with, struct vu_message **reply)
{
	struct vu_header header = {.id = ++link->last_id, .command = command};
	int rc;

	if (atomic_load(&link->over))
		return -ESHUTDOWN;
	rc = vu_channel_send_with(&link->channel, &header, parts, with ? with->fds : NULL,
				  with ? with->count : 0);
	return rc ? rc : receive_reply(link, header.id, reply);
}

/* ---- asking ---- */

/* One line for each command that the server refuses, however often it does. */
static void complain_once(struct vu_link *link, uint16_t command, int error)
{
	const uint32_t bit = UINT32_C(1) << (command % 32);

	if (link->why) {
		(void)fail(link->why, 0, "%s: the server refuses %s: %s", link->name,
			   name_of(command), strerror(-error));
		return;
	}
	if (atomic_fetch_or(&link->complained, bit) & bit)
		return;
	log_fault("%s: vfio-user: the server refuses %s: %s", link->name, name_of(command),
		  strerror(-error));
}

/* The errno that @reply states, negative; 0: none. */
static int error_of(const struct vu_message *reply)
{
	if (!(reply->header.flags & VU_ERROR))
		return 0;
	return reply->header.error && reply->header.error < 4096 ? -(int)reply->header.error : -EIO;
}

/* Takes @reply. */
static int check_reply(struct vu_link *link, uint16_t command, uint32_t least,
		       struct vu_message *reply)
{
	int rc;

	if (reply->header.command != command || reply->fds_lost) {
		vu_link_give_up(link, "answers %s with something else", name_of(command));
		rc = -EIO;
		goto out_free;
	}
	rc = error_of(reply);
	if (rc) {
		complain_once(link, command, rc);
		goto out_free;
	}
	if (reply->len >= least)
		return 0;
	vu_link_give_up(link, "answers %s with %u bytes, and not with %u", name_of(command),
			reply->len, least);
	rc = -EIO;
out_free:
	vu_message_free(reply);
	return rc;
}

int vu_link_ask(struct vu_link *link, uint16_t command, const struct vu_part parts[2],
		const struct vu_descriptors *with, uint32_t least, struct vu_message **reply)
{
	int rc;

	*reply = NULL;
	if (link->shared)
		rc = vu_exchange(&link->exchanges, command, parts, with, reply);
	else
		rc = ask_alone(link, command, parts, with, reply);
	if (rc == -ETIMEDOUT)
		vu_link_give_up(link, "does not answer %s within %d seconds", name_of(command),
				link->channel.timeout_ms / 1000);
	else if (rc && !atomic_load(&link->over))
		vu_link_give_up(link, "has left");
	if (rc)
		return -EIO;
	rc = check_reply(link, command, least, *reply);
	if (rc)
		*reply = NULL;
	return rc;
}

int vu_link_tell(struct vu_link *link, uint16_t command, const void *data, size_t len)
{
	const struct vu_part parts[2] = {{data, len}};
	struct vu_message *reply;
	int rc = vu_link_ask(link, command, parts, NULL, 0, &reply);

	vu_message_free(reply);
	return rc;
}

void vu_link_post(struct vu_link *link, uint16_t command, const void *data, size_t len)
{
	const struct vu_part parts[2] = {{data, len}};
	struct vu_header header = {.command = command, .flags = VU_NO_REPLY};

	if (!atomic_load(&link->over) && vu_channel_send(&link->channel, &header, parts))
		vu_link_give_up(link, "does not read what it is told");
}

/* ---- connecting ---- */

/* Connects @fd, which does not block. 0 or a negative errno. */
static int connect_within(int fd, const struct sockaddr_un *address, int timeout_ms)
{
	const struct timespec pause = {.tv_nsec = CONNECT_PAUSE_MS * 1000000L};
	const int64_t deadline = now_ms() + timeout_ms;

	/* EAGAIN: as many wait as the server lets wait. */
	while (connect(fd, (const struct sockaddr *)address, sizeof(*address))) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (now_ms() >= deadline)
			return -ETIMEDOUT;
		(void)sys_call(SYS_nanosleep, (long)&pause, 0, 0, 0, 0, 0);
	}
	return 0;
}

static const char *explain(int rc)
{
	switch (rc) {
	case -ENOENT:
		return "there is no such socket";
	case -ECONNREFUSED:
		return "nobody listens there, or it is no socket";
	case -ETIMEDOUT:
		return "the server takes no further client";
	case -EPROTOTYPE:
		return "it is a socket of another type";
	default:
		return strerror(-rc);
	}
}

static int connect_to(const char *path, int timeout_ms, const struct vu_why *why, int *out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, rc;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(why, -ENAMETOOLONG, "%s: the path of a socket has at most %zu bytes",
			    path, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	fd = (int)sys_call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0, 0,
			   0);
	if (fd < 0)
		return fail(why, fd, "%s: %s", path, strerror(-fd));
	rc = connect_within(fd, &address, timeout_ms);
	if (rc) {
		(void)sys_close(fd);
		return fail(why, rc, "%s: %s", path, explain(rc));
	}
	*out = sys_move_away(fd);
	return 0;
}

/* ---- VERSION ---- */

/* Takes the second socket, if the server has one. 0, or a negative errno and *@why. */
static int take_twin(struct vu_link *link, const char *path, struct vu_message *reply,
		     const struct vu_why *why)
{
	if (!link->theirs.twin)
		return 0;
	if (link->theirs.twin_index >= reply->fd_count)
		return fail(why, -EPROTO, "%s: the server's second socket is missing", path);
	link->twin.fd = sys_move_away(reply->fds[link->theirs.twin_index]);
	reply->fds[link->theirs.twin_index] = -1;
	return 0;
}

/* Looks at the server's answer. 0, or a negative errno and *@why. */
static int check_version(struct vu_link *link, const char *path, struct vu_message *reply,
			 const struct vu_why *why)
{
	const char *text = (const char *)reply->payload + sizeof(struct vu_version);
	struct vu_version version;

	memcpy(&version, reply->payload, sizeof(version));
	if (version.major != VU_MAJOR)
		return fail(why, -EPROTO,
			    "%s: the server speaks version %u.%u of vfio-user, not %d.%d", path,
			    version.major, version.minor, VU_MAJOR, VU_MINOR);
	if (reply->len == sizeof(version))
		text = "";
	else if (reply->payload[reply->len - 1])
		return fail(why, -EPROTO, "%s: the server's capabilities do not end with a 0",
			    path);
	if (vu_capabilities_read(text, &link->theirs))
		return fail(why, -EPROTO, "%s: the server's capabilities are malformed", path);
	return take_twin(link, path, reply, why);
}

static int agree(struct vu_link *link, const char *path, const struct vu_why *why)
{
	const char *ours = vu_capabilities_of_client();
	const struct vu_version version = {.major = VU_MAJOR, .minor = VU_MINOR};
	const struct vu_part parts[2] = {{&version, sizeof(version)}, {ours, strlen(ours) + 1}};
	struct vu_message *reply = NULL;
	int rc = ask_alone(link, VU_VERSION, parts, NULL, &reply);

	if (rc == -ETIMEDOUT)
		return fail(why, rc, "%s: the server does not answer within %d seconds", path,
			    link->channel.timeout_ms / 1000);
	if (rc)
		return fail(why, rc, "%s: what answers there does not speak vfio-user", path);
	if (reply->header.flags & VU_ERROR)
		rc = fail(why, -EPROTO, "%s: the server refuses version %d.%d of vfio-user", path,
			  VU_MAJOR, VU_MINOR);
	else if (reply->header.command != VU_VERSION || reply->len < sizeof(version))
		rc = fail(why, -EPROTO, "%s: what answers there does not speak vfio-user", path);
	else
		rc = check_version(link, path, reply, why);
	vu_message_free(reply);
	return rc;
}

int vu_link_open(struct vu_link *link, const char *name, const char *path, int timeout_ms,
		 const struct vu_why *why)
{
	static const struct vu_capabilities none;
	struct vu_connection connection = {-1, -1};
	int rc = connect_to(path, timeout_ms, why, &connection.fd);

	if (rc)
		return rc;
	vu_link_adopt(link, name, &connection, &none, timeout_ms, why);
	rc = agree(link, path, why);
	if (rc)
		vu_link_close(link);
	return rc;
}

void vu_link_adopt(struct vu_link *link, const char *name, const struct vu_connection *connection,
		   const struct vu_capabilities *theirs, int timeout_ms, const struct vu_why *why)
{
	*link = (struct vu_link){.name = name, .why = why, .theirs = *theirs};
	vu_channel_init(&link->channel, connection->fd, timeout_ms);
	vu_channel_init(&link->twin, connection->twin, timeout_ms);
	vu_exchanges_init(&link->exchanges, &link->channel);
}

struct vu_connection vu_link_keep(struct vu_link *link)
{
	const struct vu_connection connection = {link->channel.fd, link->twin.fd};

	link->channel.fd = link->twin.fd = -1;
	vu_link_close(link);
	return connection;
}

void vu_connection_close(const struct vu_connection *connection)
{
	if (connection->fd >= 0)
		(void)sys_close(connection->fd);
	if (connection->twin >= 0)
		(void)sys_close(connection->twin);
}

void vu_link_abandon(struct vu_link *link)
{
	const struct vu_connection copy = {link->channel.fd, link->twin.fd};

	link->channel.fd = link->twin.fd = -1;
	atomic_store(&link->over, true);
	link->exchanges.over = true;
	vu_connection_close(&copy);
}

void vu_link_close(struct vu_link *link)
{
	vu_exchanges_destroy(&link->exchanges);
	vu_channel_destroy(&link->channel);
	vu_channel_destroy(&link->twin);
}

void vu_link_share(struct vu_link *link)
{
	link->exchanges.last_id = link->last_id;
	link->why = NULL;
	link->shared = true;
}

/* SPDX-License-Identifier: MIT */
/* The other end of a network device's cable: options, files, sockets, and peers that go. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "devices/net/net_frame.h"
#include "kit.h"
#include "machine/machine.h"

static struct e1000_rig a, b;
static struct e1000_received frame;
static char directory[] = "/tmp/net_port_test.XXXXXX";
static char name[2][64]; /* two paths in it */

static int setup(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		snprintf(name[i], sizeof(name[i]), "%s/%u", directory, i);
		(void)unlink(name[i]);
	}
	return 0;
}

static void start(struct e1000_rig *t)
{
	e1000_start(t, RCTL_UPE | RCTL_MPE | RCTL_LPE | RCTL_SECRC);
	e1000_fill(t, 0, 0x10000, t == &a ? 1 : 2);
}

static bool link_is(struct e1000_rig *t, bool up)
{
	return e1000_await(t, E1000_STATUS, STATUS_LU, up ? (uint32_t)STATUS_LU : 0);
}

/* ---- options ---- */

/* What is said of a device with @options; it must not be possible. */
static const char *refusal(const char *options)
{
	static char error[256];
	struct machine *machine;
	char text[256];

	snprintf(text, sizeof(text), "e1000,%s", options);
	error[0] = '\0';
	assert_int_equal(machine_create(&machine), 0);
	assert_true(machine_add_device(machine, text, error, sizeof(error)) < 0);
	machine_destroy(machine);
	return error;
}

static void options_that_cannot_be_are_refused_in_one_line(void **state)
{
	static const struct {
		const char *options, *said;
	} cases[] = {
		{"backend=serial",
		 "backend=serial is none of loopback, none, tap, socket and pcap"},
		{"backend=tap", "backend=tap needs ifname="},
		{"backend=socket", "backend=socket needs path="},
		{"backend=pcap", "backend=pcap needs file= or replay="},
		{"path=/tmp/x", "path= is an option of backend=socket"},
		{"backend=none,file=/tmp/x", "file= is an option of backend=pcap"},
		{"backend=tap,ifname=a_name_that_is_too_long", "is no name of an interface"},
		{"backend=socket,path=/x,type=seqpacket", "is neither stream nor dgram"},
		{"backend=socket,path=/x,type=dgram", "type=dgram needs local="},
		{"backend=socket,path=/x,local=/y", "local= is an option of type=dgram"},
		{"backend=socket,path=/x,listen=maybe", "listen=maybe is neither on nor off"},
		{"backend=socket,path=/nowhere/x", "path=/nowhere/x: No such file or directory"},
		{"backend=socket,path=/nowhere/x,listen", "path=/nowhere/x: No such file"},
		{"backend=pcap,file=/nowhere/x", "file=/nowhere/x: No such file or directory"},
		{"backend=pcap,replay=/dev/null", "replay=/dev/null is no pcap file of Ethernet"},
		{"mac=02:00:00:00:00", "is no Ethernet address"},
		{"mac=02:00:00:00:00:0g", "is no Ethernet address"},
		{"mac=03:00:00:00:00:01", "is the address of a group"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = refusal(cases[i].options);

		if (!strstr(said, cases[i].said))
			fail_msg("%s: %s", cases[i].options, said);
		assert_null(strchr(said, '\n'));
	}
}

static void a_socket_that_nothing_has_is_refused(void **state)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct sockaddr_un bound = address;
	char options[256];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	strcpy(bound.sun_path, name[0]);
	assert_int_equal(bind(fd, (const struct sockaddr *)&bound, sizeof(bound)), 0);
	close(fd);
	snprintf(options, sizeof(options), "backend=socket,path=%s", name[0]);
	assert_non_null(strstr(refusal(options), "nothing listens there"));
	/* What a process has is not disturbed by looking. */
	(void)unlink(name[0]);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&bound, sizeof(bound)), 0);
	assert_int_equal(listen(fd, 1), 0);
	snprintf(options, sizeof(options), "backend=socket,path=%s,mac=1", name[0]);
	assert_non_null(strstr(refusal(options), "mac=1"));
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	/* A file is not replaced by a socket; a socket that a process has neither. */
	snprintf(options, sizeof(options), "backend=socket,path=%s,listen", name[0]);
	assert_non_null(strstr(refusal(options), strerror(EADDRINUSE)));
	close(fd);
	fd = open(name[1], O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	snprintf(options, sizeof(options), "backend=socket,path=%s,listen", name[1]);
	assert_non_null(strstr(refusal(options), strerror(EADDRINUSE)));
	assert_int_equal(access(name[1], F_OK), 0);
	close(fd);
}

/* ---- files ---- */

static void what_is_sent_is_in_the_pcap_file(void **state)
{
	const struct option_value options[] = {{"backend", "pcap"}, {"file", name[0]}};
	const uint32_t header[] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 0, 1};
	uint8_t bytes[4096];
	uint32_t lens[2];
	int fd;

	(void)state;
	assert_int_equal(e1000_open(&a, options, 2), 0);
	start(&a);
	assert_true(link_is(&a, true));
	e1000_send(&a, 0, 100, 0, 0);
	e1000_send(&a, 50, 1514, 0, 0);
	e1000_drain(&a);
	e1000_close(&a);
	fd = open(name[0], O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 24 + 16 + 100 + 16 + 1514);
	close(fd);
	assert_memory_equal(bytes, header, 16);
	assert_memory_equal(bytes + 20, header + 5, 4);
	memcpy(lens, bytes + 24 + 8, sizeof(lens));
	assert_int_equal(lens[0], 100);
	assert_int_equal(lens[1], 100);
}

static void a_pcap_file_has_one_writer(void **state)
{
	const struct option_value options[] = {{"backend", "pcap"}, {"file", name[0]}};
	char text[128];

	(void)state;
	assert_int_equal(e1000_open(&a, options, 2), 0);
	snprintf(text, sizeof(text), "backend=pcap,file=%s", name[0]);
	assert_non_null(strstr(refusal(text), "another run or device uses it"));
	e1000_close(&a);
}

static void a_pcap_file_is_received_once(void **state)
{
	const struct option_value write[] = {{"backend", "pcap"}, {"file", name[0]}};
	const struct option_value replay[] = {{"backend", "pcap"}, {"replay", name[0]}};

	(void)state;
	assert_int_equal(e1000_open(&a, write, 2), 0);
	start(&a);
	assert_true(link_is(&a, true));
	for (unsigned int i = 0; i < 300; i++) {
		e1000_send(&a, i, 60 + i, 0, 0);
		e1000_drain(&a);
	}
	e1000_close(&a);
	assert_int_equal(e1000_open(&a, replay, 2), 0);
	start(&a);
	for (unsigned int i = 0; i < 300; i++) {
		assert_true(e1000_wait(&a, &frame));
		assert_int_equal(frame.len, 60 + i);
		assert_memory_equal(frame.data, e1000_data_at(&a, i), 60 + i);
	}
	usleep(1000);
	assert_false(e1000_take(&a, &frame));
	e1000_close(&a);
}

/* ---- sockets ---- */

static void open_pair(const char *type)
{
	const bool stream = strcmp(type, "stream") == 0;
	const struct option_value listener[] = {
		{"backend", "socket"}, {"path", name[0]}, {"listen", "on"}};
	const struct option_value connector[] = {{"backend", "socket"}, {"path", name[0]}};
	const struct option_value first[] = {
		{"backend", "socket"}, {"type", "dgram"}, {"path", name[0]}, {"local", name[1]}};
	const struct option_value second[] = {
		{"backend", "socket"}, {"type", "dgram"}, {"path", name[1]}, {"local", name[0]}};

	assert_int_equal(e1000_open(&a, stream ? listener : first, stream ? 3 : 4), 0);
	start(&a);
	for (unsigned int i = 0; i < 10000 && access(stream ? name[0] : name[1], F_OK); i++)
		usleep(1000);
	assert_int_equal(e1000_open(&b, stream ? connector : second, stream ? 2 : 4), 0);
	start(&b);
	assert_true(link_is(&a, true) && link_is(&b, true));
}

static void exchange(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		e1000_send(&a, i, 60 + i * 5, 0, 0);
		e1000_send(&b, i, 61 + i * 7, 0, 0);
		assert_true(e1000_wait(&b, &frame));
		assert_int_equal(frame.len, 60 + i * 5);
		assert_memory_equal(frame.data, e1000_data_at(&a, i), frame.len);
		assert_true(e1000_wait(&a, &frame));
		assert_int_equal(frame.len, 61 + i * 7);
		assert_memory_equal(frame.data, e1000_data_at(&b, i), frame.len);
	}
}

static void two_devices_talk_by_a_stream(void **state)
{
	(void)state;
	open_pair("stream");
	exchange(200);
	e1000_close(&b);
	/* The link goes with the peer, and comes with the next. */
	assert_true(link_is(&a, false));
	const struct option_value connector[] = {{"backend", "socket"}, {"path", name[0]}};

	assert_int_equal(e1000_open(&b, connector, 2), 0);
	start(&b);
	assert_true(link_is(&a, true) && link_is(&b, true));
	start(&a);
	exchange(10);
	e1000_close(&b);
	e1000_close(&a);
	assert_int_equal(access(name[0], F_OK), -1);
}

static void two_devices_talk_by_datagrams(void **state)
{
	(void)state;
	open_pair("dgram");
	exchange(200);
	e1000_close(&b);
	e1000_close(&a);
	assert_int_equal(access(name[0], F_OK), -1);
	assert_int_equal(access(name[1], F_OK), -1);
}

static void a_peer_that_does_not_read_holds_frames_back(void **state)
{
	unsigned int sent = 0;

	(void)state;
	open_pair("stream");
	e1000_set(&b, E1000_RDT, e1000_get(&b, E1000_RDH));
	/* More than the system's buffers hold. */
	while (sent < 1000) {
		if ((a.tx_tail + 1) % E1000_RIG_RING == e1000_get(&a, E1000_TDH)) {
			usleep(20000);
			if ((a.tx_tail + 1) % E1000_RIG_RING == e1000_get(&a, E1000_TDH))
				break;
		}
		e1000_send(&a, sent, 9000, 0, 0);
		sent++;
	}
	assert_true(sent > 10 && sent < 1000);
	e1000_set(&b, E1000_RDT, (e1000_get(&b, E1000_RDH) + 63) % E1000_RIG_RING);
	for (unsigned int i = 0; i < sent; i++) {
		assert_true(e1000_wait(&b, &frame));
		assert_int_equal(frame.len, 9000);
		assert_memory_equal(frame.data, e1000_data_at(&a, i), 9000);
	}
	e1000_close(&b);
	e1000_close(&a);
}

/* Sends up to @most frames to b, which takes none. Returns how many a has taken from its ring. */
static unsigned int fill_cable(unsigned int most)
{
	unsigned int taken = 0;

	open_pair("stream");
	e1000_set(&b, E1000_RDT, e1000_get(&b, E1000_RDH));
	for (bool took = true; took && taken < most; taken += took) {
		e1000_send(&a, taken, 9000, 0, 0);
		took = false;
		for (unsigned int i = 0; i < 1000 && !took; i++) {
			usleep(200);
			took = e1000_get(&a, E1000_TDH) == a.tx_tail;
		}
	}
	return taken;
}

static void empty_cable(unsigned int frames)
{
	e1000_set(&b, E1000_RDT, (e1000_get(&b, E1000_RDH) + 63) % E1000_RIG_RING);
	for (unsigned int i = 0; i < frames; i++)
		assert_true(e1000_wait(&b, &frame));
	e1000_close(&b);
	e1000_close(&a);
}

/* The device has taken it from the ring, but the system has not: no descriptor follows it. */
static void the_last_frame_is_sent_when_the_peer_reads(void **state)
{
	unsigned int fits;

	(void)state;
	fits = fill_cable(1000);
	empty_cable(fits + 1);
	fits = fill_cable(fits);
	empty_cable(fits);
}

static void a_peer_that_speaks_another_protocol_is_left(void **state)
{
	static const struct option_value options[] = {
		{"backend", "socket"}, {"path", name[0]}, {"listen", "on"}};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;

	(void)state;
	strcpy(address.sun_path, name[0]);
	assert_int_equal(e1000_open(&a, options, 3), 0);
	start(&a);
	for (unsigned int i = 0; i < 10000 && access(name[0], F_OK); i++)
		usleep(1000);
	/* The path is there before the device listens. */
	for (unsigned int i = 0; i < 10000; i++) {
		if (!connect(fd, (const struct sockaddr *)&address, sizeof(address)))
			break;
		usleep(1000);
	}
	assert_true(link_is(&a, true));
	assert_int_equal(send(fd, "GET / HTTP/1.0\r\n", 16, MSG_NOSIGNAL), 16);
	assert_true(read(fd, &byte, 1) <= 0);
	assert_true(link_is(&a, false));
	close(fd);
	e1000_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(options_that_cannot_be_are_refused_in_one_line, setup),
		cmocka_unit_test_setup(a_socket_that_nothing_has_is_refused, setup),
		cmocka_unit_test_setup(what_is_sent_is_in_the_pcap_file, setup),
		cmocka_unit_test_setup(a_pcap_file_has_one_writer, setup),
		cmocka_unit_test_setup(a_pcap_file_is_received_once, setup),
		cmocka_unit_test_setup(two_devices_talk_by_a_stream, setup),
		cmocka_unit_test_setup(two_devices_talk_by_datagrams, setup),
		cmocka_unit_test_setup(a_peer_that_does_not_read_holds_frames_back, setup),
		cmocka_unit_test_setup(the_last_frame_is_sent_when_the_peer_reads, setup),
		cmocka_unit_test_setup(a_peer_that_speaks_another_protocol_is_left, setup),
	};
	int failed;

	if (!mkdtemp(directory))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	setup(NULL);
	rmdir(directory);
	return failed;
}

/* SPDX-License-Identifier: MIT */
/*
 * A program that starts others in all ways that there are, on a machine that they share:
 * started [OTHER]. OTHER is the same program, linked another way; without it, it is this one.
 *
 * As its own helper, started WORD FD ...: "works" on the context FD; "chain" executes the next
 * program of a chain, which does so at its end.
 */
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

enum {
	IOVA = 0x100000,
	PAGE = 4096,
	CHAIN = 8,
};

extern char **environ;
static char *self, *other;
static char inherited[16]; /* the number of the context */

/* Whether @fd is a context that the other processes work on, too. */
static bool works(int fd)
{
	return new_ioas(fd) >= 0 && access("/dev/vfio/devices/vfio0", R_OK) == 0;
}

static bool succeeds(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void begin(void)
{
	context = open("/dev/iommu", O_RDWR);
	CHECK(context >= 0);
	snprintf(inherited, sizeof(inherited), "%d", context);
}

/* Each of the others has made an object with an ID of its own. */
static void end(int others)
{
	CHECK(new_ioas(context) == others + 1);
	close(context);
}

static void posix_spawn_keeps_the_machine(void)
{
	char word[] = "works";
	char *const arguments[] = {other, word, inherited, NULL};
	pid_t pid = -1;

	begin();
	CHECK(posix_spawn(&pid, other, NULL, NULL, arguments, environ) == 0);
	CHECK(succeeds(pid));
	end(1);
}

static void the_child_of_a_vfork_executes_on_the_machine(void)
{
	pid_t pid;

	begin();
	pid = vfork();
	if (pid == 0) {
		execl(other, other, "works", inherited, (char *)NULL);
		_exit(1);
	}
	CHECK(succeeds(pid));
	end(1);
}

static void a_shell_and_what_it_starts_are_on_the_machine(void)
{
	char command[512];

	begin();
	snprintf(command, sizeof(command), "\"%s\" works %s && \"%s\" works %s", self, inherited,
		 other, inherited);
	CHECK(system(command) == 0);
	end(2);
}

static void a_pipe_to_a_program_of_the_machine_is_read(void)
{
	char line[64] = "";
	FILE *in;

	begin();
	in = popen("test -c /dev/vfio/devices/vfio0 && echo found", "r");
	CHECK(in && fgets(line, sizeof(line), in) && strcmp(line, "found\n") == 0);
	CHECK(in && pclose(in) == 0);
	end(0);
}

static void a_chain_of_programs_hands_a_context_on(void)
{
	char length[16];
	pid_t pid;

	begin();
	snprintf(length, sizeof(length), "%d", CHAIN);
	pid = fork();
	if (pid == 0) {
		execl(other, other, "chain", inherited, length, self, (char *)NULL);
		_exit(1);
	}
	CHECK(succeeds(pid));
	end(1);
}

/* The process that works in the end has neither parent nor terminal. */
static void a_daemon_goes_on_with_the_device(void)
{
	int answer[2];
	char byte = 0;
	pid_t pid;

	set_up();
	CHECK(pipe(answer) == 0);
	pid = fork();
	if (pid == 0) {
		unsigned char *memory = scratch();

		if (daemon(1, 1))
			_exit(1);
		/* Its memory is a copy of that of the process that has ended. */
		map_scratch();
		CHECK(map(memory, PAGE, IOVA) == 0);
		dma_write(IOVA, 0x21);
		CHECK(memory[0] == 0x21);
		_exit(check_failed || write(answer[1], "k", 1) != 1);
	}
	close(answer[1]);
	CHECK(succeeds(pid));
	CHECK(read(answer[0], &byte, 1) == 1 && byte == 'k');
	close(answer[0]);
	tear_down();
}

/* The next of the chain: the two programs take turns. */
static int go_on(char *fd, int left, char *next)
{
	char length[16];

	if (!left)
		return !works(atoi(fd));
	snprintf(length, sizeof(length), "%d", left - 1);
	execl(next, next, "chain", fd, length, self, (char *)NULL);
	return 1;
}

int main(int argc, char **argv)
{
	const struct check_test tests[] = {
		TEST(posix_spawn_keeps_the_machine),
		TEST(the_child_of_a_vfork_executes_on_the_machine),
		TEST(a_shell_and_what_it_starts_are_on_the_machine),
		TEST(a_pipe_to_a_program_of_the_machine_is_read),
		TEST(a_chain_of_programs_hands_a_context_on),
		TEST(a_daemon_goes_on_with_the_device),
	};

	self = argv[0];
	other = argc == 2 ? argv[1] : self;
	if (argc == 3 && strcmp(argv[1], "works") == 0)
		return !works(atoi(argv[2]));
	if (argc == 5 && strcmp(argv[1], "chain") == 0)
		return go_on(argv[2], atoi(argv[3]), argv[4]);
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of emulated files in other processes: which file they are, and when the last is
 * closed.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"
#include "server/opened.h"

static int released;

static void release(struct uiommufd_file *file)
{
	(void)file;
	__atomic_fetch_add(&released, 1, __ATOMIC_SEQ_CST);
}

static const struct file_ops ops = {.name = "file", .release = release};

static const struct node node = {.kind = NODE_CDEV, .number = 3};

static int make(struct uiommufd_file *file, struct stat *st)
{
	int fd;

	released = 0;
	file_init(file, &ops, 0);
	assert_int_equal(opened_make(file, node, NULL, &fd), 0);
	assert_int_equal(fstat(fd, st), 0);
	return fd;
}

static void a_descriptor_is_its_file_until_it_is_closed(void **state)
{
	struct uiommufd_file file;
	struct node found;
	struct stat st;
	int fd = make(&file, &st);

	(void)state;
	assert_ptr_equal(opened_find(&st, &found), &file);
	assert_int_equal(found.kind, NODE_CDEV);
	assert_int_equal(found.number, 3);
	file_put(&file);
	opened_drain();
	assert_int_equal(released, 0);
	close(fd);
	opened_drain();
	assert_int_equal(released, 1);
	assert_null(opened_find(&st, &found));
}

static void copies_keep_it(void **state)
{
	struct uiommufd_file file;
	struct stat st;
	int fd = make(&file, &st), copy = dup(fd);
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		for (;;)
			pause();
	}
	close(fd);
	opened_drain();
	assert_int_equal(released, 0);
	close(copy);
	opened_drain();
	assert_int_equal(released, 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	opened_drain();
	assert_int_equal(released, 1);
}

static void it_is_closed_while_nobody_calls(void **state)
{
	struct uiommufd_file file;
	struct stat st;

	(void)state;
	close(make(&file, &st));
	while (!__atomic_load_n(&released, __ATOMIC_SEQ_CST))
		usleep(1000);
}

static void other_files_are_none(void **state)
{
	struct node found;
	struct stat st;
	int sockets[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	assert_int_equal(fstat(sockets[0], &st), 0);
	assert_null(opened_find(&st, &found));
	close(sockets[0]);
	close(sockets[1]);
}

static void a_file_of_another_system_with_that_inode_is_another(void **state)
{
	struct uiommufd_file file;
	struct node found;
	struct stat st;
	int fd = make(&file, &st);

	(void)state;
	st.st_dev++;
	assert_null(opened_find(&st, &found));
	close(fd);
	opened_drain();
	assert_int_equal(released, 1);
}

static void what_is_written_to_it_does_not_keep_it(void **state)
{
	struct uiommufd_file file;
	struct stat st;
	int fd = make(&file, &st);

	(void)state;
	assert_int_equal(write(fd, "lost", 4), 4);
	opened_drain();
	assert_int_equal(released, 0);
	assert_int_equal(write(fd, "lost", 4), 4);
	close(fd);
	opened_drain();
	assert_int_equal(released, 1);
}

static void a_forgotten_one_is_a_dead_socket(void **state)
{
	struct uiommufd_file file;
	struct node found;
	struct stat st;
	int fd = make(&file, &st);
	char byte;

	(void)state;
	opened_forget(&st);
	assert_int_equal(released, 1);
	assert_null(opened_find(&st, &found));
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
	opened_drain();
	assert_int_equal(released, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_is_its_file_until_it_is_closed),
		cmocka_unit_test(copies_keep_it),
		cmocka_unit_test(it_is_closed_while_nobody_calls),
		cmocka_unit_test(other_files_are_none),
		cmocka_unit_test(a_file_of_another_system_with_that_inode_is_another),
		cmocka_unit_test(what_is_written_to_it_does_not_keep_it),
		cmocka_unit_test(a_forgotten_one_is_a_dead_socket),
	};

	if (opened_start())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

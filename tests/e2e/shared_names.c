/* SPDX-License-Identifier: MIT */
/* Names of emulated files on a shared machine that are not written as such: links, descriptors. */
#include <dirent.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "check.h"
#include "device.h"
#include "listing.h"

#define DEVICE "/sys/bus/pci/devices/0000:c1:00.0"

static char directory[] = "/tmp/names.XXXXXX";

static bool opens(const char *path, int flags)
{
	int fd = open(path, flags, 0600);
	bool opened = fd >= 0 && new_ioas(fd) >= 0;

	if (fd >= 0)
		close(fd);
	return opened;
}

static bool reads(const char *path, const char *text)
{
	char got[64] = "";
	int fd = open(path, O_RDONLY);
	ssize_t len = fd < 0 ? -1 : read(fd, got, sizeof(got) - 1);

	if (fd >= 0)
		close(fd);
	return len > 0 && strcmp(got, text) == 0;
}

/* Also of a directory that the system lacks: what is created there is not created in its /dev. */
static void links_of_the_system_lead_to_the_machine(void)
{
	char text[PATH_MAX];
	struct stat st;

	CHECK(chdir(directory) == 0);
	CHECK(symlink("/dev/iommu", "node") == 0 && symlink("node", "again") == 0);
	CHECK(symlink("/dev", "dev") == 0 && symlink("../../dev/vfio", "vfio") == 0);
	CHECK(symlink("/sys/bus/pci", "pci") == 0);
	CHECK(opens("again", O_RDWR) && opens("dev/iommu", O_RDWR | O_CREAT));
	CHECK(open("dev/iommu", O_RDWR | O_CREAT | O_EXCL, 0600) < 0 && errno == EEXIST);
	CHECK(stat("node", &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 10);
	CHECK(lstat("node", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(readlink("again", text, sizeof(text)) == 4 && memcmp(text, "node", 4) == 0);
	CHECK(realpath("again", text) && strcmp(text, "/dev/iommu") == 0);
	CHECK(access("vfio/devices/vfio0", R_OK | W_OK) == 0);
	CHECK(reads("pci/devices/0000:c1:00.0/vendor", "0x1234\n"));
	CHECK(mkdir("vfio", 0755) < 0 && errno == EEXIST);
	CHECK(mkdir("dev/vfio", 0755) < 0 && errno == EEXIST);
	CHECK(open("vfio/nothing", O_RDWR) < 0 && errno == ENOENT);
	CHECK(open("nothing", O_RDWR) < 0 && errno == ENOENT);
	CHECK(unlink("node") == 0 && unlink("again") == 0 && unlink("dev") == 0);
	CHECK(unlink("vfio") == 0 && unlink("pci") == 0 && chdir("/") == 0);
}

static void paths_of_the_system_stay_its_own(void)
{
	char text[PATH_MAX];
	struct stat st, same;

	CHECK(chdir(directory) == 0);
	CHECK(mkdir("sub", 0700) == 0 && symlink("sub", "link") == 0 &&
	      symlink("loop", "loop") == 0);
	CHECK(stat("link/../sub/.", &st) == 0 && lstat("sub", &same) == 0);
	CHECK(st.st_ino == same.st_ino);
	CHECK(stat("/dev/null/../null", &st) < 0 && errno == ENOTDIR);
	CHECK(stat("/dev/null/../iommu", &st) < 0 && errno == ENOTDIR);
	CHECK(stat("/dev/../dev/null", &st) == 0 && st.st_rdev == makedev(1, 3));
	CHECK(open("loop", O_RDONLY) < 0 && errno == ELOOP);
	CHECK(open("link", O_RDONLY | O_NOFOLLOW) < 0 && errno == ELOOP);
	CHECK(stat("/tmp/", &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(stat("/tmp/../tmp/..", &st) == 0 && stat("/", &same) == 0);
	CHECK(st.st_ino == same.st_ino);
	CHECK(realpath("link", text) && strstr(text, "/sub"));
	CHECK(unlink("link") == 0 && rmdir("sub") == 0 && unlink("loop") == 0 && chdir("/") == 0);
}

static void proc_names_the_nodes_behind_descriptors(void)
{
	int fd = open("/dev/iommu", O_RDWR), pci = open("/sys/bus/pci", O_RDONLY | O_DIRECTORY);
	char path[64], text[PATH_MAX] = "", small[5];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(readlink(path, text, sizeof(text)) == 10 && strcmp(text, "/dev/iommu") == 0);
	CHECK(readlink(path, small, 4) == 4 && memcmp(small, "/dev", 4) == 0);
	CHECK(realpath(path, text) && strcmp(text, "/dev/iommu") == 0);
	CHECK(stat(path, &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(opens(path, O_RDWR));
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	CHECK(opens(path, O_RDWR));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", pci);
	memset(text, 0, sizeof(text));
	CHECK(readlink(path, text, sizeof(text)) > 0 && strcmp(text, "/sys/bus/pci") == 0);
	close(fd);
	close(pci);
}

/* A child that has descriptors of its own, until it is killed. *@fds: their numbers. */
static pid_t start_holder(int fds[2])
{
	int ready[2];
	char byte;
	pid_t child;

	CHECK(pipe(ready) == 0);
	fds[0] = open("/dev/iommu", O_RDWR);
	fds[1] = open("/dev/vfio/devices/vfio0", O_RDWR);
	child = fork();
	if (child == 0) {
		CHECK(write(ready[1], "", 1) == 1);
		for (;;)
			pause();
	}
	close(fds[0]);
	close(fds[1]);
	CHECK(child > 0 && read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void proc_names_the_descriptors_of_another_process(void)
{
	static const char *const names[] = {"/dev/iommu", "/dev/vfio/devices/vfio0"};
	int fds[2], status;
	pid_t child = start_holder(fds);
	char path[64], text[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)child, fds[i]);
		memset(text, 0, sizeof(text));
		CHECK(readlink(path, text, sizeof(text)) > 0 && strcmp(text, names[i]) == 0);
		CHECK(stat(path, &st) == 0 && S_ISCHR(st.st_mode));
		CHECK(access(path, R_OK | W_OK) == 0);
	}
	/* Opening it opens the node anew, as another file. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)child, fds[0]);
	CHECK(opens(path, O_RDWR));
	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
	CHECK(readlink(path, text, sizeof(text)) < 0 && errno == ENOENT);
	CHECK(open(path, O_RDWR) < 0 && errno == ENOENT);
}

static void descriptors_of_a_path_are_given(void)
{
	int fd = open("/dev/iommu", O_PATH), device_directory = open(DEVICE, O_PATH);
	struct stat st;

	CHECK(fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(device_directory >= 0 && faccessat(device_directory, "vendor", R_OK, 0) == 0);
	CHECK(fstat(device_directory, &st) == 0 && S_ISDIR(st.st_mode));
	close(fd);
	close(device_directory);
}

/* As systemd's tools and libudev go through paths: by descriptors, link by link. */
static void paths_are_walked_by_descriptors(void)
{
	int devices = open("/sys/bus/pci/devices", O_PATH | O_DIRECTORY);
	int link = openat(devices, "0000:c1:00.0", O_PATH | O_NOFOLLOW), text, node;
	int dev = open("/dev/vfio", O_PATH | O_DIRECTORY);
	char target[PATH_MAX] = "";
	struct stat st;

	CHECK(link >= 0 && fstat(link, &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(readlinkat(link, "", target, sizeof(target)) > 0);
	CHECK(strcmp(target, "../../../devices/pci0000:c1/0000:c1:00.0") == 0);
	text = openat(devices, target, O_PATH | O_NOFOLLOW);
	CHECK(text >= 0 && fstat(text, &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(faccessat(text, "vendor", R_OK, 0) == 0);
	node = openat(dev, "vfio", O_PATH | O_NOFOLLOW);
	CHECK(fstat(node, &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(read(node, target, 1) < 0 && errno == EBADF);
	close(link);
	/* A directory of the real system, in which a link is not. */
	link = open("/sys/bus/pci/devices/0000:c1:00.0", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	CHECK(link >= 0 && fstat(link, &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(fcntl(link, F_GETFD) == FD_CLOEXEC && fcntl(link, F_GETFL) & O_PATH);
	close(devices);
	close(link);
	close(text);
	close(dev);
	close(node);
}

/* Bus mastering in the command register, as the file of config space shows it, and through VFIO. */
static void config_space_shows_what_is(void)
{
	uint16_t before = 1, after = 0;
	int fd = open(DEVICE "/config", O_RDONLY);

	CHECK(pread(fd, &before, 2, 4) == 2 && !(before & 4));
	close(fd);
	set_up();
	fd = open(DEVICE "/config", O_RDONLY);
	CHECK(read(fd, &after, 2) == 2 && after == 0x1234);
	CHECK(pread(fd, &after, 2, 4) == 2 && after & 4);
	close(fd);
	fd = open(DEVICE "/config", O_RDWR);
	CHECK(pwrite(fd, &before, 2, 4) == 2 && pread(fd, &after, 2, 4) == 2 && !(after & 4));
	close(fd);
	CHECK(open(DEVICE "/vendor", O_WRONLY) < 0 && errno == EACCES);
	tear_down();
}

static unsigned int times_listed(DIR *dir, const char *name)
{
	unsigned int times = 0;
	struct dirent *entry;

	while ((entry = readdir(dir)))
		times += !strcmp(entry->d_name, name);
	return times;
}

static void listings_side_by_side_have_the_entries_once(void)
{
	DIR *first = opendir("/dev"), *second = opendir("/dev/"), *classes = opendir("/sys/class");

	CHECK(times_listed(first, "iommu") == 1 && times_listed(second, "iommu") == 1);
	CHECK(times_listed(first, "iommu") == 0 && times_listed(classes, "vfio-dev") == 1);
	rewinddir(first);
	CHECK(times_listed(second, "iommu") == 0 && times_listed(first, "iommu") == 1);
	rewinddir(second);
	CHECK(times_listed(second, "null") == 1);
	closedir(first);
	closedir(second);
	closedir(classes);
}

/* As `find LINK/` and `ls -d LINK/` ask. */
static void a_link_before_a_slash_is_its_directory(void)
{
	char text[8];
	struct stat st;

	CHECK(lstat(DEVICE, &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(lstat(DEVICE "/", &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(readlink(DEVICE "/", text, sizeof(text)) < 0 && errno == EINVAL);
	CHECK(lstat("/dev/iommu/", &st) < 0 && errno == ENOTDIR);
}

static void nothing_is_created_where_nothing_is(void)
{
	CHECK(open("/sys/bus/pci/nothing", O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES);
	CHECK(open("/dev/vfio/nothing/file", O_WRONLY | O_CREAT, 0600) < 0 && errno == ENOENT);
	CHECK(open(DEVICE "/nothing/file", O_WRONLY | O_CREAT, 0600) < 0 && errno == ENOENT);
	CHECK(open(DEVICE "/nothing", O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES);
}

static void emulated_files_have_no_extended_attributes(void)
{
	char text[64];

	CHECK(lgetxattr("/dev/iommu", "security.selinux", text, sizeof(text)) < 0 &&
	      errno == ENODATA);
	CHECK(listxattr(DEVICE "/vendor", text, sizeof(text)) == 0);
	CHECK(getxattr("/dev/vfio/nothing", "user.x", text, sizeof(text)) < 0 && errno == ENOENT);
	CHECK(getxattr("/does/not/exist", "user.x", text, sizeof(text)) < 0 && errno == ENOENT);
}

static void the_current_directory_has_a_size(void)
{
	char text[32];

	CHECK(chdir("/dev/vfio/devices") == 0);
	CHECK(syscall(SYS_getcwd, text, 17) < 0 && errno == ERANGE);
	CHECK(syscall(SYS_getcwd, text, 18) == 18 && strcmp(text, "/dev/vfio/devices") == 0);
	CHECK(chdir("vfio0") < 0 && errno == ENOTDIR);
	CHECK(chdir("nothing") < 0 && errno == ENOENT);
	CHECK(chdir("../../..") == 0 && getcwd(text, sizeof(text)) && strcmp(text, "/") == 0);
	CHECK(chdir("/dev/vfio/..") == 0 && getcwd(text, sizeof(text)));
	CHECK(strcmp(text, "/dev") == 0 && access("null", R_OK) == 0 && chdir("/") == 0);
}

/* The server cannot make calls in its stead. */
static void a_program_that_a_debugger_traces_stays_where_it_is(void)
{
	pid_t pid = fork();
	char text[32];
	int status;

	if (pid == 0) {
		const int lowest = dup(0);

		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) || chdir("/dev/vfio") == 0 ||
		      errno != ENOENT || !getcwd(text, sizeof(text)) || strcmp(text, "/") != 0 ||
		      chdir("/tmp") || dup(0) != lowest + 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* A change of the attributes of @name, made and undone, is seen by stat() and by inotify. */
static bool mode_changes(const char *name)
{
	int watch = inotify_init1(IN_NONBLOCK);
	struct inotify_event event = {0};
	struct stat before, after;
	bool seen;

	CHECK(stat(name, &before) == 0 && inotify_add_watch(watch, name, IN_ATTRIB) > 0);
	CHECK(chmod(name, 0640) == 0 && stat(name, &after) == 0);
	seen = read(watch, &event, sizeof(event)) == sizeof(event) && event.mask == IN_ATTRIB;
	CHECK(fchmodat(AT_FDCWD, name, before.st_mode & 07777, 0) == 0);
	close(watch);
	return seen && (after.st_mode & 07777) == 0640 && after.st_rdev == before.st_rdev;
}

static void attributes_of_names_are_changed_and_watched(void)
{
	const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	struct stat st;

	CHECK(mode_changes("/dev/iommu") && mode_changes("/dev/vfio/devices/vfio0"));
	CHECK(mode_changes(DEVICE "/driver_override"));
	CHECK(utimensat(AT_FDCWD, "/dev/iommu", times, 0) == 0 && stat("/dev/iommu", &st) == 0);
	CHECK(st.st_mtime == 2000 && utimensat(AT_FDCWD, "/dev/iommu", NULL, 0) == 0);
	CHECK(chmod("/dev/vfio/nothing", 0600) < 0 && errno == ENOENT);
	CHECK(inotify_add_watch(0, "/dev/vfio/nothing", IN_ATTRIB) < 0 && errno == ENOENT);
	CHECK(inotify_add_watch(0, "/dev/vfio", IN_ATTRIB) < 0 && errno == EINVAL);
	CHECK(inotify_add_watch(999, "/dev/vfio", IN_ATTRIB) < 0 && errno == EBADF);
}

static void nodes_that_come_and_go_are_seen(void)
{
	static const char unbind[] = "/sys/bus/pci/drivers/vfio-pci/unbind",
			  bind[] = "/sys/bus/pci/drivers/vfio-pci/bind";
	int watch = inotify_init1(IN_NONBLOCK), fd = open(unbind, O_WRONLY);
	char events[512];
	ssize_t len;

	CHECK(inotify_add_watch(watch, "/dev/vfio/devices", IN_DELETE) > 0);
	CHECK(write(fd, "0000:c1:00.0", 12) == 12);
	close(fd);
	len = read(watch, events, sizeof(events));
	CHECK(len > 0 && memmem(events, (size_t)len, "vfio0", 6));
	fd = open(bind, O_WRONLY);
	CHECK(write(fd, "0000:c1:00.0", 12) == 12);
	close(fd);
	close(watch);
}

static bool fstat_shows(const char *name, mode_t mode, off_t size)
{
	int fd = open(name, O_RDONLY);
	struct stat st;
	bool shows = fd >= 0 && fstat(fd, &st) == 0 && st.st_mode == (S_IFREG | mode) &&
		     st.st_size == size;

	if (fd >= 0)
		close(fd);
	return shows;
}

/* Those that are as they were laid out, and those that change. */
static void texts_of_sysfs_have_their_size_and_mode(void)
{
	CHECK(fstat_shows(DEVICE "/vendor", 0444, 4096));
	CHECK(fstat_shows(DEVICE "/enable", 0644, 4096));
	CHECK(fstat_shows(DEVICE "/power_state", 0444, 4096));
	/* Root does not read what nobody reads. */
	CHECK(open(DEVICE "/reset", O_RDONLY) < 0 && errno == EACCES);
	CHECK(open(DEVICE "/reset", O_RDWR) < 0 && errno == EACCES);
}

enum {
	NOBODY = 65534
};

static bool is_denied(int flags)
{
	return open("/dev/iommu", flags) < 0 && errno == EACCES;
}

/* Gives up root in steps. 0, or the number of the first step that finds something else. */
static int find_rights(void)
{
	const int flags = O_RDWR | O_CLOEXEC;

	if (setgroups(0, NULL) || setegid(NOBODY) || seteuid(NOBODY))
		return 1;
	if (!is_denied(O_RDWR) || !is_denied(O_RDONLY) || !is_denied(O_WRONLY))
		return 2;
	if (open("/dev/vfio/vfio", flags) < 0 || open(DEVICE "/vendor", O_RDONLY) < 0)
		return 3;
	if (open(DEVICE "/driver_override", flags) >= 0 || errno != EACCES)
		return 4;
	/* access() tells of the real user. */
	if (access("/dev/iommu", R_OK | W_OK) || access(DEVICE "/driver_override", W_OK))
		return 5;
	if (syscall(SYS_faccessat2, AT_FDCWD, "/dev/iommu", R_OK, AT_EACCESS) == 0 ||
	    syscall(SYS_faccessat2, AT_FDCWD, "/dev", R_OK | X_OK, AT_EACCESS) != 0)
		return 6;
	/* The group's members may. */
	if (seteuid(0) || setegid(0) || seteuid(NOBODY) || open("/dev/iommu", flags) < 0)
		return 7;
	if (seteuid(0) || chown("/dev/vfio/vfio", NOBODY, 0) || chown("/dev/vfio/vfio", 0, 0))
		return 8;
	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return 8;
	if (chown("/dev/iommu", NOBODY, NOBODY) == 0 || errno != EPERM)
		return 11;
	if (chmod("/dev/iommu", 0666) == 0 || errno != EPERM)
		return 12;
	if (utimensat(AT_FDCWD, "/dev/iommu", NULL, 0) == 0 || errno != EACCES)
		return 13;
	if (inotify_add_watch(inotify_init(), "/dev/iommu", IN_ATTRIB) >= 0 || errno != EACCES)
		return 14;
	if (access("/dev/iommu", R_OK) == 0 || access("/dev/iommu", W_OK) == 0)
		return 9;
	return access("/dev/iommu", F_OK) == 0 && access("/dev/vfio/vfio", W_OK) == 0 ? 0 : 10;
}

/* 0, or the number of the first step that finds something else. */
static int find_in_another_root(void)
{
	int dev = open("/dev", O_RDONLY | O_DIRECTORY), fd = open("/dev/iommu", O_RDWR);

	if (chroot(directory) || chdir("/"))
		return 1;
	if (access("/dev/iommu", F_OK) == 0 || open("/dev/iommu", O_RDWR) >= 0 || errno != ENOENT)
		return 2;
	if (access("/proc", F_OK) == 0 || access(DEVICE, F_OK) == 0)
		return 3;
	/* What is open stays. */
	return new_ioas(fd) >= 0 && faccessat(dev, "iommu", F_OK, 0) == 0 ? 0 : 4;
}

/* The same with the system's own /dev and /sys in that root, as container tools mount them. */
static int find_in_root_with_devices(void)
{
	char dev[64], sys[64];
	struct stat st;
	int fd;

	snprintf(dev, sizeof(dev), "%s/dev", directory);
	snprintf(sys, sizeof(sys), "%s/sys", directory);
	if (unshare(CLONE_NEWNS) || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) ||
	    mount("root", directory, "tmpfs", 0, NULL) || mkdir(dev, 0755) || mkdir(sys, 0755) ||
	    mount("/dev", dev, "", MS_BIND | MS_REC, NULL) ||
	    mount("/sys", sys, "", MS_BIND | MS_REC, NULL))
		return 0; /* it is not permitted */
	if (chroot(directory) || chdir("/"))
		return 1;
	fd = open("//dev/iommu", O_RDWR);
	if (fd < 0 || new_ioas(fd) < 0 || access("/dev/vfio/vfio", R_OK | W_OK))
		return 2;
	if (stat("/dev/vfio/../iommu", &st) || !S_ISCHR(st.st_mode) || access(DEVICE, F_OK))
		return 3;
	if (access("/proc", F_OK) == 0 || access("/dev/../proc", F_OK) == 0 ||
	    access("/dev/vfio/../../proc", F_OK) == 0)
		return 4;
	if (chdir("/dev") || access("iommu", F_OK) || access("../dev/iommu", F_OK) ||
	    access("../proc", F_OK) == 0 || !lists(".", "iommu") || !lists("/dev", "null"))
		return 5;
	return access("/dev/nothing", F_OK) == 0;
}

/* As root only: in a child, @find returns 0, or at which step it fails. */
static void check_in_child(int (*find)(void))
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		return;
	pid = fork();
	if (pid == 0)
		_exit(find());
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == 0);
	if (status)
		printf("it fails at %d\n", WEXITSTATUS(status));
}

static void a_program_in_another_root_finds_that_one(void)
{
	check_in_child(find_in_another_root);
	check_in_child(find_in_root_with_devices);
	/* Others are where they were. */
	CHECK(opens("/dev/iommu", O_RDWR));
}

static void a_program_that_gives_up_root_has_the_rights_of_its_user(void)
{
	check_in_child(find_rights);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(links_of_the_system_lead_to_the_machine),
		TEST(paths_of_the_system_stay_its_own),
		TEST(proc_names_the_nodes_behind_descriptors),
		TEST(proc_names_the_descriptors_of_another_process),
		TEST(descriptors_of_a_path_are_given),
		TEST(paths_are_walked_by_descriptors),
		TEST(config_space_shows_what_is),
		TEST(listings_side_by_side_have_the_entries_once),
		TEST(a_link_before_a_slash_is_its_directory),
		TEST(nothing_is_created_where_nothing_is),
		TEST(emulated_files_have_no_extended_attributes),
		TEST(attributes_of_names_are_changed_and_watched),
		TEST(nodes_that_come_and_go_are_seen),
		TEST(texts_of_sysfs_have_their_size_and_mode),
		TEST(the_current_directory_has_a_size),
		TEST(a_program_that_a_debugger_traces_stays_where_it_is),
		TEST(a_program_in_another_root_finds_that_one),
		TEST(a_program_that_gives_up_root_has_the_rights_of_its_user),
	};
	int status;

	if (!mkdtemp(directory))
		return 1;
	status = run_tests(tests, sizeof(tests) / sizeof(tests[0]));
	return rmdir(directory) || status;
}

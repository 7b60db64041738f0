/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's VFS says to any call on the descriptor of a device node, and the ways by which
 * a path may reach an emulated file: links of the real system, /proc, descriptors.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "check.h"
#include "listing.h"

#define DEVICE "/sys/bus/pci/devices/0000:c1:00.0"

#define FAILS(call, error) CHECK((call) == -1 && errno == (error))

/* Whether @fd is an emulated container or iommufd: both answer this command. */
static bool answers(int fd)
{
	const unsigned int get_api_version = _IO(';', 100);

	return ioctl(fd, get_api_version) == 0;
}

static void refuses_what_needs_contents(int fd)
{
	int ends[2];

	FAILS(lseek(fd, 0, SEEK_CUR), ESPIPE);
	FAILS(lseek(fd, 8, SEEK_SET), ESPIPE);
	FAILS(lseek(fd, 0, SEEK_END), ESPIPE);
	FAILS(fsync(fd), EINVAL);
	FAILS(fdatasync(fd), EINVAL);
	FAILS(ftruncate(fd, 4096), EINVAL);
	FAILS(fallocate(fd, 0, 0, 4096), ENODEV);
	FAILS(fallocate(fd, 0, 0, 0), EINVAL);
	FAILS(fcntl(fd, F_GET_SEALS), EINVAL);
	FAILS(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), EINVAL);
	FAILS(fcntl(fd, F_SETLEASE, F_RDLCK), EINVAL);
	FAILS(fcntl(fd, F_SETFL, O_DIRECT), EINVAL);
	CHECK(posix_fallocate(fd, 0, 4096) == ENODEV);
	CHECK(pipe(ends) == 0);
	FAILS(sendfile(ends[1], fd, NULL, 4), EINVAL);
	FAILS(splice(fd, NULL, ends[1], NULL, 4, 0), EINVAL);
	CHECK(write(ends[1], "abcd", 4) == 4);
	FAILS(splice(ends[0], NULL, fd, NULL, 4, 0), EINVAL);
	close(ends[0]);
	close(ends[1]);
}

/* What is wrong with the descriptors comes before what is wrong with the file. */
static void moving_needs_the_right_to_read_and_to_write(void)
{
	int readable = open("/dev/iommu", O_RDONLY), writable = open("/dev/iommu", O_WRONLY);
	int directory = open("/", O_RDONLY | O_DIRECTORY);
	int ends[2];

	CHECK(pipe(ends) == 0);
	FAILS(sendfile(readable, ends[0], NULL, 4), EBADF);
	FAILS(sendfile(ends[1], writable, NULL, 4), EBADF);
	FAILS(splice(ends[0], NULL, readable, NULL, 4, 0), EBADF);
	FAILS(splice(writable, NULL, ends[1], NULL, 4, 0), EBADF);
	FAILS(splice(readable, NULL, ends[1], NULL, 4, 0), EINVAL);
	FAILS(copy_file_range(readable, NULL, directory, NULL, 4, 0), EISDIR);
	FAILS(readahead(readable, 0, 4096), EINVAL);
	FAILS(readahead(writable, 0, 4096), EBADF);
	close(ends[0]);
	close(ends[1]);
	close(readable);
	close(writable);
	close(directory);
}

/* What the file system of the node answers by itself. */
static void requests_of_any_file_are_answered(void)
{
	int fd = open("/dev/iommu", O_RDWR), size = 0, other = open("/", O_RDONLY);
	off_t wide = 0;

	CHECK(ioctl(fd, FIGETBSZ, &size) == 0 && size > 0);
	FAILS(ioctl(fd, FICLONE, other), EXDEV);
	FAILS(ioctl(fd, FIOQSIZE, &wide), ENOTTY);
	FAILS(ioctl(fd, FITHAW, 0), geteuid() ? EPERM : EINVAL);
	FAILS(sync_file_range(fd, 0, 0, 0), ESPIPE);
	FAILS(sync_file_range(fd, -1, 0, 0), EINVAL);
	close(other);
	close(fd);
}

/* @access and no other flag, whatever stands for the file. */
static bool has_flags(int fd, int access)
{
	const int kept = O_ACCMODE | O_NONBLOCK | O_APPEND | O_ASYNC | O_CLOEXEC | O_PATH;
	const int flags = fcntl(fd, F_GETFL);
	char name[64], line[64] = "";
	unsigned int shown = 0;
	FILE *info;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	info = fopen(name, "r");
	while (info && fgets(line, sizeof(line), info) && sscanf(line, "flags: %o", &shown) != 1)
		continue;
	if (info)
		fclose(info);
	return flags >= 0 && (flags & kept) == access && ((int)shown & kept & ~O_CLOEXEC) == access;
}

static void descriptors_tell_how_they_were_opened(void)
{
	int readable = open("/dev/iommu", O_RDONLY | O_CLOEXEC);
	int writable = open("/dev/vfio/vfio", O_WRONLY), both = open("/dev/iommu", O_RDWR);
	FILE *stream = fdopen(readable, "r");

	CHECK(has_flags(readable, O_RDONLY) && has_flags(writable, O_WRONLY));
	CHECK(has_flags(both, O_RDWR));
	CHECK(fcntl(both, F_SETFL, O_NONBLOCK | O_ASYNC) == 0);
	CHECK(has_flags(both, O_RDWR | O_NONBLOCK));
	CHECK(fcntl(readable, F_GETFD) == FD_CLOEXEC && stream != NULL);
	FAILS(fdopen(writable, "r") ? 0 : -1, EINVAL);
	fclose(stream);
	close(writable);
	close(both);
}

static void descriptors_are_no_sockets(void)
{
	int fd = open("/dev/iommu", O_RDWR), ready = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};
	struct mmsghdr messages = {0};
	struct msghdr message = {0};
	struct sockaddr address = {0};
	char byte = 0;

	FAILS(bind(fd, &address, sizeof(address)), ENOTSOCK);
	FAILS(connect(fd, &address, sizeof(address)), ENOTSOCK);
	FAILS(listen(fd, 1), ENOTSOCK);
	FAILS(accept(fd, NULL, NULL), ENOTSOCK);
	FAILS(accept4(fd, NULL, NULL, SOCK_CLOEXEC), ENOTSOCK);
	FAILS(send(fd, &byte, 1, 0), ENOTSOCK);
	FAILS(recv(fd, &byte, 1, 0), ENOTSOCK);
	FAILS(sendmsg(fd, &message, 0), ENOTSOCK);
	FAILS(recvmsg(fd, &message, 0), ENOTSOCK);
	FAILS(sendmmsg(fd, &messages, 1, 0), ENOTSOCK);
	FAILS(recvmmsg(fd, &messages, 1, 0, NULL), ENOTSOCK);
	FAILS(epoll_ctl(ready, EPOLL_CTL_ADD, fd, &event), EPERM);
	FAILS(epoll_ctl(ready, EPOLL_CTL_DEL, fd, &event), EPERM);
	close(ready);
	close(fd);
}

/* O_PATH: by an absolute name, and by one in a directory. */
static void a_path_is_no_open_file(void)
{
	int directory = open("/dev", O_RDONLY | O_DIRECTORY);
	int fds[] = {open("/dev/iommu", O_PATH), openat(directory, "iommu", O_PATH),
		     openat(directory, "vfio/vfio", O_PATH), open(DEVICE "/vendor", O_PATH)};
	struct stat st;
	char byte;

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		CHECK(fds[i] >= 0 && fcntl(fds[i], F_GETFL) & O_PATH);
		CHECK(fstat(fds[i], &st) == 0 && S_ISCHR(st.st_mode) == (i < 3));
		FAILS(read(fds[i], &byte, 1), EBADF);
		FAILS(pread(fds[i], &byte, 1, 0), EBADF);
		FAILS(ioctl(fds[i], _IO(';', 100)), EBADF);
		FAILS(fchmod(fds[i], 0600), EBADF);
		FAILS(lseek(fds[i], 0, SEEK_CUR), EBADF);
		CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[i], 0) == MAP_FAILED &&
		      errno == EBADF);
		close(fds[i]);
	}
	close(directory);
}

static void attributes_of_users_are_not_of_devices(void)
{
	int fd = open("/dev/iommu", O_RDWR);

	FAILS(fsetxattr(fd, "user.x", "", 0, 0), EPERM);
	FAILS(fremovexattr(fd, "user.x"), EPERM);
	FAILS(setxattr("/dev/iommu", "user.x", "", 0, 0), EPERM);
	FAILS(removexattr("/dev/vfio/vfio", "user.x"), EPERM);
	close(fd);
}

static void a_mapping_is_checked_before_the_file_is_asked(void)
{
	int fd = open("/dev/iommu", O_RDWR);

	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_HUGETLB, fd, 0) == MAP_FAILED &&
	      errno == EINVAL);
	CHECK(mmap((void *)1, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED &&
	      errno == EINVAL);
	close(fd);
}

/* Since Linux 6.4 such a file can be neither made nor opened; before, a directory was opened. */
static void directories_are_not_made_by_opening(void)
{
	const int flags = O_CREAT | O_DIRECTORY | O_RDONLY;
	const int fd = open("/dev/null", flags, 0600), error = errno;

	CHECK(fd < 0);
	FAILS(open("/dev/iommu", flags, 0600), error);
}

static void device_nodes_refuse_what_needs_contents(void)
{
	int iommu = open("/dev/iommu", O_RDWR);
	int device = open("/dev/vfio/devices/vfio0", O_RDWR);
	char byte;

	refuses_what_needs_contents(iommu);
	refuses_what_needs_contents(device);
	FAILS(pread(iommu, &byte, 1, 0), EINVAL);
	FAILS(pwrite(iommu, &byte, 1, 0), EINVAL);
	FAILS(open("/dev/iommu", O_RDWR | O_DIRECT), EINVAL);
	FAILS(open(DEVICE "/config", O_RDONLY | O_DIRECT), EINVAL);
	close(iommu);
	close(device);
}

static void a_node_is_no_directory(void)
{
	struct stat st;

	int fd = open("/dev/iommu", O_RDWR);

	FAILS(openat(fd, ".", O_RDONLY), ENOTDIR);
	FAILS(fstatat(fd, ".", &st, 0), ENOTDIR);
	close(fd);
	FAILS(open("/dev/iommu/..", O_RDONLY), ENOTDIR);
	FAILS(open("/dev/iommu/../iommu", O_RDWR), ENOTDIR);
	FAILS(stat(DEVICE "/vendor/../device", &st), ENOTDIR);
	FAILS(stat("/dev/vfio/nothing/../vfio", &st), ENOENT);
	FAILS(stat("/dev/null/../iommu", &st), ENOTDIR);
	CHECK(stat(DEVICE "/../"
			  "0000:c1:00.0/device",
		   &st) == 0);
}

static void links_of_the_real_system_lead_in(void)
{
	char name[] = "/tmp/vfs.XXXXXX";
	char text[PATH_MAX];
	struct statfs fs;
	struct stat st;
	FILE *stream;
	int fd;

	CHECK(mkdtemp(name) && chdir(name) == 0);
	CHECK(symlink("/dev/iommu", "node") == 0 && symlink("node", "node2") == 0);
	CHECK(symlink("/dev", "dev") == 0 && symlink("../../dev/vfio", "vfio") == 0);
	CHECK(symlink("/sys/bus/pci", "pci") == 0);
	fd = open("node2", O_RDWR);
	CHECK(fd >= 0 && new_ioas(fd) == 1);
	close(fd);
	fd = open("dev/iommu", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && new_ioas(fd) == 1);
	close(fd);
	CHECK(stat("node", &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(lstat("node", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(access("vfio/vfio", R_OK | W_OK) == 0);
	CHECK(statfs("pci/devices/0000:c1:00.0", &fs) == 0 && fs.f_type == 0x62656572);
	stream = fopen("pci/devices/0000:c1:00.0/vendor", "r");
	CHECK(stream && fgets(text, sizeof(text), stream) && strcmp(text, "0x1234\n") == 0);
	if (stream)
		fclose(stream);
	CHECK(realpath("node2", text) && strcmp(text, "/dev/iommu") == 0);
	CHECK(lists("vfio", "devices") && lists("pci/devices", "0000:c1:00.0"));
	CHECK(lists("dev", "iommu") && lists("dev", "null"));
	FAILS(mkdir("dev/vfio", 0755), EEXIST);
	FAILS(open("nothing", O_RDONLY), ENOENT);
	FAILS(open("dev/nothing", O_RDONLY), ENOENT);
	CHECK(chdir("vfio") == 0 && getcwd(text, sizeof(text)) && strcmp(text, "/dev/vfio") == 0);
	fd = open("vfio", O_RDWR);
	CHECK(fd >= 0 && answers(fd));
	close(fd);
	CHECK(chdir(name) == 0);
	CHECK(unlink("node") == 0 && unlink("node2") == 0 && unlink("dev") == 0);
	CHECK(unlink("vfio") == 0 && unlink("pci") == 0 && chdir("/") == 0 && rmdir(name) == 0);
}

static void opens_by(const char *path)
{
	int fd = open(path, O_RDWR);

	CHECK(fd >= 0 && answers(fd));
	close(fd);
}

static void links_of_proc_lead_in(void)
{
	int node = open("/dev/iommu", O_PATH);
	int context = open("/dev/iommu", O_RDWR);
	int directory = open("/dev/vfio", O_PATH | O_DIRECTORY);
	struct stat st;
	char path[64];

	CHECK(new_ioas(context) == 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", node);
	opens_by(path);
	snprintf(path, sizeof(path), "/dev/fd/%d", context);
	opens_by(path);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d/vfio", (int)getpid(), directory);
	opens_by(path);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%d", (int)getpid(), (int)gettid(),
		 context);
	opens_by(path);
	snprintf(path, sizeof(path), "/proc/self/task/%d/fd/%d", (int)gettid(), context);
	opens_by(path);
	opens_by("/proc/self/root/dev/iommu");
	CHECK(chdir("/dev") == 0);
	opens_by("/proc/self/cwd/iommu");
	opens_by("/proc/self/cwd/vfio/vfio");
	CHECK(chdir("vfio") == 0);
	opens_by("/proc/self/cwd/vfio");
	snprintf(path, sizeof(path), "/proc/self/task/%d/cwd/vfio", (int)gettid());
	opens_by(path);
	CHECK(stat(path, &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(chdir("/") == 0);
	close(node);
	close(context);
	close(directory);
}

/* Whether the file @name in @dirfd has @text. */
static bool has_text(int dirfd, const char *name, const char *text)
{
	char got[4096] = "";
	int fd = openat(dirfd, name, O_RDONLY);
	ssize_t len = fd < 0 ? -1 : read(fd, got, sizeof(got) - 1);

	if (fd >= 0)
		close(fd);
	return len > 0 && strstr(got, text);
}

/* The machine has files of its own there, beside those of the system. */
static void proc_is_that_of_the_program(void)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY);
	char pid[16], line[32], link[16] = "";

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	snprintf(line, sizeof(line), "\nPid:\t%s\n", pid);
	CHECK(lists("/proc", pid) && lists("/proc", "modules") && lists("/proc", "version"));
	CHECK(lists("/proc/bus/pci", "devices"));
	CHECK(has_text(proc, "self/status", line) && has_text(proc, "thread-self/status", line));
	CHECK(readlinkat(proc, "self", link, sizeof(link) - 1) > 0 && strcmp(link, pid) == 0);
	CHECK(has_text(proc, "modules", "vfio_pci ") && has_text(proc, "bus/pci/devices", "\t"));
	CHECK(has_text(AT_FDCWD, "/proc/self/../modules", "vfio_pci "));
	CHECK(chdir("/proc/self") == 0 && has_text(AT_FDCWD, "../modules", "vfio_pci "));
	CHECK(has_text(AT_FDCWD, "../self/status", line) && chdir("/proc") == 0);
	CHECK(has_text(AT_FDCWD, "modules", "vfio_pci ") &&
	      has_text(AT_FDCWD, "self/status", line));
	CHECK(chdir("/") == 0 && close(proc) == 0);
}

static void calls_by_number_are_the_same(void)
{
	struct ioas_alloc cmd = {.size = sizeof(cmd)};
	struct open_how how = {.flags = O_RDWR};
	struct statx stx;
	struct stat st;
	long fd = syscall(SYS_openat, AT_FDCWD, "/dev/iommu", O_RDWR);

	CHECK(fd >= 0 && syscall(SYS_ioctl, fd, IOMMU_IOAS_ALLOC, &cmd) == 0);
	CHECK(syscall(SYS_lseek, fd, 0, SEEK_SET) == -1 && errno == ESPIPE);
	CHECK(syscall(SYS_close, fd) == 0 && new_ioas((int)fd) == -1 && errno == EBADF);
	fd = syscall(SYS_openat2, AT_FDCWD, "/dev/iommu", &how, sizeof(how));
	CHECK(fd >= 0 && new_ioas((int)fd) == 1);
	close((int)fd);
	CHECK(syscall(SYS_statx, AT_FDCWD, "/dev/iommu", 0, STATX_MODE, &stx) == 0);
	CHECK(S_ISCHR(stx.stx_mode));
	CHECK(syscall(SYS_newfstatat, AT_FDCWD, DEVICE "/vendor", &st, 0) == 0);
	FAILS(syscall(SYS_mkdirat, AT_FDCWD, "/dev/vfio", 0755), EEXIST);
	FAILS(syscall(SYS_openat, AT_FDCWD, "/dev/nothing", O_RDONLY), ENOENT);
}

static long open_how(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};

	return syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

static void openat2_looks_at_its_structure_first(void)
{
	struct {
		struct open_how how;
		uint64_t more;
	} larger = {.how = {.flags = O_RDWR}};
	long fd;

	FAILS(open_how(AT_FDCWD, "/dev/iommu", O_RDWR, 0700, 0), EINVAL);
	FAILS(open_how(AT_FDCWD, "/dev/iommu", O_RDWR, 0, 1 << 20), EINVAL);
	FAILS(open_how(AT_FDCWD, "/dev/iommu", UINT64_C(1) << 40, 0, 0), EINVAL);
	FAILS(syscall(SYS_openat2, AT_FDCWD, "/dev/iommu", &larger, 8), EINVAL);
	fd = syscall(SYS_openat2, AT_FDCWD, "/dev/iommu", &larger, sizeof(larger));
	CHECK(fd >= 0 && new_ioas((int)fd) == 1);
	close((int)fd);
	larger.more = 1;
	FAILS(syscall(SYS_openat2, AT_FDCWD, "/dev/iommu", &larger, sizeof(larger)), E2BIG);
}

/* As container runtimes look into the root of a container. */
static void openat2_stays_in_its_directory(void)
{
	const int tmp = open("/tmp", O_PATH), dev = open("/dev", O_PATH), root = open("/", O_PATH);
	long fd;

	FAILS(open_how(AT_FDCWD, "/dev/iommu", O_RDWR, 0, RESOLVE_BENEATH), EXDEV);
	FAILS(open_how(tmp, "/dev/iommu", O_RDWR, 0, RESOLVE_IN_ROOT), ENOENT);
	FAILS(open_how(tmp, "../dev/iommu", O_RDWR, 0, RESOLVE_IN_ROOT), ENOENT);
	FAILS(open_how(tmp, "../dev/iommu", O_RDWR, 0, RESOLVE_BENEATH), EXDEV);
	fd = open_how(dev, "iommu", O_RDWR, 0, RESOLVE_BENEATH);
	CHECK(fd >= 0 && new_ioas((int)fd) == 1);
	close((int)fd);
	fd = open_how(root, "/dev/iommu", O_RDWR, 0, RESOLVE_IN_ROOT);
	CHECK(fd >= 0 && new_ioas((int)fd) == 1);
	close((int)fd);
	CHECK(close(tmp) == 0 && close(dev) == 0 && close(root) == 0);
}

static void unknown_flags_are_EINVAL(void)
{
	const int unknown = 1 << 20;
	const char *name = "/dev/vfio/vfio";
	struct statx stx;
	struct stat st;

	FAILS(fstatat(AT_FDCWD, name, &st, unknown), EINVAL);
	FAILS(statx(AT_FDCWD, name, unknown, STATX_MODE, &stx), EINVAL);
	FAILS(statx(AT_FDCWD, name, AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_MODE, &stx),
	      EINVAL);
	FAILS(syscall(439 /* faccessat2 */, AT_FDCWD, name, R_OK, unknown), EINVAL);
	FAILS(fchownat(AT_FDCWD, name, 0, 0, unknown), EINVAL);
	FAILS(utimensat(AT_FDCWD, name, NULL, unknown), EINVAL);
	FAILS(linkat(AT_FDCWD, name, AT_FDCWD, "/dev/vfio/new", unknown), EINVAL);
	FAILS(unlinkat(AT_FDCWD, name, unknown), EINVAL);
	FAILS(syscall(SYS_renameat2, AT_FDCWD, name, AT_FDCWD, name, unknown), EINVAL);
}

static void directories_are_neither_made_nor_emptied(void)
{
	FAILS(open("/dev/vfio", O_RDONLY | O_TRUNC), EISDIR);
	FAILS(open("/dev/vfio", O_RDONLY | O_CREAT, 0600), EISDIR);
	FAILS(open("/dev/vfio", O_RDWR), EISDIR);
	FAILS(creat("/dev/vfio", 0600), EISDIR);
	FAILS(open("/dev/vfio", O_RDONLY | O_TMPFILE, 0600), EINVAL);
}

/* As sandboxes do: the system call @number ends the program from now on. */
static void confine(unsigned int number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

static void confined_programs_make_no_call_of_their_own(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		check_failed = false;
		confine(SYS_openat2);
		FAILS(open("/nothing", O_RDONLY), ENOENT);
		CHECK(new_ioas(open("/dev/iommu", O_RDWR)) == 1);
		_exit(check_failed);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* It opens and closes what has a name like those of the machine. */
static void confined_programs_are_not_asked_who_they_are(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int null, dir;

		check_failed = false;
		confine(SYS_getpid);
		null = open("/dev/null", O_RDWR);
		dir = open("/dev", O_RDONLY | O_DIRECTORY);
		CHECK(null >= 0 && dup2(dir, null) == null);
		CHECK(close(dir) == 0 && close(null) == 0);
		_exit(check_failed);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void functions_of_the_C_librarys_handle_are_the_same(void)
{
	int (*opens)(const char *, int, ...);
	int (*closes)(int);
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_DEEPBIND);
	int fd;

	*(void **)&opens = dlsym(libc, "open");
	*(void **)&closes = dlsym(libc, "close");
	CHECK(libc && opens && closes);
	fd = opens("/dev/iommu", O_RDWR);
	CHECK(fd >= 0 && new_ioas(fd) == 1);
	CHECK(closes(fd) == 0 && new_ioas(fd) == -1 && errno == EBADF);
	CHECK(dlsym(libc, "qsort") == (void *)qsort);
	CHECK(dlsym(libc, "no such function") == NULL && dlerror());
	CHECK(dlsym(RTLD_DEFAULT, "open") == (void *)opens);
	dlclose(libc);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(device_nodes_refuse_what_needs_contents),
		TEST(moving_needs_the_right_to_read_and_to_write),
		TEST(requests_of_any_file_are_answered),
		TEST(descriptors_tell_how_they_were_opened),
		TEST(descriptors_are_no_sockets),
		TEST(a_path_is_no_open_file),
		TEST(attributes_of_users_are_not_of_devices),
		TEST(a_mapping_is_checked_before_the_file_is_asked),
		TEST(directories_are_not_made_by_opening),
		TEST(a_node_is_no_directory),
		TEST(links_of_the_real_system_lead_in),
		TEST(links_of_proc_lead_in),
		TEST(proc_is_that_of_the_program),
#ifdef __x86_64__
		TEST(calls_by_number_are_the_same),
		TEST(openat2_looks_at_its_structure_first),
		TEST(openat2_stays_in_its_directory),
		TEST(unknown_flags_are_EINVAL),
		TEST(directories_are_neither_made_nor_emptied),
		TEST(confined_programs_make_no_call_of_their_own),
		TEST(confined_programs_are_not_asked_who_they_are),
		TEST(functions_of_the_C_librarys_handle_are_the_same),
#endif
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

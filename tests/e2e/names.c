/* SPDX-License-Identifier: MIT */
/* The C library's functions on names, in the emulated tree. Run with --device edu@0000:c1:00.0. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <linux/vfio.h>
#include <sys/fanotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "check.h"
#include "device.h"

#define BDF    "0000:c1:00.0"
#define LINK   "/sys/bus/pci/devices/" BDF
#define DEVICE "/sys/devices/pci0000:c1/" BDF

static bool is_link_to(int dir, const char *path, const char *text)
{
	char buf[PATH_MAX];
	ssize_t n = readlinkat(dir, path, buf, sizeof(buf));

	return n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

static bool is_cwd(const char *path)
{
	char buf[PATH_MAX];

	return getcwd(buf, sizeof(buf)) && strcmp(buf, path) == 0;
}

static bool reads(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_RDONLY);
	char buf[256] = "";
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	close(fd);
	return n == (ssize_t)strlen(text) && strcmp(buf, text) == 0;
}

static void nodes_are_character_devices_however_one_asks(void)
{
	struct stat st;
	struct statx stx;
	int fd;

	CHECK(stat("/dev/iommu", &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 10);
	CHECK((st.st_mode & 07777) == 0660);
	CHECK(lstat("/dev/vfio/vfio", &st) == 0 && S_ISCHR(st.st_mode));
	CHECK((st.st_mode & 07777) == 0666 && st.st_rdev == makedev(10, 196));
	CHECK(fstatat(AT_FDCWD, "/dev/vfio/devices/vfio0", &st, 0) == 0 && S_ISCHR(st.st_mode));
	CHECK(statx(AT_FDCWD, "/dev/vfio/devices/vfio0", 0, STATX_BASIC_STATS, &stx) == 0);
	CHECK(S_ISCHR(stx.stx_mode));
	CHECK(makedev(stx.stx_rdev_major, stx.stx_rdev_minor) == st.st_rdev);
	fd = open("/dev/iommu", O_RDWR);
	CHECK(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 10);
	close(fd);
	fd = open("/dev/iommu", O_PATH);
	CHECK(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
	close(fd);
	CHECK(stat("/dev/null", &st) == 0 && st.st_rdev == makedev(1, 3));
	CHECK(fstat(-1, &st) < 0 && errno == EBADF);
	CHECK(fstat(AT_FDCWD, &st) < 0 && errno == EBADF);
}

static void the_number_in_sysfs_is_the_nodes(void)
{
	char text[64];
	struct stat st;

	CHECK(stat("/dev/vfio/devices/vfio0", &st) == 0);
	snprintf(text, sizeof(text), "%u:%u\n", major(st.st_rdev), minor(st.st_rdev));
	CHECK(reads(AT_FDCWD, LINK "/vfio-dev/vfio0/dev", text));
	CHECK(reads(AT_FDCWD, "/sys/class/vfio-dev/vfio0/dev", text));
}

static void links_and_canonical_names_do_not_show_the_shadow(void)
{
	char buf[PATH_MAX];
	char small[5] = "....";
	char path[64];
	char *name;
	int fd = open("/dev/iommu", O_RDWR);

	CHECK(is_link_to(AT_FDCWD, LINK, "../../../devices/pci0000:c1/" BDF));
	CHECK(realpath(LINK "/iommu_group/devices/" BDF "/driver/..", buf) != NULL);
	CHECK(strcmp(buf, "/sys/bus/pci/drivers") == 0);
	CHECK(realpath(LINK "/nothing", buf) == NULL && errno == ENOENT);
	name = canonicalize_file_name("/sys//class/./vfio-dev/vfio0/device/");
	CHECK(name && strcmp(name, DEVICE) == 0);
	free(name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(is_link_to(AT_FDCWD, path, "/dev/iommu"));
	CHECK(readlink(path, small, 4) == 4 && strcmp(small, "/dev") == 0);
	CHECK(realpath(path, buf) != NULL && strcmp(buf, "/dev/iommu") == 0);
	close(fd);
}

static void dots_after_a_link_start_from_where_it_leads(void)
{
	CHECK(reads(AT_FDCWD, LINK "/../" BDF "/vendor", "0x1234\n"));
	CHECK(access("/sys/bus/pci/devices/" BDF "/../../pci0000:c1", F_OK) == 0);
	CHECK(access("/sys/bus/pci/devices/" BDF "/../vfio-pci", F_OK) < 0);
	CHECK(access("/sys/bus/../bus/pci/./devices//" BDF "/", F_OK) == 0);
	CHECK(access("/sys/bus/pci/devices/" BDF "/../../../class", F_OK) == 0);
}

static void the_current_directory_may_be_in_the_tree(void)
{
	CHECK(chdir(LINK) == 0 && is_cwd(DEVICE));
	CHECK(reads(AT_FDCWD, "vendor", "0x1234\n"));
	CHECK(reads(AT_FDCWD, "../" BDF "/device", "0x11e8\n"));
	CHECK(chdir("iommu_group/devices") == 0);
	CHECK(access(BDF "/config", R_OK) == 0);
	CHECK(chdir("../../..") == 0 && is_cwd("/sys/kernel"));
	CHECK(access("iommu_groups", F_OK) == 0);
	CHECK(chdir("..") == 0 && is_cwd("/sys"));
	CHECK(reads(AT_FDCWD, "bus/pci/devices/" BDF "/vendor", "0x1234\n"));
	CHECK(chdir("/") == 0 && is_cwd("/"));
	CHECK(access("dev/vfio/vfio", R_OK | W_OK) == 0);
	CHECK(chdir("/tmp") == 0 && is_cwd("/tmp"));
	CHECK(access("../dev/iommu", F_OK) == 0);
	CHECK(access("dev/iommu", F_OK) < 0);
}

static void directory_descriptors_are_starting_points(void)
{
	int sys = open("/sys", O_RDONLY | O_DIRECTORY);
	int pci = openat(sys, "bus/pci", O_RDONLY | O_DIRECTORY);
	int dup_pci = dup(pci);
	int folder = openat(dup_pci, "devices/" BDF, O_RDONLY | O_DIRECTORY);
	int up = openat(folder, "../..", O_PATH);
	struct stat st;

	CHECK(sys >= 0 && pci >= 0 && folder >= 0 && up >= 0);
	CHECK(reads(folder, "vendor", "0x1234\n"));
	CHECK(is_link_to(folder, "iommu_group/devices/" BDF,
			 "../../../../devices/pci0000:c1/" BDF));
	CHECK(faccessat(up, "pci0000:c1", F_OK, 0) == 0);
	CHECK(fstatat(pci, "", &st, AT_EMPTY_PATH) == 0 && S_ISDIR(st.st_mode));
	CHECK(fchdir(folder) == 0 && is_cwd(DEVICE));
	CHECK(fchdir(sys) == 0 && is_cwd("/sys"));
	close(pci);
	CHECK(chdir("/") == 0);
	close(sys);
	close(dup_pci);
	close(folder);
	close(up);
}

static int visited;

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	CHECK(strncmp(path, "/dev/vfio", 9) == 0);
	CHECK(path[ftw->base - 1] == '/');
	visited++;
	return 0;
}

static void walks_and_patterns_find_the_entries(void)
{
	struct dirent **list = NULL;
	struct dirent *entry;
	bool found = false;
	glob_t names;
	DIR *dir;

	CHECK(nftw("/dev/vfio", visit, 8, FTW_PHYS) == 0);
	CHECK(visited == 5);
	CHECK(glob("/dev/vfio/devices/vfio*", 0, NULL, &names) == 0 && names.gl_pathc == 1);
	CHECK(strcmp(names.gl_pathv[0], "/dev/vfio/devices/vfio0") == 0);
	globfree(&names);
	CHECK(glob("/sys/bus/p?i/devices/*/vfio-dev/*/dev", 0, NULL, &names) == 0);
	CHECK(names.gl_pathc == 1);
	globfree(&names);
	CHECK(scandir(LINK "/vfio-dev", &list, NULL, alphasort) == 3);
	CHECK(list && strcmp(list[2]->d_name, "vfio0") == 0);
	for (int i = 0; list && i < 3; i++)
		free(list[i]);
	free(list);

	dir = opendir("/dev/vfio/devices");
	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, "vfio0") == 0)
			found = entry->d_type == DT_CHR;
	}
	CHECK(found);
	closedir(dir);
}

static bool iommu_found, config_found, null_found;

static int find(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	CHECK(strcmp(path + ftw->base, strrchr(path, '/') + 1) == 0);
	iommu_found |= strcmp(path, "/dev/iommu") == 0 && type == FTW_F && S_ISCHR(st->st_mode);
	null_found |= strcmp(path, "/dev/null") == 0 && ftw->level == 1;
	config_found |= strcmp(path, "/sys/devices/pci0000:c1/" BDF "/config") == 0 &&
			ftw->level == 3;
	return 0;
}

static int find_plain(const char *path, const struct stat *st, int type)
{
	(void)st;
	iommu_found |= strcmp(path, "/dev/iommu") == 0 && type == FTW_F;
	return 0;
}

static int stop_at_vfio(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return type == FTW_DP && strcmp(path, "/dev/vfio") == 0 ? 7 : 0;
}

static void walks_of_real_directories_find_what_is_added(void)
{
	CHECK(nftw("/dev", find, 8, FTW_PHYS) == 0 && iommu_found && null_found);
	CHECK(nftw("/sys/devices", find, 8, FTW_PHYS) == 0 && config_found);
	iommu_found = false;
	CHECK(ftw("/dev/", find_plain, 8) == 0 && iommu_found);
	CHECK(nftw("/dev", stop_at_vfio, 8, FTW_PHYS | FTW_DEPTH) == 7);
	CHECK(nftw("/dev/vfio/nothing", find, 8, 0) == -1 && errno == ENOENT);
}

static unsigned int times_read(int fd, const char *name, unsigned char type)
{
	char buf[1024] __attribute__((aligned(8)));
	unsigned int times = 0;
	ssize_t len;

	while ((len = getdents64(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < len;) {
			struct dirent64 *entry = (struct dirent64 *)(buf + at);

			times += strcmp(entry->d_name, name) == 0 && entry->d_type == type;
			at += entry->d_reclen;
		}
	}
	CHECK(len == 0);
	return times;
}

static void entries_are_read_by_descriptor(void)
{
	int fd = open("/dev", O_RDONLY | O_DIRECTORY);

	CHECK(times_read(fd, "iommu", DT_CHR) == 1);
	CHECK(times_read(fd, "iommu", DT_CHR) == 0);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && times_read(fd, "vfio", DT_DIR) == 1);
	close(fd);
	fd = open("/dev/vfio/devices", O_RDONLY | O_DIRECTORY);
	CHECK(times_read(fd, "vfio0", DT_CHR) == 1);
	close(fd);
}

#ifdef SYS_getdents

struct old_entry {
	unsigned long inode, position;
	unsigned short size; /* its last byte is the type */
	char name[];
};

static unsigned int times_read_by_number(int fd, const char *name, char type)
{
	char buf[1024] __attribute__((aligned(8)));
	unsigned int times = 0;
	long len;

	while ((len = syscall(SYS_getdents, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < len;) {
			const struct old_entry *entry = (struct old_entry *)(buf + at);

			at += entry->size;
			times += strcmp(entry->name, name) == 0 && buf[at - 1] == type;
		}
	}
	CHECK(len == 0);
	return times;
}

/* As static programs with an older C library read directories. */
static void entries_have_their_older_form(void)
{
	int fd = open("/dev", O_RDONLY | O_DIRECTORY);

	CHECK(times_read_by_number(fd, "iommu", DT_CHR) == 1);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && times_read_by_number(fd, "null", DT_CHR) == 1);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && times_read_by_number(fd, "vfio", DT_DIR) == 1);
	close(fd);
	fd = open("/dev/vfio/devices", O_RDONLY | O_DIRECTORY);
	CHECK(times_read_by_number(fd, "vfio0", DT_CHR) == 1);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && syscall(SYS_getdents, fd, 8, 1024) < 0);
	CHECK(errno == EFAULT);
	close(fd);
}

#else

static void entries_have_their_older_form(void)
{
}

#endif

static unsigned int times_listed(DIR *dir, const char *name, unsigned char type)
{
	unsigned int times = 0;
	struct dirent *entry;

	errno = 0;
	while (dir && (entry = readdir(dir)))
		times += strcmp(entry->d_name, name) == 0 && entry->d_type == type;
	CHECK(errno == 0);
	return times;
}

static void real_directories_list_what_the_machine_adds(void)
{
	DIR *dir = opendir("/dev");
	struct dirent **list = NULL;
	int n, found = 0;

	CHECK(times_listed(dir, "iommu", DT_CHR) == 1);
	CHECK(dir && readdir(dir) == NULL);
	rewinddir(dir);
	CHECK(times_listed(dir, "null", DT_CHR) == 1);
	rewinddir(dir);
	CHECK(times_listed(dir, "vfio", DT_DIR) == 1);
	closedir(dir);
	dir = fdopendir(open("/sys/class", O_RDONLY | O_DIRECTORY));
	CHECK(times_listed(dir, "vfio-dev", DT_DIR) == 1);
	closedir(dir);
	dir = opendir("/sys/module/..//module");
	CHECK(times_listed(dir, "vfio_pci", DT_DIR) == 1);
	closedir(dir);
	n = scandir("/dev", &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		found += strcmp(list[i]->d_name, "iommu") == 0 && list[i]->d_type == DT_CHR;
		CHECK(i == 0 || strcoll(list[i - 1]->d_name, list[i]->d_name) <= 0);
	}
	CHECK(found == 1);
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	CHECK(scandir("/dev/null", &list, NULL, NULL) < 0 && errno == ENOTDIR);
	CHECK(scandir("/sys/nothing", &list, NULL, NULL) < 0 && errno == ENOENT);
}

static void config_space_is_read_live(void)
{
	unsigned char bytes[4] = {0};
	FILE *stream;
	int fd = open(LINK "/config", O_RDONLY);

	CHECK(read(fd, bytes, 4) == 4 && bytes[0] == 0x34 && bytes[1] == 0x12);
	CHECK(lseek(fd, 0, SEEK_CUR) == 4);
	CHECK(pread(fd, bytes, 2, 2) == 2 && bytes[0] == 0xe8 && bytes[1] == 0x11);
	CHECK(lseek(fd, 0, SEEK_END) >= 64);
	CHECK(read(fd, bytes, 4) == 0);
	CHECK(pread(fd, bytes, 4, -5) < 0 && errno == EINVAL);
	close(fd);
	stream = fopen(LINK "/config", "r");
	CHECK(stream && fread(bytes, 1, 4, stream) == 4 && bytes[0] == 0x34);
	if (stream)
		fclose(stream);
}

/* Also where only the first 64 bytes may be read. */
static void an_open_config_space_has_its_size(void)
{
	struct stat st;
	int fd = open(LINK "/config", O_RDONLY);

	CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 256);
	CHECK(lseek(fd, 0, SEEK_END) == st.st_size);
	close(fd);
}

/* Whatever stands for them. */
static void open_files_are_on_the_file_systems_expected(void)
{
	static const char *const names[] = {LINK "/driver_override", LINK "/power_state",
					    LINK "/vendor"};
	struct statfs fs;
	int fd;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fd = open(names[i], O_RDONLY);
		CHECK(fstatfs(fd, &fs) == 0 && fs.f_type == 0x62656572);
		close(fd);
	}
	fd = open(names[0], O_RDWR);
	CHECK(fstatfs(fd, &fs) == 0 && fs.f_type == 0x62656572);
	close(fd);
	fd = open("/dev/iommu", O_RDWR);
	CHECK(fstatfs(fd, &fs) == 0 && fs.f_type == 0x01021994);
	close(fd);
}

static void the_file_systems_are_the_ones_expected(void)
{
	struct statfs fs;
	int fd = open("/sys/bus/pci", O_RDONLY);

	CHECK(statfs(LINK, &fs) == 0 && fs.f_type == 0x62656572);
	CHECK(fstatfs(fd, &fs) == 0 && fs.f_type == 0x62656572);
	close(fd);
}

static void fdinfo_names_the_device(void)
{
	int fd = open("/dev/vfio/devices/vfio0", O_RDWR);
	bool found = false;
	char path[64];
	char line[256];
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	stream = fopen(path, "r");
	while (stream && fgets(line, sizeof(line), stream))
		found |= strcmp(line, "vfio-device-syspath: " DEVICE "\n") == 0;
	CHECK(found);
	if (stream)
		fclose(stream);
	close(fd);
}

/* Texts have a page; links and directories nothing. */
static void sizes_are_those_of_sysfs(void)
{
	int folder = open(LINK, O_RDONLY | O_DIRECTORY);
	struct statx stx;
	struct stat st;

	CHECK(lstat(LINK, &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 0);
	CHECK(stat(LINK "/power", &st) == 0 && st.st_size == 0 && st.st_blocks == 0);
	CHECK(stat(LINK "/vendor", &st) == 0 && st.st_size == 4096 && st.st_blocks == 0);
	CHECK(stat(LINK "/resource0", &st) == 0 && st.st_size == 1 << 20);
	CHECK(fstat(folder, &st) == 0 && S_ISDIR(st.st_mode) && st.st_size == 0);
	CHECK(fstatat(folder, "driver", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == 0);
	CHECK(statx(folder, "driver", AT_SYMLINK_NOFOLLOW, STATX_SIZE, &stx) == 0 &&
	      stx.stx_size == 0);
	close(folder);
}

/* The KiB that the line @name of the status at @path says. */
static long kib_of(const char *path, const char *name)
{
	FILE *stream = fopen(path, "r");
	const size_t len = strlen(name);
	char line[256];
	long kib = -1;

	while (stream && fgets(line, sizeof(line), stream)) {
		if (strncmp(line, name, len) == 0)
			kib = strtol(line + len, NULL, 10);
	}
	if (stream)
		fclose(stream);
	return kib;
}

enum {
	PINNED = 3 * 4096
};

static const char own_status[] = "/proc/self/status";

static void *new_pages(void)
{
	return mmap(NULL, PINNED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void status_shows_what_is_pinned(void)
{
	char *memory = new_pages(), path[64];
	int status;
	pid_t pid;

	set_up();
	CHECK(kib_of(own_status, "VmPin:") == 0 && kib_of(own_status, "Threads:") > 0);
	CHECK(map(memory, PINNED, 1 << 20) == 0);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)getpid());
	CHECK(kib_of(own_status, "VmPin:") == PINNED / 1024);
	CHECK(kib_of(path, "VmPin:") == PINNED / 1024 && kib_of(path, "VmLck:") == 0);
	CHECK(kib_of(path, "Threads:") > 0 && kib_of(path, "Pid:") == getpid());
	/* It is its parent's memory that is pinned. */
	pid = fork();
	if (pid == 0)
		_exit(kib_of(own_status, "VmPin:") != 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	tear_down();
	CHECK(kib_of(own_status, "VmPin:") == 0);
	munmap(memory, PINNED);
}

/* The container of VFIO locks what it pins. */
static void status_shows_what_a_container_has_locked(void)
{
	struct vfio_iommu_type1_dma_map dma = {.argsz = sizeof(dma),
					       .flags = VFIO_DMA_MAP_FLAG_READ,
					       .vaddr = (uintptr_t)new_pages(),
					       .size = PINNED};
	int container = open("/dev/vfio/vfio", O_RDWR), group;
	char target[PATH_MAX] = "", path[PATH_MAX];

	CHECK(readlink(LINK "/iommu_group", target, sizeof(target) - 1) > 0);
	snprintf(path, sizeof(path), "/dev/vfio/%.16s", strrchr(target, '/') + 1);
	group = open(path, O_RDWR);
	CHECK(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) == 0);
	CHECK(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0);
	CHECK(ioctl(container, VFIO_IOMMU_MAP_DMA, &dma) == 0);
	dma.iova = PINNED;
	CHECK(ioctl(container, VFIO_IOMMU_MAP_DMA, &dma) == 0);
	/* Each mapping counts. */
	CHECK(kib_of(own_status, "VmLck:") == 2 * PINNED / 1024);
	CHECK(kib_of(own_status, "VmPin:") == 0);
	close(group);
	CHECK(kib_of(own_status, "VmLck:") == 0);
	close(container);
	munmap((void *)(uintptr_t)dma.vaddr, PINNED);
}

/* The first test: the C library's own calls are not seen yet. */
static void a_key_is_made_of_a_file_of_the_machine(void)
{
	struct stat st;

	CHECK(stat(LINK "/vendor", &st) == 0);
	CHECK(ftok(LINK "/vendor", 7) == (key_t)(7 << 24 | ((unsigned int)st.st_dev & 0xff) << 16 |
						 ((unsigned int)st.st_ino & 0xffff)));
	CHECK(ftok(LINK "/nothing", 7) == -1 && errno == ENOENT);
}

static bool has_times(const char *path, time_t accessed, time_t modified)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_atime == accessed && st.st_mtime == modified;
}

/* Also by calls for which the C library has newer ones. */
static void names_have_the_times_that_any_call_gives_them(void)
{
	static const char node[] = "/dev/vfio/vfio";
	struct timeval times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};

	CHECK(lutimes(node, times) == 0 && has_times(node, 1000, 2000));
	times[1].tv_sec = 2001;
	CHECK(futimesat(AT_FDCWD, node, times) == 0 && has_times(node, 1000, 2001));
#ifdef SYS_utimes
	times[1].tv_sec = 2002;
	CHECK(syscall(SYS_utimes, node, times) == 0 && has_times(node, 1000, 2002));
	times[1].tv_sec = 2003;
	CHECK(syscall(SYS_futimesat, AT_FDCWD, node, times) == 0 && has_times(node, 1000, 2003));
	times[1].tv_usec = 1000000;
	CHECK(syscall(SYS_utimes, node, times) < 0 && errno == EINVAL);
	CHECK(syscall(SYS_utimes, node, 8) < 0 && errno == EFAULT);
	CHECK(has_times(node, 1000, 2003));
#endif
#ifdef SYS_utime
	CHECK(syscall(SYS_utime, node, &(struct utimbuf){1, 2}) == 0 && has_times(node, 1, 2));
	CHECK(syscall(SYS_utime, node, 8) < 0 && errno == EFAULT);
	CHECK(syscall(SYS_utime, "/dev/vfio/none", NULL) < 0 && errno == ENOENT);
#endif
}

/* creat() makes a file in the real /dev otherwise. */
static void nodes_are_not_made_again(void)
{
#ifdef SYS_creat
	struct stat st;
	int fd = (int)syscall(SYS_creat, "/dev/iommu", 0600);

	CHECK(fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
	close(fd);
	CHECK(syscall(SYS_creat, "/dev/vfio/vfio/none", 0600) < 0 && errno == ENOTDIR);
#endif
}

static void modes_are_changed_by_every_call(void)
{
#ifdef SYS_fchmodat2
	const long number = SYS_fchmodat2;
#else
	const long number = 452;
#endif
	struct stat st;

	CHECK(lchmod("/dev/vfio/vfio", 0640) == 0);
	CHECK(stat("/dev/vfio/vfio", &st) == 0 && (st.st_mode & 07777) == 0640);
	if (syscall(number, AT_FDCWD, "/dev/vfio/vfio", 0666, AT_SYMLINK_NOFOLLOW) < 0) {
		CHECK(errno == ENOSYS && chmod("/dev/vfio/vfio", 0666) == 0);
	}
	CHECK(stat("/dev/vfio/vfio", &st) == 0 && (st.st_mode & 07777) == 0666);
}

static void the_file_systems_have_neither_attributes_nor_handles(void)
{
	static const char *const names[] = {"/dev/iommu", "/dev/vfio", LINK, LINK "/vendor"};
	struct file_handle handle = {.handle_bytes = 0};
	int mount;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		/* The first is a device node. */
		const int error = i == 0 ? EPERM : EOPNOTSUPP;

		CHECK(setxattr(names[i], "user.x", "", 0, 0) < 0 && errno == error);
		CHECK(lsetxattr(names[i], "user.x", "", 0, 0) < 0 && errno == error);
		CHECK(removexattr(names[i], "user.x") < 0 && errno == error);
		CHECK(lremovexattr(names[i], "user.x") < 0 && errno == error);
		CHECK(setxattr(names[i], "trusted.x", "", 0, 0) < 0 && errno == EOPNOTSUPP);
		CHECK(name_to_handle_at(AT_FDCWD, names[i], &handle, &mount, 0) < 0);
		CHECK(errno == EOPNOTSUPP);
	}
	CHECK(setxattr("/dev/vfio/none", "user.x", "", 0, 0) < 0 && errno == ENOENT);
	CHECK(name_to_handle_at(AT_FDCWD, "/dev/vfio/none", &handle, &mount, 0) < 0);
	CHECK(errno == ENOENT);
	CHECK(name_to_handle_at(AT_FDCWD, "/", &handle, &mount, 0) < 0 && errno == EOVERFLOW);
}

static void names_are_watched_by_fanotify(void)
{
	struct fanotify_event_metadata event;
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY);
	DIR *dir;

	if (fd < 0) /* a kernel without it, or not root */
		return;
	CHECK(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN | FAN_ONDIR, AT_FDCWD, "/dev/vfio") == 0);
	dir = opendir("/dev/vfio");
	CHECK(dir && read(fd, &event, sizeof(event)) == (ssize_t)sizeof(event));
	CHECK(event.mask & FAN_OPEN);
	close(event.fd);
	closedir(dir);
	CHECK(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "/dev/vfio/none") < 0);
	CHECK(errno == ENOENT);
	CHECK(fanotify_mark(fd, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL) == 0);
	close(fd);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(a_key_is_made_of_a_file_of_the_machine),
		TEST(nodes_are_character_devices_however_one_asks),
		TEST(the_number_in_sysfs_is_the_nodes),
		TEST(links_and_canonical_names_do_not_show_the_shadow),
		TEST(dots_after_a_link_start_from_where_it_leads),
		TEST(the_current_directory_may_be_in_the_tree),
		TEST(directory_descriptors_are_starting_points),
		TEST(walks_and_patterns_find_the_entries),
		TEST(real_directories_list_what_the_machine_adds),
		TEST(walks_of_real_directories_find_what_is_added),
		TEST(entries_are_read_by_descriptor),
		TEST(entries_have_their_older_form),
		TEST(config_space_is_read_live),
		TEST(an_open_config_space_has_its_size),
		TEST(the_file_systems_are_the_ones_expected),
		TEST(fdinfo_names_the_device),
		TEST(sizes_are_those_of_sysfs),
		TEST(open_files_are_on_the_file_systems_expected),
		TEST(status_shows_what_is_pinned),
		TEST(status_shows_what_a_container_has_locked),
		TEST(names_have_the_times_that_any_call_gives_them),
		TEST(nodes_are_not_made_again),
		TEST(modes_are_changed_by_every_call),
		TEST(the_file_systems_have_neither_attributes_nor_handles),
		TEST(names_are_watched_by_fanotify),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

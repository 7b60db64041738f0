#!/bin/sh
# SPDX-License-Identifier: MIT
# The names that the preload library puts in front of the C library's: all that are meant, no other.
. "$(dirname "$0")/lib.sh"

library=$2

cat >"$scratch/expected" <<'NAMES'
__fxstat __fxstat64 __fxstatat __fxstatat64 __getcwd_chk __lxstat __lxstat64 __open64_2 __open_2 __openat64_2
__openat_2 __pread64_chk __pread_chk __read_chk __readlink_chk __readlinkat_chk __realpath_chk __sigaction
__sysv_signal __xstat __xstat64 access bsd_signal canonicalize_file_name capset chdir chmod chown close close_range closedir
closefrom creat creat64 dup dup2 dup3 eaccess euidaccess faccessat fchdir fchmodat fchownat fclose fcntl fcntl64
fopen fopen64 freopen freopen64 fstat fstat64 fstatat fstatat64 fstatfs fstatfs64 get_current_dir_name getcwd
getxattr glob glob64 inotify_add_watch ioctl lchown lgetxattr listxattr llistxattr lseek lseek64 lstat lstat64
madvise mmap mmap64 mremap munmap nftw nftw64 open open64 openat openat64 opendir pathconf pread pread64 preadv
preadv2 preadv64 preadv64v2 pwrite pwrite64 pwritev pwritev2 pwritev64 pwritev64v2 read readdir readdir64 readlink
readlinkat readv realpath rewinddir scandir scandir64 scandirat scandirat64 seekdir seteuid setfsuid setns setresuid setreuid setuid
pthread_sigmask sigaction signal sigprocmask ssignal stat stat64 statfs statfs64 statvfs statvfs64 statx syscall sysv_signal truncate
truncate64 unshare utimensat write writev
NAMES

exports_are_exactly() {
	tr ' ' '\n' <"$scratch/expected" | LC_ALL=C sort >"$scratch/names"
	nm -D --defined-only "$library" | awk '{ print $3 }' | LC_ALL=C sort >"$scratch/exported"
	diff "$scratch/names" "$scratch/exported"
}
check the_library_exports_the_functions_it_replaces_and_no_other exports_are_exactly

needs_only_the_usual() {
	! nm -D --undefined-only "$library" | grep -w dlopen
}
check the_library_loads_nothing_at_run_time needs_only_the_usual
finish

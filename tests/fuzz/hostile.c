/* SPDX-License-Identifier: MIT */
/* The hostile program's memory and descriptors, and what it does with them. */
#include "hostile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "require.h"

enum {
	ARENA_SIZE = HOSTILE_PAGES * 4096,
};

static uint8_t *arena;
static int memfd, event;

/* ---- the caller ---- */

static bool in_arena(uint64_t va, uint64_t len)
{
	uint64_t start = (uintptr_t)arena;

	return va >= start && va - start <= ARENA_SIZE && len <= ARENA_SIZE - (va - start);
}

static struct hostile *program_of(struct uiommufd_caller *caller)
{
	return (struct hostile *)((char *)caller - offsetof(struct hostile, caller));
}

/* A structure that is read twice is another one the second time. */
static int hostile_read(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len)
{
	uint8_t race = program_of(caller)->race;

	if (!in_arena(src, len))
		return -EFAULT;
	memcpy(dst, (void *)(uintptr_t)src, len);
	if (race && len)
		((uint8_t *)(uintptr_t)src)[race % len] ^= race;
	return 0;
}

static int hostile_write(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len)
{
	(void)caller;
	if (!in_arena(dst, len))
		return -EFAULT;
	memcpy((void *)(uintptr_t)dst, src, len);
	return 0;
}

static int hostile_populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool write)
{
	(void)caller;
	(void)write;
	return in_arena(va, len) ? 0 : -EFAULT;
}

static int hostile_dup_fd(struct uiommufd_caller *caller, int fd)
{
	(void)caller;
	if (fd == HOSTILE_MEMFD)
		return dup(memfd);
	if (fd == HOSTILE_EVENTFD)
		return dup(event);
	return -EBADF;
}

static struct uiommufd_file **file_slot(struct uiommufd_caller *caller, int fd)
{
	struct hostile *program = program_of(caller);

	if (fd < HOSTILE_FIRST_FILE || fd >= HOSTILE_FIRST_FILE + HOSTILE_FILES)
		return NULL;
	return &program->files[fd - HOSTILE_FIRST_FILE];
}

static struct uiommufd_file *hostile_get_file(struct uiommufd_caller *caller, int fd)
{
	struct uiommufd_file **slot = file_slot(caller, fd);

	return slot && *slot ? file_get(*slot) : NULL;
}

int hostile_give(struct hostile *program, struct uiommufd_file *file)
{
	for (int i = 0; i < HOSTILE_FILES; i++) {
		if (!program->files[i]) {
			program->files[i] = file;
			return HOSTILE_FIRST_FILE + i;
		}
	}
	return -EMFILE;
}

static int hostile_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file,
				int flags)
{
	(void)flags;
	return hostile_give(program_of(caller), file);
}

static void hostile_uninstall_file(struct uiommufd_caller *caller, int fd)
{
	struct uiommufd_file **slot = file_slot(caller, fd);
	struct uiommufd_file *file = *slot;

	*slot = NULL;
	file_put(file);
}

static uint64_t hostile_memlock_limit(struct uiommufd_caller *caller)
{
	(void)caller;
	return ARENA_SIZE;
}

static const struct uiommufd_caller_ops hostile_ops = {
	.read = hostile_read,
	.write = hostile_write,
	.populate = hostile_populate,
	.dup_fd = hostile_dup_fd,
	.get_file = hostile_get_file,
	.install_file = hostile_install_file,
	.uninstall_file = hostile_uninstall_file,
	.memlock_limit = hostile_memlock_limit,
};

/* ---- its life ---- */

static void start_process(void)
{
	arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memfd = memfd_create("fuzz", MFD_CLOEXEC);
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* The last page is not whole: it can be mapped, but not pinned. */
	if (arena == MAP_FAILED || memfd < 0 || event < 0 || ftruncate(memfd, 16 * 4096 + 100))
		abort();
	/* Each refused DMA is a line, and there are millions. */
	log_set_level(LOG_LEVEL_ERROR);
}

void hostile_start(struct hostile *program)
{
	if (!arena)
		start_process();
	memset(arena, 0, ARENA_SIZE);
	memset(program, 0, sizeof(*program));
	uiommufd_caller_init(&program->caller, &hostile_ops, getpid(), getuid());
}

void hostile_finish(struct hostile *program)
{
	for (int i = 0; i < HOSTILE_FILES; i++)
		if (program->files[i])
			file_put(program->files[i]);
	require(program->caller.refs == 1);
	require(program->caller.pinned_pages == 0);
	require(program->caller.locked_pages == 0);
}

/* ---- what it does ---- */

uint64_t hostile_word(struct fuzz_input *input)
{
	uint64_t low;

	switch (fuzz_byte(input) % 8) {
	case 0:
		return 0;
	case 1: /* two small numbers: IDs, flags, counts */
		low = fuzz_byte(input) & 15u;
		return low | (uint64_t)(fuzz_byte(input) & 15u) << 32;
	case 2: /* good memory */
		return (uintptr_t)arena + fuzz_bytes(input, 2) * 8 % ARENA_SIZE;
	case 3: /* memory that ends too early */
		return (uintptr_t)arena + ARENA_SIZE - (fuzz_byte(input) & 31u);
	case 4:
		return fuzz_bytes(input, 8);
	case 5: /* whole pages */
		return fuzz_bytes(input, 2) << 12;
	case 6:
		return UINT64_MAX - fuzz_byte(input);
	default:
		return fuzz_bytes(input, 4);
	}
}

uint64_t hostile_page(unsigned int n)
{
	return (uintptr_t)arena + (uint64_t)n * 4096;
}

uint64_t hostile_place(const void *bytes, size_t len, unsigned int how)
{
	size_t missing = how & 128 ? how >> 3 & 7u : 0;
	uint8_t *at = how & 128 ? arena + ARENA_SIZE + missing - len : arena;

	memcpy(at, bytes, len > missing ? len - missing : 0);
	return (uintptr_t)at;
}

void hostile_fill(struct fuzz_input *input)
{
	size_t at = fuzz_bytes(input, 2) * 8 % ARENA_SIZE;
	unsigned int count = fuzz_byte(input) & 15u;

	for (; count && at < ARENA_SIZE; count--, at += 8) {
		uint64_t word = hostile_word(input);

		memcpy(arena + at, &word, sizeof(word));
	}
}

/* Like a transport's mmap, without the mapping itself. */
static void map_file(struct uiommufd_file *file, uint64_t offset, size_t pages)
{
	struct file_mapping map = {.fd = -1};
	uint64_t value;

	if (!file->ops->mmap ||
	    file->ops->mmap(file, offset, pages * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, &map))
		return;
	if (map.trap && !map.trap->read(map.cookie, map.offset, 4, &value))
		map.trap->write(map.cookie, map.offset + 8, 4, value);
	if (map.closed)
		map.closed(map.cookie);
}

void hostile_use_file(struct hostile *program, struct fuzz_input *input)
{
	unsigned int how = fuzz_byte(input);
	struct uiommufd_file *file = program->files[how % HOSTILE_FILES];
	uint64_t buf = hostile_word(input);
	size_t len = fuzz_byte(input);
	uint64_t pos = 0;

	if (!file)
		return;
	/* A position: near the start of one of the first sixteen regions of a VFIO device. */
	if (file->flags & FILE_SEEKABLE)
		pos = (uint64_t)(fuzz_byte(input) & 15u) << 40 | fuzz_bytes(input, 2);
	switch (how / HOSTILE_FILES % 4) {
	case 0:
		if (file->ops->read)
			file->ops->read(file, &program->caller, buf, len, &pos);
		break;
	case 1:
		if (file->ops->write)
			file->ops->write(file, &program->caller, buf, len, &pos);
		break;
	case 2:
		if (file->ops->readiness)
			file->ops->readiness(file);
		map_file(file, file->flags & FILE_SEEKABLE ? pos & ~UINT64_C(0xfff) : buf, len);
		break;
	default:
		program->files[how % HOSTILE_FILES] = NULL;
		file_put(file);
		break;
	}
}

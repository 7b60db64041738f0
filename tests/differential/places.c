/* SPDX-License-Identifier: MIT */
#include "places.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct touched touched;
struct rlimit memlock;

/* What ANON holds at the start. */
static uint8_t master[ANON_SIZE];

static _Noreturn void fail(const char *what)
{
	perror(what);
	_exit(2);
}

static void map_at(uint64_t address, size_t size, int prot, int flags, int fd)
{
	if (mmap(AT(address), size, prot, MAP_FIXED | flags, fd, 0) != AT(address))
		fail("mmap");
}

static void map_private(uint64_t address, size_t size)
{
	map_at(address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* A byte of the page @key; no two pages look alike. */
static uint8_t pattern(uint64_t key, uint64_t at)
{
	return (uint8_t)(key * 37 + at * 7 + (at >> 8) * 11 + 1);
}

static void fill_page(uint8_t *page, uint64_t key)
{
	for (uint64_t i = 0; i < PAGE; i++)
		page[i] = pattern(key, i);
}

/* Gives @fd the number @number. */
static void rename_fd(int fd, int number)
{
	if (fd < 0 || dup2(fd, number) < 0)
		fail("descriptor");
	close(fd);
}

static void create_files(void)
{
	int memory = memfd_create("fz", MFD_ALLOW_SEALING);
	char path[64];
	int ends[2];

	if (memory < 0 || ftruncate(memory, SHARED_SIZE) || pipe(ends))
		fail("files");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	rename_fd(open(path, O_RDONLY), FD_MEMORY_READ_ONLY);
	rename_fd(memory, FD_MEMORY);
	rename_fd(open("/etc/passwd", O_RDONLY), FD_FILE);
	rename_fd(ends[0], FD_PIPE);
	close(ends[1]);
	rename_fd(open("/dev/null", O_RDWR), FD_NULL);
}

void places_create(void)
{
	int argument;

	create_files();
	map_private(READ_ONLY, READ_ONLY_PAGES * PAGE);
	for (uint64_t i = 0; i < READ_ONLY_PAGES; i++)
		fill_page(AT(READ_ONLY + i * PAGE), 200 + i);
	if (mprotect(AT(READ_ONLY), READ_ONLY_PAGES * PAGE, PROT_READ))
		fail("mprotect");
	map_at(SHARED, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, FD_MEMORY);
	map_private(BUFFER, BUFFER_SIZE);
	map_private(ARGUMENT, ARGUMENT_SIZE);
	argument = memfd_create("arg", 0);
	if (argument < 0 || ftruncate(argument, PAGE))
		fail("memfd");
	map_at(ARGUMENT_READ_ONLY, PAGE, PROT_READ, MAP_SHARED, argument);
	map_at(ARGUMENT_WRITABLE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, argument);
	close(argument);
	for (uint64_t i = 0; i < ANON_PAGES; i++)
		fill_page(master + i * PAGE, i);
	touched = (struct touched){.anon_moved = true};
	getrlimit(RLIMIT_MEMLOCK, &memlock);
}

void places_reset(void)
{
	if (touched.anon_moved || touched.anon_gone)
		map_private(ANON, ANON_SIZE);
	memcpy(AT(ANON), master, sizeof(master));
	if (touched.shared_cut && (ftruncate(FD_MEMORY, 0) || ftruncate(FD_MEMORY, SHARED_SIZE)))
		fail("ftruncate");
	for (uint64_t i = 0; i < SHARED_PAGES; i++)
		memcpy(AT(SHARED + i * PAGE), master + (i + 13) % ANON_PAGES * PAGE, PAGE);
	touched = (struct touched){0};
	buffer_fill(0, BUFFER_SIZE);
	setrlimit(RLIMIT_MEMLOCK, &memlock);
}

void buffer_put(uint64_t address, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (address + i >= BUFFER && address + i < BUFFER + BUFFER_SIZE)
			*(uint8_t *)AT(address + i) = ((const uint8_t *)bytes)[i];
	}
}

void buffer_fill(int byte, size_t size)
{
	memset(AT(BUFFER), byte, size);
}

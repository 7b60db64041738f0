/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <uiommufd/vfio.h>
#include <unistd.h>

#include "places.h"
#include "record.h"
#include "steps.h"

void step_close(void)
{
	struct known_file file;
	uint32_t at;

	if (!known.file_count)
		return;
	at = below(known.file_count);
	file = known.files[at];
	record("CLOSE(%d %d) = %d\n", (int)file.kind, file.fd, close(file.fd));
	known.files[at] = known.files[--known.file_count];
}

static unsigned long some_number(void)
{
	switch (below(6)) {
	case 0:
		return _IO(';', 0x96 + below(8));
	case 1:
		return _IO(';', 0xa1 + below(30));
	case 2:
		return _IOR(';', 0x80 + below(0x20), uint32_t);
	case 3:
		return _IO(';', below(0x80));
	case 4:
		return _IO('T', 1);
	default:
		return _IO(';', 100 + below(26));
	}
}

/* Those of the container are made by steps of their own. */
static bool is_container_command(unsigned long number)
{
	return number == VFIO_IOMMU_GET_INFO || number == VFIO_IOMMU_MAP_DMA ||
	       number == VFIO_IOMMU_UNMAP_DMA || number == VFIO_CHECK_EXTENSION ||
	       number == VFIO_GET_API_VERSION || number == VFIO_SET_IOMMU;
}

void step_unknown(void)
{
	const unsigned long number = some_number();
	uint64_t address;
	int rc;

	if (is_container_command(number))
		return;
	memset(AT(ARGUMENT), 0, 64);
	*(uint32_t *)AT(ARGUMENT) = percent(80) ? 16 : 0;
	address = percent(85) ? ARGUMENT : percent(50) ? 0 : HOLE;
	rc = ioctl(known.fd, number, address);
	record("IOCTL(%lx %llx) = %d %s\n", number, (long long)address, rc,
	       rc < 0 ? error_name(errno) : "");
}

/* ---- memory ---- */

static void poke(uint64_t page, uint32_t first)
{
	volatile uint8_t *bytes = AT(ANON + page * PAGE);
	unsigned char present;

	if (mincore(AT(ANON + page * PAGE), PAGE, &present)) {
		record("POKE gone\n");
		return;
	}
	if (touched.anon_gone) {
		record("POKE skip\n");
		return;
	}
	for (uint32_t i = 0; i < PAGE; i += 64)
		bytes[i] = (uint8_t)(first + i);
	record("POKE(%llu)\n", (long long)page);
}

void step_poke(void)
{
	const uint64_t page = below(ANON_PAGES);
	const uint32_t first = below(256);

	(void)percent(20);
	poke(page, first);
}

static void remap(uint64_t page, uint64_t pages)
{
	void *address = AT(ANON + page * PAGE);
	bool mapped = mmap(address, pages * PAGE, PROT_READ | PROT_WRITE,
			   MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == address;
	int byte = (int)below(256);

	if (mapped)
		memset(address, byte, pages * PAGE);
	record("REMAP(%llu %llu) %d\n", (long long)page, (long long)pages, mapped);
}

static void move(uint64_t page, uint64_t pages)
{
	const uint64_t to = below(ANON_PAGES);
	void *moved;

	if (to + pages > ANON_PAGES || (to < page + pages && page < to + pages))
		return;
	moved = mremap(AT(ANON + page * PAGE), pages * PAGE, pages * PAGE,
		       MREMAP_MAYMOVE | MREMAP_FIXED, AT(ANON + to * PAGE));
	record("MREMAP(%llu %llu %llu) %s\n", (long long)page, (long long)pages, (long long)to,
	       moved == MAP_FAILED ? error_name(errno) : "ok");
	touched.anon_gone = true;
}

void step_mm(void)
{
	const uint64_t page = below(ANON_PAGES);
	uint64_t pages = 1 + below(3);
	void *address = AT(ANON + page * PAGE);

	if (page + pages > ANON_PAGES)
		pages = ANON_PAGES - page;
	touched.anon_moved = true;
	switch (below(7)) {
	case 0:
		remap(page, pages);
		break;
	case 1:
		record("MUNMAP(%llu %llu) %d\n", (long long)page, (long long)pages,
		       munmap(address, pages * PAGE));
		touched.anon_gone = true;
		break;
	case 2: /* mprotect(), which User Mode Linux does not quite have */
		break;
	case 3:
	case 4:
		record("DONTNEED(%llu %llu) %d\n", (long long)page, (long long)pages,
		       madvise(address, pages * PAGE, MADV_DONTNEED));
		break;
	default:
		move(page, pages);
		break;
	}
}

void step_truncate(void)
{
	const uint64_t page = below(SHARED_PAGES);
	uint64_t pages;

	touched.shared_cut = true;
	if (percent(50)) {
		record("TRUNC(%llu) %d\n", (long long)page,
		       ftruncate(FD_MEMORY, (off_t)(page * PAGE)));
		return;
	}
	pages = 1 + below(3);
	record("PUNCH(%llu %llu) %d\n", (long long)page, (long long)pages,
	       fallocate(FD_MEMORY, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)(page * PAGE), (off_t)(pages * PAGE)));
}

void step_limit(void)
{
	struct rlimit limit = memlock;

	limit.rlim_cur = ONE_OF(0, 4096, 3 * 4096, 10 * 4096, 64 * 4096, 8 << 20);
	record("RLIMIT(%lx) %d\n", (unsigned long)limit.rlim_cur,
	       setrlimit(RLIMIT_MEMLOCK, &limit));
}

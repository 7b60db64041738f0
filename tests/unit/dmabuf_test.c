/* SPDX-License-Identifier: MIT */
/*
 * dma-bufs without memory: DMA to them becomes calls. Here they lead to memory of another process,
 * which an array stands for. Revocation is in the tests of MAP_FILE.
 */
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kit.h"

#include "base/file_transfer.h"
#include "iommu/iommu.h"
#include "mem/dmabuf.h"
#include "mem/guard.h"

enum {
	LEN = 64 * PAGE
};
#define IOVA UINT64_C(0x100000)

/* What is on the other side, and how it was asked. */
struct far {
	char bytes[LEN];
	unsigned int calls;
	bool gone;
};

static int move(void *cookie, uint64_t offset, void *buf, uint64_t len, bool write)
{
	struct far *far = cookie;

	far->calls++;
	if (far->gone)
		return -EFAULT;
	assert_true(len && len <= DMABUF_MOVE && offset + len <= LEN);
	if (write)
		memcpy(far->bytes + offset, buf, len);
	else
		memcpy(buf, far->bytes + offset, len);
	return 0;
}

struct rig {
	struct engine *e;
	uint32_t ioas;
	struct far far[2];
	struct dmabuf *bufs[2];
};

static struct uiommufd_file *get_file(struct uiommufd_caller *caller, int fd)
{
	return file_get(engine_file((struct engine *)caller, (uint32_t)fd));
}

/* far[0] at IOVA, far[1] behind it, then 64 pages of this process. */
static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	uint32_t pt;

	assert_non_null(rig);
	rig->e = engine_create("amd", LEN / PAGE);
	rig->e->ops.get_file = get_file;
	rig->ioas = pt = engine_ioas(rig->e);
	assert_int_equal(iommufd_device_attach(rig->e->devices[0], NO_PASID, &pt), 0);
	for (unsigned int i = 0; i < 2; i++) {
		const struct dmabuf_registers there = {.move = move, .cookie = &rig->far[i]};
		struct iommu_ioas_map_file map = {
			.size = sizeof(map),
			.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
				 IOMMU_IOAS_MAP_WRITEABLE,
			.ioas_id = rig->ioas,
			.fd = (int)(ENGINE_FD_BASE + i),
			.length = LEN,
			.iova = IOVA + i * (uint64_t)LEN,
		};

		assert_int_equal(dmabuf_create_registers(LEN, &there, &rig->bufs[i]), 0);
		rig->e->files[i] = dmabuf_file(rig->bufs[i]);
		assert_int_equal(engine_call(rig->e, IOMMU_IOAS_MAP_FILE, &map), 0);
	}
	assert_int_equal(engine_map(rig->e, rig->ioas, IOVA + 2 * LEN, 0, LEN), 0);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(engine_unmap(rig->e, rig->ioas, IOVA, 3 * LEN), 0);
	for (unsigned int i = 0; i < 2; i++)
		engine_close(rig->e, ENGINE_FD_BASE + i);
	engine_destroy(rig->e);
	free(rig);
	return 0;
}

/* cmocka has put its own handlers in front of the guard's. */
static struct rig *begin(void **state)
{
	static struct sigaction segv, bus;
	const bool again = guard_installed();

	assert_int_equal(guard_install(), 0);
	assert_int_equal(sigaction(SIGSEGV, again ? &segv : NULL, again ? NULL : &segv), 0);
	assert_int_equal(sigaction(SIGBUS, again ? &bus : NULL, again ? NULL : &bus), 0);
	return *state;
}

static void fill(char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 7 + i / 251);
}

static void dma_to_other_memory_takes_few_calls(void **state)
{
	static char out[LEN], in[LEN];
	struct rig *rig = begin(state);
	struct iommu_endpoint *endpoint = rig->e->endpoints[0];

	fill(out, sizeof(out));
	assert_int_equal(iommu_dma(endpoint, NO_PASID, IOVA + 3, out, LEN - 3, DMA_WRITE), 0);
	assert_memory_equal(rig->far[0].bytes + 3, out, LEN - 3);
	assert_int_equal(iommu_dma(endpoint, NO_PASID, IOVA + 3, in, LEN - 3, DMA_READ), 0);
	assert_memory_equal(in, out, LEN - 3);
	assert_true(rig->far[0].calls <= 2 * (LEN / DMABUF_MOVE + 1));
}

static void dma_copies_between_memory_of_any_kind(void **state)
{
	static const uint64_t places[] = {IOVA, IOVA + LEN, IOVA + 2 * LEN};
	struct rig *rig = begin(state);
	char *const bytes[] = {rig->far[0].bytes, rig->far[1].bytes, rig->e->buffer};

	for (unsigned int from = 0; from < 3; from++) {
		for (unsigned int to = 0; to < 3; to++) {
			if (to == from)
				continue;
			fill(bytes[from], LEN);
			memset(bytes[to], 0, LEN);
			assert_int_equal(iommu_dma_copy(rig->e->endpoints[0], NO_PASID,
							places[to] + 1, places[from], LEN - 1,
							NULL),
					 0);
			assert_memory_equal(bytes[to] + 1, bytes[from], LEN - 1);
		}
	}
}

static void one_dma_goes_through_memory_of_all_kinds(void **state)
{
	static char out[3 * LEN];
	struct rig *rig = begin(state);

	fill(out, sizeof(out));
	assert_int_equal(
		iommu_dma(rig->e->endpoints[0], NO_PASID, IOVA, out, sizeof(out), DMA_WRITE), 0);
	assert_memory_equal(rig->far[0].bytes, out, LEN);
	assert_memory_equal(rig->far[1].bytes, out + LEN, LEN);
	assert_memory_equal(rig->e->buffer, out + 2 * LEN, LEN);
}

/* Otherwise a copy could begin in the one and end in the other. */
static void nothing_is_mapped_beside_it(void **state)
{
	struct rig *rig = begin(state);
	char *memory = dmabuf_memory(rig->bufs[0]);
	char *const beside[] = {memory - PAGE, memory + LEN};

	for (unsigned int i = 0; i < 2; i++) {
		char *at = mmap(beside[i], PAGE, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		/* A kernel before 4.17 (or qemu's emulation of a process) gives other addresses. */
		assert_ptr_not_equal(at, beside[i]);
		if (at != MAP_FAILED)
			munmap(at, PAGE);
	}
}

static void a_call_that_fails_is_a_fault(void **state)
{
	char byte = 1;
	struct rig *rig = begin(state);

	rig->far[1].gone = true;
	assert_int_equal(iommu_dma(rig->e->endpoints[0], NO_PASID, IOVA + LEN, &byte, 1, DMA_WRITE),
			 -EFAULT);
	assert_int_equal(iommu_dma(rig->e->endpoints[0], NO_PASID, IOVA + LEN, &byte, 1, DMA_READ),
			 -EFAULT);
	assert_int_equal(byte, 1);
}

static void its_size_is_found_by_seeking(void **state)
{
	struct dmabuf *dmabuf;
	struct uiommufd_file *file;

	(void)state;
	assert_int_equal(dmabuf_create(3 * PAGE, &dmabuf), 0);
	file = dmabuf_file(dmabuf);
	assert_int_equal(file_seek(file, 0, 0, SEEK_END), 3 * PAGE);
	assert_int_equal(file_seek(file, 0, 0, SEEK_SET), 0);
	assert_int_equal(file_seek(file, 0, 1, SEEK_SET), -EINVAL);
	assert_int_equal(file_seek(file, 0, -1, SEEK_END), -EINVAL);
	assert_int_equal(file_seek(file, 0, 0, SEEK_CUR), -EINVAL);
	file_put(file);
}

static void programs_do_not_map_it(void **state)
{
	struct file_mapping map;
	struct dmabuf *dmabuf;
	struct uiommufd_file *file;

	(void)state;
	assert_int_equal(dmabuf_create(PAGE, &dmabuf), 0);
	file = dmabuf_file(dmabuf);
	assert_int_equal(file->ops->mmap(file, 0, PAGE, PROT_READ, MAP_SHARED, &map), -EINVAL);
	file_put(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dma_to_other_memory_takes_few_calls),
		TEST(dma_copies_between_memory_of_any_kind),
		TEST(one_dma_goes_through_memory_of_all_kinds),
		TEST(nothing_is_mapped_beside_it),
		TEST(a_call_that_fails_is_a_fault),
		cmocka_unit_test(its_size_is_found_by_seeking),
		cmocka_unit_test(programs_do_not_map_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

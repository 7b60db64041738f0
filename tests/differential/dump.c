/* SPDX-License-Identifier: MIT */
/* What can be seen at the end of a sequence: ranges, contents, pins, caches, events. */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "places.h"
#include "record.h"
#include "sequence.h"
#include "steps.h"

static void dump_contents(uint32_t ioas, int access)
{
	for (uint32_t i = 0; i < known.mapping_count; i++) {
		const struct mapping *mapping = &known.mappings[i];
		struct iommu_test_cmd cmd = TEST_CMD(ACCESS_RW);

		if (mapping->ioas != ioas)
			continue;
		cmd.id = (uint32_t)access;
		cmd.access_rw.iova = mapping->iova;
		cmd.access_rw.length = mapping->length > BUFFER_SIZE ? BUFFER_SIZE
								     : mapping->length;
		cmd.access_rw.uptr = BUFFER;
		buffer_fill(0, BUFFER_SIZE);
		test_run("READ", &cmd);
		record(" all=%llx\n", (long long)hash_of(AT(BUFFER), BUFFER_SIZE));
	}
}

static void dump_ioas(uint32_t ioas)
{
	struct iommu_ioas_iova_ranges ranges = {
		.ioas_id = ioas, .num_iovas = 30, .allowed_iovas = BUFFER};
	struct iommu_test_cmd access = TEST_CMD(CREATE_ACCESS);

	buffer_fill(0, 512);
	buffer_used();
	COMMAND(IOAS_IOVA_RANGES, ranges);
	access.id = ioas;
	if (test_run("CREATE_ACCESS", &access))
		return;
	dump_contents(ioas, (int)access.create_access.out_access_fd);
	close((int)access.create_access.out_access_fd);
}

static void dump_hwpt(uint32_t hwpt)
{
	for (uint32_t i = 0; i < known.mapping_count && i < 20; i++) {
		const struct mapping *mapping = &known.mappings[i];
		struct iommu_test_cmd cmd = TEST_CMD(MD_CHECK_MAP);

		if (mapping->file || !mapping->va)
			continue;
		cmd.id = hwpt;
		cmd.md_check_map.iova = mapping->iova;
		cmd.md_check_map.length = mapping->length > 32 * PAGE ? PAGE : mapping->length;
		cmd.md_check_map.uptr = mapping->va;
		test_run("CHECK_MAP", &cmd);
	}
}

static bool has_refs(uint64_t address, uint64_t length, uint32_t refs)
{
	struct iommu_test_cmd cmd = TEST_CMD(MD_CHECK_REFS);

	cmd.md_check_refs.uptr = address;
	cmd.md_check_refs.length = length;
	cmd.md_check_refs.refs = refs;
	return !quiet_test(&cmd);
}

static void dump_refs(uint64_t page)
{
	enum {
		MOST = 9
	};
	uint32_t refs = 0;

	while (refs < MOST && !has_refs(ANON + page * PAGE, PAGE, refs))
		refs++;
	if (refs == MOST)
		record(" %llu:?", (long long)page);
	else if (refs)
		record(" %llu:%u", (long long)page, refs);
}

/* The pins of each page of ANON, and what memory holds. */
static void dump_memory(void)
{
	if (!touched.anon_gone && !has_refs(ANON, ANON_SIZE, 0)) {
		record("refs");
		for (uint64_t page = 0; page < ANON_PAGES; page++)
			dump_refs(page);
		record("\n");
	}
	if (!touched.anon_gone)
		record("A=%llx ", (long long)hash_of(AT(ANON), ANON_SIZE));
	if (!touched.shared_cut)
		record("S=%llx", (long long)hash_of(AT(SHARED), SHARED_SIZE));
	record("\n");
}

static void dump_caches(void)
{
	const struct known_ids *nested = &known.ids[KIND_NESTED];
	const struct known_ids *devices = &known.ids[KIND_DEVICE];

	for (uint32_t i = 0; i < nested->count; i++) {
		for (uint32_t entry = 0; entry < MOCK_IOTLB_ENTRIES; entry++) {
			struct iommu_test_cmd cmd = TEST_CMD(MD_CHECK_IOTLB);

			cmd.id = nested->id[i];
			cmd.md_check_iotlb.id = entry;
			test_run("IOTLB", &cmd);
		}
	}
	for (uint32_t i = 0; i < devices->count; i++) {
		for (uint32_t entry = 0; entry < MOCK_DEV_CACHE_ENTRIES; entry++) {
			struct iommu_test_cmd cmd = TEST_CMD(DEV_CHECK_CACHE);

			cmd.id = devices->id[i];
			cmd.dev_check_cache.id = entry;
			test_run("CACHE", &cmd);
		}
	}
}

/* Where the next mappings go. */
static void dump_automatic(uint32_t ioas)
{
	struct iommu_ioas_map page = {.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
				      .ioas_id = ioas};
	struct iommu_ioas_map pages = page;

	page.user_va = ANON + 3 * PAGE;
	page.length = PAGE;
	COMMAND(IOAS_MAP, page);
	pages.user_va = ANON + 16 * PAGE;
	pages.length = 8 * PAGE;
	COMMAND(IOAS_MAP, pages);
}

static void dump_queues(void)
{
	for (uint32_t i = 0; i < known.file_count; i++) {
		const struct known_file *file = &known.files[i];
		ssize_t got;

		if (file->kind < FILE_FAULT)
			continue;
		buffer_fill(0, 1024);
		got = read(file->fd, AT(BUFFER), 1000);
		record("q%d %zd %llx\n", (int)file->kind, got,
		       (long long)hash_of(AT(BUFFER), 1000));
	}
}

void dump_all(uint64_t seed)
{
	struct iommu_ioas_alloc ioas = {0};

	spoil_percent = 0;
	setrlimit(RLIMIT_MEMLOCK, &memlock);
	draw_begin(seed, STREAM_DUMP);
	record("-- dump\n");
	for (uint32_t i = 0; i < known.ids[KIND_IOAS].count; i++)
		dump_ioas(known.ids[KIND_IOAS].id[i]);
	for (uint32_t i = 0; i < known.ids[KIND_HWPT].count; i++)
		dump_hwpt(known.ids[KIND_HWPT].id[i]);
	dump_memory();
	dump_caches();
	for (uint32_t i = 0; i < known.ids[KIND_IOAS].count; i++)
		dump_automatic(known.ids[KIND_IOAS].id[i]);
	COMMAND(IOAS_ALLOC, ioas);
	dump_queues();
}

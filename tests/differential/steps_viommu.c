/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arguments.h"
#include "places.h"
#include "record.h"
#include "steps.h"

void step_fault_alloc(void)
{
	struct iommu_fault_alloc cmd = {0};

	if (percent(3))
		cmd.flags = 1;
	if (COMMAND(FAULT_QUEUE_ALLOC, cmd) || known.file_count == MOST_FILES)
		return;
	id_add(KIND_FAULT, cmd.out_fault_id);
	file_add((int)cmd.out_fault_fd, FILE_FAULT);
}

void region_add(const struct iommu_viommu_alloc *cmd)
{
	const struct iommu_viommu_selftest *data = AT(BUFFER);

	if (cmd->data_uptr != BUFFER || known.region_count == MOST_REGIONS)
		return;
	record(" off=%llx len=%llx\n", (long long)data->out_mmap_offset,
	       (long long)data->out_mmap_length);
	known.regions[known.region_count++] =
		(struct region){.offset = data->out_mmap_offset, .length = data->out_mmap_length};
}

static void choose_viommu_data(struct iommu_viommu_alloc *cmd,
			       const struct iommu_viommu_selftest *data)
{
	cmd->data_len = percent(90) ? sizeof(*data) : ONE_OF32(4, 8, 16, 23, 32, 40);
	cmd->data_uptr = some_pointer(0, sizeof(*data));
	buffer_put(cmd->data_uptr, data, sizeof(*data));
	if (cmd->data_len > sizeof(*data))
		memset(AT(BUFFER + sizeof(*data)), percent(80) ? 0 : 1, 32);
}

void step_viommu_alloc(void)
{
	const struct iommu_viommu_selftest data = {.in_data = below(1000)};
	struct iommu_viommu_alloc cmd = {0};

	cmd.dev_id = some_id(KIND_DEVICE);
	cmd.hwpt_id = some_id_or(KIND_HWPT, KIND_NESTED, 6);
	cmd.type = percent(94) ? IOMMU_VIOMMU_TYPE_SELFTEST : below(4);
	if (percent(3))
		cmd.flags = 1;
	if (percent(50))
		choose_viommu_data(&cmd, &data);
	record("{%x}", data.in_data);
	if (COMMAND(VIOMMU_ALLOC, cmd))
		return;
	id_add(KIND_VIOMMU, cmd.out_viommu_id);
	if (cmd.data_len == sizeof(data))
		region_add(&cmd);
}

void step_vdevice_alloc(void)
{
	struct iommu_vdevice_alloc cmd = {0};

	cmd.viommu_id = some_id(KIND_VIOMMU);
	cmd.dev_id = some_id(KIND_DEVICE);
	cmd.virt_id = percent(90) ? 1 + below(3) : ONE_OF(0, UINT64_MAX, 1ull << 32, 99);
	if (!COMMAND(VDEVICE_ALLOC, cmd))
		id_add(KIND_VDEVICE, cmd.out_vdevice_id);
}

void step_veventq(void)
{
	struct iommu_veventq_alloc cmd = {0};

	cmd.viommu_id = some_id(KIND_VIOMMU);
	cmd.type = percent(92) ? IOMMU_VEVENTQ_TYPE_SELFTEST : below(4);
	cmd.veventq_depth = percent(85) ? 1 + below(3)
					: ONE_OF32(0, 1 << 19, (1 << 19) + 1, 0xffffffff);
	if (percent(3))
		cmd.flags = 1;
	if (COMMAND(VEVENTQ_ALLOC, cmd) || known.file_count == MOST_FILES)
		return;
	id_add(KIND_VEVENTQ, cmd.out_veventq_id);
	file_add((int)cmd.out_veventq_fd, FILE_VEVENT);
}

static uint64_t some_queue_length(uint64_t part)
{
	if (percent(80))
		return ONE_OF(32, 64, 4096, 2048, 1);
	return percent(50) ? part
			   : ONE_OF(0, UINT64_MAX, UINT64_MAX - 4096, 1ull << 63, 1ull << 40);
}

void step_hw_queue(void)
{
	const struct part part = some_part(some_mapping());
	struct iommu_hw_queue_alloc cmd = {0};
	uint64_t offset;

	cmd.viommu_id = some_id(KIND_VIOMMU);
	cmd.type = percent(94) ? IOMMU_HW_QUEUE_TYPE_SELFTEST : below(3);
	cmd.index = percent(90) ? below(2) : below(4);
	/* The recording kernel's driver forgets which queue goes. */
	if (cmd.index == 1)
		cmd.index = 0;
	cmd.nesting_parent_iova = part.iova;
	cmd.length = some_queue_length(part.length);
	if (percent(3))
		cmd.flags = 1;
	if (cmd.length > 1 << 20 && cmd.length < 1ull << 62 && percent(80))
		cmd.length = 4096;
	/* Whether more than a page is contiguous is no fact of the ABI. */
	offset = cmd.nesting_parent_iova & (PAGE - 1);
	if (cmd.length < 1ull << 30 && offset + cmd.length > PAGE)
		cmd.length = PAGE - offset;
	if (!COMMAND(HW_QUEUE_ALLOC, cmd))
		id_add(KIND_HW_QUEUE, cmd.out_hw_queue_id);
}

/* ---- descriptors ---- */

static void learn_cookies(const struct iommu_hwpt_pgfault *faults, size_t count)
{
	for (size_t i = 0; i < count && known.cookie_count < MOST_COOKIES; i++)
		known.cookies[known.cookie_count++] = faults[i].cookie;
}

void step_read(void)
{
	const struct known_file *file = some_file(FILE_FAULT, FILE_VEVENT);
	struct pollfd ready = {.events = POLLIN | POLLOUT};
	uint64_t count, address;
	int polled;
	ssize_t got;

	if (!file)
		return;
	count = ONE_OF(0, 7, 8, 12, 39, 40, 40, 80, 400, 400, 4096, 16, 24);
	address = some_io_pointer(count);
	buffer_fill(0, 1024);
	ready.fd = file->fd;
	polled = poll(&ready, 1, 0);
	got = read(file->fd, AT(address), count);
	record("READ(%d %llu @%llx) poll %d %x = %zd %s", (int)file->kind, (long long)count,
	       (long long)address, polled, (unsigned int)ready.revents, got,
	       got < 0 ? error_name(errno) : "");
	if (got > 0 && address == BUFFER) {
		for (int i = 0; i < got / 4 && i < 40; i++)
			record(" %x", ((uint32_t *)AT(BUFFER))[i]);
		if (file->kind == FILE_FAULT)
			learn_cookies(AT(BUFFER), (size_t)got / sizeof(struct iommu_hwpt_pgfault));
	}
	record("\n");
}

static struct iommu_hwpt_page_response some_response(void)
{
	struct iommu_hwpt_page_response response;

	response.cookie = known.cookie_count && percent(85)
				  ? known.cookies[below(known.cookie_count)]
				  : below(5);
	/* A bug of the recording kernel. */
	if (!response.cookie)
		response.cookie = 9;
	response.code = percent(92) ? below(2) : ONE_OF32(2, 0x80000000);
	return response;
}

void step_respond(void)
{
	const struct known_file *file = percent(95) ? some_file(FILE_FAULT, FILE_FAULT)
						    : some_file(FILE_ACCESS, FILE_VEVENT);
	struct iommu_hwpt_page_response responses[4] = {{0}};
	uint64_t length, address;
	uint32_t count;
	ssize_t done;

	if (!file)
		return;
	count = 1 + below(3);
	for (uint32_t i = 0; i < count; i++)
		responses[i] = some_response();
	length = percent(90) ? 8 * count : below(30);
	address = some_io_pointer(length);
	buffer_put(address, responses, sizeof(responses));
	done = write(file->fd, AT(address), length);
	record("WRITE(%d %llu %x %x) = %zd %s\n", (int)file->kind, (long long)length,
	       responses[0].cookie, responses[0].code, done, done < 0 ? error_name(errno) : "");
}

/* ---- regions ---- */

static void unmap_region(void)
{
	uint32_t at = below(known.mapped_count);
	const struct region region = known.mapped[at];

	record("MUNMAP = %d\n", munmap(region.mapped, region.length));
	known.mapped[at] = known.mapped[--known.mapped_count];
}

static struct region some_region(void)
{
	struct region region = {.offset = PAGE, .length = 2 * PAGE};

	if (known.region_count)
		region.offset = known.regions[below(known.region_count)].offset;
	if (percent(15)) {
		region.offset += PAGE * below(3);
		region.length = PAGE * (1 + below(3));
	}
	return region;
}

static void use_region(const struct region *region, int prot)
{
	volatile uint32_t *words = region->mapped;

	if (prot & PROT_READ)
		record(" [%x %x]", words[0], words[1024]);
	if ((prot & PROT_WRITE) && percent(50))
		words[1024] = 77;
	if (known.mapped_count < MOST_REGIONS)
		known.mapped[known.mapped_count++] = *region;
}

void step_mmap(void)
{
	struct region region;
	int prot, flags;

	if (known.mapped_count && percent(35)) {
		unmap_region();
		return;
	}
	region = some_region();
	prot = percent(90) ? PROT_READ | PROT_WRITE : (int)ONE_OF32(1, 2, 5, 7);
	flags = percent(92) ? MAP_SHARED : MAP_PRIVATE;
	region.mapped = mmap(NULL, region.length, prot, flags, known.fd, (off_t)region.offset);
	record("MMAP(%llx %llx %d %d) = %s", (long long)region.offset, (long long)region.length,
	       prot, flags, region.mapped == MAP_FAILED ? error_name(errno) : "ok");
	if (region.mapped != MAP_FAILED)
		use_region(&region, prot);
	record("\n");
}

/* SPDX-License-Identifier: MIT */
#include <sys/ioctl.h>

#include "arguments.h"
#include "places.h"
#include "record.h"
#include "steps.h"

#define FIXED_IOVA ((uint32_t)IOMMU_IOAS_MAP_FIXED_IOVA)

void step_ioas_alloc(void)
{
	struct iommu_ioas_alloc cmd = {0};
	struct iommu_option huge_pages = {
		.size = sizeof(huge_pages),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_SET,
	};

	if (percent(4))
		cmd.flags = 1;
	if (COMMAND(IOAS_ALLOC, cmd))
		return;
	id_add(KIND_IOAS, cmd.out_ioas_id);
	huge_pages.object_id = cmd.out_ioas_id;
	if (known.small)
		(void)ioctl(known.fd, IOMMU_OPTION, &huge_pages);
}

void step_destroy(void)
{
	struct iommu_destroy cmd = {.id = any_id()};

	pasids_detach(cmd.id);
	/* With PASIDs attached it has to be the very object. */
	if (known.pasid_count)
		spoil_percent = 0;
	if (COMMAND(DESTROY, cmd))
		return;
	id_remove(cmd.id);
	mappings_remove(cmd.id, 0, UINT64_MAX);
}

void step_map(void)
{
	struct mapping memory;
	struct iommu_ioas_map cmd = {.ioas_id = some_id(KIND_IOAS)};

	memory = some_memory();
	cmd.user_va = memory.va;
	cmd.length = memory.length;
	cmd.flags = some_map_flags();
	if (!memory.writable && percent(85))
		cmd.flags &= ~(uint32_t)IOMMU_IOAS_MAP_WRITEABLE;
	if (percent(65)) {
		cmd.flags |= FIXED_IOVA;
		cmd.iova = some_iova();
		if ((cmd.user_va & 0x800) && percent(70))
			cmd.iova |= 0x800;
	} else if (percent(5)) {
		cmd.iova = draw();
	}
	if (COMMAND(IOAS_MAP, cmd))
		return;
	memory = (struct mapping){.iova = cmd.iova,
				  .length = cmd.length,
				  .va = cmd.user_va,
				  .writable = cmd.flags & IOMMU_IOAS_MAP_WRITEABLE};
	mapping_add(cmd.ioas_id, &memory);
}

static void choose_file_range(struct iommu_ioas_map_file *cmd)
{
	cmd->start = PAGE * below(SHARED_PAGES);
	cmd->length = PAGE * (1 + below(SHARED_PAGES));
	if (percent(88) && cmd->start + cmd->length > SHARED_SIZE)
		cmd->start = SHARED_SIZE - cmd->length;
	if (percent(8))
		cmd->start += below(2) ? 2048 : below(PAGE);
	if (percent(8))
		cmd->length = ONE_OF(0, 1, 2048, 6144, UINT64_MAX, UINT64_MAX - 1, 1ull << 40,
				     1ull << 63, UINT64_MAX - 4096, 0x7ffffffffffff000);
	if (percent(2))
		cmd->start =
			ONE_OF(UINT64_MAX, 1ull << 63, UINT64_MAX - 4095, 1ull << 44, 1ull << 40);
}

void step_map_file(void)
{
	struct iommu_ioas_map_file cmd = {.ioas_id = some_id(KIND_IOAS)};
	struct mapping mapping = {.file = true};

	cmd.fd = percent(85) ? FD_MEMORY
			     : (int32_t)ONE_OF32(FD_MEMORY_READ_ONLY, FD_FILE, FD_PIPE, FD_NULL,
						 FD_NONE, 0xffffffff);
	/* Linux never lets go of a context that maps itself. */
	if (cmd.fd == known.fd)
		cmd.fd = FD_NONE;
	choose_file_range(&cmd);
	cmd.flags = some_map_flags();
	if (percent(60)) {
		cmd.flags |= FIXED_IOVA;
		cmd.iova = some_iova();
	}
	if (COMMAND(IOAS_MAP_FILE, cmd))
		return;
	mapping.iova = cmd.iova;
	mapping.length = cmd.length;
	mapping.va = SHARED + cmd.start;
	mapping.writable = cmd.flags & IOMMU_IOAS_MAP_WRITEABLE;
	mapping_add(cmd.ioas_id, &mapping);
}

void step_copy(void)
{
	const struct mapping *from = some_mapping();
	const struct part part = some_part(from);
	struct iommu_ioas_copy cmd = {0};
	struct mapping copy = {0};

	cmd.src_ioas_id = from && percent(94) ? from->ioas : some_id(KIND_IOAS);
	cmd.dst_ioas_id = some_id(KIND_IOAS);
	cmd.src_iova = part.iova;
	cmd.length = part.length;
	cmd.flags = some_map_flags();
	if (percent(60)) {
		cmd.flags |= FIXED_IOVA;
		cmd.dst_iova = some_iova();
	}
	if (percent(2))
		cmd.src_iova = UINT64_MAX;
	if (from) {
		copy.va = from->va + (cmd.src_iova - from->iova);
		copy.file = from->file;
	}
	if (COMMAND(IOAS_COPY, cmd))
		return;
	copy.iova = cmd.dst_iova;
	copy.length = cmd.length;
	copy.writable = cmd.flags & IOMMU_IOAS_MAP_WRITEABLE;
	mapping_add(cmd.dst_ioas_id, &copy);
}

void step_unmap(void)
{
	const struct mapping *mapping = some_mapping();
	const struct part part = some_part(mapping);
	struct iommu_ioas_unmap cmd = {.iova = part.iova, .length = part.length};
	uint64_t length, last;

	cmd.ioas_id = mapping && percent(92) ? mapping->ioas : some_id(KIND_IOAS);
	if (percent(10)) {
		cmd.iova = 0;
		cmd.length = UINT64_MAX;
	} else if (percent(12)) {
		cmd.iova = 0x1000000 + PAGE * below(32);
		cmd.length = PAGE * below(64);
	}
	length = cmd.length;
	if (COMMAND(IOAS_UNMAP, cmd))
		return;
	last = cmd.iova + length - 1;
	mappings_remove(cmd.ioas_id, cmd.iova, last < cmd.iova ? UINT64_MAX : last);
}

void step_ranges(void)
{
	struct iommu_ioas_iova_ranges cmd = {.ioas_id = some_id(KIND_IOAS)};

	cmd.num_iovas = percent(60) ? 20 : below(6);
	cmd.allowed_iovas = some_pointer(0, 16 * cmd.num_iovas);
	if (percent(1))
		cmd.num_iovas = 0x10000000;
	buffer_fill(0xee, 512);
	COMMAND(IOAS_IOVA_RANGES, cmd);
}

static struct iommu_iova_range some_range(void)
{
	struct iommu_iova_range range;

	range.start = percent(80) ? 0x1000000 + 0x8000 * below(16) : some_iova();
	if (percent(80))
		range.last = range.start + (0x8000 * (1 + below(4)) - 1);
	else if (percent(50))
		range.last = range.start + below(65536);
	else
		range.last = range.start + draw_magnitude();
	if (percent(10)) {
		range.start = 0;
		range.last = ONE_OF(UINT64_MAX, 0xffffff, 0x7fffffff);
	}
	return range;
}

void step_allow(void)
{
	struct iommu_ioas_allow_iovas cmd = {.ioas_id = some_id(KIND_IOAS)};
	struct iommu_iova_range ranges[8] = {{0}};
	const struct mapping *mapping;

	cmd.num_iovas = percent(10) ? 0 : 1 + below(5);
	for (uint32_t i = 0; i < cmd.num_iovas; i++)
		ranges[i] = some_range();
	if (percent(20)) {
		mapping = some_mapping();
		if (mapping)
			ranges[0] = (struct iommu_iova_range){
				.start = mapping->iova,
				.last = mapping->iova + mapping->length - 1,
			};
	}
	cmd.allowed_iovas = some_pointer(0, 16 * cmd.num_iovas);
	buffer_put(cmd.allowed_iovas, ranges, 16 * cmd.num_iovas);
	for (uint32_t i = 0; i < cmd.num_iovas; i++)
		record("{%llx-%llx}", (long long)ranges[i].start, (long long)ranges[i].last);
	if (percent(1))
		cmd.num_iovas = ONE_OF32(0xffffffff, 0x10000000, 600);
	if (cmd.num_iovas > 8)
		buffer_put(BUFFER, ranges, 1);
	COMMAND(IOAS_ALLOW_IOVAS, cmd);
}

void step_option(void)
{
	struct iommu_option cmd = {0};

	cmd.option_id = percent(80)   ? IOMMU_OPTION_HUGE_PAGES
			: percent(80) ? IOMMU_OPTION_RLIMIT_MODE
				      : 2;
	cmd.op = (uint16_t)(percent(95) ? below(2) : 2);
	cmd.object_id = cmd.option_id == IOMMU_OPTION_HUGE_PAGES || percent(10) ? some_id(KIND_IOAS)
										: 0;
	cmd.val64 = percent(90) ? below(2) : draw();
	if (known.small && cmd.option_id == IOMMU_OPTION_HUGE_PAGES &&
	    cmd.op == IOMMU_OPTION_OP_SET && cmd.val64 == 1)
		cmd.val64 = 0;
	COMMAND(OPTION, cmd);
}

void step_change_process(void)
{
	struct iommu_ioas_change_process cmd = {0};

	if (percent(5))
		cmd.__reserved = 1;
	COMMAND(IOAS_CHANGE_PROCESS, cmd);
}

void step_get_pa(void)
{
	struct iommu_ioas_noiommu_get_pa cmd = {.ioas_id = some_id(KIND_IOAS)};

	cmd.iova = some_iova();
	cmd.length = PAGE;
	if (percent(10))
		cmd.flags = 1;
	COMMAND(IOAS_NOIOMMU_GET_PA, cmd);
}

/* SPDX-License-Identifier: MIT */
/*
 * Page tables of any format: creation, and the functions of iopt.h, which check the addresses that
 * they are given and call the format's own (struct iopt_ops).
 */
#include "iopt/iopt.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "base/check.h"
#include "iopt/iopt_internal.h"

const struct iopt_format *const iopt_formats[] = {
	&iopt_amdv1, &iopt_amdv1_mock, &iopt_vtdss,  &iopt_x86_64,
	&iopt_riscv, &iopt_arm_s1,     &iopt_arm_s2, NULL,
};

int iopt_create(const struct iopt_format *format, const struct iopt_config *config,
		struct iopt **pt)
{
	const struct iopt_config defaults = {0};
	struct iopt *new;
	int err;

	new = alloc_zeroed(sizeof(*new));
	if (!new)
		return -ENOMEM;
	arena_init(&new->arena);
	new->format = format;
	new->ops = format->ops;
	err = new->ops->init(new, config ? config : &defaults);
	if (err) {
		iopt_destroy(new);
		return err;
	}
	*pt = new;
	return 0;
}

int iopt_finish(struct iopt *pt, const struct iopt_config *config, uint64_t available)
{
	uint64_t *table;

	if (config->pgsizes & ~available)
		return -EINVAL;
	pt->pgsizes = config->pgsizes ? config->pgsizes : available;

	table = arena_alloc_first(&pt->arena, pt->first_tables);
	if (!table)
		return -ENOMEM;
	pt->root = root_word(table, pt->first_top);
	pt->start = pt->root;
	return 0;
}

void iopt_destroy(struct iopt *pt)
{
	arena_destroy(&pt->arena);
	alloc_free(pt);
}

const struct iopt_format *iopt_format(const struct iopt *pt)
{
	return pt->format;
}

uint64_t iopt_pgsizes(const struct iopt *pt)
{
	return pt->pgsizes;
}

struct iova_range iopt_aperture(const struct iopt *pt)
{
	return pt->aperture;
}

const void *iopt_root(const struct iopt *pt, unsigned int *level)
{
	uint64_t root = entry_load(&pt->root);

	*level = root_level(root);
	return root_table(root);
}

size_t iopt_memory(const struct iopt *pt)
{
	return pt->arena.n_tables * ARENA_TABLE_SIZE;
}

/*
 * Around a change: asserts that the owner serialises them, and that the caller may wait for a grace
 * period.
 */
static void change_begin(struct iopt *pt)
{
#ifndef NDEBUG
	bool changing = __atomic_exchange_n(&pt->changing, true, __ATOMIC_RELAXED);

	assert(!changing);
	assert(!rcu_read_ongoing());
#else
	(void)pt;
#endif
}

static void change_end(struct iopt *pt)
{
#ifndef NDEBUG
	__atomic_store_n(&pt->changing, false, __ATOMIC_RELAXED);
#else
	(void)pt;
#endif
}

int iopt_map(struct iopt *pt, uint64_t iova, uint64_t oa, uint64_t len, unsigned int prot,
	     uint64_t pgsizes)
{
	uint64_t sizes = pgsizes ? pgsizes & pt->pgsizes : pt->pgsizes;
	uint64_t oa_max = BITS(pt->oa_bits - 1, 0);
	uint64_t last;
	int rc;

	assert(len && sizes && is_aligned(iova | oa | len, lowest_bit(sizes)));
	if (check_last(iova, len, &last) || last > pt->aperture.last)
		return -ERANGE;
	if (check_last(oa, len, &last) || last > oa_max)
		return -ERANGE;
	change_begin(pt);
	rc = pt->ops->map(pt, iova, oa, len, prot, sizes);
	change_end(pt);
	return rc;
}

uint64_t iopt_unmap(struct iopt *pt, uint64_t iova, uint64_t len)
{
	uint64_t unmapped;

	change_begin(pt);
	unmapped = pt->ops->unmap(pt, iova, len);
	change_end(pt);
	return unmapped;
}

uint64_t iopt_retired(const struct iopt *pt)
{
	return pt->retired;
}

void iopt_settle(struct iopt *pt)
{
	change_begin(pt);
	arena_settle(&pt->arena);
	change_end(pt);
}

void iopt_prefetch(const struct iopt *pt, uint64_t iova)
{
	pt->ops->prefetch(pt, iova);
}

bool iopt_translate(const struct iopt *pt, uint64_t iova, struct iopt_leaf *leaf)
{
	return pt->ops->translate(pt, iova, leaf);
}

bool iopt_translate_extent(const struct iopt *pt, uint64_t iova, uint64_t len,
			   struct iopt_leaf *leaf)
{
	return pt->ops->translate_extent(pt, iova, len, leaf);
}

const uint64_t *iopt_leaf_table(const struct iopt *pt, uint64_t iova, unsigned int *level)
{
	struct iopt_trace trace;
	const uint64_t *table;
	unsigned int last;

	if (!iopt_trace(pt, iova, &trace))
		return NULL;
	last = trace.count - 1;
	table = trace.steps[last].table;
	*level = trace.steps[last].level;
	/* Tables side by side count as one. */
	return &table[trace.steps[last].index & ~(unsigned int)(IOPT_ENTRIES - 1)];
}

bool iopt_set_dirty(struct iopt *pt, uint64_t iova)
{
	return pt->ops->set_dirty(pt, iova);
}

bool iopt_trace(const struct iopt *pt, uint64_t iova, struct iopt_trace *trace)
{
	return pt->ops->trace(pt, iova, trace);
}

void iopt_read_dirty(struct iopt *pt, struct iova_range range, bool clear,
		     void (*report)(struct iova_range dirty, void *arg), void *arg)
{
	pt->ops->read_dirty(pt, range, clear, report, arg);
}

void iopt_check(const struct iopt *pt)
{
#ifndef NDEBUG
	pt->ops->check(pt);
	arena_check(&pt->arena);
#else
	(void)pt;
#endif
}

void iopt_dump(const struct iopt *pt, FILE *out)
{
	pt->ops->dump(pt, out);
}

void iopt_print_leaves(FILE *out, const struct iopt_leaf *leaf, uint64_t count)
{
	fprintf(out, " oa 0x%" PRIx64 " size 0x%" PRIx64, leaf->oa, leaf->len);
	if (count > 1)
		fprintf(out, " x %" PRIu64, count);
	fprintf(out, " %c%c%s%s\n", leaf->prot & IOPT_READ ? 'r' : '-',
		leaf->prot & IOPT_WRITE ? 'w' : '-', leaf->prot & IOPT_MMIO ? " mmio" : "",
		leaf->dirty ? " dirty" : "");
}

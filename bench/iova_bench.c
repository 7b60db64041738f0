/* SPDX-License-Identifier: MIT */
/*
 * What the IOVA map costs per operation in random order at a thousand and at a million entries, and
 * in bytes per entry, beside the C library's red-black tree (tsearch) with one allocated node per
 * range: what a program would have that does not care.
 *
 * "sparse" is every second page of the space, "dense" every page. Erase and insert are measured as
 * a pair: an entry goes and comes back, in the map as its largest hole, which is the worst case of
 * keeping the largest holes.
 *
 * 	iova_bench [ENTRIES]...
 */
#include <malloc.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "../tests/lib/random.h"
#include "base/check.h"
#include "bench.h"
#include "iova/iova_alloc.h"

#define OPERATIONS 100000u
#define FILLS	   3

static struct rng rng = {.state = 1};

/* @count numbers below @count, each once, in random order. */
static uint64_t *random_order(size_t count)
{
	uint64_t *order = malloc(count * sizeof(*order));

	if (!order)
		abort();
	for (size_t i = 0; i < count; i++) {
		size_t j = rng_below(&rng, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	return order;
}

/* The page, out of every second one. */
static struct iova_range sparse_page(uint64_t i)
{
	return (struct iova_range){(2 * i + 1) * PAGE_SIZE, (2 * i + 2) * PAGE_SIZE - 1};
}

static struct iova_range dense_page(uint64_t i)
{
	return (struct iova_range){(i + 1) * PAGE_SIZE, (i + 2) * PAGE_SIZE - 1};
}

static void insert(struct iova_map *map, struct iova_range range)
{
	if (iova_map_insert(map, range, map))
		abort();
}

struct subject {
	size_t count;
	const uint64_t *order;
	struct iova_map map;
	struct iova_set none;
	void *tree;
};

static struct iova_range random_page(const struct subject *subject,
				     struct iova_range (*page)(uint64_t))
{
	return page(rng_below(&rng, subject->count));
}

static void map_find(void *arg, uint64_t ops)
{
	struct subject *subject = arg;

	while (ops--)
		bench_use((uintptr_t)iova_map_find(&subject->map,
						   random_page(subject, sparse_page).start));
}

static void map_erase_insert(void *arg, uint64_t ops)
{
	struct subject *subject = arg;

	while (ops--) {
		struct iova_range page = random_page(subject, sparse_page);

		bench_use((uintptr_t)iova_map_erase(&subject->map, page.start));
		insert(&subject->map, page);
	}
}

static uint64_t alloc_pages(struct subject *subject, uint64_t count)
{
	const struct iova_request request = {
		.len = count * PAGE_SIZE, .hint = PAGE_SIZE, .alignment = 1};
	uint64_t iova;

	if (iova_alloc(&subject->map, &subject->none, &subject->none, &request, &iova))
		abort();
	return iova;
}

/* Frees a random page of a full space and allocates: that page again, being the only one. */
static void map_erase_alloc_insert(void *arg, uint64_t ops)
{
	struct subject *subject = arg;

	while (ops--) {
		struct iova_range page = random_page(subject, dense_page);

		bench_use((uintptr_t)iova_map_erase(&subject->map, page.start));
		if (alloc_pages(subject, 1) != page.start)
			abort();
		insert(&subject->map, page);
	}
}

/* All holes are of one page; this needs two. */
static void map_alloc_past_holes(void *arg, uint64_t ops)
{
	while (ops--)
		bench_use(alloc_pages(arg, 2));
}

static void map_fill_dense(void *arg, uint64_t ops)
{
	struct subject *subject = arg;

	for (uint64_t i = 0; i < ops; i++)
		insert(&subject->map, dense_page(i));
}

static void map_fill_sparse(void *arg, uint64_t ops)
{
	struct subject *subject = arg;

	for (uint64_t i = 0; i < ops; i++)
		insert(&subject->map, sparse_page(subject->order[i]));
}

static void map_empty(void *arg)
{
	iova_map_destroy(&((struct subject *)arg)->map);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct iova_range *x = a, *y = b;

	return x->last < y->start ? -1 : x->start > y->last;
}

static void tree_insert(struct subject *subject, struct iova_range range)
{
	struct iova_range *node = malloc(sizeof(*node));

	if (!node)
		abort();
	*node = range;
	if (*(struct iova_range **)tsearch(node, &subject->tree, compare_ranges) != node)
		abort();
}

static struct iova_range *tree_lookup(const struct subject *subject, struct iova_range key)
{
	return *(struct iova_range **)tfind(&key, &subject->tree, compare_ranges);
}

static void tree_find(void *arg, uint64_t ops)
{
	struct subject *subject = arg;

	while (ops--)
		bench_use(tree_lookup(subject, random_page(subject, sparse_page))->start);
}

static void tree_erase_insert(void *arg, uint64_t ops)
{
	struct subject *subject = arg;

	while (ops--) {
		struct iova_range page = random_page(subject, sparse_page);
		struct iova_range *node = tree_lookup(subject, page);

		tdelete(node, &subject->tree, compare_ranges);
		free(node);
		tree_insert(subject, page);
	}
}

static void tree_fill(void *arg, uint64_t ops)
{
	struct subject *subject = arg;

	for (uint64_t i = 0; i < ops; i++)
		tree_insert(subject, sparse_page(subject->order[i]));
}

static void tree_empty(void *arg)
{
	struct subject *subject = arg;

	tdestroy(subject->tree, free);
	subject->tree = NULL;
}

static struct bench_result measure(struct subject *subject, void (*body)(void *, uint64_t))
{
	return bench_run(&(struct bench_case){.body = body, .arg = subject, .ops = OPERATIONS});
}

/* A few times, as the larger ones take seconds. */
static struct bench_result measure_fill(struct subject *subject, void (*body)(void *, uint64_t),
					void (*empty)(void *))
{
	return bench_run(&(struct bench_case){.teardown = empty,
					      .body = body,
					      .arg = subject,
					      .ops = subject->count,
					      .runs = FILLS});
}

struct tree_results {
	struct bench_result fill, find, erase_insert;
	uint64_t bytes;
};

/* What malloc() has given. 0: the C library does not tell. */
static size_t allocated(void)
{
#if !defined(__GLIBC__)
	return 0;
#elif __GLIBC_PREREQ(2, 33)
	return mallinfo2().uordblks;
#else
	return (unsigned int)mallinfo().uordblks;
#endif
}

static struct tree_results measure_tree(struct subject *subject)
{
	struct tree_results results;
	size_t before = allocated();

	tree_fill(subject, subject->count);
	results.bytes = allocated() - before;
	results.find = measure(subject, tree_find);
	results.erase_insert = measure(subject, tree_erase_insert);
	tree_empty(subject);
	results.fill = measure_fill(subject, tree_fill, tree_empty);
	return results;
}

static void bench_sparse(struct subject *subject, const struct tree_results *tree)
{
	struct bench_result result;

	result = measure_fill(subject, map_fill_sparse, map_empty);
	bench_row("insert, random order", result, tree->fill);
	map_fill_sparse(subject, subject->count);
	bench_row("find", measure(subject, map_find), tree->find);
	bench_row("erase and insert again", measure(subject, map_erase_insert), tree->erase_insert);
	result = measure(subject, map_alloc_past_holes);
	bench_row("allocate, all holes too small", result, result);
	bench_row_bytes("memory, sparse, random order", iova_map_memory(&subject->map), tree->bytes,
			subject->count);
	map_empty(subject);
}

static void bench_dense(struct subject *subject, const struct tree_results *tree)
{
	struct bench_result result = measure_fill(subject, map_fill_dense, map_empty);

	bench_row("insert, ascending", result, result);
	map_fill_dense(subject, subject->count);
	result = measure(subject, map_erase_alloc_insert);
	bench_row("erase, allocate, insert; no other hole", result, result);
	bench_row_bytes("memory, dense, ascending", iova_map_memory(&subject->map), tree->bytes,
			subject->count);
	map_empty(subject);
}

static void bench_at(size_t count)
{
	uint64_t *order = random_order(count);
	struct subject subject = {.count = count, .order = order};
	struct tree_results tree;
	char title[64];

	iova_map_init(&subject.map);
	iova_set_init(&subject.none);
	tree = measure_tree(&subject);

	snprintf(title, sizeof(title), "IOVA map, %zu entries", count);
	bench_table(title);
	bench_sparse(&subject, &tree);
	bench_dense(&subject, &tree);
	bench_row("tsearch: insert, random order", tree.fill, tree.fill);
	bench_row("tsearch: find", tree.find, tree.find);
	bench_row("tsearch: find, erase and insert again", tree.erase_insert, tree.erase_insert);
	bench_row_bytes("tsearch: memory", tree.bytes, tree.bytes, count);
	free(order);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		bench_at(1000);
		bench_at(1000000);
	}
	for (int i = 1; i < argc; i++) {
		unsigned long long count = strtoull(argv[i], NULL, 0);

		if (!count) {
			fprintf(stderr, "usage: %s [ENTRIES]...\n", argv[0]);
			return 2;
		}
		bench_at(count);
	}
	return 0;
}

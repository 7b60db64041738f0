/* SPDX-License-Identifier: MIT */
/*
 * The treap of boundaries: a search tree by page, and a heap by a hash of the node's own address.
 */
#include "mem/pins.h"

#include <assert.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/check.h"

/* A boundary, and the pages from it to the next one. */
struct pins_node {
	struct pins_node *left, *right;
	uint64_t first;
	uint64_t bus; /* an address of a page, and a flag */
	uint32_t users;
	uint32_t edges; /* pins that begin or end at @first */
};

#define BUS_ASIDE UINT64_C(1)

/* A hash of the address: it never changes, takes no space, and a program cannot choose it. */
static uint64_t priority(const struct pins_node *node)
{
	uint64_t x = (uint64_t)(uintptr_t)node >> 4;

	x = (x ^ (x >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ (x >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

/* The last boundary at or below @page, or NULL. */
static struct pins_node *find_below(const struct pins *pins, uint64_t page)
{
	struct pins_node *node = pins->root, *found = NULL;

	while (node) {
		if (node->first <= page) {
			found = node;
			node = node->right;
		} else {
			node = node->left;
		}
	}
	return found;
}

/* The first boundary above @page, or NULL. */
static struct pins_node *find_above(const struct pins *pins, uint64_t page)
{
	struct pins_node *node = pins->root, *found = NULL;

	while (node) {
		if (node->first > page) {
			found = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return found;
}

static struct pins_node *find_exact(const struct pins *pins, uint64_t page)
{
	struct pins_node *node = find_below(pins, page);

	return node && node->first == page ? node : NULL;
}

/* Splits @tree into the nodes below @page and the rest. */
static void split(struct pins_node *tree, uint64_t page, struct pins_node **below,
		  struct pins_node **rest)
{
	while (tree) {
		if (tree->first < page) {
			*below = tree;
			below = &tree->right;
			tree = tree->right;
		} else {
			*rest = tree;
			rest = &tree->left;
			tree = tree->left;
		}
	}
	*below = NULL;
	*rest = NULL;
}

/* Joins two trees, all pages of @below being less than those of @rest, to *@out. */
static void merge(struct pins_node *below, struct pins_node *rest, struct pins_node **out)
{
	while (below && rest) {
		if (priority(below) > priority(rest)) {
			*out = below;
			out = &below->right;
			below = below->right;
		} else {
			*out = rest;
			out = &rest->left;
			rest = rest->left;
		}
	}
	*out = below ? below : rest;
}

static void insert(struct pins *pins, struct pins_node *node)
{
	const uint64_t prio = priority(node);
	struct pins_node **link = &pins->root;

	while (*link && priority(*link) > prio)
		link = (*link)->first < node->first ? &(*link)->right : &(*link)->left;
	split(*link, node->first, &node->left, &node->right);
	*link = node;
}

static void remove_node(struct pins *pins, struct pins_node *node)
{
	struct pins_node **link = &pins->root;

	while (*link != node)
		link = (*link)->first < node->first ? &(*link)->right : &(*link)->left;
	merge(node->left, node->right, link);
	alloc_free(node);
}

/* Where @page, one of the pages of @node, has moved to (with the flag), or 0. */
static uint64_t bus_at(const struct pins_node *node, uint64_t page)
{
	return node->bus ? node->bus + ((page - node->first) << PAGE_SHIFT) : 0;
}

struct pins_extent pins_search(const struct pins *pins, uint64_t page, uint64_t end)
{
	const struct pins_node *node = find_below(pins, page);
	const struct pins_node *next = find_above(pins, page);
	uint64_t stop = next ? min_u64(next->first, end) : end;

	return (struct pins_extent){
		.pages = {.first = page, .count = stop - page},
		.users = node ? node->users : 0,
		.bus = node ? bus_at(node, page) & ~BUS_ASIDE : 0,
		.aside = node && (node->bus & BUS_ASIDE),
	};
}

static int cut_at(struct pins *pins, uint64_t page)
{
	const struct pins_node *before = find_below(pins, page);
	struct pins_node *node;

	if (before && before->first == page)
		return 0;
	node = alloc_zeroed(sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->first = page;
	if (before) {
		node->users = before->users;
		node->bus = bus_at(before, page);
	}
	insert(pins, node);
	return 0;
}

/* Removes @node if no pin has its edge there and it separates nothing. */
static void tidy_node(struct pins *pins, struct pins_node *node)
{
	const struct pins_node *before;
	uint32_t users = 0;
	uint64_t bus = 0;

	if (node->edges)
		return;
	before = node->first ? find_below(pins, node->first - 1) : NULL;
	if (before) {
		users = before->users;
		bus = bus_at(before, node->first);
	}
	if (node->users == users && node->bus == bus)
		remove_node(pins, node);
}

int pins_cut(struct pins *pins, struct mem_pages pages)
{
	if (cut_at(pins, pages.first))
		return -ENOMEM;
	if (cut_at(pins, pages.first + pages.count)) {
		tidy_node(pins, find_exact(pins, pages.first));
		return -ENOMEM;
	}
	return 0;
}

void pins_tidy(struct pins *pins, struct mem_pages pages)
{
	const uint64_t end = pages.first + pages.count;
	struct pins_node *node = find_exact(pins, pages.first), *next;

	if (!node)
		node = find_above(pins, pages.first);
	for (; node && node->first <= end; node = next) {
		next = find_above(pins, node->first);
		tidy_node(pins, node);
	}
}

/* Adds @change to the users of @pages and to the edges of the boundaries at both ends. */
static void change_users(struct pins *pins, struct mem_pages pages, int change)
{
	struct pins_node *node = find_exact(pins, pages.first);
	struct pins_node *end = find_exact(pins, pages.first + pages.count);

	assert(node && end && node != end);
	assert(change > 0 || (node->edges && end->edges));
	node->edges += (uint32_t)change;
	end->edges += (uint32_t)change;
	for (; node != end; node = find_above(pins, node->first)) {
		assert(change > 0 || node->users);
		node->users += (uint32_t)change;
	}
}

void pins_add(struct pins *pins, struct mem_pages pages)
{
	change_users(pins, pages, 1);
}

void pins_sub(struct pins *pins, struct mem_pages pages)
{
	change_users(pins, pages, -1);
}

void pins_set_bus(struct pins *pins, struct mem_pages pages, uint64_t bus, bool aside)
{
	const uint64_t end = pages.first + pages.count;
	struct pins_node *node = find_exact(pins, pages.first);

	assert(node);
	for (; node && node->first < end; node = find_above(pins, node->first))
		node->bus = bus ? (bus + ((node->first - pages.first) << PAGE_SHIFT)) | aside : 0;
}

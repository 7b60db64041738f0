/* SPDX-License-Identifier: MIT */
/*
 * What the library itself calls: the C library, and nothing that stands in front of it.
 *
 * A program may bring functions of its own for those of the C library: a sanitizer's runtime, an
 * allocator. They watch what the program does with its memory and threads. Were ours to go through
 * them, ThreadSanitizer would report races between our threads, whose synchronisation it does not
 * see, MemorySanitizer that we read what we have not initialised, and LeakSanitizer our objects.
 *
 * ld.so(8) has bound our calls to the first library that has the name, which may be the program.
 * Each of them is one pointer in our own table of addresses (GOT); a relocation tells which symbol
 * of which library it is. So those of the C library's functions are looked up once more, in the C
 * library alone. The same for liburcu-bp, which takes a mutex when a thread first uses it, and when
 * it ends: seen by ThreadSanitizer, that would order what threads of the program do.
 *
 * Not changed: variables, of which there is one for the whole program (environ, stderr); and
 * functions for memory that the program frees, or that is allocated inside the C library, which
 * calls the program's allocator. What the engine allocates is its own (base/alloc.h).
 *
 * What is not found stays as it was, which only costs the reports that are named above; so do calls
 * before the library's constructors. To bind in the first of them is not possible: it may be the
 * program's allocator that makes it, and opening the C library allocates. Calls by REAL() are not
 * affected: they are the program's, and continue to whatever follows.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <urcu-bp.h>

#include "base/check.h"
#include "base/sys.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

/* Elsewhere no runtime of a sanitizer stands in front of the C library. */
#ifdef __GLIBC__

#include <gnu/lib-names.h>

#if defined(__x86_64__)
enum {
	RELOCATION_OF_CALL = R_X86_64_JUMP_SLOT,
	RELOCATION_OF_ADDRESS = R_X86_64_GLOB_DAT,
};
#elif defined(__aarch64__)
enum {
	RELOCATION_OF_CALL = R_AARCH64_JUMP_SLOT,
	RELOCATION_OF_ADDRESS = R_AARCH64_GLOB_DAT,
};
#endif

/* What a library says of itself. */
struct image {
	const ElfW(Ehdr) * header;
	uintptr_t base; /* what its addresses are relative to */
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Half) * versions;  /* of each symbol */
	const ElfW(Verneed) * needed; /* libraries, each with the versions that we use of it */
	const ElfW(Rela) * relocations[2];
	size_t relocation_bytes[2];
};

static void *libc; /* its handle */
static const ElfW(Ehdr) * libc_header;

/* Functions for memory that others free or have allocated. */
static bool is_shared_memory(const char *name)
{
	static const char *const functions[] = {
		"malloc",	  "calloc", "realloc", "reallocarray",
		"posix_memalign", "free",   "strdup",  "strndup",
	};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strcmp(functions[i], name) == 0)
			return true;
	}
	return false;
}

/* ld.so has made addresses of these values, or has left them relative to the image. */
static const void *address(const struct image *image, ElfW(Addr) value)
{
	return (const void *)(value < image->base ? image->base + value : value);
}

static void read_entry(struct image *image, const ElfW(Dyn) * entry)
{
	const void *at = address(image, entry->d_un.d_ptr);

	switch (entry->d_tag) {
	case DT_SYMTAB:
		image->symbols = at;
		break;
	case DT_STRTAB:
		image->names = at;
		break;
	case DT_VERSYM:
		image->versions = at;
		break;
	case DT_VERNEED:
		image->needed = at;
		break;
	case DT_RELA:
		image->relocations[0] = at;
		break;
	case DT_RELASZ:
		image->relocation_bytes[0] = entry->d_un.d_val;
		break;
	case DT_JMPREL:
		image->relocations[1] = at;
		break;
	case DT_PLTRELSZ:
		image->relocation_bytes[1] = entry->d_un.d_val;
		break;
	}
}

/* Reads the library that @function is in. False: it is incomplete. */
static bool read_image(struct image *image, const void *function)
{
	struct link_map *map;
	Dl_info info;

	/* A program has no name. One that is not PIE may have the function's address in itself. */
	if (!dladdr1(function, &info, (void **)&map, RTLD_DL_LINKMAP) || !map->l_name[0])
		return false;
	*image = (struct image){.header = info.dli_fbase, .base = map->l_addr};
	for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++)
		read_entry(image, entry);
	return image->symbols && image->names && image->versions && image->needed;
}

/* The version of the C library's symbol @index that we want; NULL: it is none of the C library. */
static const char *libc_version(const struct image *image, size_t index)
{
	const unsigned int wanted = image->versions[index] & 0x7fff; /* the rest: hidden */
	const char *library = (const char *)image->needed;

	for (const ElfW(Verneed) *need = image->needed;; need = (const void *)library) {
		const char *version = library + need->vn_aux;

		for (unsigned int i = 0; i < need->vn_cnt; i++) {
			const ElfW(Vernaux) *aux = (const void *)version;

			if (aux->vna_other == wanted)
				return strcmp(image->names + need->vn_file, LIBC_SO)
					       ? NULL
					       : image->names + aux->vna_name;
			version += aux->vna_next;
		}
		if (!need->vn_next)
			return NULL;
		library += need->vn_next;
	}
}

/*
 * Whether @symbol is data of the C library. Where it lies says so: dladdr1() looks at all symbols
 * of the C library, which for each call of ours would be most of the time that a program needs to
 * start. What is outside of it is a function that the C library has found in the vDSO.
 */
static bool is_variable(const void *symbol)
{
	const uintptr_t base = (uintptr_t)libc_header, at = (uintptr_t)symbol;
	const ElfW(Phdr) *segment = (const void *)(base + libc_header->e_phoff);

	for (unsigned int i = 0; i < libc_header->e_phnum; i++, segment++) {
		if (segment->p_type == PT_LOAD && at - base >= segment->p_vaddr &&
		    at - base - segment->p_vaddr < segment->p_memsz)
			return !(segment->p_flags & PF_X);
	}
	return false;
}

/* The C library's function @name, in our version of it; NULL: there is none. */
static void *find_function(const char *name, const char *version)
{
	void *found = dlvsym(libc, name, version);

	return found && !is_variable(found) ? found : NULL;
}

static void bind_one(const struct image *image, const ElfW(Rela) * relocation)
{
	const size_t index = ELF64_R_SYM(relocation->r_info);
	const unsigned int type = ELF64_R_TYPE(relocation->r_info);
	const ElfW(Sym) *symbol = &image->symbols[index];
	const char *name = image->names + symbol->st_name;
	const char *version;
	void *function;

	if ((type != RELOCATION_OF_CALL && type != RELOCATION_OF_ADDRESS) ||
	    symbol->st_shndx != SHN_UNDEF || is_shared_memory(name))
		return;
	version = libc_version(image, index);
	function = version ? find_function(name, version) : NULL;
	if (function)
		*(void **)(image->base + relocation->r_offset) = function;
}

/* Makes what ld.so has made read-only after its relocations writable, or read-only again. */
static int protect_table(const struct image *image, int prot)
{
	const ElfW(Phdr) *segment =
		(const void *)((const char *)image->header + image->header->e_phoff);

	for (unsigned int i = 0; i < image->header->e_phnum; i++, segment++) {
		uintptr_t start = align_down(image->base + segment->p_vaddr, PAGE_SIZE);
		uintptr_t end =
			align_down(image->base + segment->p_vaddr + segment->p_memsz, PAGE_SIZE);

		if (segment->p_type == PT_GNU_RELRO && end > start)
			return (int)sys_call(SYS_mprotect, (long)start, (long)(end - start), prot,
					     0, 0, 0);
	}
	return 0;
}

/* Binds all of the library that @function is in. */
static void bind_library(const void *function)
{
	struct image image;

	if (!read_image(&image, function) || protect_table(&image, PROT_READ | PROT_WRITE))
		return;
	for (int i = 0; i < 2; i++) {
		const ElfW(Rela) *relocation = image.relocations[i];

		for (size_t n = image.relocation_bytes[i] / sizeof(*relocation); n; n--)
			bind_one(&image, relocation++);
	}
	(void)protect_table(&image, PROT_READ);
}

/* Finds the C library, which begins at address 0 of its file. False: it is not there. */
static bool find_libc(void)
{
	__typeof__(dlmopen) *const open_in = dlsym(RTLD_NEXT, "dlmopen"); /* dlopen() is ours */
	struct link_map *map;

	libc = open_in ? open_in(LM_ID_BASE, LIBC_SO, RTLD_LAZY | RTLD_NOLOAD) : NULL;
	if (!libc || dlinfo(libc, RTLD_DI_LINKMAP, &map))
		return false;
	libc_header = (const void *)map->l_addr;
	return true;
}

/* Comes before the library's other constructors. */
static __attribute__((constructor(101))) void bind_to_libc(void)
{
	const int saved = errno;

	preload_ready();
	if (root_active() && find_libc()) {
		bind_library(&libc);
		bind_library((const void *)urcu_bp_before_fork);
	}
	errno = saved;
}

#endif

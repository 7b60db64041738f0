/* SPDX-License-Identifier: MIT */
/*
 * Which sanitizer this is built with: gcc defines a macro, and clang answers a question. A program
 * under AddressSanitizer or ThreadSanitizer has the sanitizer's own mappings, allocator and timing.
 */
#ifndef BASE_SANITIZED_BUILD_H
#define BASE_SANITIZED_BUILD_H

#ifdef __has_feature
#define SANITIZER_HAS_FEATURE(name) __has_feature(name)
#else
#define SANITIZER_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || SANITIZER_HAS_FEATURE(address_sanitizer)
#define BASE_ADDRESS_SANITIZER 1
#endif
#if defined(__SANITIZE_THREAD__) || SANITIZER_HAS_FEATURE(thread_sanitizer)
#define BASE_THREAD_SANITIZER 1
#endif
#if SANITIZER_HAS_FEATURE(memory_sanitizer)
#define BASE_MEMORY_SANITIZER 1
#endif

#if defined(BASE_ADDRESS_SANITIZER) || defined(BASE_THREAD_SANITIZER) || \
	defined(BASE_MEMORY_SANITIZER)
#define BASE_SANITIZER 1
#endif

#endif

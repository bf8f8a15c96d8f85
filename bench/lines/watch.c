/*
 * Which cache lines does one worker write and another touch, while packets flow? In the place of
 * `perf c2c`, which needs counters that a virtual machine has not.
 *
 * The compiler (-fsanitize=thread) calls a function for each load and store; these here stand where
 * ThreadSanitizer's own would. While a thread is in its window (bench_watch, bench/core.c), each
 * line that it loads from or stores to is noted, with the place in the program that did it. At the
 * end, the lines that one thread stored to and another touched are written to standard error: LINE:
 * stored by THREAD at PC, touched by THREAD at PC Of code that is not compiled so (libraries)
 * memcpy and its like are seen, when called from ours.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS (1u << 23)
#define THREADS 4
#define PC() ((uintptr_t)__builtin_return_address(0))

struct seen {
	_Atomic uintptr_t line;
	uintptr_t load[THREADS], store[THREADS]; /* who did so last; 0: nobody */
};

static struct seen *table;
static _Atomic unsigned threads;
static _Thread_local bool open;
static _Thread_local unsigned self; /* from 1 */

void
bench_watch(bool on)
{
	if (self == 0)
		self = atomic_fetch_add(&threads, 1) % THREADS + 1;
	open = on;
}

static void
note_line(uintptr_t line, bool store, uintptr_t pc)
{
	for (size_t i = line * 0x9e3779b97f4a7c15u >> 41;; i = (i + 1) % SLOTS) {
		uintptr_t empty = 0;
		if (atomic_load_explicit(&table[i].line, memory_order_relaxed) != line &&
			!atomic_compare_exchange_strong(&table[i].line, &empty, line) &&
			empty != line)
			continue;
		(store ? table[i].store : table[i].load)[self - 1] = pc;
		return;
	}
}

static void
note(const void *at, size_t size, bool store, uintptr_t pc)
{
	if (!open || size == 0)
		return;
	for (uintptr_t line = (uintptr_t)at >> 6; line <= ((uintptr_t)at + size - 1) >> 6; line++)
		note_line(line, store, pc);
}

static void
tell(const struct seen *s)
{
	for (unsigned a = 0; a < THREADS; a++)
		for (unsigned b = 0; b < THREADS; b++) {
			uintptr_t pc = s->store[b] ? s->store[b] : s->load[b];
			if (a == b || s->store[a] == 0 || pc == 0)
				continue;
			fprintf(stderr, "%#zx: stored by %u at %#zx, touched by %u at %#zx\n",
				(size_t)s->line << 6, a + 1, (size_t)s->store[a], b + 1,
				(size_t)pc);
			return;
		}
}

static void
end(void)
{
	size_t lines = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		lines += table[i].line != 0;
		tell(&table[i]);
	}
	fprintf(stderr, "lines: %zu, threads: %u\n", lines, threads);
}

__attribute__((constructor)) static void
begin(void)
{
	table = calloc(SLOTS, sizeof(*table));
	if (!table)
		abort();
	atexit(end);
}

#define PLAIN(n)                                \
	void __tsan_read##n(void *p)            \
	{                                       \
		note(p, n, false, PC());        \
	}                                       \
	void __tsan_write##n(void *p)           \
	{                                       \
		note(p, n, true, PC());         \
	}                                       \
	void __tsan_unaligned_read##n(void *p)  \
	{                                       \
		note(p, n, false, PC());        \
	}                                       \
	void __tsan_unaligned_write##n(void *p) \
	{                                       \
		note(p, n, true, PC());         \
	}                                       \
	void __tsan_volatile_read##n(void *p)   \
	{                                       \
		note(p, n, false, PC());        \
	}                                       \
	void __tsan_volatile_write##n(void *p)  \
	{                                       \
		note(p, n, true, PC());         \
	}
/* clang-format off */
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)
/* clang-format on */

void
__tsan_init(void)
{
}
void
__tsan_func_entry(void *p)
{
	(void)p;
}
void
__tsan_func_exit(void)
{
}
void
__tsan_read_range(void *p, size_t n)
{
	note(p, n, false, PC());
}
void
__tsan_write_range(void *p, size_t n)
{
	note(p, n, true, PC());
}

#define CHANGE(n, type, op)                                      \
	type __tsan_atomic##n##_##op(type *p, type v, int order) \
	{                                                        \
		(void)order;                                     \
		note(p, sizeof(*p), true, PC());                 \
		return __atomic_##op(p, v, __ATOMIC_SEQ_CST);    \
	}
#define COMPARE(n, type, strength, weak)                                      \
	int __tsan_atomic##n##_compare_exchange_##strength(                   \
		type *p, type *old, type v, int order, int failed)            \
	{                                                                     \
		(void)order, (void)failed;                                    \
		note(p, sizeof(*p), true, PC());                              \
		return __atomic_compare_exchange_n(                           \
			p, old, v, weak, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	}
#define ATOMIC(n, type)                                              \
	type __tsan_atomic##n##_load(const type *p, int order)       \
	{                                                            \
		(void)order;                                         \
		note(p, sizeof(*p), false, PC());                    \
		return __atomic_load_n(p, __ATOMIC_SEQ_CST);         \
	}                                                            \
	void __tsan_atomic##n##_store(type *p, type v, int order)    \
	{                                                            \
		(void)order;                                         \
		note(p, sizeof(*p), true, PC());                     \
		__atomic_store_n(p, v, __ATOMIC_SEQ_CST);            \
	}                                                            \
	type __tsan_atomic##n##_exchange(type *p, type v, int order) \
	{                                                            \
		(void)order;                                         \
		note(p, sizeof(*p), true, PC());                     \
		return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);  \
	}                                                            \
	CHANGE(n, type, fetch_add)                                   \
	CHANGE(n, type, fetch_sub)                                   \
	CHANGE(n, type, fetch_and)                                   \
	CHANGE(n, type, fetch_or)                                    \
	CHANGE(n, type, fetch_xor)                                   \
	COMPARE(n, type, strong, false)                              \
	COMPARE(n, type, weak, true)
ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void
__tsan_atomic_thread_fence(int order)
{
	(void)order;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
void
__tsan_atomic_signal_fence(int order)
{
	(void)order;
}

void *
memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *end_of = to;
	size_t left = n;

	note(from, n, false, PC());
	note(to, n, true, PC());
	__asm__ volatile("rep movsb" : "+D"(end_of), "+S"(from), "+c"(left)::"memory");
	return to;
}

void *
memset(void *to, int byte, size_t n)
{
	void *end_of = to;
	size_t left = n;

	note(to, n, true, PC());
	__asm__ volatile("rep stosb" : "+D"(end_of), "+c"(left) : "a"(byte) : "memory");
	return to;
}

/*
 * Loops over many bytes, compiled twice: for every x86-64, and for those with AVX2; the
 * loader picks one. Once on other machines, with other compilers (not all that know the attribute
 * take it on a static function) and under the sanitizer (the loader asks before it is ready).
 */
#ifndef SMTAP_BASE_VECTOR_H
#define SMTAP_BASE_VECTOR_H

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__OPTIMIZE__) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define VECTOR_CLONES
#endif

#endif

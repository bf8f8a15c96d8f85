/* UTF-8 (RFC 3629): checking, escaping, and conversion from UTF-16LE. */
#ifndef SMTAP_BASE_UTF8_H
#define SMTAP_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copy len bytes to out as printable UTF-8: valid UTF-8 passes; control
 * characters (C0, DEL, C1), and each byte that is not part of a valid
 * sequence, become \xHH, byte by byte; a backslash passes as it is. Writes at
 * most out_len bytes and never half a character or half of its escapes. No NUL
 * is added.
 *
 * Returns the bytes written. *escaped (may be NULL) is set to whether anything
 * was escaped, *truncated (may be NULL) to whether anything was left out.
 */
size_t utf8_escape(
	const uint8_t *in, size_t len, char *out, size_t out_len, bool *escaped, bool *truncated);

/* Whether all of it is what utf8_escape writes: valid UTF-8 without controls. */
bool utf8_is_printable(const uint8_t *in, size_t len);

/* Whether all of it is printable ASCII, which utf8_escape writes as it is. */
bool utf8_is_plain(const uint8_t *in, size_t len);

/*
 * The character at p, of which left bytes (1 at least) are there: its bytes, *code what it is;
 * 0 when the byte at p starts no well-formed sequence.
 */
size_t utf8_next(const uint8_t *p, size_t left, uint32_t *code);

/*
 * UTF-16LE to UTF-8; an odd trailing byte is dropped; a lone surrogate becomes
 * U+FFFD. Writes at most out_len bytes, whole characters only. Returns bytes.
 */
size_t utf8_from_utf16le(const uint8_t *in, size_t len, uint8_t *out, size_t out_len);

#endif

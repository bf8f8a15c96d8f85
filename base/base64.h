/* Base64 (RFC 4648 section 4), as lenient as mail servers are about padding. */
#ifndef SMTAP_BASE_BASE64_H
#define SMTAP_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Decode len characters into out (out_len bytes; 3/4 of len suffices).
 * Missing padding at the end is accepted; anything else outside the alphabet,
 * or characters after the padding, is not.
 *
 * Returns the number of bytes written, or -1 when text is not base64 or out is
 * too small.
 */
ssize_t base64_decode(const uint8_t *text, size_t len, uint8_t *out, size_t out_len);

#endif

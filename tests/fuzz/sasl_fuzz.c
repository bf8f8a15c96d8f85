/* A SASL message, a challenge, a mechanism's name: the first byte says for what. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/smtp/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct sasl_identity id;
	struct sasl_prompt prompt;

	if (len < 2)
		return 0;
	uint8_t mechanism = data[0], step = data[1];
	data += 2;
	len -= 2;
	sasl_read(
		(enum sasl_mechanism)(mechanism % SASL_MECHANISM_COUNT), step % 4, data, len, &id);
	if (id.username_len > SASL_USERNAME_MAX || id.domain_len > SASL_DOMAIN_MAX)
		abort();
	if (id.has_password && (id.password < data || id.password + id.password_len > data + len))
		abort();
	sasl_prompt_read(data, len, &prompt);
	if (prompt.mechanism >= SASL_MECHANISM_COUNT || (prompt.username && prompt.password))
		abort();
	if (sasl_by_message(data, len) >= SASL_MECHANISM_COUNT)
		abort();
	if (sasl_name_ok(data, len) && (len == 0 || len > 20))
		abort();
	return 0;
}

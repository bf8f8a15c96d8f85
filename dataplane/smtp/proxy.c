/*
 * proxy: the PROXY protocol's header (version 1 and 2, as HAProxy documents it),
 * which a load balancer sends before anything the client says. It names the
 * client; whatever is emitted of the session from here on does: it is in the note.
 *
 * Only when switched on: otherwise any client could name another as the
 * attacker. A header that makes no sense is counted and the bytes are taken
 * for what they are.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "contract/addr.h"
#include "dataplane/smtp/state.h"

#define V1_MAX 107u /* with its CRLF */
#define V2_HEAD 16u
#define V2_TCP4 0x11u
#define V2_TCP6 0x21u

static const uint8_t v1_prefix[6] = "PROXY ";
static const uint8_t v2_prefix[12] = "\r\n\r\n\0\r\nQUIT\n";

static void
named(struct run *r, const struct addr *client, uint16_t port)
{
	uint8_t text[sizeof(*client) + sizeof(port)];

	memcpy(text, client, sizeof(*client));
	memcpy(text + sizeof(*client), &port, sizeof(port));
	if (smtp_note_put(r, NOTE_CLIENT, text, sizeof(text)))
		r->s->flags |= S_PROXIED;
}

void
smtp_proxy_apply(struct run *r)
{
	struct span text = smtp_note_get(r, NOTE_CLIENT);
	struct event_flow *flow = r->ctx->flow;

	if (text.len != sizeof(flow->client) + sizeof(flow->client_port))
		return;
	memcpy(&flow->client, text.data, sizeof(flow->client));
	memcpy(&flow->client_port, text.data + sizeof(flow->client), sizeof(flow->client_port));
}

static size_t
no_header(struct run *r, const uint8_t *data, size_t len)
{
	smtp_client_enter(r, CLIENT_COMMAND);
	return smtp_client_step(r, data, len);
}

/* PROXY TCP4 SRC DST SPORT DPORT; text is NUL-terminated. */
static bool
v1_parse(char *text, struct addr *client, uint16_t *port)
{
	char *save = NULL, *end;
	char *word[6];
	uint8_t v4[4];
	unsigned n = 0;

	for (char *w = strtok_r(text, " ", &save); w && n < 6; w = strtok_r(NULL, " ", &save))
		word[n++] = w;
	if (n != 6)
		return false;
	unsigned long value = strtoul(word[4], &end, 10);
	if (*end != '\0' || value > UINT16_MAX)
		return false;
	*port = (uint16_t)value;
	if (strcmp(word[1], "TCP4") == 0 && inet_pton(AF_INET, word[2], v4) == 1) {
		*client = addr_from_v4(v4);
		return true;
	}
	return strcmp(word[1], "TCP6") == 0 && inet_pton(AF_INET6, word[2], client->bytes) == 1;
}

static size_t
v1_step(struct run *r, const uint8_t *data, size_t len)
{
	char text[V1_MAX + 1];
	const uint8_t *lf = memchr(data, '\n', len < V1_MAX ? len : V1_MAX);
	struct addr client;
	uint16_t port;

	if (!lf)
		return len < V1_MAX ? 0 : no_header(r, data, len);
	size_t used = (size_t)(lf - data) + 1;
	size_t text_len = used - 1;
	while (text_len > 0 && data[text_len - 1] == '\r')
		text_len--;
	memcpy(text, data, text_len);
	text[text_len] = '\0';
	smtp_client_enter(r, CLIENT_COMMAND);
	if (v1_parse(text, &client, &port)) {
		named(r, &client, port);
	} else if (text_len < 13 || memcmp(text, "PROXY UNKNOWN", 13) != 0) {
		counter_add(r->ctx->counters, COUNTER_SMTP_MALFORMED, 1);
	}
	return used;
}

static size_t
v2_step(struct run *r, const uint8_t *data, size_t len)
{
	struct addr client;

	if (len < V2_HEAD)
		return 0;
	bool proxied = (data[12] & 0x0f) == 1; /* 0: LOCAL, the balancer's own check */
	size_t rest = load_be16(data + 14);
	size_t want = !proxied ? 0 : data[13] == V2_TCP4 ? 12 : data[13] == V2_TCP6 ? 36 : 0;
	if (want > rest)
		want = 0;
	if (len < V2_HEAD + want)
		return 0;
	const uint8_t *a = data + V2_HEAD;
	if (want == 12) {
		client = addr_from_v4(a);
		named(r, &client, load_be16(a + 8));
	} else if (want == 36) {
		memcpy(client.bytes, a, 16);
		named(r, &client, load_be16(a + 32));
	}
	r->s->chunk_left = (uint32_t)(rest - want); /* what it adds in TLVs */
	if (r->s->chunk_left == 0)
		smtp_client_enter(r, CLIENT_COMMAND);
	return V2_HEAD + want;
}

size_t
smtp_proxy_step(struct run *r, const uint8_t *data, size_t len)
{
	struct state *s = r->s;

	if (s->chunk_left > 0) {
		size_t used = len < s->chunk_left ? len : s->chunk_left;
		s->chunk_left -= (uint32_t)used;
		if (s->chunk_left == 0)
			smtp_client_enter(r, CLIENT_COMMAND);
		return used;
	}
	bool v2 = data[0] == v2_prefix[0];
	const uint8_t *prefix = v2 ? v2_prefix : v1_prefix;
	size_t prefix_len = v2 ? sizeof(v2_prefix) : sizeof(v1_prefix);
	if (memcmp(data, prefix, len < prefix_len ? len : prefix_len) != 0)
		return no_header(r, data, len);
	if (len < prefix_len)
		return 0;
	return v2 ? v2_step(r, data, len) : v1_step(r, data, len);
}

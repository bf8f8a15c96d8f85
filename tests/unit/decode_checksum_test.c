/* decode_verify: sums over any split, and what an offloading sender leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/decode/decode.h"
#include "packet_build.h"

static struct decode_config config;
static uint8_t text[2048];

static const uint8_t addresses[8] = {198, 51, 100, 9, 203, 0, 113, 25};

static void
build_segment(struct packet_build *b, bool is_v6, size_t payload_len)
{
	build_start(b, text, payload_len);
	build_tcp(b, 25, 0);
	if (is_v6)
		build_ipv6(b, 6);
	else
		build_ipv4(b, 6, addresses, 0);
}

static void
decode(const struct packet_build *b, struct decode_packet *p)
{
	assert_int_equal(
		decode_packet(&config, DECODE_LINK_IP, b->data, (uint32_t)b->len, p), DECODE_MAIL);
}

static enum decode_checksum
verify(const struct packet_build *b)
{
	struct decode_packet p;

	decode(b, &p);
	return decode_verify(&p, b->data, NULL, 0);
}

static void
every_length_verifies(void **state)
{
	struct packet_build b;

	(void)state;
	for (size_t len = 0; len < 1500; len++) {
		build_segment(&b, len & 1, len);
		assert_int_equal(verify(&b), DECODE_CHECKSUM_GOOD);
	}
}

static void
every_changed_bit_is_bad(void **state)
{
	struct packet_build b;

	(void)state;
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		build_segment(&b, is_v6, 37);
		size_t l4 = is_v6 ? 40 : 20;
		for (size_t bit = 0; bit < b.len * 8; bit++) {
			/* What decides where the segment is, or whether it is mail, is not changed.
			 */
			size_t byte = bit / 8;
			if (byte < (is_v6 ? 8 : 8) || (!is_v6 && byte == 9) || byte == l4 + 12 ||
				byte == l4 + 2 || byte == l4 + 3)
				continue;
			b.data[byte] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(verify(&b), DECODE_CHECKSUM_BAD);
			b.data[byte] ^= (uint8_t)(1 << bit % 8);
		}
		assert_int_equal(verify(&b), DECODE_CHECKSUM_GOOD);
	}
}

/* The payload from cut on stands elsewhere, in pieces of the given sizes. */
static enum decode_checksum
verify_chained(const struct packet_build *b, const size_t sizes[], unsigned count)
{
	static uint8_t elsewhere[4][2048];
	struct span more[4];
	struct decode_packet p;
	size_t at = b->len;

	for (unsigned i = count; i-- > 0;) {
		at -= sizes[i];
		more[i].data = elsewhere[i] + (i & 1);
		more[i].len = sizes[i];
		memcpy(elsewhere[i] + (i & 1), b->data + at, sizes[i]);
	}
	assert_int_equal(
		decode_packet(&config, DECODE_LINK_IP, b->data, (uint32_t)at, &p), DECODE_MAIL);
	return decode_verify(&p, b->data, more, count);
}

static void
payload_in_chained_buffers_verifies_however_it_is_split(void **state)
{
	struct packet_build b;

	(void)state;
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		build_segment(&b, is_v6, 41);
		for (size_t i = 0; i <= 41; i++) {
			for (size_t k = 0; k <= 41 - i; k++) {
				size_t sizes[3] = {i, k, (41 - i - k) / 2};
				assert_int_equal(
					verify_chained(&b, sizes, 3), DECODE_CHECKSUM_GOOD);
			}
		}
	}
}

static void
bytes_after_the_packet_in_a_chained_buffer_are_padding(void **state)
{
	struct packet_build b;
	struct decode_packet p;
	uint8_t tail[32];

	(void)state;
	build_segment(&b, false, 21);
	memset(tail, 0xee, sizeof(tail));
	memcpy(tail, b.data + b.len - 5, 5);
	struct span more = {tail, sizeof(tail)};
	b.len -= 5;
	decode(&b, &p);
	assert_int_equal(decode_verify(&p, b.data, &more, 1), DECODE_CHECKSUM_GOOD);
}

static void
missing_bytes_leave_it_unknown(void **state)
{
	struct packet_build b;
	struct decode_packet p;

	(void)state;
	build_segment(&b, false, 21);
	struct span more = {b.data + b.len - 5, 4};
	b.len -= 5;
	decode(&b, &p);
	assert_int_equal(decode_verify(&p, b.data, NULL, 0), DECODE_CHECKSUM_UNKNOWN);
	assert_int_equal(decode_verify(&p, b.data, &more, 1), DECODE_CHECKSUM_UNKNOWN);
}

static void
an_offloaded_checksum_is_partial(void **state)
{
	uint8_t v6_addresses[32];
	struct packet_build b;

	(void)state;
	memcpy(v6_addresses, build_client_v6, 16);
	memcpy(v6_addresses + 16, build_server_v6, 16);
	for (size_t len = 0; len < 300; len += 7) {
		uint32_t tcp_len = 20 + (uint32_t)len;
		build_segment(&b, false, len);
		build_be16(b.data + 20 + 16, build_sum(addresses, 8, 6 + tcp_len));
		assert_int_equal(verify(&b), DECODE_CHECKSUM_PARTIAL);
		/* The NIC was to segment it as well: some leave the length out. */
		build_be16(b.data + 20 + 16, build_sum(addresses, 8, 6));
		assert_int_equal(verify(&b), DECODE_CHECKSUM_PARTIAL);
		/* And some leave the IP header's sum to it. */
		build_be16(b.data + 10, 0);
		assert_int_equal(verify(&b), DECODE_CHECKSUM_PARTIAL);

		build_segment(&b, true, len);
		build_be16(b.data + 40 + 16, build_sum(v6_addresses, 32, 6 + tcp_len));
		assert_int_equal(verify(&b), DECODE_CHECKSUM_PARTIAL);
	}
}

static void
a_bad_ip_header_is_bad_whatever_the_segment_says(void **state)
{
	struct packet_build b;

	(void)state;
	build_segment(&b, false, 21);
	b.data[8]++; /* time to live */
	assert_int_equal(verify(&b), DECODE_CHECKSUM_BAD);
	build_segment(&b, false, 21);
	build_be16(b.data + 10, 0);
	assert_int_equal(verify(&b), DECODE_CHECKSUM_BAD);
}

static void
sums_of_large_values_do_not_lose_a_carry(void **state)
{
	struct packet_build b;

	(void)state;
	memset(text, 0xff, sizeof(text));
	for (size_t len = 1400; len < 2000; len++) {
		build_segment(&b, false, len);
		assert_int_equal(verify(&b), DECODE_CHECKSUM_GOOD);
	}
}

/* RFC 2385: among other options, at the very end; of another length, and one past the header, it is
   none. TCP-AO (RFC 5925) is passed over by who does not know it. */
static void
a_signature_among_the_options_is_seen(void **state)
{
	static const struct {
		uint8_t options[20];
		bool is_signed;
	} cases[] = {
		{{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, false},
		{{1, 1, 8, 9, 0, 0, 0, 1, 0, 0, 0, 19}, false},
		{{19, 18}, true},
		{{1, 1, 19, 18}, true},
		{{1, 1, 1, 19, 18}, false},
		{{19, 12}, false},
		{{19, 2, 19, 18}, true},
		{{1, 1, 1, 2, 4, 5, 0xb4, 29, 4}, false},
		{{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 19}, false},
		{{0, 19, 18}, false},
		{{8, 200, 19, 18}, false},
	};
	struct decode_packet p;
	struct packet_build b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		build_start(&b, "x", 1);
		uint8_t *tcp = build_tcp(&b, 25, 20);
		memcpy(tcp + 20, cases[i].options, 20);
		build_ipv4(&b, 6, build_tunnel_v4, 0);
		decode(&b, &p);
		assert_int_equal(p.is_signed, cases[i].is_signed);
		build_ethernet(&b, 0x0800); /* which takes the short way */
		assert_int_equal(
			decode_packet(&config, DECODE_LINK_ETHERNET, b.data, (uint32_t)b.len, &p),
			DECODE_MAIL);
		assert_int_equal(p.is_signed, cases[i].is_signed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_verifies),
		cmocka_unit_test(every_changed_bit_is_bad),
		cmocka_unit_test(payload_in_chained_buffers_verifies_however_it_is_split),
		cmocka_unit_test(bytes_after_the_packet_in_a_chained_buffer_are_padding),
		cmocka_unit_test(missing_bytes_leave_it_unknown),
		cmocka_unit_test(an_offloaded_checksum_is_partial),
		cmocka_unit_test(a_bad_ip_header_is_bad_whatever_the_segment_says),
		cmocka_unit_test(sums_of_large_values_do_not_lose_a_carry),
		cmocka_unit_test(a_signature_among_the_options_is_seen),
	};

	decode_config_add_port(&config, 25);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 131 + (i >> 8));
	return cmocka_run_group_tests(tests, NULL, NULL);
}

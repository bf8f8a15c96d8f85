/* What the tests of export and report share: events, a finding, and an engine that says so. */
#ifndef SMTAP_TESTS_UNIT_EXPORT_FIXTURE_H
#define SMTAP_TESTS_UNIT_EXPORT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "contract/event.h"
#include "control/chain/chain.h"
#include "control/engine/engine.h"

#define TIME_NS (1795313244 * NS_PER_S + 123456789) /* 2026-11-22T02:07:24.123456789 */

/* The engine stays out of these tests: what it would say of detectors. */
static const struct detector_info fixture_infos[2] = {
	{"bruteforce", "Password guessing from one source", "Attempted User Privilege Gain",
		"T1110.001", 2, 9000001},
	{"compromise", "A guessed password worked", "Successful User Privilege Gain",
		"T1078, T1110", 1, 9000006},
};

const struct detector_info *
detector_info(unsigned detector)
{
	return &fixture_infos[detector % 2];
}

size_t
finding_advice(const struct finding *finding, char *out, size_t out_len)
{
	return (size_t)snprintf(out, out_len, "Block %s.", finding->subject);
}

size_t
incident_advice(const struct incident *incident, enum stage stage, char *out, size_t out_len)
{
	if (out_len > 0)
		out[0] = '\0';
	if (incident->stages[stage].findings == 0)
		return 0;
	return (size_t)snprintf(
		out, out_len, "See to the %s at %s.", stage_name(stage), incident->servers[0].name);
}

const struct chain_trait *
chain_trait_of(unsigned detector)
{
	static const struct chain_trait traits[2] = {
		{.stage = STAGE_GUESSING}, {.stage = STAGE_SUCCESS}};

	return &traits[detector % 2];
}

static inline struct addr
fixture_addr(uint8_t last)
{
	const uint8_t bytes[4] = {198, 51, 100, last};

	return addr_from_v4(bytes);
}

static inline struct event
fixture_event(enum event_type type)
{
	struct event e;

	memset(&e, 0, sizeof(e));
	e.head.type = type;
	e.head.version = EVENT_VERSION;
	e.head.clock_ns = e.head.time_ns = TIME_NS;
	e.head.order = 1;
	e.head.flow.flow_id = 77;
	e.head.flow.client = fixture_addr(9);
	e.head.flow.server = fixture_addr(25);
	e.head.flow.client_port = 40000;
	e.head.flow.server_port = 25;
	return e;
}

/* Append text; returns its length, for the length field. */
static inline uint8_t
fixture_text(struct event *e, size_t at, const char *text)
{
	memcpy(e->text + at, text, strlen(text));
	return (uint8_t)strlen(text);
}

static inline struct event
fixture_auth(const char *username)
{
	struct event e = fixture_event(EVENT_AUTH);

	strcpy(e.auth.mechanism, "LOGIN");
	e.auth.outcome = OUTCOME_FAILURE;
	e.auth.reply_code = 535;
	e.auth.enhanced[0] = 5;
	e.auth.enhanced[1] = 7;
	e.auth.enhanced[2] = 8;
	e.auth.confidence = 100;
	e.auth.attempt_no = 3;
	e.auth.password_fp = 0x1122334455667788;
	e.auth.flags = AUTH_USERNAME_KNOWN | AUTH_PASSWORD_KNOWN | AUTH_COMMAND_SEEN;
	e.auth.username_len = fixture_text(&e, 0, username);
	return e;
}

static inline struct event
fixture_rcpt(uint64_t flow_id, uint32_t transaction, const char *rcpt)
{
	struct event e = fixture_event(EVENT_RCPT);

	e.head.flow.flow_id = flow_id;
	e.rcpt.transaction_no = transaction;
	e.rcpt.accepted = 1;
	e.rcpt.rcpt_len = fixture_text(&e, 0, rcpt);
	return e;
}

static inline struct event
fixture_mail(uint64_t flow_id, uint32_t transaction, uint32_t accepted)
{
	struct event e = fixture_event(EVENT_MAIL);

	e.head.flow.flow_id = flow_id;
	e.mail.transaction_no = transaction;
	e.mail.recipients_accepted = accepted;
	e.mail.reply_code = 250;
	e.mail.flags = MAIL_COMPLETE;
	e.mail.body_bytes = 1234;
	e.mail.helo_len = fixture_text(&e, 0, "client.example");
	e.mail.from_len = fixture_text(&e, 14, "dave@corp.example");
	e.mail.authenticated_len = fixture_text(&e, 31, "dave");
	return e;
}

/* 198.51.100.9 guessed dave's password on attempt 71. */
static inline struct finding
fixture_finding(void)
{
	struct finding i;
	const struct event e = fixture_event(EVENT_AUTH);

	memset(&i, 0, sizeof(i));
	i.id = 1;
	i.subject_type = SUBJECT_SOURCE;
	strcpy(i.subject, "198.51.100.9");
	i.first_seen_ns = TIME_NS - 90 * NS_PER_S;
	i.last_seen_ns = TIME_NS + 30 * NS_PER_S;
	i.attempts = 80;
	i.failures = 70;
	i.successes = 10;
	i.accounts = i.targets = i.sources = 1;
	i.passwords = 60;
	i.passwords_capped = true;
	i.confidence = 95;
	strcpy(i.top_accounts[0].name, "dave");
	i.top_accounts[0].count = 80;
	i.top_accounts[0].succeeded = true;
	strcpy(i.top_sources[0].name, "198.51.100.9");
	i.top_sources[0].count = 80;
	strcpy(i.top_targets[0].name, "198.51.100.25");
	i.top_targets[0].count = 80;
	i.samples[0] = i.last_flow = e.head.flow;
	i.sample_count = 1;
	strcpy(i.success_account, "dave");
	i.success_time_ns = TIME_NS;
	i.success_attempt = 71;
	return i;
}

/* An incident with this finding alone. */
static inline struct incident
fixture_incident(const struct finding *finding)
{
	struct incident i;
	struct incident_stage *stage;

	memset(&i, 0, sizeof(i));
	i.id = 7;
	i.stage = chain_trait_of(finding->detector)->stage;
	i.severity = detector_info(finding->detector)->severity;
	i.first_seen_ns = finding->first_seen_ns;
	i.last_seen_ns = finding->last_seen_ns;
	i.findings = i.open_findings = 1;
	stage = &i.stages[i.stage];
	stage->findings = 1;
	stage->detectors = 1u << finding->detector;
	stage->first_seen_ns = i.first_seen_ns;
	stage->last_seen_ns = i.last_seen_ns;
	stage->attempts = finding->attempts;
	stage->subject_type = finding->subject_type;
	memcpy(stage->subject, finding->subject, sizeof(stage->subject));
	memcpy(i.sources[0].name, finding->top_sources[0].name, sizeof(i.sources[0].name));
	memcpy(i.accounts[0].name, finding->top_accounts[0].name, sizeof(i.accounts[0].name));
	memcpy(i.servers[0].name, finding->top_targets[0].name, sizeof(i.servers[0].name));
	return i;
}

#endif

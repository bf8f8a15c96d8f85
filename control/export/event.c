/* EVE lines of single events: smtp_auth, smtp, flow. */
#include <string.h>

#include "base/duration.h"
#include "control/export/format.h"
#include "control/export/line.h"

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define TCP_URG 0x20u
#define TCP_ECN 0x40u
#define TCP_CWR 0x80u

/* Of an attempt whose mechanism or sequence is known by inference only, confidence says how sure.
 */
static void
write_auth(struct eve *eve, const struct event *event)
{
	const struct event_auth *auth = &event->auth;
	const char *text = event->text;
	json_t *line = line_start("smtp_auth", event->head.time_ns, &event->head.flow);
	json_t *object = json_object(), *more = json_object();

	line_put_string(object, "mechanism", auth->mechanism);
	/* Known and empty is not the same as unknown. */
	if (auth->flags & AUTH_USERNAME_KNOWN)
		json_object_set_new(object, "username", json_stringn(text, auth->username_len));
	line_put_text(object, "domain", text + auth->username_len, auth->domain_len);
	line_put_string(object, "outcome", event_outcome_name(auth->outcome));
	line_put_reply(object, auth->reply_code, auth->enhanced);
	line_put_string(object, "transport", event_transport_name(auth->transport));
	line_put_bool(object, "inferred", auth->flags & AUTH_INFERRED);
	line_put_number(object, "confidence", auth->confidence);
	line_put_number(object, "attempt", auth->attempt_no);
	line_put_bool(object, "password_known", auth->flags & AUTH_PASSWORD_KNOWN);
	if (auth->flags & AUTH_NO_CHECK)
		line_put_bool(object, "password_checked", false);
	if (auth->flags & AUTH_USERNAME_ESCAPED)
		line_put_bool(object, "username_escaped", true);
	if (auth->flags & AUTH_USERNAME_TRUNCATED)
		line_put_bool(object, "username_truncated", true);
	json_object_set_new(line, "smtp_auth", object);
	line_put_text(more, "helo", text + auth->username_len + auth->domain_len, auth->helo_len);
	line_put_patterns(more, "patterns", eve->patterns, auth->signatures);
	if (json_object_size(more) > 0)
		json_object_set(line, "smtap", more);
	json_decref(more);
	line_end(eve, line);
}

static const char *
mail_outcome(const struct event_mail *mail)
{
	if (mail->flags & MAIL_COMPLETE)
		return "accepted";
	return mail->flags & MAIL_REFUSED ? "refused" : "incomplete";
}

/* An address as it stands in the command, as Suricata has it: with its brackets. */
static json_t *
in_brackets(const char *text, size_t len)
{
	char path[2 + UINT8_MAX + 1];

	if (len > 0 && text[0] == '<')
		return json_stringn(text, len);
	snprintf(path, sizeof(path), "<%.*s>", (int)len, text);
	return json_string(path);
}

static json_t *
recipients(struct eve *eve, const struct event *event, bool *complete)
{
	json_t *list = json_array();
	struct rcpt_list rcpt;

	rcpt_take(eve->rcpt, event, &rcpt);
	for (unsigned i = 0; i < rcpt.count; i++)
		json_array_append_new(list, in_brackets(rcpt.text[i], rcpt.len[i]));
	*complete = rcpt.complete;
	return list;
}

static void
write_mail(struct eve *eve, const struct event *event)
{
	const struct event_mail *mail = &event->mail;
	const char *from = event->text + mail->helo_len;
	json_t *line = line_start("smtp", event->head.time_ns, &event->head.flow);
	json_t *smtp = json_object(), *more = json_object();
	bool complete;
	json_t *rcpt = recipients(eve, event, &complete);

	if (mail->transaction_no > 0)
		line_put_number(line, "tx_id", mail->transaction_no - 1);
	line_put_text(smtp, "helo", event->text, mail->helo_len);
	if (mail->from_len > 0 || (mail->flags & MAIL_NULL_SENDER))
		json_object_set_new(smtp, "mail_from", in_brackets(from, mail->from_len));
	if (json_array_size(rcpt) > 0) /* the schema wants one at least */
		json_object_set(smtp, "rcpt_to", rcpt);
	json_decref(rcpt);
	json_object_set_new(line, "smtp", smtp);
	line_put_text(more, "authenticated_as", from + mail->from_len, mail->authenticated_len);
	line_put_number(more, "recipients_accepted", mail->recipients_accepted);
	line_put_number(more, "recipients_refused", mail->recipients_refused);
	line_put_bool(more, "recipients_complete", complete);
	line_put_number(more, "bytes", mail->body_bytes);
	line_put_string(more, "outcome", mail_outcome(mail));
	line_put_reply(more, mail->reply_code, mail->enhanced);
	line_put_string(more, "transport", event_transport_name(mail->transport));
	line_put_bool(more, "null_sender", mail->flags & MAIL_NULL_SENDER);
	line_put_bool(more, "delivery_report", mail->flags & MAIL_DSN_HEADER);
	json_object_set_new(line, "smtap", more);
	line_end(eve, line);
}

static const char *
session_end_name(uint8_t end)
{
	static const char *const names[SESSION_END_COUNT] = {[SESSION_END_UNKNOWN] = "unknown",
		[SESSION_END_FIN] = "fin",
		[SESSION_END_RST] = "rst",
		[SESSION_END_IDLE] = "idle",
		[SESSION_END_EVICTED] = "evicted",
		[SESSION_END_CAPTURE] = "capture_end",
		[SESSION_END_REUSED] = "reused"};

	return end < SESSION_END_COUNT ? names[end] : "unknown";
}

/* Suricata's words for why a flow left its table. */
static const char *
flow_reason(uint8_t end)
{
	switch ((enum event_session_end)end) {
	case SESSION_END_FIN:
	case SESSION_END_RST:
	case SESSION_END_IDLE:
		return "timeout";
	case SESSION_END_EVICTED:
		return "forced";
	case SESSION_END_CAPTURE:
		return "shutdown";
	case SESSION_END_REUSED:
		return "tcp_reuse";
	case SESSION_END_UNKNOWN:
	case SESSION_END_COUNT:
		break;
	}
	return "unknown";
}

static const char *
flow_state(const struct event_session *session)
{
	if (session->flags & (SESSION_SYN_ONLY | SESSION_REFUSED_CONNECT))
		return "new";
	if (session->end == SESSION_END_FIN || session->end == SESSION_END_RST)
		return "closed";
	return "established";
}

static json_t *
flow_object(const struct event *event)
{
	const struct event_session *s = &event->session;
	uint64_t end_ns = event->head.time_ns;
	json_t *flow = json_object();

	line_put_number(flow, "pkts_toserver", s->packets[0]);
	line_put_number(flow, "pkts_toclient", s->packets[1]);
	line_put_number(flow, "bytes_toserver", s->bytes[0]);
	line_put_number(flow, "bytes_toclient", s->bytes[1]);
	line_put_time(flow, "start", s->start_ns);
	line_put_time(flow, "end", end_ns);
	line_put_number(flow, "age", end_ns > s->start_ns ? (end_ns - s->start_ns) / NS_PER_S : 0);
	line_put_string(flow, "state", flow_state(s));
	line_put_string(flow, "reason", flow_reason(s->end));
	return flow;
}

static json_t *
tcp_object(const struct event_session *s)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} flags[] = {{TCP_SYN, "syn"}, {TCP_FIN, "fin"}, {TCP_RST, "rst"}, {TCP_PSH, "psh"},
		{TCP_ACK, "ack"}, {TCP_URG, "urg"}, {TCP_ECN, "ecn"}, {TCP_CWR, "cwr"}};
	uint8_t all = s->tcp_flags[0] | s->tcp_flags[1];
	json_t *tcp = json_object();
	char hex[3];

	snprintf(hex, sizeof(hex), "%02x", all);
	line_put_string(tcp, "tcp_flags", hex);
	snprintf(hex, sizeof(hex), "%02x", s->tcp_flags[0]);
	line_put_string(tcp, "tcp_flags_ts", hex);
	snprintf(hex, sizeof(hex), "%02x", s->tcp_flags[1]);
	line_put_string(tcp, "tcp_flags_tc", hex);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (all & flags[i].bit)
			line_put_bool(tcp, flags[i].name, true);
	line_put_bool(tcp, "ts_gap", s->gap_bytes[0] > 0);
	line_put_bool(tcp, "tc_gap", s->gap_bytes[1] > 0);
	return tcp;
}

static void
write_session(struct eve *eve, const struct event *event)
{
	const struct event_session *s = &event->session;
	const struct event_flow *flow = &event->head.flow;
	json_t *line = line_start("flow", event->head.time_ns, flow);
	json_t *more = json_object();

	json_object_set_new(line, "flow", flow_object(event));
	json_object_set_new(line, "tcp", tcp_object(s));
	line_put_string(more, "end", session_end_name(s->end));
	line_put_bool(more, "start_seen", flow->flags & EVENT_FLOW_FROM_START);
	line_put_bool(more, "client_seen", flow->flags & EVENT_FLOW_CLIENT_SEEN);
	line_put_bool(more, "server_seen", flow->flags & EVENT_FLOW_SERVER_SEEN);
	line_put_bool(more, "overlap_conflict", flow->flags & EVENT_FLOW_CONFLICT);
	line_put_bool(more, "sides_guessed", flow->flags & EVENT_FLOW_SIDES_GUESSED);
	line_put_number(more, "gap_bytes_toserver", s->gap_bytes[0]);
	line_put_number(more, "gap_bytes_toclient", s->gap_bytes[1]);
	line_put_number(more, "commands", s->commands);
	line_put_number(more, "replies", s->replies);
	line_put_number(more, "auth_attempts", s->auth_attempts);
	line_put_number(more, "transactions", s->transactions);
	if (s->last_reply)
		line_put_number(more, "last_reply", s->last_reply);
	line_put_bool(more, "starttls", s->flags & SESSION_STARTTLS);
	line_put_bool(more, "tls", s->flags & SESSION_TLS);
	line_put_bool(more, "auth_offered_in_clear", s->flags & SESSION_AUTH_OFFERED);
	if (s->flags & SESSION_STARTTLS_MANGLED)
		line_put_bool(more, "starttls_mangled", true);
	line_put_text(more, "helo", event->text, s->helo_len);
	line_put_text(more, "banner", event->text + s->helo_len, s->banner_len);
	line_put_patterns(more, "patterns", eve->patterns, s->signatures);
	json_object_set_new(line, "smtap", more);
	line_end(eve, line);
}

void
eve_event(struct eve *eve, const struct event *event)
{
	switch (event->head.type) {
	case EVENT_AUTH:
		write_auth(eve, event);
		break;
	case EVENT_RCPT:
		rcpt_add(eve->rcpt, event);
		break;
	case EVENT_MAIL:
		write_mail(eve, event);
		break;
	case EVENT_SESSION:
		write_session(eve, event);
		break;
	case EVENT_SIGNATURE:
		eve_signature(eve, event);
		break;
	}
}

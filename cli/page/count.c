/* The third reading: what every line adds to the incidents that it belongs to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/page/ties.h"

#define RECIPIENTS_MAX 100 /* of a mail, looked up: as many as smtap writes */
#define ADDRESS_MAX 320
#define COUNTERS_MAX 160

/* A line that tells an attempt, a mail or a session. */
struct fact {
	unsigned flag; /* TIE_AUTH, TIE_MAIL or TIE_SESSION */
	int64_t us;
	struct tally what;
	enum outcome outcome;
	bool bounce;
	bool account_known;
	bool unknown; /* its outcome was not seen */
	const char *account;
	const char *helo;
	const char *source;
	const char *server;
	const json_t *recipients;
	uint64_t number; /* of the line */
};

static enum outcome
outcome_of(const char *word)
{
	static const char *const names[] = {[OUTCOME_FAILURE] = "failure",
		[OUTCOME_SUCCESS] = "success",
		[OUTCOME_THROTTLED] = "throttled",
		[OUTCOME_REFUSED] = "refused"};

	for (unsigned i = 0; i < OUTCOME_OTHER; i++)
		if (strcmp(word, names[i]) == 0)
			return i;
	return OUTCOME_OTHER;
}

static void
auth_fact(struct fact *fact, const json_t *line)
{
	const json_t *auth = json_object_get(line, "smtp_auth");

	fact->flag = TIE_AUTH;
	fact->outcome = outcome_of(reader_text(auth, "outcome"));
	fact->what.auth[fact->outcome] = 1;
	fact->unknown = strcmp(reader_text(auth, "outcome"), "unknown") == 0;
	fact->account_known = json_is_string(json_object_get(auth, "username"));
	fact->account = reader_text(auth, "username");
	fact->helo = reader_text(json_object_get(line, "smtap"), "helo");
}

static void
mail_fact(struct fact *fact, const json_t *line)
{
	const json_t *smtp = json_object_get(line, "smtp");
	const json_t *smtap = json_object_get(line, "smtap");
	const char *outcome = reader_text(smtap, "outcome");

	fact->flag = TIE_MAIL;
	fact->outcome = strcmp(outcome, "accepted") == 0  ? OUTCOME_SUCCESS
			: strcmp(outcome, "refused") == 0 ? OUTCOME_REFUSED
							  : OUTCOME_OTHER;
	fact->bounce = reader_true(smtap, "null_sender") || reader_true(smtap, "delivery_report");
	fact->what.mails = 1;
	fact->what.bounces = fact->bounce;
	fact->what.mails_accepted = fact->outcome == OUTCOME_SUCCESS && !fact->bounce;
	if (fact->what.mails_accepted)
		fact->what.recipients = reader_number(smtap, "recipients_accepted");
	fact->account = reader_text(smtap, "authenticated_as");
	fact->account_known = *fact->account != '\0';
	fact->helo = reader_text(smtp, "helo");
	fact->recipients = json_object_get(smtp, "rcpt_to");
}

static void
session_fact(struct fact *fact, const json_t *line)
{
	int64_t start = reader_time(json_object_get(line, "flow"), "start");

	fact->flag = TIE_SESSION;
	fact->outcome = OUTCOME_OTHER;
	fact->what.sessions = 1;
	fact->account = "";
	fact->helo = reader_text(json_object_get(line, "smtap"), "helo");
	if (start != WHEN_NONE)
		fact->us = start;
}

/* False: the line is none that is counted. */
static bool
fact_of(struct fact *fact, const json_t *line)
{
	const char *type = reader_text(line, "event_type");

	*fact = (struct fact){.us = reader_time(line, "timestamp"),
		.source = reader_text(line, "src_ip"),
		.server = reader_text(line, "dest_ip")};
	if (strcmp(type, "smtp_auth") == 0)
		auth_fact(fact, line);
	else if (strcmp(type, "smtp") == 0)
		mail_fact(fact, line);
	else if (strcmp(type, "flow") == 0)
		session_fact(fact, line);
	else
		return false;
	fact->what.first_us = fact->what.last_us = fact->us;
	return fact->us != WHEN_NONE;
}

static void
count_bin(struct bins *bins, const struct fact *fact)
{
	int64_t at = (fact->us - bins->first_us) / bins->width_us;

	if (at < 0 || at >= (int64_t)bins->count)
		return;
	if (fact->flag == TIE_AUTH)
		bins->auth[at][fact->outcome]++;
	else if (fact->flag == TIE_MAIL)
		bins->mail[at][fact->outcome]++;
	else
		bins->sessions[at][fact->outcome]++;
}

/*
 * Is it in the incident's time? Who got in may send only when the findings are long closed: what
 * was sent as the account in the day after counts too.
 */
static bool
in_time(const struct brief *b, const struct fact *fact, enum tie_kind kind)
{
	bool used = kind == TIE_ACCOUNT && fact->flag == TIE_MAIL &&
		    (b->stages & (1u << STAGE_SUCCESS));
	int64_t after_us = used ? WHEN_DAY : 0;

	return b->first_us != WHEN_NONE && fact->us >= b->first_us &&
	       fact->us <= b->last_us + after_us;
}

static int
count_incident(struct model *model, struct incident *incident, const struct fact *fact)
{
	struct names_shared *shared = &model->shared;
	int e = 0;

	if (incident->counted_line == fact->number)
		return 0;
	incident->counted_line = fact->number;
	tally_add(&incident->all, &fact->what);
	count_bin(&incident->bins, fact);
	if (fact->account_known)
		e = names_add(&incident->accounts, shared, fact->account, NULL, &fact->what);
	else if (fact->flag == TIE_AUTH)
		tally_add(&incident->unnamed, &fact->what);
	if (e == 0)
		e = names_add(&incident->sources, shared, fact->source, fact->helo, &fact->what);
	if (e == 0)
		e = names_add(&incident->servers, shared, fact->server, NULL, &fact->what);
	return e;
}

/* Count the fact where this name leads. */
static int
follow(struct model *model, const struct ties *ties, enum tie_kind kind, const char *name,
	const struct fact *fact)
{
	const struct tie *tie = NULL;
	int e = 0;

	while (e == 0 && (tie = ties_next(ties, kind, name, tie))) {
		if (!(tie->flags & fact->flag) ||
			((tie->flags & TIE_NOT_SUCCESS) && fact->outcome == OUTCOME_SUCCESS) ||
			((tie->flags & TIE_BOUNCE) && !fact->bounce))
			continue;
		struct incident *incident = &model->incidents[tie->incident];
		if (in_time(incident->brief, fact, kind))
			e = count_incident(model, incident, fact);
	}
	return e;
}

static int
follow_prefixes(struct model *model, const struct ties *ties, const struct fact *fact)
{
	bool v6 = strchr(fact->source, ':') != NULL;
	char prefix[TIE_PREFIX_TEXT];
	int e = 0;

	for (unsigned i = 0; i < ties->length_count[v6] && e == 0; i++)
		if (ties_prefix(fact->source, ties->lengths[v6][i], prefix))
			e = follow(model, ties, TIE_PREFIX, prefix, fact);
	return e;
}

static int
follow_recipients(struct model *model, const struct ties *ties, const struct fact *fact)
{
	char address[ADDRESS_MAX];
	const json_t *one;
	size_t i;
	int e = 0;

	json_array_foreach(fact->recipients, i, one)
	{
		const char *text = json_string_value(one);
		size_t len = text ? strlen(text) : 0;

		if (i == RECIPIENTS_MAX || e != 0)
			break;
		if (len < 2 || len - 2 >= sizeof(address) || text[0] != '<')
			continue;
		memcpy(address, text + 1, len - 2);
		address[len - 2] = '\0';
		e = follow(model, ties, TIE_RECIPIENT, address, fact);
	}
	return e;
}

static void
count_flow(struct flow *flow, const struct fact *fact, const json_t *line)
{
	int64_t end = reader_time(json_object_get(line, "flow"), "end");

	if (!flow->source) {
		flow->source = model_copy(fact->source, TIE_PREFIX_TEXT);
		flow->server = model_copy(fact->server, TIE_PREFIX_TEXT);
		flow->source_port = reader_number(line, "src_port");
		flow->server_port = reader_number(line, "dest_port");
	}
	if (flow->first_us == WHEN_NONE || fact->us < flow->first_us)
		flow->first_us = fact->us;
	if (fact->us > flow->last_us)
		flow->last_us = fact->us;
	if (end > flow->last_us)
		flow->last_us = end;
	flow->attempts += tally_attempts(&fact->what);
	flow->mails += fact->what.mails;
}

/* Is this session shown as evidence of some incident? */
static void
count_flows(
	struct model *model, const struct ties *ties, const struct fact *fact, const json_t *line)
{
	const char *id = reader_text(line, "community_id");
	const struct tie *tie = NULL;

	while ((tie = ties_next(ties, TIE_FLOW, id, tie))) {
		struct incident *incident = &model->incidents[tie->incident];

		for (size_t i = 0; i < incident->flow_count; i++)
			if (strcmp(incident->flows[i].community_id, id) == 0)
				count_flow(&incident->flows[i], fact, line);
	}
}

/* What the sensor says of itself; the last line of that kind counts. */
static int
count_stats(struct model *model, const json_t *line)
{
	json_t *counters = json_object_get(json_object_get(line, "smtap"), "counters"), *value;
	const char *key;

	if (!model->counters)
		model->counters = calloc(COUNTERS_MAX, sizeof(*model->counters));
	if (!model->counters)
		return -ENOMEM;
	if (hidden_add_rules(&model->hiding, line) != 0)
		return -ENOMEM;
	model->stats_seen = true;
	model->counter_count = 0;
	json_object_foreach(counters, key, value)
	{
		struct told_counter *c = &model->counters[model->counter_count];

		if (model->counter_count == COUNTERS_MAX)
			break;
		if (strlen(key) >= sizeof(c->name) || !json_is_integer(value))
			continue;
		strcpy(c->name, key);
		c->value = reader_number(counters, key);
		model->counter_count++;
	}
	return 0;
}

static void
count_time(struct model *model, int64_t us)
{
	if (us == WHEN_NONE)
		return;
	if (model->first_us == WHEN_NONE || us < model->first_us)
		model->first_us = us;
	if (us > model->last_us)
		model->last_us = us;
}

int
count_add(struct model *model, const struct ties *ties, const json_t *line, uint64_t number)
{
	const char *type = reader_text(line, "event_type");
	struct fact fact;
	int e;

	if (strcmp(type, "alert") == 0)
		model->alerts++;
	count_time(model, reader_time(line, "timestamp"));
	if (strcmp(type, "smtap_suppressed") == 0)
		return hidden_add(&model->hiding, line);
	if (strcmp(type, "stats") == 0)
		return count_stats(model, line);
	if (!fact_of(&fact, line))
		return 0;
	fact.number = number;
	count_time(model, fact.us);
	tally_add(&model->all, &fact.what);
	model->unknown += fact.unknown;
	count_flows(model, ties, &fact, line);
	e = follow(model, ties, TIE_SOURCE, fact.source, &fact);
	if (e == 0)
		e = follow(model, ties, TIE_SERVER, fact.server, &fact);
	if (e == 0 && fact.account_known)
		e = follow(model, ties, TIE_ACCOUNT, fact.account, &fact);
	if (e == 0)
		e = follow_prefixes(model, ties, &fact);
	return e == 0 ? follow_recipients(model, ties, &fact) : e;
}

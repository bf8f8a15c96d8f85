/*
 * Private to page/: what a page tells, gathered from an EVE file in three readings.
 *
 *   list    alert lines: which incidents there are, each a `brief`; which are told in full
 *   detail  alert lines again: the findings of those
 *   count   every line: what belongs to those, into histograms and tables
 *
 * So memory does not grow with the file but with what is told of it: LIST_MAX briefs, and
 * INCIDENTS_MAX incidents of FINDINGS_MAX findings. What is past a cap is counted and the page
 * says so. Nothing here keeps bytes of the file without a bound on their length.
 */
#ifndef SMTAP_CLI_PAGE_MODEL_H
#define SMTAP_CLI_PAGE_MODEL_H

#include <jansson.h>

#include "cli/page/names.h"
#include "cli/page/page.h"
#include "cli/page/reader.h"

#define LIST_MAX 262144u    /* incidents that are told apart */
#define LIST_SHOWN 500u     /* rows of the overview */
#define INCIDENTS_MAX 50u   /* told in full */
#define FINDINGS_MAX 48u    /* of an incident */
#define TOPS_MAX 8u         /* names that a finding gives of each kind */
#define FLOWS_MAX 32u       /* sessions shown as evidence */
#define PATTERNS_MAX 8u     /* tools and servers recognised */
#define SIGNATURES_MAX 100u /* rules told */
#define HIDDEN_MAX 200u     /* findings that rules hid */
#define RULES_MAX 100u      /* rules of each list */
#define BINS_MAX 90u        /* bars of a chart */
#define SUBJECT_MAX 64u     /* bytes of a subject in the list */
#define LISTS_MAX 8u        /* blocklists that a finding names */
#define KINDS_MAX 4u        /* kinds of one finding */

#define STAGES(X)               \
	X(SCAN, "scan")         \
	X(GUESSING, "guessing") \
	X(SUCCESS, "success")   \
	X(RELAY, "relay")       \
	X(BOUNCES, "bounces")   \
	X(BLOCKLISTED, "blocklisted")

enum stage {
#define X(id, name) STAGE_##id,
	STAGES(X)
#undef X
		STAGE_COUNT /* none */
};

enum severity { SEVERITY_CRITICAL = 1, SEVERITY_MAJOR, SEVERITY_MINOR, SEVERITY_INFORMATIONAL };

enum state { STATE_OPEN, STATE_CLOSED };

/* One incident, in a line. */
struct brief {
	uint64_t id;
	uint64_t into; /* the incident that this one was merged into; 0: none */
	int64_t first_us;
	int64_t last_us;
	uint32_t alerts;
	uint8_t severity; /* 0: not known yet */
	uint8_t stages;   /* bit per stage that was reached */
	uint8_t state;
	uint8_t subject_stage; /* of the finding that subject and detector are from; 0: none */
	char detector[20];
	char subject[SUBJECT_MAX + 1];
};

struct list {
	struct brief *briefs; /* in the order in which they are told once sorted */
	size_t count;
	size_t room;
	uint32_t *slots; /* index + 1 by id */
	size_t slot_count;
	uint64_t further_lines; /* alerts of incidents past LIST_MAX */
	size_t alone;           /* briefs that are no part of another; they come first */
	size_t shown;           /* of these, in the overview */
	size_t told;            /* of these, in full */
	uint64_t by_severity[SEVERITY_INFORMATIONAL + 1];
};

struct top {
	char *name;
	char *place; /* country and network, of a source; NULL: not known */
	uint64_t attempts;
	bool succeeded;
};

struct finding {
	uint64_t id;
	char *detector;
	char *title;
	char *subject_type;
	char *subject;
	enum stage stage;
	bool closed;
	unsigned severity;
	uint64_t signature_id;
	uint64_t confidence;
	uint64_t sensor_loss;
	int64_t first_us;
	int64_t last_us;
	uint64_t attempts, failures, successes;
	uint64_t accounts, targets, sources;
	uint64_t passwords;
	bool passwords_at_least;
	struct top top_accounts[TOPS_MAX], top_sources[TOPS_MAX], top_targets[TOPS_MAX];
	char *success_account; /* NULL: none worked, or it is not told which */
	int64_t success_us;
	uint64_t success_attempt;
	char *mitre[4];
	char *advice;
	char *place;            /* of the subject, as in struct top */
	char *kinds[KINDS_MAX]; /* which of the things that its detector knows */
	char *local; /* "learned" or "configured": what is ours; NULL: it did not matter */
	char *lists[LISTS_MAX]; /* blocklists that name us */
	char *listed;           /* the address that they name */
	char *refusal_url;      /* a page that a refusal points to: a stranger's word */
};

/* A session that is shown as evidence. */
struct flow {
	char *community_id;
	char *source, *server; /* NULL until a line of it is met */
	uint64_t source_port, server_port;
	int64_t first_us, last_us;
	uint64_t attempts, mails;
};

/* What happened when. Bars are width_us wide, from first_us on. */
struct bins {
	int64_t first_us;
	int64_t width_us;
	unsigned count;
	uint64_t auth[BINS_MAX][OUTCOME_COUNT];
	uint64_t mail[BINS_MAX][OUTCOME_COUNT];     /* accepted: success; refused; other */
	uint64_t sessions[BINS_MAX][OUTCOME_COUNT]; /* all in OTHER */
};

struct stage_told {
	bool reached;
	int64_t first_us, last_us;
	char *advice;
};

struct incident {
	const struct brief *brief;
	uint64_t reopened, open_findings;
	struct finding *findings;
	size_t finding_count;
	uint64_t findings_further; /* alert lines of findings past FINDINGS_MAX */
	struct stage_told stages[STAGE_COUNT];
	char *patterns[PATTERNS_MAX];
	struct flow *flows;
	size_t flow_count;
	struct bins bins;
	struct tally all;
	struct tally unnamed; /* attempts whose account was not seen */
	struct names accounts, sources, servers;
	uint64_t counted_line; /* the last line that was counted here */
};

/* A rule of patterns/ that matched. */
struct signature {
	uint64_t id;
	char *title;
	char *subject;
	uint64_t lines;
	unsigned severity;
	int64_t first_us, last_us;
};

/* A finding that a rule of the configuration hid to its end. */
struct hidden {
	char *detector;
	char *subject_type;
	char *subject;
	char *reason;
	uint64_t line; /* of the configuration, where the rule begins */
	uint64_t attempts;
	int64_t first_us, last_us;
};

/* A rule that hid findings, or allowed events, and how many. */
struct told_rule {
	bool allows;
	char *reason;
	char *until;
	uint64_t line;
	uint64_t findings, sightings, events;
};

struct hiding {
	struct hidden *findings;
	size_t count;
	uint64_t further;        /* lines past HIDDEN_MAX */
	struct told_rule *rules; /* of the last stats line */
	size_t rule_count;
	uint64_t rules_further;
};

struct told_counter {
	char name[48];
	uint64_t value;
};

struct model {
	struct list list;
	struct incident *incidents; /* list.told of them, in the order of the list */
	struct signature *signatures;
	size_t signature_count;
	uint64_t signatures_further;
	struct told_counter *counters; /* of the last stats line */
	size_t counter_count;
	struct hiding hiding;
	bool stats_seen;
	int64_t first_us, last_us; /* of all lines */
	uint64_t lines, damaged, alerts;
	uint64_t unknown; /* attempts whose outcome was not seen */
	struct tally all;
	struct names_shared shared;
};

/* Names of stages and severities; which stage a detector stands for where the line does not say. */
const char *stage_name(enum stage stage);
enum stage stage_of(const char *name);
enum stage stage_of_detector(const char *detector);
const char *severity_name(unsigned severity);

/* list.c: the first reading, of one alert line. 0 or -ENOMEM. */
int list_add(struct list *list, const json_t *line);
/*
 * Then the choice of what is told: the gravest, or (only not 0) this one incident. 0, -ENOMEM, or
 * -ENOENT when it is not there.
 */
int list_choose(struct list *list, uint64_t only);
void list_free(struct list *list);
/* NULL when there is none. */
struct brief *list_find(const struct list *list, uint64_t id);
/* The incident that this one is a part of now; its own id when it is none. */
uint64_t list_root(const struct list *list, uint64_t id);
/* Why an alert line is none of ours; NULL when it is, or belongs to nobody's detector. */
const char *list_wrong(const json_t *line);
/* The smtap object of a line that tells a finding; NULL when it does not. */
const json_t *list_finding(const json_t *line);

/* kind.c: what only some findings have. */
void kind_take(struct finding *f, const json_t *smtap);
void kind_free(struct finding *f);
bool kind_is(const struct finding *f, const char *kind);
/* In words; NULL: a kind of which we know nothing. */
const char *kind_words(const char *kind);

/* place.c: where an address is and whose network it is in, as alerts say. */
char *place_take(const json_t *object, const char *const keys[3]);
/* As the findings of the incident have it; NULL: not known. */
const char *place_of(const struct incident *incident, const char *name);

/* detail.c: the second reading. 0 or -ENOMEM. */
int detail_add(struct model *model, const json_t *line);
void detail_free(struct incident *incident);

/* count.c: the third reading. 0 or -ENOMEM. */
struct ties;
int count_add(struct model *model, const struct ties *ties, const json_t *line, uint64_t number);

/* hidden.c: of the third reading, what rules hid and what they counted. 0 or -ENOMEM. */
int hidden_add(struct hiding *hiding, const json_t *line);
int hidden_add_rules(struct hiding *hiding, const json_t *line);
void hidden_free(struct hiding *hiding);

/* model.c */
int model_init(struct model *model);      /* 0 or -errno */
int model_incidents(struct model *model); /* take memory for list.told. 0 or -ENOMEM */
void model_free(struct model *model);
/* Text as it is kept: at most max bytes; NULL for "" and when there is no memory. */
char *model_copy(const char *text, size_t max);

/* When its stage of the attack began: what came before a login that worked is another's. */
static inline int64_t
finding_began(const struct finding *f)
{
	return f->stage == STAGE_SUCCESS && f->success_us != WHEN_NONE ? f->success_us
								       : f->first_us;
}

#endif

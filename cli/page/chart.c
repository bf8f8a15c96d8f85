/*
 * Charts as inline SVG. What is along the time axis is given in per cent and the rest in pixels,
 * so a chart is as wide as its place and its words stay readable on any screen.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/page/html.h"
#include "cli/page/text.h"

#define LANES_MAX 16
#define LANE_PX 34
#define AXIS_PX 22
#define PLOT_PX 150
#define TOP_PX 18      /* above the bars: marks of success */
#define LABEL_CHARS 28 /* so that a label fits the least width of a timeline */
#define TICKS_MAX 5

static double
percent(int64_t us, int64_t first_us, int64_t last_us)
{
	if (last_us <= first_us)
		return 0;
	return (double)(us - first_us) * 100 / (double)(last_us - first_us);
}

static const char *
anchor(double at)
{
	return at < 4 ? "start" : at > 96 ? "end" : "middle";
}

/* Grid lines and times from y on, at most TICKS_MAX of them. */
static void
put_axis(FILE *out, int64_t first_us, int64_t last_us, unsigned top, unsigned bottom)
{
	int64_t width = when_width(last_us - first_us, TICKS_MAX);
	char text[WHEN_MAX];
	unsigned told = 0;

	for (int64_t at = when_floor(first_us + width - 1, width); at <= last_us; at += width) {
		double x = percent(at, first_us, last_us);

		fprintf(out,
			"<line class=\"grid\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%u\" y2=\"%u\"/>", x,
			x, top, bottom + 4);
		/* At the right end it would meet its neighbour on a small screen. */
		if (x > 96 && told > 0)
			continue;
		told++;
		fprintf(out,
			"<text class=\"ax\" x=\"%.2f%%\" y=\"%u\" text-anchor=\"%s\">%s</text>\n",
			x, bottom + 17, anchor(x), when_mark(at, width, text));
	}
	fprintf(out, "<line class=\"base\" x1=\"0\" x2=\"100%%\" y1=\"%u\" y2=\"%u\"/>\n", bottom,
		bottom);
}

void
html_spark(FILE *out, const struct model *model, const struct brief *b)
{
	double from = percent(b->first_us, model->first_us, model->last_us);
	double to = percent(b->last_us, model->first_us, model->last_us);
	char first[WHEN_MAX], last[WHEN_MAX];

	if (b->first_us == WHEN_NONE)
		return;
	/* Sessions are told of when they end: an incident may begin before the first line. */
	from = from < 0 ? 0 : from > 98 ? 98 : from;
	to = to > 100 ? 100 : to;
	fprintf(out,
		"<svg height=\"14\" role=\"img\" aria-label=\"from %s to %s\">"
		"<line class=\"run\" x1=\"0\" x2=\"100%%\" y1=\"7\" y2=\"7\"/>"
		"<line class=\"lane%s\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"7\" y2=\"7\"/></svg>",
		when_text(b->first_us, first), when_end(b->first_us, b->last_us, last),
		b->severity == SEVERITY_CRITICAL ? " hot" : "", from,
		to < from + 2 ? from + 2 : to);
}

static int
compare_findings(const void *va, const void *vb)
{
	const struct finding *a = *(const struct finding *const *)va;
	const struct finding *b = *(const struct finding *const *)vb;

	if (a->stage != b->stage)
		return a->stage < b->stage ? -1 : 1;
	if (a->first_us != b->first_us)
		return a->first_us < b->first_us ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

/*
 * The findings that have a bar: by stage, then by time. When there are too many each stage gets
 * its share, so that many guessers do not hide what came of it. Returns how many.
 */
static size_t
order_findings(const struct incident *incident, const struct finding *lanes[FINDINGS_MAX])
{
	enum stage last = STAGE_COUNT;
	unsigned kinds = 0, of_kind = 0;
	size_t all = 0, count = 0;

	for (size_t i = 0; i < incident->finding_count; i++)
		if (incident->findings[i].first_us != WHEN_NONE)
			lanes[all++] = &incident->findings[i];
	qsort(lanes, all, sizeof(*lanes), compare_findings);
	for (size_t i = 0; i < all; i++)
		kinds += i == 0 || lanes[i]->stage != lanes[i - 1]->stage;
	for (size_t i = 0; i < all; i++) {
		of_kind = i > 0 && lanes[i]->stage == last ? of_kind + 1 : 1;
		last = lanes[i]->stage;
		if (all <= LANES_MAX || of_kind <= LANES_MAX / kinds)
			lanes[count++] = lanes[i];
	}
	return count;
}

/* In words, above its bar. */
static void
put_lane_label(FILE *out, const struct finding *f, unsigned y)
{
	char text[WHEN_MAX];

	fprintf(out, "<text class=\"halo\" x=\"0\" y=\"%u\"><tspan font-weight=\"700\">%s</tspan> ",
		y, f->stage == STAGE_COUNT ? "other" : stage_name(f->stage));
	text_plain(out, f->detector ? f->detector : "", LABEL_CHARS);
	fputs(" &#183; ", out);
	text_plain(out, f->subject ? f->subject : "", LABEL_CHARS);
	if (f->success_us != WHEN_NONE)
		fprintf(out, "<tspan class=\"in\"> &#183; login worked %s</tspan>",
			when_clock(f->success_us, text));
	fputs("</text>\n", out);
}

static void
put_lane(FILE *out, const struct finding *f, unsigned y, int64_t first_us, int64_t last_us)
{
	double from = percent(finding_began(f), first_us, last_us);
	double to = percent(f->last_us, first_us, last_us);
	bool hot = f->stage >= STAGE_SUCCESS && f->stage < STAGE_COUNT;
	char text[WHEN_MAX], end[WHEN_MAX];

	from = from > 99.5 ? 99.5 : from;
	to = to < from + 0.5 ? from + 0.5 : to;
	put_lane_label(out, f, y + 12);
	fprintf(out,
		"<line class=\"lane%s\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%u\" y2=\"%u\">"
		"<title>%s to %s</title></line>\n",
		hot ? " hot" : "", from, to, y + 22, y + 22, when_text(finding_began(f), text),
		when_end(finding_began(f), f->last_us, end));
	if (f->success_us == WHEN_NONE)
		return;
	from = percent(f->success_us, first_us, last_us);
	fprintf(out,
		"<text class=\"mark halo\" x=\"%.2f%%\" y=\"%u\" text-anchor=\"middle\">&#9650;"
		"</text>\n",
		from < 0     ? 0.0
		: from > 100 ? 100.0
			     : from,
		y + 27);
}

void
html_timeline(FILE *out, const struct incident *incident)
{
	const struct finding *lanes[FINDINGS_MAX];
	size_t count = order_findings(incident, lanes);
	const struct brief *b = incident->brief;
	char first[WHEN_MAX], last[WHEN_MAX];

	if (count == 0 || b->first_us == WHEN_NONE)
		return;
	fprintf(out,
		"<h3>Timeline</h3>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
		"aria-label=\"Timeline\"><svg class=\"lanes\" height=\"%zu\" role=\"img\" "
		"aria-labelledby=\"tl%" PRIu64 "t tl%" PRIu64 "d\">"
		"<title id=\"tl%" PRIu64 "t\">Timeline of incident %" PRIu64 "</title>"
		"<desc id=\"tl%" PRIu64 "d\">%zu findings between %s and %s UTC, a bar each; a "
		"triangle marks the first login that worked.</desc>\n",
		count * LANE_PX + AXIS_PX, b->id, b->id, b->id, b->id, b->id, count,
		when_text(b->first_us, first), when_end(b->first_us, b->last_us, last));
	put_axis(out, b->first_us, b->last_us, 0, (unsigned)count * LANE_PX);
	for (size_t i = 0; i < count; i++)
		put_lane(out, lanes[i], (unsigned)i * LANE_PX, b->first_us, b->last_us);
	fputs("</svg></div>\n<p class=\"note\">A bar for each finding, from first to last seen, "
	      "times in "
	      "UTC. &#9650; marks a first login that worked.",
		out);
	if (incident->finding_count > count) {
		fputc(' ', out);
		text_count(out, incident->finding_count - count, "further finding has no bar.",
			"further findings have no bars.");
	}
	fputs("</p>\n", out);
}

/* What a chart counts. */
struct chart_info {
	const char *title;
	const char *one;
	const char *names[OUTCOME_COUNT]; /* NULL: does not occur */
};

static const struct chart_info charts[CHART_COUNT] = {
	[CHART_AUTH] = {"Login attempts over time", "attempts",
		{"failure", "success", "throttled", "refused", "other"}},
	[CHART_MAIL] = {"Mails over time", "mails",
		{NULL, "accepted", NULL, "refused", "not finished"}},
	[CHART_SESSION] = {"Sessions over time", "sessions", {NULL, NULL, NULL, NULL, "sessions"}},
};

static const uint64_t (*series(const struct bins *bins, enum chart chart))[OUTCOME_COUNT]
{
	return chart == CHART_AUTH ? bins->auth : chart == CHART_MAIL ? bins->mail : bins->sessions;
}

static uint64_t
sum(const uint64_t bin[OUTCOME_COUNT])
{
	uint64_t n = 0;

	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		n += bin[i];
	return n;
}

/* The distance of grid lines: 1, 2 or 5 times a power of ten, at most four up to max. */
static uint64_t
round_step(uint64_t max)
{
	uint64_t step = 1;

	for (unsigned i = 0; max / step > 4 && step < UINT64_MAX / 10; i++)
		step = i % 3 == 1 ? step / 2 * 5 : step * 2;
	return step;
}

static void
put_legend(FILE *out, const struct bins *bins, enum chart chart)
{
	const uint64_t(*bin)[OUTCOME_COUNT] = series(bins, chart);

	fputs("<ul class=\"legend\">", out);
	for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
		uint64_t n = 0;

		for (unsigned i = 0; i < bins->count; i++)
			n += bin[i][o];
		if (n == 0 || !charts[chart].names[o])
			continue;
		fprintf(out,
			"<li><svg aria-hidden=\"true\"><rect class=\"o%u\" width=\"16\" "
			"height=\"14\"/></svg>%s: ",
			o, charts[chart].names[o]);
		text_number(out, n);
		fputs("</li>", out);
	}
	fputs("</ul>\n", out);
}

/* One bar: the outcomes stacked, success on top. */
static void
put_bar(FILE *out, const struct bins *bins, enum chart chart, unsigned at, uint64_t max)
{
	static const enum outcome order[OUTCOME_COUNT] = {OUTCOME_FAILURE, OUTCOME_REFUSED,
		OUTCOME_THROTTLED, OUTCOME_OTHER, OUTCOME_SUCCESS};
	const uint64_t *bin = series(bins, chart)[at];
	double width = 100.0 / bins->count, x = at * width, y = TOP_PX + PLOT_PX;
	char text[WHEN_MAX];

	fprintf(out, "<g><title>%s:",
		when_mark(bins->first_us + at * bins->width_us, bins->width_us, text));
	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		if (bin[order[i]] > 0)
			fprintf(out, " %" PRIu64 " %s", bin[order[i]],
				charts[chart].names[order[i]]);
	fputs("</title>", out);
	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		double height = (double)bin[order[i]] * PLOT_PX / (double)max;

		if (bin[order[i]] == 0)
			continue;
		/* What was there once among thousands must be seen. */
		height = height < 2 ? 2 : height;
		y -= height;
		fprintf(out,
			"<rect class=\"b o%u\" x=\"%.3f%%\" y=\"%.1f\" width=\"%.3f%%\" "
			"height=\"%.1f\"/>",
			order[i], x, y, width, height);
	}
	if (chart == CHART_AUTH && bin[OUTCOME_SUCCESS] > 0)
		fprintf(out,
			"<text class=\"mark halo\" x=\"%.3f%%\" y=\"%.1f\" "
			"text-anchor=\"middle\">&#9660;</text>",
			x + width / 2, y - 3 < 11 ? 11 : y - 3);
	fputs("</g>\n", out);
}

static void
put_scale(FILE *out, uint64_t max)
{
	uint64_t step = round_step(max);

	for (uint64_t n = step; n <= max; n += step) {
		double y = TOP_PX + PLOT_PX - (double)n * PLOT_PX / (double)max;

		fprintf(out,
			"<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text class=\"ax\" x=\"-5\" y=\"%.1f\" text-anchor=\"end\">",
			y, y, y + 4);
		text_number(out, n);
		fputs("</text>\n", out);
	}
}

static void
put_chart_head(FILE *out, const struct incident *incident, enum chart chart, uint64_t all)
{
	const struct bins *bins = &incident->bins;
	int64_t last = bins->first_us + bins->count * bins->width_us;
	uint64_t id = incident->brief->id;
	char first_text[WHEN_MAX], last_text[WHEN_MAX];

	fprintf(out,
		"<h3>%s</h3>\n<svg class=\"plot\" height=\"%u\" role=\"img\" "
		"aria-labelledby=\"c%u-%" PRIu64 "t c%u-%" PRIu64 "d\"><title id=\"c%u-%" PRIu64
		"t\">%s</title>"
		"<desc id=\"c%u-%" PRIu64 "d\">",
		charts[chart].title, TOP_PX + PLOT_PX + AXIS_PX, chart, id, chart, id, chart, id,
		charts[chart].title, chart, id);
	text_count(out, all, charts[chart].one, charts[chart].one);
	fprintf(out, " between %s and %s UTC, stacked by outcome.</desc>\n",
		when_text(bins->first_us, first_text), when_end(bins->first_us, last, last_text));
}

/* Mails are counted for a day longer than the chart goes. */
static void
put_later(FILE *out, const struct incident *incident, enum chart chart, uint64_t in_chart)
{
	if (chart != CHART_MAIL || incident->all.mails <= in_chart)
		return;
	fputc(' ', out);
	text_count(out, incident->all.mails - in_chart, "mail was sent in the day after.",
		"mails were sent in the day after.");
}

static void
put_only_later(FILE *out, const struct incident *incident, enum chart chart)
{
	if (chart != CHART_MAIL || incident->all.mails == 0)
		return;
	fputs("<h3>Mails</h3>\n<p>", out);
	put_later(out, incident, chart, 0);
	fputs("</p>\n", out);
}

void
html_chart(FILE *out, const struct incident *incident, enum chart chart)
{
	const struct bins *bins = &incident->bins;
	int64_t last = bins->first_us + bins->count * bins->width_us;
	char first_text[WHEN_MAX], last_text[WHEN_MAX], span[WHEN_MAX];
	uint64_t max = 0, all = 0;
	bool marks = false;

	for (unsigned i = 0; i < bins->count; i++) {
		uint64_t n = sum(series(bins, chart)[i]);
		marks |= chart == CHART_AUTH && bins->auth[i][OUTCOME_SUCCESS] > 0;
		max = n > max ? n : max;
		all += n;
	}
	if (all == 0) {
		put_only_later(out, incident, chart);
		return;
	}
	put_chart_head(out, incident, chart, all);
	put_scale(out, max);
	put_axis(out, bins->first_us, last, TOP_PX, TOP_PX + PLOT_PX);
	for (unsigned i = 0; i < bins->count; i++)
		if (sum(series(bins, chart)[i]) > 0)
			put_bar(out, bins, chart, i, max);
	fputs("</svg>\n", out);
	put_legend(out, bins, chart);
	fprintf(out, "<p class=\"note\">%s to %s UTC; a bar is %s.%s",
		when_text(bins->first_us, first_text), when_end(bins->first_us, last, last_text),
		when_span(bins->width_us, span),
		marks ? " &#9660; marks bars with a login that worked." : "");
	put_later(out, incident, chart, all);
	fputs("</p>\n", out);
}

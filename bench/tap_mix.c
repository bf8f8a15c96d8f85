/*
 * tap-mix: of 200 packets 190 are background, 9 belong to deliveries and 1 to
 * guessing; or as many of a hundred are mail as --mail says.
 */
#include "bench/bench.h"
#include "bench/run.h"
#include "bench/traffic.h"

#define MAIL_PERCENT 5
#define ATTACK_EVERY 10 /* of the mail packets */
#define BODY_SEGMENTS 20

struct tap {
	uint64_t count;
	uint64_t mail;
	unsigned percent;
	struct traffic_background background;
	struct traffic_crowd deliveries;
	struct traffic_crowd guesses;
};

static uint32_t
next(void *state, uint8_t *frame, struct traffic_tally *tally)
{
	struct tap *tap = state;

	/* Evenly: mail comes when its share has grown by a whole packet. */
	if (++tap->count * tap->percent / 100 == tap->mail)
		return traffic_background_next(&tap->background, frame, tally);
	if (tap->mail++ % ATTACK_EVERY)
		return traffic_crowd_next(&tap->deliveries, frame, tally);
	return traffic_crowd_next(&tap->guesses, frame, tally);
}

static int
run(const struct bench_options *options)
{
	static _Thread_local struct traffic_script delivery;
	static _Thread_local struct traffic_script guessing;
	const unsigned percent = options->mail_percent ? options->mail_percent : MAIL_PERCENT;
	const double mail = percent / 100.0;
	struct tap tap = {
		.percent = percent,
		.deliveries =
			{
				.script = &delivery,
				.concurrency = options->sessions ? options->sessions : 2048,
				.sources = 1 << 14,
				.network = 0x0b000000, /* 11.0.0.0 */
			},
		.guesses =
			{
				.script = &guessing,
				.concurrency = options->sessions ? options->sessions : 512,
				.sources = 1 << 20,
				.network = 0x0a000000, /* 10.0.0.0 */
			},
	};
	struct bench_mix mix = {
		.scenario = "tap-mix",
		.next = next,
		.state = &tap,
		.state_bytes = sizeof(tap),
		.scripts =
			{
				{&delivery, (1.0 - 1.0 / ATTACK_EVERY) * mail},
				{&guessing, mail / ATTACK_EVERY},
			},
	};

	traffic_script_delivery(&delivery, BODY_SEGMENTS);
	traffic_script_guessing(&guessing);
	/* In mail packets; then in packets of all kinds. */
	mix.warm_up_packets = (uint64_t)tap.deliveries.concurrency * delivery.steps_count / 2;
	mix.warm_up_packets = mix.warm_up_packets * 100 / percent;
	return bench_run_mix(options, &mix);
}

const struct bench_scenario bench_tap_mix = {
	"tap-mix", "5 % mail packets, of which a tenth attack, in background", run};

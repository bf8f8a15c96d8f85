/*
 * bench: what the scenarios share. One scenario is one file and one line in
 * the table of main.c. See bench/README.md.
 */
#ifndef SMTAP_BENCH_BENCH_H
#define SMTAP_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rig;

struct bench_options {
	double seconds;        /* how long each scenario measures, about */
	unsigned repeats;      /* measurements; medians, minima and maxima are over these */
	uint64_t packets;      /* in each repeat, instead of the time; 0: the time */
	uint32_t sessions;     /* at once; 0: as the scenario has it */
	unsigned mail_percent; /* of tap-mix's packets; 0: as it has them */
	unsigned frame_bytes;  /* each frame of background; 0: of all sizes */
	bool json;
	bool huge;             /* hugepages for packets and tables */
	bool apart;            /* packets as DPDK lays them without hugepages */
	bool memif;            /* packets come by a memif port, as by a NIC's driver */
	bool nic_checksum;     /* packets carry a NIC's checksum verdict */
	bool stages;           /* time each stage of the path too */
	int cpu;               /* to run on; -1: the first that is allowed */
	int beside;            /* on this one a second worker runs, as a thread; -1: none does */
	const char *mixture;   /* of control: this one; NULL: all */
	const char *patterns;  /* folder of the compiled databases; NULL: none */
	const struct rig *rig; /* where packets come from, and the EAL is up */
};

#define BENCH_REPEATS_MAX 101

struct bench_scenario {
	const char *name;
	const char *help;
	/* 0, or -1 after one line on stderr. Reports through the functions below. */
	int (*run)(const struct bench_options *options);
};

/* The scenarios; each in the file of its name. */
extern const struct bench_scenario bench_attack;
extern const struct bench_scenario bench_background;
extern const struct bench_scenario bench_churn;
extern const struct bench_scenario bench_control;
extern const struct bench_scenario bench_flowtable;
extern const struct bench_scenario bench_mail;
extern const struct bench_scenario bench_memory;
extern const struct bench_scenario bench_overload;
extern const struct bench_scenario bench_patterns;
extern const struct bench_scenario bench_rules;
extern const struct bench_scenario bench_synflood;
extern const struct bench_scenario bench_tap_mix;
extern const struct bench_scenario bench_worst;

/*
 * One line of the report: open, add fields, print (which frees it). In JSON an
 * object a line; else name=value, with the range in brackets. Out of memory is
 * told by bench_line_print only: -1, after one line on stderr.
 */
struct bench_line;

struct bench_line *bench_line_open(const struct bench_options *options, const char *scenario);
void bench_line_text(struct bench_line *line, const char *name, const char *value);
void bench_line_count(struct bench_line *line, const char *name, uint64_t value);
/* Adds NAME (the median), NAME_min and NAME_max. count >= 1; samples are sorted in place. */
void bench_line_samples(
	struct bench_line *line, const char *name, double samples[], unsigned count);
int bench_line_print(struct bench_line *line);

/*
 * Zeroed memory for tables, touched: on hugepages when asked for, else ordinary pages
 * that the kernel may merge. NULL after one line on stderr.
 */
void *bench_memory_take(const struct bench_options *options, size_t bytes);
void bench_memory_give(void *memory, size_t bytes);

uint64_t bench_now_ns(void);

#endif

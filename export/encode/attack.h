/* MITRE ATT&CK (Enterprise): the techniques that smtap's detectors and patterns name. */
#ifndef SMTAP_EXPORT_ENCODE_ATTACK_H
#define SMTAP_EXPORT_ENCODE_ATTACK_H

#include <stdbool.h>

#define ATTACK_ID_MAX 16

struct attack {
	char technique[ATTACK_ID_MAX];    /* "T1110" */
	char subtechnique[ATTACK_ID_MAX]; /* "T1110.001", or "" */
	const char *technique_name;       /* "" when it is not known here */
	const char *subtechnique_name;
	const char *tactic; /* "TA0006": the one that fits mail best; "" */
	const char *tactic_name;
};

/* False: id has not the form of one. */
bool attack_of(const char *id, struct attack *out);

#endif

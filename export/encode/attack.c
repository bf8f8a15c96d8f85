/* MITRE ATT&CK: names and tactics of techniques. */
#include "export/encode/attack.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* https://attack.mitre.org, v16: parents before their parts. X(id, name, tactic, tactic's name) */
#define CREDENTIALS "TA0006", "Credential Access"
#define ENTRY "TA0001", "Initial Access"
#define LOOKING "TA0043", "Reconnaissance"

static const struct {
	const char *id;
	const char *name;
	const char *tactic;
	const char *tactic_name;
} known[] = {
	{"T1078", "Valid Accounts", ENTRY},
	{"T1110", "Brute Force", CREDENTIALS},
	{"T1110.001", "Password Guessing", CREDENTIALS},
	{"T1110.003", "Password Spraying", CREDENTIALS},
	{"T1110.004", "Credential Stuffing", CREDENTIALS},
	{"T1190", "Exploit Public-Facing Application", ENTRY},
	{"T1499", "Endpoint Denial of Service", "TA0040", "Impact"},
	{"T1505", "Server Software Component", "TA0003", "Persistence"},
	{"T1505.003", "Web Shell", "TA0003", "Persistence"},
	{"T1534", "Internal Spearphishing", "TA0008", "Lateral Movement"},
	{"T1566", "Phishing", ENTRY},
	{"T1584", "Compromise Infrastructure", "TA0042", "Resource Development"},
	{"T1589", "Gather Victim Identity Information", LOOKING},
	{"T1589.002", "Email Addresses", LOOKING},
	{"T1595", "Active Scanning", LOOKING},
	{"T1595.001", "Scanning IP Blocks", LOOKING},
	{"T1595.002", "Vulnerability Scanning", LOOKING},
};

static void
name_of(const char *id, const char **name, struct attack *out)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].id, id) != 0)
			continue;
		*name = known[i].name;
		out->tactic = known[i].tactic;
		out->tactic_name = known[i].tactic_name;
	}
}

bool
attack_of(const char *id, struct attack *out)
{
	size_t digits = id[0] == 'T' ? strspn(id + 1, "0123456789") : 0;
	size_t rest = 1 + digits;

	*out = (struct attack){
		.technique_name = "", .subtechnique_name = "", .tactic = "", .tactic_name = ""};
	if (digits != 4)
		return false;
	if (id[rest] == '.' && strspn(id + rest + 1, "0123456789") == 3 && !id[rest + 4])
		snprintf(out->subtechnique, sizeof(out->subtechnique), "%s", id);
	else if (id[rest])
		return false;
	snprintf(out->technique, sizeof(out->technique), "%.5s", id);
	name_of(out->technique, &out->technique_name, out);
	if (out->subtechnique[0])
		name_of(out->subtechnique, &out->subtechnique_name, out);
	return true;
}

/*
 * Private to page/: which lines belong to which incident.
 *
 * A finding is about a source, a prefix, an account or a server; each is a name to look a line's
 * addresses and account up by. One name may be tied to several incidents.
 */
#ifndef SMTAP_CLI_PAGE_TIES_H
#define SMTAP_CLI_PAGE_TIES_H

#include "cli/page/model.h"

enum tie_kind {
	TIE_SOURCE,    /* the client's address */
	TIE_PREFIX,    /* that holds the client's address */
	TIE_ACCOUNT,   /* that tries to log in, or has */
	TIE_SERVER,    /* the server's address */
	TIE_RECIPIENT, /* of a mail */
	TIE_FLOW,      /* community id */
};

/* Which lines of that name count. */
#define TIE_AUTH 0x01u
#define TIE_MAIL 0x02u
#define TIE_SESSION 0x04u
#define TIE_NOT_SUCCESS 0x08u /* of AUTH attempts: not those that worked */
#define TIE_BOUNCE 0x10u      /* of mails: only with the null sender, or delivery reports */

struct tie {
	char *name;
	uint64_t hash;
	uint32_t incident;
	uint32_t next; /* index + 1 of the next in this slot */
	uint8_t kind;
	uint8_t flags;
};

#define TIE_LENGTHS_MAX 16

struct ties {
	struct siphash_key key;
	struct tie *ties;
	size_t count;
	size_t room;
	uint32_t *slots;
	size_t slot_count;
	/* Lengths of the prefixes there are, of IPv4 and of IPv6. */
	uint8_t lengths[2][TIE_LENGTHS_MAX];
	unsigned length_count[2];
};

/* What the told incidents of a model are about. 0 or -errno. */
int ties_open(struct ties *ties, const struct model *model);
void ties_close(struct ties *ties);

/* Ties of a name one after the other: start with NULL. NULL: no more. */
const struct tie *ties_next(
	const struct ties *ties, enum tie_kind kind, const char *name, const struct tie *last);

#define TIE_PREFIX_TEXT 64

/* addr/bits with the host's bits cleared, as the subject of a finding has it. False: no address. */
bool ties_prefix(const char *addr, unsigned bits, char out[TIE_PREFIX_TEXT]);

/* The same of the subject of a finding about a prefix, and how long it is. */
bool ties_subject(const char *subject, char out[TIE_PREFIX_TEXT], unsigned *bits);

#endif

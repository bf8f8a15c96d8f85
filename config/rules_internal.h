/* Private to config/: how lists of rules are read and written. */
#ifndef SMTAP_CONFIG_RULES_INTERNAL_H
#define SMTAP_CONFIG_RULES_INTERNAL_H

#include "config/reader.h"
#include "config/rules.h"

/* 0, or -EINVAL: neither a day, nor a time in UTC, nor "never". */
int rule_parse_until(const char *text, uint64_t *until_ns);

/*
 * The list of the document that key names, into r->config, whose list must be
 * empty. 0; -ENOMEM, or -EINVAL with r->why. What was read remains with
 * r->config in either case.
 */
int rules_read(struct reader *r, enum config_rule_list list, const yaml_node_t *node);

#endif

/* Who runs the doctor, and with what configuration. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"

#define CAP_DAC_OVERRIDE_BIT 1u

static void
read_self(struct doctor *d)
{
	struct doctor_self *self = &d->self;
	char *text = tree_text(&d->tree, "/proc/self/status");
	char value[512];
	unsigned real;

	*self = (struct doctor_self){.uid = UINT32_MAX, .gid = UINT32_MAX};
	if (!text)
		return;
	if (tree_field(text, "Uid", value, sizeof(value)))
		sscanf(value, "%u %u", &real, &self->uid);
	if (tree_field(text, "Gid", value, sizeof(value)))
		sscanf(value, "%u %u", &real, &self->gid);
	tree_field(text, "Groups", self->groups, sizeof(self->groups));
	if (tree_field(text, "CapEff", value, sizeof(value)))
		self->capabilities = strtoull(value, NULL, 16);
	if (tree_field(text, "Cpus_allowed_list", value, sizeof(value)))
		cpus_parse(&self->cpus, value);
	free(text);
}

static bool
in_group(const struct doctor_self *self, uint32_t gid)
{
	const char *at = self->groups;
	char *end;

	if (gid == self->gid)
		return true;
	for (;; at = end) {
		unsigned long one = strtoul(at, &end, 10);

		if (end == at)
			return false;
		if (one == gid)
			return true;
	}
}

bool
doctor_may_write(const struct doctor *d, const struct stat *st)
{
	const mode_t both = S_IROTH | S_IWOTH;

	if (doctor_can(d, CAP_DAC_OVERRIDE_BIT))
		return true;
	if (st->st_uid == d->self.uid)
		return (st->st_mode >> 6 & both) == both;
	if (in_group(&d->self, st->st_gid))
		return (st->st_mode >> 3 & both) == both;
	return (st->st_mode & both) == both;
}

bool
doctor_can(const struct doctor *d, unsigned capability)
{
	return d->self.capabilities >> capability & 1;
}

static void
take_ports(struct doctor *d)
{
	const struct config_list *list = &d->config.interfaces;

	for (const char *port = NULL; (port = config_list_next(list, port)) != NULL;)
		doctor_add_port(d, port);
}

void
doctor_open(struct doctor *d)
{
	config_defaults(&d->config);
	d->config_wrong = false;
	d->config_why[0] = '\0';
	read_self(d);
	if (!d->config_given && access(d->config_file, F_OK) != 0 && errno == ENOENT)
		return;
	if (config_read(&d->config, d->config_file, d->config_why, sizeof(d->config_why)) == 0) {
		take_ports(d);
		return;
	}
	/* What can be said of the machine is said all the same. */
	d->config_wrong = true;
	config_free(&d->config);
	config_defaults(&d->config);
}

void
doctor_close(struct doctor *d)
{
	config_free(&d->config);
}

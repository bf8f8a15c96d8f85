/* configuration, patterns: what smtap itself needs on disk. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "contract/hsdb.h"

void
doctor_configuration(const struct doctor *d, struct diag *r)
{
	struct diag_item *item;

	if (d->config_wrong) {
		item = diag_add(r, DIAG_FAULT, "%s", d->config_why);
		diag_so(item, "smtap does not start; below, the defaults are taken");
		diag_mend(item, "smtap check -c %s", d->config_file);
	} else if (!d->config_given && access(d->config_file, F_OK) != 0) {
		diag_add(r, DIAG_OK, "%s is not there; the defaults apply", d->config_file);
	} else {
		diag_add(r, DIAG_OK, "%s is right", d->config_file);
	}
}

/* NULL, or what is wrong with one database. */
static const char *
examine_database(const char *path, enum event_context context, unsigned *patterns)
{
	struct hsdb_header header;
	const char *wrong = NULL;
	FILE *in = fopen(path, "rb");
	uint8_t *data = NULL;
	long len = -1;

	if (!in)
		return strerror(errno);
	if (fseek(in, 0, SEEK_END) == 0)
		len = ftell(in);
	rewind(in);
	if (len < 0 || (unsigned long)len > HSDB_FILE_BYTES_MAX)
		wrong = "it is too large";
	else if ((data = malloc((size_t)len + 1)) == NULL)
		wrong = strerror(ENOMEM);
	else if (fread(data, 1, (size_t)len, in) != (size_t)len)
		wrong = "it cannot be read";
	else
		wrong = hsdb_open(data, (size_t)len, context, &header);
	if (!wrong)
		*patterns += header.patterns;
	free(data);
	fclose(in);
	return wrong;
}

/* As the dataplane looks for them: configured, beside the programs, installed. */
static void
find_folder(const struct doctor *d, char *out, size_t len)
{
	snprintf(out, len, "%s", d->config.pattern_dir);
	if (out[0])
		return;
	snprintf(out, len, "%s/patterns", d->program_dir);
	if (access(out, F_OK) != 0)
		snprintf(out, len, "%s", SMTAP_PATTERN_DIR);
}

void
doctor_patterns(const struct doctor *d, struct diag *r)
{
	char folder[512];
	char path[640];
	unsigned patterns = 0;

	find_folder(d, folder, sizeof(folder));
	for (unsigned context = 0; hsdb_file_name(context) != NULL; context++) {
		snprintf(path, sizeof(path), "%s/%s", folder, hsdb_file_name(context));
		const char *wrong = examine_database(path, context, &patterns);

		if (!wrong)
			continue;
		struct diag_item *item = diag_add(r, DIAG_FAULT, "%s: %s", path, wrong);
		diag_so(item, "smtap does not start");
		diag_mend(item, "smtap-patterns -o %s %s/*.yaml", folder, folder);
		return;
	}
	diag_add(r, DIAG_OK, "%s: %u compiled patterns", folder, patterns);
}

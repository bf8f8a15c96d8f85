#include "cli/look/look.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "config/config.h"

#define TEXT_MAX 1024

bool
look_take(struct look *look, int option)
{
	switch (option) {
	case 'c':
		look->config = optarg;
		return true;
	case 'o':
		look->folder = optarg;
		return true;
	case LOOK_STORE:
		look->file = optarg;
		return true;
	case LOOK_JSON:
		look->json = true;
		return true;
	}
	return false;
}

int
look_number(const char *option, const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0)
		return 0;
	return command_fail(COMMAND_BAD, "%s %s: a number is needed", option, text);
}

/*
 * What a run with these settings has: the file of that name in its folder, unless a setting says
 * another and the folder is not given.
 */
static int
find_file(struct look *look, const char *name, size_t setting)
{
	static struct config config; /* large */
	char why[512] = "";
	int r;

	if (!look->config && access(COMMAND_CONFIG_FILE, F_OK) == 0)
		look->config = COMMAND_CONFIG_FILE;
	config_defaults(&config);
	if (look->config && config_read(&config, look->config, why, sizeof(why)) != 0)
		return command_fail(COMMAND_BAD, "%s", why);
	const char *set = (const char *)&config + setting;
	const char *folder = look->folder ? look->folder : config.output_dir;
	if (set[0] && !look->folder)
		r = snprintf(look->path, sizeof(look->path), "%s", set);
	else
		r = snprintf(look->path, sizeof(look->path), "%s/%s", folder, name);
	config_free(&config);
	if (r >= (int)sizeof(look->path))
		return command_fail(COMMAND_BAD, "-o: the path is too long");
	return 0;
}

int
look_find_socket(struct look *look)
{
	return find_file(look, "control.sock", offsetof(struct config, control_socket));
}

int
look_open(struct look *look)
{
	char why[PATH_MAX + 256] = "";
	int r = 0;

	if (!look->file)
		r = find_file(look, "smtap.db", offsetof(struct config, store_file));
	else if (snprintf(look->path, sizeof(look->path), "%s", look->file) >=
		 (int)sizeof(look->path))
		r = command_fail(COMMAND_BAD, "--store: the path is too long");
	if (r != 0)
		return r;
	r = store_open(&look->store, look->path, STORE_READ, why, sizeof(why));
	if (r == -ENOENT)
		return command_fail(COMMAND_BAD,
			"%s: there is no store; -o names the folder of a run", look->path);
	return r ? command_fail(COMMAND_BAD, "%s", why) : 0;
}

int
look_close(struct look *look, int result)
{
	int status = COMMAND_DONE;

	if (result < 0)
		status = command_fail(
			COMMAND_FAILED, "%s: %s", look->path, store_error(look->store));
	store_close(look->store);
	return status;
}

void
look_put_text(FILE *out, const char *text, unsigned width)
{
	char clean[TEXT_MAX];
	bool cut = false;
	size_t n = utf8_escape((const uint8_t *)text, strlen(text), clean,
		width && width < TEXT_MAX ? width : TEXT_MAX, NULL, &cut);

	if (cut && width > 3 && n > 2) {
		n = utf8_escape((const uint8_t *)text, strlen(text), clean, width - 2, NULL, NULL);
		memcpy(clean + n, "..", 2);
		n += 2;
	}
	fprintf(out, "%.*s%*s", (int)n, clean, n < width ? (int)(width - n) : 0, "");
}

static const char *
format_time(uint64_t time_ns, const char *format, char out[LOOK_TIME_MAX])
{
	time_t s = (time_t)(time_ns / NS_PER_S);
	struct tm tm;

	if (!gmtime_r(&s, &tm) || strftime(out, LOOK_TIME_MAX, format, &tm) == 0)
		out[0] = '\0';
	return out;
}

const char *
look_time(uint64_t time_ns, char out[LOOK_TIME_MAX])
{
	return format_time(time_ns, "%Y-%m-%d %H:%M:%S", out);
}

const char *
look_json_time(uint64_t time_ns, char out[LOOK_TIME_MAX])
{
	return format_time(time_ns, "%Y-%m-%dT%H:%M:%SZ", out);
}

#include "cli/settings.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"

int
settings_read(struct config *config, const char **file)
{
	char why[512] = "";

	config_defaults(config);
	if (!*file && access(COMMAND_CONFIG_FILE, F_OK) == 0)
		*file = COMMAND_CONFIG_FILE;
	if (*file && config_read(config, *file, why, sizeof(why)) != 0)
		return command_fail(COMMAND_BAD, "%s", why);
	return 0;
}

int
settings_eve(const struct config *config, const char **output, char *eve, size_t eve_len)
{
	if (!*output)
		*output = config->output_dir;
	int n = snprintf(eve, eve_len, "%s/eve.json", *output);
	if (n < 0 || (size_t)n >= eve_len)
		return command_fail(COMMAND_BAD, "-o: the path is too long");
	return 0;
}

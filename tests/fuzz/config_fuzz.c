/* Any bytes as a configuration: an error with a line, or a configuration that round-trips. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config config, again;
	struct config_source source = {"f", data, len};
	char why[256] = "";
	char *text = NULL;
	size_t text_len = 0;

	config_defaults(&config);
	if (config_parse(&config, &source, why, sizeof(why))) {
		if (strncmp(why, "f:", 2) != 0)
			abort();
		return 0;
	}
	FILE *f = open_memstream(&text, &text_len);
	if (!f)
		return 0;
	config_print(&config, f);
	fclose(f);
	config_defaults(&again);
	source = (struct config_source){"f", text, text_len};
	if (config_parse(&again, &source, why, sizeof(why)) || !config_same(&config, &again))
		abort();
	config_free(&config);
	config_free(&again);
	free(text);
	return 0;
}

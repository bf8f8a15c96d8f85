/* Any JSON is encoded, as an alert: what comes out is one line, and within the bound in the end. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "export/encode/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	json_t *eve = json_loadb((const char *)data, len, 0, NULL);

	for (unsigned format = 0; eve && format < ENCODE_FORMAT_COUNT; format++) {
		char *whole = encode_alert(format, eve, "sensor");
		char *cut = encode_alert_within(format, eve, "sensor", 1000);

		if (!whole || !cut || strchr(whole, '\n') || strchr(cut, '\n'))
			__builtin_trap();
		/* smtap.cut is what it may be longer by. */
		if (strlen(cut) > strlen(whole) + 16)
			__builtin_trap();
		free(whole);
		free(cut);
	}
	json_decref(eve);
	return 0;
}

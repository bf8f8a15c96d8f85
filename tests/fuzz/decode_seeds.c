/* Writes the seeds of the decode fuzz target into the folder given: one a case. */
#include <stdio.h>

#include "../unit/decode_cases.h"

int
main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; i < DECODE_CASES; i++) {
		struct packet_build b;
		char path[4096];

		decode_cases[i].build(&b);
		snprintf(path, sizeof(path), "%s/%s", argv[1], decode_cases[i].name);
		FILE *f = fopen(path, "wb");
		if (!f) {
			perror(path);
			return 1;
		}
		fputc((int)decode_cases[i].link, f);
		fwrite(b.data, 1, b.len, f);
		if (fclose(f) != 0) {
			perror(path);
			return 1;
		}
	}
	return 0;
}

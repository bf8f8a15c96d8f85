/*
 * Feed every file of the folders given to the fuzz target, once, each in memory
 * that ends at an unmapped page, so that a read past the end is a crash here too.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
replay_file(const char *path)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct stat st;
	FILE *f = fopen(path, "rb");

	if (!f || fstat(fileno(f), &st) != 0) {
		perror(path);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		fclose(f);
		return 0;
	}
	size_t len = (size_t)st.st_size;
	size_t room = (len + page - 1) / page * page;
	uint8_t *map =
		mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED || mprotect(map + room, page, PROT_NONE) != 0) {
		perror("mmap");
		fclose(f);
		return -1;
	}
	uint8_t *data = map + room - len;
	if (fread(data, 1, len, f) != len) {
		perror(path);
		fclose(f);
		return -1;
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, len);
	munmap(map, room + page);
	return 1;
}

int
main(int argc, char **argv)
{
	unsigned files = 0;

	for (int i = 1; i < argc; i++) {
		struct dirent **names;
		int n = scandir(argv[i], &names, NULL, alphasort);
		if (n < 0) {
			perror(argv[i]);
			return 1;
		}
		for (int k = 0; k < n; k++) {
			char path[4096];
			snprintf(path, sizeof(path), "%s/%s", argv[i], names[k]->d_name);
			free(names[k]);
			int r = replay_file(path);
			if (r < 0)
				return 1;
			files += (unsigned)r;
		}
		free(names);
	}
	printf("%u inputs replayed\n", files);
	return files == 0;
}

/* store: may the run write its store, is it whole, and is there room for it? */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "store/store.h"

#define ROOM_LOW_BYTES (256ULL << 20)
#define ROOM_LOW_PERCENT 5u

/* As control has it. */
static void
find_file(const struct doctor *d, char path[PATH_MAX])
{
	if (d->config.store_file[0])
		snprintf(path, PATH_MAX, "%s", d->config.store_file);
	else
		snprintf(path, PATH_MAX, "%s/smtap.db", d->config.output_dir);
}

static void
cut_to_folder(char path[PATH_MAX])
{
	char *slash = strrchr(path, '/');

	if (slash)
		slash[slash == path] = '\0';
	else
		strcpy(path, ".");
}

static void
look_at_room(const char *folder, struct diag *r)
{
	struct statvfs fs;
	struct diag_item *item;
	char text[24];

	if (statvfs(folder, &fs) != 0)
		return;
	uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	uint64_t all_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
	bool none = free_bytes < (1u << 20);

	if (free_bytes >= ROOM_LOW_BYTES && free_bytes * 100 >= all_bytes * ROOM_LOW_PERCENT)
		return;
	item = diag_add(r, none ? DIAG_FAULT : DIAG_WARNING, "%s: %s are free", folder,
		doctor_size(free_bytes, text));
	diag_so(item, "when the disk is full alerts wait in memory, store.memory at most, and "
		      "lines of eve.json are lost");
	diag_mend(item, "df -h %s", folder);
}

/* It is there: open it as whoever reads it does, and read all of it. */
static void
look_inside(const char *path, struct diag *r)
{
	struct store *store = NULL;
	struct diag_item *item;
	char why[PATH_MAX + 256] = "";
	int error = store_open(&store, path, STORE_READ, why, sizeof(why));

	if (error == 0 && (error = store_check(store)) != 0)
		snprintf(why, sizeof(why), "%s: %s", path, store_error(store));
	store_close(store);
	if (error == 0) {
		diag_add(r, DIAG_OK, "%s is whole", path);
		return;
	}
	item = diag_add(r, error == -EACCES ? DIAG_UNSEEN : DIAG_FAULT, "%s", why);
	if (error == -EUCLEAN && store_file_is_ours(path)) {
		diag_so(item, "smtap run puts it aside and begins a new one; what it held is not "
			      "listed any more");
		diag_mend(item, "sqlite3 %s .recover | sqlite3 %s.recovered", path, path);
	} else if (error != -EACCES) {
		diag_so(item, "smtap run leaves it alone, and keeps alerts in memory alone, "
			      "store.memory at most");
		diag_mend(item, "smtap check -c FILE, and another store.file there");
	}
}

void
doctor_store(const struct doctor *d, struct diag *r)
{
	char path[PATH_MAX], folder[PATH_MAX];
	struct diag_item *item;

	find_file(d, path);
	strcpy(folder, path);
	cut_to_folder(folder);
	if (access(folder, F_OK) != 0) {
		diag_add(r, DIAG_OK, "%s is not there yet; smtap run makes it", path);
		return;
	}
	if (access(folder, W_OK) != 0 || (access(path, F_OK) == 0 && access(path, W_OK) != 0)) {
		bool of_folder = access(folder, W_OK) != 0;

		item = diag_add(
			r, DIAG_WARNING, "%s: we may not write it", of_folder ? folder : path);
		diag_so(item, "a run of ours keeps alerts in memory alone, store.memory at most; "
			      "incidents are not there after a restart");
		diag_mend(item, "sudo chown %s %s",
			d->config.control_user[0] ? d->config.control_user : "USER",
			of_folder ? folder : path);
	}
	if (access(path, F_OK) == 0)
		look_inside(path, r);
	else
		diag_add(r, DIAG_OK, "%s is not there yet; smtap run makes it", path);
	look_at_room(folder, r);
}

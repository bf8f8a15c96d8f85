/*
 * Theory of operation.
 *
 * A child that fork() makes has all tables as they were between two events, for nothing: the kernel
 * copies a page when we change it first. It writes them to a new file, waits for the disk, and puts
 * it in the place of the last one. Detection waits for the fork alone. The process has threads
 * (outbox, serve), so the child calls nothing that could wait for a lock which one of them held:
 * write, fsync, rename, and what only counts. The outbox stands still for the fork.
 *
 * The file is for the same program and tables of the same sizes: it holds memory as it is. What it
 * belongs to, its length and a sum of all bytes are checked before any of it is believed; whoever
 * finds it wanting says so in one line, and begins with nothing known.
 *
 * What is in it: addresses, account names, counts, fingerprints of passwords, and the key of the
 * tables' hashes. Not the key of the fingerprints: that never leaves the dataplane, which draws it
 * at its start. So whoever reads the file learns what whoever reads control's memory does, and no
 * password; its mode is 0600. It is removed when a run ends well.
 *
 * Cost: with 1 M sources (726 MB in use) the fork takes 2 ms the first time and 11 ms from then on,
 * when large pages have been split by copies; the child a second, in which an event costs 2 to 4 us
 * instead of 0.7. A copy by ourselves would stop detection for as long as the memory takes, 0.2 s;
 * tables in memory that outlives control would be torn where it died. A snapshot is one sequential
 * write of the tables in use. The next begins no sooner than three times as long after as the last
 * one took, so a disk is busy with it for a fourth of the time at most, and what a large sensor
 * forgets is a little more than store.snapshot.
 */
#include "control/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/image.h"
#include "config/reload.h"
#include "control/run_internal.h"

#define MAGIC 0x736d746170736e61ULL /* "smtapsna" */
#define HURRY_NS (50 * NS_PER_MS)
#define SLOW_NS NS_PER_MIN
#define REST 3u /* times as long as one took, before the next */

/* Before the image. No padding. */
struct file_header {
	uint64_t magic;
	uint64_t build;
	uint64_t bytes; /* of the image */
	uint64_t sum;
	uint64_t began_ns; /* monotonic; for whoever looks at the file */
};

/* All of this program's own code: whatever was built anew is another one. */
static uint64_t
build_of_this(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint64_t sum = 0;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

		if (map != MAP_FAILED) {
			sum = image_sum(map, (size_t)st.st_size);
			munmap(map, (size_t)st.st_size);
		}
	}
	if (fd >= 0)
		close(fd);
	return sum;
}

/* smtap.db: smtap.snapshot. Any other name: that, and what this is. */
static void
name_files(struct snapshot *s, const char *store)
{
	size_t len = strlen(store);

	if (len > 3 && strcmp(store + len - 3, ".db") == 0)
		len -= 3;
	int n = snprintf(s->path, sizeof(s->path), "%.*s.snapshot", (int)len, store);
	int m = snprintf(s->new_path, sizeof(s->new_path), "%.*s.snapshot.new", (int)len, store);
	if (n >= (int)sizeof(s->path) || m >= (int)sizeof(s->new_path))
		s->path[0] = '\0';
}

int
snapshot_open(struct snapshot *s, const struct run *run)
{
	const struct options *o = run->options;

	*s = (struct snapshot){.every_ns = o->config.store_snapshot};
	if (!o->live || !o->store[0] || s->every_ns == 0)
		return 0;
	name_files(s, o->store);
	s->build = build_of_this();
	s->block = malloc(IMAGE_BLOCK_BYTES);
	/* So that the child touches no page for the first time. */
	if (s->block)
		memset(s->block, 0, IMAGE_BLOCK_BYTES);
	s->good_ns = live_now_ns();
	s->next_ns = s->good_ns + s->every_ns;
	return s->block ? 0 : -ENOMEM;
}

void
snapshot_close(struct snapshot *s)
{
	free(s->block);
	*s = (struct snapshot){0};
}

static void
read_machine(char machine[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(machine, 0, 40);
	if (fd < 0)
		return;
	if (read(fd, machine, 36) != 36)
		memset(machine, 0, 40);
	close(fd);
}

/* All of it, either way. */
static void
image_all(struct run *run, struct snapshot_mark *mark, struct image *image)
{
	image_same(image, sizeof(*mark));
	IMAGE_VALUE(image, *mark);
	engine_image(run->engine, image);
	outbox_image(run->stored.outbox, image);
	image_same(image, MAGIC);
}

/* In the child: 0, or an errno. */
static int
write_all(const struct snapshot *s, struct run *run, struct snapshot_mark *mark, int fd)
{
	struct file_header header = {.magic = MAGIC, .build = s->build, .began_ns = s->began_ns};
	struct image image;

	if (lseek(fd, sizeof(header), SEEK_SET) < 0)
		return errno;
	image_save(&image, fd, s->block);
	image_all(run, mark, &image);
	if (image_end(&image) != 0)
		return -image.error;
	header.bytes = image.bytes;
	header.sum = image.sum;
	if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) || fsync(fd) != 0)
		return errno ? errno : EIO;
	return rename(s->new_path, s->path) == 0 ? 0 : errno;
}

static void __attribute__((noreturn))
child(const struct snapshot *s, struct run *run, struct snapshot_mark *mark, int fd, pid_t parent)
{
	/* If control dies, the next one begins with the last whole one, and writes where we do. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EINTR);
	/* Our end of the socket to the dataplane would outlive control. */
	if (fd > 3)
		syscall(SYS_close_range, 3u, (unsigned)fd - 1, 0u);
	syscall(SYS_close_range, (unsigned)fd + 1, ~0u, 0u);
	_exit(write_all(s, run, mark, fd));
}

/* It is there when it was renamed, which changes what is known of a file. */
static void
note_good(struct snapshot *s)
{
	struct stat st;

	s->written++;
	s->good_ns = s->began_ns;
	if (stat(s->path, &st) != 0)
		return;
	uint64_t end_ns = (uint64_t)st.st_ctim.tv_sec * NS_PER_S + (uint64_t)st.st_ctim.tv_nsec;
	s->bytes = (uint64_t)st.st_size;
	s->took_ns = end_ns > s->began_wall_ns ? end_ns - s->began_wall_ns : 0;
}

static void
note_end(struct snapshot *s, int error)
{
	if (error == 0)
		note_good(s);
	else
		s->failed++;
	if (error != s->error && error != 0)
		run_fail(0, "snapshot: %s: %s; it is tried again", s->path, strerror(error));
	else if (error != s->error || s->slow)
		run_fail(0, "snapshot: %s: works again", s->path);
	s->error = error;
	s->slow = false;
}

/* The disk takes none of it, and no other is begun meanwhile. */
static void
tell_slow(struct snapshot *s, uint64_t now_ns)
{
	if (s->slow || now_ns - s->began_ns < SLOW_NS)
		return;
	s->slow = true;
	run_fail(0,
		"snapshot: %s: its writing has not ended for %u s; who is killed now forgets so "
		"much",
		s->path, (unsigned)(SLOW_NS / NS_PER_S));
}

/* All but the number of the last alert. */
static void
take_mark(struct run *run, uint64_t now_ns, struct snapshot_mark *mark)
{
	*mark = (struct snapshot_mark){.clock_ns = now_ns,
		.first_ns = run->first_ns,
		.last_ns = run->last_ns,
		.holes = run->holes,
		.settings = config_sum(run->config),
		.rules = suppress_sum(engine_rules(run->engine))};
	run_settle(run);
	if (run->away.on)
		mark->intake.present = run->away.past;
	else
		intake_mark(&run->intake, &mark->intake);
}

static void
begin(struct run *run, uint64_t now_ns)
{
	struct snapshot *s = &run->snapshot;
	struct snapshot_mark mark;
	pid_t parent = getpid();

	int fd = open(s->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	s->hurry = false;
	s->began_ns = now_ns;
	s->began_wall_ns = live_wall_ns();
	s->next_ns = now_ns + s->every_ns;
	if (fd < 0) {
		note_end(s, errno);
		return;
	}
	bool waits = resume_mark(run, &mark);
	if (!waits)
		take_mark(run, now_ns, &mark);
	read_machine(mark.machine);
	uint64_t before_ns = live_now_ns();
	uint64_t seq = outbox_freeze(run->stored.outbox);
	mark.seq = waits ? mark.seq : seq;
	pid_t pid = fork();
	if (pid == 0)
		child(s, run, &mark, fd, parent);
	outbox_thaw(run->stored.outbox);
	uint64_t stall_ns = live_now_ns() - before_ns;
	s->stall_ns = stall_ns > s->stall_ns ? stall_ns : s->stall_ns;
	if (pid < 0)
		note_end(s, errno);
	s->child = pid > 0 ? pid : 0;
	close(fd);
}

void
snapshot_look(struct run *run, uint64_t now_ns)
{
	struct snapshot *s = &run->snapshot;
	uint64_t rest_ns;
	int fate;

	if (!s->path[0] || now_ns < s->look_ns)
		return;
	s->look_ns = now_ns + (s->hurry ? HURRY_NS : NS_PER_S);
	if (s->child != 0) {
		if (waitpid(s->child, &fate, WNOHANG) == 0) {
			tell_slow(s, now_ns);
			return;
		}
		s->child = 0;
		note_end(s, WIFEXITED(fate) ? WEXITSTATUS(fate) : EINTR);
		rest_ns = (now_ns - s->began_ns) * REST;
		/* It is looked for once a second: less is nothing. */
		if (now_ns - s->began_ns > 2 * NS_PER_S && now_ns + rest_ns > s->next_ns)
			s->next_ns = now_ns + rest_ns;
	}
	if (now_ns >= s->next_ns || s->hurry)
		begin(run, now_ns);
}

void
snapshot_hurry(struct snapshot *s)
{
	s->hurry = true;
	s->look_ns = 0;
}

/* Mapped, and whole, and ours; or NULL, and why. "": there is none. */
static void *
map_file(const struct snapshot *s, size_t *bytes, const char **why)
{
	const struct file_header *header;
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	void *map;

	*why = "";
	if (fd < 0) {
		*why = errno == ENOENT ? "" : strerror(errno);
		return NULL;
	}
	*why = "it is damaged";
	map = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > (off_t)sizeof(*header)
		      ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0)
		      : MAP_FAILED;
	close(fd);
	if (map == MAP_FAILED)
		return NULL;
	*bytes = (size_t)st.st_size;
	header = map;
	if (header->magic == MAGIC && header->build != s->build)
		*why = "another version of smtap wrote it";
	else if (header->magic == MAGIC && header->bytes == *bytes - sizeof(*header) &&
		 header->sum == image_sum(header + 1, header->bytes)) {
		*why = "";
		return map;
	}
	munmap(map, *bytes);
	return NULL;
}

bool
snapshot_load(struct run *run, struct snapshot_mark *mark, bool *spoilt)
{
	const struct snapshot *s = &run->snapshot;
	const char *why = "";
	struct image image;
	size_t bytes = 0;
	char machine[40];

	*spoilt = false;
	void *map = s->path[0] ? map_file(s, &bytes, &why) : NULL;
	if (map) {
		const struct file_header *header = map;

		image_load(&image, header + 1, header->bytes);
		image_all(run, mark, &image);
		*spoilt = image.bad;
		if (image.bad)
			why = "its tables have other sizes than the configuration says";
		munmap(map, bytes);
	}
	if (why[0])
		run_fail(0, "snapshot: %s: %s; what was known of attacks is forgotten", s->path,
			why);
	if (!map || *spoilt)
		return false;
	/* How long nobody was there: the clock of another boot says nothing. */
	read_machine(machine);
	if (memcmp(machine, mark->machine, sizeof(machine)) != 0 || !machine[0])
		mark->clock_ns = 0;
	return true;
}

void
snapshot_remove(struct snapshot *s)
{
	if (!s->path[0])
		return;
	if (s->child != 0) {
		kill(s->child, SIGKILL);
		waitpid(s->child, NULL, 0);
		s->child = 0;
	}
	unlink(s->new_path);
	unlink(s->path);
}

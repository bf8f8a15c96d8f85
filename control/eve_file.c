/*
 * Theory of operation.
 *
 * Keeps: the file, how much is in it, and when the next one is due.
 *
 * Always holds: whole lines come in, and a file ends with a whole line, whatever fails: of a write
 * that the disk cut short the part of a line is taken back. So no line is in two files, and
 * whoever reads them together reads what one file would hold.
 *
 * A file is put aside by rename, and the new one opened under the same fd; when that fails the old
 * one gets its name back and goes on, and it is tried again after RETRY_NS. Nothing here ends a
 * run: what cannot be written is counted, told once, and told once more when it works again. Alerts
 * are in the store besides.
 */
#include "control/eve_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/duration.h"
#include "control/eve_rotate.h"

#define LINE_MAX_BYTES (1 << 20)
#define RETRY_NS (60 * NS_PER_S)

/* Account names are nobody else's business. */
static int
open_path(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0640);

	return fd < 0 ? -errno : fd;
}

static const char *const faults[] = {
	[EVE_FILE_WORKS] = "",
	[EVE_FILE_NO_WRITE] = "lines are lost, and counted; detection goes on",
	[EVE_FILE_NO_ROTATION] = "it is not rotated, and goes on",
	[EVE_FILE_NO_REMOVAL] = "old ones stay",
	[EVE_FILE_NO_REOPEN] = "lines go on into the file that was moved",
};

static void
set_fault(struct eve_file *f, enum eve_file_fault fault, int error)
{
	f->news |= f->fault != fault;
	f->fault = fault;
	snprintf(
		f->why, sizeof(f->why), "%.300s: %s; %s", f->path, strerror(-error), faults[fault]);
}

/* What is wrong with something else stays wrong. */
static void
clear_fault(struct eve_file *f, enum eve_file_fault fault)
{
	if (f->fault != fault)
		return;
	f->fault = EVE_FILE_WORKS;
	f->news = true;
	snprintf(f->why, sizeof(f->why), "%.400s: works again", f->path);
}

/* The end of the interval that a time is in. */
static uint64_t
interval_end(const struct eve_file *f, uint64_t time_ns)
{
	uint64_t interval_ns = f->rotation.interval_ns;

	if (interval_ns == 0)
		return 0;
	if (interval_ns < NS_PER_S)
		interval_ns = NS_PER_S;
	return (time_ns / interval_ns + 1) * interval_ns;
}

/* What there is of it. A file of an interval that is over is due at once. */
static void
measure(struct eve_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return;
	f->regular = S_ISREG(st.st_mode) && f->fd != STDOUT_FILENO;
	f->bytes = f->regular ? (uint64_t)st.st_size : 0;
	f->next_ns =
		interval_end(f, f->bytes > 0 ? (uint64_t)st.st_mtim.tv_sec * NS_PER_S : f->now_ns);
}

/*
 * A control that was killed while it wrote left a part of a line: its event is told again, so the
 * part goes. One that is longer than any line is none of ours, and stays.
 */
static void
cut_part(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	char byte = '\n';
	off_t end;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		off_t least = st.st_size > LINE_MAX_BYTES ? st.st_size - LINE_MAX_BYTES : 0;

		for (end = st.st_size; end > least; end--)
			if (pread(fd, &byte, 1, end - 1) != 1 || byte == '\n')
				break;
		/* What cannot be cut off stays: a reader meets one odd line. */
		if ((byte == '\n' || end == 0) && end < st.st_size && ftruncate(fd, end) != 0)
			byte = '\0';
	}
	close(fd);
}

int
eve_file_open(struct eve_file *f, const char *path, bool append, uint64_t now_ns)
{
	*f = (struct eve_file){.fd = -1, .now_ns = now_ns};
	if (snprintf(f->path, sizeof(f->path), "%s", path) >= (int)sizeof(f->path))
		return -ENAMETOOLONG;
	if (append && strcmp(path, "-") != 0)
		cut_part(path);
	f->fd = strcmp(path, "-") == 0 ? STDOUT_FILENO
				       : open_path(path, append ? O_APPEND : O_TRUNC);
	if (f->fd < 0)
		return f->fd;
	measure(f);
	return 0;
}

void
eve_file_close(struct eve_file *f)
{
	if (f->fd >= 0 && f->fd != STDOUT_FILENO)
		close(f->fd);
	f->fd = -1;
}

void
eve_file_rotate_by(struct eve_file *f, const struct eve_file_rotation *rotation)
{
	f->rotation = *rotation;
	measure(f);
}

/* A new file of that name, under the fd that there is. 0 or -errno: nothing has changed. */
static int
open_anew(struct eve_file *f)
{
	int fd = open_path(f->path, O_APPEND);
	int r = fd;

	if (fd < 0)
		return r;
	r = dup3(fd, f->fd, O_CLOEXEC) < 0 ? -errno : 0;
	close(fd);
	if (r == 0)
		measure(f);
	return r;
}

static void
rotate(struct eve_file *f)
{
	int r = eve_rotate_aside(f->path, f->now_ns);

	/* Moved away by somebody else: then there is nothing to put aside. */
	bool aside = r == 0;
	if (r == 0 || r == -ENOENT)
		r = open_anew(f);
	if (r != 0) {
		set_fault(f, EVE_FILE_NO_ROTATION, r);
		f->wait_ns = f->now_ns + RETRY_NS;
		if (aside)
			eve_rotate_back(f->path);
		return;
	}
	clear_fault(f, EVE_FILE_NO_ROTATION);
	f->next_ns = interval_end(f, f->now_ns);
	if (f->rotation.keep > 0)
		r = eve_rotate_prune(f->path, f->rotation.keep);
	if (r != 0)
		set_fault(f, EVE_FILE_NO_REMOVAL, r);
	else
		clear_fault(f, EVE_FILE_NO_REMOVAL);
}

static bool
may_rotate(const struct eve_file *f)
{
	return f->regular && f->bytes > 0 && f->now_ns >= f->wait_ns && !f->reopen;
}

static uint64_t
count_lines(const char *lines, size_t len)
{
	uint64_t n = 0;

	for (const char *p = lines; (p = memchr(p, '\n', len - (size_t)(p - lines))) != NULL; p++)
		n++;
	return n;
}

/* Bytes of a line whose rest could not be written: out of the file again. */
static void
take_back(struct eve_file *f, size_t part)
{
	struct stat st;

	/* By the size that it has: whoever truncates it (copytruncate) changes what we know. */
	if (!f->regular || part == 0 || fstat(f->fd, &st) != 0 || (size_t)st.st_size < part)
		return;
	if (ftruncate(f->fd, st.st_size - (off_t)part) == 0)
		f->bytes -= part < f->bytes ? part : f->bytes;
}

/* As one file. How many lines were lost. */
static uint64_t
write_lines(struct eve_file *f, const char *lines, size_t len)
{
	size_t done = 0;
	int error = 0;

	while (done < len && error == 0) {
		ssize_t n = write(f->fd, lines + done, len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			error = -errno;
	}
	f->bytes += done;
	if (error == 0) {
		clear_fault(f, EVE_FILE_NO_WRITE);
		return 0;
	}
	const char *last = memrchr(lines, '\n', done);
	size_t whole = last ? (size_t)(last - lines) + 1 : 0;
	uint64_t lost = count_lines(lines + whole, len - whole);

	take_back(f, done - whole);
	set_fault(f, EVE_FILE_NO_WRITE, error);
	f->error = error;
	f->lost += lost;
	return lost;
}

/* The whole lines that the file has room for; all of them when it is empty and the first is larger
   than a file. */
static size_t
fitting(const struct eve_file *f, const char *lines, size_t len)
{
	uint64_t room;

	if (f->rotation.bytes == 0 || !f->regular)
		return len;
	room = f->rotation.bytes > f->bytes ? f->rotation.bytes - f->bytes : 0;
	if (len <= room)
		return len;
	const char *last = room > 0 ? memrchr(lines, '\n', (size_t)room) : NULL;
	if (last)
		return (size_t)(last - lines) + 1;
	if (f->bytes > 0)
		return 0;
	const char *first = memchr(lines, '\n', len);
	return first ? (size_t)(first - lines) + 1 : len;
}

uint64_t
eve_file_write(struct eve_file *f, const char *lines, size_t len)
{
	uint64_t lost = 0;

	while (len > 0) {
		size_t n = fitting(f, lines, len);

		if (n == 0 && may_rotate(f)) {
			rotate(f);
			n = fitting(f, lines, len);
		}
		/* It could not be rotated: better too large than lost. */
		if (n == 0)
			n = len;
		lost += write_lines(f, lines, n);
		lines += n;
		len -= n;
	}
	return lost;
}

void
eve_file_reopen(struct eve_file *f)
{
	int r;

	if (f->fd == STDOUT_FILENO)
		return;
	r = open_anew(f);
	f->reopen = r != 0;
	if (r != 0)
		set_fault(f, EVE_FILE_NO_REOPEN, r);
	else
		clear_fault(f, EVE_FILE_NO_REOPEN);
}

void
eve_file_look(struct eve_file *f, uint64_t now_ns)
{
	struct stat st;

	f->now_ns = now_ns;
	if (f->reopen)
		eve_file_reopen(f);
	if (!f->regular)
		return;
	/* copytruncate, and clocks that were set back. */
	if (fstat(f->fd, &st) == 0)
		f->bytes = (uint64_t)st.st_size;
	if (f->wait_ns > now_ns + RETRY_NS)
		f->wait_ns = now_ns;
	if (f->next_ns == 0 || now_ns < f->next_ns)
		return;
	if (may_rotate(f))
		rotate(f);
	else if (f->bytes == 0)
		f->next_ns = interval_end(f, now_ns);
}

bool
eve_file_trouble(struct eve_file *f, char why[EVE_FILE_WHY_MAX])
{
	bool news = f->news;

	if (news)
		memcpy(why, f->why, sizeof(f->why));
	f->news = false;
	return news;
}

#include "cli/look/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/command.h"

#define ANSWER_MAX (16u << 20)

int
ask_open(struct look *look, int *status)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, r = look_find_socket(look);

	*status = COMMAND_FAILED;
	if (r != 0) {
		*status = r;
		return -1;
	}
	if (strlen(look->path) >= sizeof(address.sun_path)) {
		command_fail(0, "%s: the path of the socket is too long", look->path);
		return -1;
	}
	strcpy(address.sun_path, look->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	r = errno;
	if (fd >= 0)
		close(fd);
	if (r == ENOENT || r == ECONNREFUSED)
		command_fail(
			0, "%s: no smtap run is there; -o names the folder of one", look->path);
	else
		command_fail(0, "%s: %s", look->path, strerror(r));
	return -1;
}

static int
say(int fd, json_t *question)
{
	char *text = json_dumps(question, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0, done = 0;

	json_decref(question);
	if (!text)
		return -ENOMEM;
	text[len] = '\n'; /* in the place of the NUL */
	while (done <= len) {
		ssize_t n = send(fd, text + done, len + 1 - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	free(text);
	return done == len + 1 ? 0 : -EPIPE;
}

/* A line, to be freed; NULL: it did not come. */
static char *
hear(int fd, size_t *len)
{
	size_t room = 0;
	char *text = NULL;

	*len = 0;
	for (;;) {
		if (*len + 1 >= room) {
			char *more = room < ANSWER_MAX ? realloc(text, room * 2 + 65536) : NULL;

			if (!more)
				break;
			text = more;
			room = room * 2 + 65536;
		}
		ssize_t n = recv(fd, text + *len, room - *len - 1, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		*len += (size_t)n;
		if (text[*len - 1] == '\n')
			return text;
	}
	free(text);
	return NULL;
}

json_t *
ask(int fd, json_t *question, struct ask_refusal *refusal)
{
	size_t len;
	char *text = say(fd, question) == 0 ? hear(fd, &len) : NULL;
	json_t *answer = text ? json_loadb(text, len, 0, NULL) : NULL;
	const char *error = json_string_value(json_object_get(answer, "error"));

	free(text);
	if (answer && !error)
		return answer;
	bool bad = json_integer_value(json_object_get(answer, "status")) == COMMAND_BAD;
	refusal->status = bad ? COMMAND_BAD : COMMAND_FAILED;
	snprintf(refusal->why, sizeof(refusal->why), "%s",
		error ? error : "smtap run does not answer any more");
	json_decref(answer);
	return NULL;
}

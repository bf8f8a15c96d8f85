#include "control/serve/answer.h"

#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/duration.h"
#include "base/utf8.h"
#include "store/store.h"

static char *
line_of(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	char *line = text ? realloc(text, len + 2) : NULL;

	json_decref(object);
	if (!line) {
		free(text);
		return NULL;
	}
	strcpy(line + len, "\n");
	return line;
}

char *
answer_error(const char *why)
{
	return line_of(json_pack("{s:s}", "error", why));
}

static char *
read_ack(struct answer_request *request, json_t *object)
{
	json_t *id = json_object_get(object, "incident");
	const char *note = json_string_value(json_object_get(object, "note"));

	if (!json_is_integer(id) || json_integer_value(id) <= 0)
		return answer_error("ack: the number of an incident is needed");
	note = note ? note : "";
	if (strlen(note) > ANSWER_NOTE_MAX)
		return answer_error("ack: the note is too long");
	if (!utf8_is_printable((const uint8_t *)note, strlen(note)))
		return answer_error("ack: the note holds a control character");
	request->incident = (uint64_t)json_integer_value(id);
	strcpy(request->note, note);
	return NULL;
}

char *
answer_read(struct answer_request *request, const char *line)
{
	json_error_t error;
	json_t *object = json_loads(line, 0, &error);
	const char *verb = json_string_value(json_object_get(object, "verb"));
	char *wrong = NULL;

	*request = (struct answer_request){0};
	if (!object)
		wrong = answer_error("no JSON object");
	else if (!verb)
		wrong = answer_error("verb is missing");
	else if (strcmp(verb, "status") == 0)
		request->verb = ANSWER_STATUS;
	else if (strcmp(verb, "ack") == 0) {
		request->verb = ANSWER_ACK;
		wrong = read_ack(request, object);
	} else
		wrong = answer_error("unknown verb; known are status and ack");
	json_decref(object);
	return wrong;
}

/* Who is at the other end, as the kernel knows it. */
static void
name_peer(int fd, char name[64])
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof(peer);
	struct passwd entry, *found = NULL;
	char buffer[1024];

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	if (getpwuid_r(peer.uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		snprintf(name, 64, "%s", found->pw_name);
	else
		snprintf(name, 64, "uid %u", (unsigned)peer.uid);
}

char *
answer_ack(const struct answer_request *request, const char *path, int fd)
{
	char name[64], why[512] = "there is no store";
	struct store *store = NULL;
	struct timespec now;
	int r = -ENOENT;

	name_peer(fd, name);
	clock_gettime(CLOCK_REALTIME, &now);
	if (!path[0] || store_open(&store, path, STORE_WRITE, why, sizeof(why)) != 0)
		return answer_error(why);
	const struct store_ack ack = {.incident = request->incident,
		.time_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec,
		.by = name,
		.note = request->note};
	r = store_ack(store, &ack);
	if (r == -ENOENT)
		snprintf(why, sizeof(why), "there is no incident %llu",
			(unsigned long long)request->incident);
	else if (r != 0)
		snprintf(why, sizeof(why), "%s: %s", path, store_error(store));
	store_close(store);
	return r ? answer_error(why) : line_of(json_pack("{s:b, s:s}", "ok", 1, "by", name));
}

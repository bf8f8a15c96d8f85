/* Alerts about the sensor itself. */
#include "tests/unit/export_fixture.h"

#include <jansson.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/export/eve.h"

struct rig {
	int fd;
	struct config config;
	struct eve *eve;
	char text[4096];
};

static int
rig_open(void **state)
{
	static const struct pattern_set no_patterns;
	struct rig *s = calloc(1, sizeof(*s));
	struct eve_options options = {.patterns = &no_patterns};

	assert_non_null(s);
	s->fd = memfd_create("eve", MFD_CLOEXEC);
	config_defaults(&s->config);
	options.fd = s->fd;
	options.config = &s->config;
	s->eve = eve_open(&options);
	*state = s;
	return s->eve ? 0 : -1;
}

static int
rig_close(void **state)
{
	struct rig *s = *state;

	eve_close(s->eve);
	close(s->fd);
	free(s);
	return 0;
}

/* The line that was written last; both objects are borrowed from *line. */
static json_t *
last_line(struct rig *s, json_t **alert, json_t **smtap)
{
	ssize_t len = pread(s->fd, s->text, sizeof(s->text) - 1, 0);

	assert_true(len > 1);
	s->text[len - 1] = '\0';
	char *start = strrchr(s->text, '\n');
	json_t *line = json_loads(start ? start + 1 : s->text, 0, NULL);
	assert_non_null(line);
	*alert = json_object_get(line, "alert");
	*smtap = json_object_get(line, "smtap");
	return line;
}

static json_int_t
number(json_t *object, const char *key)
{
	json_t *v = json_object_get(object, key);

	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static void
a_loss_of_the_sensor_is_an_alert_of_no_incident(void **state)
{
	struct rig *s = *state;
	json_t *alert, *smtap;

	eve_set_loss(s->eve, 7);
	eve_sensor_loss(s->eve, &(struct eve_loss){1000, 20, true}, TIME_NS);
	json_t *line = last_line(s, &alert, &smtap);
	assert_int_equal(number(alert, "signature_id"), 9000099);
	assert_int_equal(number(smtap, "packets"), 1000);
	assert_int_equal(number(smtap, "packets_lost"), 20);
	assert_int_equal(number(smtap, "sensor_loss"), 7);
	assert_string_equal(json_string_value(json_object_get(smtap, "state")), "open");
	assert_non_null(json_object_get(smtap, "advice"));
	assert_null(json_object_get(smtap, "incident_id"));
	json_decref(line);
	eve_sensor_loss(s->eve, &(struct eve_loss){1000, 0, false}, TIME_NS);
	line = last_line(s, &alert, &smtap);
	assert_string_equal(json_string_value(json_object_get(smtap, "state")), "closed");
	assert_null(json_object_get(smtap, "advice"));
	json_decref(line);
}

static void
what_the_sensor_sheds_is_an_alert_of_no_incident(void **state)
{
	struct rig *s = *state;
	const struct eve_shed shed = {
		.level = 2, .sessions = 30, .packets = 400, .bodies = 5, .begins = true};
	json_t *alert, *smtap;

	eve_sensor_shed(s->eve, &shed, TIME_NS);
	json_t *line = last_line(s, &alert, &smtap);
	assert_int_equal(number(alert, "signature_id"), 9000098);
	assert_int_equal(number(smtap, "level"), 2);
	assert_int_equal(number(smtap, "sessions_shed"), 30);
	assert_int_equal(number(smtap, "packets_shed"), 400);
	assert_int_equal(number(smtap, "bodies_shed"), 5);
	assert_null(json_object_get(smtap, "incident_id"));
	json_decref(line);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)
	const struct CMUnitTest tests[] = {
		TEST(a_loss_of_the_sensor_is_an_alert_of_no_incident),
		TEST(what_the_sensor_sheds_is_an_alert_of_no_incident),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

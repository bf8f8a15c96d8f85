/* Alerts about the sensor itself: packets were lost, or shed. No findings, and of no incident. */
#include "control/export/line.h"

/* Beside those of the detectors (detect/info.c). */
#define LOSS_SIGNATURE_ID 9000099
#define SHED_SIGNATURE_ID 9000098
#define SENSOR_SEVERITY 3

static struct alert_rule
sensor_rule(uint32_t id, const char *detector, const char *title)
{
	return (struct alert_rule){.signature_id = id,
		.detector = detector,
		.title = title,
		.category = "Misc activity",
		.mitre = "",
		.severity = SENSOR_SEVERITY,
		.confidence = 100};
}

/* The line; what the sensor tells goes into *smtap, which is the line's. */
static json_t *
sensor_line(const struct alert_rule *rule, bool begins, uint64_t time_ns, json_t **smtap)
{
	json_t *line = line_start("alert", time_ns, NULL);

	*smtap = json_object();
	json_object_set_new(line, "alert", line_alert(rule));
	line_put_string(*smtap, "detector", rule->detector);
	line_put_string(*smtap, "state", begins ? "open" : "closed");
	json_object_set_new(line, "smtap", *smtap);
	return line;
}

static void
sensor_end(struct eve *eve, json_t *line, json_t *smtap, uint64_t time_ns, const char *advice)
{
	line_put_number(smtap, "sensor_loss", eve->loss);
	if (advice)
		line_put_string(smtap, "advice", advice);
	line_end_alert(eve, line, NULL, time_ns);
	line_flush(eve);
}

void
eve_sensor_loss(struct eve *eve, const struct eve_loss *loss, uint64_t time_ns)
{
	const struct alert_rule rule = sensor_rule(LOSS_SIGNATURE_ID, "sensor_loss",
		"the sensor loses packets: attacks may go unseen");
	json_t *smtap;
	json_t *line = sensor_line(&rule, loss->begins, time_ns, &smtap);

	line_put_number(smtap, "packets", loss->packets);
	line_put_number(smtap, "packets_lost", loss->lost);
	sensor_end(eve, line, smtap, time_ns,
		loss->begins ? "See the counters port_missed, port_nombuf, port_errors and "
			       "dispatch_full of the stats lines; give it more workers "
			       "(dataplane.workers), CPUs of their own, or larger buffers "
			       "(dataplane.rx_descriptors)."
			     : NULL);
}

void
eve_sensor_shed(struct eve *eve, const struct eve_shed *shed, uint64_t time_ns)
{
	const struct alert_rule rule = sensor_rule(SHED_SIGNATURE_ID, "sensor_shed",
		"the sensor sheds what is of least interest: it cannot keep up");
	json_t *smtap;
	json_t *line = sensor_line(&rule, shed->begins, time_ns, &smtap);

	line_put_number(smtap, "level", shed->level);
	line_put_number(smtap, "sessions_shed", shed->sessions);
	line_put_number(smtap, "packets_shed", shed->packets);
	line_put_number(smtap, "bodies_shed", shed->bodies);
	sensor_end(eve, line, smtap, time_ns,
		shed->begins ? "See the counters shed_* of the stats lines; give it more workers "
			       "(dataplane.workers) or CPUs of their own. dataplane.shed: false "
			       "leaves the choice to the port, which drops at random."
			     : NULL);
}

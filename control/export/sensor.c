/* The alert about the sensor itself: packets were lost. It is no finding, and of no incident. */
#include "control/export/line.h"

#define SENSOR_SIGNATURE_ID 9000099 /* beside those of the detectors (detect/info.c) */
#define SENSOR_SEVERITY 3

void
eve_sensor_loss(struct eve *eve, const struct eve_loss *loss, uint64_t time_ns)
{
	static const struct alert_rule rule = {.signature_id = SENSOR_SIGNATURE_ID,
		.detector = "sensor_loss",
		.title = "the sensor loses packets: attacks may go unseen",
		.category = "Misc activity",
		.mitre = "",
		.severity = SENSOR_SEVERITY,
		.confidence = 100};
	json_t *line = line_start("alert", time_ns, NULL);
	json_t *smtap = json_object();

	json_object_set_new(line, "alert", line_alert(&rule));
	line_put_string(smtap, "detector", rule.detector);
	line_put_string(smtap, "state", loss->begins ? "open" : "closed");
	line_put_number(smtap, "packets", loss->packets);
	line_put_number(smtap, "packets_lost", loss->lost);
	line_put_number(smtap, "sensor_loss", eve->loss);
	if (loss->begins)
		line_put_string(smtap, "advice",
			"See the counters port_missed, port_nombuf, port_errors and dispatch_full "
			"of the stats lines; give it more workers (dataplane.workers), CPUs of "
			"their own, or larger buffers (dataplane.rx_descriptors).");
	json_object_set_new(line, "smtap", smtap);
	line_end_alert(eve, line, NULL, time_ns);
	eve_flush(eve);
}

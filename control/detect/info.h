/* What a detector is called and means: for alerts, reports and manuals. */
#ifndef SMTAP_CONTROL_DETECT_INFO_H
#define SMTAP_CONTROL_DETECT_INFO_H

/* A detector's name, ATT&CK techniques (comma separated), title, category, severity
   (1 high .. 3 low) and advice for a finding. */
struct detector_info {
	const char *name;
	const char *title;
	const char *category;
	const char *mitre;
	unsigned severity;
	unsigned signature_id;
	const char *counted; /* what `attempts` of its findings counts; NULL: AUTH attempts */
};

const struct detector_info *detector_info(unsigned detector);

#endif

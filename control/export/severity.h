/*
 * What the numbers of detectors and signatures mean, wherever they are told: Suricata's alert
 * has 1 for the worst, its rules' metadata has the words.
 *
 * X(number, "word", "Word")
 */
#ifndef SMTAP_CONTROL_EXPORT_SEVERITY_H
#define SMTAP_CONTROL_EXPORT_SEVERITY_H

#define SEVERITIES(X)                \
	X(1, "critical", "Critical") \
	X(2, "major", "Major")       \
	X(3, "minor", "Minor")       \
	X(4, "informational", "Informational")

/* In a sentence: "critical" for 1; "informational" for what is none of them. */
const char *severity_word(unsigned severity);

/* As the metadata of rules has it: "Critical". */
const char *severity_name(unsigned severity);

#endif

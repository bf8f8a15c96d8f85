#include "control/export/severity.h"

const char *
severity_word(unsigned severity)
{
	switch (severity) {
#define X(number, word, name) \
	case number:          \
		return word;
		SEVERITIES(X)
#undef X
	}
	return "informational";
}

const char *
severity_name(unsigned severity)
{
	switch (severity) {
#define X(number, word, name) \
	case number:          \
		return name;
		SEVERITIES(X)
#undef X
	}
	return "Informational";
}

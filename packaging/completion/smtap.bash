# bash completion for smtap: verbs, their options as --help has them, and files.
_smtap_verbs() {
	"$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | grep -vx smtap
}

# Of incidents: what stands after its name in usage and examples.
_smtap_incident_verbs() {
	"$1" incidents --help 2>/dev/null |
		sed -n 's/^.*smtap incidents \[\{0,1\}\([a-z][a-z]*\).*/\1/p' | sort -u
}

_smtap_options() {
	"$1" ${2:+"$2"} --help 2>/dev/null | grep -o -- '--[a-z][a-z-]*' | sort -u
}

_smtap() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb='' i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		*)
			verb=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	COMPREPLY=()
	if [ -z "$verb" ] && [[ $word != -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_smtap_verbs "${COMP_WORDS[0]}")" -- "$word")
		return
	fi
	case $before in
	--format)
		mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word")
		return
		;;
	--speed)
		mapfile -t COMPREPLY < <(compgen -W 'max real' -- "$word")
		return
		;;
	--interface)
		mapfile -t COMPREPLY < <(compgen -W "$(ls /sys/class/net 2>/dev/null)" -- "$word")
		return
		;;
	esac
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_smtap_options "${COMP_WORDS[0]}" "$verb")" -- \
			"$word")
	elif [ "$verb" = incidents ] && [ "$before" = incidents ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_smtap_incident_verbs "${COMP_WORDS[0]}")" -- \
			"$word")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	fi
}
complete -o filenames -F _smtap smtap

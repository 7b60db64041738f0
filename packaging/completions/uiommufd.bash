# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash: commands, options, models and kinds are those that the uiommufd that is typed names itself.

_uiommufd_commands() {
	"$1" --help 2>/dev/null | sed -n 's/^  \([a-z]\{3,\}\)  *.*/\1/p'
}

_uiommufd_options() {
	"$1" "$2" --help 2>/dev/null | grep -oE -- '(^|[ ,])--?[a-z][a-z-]*' | tr -d ' ,' | sort -u
}

# What `uiommufd list` has under the heading that matches $2.
_uiommufd_list() {
	"$1" list 2>/dev/null | awk -v heading="$2" '/^[^ ]/ { on = tolower($0) ~ heading } on && /^  [a-z0-9]/ { print $1 }'
}

_uiommufd() {
	local program=$1 word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} i
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_uiommufd_commands "$program") --help --version" -- "$word")
		return
	fi
	# Behind "--", or the first word that is no option, another program's words begin.
	case $command in
	run | trace)
		for ((i = 2; i < COMP_CWORD; i++)); do
			[ "${COMP_WORDS[i]}" != -- ] && continue
			if declare -F _command_offset >/dev/null; then
				_command_offset $((i + 1))
			else
				mapfile -t COMPREPLY < <(compgen -c -f -- "$word")
			fi
			return
		done
		;;
	esac
	case $before in
	--device) mapfile -t COMPREPLY < <(compgen -W "$(_uiommufd_list "$program" device)" -- "$word") ;;
	--iommu) mapfile -t COMPREPLY < <(compgen -W "$(_uiommufd_list "$program" iommu)" -- "$word") ;;
	--join | --machine | --stop) mapfile -t COMPREPLY < <(compgen -W "$("$program" machine --list 2>/dev/null)" -- "$word") ;;
	--container) mapfile -t COMPREPLY < <(compgen -W "type1 iommufd none" -- "$word") ;;
	*)
		case $word in
		-*) mapfile -t COMPREPLY < <(compgen -W "$(_uiommufd_options "$program" "$command") --help" -- "$word") ;;
		*)
			case $command in
			serve | plug | list) mapfile -t COMPREPLY < <(compgen -W "$(_uiommufd_list "$program" device)" -- "$word") ;;
			run) mapfile -t COMPREPLY < <(compgen -c -f -- "$word") ;;
			*) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
			esac
			;;
		esac
		;;
	esac
}

complete -F _uiommufd uiommufd

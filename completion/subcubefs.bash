# bash completion for subcubefs and subcube-materialize. The options are those that --help lists.

# Words that the value of option $1 may be, one a line.
_subcubefs_values() {
	case $1 in
	--missing) printf '%s\n' blank skip error ;;
	--history) printf '%s\n' first all ;;
	--miscinfo) printf '%s\n' merge first ;;
	--axis) printf '%s\n' spectral 0 1 2 3 ;;
	--mode | -m) printf '%s\n' paged nomovevirtual virtual copyvirtual movevirtual auto ;;
	--tiling) printf '%s\n' auto casa keep ;;
	--reflink | --progress) printf '%s\n' auto always never ;;
	--log) printf '%s\n' syslog stderr ;;
	--follow) printf '%s\n' stdin ;;
	esac
}

# What the directory of $1 holds: DIR/BASE for every DIR/BASE.subcube.N.EXT, and directories that are no subcubes.
_subcubefs_sources() {
	local path
	compgen -f -- "$1" | while IFS= read -r path; do
		case ${path##*/} in
		*.subcube.*) printf '%s\n' "${path%%.subcube.*}" ;;
		*) [ -d "$path" ] && printf '%s\n' "$path" ;;
		esac
	done | sort -u
}

_subcubefs_options() {
	"$1" --help 2>/dev/null | sed -n 's/^ *\(-., *\)\{0,1\}\(--[a-z][a-z-]*=\{0,1\}\).*/\2/p'
}

_subcubefs() {
	local IFS=$'\n' cur=${COMP_WORDS[COMP_CWORD]} option='' program=${COMP_WORDS[0]}
	# "--missing=sk" is three words here, "--missing=" two.
	if [[ $cur == = ]]; then
		option=${COMP_WORDS[COMP_CWORD - 1]} cur=''
	elif ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then
		option=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == -* && $cur != -* ]]; then
		option=${COMP_WORDS[COMP_CWORD - 1]}
	fi
	case $option in
	--cache-dir | --log)
		COMPREPLY=($(compgen -W "$(_subcubefs_values "$option")" -- "$cur"; compgen -f -- "$cur"))
		compopt -o filenames
		return
		;;
	--follow) # its value is optional
		if [[ ${COMP_WORDS[COMP_CWORD]} == = || ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then
			COMPREPLY=($(compgen -W "$(_subcubefs_values "$option")" -- "$cur"))
			return
		fi
		;;
	--missing | --history | --miscinfo | --axis | --mode | -m | --tiling | --reflink | --progress)
		COMPREPLY=($(compgen -W "$(_subcubefs_values "$option")" -- "$cur"))
		return
		;;
	--pattern | --nparts | --nchan | --jobs | -j | --memory | --readahead | --refresh | --settle | --ready-file | --user | --ext | -e)
		COMPREPLY=()
		return
		;;
	-o | --output | --options)
		if [[ ${program##*/} == subcubefs ]]; then
			local words="allow_other${IFS}allow_root${IFS}auto_unmount${IFS}nonempty${IFS}fsname=${IFS}max_read=${IFS}direct_io"
			local before=''
			[[ $cur == *,* ]] && before=${cur%,*},
			COMPREPLY=($(compgen -P "$before" -W "$words" -- "${cur##*,}"))
			compopt -o nospace
			return
		fi
		;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$(_subcubefs_options "$program")" -- "$cur"))
		[[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
		return
	fi
	COMPREPLY=($(_subcubefs_sources "$cur"))
	compopt -o filenames
}

complete -F _subcubefs subcubefs subcube-materialize

#!/usr/bin/env bash
# Sourced after a script has set its options to their defaults; reads --name value pairs from "$@".
#
#   --name value, --name=value   sets ${name}; '-' in a name is read as '_'
#   --config FILE                sources FILE first, so that the command line wins over it
#   --help, -h                   prints ${help_message} to stdout and exits 0
#   --                           ends the options; so does the first positional argument
#
# Only variables that are set already can be changed; one that holds true or false takes only these
# words. Values are stored as they are, never evaluated. Wrong usage: a message and exit 2; for an unknown
# option it names the nearest one of ${help_message}.

_po_die() { echo "${0##*/}: $* (see ${0##*/} --help)" >&2; exit 2; }

# _po_near NAME: ' (did you mean --X?)' if an option of ${help_message}, or of ${other_options}, begins with NAME or differs in few letters.
_po_near() {
    grep -oE -e '--[a-z][a-z0-9_-]*' <<< "${help_message:-} ${other_options:-}" | awk -v name="$1" '
        function distance(a, b,    i, j, d) {
            for (i = 0; i <= length(a); i++) d[i, 0] = i
            for (j = 0; j <= length(b); j++) d[0, j] = j
            for (i = 1; i <= length(a); i++)
                for (j = 1; j <= length(b); j++) {
                    d[i, j] = d[i - 1, j - 1] + (substr(a, i, 1) != substr(b, j, 1))
                    if (d[i - 1, j] + 1 < d[i, j]) d[i, j] = d[i - 1, j] + 1
                    if (d[i, j - 1] + 1 < d[i, j]) d[i, j] = d[i, j - 1] + 1
                }
            return d[length(a), length(b)]
        }
        BEGIN { least = length(name) / 3 + 0.5 }
        {
            known = substr($0, 3)
            gsub(/-/, "_", known)
            # Something shortened counts as nearer than any misspelling.
            far = length(name) > 1 && index(known, name) == 1 ? length(known) / 1000 : distance(name, known)
            if (far < least) { least = far; near = $0 }
        }
        END { if (near) printf " (did you mean %s?)", near }'
}

_po_check() {  # _po_check OPTION VARIABLE VALUE: dies unless VARIABLE may become VALUE
    [[ "$2" =~ ^[a-zA-Z][a-zA-Z0-9_]*$ ]] || _po_die "invalid option $1"
    # Names in capitals are the environment's (PATH, HOME), not options of a script.
    if [[ "$2" != *[a-z]* ]] || [ -z "${!2+set}" ]; then _po_die "unknown option $1$(_po_near "$2")"; fi
    if [ "${!2}" = true ] || [ "${!2}" = false ]; then
        [ "$3" = true ] || [ "$3" = false ] || _po_die "option $1 takes true or false, not '$3'"
    fi
}

# --config comes first, wherever it stands among the options.
for ((_po_i = 1; _po_i <= $#; _po_i++)); do
    case "${!_po_i}" in
        --config=*) _po_file="${!_po_i#--config=}" ;;
        --config)
            _po_j=$((_po_i + 1))
            [ "${_po_j}" -le $# ] || _po_die "option --config needs a value"
            _po_file="${!_po_j}"
            _po_i=${_po_j}
            ;;
        --*=*) continue ;;
        -- | [!-]* | "") break ;;
        --*) _po_i=$((_po_i + 1)); continue ;;
        *) continue ;;
    esac
    # A script with an option of that name keeps it for itself.
    [ -n "${config+set}" ] && continue
    [ -r "${_po_file}" ] || _po_die "cannot read the file of --config: '${_po_file}'"
    # shellcheck disable=SC1090  # the user's file
    . "${_po_file}"
done

while [ $# -gt 0 ]; do
    case "$1" in
        --help | -h)
            printf '%s\n' "${help_message:-No help for ${0##*/}.}"
            exit 0
            ;;
        --) shift; break ;;
        --*) _po_option="${1%%=*}" ;;
        *) break ;;
    esac
    _po_name="${_po_option#--}"
    _po_name="${_po_name//-/_}"
    if [[ "$1" = *=* ]]; then
        _po_value="${1#*=}"
        shift
    elif [ $# -ge 2 ]; then
        _po_value="$2"
        shift 2
    else
        _po_check "$1" "${_po_name}" ""
        _po_die "option $1 needs a value"
    fi
    [ "${_po_name}" = config ] && [ -z "${config+set}" ] && continue
    _po_check "${_po_option}" "${_po_name}" "${_po_value}"
    printf -v "${_po_name}" '%s' "${_po_value}"
done
unset _po_i _po_j _po_file _po_option _po_value _po_name

#!/usr/bin/env bash
# Creates a recipe: links to the shared scripts, copies of what a recipe owns.
set -euo pipefail

corpus=       # name of the corpus; none: the folder above the new one
db=           # variable of db.sh that names the corpus; none: CORPUS in capitals
sets="train dev test"  # training, development and test sets
force=false   # overwrite run.sh, local/data.sh, cmd.sh, a changed db.sh or path.sh and a conf/ of the recipe's own
copy=false    # copy the shared files instead of linking (file systems without symbolic links)
help_message="Usage: setup.sh [options] egs2/<corpus>/tse1
  --corpus NAME          name of the corpus (default: the folder's)
  --db VARIABLE          variable of db.sh for its place (default: the name in capitals)
  --sets 'train dev test ...'  the sets: training, development, test sets
  --force                overwrite what a recipe owns
  --copy                 copy the shared files and configs instead of linking them
Run again, it repairs links and leaves the recipe's own files alone. Exit: 0 done, 1 refused, 2 wrong usage."

unset CDPATH  # in its folders cd would look first, and it would print where it goes
template=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "${template}/../../.." && pwd -P)
fail() { echo "setup.sh: $1" >&2; exit "${2:-1}"; }

dir=
while [ $# -gt 0 ]; do
    case "$1" in
        --help | -h) echo "${help_message}"; exit 0 ;;
        --force) force=true; shift ;;
        --copy) copy=true; shift ;;
        --corpus | --db | --sets)
            [ $# -ge 2 ] || fail "option $1 needs a value (see --help)" 2
            printf -v "${1#--}" '%s' "$2"
            shift 2
            ;;
        --corpus=* | --db=* | --sets=*)
            name=${1%%=*}
            printf -v "${name#--}" '%s' "${1#*=}"
            shift
            ;;
        -*) fail "unknown option $1 (see --help)" 2 ;;
        *)
            [ -z "${dir}" ] || fail "one folder is expected, not '${dir}' and '$1' (see --help)" 2
            dir=${1%/}
            shift
            ;;
    esac
done
[ -n "${dir}" ] || fail "the folder of the new recipe is missing, as egs2/mycorpus/tse1 (see --help)" 2
parent=$(dirname "$(dirname "${dir}")")
[ -d "${parent}/TEMPLATE/tse1" ] && [ "$(cd "${parent}/TEMPLATE/tse1" && pwd -P)" = "${template}" ] \
    || fail "'${dir}' is not <clone>/egs2/<corpus>/tse1; the template is ${template}"
corpus=${corpus:-$(basename "$(dirname "${dir}")")}
[ "${corpus}" != TEMPLATE ] || fail "TEMPLATE is not a corpus" 2
[[ "${corpus}" =~ ^[A-Za-z0-9._-]+$ ]] || fail "corpus '${corpus}': only letters, digits and ._- please" 2
db=${db:-$(tr 'a-z.-' 'A-Z__' <<< "${corpus}")}
[[ "${db}" =~ ^[A-Z][A-Z0-9_]*$ ]] || fail "--db '${db}': a variable in capitals is expected, as MYCORPUS" 2
read -ra names <<< "${sets}"
[ ${#names[@]} -ge 3 ] || fail "--sets '${sets}': a training, a development and a test set at least" 2
for name in "${names[@]}"; do
    [[ "${name}" =~ ^[A-Za-z0-9._+-]+$ ]] || fail "--sets: '${name}' is not a name of a set" 2
done

# Refuse before anything is written.
if ! "${force}"; then
    for file in run.sh local/data.sh; do
        [ -e "${dir}/${file}" ] || continue
        if ! grep -q "^# Made by setup.sh for ${corpus}\$" "${dir}/${file}"; then
            fail "${dir}/${file} is there and was not made for '${corpus}'; --force overwrites it"
        fi
    done
    # A folder of links, or of copies that nobody has changed, may go.
    if [ -d "${dir}/conf" ] && [ ! -L "${dir}/conf" ]; then
        while IFS= read -r file; do
            cmp -s "${file}" "${template}/conf/${file#"${dir}"/conf/}" && continue
            fail "${file} is the recipe's own, but conf is a link to the template's: move YAMLs to ${dir}/local/conf/ \
(base: ../../conf/<name>.yaml), slurm.conf, queue.conf and pbs.conf to ${parent}/; --force removes them"
        done < <(find "${dir}/conf" -type f | LC_ALL=C sort)
    fi
fi

mkdir -p "${dir}/local"
for file in tse.sh path.sh db.sh scripts conf; do
    # A copy that the recipe has changed is its own.
    if [[ "${file}" == @(path|db).sh && -f "${dir}/${file}" && ! -L "${dir}/${file}" ]] && ! "${force}" \
        && ! cmp -s "${dir}/${file}" "${template}/${file}"; then
        continue
    fi
    if "${copy}"; then
        rm -rf "${dir:?}/${file}"
        cp -R "${template}/${file}" "${dir}/${file}"
    else
        rm -rf "${dir:?}/${file}"
        ln -s "../../TEMPLATE/tse1/${file}" "${dir}/${file}"
    fi
done
rm -rf "${dir}/utils"
if "${copy}"; then cp -R "${root}/utils" "${dir}/utils"; else ln -s ../../../utils "${dir}/utils"; fi

own() {  # own SOURCE TARGET: a file of the recipe, filled from the template, kept if it is there
    if [ -e "${dir}/$2" ] && ! "${force}"; then return 0; fi
    rm -f "${dir:?}/$2"  # a link would write into the template
    sed -e "s/@CORPUS@/${corpus}/g" -e "s/@DB@/${db}/g" -e "s/@TRAIN@/${names[0]}/g" -e "s/@VALID@/${names[1]}/g" \
        -e "s/@TESTS@/${names[*]:2}/g" -e "s/@SETS@/${names[*]}/g" "${template}/$1" > "${dir}/$2"
    case "$2" in *.sh) chmod +x "${dir}/$2" ;; esac
}
own run.sh.in run.sh
own local/data.sh.in local/data.sh
own README.md.in README.md
own cmd.sh cmd.sh

# A link shows the template's db.sh, a copy is the recipe's own.
target=${dir}/db.sh
if [ -L "${target}" ]; then target=${template}/db.sh; fi
if ! grep -q "^${db}=" "${target}"; then
    awk -v line="${db}=\${${db}:-}" '/^if / && !done { print line "\n"; done = 1 } { print }' "${target}" > "${target}.tmp"
    chmod --reference="${target}" "${target}.tmp"
    mv "${target}.tmp" "${target}"
    echo "setup.sh: ${db} was added to ${target}"
fi

echo "setup.sh: ${dir} is ready. Next:
  1. write ${dir}/local/data.sh: it leaves data/{$(tr ' ' ',' <<< "${names[*]}")}
  2. name the corpus: ${db}=/path in the environment, or in ${dir}/db.local.sh
  3. choose configs in ${dir}/run.sh (conf/ has the template's; the recipe's own lie in local/conf/)
  4. cd ${dir} && ./run.sh --stop_stage validate"

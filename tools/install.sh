#!/usr/bin/env bash
# Installs the package and everything of tools/lock.txt into a virtual environment.
# Usage: tools/install.sh [VENV]   (PYTHON=python3.12 chooses the interpreter)
set -euo pipefail

unset CDPATH  # in its folders cd would look first, and it would print where it goes
root=$(cd "$(dirname "$0")/.." && pwd)
venv=${1:-${root}/.venv}
python=${PYTHON:-python3}
uv_version=0.13.8

log() { printf '%s (install.sh) %s\n' "$(date '+%Y-%m-%dT%H:%M:%S')" "$*"; }
die() { printf 'install.sh: error: %s\n' "$*" >&2; exit 3; }

# Python before 3.11.11 and 3.12.8 writes the path into bin/activate between double quotes, whatever is in it.
quote_activate() {
    local line file=${venv}/bin/activate begin='^([[:space:]]*(export )?VIRTUAL_ENV=)"'
    [ -f "${file}" ] || return 0
    while IFS= read -r line || [ -n "${line}" ]; do
        if [[ "${line}" =~ ${begin} ]]; then
            printf '%s%q\n' "${BASH_REMATCH[1]}" "$(cd "${venv}" && pwd)"
        else
            printf '%s\n' "${line}"
        fi
    done < "${file}" > "${file}.tmp"
    mv "${file}.tmp" "${file}"
}

# Search paths are divided by colons.
[[ "${root}${venv}" != *:* ]] || die "a path with a colon cannot be searched for programs: ${root}; move the clone."
command -v "${python}" > /dev/null || die "no '${python}'; install Python 3.11 or 3.12, or name it with PYTHON=."
"${python}" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' \
    || die "$("${python}" --version) is not supported; name Python 3.11 or 3.12 with PYTHON=."
"${python}" -c 'import venv, ensurepip' 2> /dev/null \
    || die "'${python}' lacks venv; install it (Debian: apt-get install python3-venv)."
"${python}" -c 'import sys, sysconfig, os; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' \
    || die "no Python.h, which the scorer pesq is built with (Debian: apt-get install python3-dev)."
command -v cc > /dev/null || command -v gcc > /dev/null \
    || die "no C compiler, which the scorer pesq is built with (Debian: apt-get install gcc python3-dev)."

# The mark holds the sum of lock, interpreter and place: while none changes, this script ends at once.
stamp=${venv}/.installed
sum=$({ cat "${root}/tools/lock.txt" "${root}/setup.py"; "${python}" --version; echo "${root}"; } | cksum)
if [ -e "${stamp}" ] && [ "$(cat "${stamp}")" = "${sum}" ]; then
    exit 0
fi

if [ -x "${venv}/bin/python" ] && [ "$("${venv}/bin/python" --version)" != "$("${python}" --version)" ]; then
    die "${venv} holds $("${venv}/bin/python" --version), wanted is $("${python}" --version); remove it or name another folder."
fi
[ -x "${venv}/bin/python" ] || "${python}" -m venv "${venv}"
quote_activate
unset VIRTUAL_ENV PYTHONPATH
if "${venv}/bin/python" -m pip install -q --disable-pip-version-check "uv==${uv_version}" 2> /dev/null; then
    log "installing $(grep -c '==' "${root}/tools/lock.txt") packages with uv"
    # As pip does: without bytecode each start of a program that loads PyTorch and ESPnet would take seconds more.
    install=("${venv}/bin/python" -m uv pip install --python "${venv}/bin/python" -q --compile-bytecode)
else
    log "uv ${uv_version} cannot be had; installing with pip, which takes some minutes"
    # pip 26 refuses ci_sdr, a requirement of espnet that declares repository addresses.
    "${venv}/bin/python" -m pip install -q --disable-pip-version-check 'pip<26' 'setuptools<81' wheel
    install=("${venv}/bin/python" -m pip install -q --disable-pip-version-check)
fi
# The lock is complete, so nothing is resolved here and every machine gets the same versions.
"${install[@]}" --no-deps -r "${root}/tools/lock.txt"
"${install[@]}" --no-deps -e "${root}"
printf '%s\n' "${sum}" > "${stamp}"
log "done: ${venv}"

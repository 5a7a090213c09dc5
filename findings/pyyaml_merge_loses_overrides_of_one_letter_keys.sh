#!/usr/bin/env bash
# PyYAML 6.0.4: a merge of a merge forgets an override, if the key has one letter.
#
#   base: &base {x: 1, lr: 1}
#   small: &small {<<: *base, x: 2, lr: 2}
#   tiny: {<<: *small}
#
# Expected (YAML's merge key, PyYAML up to 6.0.3): tiny is {x: 2, lr: 2}. Here x is 1. While mappings are merged, pairs
# are now left out whose keys were there already, and the keys are compared by id() of their text: CPython has one
# object for each text of one Latin-1 character, so two keys `x` are the same, two keys `lr` are not. Of two the first is
# kept, which is the one that had been overridden. No message.
#
# This project: setup.py leaves out 6.0.4; YAMLs say `base:` instead of anchors.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "${folder}"' EXIT
"${PYTHON:-python3}" -m venv "${folder}/venv"
"${folder}/venv/bin/python" -m pip install -q --disable-pip-version-check pyyaml==6.0.4 || exit 3
cat > "${folder}/input.yaml" << 'END'
base: &base {x: 1, lr: 1}
small: &small {<<: *base, x: 2, lr: 2}
tiny: {<<: *small}
END
output=$("${folder}/venv/bin/python" -c '
import sys, yaml
content = yaml.safe_load(open(sys.argv[1]))
print("PyYAML", yaml.__version__, "small", content["small"], "tiny", content["tiny"])
' "${folder}/input.yaml")
echo "${output}"
# Seen 2026-11-29, Python 3.11.7:
seen="PyYAML 6.0.4 small {'x': 2, 'lr': 2} tiny {'x': 1, 'lr': 2}"
[ "${output}" = "${seen}" ] || { echo "changed; it was: ${seen}"; exit 1; }

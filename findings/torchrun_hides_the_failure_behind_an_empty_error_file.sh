#!/usr/bin/env bash
# torch 2.13.0 (2.15.0 too): torchrun ends with a JSONDecodeError of its own, and not with the failure of its process,
# where that process could not write down its error to the end.
#
# Expected: torch.distributed.elastic's record() keeps a process's exception in a file, and torchrun tells it; without a
# file it tells rank and exit code. What happens: the file is opened and then filled, so a full disk (here a limit of the
# size of files) leaves an empty one, and a process that is read while it writes half of one. torchrun takes the file for
# whole and ends with json's exception, from which neither rank nor cause can be known.
#
# This project: espnet_tse/io/rank_error.py renames a whole file into place.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "${folder}"' EXIT
"${PYTHON:-python3}" -m venv "${folder}/venv"
"${folder}/venv/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6 || exit 3
cat > "${folder}/rank.py" << 'END'
import resource
import sys

from torch.distributed.elastic.multiprocessing.errors import record


@record
def main():
    if sys.argv[1] == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    raise ValueError("the cause")


main()
END
cat > "${folder}/run.py" << 'END'
import re
import subprocess
import sys

import torch

print("torch", torch.__version__.split("+")[0])
for disk in ("roomy", "full"):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=1", "rank.py", disk]
    said = subprocess.run(command, capture_output=True, text=True, cwd=sys.argv[1]).stderr
    last = re.findall(r"^([\w.]+(?:Error|Exception))\b", said, re.M)[-1]
    print(f"{disk} disk: torchrun ends with {last}")
END
output=$("${folder}/venv/bin/python" "${folder}/run.py" "${folder}")
echo "${output}"
# Seen 2026-11-30, Python 3.11.7:
seen="torch 2.13.0
roomy disk: torchrun ends with torch.distributed.elastic.multiprocessing.errors.ChildFailedError
full disk: torchrun ends with json.decoder.JSONDecodeError"
[ "${output}" = "${seen}" ] || { printf 'changed; it was:\n%s\n' "${seen}"; exit 1; }

#!/usr/bin/env bash
# torch 2.14.1 on CPUs without AVX-512: under bfloat16 autocast a linear layer takes several times as long as in float32, a convolution
# tens of times, and nothing says so.
#
# Expected: autocast makes layers faster, or leaves those in float32 for which the processor has no kernel, or warns. What happens: the
# products are computed in bfloat16 without such kernels, and a training that was set to mixed precision elsewhere
# takes many times as long. ONEDNN_MAX_CPU_ISA=AVX2, which the script sets, makes CPUs with AVX-512 behave as those without.
#
# This project: espnet_tse/train/training.py warns, and computes in float32, where the processor has no kernels for bfloat16.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "${folder}"' EXIT
"${PYTHON:-python3}" -m venv "${folder}/venv"
"${folder}/venv/bin/python" -m pip install -q --disable-pip-version-check torch==2.14.1 numpy==2.4.6 || exit 3
cat > "${folder}/run.py" << 'END'
import time

import torch

torch.set_num_threads(1)
torch.manual_seed(0)
layers = {
    "Linear": (torch.nn.Linear(512, 512), torch.randn(2000, 512)),
    "Conv1d": (torch.nn.Conv1d(128, 128, 7, padding=3), torch.randn(4, 128, 400)),
}


def seconds(layer, values, mixed):
    """CPU time of the fastest of five passes."""
    times = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        for _ in range(5):
            begin = time.process_time()
            layer(values)
            times.append(time.process_time() - begin)
    return min(times)


print("torch", torch.__version__.split("+")[0])
for name, (layer, values) in layers.items():
    slower = seconds(layer, values, True) / seconds(layer, values, False)
    print(f"{name}: bfloat16 takes at least three times as long as float32: {slower > 3}")
END
output=$(ONEDNN_MAX_CPU_ISA=AVX2 "${folder}/venv/bin/python" -W always "${folder}/run.py" 2>&1)
echo "${output}"
# Seen 2026-11-30, Python 3.11, one core of an AMD EPYC with AVX2 (Linear 9 times, Conv1d 35 times as long), no warning:
seen="torch 2.14.1
Linear: bfloat16 takes at least three times as long as float32: True
Conv1d: bfloat16 takes at least three times as long as float32: True"
[ "${output}" = "${seen}" ] || { printf 'changed; it was:\n%s\n' "${seen}"; exit 1; }

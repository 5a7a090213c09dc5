#!/usr/bin/env bash
# torch 2.14.1 (2.11 to 2.15 too) on CPUs without AVX-512: an LSTM under bfloat16 autocast raises RuntimeError, unless
# its input is bfloat16 already.
#
# Expected: torch.autocast("cpu", torch.bfloat16) lists LSTM among what it computes in bfloat16, and a GRU, a linear layer
# or an LSTM of bfloat16 weights and input compute on the same CPU. What happens: the kernel is chosen by the input in
# front of autocast, which is float32, so oneDNN's is taken; then autocast casts, and oneDNN has no LSTM in bfloat16
# without AVX-512. With a bfloat16 input the other kernel is taken, and the numbers are as near to float32 as usual.
# ONEDNN_MAX_CPU_ISA makes CPUs with AVX-512 behave as those without.
#
# This project: espnet_tse/layers/autocast.py casts the input.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "${folder}"' EXIT
"${PYTHON:-python3}" -m venv "${folder}/venv"
"${folder}/venv/bin/python" -m pip install -q --disable-pip-version-check torch==2.14.1 numpy==2.4.6 || exit 3
cat > "${folder}/run.py" << 'END'
import torch

torch.manual_seed(0)
lstm, values = torch.nn.LSTM(8, 16), torch.randn(30, 2, 8)
plain = lstm(values)[0]
print("torch", torch.__version__.split("+")[0])
for name, given in (("float32", values), ("bfloat16", values.bfloat16())):
    try:
        with torch.autocast("cpu", torch.bfloat16):
            found = lstm(given)[0]
        print(f"{name} input: {found.dtype}, near float32: {bool((found.float() - plain).abs().max() < 0.02)}")
    except RuntimeError as error:
        print(f"{name} input: RuntimeError: {str(error).split('. ')[0]}")
END
output=$(ONEDNN_MAX_CPU_ISA=AVX2 "${folder}/venv/bin/python" "${folder}/run.py")
echo "${output}"
# Seen 2026-11-29, Python 3.11.7, an AMD EPYC with AVX2:
seen="torch 2.14.1
float32 input: RuntimeError: could not create a primitive descriptor for the LSTM forward propagation primitive
bfloat16 input: torch.bfloat16, near float32: True"
[ "${output}" = "${seen}" ] || { printf 'changed; it was:\n%s\n' "${seen}"; exit 1; }

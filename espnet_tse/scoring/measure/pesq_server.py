"""Child process that runs the PESQ C code, which can crash the process it lives in.

Started by ``pesq.py`` as ``python -m espnet_tse.scoring.measure.pesq_server``; ends when its stdin closes.
Request: header (mode, sample rate, samples), then target and estimate as float64. Reply: one JSON line.
"""

import json
import os
import struct
import sys

HEADER = struct.Struct("<2sqq")


def serve() -> int:
    """Answer requests until stdin ends."""
    import numpy as np
    import pesq

    # The C code and the wrapper may print; only replies may reach the parent's pipe.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests = sys.stdin.buffer
    while len(head := requests.read(HEADER.size)) == HEADER.size:
        mode, rate, count = HEADER.unpack(head)
        target = np.frombuffer(requests.read(8 * count), dtype=np.float64)
        estimate = np.frombuffer(requests.read(8 * count), dtype=np.float64)
        try:
            # The reference comes first; a swap is not noticed by the package.
            reply = {"value": float(pesq.pesq(rate, target, estimate, mode.decode()))}
        except (pesq.PesqError, ValueError) as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()
    return 0


if __name__ == "__main__":
    sys.exit(serve())

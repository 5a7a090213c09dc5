"""Child process that runs UTMOS; see ``utmos.py``.

Started as ``python -m espnet_tse.scoring.measure.utmos_server CLONE WEIGHTS``; ends when its stdin closes.
Request: number of samples, then float32 samples at 16 kHz. Reply: one JSON line.
"""

import json
import os
import struct
import sys

HEADER = struct.Struct("<q")
RATE = 16000


def load_model(clone: str, weights: str):
    """The network of a local clone, with weights that it did not fetch itself."""
    import torch

    torch.set_num_threads(1)
    model = torch.hub.load(clone, "utmos22_strong", source="local", pretrained=False)
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return model.eval()


def serve(clone: str, weights: str) -> int:
    """Answer requests until stdin ends."""
    import numpy as np
    import torch

    # The clone may print; only replies may reach the parent's pipe.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    model = load_model(clone, weights)
    requests = sys.stdin.buffer
    while len(head := requests.read(HEADER.size)) == HEADER.size:
        samples = np.frombuffer(bytearray(requests.read(4 * HEADER.unpack(head)[0])), dtype=np.float32)
        with torch.inference_mode():
            score = model(torch.from_numpy(samples)[None], RATE)
        replies.write(json.dumps({"value": float(score.reshape(-1)[0])}) + "\n")
        replies.flush()
    return 0


if __name__ == "__main__":
    sys.exit(serve(*sys.argv[1:]))

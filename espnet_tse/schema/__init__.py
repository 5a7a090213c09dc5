"""Values that travel between the rooms of the package.

Names are imported when first asked for: the data tools read ``schema.codec_spec`` and must not wait for
torch.
"""

import importlib

_HOMES = {
    "PADDING_CODE": "codes",
    "CodecSpec": "codec_spec",
    "Codes": "codes",
    "Conditions": "conditions",
    "DecodeConf": "decode_conf",
    "Estimate": "estimate",
    "Frames": "frames",
    "Prediction": "prediction",
    "Request": "request",
    "Streams": "streams",
    "TSEBatch": "tse_batch",
    "Vectors": "conditions",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

"""Values that travel between the rooms of the package."""

from espnet_tse.schema.codec_spec import CodecSpec
from espnet_tse.schema.codes import PADDING_CODE, Codes
from espnet_tse.schema.conditions import Conditions
from espnet_tse.schema.decode_conf import DecodeConf
from espnet_tse.schema.estimate import Estimate
from espnet_tse.schema.frames import Frames
from espnet_tse.schema.prediction import Prediction
from espnet_tse.schema.tse_batch import TSEBatch

__all__ = [
    "PADDING_CODE",
    "CodecSpec",
    "Codes",
    "Conditions",
    "DecodeConf",
    "Estimate",
    "Frames",
    "Prediction",
    "TSEBatch",
]

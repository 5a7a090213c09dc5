"""The frozen codec's own decoder."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.layers.frozen import HoldsFrozen
from espnet_tse.schema import Conditions, Prediction
from espnet_tse.vocoder.abs_vocoder import AbsVocoder


@dataclass(frozen=True)
class CodecDecoderConfig:
    """Everything is the codec's."""


class CodecDecoder(HoldsFrozen, AbsVocoder):
    """Waveform of all codes as they were predicted, for systems that predict them all."""

    Config = CodecDecoderConfig

    def __init__(self, codec: AbsTokenizer):
        super().__init__()
        if not codec.makes_waveforms():
            raise ValueError(
                f"{type(codec).__name__} makes no waveform of its tokens; name a codec under tokenizers."
            )
        self.hold("codec", codec)

    @classmethod
    def from_config(cls, config: CodecDecoderConfig, codec: AbsTokenizer) -> "CodecDecoder":
        return cls(codec)

    def synthesize(self, prediction: Prediction, conditions: Conditions) -> Tensor:
        return self.codec.detokenize(prediction.streams)

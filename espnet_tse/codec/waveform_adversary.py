"""Adversary of codecs that make waveforms: discriminators of spectrograms at several scales."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.codec.adversary import AbsAdversary, AdversaryConfig


@dataclass(frozen=True)
class WaveformAdversaryConfig(AdversaryConfig):
    """Sizes and weights, those of FunCodec's ds640 recipe (arXiv 2309.07405, Sec. 2.3 and 2.4)."""

    n_ffts: tuple[int, ...] = (1024, 2048, 512)
    adversarial_weight: float = 1 / 9
    feature_weight: float = 100 / 9


class WaveformAdversary(AbsAdversary):
    """ESPnet's MS-STFT discriminator; hears (B, N)."""

    Config = WaveformAdversaryConfig
    hears = "waveform"

    def __init__(self, config: WaveformAdversaryConfig):
        from espnet2.gan_codec.shared.discriminator.msstft_discriminator import MultiScaleSTFTDiscriminator

        super().__init__()
        self.config = config
        self.discriminator = MultiScaleSTFTDiscriminator(
            config.num_filters,
            n_ffts=list(config.n_ffts),
            hop_lengths=[n_fft // 4 for n_fft in config.n_ffts],
            win_lengths=list(config.n_ffts),
        )

    @classmethod
    def from_config(cls, config: WaveformAdversaryConfig) -> "WaveformAdversary":
        return cls(config)

    def outputs(self, signal: Tensor) -> list[list[Tensor]]:
        return self.discriminator(signal[:, None])

"""What a codec, VAE or quantizer promises to those who use it."""

from dataclasses import dataclass, fields

from espnet_tse.schema.stream_spec import CodesSpec, frames_of


@dataclass(frozen=True)
class CodecSpec:
    """Sizes and rates of a codec."""

    sample_rate: int  # Hz
    hop_length: int  # samples a code frame
    num_codebooks: int  # K
    codebook_size: int  # V, entries a codebook
    embedding_dim: int  # D, width of a codebook entry

    @classmethod
    def of(cls, config) -> "CodecSpec":
        """From the attributes of these names of a codec's configuration."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})

    @property
    def frame_rate(self) -> float:
        """Code frames a second, Hz."""
        return self.sample_rate / self.hop_length

    @property
    def stream(self) -> CodesSpec:
        """The codes as one stream."""
        return CodesSpec(self.num_codebooks, self.codebook_size, self.hop_length)

    def num_frames(self, num_samples):
        """Frames of ``num_samples`` samples, a whole number or an int64 tensor: ceil(N / hop_length)."""
        return frames_of(num_samples, self.hop_length)

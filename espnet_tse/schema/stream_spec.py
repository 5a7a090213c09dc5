"""Sizes and rates of the streams that a tokenizer or an autoencoder makes; imports no torch."""

from dataclasses import asdict, dataclass
from typing import Union

SMALLEST_TYPES = ((2**15, "int16"), (2**31, "int32"))


def frames_of(num_samples, hop_length: int):
    """Frames of ``num_samples`` samples, a whole number or an int64 tensor: ceil(N / hop_length)."""
    return -(-num_samples // hop_length)


@dataclass(frozen=True)
class CodesSpec:
    """Discrete codes: a sequence at a rate, or a fixed number a recording."""

    num_codebooks: int  # K
    codebook_size: int  # V, entries a codebook
    hop_length: int | None = None  # samples a frame; None for a fixed number
    num_tokens: int | None = None  # T, the fixed number

    def __post_init__(self):
        if min(self.num_codebooks, self.codebook_size) < 1 or (self.hop_length is None) == (
            self.num_tokens is None
        ):
            raise ValueError(
                f"{self}: sizes must be positive, and either hop_length or num_tokens says how many frames."
            )

    def num_frames(self, num_samples):
        """Frames of a signal of ``num_samples`` samples."""
        return self.num_tokens if self.hop_length is None else frames_of(num_samples, self.hop_length)

    @property
    def stored_type(self) -> str:
        """The smallest signed NumPy type that holds every code."""
        return next((name for limit, name in SMALLEST_TYPES if self.codebook_size <= limit), "int64")


@dataclass(frozen=True)
class FramesSpec:
    """Continuous frames: latents, mel bands."""

    width: int  # D
    hop_length: int  # samples a frame
    on_edges: bool = False  # a frame on every edge of a hop, so that there is one more

    def __post_init__(self):
        if min(self.width, self.hop_length) < 1:
            raise ValueError(f"{self}: sizes must be positive.")

    def num_frames(self, num_samples):
        """Frames of a signal of ``num_samples`` samples."""
        if self.on_edges:
            return num_samples // self.hop_length + 1
        return frames_of(num_samples, self.hop_length)

    @property
    def stored_type(self) -> str:
        return "float32"


StreamSpec = Union[CodesSpec, FramesSpec]


def specs_to_json(specs: dict[str, StreamSpec]) -> dict[str, dict]:
    """Name -> plain values, as a manifest holds them; frames in the middle of hops are not mentioned."""
    plain = {name: asdict(spec) for name, spec in specs.items()}
    return {
        name: {key: value for key, value in fields.items() if value is not False}
        for name, fields in plain.items()
    }


def specs_from_json(content: dict[str, dict]) -> dict[str, StreamSpec]:
    """The inverse of ``specs_to_json``.

    Raises:
        TypeError, ValueError: keys or values that are none of a specification.
    """
    return {
        name: (CodesSpec if "codebook_size" in fields else FramesSpec)(**fields)
        for name, fields in content.items()
    }

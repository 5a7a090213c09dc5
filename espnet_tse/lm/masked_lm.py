"""A generator that fills in masked tokens, the surest first."""

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from espnet_tse.layers.causal_stack import CausalStack, RotaryStackConfig
from espnet_tse.layers.condition_sequence import frames_at, mean_enrollment
from espnet_tse.lm.abs_generator import AbsGenerator
from espnet_tse.lm.unmasking import MaskedDecode, Unmasking
from espnet_tse.schema import PADDING_CODE, Codes, Conditions, Prediction, Request, Streams
from espnet_tse.schema.stream_spec import CodesSpec

ENROLLMENT, MIXTURE = range(2)  # segments; behind them one for each stream


@dataclass(frozen=True)
class MaskedLMConfig(RotaryStackConfig):
    """Sizes; the attention is bidirectional throughout."""

    width: int = 512
    feedforward: int = 2048
    dropout: float = 0.1
    # All tokens in one pass from nothing but the conditions, as in TSELM (arXiv:2409.07841) and LLaSE-G1
    # (arXiv:2503.00493); else some of them are shown in training and decoding takes several passes.
    encoder_only: bool = False
    frame_synchronous: bool = True  # adds a linear map of the mixture's frame to the tokens of its time
    add_enrollment: bool = False  # adds a linear map of the enrollment's mean to them, too

    def __post_init__(self):
        super().__post_init__()
        if self.add_enrollment and not self.frame_synchronous:
            raise ValueError(
                "add_enrollment adds to the mixture's frames of frame_synchronous, which is off."
            )


class MaskedLM(AbsGenerator):
    """[E_r, E_m, one position a frame of each stream] -> all codebooks of every frame.

    Masked generation (MaskGIT, arXiv:2202.04200) with codebooks one after the other (SoundStorm, arXiv:2305.09636,
    Sec. 3.3): of codebook k the frames are masked in part, those before it are shown, those behind it masked.
    """

    Config = MaskedLMConfig

    def __init__(self, config: MaskedLMConfig, specs: dict[str, CodesSpec], sample_rate: int):
        """
        Args:
            specs: of the streams that are predicted, in their order.
            sample_rate: Hz, that hops count.
        """
        super().__init__()
        self.config, self.specs, self.sample_rate = config, specs, sample_rate
        self.stack = CausalStack(config)
        width = config.width
        # Of each codebook its entries, then the mask.
        self.tables = nn.ModuleDict(
            {
                name: nn.Embedding(spec.num_codebooks * (spec.codebook_size + 1), width)
                for name, spec in specs.items()
            }
        )
        self.heads = nn.ModuleDict(
            {name: nn.Linear(width, spec.num_codebooks * spec.codebook_size) for name, spec in specs.items()}
        )
        self.segments = nn.Embedding(2 + len(specs), width)
        fixed = {name: spec.num_tokens for name, spec in specs.items() if spec.hop_length is None}
        self.places = nn.ModuleDict({name: nn.Embedding(number, width) for name, number in fixed.items()})
        for table in (*self.tables.values(), *self.places.values(), self.segments):
            nn.init.normal_(table.weight, std=0.02)
        if config.frame_synchronous:
            self.synchronous = nn.Linear(width, width)
        if config.add_enrollment:
            self.enrollment_to_frames = nn.Linear(width, width)

    @classmethod
    def from_config(cls, config: MaskedLMConfig, specs: dict[str, CodesSpec], sample_rate: int) -> "MaskedLM":
        return cls(config, specs, sample_rate)

    @property
    def width(self) -> int:
        return self.config.width

    @property
    def num_codebooks(self) -> int:
        """Of the stream that has most."""
        return max(spec.num_codebooks for spec in self.specs.values())

    def rate(self, name: str) -> float | None:
        """Hz of a stream; None for a fixed number."""
        hop = self.specs[name].hop_length
        return None if hop is None else self.sample_rate / hop

    def embedded(self, name: str, values: Tensor, masked: Tensor, conditions: Conditions) -> Tensor:
        """Frames of one stream: codes and masks (B, K, T) -> (B, T, width)."""
        spec = self.specs[name]
        entries = spec.codebook_size + 1
        tokens = torch.where(masked | (values < 0), spec.codebook_size, values)
        offsets = torch.arange(spec.num_codebooks, device=values.device) * entries
        frames = self.tables[name](tokens + offsets[:, None]).sum(dim=1)
        index = torch.arange(values.size(2), device=values.device)
        if spec.hop_length is None:
            return frames + self.places[name](index)
        if self.config.frame_synchronous:
            mixture = conditions.streams["mixture"]
            frames = frames + self.synchronous(frames_at(mixture, index[None], self.rate(name)))
        if self.config.add_enrollment and "enrollment" in conditions.streams:
            frames = frames + self.enrollment_to_frames(mean_enrollment(conditions))
        return frames

    def logits(self, conditions: Conditions, codes: Streams, masked: dict[str, Tensor]) -> dict[str, Tensor]:
        """Of every stream (B, T, K, V).

        Args:
            conditions: ``mixture`` and, if there is one, ``enrollment``, (B, T, width).
            codes: (B, K, T) of each stream.
            masked: stream -> (B, K, T) bool, what is not shown.
        """
        spans = [(MIXTURE, conditions.streams["mixture"].values, conditions.streams["mixture"].padding_mask)]
        if (enrollment := conditions.streams.get("enrollment")) is not None:
            spans.insert(0, (ENROLLMENT, enrollment.values, enrollment.padding_mask))
        for place, name in enumerate(self.specs):
            frames = self.embedded(name, codes[name].values, masked[name], conditions)
            spans.append((2 + place, frames, codes[name].padding_mask))
        dtype = conditions.streams["mixture"].values.dtype
        values = torch.cat(
            [span.to(dtype) + self.segments.weight[kind].to(dtype) for kind, span, _ in spans], dim=1
        )
        padding = torch.cat([mask for _, _, mask in spans], dim=1)
        own = torch.eye(padding.size(1), dtype=torch.bool, device=padding.device)
        allowed = ~padding[:, None, :] | own
        hidden = self.stack(values, allowed, (~padding).cumsum(dim=1) - 1)
        logits, start = {}, values.size(1) - sum(codes[name].values.size(2) for name in self.specs)
        for name, spec in self.specs.items():
            end = start + codes[name].values.size(2)
            shape = (len(hidden), end - start, spec.num_codebooks, spec.codebook_size)
            logits[name] = self.heads[name](hidden[:, start:end]).view(shape)
            start = end
        return logits

    def training_masks(self, codes: Streams) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What is masked of each stream and what of it counts, (B, K, T) bool each.

        In training the share of masked frames and the codebook are drawn a row; in validation they are spread evenly
        over the rows, so that epochs compare.
        """
        lengths = next(iter(codes.values())).lengths
        if self.training:
            share, pick = torch.rand(2, len(lengths), device=lengths.device)
        else:
            share = pick = (torch.arange(len(lengths), device=lengths.device) + 0.5) / len(lengths)
        share = torch.cos(0.5 * math.pi * share)  # mostly many masks, as decoding begins with
        masked, counted = {}, {}
        for name, spec in self.specs.items():
            masked[name], counted[name] = self.drawn_masks(codes[name], spec.num_codebooks, share, pick)
        return masked, counted

    def drawn_masks(
        self, codes: Codes, num_codebooks: int, share: Tensor, pick: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What is masked and what of it counts, (B, K, T) bool each, neither at padding of the row.

        Args:
            share: (B,) of the frames that are masked.
            pick: (B,) in [0, 1), the codebook, where there are several.
        """
        valid = ~codes.padding_mask[:, None]
        if self.config.encoder_only:
            everything = valid.expand(-1, num_codebooks, -1)
            return everything, everything
        order = torch.arange(num_codebooks, device=valid.device)[None, :, None]
        level = (pick * num_codebooks).long()[:, None, None]
        # Masks are of whole frames of a codebook; one at least, or a row would teach nothing.
        if self.training:
            scores = torch.rand(valid.shape, device=valid.device)
        else:
            scores = torch.arange(valid.size(2), device=valid.device)[None, None] * 0.6180339887 % 1.0
            scores = scores.expand(valid.shape)
        scores = scores.masked_fill(~valid, 2.0)
        number = (share * codes.lengths).ceil().clamp_min(1)[:, None, None]
        partly = (scores.argsort(dim=2).argsort(dim=2) < number) & valid
        masked = ((order > level) & valid) | ((order == level) & partly)
        return masked, (order == level) & partly

    @torch.no_grad()
    def generate(self, conditions: Conditions, request: Request) -> Prediction:
        """All streams; what of them the request gives is kept.

        Returns:
            the streams (B, K, T), and one function evaluation a pass.
        """
        conf: MaskedDecode = request.conf
        given = request.given.streams if request.given else Streams()
        codes, masked = Streams(), {}
        for name in self.specs:
            stream = given[name] if name in given else self.empty(name, request.num_samples)
            codes[name] = Codes(stream.values.clone(), stream.lengths, stream.frame_rate)
            hidden = torch.full_like(stream.values, name not in given, dtype=torch.bool)
            masked[name] = hidden & ~stream.padding_mask[:, None]
        unmasking = Unmasking(partial(self.logits, conditions), codes, masked, request)
        if self.config.encoder_only:
            unmasking.fill(slice(None), 1)
        else:
            for level in range(self.num_codebooks):
                unmasking.fill(slice(level, level + 1), conf.steps if level == 0 else conf.finer_steps)
        for stream in codes.values():
            stream.values.masked_fill_(stream.padding_mask[:, None], PADDING_CODE)
        return Prediction(codes, num_function_evaluations=unmasking.passes)

    def empty(self, name: str, num_samples: Tensor) -> Codes:
        """Zeros in place of what is to be predicted."""
        spec = self.specs[name]
        lengths = spec.num_frames(num_samples)
        if spec.hop_length is None:
            lengths = torch.full_like(num_samples, spec.num_tokens)
        shape = (len(lengths), spec.num_codebooks, int(lengths.max()))
        return Codes(torch.zeros(shape, dtype=torch.int64, device=lengths.device), lengths, self.rate(name))

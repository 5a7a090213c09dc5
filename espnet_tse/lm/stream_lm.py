"""One stage of GenTSE: the tokens of a stream from enrollment, mixture and the streams of earlier stages."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from espnet_tse.io.scp import DataError
from espnet_tse.layers.causal_stack import CausalStack, CausalStackConfig
from espnet_tse.layers.condition_sequence import frames_at
from espnet_tse.layers.joining import join_left_padded
from espnet_tse.lm.token_lm import Prompt, TokenLM
from espnet_tse.lm.vocabulary import Vocabulary
from espnet_tse.schema import Codes, Conditions, Frames, Prediction, Request, Streams
from espnet_tse.schema.stream_spec import CodesSpec

BEGIN = 1  # 0 is padding, 2 an end that is never predicted: the target is as long as the mixture
ENROLLMENT, MIXTURE = range(2)  # segments; behind them one for each stream


@dataclass(frozen=True)
class StreamLMConfig(CausalStackConfig):
    """GenTSE's language models (arXiv:2512.20978): 154 and 165 million parameters at paper size."""

    max_positions: int = 2048  # frames of the longest segment
    tied: bool = True  # the head is the table of tokens
    prefix_bidirectional: bool = False  # the conditions see each other; the paper says decoder-only, no more
    # Adds a linear map of the mixture's frame, and of the earlier streams' tokens, at the time of the token to
    # be predicted. The paper leaves it to attention to find the place, which takes more steps than a mini has.
    frame_synchronous: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.style != "gpt2":
            raise ValueError(f"style {self.style} has no learned positions, which stream_lm wants; use gpt2.")
        if self.max_positions < 1:
            raise ValueError(f"max_positions is {self.max_positions}, want 1 or more.")


class StreamLM(TokenLM):
    """p(s | E_r, E_m) or p(a | E_r, E_m, s): [E_r, E_m, earlier streams, begin, tokens], causal throughout.

    Position t of a segment has the learned position t, whatever stands before it, and each kind of segment
    an embedding of its own. Neither order nor positions can be read in public text; they are ours.
    """

    Config = StreamLMConfig

    def __init__(self, config: StreamLMConfig, specs: dict[str, CodesSpec], sample_rate: int):
        """
        Args:
            specs: of the earlier streams and, last, of the one that is predicted; one codebook each.
            sample_rate: Hz, that hops count.
        """
        vocabulary = Vocabulary({name: spec.codebook_size for name, spec in specs.items()})
        super().__init__(CausalStack(config), vocabulary, config.tied, config.prefix_bidirectional)
        self.config, self.specs, self.sample_rate = config, specs, sample_rate
        self.stream = list(specs)[-1]
        self.segments = nn.Embedding(2 + len(specs), config.width)
        self.times = nn.Embedding(config.max_positions, config.width)
        for table in (self.segments, self.times):
            nn.init.normal_(table.weight, std=0.02)
        if config.frame_synchronous:
            self.synchronous = nn.Linear(config.width, config.width)

    @classmethod
    def from_config(cls, config: StreamLMConfig, specs: dict[str, CodesSpec], sample_rate: int) -> "StreamLM":
        """
        Raises:
            ValueError: a stream of several codebooks, or of a fixed number of tokens.
        """
        for name, spec in specs.items():
            if spec.num_codebooks != 1 or spec.hop_length is None:
                raise ValueError(
                    f"stream_lm predicts one token a frame; the tokenizer's stream '{name}' is {spec}."
                )
        return cls(config, specs, sample_rate)

    @property
    def frame_rate(self) -> float:
        """Hz, of the tokens."""
        return self.sample_rate / self.specs[self.stream].hop_length

    def embed(self, tokens: Tensor, start: int) -> Tensor:
        times = torch.arange(start, start + tokens.size(1), device=tokens.device)
        return self.table(tokens) + self.times(times) + self.segments.weight[-1]

    def prompt(self, conditions: Conditions, earlier: Streams) -> Prompt:
        """[E_r, E_m, earlier streams] of each row, padded in front.

        Args:
            conditions: ``enrollment`` and ``mixture``, (B, T, width). Of a longer enrollment the first
                ``max_positions`` frames are heard.
            earlier: ``Codes`` of the streams before this one, (B, 1, T).
        Raises:
            ValueError: a mixture, or a stream, of more frames.
        """
        segments = [(ENROLLMENT, conditions.streams["enrollment"]), (MIXTURE, conditions.streams["mixture"])]
        segments += [(2 + place, frames) for place, frames in enumerate(self.embedded(earlier))]
        spans, limit = [], self.config.max_positions
        for segment, frames in segments:
            values, padding = frames.values, frames.padding_mask
            if segment == ENROLLMENT:
                values, padding = values[:, :limit], padding[:, :limit]
            if values.size(1) > limit:
                raise DataError(
                    f"{values.size(1)} frames are more than max_positions {limit}; set max_chunk_s below "
                    f"{limit / frames.frame_rate:.1f}."
                )
            times = self.times.weight[: values.size(1)] + self.segments.weight[segment]
            spans.append((values + times, padding))
        return Prompt(*join_left_padded(spans))

    def embedded(self, earlier: Streams) -> list[Frames]:
        """The earlier streams in their order, (B, T, width) each, zeros at padding."""
        frames = []
        for name in list(self.specs)[:-1]:
            codes = earlier[name]
            values = self.table(self.vocabulary.tokens(name, codes.values[:, 0]))
            values = values.masked_fill(codes.padding_mask[..., None], 0.0)
            frames.append(Frames(values, codes.lengths, codes.frame_rate))
        return frames

    def added(self, conditions: Conditions, earlier: Streams, num_tokens: int) -> Tensor | None:
        """(B, num_tokens, width) what sounds at the time of each token; None where that is not added."""
        if not self.config.frame_synchronous:
            return None
        mixture = conditions.streams["mixture"]
        index = torch.arange(num_tokens, device=mixture.values.device)[None]
        parts = [frames_at(frames, index, self.frame_rate) for frames in (mixture, *self.embedded(earlier))]
        return self.synchronous(sum(parts))

    def logits(self, conditions: Conditions, earlier: Streams, history: Codes) -> Tensor:
        """Teacher-forced logits of every token, from the begin token and the tokens before it.

        Args:
            history: (B, 1, T) of the predicted stream; its last frame is not read.
        Returns:
            (B, T, V).
        """
        before = self.vocabulary.tokens(self.stream, history.values[:, 0, :-1])
        tokens = torch.cat([torch.full_like(before[:, :1], BEGIN), before], dim=1)
        if before.size(1) == 0:
            tokens = torch.full((len(before), 1), BEGIN, device=before.device)
        added = self.added(conditions, earlier, tokens.size(1))
        return self.token_logits(self.prompt(conditions, earlier), tokens, added)

    @torch.no_grad()
    def likeliest(self, conditions: Conditions, earlier: Streams, codes: Codes) -> Codes:
        """The likeliest token of each position in one teacher-forced pass over ``codes``."""
        first, end = self.vocabulary.range(self.stream)
        chosen = self.logits(conditions, earlier, codes)[..., first:end].argmax(dim=-1)
        values = torch.where(codes.padding_mask, codes.values[:, 0], chosen)
        return Codes(values[:, None], codes.lengths, codes.frame_rate)

    def generate(self, conditions: Conditions, request: Request) -> Prediction:
        """As many tokens as the mixture has frames.

        Args:
            request: its ``given`` holds the streams of the earlier stages.
        Returns:
            the stream (B, 1, T), and one function evaluation a token.
        """
        earlier = request.given.streams if request.given else Streams()
        lengths = self.specs[self.stream].num_frames(request.num_samples)
        steps, span = int(lengths.max()), self.vocabulary.range(self.stream)
        if steps > self.config.max_positions:
            raise ValueError(
                f"{steps} tokens are more than max_positions {self.config.max_positions}; set max_chunk_s "
                f"below {self.config.max_positions / self.frame_rate:.1f}."
            )
        tokens = self.decode(
            self.prompt(conditions, earlier),
            BEGIN,
            [span] * steps,
            lengths,
            request.keys,
            request.conf,
            self.added(conditions, earlier, steps),
        )
        codes = Codes(self.vocabulary.codes(self.stream, tokens)[:, None], lengths, self.frame_rate)
        codes.values.masked_fill_(codes.padding_mask[:, None], -1)
        return Prediction(Streams({self.stream: codes}), num_function_evaluations=steps)

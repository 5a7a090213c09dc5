"""Decoder-only language model of the first codec codebooks, all streams of a frame at once."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.condition_sequence import (
    ConditionSequence,
    join_conditions,
    mean_enrollment,
    mixture_at,
)
from espnet_tse.layers.transformer import TransformerConfig, TransformerStack, bidirectional_mask, prefix_mask
from espnet_tse.lm.abs_generator import AbsGenerator
from espnet_tse.lm.leading_codes import codes_behind
from espnet_tse.lm.sampling import SamplingConf, choose_tokens, row_draws
from espnet_tse.schema import PADDING_CODE, CodecSpec, Codes, Conditions, Frames, Prediction, Request, Streams
from espnet_tse.schema.padding import padding_mask

BOS, TASK, SEPARATOR = range(3)
LENGTH_MODES = ("exact", "bounded", "eos")


@dataclass(frozen=True)
class DecoderOnlyConfig(TransformerConfig):
    """LauraTSE's language model (arXiv:2601.06006, Sec. IV-B.1; 35,275,266 parameters with n = 2)."""

    num_layers: int = 10
    activation: str = "relu"
    attention_dropout: float = 0.1
    input_activation: bool = True
    num_codebooks: int = 2  # n, streams predicted in parallel
    # Share of the frames whose embedding is withheld from the history in training. The paper withholds
    # none; a small model trained for minutes then copies its history and drifts off when it decodes.
    # 1 withholds it in decoding too: every frame is predicted from the conditions alone.
    history_dropout: float = 0.0
    # Adds E_m at the time of the frame to be predicted to the input of its position. The paper leaves it
    # to attention to find the place in the mixture, which takes more steps than a mini training has.
    add_mixture: bool = False
    add_enrollment: bool = False  # likewise adds the mean of E_r, learned-scaled, to every target position
    separator: bool = True  # between E_r and E_m; Table III's "Ref output" has none
    # Table III's "Ref output": the codes of the enrollment are predicted before those of the target.
    output_enrollment: bool = False
    # Table III's "Discrete IO": trainable tables instead of the codec's embed the history, and the model
    # prompts with the codes of enrollment and mixture, embedded alike, instead of E_r and E_m.
    own_tables: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.num_codebooks < 1:
            raise ValueError(f"num_codebooks is {self.num_codebooks}, want 1 or more.")
        if not 0.0 <= self.history_dropout <= 1.0:
            raise ValueError(f"history_dropout is {self.history_dropout}, want a share in [0, 1].")


@dataclass(frozen=True)
class DecoderOnlyDecode(SamplingConf):
    """Settings of ``DecoderOnlyLM.generate``."""

    length_mode: str = "exact"  # exact: the target's known length; bounded: an end from 0.9 T on; eos: any
    use_cache: bool = True  # False: every step recomputes the whole sequence (for checks only)

    def faults(self) -> list[str]:
        faults = super().faults()
        if self.length_mode not in LENGTH_MODES:
            faults.append(f"length_mode '{self.length_mode}' is none of {list(LENGTH_MODES)}")
        return faults


class DecoderOnlyLM(AbsGenerator):
    """p(codes of frame t | mixture, enrollment, frames before t), arXiv:2601.06006, Eq. (2) and (3).

    The prefix is bidirectional and never sees a code; the task token and the codes are causal. A frame
    enters as the sum of its n codebook vectors; the n streams of a frame are independent given the
    hidden state.
    """

    Config = DecoderOnlyConfig

    def __init__(self, stack: TransformerStack, codebooks: Tensor, spec: CodecSpec):
        """``codebooks``: (n, V, D), the frozen tables of the streams that are predicted."""
        super().__init__()
        self.stack, self.config, self.spec = stack, stack.config, spec
        self.register_buffer("codebooks", codebooks.detach().clone(), persistent=False)
        self.num_streams, self.end_token = codebooks.size(0), codebooks.size(1)
        self.special = nn.Embedding(3, codebooks.size(2))
        if stack.config.own_tables:
            self.own_tables = nn.Parameter(torch.randn_like(codebooks))
        if stack.config.add_enrollment:
            self.enrollment_to_frames = nn.Linear(codebooks.size(2), codebooks.size(2))
        self.head = nn.Linear(stack.config.width, self.num_streams * (self.end_token + 1))

    @classmethod
    def from_config(cls, config: DecoderOnlyConfig, codebooks: Tensor, spec: CodecSpec) -> "DecoderOnlyLM":
        """``codebooks``: (K, V, D), all tables of the codec."""
        if config.num_codebooks > codebooks.size(0):
            raise ValueError(
                f"lm_conf: num_codebooks {config.num_codebooks} exceeds the codec's {codebooks.size(0)} "
                "codebooks."
            )
        stack = TransformerStack(codebooks.size(2), config)
        return cls(stack, codebooks[: config.num_codebooks], spec)

    @property
    def separator(self) -> Tensor:
        """(D,) the token between enrollment and mixture; the refiner has it even if the prefix has none."""
        return self.special.weight[SEPARATOR]

    def embed(self, codes: Tensor) -> Tensor:
        """Sum of the n codebook vectors: (B, >= n, T) codes, padding as entry 0 -> (B, T, D)."""
        tables = self.own_tables if self.config.own_tables else self.codebooks
        return sum(F.embedding(codes[:, i].clamp_min(0), tables[i]) for i in range(self.num_streams))

    def embed_frames(self, codes: Codes) -> Frames:
        """``embed`` with zeros at padding, (B, T, D): what "Discrete IO" is prompted with."""
        values = self.embed(codes.values).masked_fill(codes.padding_mask[..., None], 0.0)
        return Frames(values, codes.lengths, codes.frame_rate)

    def prefix(self, conditions: Conditions, enrollment_frames: Tensor | None = None) -> ConditionSequence:
        """[bos, E_r, sep, E_m] of each row, padded in front; ``enrollment_frames`` as for ``forward``."""
        separator = self.separator if self.config.separator else None
        lead, start = self.special.weight[BOS], enrollment_frames
        return join_conditions(conditions, separator, self.spec.frame_rate, lead=lead, mixture_start=start)

    def forward(
        self, conditions: Conditions, codes: Codes, enrollment_frames: Tensor | None = None
    ) -> Tensor:
        """Teacher-forced logits of every frame and of the end.

        Args:
            codes: (B, >= n, T) ground truth.
            enrollment_frames: (B,) how many frames of ``codes`` are the enrollment's ("Ref output").
        Returns:
            (B, T + 1, n, V + 1); row t predicts frame t from the frames before it.
        """
        prefix = self.prefix(conditions, enrollment_frames)
        batch, length = codes.values.size(0), codes.values.size(2)
        task = self.special.weight[TASK].to(prefix.values).expand(batch, 1, -1)
        history = self.drop_history(self.embed(codes.values).to(prefix.values))
        frames = torch.cat([task, history], dim=1)
        frames = frames + self.added_conditions(conditions, length + 1, enrollment_frames)
        values = torch.cat([prefix.values, frames], dim=1)
        padding = torch.cat([prefix.padding, padding_mask(codes.lengths + 1, length + 1)], dim=1)
        # The input at position t predicts frame t, so that is its time.
        times = torch.arange(length + 1, device=values.device).expand(batch, -1)
        positions = torch.cat([prefix.positions, times], dim=1)
        start = prefix.values.size(1)
        hidden = self.stack(values, prefix_mask(padding, start), positions)
        return self.logits(hidden[:, start:])

    def added_conditions(
        self, conditions: Conditions, num_positions: int, enrollment_frames: Tensor | None = None
    ) -> Tensor:
        """What the conditions add to the inputs of target positions: (B, T | 1, D | 1), zero by default."""
        mixture = conditions.streams["mixture"].values
        added = mixture.new_zeros(mixture.size(0), 1, 1)
        if self.stack.config.add_mixture:
            added = added + mixture_at(conditions, num_positions, self.spec.frame_rate, enrollment_frames)
        if self.stack.config.add_enrollment:
            added = added + self.enrollment_to_frames(mean_enrollment(conditions))
        return added

    def drop_history(self, history: Tensor) -> Tensor:
        """Zero whole frames of (B, T, D) in training; no rescaling, a frame is there or it is not."""
        share = self.stack.config.history_dropout
        if share >= 1.0:
            return torch.zeros_like(history)
        if not (self.training and share):
            return history
        kept = torch.rand(history.shape[:2], device=history.device) >= share
        return history * kept[..., None]

    def logits(self, hidden: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, n, V + 1)."""
        return self.head(hidden).unflatten(-1, (self.num_streams, self.end_token + 1))

    @torch.no_grad()
    def generate(self, conditions: Conditions, request: Request) -> Prediction:
        """Frame by frame with a key-value cache; rows end by themselves.

        With ``output_enrollment`` the enrollment's codes are predicted first and left out of what is
        returned.
        Args:
            request: its ``given`` may hold the stream ``enrollment``, codes (B, >= n, T_e) that are then
                taken instead of predictions.
        Returns:
            ``acoustic`` codes (B, n, T'), T' the longest row, and one function evaluation a generated frame.
        """
        conf, num_frames = request.conf, self.spec.num_frames(request.num_samples)
        enrollment_frames, enrollment_codes = self.leading_enrollment(conditions, request)
        prefix = self.prefix(conditions, enrollment_frames)
        batch, device = len(request.keys), prefix.values.device
        lead = torch.zeros_like(num_frames) if enrollment_frames is None else enrollment_frames
        limit = lead + num_frames if conf.length_mode == "exact" else lead + num_frames + 2
        steps = int(limit.max())
        earliest_end = lead + self.earliest_end(num_frames, conf)
        draws = (
            row_draws(request.keys, conf.seed, steps, self.num_streams).to(device) if conf.sampling else None
        )
        generated = torch.full((batch, self.num_streams, steps), PADDING_CODE, device=device)
        lengths = torch.zeros(batch, dtype=torch.int64, device=device)
        active = torch.arange(batch, device=device)  # rows still decoding, as held by the cache
        decoder_class = CachedDecoder if conf.use_cache else UncachedDecoder
        added = self.added_conditions(conditions, steps + 1, enrollment_frames)
        decoder = decoder_class(self, prefix, added, steps)
        ended = torch.zeros(batch, dtype=torch.bool, device=device)
        newest = None
        for step in range(steps):
            logits = decoder.step(newest)
            logits[..., self.end_token].masked_fill_((step < earliest_end[active])[:, None], float("-inf"))
            tokens = choose_tokens(logits, conf, None if draws is None else draws[active, step])
            if enrollment_codes is not None:
                tokens = self.given_tokens(enrollment_codes.rows(active), step, tokens)
            ended[active] |= (tokens == self.end_token).any(dim=1) | (step >= limit[active])
            running = ~ended[active]
            generated[active[running], :, step] = tokens[running]
            lengths[active[running]] += 1
            ended[active] |= step + 1 >= limit[active]
            running = (~ended[active]).nonzero()[:, 0]
            if len(running) == 0:
                break
            # Compacting costs a copy of the cache, so it waits until half of the rows are done.
            if len(running) * 2 <= len(active):
                decoder.keep_rows(running)
                active, tokens = active[running], tokens[running]
            # A row that ended stays until it is compacted away; its end token is no table entry.
            newest = self.drop_history(self.embed(tokens.clamp_max(self.end_token - 1)[..., None]))
        codes = Codes(generated[:, :, : int(lengths.max())], lengths, self.spec.frame_rate)
        if enrollment_frames is not None:
            codes = codes_behind(codes, enrollment_frames)
        return Prediction(Streams(acoustic=codes), num_function_evaluations=step + 1)

    def leading_enrollment(
        self, conditions: Conditions, request: Request
    ) -> tuple[Tensor | None, Codes | None]:
        """Frames (B,) and given codes of the enrollment, for "Ref output"; None for what there is not."""
        if not self.config.output_enrollment:
            return None, None
        if conditions.enrollment_num_samples is None:
            raise ValueError(
                "lm_conf: output_enrollment wants an encoder that hands on enrollment_num_samples, as "
                "AbsSharedEncoder does."
            )
        given = request.given.streams.get("enrollment") if request.given else None
        return self.spec.num_frames(conditions.enrollment_num_samples), given

    def given_tokens(self, codes: Codes, step: int, tokens: Tensor) -> Tensor:
        """(B, n) the frame ``step`` of ``codes`` where a row has one, else ``tokens``."""
        frame = codes.values[:, : self.num_streams, min(step, codes.values.size(2) - 1)]
        return torch.where((step < codes.lengths)[:, None], frame, tokens)

    @staticmethod
    def earliest_end(num_frames: Tensor, conf: DecoderOnlyDecode) -> Tensor:
        """(B,) first frame of the target at which a row may end by itself."""
        if conf.length_mode == "exact":
            return num_frames + 1
        return (0.9 * num_frames).long() if conf.length_mode == "bounded" else torch.zeros_like(num_frames)


class CachedDecoder:
    """One new position a step; exact because the prefix never looks at codes."""

    def __init__(self, lm: DecoderOnlyLM, prefix: ConditionSequence, added: Tensor, num_steps: int):
        """``added``: (B, num_steps + 1 | 1, D | 1), what each target position gets on top."""
        self.lm, self.num_prefix, self.added = lm, prefix.values.size(1), added
        batch = prefix.values.size(0)
        self.cache = lm.stack.new_cache(batch, self.num_prefix + num_steps, like=prefix.values)
        self.visible = F.pad(~prefix.padding, (0, num_steps), value=True)
        lm.stack(prefix.values, bidirectional_mask(prefix.padding), prefix.positions, self.cache)
        self.task = lm.special.weight[TASK].to(prefix.values).expand(batch, 1, -1)

    def step(self, newest: Tensor | None) -> Tensor:
        """Embedding of the newest frame (B, 1, D), None at first -> logits (B, n, V + 1)."""
        held = self.cache.length
        step = min(held - self.num_prefix, self.added.size(1) - 1)
        values = (self.task if newest is None else newest) + self.added[:, step : step + 1]
        positions = torch.full((values.size(0), 1), float(held - self.num_prefix), device=values.device)
        hidden = self.lm.stack(values, self.visible[:, None, : held + 1], positions, self.cache)
        return self.lm.logits(hidden)[:, -1]

    def keep_rows(self, rows: Tensor) -> None:
        self.cache.keep_rows(rows)
        self.visible, self.added = self.visible[rows], self.added[rows]


class UncachedDecoder:
    """Recomputes prefix and history in every step: the slow, obvious version that the cache must equal."""

    def __init__(self, lm: DecoderOnlyLM, prefix: ConditionSequence, added: Tensor, num_steps: int):
        self.lm, self.prefix, self.added = lm, prefix, added
        self.frames = lm.special.weight[TASK].to(prefix.values).expand(prefix.values.size(0), 1, -1)

    def step(self, newest: Tensor | None) -> Tensor:
        """As ``CachedDecoder.step``."""
        if newest is not None:
            self.frames = torch.cat([self.frames, newest], dim=1)
        batch, length = self.frames.shape[:2]
        values = torch.cat([self.prefix.values, self.frames + self.added[:, :length]], dim=1)
        padding = F.pad(self.prefix.padding, (0, length), value=False)
        times = torch.arange(length, device=values.device).expand(batch, -1)
        positions = torch.cat([self.prefix.positions, times], dim=1)
        start = self.prefix.values.size(1)
        return self.lm.logits(self.lm.stack(values, prefix_mask(padding, start), positions)[:, -1:])[:, 0]

    def keep_rows(self, rows: Tensor) -> None:
        prefix = self.prefix
        self.prefix = ConditionSequence(prefix.values[rows], prefix.padding[rows], prefix.positions[rows])
        self.frames, self.added = self.frames[rows], self.added[rows]

"""UniSE's language model: one decoder for restoration, extraction and reverse extraction (arXiv:2510.20441)."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.causal_stack import CausalStack, RotaryStackConfig
from espnet_tse.layers.condition_sequence import frames_at, mean_enrollment
from espnet_tse.layers.joining import join_left_padded
from espnet_tse.lm.token_lm import Prompt, TokenLM
from espnet_tse.lm.vocabulary import Vocabulary
from espnet_tse.schema import Codes, Conditions, Prediction, Request, Streams
from espnet_tse.schema.stream_spec import CodesSpec

BEGIN_GLOBAL, BEGIN_SEMANTIC, END = range(3)
TASKS = ("sr", "tse", "rtse")  # in the order of the task tokens


@dataclass(frozen=True)
class TaskLMConfig(RotaryStackConfig):
    """62,930,432 parameters at paper size, without those of the three tables of conditions."""

    width: int = 512
    feedforward: int = 2048
    dropout: float = 0.0
    tied: bool = False
    prefix_bidirectional: bool = False  # the conditions see each other
    # Adds a linear map of the mixture's frame at the time of the semantic token to be predicted. The paper leaves
    # it to attention to find the place, which takes more steps than a mini has.
    frame_synchronous: bool = False
    # Adds linear maps of the enrollment's mean and of the task to every semantic token to be predicted: in few
    # updates a model learns to choose by a sum, not by attention.
    add_enrollment: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.add_enrollment and not self.frame_synchronous:
            raise ValueError(
                "add_enrollment adds to the mixture's frames of frame_synchronous, which is off."
            )


class SpanLogits(NamedTuple):
    """Logits of the tokens of one row after the other, each over its own stream's entries."""

    globals: Tensor  # (B, N_g, V_g)
    semantic: Tensor  # (B, T, V_s)


class TaskLM(TokenLM):
    """p(g, s | task, E_r, E_m): [T, R, E_r, D, E_m, G, g_1 .. g_N, S, s_1 .. s_T], causal, positions from 0 on.

    T, R and D are no entries of the vocabulary and never predicted. A row without an enrollment has no R.
    """

    Config = TaskLMConfig

    def __init__(self, config: TaskLMConfig, specs: dict[str, CodesSpec], sample_rate: int):
        """
        Args:
            specs: of ``global`` and ``semantic``, in this order; one codebook each.
            sample_rate: Hz, that hops count.
        """
        vocabulary = Vocabulary({name: spec.codebook_size for name, spec in specs.items()})
        super().__init__(CausalStack(config), vocabulary, config.tied, config.prefix_bidirectional)
        self.config, self.specs, self.sample_rate = config, specs, sample_rate
        self.task_table = nn.Embedding(len(TASKS), config.width)
        self.begin_enrollment = nn.Embedding(1, config.width)
        self.begin_mixture = nn.Embedding(1, config.width)
        for table in (self.task_table, self.begin_enrollment, self.begin_mixture):
            nn.init.normal_(table.weight, std=0.02)
        if config.frame_synchronous:
            self.synchronous = nn.Linear(config.width, config.width)
        if config.add_enrollment:
            self.enrollment_to_frames = nn.Linear(config.width, config.width)
            self.task_to_frames = nn.Embedding(len(TASKS), config.width)

    @classmethod
    def from_config(cls, config: TaskLMConfig, specs: dict[str, CodesSpec], sample_rate: int) -> "TaskLM":
        """
        Raises:
            ValueError: the tokenizer has no fixed number of ``global`` codes, or no ``semantic`` ones at a rate.
        """
        kinds = {name: (spec.num_codebooks, spec.hop_length is None) for name, spec in specs.items()}
        if kinds != {"global": (1, True), "semantic": (1, False)}:
            raise ValueError(
                "task_lm wants a tokenizer of 'global' codes, a fixed number a recording, and 'semantic' codes, one a "
                f"frame; this one has {specs}."
            )
        return cls(config, specs, sample_rate)

    @property
    def num_globals(self) -> int:
        """N_g."""
        return self.specs["global"].num_tokens

    @property
    def frame_rate(self) -> float:
        """Hz, of the semantic tokens."""
        return self.sample_rate / self.specs["semantic"].hop_length

    def prompt(self, conditions: Conditions, tasks: Tensor) -> Prompt:
        """[T, R, E_r, D, E_m] of each row, padded in front.

        Args:
            conditions: ``mixture`` and, where a row has one, ``enrollment``, (B, T, width).
            tasks: (B,) places in ``TASKS``.
        """
        batch = len(tasks)
        present = torch.zeros(batch, 1, dtype=torch.bool, device=tasks.device)  # padding of single tokens
        spans = [(self.task_table(tasks)[:, None], present)]
        enrollment, mixture = conditions.streams.get("enrollment"), conditions.streams["mixture"]
        if enrollment is not None:
            begin = self.begin_enrollment.weight.expand(batch, 1, -1)
            spans += [
                (begin, (enrollment.lengths == 0)[:, None]),
                (enrollment.values, enrollment.padding_mask),
            ]
        spans += [
            (self.begin_mixture.weight.expand(batch, 1, -1), present),
            (mixture.values, mixture.padding_mask),
        ]
        return Prompt(*join_left_padded([(values.to(mixture.values), padding) for values, padding in spans]))

    def added(self, conditions: Conditions, tasks: Tensor, num_tokens: int) -> Tensor | None:
        """(B, N_g + 1 + num_tokens, width) for the inputs from G on: what sounds when the next token does."""
        if not self.config.frame_synchronous:
            return None
        mixture = conditions.streams["mixture"]
        index = torch.arange(num_tokens, device=mixture.values.device)[None]
        frames = self.synchronous(frames_at(mixture, index, self.frame_rate))
        if self.config.add_enrollment:
            frames = frames + self.task_to_frames(tasks)[:, None]
            if "enrollment" in conditions.streams:
                voice = mean_enrollment(conditions)
            else:  # as of a row without one among others
                voice = torch.zeros_like(frames[:, :1])
            frames = frames + self.enrollment_to_frames(voice)
        return F.pad(frames, (0, 0, self.num_globals + 1, 0))

    def hidden_states(
        self, conditions: Conditions, tasks: Tensor, global_codes: Codes, history: Codes
    ) -> Tensor:
        """Teacher forcing: (B, N_g + 2 + T, width), of G, every global token, S and every semantic token.

        Args:
            history: (B, 1, T) semantic codes as the model is to see them.
        """
        first = self.vocabulary.tokens("global", global_codes.values[:, 0])
        second = self.vocabulary.tokens("semantic", history.values[:, 0])
        begin, between = (torch.full_like(first[:, :1], token) for token in (BEGIN_GLOBAL, BEGIN_SEMANTIC))
        tokens = torch.cat([begin, first, between, second], dim=1)
        added = self.added(conditions, tasks, second.size(1))
        if added is not None:  # behind the last token nothing is wanted
            added = F.pad(added, (0, 0, 0, 1))
        return self.hidden(self.prompt(conditions, tasks), tokens, added)

    def span_logits(self, hidden: Tensor) -> SpanLogits:
        """Logits of every token over its own stream, of ``hidden_states``."""
        number = self.num_globals
        return SpanLogits(
            self.stream_logits("global", hidden[:, :number]),
            self.stream_logits("semantic", hidden[:, number + 1 : -1]),
        )

    def stream_logits(self, stream: str, hidden: Tensor) -> Tensor:
        """(..., width) -> (..., V) over the entries of a stream alone."""
        first, end = self.vocabulary.range(stream)
        return F.linear(hidden, self.head.weight[first:end])

    def vocabulary_labels(self, global_codes: Codes, codes: Codes) -> Tensor:
        """(B, N_g + 2 + T) what follows each position of ``hidden_states``: S behind the last global token, the end
        behind a row's last semantic one; -1 behind that."""
        first = self.vocabulary.tokens("global", global_codes.values[:, 0])
        second = self.vocabulary.tokens("semantic", codes.values[:, 0])
        second = F.pad(second.masked_fill(codes.padding_mask, -1), (0, 1), value=-1)
        second = second.scatter(1, codes.lengths[:, None], END)
        return torch.cat([first, torch.full_like(first[:, :1], BEGIN_SEMANTIC), second], dim=1)

    def generate(self, conditions: Conditions, tasks: Tensor, request: Request) -> Prediction:
        """N_g global tokens, then as many semantic ones as the mixture has frames; the end is never predicted.

        Args:
            tasks: (B,) places in ``TASKS``.
            request: where its ``given`` holds ``global``, these are not predicted.
        Returns:
            ``global`` (B, 1, N_g), ``semantic`` (B, 1, T) and one function evaluation a token.
        """
        given = request.given.streams.get("global") if request.given else None
        lengths = self.specs["semantic"].num_frames(request.num_samples)
        steps, number = int(lengths.max()), self.num_globals
        prompt, added = self.prompt(conditions, tasks), self.added(conditions, tasks, steps)
        spans = [self.vocabulary.range("semantic")] * steps
        if given is None:
            spans = (
                [self.vocabulary.range("global")] * number + [(BEGIN_SEMANTIC, BEGIN_SEMANTIC + 1)] + spans
            )
            tokens = self.decode(
                prompt, BEGIN_GLOBAL, spans, lengths + number + 1, request.keys, request.conf, added
            )
            values = self.vocabulary.codes("global", tokens[:, :number])[:, None]
            given = Codes(values, torch.full_like(lengths, number), None)
            tokens = tokens[:, number + 1 :]
        else:
            prompt = self.prolonged(prompt, given)
            if added is not None:
                added = added[:, number + 1 :]
            tokens = self.decode(prompt, BEGIN_SEMANTIC, spans, lengths, request.keys, request.conf, added)
        semantic = Codes(self.vocabulary.codes("semantic", tokens)[:, None], lengths, self.frame_rate)
        semantic.values.masked_fill_(semantic.padding_mask[:, None], -1)
        return Prediction(
            Streams({"global": given, "semantic": semantic}), num_function_evaluations=len(spans)
        )

    def prolonged(self, prompt: Prompt, global_codes: Codes) -> Prompt:
        """The prompt with G and the global tokens behind it."""
        tokens = self.vocabulary.tokens("global", global_codes.values[:, 0])
        tokens = F.pad(tokens, (1, 0), value=BEGIN_GLOBAL)
        values = torch.cat([prompt.values, self.table(tokens).to(prompt.values)], dim=1)
        return Prompt(values, F.pad(prompt.padding, (0, tokens.size(1)), value=False), tokens.size(1))

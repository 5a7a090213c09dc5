"""What decoder-only language models of one token a position share: teacher forcing and cached decoding."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.causal_stack import CausalStack, causal_mask
from espnet_tse.lm.abs_generator import AbsGenerator
from espnet_tse.lm.sampling import SamplingConf, choose_tokens, row_draws
from espnet_tse.lm.vocabulary import Vocabulary


@dataclass(frozen=True)
class TokenDecode(SamplingConf):
    """Settings of ``TokenLM.decode``."""

    use_cache: bool = True  # False: every step recomputes the whole sequence (for checks only)


@dataclass
class Prompt:
    """What stands before the tokens, padded in front."""

    values: Tensor  # (B, P, width)
    padding: Tensor  # (B, P) bool, True at padding
    num_tokens: int = 0  # so many of its last positions are known tokens, which nothing before them sees

    @property
    def lengths(self) -> Tensor:
        """(B,) valid positions."""
        return (~self.padding).sum(dim=1)

    @property
    def positions(self) -> Tensor:
        """(B, P) from 0 at a row's first valid position on."""
        return (~self.padding).cumsum(dim=1) - 1

    def rows(self, index: Tensor) -> "Prompt":
        return replace(self, values=self.values[index], padding=self.padding[index])


class TokenLM(AbsGenerator):
    """A table of tokens, a stack, a head over the vocabulary.

    Positions that turn queries and keys count on from the prompt; others are in what ``embed`` returns.
    """

    def __init__(self, stack: CausalStack, vocabulary: Vocabulary, tied: bool, bidirectional: bool = False):
        """
        Args:
            tied: the head is the table.
            bidirectional: the positions of the prompt see each other, but for its tokens.
        """
        super().__init__()
        width = stack.config.width
        self.stack, self.vocabulary, self.bidirectional = stack, vocabulary, bidirectional
        self.table = nn.Embedding(vocabulary.size, width)
        self.head = nn.Linear(width, vocabulary.size, bias=False)
        nn.init.normal_(self.table.weight, std=0.02)
        nn.init.normal_(self.head.weight, std=0.02)
        if tied:
            self.head.weight = self.table.weight

    @property
    def width(self) -> int:
        return self.stack.config.width

    def together(self, prompt: Prompt) -> int:
        """So many first positions see each other."""
        return prompt.values.size(1) - prompt.num_tokens if self.bidirectional else 0

    def embed(self, tokens: Tensor, start: int) -> Tensor:
        """(B, L) tokens, the first of them the ``start``-th behind the prompt -> (B, L, width)."""
        return self.table(tokens)

    def token_logits(self, prompt: Prompt, tokens: Tensor, added: Tensor | None = None) -> Tensor:
        """Teacher forcing: logits of what follows each token.

        Args:
            tokens: (B, L), the begin token first; what stands behind a row's end does not matter before it.
            added: (B, L, width), on top of the tokens' embeddings.
        Returns:
            (B, L, V).
        """
        return self.head(self.hidden(prompt, tokens, added))

    def hidden(self, prompt: Prompt, tokens: Tensor, added: Tensor | None = None) -> Tensor:
        """As ``token_logits``, before the head: (B, L, width)."""
        length, place = tokens.size(1), prompt.values.size(1)
        embedded = self.embed(tokens, 0)
        if added is not None:
            embedded = embedded + added[:, :length]
        values = torch.cat([prompt.values, embedded.to(prompt.values)], dim=1)
        padding = F.pad(prompt.padding, (0, length), value=False)
        times = prompt.lengths[:, None] + torch.arange(length, device=tokens.device)
        positions = torch.cat([prompt.positions, times], dim=1)
        allowed = causal_mask(padding, self.together(prompt))
        return self.stack(values, allowed, positions)[:, place:]

    @torch.no_grad()
    def decode(
        self,
        prompt: Prompt,
        begin: int,
        allowed: list[tuple[int, int]],
        lengths: Tensor,
        keys: list[str],
        conf: TokenDecode,
        added: Tensor | None = None,
    ) -> Tensor:
        """Token by token, greedily or by each row's own draws.

        Args:
            begin: the token behind the prompt.
            allowed: for each step the first number that may be chosen and the one behind the last; where
                that is one token, it is not chosen but given.
            lengths: (B,) steps of each row.
            keys: B, seed the draws.
            added: (B, steps | more, width), on top of the inputs' embeddings.
        Returns:
            (B, steps) tokens; behind a row's length they mean nothing.
        """
        batch, device = len(keys), prompt.values.device
        draws = row_draws(keys, conf.seed, len(allowed), 1).to(device) if conf.sampling else None
        chosen = torch.zeros(batch, len(allowed), dtype=torch.int64, device=device)
        newest = torch.full((batch, 1), begin, device=device)
        active = torch.arange(batch, device=device)  # rows still decoding
        decoder = (CachedTokens if conf.use_cache else RecomputedTokens)(self, prompt, added, len(allowed))
        for step, (first, end) in enumerate(allowed):
            hidden = decoder.step(newest, step)
            if end - first == 1:
                newest = torch.full_like(newest, first)
            else:
                logits = F.linear(hidden, self.head.weight[first:end]).float()
                newest = choose_tokens(logits, conf, None if draws is None else draws[active, step]) + first
            chosen[active, step] = newest[:, 0]
            going_on = (lengths[active] > step + 1).nonzero()[:, 0]
            # Compacting costs a copy of the cache, so it waits until half of the rows are done.
            if 0 < len(going_on) <= len(active) // 2:
                decoder.keep_rows(going_on)
                active, newest = active[going_on], newest[going_on]
        return chosen


class CachedTokens:
    """One new position a step."""

    def __init__(self, lm: TokenLM, prompt: Prompt, added: Tensor | None, num_steps: int):
        self.lm, self.added, self.start = lm, added, prompt.lengths
        self.place = prompt.values.size(1)
        self.cache = lm.stack.new_cache(len(prompt.values), self.place + num_steps, like=prompt.values)
        self.visible = F.pad(~prompt.padding, (0, num_steps), value=True)
        allowed = causal_mask(prompt.padding, lm.together(prompt))
        lm.stack(prompt.values, allowed, prompt.positions, self.cache)

    def step(self, newest: Tensor, step: int) -> Tensor:
        """(B, 1) tokens, the ``step``-th behind the prompt -> (B, 1, width)."""
        values = self.lm.embed(newest, step)
        if self.added is not None:
            values = values + self.added[:, step : step + 1]
        allowed = self.visible[:, None, : self.place + step + 1]
        return self.lm.stack(values, allowed, (self.start + step)[:, None], self.cache)

    def keep_rows(self, rows: Tensor) -> None:
        self.cache.keep_rows(rows)
        self.visible, self.start = self.visible[rows], self.start[rows]
        self.added = None if self.added is None else self.added[rows]


class RecomputedTokens:
    """Recomputes prompt and tokens in every step: the slow, obvious version that the cache must equal."""

    def __init__(self, lm: TokenLM, prompt: Prompt, added: Tensor | None, num_steps: int):
        self.lm, self.prompt, self.added = lm, prompt, added
        self.tokens = None

    def step(self, newest: Tensor, step: int) -> Tensor:
        """As ``CachedTokens.step``."""
        self.tokens = newest if self.tokens is None else torch.cat([self.tokens, newest], dim=1)
        return self.lm.hidden(self.prompt, self.tokens, self.added)[:, -1:]

    def keep_rows(self, rows: Tensor) -> None:
        self.prompt, self.tokens = self.prompt.rows(rows), self.tokens[rows]
        self.added = None if self.added is None else self.added[rows]

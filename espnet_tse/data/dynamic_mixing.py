"""Mixtures made while training, from single-speaker utterances; no example depends on order or workers."""

import logging
from functools import partial
from pathlib import Path
from typing import Mapping

import numpy as np

from espnet_tse.data.audio_store import CACHE_BUDGET, AudioStore
from espnet_tse.data.degradation import degraded
from espnet_tse.data.embedding_store import EmbeddingStore
from espnet_tse.data.enrollment import (
    DisjointLengths,
    Span,
    choose_other,
    crop_span,
    cropped_length,
    place_disjoint,
    with_pause,
)
from espnet_tse.data.equalizer import equalized
from espnet_tse.data.mixing import reverberate, scale_to_ratio
from espnet_tse.data.mixing_conf import MixingConf
from espnet_tse.data.perturbed_voices import persons_of
from espnet_tse.data.scp_fields import listed_lengths, read_source_dir
from espnet_tse.data.source_speakers import (
    require_speakers,
    require_targets,
    shared_lengths,
    sharing_keys,
    single_utterance_speakers,
)
from espnet_tse.data.source_weights import weighted_keys
from espnet_tse.data.timeline import Turns, draw_share, draw_turns
from espnet_tse.data.token_store import TokenStores
from espnet_tse.io.scp import DataError, read_filled_scp
from espnet_tse.schema.stream_spec import StreamSpec
from espnet_tse.schema.tse_batch import TASKS


class DynamicMixingDataset:
    """A source directory as mixtures; every utterance is the target once an epoch, or as its source is weighted.

    All draws of an example come from a generator keyed by (seed, epoch, index), so neither the order of
    the calls, nor the number of workers or processes, nor a resumed training changes it.
    """

    def __init__(
        self,
        source_dir: Path | str,
        conf: MixingConf,
        crop_s: float | None = None,
        seed: int = 0,
        hop_length: int = 1,
        tokens: Mapping[str, tuple[Path, StreamSpec]] | None = None,
        cache_audio: bool = True,
        cache_budget: int = CACHE_BUDGET,
        embeddings_scp: Path | str | None = None,
    ):
        """
        Args:
            source_dir: ``wav.scp``, ``utt2spk``; audio mono at one rate.
            conf: the mixing configuration, see ``read_mixing_conf``.
            crop_s: longest mixture in seconds; None leaves every target whole.
            seed: of all draws.
            hop_length: samples a frame of the streams; target crops begin at its multiples.
            tokens: stream -> scp and sizes of codes, units or latents of the whole source utterances.
            embeddings_scp: speaker embeddings of the whole source utterances, by utterance id; where others enroll.
            cache_audio: hold the audio in memory if it takes at most ``cache_budget`` bytes.
        Raises:
            DataError: lists, audio or codes are wrong; or the speakers do not suffice for ``conf``.
        """
        if tokens and conf.target_absent > 0:
            raise DataError(
                f"{source_dir}: target_absent is {conf.target_absent}, but an absent target has no codes; "
                "set it to 0 or train without codes."
            )
        if tokens and conf.has_pauses:
            raise DataError(
                f"{source_dir}: silence moves the target's speech, but its codes are those of the whole utterance; "
                "set silence: [0, 0] or train without codes."
            )
        self.source_dir, self.conf, self.seed, self.hop_length = Path(source_dir), conf, seed, hop_length
        paths, self.utt2spk = read_source_dir(source_dir)
        self.audio = AudioStore(paths, cache_audio, cache_budget, listed_lengths(source_dir))
        self.sample_rate = self.audio.sample_rate
        self.noise = self._extra_store(conf.noise_scp, cache_audio, cache_budget)
        self.rirs = self._extra_store(conf.rir_scp, cache_audio, cache_budget)
        self.crop = None if crop_s is None else round(crop_s * self.sample_rate)
        self.spk2utt: dict[str, list[str]] = {}
        for key, speaker in self.utt2spk.items():
            self.spk2utt.setdefault(speaker, []).append(key)
        self.speakers = list(self.spk2utt)
        self.speaker_numbers = {speaker: number for number, speaker in enumerate(sorted(self.spk2utt))}
        self._copies: dict[str, list[int]] = {}
        self._persons = persons_of(self.speakers)
        for place, speaker in enumerate(self.speakers):
            self._copies.setdefault(self._persons[speaker], []).append(place)
        require_speakers(self.source_dir, self.speakers, conf)
        if conf.needs_other_utterance:
            self._require_other_utterances()
        self._shared: dict[str, DisjointLengths] = {}
        self.keys = list(self.utt2spk)
        self._share_utterances()
        self.keys = weighted_keys(self.source_dir, self.keys, conf.source_weights)
        self.num_samples = [self._target_length(key) for key in self.keys]
        self.embeddings = None if embeddings_scp is None else EmbeddingStore(embeddings_scp)
        if self.embeddings is not None:
            self._check_embeddings()
        self.tokens = TokenStores.open(tokens or {}, list(dict.fromkeys(self.keys)), cache_budget)

    def __len__(self) -> int:
        return len(self.keys)

    def _extra_store(self, scp: str | None, cache: bool, budget: int) -> AudioStore | None:
        if scp is None:
            return None
        store = AudioStore(read_filled_scp(scp), cache, budget)
        if store.sample_rate != self.sample_rate:
            raise DataError(
                f"{scp}: is at {store.sample_rate} Hz but {self.source_dir} at {self.sample_rate} Hz; "
                "resample it."
            )
        return store

    def _require_other_utterances(self) -> None:
        lonely = single_utterance_speakers(self.utt2spk.values())
        if lonely:
            raise DataError(
                f"{self.source_dir}: {len(lonely)} of {len(self.speakers)} speakers have a single utterance, "
                f"first '{lonely[0]}', so no other one can enroll them; remove them, or set "
                "'enrollment: same_utterance_disjoint' in mixing.yaml."
            )

    def _share_utterances(self) -> None:
        """Keep as targets the utterances that hold two regions, or need not hold them.

        What is no target still interferes.
        """
        sharing = sharing_keys(self.utt2spk, self.conf)
        for key in sharing:
            lengths = shared_lengths(
                self.audio.num_samples(key), self.sample_rate, self.conf, self.crop, self.hop_length
            )
            if lengths is not None:
                self._shared[key] = lengths
        dropped = set(sharing) - self._shared.keys()
        if dropped:
            logging.warning(
                f"{self.source_dir}: {len(dropped)} of {len(self.keys)} utterances are too short for a target and "
                f"an enrollment {self.conf.enrollment_gap_s} s apart; they only interfere"
            )
        self.keys = [key for key in self.keys if key not in dropped]
        require_targets(self.source_dir, self.keys)

    def _check_embeddings(self) -> None:
        """Raise DataError where an embedding would be lacking or would not be that of the enrollment."""
        scp = self.embeddings.scp
        if self._shared:
            raise DataError(
                f"{scp}: embeddings are of whole utterances, but '{next(iter(self._shared))}' is target and enrollment, so "
                "its embedding would have heard the target; set 'enrollment: other_utterance' in mixing.yaml, or leave "
                "out the embeddings."
            )
        if "sr" in self.conf.tasks:
            raise DataError(
                f"{scp}: task sr enrolls nobody, so it has no embedding; leave sr out of mixing.yaml, or the embeddings."
            )
        self.embeddings.require(list(self.utt2spk))

    def _target_length(self, key: str) -> int:
        if key in self._shared:
            return self._shared[key].target
        return cropped_length(self.audio.num_samples(key), self.crop, self.hop_length)

    def _spans(self, key: str, generator: np.random.Generator) -> tuple[Span, str, Span]:
        """Target span, enrollment utterance and enrollment span, empty where no task enrolls anybody."""
        if key in self._shared:
            length = self.audio.num_samples(key)
            target, enrollment = place_disjoint(length, self._shared[key], generator, self.hop_length)
            return target, key, enrollment
        target = crop_span(self.audio.num_samples(key), self.crop, generator, self.hop_length)
        if not self.conf.enrolls:
            return target, key, Span(0, 0)
        return target, *self._enrollment_beside(key, generator)

    def _room(self, signal: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        if self.rirs is None:
            return signal
        keys = list(self.rirs.paths)
        return reverberate(signal, self.rirs.load(keys[int(generator.integers(len(keys)))]))

    def _interferers(self, speaker: str, count: int, generator: np.random.Generator) -> list[str]:
        """One utterance each of ``count`` other speakers, none of them a copy of the speaker's own voice."""
        number, own = len(self.speakers), self.speakers.index(speaker)
        left_out = sorted((place - own) % number for place in self._copies[self._persons[speaker]])
        chosen = []
        for offset in generator.choice(number - len(left_out), size=count, replace=False):
            for skipped in left_out:
                offset += offset >= skipped
            other = self.speakers[(own + int(offset)) % number]
            keys = self.spk2utt[other]
            chosen.append(keys[int(generator.integers(len(keys)))])
        return chosen

    def example(self, epoch: int, index: int) -> dict:
        """The example ``index`` of ``epoch``.

        Returns:
            ``key``; ``mixture``, ``target``, ``enrollment``: (N,), (N,), (N_e,) float32; ``interference``: (N,), what the
            other talkers add, before noise and degradations; ``targets``: stream
            -> (T, K) int64 or (T, D) float32; ``speaker``: number of the enrolled one among the sorted names;
            ``speaker_embedding``: (E,) float32 of the utterance that enrolls, or None; ``task``: its place in
            ``TASKS``, where there are others than extraction; restoration has an empty enrollment; ``turns``: spans of
            the mixture in which the target speaks; ``interferers``: names of the other speakers. The target keeps its level; with rooms, it is the dry signal,
            aligned with its direct path. An absent target is silence.
        Raises:
            DataError: a file has become unreadable.
        """
        generator, conf = np.random.default_rng([self.seed, epoch, index]), self.conf
        key = self.keys[index]
        task = self._task(generator)
        count = int(generator.choice(list(conf.num_speakers), p=list(conf.num_speakers.values())))
        absent = bool(generator.random() < conf.target_absent)
        if task == "sr":
            count = 1 + int(generator.random() < conf.sr_interferer)
        span, enrollment_key, enrollment_span = self._spans(key, generator)
        target = self.audio.load(key, span.start, span.num_samples)
        turns = self._turns(target, generator)
        if turns is not None:
            target = turns.spread(target)
        in_room = happens(conf.reverb_share, generator)
        image = self._room(target, generator) if in_room else target
        mixture = np.zeros_like(target) if absent else image.copy()
        sir_db = conf.sr_sir_db if task == "sr" else conf.sir_db
        num_others = max(count - 1, int(absent))
        others = self._add_interferers(
            mixture, image, turns, self.utt2spk[key], num_others, sir_db, in_room, generator
        )
        interference = mixture.copy() if absent else mixture - image
        if task == "rtse":
            enrollment_key, enrollment_span = self._enrollment_beside(others[0], generator)
        if happens(conf.noise_share, generator):
            self._add_noise(mixture, spoken(image, turns), generator, conf.snr_db)
        if conf.degradation:
            mixture = degraded(mixture, self.sample_rate, conf.degradation, generator)
        enrollment = np.zeros(0, dtype=np.float32)
        if task != "sr":
            enrollment = self._enrollment(enrollment_key, enrollment_span, generator)
        example = {
            "key": key,
            "mixture": mixture,
            "target": np.zeros_like(target) if absent else target,
            "enrollment": enrollment,
            "interference": interference,
            "targets": self.tokens.load(key, self.audio.num_samples(key), span.start, span.num_samples),
            "speaker": -1 if task == "sr" else self.speaker_numbers[self.utt2spk[enrollment_key]],
            "speaker_embedding": None if self.embeddings is None else self.embeddings.load(enrollment_key),
            "interferers": [self.utt2spk[other] for other in others],
            "turns": () if absent else (Span(0, len(target)),) if turns is None else turns.spans,
        }
        if set(conf.tasks) != {"tse"}:
            example["task"] = TASKS.index(task)
        return example

    def _turns(self, target: np.ndarray, generator: np.random.Generator) -> Turns | None:
        """Turns of a target (N,); drawn where it may be silent at all, so that other draws are those without."""
        conf = self.conf
        if not conf.has_pauses:
            return None
        silence = draw_share(conf.silence, generator)
        num_turns = int(generator.integers(conf.turns[0], conf.turns[1] + 1))
        return draw_turns(target, self.sample_rate, silence, num_turns, generator)

    def _task(self, generator: np.random.Generator) -> str:
        """Drawn where there are several, so that other draws are those of one."""
        tasks = self.conf.tasks
        if len(tasks) == 1:
            return next(iter(tasks))
        return str(generator.choice(list(tasks), p=list(tasks.values())))

    def _enrollment_beside(self, key: str, generator: np.random.Generator) -> tuple[str, Span]:
        """Another utterance of the speaker of ``key``, and the span of it that enrolls."""
        other = choose_other(self.spk2utt[self.utt2spk[key]], key, generator)
        wanted = round(self.conf.longest_enrollment_s * self.sample_rate)
        return other, crop_span(self.audio.num_samples(other), wanted, generator)

    def _enrollment(self, key: str, span: Span, generator: np.random.Generator) -> np.ndarray:
        """An enrollment, with a pause, another microphone, a room and noise as often as the configuration says."""
        conf = self.conf
        if isinstance(conf.enrollment_s, tuple):
            shorter = crop_span(
                span.num_samples, round(generator.uniform(*conf.enrollment_s) * self.sample_rate), generator
            )
            span = Span(span.start + shorter.start, shorter.num_samples)
        signal = self.audio.load(key, span.start, span.num_samples)
        if conf.enrollment_pauses and generator.random() < conf.enrollment_pauses:
            signal = with_pause(signal, generator)
        if conf.enrollment_eq_db:
            signal = equalized(signal, self.sample_rate, conf.enrollment_eq_db, generator)
        if conf.enrollment_reverb and generator.random() < conf.enrollment_reverb:
            signal = self._room(signal, generator)
        if conf.enrollment_noise and generator.random() < conf.enrollment_noise:
            signal = signal.copy()
            self._add_noise(signal, signal, generator, conf.enrollment_snr_db)
        return signal

    def _add_interferers(
        self,
        mixture: np.ndarray,
        image: np.ndarray,
        turns: Turns | None,
        speaker: str,
        count: int,
        sir_db: tuple[float, float],
        in_room: bool,
        generator: np.random.Generator,
    ) -> list[str]:
        """Add ``count`` other speakers to ``mixture``, at SIRs against the target's ``image`` (N,); their utterances."""
        others = self._interferers(speaker, count, generator)
        said = spoken(image, turns)
        for other in others:
            active = round(draw_share(self.conf.overlap, generator) * len(said))
            start = int(generator.integers(len(said) - active + 1))
            ratio_db = generator.uniform(*sir_db)
            places = self._places(Span(start, active), turns, generator)
            num_samples = active if turns is None else len(places)
            if num_samples == 0 and other is others[-1] and not mixture.any():
                # Without the target and anybody else there would be no mixture: one speaks all the time.
                places, num_samples = slice(0, len(mixture)), len(mixture)
            if num_samples == 0:
                continue
            signal = self.audio.load_fitted(other, num_samples, generator)
            if in_room:
                signal = self._room(signal, generator)
            # The ratio is that of the target to the active part: less overlap is not a lower level.
            mixture[places] += scale_to_ratio(
                said, signal, ratio_db, self.conf.snr_kind, partial(self.audio.load, other)
            )
        return others

    def _places(
        self, covered: Span, turns: Turns | None, generator: np.random.Generator
    ) -> slice | np.ndarray:
        """Samples of the mixture in which an interferer speaks.

        Args:
            covered: span of the target's speech, without its pauses, that it covers.
        """
        if turns is None:
            return slice(covered.start, covered.end)
        places = [np.flatnonzero(turns.speech)[covered.start : covered.end]]
        for gap in turns.gaps:
            if happens(self.conf.pause_speech, generator):
                places.append(np.arange(gap.start, gap.end))
        return np.sort(np.concatenate(places))

    def _add_noise(
        self,
        mixture: np.ndarray,
        speech: np.ndarray,
        generator: np.random.Generator,
        snr_db: tuple[float, float],
    ) -> None:
        """Add a noise recording to ``mixture``, against the level of ``speech``, if there are any."""
        if self.noise is None:
            return
        keys = list(self.noise.paths)
        key = keys[int(generator.integers(len(keys)))]
        signal = self.noise.load_fitted(key, len(mixture), generator)
        ratio_db = generator.uniform(*snr_db)
        mixture += scale_to_ratio(speech, signal, ratio_db, self.conf.snr_kind, partial(self.noise.load, key))


def happens(share: float, generator: np.random.Generator) -> bool:
    """Whether it does this time; nothing is drawn where it always does."""
    return share >= 1.0 or bool(generator.random() < share)


def spoken(image: np.ndarray, turns: Turns | None) -> np.ndarray:
    """What the target says, without its pauses: (N,) -> (M,)."""
    return image if turns is None else image[turns.speech]

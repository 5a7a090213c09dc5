"""A TSE directory of ready mixtures as examples."""

import zlib
from pathlib import Path
from typing import Mapping

import numpy as np

from espnet_tse.data.audio_store import CACHE_BUDGET, AudioStore
from espnet_tse.data.embedding_store import EmbeddingStore
from espnet_tse.data.enrollment import Span, choose_other, crop_span, cropped_length
from espnet_tse.data.preference_store import PREFERENCES_SCP, PreferenceStore
from espnet_tse.data.scp_fields import (
    ENROLLMENT_SCP,
    SPEAKER_ENROLLMENTS,
    DynamicEnrollment,
    MixtureRow,
    listed_lengths,
    read_speaker_enrollments,
    read_tse_dir,
)
from espnet_tse.data.stored_inputs import enrollment_name, mixture_name
from espnet_tse.data.token_store import TokenStores
from espnet_tse.io.scp import DataError
from espnet_tse.schema.stream_spec import StreamSpec


class StaticDataset:
    """Mixtures, targets and enrollments that lie on disk.

    In training, crops and enrollments are drawn again each epoch, keyed by (seed, epoch, index); otherwise
    they are keyed by (seed, utterance id) and never change, whatever else the set holds.
    """

    def __init__(
        self,
        tse_dir: Path | str,
        seed: int = 0,
        crop_s: float | None = None,
        enrollment_s: float | None = None,
        tokens: Mapping[str, tuple[Path, StreamSpec]] | None = None,
        hop_length: int = 1,
        training: bool | None = None,
        cache_audio: bool = False,
        cache_budget: int = CACHE_BUDGET,
        embeddings_scp: Path | str | None = None,
        stored_inputs: bool = False,
    ):
        """
        Args:
            tse_dir: ``wav.scp``, ``spk1.scp`` (optional), ``enroll_spk1.scp``, ``utt2spk``.
            seed: of all draws.
            crop_s: longest mixture in seconds, None for whole mixtures.
            enrollment_s: longest enrollment in seconds, None for whole ones.
            tokens: stream -> scp and sizes of codes, units or latents of the whole targets.
            stored_inputs: ``tokens`` has those of whole mixtures and enrollments, too, by the names of
                ``stored_inputs.audio_of``; examples have them, and enrollments are cut at multiples of the hop.
            hop_length: samples a frame of the streams; crops begin at its multiples.
            training: draw again each epoch; by default if ``crop_s`` is given.
            embeddings_scp: speaker embeddings by key of the mixture, or by utterance id where enrollments are
                drawn.
            cache_audio: hold the audio in memory if it takes at most ``cache_budget`` bytes.
        Raises:
            DataError: lists, audio or codes are wrong.
        """
        self.tse_dir, self.seed, self.hop_length = Path(tse_dir), seed, hop_length
        self.training = crop_s is not None if training is None else training
        self.rows: list[MixtureRow] = read_tse_dir(tse_dir)
        self.keys = [row.key for row in self.rows]
        if self.rows[0].enrollment is None:
            raise DataError(
                f"{self.tse_dir / ENROLLMENT_SCP}: no such file; extraction wants an enrollment a key."
            )
        speakers = sorted({row.speaker for row in self.rows if row.speaker is not None})
        self.speaker_numbers = {speaker: number for number, speaker in enumerate(speakers)}
        self.has_target = self.rows[0].target is not None
        self.enrollments = self._speaker_enrollments()
        paths = {f"{row.key}/mixture": row.mixture for row in self.rows}
        if self.has_target:
            paths.update({f"{row.key}/target": row.target for row in self.rows})
        for row in self.rows:
            if isinstance(row.enrollment, str):
                paths[f"{row.key}/enrollment"] = row.enrollment
        for speaker, pairs in self.enrollments.items():
            paths.update({f"{speaker}/{uid}/enrollment": path for uid, path in pairs})
        self.audio = AudioStore(paths, cache_audio, cache_budget, self._listed_lengths())
        self.sample_rate = self.audio.sample_rate
        self.crop = None if crop_s is None else round(crop_s * self.sample_rate)
        self.enrollment_length = None if enrollment_s is None else round(enrollment_s * self.sample_rate)
        if self.has_target:
            self._require_equal_lengths()
        self.num_samples = [
            cropped_length(self.audio.num_samples(f"{key}/mixture"), self.crop, hop_length)
            for key in self.keys
        ]
        self.embeddings = None if embeddings_scp is None else EmbeddingStore(embeddings_scp)
        if self.embeddings is not None:
            self.embeddings.require([row.key for row in self.rows if isinstance(row.enrollment, str)])
            self.embeddings.require([uid for pairs in self.enrollments.values() for uid, _ in pairs])
        self.stored_inputs = stored_inputs
        self.tokens = TokenStores.open(tokens or {}, self._stored_names(), cache_budget)
        self.preferences = self._preferences(crop_s, enrollment_s)

    def _preferences(self, crop_s: float | None, enrollment_s: float | None) -> PreferenceStore | None:
        """Those of the folder, if there are any; they are of whole mixtures and enrollments."""
        scp = self.tse_dir / PREFERENCES_SCP
        if not scp.is_file():
            return None
        if crop_s is not None or enrollment_s is not None:
            raise DataError(
                f"{scp}: preferences are of whole mixtures and enrollments; set crop_s: null and enrollment_s: null."
            )
        return PreferenceStore(scp, self.keys)

    def __len__(self) -> int:
        return len(self.rows)

    def _stored_names(self) -> list[str]:
        """What the examples ask for of ``tokens``."""
        if not self.stored_inputs:
            return self.keys
        fixed = [row.key for row in self.rows if isinstance(row.enrollment, str)]
        drawn = [uid for pairs in self.enrollments.values() for uid, _ in pairs]
        mixtures = [mixture_name(key) for key in self.keys]
        return [*self.keys, *mixtures, *(enrollment_name(key) for key in (*fixed, *drawn))]

    def _speaker_enrollments(self) -> dict[str, list[tuple[str, str]]]:
        """What the starred rows draw from, checked so that every draw succeeds."""
        starred = [row for row in self.rows if isinstance(row.enrollment, DynamicEnrollment)]
        if not starred:
            return {}
        path = self.tse_dir / SPEAKER_ENROLLMENTS
        by_speaker = read_speaker_enrollments(path)
        for row in starred:
            if row.enrollment.speaker not in by_speaker:
                raise DataError(
                    f"{path}: lacks speaker '{row.enrollment.speaker}', who should enroll key '{row.key}'; "
                    f"add an utterance of theirs, or fix {ENROLLMENT_SCP}."
                )
            pairs = by_speaker[row.enrollment.speaker]
            if not any(uid != row.enrollment.excluded_id for uid, _ in pairs):
                raise DataError(
                    f"{path}: speaker '{row.enrollment.speaker}' of key '{row.key}' has no enrollment but "
                    f"'{row.enrollment.excluded_id}' itself; add another utterance or drop the key."
                )
        wanted = {row.enrollment.speaker for row in starred}
        return {speaker: by_speaker[speaker] for speaker in sorted(wanted)}

    def _listed_lengths(self) -> dict[str, int] | None:
        """Those of mixtures, which are also their targets'; nothing lists enrollments."""
        lengths = listed_lengths(self.tse_dir)
        if lengths is None:
            return None
        return {
            f"{key}/{name}": lengths[key]
            for key in self.keys
            if key in lengths
            for name in ("mixture", "target")
        }

    def _require_equal_lengths(self) -> None:
        for key in self.keys:
            mixture, target = (self.audio.num_samples(f"{key}/{name}") for name in ("mixture", "target"))
            if mixture != target:
                raise DataError(
                    f"{self.tse_dir}: key '{key}': the mixture has {mixture} samples but its target "
                    f"{target}; make them equal. 'espnet-tse validate {self.tse_dir}' lists all such keys."
                )

    def _enrollment(self, row: MixtureRow, generator: np.random.Generator) -> tuple[str, str]:
        """What enrolls a row: its name among the audio, and the key of the row or the utterance that was drawn."""
        if isinstance(row.enrollment, str):
            return f"{row.key}/enrollment", row.key
        speaker = row.enrollment.speaker
        uids = [uid for uid, _ in self.enrollments[speaker]]
        uid = choose_other(uids, row.enrollment.excluded_id, generator)
        return f"{speaker}/{uid}/enrollment", uid

    def _stored(self, name: str, num_samples: int, span: Span) -> dict[str, np.ndarray]:
        """Stream -> the part of a span of what has ``num_samples`` in all."""
        return self.tokens.load(name, num_samples, span.start, span.num_samples)

    def example(self, epoch: int, index: int) -> dict:
        """The example ``index`` of ``epoch``.

        Returns:
            ``key``; ``mixture``, ``target`` (or None), ``enrollment``: (N,), (N,), (N_e,) float32;
            ``targets``: stream -> (T, K) int64 or (T, D) float32, with those of ``PreferenceStore`` where the folder has
            them; ``mixture_streams`` and ``enrollment_streams`` likewise, where they are stored; ``speaker``:
            number of the enrolled one among the sorted names, -1 where it is unknown, and outside of training,
            whose speakers are others; ``speaker_embedding``: (E,) float32 or None.
        Raises:
            DataError: a file has become unreadable.
        """
        row = self.rows[index]
        keyed = (
            [self.seed, epoch, index] if self.training else [self.seed, zlib.crc32(row.key.encode("utf-8"))]
        )
        generator = np.random.default_rng(keyed)
        total = self.audio.num_samples(f"{row.key}/mixture")
        span = crop_span(total, self.crop, generator, self.hop_length)
        enrollment, enrolled_by = self._enrollment(row, generator)
        enrollment_total = self.audio.num_samples(enrollment)
        multiple = self.hop_length if self.stored_inputs else 1
        enrollment_span = crop_span(enrollment_total, self.enrollment_length, generator, multiple)
        target = None
        if self.has_target:
            target = self.audio.load(f"{row.key}/target", span.start, span.num_samples)
        targets = self._stored(row.key, total, span)
        if self.preferences is not None:
            targets |= self.preferences.load(row.key)
        inputs = {}
        if self.stored_inputs:
            inputs = {
                "mixture_streams": self._stored(mixture_name(row.key), total, span),
                "enrollment_streams": self._stored(
                    enrollment_name(enrolled_by), enrollment_total, enrollment_span
                ),
            }
        return {
            "key": row.key,
            "mixture": self.audio.load(f"{row.key}/mixture", span.start, span.num_samples),
            "target": target,
            "enrollment": self.audio.load(enrollment, enrollment_span.start, enrollment_span.num_samples),
            "targets": targets,
            **inputs,
            "speaker": self.speaker_numbers.get(row.speaker, -1) if self.training else -1,
            "speaker_embedding": None if self.embeddings is None else self.embeddings.load(enrolled_by),
        }

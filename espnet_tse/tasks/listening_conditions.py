"""What a recogniser is to hear of a test set: mixtures, clean targets, and these in noise and in rooms."""

import hashlib
import json
import logging
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Mapping

import numpy as np

from espnet_tse.data.acoustic_scene import (
    decaying_response,
    in_room,
    long_term_spectrum,
    shaped_noise,
    with_noise,
)
from espnet_tse.data.audio_files import read_info
from espnet_tse.data.audio_store import AudioStore
from espnet_tse.io.content_hash import content_hash
from espnet_tse.io.files import is_there, write_json
from espnet_tse.io.scp import DataError, check_file_names, read_filled_scp, read_scp, read_text, write_scp
from espnet_tse.tasks.extraction import write_estimate

CONDITIONS = ("mixture", "single", "noisy", "reverberant")
RECORD = "settings.json"


@dataclass(frozen=True)
class SceneConf:
    """How the clean targets get into noise and into rooms; every draw belongs to its key and to ``seed``."""

    snr_db: float = 5.0
    rt60_s: float = 0.4
    noise_scp: Path | None = None  # None: stationary noise with the long-term spectrum of the set's targets
    rir_scp: Path | None = None  # None: white noise that decays by 60 dB in ``rt60_s`` behind a direct path
    seed: int = 0

    def remarks(self) -> dict[str, str]:
        """Condition -> what it is, in words."""
        noise = (
            f"noise of {self.noise_scp}" if self.noise_scp else "stationary noise of their long-term spectrum"
        )
        room = (
            f"impulse responses of {self.rir_scp}"
            if self.rir_scp
            else f"decaying noise, RT60 {self.rt60_s:g} s"
        )
        return {
            "mixture": "the set's mixtures",
            "single": "the clean targets, which need no front end",
            "noisy": f"the clean targets and {noise}, {self.snr_db:g} dB below them",
            "reverberant": f"the clean targets through {room}",
        }


@dataclass(frozen=True)
class ListeningSet:
    """A formatted set with transcripts of its targets."""

    mixtures: dict[str, str]
    targets: AudioStore
    enroll_scp: Path
    text: Path

    @property
    def sample_rate(self) -> int:
        return self.targets.sample_rate


def read_set(data_dir: Path) -> ListeningSet:
    """``wav.scp``, ``spk1.scp``, ``enroll_spk1.scp`` and ``text_spk1`` (or ``text``) of a data directory.

    Raises:
        DataError: a list is missing or lacks keys of ``wav.scp``; audio of several rates.
    """
    mixture_scp = data_dir / "wav.scp"
    mixtures = read_filled_scp(mixture_scp)
    check_file_names(mixtures, mixture_scp)
    text = next((data_dir / name for name in ("text_spk1", "text") if (data_dir / name).is_file()), None)
    if text is None:
        raise DataError(
            f"{data_dir}: has no transcripts (text_spk1 or text, lines 'key words'), with which a recogniser's words "
            "are compared; write them, or take a set that has them."
        )
    lists = {
        data_dir / "spk1.scp": (targets := read_scp(data_dir / "spk1.scp")),
        data_dir / "enroll_spk1.scp": read_scp(data_dir / "enroll_spk1.scp"),
        text: read_text(text),
    }
    for path, entries in lists.items():
        if missing := [key for key in mixtures if key not in entries]:
            raise DataError(
                f"{path}: lacks {len(missing)} of {len(mixtures)} keys of {mixture_scp}, the first is '{missing[0]}'."
            )
    store = AudioStore({key: targets[key] for key in mixtures}, cache=False)
    require_rate(AudioStore(mixtures, cache=False), mixture_scp, store.sample_rate, data_dir / "spk1.scp")
    return ListeningSet(mixtures, store, data_dir / "enroll_spk1.scp", text)


def require_rate(store: AudioStore, where: Path, sample_rate: int, whose: Path) -> None:
    """Raise DataError where audio is not at ``sample_rate`` Hz, that of ``whose``."""
    if store.sample_rate != sample_rate:
        raise DataError(
            f"{where}: is at {store.sample_rate} Hz but {whose} at {sample_rate} Hz; resample it."
        )


def begin_inputs(data: ListeningSet, conf: SceneConf, output_dir: Path) -> None:
    """Write what the inputs of the folder are made from, or compare it with what is there.

    Raises:
        DataError: they were made from something else, or the lists of noises or rooms do not fit the set.
    """
    extra = {"noise": conf.noise_scp, "rooms": conf.rir_scp}
    for path in filter(None, extra.values()):
        store = AudioStore(read_filled_scp(path), cache=False)
        require_rate(store, path, data.sample_rate, data.enroll_scp.parent)
    settings = {
        "targets": contents_hash(data.targets.paths),
        **{name: path and contents_hash(read_scp(path)) for name, path in extra.items()},
        "snr_db": conf.snr_db,
        "rt60_s": None if conf.rir_scp else conf.rt60_s,
        "seed": conf.seed,
    }
    path = output_dir / RECORD
    if not path.is_file():
        if (output_dir / "inputs").exists():
            raise DataError(
                f"{output_dir}: holds inputs of unknown settings, {RECORD} is not there; remove it."
            )
        write_json(path, settings)
        return
    try:
        before = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); remove {output_dir}.") from None
    odd = [name for name in settings if before.get(name) != settings[name]]
    if odd:
        raise DataError(
            f"{output_dir}: was begun with another {', '.join(odd)}; name another --output_dir, or remove it."
        )


def contents_hash(entries: Mapping[str, str]) -> str:
    """sha256 of keys and contents, wherever these lie."""
    digest = hashlib.sha256()
    for key in sorted(entries):
        digest.update(f"{key} {content_hash(entries[key])}\n".encode())
    return digest.hexdigest()


def write_inputs(data: ListeningSet, conf: SceneConf, folder: Path) -> dict[str, Path]:
    """``folder/<condition>/wav.scp``, and the audio that is made for it; what is there stays.

    Returns:
        condition -> its list.
    Raises:
        DataError: silent audio; names the key.
    """
    lists = {condition: folder / condition / "wav.scp" for condition in CONDITIONS}
    write_scp(lists["mixture"], data.mixtures)
    write_scp(lists["single"], data.targets.paths)
    for condition, prepare in (("noisy", noise_maker), ("reverberant", room_maker)):
        files = {key: folder / condition / f"{key}.wav" for key in data.targets.paths}
        todo = [key for key, file in files.items() if not is_there(file)]
        logging.info(f"{condition}: {len(todo)} of {len(files)} inputs to make, the others are there already")
        make = prepare(data.targets, conf) if todo else None
        for key in todo:
            generator = np.random.default_rng([conf.seed, zlib.crc32(f"{condition} {key}".encode())])
            try:
                scene = make(data.targets.load(key), generator)
            except ValueError as error:
                raise DataError(f"key '{key}', {condition}: {error}") from error
            write_estimate(
                files[key], scene, data.sample_rate, read_info(data.targets.paths[key], key).is_float
            )
        write_scp(lists[condition], files)
    return lists


Maker = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def noise_maker(targets: AudioStore, conf: SceneConf) -> Maker:
    """(target, generator) -> the target in noise."""
    if conf.noise_scp is not None:
        store = AudioStore(read_filled_scp(conf.noise_scp), cache=False)

        def recorded(num_samples: int, generator: np.random.Generator) -> np.ndarray:
            return store.load_fitted(drawn_key(store, generator), num_samples, generator)

        return lambda target, generator: with_noise(target, recorded(len(target), generator), conf.snr_db)
    spectrum = long_term_spectrum(targets.load(key) for key in targets.paths)
    return lambda target, generator: with_noise(
        target, shaped_noise(spectrum, len(target), generator), conf.snr_db
    )


def room_maker(targets: AudioStore, conf: SceneConf) -> Maker:
    """(target, generator) -> the target in a room."""
    if conf.rir_scp is not None:
        store = AudioStore(read_filled_scp(conf.rir_scp), cache=False)
        return lambda target, generator: in_room(target, store.load(drawn_key(store, generator)))
    rate = targets.sample_rate
    return lambda target, generator: in_room(target, decaying_response(rate, conf.rt60_s, generator))


def drawn_key(store: AudioStore, generator: np.random.Generator) -> str:
    keys = list(store.paths)
    return keys[int(generator.integers(len(keys)))]

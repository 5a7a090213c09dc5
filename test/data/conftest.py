"""Small data directories of generated audio."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_tse.io.scp import write_scp

RATE = 8000  # Hz, of the generated audio


def noise(num_samples: int, seed: int, level: float = 0.05) -> np.ndarray:
    """(N,) int16-valued float noise: no two places are alike, so a span tells where it was cut."""
    samples = np.random.default_rng(seed).normal(0, level, num_samples)
    return np.round(np.clip(samples, -0.9, 0.9) * 32768) / 32768


class DataDirs:
    """Writes directories below one folder."""

    rate = RATE
    noise = staticmethod(noise)

    def __init__(self, root: Path):
        self.root = root

    def wav(self, name: str, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> Path:
        path = self.root / "audio" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate, subtype=subtype)
        return path

    def lists(self, name: str, utt2spk: dict[str, str], **files: dict) -> Path:
        directory = self.root / name
        speakers: dict[str, list[str]] = {}
        for key in sorted(utt2spk):
            speakers.setdefault(utt2spk[key], []).append(key)
        write_scp(directory / "utt2spk", utt2spk)
        write_scp(directory / "spk2utt", {speaker: " ".join(keys) for speaker, keys in speakers.items()})
        for file, entries in files.items():
            write_scp(directory / (file.replace("_scp", ".scp")), entries)
        return directory

    def source(
        self, lengths: dict[str, list[int]], mixing: str = "num_speakers: {2: 1.0}\n", name="train"
    ) -> Path:
        """``lengths``: speaker -> samples of its utterances."""
        wav, utt2spk, num_samples = {}, {}, {}
        for speaker, counts in lengths.items():
            for number, count in enumerate(counts):
                key = f"{speaker}-{number}"
                seed = [ord(c) for c in name + key]
                wav[key] = self.wav(f"{name}/{key}", noise(count, seed))
                utt2spk[key] = speaker
                num_samples[key] = count
        directory = self.lists(name, utt2spk, wav_scp=wav, utt2num_samples=num_samples)
        (directory / "mixing.yaml").write_text(mixing)
        return directory

    def tse(self, num_rows: int = 4, length: int = 8000, name: str = "test", num_speakers: int = 2) -> Path:
        """Rows ``sN_mixM``: a mixture that is exactly the sum of its two sources."""
        fields: dict[str, dict] = {f: {} for f in ("wav_scp", "spk1_scp", "spk2_scp", "enroll_spk1_scp")}
        utt2spk, num_samples = {}, {}
        for row in range(num_rows):
            speaker = f"{name}spk{row % num_speakers}"
            key = f"{speaker}_mix{row}"
            count = length + 100 * row
            target, other = (noise(count, [row, i, len(name)]) for i in range(2))
            signals = (target + other, target, other, noise(length, [row, 2, len(name)]))
            for field, signal in zip(fields, signals):
                fields[field][key] = self.wav(f"{name}/{field}/{key}", signal)
            utt2spk[key] = speaker
            num_samples[key] = count
        return self.lists(name, utt2spk, utt2num_samples=num_samples, **fields)


@pytest.fixture
def dirs(tmp_path) -> DataDirs:
    return DataDirs(tmp_path)

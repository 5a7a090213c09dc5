"""A test set in noise that it was not made for: its mixtures with recordings of a noise corpus added."""

import re
import shutil
import zlib
from pathlib import Path
from typing import Mapping

import numpy as np

from espnet_tse.data.mixing import fit_length, level, scale_to_ratio
from espnet_tse.data.scp_fields import MIXTURE_SCP, PROTOCOL, TARGET_SCP, numbered_scps
from espnet_tse.io.audio import read_audio, write_audio
from espnet_tse.io.replaced_folder import replaced_folder
from espnet_tse.io.scp import DataError, check_file_names, read_list, read_scp, write_scp


def write_noisy_set(
    data_dir: Path | str, noises: Mapping[str, Path], snr_db: float, output_dir: Path | str, seed: int = 0
) -> int:
    """Write a copy of a TSE directory whose mixtures have noise; targets and enrollments are the same files.

    The noise of a mixture and its place are drawn by seed and key: sets of several ratios differ in the level of their noise
    alone. The ratio is that of the powers of target and noise; where the set lists no target, or it is silent, of mixture and noise.

    Args:
        noises: recordings of noise, of any rate.
        output_dir: the new set; its noises are listed after those that the set has.
    Returns:
        mixtures.
    Raises:
        DataError: lists or audio are wrong, a recording of noise is silent, or what is read lies in
            ``output_dir``.
    """
    data_dir, output_dir = Path(data_dir), Path(output_dir)
    mixtures = read_scp(data_dir / MIXTURE_SCP)
    check_file_names(mixtures, data_dir / MIXTURE_SCP)
    targets = read_scp(data_dir / TARGET_SCP) if (data_dir / TARGET_SCP).is_file() else {}
    noise_scp = f"noise{len(numbered_scps(data_dir, 'noise')) + 1}.scp"
    if (data_dir / "segments").is_file():
        raise DataError(
            f"{data_dir}: has segments, whose recordings are not the mixtures; run stage 2 (format) and take dump/raw."
        )
    names = sorted(noises)
    written: dict[str, dict[str, Path]] = {MIXTURE_SCP: {}, noise_scp: {}}
    with replaced_folder(output_dir, [data_dir, *noises.values()]) as folder:
        for key, entry in mixtures.items():
            generator = np.random.default_rng([seed, zlib.crc32(key.encode("utf-8"))])
            mixture, rate = read_audio(entry)
            name = names[int(generator.integers(len(names)))]
            recording, _ = read_audio(noises[name], rate)
            noise = fit_length(recording, len(mixture), generator)
            if level(noise, "rms") == 0.0:
                raise DataError(
                    f"{noises[name]}: is silent for as long as '{key}'; take it out of the corpus."
                )
            target = read_audio(targets[key], rate)[0] if key in targets else mixture
            speech = target if np.any(target) else mixture
            noise = scale_to_ratio(speech, noise, snr_db, "rms", lambda: recording)
            for scp, signal in ((MIXTURE_SCP, mixture + noise), (noise_scp, noise)):
                file = Path("audio") / Path(scp).stem / f"{key}.wav"
                # Float: 16 bits would clip the loud ones, and another gain would leave targets that are no part of them.
                write_audio(folder / file, signal, rate, as_float=True)
                written[scp][key] = output_dir.resolve() / file
        for name, entries in written.items():
            write_scp(folder / name, entries)
        _copy_others(data_dir, folder, set(written), f"{output_dir.name}, seed {seed}")
    return len(mixtures)


def _copy_others(data_dir: Path, folder: Path, written: set[str], title: str) -> None:
    """The other lists of a set as they are.

    Its protocol names another list, for published figures are not of this one, and mixtures with noise.
    """
    for path in sorted(data_dir.iterdir()):
        if not path.is_file() or path.name.startswith(".") or path.name in written:
            continue
        if path.name != PROTOCOL:
            shutil.copyfile(path, folder / path.name)
            continue
        kept = [
            re.sub(r"^kind:\s*clean\s*$", "kind: both", line)
            for line in read_list(path).splitlines()
            if not line.startswith(("list:", "published:"))
        ]
        (folder / path.name).write_text("\n".join([f"list: {title}", *kept]) + "\n", encoding="utf-8")

"""Data of a nano recipe that trainings are run on."""

import numpy as np
import pytest
from tse_system import write_codec, write_signal

from espnet_tse.bin import encode_codes
from espnet_tse.io.scp import write_scp


@pytest.fixture(scope="session")
def recipe(tmp_path_factory):
    """A source directory of 3 speakers, a TSE directory of 3 rows, a codec and all codes."""
    root = tmp_path_factory.mktemp("recipe")
    rng = np.random.default_rng(0)
    sources, speakers = {}, {}
    for speaker in range(3):
        for utterance in range(2):
            key = f"spk{speaker}-{utterance}"
            sources[key], speakers[key] = root / f"{key}.wav", f"spk{speaker}"
            write_signal(sources[key], rng.standard_normal(16000) * 0.05)
    train, valid = root / "train", root / "valid"
    write_scp(train / "wav.scp", sources)
    write_scp(train / "utt2spk", speakers)
    (train / "mixing.yaml").write_text("sir_db: [-5, 5]\n")
    rows = {f"mix{i}": (f"spk{i}-0", f"spk{(i + 1) % 3}-0", f"spk{i}-1") for i in range(3)}
    write_scp(valid / "wav.scp", {key: sources[row[0]] for key, row in rows.items()})
    write_scp(valid / "spk1.scp", {key: sources[row[0]] for key, row in rows.items()})
    write_scp(valid / "enroll_spk1.scp", {key: sources[row[2]] for key, row in rows.items()})
    write_scp(valid / "utt2spk", {key: speakers[row[0]] for key, row in rows.items()})
    codec = write_codec(root / "codec")
    for name, scp in (("train", train / "wav.scp"), ("valid", valid / "spk1.scp")):
        command = ["--codec", str(codec), "--scp", str(scp), "--output_dir", str(root / f"codes_{name}")]
        assert encode_codes.main([*command, "--shard", "1/1"]) == 0
        assert encode_codes.main([*command, "--merge", "1"]) == 0
    return root

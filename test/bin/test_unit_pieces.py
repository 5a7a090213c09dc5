import json

import numpy as np
import pytest

from espnet_tse.bin import unit_pieces
from espnet_tse.codec.load import load_codec, save_codec
from espnet_tse.codec.units import CepstralUnits, CepstralUnitsConfig
from espnet_tse.io.files import write_json
from espnet_tse.io.scp import write_scp
from espnet_tse.schema.manifest import read_manifest


@pytest.fixture
def codes(tmp_path):
    """Stage 5's folder of six utterances of four units."""
    units = CepstralUnits(CepstralUnitsConfig(num_units=4))
    save_codec(tmp_path / "codec", units, {"codec": "cepstral_units"}, "CC0-1.0", {})
    assert load_codec(tmp_path / "codec")
    manifest = read_manifest(tmp_path / "codec")
    del manifest["path"]
    write_json(tmp_path / "codes" / "manifest.json", manifest)
    paths = {}
    for number in range(6):
        paths[f"u{number}"] = tmp_path / "codes" / f"u{number}.npy"
        np.save(paths[f"u{number}"], np.array([[0], [0], [1], [2], [2], [1]] * (number + 1), dtype=np.int16))
    write_scp(tmp_path / "codes" / "semantic.scp", paths)
    return tmp_path


def test_text_of_pieces(codes, capsys):
    options = ["--codes", str(codes / "codes" / "semantic.scp"), "--model", str(codes / "pieces.model")]
    assert unit_pieces.main([*options, "--fit", "8", "--output", str(codes / "text")]) == 0
    assert "6 utterances, 126 units" in capsys.readouterr().out
    lines = dict(line.split(maxsplit=1) for line in (codes / "text").read_text().splitlines())
    assert list(lines) == [f"u{number}" for number in range(6)]
    assert len(lines["u0"].split()) < 4 and set(map(int, lines["u5"].split())) <= set(range(1, 8))
    before = (codes / "text").read_text()
    assert unit_pieces.main([*options, "--output", str(codes / "again")]) == 0
    assert (codes / "again").read_text() == before


def test_what_is_wrong_is_named(codes, capsys):
    options = ["--codes", str(codes / "codes" / "semantic.scp"), "--model", str(codes / "pieces.model")]
    assert unit_pieces.main([*options, "--output", str(codes / "text")]) == 1
    assert "pieces.model: no such file; fit it with --fit" in capsys.readouterr().err
    for content in (b"cut", b""):
        (codes / "codes" / "u3.npy").write_bytes(content)
        assert unit_pieces.main([*options, "--fit", "8"]) == 1
        assert "u3: " in capsys.readouterr().err and not (codes / "pieces.model").exists()
    with pytest.raises(SystemExit):
        unit_pieces.main(options)


def test_pieces_of_another_tokenizers_units_are_refused(codes, capsys):
    options = ["--codes", str(codes / "codes" / "semantic.scp"), "--model", str(codes / "pieces.model")]
    assert unit_pieces.main([*options, "--fit", "8"]) == 0
    manifest = codes / "codes" / "manifest.json"
    changed = json.loads(manifest.read_text())
    changed["sha256"] = "0" * 64
    manifest.write_text(json.dumps(changed))
    assert unit_pieces.main([*options, "--output", str(codes / "text")]) == 1
    assert "units of another tokenizer" in capsys.readouterr().err and not (codes / "text").exists()


@pytest.mark.parametrize("values", [[[4]], [[-1]], [[0.5]]])
def test_units_that_the_tokenizer_does_not_have_are_refused(codes, capsys, values):
    np.save(codes / "codes" / "u2.npy", np.array(values))
    options = ["--codes", str(codes / "codes" / "semantic.scp"), "--model", str(codes / "pieces.model")]
    assert unit_pieces.main([*options, "--fit", "8"]) == 1
    assert "u2: " in (err := capsys.readouterr().err) and "no numbers below 4" in err

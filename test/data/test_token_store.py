"""Stored codes, units and latents, cut with the audio."""

import numpy as np
import pytest

from espnet_tse.data.token_store import TokenStore, TokenStores, common_hop
from espnet_tse.io.scp import DataError, write_scp
from espnet_tse.schema.stream_spec import CodesSpec, FramesSpec

SPEC = CodesSpec(num_codebooks=2, codebook_size=50, hop_length=100)


def write(folder, name, values):
    np.save(folder / f"{name}.npy", values)
    write_scp(folder / f"{name}.scp", {"a": folder / f"{name}.npy"})
    return folder / f"{name}.scp"


@pytest.fixture
def codes_scp(tmp_path):
    return write(
        tmp_path, "acoustic", np.arange(11 * 2, dtype=np.int16).reshape(11, 2)
    )  # ceil(1050 / 100) = 11


def test_codes_are_cut_with_the_audio(codes_scp):
    store = TokenStore(codes_scp, ["a"], SPEC)
    whole = store.load("a", 1050)
    assert whole.shape == (11, 2) and whole.dtype == np.int64
    np.testing.assert_array_equal(store.load("a", 1050, 300, 400), whole[3:7])
    np.testing.assert_array_equal(store.load("a", 1050, 900, 150), whole[9:11])


def test_what_fits_is_read_before_workers_are_forked(tmp_path):
    paths = {}
    for key in "abc":
        paths[key] = tmp_path / f"{key}.npy"
        np.save(paths[key], np.ones((11, 2), dtype=np.int16))
    write_scp(tmp_path / "acoustic.scp", paths)
    store = TokenStore(tmp_path / "acoustic.scp", ["a", "a", "b", "c"], SPEC, budget=2 * 11 * 2 * 2)
    for path in paths.values():
        path.unlink()
    assert store.load("a", 1050).shape == store.load("b", 1050).shape == (11, 2)
    with pytest.raises(DataError, match="key 'c': .*cannot be read"):
        store.load("c", 1050)


def test_a_fixed_number_of_codes_comes_whole_and_frames_as_float32(tmp_path):
    voice = write(tmp_path, "global", np.arange(32, dtype=np.int16)[:, None])
    latent = write(tmp_path, "latent", np.random.default_rng(0).normal(size=(11, 3)).astype(np.float16))
    lists = {
        "global": (voice, CodesSpec(num_codebooks=1, codebook_size=4096, num_tokens=32)),
        "latent": (latent, FramesSpec(width=3, hop_length=100)),
    }
    part = TokenStores.open(lists, ["a"]).load("a", 1050, 300, 400)
    assert part["global"][:, 0].tolist() == list(range(32))
    assert part["latent"].shape == (4, 3) and part["latent"].dtype == np.float32
    np.testing.assert_array_equal(part["latent"], np.load(tmp_path / "latent.npy").astype(np.float32)[3:7])


def test_codes_of_a_large_vocabulary_are_read_as_they_are(tmp_path):
    scp = write(tmp_path, "acoustic", np.full((11, 1), 40000, dtype=np.int32))
    store = TokenStore(scp, ["a"], CodesSpec(num_codebooks=1, codebook_size=50000, hop_length=100))
    assert int(store.load("a", 1050).max()) == 40000


def test_crops_begin_where_frames_of_all_streams_begin():
    voice = CodesSpec(num_codebooks=1, codebook_size=8, num_tokens=32)
    assert common_hop({}) == 1 and common_hop({"global": voice}) == 1
    assert common_hop({"a": SPEC, "b": FramesSpec(width=3, hop_length=160), "c": voice}) == 800


def test_codes_that_do_not_belong_to_the_audio(codes_scp, tmp_path):
    with pytest.raises(DataError, match="key 'a': .*1101 samples at 100 a frame want 12 frames of 2"):
        TokenStore(codes_scp, ["a"], SPEC).load("a", 1101)
    with pytest.raises(DataError, match="lacks the codes of 1 of 2 utterances, first 'b'"):
        TokenStore(codes_scp, ["a", "b"], SPEC)
    with pytest.raises(DataError, match="key 'a': .*holds int16 .11, 2., but"):
        TokenStore(codes_scp, ["a"], FramesSpec(width=2, hop_length=100)).load("a", 1050)
    for odd in (-1, SPEC.codebook_size):
        codes = np.load(tmp_path / "acoustic.npy")
        codes[3, 1] = odd
        np.save(tmp_path / "odd.npy", codes)
        (tmp_path / "odd.scp").write_text(f"a {tmp_path}/odd.npy\n")
        with pytest.raises(
            DataError, match=f"key 'a': .*holds codes from .*its tokenizer has {SPEC.codebook_size}"
        ):
            TokenStore(tmp_path / "odd.scp", ["a"], SPEC).load("a", 1050)
    for broken in (b"broken", b"", b"PK\x03\x04"):
        (tmp_path / "acoustic.npy").write_bytes(broken)
        with pytest.raises(
            DataError, match="key 'a': .*cannot be read .*run stage 5 .token. with --force true"
        ):
            TokenStore(codes_scp, ["a"], SPEC).load("a", 1050)

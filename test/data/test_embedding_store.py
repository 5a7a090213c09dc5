import pickle

import kaldiio
import numpy as np
import pytest

from espnet_tse.data.embedding_store import EmbeddingStore
from espnet_tse.io.scp import write_scp

VECTOR = np.arange(4, dtype=np.float32)


@pytest.fixture
def store(tmp_path):
    np.save(tmp_path / "a.npy", VECTOR[None].astype(np.float64))
    np.save(tmp_path / "matrix.npy", np.ones((2, 4)))
    np.save(tmp_path / "nan.npy", np.full(4, np.nan))
    kaldiio.save_ark(str(tmp_path / "b.ark"), {"b": VECTOR}, scp=str(tmp_path / "b.scp"))
    ark = (tmp_path / "b.scp").read_text().split()[1]
    names = {name: tmp_path / f"{name}.npy" for name in ("a", "matrix", "nan", "lost")}
    write_scp(tmp_path / "embeddings.scp", {**names, "b": ark})
    return EmbeddingStore(tmp_path / "embeddings.scp")


@pytest.mark.parametrize("key", ["a", "b"])
def test_vectors_come_from_npy_and_ark(store, key):
    vector = store.load(key)
    assert vector.dtype == np.float32
    np.testing.assert_array_equal(vector, VECTOR)


@pytest.mark.parametrize(
    "key, fault",
    [("matrix", "want a float vector"), ("nan", "NaN"), ("lost", "cannot be read"), ("c", "first 'c'")],
)
def test_what_is_no_embedding_is_named(store, key, fault):
    with pytest.raises(ValueError, match=fault):
        store.load(key)


def test_nothing_of_a_list_is_run_or_unpickled(tmp_path):
    with open(tmp_path / "p.ark", "wb") as file:
        file.write(b"k PKL" + pickle.dumps(VECTOR))
    made = tmp_path / "made"
    entries = {
        "pickle": f"{tmp_path}/p.ark:2",
        "pipe": f"touch {made} |",
        "to": f"| touch {made}",
        "npy": f"{tmp_path}/o.npy",
    }
    np.save(tmp_path / "o.npy", np.array([VECTOR, None], dtype=object))
    write_scp(tmp_path / "embeddings.scp", entries)
    store = EmbeddingStore(tmp_path / "embeddings.scp")
    for key in entries:
        with pytest.raises(ValueError, match=f"key '{key}': .*cannot be read"):
            store.load(key)
    assert not made.exists()

import pytest

from espnet_tse.scoring.result.reference_systems import reference_rank


@pytest.mark.parametrize(
    "system, rank",
    [
        ("mixture", 0),
        ("Mixture", 0),
        ("target", 2),
        ("codec_mini", 3),
        ("exp resynthesis", 3),
        ("codecformer", 4),
    ],
)
def test_reference_rank(system, rank):
    assert reference_rank(system) == rank

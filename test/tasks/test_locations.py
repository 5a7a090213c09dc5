from pathlib import Path

from espnet_tse.tasks.locations import places_of_training


def test_each_place_is_searched_once(tmp_path, monkeypatch):
    """In the recipe whose run.sh trained a system, all ways to name what it builds on lead to one place."""
    recipe, system = tmp_path / "recipe", tmp_path / "recipe/exp/tse_x"
    monkeypatch.chdir(tmp_path)
    assert places_of_training(system, "exp/tse_front") == [recipe / "exp/tse_front", Path("exp/tse_front")]
    recipe.mkdir()
    monkeypatch.chdir(recipe)
    assert places_of_training(Path("exp/tse_x"), "exp/tse_front") == [Path("exp/tse_front")]
    assert places_of_training(system, str(recipe / "exp/tse_front")) == [recipe / "exp/tse_front"]
    assert places_of_training(Path("exp/tse_x"), "downloads/wavlm") == [
        Path("downloads/wavlm"),
        Path("exp/wavlm"),
    ]

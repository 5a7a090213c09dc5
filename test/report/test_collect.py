import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.report.collect import collect_results, group_comparable, natural_key


def test_references_stand_first_and_numbers_are_sorted_as_numbers(exp_dir):
    systems = [result.system for result in collect_results(exp_dir)]
    assert systems == ["mixture", "codec resynthesis", "system2", "system10"]


def test_test_sets_stay_together(exp_dir, write_result):
    write_result(exp_dir / "tse_a" / "decode_dev", "system2", test_set="dev")
    assert [result.test_set for result in collect_results(exp_dir)] == ["dev"] + ["test"] * 4


def test_what_was_moved_aside_is_left_out_unless_named(exp_dir, write_result):
    aside = write_result(exp_dir / "tse_a.old.1" / "decode_test", "system1")
    write_result(exp_dir / "tse_a" / "decode_test.old.12", "system1")
    kept = write_result(exp_dir / "tse_gold.older" / "decode_test", "system3")
    assert kept in [result.folder / "result.json" for result in collect_results(exp_dir)]
    systems = [result.system for result in collect_results(exp_dir)]
    assert "system1" not in systems and len(systems) == 5
    assert [r.system for r in collect_results(exp_dir, [aside])].count("system1") == 1


def test_a_link_to_a_scored_folder_is_followed_and_read_once(exp_dir, tmp_path, write_result):
    linked = write_result(tmp_path / "big_disk" / "tse_b" / "decode_test", "system7")
    (exp_dir / "tse_far").symlink_to(linked.parents[2], target_is_directory=True)
    (exp_dir / "again").symlink_to(exp_dir / "tse_far", target_is_directory=True)
    found = [r for r in collect_results(exp_dir) if r.system == "system7"]
    assert [result.folder for result in found] == [exp_dir / "again" / "decode_test" / "scoring"]


def test_extra_results_are_added_once(exp_dir, tmp_path, write_result):
    other = write_result(tmp_path / "other", "foreign system")
    known = exp_dir / "tse_a" / "decode_test" / "scoring" / "result.json"
    systems = [r.system for r in collect_results(exp_dir, [other, other.parent, known])]
    assert sorted(systems).count("foreign system") == 1
    assert len(systems) == 5


def test_different_signatures_do_not_share_a_group(exp_dir, write_result):
    write_result(exp_dir / "tse_c" / "decode_test", "system3", meta={"signature": {"length": "min"}})
    groups = group_comparable(collect_results(exp_dir))
    assert [[r.system for r in group.results] for group in groups] == [
        ["mixture", "codec resynthesis", "system2", "system10"],
        ["system3"],
    ]


def protocol(**changes):
    same = {"keys_sha256": "k", "reference_sha256": "r", "policies": {"length": "ref", "text_norm": "basic"}}
    return {
        **same,
        "measures": {"si_sdr": "1"},
        "words": {"version": 2, "asr": []},
        "inputs": {"si_sdr_i": {"mix": "m"}},
        **changes,
    }


def write_three(folder, write_result, **third):
    """Results of three signatures; the second has more columns, the third has these changes."""
    more = protocol(measures={"si_sdr": "1", "pesq": "1"}, words={"version": 2, "asr": ["external"]})
    for system, found in (("A", protocol()), ("B", more), ("C", protocol(**third))):
        write_result(folder / system, system, meta={"signature": system, "protocol": found})
    return [[r.system for r in g.results] for g in group_comparable(collect_results(folder))]


@pytest.mark.parametrize(
    "third",
    [
        {},
        {"measures": {"si_sdr": "1", "stoi": "3"}},
        {"policies": {"length": "ref", "text_norm": "whisper_en"}},  # no recogniser that others have
    ],
)
def test_further_columns_do_not_part_tables(tmp_path, write_result, third):
    assert write_three(tmp_path, write_result, **third) == [["A", "B", "C"]]


@pytest.mark.parametrize(
    "third, reason",
    [
        ({"measures": {"pesq": "2"}}, "versions, settings or weights of pesq"),
        ({"policies": {"length": "min", "text_norm": "basic"}}, "--length ref and min"),
        ({"reference_sha256": "x"}, "other target audio"),
        ({"inputs": {"si_sdr_i": {"mix": "x"}}}, "other mixtures (si_sdr_i)"),
        ({"words": {"version": 1, "asr": ["external"]}}, "versions of the word errors (2 and 1)"),
    ],
)
def test_shared_columns_that_were_scored_otherwise_part_them(tmp_path, write_result, third, reason):
    assert write_three(tmp_path, write_result, **third) == [["A", "B"], ["C"]]
    assert group_comparable(collect_results(tmp_path))[1].differs == (reason,)


def test_systems_of_one_name_are_distinguished_by_their_folders(exp_dir, write_result):
    write_result(exp_dir / "tse_c" / "decode_beam_test", "system2")
    (group,) = group_comparable(collect_results(exp_dir))
    names = [result.system for result in group.results if result.system.startswith("system2")]
    assert len(set(names)) == 2
    assert all("tse_" in name for name in names)


def test_natural_key_orders_mixed_names():
    assert sorted(["R10", "R2²", "R2"], key=natural_key) == ["R2", "R2²", "R10"]
    assert sorted(["a10", "a9", "10", "b", "9a"], key=natural_key) == ["9a", "10", "a9", "a10", "b"]


def test_nothing_found_names_the_stage(tmp_path):
    with pytest.raises(DataError, match="run the score stage"):
        collect_results(tmp_path)


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        collect_results(tmp_path / "absent")


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "not a result file"),
        ("[]", "lacks the object 'meta'"),
        ('{"meta": {}}', "lacks the object 'metrics'"),
        ('{"meta": {}, "metrics": {"si_sdr": {"mean": NaN}}}', "holds NaN"),
    ],
)
def test_broken_result_names_its_file(tmp_path, content, message):
    path = tmp_path / "a" / "scoring" / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message) as error:
        collect_results(tmp_path)
    assert str(path) in str(error.value)

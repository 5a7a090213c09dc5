import hashlib
import shutil

import pytest

from espnet_tse.report import provenance
from espnet_tse.report.collect import collect_results


def test_environment_is_that_of_the_newest_score(exp_dir, write_result):
    meta = {"date": "2026-05-06", "commit": "fedcba9", "versions": {"python": "3.12.1"}}
    write_result(exp_dir / "tse_c" / "decode", "system3", meta=meta)
    facts = dict(provenance.environment(collect_results(exp_dir)))
    assert (facts["date"], facts["python version"], facts["Git hash"]) == ("2026-05-06", "3.12.1", "fedcba9")


def test_scores_of_no_clone_are_not_given_the_reports_commit(exp_dir, write_result):
    write_result(exp_dir / "tse_c" / "decode", "system3", meta={"date": "2026-05-06", "commit": None})
    facts = dict(provenance.environment(collect_results(exp_dir)))
    assert facts["Git hash"] == "scored outside a clone"


def test_without_a_recorded_commit_it_is_the_reports(exp_dir, monkeypatch):
    results = collect_results(exp_dir)
    for result in results:
        del result.meta["commit"]
    for commit, reported in (("fedcba9-dirty", "fedcba9-dirty"), (None, "not a git checkout")):
        monkeypatch.setattr(provenance, "source_commit", lambda commit=commit: commit)
        assert dict(provenance.environment(results))["Git hash"] == reported


def test_trained_systems_have_a_config_and_a_log(exp_dir):
    (exp_dir / "tse_b" / "config.yaml").write_text("seed: 1\n")  # never trained
    shutil.copytree(exp_dir / "tse_a", exp_dir / "tse_a.old.1")  # moved aside for a newer training
    (system,) = provenance.find_trained_systems(exp_dir)
    assert system.folder.name == "tse_a"
    assert system.seed == "777"
    assert (
        system.config_sha256 == hashlib.sha256((exp_dir / "tse_a" / "config.yaml").read_bytes()).hexdigest()
    )


def test_unknown_packages_are_named_so():
    assert provenance.installed_version("no_such_package_here") == "not installed"


def test_training_time_adds_up_runs_without_the_time_between_them(tmp_path):
    (tmp_path / "train.1.log").write_text("[a] 2026-01-01 10:00:00,123 (x) INFO\n2026-01-01T11:30:00 done\n")
    (tmp_path / "train.log").write_text(
        "2026-01-02 23:45:00,000 begin\nno time here\n2026-01-03 00:15:00 end\n"
    )
    assert provenance.training_hours(tmp_path) == pytest.approx(2.0)


def test_training_time_is_not_reported_without_times(tmp_path):
    (tmp_path / "train.log").write_text("1epoch results: [train] loss=1.0\n")
    assert provenance.training_hours(tmp_path) is None


def test_digests_are_those_that_the_stage_read(tmp_path):
    digest = "0a" * 32
    (tmp_path / ".done.train").write_text(f"input dump/raw/train {digest}\noption seed=3\ninput short abc\n")
    assert provenance.input_digests(tmp_path) == [("dump/raw/train", digest)]

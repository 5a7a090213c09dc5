from importlib import metadata

import pytest

from espnet_tse.bin import doctor
from espnet_tse.scoring.measure import weight_files, weights
from espnet_tse.scoring.measure.weight_files import WheelWeight


def findings(generator) -> dict:
    return {finding.name: finding for finding in generator}


def test_a_working_installation_passes(tmp_path, capsys):
    assert doctor.main(["--folder", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "0 required parts failed" in output
    for part in ("python", "torch", "bash", "perl", "TMPDIR", "resemblyzer", "CUDA"):
        assert part in output


def fake_versions(monkeypatch, requires: list[str], installed: dict[str, str]) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(doctor.metadata, "requires", lambda name: requires)
    monkeypatch.setattr(doctor.metadata, "version", version)


def test_requirements_are_judged_by_their_own_words(monkeypatch):
    requires = [
        "numpy<2.4,>=2.0",
        "torch>=2.6",
        "jiwer>=3",
        "pesq==0.0.4 ; extra == 'score'",
        "pesq==0.0.4 ; extra == 'all'",
    ]
    fake_versions(monkeypatch, requires, {"espnet_tse": "0.1.0", "numpy": "2.4.1", "torch": "2.11.0+cpu"})
    found = findings(doctor.check_packages())
    assert found["numpy"].state == "required"
    assert found["numpy"].detail.startswith("2.4.1 installed, <2.4")
    assert found["torch"].state == "ok"
    assert (found["jiwer"].state, found["jiwer"].detail) == ("required", "not installed")
    assert found["[score]"].state == "optional"
    assert found["[score]"].fix.startswith("pip install -e '.[score]'")
    assert "pesq" not in found


@pytest.mark.parametrize(
    "fault, state, detail",
    [(OSError("no library"), "optional", "sounddevice: no library"), (None, "ok", "sounddevice 0.5")],
)
def test_a_microphone_wants_a_library_of_the_system(monkeypatch, fault, state, detail):
    def load(name: str) -> None:
        assert name == "sounddevice"
        if fault:
            raise fault

    fake_versions(
        monkeypatch, ["sounddevice ; extra == 'mic'"], {"espnet_tse": "0.1.0", "sounddevice": "0.5"}
    )
    monkeypatch.setattr(doctor.importlib, "import_module", load)
    found = findings(doctor.check_packages())["[mic]"]
    assert (found.state, found.detail) == (state, detail)
    assert found.fix.startswith("apt-get install libportaudio2" if fault else "pip install")


def test_markers_of_other_systems_are_not_asked(monkeypatch):
    fake_versions(monkeypatch, ["g2p ; sys_platform == 'never'"], {"espnet_tse": "0.1.0"})
    assert all(finding.state != "required" for finding in doctor.check_packages())


def test_a_missing_package_itself_is_required(monkeypatch):
    fake_versions(monkeypatch, [], {})
    assert findings(doctor.check_packages())["espnet_tse"].state == "required"


def test_every_extra_of_the_package_is_checked():
    extras = set(metadata.metadata("espnet_tse").get_all("Provides-Extra")) - {"all"}
    assert extras == set(doctor.EXTRA_PURPOSE)


def test_missing_programs_are_named(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    found = findings(doctor.check_programs())
    assert (found["bash"].state, found["perl"].state) == ("required", "required")
    assert found["git"].state == "optional"


def test_a_module_that_does_not_load_is_required(monkeypatch):
    monkeypatch.setattr(doctor, "LOADED_MODULES", ("json", "no_such_module_here"))
    found = findings(doctor.check_modules())
    assert found["json"].state == "ok"
    assert found["no_such_module_here"].state == "required"


@pytest.mark.parametrize("digest, state", [("ffff", "optional"), ("", "ok")])
def test_other_bytes_of_a_weight_file_are_seen(monkeypatch, tmp_path, digest, state):
    path = tmp_path / "pretrained.pt"
    path.write_bytes(b"weights")
    weight = WheelWeight("resemblyzer", "pretrained.pt", digest, "")
    monkeypatch.setattr(weight_files, "WHEEL_WEIGHTS", {"resemblyzer": weight})
    monkeypatch.setattr(weights, "find_weight", lambda name: path)
    assert findings(doctor.check_weights())["resemblyzer"].state == state


def test_absent_weights_are_optional_and_can_be_mended(monkeypatch):
    monkeypatch.setattr(weights, "find_weight", lambda name: None)
    found = findings(doctor.check_weights())
    assert set(found) == set(weight_files.WHEEL_WEIGHTS) == set(doctor.WEIGHT_PURPOSE)
    assert all(finding.state == "optional" for finding in found.values())
    assert found["pdnsmos"].fix == "pip install --force-reinstall --no-deps speechmos"


def test_a_folder_that_cannot_be_written_fails(tmp_path, capsys):
    absent = tmp_path / "absent"
    assert doctor.main(["--folder", str(absent)]) == 1
    output = capsys.readouterr().out
    assert f"{absent}: No such file or directory" in output
    assert "1 required parts failed" in output


def test_a_disk_without_links_fails(tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(doctor.Path, "symlink_to", refuse)
    assert "Operation not permitted" in doctor.write_problem(tmp_path, link=True)
    assert doctor.write_problem(tmp_path, link=False) == ""
    assert list(tmp_path.iterdir()) == []


def test_little_room_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "MIN_FREE_GB", 1e9)
    found = findings(doctor.check_disk(tmp_path))
    assert found["free"].state == "optional"
    assert found["write and link"].state == "ok"

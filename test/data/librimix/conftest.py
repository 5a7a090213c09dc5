"""Stand-in corpora of LibriMix, written once: nobody changes them but through copies of rows."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from librimix_stand_in import write_corpora, write_published_lists
from system_files import leave_system_files

from espnet_tse.data.librimix.generation import Corpora, generate
from espnet_tse.data.librimix.layout import LibriMixSet
from espnet_tse.data.librimix.metadata import MixtureSpec, read_metadata


@dataclass(frozen=True)
class StandIn:
    """Corpora and the Libri2Mix that is made of them, 16 kHz, min, clean."""

    root: Path

    @property
    def metadata(self) -> Path:
        return self.root / "metadata/Libri2Mix"

    @property
    def corpora(self) -> Corpora:
        return Corpora(self.root / "LibriSpeech", self.root / "wham_noise")

    def specs(self, name: str) -> list[MixtureSpec]:
        return read_metadata(self.metadata, 2, name, published=False)

    def target(self, name: str) -> LibriMixSet:
        return LibriMixSet(self.root / "Libri2Mix", 2, name, 16000, "min")


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory):
    root = tmp_path_factory.mktemp("librimix")
    write_published_lists(root, write_corpora(root))
    leave_system_files(root)
    made = StandIn(root)
    for name in ("train-100", "train-360", "dev", "test"):
        generate(made.target(name), made.specs(name), ("clean",), made.corpora)
    return made

"""Stand-in corpora of WSJ0's mixtures, written once: who changes them takes a copy."""

import shutil

import pytest
from system_files import leave_system_files
from wsj0_mix_stand_in import write_corpora


@pytest.fixture(scope="session")
def wsj0_corpora(tmp_path_factory):
    root = tmp_path_factory.mktemp("wsj0_mix")
    write_corpora(root)
    leave_system_files(root)
    return root


@pytest.fixture
def own_corpora(wsj0_corpora, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(wsj0_corpora, tmp_path / "corpora")

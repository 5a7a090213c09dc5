import shlex
import subprocess

import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.transcript_file import read_transcript_file

SCLITE = ";; made by a recogniser\none two (spk_u1)\none (laughs) three (spk_u2)\n(spk_u3)\n"


def test_lines_of_sclite_are_named_and_the_command_converts_them(tmp_path):
    path = tmp_path / "hyp.trn"
    path.write_text(SCLITE)
    utterances = [Utterance(key, None) for key in ("spk_u1", "spk_u2", "spk_u3")]
    with pytest.raises(
        DataError, match=r"hyp.trn: is a transcript of sclite \(trn: .* as '\(spk_u1\)'"
    ) as error:
        read_transcript_file(path, utterances)
    command = str(error.value).partition("lines: ")[2].removesuffix(" > text.")
    text = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True).stdout
    path.write_text(text)
    expected = {"spk_u1": "one two", "spk_u2": "one (laughs) three", "spk_u3": ""}
    assert read_transcript_file(path, utterances) == expected


def test_remarks_in_brackets_are_words(tmp_path):
    path = tmp_path / "text"
    path.write_text("u1 one (laughs)\nu2 (noise)\n")
    utterances = [Utterance("u1", None), Utterance("u3", None)]
    assert read_transcript_file(path, utterances) == {"u1": "one (laughs)", "u2": "(noise)"}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_transcript_file(tmp_path / "text", [])

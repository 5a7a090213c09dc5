"""Copies of a voice are known by their names."""

from espnet_tse.data.formatting import Voice
from espnet_tse.data.perturbed_voices import persons_of


def test_copies_that_stage_2_makes_are_the_person_they_were_made_of():
    voices = [Voice(speed, formants) for speed in (1.0, 0.9, 1.0005) for formants in (1.0, 1.13, 0.88)]
    names = {voice.name(name): name for voice in voices for name in ("fm", "1-2", "spy")}
    assert persons_of(names) == names


def test_names_that_only_look_so_are_other_people():
    names = ["sp1-a", "sp2-a", "fm1-b", "b"]
    assert persons_of(names) == {"sp1-a": "sp1-a", "sp2-a": "sp2-a", "fm1-b": "b", "b": "b"}

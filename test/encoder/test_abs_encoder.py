import pytest

from espnet_tse.encoder.abs_encoder import AbsConditionEncoder
from espnet_tse.tasks.choices import encoder_choices


def test_every_choice_keeps_the_contract():
    classes = encoder_choices.classes.values()
    assert classes and all(issubclass(cls, AbsConditionEncoder) for cls in classes)


def test_an_encoder_without_forward_is_refused():
    class Silent(AbsConditionEncoder):
        pass

    with pytest.raises(TypeError, match="forward"):
        Silent()

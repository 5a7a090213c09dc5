import pytest

from espnet_tse.frontend.abs_frontend import AbsFrontend
from espnet_tse.tasks.choices import frontend_choices


def test_every_choice_keeps_the_contract():
    classes = frontend_choices.classes.values()
    assert classes and all(issubclass(cls, AbsFrontend) for cls in classes)


@pytest.mark.parametrize("lacking", ["output_dim", "frame_rate", "forward"])
def test_an_incomplete_frontend_is_refused(lacking):
    members = {"output_dim": 4, "frame_rate": 50.0, "forward": lambda self, waveform, lengths: waveform}
    whole = type("Whole", (AbsFrontend,), members)
    assert whole().output_dim == 4
    del members[lacking]
    with pytest.raises(TypeError, match=lacking):
        type("Lacking", (AbsFrontend,), members)()

"""Name -> class tables behind the options of a YAML."""

from dataclasses import asdict, fields
from typing import Any

from espnet_tse.io.field_types import faults_of_types
from espnet_tse.io.nearest_name import check_known


class Choices:
    """The table behind ``--<option>`` / ``--<option>_conf`` pairs.

    Each class has a frozen dataclass ``Config`` that checks its values and ``from_config(config, **parts)``
    that builds it from the configuration and built parts. Models and their parts also have a dict ``slots``
    of what they are composed of (``io/slots.py``); classes without it, as objectives and adversaries, are
    given their parts by the caller.
    """

    def __init__(self, option: str, **classes: type):
        self.option, self.classes = option, classes

    def chosen(self, name: str, option: str | None = None) -> type:
        """The class of ``name``.

        Args:
            option: begins the message where it is not that of the table.
        Raises:
            ValueError: there is none; with the nearest known name.
        """
        check_known([name], self.classes, where=f"--{option or self.option}")
        return self.classes[name]

    def config(self, name: str, conf: dict, option: str | None = None) -> Any:
        """The checked configuration of ``name``.

        Raises:
            ValueError: unknown name or key (with the nearest known one), or a value that ``Config`` refuses.
        """
        cls = self.chosen(name, option)
        return checked(cls.Config, conf, where=f"{option or self.option}_conf of '{name}'")

    def build(self, name: str, conf: dict, **parts: Any) -> Any:
        """Build ``name`` from its YAML block; ``parts`` are the built modules it is composed of."""
        config = self.config(name, conf)  # first, for its message about an unknown name
        return self.classes[name].from_config(config, **parts)

    def resolved(self, name: str, conf: dict, option: str | None = None) -> dict:
        """The YAML block of ``name`` with every default written out."""
        return asdict(self.config(name, conf, option))


def checked(settings: type, conf: dict, where: str) -> Any:
    """A dataclass from a YAML mapping.

    Args:
        settings: a frozen dataclass that checks its values.
        where: begins each message.
    Raises:
        ValueError: an unknown key (with the nearest known one), a value of another type, or one that it
            refuses.
    """
    check_known(conf, [field.name for field in fields(settings)], where=where)
    if faults := faults_of_types(settings, conf):
        raise ValueError(f"{where}: {'; '.join(faults)}")
    try:
        return settings(**conf)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error

"""Name -> class tables behind the options of a YAML."""

from dataclasses import asdict, fields
from typing import Any

from espnet_tse.io.field_types import faults_of_types
from espnet_tse.io.nearest_name import check_known


class Choices:
    """The table behind one ``--<option>`` / ``--<option>_conf`` pair.

    Each class has a frozen dataclass ``Config`` that checks its values, and ``from_config(config,
    **parts)`` that builds it from the configuration and the modules it is composed of.
    """

    def __init__(self, option: str, **classes: type):
        self.option, self.classes = option, classes

    def config(self, name: str, conf: dict) -> Any:
        """The checked configuration of ``name``.

        Raises:
            ValueError: unknown name or key (with the nearest known one), or a value that ``Config`` refuses.
        """
        check_known([name], self.classes, where=f"--{self.option}")
        cls = self.classes[name]
        where = f"{self.option}_conf of '{name}'"
        check_known(conf, [field.name for field in fields(cls.Config)], where=where)
        if faults := faults_of_types(cls.Config, conf):
            raise ValueError(f"{where}: {'; '.join(faults)}")
        try:
            return cls.Config(**conf)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: {error}") from error

    def build(self, name: str, conf: dict, **parts: Any) -> Any:
        """Build ``name`` from its YAML block; ``parts`` are the built modules it is composed of."""
        config = self.config(name, conf)  # first, for its message about an unknown name
        return self.classes[name].from_config(config, **parts)

    def resolved(self, name: str, conf: dict) -> dict:
        """The YAML block of ``name`` with every default written out."""
        return asdict(self.config(name, conf))

    def add_arguments(self, parser, default: str | None = None) -> None:
        """Add the pair of options to an ESPnet parser."""
        from espnet2.utils.nested_dict_action import NestedDictAction

        parser.add_argument(
            f"--{self.option}", default=default, help=f"one of: {', '.join(sorted(self.classes))}"
        )
        parser.add_argument(
            f"--{self.option}_conf", action=NestedDictAction, default={}, help=f"keyword arguments of {self.option}"
        )

"""Options whose defaults come from the YAML of ``--config`` and its bases."""

import argparse
from typing import Sequence

from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_chain import YamlChain, read_chain


class ChainParser(argparse.ArgumentParser):
    """The options of ESPnet's parser, which by itself reads one file and takes ``base`` for an unknown key.

    Args:
        espnet: has ``--config`` among its options; no abbreviation of an option is taken.
    """

    def __init__(self, espnet: argparse.ArgumentParser):
        super().__init__(
            parents=[espnet],
            add_help=False,  # the parent's is taken over
            allow_abbrev=False,
            description=espnet.description,
            formatter_class=espnet.formatter_class,
        )

    def chain_of(self, words: Sequence[str] | None) -> YamlChain | None:
        """The YAML that ``words`` name by ``--config``, None without one; exit code 2 if it cannot be read."""
        first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        first.add_argument("--config")
        path = first.parse_known_args(words)[0].config
        try:
            return None if path is None else read_chain(path)
        except DataError as error:
            self.error(f"--config {error}")

    def parse_known_args(self, args=None, namespace=None):
        """As argparse; options that are not on the command line take their values from the YAML."""
        chain = self.chain_of(args)
        if chain is not None:
            try:
                chain.check_keys(action.dest for action in self._actions)
            except DataError as error:
                self.error(str(error))
            self.set_defaults(**chain.content)
        return super().parse_known_args(args, namespace)

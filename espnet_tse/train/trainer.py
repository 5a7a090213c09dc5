"""What ESPnet's task expects of a trainer, in front of this package's own loop."""

import argparse

from torch import nn

from espnet_tse.layers.transformer import TransformerBlock, TransformerStack
from espnet_tse.train.options import TrainingOptions, add_arguments
from espnet_tse.train.training import Training


class TSETrainer:
    """Takes the place of ``espnet2.train.trainer.Trainer``."""

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        add_arguments(parser)

    @classmethod
    def build_options(cls, args: argparse.Namespace) -> TrainingOptions:
        return TrainingOptions.of(args)

    @classmethod
    def run(
        cls,
        model,
        optimizers,
        schedulers,
        train_iter_factory,
        valid_iter_factory,
        trainer_options: TrainingOptions,
        plot_attention_iter_factory=None,
        distributed_option=None,
    ) -> None:
        """Train; see ``Training.run``."""
        prepare_transformers(model, trainer_options)
        optimizer, scheduler = optimizers[0], schedulers[0]
        Training(model, optimizer, scheduler, train_iter_factory, valid_iter_factory, trainer_options).run()


def prepare_transformers(model: nn.Module, options: TrainingOptions) -> None:
    """Set activation checkpointing and compilation of all transformer stacks of ``model``."""
    for module in model.modules():
        if isinstance(module, TransformerStack):
            module.checkpoint_activations = options.activation_checkpointing
        if isinstance(module, TransformerBlock) and options.compile_backend is not None:
            # Blocks, not the model: one compilation serves all layers, and lengths stay dynamic.
            module.compile(backend=options.compile_backend, dynamic=True)

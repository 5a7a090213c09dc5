"""What ESPnet's task expects of a trainer, in front of this package's own loop."""

import argparse
import logging

from torch import nn

from espnet_tse.layers.transformer import BlockStack
from espnet_tse.train.epoch_record import EpochRecord
from espnet_tse.train.model_files import keep_weights
from espnet_tse.train.options import TrainingOptions, add_arguments
from espnet_tse.train.processes import rank, wait_for_all_processes
from espnet_tse.train.system_step import SystemStep
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
        if trainer_options.max_epoch == 0:
            keep_as_given(model, trainer_options)
            return
        prepare_transformers(model, trainer_options)
        step = SystemStep(model, optimizers[0], schedulers[0], trainer_options.val_scheduler_criterion)
        record = EpochRecord(trainer_options, schedulers[0])
        Training(step, record, train_iter_factory, valid_iter_factory, trainer_options).run()


def keep_as_given(model: nn.Module, options: TrainingOptions) -> None:
    """Without training: the weights of ``init_param`` under the names that decoding opens."""
    options.folder.mkdir(parents=True, exist_ok=True)
    if rank() == 0:
        for phase, name, *_ in options.best_model_criterion:
            keep_weights(options.folder / f"{phase}.{name}.ave.pth", model.state_dict())
    wait_for_all_processes()
    logging.info("max_epoch is 0: the weights are kept as they were given")


def prepare_transformers(model: nn.Module, options: TrainingOptions) -> None:
    """Set activation checkpointing and compilation of all transformer stacks of ``model``."""
    for stack in [module for module in model.modules() if isinstance(module, BlockStack)]:
        stack.checkpoint_activations = options.activation_checkpointing
        if options.compile_backend is not None:
            # Blocks, not the model: one compilation serves all layers, and lengths stay dynamic.
            for block in stack.blocks:
                block.compile(backend=options.compile_backend, dynamic=True)

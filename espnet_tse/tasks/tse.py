"""The task of training a target speaker extraction system; wiring only."""

import argparse
import dataclasses
import logging
import sys
from pathlib import Path
from typing import Mapping, Sequence

from espnet2.utils.nested_dict_action import NestedDictAction
from espnet2.utils.types import float_or_none, str2bool, str_or_none

from espnet_tse.codec.manifest import check_same_codec
from espnet_tse.data.collate import TSECollate
from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
from espnet_tse.data.iterator import TSEIterFactory
from espnet_tse.data.mixing_conf import read_mixing_conf
from espnet_tse.data.scp_fields import speakers_of
from espnet_tse.data.static_dataset import StaticDataset
from espnet_tse.data.token_store import common_hop
from espnet_tse.io.chain_parser import ChainParser
from espnet_tse.io.command_line import refuse_unknown_options
from espnet_tse.io.scp import DataError
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema.manifest import read_manifest, streams_in
from espnet_tse.schema.stream_spec import StreamSpec
from espnet_tse.tasks.build import build_model
from espnet_tse.tasks.choices import TABLES, all_options, configs_of, model_choices
from espnet_tse.tasks.frozen_parts import check_frozen_names, remember_frozen_parts
from espnet_tse.tasks.idle_options import idle_options, remark_on
from espnet_tse.tasks.init_param import start_from_weights
from espnet_tse.tasks.inputs import MOVED
from espnet_tse.tasks.older_systems import announce_moved, moved_options
from espnet_tse.tasks.option_faults import faults_of_arguments, faults_of_yaml
from espnet_tse.tasks.pretrained import build_optimizer, start_from_systems
from espnet_tse.tasks.tokenizers import manifests_of, remember_tokenizers
from espnet_tse.train.checkpoint import has_checkpoint
from espnet_tse.train.espnet_task import AbsTask, abs_task, scheduler_classes
from espnet_tse.train.processes import leaving_processes
from espnet_tse.train.resumable import check_resumable
from espnet_tse.train.schedulers import OneCycle, WarmupPlateau
from espnet_tse.train.trainer import TSETrainer

# ESPnet's table is where its parser looks names up.
scheduler_classes |= {"warmup_plateau": WarmupPlateau, "onecyclelr": OneCycle}
# ESPnet's would load them once more, and by a pickle that may run programs; ``build_model`` has done it.
abs_task.load_pretrained_model = lambda **_: None


class TSETask(AbsTask):
    """Encoder / lm / vocoder triple of a YAML, trained on TSE or dynamic mixing directories."""

    num_optimizers = 1
    trainer = TSETrainer
    class_choices_list = []  # this package's own tables stand in tasks/choices.py

    @classmethod
    def add_task_arguments(cls, parser: argparse.ArgumentParser):
        parser.set_defaults(
            resume=True,  # an interrupted training goes on; a new one wants a new folder
            num_att_plot=0,
            best_model_criterion=[("valid", "loss", "min")],
        )
        group = parser.add_argument_group("Target speaker extraction")
        group.add_argument(
            "--train_data_dir", type=str_or_none, help="formatted TSE or dynamic mixing directory"
        )
        group.add_argument("--valid_data_dir", type=str_or_none, help="formatted TSE directory")
        for name in ("train", "valid"):
            meaning = (
                f"of each tokenizer the folder of codes of the {name} targets, as "
                f"acoustic=dump/codes_x/{name}"
            )
            group.add_argument(f"--{name}_tokens", action=NestedDictAction, default={}, help=meaning)
        for name in ("train", "valid"):
            meaning = (
                f"scp of .npy or ark speaker embeddings of the {name} enrollments, for speaker_encoder: given"
            )
            group.add_argument(f"--{name}_embeddings", type=str_or_none, help=meaning)
        meaning = (
            "what the system builds on, by name: a folder, an archive or a hub id, as acoustic=exp/codec_x"
        )
        group.add_argument("--tokenizers", action=NestedDictAction, default={}, help=meaning)
        meaning = "trained systems that it begins with, by name: as front_end=exp/tse_x"
        group.add_argument("--pretrained", action=NestedDictAction, default={}, help=meaning)
        for option, (mapping, name) in MOVED.items():
            group.add_argument(f"--{option}", type=str_or_none, help=f"short for --{mapping} {name}=...")
        meaning = (
            "learning rate of the front-end, which schedules scale as that of optim_conf; none: the same"
        )
        group.add_argument("--front_end_lr", type=float_or_none, default=None, help=meaning)
        meaning = (
            "how a recipe makes the pairs that dpo_beta learns from, as num_utterances: 200 (doc/gentse.md)"
        )
        group.add_argument("--preferences", action=NestedDictAction, default={}, help=meaning)
        meaning = (
            "passes of training mixtures that stage 5 of a recipe fixes and encodes, with their enrollments, so that "
            "training encodes nothing; a set of ready mixtures is one pass; 0: mix and encode while training"
        )
        group.add_argument("--stored_passes", type=int, default=0, help=meaning)
        meaning = "keys of mixing.yaml that this system has otherwise, as tasks: {tse: 1, rtse: 1, sr: 1}"
        group.add_argument("--mixing", action=NestedDictAction, default={}, help=meaning)
        group.add_argument(
            "--crop_s", type=float, default=None, help="training mixtures are cut to this, seconds"
        )
        group.add_argument(
            "--enrollment_s", type=float, default=None, help="enrollments are cut to this, seconds"
        )
        group.add_argument(
            "--max_batch_s", type=float, default=None, help="seconds of mixture a batch, all ranks"
        )
        group.add_argument("--cache_audio", type=str2bool, default=True, help="keep source audio in memory")
        for option, table in all_options().items():
            known = ", ".join(sorted(TABLES[table].classes))
            group.add_argument(f"--{option}", default=None, help=f"one of: {known}")
            meaning = f"keyword arguments of {option}"
            group.add_argument(f"--{option}_conf", action=NestedDictAction, default={}, help=meaning)

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> AbsTSEModel:
        """Compose the system that ``args`` names.

        Raises:
            DataError: unknown names or keys, values out of range, a tokenizer is lacking. Or the folder holds
                a checkpoint that this model cannot go on from: ESPnet would see that only after it has
                written another config.yaml beside it. Or what it has to begin with, systems or
                weights, is lacking, or is another one than that with which the training began.
        """
        tell_idle_options(args, cls.get_parser())
        count_speakers(args)
        try:
            model = build_model(vars(args))
        except ValueError as error:
            raise DataError(f"{args.config}: {error}" if args.config else str(error)) from error
        check_frozen_names(args.freeze_param, model)
        start_from_pretrained(model)
        if args.max_epoch == 0 and args.output_dir and has_checkpoint(Path(args.output_dir)):
            raise DataError(
                f"{args.output_dir}: holds a training; --max_epoch 0 would put the weights of --init_param in the place of "
                "its own. Name another --output_dir."
            )
        if args.resume and args.output_dir:
            check_resumable(Path(args.output_dir), model)
        if args.output_dir:  # without one the model is only looked at
            start_from_systems(args, model)
            if not (args.resume and has_checkpoint(Path(args.output_dir))):
                for init_param in args.init_param:
                    start_from_weights(init_param, model, args.ignore_init_mismatch)
                remember_frozen_parts(model, Path(args.output_dir))
        return model

    @classmethod
    def build_optimizers(cls, args: argparse.Namespace, model: AbsTSEModel) -> list:
        """ESPnet's, or one in which the front-end has a rate of its own."""
        if args.front_end_lr is None:
            return super().build_optimizers(args, model)
        return [build_optimizer(args, model)]

    @classmethod
    def build_iter_factory(cls, args, distributed_option, mode: str, kwargs: dict | None = None):
        """Batches of one epoch; the same examples for any number of processes and workers."""
        train = mode == "train"
        manifests = manifests_of(args.tokenizers)
        streams = streams_of_tokenizers(manifests)
        dataset = cls.open_dataset(args, train, manifests)
        if not streams:
            check_rate(args, dataset)
        rates = {
            stream: spec.hop_length and dataset.sample_rate / spec.hop_length
            for stream, (_, spec) in streams.items()
        }
        logging.info(
            f"[{mode}] {len(dataset)} examples, {sum(dataset.num_samples) / dataset.sample_rate:.0f} s"
        )
        budget = args.max_batch_s
        return TSEIterFactory(
            dataset,
            batch_size=args.batch_size if budget is None else None,
            batch_samples=None if budget is None else round(budget * dataset.sample_rate),
            seed=args.seed,
            shuffle=train,
            num_workers=args.num_workers,
            rank=distributed_option.dist_rank or 0,
            world_size=distributed_option.dist_world_size or 1,
            num_iters_per_epoch=args.num_iters_per_epoch if train else None,
            frame_rates=rates,
            same_every_epoch=not train,
            pin_memory=args.ngpu > 0,
        )

    @classmethod
    def open_dataset(cls, args: argparse.Namespace, train: bool, manifests: Mapping[str, dict]):
        """The examples of one set: mixed on the fly where the folder holds a ``mixing.yaml``.

        Args:
            manifests: of the tokenizers, by name.
        Raises:
            DataError: the folder or its codes are wrong, or the codes are another tokenizer's.
        """
        folder, tokens = (
            (args.train_data_dir, args.train_tokens) if train else (args.valid_data_dir, args.valid_tokens)
        )
        tokens = {name: place for name, place in tokens.items() if place}
        for name, place in tokens.items():
            check_same_codec(read_manifest(place), manifests[name])
        streams = streams_of_tokenizers(manifests)
        lists = {
            stream: (Path(tokens[name]) / f"{stream}.scp", spec)
            for stream, (name, spec) in streams.items()
            if name in tokens
        }
        settings = {
            "seed": args.seed,
            "crop_s": args.crop_s if train else None,
            "hop_length": common_hop({stream: spec for stream, (_, spec) in streams.items()}),
            "tokens": lists,
            "embeddings_scp": args.train_embeddings if train else args.valid_embeddings,
            "cache_audio": args.cache_audio,
        }
        mixing = Path(folder) / "mixing.yaml"
        if not mixing.is_file():
            if train and args.mixing:
                raise DataError(
                    f"{folder}: has no mixing.yaml, so its mixtures are ready; mixing: of the system wants a source "
                    "directory (doc/data_format.md)."
                )
            return StaticDataset(
                folder,
                enrollment_s=args.enrollment_s,
                training=train,
                stored_inputs=args.stored_passes > 0,
                **settings,
            )
        if args.stored_passes:
            raise DataError(
                f"{folder}: is mixed while training, but stored_passes: {args.stored_passes} reads the latents of fixed "
                "mixtures; name those that stage 5 has made (mix_set --passes), or set stored_passes: 0."
            )
        conf = read_mixing_conf(mixing, args.mixing)
        known = model_choices.classes[args.model].tasks
        if unknown := [task for task in conf.tasks if task not in known]:
            raise DataError(
                f"{mixing}: tasks: model {args.model} was not made for {', '.join(unknown)}, only for {', '.join(known)}; "
                "change them in mixing.yaml, or for this system in its YAML: mixing: {tasks: {tse: 1}}."
            )
        if args.enrollment_s is not None:
            conf = dataclasses.replace(conf, enrollment_s=args.enrollment_s)
        if train and conf.target_absent and "absent_energy" not in (args.model_conf or {}).get("losses", ()):
            logging.warning(
                f"{mixing}: target_absent is {conf.target_absent}, but model_conf: losses has no "
                "absent_energy, and the other losses of waveforms learn nothing from mixtures without the "
                "target"
            )
        return DynamicMixingDataset(folder, conf, **settings)

    @classmethod
    def build_collate_fn(cls, args, train: bool):
        return TSECollate()

    @classmethod
    def build_preprocess_fn(cls, args, train: bool):
        return None

    @classmethod
    def required_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        return ("speech_mix", "enroll_ref1")

    @classmethod
    def optional_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        return ("speech_ref1",)

    @classmethod
    def get_default_config(cls) -> dict:
        """ESPnet's defaults and every default of the chosen parts."""
        args, _ = cls.get_parser().parse_known_args()
        config = {name: value for name, value in vars(args).items() if name not in cls.exclude_opts()}
        for option, table in all_options().items():
            if config[option] is not None:
                config[f"{option}_conf"] = TABLES[table].resolved(
                    config[option], config[f"{option}_conf"], option
                )
        moved_options(config)
        return config

    @classmethod
    def print_config(cls, file=None) -> None:
        """As ESPnet, to the current standard output and not to that of import time."""
        super().print_config(file=file or sys.stdout)

    @classmethod
    def get_parser(cls):
        """ESPnet's options; they are written out, and an error is not preceded by all of them."""
        parser = ChainParser(super().get_parser(), faults_of_yaml)
        parser.prog = "espnet-tse train"
        parser.usage = "%(prog)s --config conf/<system>.yaml [--option value ...]"
        return parser

    @classmethod
    def parse(cls, cmd: Sequence[str], asked_by: str | None = None) -> argparse.Namespace:
        """Options of the command line and its ``--config``; faults end with exit code 2, all in one message.

        ``asked_by`` is the command that the message names, where it is not that of training.
        """
        parser = cls.get_parser()
        if asked_by is not None:
            parser.prog, parser.usage = asked_by, argparse.SUPPRESS
        refuse_unknown_options(parser, cmd)
        args = parser.parse_args(cmd)
        announce_moved(moved_options(vars(args)))
        if not args.print_config:
            faults = faults_of_arguments(args, parser.chain)
            if faults:
                parser.error("\n".join(faults))
        return args

    @classmethod
    def main(cls, cmd: Sequence[str] | None = None) -> None:
        """Train; faults of the configuration end with exit code 2."""
        args = cls.parse(sys.argv[1:] if cmd is None else cmd)
        if not args.print_config:
            for option in ("train_data_dir", "valid_data_dir"):
                if getattr(args, option) is None:
                    cls.get_parser().error(
                        f"--{option} is required (stage 2 of the recipe makes it: dump/raw/<set>)"
                    )
            if args.output_dir:
                remember_tokenizers(args.tokenizers, Path(args.output_dir))
        with leaving_processes():
            super().main(args=args)


def tell_idle_options(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Warn of options that change nothing; after they are parsed, for only then has ESPnet set up the log."""
    names = idle_options(args, parser)
    if names:
        logging.warning(remark_on(names, args.config or "command line"))


def start_from_pretrained(model: AbsTSEModel) -> None:
    """Weights of parts that others have trained; only training reads them, extraction has the model's own.

    Raises:
        DataError: they are not there.
    """
    for module in model.modules():
        if hasattr(module, "start_from_pretrained"):
            module.start_from_pretrained()


def streams_of_tokenizers(manifests: Mapping[str, dict]) -> dict[str, tuple[str, StreamSpec]]:
    """Stream of the targets -> name of the tokenizer that makes it, and its sizes.

    Args:
        manifests: of the tokenizers, by name.
    Raises:
        DataError: two tokenizers make a stream of the same name.
    """
    streams: dict[str, tuple[str, StreamSpec]] = {}
    for name, manifest in manifests.items():
        for stream, spec in streams_in(manifest).items():
            if stream in streams:
                raise DataError(
                    f"tokenizers '{streams[stream][0]}' and '{name}' both make the stream '{stream}'; keep "
                    "one of them."
                )
            streams[stream] = (name, spec)
    return streams


def check_rate(args: argparse.Namespace, dataset) -> None:
    """Raise DataError where a system without a tokenizer is given audio of another sample rate."""
    for option, config in configs_of(vars(args)).items():
        wanted = getattr(config, "sample_rate", dataset.sample_rate)
        if dataset.sample_rate != wanted:
            raise DataError(
                f"the data are at {dataset.sample_rate} Hz but {option}_conf says sample_rate: {wanted}; set "
                "it, or run stage 2 with --sample_rate."
            )


def count_speakers(args: argparse.Namespace) -> None:
    """Fill in ``num_speakers`` of the model where its criterion wants it; config.yaml keeps the number."""
    config = model_choices.config(args.model, args.model_conf)
    if getattr(config, "wants_speakers", False) and config.num_speakers is None and args.train_data_dir:
        speakers = speakers_of(args.train_data_dir)
        if not speakers:
            raise DataError(
                f"{args.train_data_dir}/utt2spk: repeats the keys, and the speakers' loss wants speakers; write "
                "'key speaker' lines, or leave that loss out of model_conf."
            )
        args.model_conf = {**args.model_conf, "num_speakers": len(speakers)}

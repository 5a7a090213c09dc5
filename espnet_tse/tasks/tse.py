"""The task of training a target speaker extraction system; wiring only."""

import argparse
import dataclasses
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet2.tasks.abs_task import AbsTask, scheduler_classes
from espnet2.utils.nested_dict_action import NestedDictAction
from espnet2.utils.types import float_or_none, str2bool, str_or_none

from espnet_tse.codec.manifest import check_same_codec, read_manifest
from espnet_tse.data.collate import TSECollate
from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
from espnet_tse.data.iterator import TSEIterFactory
from espnet_tse.data.mixing_conf import read_mixing_conf
from espnet_tse.data.static_dataset import StaticDataset
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import CodecSpec
from espnet_tse.io.command_line import refuse_unknown_options
from espnet_tse.io.files import write_json
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.io.yaml_file import read_yaml
from espnet_tse.tasks.build import build_extractor, build_model
from espnet_tse.tasks.choices import TSE_CHOICES, extractor_choices, model_choices, slots_of
from espnet_tse.tasks.front_end import build_optimizer, faults_of_front_end, start_front_end
from espnet_tse.train.optimization import faults_of_optimization
from espnet_tse.train.options import faults_of
from espnet_tse.train.processes import leaving_processes
from espnet_tse.train.resumable import check_resumable
from espnet_tse.train.schedulers import OneCycle, WarmupPlateau
from espnet_tse.train.trainer import TSETrainer

# ESPnet's table is where its parser looks names up.
scheduler_classes |= {"warmup_plateau": WarmupPlateau, "onecyclelr": OneCycle}

WANTED = {
    "int": "a whole number",
    "int_or_none": "a whole number or none",
    "float": "a number",
    "float_or_none": "a number or none",
    "str2bool": "true or false",
}  # by type of an option


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
        group.add_argument("--train_data_dir", type=str_or_none, help="formatted TSE or dynamic mixing directory")
        group.add_argument("--valid_data_dir", type=str_or_none, help="formatted TSE directory")
        group.add_argument("--train_codes", type=str_or_none, help="folder of codes.scp of the training targets")
        group.add_argument("--valid_codes", type=str_or_none, help="folder of codes.scp of the validation targets")
        for name in ("train", "valid"):
            meaning = f"scp of .npy or ark speaker embeddings of the {name} enrollments, for speaker_encoder: given"
            group.add_argument(f"--{name}_embeddings", type=str_or_none, help=meaning)
        group.add_argument("--codec_dir", type=str_or_none, help="folder of the frozen codec")
        meaning = "folder or archive of the trained discriminative system whose extractor the front-end starts from"
        group.add_argument("--front_end_dir", type=str_or_none, help=meaning)
        meaning = "learning rate of the front-end, which schedules scale as that of optim_conf; none: the same"
        group.add_argument("--front_end_lr", type=float_or_none, default=None, help=meaning)
        group.add_argument("--crop_s", type=float, default=None, help="training mixtures are cut to this, seconds")
        group.add_argument("--enrollment_s", type=float, default=None, help="enrollments are cut to this, seconds")
        group.add_argument("--max_batch_s", type=float, default=None, help="seconds of mixture a batch, all ranks")
        group.add_argument("--cache_audio", type=str2bool, default=True, help="keep source audio in memory")
        for choices in TSE_CHOICES:
            choices.add_arguments(group)

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> AbsTSEModel:
        """Compose the triple that ``args`` names.

        Raises:
            DataError: unknown names or keys, values out of range, no codec where one is needed. Or the folder holds a
                checkpoint that this model cannot go on from: ESPnet would see that only after it has written
                another config.yaml beside it. Or the front-end has nothing to start from.
        """
        count_speakers(args)
        try:
            model = build_model(args)
        except ValueError as error:
            raise DataError(f"{args.config}: {error}" if args.config else str(error)) from error
        start_from_pretrained(model)
        if args.resume and args.output_dir:
            check_resumable(Path(args.output_dir), model)
        if args.output_dir:  # without one the model is only looked at
            start_front_end(args, model)
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
        spec = CodecSpec(**read_manifest(args.codec_dir)["spec"]) if args.codec_dir else None
        dataset = cls.open_dataset(args, train, spec)
        if spec is None:
            check_rate(args, dataset)
        logging.info(f"[{mode}] {len(dataset)} examples, {sum(dataset.num_samples) / dataset.sample_rate:.0f} s")
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
            frame_rate=spec.frame_rate if spec else None,
            same_every_epoch=not train,
            pin_memory=args.ngpu > 0,
        )

    @classmethod
    def open_dataset(cls, args: argparse.Namespace, train: bool, spec: CodecSpec | None):
        """The examples of one set: mixed on the fly where the folder holds a ``mixing.yaml``.

        Args:
            spec: of the codec, None for systems without one.
        Raises:
            DataError: the folder or its codes are amiss, or the codes are another codec's.
        """
        folder, codes = (
            (args.train_data_dir, args.train_codes) if train else (args.valid_data_dir, args.valid_codes)
        )
        codes_scp = None
        if codes is not None:
            check_same_codec(read_manifest(codes), read_manifest(args.codec_dir))
            codes_scp = Path(codes) / "codes.scp"
        settings = {
            "seed": args.seed,
            "crop_s": args.crop_s if train else None,
            "hop_length": spec.hop_length if spec else 1,
            "codes_scp": codes_scp,
            "embeddings_scp": args.train_embeddings if train else args.valid_embeddings,
            "cache_audio": args.cache_audio,
        }
        mixing = Path(folder) / "mixing.yaml"
        if not mixing.is_file():
            return StaticDataset(folder, enrollment_s=args.enrollment_s, training=train, **settings)
        conf = read_mixing_conf(mixing)
        if args.enrollment_s is not None:
            conf = dataclasses.replace(conf, enrollment_s=args.enrollment_s)
        if train and conf.target_absent and "absent_energy" not in (args.model_conf or {}).get("losses", ()):
            logging.warning(
                f"{mixing}: target_absent is {conf.target_absent}, but model_conf: losses has no absent_energy, and "
                "the other losses of waveforms learn nothing from mixtures without the target"
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
        return ("speech_ref1", "target_codes")

    @classmethod
    def get_default_config(cls) -> dict:
        """ESPnet's defaults and every default of the chosen parts."""
        args, _ = cls.get_parser().parse_known_args()
        config = {name: value for name, value in vars(args).items() if name not in cls.exclude_opts()}
        for choices in TSE_CHOICES:
            name = config[choices.option]
            if name is not None:
                config[f"{choices.option}_conf"] = choices.resolved(name, config[f"{choices.option}_conf"])
        return config

    @classmethod
    def print_config(cls, file=None) -> None:
        """As ESPnet, to the standard output of now and not of import time."""
        super().print_config(file=file or sys.stdout)

    @classmethod
    def get_parser(cls):
        """ESPnet's parser; options are written out, and an error is not preceded by all of them."""
        parser = super().get_parser()
        parser.allow_abbrev = False
        parser.prog = "espnet-tse train"
        parser.usage = "%(prog)s --config conf/<system>.yaml [--option value ...]"
        return parser

    @classmethod
    def parse(cls, cmd: Sequence[str], asked_by: str | None = None) -> argparse.Namespace:
        """Options of the command line and of its ``--config``; faults end with exit code 2, all in one message.

        ``asked_by`` is the command that the message names, where it is not that of training.
        """
        parser = cls.get_parser()
        if asked_by is not None:
            parser.prog, parser.usage = asked_by, argparse.SUPPRESS
        refuse_unknown_options(parser, cmd)
        check_config_keys(parser, cmd)
        args = parser.parse_args(cmd)
        if not args.print_config:
            source = f"{args.config}: " if args.config else ""
            faults = [source + fault for fault in [*faults_of_choices(args), *faults_of_optimization(args)]]
            faults += faults_of(args) + faults_of_front_end(args)
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
                    cls.get_parser().error(f"--{option} is required (stage 2 of the recipe makes it: dump/raw/<set>)")
            remember_codec(args)
        with leaving_processes():
            super().main(args=args)


def start_from_pretrained(model: AbsTSEModel) -> None:
    """Weights of parts that others have trained; only training reads them, extraction has the model's own.

    Raises:
        DataError: they are not there.
    """
    for module in model.modules():
        if hasattr(module, "start_from_pretrained"):
            module.start_from_pretrained()


def check_config_keys(parser: argparse.ArgumentParser, cmd: Sequence[str]) -> None:
    """Refuse unknown keys, choices and values of the ``--config`` file, all at once; exit code 2."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--config")
    path = first.parse_known_args(cmd)[0].config
    if path is None:
        return
    try:
        conf = read_yaml(path)
    except DataError as error:
        parser.error(f"--config {error}")
    faults = []
    try:
        check_known(conf, [action.dest for action in parser._actions], where=path)
    except ValueError as error:
        # The list of all known options is the parser's --help; here it would bury the fault.
        faults.append(str(error).split("; known:")[0] + "; --help lists all options")
    for action in parser._actions:
        if action.dest in conf:
            faults += [f"{path}: {fault}" for fault in faults_of_value(action, conf[action.dest])]
    if faults:
        parser.error("\n".join(faults))


def faults_of_value(action: argparse.Action, value: object) -> list[str]:
    """What is wrong with a value of a YAML; ESPnet checks types and choices of the command line's only."""
    name = action.dest
    if isinstance(action, NestedDictAction) and not isinstance(value, dict):
        return [f"{name}: want 'key: value' pairs, got {value!r}"]
    if not isinstance(value, str):
        return []
    try:
        typed = action.type(value) if action.type else value
    except (TypeError, ValueError, argparse.ArgumentTypeError):
        kind = getattr(action.type, "__name__", "value")
        return [f"{name}: '{value}' is not {WANTED.get(kind, f'what {kind} reads')}"]
    try:
        if action.choices:
            check_known([typed], [str(choice) for choice in action.choices], where=name)
    except ValueError as error:
        return [str(error)]
    return []


def check_rate(args: argparse.Namespace, dataset) -> None:
    """Raise DataError where a system without a codec is given audio of another sample rate."""
    wanted = extractor_choices.config(args.extractor, args.extractor_conf).sample_rate
    if dataset.sample_rate != wanted:
        raise DataError(
            f"the data are at {dataset.sample_rate} Hz but extractor_conf says sample_rate: {wanted}; set it, or run "
            "stage 2 with --sample_rate."
        )


def count_speakers(args: argparse.Namespace) -> None:
    """Fill in ``num_speakers`` of the model where its criterion wants it; config.yaml keeps the number."""
    config = model_choices.config(args.model, args.model_conf)
    if "speaker" in getattr(config, "losses", {}) and config.num_speakers is None and args.train_data_dir:
        speakers = set(read_scp(Path(args.train_data_dir) / "utt2spk").values())
        args.model_conf = {**args.model_conf, "num_speakers": len(speakers)}


def remember_codec(args: argparse.Namespace) -> None:
    """Keep the codec's manifest beside the model: decoding refuses another codec.

    Raises:
        DataError: ``--output_dir`` holds a system of another codec.
    """
    if args.codec_dir and args.output_dir:
        manifest = read_manifest(args.codec_dir)
        folder = Path(args.output_dir) / "codec_of_training"
        if (folder / "manifest.json").is_file():
            check_same_codec(read_manifest(folder), manifest)
        del manifest["path"]  # of this machine
        write_json(folder / "manifest.json", manifest)


def faults_of_choices(args: argparse.Namespace) -> list[str]:
    """What is wrong with the names and the blocks of all parts."""
    faults, slots = [], (*slots_of(args.model, args.extractor), "model")
    for choices in TSE_CHOICES:
        name, conf = getattr(args, choices.option), getattr(args, f"{choices.option}_conf")
        try:
            if choices.option not in slots and slots != ("model",):
                if name is not None:
                    raise ValueError(f"this system has no {choices.option}; leave out {choices.option}: {name}")
                continue
            if name is None:
                raise ValueError(f"--{choices.option} is required; one of: {', '.join(sorted(choices.classes))}")
            choices.config(name, conf)
        except ValueError as error:
            faults.append(str(error))
    if not faults and "extractor" in slots:
        # What only the whole knows: windows and hops, a speaker loss without an embedding, encoders that do not fit.
        try:
            build_extractor(args) if model_choices.classes[args.model].needs_codec else build_model(args)
        except ValueError as error:
            faults.append(str(error))
    return faults

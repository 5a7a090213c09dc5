"""The codec task: wiring of codec, objective, adversary, data and the training loop."""

import logging
import os
from dataclasses import asdict, fields, replace
from pathlib import Path

import torch
import torch.distributed as dist

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.codec.abs_identified import AbsIdentified
from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.codec.load import codec_choices, load_codec, save_codec
from espnet_tse.codec.manifest import codes_identity
from espnet_tse.codec.objective import SpectralObjective, WaveformObjective
from espnet_tse.codec.spectral_bicodec import SpectralBiCodec
from espnet_tse.codec.spectral_codec import SpectralCodec
from espnet_tse.codec.spectrum_adversary import SpectrumAdversary
from espnet_tse.codec.time_frequency_vae import TimeFrequencyVAE
from espnet_tse.codec.units import AbsUnits
from espnet_tse.codec.vae_objective import VAEObjective
from espnet_tse.codec.waveform_adversary import WaveformAdversary
from espnet_tse.data.audio_store import AudioStore
from espnet_tse.data.scp_fields import MIXING_YAML, MIXTURE_SCP, TARGET_SCP
from espnet_tse.data.token_store import common_hop
from espnet_tse.io.choices import Choices
from espnet_tse.io.field_types import faults_of_types
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.io.yaml_file import without_tuples
from espnet_tse.schema.manifest import read_manifest
from espnet_tse.schema.stream_spec import CodesSpec
from espnet_tse.tasks.finished_tokenizer import refuse_other_data
from espnet_tse.tasks.units import fit_units
from espnet_tse.train.codec_step import CodecStep
from espnet_tse.train.codec_train_conf import CodecTrainConf
from espnet_tse.train.options import LoopOptions
from espnet_tse.train.processes import leaving_processes, rank, wait_for_all_processes
from espnet_tse.train.segments import PREPARATION, SegmentReader, TrainingSegments, ValidationSegments
from espnet_tse.train.step_record import StepRecord
from espnet_tse.train.training import Training

objective_choices = Choices(
    "objective", spectral=SpectralObjective, waveform=WaveformObjective, vae=VAEObjective
)
KMEANS = "kmeans"  # the objective of units
adversary_choices = Choices("adversary", msstft=WaveformAdversary, spectrum=SpectrumAdversary)


def read_train_conf(path: Path | str, overrides: dict) -> CodecTrainConf:
    """Options of a YAML and its bases, then those of the command line.

    Args:
        overrides: option -> value; a dict is merged into the YAML's dict.
    Raises:
        DataError: missing file, unknown key (with the nearest known one), or a value out of range.
    """
    chain = read_chain(path)
    chain.check_keys((field.name for field in fields(CodecTrainConf)), place="top level")
    options = chain.content
    try:
        for name, value in overrides.items():
            options[name] = {**options.get(name, {}), **value} if isinstance(value, dict) else value
        if faults := faults_of_types(CodecTrainConf, options):
            raise ValueError("; ".join(faults))
        conf = CodecTrainConf(**options)
        check_parts(conf)
        return replace(conf, **resolved_blocks(conf))
    except (TypeError, ValueError) as error:
        raise DataError(f"{chain.where(str(error))}: {error}") from error


def check_parts(conf: CodecTrainConf) -> None:
    """Refuse parts that do not go together."""
    known = {
        "codec": codec_choices.classes,
        "objective": [*objective_choices.classes, KMEANS],
        "adversary": adversary_choices.classes,
    }
    for option, names in known.items():
        if getattr(conf, option) is not None:
            check_known([getattr(conf, option)], names, option)
    if issubclass(codec_choices.classes[conf.codec], AbsUnits) != (conf.objective == KMEANS):
        raise ValueError(
            f"codec {conf.codec} cannot be trained with objective {conf.objective}: units have {KMEANS}, and only they."
        )
    kind = codec_choices.classes[conf.codec]
    draws_spectra = kind in (SpectralCodec, SpectralBiCodec)
    has_latents = kind is TimeFrequencyVAE
    if draws_spectra != (conf.objective == "spectral") or has_latents != (conf.objective == "vae"):
        raise ValueError(f"codec {conf.codec} cannot be trained with objective {conf.objective}.")
    if issubclass(kind, AbsAutoencoder) and conf.decoder_of:
        raise ValueError(f"decoder_of is for codecs; train a {conf.codec} as a whole.")
    grouped = bool(conf.codec_conf.get("kept_of_groups"))
    if grouped != (conf.reorganize_step is not None):
        raise ValueError(
            "codec_conf: kept_of_groups and reorganize_step, when the groups become one codebook, go together; only one is given."
        )
    if conf.decoder_of and grouped:
        raise ValueError("decoder_of keeps the codes; reorganize_step makes new ones. Give one of them.")
    if conf.adversary:
        hears = adversary_choices.classes[conf.adversary].hears
        makes = None if conf.objective == KMEANS else objective_choices.classes[conf.objective].makes
        if hears != makes:
            raise ValueError(
                f"adversary {conf.adversary} hears a {hears}, objective {conf.objective} makes {makes or 'nothing'}."
            )


def resolved_blocks(conf: CodecTrainConf) -> dict:
    """The ``*_conf`` blocks with every default written out."""
    blocks = {"codec_conf": codec_choices.resolved(conf.codec, conf.codec_conf)}
    if conf.objective != KMEANS:
        blocks["objective_conf"] = objective_choices.resolved(conf.objective, conf.objective_conf)
    if conf.adversary:
        blocks["adversary_conf"] = adversary_choices.resolved(conf.adversary, conf.adversary_conf)
    return {name: without_tuples(block) for name, block in blocks.items()}


def train_codec(conf: CodecTrainConf, train_dir: Path, valid_dir: Path, output_dir: Path, ngpu: int) -> None:
    """Train, then write the codec folder ``output_dir``; a finished training is left as it is.

    Raises:
        DataError: data of another sample rate or shape, or a checkpoint or codec of another training.
    """
    refuse_other_data(output_dir, train_dir)
    device = join_processes(ngpu)
    if conf.objective == KMEANS:
        with leaving_processes():
            if rank() == 0:
                rate = codec_choices.config(conf.codec, conf.codec_conf).sample_rate
                fit_units(conf, open_store(train_dir, rate), train_dir, output_dir, device)
            wait_for_all_processes()
        return
    torch.manual_seed(conf.seed)
    codec = codec_choices.build(conf.codec, conf.codec_conf)
    if max(conf.codebook_choices, default=1) > num_codebooks_of(codec):
        raise DataError(
            f"codebook_choices are {list(conf.codebook_choices)}, but {conf.codec} has {num_codebooks_of(codec)} codebooks; "
            "name numbers up to that."
        )
    if conf.decoder_of:
        keep_codes_of(codec, Path(conf.decoder_of))
    objective = objective_choices.build(conf.objective, conf.objective_conf, sample_rate=codec.sample_rate)
    adversary = adversary_choices.build(conf.adversary, conf.adversary_conf) if conf.adversary else None
    for part in (codec, objective, *([adversary] if adversary else [])):
        part.to(device)
    logging.info(f"codec {conf.codec}: {codec.num_parameters()} parameters, {codec.streams}")
    hop = common_hop(codec.streams)
    num_samples = max(1, round(conf.segment_s * codec.sample_rate / hop)) * hop
    train, valid = (
        SegmentReader(
            open_store(folder, codec.sample_rate), num_samples, conf.seed, conf.num_workers, conf.mixed_share
        )
        for folder in (train_dir, valid_dir)
    )

    def segments() -> torch.Tensor:
        logging.info(f"statistics and tables are of {conf.prepare_segments} segments of {conf.segment_s} s")
        return train.rows(PREPARATION, range(conf.prepare_segments)).to(device)

    with leaving_processes():
        step, record = CodecStep(conf, codec, objective, adversary, segments), StepRecord(conf, output_dir)
        batches = TrainingSegments(train, conf, num_codebooks_of(codec)), ValidationSegments(valid, conf)
        Training(step, record, *batches, loop_options(conf, output_dir, ngpu)).run()
        if isinstance(codec, AbsAutoencoder):
            codec.eval().standardise(segments)
        for reader in (train, valid):
            reader.close()
        if rank() == 0:
            write_codec(codec, record, train_dir)
        wait_for_all_processes()


def num_codebooks_of(codec: AbsIdentified) -> int:
    """The most of any of its streams; 1 where they are no codes."""
    return max(
        (spec.num_codebooks for spec in codec.streams.values() if isinstance(spec, CodesSpec)), default=1
    )


def keep_codes_of(codec: AbsTokenizer, folder: Path) -> None:
    """Begin with the weights of another codec, and freeze all that codes depend on.

    Raises:
        DataError: it is of another kind or size.
    """
    other = load_codec(folder)
    if type(other) is not type(codec):
        raise DataError(
            f"decoder_of: {folder} is a {type(other).__name__}, this is a {type(codec).__name__}."
        )
    odd = [
        f"{name} {value!r}, here {getattr(codec.config, name)!r}"
        for name, value in vars(other.config).items()
        if name not in codec.decoding_settings and getattr(codec.config, name) != value
    ]
    if odd:
        raise DataError(
            f"decoder_of: {folder} is another codec than codec_conf says: {'; '.join(odd)}; begin this YAML with base: that "
            "codec's and change none of these."
        )
    codec.load_state_dict(other.state_dict())
    for name in codec.coding_parts:
        codec.get_submodule(name).requires_grad_(False)


def loop_options(conf: CodecTrainConf, output_dir: Path, ngpu: int) -> LoopOptions:
    """A codec's keys under the loop's names."""
    return LoopOptions(
        output_dir=str(output_dir),
        ngpu=ngpu,
        seed=conf.seed,
        resume=True,
        use_amp=conf.use_amp,
        accum_grad=conf.accum_grad,
        grad_clip=conf.grad_clip,
        grad_clip_type=2.0,
        ema_decay=None,
        max_skipped_updates=conf.max_skipped_updates,
        max_piece_s=conf.max_piece_s,
        parallel="ddp",
    )


def write_codec(codec: AbsIdentified, record: StepRecord, train_dir: Path) -> None:
    """``config.yaml``, ``model.pth`` and ``manifest.json`` of the trained codec.

    The manifest holds no times, which differ between trainings that give the same codec: all that is made
    with it depends on it.
    """
    conf = record.conf
    config = without_tuples(asdict(conf))
    losses = {name: points[-1][1] for name, points in record.curves.values["valid"].items()}
    training = {
        "data": str(train_dir),
        "steps": record.step,
        "valid": losses,
        "config": config,
    }
    if conf.decoder_of:
        training["codes_sha256"] = codes_identity(read_manifest(Path(conf.decoder_of)))
    manifest = save_codec(record.folder, codec.cpu().eval(), config, conf.licence, training)
    logging.info(f"{record.folder}: sha256 {manifest['sha256'][:12]}, fingerprint {manifest['fingerprint']}")


def open_store(folder: Path, sample_rate: int) -> AudioStore:
    """The clean utterances of a data directory: of a source directory all, of a TSE directory the targets.

    Raises:
        DataError: files missing, unreadable, or at another sample rate than the codec's.
    """
    is_source = (folder / MIXING_YAML).is_file() or not (folder / TARGET_SCP).is_file()
    scp = folder / (MIXTURE_SCP if is_source else TARGET_SCP)
    store = AudioStore(read_scp(scp), cache=True)
    if store.sample_rate != sample_rate:
        raise DataError(
            f"{scp}: audio is at {store.sample_rate} Hz but the codec works at {sample_rate} Hz; "
            "format the data at that rate (stage 2), or set codec_conf: sample_rate."
        )
    return store


def join_processes(ngpu: int) -> str:
    """The device of this process; under torchrun also join the others."""
    local_rank = int(os.environ.get("LOCAL_RANK", 0))
    if ngpu > 0 and not torch.cuda.is_available():
        raise DataError(f"--ngpu {ngpu}, but no GPU is visible; use --ngpu 0.")
    device = f"cuda:{local_rank}" if ngpu > 0 else "cpu"
    if ngpu > 0:
        torch.cuda.set_device(device)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if ngpu > 0 else "gloo")
        if dist.get_rank() > 0:
            logging.getLogger().setLevel(logging.WARNING)  # one process tells what all do
    return device

"""Codec work on many files: tokenization and resynthesis, by shards, resumable by key."""

import logging
import time
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from espnet_tse.codec.abs_identified import AbsIdentified
from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.codec.load import codec_choices, load_codec
from espnet_tse.codec.manifest import check_same_codec, check_same_decoder
from espnet_tse.data.stored_inputs import audio_of
from espnet_tse.io.audio import read_audio, write_audio
from espnet_tse.io.files import atomic_write, is_there, write_json
from espnet_tse.io.scp import DataError, check_file_names, read_filled_scp, read_scp, write_scp
from espnet_tse.io.shard import take_shard
from espnet_tse.layers.device import check_device
from espnet_tse.schema import Codes, Frames
from espnet_tse.schema.manifest import read_manifest, sample_rate_in, streams_in
from espnet_tse.schema.stream_spec import CodesSpec
from espnet_tse.tasks.coded_inputs import add_inputs, begin_inputs
from espnet_tse.tasks.config_keys import warn_of_unknown_codec_keys
from espnet_tse.tasks.kept_inputs import refuse_input_lists, refuse_inputs
from espnet_tse.tasks.length_batches import length_batches, read_infos, unfinished

Check = Callable[[dict, dict], None]  # raises DataError where two manifests are not of what made the same


def encode_scp(
    codec_dir: Path, scp: Path, output_dir: Path, shard: tuple[int, int] | None, batch_size: int, device: str
) -> None:
    """Every stream of each utterance: ``<stream>/<key>.npy`` (T, K) or (T, D), ``<stream>.scp``, a manifest.

    Codes are stored in the smallest integer type that holds the vocabulary. Shard J of N writes below
    ``output_dir/J``. Files that are there already are kept, if the folder carries this tokenizer's manifest.

    Args:
        scp: a list, or a TSE directory, of which all that its rows hold is encoded (``audio_of``).
    Raises:
        DataError: no such device, unreadable audio, codes of another tokenizer or of other
            recordings in ``output_dir``, or ``scp`` would be written over.
    """
    check_device(device)
    specs = streams_in(read_manifest(codec_dir))
    refuse_input_lists(output_dir, shard, [f"{name}.scp" for name in specs], [scp])

    def encode(codec: AbsIdentified, waveforms: Tensor, lengths: Tensor) -> list[dict[str, np.ndarray]]:
        streams = codec.streams_of(waveforms, lengths)
        rows = {name: stored_rows(streams[name], spec.stored_type) for name, spec in specs.items()}
        return [{name: rows[name][row] for name in specs} for row in range(len(lengths))]

    def write(path: Path, tokens: np.ndarray) -> None:
        with atomic_write(path, "wb") as file:
            np.save(file, tokens)

    products = {name: (f"{name}.scp", name, ".npy") for name in specs}
    code_scp(codec_dir, scp, output_dir, shard, batch_size, device, products, encode, write)


def stored_rows(stream: Codes | Frames, dtype: str) -> list[np.ndarray]:
    """(T, K) or (T, D) of each row, without padding."""
    values = stream.values.transpose(1, 2) if isinstance(stream, Codes) else stream.values
    arrays = values.cpu().numpy().astype(dtype)
    return [row[:length] for row, length in zip(arrays, stream.lengths.tolist())]


def resynthesize_scp(
    codec_dir: Path,
    scp: Path,
    output_dir: Path,
    shard: tuple[int, int] | None,
    batch_size: int,
    device: str,
    num_codebooks: int | None = None,
) -> None:
    """Encode and decode every utterance: ``wav/<key>.wav`` with the input's level and length, ``wav.scp``.

    It is the upper bound of what a system that predicts this codec's codes can reach; with
    ``num_codebooks`` n that of one that predicts the first n ("Target-n" of arXiv:2601.06006, Table I).
    Raises:
        DataError: no such device, the codec has fewer codebooks, ``output_dir`` was made with another number of them, or
            what is read would be written over.
    """
    check_device(device)
    manifest = read_manifest(codec_dir)
    kind = codec_choices.classes.get(manifest.get("codec"))
    if kind is None or issubclass(kind, AbsTokenizer) and not kind.makes_waveforms():
        raise DataError(f"{codec_dir}: makes no waveform of its tokens, so there is no resynthesis of it.")
    sample_rate = sample_rate_in(manifest)
    codes = [spec for spec in streams_in(manifest).values() if isinstance(spec, CodesSpec)]
    heard = max((spec.num_codebooks for spec in codes), default=1)
    if num_codebooks is not None and not 1 <= num_codebooks <= heard:
        raise DataError(
            f"--num_codebooks {num_codebooks}: {codec_dir} has {heard} codebooks; ask for 1 .. {heard}."
        )
    heard = num_codebooks or heard
    folder = output_dir / str(shard[0]) if shard else output_dir
    mark = folder / "num_codebooks"
    if mark.is_file() and int(mark.read_text()) != heard:
        raise DataError(
            f"{folder} holds what {mark.read_text().strip()} codebooks sound like, not {heard}; name another "
            "--output_dir."
        )
    refuse_input_lists(output_dir, shard, ["wav.scp"], [scp])
    recordings = read_scp(scp)  # a bad list leaves nothing behind
    outputs = (folder / "wav" / f"{key}.wav" for key in recordings)
    refuse_inputs(outputs, {f"recording of '{key}'": entry for key, entry in recordings.items()})
    with atomic_write(mark) as file:
        file.write(f"{heard}\n")

    def resynthesize(codec: AbsIdentified, waveforms: Tensor, lengths: Tensor) -> list[dict[str, np.ndarray]]:
        decoded = codec.resynthesize(waveforms, lengths, num_codebooks).cpu().numpy()
        return [{"wav": row[:length]} for row, length in zip(decoded, lengths.tolist())]

    def write(path: Path, signal: np.ndarray) -> None:
        # A resynthesis at the target's level may peak higher than the target did.
        write_audio(path, signal / max(1.0, float(np.abs(signal).max())), sample_rate)

    code_scp(
        codec_dir,
        scp,
        output_dir,
        shard,
        batch_size,
        device,
        {"wav": ("wav.scp", "wav", ".wav")},
        resynthesize,
        write,
        check_same_decoder,
    )


def code_scp(
    codec_dir: Path,
    scp: Path,
    output_dir: Path,
    shard: tuple[int, int] | None,
    batch_size: int,
    device: str,
    products: dict[str, tuple[str, str, str]],
    compute: Callable[[Any, Tensor, Tensor], list[dict[str, np.ndarray]]],
    write: Callable[[Path, np.ndarray], None],
    check: Check = check_same_codec,
) -> None:
    """Run ``compute`` over the files of ``scp`` and ``write`` one file a key and product, ``inputs.jsonl`` beside them.

    Args:
        products: name -> name of the scp that is written, folder and suffix of the files.
        compute: codec, waveforms (B, N), lengths (B,) -> arrays of B utterances, by name of the product.
    """
    folder = output_dir / str(shard[0]) if shard else output_dir
    paths = files_of(scp)
    check_file_names(paths, scp)
    # A file that is listed several times is coded once, under the first of its keys.
    first: dict[str, str] = {}
    for key, path in paths.items():
        first.setdefault(path, key)
    keys = take_shard(list(first.values()), shard)
    files = {
        name: {key: folder / place / f"{key}{suffix}" for key in keys}
        for name, (_, place, suffix) in products.items()
    }
    # Of an utterance that lacks a product, one that it lacks; of others any.
    lacking = {key: min((files[name][key] for name in products), key=is_there) for key in keys}
    todo = {key for key in keys if not is_there(lacking[key])}
    stamp(folder, codec_dir, check)
    begin_inputs(folder, {key: paths[key] for key in keys if key not in todo})
    logging.info(
        f"{scp}: {len(todo)} of {len(keys)} utterances to do, {len(keys) - len(todo)} are there already"
    )
    if todo:
        codec = load_codec(codec_dir, device)
        warn_of_unknown_codec_keys(codec_dir)
        started, done = time.perf_counter(), 0
        for batch in unfinished(length_batches(read_infos(keys, paths), batch_size), todo):
            rows = [torch.from_numpy(read_utterance(paths[key], key, codec.sample_rate)) for key in batch]
            lengths = torch.tensor([len(row) for row in rows], device=device)
            with torch.no_grad():
                outputs = compute(codec, pad_sequence(rows, batch_first=True).to(device), lengths)
            add_inputs(folder, {key: paths[key] for key in batch if not is_there(lacking[key])})
            for key, output in zip(batch, outputs):
                if is_there(lacking[key]):
                    continue
                for name in products:
                    write(files[name][key], output[name])
                done += 1
            remaining = (time.perf_counter() - started) / done * (len(todo) - done)
            if done == len(todo) or (done // batch_size) % 20 == 0:
                logging.info(f"{done}/{len(todo)} utterances, {remaining:.0f} s to go")
    for name, (list_name, _, _) in products.items():
        made = {key: files[name].get(first[path]) for key, path in paths.items()}
        write_scp(folder / list_name, {key: file for key, file in made.items() if file is not None})


def files_of(scp: Path) -> dict[str, str]:
    """Key -> audio entry of a list that is not empty, or of all that the rows of a TSE directory hold."""
    return audio_of(scp) if scp.is_dir() else read_filled_scp(scp)


def read_utterance(path: str, key: str, sample_rate: int) -> np.ndarray:
    """Samples at the codec's rate; faults name the key.

    Another rate is refused: codes of resampled audio have other frames than the audio that training reads.
    """
    try:
        signal, rate = read_audio(path)
    except DataError as error:
        raise DataError(f"key '{key}': {error}") from error
    if rate != sample_rate:
        raise DataError(
            f"key '{key}': {path} is at {rate} Hz but the codec works at {sample_rate} Hz; "
            f"run stage 2 (format_data --sample_rate {sample_rate}), and encode its output."
        )
    return signal


def stamp(folder: Path, codec_dir: Path, check: Check = check_same_codec) -> None:
    """Put the codec's manifest beside what is made with it.

    Raises:
        DataError: the folder holds the manifest of another codec.
    """
    manifest = read_manifest(codec_dir)
    if (folder / "manifest.json").is_file():
        check(read_manifest(folder), manifest)
    manifest.pop("path")
    write_json(folder / "manifest.json", manifest)


def merge(
    codec_dir: Path,
    scp: Path,
    output_dir: Path,
    num_shards: int,
    names: Sequence[str],
    check: Check = check_same_codec,
) -> None:
    """Join the shards' lists ``names`` and check that no key of ``scp`` is missing.

    Raises:
        DataError: a shard is missing or of another codec, or keys were not produced.
    """
    refuse_input_lists(output_dir, None, names, [scp])
    manifest = read_manifest(codec_dir)
    merged: dict[str, dict[str, str]] = {name: {} for name in names}
    for part in range(1, num_shards + 1):
        folder = output_dir / str(part)
        check(read_manifest(folder), manifest)
        for name in names:
            merged[name] |= read_scp(folder / name)
    wanted = files_of(scp)
    for name in names:
        missing = [key for key in wanted if key not in merged[name]]
        if missing:
            raise DataError(
                f"{output_dir}: lacks {len(missing)} of {len(wanted)} keys of {scp}, first '{missing[0]}'; "
                "run the shards again, they go on where they stopped."
            )
    stamp(output_dir, codec_dir, check)
    for name in names:
        write_scp(output_dir / name, {key: merged[name][key] for key in wanted})
        logging.info(f"{output_dir / name}: {len(wanted)} utterances")


def lists_of(codec_dir: Path) -> list[str]:
    """The lists that tokenization by this tokenizer writes."""
    return [f"{name}.scp" for name in streams_in(read_manifest(codec_dir))]

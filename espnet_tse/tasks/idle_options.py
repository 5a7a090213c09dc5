"""Options of ESPnet's parser that nothing here reads: its YAMLs carry them, so they are reported, not refused."""

import argparse
from typing import Any

# Each set, what serves instead.
IDLE = {
    "--batch_size and --max_batch_s make the batches": (
        "batch_type valid_batch_type batch_bins valid_batch_bins valid_batch_size max_batch_size min_batch_size "
        "fold_length sort_in_batch sort_batch shuffle_within_batch drop_last_iter train_shape_file valid_shape_file "
        "category_sample_size upsampling_factor category_upsampling_factor dataset_upsampling_factor "
        "dataset_scaling_factor"
    ),
    "--crop_s and --enrollment_s cut the examples": (
        "iterator_type valid_iterator_type chunk_length chunk_shift_ratio num_cache_chunks "
        "chunk_excluded_key_prefixes chunk_default_fs chunk_max_abs_length chunk_discard_short_samples"
    ),
    "--train_data_dir and --valid_data_dir name the data, --cache_audio keeps them in memory": (
        "train_data_path_and_name_and_type valid_data_path_and_name_and_type multi_task_dataset "
        "allow_variable_data_keys max_cache_size max_cache_fd allow_multi_rates valid_max_cache_size "
        "write_collected_feats"
    ),
    "--parallel says how processes share the work": (
        "unused_parameters gradient_as_bucket_view deepspeed_config"
    ),
    "there are no adapters": "adapter adapter_conf save_strategy",
}
INSTEAD = {name: reason for reason, names in IDLE.items() for name in names.split()}


def idle_options(args: argparse.Namespace, parser: argparse.ArgumentParser) -> list[str]:
    """Options without effect that were given another value than their default.

    Args:
        parser: knows the defaults.
    """
    given = vars(args)
    return [name for name in INSTEAD if _plain(given.get(name)) != _plain(parser.get_default(name))]


def remark_on(names: list[str], where: str) -> str:
    """One line that names them, and by group what serves instead."""
    by_reason: dict[str, list[str]] = {}
    for name in names:
        by_reason.setdefault(INSTEAD[name], []).append(name)
    groups = "; ".join(f"{', '.join(found)} ({reason})" for reason, found in by_reason.items())
    return f"{where}: options of ESPnet that have no effect here: {groups}"


def _plain(value: Any) -> Any:
    """A YAML has numbers and lists where the parser has words and tuples, or the other way round."""
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else str(value)

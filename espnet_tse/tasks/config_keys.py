"""Top-level keys of the ``config.yaml`` of a trained system or codec: those that nobody reads are told."""

import functools
import logging
from dataclasses import fields
from pathlib import Path
from typing import Any, Mapping

from espnet_tse.codec.load import read_codec_config
from espnet_tse.io.nearest_name import nearest_name
from espnet_tse.tasks.choices import all_options
from espnet_tse.tasks.inputs import MOVED
from espnet_tse.train.codec_train_conf import CodecTrainConf

# Options of training, ESPnet's and ours: the parser itself takes seconds to load, which extraction does not want. A test
# compares them.
OF_TRAINING = frozenset("""
    accum_grad activation_checkpointing adapter adapter_conf allow_multi_rates allow_variable_data_keys
    batch_bins batch_size batch_type best_model_criterion cache_audio category_sample_size
    category_upsampling_factor checkpoint_interval chunk_default_fs chunk_discard_short_samples
    chunk_excluded_key_prefixes chunk_length chunk_max_abs_length chunk_shift_ratio collect_stats
    compile_backend config create_graph_in_tensorboard crop_s cudnn_benchmark cudnn_deterministic
    cudnn_enabled dataset_scaling_factor dataset_upsampling_factor ddp_comm_hook deepspeed_config
    detect_anomaly dist_backend dist_init_method dist_launcher dist_master_addr dist_master_port dist_rank
    dist_world_size drop_last_iter dry_run early_stopping_criterion ema_decay enrollment_s
    exclude_weight_decay exclude_weight_decay_conf fold_length freeze_param front_end_lr grad_clip
    grad_clip_type grad_noise gradient_as_bucket_view ignore_init_mismatch init_param iterator_type
    keep_nbest_models local_rank log_interval log_level max_batch_s max_batch_size max_cache_fd
    max_cache_size max_epoch max_piece_s max_skipped_updates min_batch_size mixing multi_task_dataset
    multiple_iterator multiprocessing_distributed nbest_averaging_interval ngpu no_forward_run
    num_att_plot num_cache_chunks num_iters_per_epoch num_workers optim optim_conf output_dir parallel
    patience preferences pretrain_path pretrained print_config resume save_strategy scheduler scheduler_conf seed
    sharded_ddp shuffle_within_batch sort_batch sort_in_batch stored_passes tokenizers train_data_dir
    train_data_path_and_name_and_type train_dtype train_embeddings train_shape_file train_tokens
    unused_parameters upsampling_factor use_adapter use_amp use_deepspeed use_matplotlib use_tensorboard
    use_tf32 use_wandb val_scheduler_criterion valid_batch_bins valid_batch_size valid_batch_type
    valid_data_dir valid_data_path_and_name_and_type valid_embeddings valid_iterator_type
    valid_max_cache_size valid_shape_file valid_tokens wandb_entity wandb_id wandb_model_log_interval
    wandb_name wandb_project write_collected_feats
""".split())
WRITTEN = frozenset({"required", "version", "distributed"})  # by ESPnet, beside the options


def known_keys() -> set[str]:
    """Of today and of earlier releases, whose systems still open: no option has gone but those of ``MOVED``."""
    parts = {key for option in all_options() for key in (option, f"{option}_conf")}
    return parts | OF_TRAINING | WRITTEN | set(MOVED)


def warn_of_unknown_codec_keys(folder: Path | str) -> None:
    """As ``warn_of_unknown_keys``, of a codec folder, whose keys are those of its training.

    Raises:
        DataError: its config.yaml cannot be read.
    """
    path = Path(folder) / "config.yaml"
    warn_of_unknown_keys(path, read_codec_config(path), {field.name for field in fields(CodecTrainConf)})


def warn_of_unknown_keys(path: Path, config: Mapping[str, Any], known: set[str] | None = None) -> None:
    """One warning a file of all keys that have no effect, each with the nearest one that has.

    Args:
        known: keys that have one; None: those of a system.
    """
    known = known_keys() if known is None else known
    faults = []
    for key in config:
        if key not in known:
            near = nearest_name(str(key), known)
            faults.append(f"'{key}'" + (f" (did you mean '{near}'?)" if near else ""))
    if faults:
        _warn(f"{path}: nothing reads {', '.join(faults)}; fix the name, or remove the line.")


@functools.lru_cache(maxsize=64)
def _warn(message: str) -> None:
    """Once, however often the file is opened."""
    logging.warning(message)

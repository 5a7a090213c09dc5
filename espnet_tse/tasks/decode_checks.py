"""Whether decoding settings and a system go together, from their configurations alone."""

import argparse

from espnet_tse.schema import DecodeConf
from espnet_tse.tasks.choices import lm_choices, model_choices, slots_of, vocoder_choices


def faults_of_decoding(conf: DecodeConf, args: argparse.Namespace) -> list[str]:
    """Settings with which ``extract`` would end, each with its mend.

    Args:
        args: the options of a system, whose parts have been checked.
    """
    faults = []
    if conf.front_end_settings and not model_choices.classes[args.model].has_front_end:
        faults.append(
            f"{', '.join(conf.front_end_settings)} is for systems with a front-end (model: usef_laura_tse), "
            f"this is {args.model}; leave it out"
        )
    if "lm" not in slots_of(args.model):
        return faults
    output_enrollment = lm_choices.config(args.lm, args.lm_conf).output_enrollment
    wanted = "lm_conf: {output_enrollment: true}"
    if conf.give_enrollment and not output_enrollment:
        faults.append(f"give_enrollment is for models trained with {wanted}; leave it out")
    if not conf.autoregressive and output_enrollment:
        faults.append(f"autoregressive: false is not for models with {wanted}; leave it out")
    synthesis = getattr(vocoder_choices.config(args.vocoder, args.vocoder_conf), "synthesis", "decode")
    if synthesis == "filter" and conf.length_mode != "exact":
        mode = f"length_mode: {conf.length_mode}"
        faults.append(f"{mode} is not for vocoder_conf: {{synthesis: filter}}; set it to exact")
    return faults


def remarks_on_decoding(conf: DecodeConf, args: argparse.Namespace) -> list[str]:
    """As ``AbsTSEModel.remarks``, of a system that is not built."""
    return model_choices.classes[args.model].remarks(conf, model_choices.config(args.model, args.model_conf))

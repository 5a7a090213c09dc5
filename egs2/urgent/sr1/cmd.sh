#!/usr/bin/env bash
# Sourced: which backend runs the jobs. Choose by the variable cmd_backend, here or in the environment:
#   local   this machine (run.pl)
#   slurm   SLURM (slurm.pl), options mapped by slurm.conf
#   sge     Grid Engine (queue.pl), queue.conf
#   pbs     PBS Pro or Torque (queue.pl), pbs.conf
# The .conf files are egs2/<name> of your site (not tracked, for all recipes of the clone) where there is one, else
# conf/<name>.
# train_cmd runs data and feature jobs, cuda_cmd training, decode_cmd decoding and scoring. Options may follow
# the name: --mem 4G --time 1:00:00 --max-jobs-run 10 --queue long. Of SLURM --mem is that of a processor.

cmd_backend="${cmd_backend:-local}"

site_file() { if [ -e "../../$1" ]; then echo "--config ../../$1"; fi; }  # site_file NAME

case "${cmd_backend}" in
    local)
        export train_cmd="run.pl"
        export cuda_cmd="run.pl"
        export decode_cmd="run.pl"
        ;;
    slurm)
        site_config=$(site_file slurm.conf)
        export train_cmd="slurm.pl ${site_config}"
        export cuda_cmd="slurm.pl --mem 8G ${site_config}"
        export decode_cmd="slurm.pl ${site_config}"
        ;;
    sge)
        site_config=$(site_file queue.conf)
        export train_cmd="queue.pl ${site_config}"
        export cuda_cmd="queue.pl ${site_config}"
        export decode_cmd="queue.pl ${site_config}"
        ;;
    pbs)
        site_config=$(site_file pbs.conf)
        site_config=${site_config:---config conf/pbs.conf}
        export train_cmd="queue.pl ${site_config}"
        export cuda_cmd="queue.pl ${site_config}"
        export decode_cmd="queue.pl ${site_config}"
        ;;
    *)
        echo "cmd.sh: no backend '${cmd_backend}'; take local, slurm, sge or pbs" >&2
        return 1
        ;;
esac

#!/usr/bin/env bash
# Sourced: which backend runs the jobs. Choose by the variable cmd_backend, here or in the environment:
#   local   this machine (run.pl)
#   slurm   SLURM (slurm.pl), options mapped by slurm.conf
#   sge     Grid Engine (queue.pl), queue.conf
#   pbs     PBS Pro or Torque (queue.pl), pbs.conf
# The .conf files are egs2/<name> of your site (not tracked, for all recipes of the clone) where there is one, else
# conf/<name>.
# train_cmd runs data and feature jobs, cuda_cmd training, decode_cmd decoding and scoring. Options may follow
# the name: --mem 4G --time 1:00:00 --max-jobs-run 10 --queue long.

cmd_backend="${cmd_backend:-local}"

job_options() { if [ -e "../../$1" ]; then options=../../$1; else options=conf/$1; fi; }  # job_options NAME

case "${cmd_backend}" in
    local)
        export train_cmd="run.pl"
        export cuda_cmd="run.pl"
        export decode_cmd="run.pl"
        ;;
    slurm)
        job_options slurm.conf
        export train_cmd="slurm.pl --config ${options}"
        export cuda_cmd="slurm.pl --config ${options}"
        export decode_cmd="slurm.pl --config ${options}"
        ;;
    sge)
        job_options queue.conf
        export train_cmd="queue.pl --config ${options}"
        export cuda_cmd="queue.pl --config ${options}"
        export decode_cmd="queue.pl --config ${options}"
        ;;
    pbs)
        job_options pbs.conf
        export train_cmd="queue.pl --config ${options}"
        export cuda_cmd="queue.pl --config ${options}"
        export decode_cmd="queue.pl --config ${options}"
        ;;
    *)
        echo "cmd.sh: no backend '${cmd_backend}'; take local, slurm, sge or pbs" >&2
        return 1
        ;;
esac

#!/usr/bin/env bash
# Sourced: which backend runs the jobs. Choose by the variable cmd_backend, here or in the environment:
#   local   this machine (run.pl)
#   slurm   SLURM (slurm.pl), options mapped by conf/slurm.conf
#   sge     Grid Engine (queue.pl), conf/queue.conf
#   pbs     PBS Pro or Torque (queue.pl), conf/pbs.conf
# train_cmd runs data and feature jobs, cuda_cmd training, decode_cmd decoding and scoring. Options may follow
# the name: --mem 4G --time 1:00:00 --max-jobs-run 10 --queue long.

cmd_backend="${cmd_backend:-local}"

case "${cmd_backend}" in
    local)
        export train_cmd="run.pl"
        export cuda_cmd="run.pl"
        export decode_cmd="run.pl"
        ;;
    slurm)
        export train_cmd="slurm.pl"
        export cuda_cmd="slurm.pl"
        export decode_cmd="slurm.pl"
        ;;
    sge)
        export train_cmd="queue.pl"
        export cuda_cmd="queue.pl"
        export decode_cmd="queue.pl"
        ;;
    pbs)
        export train_cmd="queue.pl --config conf/pbs.conf"
        export cuda_cmd="queue.pl --config conf/pbs.conf"
        export decode_cmd="queue.pl --config conf/pbs.conf"
        ;;
    *)
        echo "cmd.sh: no backend '${cmd_backend}'; take local, slurm, sge or pbs" >&2
        return 1
        ;;
esac

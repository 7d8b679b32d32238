#!/usr/bin/env bash
# Trains on all hosts of a Cloud TPU VM. Run it on your own machine, in the
# folder of the repository, with gcloud signed in:
#
#   TPU_NAME=my-tpu ZONE=us-central2-b deploy/tpu_vm.sh setup
#   TPU_NAME=my-tpu ZONE=us-central2-b deploy/tpu_vm.sh train \
#       --config=configs/folder.py:IMAGES --workdir=gs://my-bucket/runs/mine
#
# What to change: TPU_NAME and ZONE, which are those of your TPU, and what
# follows `train`, which are the arguments of main.py. The data must be under
# the same path on every host. The workdir may be in a bucket, on storage that
# all hosts share, or on the disk of worker 0, which is the one that writes it.
#
# The same command runs on every host (--worker=all), and JAX finds the other
# hosts by itself: no address is given. A host whose process ends with exit
# status 75 starts it again, so that all hosts start again together after one of
# them was lost. If the connection breaks, or you press Ctrl-C, the run is saved
# and left; the same `train` command continues it from its last checkpoint. So
# it does on a TPU that was created anew, after `setup`, if the workdir is where
# it outlives a TPU.
set -euo pipefail

: "${TPU_NAME:?give the name of the TPU by TPU_NAME=...}"
: "${ZONE:?give the zone of the TPU by ZONE=...}"
folder=${FOLDER:-fsr_jax}

on_all_hosts() {
  # gcloud needs the key in an agent to reach several hosts at a time:
  # ssh-add ~/.ssh/google_compute_engine
  gcloud compute tpus tpu-vm ssh "$TPU_NAME" --zone="$ZONE" --worker=all \
    --command="$1"
}

case ${1:-} in
  setup)
    on_all_hosts "mkdir -p '$folder'"
    gcloud compute tpus tpu-vm scp --recurse --worker=all --zone="$ZONE" \
      main.py setup.py pyproject.toml requirements.txt README.md LICENSE \
      fsr_jax configs deploy "$TPU_NAME:$folder/"
    on_all_hosts \
      "cd '$folder' && pip install -r requirements.txt 'jax[tpu]' gcsfs"
    ;;
  train)
    shift
    arguments=$(printf ' %q' "$@")
    on_all_hosts \
      "cd '$folder' && bash deploy/until_done.sh python3 main.py$arguments"
    ;;
  *)
    echo "usage: TPU_NAME=... ZONE=... $0 setup | train ARGUMENTS" >&2
    exit 1
    ;;
esac

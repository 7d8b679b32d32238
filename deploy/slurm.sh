#!/usr/bin/env bash
# Trains on several nodes of a Slurm cluster:
#
#   sbatch deploy/slurm.sh --config=configs/folder.py:IMAGES --workdir=runs/mine
#
# What to change: the nodes, GPUs, cores and time below, the environment that is
# activated, and the arguments of main.py, which follow the script's name. Data
# and workdir are on a file system that all nodes share.
#
# Slurm starts one process a node (--ntasks-per-node=1), which takes all GPUs of
# the node, and JAX finds the other processes by Slurm's variables: no address
# is given. Five minutes before the time limit every process gets SIGTERM
# (--signal; without B: it goes to the processes and not to this script). They
# save together and end with exit status 75, on which this script puts the job
# back into the queue: it starts again with the same command and continues from
# the last checkpoint. So it does after a lost node or a preemption (--requeue).
# Exit status 0 ends the job as done, 1 (wrong input) as failed.
#SBATCH --job-name=fsr_jax
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -u

# source /path/to/venv/bin/activate

# Preempted jobs get SIGTERM here too; it must not end this script before the
# processes, which get their own, have saved.
trap : TERM
# One process that ends must not take the others with it: they save first.
srun --kill-on-bad-exit=0 python main.py "$@"
status=$?

most=${MOST_RESTARTS:-100}
if [[ $status -eq 75 && ${SLURM_RESTART_COUNT:-0} -lt $most ]]; then
  scontrol requeue "$SLURM_JOB_ID" && exit 0
fi
exit "$status"

#!/bin/bash
# One training over four machines, two ranks on each (one for every socket): sbatch slurm-mpi.sh
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=16
#SBATCH --time=12:00:00
# Two minutes before the time is over every rank gets SIGTERM: all stop after the same step, and the first writes the checkpoint.
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
# The way by which srun tells processes of each other; `srun --mpi=list` shows what there is.
export SLURM_MPI_TYPE="${SLURM_MPI_TYPE:-pmix}"
# Of the run folder only the first rank knows; the data must be there for all. A signal to the run comes twice, as --signal and from srun.
srun --cpu-bind=sockets kd2m distill --config "${CONFIG:-photos.toml}" --out "$SCRATCH/photos" --data-root "$DATA" \
    --threads "$SLURM_CPUS_PER_TASK" --resume --quiet
code=$?
# Out of time, or preempted: the same job again, on as many machines as there are then.
if [ "$code" -eq 143 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$code"

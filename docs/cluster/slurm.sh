#!/bin/bash
# A grid in eight parts on a shared file system: sbatch slurm.sh
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --time=12:00:00
# Two minutes before the time is over, and when a job makes room for another, every part gets SIGTERM: it writes its checkpoints and ends
# with exit code 143 (by srun's, 143 or 15). Queued again, it goes on within the epoch.
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
srun kd2m bench grid.toml --out "$SCRATCH/grid" --data-root "$DATA" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
code=$?
# Out of time, or preempted: the same job again.
if [ "$code" -eq 143 ]; then scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"; fi
exit "$code"

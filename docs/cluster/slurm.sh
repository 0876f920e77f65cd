#!/bin/bash
# A grid in eight parts on a shared file system: sbatch slurm.sh
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --time=12:00:00
#SBATCH --requeue
srun kd2m bench grid.toml --out "$SCRATCH/grid" --data-root "$DATA" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"

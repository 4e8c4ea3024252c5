"""What people start: the `altiplano` command, spark-submit and sbatch entries, configs."""

"""From a job to a result: preparation, resolution levels, evaluations, checkpoints."""

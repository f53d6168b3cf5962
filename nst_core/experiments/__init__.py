"""Many jobs: sweeps, grids, the study, and the store of finished cells."""

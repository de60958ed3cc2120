"""Who runs programs: loops and tiles of patients, blocks on cores and devices, grids by a pilot."""

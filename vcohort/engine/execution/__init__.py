"""Who runs the steps: grids chosen by a pilot, blocks of patients on cores and devices."""

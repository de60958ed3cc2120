"""What cohorts are analysed by: one method per file, each returning a dataset."""

"""What cohorts are analysed by: one method a file, each returning a dataset."""

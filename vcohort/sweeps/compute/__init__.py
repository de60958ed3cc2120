"""From a chunk of cells to what is kept of its patients."""

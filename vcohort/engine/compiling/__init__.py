"""How programs are traced, cut into tiles, compiled and kept. Knows nothing of patients."""

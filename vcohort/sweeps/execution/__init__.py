"""Who computes the chunks: this process, or the workers of a cluster."""

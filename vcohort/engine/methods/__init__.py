"""What is made of the steps: outcomes drawn by each method, paths, probabilities."""

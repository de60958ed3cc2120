"""Benchmarks: speed, memory, peers. Run by ``make bench``; raw numbers go to bench/results."""

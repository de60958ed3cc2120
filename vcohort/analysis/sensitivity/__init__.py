"""How outputs change with parameters: locally, over a population, on a map."""

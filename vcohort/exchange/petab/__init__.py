"""PEtab, versions 1 and 2: fits as other programs pose them; what is written, and what is read."""

"""From a fit as it is posed here to the tables of PEtab."""

"""SBML of others: read with distrust, and taken for a model of this family only where it is one."""

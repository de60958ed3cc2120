"""What can be measured of a patient, and tables of what was measured."""

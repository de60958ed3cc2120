"""Trials that are planned: what so many patients would show, were they of virtual cohorts."""

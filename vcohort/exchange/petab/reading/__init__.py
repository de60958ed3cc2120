"""From the files of a problem, read with distrust, to a fit as it is posed here."""

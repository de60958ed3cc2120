"""Arms compared: what one does that another does not, and how sure that is."""

"""One step of one patient: T cells, tumour, cure integral; and the days on which steps end."""

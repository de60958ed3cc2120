"""How CAR T cells kill tumour cells: one law a file."""

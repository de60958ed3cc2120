"""How the tumour grows by itself: one law a file."""

"""Tables as users have them: files, data frames, columns; names, labels, days and cells in them."""

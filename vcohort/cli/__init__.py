"""The command line: commands, flags, study files, their notation, the report and the demo."""

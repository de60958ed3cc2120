"""The command line: commands, flags, the report and the demo."""

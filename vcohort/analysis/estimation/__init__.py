"""What measurements say of parameters: fits, profiles, model selection, posteriors."""

"""The formulas of laws as machines read them: parsed, checked, evaluated, written elsewhere."""

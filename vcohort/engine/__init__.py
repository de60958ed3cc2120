"""The engine: arrays in, arrays out. It knows no files, no xarray and no clinic.

``integrator`` takes one step of one patient; ``methods`` say what is made of the steps; ``chance``
draws what they leave to chance; ``execution`` runs patients, any number of them.
"""

from vcohort.engine.compiling.program_cache import keep_compiled_programs

keep_compiled_programs()

"""The engine: arrays in, arrays out. It knows no files, no xarray and no clinic.

``integrator`` takes one step of one patient; ``methods`` say what the tumour does in it; ``chance``
draws what is left to chance; ``programs`` go from day 0 to the horizon. ``execution`` runs programs
for patients, any number of them; ``closed_forms`` tell what follows from their paths.
"""

from vcohort.engine.compiling.program_cache import keep_compiled_programs
from vcohort.models import pytrees as pytrees

keep_compiled_programs()

"""GillesPy2's compiled stochastic simulation (SSACSolver), built once, run for all trajectories."""

import os
import sysconfig

import gillespy2


def prepare(cells, birth, death, days):
    """Return a call ``run(count)``: the share of trajectories that die out."""
    model = gillespy2.Model("birth and death")
    tumour = gillespy2.Species("B", initial_value=cells)
    grow = gillespy2.Parameter("grow", expression=birth)
    kill = gillespy2.Parameter("kill", expression=death)
    model.add_species([tumour])
    model.add_parameter([grow, kill])
    model.add_reaction([
        gillespy2.Reaction("birth", {tumour: 1}, {tumour: 2}, rate=grow),
        gillespy2.Reaction("death", {tumour: 1}, {}, rate=kill),
    ])  # fmt: skip
    model.timespan(gillespy2.TimeSpan([0.0, days]))
    # It builds with SCons, in a Python that does not know this environment.
    os.environ["PYTHONPATH"] = sysconfig.get_path("purelib")
    solver = gillespy2.SSACSolver(model)

    def run(count):
        found = solver.run(number_of_trajectories=count, seed=1)
        return sum(one["B"][-1] == 0 for one in found) / count

    return run

"""The course of a model as SED-ML, which simulators of SBML run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vcohort.extras import extra

LEVEL, VERSION = 1, 4

_SBML = "http://www.sbml.org/sbml/level3/version2/core"
_LANGUAGE = "urn:sedml:language:sbml.level-3.version-2"
_TIME = "urn:sedml:symbol:time"

# Any integrator for stiff equations: CVODE.
_ALGORITHM = "KISAO:0000019"


def course(model: str, horizon: float, species: Iterable[str], steps: int = 1000) -> str:
    """Return SED-ML that runs the SBML file ``model`` to the horizon in days, by equal steps."""
    library = extra("libsedml", "omex")
    document = library.SedDocument(LEVEL, VERSION)
    document.getSedNamespaces().addNamespace(_SBML, "sbml")
    described = document.createModel()
    described.setId("patient")
    described.setSource(model)
    described.setLanguage(_LANGUAGE)
    _time_course(document, horizon, steps)
    task = document.createTask()
    task.setId("task")
    task.setModelReference("patient")
    task.setSimulationReference("course")
    report = document.createReport()
    report.setId("cells")
    _column(library, document, report, "time", symbol=_TIME)
    for name in species:
        place = f"/sbml:sbml/sbml:model/sbml:listOfSpecies/sbml:species[@id='{name}']"
        _column(library, document, report, name, target=place)
    return library.writeSedMLToString(document)


def _time_course(document: Any, horizon: float, steps: int) -> None:
    simulation = document.createUniformTimeCourse()
    simulation.setId("course")
    simulation.setInitialTime(0.0)
    simulation.setOutputStartTime(0.0)
    simulation.setOutputEndTime(horizon)
    simulation.setNumberOfSteps(steps)
    simulation.createAlgorithm().setKisaoID(_ALGORITHM)


def _column(library: Any, document: Any, report: Any, name: str, **where: str) -> None:
    """Add a column to the report: time, or a species."""
    generator = document.createDataGenerator()
    generator.setId(f"of_{name}")
    variable = generator.createVariable()
    variable.setId(f"the_{name}")
    variable.setTaskReference("task")
    if "symbol" in where:
        variable.setSymbol(where["symbol"])
    else:
        variable.setTarget(where["target"])
    generator.setMath(library.parseFormula(f"the_{name}"))
    column = report.createDataSet()
    column.setId(f"column_{name}")
    column.setLabel(name)
    column.setDataReference(f"of_{name}")

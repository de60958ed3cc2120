"""What each picture of a page shows, in a sentence that is read beside it."""

from __future__ import annotations

CAPTIONS = {
    "progression_free_survival": "Progression-free survival: the share of patients who are free of "
    "progression, day by day (Kaplan-Meier), with its 95 % band. Cured patients stay free.",
    "cumulative_incidence": "Cumulative incidence of cure and of progression, as competing risks "
    "(Aalen-Johansen).",
    "event_times": "Days of cure and of progression.",
    "car_t_kinetics": "CAR T cells per microlitre of blood over time.",
    "trajectories": "Normal T cells, CAR T cells and tumour of single patients over time.",
    "tumour_responses": "Tumour responses, as shares of the patients.",
    "waterfall": "The best change of each tumour's volume, from the worst patient to the best.",
    "spider": "The change of each tumour's volume over time, up to progression.",
    "swimmer": "Time on study of single patients: responses, treatments, cure and progression.",
    "exposure_response": "The share of patients cured by their peak of CAR T cells, in groups of "
    "equal size, with a logistic regression.",
    "cure_map": "The probability of cure over two swept parameters; contours are a tenth apart.",
    "dose_response": "The share of patients cured by the dose of CAR T cells.",
    "tornado": "How far each parameter moves an output.",
    "heatmap": "The share of patients cured over the swept parameters.",
    "lines": "The share of patients cured along a swept parameter.",
    "fitted_curves": "Data, and the fitted course of each observable.",
    "fit_starts": "Where the starts of the search ended: how often the best loss was found again.",
    "random_effects": "How patients differ from the typical one: the estimated random effects "
    "against each other, and their distribution beside that of the population.",
    "convergence": "The way of the estimates, turn by turn: the best start, the others, the end.",
    "goodness_of_fit": "What was measured against what is predicted, and residuals: over days, and "
    "over predictions. Dashed lines hold 95 % of the residuals of the right population.",
    "predictive_check": "Visual predictive check: quantiles of what was measured (lines), and "
    "where 90 % of replicated trials have them (bands).",
    "survival_check": "Progression-free survival of the trial (Kaplan-Meier), and where 90 % of "
    "replicated trials of the same patients, doses and follow-up have theirs (band).",
    "profiles": "Profile likelihoods: how much worse the fit becomes where a parameter is held.",
    "model_weights": "Akaike weights of the models: how strongly the data favour each.",
    "posterior": "Draws from the posterior of each parameter.",
    "sensitivity_ranking": "How strongly the states depend on each parameter.",
    "sensitivity_correlation": "Correlations of the parameters' estimates.",
    "global_sensitivity": "Shares of the outputs' variance, or mean effects, by parameter.",
    "sensitivity_map": "The mean probability of cure over two parameters, with its slopes.",
    "calibration": "The trial's survival, and that of the population before and after.",
    "targets": "The trial's numbers, and those of the calibrated population.",
    "regimen_map": "The objective over the fields of the treatment.",
    "forest": "Differences to the reference arm, with the intervals of so many virtual patients.",
}


def caption_of(name: str) -> str:
    """Return the caption of a picture of :mod:`vcohort.plots`, by its name."""
    return CAPTIONS.get(name, f"{name.replace('_', ' ').capitalize()}.")

"""Published numbers that no file of the package holds, each with where it stands.

Shares are of 1000 simulated patients each. They are results printed in, or drawn by, the notebooks
of the paper's open code (MathOnco/CARTecology), which hold the figures; no code is from there.
"""

from __future__ import annotations

import numpy as np

PATIENTS = 1000

# Figure 3c: free of progression at day 720, by the CAR T cells' capacity per ul.
CAPACITIES = tuple(range(100, 201, 10))
CURED_BY_CAPACITY = {
    "smallest": (0.0, 0.002, 0.059, 0.313, 0.730, 0.948, 0.987, 1.0, 1.0, 1.0, 1.0),
    "median": (0.0, 0.0, 0.006, 0.110, 0.476, 0.808, 0.975, 0.998, 0.998, 1.0, 1.0),
    "largest": (0.0, 0.0, 0.002, 0.055, 0.274, 0.708, 0.928, 0.985, 0.997, 1.0, 1.0),
}

# Figure 3d: free of progression at day 720, for 1 to 12 normal T cells per ul at the infusion.
CURED_BY_NORMAL = {
    "smallest": (1, 0.996, 0.991, 0.954, 0.851, 0.688, 0.497, 0.346, 0.194, 0.119, 0.045, 0.025),
    "median": (0.998, 0.976, 0.920, 0.787, 0.624, 0.426, 0.259, 0.125, 0.076, 0.035, 0.014, 0.009),
    "largest": (0.985, 0.930, 0.820, 0.617, 0.443, 0.271, 0.134, 0.073, 0.028, 0.009, 0.005, 0.002),
}

# The same notebook: free of progression at day 720, by the tumour's growth rate (row: smallest,
# lower quartile, median, upper quartile, largest tumour of the trial).
GROWTH_RATES = (0.04, 0.065, 0.09, 0.115, 0.14)
CURED_BY_GROWTH = np.array([
    [0.814, 0.703, 0.616, 0.470, 0.361],
    [0.689, 0.546, 0.428, 0.310, 0.202],
    [0.599, 0.403, 0.290, 0.219, 0.152],
    [0.566, 0.332, 0.223, 0.151, 0.107],
    [0.577, 0.274, 0.164, 0.095, 0.070],
])  # fmt: skip

# The same notebook: share cured by the size of the tumour in ml, 22 tumours of the trial.
CURED_BY_SIZE = {
    4.24: 0.663, 9.21: 0.608, 23.84: 0.524, 37.33: 0.51, 58.27: 0.472, 94.62: 0.403, 132.83: 0.392,
    162.2: 0.41, 169.56: 0.409, 170.31: 0.412, 182.51: 0.353, 210.34: 0.391, 225.13: 0.348,
    226.52: 0.377, 290.78: 0.339, 324.47: 0.325, 411.44: 0.32, 499.6: 0.295, 535.53: 0.287,
    536.3: 0.305, 619.2: 0.297, 659.4: 0.302,
}  # fmt: skip

# Figure 4: patients by day of cure, in tens of days from 30, and of progression, in twenties from
# 200. Their run is that of the largest of the five tumours above: 277 of 1000 are cured.
CURES = (30.0, 10.0, (15, 74, 88, 51, 24, 14, 5, 4, 1, 1))
PROGRESSIONS = (
    200.0, 20.0,
    (1, 1, 2, 5, 7, 24, 32, 52, 67, 73, 77, 95, 74, 69, 67, 40, 21, 9, 4, 2, 1),
)  # fmt: skip

# The threshold: p of Kolmogorov and Smirnov's test of the times at 10 to 90 and 100 to 1000 cells
# against those at 100 (quartiles), and the coefficient of variation of the mean times.
THRESHOLD_P = {"cure": (0.34, 0.46, 0.61), "progression": (0.36, 0.55, 0.70)}
THRESHOLD_VARIATION = {"cure": 0.036, "progression": 0.018}

# Table 1, quartile column: its low and its high end, in cells and days.
QUARTILE_COLUMN = {
    "r_N": (0.165, 0.170), "rho_C": (0.0208, 0.0354), "K_C": (6.15e10, 9.65e10), "a": (0.1, 0.302),
    "b": (0.467, 0.522), "gamma_B": (0.64, 1.35), "k_B": (1.40e9, 3.125e9),
}  # fmt: skip

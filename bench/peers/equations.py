"""The model's equations of one patient, for peers that are given a function to solve."""

TOLERANCES = (1e-3, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
"""rtol of adaptive steps (atol is a tenth of it), coarsest first."""


def slopes(exp, log):
    """Return the equations, written in a program's own ``exp`` and ``log``."""

    def of(x, y, r_N, rho_C, K_N, K_C, a, b, r_B, gamma_B, k_B):
        """Return the slopes of x = ln N, y = ln C and ln B, and the tumour's death rate."""
        normal, car = exp(x), exp(y)
        crowd, share = log(normal + car), (normal + car) / K_N
        gap = (share - 1.0) * (share - 1.0)
        growth = rho_C + b * gap / (a * share * share + gap)
        killing = gamma_B * car / (k_B + car)
        return -r_N * (crowd - log(K_N)), -growth * (crowd - log(K_C)), r_B - killing, killing

    return of

"""The model's equations of one patient, for peers that are given a function to solve."""


def slopes(exp, log):
    """Return the equations, written in a program's own ``exp`` and ``log``."""

    def of(x, y, r_N, rho_C, K_N, K_C, a, b, r_B, gamma_B, k_B):
        """Return the slopes of x = ln N and y = ln C, and the death rate of the tumour."""
        normal, car = exp(x), exp(y)
        crowd, share = log(normal + car), (normal + car) / K_N
        gap = (share - 1.0) * (share - 1.0)
        growth = rho_C + b * gap / (a * share * share + gap)
        return (
            -r_N * (crowd - log(K_N)),
            -growth * (crowd - log(K_C)),
            gamma_B * car / (k_B + car),
        )

    return of

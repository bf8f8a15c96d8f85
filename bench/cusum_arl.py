#!/usr/bin/env python3
"""Mean time to a false alarm of the CUSUM over a server's attempts (doc/detectors.md, slow).

Honest failures in a bin are beta-binomial: n attempts, a mean, a correlation between the attempts
of a bin. The level is a Markov chain in steps of half a failure; the time to the threshold from
nothing is the solution of a linear system (Brook and Evans 1972).
"""
import math

ATTEMPTS = 100  # slow.server_attempts
SLACK = 1.0  # TRACK_CUSUM_SLACK
HIGH = 12.0  # TRACK_CUSUM_HIGH
STEP = 0.5


def log_beta(a, b):
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def failures(mean, correlation):
    """The probability of each number of failures in a bin."""
    p, n = mean / ATTEMPTS, ATTEMPTS
    if correlation == 0:
        return [math.comb(n, x) * p**x * (1 - p) ** (n - x) for x in range(n + 1)]
    a, b = (q * (1 - correlation) / correlation for q in (p, 1 - p))
    return [
        math.comb(n, x) * math.exp(log_beta(x + a, n - x + b) - log_beta(a, b))
        for x in range(n + 1)
    ]


def solve(rows):
    """Gauss; each row ends with its right side."""
    n = len(rows)
    for i in range(n):
        for r in range(i + 1, n):
            factor = rows[r][i] / rows[i][i]
            if factor:
                rows[r] = [x - factor * y for x, y in zip(rows[r], rows[i])]
    out = [0.0] * n
    for i in reversed(range(n)):
        known = sum(rows[i][k] * out[k] for k in range(i + 1, n))
        out[i] = (rows[i][n] - known) / rows[i][i]
    return out


def bins_to_alarm(mean, correlation):
    chances = failures(mean, correlation)
    variance = sum(p * (x - mean) ** 2 for x, p in enumerate(chances))
    deviation = math.sqrt(max(variance, mean, 1))  # usual_deviation()
    states = round(HIGH * deviation / STEP)
    rows = []
    for level in range(states):
        row = [0.0] * states + [1.0]
        row[level] += 1
        for x, p in enumerate(chances):
            to = max(0, level + round((x - mean - SLACK * deviation) / STEP))
            if to < states:
                row[to] -= p
        rows.append(row)
    return solve(rows)[0]


def main():
    print("mean  correlation  bins to a false alarm")
    for mean in (1, 3, 10):
        for correlation in (0, 0.01, 0.03):
            print(f"{mean:4}  {correlation:11}  {bins_to_alarm(mean, correlation):.3g}")


if __name__ == "__main__":
    main()

"""How often do 00, 01, ... 99 occur in pi? The engines compute the digits and count.

mpiexec -n 5 mpirepl --targets 0 pi_digits.py [DIGITS]
"""

import decimal
import sys
import time

import mpirepl as ipp
import numpy as np

rc = ipp.Client()
view = rc[:]
count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000


@ipp.require("decimal")
def series(low, high, precision):
    """Sum the terms low ... high-1 of Chudnovsky's series as three integers P, Q and T."""
    context = decimal.getcontext()
    context.prec, context.Emax, context.Emin = precision, decimal.MAX_EMAX, decimal.MIN_EMIN

    def split(low, high):
        if high - low == 1:
            p = decimal.Decimal(-(6 * low - 5) * (2 * low - 1) * (6 * low - 1))
            return p, decimal.Decimal(10939058860032000 * low**3), p * (13591409 + 545140134 * low)
        middle = (low + high) // 2
        p, q, t = split(low, middle)
        p2, q2, t2 = split(middle, high)
        return p * p2, q * q2, t * q2 + p * t2

    return split(low, high)


def square_root(number, precision):
    """Take a root by Newton's method, which doubles the right digits with each step."""
    inverse, digits = decimal.Decimal(number**-0.5), 15
    while digits < precision:
        digits = min(2 * digits, precision)
        decimal.getcontext().prec = digits + 10
        inverse += inverse * (1 - number * inverse * inverse) / 2
    return number * inverse


def digits_of_pi(count):
    """Compute so many decimals; each engine sums a part of the series."""
    precision = count + 20
    terms = precision // 14 + 2
    bounds = np.linspace(1, terms, 4 * len(rc.ids) + 1).astype(int).tolist()
    balanced = rc.load_balanced_view()
    parts = balanced.map(series, bounds[:-1], bounds[1:], [precision] * (len(bounds) - 1)).get()
    decimal.getcontext().prec = precision
    decimal.getcontext().Emax = decimal.MAX_EMAX
    while len(parts) > 1:  # neighbours are joined, until one is left
        pairs = zip(parts[::2], parts[1::2], strict=False)
        joined = [(p * p2, q * q2, t * q2 + p * t2) for (p, q, t), (p2, q2, t2) in pairs]
        parts = joined + parts[len(parts) - len(parts) % 2 :]
    _, q, t = parts[0]
    pi = 426880 * square_root(10005, precision) * q / (13591409 * q + t)
    return str(pi)[2 : count + 2]


def two_digit_frequencies(digits):
    """Count the pairs of neighbours in an array of digits."""
    import numpy as np

    return np.bincount(10 * digits[:-1] + digits[1:], minlength=100)


start = time.time()
digits = digits_of_pi(count)
print(f"{count} digits in {time.time() - start:.1f} s, from {digits[:10]} to {digits[-10:]}")

array = np.frombuffer(digits.encode(), dtype="u1").astype(int) - ord("0")
alone = two_digit_frequencies(array)
# The parts overlap by a digit, so that no pair is lost between two of them.
bounds = np.linspace(0, count - 1, len(rc.ids) + 1).astype(int)
parts = [array[low : high + 1] for low, high in zip(bounds, bounds[1:], strict=False)]
frequencies = sum(view.map_sync(two_digit_frequencies, parts))
print("as one process counts:", bool((frequencies == alone).all()), "pairs:", frequencies.sum())

values = np.arange(100)
mean = (frequencies * values).sum() / frequencies.sum()
deviation = np.sqrt((frequencies * (values - mean) ** 2).sum() / frequencies.sum())
print(f"mean of the pairs {mean:.3f}, standard deviation {deviation:.3f}")
print(f"most often {frequencies.argmax():02}, most seldom {frequencies.argmin():02}")

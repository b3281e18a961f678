"""Losses of one number, literally, for an error e = ŷ − y.

squared: ½e²      absolute: |e|      Huber (1964): ½e² if |e| ≤ 1, else |e| − ½
"""


def squared(e):
    return 0.5 * e * e


def absolute(e):
    return e if e > 0 else -e


def huber(e):
    return 0.5 * e * e if absolute(e) <= 1 else absolute(e) - 0.5


def squared_slope(e):
    return e


def absolute_slope(e):
    return 1.0 if e > 0 else -1.0 if e < 0 else 0.0


def huber_slope(e):
    return e if absolute(e) <= 1 else absolute_slope(e)

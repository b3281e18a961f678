"""n-grams, literally (Dive into Deep Learning, section 9.3).

chain           p(x₁, x₂, x₃, …) = p(x₁) p(x₂ | x₁) p(x₃ | x₁, x₂) …        of a history the last words alone count
counts          p(x) = n(x)/n          p(x′ | x) = n(x, x′)/n(x)          so p(x, x′) = n(x)/n · n(x, x′)/n(x)
add k           p(w | h) = (n(h, w) + k) / (n(h) + kV)
interpolation   p(w | h) = (n(h, w) + λ t(h) p(w | h′)) / (n(h) + λ t(h))               (Witten and Bell 1991)
                p(w)     = (n(w) + λ t/V) / (n + λ t)

h′ is h without its first word; a history never seen says what the shorter one says.
t(h) is the number of different words that followed h, t that of the different words of the text.
n(h) counts how often a word follows h: it is n(x) but for the last word of the text, which nothing follows.
"""


def count(text, gram):
    """How often the words of `gram` stand next to each other in `text`."""
    found = 0
    for i in range(len(text) - len(gram) + 1):
        if list(text[i : i + len(gram)]) == list(gram):
            found += 1
    return found


def followed(text, history, V):
    """n(h): how often a word follows the history."""
    found = 0
    for w in range(V):
        found += count(text, [*history, w])
    return found


def kinds(text, history, V):
    """t(h): how many different words follow the history."""
    found = 0
    for w in range(V):
        if count(text, [*history, w]) > 0:
            found += 1
    return found


def unsmoothed(text, history, w, V):
    return count(text, [*history, w]) / followed(text, history, V)


def add_k(text, history, w, V, k):
    return (count(text, [*history, w]) + k) / (followed(text, history, V) + k * V)


def interpolated(text, history, w, V, strength):
    shorter = interpolated(text, history[1:], w, V, strength) if len(history) else 1 / V
    mass = strength * kinds(text, history, V)
    n = followed(text, history, V)
    return (count(text, [*history, w]) + mass * shorter) / (n + mass) if n else shorter

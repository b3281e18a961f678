"""n-grams, literally (Dive into Deep Learning, section 9.3).

chain           p(x₁, x₂, x₃, …) = p(x₁) p(x₂ | x₁) p(x₃ | x₁, x₂) …        of a history the last words alone count
counts          p(x) = n(x)/n          p(x′ | x) = n(x, x′)/n(x)          so p(x, x′) = n(x)/n · n(x, x′)/n(x)
add k           p(w | h) = (n(h, w) + k) / (n(h) + kV)
interpolation   p(w | h) = (n(h, w) + ε p(w | h′)) / (n(h) + ε)              h′ is h without its first word
                p(w)     = (n(w) + ε/V) / (n + ε)

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


def unsmoothed(text, history, w, V):
    return count(text, [*history, w]) / followed(text, history, V)


def add_k(text, history, w, V, k):
    return (count(text, [*history, w]) + k) / (followed(text, history, V) + k * V)


def interpolated(text, history, w, V, epsilon):
    shorter = interpolated(text, history[1:], w, V, epsilon) if len(history) else 1 / V
    return (count(text, [*history, w]) + epsilon * shorter) / (followed(text, history, V) + epsilon)

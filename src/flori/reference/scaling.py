"""How long a training step takes on n workers, literally: one loop for each message, bucket or micro-batch.

Between two workers a message of S bytes takes L + S/β seconds: L the latency, β the bandwidth. Workers stand in a ring.

all-gather, reduce-scatter  n − 1 rounds, in each of which every worker sends S/n bytes to the next
all-reduce                  a reduce-scatter and an all-gather: 2(n − 1)L + 2(n − 1)/n · S/β
data parallel               forward, then backward while buckets of gradients are all-reduced one after the other, each
                            as soon as it is whole; in the limit of many buckets max(t_backward, t_messages)
sharded                     block by block weights gathered for the forward pass and again for the backward pass, and
                            gradients scattered, nothing of it hidden; each worker updates its share
tensor                      of the work the share s is split: 1 − s + s/n of it, and two all-reduces for each pair
pipeline                    p stages, m micro-batches, each passed on while the next is computed; (p − 1)/(m + p − 1)
                            of the time a stage idles
"""


def all_gather(n, S, beta, L):
    seconds = 0.0
    for _ in range(n - 1):
        seconds += L + (S / n) / beta
    return seconds


reduce_scatter = all_gather  # the same messages, added up on the way


def all_reduce(n, S, beta, L):
    return reduce_scatter(n, S, beta, L) + all_gather(n, S, beta, L)


def messages_done(ready, seconds):
    free = 0.0
    for whole, message in zip(ready, seconds):
        begin = whole if whole > free else free
        free = begin + message
    return free


def data_parallel(n, forward, backward, update, ready, S, beta, L):
    done = messages_done(ready, [all_reduce(n, size, beta, L) for size in S])
    return forward + max(backward, done) + update


def sharded(n, forward, backward, update, S, beta, L):
    messages = 0.0
    for size in S:
        messages += all_gather(n, size, beta, L)
        messages += all_gather(n, size, beta, L) + reduce_scatter(n, size, beta, L)
    return forward + backward + messages + update / n


def tensor_parallel(n, forward, backward, update, s, activations, beta, L):
    seconds = (forward + backward + update) * (1 - s + s / n)
    for size in activations:
        seconds += 2 * all_reduce(n, size, beta, L)
    return seconds


def pipeline(p, m, stage, S, beta, L):
    """One direction: each stage takes `stage` seconds for a micro-batch, and S bytes go on to the next."""
    send = L + S / beta
    arrived = [0.0] * m  # of each micro-batch, at the stage looked at
    for k in range(p):
        free = link = 0.0
        for i in range(m):
            free = max(free, arrived[i]) + stage
            if k < p - 1:
                link = max(link, free) + send
                arrived[i] = link
    return free


def bubble(p, m):
    return (p - 1) / (m + p - 1)


def slowest_stage(work, p):
    """The least share of all work that the busiest of p stages of neighbouring layers can have."""
    if p == 1:
        return sum(work)
    best = sum(work)
    for cut in range(len(work) + 1):
        best = min(best, max(sum(work[:cut]), slowest_stage(work[cut:], p - 1)))
    return best


def efficiency(t1, tn, n):
    return t1 / (n * tn)

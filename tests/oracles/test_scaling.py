"""Times of steps on n workers: the equations, numbers worked by hand, and what must hold of every prediction."""

import pytest

from flori.recipes import scaling
from flori.recipes.scaling import Job, Layer, Link, Pace
from flori.reference import scaling as reference

LINK = Link(bandwidth=1e9, latency=2e-5)
PACES = {
    1: Pace(0.021, 0.037, 0.005, 0.002, (0.011, 0.037)),
    2: Pace(0.011, 0.019, 0.005, 0.001, (0.007, 0.019)),
    4: Pace(0.006, 0.010, 0.005, 0.001, (0.003, 0.010)),
}
LAYERS = (Layer(6, 117_600, 9_408), Layer(16, 240_000, 3_200), Layer(120, 48_000, 240), Layer(10, 840, 20))
JOB = Job(37, 37, PACES, (1_048_583, 3_000_017), (4,), LAYERS)


def test_ring_by_hand():
    """4 workers, 8 MB, 1 GB/s, 20 µs: six rounds of 2 MB, 2 ms and 20 µs each."""
    assert LINK.total(8e6, 4) == pytest.approx(6 * (2e-3 + 2e-5), rel=1e-12)
    assert LINK.gather(8e6, 4) == pytest.approx(3 * (2e-3 + 2e-5), rel=1e-12)
    assert LINK.total(8e6, 1) == 0


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 64])
def test_messages_are_the_equations(workers):
    beta, L = LINK.bandwidth, LINK.latency
    assert LINK.total(1e6, workers) == pytest.approx(reference.all_reduce(workers, 1e6, beta, L), rel=1e-12)
    assert LINK.gather(1e6, workers) == pytest.approx(reference.all_gather(workers, 1e6, beta, L), rel=1e-12)
    by_formula = 2 * (workers - 1) / workers * 1e6 / beta + 2 * (workers - 1) * L
    assert LINK.total(1e6, workers) == pytest.approx(by_formula, rel=1e-12)


def test_overlap_by_hand():
    """Buckets whole after 2, 3 and 10 ms, 4 ms each to send: 2–6, 6–10, 10–14."""
    assert scaling.finished([2, 3, 10], [4, 4, 4]) == reference.messages_done([2, 3, 10], [4, 4, 4]) == 14
    assert scaling.finished([2, 3, 20], [4, 4, 4]) == 24


def test_many_buckets_tend_to_the_longer_of_the_two():
    """max(t_backward, t_messages), but for one bucket."""
    count = 1000
    for messages in (3.0, 30.0):
        ready = [10.0 * (i + 1) / count for i in range(count)]
        done = max(10.0, scaling.finished(ready, [messages / count] * count))
        assert done == pytest.approx(max(10.0, messages), abs=0.05)


@pytest.mark.parametrize("workers", [2, 4, 16])
def test_strategies_are_the_equations(workers):
    beta, L = LINK.bandwidth, LINK.latency
    pace = PACES[min(workers, 4)]
    small = reference.all_reduce(workers, 4, beta, L)
    expected = reference.data_parallel(
        workers, pace.forward, pace.backward, pace.update, pace.ready, JOB.buckets, beta, L
    )
    assert scaling.data(JOB, workers, LINK).seconds == pytest.approx(expected + pace.rest + small, rel=1e-12)
    expected = reference.sharded(workers, pace.forward, pace.backward, pace.update, JOB.buckets, beta, L)
    assert scaling.shard(JOB, workers, LINK).seconds == pytest.approx(expected + pace.rest + small, rel=1e-12)
    pace = PACES[1]
    split = [layer for layer in LAYERS if layer.outputs >= workers]
    share = sum(layer.work for layer in split) / sum(layer.work for layer in LAYERS)
    sums = [37 * layer.size for layer in (split[1::2] if len(split) % 2 == 0 else [*split[1::2], split[-1]])]
    expected = reference.tensor_parallel(workers, pace.forward, pace.backward, pace.update, share, sums, beta, L)
    assert scaling.tensor(JOB, workers, LINK).seconds == pytest.approx(expected + pace.rest, rel=1e-12)


@pytest.mark.parametrize(("stages", "parts"), [(1, 5), (2, 1), (3, 7), (4, 4)])
@pytest.mark.parametrize("size", [10, 1_000_000, 100_000_000])
def test_a_pipeline_is_its_schedule(stages, parts, size):
    """The closed form against the schedule run through, where computing and where sending takes longer."""
    expected = reference.pipeline(stages, parts, 0.013, size, LINK.bandwidth, LINK.latency)
    assert scaling.passed(stages, parts, 0.013, LINK.send(size)) == pytest.approx(expected, rel=1e-12)


def test_a_bubble_by_hand():
    """4 stages, 8 micro-batches: 3 of 11 slots of a stage are empty."""
    assert scaling.bubble(4, 8) == reference.bubble(4, 8) == 3 / 11
    assert 1 - 8 * 0.5 / scaling.passed(4, 8, 0.5, 0.0) == pytest.approx(3 / 11)


@pytest.mark.parametrize("stages", [1, 2, 3, 5])
def test_the_busiest_stage_is_as_small_as_can_be(stages):
    work = [7, 2, 13, 5, 3, 11, 1]
    assert scaling.busiest_stage(work, stages) == reference.slowest_stage(work, stages)


def test_what_cannot_be_shared_is_not_predicted():
    assert scaling.tensor(JOB, 121, LINK).seconds is None
    assert scaling.pipeline(JOB, 5, LINK).seconds is None
    assert scaling.pipeline(JOB, 2, LINK).seconds is not None


def test_how_many_workers_are_worth_it():
    assert scaling.worth({1: 8.0, 2: 5.0, 4: 4.0, 8: 6.0}) == (4, True)
    assert scaling.worth({1: 8.0, 2: 4.0, 4: 4.0, 8: 4.0}) == (2, False)
    assert scaling.worth({1: 8.0, 2: 4.0}) == (2, False)
    assert scaling.worth({1: 8.0, 2: 9.0}) == (1, True)


def test_without_messages_n_workers_are_n_times_as_fast():
    """Weak efficiency is 1 as well, and strong efficiency what the shares take."""
    free = Link(float("inf"), 0.0)
    pace = PACES[4]
    seconds = scaling.data(JOB, 4, free).seconds
    assert seconds == pytest.approx(pace.step) and scaling.data(JOB, 4, free, PACES[1]).seconds == PACES[1].step
    assert scaling.efficiency(PACES[1].step, seconds, 4) == reference.efficiency(PACES[1].step, seconds, 4)

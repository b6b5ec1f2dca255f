"""What `/metrics` shows, read as Prometheus reads it."""

from collections.abc import Callable, Mapping

from prometheus_client.parser import text_string_to_metric_families

from support.service import World
from support.wire import exchange, until

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(world: World, token: str | None = None) -> Samples:
    """Return every sample by its name and its labels in order."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = exchange(world.door.port, "GET", "/metrics", headers)
    assert answer.status == 200, answer.body
    return samples_of(answer.body)


def samples_of(content: bytes) -> Samples:
    """Return the samples in an exposition."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """Return one sample's value."""
    return samples[name, tuple(sorted(labels.items()))]


def fresh(world: World, is_there: Callable[[Samples], bool]) -> Samples:
    """Scrape until what is read in the background shows; only the last scrape is returned."""
    wait = until()
    world.clock.skip(10)
    while not is_there(samples := scraped(world)):
        wait.more("the numbers of the store in /metrics")
        world.clock.skip(10)
    return samples

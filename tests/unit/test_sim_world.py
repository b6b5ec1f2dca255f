"""The machinery of a simulated world: time, tasks, the event loop, chance, and their deaths."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from firstry.sim.world_fault import REQUIRED, Dice, Mishap, Tally, missed
from firstry.sim.world_loop import AgendaLoop, TaskExecutor
from firstry.sim.world_task import START, Agenda, Crash, Tasks


@pytest.fixture
def agenda() -> Agenda:
    return Agenda()


@pytest.fixture
def tasks(agenda: Agenda) -> Iterator[Tasks]:
    tasks = Tasks(agenda)
    yield tasks
    tasks.end("a process")
    tasks.close()


def happen(agenda: Agenda) -> None:
    while agenda.step():
        pass


def test_entries_happen_by_instant_and_then_in_the_order_of_noting(agenda: Agenda) -> None:
    seen: list[tuple[str, float]] = []
    for name, seconds in (("c", 2.0), ("a", 1.0), ("b", 1.0), ("now", -5.0)):
        agenda.after(seconds, lambda name=name: seen.append((name, agenda.seconds)))  # type: ignore[misc]
    agenda.at(START + timedelta(seconds=3), lambda: seen.append(("d", agenda.seconds)))
    happen(agenda)
    assert seen == [("now", 0.0), ("a", 1.0), ("b", 1.0), ("c", 2.0), ("d", 3.0)]
    assert agenda.now == START + timedelta(seconds=3)


def test_tasks_take_turns_where_they_wait(agenda: Agenda, tasks: Tasks) -> None:
    seen = []

    def work(name: str, pause: float) -> None:
        for step in range(3):
            seen.append(f"{name}{step}@{agenda.seconds:g}")
            tasks.wait(pause)

    tasks.start("a process", lambda: work("a", 2.0))
    tasks.start("a process", lambda: work("b", 3.0))
    happen(agenda)
    assert seen == ["a0@0", "b0@0", "a1@2", "b1@3", "a2@4", "b2@6"]


def test_the_dead_do_not_go_on_and_give_back_what_they_hold(agenda: Agenda, tasks: Tasks) -> None:
    seen = []

    def work(name: str) -> None:
        try:
            tasks.wait(10.0)
            seen.append(f"{name} went on")
        except Exception:
            seen.append(f"{name} caught its death")
        finally:
            seen.append(f"{name} let go")

    tasks.start("a process", lambda: work("mine"))
    tasks.start("another", lambda: work("other"))
    agenda.after(5.0, lambda: tasks.end("a process"))
    happen(agenda)
    assert seen == ["mine let go", "other went on", "other let go"]


def test_what_a_task_raises_is_raised_where_the_world_runs(agenda: Agenda, tasks: Tasks) -> None:
    def work() -> None:
        tasks.wait(1.0)
        raise LookupError("unexpected")

    tasks.start("a process", work)
    with pytest.raises(LookupError):
        happen(agenda)


def test_a_task_that_dies_by_its_own_hand_ends_quietly(agenda: Agenda, tasks: Tasks) -> None:
    def work() -> None:
        raise Crash

    tasks.start("a process", work)
    happen(agenda)


def test_time_outs_and_threads_of_the_loop_live_in_virtual_time(
    agenda: Agenda, tasks: Tasks
) -> None:
    loop = AgendaLoop(agenda, tasks, "a process")
    seen: list[str] = []

    def work(seconds: float) -> str:
        assert tasks.owner == "a process"
        tasks.wait(seconds)
        return f"worked until {agenda.seconds:g}"

    async def patient() -> None:
        seen.append(await asyncio.get_running_loop().run_in_executor(None, work, 3.0))

    async def impatient() -> None:
        try:
            async with asyncio.timeout(4.0):
                await asyncio.get_running_loop().run_in_executor(None, work, 900.0)
        except TimeoutError:
            seen.append(f"gave up at {agenda.seconds:g}")

    futures = [loop.create_task(patient()), loop.create_task(impatient())]
    happen(agenda)
    assert seen == ["worked until 3", "gave up at 4"]
    assert all(future.done() for future in futures)
    assert agenda.seconds == 900.0
    loop.close()


def test_an_executor_of_tasks_hands_on_results_and_errors(agenda: Agenda, tasks: Tasks) -> None:
    met: list[Exception] = []
    executor = TaskExecutor(tasks, "a process", met.append)
    good, bad = executor.submit(divmod, 7, 2), executor.submit(divmod, 7, 0)
    happen(agenda)
    assert good.result(0) == (3, 1)
    assert isinstance(bad.exception(0), ZeroDivisionError)
    assert met == [bad.exception(0)]


def test_streams_of_chance_do_not_disturb_each_other() -> None:
    one, other = Dice(3), Dice(3)
    other.of("balancer").random()
    assert one.of("story").random() == other.of("story").random()
    assert Dice(4).of("story").random() != Dice(3).of("story").random()


def test_a_set_of_runs_names_what_it_never_hit() -> None:
    assert missed(Tally()) == sorted(REQUIRED)
    name = f"fault {Mishap.CRASH}"
    tally = Tally(dict.fromkeys(REQUIRED, 2) | {name: 1})
    assert missed(tally) == []
    assert missed(tally, 2) == [name]

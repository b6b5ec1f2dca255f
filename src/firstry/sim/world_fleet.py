"""The processes of the service in one world, all on one store: they die and are begun anew."""

from collections.abc import Callable

from firstry.ports.store import Store
from firstry.sim.world_fault import Mishap
from firstry.sim.world_ground import Ground
from firstry.sim.world_process import Process
from firstry.sim.world_store import Written

GONE_SECONDS = (1.0, 1200.0)
PASS_SECONDS = (60.0, 600.0)


class Fleet:
    """`size` processes, as far as they live."""

    def __init__(
        self,
        ground: Ground,
        size: int,
        open_store: Callable[[], Store],
        watch: Callable[[Written], None],
    ) -> None:
        self._ground = ground
        self._open_store = open_store
        self._watch = watch
        self._begun = 0
        self._processes: list[Process] = []
        for _ in range(size):
            self.begin()

    def begin(self) -> None:
        """Start a process, with its worker."""
        self._begun += 1
        process = Process(self._ground, self._open_store(), self._begun, self._watch)
        self._processes.append(process)
        self._ground.note(f"p{process.number} begins")
        self._ground.agenda.after(self._pause(), lambda: self._pass_of(process))

    def alive(self) -> list[Process]:
        """Return the processes that live."""
        return [process for process in self._processes if process.is_alive]

    def pick(self) -> Process | None:
        """Return one of them by chance, as a balancer would, or None."""
        alive = self.alive()
        return self._ground.dice.of("balancer").choice(alive) if alive else None

    def kill_one(self) -> None:
        """End one process between two of its pieces of work."""
        process = self.pick()
        if process is not None:
            self._ground.hit(Mishap.KILLED_IDLE, f"p{process.number}")
            process.is_alive = False

    def bury(self) -> None:
        """Bury who has died, and have the successors begin after a while."""
        for process in [process for process in self._processes if not process.is_alive]:
            self._processes.remove(process)
            process.bury()
            self._ground.note(f"p{process.number} is dead")
            low, high = (0.0, 0.0) if self._ground.is_calm else GONE_SECONDS
            self._ground.agenda.after(self._ground.dice.of("fleet").uniform(low, high), self.begin)

    def end(self) -> None:
        """End them all, for good."""
        for process in self._processes:
            process.bury()
        self._processes.clear()

    def pass_everywhere(self) -> None:
        """Have the worker of every process make a pass at this moment."""
        for process in self.alive():
            process.work()

    def _pass_of(self, process: Process) -> None:
        if process.is_alive:
            process.work()
            self._ground.agenda.after(self._pause(), lambda: self._pass_of(process))

    def _pause(self) -> float:
        return self._ground.dice.of("worker").uniform(*PASS_SECONDS)

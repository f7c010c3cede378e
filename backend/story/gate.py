"""What happens in the yard of the story: coils that are expected, that cross the gate and stand on the scale.

The story only moves things and tells the scale's indicator what stands on it. What the bank learns of it goes
through the camera, the scale and the bridge like anything else.
"""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from backend.story.processes import Process
from iot_bridge.evidence.fingerprint import fingerprint

TARE_KG: Final = 14_860
"""The empty truck on the scale."""


@dataclass(frozen=True, slots=True)
class Coil:
    """A steel coil with the tag on its side; mill, heat and number are what its fingerprint is made of."""

    tag: int
    mill: str
    heat: str
    number: str
    mass_kg: int

    def fingerprint(self, network_key: bytes) -> bytes:
        """The keyed fingerprint by which the ledger knows the coil."""
        return fingerprint(mill=self.mill, heat=self.heat, coil=self.number, key=network_key)


COILS: Final = (
    Coil(7, "WX Steel", "H24-1107", "C-0581", 23_940),
    Coil(8, "WX Steel", "H24-1107", "C-0582", 24_110),
    Coil(9, "WX Steel", "H24-1109", "C-0590", 23_780),
)


@dataclass(slots=True)
class Gate:
    """The scene before the camera, the scale's indicator, and the folder for advices.

    `moving` is held while something moves, and the counters say how often something crossed and was weighed:
    who would switch parts off waits until what has happened has been seen.
    """

    scene: Process | None
    """None where a camera of one's own watches a gate of one's own."""
    scale: Process
    advices: Path
    moving: threading.RLock = field(default_factory=threading.RLock)
    crossings: int = 0
    weighings: int = 0

    def advise(self, coils: tuple[Coil, ...]) -> None:
        """The warehouse's own system says which pieces to expect."""
        rows = [f"{c.tag},{c.mill},{c.heat},{c.number},{c.mass_kg}" for c in coils]
        fresh = self.advices / "advice-1.part"
        fresh.write_text("\n".join(["tag,mill,heat,coil,mass_kg", *rows, ""]), encoding="utf-8")
        fresh.rename(self.advices / "advice-1.csv")

    def enter(self, coil: Coil) -> None:
        """A truck brings the coil in past the camera, over the scale and unloads it."""
        with self.moving:
            self._scene({"enter": {"tag": coil.tag, "mass_kg": coil.mass_kg}})
            self.crossings += 1
            self.weigh(coil)

    def leave(self, coil: Coil) -> None:
        """A truck takes the coil over the scale and out past the camera."""
        with self.moving:
            self.weigh(coil)
            self.slip_out(coil)

    def slip_out(self, coil: Coil) -> None:
        """The coil goes out past the camera and round the scale."""
        with self.moving:
            self._scene({"leave": {"tag": coil.tag}})
            self.crossings += 1

    def weigh(self, coil: Coil) -> None:
        """The loaded truck stands on the scale."""
        with self.moving:
            self.scale.send({"gross_kg": TARE_KG + coil.mass_kg, "tare_kg": TARE_KG})
            self.weighings += 1

    def fall_dark(self) -> None:
        """Night: the yard is lit by lamps."""
        self._scene({"night": True})

    def begin(self, command: dict[str, object]) -> None:
        """Let something happen before the lens; at a camera of one's own, people do that."""
        if self.scene is not None:
            self.scene.send(command)

    def wait_until_over(self, command: dict[str, object]) -> None:
        """Until the scene says that what was begun is over."""
        name = next(iter(command))
        if self.scene is not None:
            self.scene.wait_for(lambda line: line.get("done") == name, within_s=60)

    def _scene(self, command: dict[str, object]) -> None:
        self.begin(command)
        self.wait_until_over(command)

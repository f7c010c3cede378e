"""The hash that names what perceived: the code, its settings and the library that it stands on."""

import hashlib
from dataclasses import fields
from functools import cache
from importlib import resources

import cv2

from iot_bridge.perceive.settings import GateSettings


@cache
def code_hash() -> bytes:
    """SHA-256 over the source files of this package, by name."""
    whole = hashlib.sha256()
    for source in sorted(resources.files("iot_bridge.perceive").iterdir(), key=lambda each: each.name):
        if source.name.endswith(".py"):
            whole.update(source.name.encode() + b"\0" + source.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return whole.digest()


def pipeline_hash(settings: GateSettings) -> bytes:
    """32 bytes that change with any setting, any line of the code and OpenCV's version."""
    tuning = settings.tuning
    told = [f"{each.name}={getattr(tuning, each.name)!r}" for each in fields(tuning)]
    text = "\n".join([settings.line.text(), repr(settings.ignored), *told, f"opencv={cv2.__version__}"])
    return hashlib.sha256(code_hash() + text.encode()).digest()

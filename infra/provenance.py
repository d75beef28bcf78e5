"""Says of built functions what they are made of, in the folders that SAM and the CDK pack, and how large they are.

    cargo lambda build --release --arm64 && cargo install cargo-cyclonedx && python3 infra/provenance.py

Beside each ``bootstrap``: ``sbom.cdx.json``, its crates with versions and licences (CycloneDX), and ``provenance.json``, from what
commit and by what tools it was built (an in-toto statement with a predicate of SLSA 1.0; nobody has signed it).
"""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = "aarch64-unknown-linux-gnu"


def said(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def materials(names: list[str]) -> dict[str, str]:
    """The crates of each function, as CycloneDX."""
    # It writes beside every manifest of the workspace.
    said("cargo", "cyclonedx", "--quiet", "--format", "json", "--target", TARGET, "--override-filename", "sbom.cdx")
    files = [file for pattern in ("*", "*/*") for file in ROOT.glob(f"{pattern}/sbom.cdx.json")]
    written = {file.parent.name: file.read_text() for file in files}
    for file in files:
        file.unlink()
    # Where the repository lies on this machine is nobody's business.
    return {name: written[name].replace(str(ROOT), "") for name in names}


def crates(name: str, document: str) -> list[dict]:
    """Those that are not of this repository."""
    parts = json.loads(document)["components"]
    if unknown := [part["name"] for part in parts if not part.get("licenses")]:
        sys.exit(f"{name}: nothing is known of the licence of {', '.join(unknown)}")
    return [{"uri": part["purl"]} for part in parts if "download_url=file:" not in part["purl"]]


def statement(executable: Path, name: str, of: list[dict], tools: dict) -> dict:
    commit, changed = said("git", "rev-parse", "HEAD"), bool(said("git", "status", "--porcelain"))
    source = {"name": "lamplighter", "digest": {"gitCommit": commit}, "annotations": {"changed": changed}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"{name}/bootstrap", "digest": {"sha256": hashlib.sha256(executable.read_bytes()).hexdigest()}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:lamplighter:cargo-lambda-build:1",
                "externalParameters": {"target": TARGET, "profile": "release", "package": name},
                "internalParameters": tools,
                "resolvedDependencies": [source, *of],
            },
            "runDetails": {"builder": {"id": "urn:lamplighter:by-hand"}, "metadata": {}},
        },
    }


def zipped(folder: Path) -> int:
    """The size in bytes of what Lambda gets."""
    packed = folder.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    size = packed.stat().st_size
    packed.unlink()
    return size


def main() -> None:
    built = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "lambda"
    names = sorted(path.name for path in (ROOT / "functions").iterdir() if (path / "Cargo.toml").exists())
    missing = [name for name in names if not (built / name / "bootstrap").is_file()]
    if missing:
        sys.exit(f"no {built}/{missing[0]}/bootstrap: run cargo lambda build --release --arm64 first")
    tools = {"rustc": said("rustc", "--version"), "cargo-lambda": said("cargo", "lambda", "--version")}
    print(f"{'function':<14}{'executable MB':>14}{'zip MB':>9}{'crates':>8}")
    total = 0
    for name, document in materials(names).items():
        folder = built / name
        of = crates(name, document)
        (folder / "sbom.cdx.json").write_text(document)
        (folder / "provenance.json").write_text(json.dumps(statement(folder / "bootstrap", name, of, tools), indent=1) + "\n")
        size = zipped(folder)
        total += size
        print(f"{name:<14}{(folder / 'bootstrap').stat().st_size / 1e6:>14.2f}{size / 1e6:>9.2f}{len(of):>8}")
    print(f"{'all':<14}{'':>14}{total / 1e6:>9.2f}")


main()

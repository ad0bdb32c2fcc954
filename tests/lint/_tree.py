"""The files that the checks in this directory look at."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PROGRAM_DIRS = ("src", "tests", "tools", "bench")


def python_files() -> list[Path]:
    """Return every Python file of the project, sorted; what a build leaves behind is not the project's."""
    found = []
    for name in PROGRAM_DIRS:
        found.extend(path for path in (ROOT / name).rglob("*.py") if ".egg-info" not in str(path))
    return sorted(found)


def module_names(package: str) -> list[str]:
    """Return the dotted names of all modules of ``package`` ("hezi.linux") that exist on disk."""
    base = SOURCE / Path(*package.split("."))
    files = sorted(base.rglob("*.py")) if base.is_dir() else []
    single = base.with_suffix(".py")
    if single.exists():
        files.append(single)
    names = []
    for path in files:
        parts = path.relative_to(SOURCE).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names

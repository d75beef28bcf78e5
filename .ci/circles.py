"""Finds circles between the modules (files) of each crate. Exits with 1 and names them if there are any.

    python3 .ci/circles.py [CRATE_FOLDER ...]

A module depends on the file in which an imported item is defined: re-exports (`pub use child::Item`) are followed, so that
a facade is no dependency of its own. Test modules are left out.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"


def without_tests_and_comments(text: str) -> str:
    """Removes comments, string literals and everything from the first inline test module on."""
    text = re.split(r"(?m)^#\[cfg\(test\)\]\s*\nmod \w+ \{", text)[0]
    text = re.sub(r"(?m)//.*$", "", text)
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)


def expand(tree: str) -> list[tuple[list[str], str]]:
    """Expands a use tree into (path, local name) pairs."""
    tree = tree.strip()
    brace = tree.find("{")
    if brace < 0:
        path, _, alias = (part.strip() for part in tree.partition(" as "))
        parts = [part.strip() for part in path.split("::")]
        return [(parts, alias or parts[-1])]
    prefix = [part.strip() for part in tree[:brace].split("::") if part.strip()]
    inner, depth, start, items = tree[brace + 1 : tree.rindex("}")], 0, 0, []
    for index, letter in enumerate(inner + ","):
        if letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
        elif letter == "," and depth == 0:
            items.append(inner[start:index])
            start = index + 1
    found = []
    for item in items:
        if item.strip():
            for path, name in expand(item):
                found.append((prefix + path, prefix[-1] if path == ["self"] else name))
    return found


class Crate:
    """The modules of one crate: a path such as ("state", "healing") and the text of its file."""

    def __init__(self, folder: Path):
        source = folder / "src"
        self.texts: dict[tuple[str, ...], str] = {}
        for file in sorted(source.rglob("*.rs")):
            if re.search(r"(_tests?|^tests|fixtures|/main)\.rs$", str(file)) or file.stem == "tests":
                continue
            parts = list(file.relative_to(source).with_suffix("").parts)
            if parts[-1] in ("mod", "lib"):
                parts.pop()
            self.texts[tuple(parts)] = without_tests_and_comments(file.read_text())
        self.uses = {module: self.read_uses(text) for module, text in self.texts.items()}

    @staticmethod
    def read_uses(text: str) -> list[tuple[bool, list[str], str]]:
        """Lists (is re-export, path, local name) of every import."""
        found = []
        for match in re.finditer(r"(?ms)^\s*(pub(?:\([a-z ]+\))? )?use ([^;]+);", text):
            for path, name in expand(match.group(2)):
                found.append((bool(match.group(1)), path, name))
        return found

    def resolve(self, module: tuple[str, ...], path: list[str], seen: frozenset = frozenset()) -> tuple[str, ...] | None:
        """Returns the module that defines what a path names, seen from a module."""
        head, rest = path[0], path[1:]
        if head == "crate":
            at: tuple[str, ...] = ()
        elif head == "self":
            at = module
        elif head == "super":
            at = module[:-1]
            while rest and rest[0] == "super":
                at, rest = at[:-1], rest[1:]
        elif (*module, head) in self.texts:
            at = (*module, head)
        else:
            return None
        while rest and (*at, rest[0]) in self.texts:
            at, rest = (*at, rest[0]), rest[1:]
        if rest:
            for is_public, target, name in self.uses.get(at, []):
                if is_public and name == rest[0] and (at, name) not in seen:
                    found = self.resolve(at, target, seen | {(at, name)})
                    if found is not None:
                        return found
        return at

    def edges(self) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
        """Maps each module to the modules it depends on."""
        graph = {}
        for module, text in self.texts.items():
            body = re.sub(r"(?ms)^\s*(?:pub(?:\([a-z ]+\))? )?use [^;]+;", "", text)
            # A re-export is a dependency only where the module uses the item itself.
            paths = [
                path
                for is_public, path, name in self.uses[module]
                if not is_public or re.search(rf"\b{name}\b", body)
            ]
            for match in re.finditer(rf"(?<![\w:])({IDENTIFIER}(?:::{IDENTIFIER})+)", body):
                paths.append(match.group(1).split("::"))
            imported = {name: path for _, path, name in self.uses[module]}
            targets = set()
            for path in paths:
                if path[0] in imported and path is not imported[path[0]]:
                    path = imported[path[0]] + path[1:]
                target = self.resolve(module, path)
                if target is not None and target != module:
                    targets.add(target)
            graph[module] = targets
        return graph


def circles(graph: dict) -> list[list]:
    """Returns the strongly connected components of more than one module (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def main() -> int:
    manifests = subprocess.run(
        ["git", "ls-files", "*Cargo.toml"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    folders = [Path(f) for f in sys.argv[1:]] or [ROOT / m for m in manifests]
    bad = 0
    for folder in folders:
        folder = folder if folder.is_dir() else folder.parent
        if not (folder / "src").is_dir():
            continue
        graph = Crate(folder).edges()
        for group in circles(graph):
            bad += 1
            print(f"{folder.relative_to(ROOT) if folder.is_absolute() else folder}: circle")
            for module in group:
                inside = sorted("::".join(t) or "crate" for t in graph[module] if t in group)
                print(f"  {'::'.join(module) or 'crate'} -> {', '.join(inside)}")
    print(f"{bad} circles between modules")
    return 1 if bad else 0


sys.exit(main())

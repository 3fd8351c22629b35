"""The developer's commands, one session each. `nox -l` lists them; `nox` runs what a change must pass.

Sessions build what they need; nothing has to be installed by hand but nox, a C++20 compiler and, for `lint`, git.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "stubs", "cpp", "tests"]
nox.needs_version = ">=2024.4"

ROOT = Path(__file__).parent
STUB = ROOT / "python/rebalance_core/_core.pyi"
CLANG_FORMAT = "clang-format==19.1.7"  # one version: they do not agree with each other
BUILD_TOOLS = ("cmake>=3.24", "ninja>=1.11")


@nox.session
def tests(session: nox.Session) -> None:
    """The Python suite, with the documentation's examples, on the package as users install it."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python=["3.10", "3.11", "3.12", "3.13"])
def pythons(session: nox.Session) -> None:
    """The suite on every supported Python."""
    session.install(".[test]")
    session.run("pytest", "-q", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style of Python and C++, and that generated files are what their scripts make."""
    session.install("ruff>=0.6", CLANG_FORMAT, "mpmath>=1.3")
    session.run("ruff", "check", ".", "--show-fixes")
    session.run("ruff", "format", "--check", ".")
    session.run("clang-format", "--dry-run", "--Werror", *_cpp_files())
    session.run("python", "tests/reference/coefficients.py", "--check")


@nox.session(name="format")
def format_(session: nox.Session) -> None:
    """Put Python and C++ in shape."""
    session.install("ruff>=0.6", CLANG_FORMAT)
    session.run("ruff", "check", "--fix", ".", success_codes=[0, 1])
    session.run("ruff", "format", ".")
    session.run("clang-format", "-i", *_cpp_files())


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict."""
    session.install("mypy>=1.11", "numpy", "typer", "rich", "polars")
    session.run("mypy", *session.posargs)


@nox.session
def stubs(session: nox.Session) -> None:
    """That _core.pyi is what the compiled module says of itself. `nox -s stubs -- --write` renews it."""
    session.install(".", "pybind11-stubgen>=2.5", "ruff>=0.6")
    made = Path(session.create_tmp()) / "stubs"
    session.run("pybind11-stubgen", "rebalance_core._core", "-o", str(made), "--exit-code")
    fresh = made / "rebalance_core/_core.pyi"
    show_members = (
        "from rebalance_core import RowStatus as S; print(*(f'{s.name} = {s.value}' for s in S), sep=chr(10))"
    )
    members = session.run("python", "-c", show_members, silent=True)
    fresh.write_text(_tidied(fresh.read_text(), str(members).split("\n")))
    session.run("ruff", "format", "--config", "pyproject.toml", "--quiet", str(fresh))
    if "--write" in session.posargs:
        shutil.copy(fresh, STUB)
        return
    old, new = STUB.read_text().splitlines(), fresh.read_text().splitlines()
    difference = list(difflib.unified_diff(old, new, "committed", "generated", lineterm=""))
    if difference:
        session.error("_core.pyi is not current; run `nox -s stubs -- --write`\n" + "\n".join(difference[:40]))


@nox.session
@nox.parametrize("preset", ["release", "debug"])
def cpp(session: nox.Session, preset: str) -> None:
    """The C++ suite: optimised with warnings as errors, and under the sanitizers. CXX chooses the compiler."""
    session.install(*BUILD_TOOLS)
    build = Path(session.create_tmp()) / f"{preset}-{Path(os.environ.get('CXX', 'default')).name}"
    session.run("cmake", "--preset", preset, "-B", str(build))
    session.run("cmake", "--build", str(build))
    env = {"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    session.run("ctest", "--test-dir", str(build), "--output-on-failure", env=env)


@nox.session
def sanitize(session: nox.Session) -> None:
    """The Python suite on a module built with the address and undefined-behaviour sanitizers (GCC)."""
    # as the preset debug has them, so that a compiler cache can share the objects
    settings = ["-Ccmake.build-type=Debug", "-Ccmake.define.REBALANCE_SANITIZE=address,undefined"]
    settings.append("-Ccmake.define.REBALANCE_WERROR=ON")
    session.install(".[test]", *settings)
    libraries = [_gcc_library(name) for name in ("libasan.so", "libubsan.so", "libstdc++.so")]
    env = {
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter keeps memory to its end
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }
    session.run("pytest", "-q", "tests/python", *session.posargs, env=env)


@nox.session
def bench(session: nox.Session) -> None:
    """The benches, side by side with the peers; see bench/README.md."""
    session.install(".[bench]", *BUILD_TOOLS)
    build = Path(session.create_tmp()) / "bench"
    session.run("cmake", "--preset", "release", "-B", str(build), "-DREBALANCE_TESTS=OFF")
    session.run("cmake", "--build", str(build))
    for program in ("bench_prices", "bench_tick", "bench_libmvec"):
        if (build / "bench/cpp" / program).exists():  # the last needs GCC and glibc
            session.run(str(build / "bench/cpp" / program), external=True)
    session.run("pytest", "-q", "bench/python", "--benchmark-enable", "--benchmark-only", *session.posargs)
    session.run("python", "bench/python/compare.py")


#: Peers that can live together, an environment each; with what makes them run there. See bench/README.md.
PEER_GROUPS = {
    "current": (
        ["scipy"],
        ["numba"],
        ["py_vollib"],
        ["QuantLib"],
        ["vanilla-option-pricers"],
        ["pyfeng", "statsmodels"],
    ),
    # the last numba whose LLVM can call Intel's short vector math library, and that library
    "svml": (["numba==0.61.*", "intel-cmplr-lib-rt"], ["scipy"]),
    # replaces functions of py_vollib when imported, and compiles only with the py_lets_be_rational that it knew
    "vectorized": (["py_vollib_vectorized", "py_vollib==1.0.1", "py_lets_be_rational==1.0.1"],),
}


@nox.session
def peers(session: nox.Session) -> None:
    """Every library we know of beside us, an environment for each group of them: bench/python/all_peers.py."""
    made = Path(session.create_tmp())
    shutil.rmtree(made / "wheel", ignore_errors=True)
    session.install("pip", "mpmath")
    session.run("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(made / "wheel"), ".")
    (wheel,) = (made / "wheel").iterdir()
    session.install(str(wheel))
    failed: dict[str, str] = {}
    for group, sets in PEER_GROUPS.items():
        session.run("python", "-m", "venv", "--clear", str(made / group))
        install = [str(made / group / "bin/pip"), "--disable-pip-version-check", "install", "--quiet"]
        session.run(*install, str(wheel), "mpmath", external=True)
        for packages in sets:
            done = subprocess.run([*install, *packages], check=False, capture_output=True, text=True)
            if done.returncode != 0:
                complaints = [line for line in done.stderr.splitlines() if "ERROR" in line]
                failed[" ".join(packages)] = complaints[-1] if complaints else f"pip returned {done.returncode}"
    not_installed = made / "not_installed.json"
    not_installed.write_text(json.dumps({"not installed": failed}))
    for isa in ("", "avx2"):
        files = [str(made / f"{group}{isa}.json") for group in PEER_GROUPS]
        for group, file in zip(PEER_GROUPS, files, strict=True):
            env = {"REBALANCE_ISA": isa, "LD_LIBRARY_PATH": str(made / group / "lib")}  # where libsvml.so is
            python = str(made / group / "bin/python")
            session.run(python, "-W", "ignore", "bench/python/all_peers.py", "--write", file, env=env, external=True)
        session.run("python", "bench/python/all_peers.py", "--show", *files, str(not_installed))


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as a site, in build/site."""
    session.install("mkdocs-material>=9.5")
    session.run("mkdocs", "build", "--strict", "--site-dir", str(ROOT / "build/site"))


def _tidied(stub: str, members: list[str]) -> str:
    """What the generator gets wrong: an __all__ that is not there, an enum without values, tuples of nothing."""
    stub = re.sub(r"^__all__.*\n", "", stub, flags=re.MULTILINE)
    stub = re.sub(r"^([A-Z]+): tuple = ", r"\1: tuple[str, ...] = ", stub, flags=re.MULTILINE)
    stub = stub.replace("typing.ClassVar[dict]", "typing.ClassVar[dict[str, float]]")
    head, _, rest = stub.partition("class RowStatus(enum.IntEnum):\n")
    doc, _, rest = rest.partition("\nclass ")
    members = [member for member in members if member]
    first = min(member.partition(" ")[0] for member in members)  # the generator sorts them
    doc = doc[: doc.index(f"    {first}:")] + "".join(f"    {member}\n" for member in members)
    # the other enum: its values stand in its header
    header = (ROOT / "cpp/include/rebalance/sizing/solve_status.hpp").read_text()
    values = dict(re.findall(r"^  (\w+) = (\d+),", header, flags=re.MULTILINE))
    rest = re.sub(r"    @classmethod\n    def __new__\(cls, value\):.*?\n(?=class )", "", rest, flags=re.DOTALL)
    rest = re.sub(r"(\w+): typing.ClassVar\[SolveStatus\]", lambda m: f"{m[1]} = {values[m[1]]}", rest)
    made_by = "# Made by `nox -s stubs -- --write` from the compiled module.\n"
    return f"{made_by}{head}class RowStatus(enum.IntEnum):\n{doc}\nclass {rest}"


def _cpp_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "*.cpp", "*.hpp", "*.inl"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    generated = "cpp/include/rebalance/math/coefficients.hpp"
    return [name for name in listed.stdout.split() if name != generated]


def _gcc_library(name: str) -> str:
    found = subprocess.run(["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True)
    return os.path.realpath(found.stdout.strip())

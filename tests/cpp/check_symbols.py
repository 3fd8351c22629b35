"""No object file of one instruction set defines a symbol without that instruction set in its name.

    check_symbols.py NM ISA OBJECT

A function compiled for AVX-512 under a name that a baseline object also defines could be the copy the linker keeps;
the first older processor to call it would stop with an illegal instruction.
"""

from __future__ import annotations

import subprocess
import sys

TAGS = {"baseline": "Baseline", "avx2": "Avx2", "avx512": "Avx512", "neon": "Neon"}


def main() -> int:
    nm, isa, path = sys.argv[1:]
    listing = subprocess.run([nm, "-C", path], check=True, capture_output=True, text=True).stdout
    defined, bad = 0, []
    for line in listing.splitlines():
        kind, _, name = line[17:].partition(" ")
        if kind in "UwvrRnN" or not name or name.startswith((".L", "$")):
            continue  # undefined, or local to the object
        defined += 1
        if TAGS[isa] not in name:
            bad.append(f"{kind} {name}")
    for symbol in bad:
        print(f"{path}: {symbol} does not carry {TAGS[isa]}")
    if defined == 0:
        print(f"{path}: defines nothing; is nm reading the right file?")
    return 1 if bad or defined == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

#!/bin/bash
# Makes PTX from each .cu of the project with the nvcc of a CUDA toolkit: kernels/build.sh [NVCC [FOLDER]]
# The first line of a .cu names its PTX, from the repository's root: "// ptx: PATH". With FOLDER it is
# written below that folder instead. What is committed is the text, so nobody else needs nvcc.
#
# The header is rewritten to the oldest instruction set that these instructions are in: drivers refuse
# PTX that is newer than they are. The tests assemble each PTX for old and new devices, and compare the
# hash in its first lines with that of its source, counted without carriage returns.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
nvcc=${1:-nvcc}
folder=${2:-$root}
version=$("$nvcc" --version | sed -n 's/.*, V\([0-9.]*\).*/\1/p')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$root"
find kernels src -name '*.cu' | sort | while read -r source; do
  target=$(tr -d '\r' <"$source" | sed -n '1s|^// ptx: \(src/.*\.ptx\)$|\1|p')
  if [ -z "$target" ]; then
    echo "build.sh: the first line of $source does not name its PTX, like: // ptx: src/main/resources/NAME.ptx" >&2
    exit 1
  fi
  "$nvcc" -ptx -arch=compute_75 -O3 -o "$work/ptx" "$source"
  mkdir -p "$folder/$(dirname "$target")"
  {
    echo "// Made by kernels/build.sh from $source with nvcc $version: change that, and run it."
    echo "// sha256 of the source: $(tr -d '\r' <"$source" | sha256sum | cut -d ' ' -f 1)"
    sed -e '/^\/\//d' -e 's/^\.version .*/.version 6.0/' -e 's/^\.target .*/.target sm_50/' "$work/ptx"
  } >"$work/text"
  mv "$work/text" "$folder/$target"
done

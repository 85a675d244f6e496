#!/bin/bash
# Makes kernels.ptx and launches.ptx from the .cu files, with the nvcc of a CUDA toolkit: build.sh [NVCC]
# What is committed is the text, so nobody needs nvcc to run the tests. The header is rewritten to the
# oldest instruction set that these instructions are in: drivers refuse PTX newer than they are.
set -euo pipefail
cd "$(dirname "$0")"
nvcc=${1:-nvcc}
for name in kernels launches; do
  "$nvcc" -ptx -arch=compute_75 -O3 -o $name.ptx.new $name.cu
  sed -e '/^\/\//d' -e 's/^\.version .*/.version 6.0/' -e 's/^\.target .*/.target sm_50/' $name.ptx.new >$name.ptx
  rm $name.ptx.new
done

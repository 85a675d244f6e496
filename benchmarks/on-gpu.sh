#!/usr/bin/env bash
# What is to be learned on a machine with a GPU, in one report:
#
#   benchmarks/on-gpu.sh --bundle DIR            # here, with Maven: makes a folder that needs nothing but a driver
#   DIR/run.sh [--software] [--minutes N] OUT    # there: tests and measures, and writes the report into OUT
#   benchmarks/on-gpu.sh [--software] [--minutes N] [--only STEP] [OUT]    # both on this machine
#
# OUT is target/benchmarks/on-gpu if you name none. --software: a dry run on the CUDA driver in software.
# MVN_ARGS is handed to Maven, such as MVN_ARGS=-o where there is no network. See docs/on-your-gpu.md.
set -euo pipefail
called_from=$PWD
cd "$(dirname "$0")/.."

make_bundle() {
  local maven
  read -r -a maven <<<"mvn -q -B ${MVN_ARGS:-}"
  "${maven[@]}" process-test-classes exec:exec@gpu-bundle "-Dgpu.bundle=$1"
}

absolute() {
  case $1 in
    /*) echo "$1" ;;
    *) echo "$called_from/$1" ;;
  esac
}

if [ "${1:-}" = --bundle ]; then
  if (($# != 2)); then
    echo "on-gpu.sh: --bundle needs the folder to make, and nothing else." >&2
    exit 2
  fi
  make_bundle "$(absolute "$2")"
  exit
fi

arguments=()
out=""
while (($# > 0)); do
  case $1 in
    --minutes | --only)
      arguments+=("$1" "${2:-}")
      if (($# > 1)); then shift; fi
      ;;
    -*) arguments+=("$1") ;;
    *) out=$(absolute "$1") ;;
  esac
  shift
done
make_bundle "$PWD/target/gpu-bundle"
exec target/gpu-bundle/run.sh ${arguments[@]+"${arguments[@]}"} "${out:-$PWD/target/benchmarks/on-gpu}"

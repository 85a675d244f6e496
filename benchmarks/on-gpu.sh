#!/usr/bin/env bash
# Everything to be learned on the first machine with a GPU, in one report:
#
#   benchmarks/on-gpu.sh [--software] [REPORT.md]
#
# --software: a dry run, tiny, on the CUDA driver in software. Its figures mean nothing.
# MVN_ARGS is handed to Maven, such as MVN_ARGS=-o where there is no network.
set -euo pipefail
cd "$(dirname "$0")/.."

software=false
if [[ "${1:-}" == --software ]]; then
  software=true
  shift
fi
report=${1:-target/benchmarks/on-gpu.md}
read -r -a maven <<<"mvn -q -B ${MVN_ARGS:-}"

if $software; then
  if [[ ! -x /usr/bin/gcc ]]; then
    echo "on-gpu.sh: the CUDA driver in software is built by /usr/bin/gcc, which is not there." >&2
    exit 1
  fi
  tests=(-Dtest=CudaDeviceContractTest -Dpentrough.cuda.schedule=THREADS)
  jvm=-Dpentrough.softwareCuda=true
  transfer="--to 65536 --seconds 0.01"
  gpu="--tiny"
else
  if ! ldconfig -p 2>/dev/null | grep -q 'libcuda\.so\.1' || [[ ! -e /dev/nvidiactl && ! -e /dev/dxg ]]; then
    echo "on-gpu.sh: there is no NVIDIA driver here (libcuda.so.1 and its device); on a machine without a GPU, see it run with --software." >&2
    exit 1
  fi
  tests=(-Dpentrough.cuda=real)
  jvm=-Dpentrough.onGpu=true
  transfer=""
  gpu=""
fi

mkdir -p "$(dirname "$report")"
failed=0

# section TITLE COMMAND...: the command and what it says, into the report
section() {
  local title=$1 code=0 took=$SECONDS
  shift
  printf '\n## %s\n\n    %s\n\n```text\n' "$title" "$*" >>"$report"
  echo "$title ..."
  "$@" >"$report.part" 2>&1 || code=$?
  sed 's/\x1b\[[0-9;]*m//g' "$report.part" >>"$report"
  rm -f "$report.part"
  printf '```\n\nexit code %d, %d s\n' "$code" "$((SECONDS - took))" >>"$report"
  if ((code != 0)); then
    echo "  failed with exit code $code, see $report" >&2
    failed=$((failed + 1))
  fi
}

benchmark() {
  section "$1" "${maven[@]}" exec:exec@benchmarks "-Dbenchmarks.jvm=$jvm" "-Dbenchmarks=$2"
}

{
  echo "# Pentrough on a GPU"
  echo
  if $software; then
    echo "**A DRY RUN on the CUDA driver in software: no figure here means anything.**"
    echo
  fi
  echo "$(date -u +%Y-%m-%dT%H:%MZ), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
} >"$report"

if command -v nvidia-smi >/dev/null; then
  section "The machine" nvidia-smi
fi
section "Tests on this driver" "${maven[@]}" test "${tests[@]}"
benchmark "Transfers" "transfer --device cuda $transfer"
benchmark "Kernels beside the memory, and overlap with a kernel" "gpu $gpu"

if command -v nsys >/dev/null && ! $software; then
  section "Profile" nsys profile --force-overwrite true --stats true -o "${report%.md}" \
    "${maven[@]}" exec:exec@benchmarks "-Dbenchmarks.jvm=$jvm" "-Dbenchmarks=gpu overlap --tiny"
else
  printf '\n## Profile\n\nNo nsys here: the times by events above are the profile.\n' >>"$report"
fi

echo "report: $report"
if ((failed > 0)); then
  echo "on-gpu.sh: $failed of its parts failed; the report has their output." >&2
  exit 1
fi

#!/usr/bin/env bash
# Measures and tests Pentrough on this machine's GPU. It needs an NVIDIA driver, bash and coreutils, and
# nothing else: no Java, no Maven, no network. docs/on-your-gpu.md says how to read what it finds.
#
#   run.sh [--software] [--minutes N] [--only STEP] OUT
#
# --software   a dry run on a CUDA driver in software, tiny; no figure means anything. Needs gcc.
# --minutes N  about how long all steps take together, 1 to 120; 10 if you do not say
# --only STEP  this step alone; --steps lists them
# OUT          a folder for the report; nothing is written anywhere else but in a temporary folder
#
# Every step has a limit of its own and is ended there; what it found until then is in the report.
# The exit status is 0 if no step has failed or had to be ended, else 1; 2 for a wrong option.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# name, seconds of ten minutes, title. What tells most comes first, what may hang a GPU last.
steps() {
  cat <<'LIST'
machine 20 The machine
check 25 Each augmentation against its host implementation, bit for bit
train 15 The training example
calls 50 What a call takes its thread
transfers 50 Transfers
latency 50 How long a consumer waits
waits 30 How soon the end of a copy is noticed, and at what cost
kernels 90 Kernels beside the memory's bandwidth
registers 5 Registers of the kernels
overlap 45 Copies behind a kernel
torch 20 The same copies by PyTorch
tests 120 The CUDA tests
sanitizer 35 compute-sanitizer
ncu 30 Nsight Compute
nsys 10 Nsight Systems
LIST
}

usage() {
  echo "run.sh [--software] [--minutes N] [--only STEP] OUT" >&2
  echo "$1" >&2
  exit 2
}

is_step() {
  local name seconds title
  while read -r name seconds title; do
    if [ "$name" = "$1" ]; then return 0; fi
  done < <(steps)
  return 1
}

# --- what the steps share ------------------------------------------------------------------------

runner="" # or exec, for a process that takes the signals itself

java_run() { # a class and its arguments
  $runner "$jdk/bin/java" -Xms256m -Xmx4g -XX:MaxDirectMemorySize=8g -XX:+UseParallelGC -XX:-UsePerfData \
    -XX:ErrorFile="$tmp/hs_err_%p.log" -XX:+IgnoreUnrecognizedVMOptions --enable-native-access=ALL-UNNAMED \
    -Djava.io.tmpdir="$tmp/java" -Duser.home="$tmp" -cp "$class_path" "$@"
}

gpu() { # a part of the benchmarks, its share of the time, and options
  local options=(--csv "$out/figures.csv")
  if [ "$software" = true ]; then options+=(--tiny); fi
  # A JVM, a context, the warm-up and the data take their time too.
  local seconds=$(((limit - 6) * 6 / 10))
  if ((seconds < 1)); then seconds=1; fi
  java_run io.pentrough.benchmarks.Benchmarks gpu "$1" --seconds "$seconds" "${options[@]}"
}

tool() { # the path of a program, where CUDA's toolkits put it
  local folder
  if command -v "$1" 2>/dev/null; then return 0; fi
  for folder in /usr/local/cuda/bin /usr/local/cuda-*/bin /opt/nvidia/nsight-compute/* /opt/nvidia/nsight-systems/*/bin \
    /usr/local/nvidia/bin; do
    if [ -x "$folder/$1" ]; then
      echo "$folder/$1"
      return 0
    fi
  done
  return 1
}

absent() { # why a step has nothing to do
  echo "Absent: $*"
  exit 77
}

fenced() { # a command, with what it says as it is
  printf '```text\n$ %s\n' "${*/#java_run/java}"
  "$@" 2>&1
  local code=$?
  printf '```\n\n'
  return "$code"
}

# found LIBRARY FOLDERS: where a library lies; by the loader's search path, the loader's cache, or else
# in one of the folders
found() {
  local name=$1 folder cache ldconfig
  shift
  local search
  IFS=: read -r -a search <<<"${LD_LIBRARY_PATH:-}"
  for folder in ${search[@]+"${search[@]}"}; do
    if [ -n "$folder" ] && [ -e "$folder/$name" ]; then
      echo "$folder/$name (LD_LIBRARY_PATH)"
      return 0
    fi
  done
  for ldconfig in ldconfig /sbin/ldconfig /usr/sbin/ldconfig; do
    # Read to its end: a pipe that grep closes early would make ldconfig fail.
    cache=$("$ldconfig" -p 2>/dev/null) || continue
    while read -r folder; do
      case $folder in
        "$name "*x86-64*"=> "*)
          echo "${folder##*=> } (the loader's cache)"
          return 0
          ;;
      esac
    done <<<"$cache"
    break
  done
  for folder in "$@"; do
    if [ -e "$folder/$name" ]; then
      echo "$folder/$name"
      return 0
    fi
  done
  return 1
}

site_packages() {
  python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))' 2>/dev/null
}

# --- the steps -----------------------------------------------------------------------------------

step_machine() {
  local smi name cublas
  {
    uname -a
    cat /etc/os-release
    lscpu
    free -m
    if smi=$(tool nvidia-smi); then
      "$smi" -q
      "$smi" topo -m
    fi
    env | grep -E '^(CUDA|NVIDIA|LD_LIBRARY_PATH|PATH)' | sort
  } >"$out/machine.txt" 2>&1
  echo "- Driver library: $driver"
  if [ -r /proc/driver/nvidia/version ]; then
    echo "- Kernel module: $(sed -n 1p /proc/driver/nvidia/version)"
  fi
  echo "- Processor: $(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null | sed -n 1p), $cores cores"
  echo "- System: $(uname -sr), C library $(getconf GNU_LIBC_VERSION 2>/dev/null || echo unknown)"
  for name in nvidia-smi nvcc ptxas ncu compute-sanitizer nsys python3 gcc; do
    echo "- $name: $(tool "$name" || echo absent)"
  done
  cublas=$(find_cublas)
  echo "- cuBLAS: ${cublas:-absent}"
  echo
  if [ "$software" = false ] && smi=$(tool nvidia-smi); then
    fenced "$smi" || return 1
    fenced "$smi" --query-gpu=name,driver_version,pstate,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,pcie.link.gen.current,pcie.link.gen.max,pcie.link.width.current,compute_mode,mig.mode.current,persistence_mode \
      --format=csv
  fi
  echo "All of it: machine.txt."
}

step_check() {
  gpu check
}

# "FILE", or "FILE by way of CUDA 13's FILE"
find_cublas() {
  local folders=(/usr/local/cuda/lib64 /usr/local/cuda-*/lib64 /usr/local/cuda*/targets/x86_64-linux/lib) site
  if [ "$software" = true ]; then
    found libcublas.so.12
    return
  fi
  if site=$(site_packages); then
    folders+=("$site"/nvidia/*/lib)
  fi
  found libcublas.so.12 "${folders[@]}" && return 0
  if site=$(found libcublas.so.13 "${folders[@]}") && [ -e "$here/cublas13/libcublas.so.12" ]; then
    echo "$here/cublas13/libcublas.so.12, which hands on to $site"
  fi
}

step_train() {
  local cublas file options=(--steps 1000 --workers 4) said code=0
  cublas=$(find_cublas)
  case $cublas in
    *"hands on to "*) file=${cublas##*hands on to } && LD_LIBRARY_PATH=$here/cublas13:$(dirname "${file%% (*}"):${LD_LIBRARY_PATH:-} ;;
    /*) LD_LIBRARY_PATH=$(dirname "${cublas%% (*}"):${LD_LIBRARY_PATH:-} ;;
  esac
  export LD_LIBRARY_PATH
  echo "cuBLAS: ${cublas:-absent, so the network runs on the host}"
  echo
  if [ "$software" = true ]; then options=(--steps 20 --batch 64); fi
  # Seen as it comes, should the step be ended.
  fenced java_run io.pentrough.example.Train "${options[@]}" | tee "$tmp/train.txt"
  code=${PIPESTATUS[0]}
  said=$(cat "$tmp/train.txt")
  case $code:$cublas:$said in
    0:?*:*"device: cuda"* | 0::*"device: host"*) return 0 ;;
    0:*)
      echo "It did not train where it should."
      return 1
      ;;
  esac
  return "$code"
}

step_calls() {
  gpu calls
}

step_transfers() {
  gpu transfers
}

step_latency() {
  gpu latency
}

step_waits() {
  local options=(--csv "$out/figures.csv")
  if [ "$software" = true ]; then options+=(--batches 100 --micros 20,200); fi
  fenced java_run io.pentrough.benchmarks.Benchmarks waits "${options[@]}"
}

step_kernels() {
  gpu kernels
}

step_registers() {
  local ptxas ptx capability target=sm_90 smi
  ptxas=$(tool ptxas) || absent "there is no ptxas."
  if smi=$(tool nvidia-smi) && capability=$("$smi" --query-gpu=compute_cap --format=csv,noheader 2>/dev/null); then
    capability=${capability%%$'\n'*}
    target=sm_${capability//./}
  fi
  for ptx in "$here"/classes/io/pentrough/augment/*.ptx; do
    if [ ! -e "$ptx" ]; then continue; fi
    fenced "$ptxas" -v --gpu-name "$target" -o "$tmp/kernel.cubin" "$ptx" || return 1
  done
}

step_overlap() {
  gpu overlap
}

step_torch() {
  if [ "$software" = true ]; then absent "PyTorch cannot use the driver in software."; fi
  command -v python3 >/dev/null || absent "there is no python3."
  python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null || absent "python3 has no PyTorch that sees a GPU."
  fenced python3 - <<'PYTHON'
import torch

def milliseconds(work, times):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    for _ in range(3):
        work()
    begin.record()
    for _ in range(times):
        work()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / times

print(torch.__version__, torch.cuda.get_device_name())
for bytes in 1 << 20, 16 << 20, 256 << 20:
    host = torch.empty(bytes, dtype=torch.uint8, pin_memory=True)
    device = torch.empty(bytes, dtype=torch.uint8, device="cuda")
    there = milliseconds(lambda: device.copy_(host, non_blocking=True), 20)
    back = milliseconds(lambda: host.copy_(device, non_blocking=True), 20)
    print(f"pinned, {bytes >> 20} MiB: {bytes / there / 1e6:.1f} GB/s to the device, {bytes / back / 1e6:.1f} to the host")
source = torch.randint(0, 255, (512 << 20,), dtype=torch.uint8, device="cuda")
target = torch.empty_like(source)
copy = milliseconds(lambda: target.copy_(source), 50)
print(f"within the device, 512 MiB: {2 * source.numel() / copy / 1e6:.0f} GB/s read and written")
PYTHON
}

step_tests() {
  local classes=$here/tests.txt jobs=1
  if [ "$software" = true ]; then
    classes=$tmp/some-tests.txt
    grep -E '\.(CudaLoaderTest|OneHotTest|KernelTest)$' "$here/tests.txt" >"$classes"
  elif ((cores >= 8)); then
    jobs=4
  fi
  cp "$classes" "$tmp/tests/list"
  xargs -P "$jobs" -n 1 bash "$here/run.sh" --test-class <"$classes"
}

# A class in a JVM of its own. What is known of it is in files, should somebody end all of it.
test_class() {
  local name=$1 code=0 began=$SECONDS file=$tmp/tests/$1
  export CUDA_DEVICE_MAX_CONNECTIONS=32
  : >"$file.log"
  timeout --foreground -k 3 "$class_limit" bash "$here/run.sh" --java io.pentrough.TestLines "$file.csv" "$name" >"$file.log" 2>&1 || code=$?
  echo "$code $((SECONDS - began))" >"$file.ended"
}

# A table of the classes, and the lines of tests.csv; also behind a step that was ended.
report_tests() {
  local name file code seconds passed failed skipped result well=0
  echo
  echo "| class | passed | failed | skipped | s | result |"
  echo "|---|---:|---:|---:|---:|---|"
  echo "class,test,result,ms,message" >"$out/tests.csv"
  while read -r name; do
    file=$tmp/tests/$name
    code="" seconds="" passed=0 failed=0 skipped=0
    if [ -e "$file.ended" ]; then read -r code seconds <"$file.ended"; fi
    if [ -e "$file.csv" ]; then
      passed=$(grep -c ',passed,' "$file.csv")
      failed=$(grep -c ',failed,' "$file.csv")
      skipped=$(grep -c ',skipped,' "$file.csv")
      sed 1d "$file.csv" >>"$out/tests.csv"
    fi
    case $code in
      0) result="well" ;;
      1) result="**FAILED**" ;;
      3) result="**has no tests**" ;;
      124 | 137) result="**ENDED at its limit of $class_limit s**" ;;
      "") if [ -e "$file.log" ]; then result="**ENDED with the step**"; else result="**NOT RUN: no time was left**"; fi ;;
      *) result="**its JVM ended with $code**" ;;
    esac
    if [ "$code" != 0 ] && [ -e "$file.csv.running" ]; then
      sed 's/,started,/,HANGS OR CRASHES,/' "$file.csv.running" >>"$out/tests.csv"
      result="$result in $(cut -d '"' -f 4 "$file.csv.running")"
    fi
    if [ "$code" != 0 ]; then well=1; fi
    echo "| $name | $passed | $failed | $skipped | $seconds | $result |"
  done <"$tmp/tests/list"
  echo
  echo "$(grep -c ',passed,' "$out/tests.csv") tests passed, $(grep -c ',failed,' "$out/tests.csv") failed. One line each: tests.csv."
  echo
  if [ "$well" != 0 ]; then
    echo '```text'
    grep -E ',(failed|HANGS OR CRASHES),' "$out/tests.csv" | cut -c 1-400
    echo '```'
  fi
  while read -r name; do
    if [ -s "$tmp/tests/$name.log" ]; then
      echo "--- $name" >>"$out/log.txt"
      head -c 200000 "$tmp/tests/$name.log" >>"$out/log.txt"
    fi
  done <"$tmp/tests/list"
  return "$well"
}

step_sanitizer() {
  local sanitizer name
  if [ "$software" = true ]; then absent "compute-sanitizer cannot use the driver in software."; fi
  sanitizer=$(tool compute-sanitizer) || absent "there is no compute-sanitizer."
  local memcheck=("$sanitizer" --tool memcheck --report-api-errors no --target-processes all --error-exitcode 66)
  fenced "${memcheck[@]}" bash "$here/run.sh" --java io.pentrough.benchmarks.Benchmarks gpu check --tiny || return
  export CUDA_DEVICE_MAX_CONNECTIONS=32
  for name in BlurTest OneHotTest AugmentationTest; do
    fenced "${memcheck[@]}" bash "$here/run.sh" --java io.pentrough.TestLines "$tmp/sanitizer.csv" "io.pentrough.augment.$name" || return
  done
}

step_ncu() {
  local ncu code=0
  if [ "$software" = true ]; then absent "ncu cannot use the driver in software."; fi
  ncu=$(tool ncu) || absent "there is no ncu."
  "$ncu" --target-processes all --csv --page details --log-file "$out/ncu.csv" --launch-count 30 \
    --kernel-name 'regex:augmentCrop|augmentWarp|blurAlong|blurAcross|oneHot|labelCrop|labelWarp' \
    --section SpeedOfLight --section MemoryWorkloadAnalysis --section LaunchStats --section Occupancy \
    bash "$here/run.sh" --java io.pentrough.benchmarks.Benchmarks gpu check >"$tmp/ncu.log" 2>&1 || code=$?
  echo '```text'
  grep -E '"(Duration|Memory Throughput|DRAM Throughput|Compute \(SM\) Throughput|Registers Per Thread|Achieved Occupancy)"' "$out/ncu.csv" |
    cut -d , -f 5- | cut -c 1-200
  tail -n 5 "$tmp/ncu.log"
  echo '```'
  return "$code"
}

step_nsys() {
  local nsys
  if [ "$software" = true ]; then absent "nsys cannot use the driver in software."; fi
  nsys=$(tool nsys) || absent "there is no nsys."
  fenced "$nsys" profile --trace cuda --stats true -o "$tmp/nsys" \
    bash "$here/run.sh" --java io.pentrough.benchmarks.Benchmarks gpu overlap --tiny
}

# --- inside a step: this script called by itself -------------------------------------------------

case ${1:-} in
  --step)
    trap 'exit 143' TERM # behind its command, which has the signal too; else that would be left
    "step_$2"
    exit
    ;;
  --test-class)
    test_class "$2"
    exit
    ;;
  --java)
    shift
    runner=exec
    java_run "$@"
    ;;
esac

# --- the options ---------------------------------------------------------------------------------

software=false
minutes=10
only=""
out=""
while (($# > 0)); do
  case $1 in
    --software) software=true ;;
    --minutes | --only)
      if (($# < 2)); then usage "$1 needs a value."; fi
      if [ "$1" = --minutes ]; then minutes=$2; else only=$2; fi
      shift
      ;;
    --steps)
      steps
      exit 0
      ;;
    -*) usage "There is no option $1." ;;
    *)
      if [ -n "$out" ]; then usage "One folder for the report, not $out and $1."; fi
      out=$1
      ;;
  esac
  shift
done
if [ -z "$out" ]; then usage "Name a folder for the report."; fi
if ! [[ $minutes =~ ^[0-9]{1,3}$ ]] || ((10#$minutes < 1 || 10#$minutes > 120)); then
  usage "--minutes is $minutes, but must be a whole number from 1 to 120."
fi
minutes=$((10#$minutes))
if [ -n "$only" ] && ! is_step "$only"; then usage "There is no step $only; --steps lists them."; fi
mkdir -p "$out" && out=$(cd "$out" && pwd) && [ -w "$out" ] || usage "The folder for the report cannot be made or written."

tmp=$(mktemp -d "${TMPDIR:-/tmp}/pentrough-gpu.XXXXXX" 2>/dev/null) || tmp=$(mktemp -d "$out/tmp.XXXXXX") || exit 1
mkdir "$tmp/java" "$tmp/tests"
running=""
trap 'rm -rf "$tmp"' EXIT
trap 'if [ -n "$running" ]; then kill "$running" 2>/dev/null; wait "$running"; kill -KILL -- "-$running" 2>/dev/null; fi; echo "interrupted; what was found until then: $out/report.md" >&2; exit 130' INT TERM

rm -f "$out"/report.md "$out"/tests.csv "$out"/figures.csv "$out"/log.txt "$out"/machine.txt "$out"/ncu.csv "$out"/hs_err.txt
report=$out/report.md
cd "$tmp" || exit 1
ulimit -c 0

# --- the machine ---------------------------------------------------------------------------------

cores=$(nproc 2>/dev/null || echo 1)
jdk=$here/jdk
class_path=$here/classes:$here/test-classes:$here/natives
for jar in "$here"/jars/*.jar; do class_path=$class_path:$jar; done

if [ "$software" = true ]; then
  if [ ! -e "$here/software-cuda/libcuda.so.1" ]; then
    echo "run.sh: this bundle has no driver in software; make it where there is gcc." >&2
    exit 1
  fi
  command -v gcc >/dev/null || {
    echo "run.sh: --software needs gcc, by which the driver in software compiles kernels." >&2
    exit 1
  }
  cp -r "$here/software-cuda" "$tmp/" # it writes beside itself
  LD_LIBRARY_PATH=$tmp/software-cuda
fi
driver=$(found libcuda.so.1 /usr/local/nvidia/lib64 /usr/local/nvidia/lib /usr/local/nvidia/*/ /usr/lib/x86_64-linux-gnu \
  /usr/lib64 /usr/lib64/nvidia /usr/lib/wsl/lib /usr/lib/nvidia-*) || driver="not found"
case $driver in
  "not found" | *" ("*) ;; # the loader finds it by itself, or nobody does
  *) LD_LIBRARY_PATH=$(dirname "$driver")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} ;;
esac
if [ -n "${LD_LIBRARY_PATH:-}" ]; then export LD_LIBRARY_PATH; fi

# EAGER: lazy loading may drain the GPU at a kernel's first launch. A cache in nobody's home.
export CUDA_MODULE_LOADING=EAGER CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_CACHE_PATH=$tmp/cuda-cache
export TMPDIR=$tmp PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
unset JDK_JAVA_OPTIONS JAVA_TOOL_OPTIONS _JAVA_OPTIONS CLASSPATH

{
  echo "# Pentrough on this machine's GPU"
  echo
  if [ "$software" = true ]; then
    echo "**A DRY RUN on the CUDA driver in software: no figure here means anything.**"
    echo
  fi
  echo "- begun: $(date -u +%Y-%m-%dT%H:%M:%SZ), for $minutes minutes"
  sed 's/^/- /' "$here/VERSION"
} >"$report"
{
  echo "part,case,measure,value"
  echo "# measured: $(date -u +%Y-%m-%d), $(sed -n 1p "$here/VERSION")"
} >"$out/figures.csv"

if [ "$driver" = "not found" ]; then
  {
    echo
    echo "**There is no NVIDIA driver:** no libcuda.so.1 on LD_LIBRARY_PATH, in the loader's cache or in the usual folders."
  } | tee -a "$report" >&2
  echo "If it lies elsewhere, add its folder to LD_LIBRARY_PATH. Without a GPU, --software shows a dry run." >&2
  exit 1
fi

if ! "$jdk/bin/java" -version >"$tmp/java.log" 2>&1; then
  LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/fallback-libs
  export LD_LIBRARY_PATH
  if ! "$jdk/bin/java" -version >"$tmp/java.log" 2>&1; then
    {
      echo
      echo "**The bundle's Java does not start here:** $(tr '\n' ' ' <"$tmp/java.log")"
      echo
      echo "$(sed -n 's/^built with: /The bundle needs /p' "$here/VERSION") or newer; make one on an older system."
    } | tee -a "$report" >&2
    exit 1
  fi
  echo "- libraries that Java needs are missing here; those of the bundle stand in" >>"$report"
fi

# --- the plan ------------------------------------------------------------------------------------

if [ "$software" = true ]; then
  least=60 # a machine that is loaded, and gcc
  class_limit=60
else
  least=5
  class_limit=$((3 * minutes > 5 ? 3 * minutes : 5))
fi
export here out tmp jdk class_path software cores driver class_limit

began=$SECONDS
plan_end=0
bad=()
summary=$'\n| step | result | s |\n|---|---|---:|\n'

run_step() { # name, seconds of ten minutes, title
  local name=$1 title=$3 code=0 started=$SECONDS result
  plan_end=$((plan_end + $2 * minutes / 10))
  # What earlier steps have left of their time is this one's.
  limit=$((plan_end - (SECONDS - began)))
  if ((limit < least)); then limit=$least; fi
  export limit
  printf '%s: %s ...\n' "$name" "$title"
  printf '\n## %s: %s\n\n' "$name" "$title" >>"$report"
  timeout -k 3 "$limit" bash "$here/run.sh" --step "$name" >"$tmp/step.txt" 2>"$tmp/step.err" &
  running=$!
  wait "$running"
  code=$?
  kill -KILL -- "-$running" 2>/dev/null # whoever of the step took no notice of its end
  running=""
  head -c 300000 "$tmp/step.txt" | sed 's/\x1b\[[0-9;]*[A-Za-z]//g; s/.*\r//' >>"$report"
  case $(grep -c '^```' "$tmp/step.txt") in
    *[13579]) printf '```\n' >>"$report" ;; # it was ended within a block
  esac
  case $name in
    tests) if [ -e "$tmp/tests/list" ] && ! report_tests >>"$report" && [ "$code" = 0 ]; then code=1; fi ;;
  esac
  case $code in
    0) result=well ;;
    77) result=absent ;;
    124 | 137)
      result="ENDED at its limit of $limit s"
      bad+=("$name")
      ;;
    *)
      result="FAILED (exit status $code)"
      bad+=("$name")
      ;;
  esac
  if [ -s "$tmp/step.err" ]; then
    { echo "--- $name" && head -c 500000 "$tmp/step.err"; } >>"$out/log.txt"
    if [ "$code" != 0 ] && [ "$code" != 77 ]; then
      { printf '\n```text\n' && tail -n 60 "$tmp/step.err" | cut -c 1-300 && printf '```\n'; } >>"$report"
    fi
  fi
  printf '\n%s: **%s** after %d s\n' "$name" "$result" "$((SECONDS - started))" >>"$report"
  summary+="| $name | $result | $((SECONDS - started)) |"$'\n'
  if [ "$result" != well ]; then echo "  $result"; fi
}

while read -r name seconds title; do
  if [ -z "$only" ] || [ "$only" = "$name" ]; then
    run_step "$name" "$seconds" "$title" </dev/null
  fi
done < <(steps)

for file in "$tmp"/hs_err_*.log; do
  if [ -e "$file" ]; then head -c 300000 "$file" >>"$out/hs_err.txt"; fi
done
{
  printf '\n## Summary\n%s\nAll of it took %d s.\n' "$summary" "$((SECONDS - began))"
  if [ -e "$out/hs_err.txt" ]; then echo "A JVM has crashed: hs_err.txt."; fi
} >>"$report"
echo "report: $report"
if ((${#bad[@]} > 0)); then
  echo "run.sh: these steps failed or had to be ended: ${bad[*]}" >&2
  exit 1
fi

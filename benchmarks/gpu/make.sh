#!/usr/bin/env bash
# Makes the folder that measures a machine with a GPU and nothing else: make.sh DIR JAVA_HOME CLASS_PATH
# For benchmarks/on-gpu.sh --bundle, which has Maven call it.
set -euo pipefail

if (($# != 3)); then
  echo "make.sh DIR JAVA_HOME CLASS_PATH; benchmarks/on-gpu.sh --bundle DIR calls it with what Maven knows." >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
bundle=${1%/}
java_home=$2
class_path=$3
max_mib=60

fail() {
  echo "on-gpu.sh: $*" >&2
  exit 1
}

[ -x "$java_home/bin/jlink" ] || fail "$java_home has no bin/jlink; set JAVA_HOME to a JDK that has one."
is_bundle() {
  [ -x "$bundle/run.sh" ] && [ -x "$bundle/jdk/bin/java" ] && grep -q '^bundle made: ' "$bundle/VERSION" 2>/dev/null
}
if [ -e "$bundle" ] && ! is_bundle && [ -n "$(ls -A "$bundle")" ]; then
  fail "$bundle is there already and is no bundle; name another folder."
fi

mkdir -p "$(dirname "$bundle")"
part=$bundle.part
rm -rf "$part"
mkdir -p "$part/jars"

# Without java.desktop, so without charts.
"$java_home/bin/jlink" --add-modules java.base,java.logging,java.management,jdk.management,jdk.unsupported \
  --strip-debug --no-man-pages --no-header-files --compress=2 --output "$part/jdk"

software=""
while IFS= read -r entry; do
  case $entry in
    */archunit* | */xchart-* | */arpack_combined_all-* | */commons-math3-*) ;; # no step uses them
    */commons-compress-* | */commons-csv-* | */commons-io-* | */commons-codec-* | */*prometheus-*) ;;
    */jcuda-natives-*)
      # Three quarters of it are a compiler that only tests without a GPU call.
      mkdir "$part/natives"
      unzip -q "$entry" -d "$part/natives" -x '*libJNvPTXCompiler*'
      ;;
    *.jar) cp "$entry" "$part/jars/" ;;
    *) if [ -d "$entry" ]; then
      case $entry in
        */test-classes | */test)
          cp -r "$entry" "$part/test-classes"
          software=$(dirname "$entry")/software-cuda
          ;;
        *) cp -r "$entry" "$part/classes" ;;
      esac
    fi ;;
  esac
done < <(tr ':' '\n' <<<"$class_path")
[ -d "$part/natives" ] || fail "the class path has no jcuda-natives for Linux; this is for Linux on x86-64 only."
[ -d "$part/classes" ] && [ -d "$part/test-classes" ] || fail "the class path has no target/classes and target/test-classes."
find "$part/test-classes" -type d -name jmh_generated -prune -exec rm -r {} +

# For a machine whose own are missing: the JDK needs them.
mkdir "$part/fallback-libs"
for library in libstdc++.so.6 libgcc_s.so.1 libz.so.1; do
  file=$(ldd "$java_home/lib/server/libjvm.so" "$java_home/lib/libzip.so" 2>/dev/null |
    sed -n "s/^[[:space:]]*$library => \(\/[^ ]*\).*/\1/p" | sed -n 1p)
  if [ -n "$file" ]; then
    cp -L "$file" "$part/fallback-libs/"
  fi
done

if [ -e "$software/libcuda.so.1" ]; then
  mkdir "$part/software-cuda"
  cp "$software/libcuda.so.1" "$software/libcublas.so.12" "$part/software-cuda/"
  cp -r "$software/cublas13" "$part/cublas13"
  cat >"$part/software-cuda/README" <<'TEXT'
A CUDA driver and a cuBLAS in software, for tests and for run.sh --software. Never for use.
TEXT
  cat >"$part/cublas13/README" <<'TEXT'
A libcublas.so.12 that hands each call to CUDA 13's libcublas.so.13. For the step "train" of run.sh, and never for use:
nobody has checked that each call means the same there.
TEXT
fi

# The most telling first. Last those that end contexts, close things under kernels, or throw dice.
"$java_home/bin/java" -cp "$class_path" io.pentrough.TestLines --list >"$part/tests.part"
first='\.(CudaLoaderTest|AugmentationTest|BlurTest|OneHotTest|StageTest|LoaderGetTest|CudaDeviceContractTest)$'
last='\.(KernelTest|CudaDeviceTest|CudaSharedUseTest|KeptContextTest|ResetStressTest|[A-Za-z]*FuzzTest|LaunchFailureTest)$'
{
  grep -E "$first" "$part/tests.part"
  grep -Ev "$first|$last" "$part/tests.part"
  grep -E "$last" "$part/tests.part"
} >"$part/tests.txt"
cmp -s <(sort "$part/tests.part") <(sort "$part/tests.txt") || fail "tests.txt is not the list of the tests."
rm "$part/tests.part"

cp "$here/run.sh" "$part/run.sh"
chmod +x "$part/run.sh"
{
  echo "commit: $(git -C "$project" describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)"
  echo "bundle made: $(date -u +%Y-%m-%dT%H:%MZ)"
  echo "JDK: $("$java_home/bin/java" -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java\.runtime\.version = //p')"
  echo "built with: $(getconf GNU_LIBC_VERSION 2>/dev/null || echo "an unknown C library")"
} >"$part/VERSION"

kib=$(du -sk --apparent-size "$part" | cut -f 1)
if ((kib > max_mib * 1024)); then
  fail "the bundle has $((kib / 1024)) MiB, more than $max_mib; it is left in $part to look at."
fi
rm -rf "$bundle"
mv "$part" "$bundle"
echo "bundle: $bundle, $(((kib + 1023) / 1024)) MiB, $(wc -l <"$bundle/tests.txt") test classes"

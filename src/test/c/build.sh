#!/bin/bash
# Builds the software CUDA driver and cuBLAS, and a cuBLAS 12 over cuBLAS 13: build.sh TARGET_FOLDER JAVA_HOME CLASS_PATH
# JCuda's native libraries are taken from the jars on the class path; every call they import gets at
# least a stub, because a missing one would end the JVM at its first use.
set -euo pipefail

sources=$(cd "$(dirname "$0")" && pwd)
target=$1
java_home=$2
class_path=$3

natives() {
  tr ':' '\n' <<<"$class_path" | grep -E "/$1-natives-[^/]*-linux-x86_64\.jar$" | head -n 1 || {
    echo "build.sh: no $1-natives jar for Linux on the class path" >&2
    exit 1
  }
}
jcuda=$(natives jcuda)
jcublas=$(natives jcublas)

driver=$target/libcuda.so.1
cublas=$target/libcublas.so.12 # moved into place last

if [ -e "$driver" ] && [ -e "$cublas" ] && [ -e "$target/cublas13/libcublas.so.12" ] \
  && [ -z "$(find "$sources" "$jcuda" "$jcublas" -newer "$cublas" -print -quit)" ]; then
  exit 0
fi

# Built aside and moved into place, so that a broken build never looks up to date.
build=$target/build
rm -rf "$target"
mkdir -p "$build"
unzip -q -o -j "$jcuda" 'lib/libJCudaDriver-*' -d "$build"
unzip -q -o -j "$jcublas" 'lib/libJCublas2-*' -d "$build"

options=(-std=gnu11 -O1 -g -fPIC -fvisibility=hidden -ftls-model=initial-exec -pthread
  -Wall -Wextra -Werror -I"$java_home/include" -I"$java_home/include/linux" -I"$sources")

# calls LIBRARY OBJECT PATTERN: what there is to import, and what of it is written
calls() {
  nm -D --undefined-only "$1" | awk '{sub("@.*", "", $2); print $2}' | { grep -E "$3" || true; } | sort >"$2.imported"
  nm --defined-only "$2" | awk '$2 == "T" {print $3}' | { grep -E "$3" || true; } | sort >"$2.written"
}

# stubs OBJECT HEADER TYPE FUNCTION LIST: the calls that are not written, and a list of all
stubs() {
  echo "#include \"$2\""
  comm -23 "$1.imported" "$1.written" | while read -r call; do
    echo "CUDA_API $3 $call(void);"
    echo "$3 $call(void) { static struct ApiCall *c; return $4(&c, \"$call\"); }"
  done
  echo "extern const char *const $5[];"
  echo "const char *const $5[] = {"
  sed 's/.*/  "&",/' "$1.imported"
  echo '  0};'
}

gcc "${options[@]}" -r -o "$build/driver.o" "$sources"/*.c &
driver_compiler=$!
gcc "${options[@]}" -O3 -r -o "$build/cublas.o" "$sources"/cublas/*.c
wait "$driver_compiler"

calls "$build"/libJCudaDriver-* "$build/driver.o" '^cu[A-Z]'
stubs "$build/driver.o" sim.h CUresult sim_unsupported sim_imported_calls >"$build/stubs.c"
gcc "${options[@]}" -shared -Wl,-soname,libcuda.so.1 -Wl,--no-undefined \
  -o "$build/libcuda.so.1" "$build/driver.o" "$build/stubs.c"

# Its symbols have a version, as NVIDIA's have.
echo 'libcublas.so.12 { global: cublas[A-Z]*; local: *; };' >"$build/cublas.map"
calls "$build"/libJCublas2-* "$build/cublas.o" '^cublas[A-Z]'
stubs "$build/cublas.o" cublas/cublas.h cublasStatus cublas_unsupported cublas_imported_calls >"$build/cublas_stubs.c"
gcc "${options[@]}" -shared -Wl,-soname,libcublas.so.12 -Wl,--no-undefined -Wl,--version-script="$build/cublas.map" \
  -o "$build/libcublas.so.12" "$build/cublas.o" "$build/cublas_stubs.c" "$build/libcuda.so.1"

# Hands cuBLAS 12's calls to cuBLAS 13.
mkdir "$target/cublas13"
awk '{print "CALL(" NR - 1 ", " $0 ")"}' "$build/cublas.o.imported" >"$build/calls.inc"
gcc "${options[@]}" -I"$build" -shared -Wl,-soname,libcublas.so.12 -Wl,--no-undefined -Wl,--version-script="$build/cublas.map" \
  -o "$target/cublas13/libcublas.so.12" "$sources/cublas13/forward.c" -ldl

mv "$build/libcuda.so.1" "$driver"
mv "$build/libcublas.so.12" "$cublas"
echo "software CUDA driver: $(wc -l <"$build/driver.o.written") calls written, $(wc -l <"$build/driver.o.imported") imported by JCuda"
echo "software cuBLAS: $(wc -l <"$build/cublas.o.written") calls written, $(wc -l <"$build/cublas.o.imported") imported by JCublas2"

#!/bin/bash
# Builds the software CUDA driver: build.sh TARGET_FOLDER JAVA_HOME CLASS_PATH
# JCuda's native library is taken from the jar on the class path; every call it imports gets at least
# a stub, because a missing one would end the JVM at its first use.
set -euo pipefail

sources=$(cd "$(dirname "$0")" && pwd)
target=$1
java_home=$2
class_path=$3

natives_jar=$(tr ':' '\n' <<<"$class_path" | grep -E 'jcuda-natives-[^/]*-linux-x86_64\.jar$' | head -n 1) || {
  echo "build.sh: no jcuda-natives jar for Linux on the class path" >&2
  exit 1
}
library=$target/libcuda.so.1

if [ -e "$library" ] && [ -z "$(find "$sources" "$natives_jar" -newer "$library" -print -quit)" ]; then
  exit 0
fi

# Built aside and moved into place, so that a broken build never looks up to date.
build=$target/build
rm -rf "$target"
mkdir -p "$build"
unzip -q -o -j "$natives_jar" 'lib/libJCudaDriver-*' -d "$build"

options=(-std=gnu11 -O2 -g -fPIC -fvisibility=hidden -ftls-model=initial-exec -pthread
  -Wall -Wextra -Werror -I"$java_home/include" -I"$java_home/include/linux" -I"$sources")

gcc "${options[@]}" -r -o "$build/driver.o" "$sources"/*.c

nm -D --undefined-only "$build"/libJCudaDriver-* | awk '$2 ~ /^cu[A-Z]/ {print $2}' | sort >"$build/imported"
nm --defined-only "$build/driver.o" | awk '$2 == "T" && $3 ~ /^cu[A-Z]/ {print $3}' | sort >"$build/written"

{
  echo '#include "sim.h"'
  comm -23 "$build/imported" "$build/written" | while read -r call; do
    echo "CUDA_API CUresult $call(void);"
    echo "CUresult $call(void) { static struct ApiCall *c; return sim_unsupported(&c, \"$call\"); }"
  done
  echo 'extern const char *const sim_imported_calls[];'
  echo 'const char *const sim_imported_calls[] = {'
  sed 's/.*/  "&",/' "$build/imported"
  echo '  0};'
} >"$build/stubs.c"

gcc "${options[@]}" -shared -Wl,-soname,libcuda.so.1 -Wl,--no-undefined \
  -o "$build/libcuda.so.1" "$build/driver.o" "$build/stubs.c"
mv "$build/libcuda.so.1" "$library"
echo "software CUDA driver: $(wc -l <"$build/written") calls written, $(wc -l <"$build/imported") imported by JCuda"

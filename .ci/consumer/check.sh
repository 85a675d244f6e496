#!/usr/bin/env bash
# Whether a user's program resolves, compiles and runs with the artifact as it would be published: on this system with
# JCuda's native libraries, and for a Mac and an ARM machine without them, as there are none.
# Needs the artifact's jars in target/, so it runs behind mvn -Pstrict verify.
set -euo pipefail
cd "$(dirname "$0")/../.."
repository=file://$PWD/target/consumer-repository
work=$PWD/target/consumer
rm -rf target/consumer-repository "$work"
cp -r .ci/consumer "$work"
# The files are those of docs/first-program.md. A user's local repository has the artifact; this one is asked here.
sed -i "s|^  <dependencies>|  <repositories><repository><id>built-here</id><url>$repository</url>\
    <snapshots><updatePolicy>always</updatePolicy></snapshots></repository></repositories>\n&|" "$work/pom.xml"

maven() {
  mvn --batch-mode --no-transfer-progress --quiet "$@"
}

version=$(sed -n 's/^  <version>\(.*\)<\/version>/\1/p' pom.xml)
jar=target/pentrough-$version
maven org.apache.maven.plugins:maven-deploy-plugin:3.1.4:deploy-file -Durl="$repository" -DrepositoryId=built-here \
  -DpomFile=pom.xml -Dfile="$jar.jar" -Dsources="$jar-sources.jar" -Djavadoc="$jar-javadoc.jar"

consumer() {
  maven -f "$work/pom.xml" "$@"
}

natives_on() { # the native libraries that Maven would resolve on a system: name, architecture
  JDK_JAVA_OPTIONS="-Dos.name=\"$1\" -Dos.arch=$2" consumer org.apache.maven.plugins:maven-dependency-plugin:3.9.0:tree \
    -DoutputFile="$work/tree.txt" >/dev/null 2>&1
  grep -q "io.pentrough:pentrough" "$work/tree.txt"
  grep -q "org.jcuda:jcuda:jar" "$work/tree.txt"
  grep -o "jcuda-natives.*x86_64" "$work/tree.txt" || true
}

expect() { # a system, an architecture, the natives it must have
  local seen
  seen=$(natives_on "$1" "$2" | sed 's/.*jar://')
  if [ "$seen" != "$3" ]; then
    echo "$1 on $2 resolves the native libraries '$seen', not '$3'" >&2
    exit 1
  fi
  echo "$1 on $2: ${seen:-no native libraries}"
}

echo "== a user's program"
expect Linux amd64 linux-x86_64
expect "Mac OS X" aarch64 ""
expect Linux aarch64 ""

run() { # the program, with this command
  local printed
  printed=$("$@" 2>"$work/errors.txt") || {
    cat "$work/errors.txt" >&2
    exit 1
  }
  echo "$printed"
  if ! grep -qx "100 steps, 1600 patches, 775 of class 1" <<<"$printed"; then # Maven may reset its colours behind it
    echo "the program did not end as its page says" >&2
    exit 1
  fi
}

run consumer compile exec:java

if command -v gradle >/dev/null; then
  echo "== the same by Gradle"
  class_path=$(gradle -q --no-daemon -p "$work" -PbuiltHere="$repository" -PpentroughVersion="$version" classPath | tail -1)
  run "${JAVA_HOME:+$JAVA_HOME/bin/}java" -cp "$class_path" Main
else
  echo "Gradle is not installed: build.gradle was not tried"
fi

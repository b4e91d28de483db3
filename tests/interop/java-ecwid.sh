#!/usr/bin/env bash
# interop: quick – a session with the Java client com.ecwid.consul:consul-api (Maven), which Spring Cloud Consul uses
. "$(dirname "$0")/lib.sh"

VERSION=1.4.5
jars="$CACHE/java-ecwid-$VERSION"
if [ ! -f "$jars/.complete" ]; then
  rm -rf "$jars"
  mvn -q -B -f "$INTEROP_DIR/java/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DoutputDirectory="$jars" >"$WORK/mvn.log" 2>&1 && touch "$jars/.complete" \
    || absent "could not install: $(grep -m 2 ERROR "$WORK/mvn.log" | tr '\n' '|')"
fi
javac -nowarn -cp "$jars/*" -d "$WORK/classes" "$INTEROP_DIR/java/Session.java" >"$WORK/javac.log" 2>&1 \
  || { fail setup "could not compile: $(head -n 5 "$WORK/javac.log" | tr '\n' '|')"; finish; }
agent_start judge
results < <(java -cp "$jars/*:$WORK/classes" Session "$HTTP_PORT" judge 2>/dev/null)
finish

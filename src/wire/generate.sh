#!/bin/sh
# Makes src/wire/generated/launcher.{js,d.ts} from proto/launcher/v1/*.proto, the same bytes from the same input.
# Why: generated code is checked in, so that users need no generator, and verified, so that it is never edited by hand.
# `generate.sh` writes the files; `generate.sh --check` writes nothing, shows the difference and exits 1 if there is one.
# It must never depend on where it is called from, or leave files behind.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PATH="$PWD/node_modules/.bin:$PATH"

# No verify, convert, delimited, typeurl: nobody calls them. Numbers, not Long: every number of ours fits a double.
generate() {
  pbjs --target static-module --wrap esm --es6 --force-number --root balsam --path proto/launcher/v1 \
    --no-verify --no-convert --no-delimited --no-typeurl --no-service "$@" envelope.proto coordinator.proto agent.proto
}
# The types come from the comments, the code ships without them: it is little more than half as long.
generate --dts --out "$scratch/types.js"
generate --no-comments --out "$scratch/launcher.js"
# `import x = require()` is no ES module syntax, and nothing is a Long.
sed '/^import Long = require("long");$/d' "$scratch/types.d.ts" >"$scratch/launcher.d.ts"

if [ "${1:-}" = --check ]; then
  status=0
  for file in launcher.js launcher.d.ts; do
    diff -u "src/wire/generated/$file" "$scratch/$file" || status=1
  done
  [ $status = 0 ] || echo 'generated code differs from proto/: run src/wire/generate.sh' >&2
  exit $status
fi
mkdir -p src/wire/generated
cp "$scratch/launcher.js" "$scratch/launcher.d.ts" src/wire/generated/

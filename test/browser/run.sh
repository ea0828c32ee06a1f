#!/usr/bin/env bash
# usage: test/browser/run.sh PROGRAM CHROMIUM FOLDER
#
# Makes pages with the program and drives chromium over them. FOLDER keeps what npm brings, and the
# screenshots.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$1 chromium=$2 folder=$3

mkdir -p "$folder"
cp "$here"/*.mjs "$here"/package.json "$folder"
cmp -s "$here/package-lock.json" "$folder/package-lock.json" || {
  cp "$here/package-lock.json" "$folder"
  (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error) >&2 || {
    rm -f "$folder/package-lock.json" # so that the next run installs again
    echo "run.sh: npm ci could not install what package.json names" >&2
    exit 1
  }
}
cd "$folder"
rm -rf pages screenshots
mkdir pages screenshots
ANYCAPTURE_PROGRAM=$program ANYCAPTURE_CHROMIUM=$chromium exec node all_test.mjs

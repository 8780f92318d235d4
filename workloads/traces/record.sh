#!/usr/bin/env bash
# Records the committed traces again.
#
#     record.sh PROGRAMS [CBIT]
#
# PROGRAMS is the folder that build-programs.sh filled; CBIT the cbit to use (default: cbit).
set -euo pipefail

programs=$(cd "${1:?usage: record.sh PROGRAMS [CBIT]}" && pwd)
cbit=$(command -v "${2:-cbit}") || { echo "error: ${2:-cbit} is missing" >&2; exit 4; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# An empty environment: what lies on the stack then depends on nothing of this machine.
record()
{
    env -i PATH="$PATH" "$cbit" trace record --force "$@" >/dev/null
}

record -o "$here/sqlite.cbt" --limit 1500000 \
    --licence 'public domain (SQLite 3.40.1), MIT (musl 1.2.3)' \
    -- "$programs/sqlite3" :memory: <"$here/sqlite.sql"

text=$(mktemp)
trap 'rm -f "$text"' EXIT
seq 1 30000 >"$text"
record -o "$here/xz.cbt" --limit 1500000 \
    --licence 'public domain (XZ Utils 5.4.1), MIT (musl 1.2.3)' \
    -- "$programs/xz" -T1 --lzma2=preset=0,dict=256KiB -c <"$text"

env -i PATH="$PATH" "$cbit" trace info "$here/sqlite.cbt" "$here/xz.cbt"

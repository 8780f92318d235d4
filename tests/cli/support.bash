# Shared by the scripts of this folder: a temporary folder to work in, checks, and the tool.
# shellcheck shell=bash
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cbit=$CBIT_BUILD/cbit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$root/workloads/traces/xz.cbt" t.cbt

checks=0
failures=0

check() # NAME COMMAND...
{
    local name=$1
    shift
    checks=$((checks + 1))
    "$@" || {
        failures=$((failures + 1))
        printf 'failed: %s\n--- status %s, standard output:\n%s\n--- standard error:\n%s\n' \
            "$name" "$status" "$(head -c 2000 stdout)" "$(head -c 4000 stderr)" >&2
    }
}

# tool ARG...: runs cbit; $status and the files stdout and stderr hold what it said.
tool()
{
    status=0
    "$cbit" "$@" >stdout 2>stderr || status=$?
}

ended() # STATUS
{
    [ "$status" = "$1" ]
}
silent()
{
    [ ! -s stdout ]
}
said() # TEXT on standard output
{
    grep -qF -- "$1" stdout
}
complained() # TEXT on standard error
{
    grep -qF -- "$1" stderr
}
same() # FILE FILE
{
    cmp -s "$1" "$2"
}
differ() # FILE FILE
{
    ! cmp -s "$1" "$2"
}
absent() # FILE...
{
    local file
    for file in "$@"; do
        [ ! -e "$file" ] || return 1
    done
}

repeat() # TEXT TIMES
{
    awk -v text="$1" -v times="$2" 'BEGIN { while (times-- > 0) printf "%s", text }'
}

finish()
{
    printf '%d%%: Checks: %d, Failures: %d, Errors: 0\n' \
        $(((checks - failures) * 100 / checks)) "$checks" "$failures"
    [ "$failures" = 0 ]
}

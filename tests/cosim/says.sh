# Sourced by the scripts of this folder: runs of cbit cosim and what they must say.
# shellcheck shell=bash
cbit=${CBIT_BUILD:-build}/cbit
cbit=$(readlink -f "$cbit" 2>/dev/null || true)
if ! command -v verilator >/dev/null || ! "$cbit" cosim --beats 1 >/dev/null 2>&1; then
    echo "skipped: needs verilator and a cbit with it"
    exit 77
fi
folder=$(mktemp -d)
export CXXFLAGS=-O0 # the runs are short: to optimise takes longer than they do
trap 'rm -rf "$folder"' EXIT
told=
checks=0
failures=0

# says STATUS TEXT ARGUMENT...: cbit cosim ends with STATUS and tells TEXT
says()
{
    local status=$1 text=$2 got=0
    shift 2
    checks=$((checks + 1))
    told=$("$cbit" cosim "$@" 2>&1) || got=$?
    if [ "$got" != "$status" ] || ! grep -qF -- "$text" <<<"$told"; then
        printf 'cbit cosim %s: exit %s, wanted %s and "%s":\n%s\n' "$*" "$got" "$status" "$text" "$told"
        failures=$((failures + 1))
    fi
}

# also TEXT...: the same run tells this too
also()
{
    local text
    for text in "$@"; do
        checks=$((checks + 1))
        if ! grep -qE -- "$text" <<<"$told"; then
            printf 'wanted "%s" in:\n%s\n' "$text" "$told"
            failures=$((failures + 1))
        fi
    done
}

# holds WHAT COMMAND...: the command succeeds
holds()
{
    local what=$1
    shift
    checks=$((checks + 1))
    if ! "$@"; then
        printf 'does not hold: %s\n' "$what"
        failures=$((failures + 1))
    fi
}

# the_end: the count, in Check's words
the_end()
{
    printf '%d%%: Checks: %d, Failures: %d, Errors: 0\n' $((100 * (checks - failures) / checks)) \
        "$checks" "$failures"
    [ "$failures" = 0 ]
}

# Verilator's coverage data of any number of runs: the share of points of rtl/ that were hit, and those that were not.
# excluded: a file of "file | pattern of what | reason" lines; comments begin with #.
BEGIN {
    while ((getline line < excluded) > 0) {
        if (line ~ /^#/ || split(line, field, / *[|] */) < 3) continue
        rules++
        rule_file[rules] = field[1]
        rule_what[rules] = field[2]
    }
}

/^C / {
    count = $NF
    text = substr($0, 4, length($0) - 4 - length(count))
    file = what = kind = line = column = ""
    n = split(text, part, "\001")
    for (i = 1; i <= n; i++) {
        split(part[i], pair, "\002")
        if (pair[1] == "f") file = pair[2]
        if (pair[1] == "l") line = pair[2]
        if (pair[1] == "n") column = pair[2]
        if (pair[1] == "o") what = pair[2]
        if (pair[1] == "page") kind = pair[2]
    }
    if (file !~ /rtl\/(checks\/\.\.\/)?aes_[a-z0-9_]*\.vh?$/) next
    sub(/.*\//, "", file)
    kind = kind ~ /toggle/ ? "toggle" : "line"
    point = kind "|" file "|" line (kind == "line" ? ":" column : "") "|" what
    hits[point] += count
}

function is_excluded(file, what,    i)
{
    for (i = 1; i <= rules; i++) {
        if (file ~ ("^" rule_file[i] "$") && what ~ ("^" rule_what[i] "$")) {
            used[i]++
            return 1
        }
    }
    return 0
}

END {
    for (point in hits) {
        split(point, field, "|")
        if (hits[point] == 0 && is_excluded(field[2], field[1] == "line" ? "line " field[3] : field[4])) {
            left_out[field[1]]++
            continue
        }
        all[field[1]]++
        if (hits[point] > 0) covered[field[1]]++
        else missing[++missed] = point
    }
    split("line toggle", kinds, " ")
    for (i = 1; i <= 2; i++) {
        k = kinds[i]
        share[k] = all[k] ? 100 * covered[k] / all[k] : 0
        printf "%s coverage: %d of %d points, %.2f %%; %d left out with a reason\n", k, covered[k], all[k], share[k], left_out[k]
    }
    for (i = 1; i <= missed && i <= 60; i++) print "  not covered: " missing[i] | "sort"
    exit !(share["line"] == 100 && share["toggle"] >= 98)
}

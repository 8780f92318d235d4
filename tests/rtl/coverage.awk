# Verilator's coverage data of any number of runs, and toggles as rtl_bench writes them: the shares, and what is missing.
# excluded: a file of "set (pattern) | signal or line (pattern) | reason"; tried: the sets.
BEGIN {
    while ((getline line < excluded) > 0) {
        if (line ~ /^#/ || split(line, field, / +[|] +/) < 3) continue
        rules++
        rule_set[rules] = "^(" field[1] ")$"
        rule_what[rules] = "^(" field[2] ")$"
        rule_text[rules] = line
    }
    count_of_sets = split(tried, set_names, " ")
}

function reason(set, what,    i)
{
    for (i = 1; i <= rules; i++) {
        if (set ~ rule_set[i] && what ~ rule_what[i]) return i
    }
    return 0
}

# A bit that did not toggle.
function untoggled(set, name, bit, bits,    rule)
{
    rule = reason(set, name (bits == 1 ? "" : bit))
    if (rule) {
        used[rule]++
        left_out["toggle"]++
        return
    }
    all["toggle"]++
    if (!(set "|" name in lost)) lost[set "|" name] = ++missed
    missing[lost[set "|" name]] = "toggle " set " " name " " (lost_bits[set "|" name] = lost_bits[set "|" name] bit)
}

FILENAME ~ /\.toggles$/ {
    split($0, part, "|")
    name = part[2]
    sub(/^TOP\.aes_engine\./, "", name)
    gsub(/__BRA__/, "[", name)
    gsub(/__KET__/, "]", name)
    all["toggle"] += part[4]
    covered["toggle"] += part[4]
    n = split(part[5], bit, " ")
    for (i = 1; i <= n; i++) untoggled(part[1], name, bit[i], part[3])
    if (n != part[3] - part[4]) { missing[++missed] = "bits of " name " are not all named"; all["toggle"]++ }
    next
}

/^C / {
    count = $NF
    text = substr($0, 4, length($0) - 4 - length(count))
    file = what = line = column = ""
    n = split(text, part, "\001")
    for (i = 1; i <= n; i++) {
        split(part[i], pair, "\002")
        if (pair[1] == "f") file = pair[2]
        if (pair[1] == "l") line = pair[2]
        if (pair[1] == "o") what = pair[2]
    }
    if (file !~ /rtl\/(checks\/\.\.\/)?aes_[a-z0-9_]*\.vh?$/) next
    sub(/.*\//, "", file)
    hits[file ":" line " " what] += count
}

END {
    for (point in hits) {
        if (hits[point] == 0 && (rule = reason("any", point))) {
            used[rule]++
            left_out["line"]++
            continue
        }
        all["line"]++
        if (hits[point] > 0) covered["line"]++
        else missing[++missed] = "line " point
    }
    for (i = 1; i <= missed && i <= 400; i++) print "  not covered, no reason: " missing[i] | "sort"
    close("sort")
    for (i = 1; i <= rules; i++) {
        for (k = 1; k <= count_of_sets; k++) {
            if (set_names[k] ~ rule_set[i] && !used[i]) { print "  excludes nothing: " rule_text[i]; idle++; break }
        }
        if (used[i]) printf "  %6d left out: %s\n", used[i], rule_text[i]
    }
    split("line toggle", kinds, " ")
    for (i = 1; i <= 2; i++) {
        k = kinds[i]
        share[k] = all[k] ? 100 * covered[k] / all[k] : 0
        printf "%s coverage: %d of %d, %.2f %%; %d left out with a reason, %.2f %% with those\n", k, covered[k], all[k], share[k],
            left_out[k], all[k] ? 100 * covered[k] / (all[k] + left_out[k]) : 0
    }
    exit !(share["line"] == 100 && share["toggle"] >= 98 && missed == 0 && idle == 0)
}

# The values of all presets beside each other, with where each is from, as Markdown. Input: for each preset a
# line "preset NAME", then what cbit check --print-config says of it.
/^preset / { preset = $2; names[++presets] = preset; depth = 0; next }
/^ *"[a-z0-9_]+": \{$/ { key = $1; gsub(/[":]/, "", key); path[++depth] = key; next }
/^ *\},?$/ { if (depth > 0) depth--; next }
/^ *"[a-z0-9_]+": \{"value": / {
    key = $1
    gsub(/[":]/, "", key)
    pointer = ""
    for (i = 1; i <= depth; i++) pointer = pointer "/" path[i]
    pointer = pointer "/" key
    if (pointer !~ /^\/(sev|vcpu|cache|fabric|iommu|engine)\//) next
    value = $0
    sub(/^[^{]*\{"value": /, "", value)
    sub(/, "(unit|from)": .*$/, "", value)
    gsub(/"/, "", value)
    unit = ""
    if (match($0, /"unit": "[^"]*"/)) unit = " (" substr($0, RSTART + 9, RLENGTH - 10) ")"
    source = $0
    if (!sub(/^.*"source": "/, "", source)) source = "not said"
    sub(/"\},?$/, "", source)
    gsub(/\|/, "\\|", source)
    if (!(pointer in row)) { order[++rows] = pointer; row[pointer] = unit }
    values[pointer, preset] = value
    sources[pointer, preset] = source
}
END {
    printf "| parameter |"
    for (p = 1; p <= presets; p++) printf " %s |", names[p]
    printf " from |\n|---|"
    for (p = 1; p <= presets; p++) printf "---|"
    print "---|"
    for (r = 1; r <= rows; r++) {
        pointer = order[r]
        printf "| `%s`%s |", pointer, row[pointer]
        said = ""
        parts = 0
        for (p = 1; p <= presets; p++) {
            printf " %s |", values[pointer, names[p]]
            source = sources[pointer, names[p]]
            at = 0
            for (i = 1; i <= parts; i++) if (part[i] == source) at = i
            if (!at) { part[++parts] = source; who[parts] = names[p] } else who[at] = who[at] ", " names[p]
            total++
            if (source ~ /assumed/) assumed++
            if (source == "not said") missing++
        }
        for (i = 1; i <= parts; i++) said = said (i > 1 ? "; " : "") (parts > 1 ? who[i] ": " : "") part[i]
        print " " said " |"
    }
    printf "\n%d values of %d parameters; %d are assumed, %d say nothing.\n", total, rows, assumed, missing + 0
}

# The worker of tests/lint/layers: file names on standard input, the table in $ALLOWED.

function fail(text)
{
    printf "%s:%d: %s: %s\n", file, line_number, line, text
    broken++
}

# The part that a path from the root belongs to.
function part_of_path(path,    word, n)
{
    n = split(path, word, "/")
    if (path ~ /^firmware\/include\/sev\//) return "sev"
    if (path ~ /^firmware\/tools\//) return "signing"
    if (path == "firmware/image.h" || path == "firmware/symbols.h") return "image"
    if (path ~ /^model\/include\/cbit\//) return n == 4 ? "platform" : word[4]
    if (word[1] == "model") return word[2]
    return word[1]
}

# The part that an #include "name" reaches from a file of folder; "" when there is no such file of
# ours.
function part_of_include(name, folder,    word)
{
    if (name == "cbit/firmware.h") return "image" # its name where it is installed
    if (name ~ /^cbit\//) {
        split(name, word, "/")
        if (word[2] ~ /\.h$/) return tops[name]
        return word[2]
    }
    if (name ~ /^sev\//) return "sev"
    if (name == "firmware/image.h" || name == "firmware/symbols.h") return "image"
    if (known[name]) return part_of_path(name)
    if (known[folder "/" name]) return part_of_path(folder "/" name)
    if (part == "firmware" && known["firmware/" name]) return part # its own include path
    if (name ~ /^cbit_test[a-z_]*\.h$/) return "tests"
    return ""
}

function check_ours(name,    to)
{
    to = part_of_include(name, folder)
    if (to == "") {
        if (part == "cosim" && name ~ /^V[a-z0-9_]+\.h$|^verilated|^gtkwave\//) return # Verilator's
        if (part == "tests" && name ~ /^gtkwave\//) return
        fail("no such file of ours")
    } else if (to != part && !may[part, to]) {
        fail(part " may not include " to)
    }
}

# Libraries are listed; of the C library only stdio.h is, since the model prints nothing.
function check_library(name,    top)
{
    top = name
    sub(/\/.*/, "/*", top)
    if (may[part, "<" top ">"] || may[part, "<" name ">"]) return
    if (name == "stdio.h" ? is_model[part] : name in listed || top in listed) {
        fail(part " may not include <" name ">")
    } else if (is_model[part] && name ~ /\// && name !~ /^sys\//) {
        fail(part " may not include <" name ">")
    }
}

function read_file(    name)
{
    line_number = 0
    while ((getline line < file) > 0) {
        line_number++
        if (line !~ /^[ \t]*#[ \t]*include[ \t]*["<]/) continue
        name = line
        sub(/^[ \t]*#[ \t]*include[ \t]*["<]/, "", name)
        sub(/[">].*/, "", name)
        includes++
        if (line ~ /include[ \t]*</) check_library(name)
        else check_ours(name)
    }
    close(file)
}

BEGIN {
    blocks = "aes dram umc fabric iommu cache vcpu sp"
    model = "base sim " blocks " platform"
    n = split(model, names, " ")
    for (i = 1; i <= n; i++) is_model[names[i]] = 1
    rows = split(ENVIRON["ALLOWED"], row, "\n")
    for (i = 1; i <= rows; i++) {
        if (split(row[i], column, "|") != 2) continue
        gsub(/ /, "", column[1])
        gsub(/(^| )blocks( |$)/, " " blocks " ", column[2])
        gsub(/(^| )model( |$)/, " " model " ", column[2])
        parts[column[1]] = 1
        n = split(column[2], target, " ")
        for (j = 1; j <= n; j++) {
            may[column[1], target[j]] = 1
            if (target[j] ~ /^</) listed[substr(target[j], 2, length(target[j]) - 2)] = 1
        }
    }
}

{
    count++
    path[count] = $0
    known[$0] = 1
    if ($0 ~ /include\/cbit\/[^\/]*\.h$/) {
        top = $0
        sub(/.*include\//, "", top)
        tops[top] = part_of_path($0)
    }
}

END {
    for (f = 1; f <= count; f++) {
        file = path[f]
        folder = file
        if (!sub(/\/[^\/]*$/, "", folder)) folder = "."
        part = part_of_path(file)
        if (!(part in parts)) {
            line_number = 1
            line = part
            fail("this part is not in the table of tests/lint/layers")
            continue
        }
        read_file()
    }
    if (count == 0 || includes == 0) {
        print "layers: nothing to read"
        exit 1
    }
    if (broken) {
        printf "layers: %d of %d includes break the rule\n", broken, includes
        exit 1
    }
    printf "   %d includes in %d files\n", includes, count
}

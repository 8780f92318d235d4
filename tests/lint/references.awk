# references.awk FILE...: the rule of tests/lint/references. Reads everything once: what exists, and what
# pages and comments speak of; the check is at the end. FILES in the environment is the list of all our
# files.
BEGIN {
    prefix = "[^A-Za-z0-9_](cbit|umc|CBIT)_[A-Za-z0-9_]*[*]?"
    n = split(ENVIRON["FILES"], files, "\n")
    for (i = 1; i <= n; i++) {
        path = files[i]
        exists[path] = 1
        while (sub("/[^/]*$", "", path)) {
            if (exists[path] && i > 1) break
            exists[path] = 1
            if (path !~ "/") top[path] = 1
        }
        stem = files[i]
        if (sub("[.][a-z]+$", "", stem)) exists[stem] = 1
        if (match(files[i], "/include/cbit/")) exists[substr(files[i], RSTART + 9)] = 1
    }
    for (i in top) tops = tops (tops == "" ? "" : "|") i
    path_start = "[^A-Za-z0-9_/.$}<-](" tops "|cbit)/[A-Za-z0-9_.*/{},-]+"
}

FNR == 1 {
    if (FILENAME ~ /^docs\/[^\/]*[.]md$/) pages[FILENAME] = 1
    comment = 0
    page = FILENAME ~ /[.]md$/
    c = FILENAME ~ /[.](c|h|cpp|v|sv|vh|svh|S)$/
}

# What is said, and what is there: a page is all said, code is said between the marks of comments.
{
    said = page ? $0 : ""
    there = page || c ? "" : $0
    if (c) split_comments($0)
    if (there != "") take_names(there)
    if (said != "") take_references(" " said)
    if (page) take_links($0)
}

function split_comments(line,    open, slashes, shut)
{
    while (line != "") {
        if (comment) {
            shut = index(line, "*/")
            said = said " " (shut ? substr(line, 1, shut - 1) : line)
            line = shut ? substr(line, shut + 2) : ""
            comment = !shut
            continue
        }
        open = index(line, "/*")
        slashes = index(line, "//")
        if (slashes && (!open || slashes < open)) {
            said = said " " substr(line, slashes + 2)
            there = there " " substr(line, 1, slashes - 1)
            return
        }
        there = there " " (open ? substr(line, 1, open - 1) : line)
        line = open ? substr(line, open + 2) : ""
        comment = open > 0
    }
}

function take_names(line)
{
    line = " " line
    while (match(line, prefix)) {
        name[substr(line, RSTART + 1, RLENGTH - 1)] = 1
        line = substr(line, RSTART + RLENGTH)
    }
}

function remember(kind, what)
{
    count++
    kind_of[count] = kind
    what_of[count] = what
    where_of[count] = FILENAME ":" FNR
    folder_of[count] = FILENAME
}

function take_references(line,    rest, word)
{
    rest = line
    while (match(rest, prefix)) {
        remember("name", substr(rest, RSTART + 1, RLENGTH - 1))
        rest = substr(rest, RSTART + RLENGTH)
    }
    rest = line
    while (match(rest, path_start)) {
        word = substr(rest, RSTART + 1, RLENGTH - 1)
        rest = substr(rest, RSTART + RLENGTH)
        if (rest ~ /^[<$%]/) continue # the beginning of a pattern
        sub("[.,:/-]+$", "", word)
        remember("path", word)
    }
}

# Headings as the names that links give them; links to our own files.
function take_links(line,    word)
{
    if (line ~ /^#+ /) {
        word = tolower(line)
        sub(/^#+ /, "", word)
        gsub(/[^a-z0-9_ -]/, "", word)
        gsub(" ", "-", word)
        heading[FILENAME "#" word] = 1
    }
    while (match(line, /\]\([^) ]+\)/)) {
        word = substr(line, RSTART + 2, RLENGTH - 3)
        line = substr(line, RSTART + RLENGTH)
        if (word !~ "://") remember("link", word)
        if (FILENAME == "README.md") readme[word] = 1
    }
}

function is_name(word,    i)
{
    if (word in name) return 1
    if (word !~ /[_*]$/) return 0
    sub(/[*]$/, "", word)
    for (i in name) if (index(i, word) == 1) return 1
    return 0
}

function is_path(word,    i)
{
    if (word in exists) return 1
    if (word !~ /[*{]/) return 0
    gsub("[.]", "[.]", word)
    gsub("[*]", "[^/]*", word)
    gsub("[{]", "(", word)
    gsub("[}]", ")", word)
    gsub(",", "|", word)
    for (i in exists) if (i ~ "^" word "$") return 1
    return 0
}

function is_link(word, page,    at, anchor)
{
    at = index(word, "#")
    anchor = at ? substr(word, at) : ""
    word = at ? substr(word, 1, at - 1) : word
    if (word == "") {
        word = page
    } else if (sub("/[^/]*$", "/", page)) {
        word = page word
    }
    while (sub("[^/]+/[.][.]/", "", word)) {}
    sub("/$", "", word)
    return (word in exists) && (anchor == "" || (word anchor) in heading)
}

END {
    for (i = 1; i <= count; i++) {
        what = what_of[i]
        kind = kind_of[i]
        if (kind == "name" ? is_name(what) : kind == "path" ? is_path(what) : is_link(what, folder_of[i])) {
            continue
        }
        printf "%s: %s: there is no such %s\n", where_of[i], what, kind
        wrong++
    }
    for (page in pages) {
        if (page in readme) continue
        printf "%s: README.md has no link to it\n", page
        wrong++
    }
    if (wrong) exit 1
    printf "   %d references\n", count
}

# The commands of a compile_commands.json as CMake writes it, with those of each file that is
# compiled together with others (a unity group) in place of the group's. How gcc is to copy and
# to clear is left out: clang and its tools do not know those flags.

# Text with each `from` replaced by `to`, neither of which is a pattern.
function replaced(text, from, to,    at, out) {
    while ((at = index(text, from)) > 0) {
        out = out substr(text, 1, at - 1) to
        text = substr(text, at + length(from))
    }
    return out text
}

function entry(file) {
    printf "%s{\n%s\n%s\n  \"file\": \"%s\"\n}", count++ ? ",\n" : "[\n", directory,
        replaced(command, path, file), file
}

/^ *"directory": / { directory = $0 }
/^ *"command": / {
    command = $0
    gsub(/ -mmem(cpy|set)-strategy=[^ "]*/, "", command)
}
/^ *"file": / {
    path = $0
    gsub(/^ *"file": "|",?$/, "", path)
    if (path !~ /\/unity_[^\/]*_c\.c$/) {
        entry(path)
        next
    }
    while ((getline line < path) > 0) {
        if (line ~ /^#include "/) {
            split(line, part, "\"")
            entry(part[2])
        }
    }
    close(path)
}

END { print "\n]" }

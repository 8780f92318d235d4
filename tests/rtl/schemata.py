#!/usr/bin/env python3
"""tests/rtl/schemata.py OUT [NUMBERS]: a copy of rtl/ under OUT/rtl that holds every mutant of it, or those whose numbers begin
the lines of a file, and OUT/mutants, the list of all.

Each expression E of the source becomes (aes_engine.mutsel == N) ? MUTATED : E, for every small change that the
rules below make of it: an operator, a negation, a constant, a condition, an index, an enable, an input of an instance. One
compilation then serves all mutants; the added input mutsel chooses one, 0 none. In what is instantiated in a
loop (rounds, address bits, bytes) a mutant sits in one instance only where that can make a difference.

OUT/mutants, one a line: number # sets of parameters in which the code exists # file # change.
"""
import os
import re
import shutil
import sys
import zlib

TOKEN = re.compile(r"\d*'[bdh][0-9a-fA-F_]+|[A-Za-z_$`][\w$]*|\d+|~\^|&&|\|\||==|!=|<=|>=|<<|>>|\+:|\S")
SETS = ["small", "shared", "in_order", "deep", "safe", "composite", "all_on", "all_on_flips"]
ALL_ON = {"all_on", "all_on_flips"}  # everything that can be chosen at once, without and with the flip test

# In which sets a generate block exists; blocks that are not named exist in all.
BLOCKS = {
    "gen_shared": {"shared"} | ALL_ON, "gen_separate": set(SETS) - {"shared"} - ALL_ON,
    "gen_twin": {"safe"} | ALL_ON, "gen_no_twin": set(SETS) - {"safe"} - ALL_ON,
    "gen_parity": {"safe"} | ALL_ON, "gen_plain": set(SETS) - {"safe"} - ALL_ON,
    "gen_in_order": {"in_order"} | ALL_ON, "gen_around": set(SETS) - {"in_order"} - ALL_ON,
    "gen_middle": {"deep"} | ALL_ON, "gen_through": set(SETS) - {"deep"} - ALL_ON,
    "gen_composite": {"composite"},
}
# Code that exists many times: what tells the instances apart, first and last of them, and how many to try of each change.
INSTANCES = {"aes_round.v": ("ROUND", 1, 9, 1), "aes_functions.vh": ("ROUND", 1, 9, 1), "aes_stage.v": ("WHERE", 0, 9, 1),
             "aes_reg.v": ("WHERE", 1, 9, 1), "gen_round": ("r", 1, 10, 3), "gen_bit": ("i", 4, 51, 4),
             "gen_sum": ("k", 4, 51, 8), "gen_byte": ("k", 0, 3, 3),
             "gen_key": ("WHERE", 1, 9, 1)}
ONCE = {"gen_exit", "gen_no_key"}  # in the last round and at the entry only
# What makes that possible: the choice comes in at the top, and stages and registers know their round.
ADDED = {
    "aes_engine.v": [("input  wire             clk_i,", "input  wire [15:0]      mutsel,\n  input  wire             clk_i,")],
    "aes_round.v": [("aes_stage #(", "aes_stage #(.WHERE(ROUND), ")],
    "aes_stage.v": [("module aes_stage #(", "module aes_stage #(\n  parameter WHERE = 0,"), ("aes_reg #(", "aes_reg #(.WHERE(WHERE), ")],
    "aes_reg.v": [("module aes_reg #(", "module aes_reg #(\n  parameter WHERE = 99,")],
    "aes_key_expand.v": [("aes_functions.vh", "../aes_functions.vh")],  # as it is: only rounds have numbers
    # S-boxes: one byte of a word has mutants, and is composite if any; more are too much for Verilator.
    "aes_sub_word.v": [(".COMPOSITE(COMPOSITE)", ".COMPOSITE((k == 0) ? COMPOSITE : 0), .MUTANTS(k == 0)")],
    "aes_sbox.v": [("module aes_sbox #(", "module aes_sbox #(\n  parameter MUTANTS = 0,"), ("_table u_sbox", "_table #(.MUTANTS(MUTANTS)) u_sbox")],
    "aes_sbox_table.v": [("module aes_sbox_table (", "module aes_sbox_table #(parameter MUTANTS = 0) (")],
    "aes_inv_sbox_table.v": [("module aes_inv_sbox_table (", "module aes_inv_sbox_table #(parameter MUTANTS = 0) (")],
}
# What does nothing without PARITY: reports of faults, and the reset of what is no flag.
PARITY_ONLY = re.compile(r"fault|u_(tweak|meta|state|error|key|constant|sub|encrypt|decrypt)[.]rst_ni")
TABLE_ENTRIES = 20  # mutated words of each S-box table

OPERATORS = {"&&": ["||"], "||": ["&&"], "&": ["|"], "|": ["&"], "^": ["|", "&"], "~^": ["^"], "+": ["-"], "-": ["+"],
             "==": ["!="], "!=": ["=="], "<": [">="], ">>": ["<<"], "<<": [">>"], "!": [""], "~": [""]}
NAMES = {"ERROR_OK": ["2'd1", "2'd3"], "ERROR_NOT_LOADED": ["2'd2", "2'd0"], "ERROR_FAULT": ["2'd1", "2'd0"],
         "LAST": ["(LAST - 1'b1)"], "RESET": ["~RESET"]}


class Token:
    def __init__(self, match):
        self.text, self.start, self.end = match.group(), match.start(), match.end()


def without_comments(text):
    return re.sub(r"//[^\n]*", lambda m: " " * len(m.group()), text)


def closing(tokens, i):
    """Index of the bracket that closes the one at i."""
    depth = 0
    while True:
        depth += tokens[i].text in "([{"
        depth -= tokens[i].text in ")]}"
        if depth == 0:
            return i
        i += 1


def until(tokens, i, stop):
    """Index of the first token `stop` from i on, brackets skipped."""
    while tokens[i].text != stop:
        i = closing(tokens, i) + 1 if tokens[i].text in "([{" else i + 1
    return i


def is_generate(tokens, i):
    """Whether the condition that ends before i is one of a generate block: those have names."""
    return tokens[i].text == "begin" and tokens[i + 1].text == ":"


def assigned(tokens, i):
    """What the = at i gives a value to: name and index."""
    begin = i - 1
    if tokens[begin].text == "]":
        while tokens[begin].text != "[":
            begin -= 1
        begin -= 1
    return "".join(t.text for t in tokens[begin:i])


def sites(tokens):
    """Expressions that may be changed: (first token, token behind the last, names of blocks around, label)."""
    blocks, i, depth, instance = [], 0, 0, ""
    while i < len(tokens):
        text = tokens[i].text
        instance = text if text.startswith("u_") else instance
        if text in ("localparam", "`include", "`default_nettype"):
            i = until(tokens, i, ";") if text == "localparam" else i + 1
        elif text == "for":
            i = closing(tokens, i + 1)
        elif text == "begin":
            blocks.append(tokens[i + 2].text if tokens[i + 1].text == ":" else "")
        elif text == "end":
            blocks.pop()
        elif text == "if":
            end = closing(tokens, i + 1)
            if not is_generate(tokens, end + 1):
                yield i + 2, end, list(blocks), "if"
            i = end
        elif text == "." and depth == 1 and re.search(r"_n?i$", tokens[i + 1].text):
            end = closing(tokens, i + 2)
            if tokens[i + 1].text != "clk_i":
                yield i + 3, end, list(blocks), f"{instance}.{tokens[i + 1].text}"
            i = end
        elif text in ("=", "<=") and depth == 0:
            end = until(tokens, i, ";")
            target = assigned(tokens, i)
            is_call = target.startswith("call") and tokens[i + 2].text == "("  # its arguments and users are changed
            if not target.startswith("unused") and not is_call:
                yield i + 1, end, list(blocks), f"{target} {text}"
            i = end
        else:
            depth += text in "([{"
            depth -= text in ")]}"
        i += 1


def condition_of(tokens, i, first):
    """First token of the condition whose '?' is at i."""
    depth = 0
    while i > first:
        text = tokens[i - 1].text
        depth += text in ")]}"
        depth -= text in "([{"
        if depth < 0 or (depth == 0 and text in ("?", ":", ",")):
            break
        i -= 1
    return i


def constant(text):
    """Other values of a sized constant."""
    width, base, digits = re.fullmatch(r"(\d*)'([bdh])([0-9a-fA-F_]+)", text).groups()
    value = int(digits.replace("_", ""), {"b": 2, "d": 10, "h": 16}[base])
    bit = zlib.crc32(text.encode()) % int(width)
    return [f"{width}'h{value ^ 1 << bit:x}"]


class Calls:
    """Gives every call of a function, and each of its arguments, a name of its own: the mutants of an expression are copies
    of it, and copies of calls within copies of calls would have no end."""

    def __init__(self, functions):
        self.count = 0
        self.widths = {}  # of the result and the arguments: "[31:0]"
        for body in re.findall(r"\nfunction automatic (.*?)endfunction", functions, re.S):
            name = re.match(r"(\[\d+:0\]) (\w+);", body)
            self.widths[name[2]] = [name[1]] + re.findall(r"input\s+(\[\d+:0\])", body)

    def named(self, width, value, declare):
        self.count += 1
        name = f"call{self.count}"
        return name, (f"wire {width} {name} = {value};\n" if declare else f"{name} = {value};\n")

    def first(self, tokens):
        """(name, bracket, closing bracket) of an innermost call that has no name yet, or None."""
        found = None
        for i, token in enumerate(tokens):
            if token.text in self.widths and tokens[i + 1].text == "(" and not assigned(tokens, i - 1).startswith("call"):
                found = i, i + 1, closing(tokens, i + 1)
            elif token.text == ")" and found and found[2] == i:
                return found
        return None

    def apart(self, text, declare):
        """The text with all calls taken out of their expressions; declare: as wires, else as assignments."""
        while True:
            tokens = [Token(m) for m in TOKEN.finditer(without_comments(text))]
            call = self.first(tokens)
            if call is None:
                return text
            name, bracket, end = call
            widths, before, arguments, i = self.widths[tokens[name].text], "", [], bracket + 1
            for width in widths[1:]:
                stop = i
                while stop < end and tokens[stop].text != ",":
                    stop = closing(tokens, stop) + 1 if tokens[stop].text in "([{" else stop + 1
                value = text[tokens[i].start:tokens[stop - 1].end]
                argument, line = self.named(width, value, declare)
                arguments.append(argument)
                before += line
                i = stop + 1
            result, line = self.named(widths[0], f"{tokens[name].text}({', '.join(arguments)})", declare)
            at = statement(tokens, name)
            text = text[:at] + before + line + text[at:tokens[name].start] + result + text[tokens[end].end:]

    def functions(self, text):
        """The file of functions, with the calls in them named."""
        def one(match):
            head, body = re.match(r"(.*?;(?:\s*input[^;]*;)+)(.*)", match[0], re.S).groups()
            if "(" not in body or not any(name + "(" in body for name in self.widths):
                return match[0]
            if "begin" not in body:
                body = " begin" + body.replace("endfunction", "end endfunction")
            before = self.count
            body = self.apart(body, False)
            names = [f"call{n}" for n in range(before + 1, self.count + 1)]
            return head + "".join(f" reg {self.width_of(body, n)} {n};" for n in names) + body
        return re.sub(r"function automatic.*?endfunction", one, text, flags=re.S)

    def width_of(self, body, name):
        """Of a name that was given to a call or to an argument."""
        made = re.search(rf"\b{name} = (\w+)\(call", body)
        if made:
            return self.widths[made[1]][0]
        user, arguments = re.search(rf"= (\w+)\(((?:call\d+, )*{name}\b[^)]*)\)", body).groups()
        return self.widths[user][1 + arguments.split(", ").index(name)]


def statement(tokens, i):
    """Where the statement that token i is in begins."""
    while tokens[i - 1].text not in (";", "begin", "end") and not tokens[i - 1].text.startswith("gen_"):
        i -= 1
    return tokens[i].start


def index(tokens, i, end):
    """Another index or range for the bracket at i: a neighbour of the same width; None where it is not of constants."""
    inside = [t.text for t in tokens[i + 1:end]]
    if len(inside) == 1 and inside[0].isdigit():
        return f"[{int(inside[0]) ^ 1}]"
    if len(inside) == 3 and inside[1] == ":" and inside[0].isdigit() and inside[2].isdigit():
        high, low = int(inside[0]), int(inside[2])
        width = high - low + 1
        if width in (8, 16, 32, 64) and low % width == 0:
            return f"[{high ^ width}:{low ^ width}]"
    return None


def of_the_whole(whole, label):
    """Mutants of an expression as such."""
    if re.fullmatch(r"\d*'[bdh][0-9a-fA-F_]+", whole):
        return
    one_line = " ".join(whole.split())
    yield (f"!({whole})" if label == "if" else f"~({whole})"), f"{one_line} -> its complement"
    if "{1'b0}" not in one_line:
        yield "'0", f"{one_line} -> 0"
    if label == "if" or re.search(r"(valid|ready|read|write|en|take|accept|push|pop|start|clear|wipe)_?[a-z]*( <?=)?$", label):
        yield "1'b1", f"{one_line} -> 1"
    if re.search(r"[.](state|key|tweak|data|write_data|write_key|enc_key|dec_key|pipe_data)_i$", label):
        bit = zlib.crc32((label + whole).encode()) % 128
        yield f"({whole}) ^ (128'h1 << {bit})", f"{one_line}: bit {bit} flipped"


def changes(text, tokens, first, last, label):
    """Mutated texts of the expression, each with the change in words."""
    whole = text[tokens[first].start:tokens[last - 1].end]

    def cut(a, b, new):
        left, right = tokens[a].start - tokens[first].start, tokens[b].end - tokens[first].start
        return whole[:left] + new + whole[right:]

    yield from of_the_whole(whole, label)
    i = first
    while i < last:
        token = tokens[i]
        near = " ".join(text[tokens[max(first, i - 4)].start:tokens[min(last - 1, i + 4)].end].split())
        if token.text == "[":
            end = closing(tokens, i)
            other = index(tokens, i, end)
            if other is not None:
                yield cut(i, end, other), f"{near}: {text[token.start:tokens[end].end]} -> {other}"
            i = end
        elif token.text in OPERATORS and not tokens[i - 1].text.endswith("_W"):
            for new in OPERATORS[token.text]:
                yield cut(i, i, new), f"{near}: {token.text} -> {new or 'nothing'}"
        elif token.text == "?":
            begin = condition_of(tokens, i, first)
            test = text[tokens[begin].start:tokens[i - 1].end]
            for new in (f"!({test})", "1'b1", "1'b0"):
                yield cut(begin, i - 1, new), f"{' '.join(test.split())} ? ...: condition -> {new}"
        elif re.fullmatch(r"\d+'[bdh][0-9a-fA-F_]+", token.text):
            for new in constant(token.text):
                yield cut(i, i, new), f"{near}: {token.text} -> {new}"
        elif token.text in NAMES:
            for new in NAMES[token.text]:
                yield cut(i, i, new), f"{near}: {token.text} -> {new}"
        i += 1


def places(name, blocks, whole, change):
    """Conditions for one instance each; '' (all of them) where they are not the same code."""
    if ONCE & set(blocks):
        return {""}
    for key in blocks + [name]:
        if key in INSTANCES and "LAST" not in whole and "ROUND ==" not in whole and "round_constant" not in change:
            variable, low, high, count = INSTANCES[key]
            number = zlib.crc32((name + change).encode())
            if variable == "k" and not re.search(r"\[k\]|8\*k", whole):
                continue
            return {f"{variable} == {low + (number + n * 17) % (high - low + 1)}" for n in range(count)}
    return {""}


class Schemata:
    """keep: the numbers of the mutants that are to be in the source, None: all."""

    def __init__(self, keep):
        self.lines, self.times, self.keep = [], {}, keep

    def wanted(self, number):
        return self.keep is None or number in self.keep

    def add(self, sets, name, change):
        what = f"{name} # {change}"
        self.times[what] = self.times.get(what, 0) + 1
        if self.times[what] > 1:  # the same words somewhere else in the file
            what += f" ({self.times[what]})"
        self.lines.append(f"{len(self.lines) + 1} # {' '.join(s for s in SETS if s in sets)} # {what}")
        return len(self.lines)

    def expression(self, name, text, tokens, site):
        """The expression with all of its mutants around it."""
        first, last, blocks, label = site
        sets = set(SETS) if name != "aes_sbox_composite.v" else {"composite"}
        for block in blocks:
            sets &= BLOCKS.get(block, sets)
        if PARITY_ONLY.search(label) and name != "aes_reg.v":
            sets = sets & ({"safe"} | ALL_ON) or sets
        whole = text[tokens[first].start:tokens[last - 1].end]
        out, seen = f"({whole})", {whole}
        for mutated, change in changes(text, tokens, first, last, label):
            if mutated in seen:
                continue
            seen.add(mutated)
            change = f"{'/'.join(b for b in blocks if b)} {label} {change}".strip()
            for only in sorted(places(name, blocks, whole, change)):
                number = self.add(sets, name, change + (f" where {only}" if only else ""))
                if not self.wanted(number):
                    continue
                test = f"(aes_engine.mutsel == 16'd{number})" + (f" && ({only})" if only else "")
                out = f"({test}) ? ({mutated}) : {out}"
        return f"({out})" if "?" in out and "mutsel" in out else whole

    def file(self, name, text):
        tokens = [Token(m) for m in TOKEN.finditer(without_comments(text))]
        out, done = [], 0
        for site in sites(tokens):
            start, end = tokens[site[0]].start, tokens[site[1] - 1].end
            out += [text[done:start], self.expression(name, text, tokens, site)]
            done = end
        return "".join(out) + text[done:]

    def table(self, name, text):
        """A wrong word: the table stays one, and its output is changed where the input is that word's."""
        flips = []
        for k in range(TABLE_ENTRIES):
            entry, bit = (k * 53 + 7) % 256, k * 5 % 8
            number = self.add(set(SETS) - {"composite"}, name, f"word {entry:02x}: bit {bit} flipped")
            if self.wanted(number):
                flips.append(f"((aes_engine.mutsel == 16'd{number}) && (byte_i == 8'h{entry:02x}) ? 8'h{1 << bit:02x} : 8'h0)")
        text = text.replace("output reg  [7:0] byte_o", "output wire [7:0] byte_o").replace("byte_o = 8'h", "word = 8'h")
        return text.replace("  // One arm", "  reg [7:0] word;\n  assign byte_o = MUTANTS ? word ^ " + " ^ ".join(flips + ["8'h0"]) + " : word;\n  // One arm")


def main():
    out = os.path.join(sys.argv[1], "rtl")
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../rtl")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(os.path.join(here, "checks"), os.path.join(out, "checks"))
    shutil.copy(os.path.join(here, "aes_functions.vh"), sys.argv[1])
    keep = None
    if len(sys.argv) > 2:
        with open(sys.argv[2]) as file:
            keep = {int(line.split()[0]) for line in file}
    made = Schemata(keep)
    with open(os.path.join(here, "aes_functions.vh")) as file:
        calls = Calls(file.read())
    for name in sorted(n for n in os.listdir(here) if re.fullmatch(r"aes_.*\.vh?", n)):
        with open(os.path.join(here, name)) as file:
            text = file.read()
        if name == "aes_functions.vh":
            text = calls.functions(text)
        elif "aes_functions.vh" in text:
            text = calls.apart(text, True)
        text = made.table(name, text) if "table" in name else made.file(name, text)
        for old, new in ADDED.get(name, []):
            assert old in text, (name, old)
            text = text.replace(old, new)
        with open(os.path.join(out, name), "w") as file:
            file.write(text)
    with open(os.path.join(sys.argv[1], "mutants"), "w") as file:
        file.write("\n".join(made.lines) + "\n")


main()

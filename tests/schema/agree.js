// Whether the schema, as ajv reads it, and the tool accept and refuse the same documents.
//   node agree.js CBIT SCHEMA TRACE [SEED [COUNT]]     COUNT 0: every case that there is
// Cases come from the schema itself: for each row values inside and outside, in every writing, other types, missing and
// unknown keys, keys of other kinds. A document is a valid scenario with one case in it and up to three harmless ones.
'use strict';
const { spawnSync } = require('child_process');
const fs = require('fs');
const Ajv = require('ajv/dist/2020');

const [cbit, schemaPath, trace, seedText = '1', countText = '600'] = process.argv.slice(2);
const schema = JSON.parse(fs.readFileSync(schemaPath, 'utf8'));
// strict: a keyword that ajv does not know is an error. A kind's rule may require a key that is described beside it.
const validate = new Ajv({ strict: true, strictRequired: false, strictTypes: false }).compile(schema);

// --- what only the loader knows; these cases are left out, and nothing else is --------------------
// Beside these, by construction: numbers of more than 2^53 or six decimals, quoted numbers outside their range, sizes with rules,
// texts that are not ASCII, duplicate keys, and names of guests, files and cores that are not there.
const onlyTheLoader = require('./only-the-loader.json');

const isLeftOut = (pointer, name) =>
    onlyTheLoader.some(r => new RegExp(`^${r.row}$`).test(pointer) && new RegExp(`^(${r.cases})$`).test(name));

// --- a small generator of numbers, the same everywhere --------------------------------------------
let state = BigInt(seedText);
function below(n) { // splitmix64
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return Number((z ^ (z >> 31n)) % BigInt(n));
}

// --- a value as it stands in the file: text that JSON.stringify would not write --------------------
class Raw { constructor(text) { this.text = text; } }
function write(doc) {
    const raws = [];
    const text = JSON.stringify(doc, (_, v) => (v instanceof Raw ? `\u0001${raws.push(v.text) - 1}` : v), 1);
    return text.replace(/"\\u0001(\d+)"/g, (_, n) => raws[n]);
}

// --- cases of one value: [name, value] --------------------------------------------------------------
const scalars = { text: 'zzz', empty: '', number: 7, fraction: 1.5, yes: true, null: null, array: [], object: {} };
const others = (...fitting) => Object.entries(scalars).filter(([n]) => !fitting.includes(n)).map(([n, v]) => [`a ${n}`, v]);

function numberCases(s) {
    const cases = [['min', s.minimum], ['max', s.maximum], ['below', s.minimum - 1], ['default', s.default],
        ['above', s.maximum < 2 ** 52 ? s.maximum + 1 : s.maximum + 4096],
        ['as a text', `${s.minimum}`], ['with .0', new Raw(Number.isInteger(s.minimum) ? `${s.minimum}.0` : `${s.minimum}0`)],
        ['with an exponent', new Raw(`${s.minimum}e0`)], ['minus', new Raw(`-${s.maximum}`)]];
    if (s.type === 'integer') cases.push(['a half', new Raw(`${s.minimum}.5`)]);
    else cases.push(['a step below', new Raw((s.minimum - 0.001).toFixed(3))],
        ['a step above', new Raw(`${s.maximum}.001`)]);
    return cases.concat(others('number', 'fraction'));
}

function patternCases(s) {
    const d = s.default;
    const cases = ['0x', '0x_1', '_1', '-1', '1 ', ' 1', '1.5', '0xg', '1e3', '1MB', '1 MiB ', '1  MiB', 'MiB', '1mib', '+1', '1,0']
        .map(t => [`text "${t}"`, t]);
    if (d === undefined) return cases.concat(others());
    const [, digits, rest] = /^(\d+)(.*)$/.exec(d) || [];
    if (digits !== undefined && !d.startsWith('0x')) {
        cases.push(['default with _', `${digits}_${rest}`], ['default with 0', `0${digits}${rest}`],
            ['default spaced', rest === '' ? d : `${digits} ${rest}`]);
    }
    return cases.concat([['default', d]], others());
}

function textCases(s) {
    return [['shortest', 'x'.repeat(s.minLength)], ['longest', 'x'.repeat(s.maxLength)], ['longer', 'x'.repeat(s.maxLength + 1)],
        ...(s.minLength > 0 ? [['shorter', '']] : [])].concat(others('text', 'empty'));
}

function wideCases(s) { // a number, or one in quotes
    const n = s.anyOf[0];
    return numberCases({ ...n, type: 'integer', default: s.default }).filter(([name]) => name !== 'as a text' && name !== 'a empty')
        .concat([['quoted', `${n.minimum}`], ['quoted hexadecimal', `0x${n.minimum.toString(16)}`], ['quoted with _', `${n.minimum}_`],
            ['text "0x"', '0x'], ['text "1MiB"', '1MiB'], ['text ""', ''], ['text "-1"', '-1'], ['text "1.0"', '1.0']]);
}

function casesOf(s) {
    if (s.enum) return s.enum.map(w => [`word ${w}`, w]).concat([['another word', `${s.enum[0]}x`], ['capitals', s.enum[0].toUpperCase()]], others())
        .filter(([n, v]) => !(n === 'capitals' && s.enum.includes(v)));
    if (s.anyOf) return wideCases(s);
    if (s.pattern) return patternCases(s);
    if (s.type === 'boolean') return [['true', true], ['false', false]].concat(others('yes'));
    if (s.type === 'string') return textCases(s);
    if (s.type === 'array') {
        return [...(s.maxItems ? [['longer', Array(s.maxItems + 1).fill(plain(s.items))]] : []), ...(s.minItems ? [['shorter', []]] : [])].concat(others('array'));
    }
    if (s.type === 'object') return others('object');
    if (s.type === 'integer' || s.type === 'number') return numberCases(s);
    return [];
}

// Some value that fits.
function plain(s) {
    if (s.default !== undefined) return s.default;
    if (s.enum) return s.enum[0];
    if (s.anyOf) return s.anyOf[0].minimum;
    if (s.pattern) return '4KiB';
    if (s.type === 'string') return 'a';
    if (s.type === 'object') return Object.fromEntries((s.required || []).map(k => [k, plain(s.properties[k])]));
    return s.minimum;
}

// --- where a row stands in a document ---------------------------------------------------------------
const base = () => ({
    format: 'cbit-scenario/1',
    sp: { identity: true }, // migrations and secrets take certificates
    guests: [{ name: 'a', memory: '64MiB', traffic: { kind: 'trace', file: trace, max_instructions: 1000 } }],
});
const kindsOf = s => (s.allOf || []).map(rule => ({
    kind: rule.if.properties.kind.const, never: Object.keys(rule.then.properties || {}), needs: rule.then.required || [] }));

// An object of that kind with what it must have.
function ofKind(s, rule) {
    const value = plain({ ...s, required: [...new Set([...(s.required || []), ...(rule.needs || [])])] });
    if (rule.kind !== undefined) value.kind = rule.kind;
    if (value.guest !== undefined) {
        value.guest = 'a';
        if (['skip_activate', 'tamper_launch'].includes(value.kind)) value.when = 'launch';
        else value.when = 'paged';
    }
    if (value.file !== undefined) value.file = trace;
    if (value.phases !== undefined || (rule.needs || []).includes('phases')) value.phases = [{ kind: 'idle', accesses: 10 }];
    return value;
}

// Every case: {pointer, name, put(doc)}.
const all = [];
function add(pointer, name, put) {
    if (!isLeftOut(pointer, name)) all.push({ pointer, name, put });
}

function walk(s, pointer, into) { // into(doc, rule): the object itself, of that kind, in the document
    const kinds = kindsOf(s);
    for (const [key, row] of Object.entries(s.properties)) {
        const at = `${pointer}/${key}`;
        const rule = kinds.find(k => !k.never.includes(key)) || {};
        if (row.const !== undefined) continue;
        for (const [name, value] of casesOf(row)) {
            if (value === undefined) continue;
            if (key === 'kind') {
                const of = kinds.find(k => k.kind === value) || kinds[0];
                add(at, name, doc => { into(doc, of).kind = value; });
            } else {
                add(at, name, doc => {
                    const object = into(doc, rule);
                    object[key] = value;
                    if (key === 'at_us') delete object.when; // one of them
                });
            }
        }
        if ((s.required || []).includes(key)) add(at, 'missing', doc => { delete into(doc, kinds[0] || {})[key]; });
        for (const k of kinds) {
            if (k.never.includes(key)) add(at, `in ${k.kind}`, doc => { into(doc, k)[key] = plain(row); });
            if (k.needs.includes(key)) add(at, `missing in ${k.kind}`, doc => { delete into(doc, k)[key]; });
        }
        if (row.type === 'object' && row.properties) {
            walk(row, at, (doc, inner) => {
                const outer = into(doc, rule);
                return (outer[key] = outer[key] && inner.kind === undefined ? outer[key] : ofKind(row, inner));
            });
        } else if (row.type === 'array' && row.items.properties) {
            walk(row.items, `${at}/0`, (doc, inner) => {
                const outer = into(doc, { ...rule, ...(kinds.find(k => k.needs.includes(key)) || {}) });
                const kept = outer[key] && outer[key][0];
                outer[key] = [kept && inner.kind === undefined ? kept : ofKind(row.items, inner)];
                return outer[key][0];
            });
        } else if (row.type === 'array') {
            for (const [name, value] of casesOf(row.items)) {
                if (value !== undefined) add(`${at}/0`, name, doc => { into(doc, rule)[key] = [value]; });
            }
        }
    }
    add(`${pointer}/no_such_key`, 'unknown', doc => { into(doc, kinds[0] || {}).no_such_key = 1; });
}

// allOf of the document itself is no table of kinds.
walk({ ...schema, allOf: [] }, '', doc => doc);
add('/guests', 'missing', doc => { delete doc.guests; });

// --- the comparison -----------------------------------------------------------------------------------
function parserAccepts(path) {
    const run = spawnSync(cbit, ['check', '--quiet', path], { encoding: 'utf8' });
    if (run.status !== 0 && run.status !== 3) {
        throw new Error(`cbit check ended with ${run.error || run.signal || run.status}: ${run.stderr}`);
    }
    return { ok: run.status === 0, text: run.stderr };
}

const harmless = all.filter(c => c.name === 'default');
function compare(one, others_) {
    const doc = base();
    for (const c of others_) if (c.pointer.split('/')[1] !== one.pointer.split('/')[1]) c.put(doc);
    one.put(doc);
    const text = write(doc);
    fs.writeFileSync('doc.json', text);
    const schemaOk = validate(JSON.parse(text));
    const why = schemaOk ? '' : validate.errors.map(e => `${e.instancePath} ${e.message}`).join('; ');
    const parser = parserAccepts('doc.json');
    if (schemaOk !== parser.ok) {
        console.log(`disagree: ${one.pointer}: ${one.name}: schema ${schemaOk}, parser ${parser.ok}\n  ${why || parser.text.split('\n').slice(0, 2).join(' ')}`);
    }
    return { same: schemaOk === parser.ok, ok: schemaOk };
}

const count = Number(countText);
console.log(`seed ${seedText}; ${all.length} cases of ${new Set(all.map(c => c.pointer)).size} rows`);
const chosen = count === 0 ? all : Array.from({ length: count }, () => all[below(all.length)]);
let accepted = 0, refused = 0, differ = 0;
for (const one of chosen) {
    const also = count === 0 ? [] : Array.from({ length: below(4) }, () => harmless[below(harmless.length)]);
    const result = compare(one, also);
    if (!result.same) differ++;
    else if (result.ok) accepted++;
    else refused++;
}
console.log(`${chosen.length} documents: both accept ${accepted}, both refuse ${refused}, they differ on ${differ}`);
console.log(`${Math.floor((chosen.length - differ) * 100 / chosen.length)}%: Checks: ${chosen.length}, Failures: ${differ}, Errors: 0`);
process.exit(differ === 0 && accepted >= 50 && refused >= 50 ? 0 : 1);

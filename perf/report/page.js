"use strict";
// Draws the report from the runs that stand in this page: a list of {name, result, run, measure, timeline}.
// Figures are shown as the result has them: no number is computed here but differences, shares and sums.

const runs = JSON.parse(document.getElementById("runs").textContent);
const main = document.getElementById("main");
const charts = [];
const STAGES = ["core", "walk", "fabric", "queue", "dram", "aes", "return"];
const COLOURS = ["#4e79a7", "#f28e2b", "#76b7b2", "#edc948", "#59a14f", "#e15759", "#b07aa1", "#9c755f", "#bab0ac", "#d37295"];

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "onclick") node.addEventListener("click", value);
    else if (value !== undefined && value !== false) node.setAttribute(key, value);
  }
  for (const child of children) node.append(child);
  return node;
}

function at(object, pointer) {
  let here = object;
  for (const part of pointer.split("/").slice(1)) {
    if (here === null || typeof here !== "object" || !(part in here)) return undefined;
    here = here[part];
  }
  return here;
}

function shown(value, digits) {
  if (value === undefined || value === null) return "–";
  if (typeof value === "number") return digits === undefined ? String(value) : value.toFixed(digits);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function csvOf(columns, rows) {
  const cell = (value) => {
    const text = value === undefined || value === null ? "" : String(value);
    return /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function tableOf(id, caption, columns, rows, classOf) {
  const numeric = columns.map((_, i) => rows.some((row) => typeof row[i] === "number"));
  const head = element("tr", {}, ...columns.map((name, i) => element("th", { scope: "col", class: numeric[i] ? "number" : undefined }, name)));
  const body = rows.map((row) =>
    element("tr", { class: classOf ? classOf(row) : undefined },
      ...row.map((value, i) => element("td", { class: numeric[i] ? "number" : undefined }, shown(value)))));
  return element("div", { class: "scroll" },
    element("table", { id }, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body)));
}

// A section with a heading, one sentence that says what it means, and an entry in the navigation.
function section(id, title, meaning, ...content) {
  main.append(element("section", { id, "aria-labelledby": id + "-title" },
    element("h2", { id: id + "-title" }, title), element("p", { class: "meaning" }, meaning), ...content));
  let list = document.querySelector("#sections ul");
  if (!list) {
    list = element("ul");
    document.getElementById("sections").append(list);
  }
  list.append(element("li", {}, element("a", { href: "#" + id }, title)));
}

function dataBehind(id, columns, rows) {
  return element("details", {}, element("summary", {}, "Table behind the plot"),
    element("button", { type: "button", id: id + "-csv", onclick: () => download("cbit-" + id + ".csv", csvOf(columns, rows)) }, "Download CSV"),
    tableOf(id + "-table", "", columns, rows));
}

function plot(id, label, config) {
  const canvas = element("canvas", { role: "img", "aria-label": label });
  charts.push({ id, canvas, config });
  return element("div", { class: "plot", id: id + "-plot" }, canvas);
}

function drawCharts() {
  const style = getComputedStyle(document.documentElement);
  Chart.defaults.color = style.getPropertyValue("--ink").trim();
  Chart.defaults.borderColor = style.getPropertyValue("--line").trim();
  Chart.defaults.animation = false;
  Chart.defaults.maintainAspectRatio = false;
  for (const chart of charts) {
    if (chart.drawn) chart.drawn.destroy();
    chart.drawn = new Chart(chart.canvas, chart.config());
  }
}

function headline() {
  const cards = [];
  for (const run of runs) {
    const read = at(run.result, "/memory/read_latency_ns") || {};
    const stages = read.stages || {};
    cards.push([run.name + ": mean read latency", shown(read.mean, 1) + " ns", "of " + shown(read.count) + " reads that reached the DRAM, from issue to data"]);
    if (stages.aes !== undefined) cards.push([run.name + ": of it AES", shown(stages.aes, 1) + " ns", "last plaintext beat minus last bus beat"]);
    cards.push([run.name + ": memory bandwidth", shown(at(run.result, "/memory/bandwidth_gbs"), 2) + " GB/s", "reads and writes over the whole run, all channels"]);
    cards.push([run.name + ": row-hit rate", shown(at(run.result, "/memory/row_hit_rate"), 3), "share of column accesses that needed no ACT of their own"]);
    for (const guest of run.result.guests || []) {
      const cost = at(guest, "/slowdown/engine");
      if (cost !== undefined && cost !== null) cards.push([run.name + ": guest " + guest.name, shown(cost, 4), "run time relative to the same run with the engine off"]);
    }
  }
  section("headline", "Headline figures", "What the runs say, with what each figure means.",
    element("div", { class: "cards" }, ...cards.map(([what, figure, meaning]) =>
      element("div", { class: "card" }, element("span", {}, what), element("strong", {}, figure), element("small", {}, meaning)))));
}

function stageBreakdown() {
  const rows = runs.map((run) => [run.name, ...STAGES.map((stage) => at(run.result, "/memory/read_latency_ns/stages/" + stage) ?? 0), at(run.result, "/memory/read_latency_ns/mean") ?? 0]);
  const columns = ["run", ...STAGES.map((stage) => stage + "_ns"), "mean_ns"];
  section("stages", "Where a read's time goes", "Mean nanoseconds of each stage of a DRAM read; the stages add up exactly to the mean.",
    plot("stages", "Stacked bars of the stages of a read for each run", () => ({
      type: "bar",
      data: { labels: runs.map((run) => run.name), datasets: STAGES.map((stage, i) => ({ label: stage, backgroundColor: COLOURS[i], data: rows.map((row) => row[i + 1]) })) },
      options: { indexAxis: "y", scales: { x: { stacked: true, title: { display: true, text: "ns" } }, y: { stacked: true } } },
    })), dataBehind("stages", columns, rows));
}

function percentiles() {
  const keys = ["mean", "p50", "p95", "p99", "max"];
  const rows = [];
  for (const run of runs) {
    for (const [kind, pointer] of [["read", "/memory/read_latency_ns"], ["write", "/memory/write_latency_ns"]]) {
      const latency = at(run.result, pointer);
      if (latency) rows.push([run.name, kind, ...keys.map((key) => latency[key]), latency.count]);
    }
    for (const [source, latency] of Object.entries(at(run.result, "/memory/read_latency_ns/by_source") || {})) {
      rows.push([run.name, "read by " + source, ...keys.map((key) => latency[key]), latency.count]);
    }
  }
  const reads = rows.filter((row) => row[1] === "read");
  section("percentiles", "Latency percentiles", "A long tail with a short median is queueing or refresh; a shifted median is distance, DRAM or AES.",
    plot("percentiles", "Bars of read latency percentiles for each run", () => ({
      type: "bar",
      data: { labels: keys.slice(0, 4), datasets: reads.map((row, i) => ({ label: row[0], backgroundColor: COLOURS[i % COLOURS.length], data: row.slice(2, 6) })) },
      options: { scales: { y: { title: { display: true, text: "ns" }, beginAtZero: true } } },
    })), dataBehind("percentiles", ["run", "requests", ...keys.map((key) => key + "_ns"), "count"], rows));
}

function guests() {
  const columns = ["run", "guest", "asid", "instructions", "ipc", "private_accesses", "shared_accesses", "slowdown_engine", "slowdown_total"];
  const rows = [];
  for (const run of runs) {
    for (const guest of run.result.guests || []) {
      rows.push([run.name, guest.name, guest.asid, guest.instructions, guest.ipc, guest.private_accesses, guest.shared_accesses, at(guest, "/slowdown/engine"), at(guest, "/slowdown/total")]);
    }
  }
  if (rows.length === 0) return;
  const compared = rows.some((row) => row[7] !== null && row[7] !== undefined);
  section("guests", "Guests", "Slowdown by the engine compares with the same run without cipher and latency; total compares with no protection, no bounce buffer and no Secure Processor." +
    (compared ? "" : " These runs were made without baselines, so there is nothing to compare with."),
    !compared ? "" : plot("guests", "Bars of each guest's slowdown", () => ({
      type: "bar",
      data: { labels: rows.map((row) => row[0] + " / " + row[1]), datasets: [["engine", 7], ["total", 8]].map(([label, i], n) => ({ label, backgroundColor: COLOURS[n], data: rows.map((row) => row[i]) })) },
      options: { scales: { y: { title: { display: true, text: "run time / baseline" } } } },
    })), dataBehind("guests", columns, rows));
}

function loadedLatency() {
  const curves = [];
  const rows = [];
  for (const run of runs) {
    for (const [mode, values] of Object.entries(at(run.measure, "/modes") || {})) {
      curves.push({ label: run.name + " " + mode, points: values.curve.map((point) => ({ x: point.gbs, y: point.mean_ns })) });
      for (const point of values.curve) rows.push([run.name, mode, point.delay_ns, point.gbs, point.mean_ns, point.p50_ns, point.p99_ns, point.p999_ns]);
    }
  }
  if (rows.length === 0) return;
  section("loaded", "Loaded latency", "Latency against the bandwidth that the machine delivered, one point per inject delay.",
    plot("loaded", "Loaded-latency curves", () => ({
      type: "scatter",
      data: { datasets: curves.map((curve, i) => ({ label: curve.label, data: curve.points, showLine: true, borderColor: COLOURS[i % COLOURS.length], backgroundColor: COLOURS[i % COLOURS.length] })) },
      options: { scales: { x: { title: { display: true, text: "GB/s" } }, y: { title: { display: true, text: "ns" }, beginAtZero: true } } },
    })), dataBehind("loaded", ["run", "mode", "delay_ns", "gbs", "mean_ns", "p50_ns", "p99_ns", "p999_ns"], rows));
}

const TRACKS = ["core", "Secure Processor", "device of guest"];
const trackOf = (slice) => TRACKS[slice[0] - 1] + (slice[0] === 2 ? "" : " " + (slice[1] - 1));

// Who was busy when: a row for each core, the Secure Processor and the devices, a colour for each name.
function schedule() {
  for (const [n, run] of runs.entries()) {
    const timeline = run.timeline;
    if (!timeline || timeline.slices.length === 0) continue;
    const slices = [...timeline.slices].sort((a, b) => a[2] - b[2]);
    const tracks = [...new Set([...slices].sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(trackOf))];
    const names = [...new Set(slices.map((slice) => slice[4]))];
    const id = "schedule" + (n === 0 ? "" : "-" + n);
    const columns = ["track", "begin_us", "end_us", "what", "end"];
    const rows = slices.map((slice) => [trackOf(slice), slice[2], slice[3], slice[4], slice[5]]);
    section(id, "Schedule: " + run.name, "Guests between VMRUN and exit, the host's work, WBINVDs, commands of the Secure Processor and device transfers, in simulated microseconds." +
      (timeline.slices_left_out > 0 ? " The " + slices.length + " longest slices; " + timeline.slices_left_out + " shorter ones are in timeline.json." : ""),
      plot(id, "Bars of what each core, the Secure Processor and the devices did", () => ({
        type: "bar",
        data: { labels: tracks, datasets: names.map((name, i) => ({ label: name, backgroundColor: COLOURS[i % COLOURS.length], grouped: false, minBarLength: 2,
          data: slices.filter((slice) => slice[4] === name).map((slice) => ({ x: [slice[2], slice[3]], y: trackOf(slice) })) })) },
        options: { indexAxis: "y", scales: { x: { min: slices[0][2], title: { display: true, text: "simulated us" } } } },
      })), dataBehind(id, columns, rows));
  }
}

function overTime() {
  const lines = [];
  const rows = [];
  for (const run of runs) {
    for (const [name, points] of Object.entries(run.timeline?.counters || {})) {
      lines.push({ label: run.name + " " + name, flight: name.startsWith("requests"), points: points.map(([x, y]) => ({ x, y })) });
      for (const [us, value] of points) rows.push([run.name, name, us, value]);
    }
  }
  if (rows.length === 0) return;
  section("bandwidth", "Bandwidth over time", "Lines on the DRAM buses and through the engine in GB/s (left), requests in flight (right); means of neighbouring samples.",
    plot("bandwidth", "Lines of bandwidth and requests in flight over simulated time", () => ({
      type: "scatter",
      data: { datasets: lines.map((line, i) => ({ label: line.label, data: line.points, showLine: true, stepped: true, pointRadius: 0, borderWidth: 1.5, yAxisID: line.flight ? "flight" : "y",
        borderColor: COLOURS[i % COLOURS.length], backgroundColor: COLOURS[i % COLOURS.length] })) },
      options: { scales: { x: { title: { display: true, text: "simulated us" } }, y: { title: { display: true, text: "GB/s" }, beginAtZero: true },
        flight: { position: "right", title: { display: true, text: "requests" }, beginAtZero: true, grid: { drawOnChartArea: false } } } },
    })), dataBehind("bandwidth", ["run", "counter", "us", "value"], rows));
}

const SERIES = { reads_queued: "requests", writes_queued: "requests", open_banks: "banks", bandwidth_gbs: "GB/s", row_hit_rate: "share" };

// Where interval i begins, in microseconds: a product of what the result says.
const beginsAt = (over, i) => (i * over.interval_ns) / 1000;

function memoryOverTime() {
  for (const [n, run] of runs.entries()) {
    const series = at(run.result, "/memory/series");
    if (!series || series.reads_queued.length === 0) continue;
    const names = Object.keys(SERIES);
    const id = "series" + (n === 0 ? "" : "-" + n);
    const rows = series.reads_queued.map((_, i) => [beginsAt(series, i), ...names.map((name) => series[name][i])]);
    const axisOf = { requests: "y", banks: "y", "GB/s": "gbs", share: "share" };
    section(id, "DRAM over time: " + run.name, "Means over intervals of " + series.interval_ns + " ns: requests queued and banks open in all controllers (left), bandwidth and row-hit rate (right).",
      plot(id, "Lines of queued requests, open banks, bandwidth and row-hit rate over simulated time", () => ({
        type: "scatter",
        data: { datasets: names.map((name, i) => ({ label: name, yAxisID: axisOf[SERIES[name]], showLine: true, stepped: true, pointRadius: 0, borderWidth: 1.5,
          data: rows.map((row) => ({ x: row[0], y: row[i + 1] })), borderColor: COLOURS[i], backgroundColor: COLOURS[i] })) },
        options: { scales: { x: { min: 0, title: { display: true, text: "simulated us" } }, y: { title: { display: true, text: "requests, banks" }, beginAtZero: true },
          gbs: { position: "right", title: { display: true, text: "GB/s" }, beginAtZero: true, grid: { drawOnChartArea: false } },
          share: { position: "right", title: { display: true, text: "row-hit rate" }, min: 0, max: 1, grid: { drawOnChartArea: false } } } },
      })), dataBehind(id, ["begin_us", ...names], rows));
  }
}

// From the page's ground to one dark red, by way of yellow: 0 to 1.
const HEAT = [[255, 255, 217], [253, 190, 110], [240, 90, 50], [120, 0, 30]];
function heat(share) {
  const place = Math.min(share, 1) * (HEAT.length - 1);
  const low = Math.min(Math.floor(place), HEAT.length - 2);
  return "rgb(" + HEAT[low].map((from, i) => Math.round(from + (HEAT[low + 1][i] - from) * (place - low))).join(",") + ")";
}

// One rectangle a bank and interval, painted between the axes of the plot.
const cellsOf = (banks, what) => ({
  id: "cells",
  beforeDatasetsDraw(chart) {
    const { x, y } = chart.scales;
    const most = Math.max(1, ...banks[what].flat());
    banks[what].forEach((row, bank) => row.forEach((value, i) => {
      const left = x.getPixelForValue(beginsAt(banks, i)), right = x.getPixelForValue(beginsAt(banks, i + 1));
      const top = y.getPixelForValue(bank - 0.5), bottom = y.getPixelForValue(bank + 0.5);
      chart.ctx.fillStyle = heat(value / most);
      chart.ctx.fillRect(left, Math.min(top, bottom), right - left + 0.5, Math.abs(bottom - top) + 0.5);
    }));
  },
});

function bankHeatMap() {
  for (const [n, run] of runs.entries()) {
    const banks = at(run.result, "/memory/banks");
    if (!banks || banks.names.length === 0) continue;
    const id = "banks" + (n === 0 ? "" : "-" + n);
    const sum = (row) => row.reduce((a, b) => a + b, 0);
    const maps = ["accesses", "activates"].map((what) => {
      const most = Math.max(0, ...banks[what].flat());
      return element("div", {}, element("p", { class: "quiet" }, what + " of a bank in " + banks.interval_ns + " ns: from 0 (light) to " + most + " (dark)"),
        plot(id + "-" + what, "Heat map of " + what + " of each bank over simulated time", () => ({
          type: "scatter", plugins: [cellsOf(banks, what)],
          data: { datasets: [] },
          options: { plugins: { legend: { display: false } },
            scales: { x: { min: 0, max: beginsAt(banks, banks[what][0].length), title: { display: true, text: "simulated us" } },
              y: { min: -0.5, max: banks.names.length - 0.5, reverse: true, afterBuildTicks: (axis) => { axis.ticks = banks.names.map((_, i) => ({ value: i })); },
                ticks: { callback: (value) => banks.names[value] ?? "" } } } },
        })));
    });
    const rows = banks.names.map((name, i) => [name, sum(banks.accesses[i]), sum(banks.activates[i]), ...banks.accesses[i]]);
    const channels = (banks.by_channel?.accesses || []).flatMap((row, channel) => row.map((value, i) => [channel, banks.names[i], value, banks.by_channel.activates[channel][i]]));
    const long = banks.names.flatMap((name, bank) => banks.accesses[bank].map((value, i) => [name, beginsAt(banks, i), value, banks.activates[bank][i]]));
    section(id, "Banks: " + run.name, "Column commands (accesses) and row activations of each bank over time, the same bank of all channels together. One dark row is a bank that many addresses fall on; many activations beside few accesses are row conflicts.",
      ...maps,
      element("details", {}, element("summary", {}, "Table behind the plot"),
        element("button", { type: "button", id: id + "-csv", onclick: () => download("cbit-" + id + ".csv", csvOf(["bank", "begin_us", "accesses", "activates"], long)) }, "Download CSV"),
        tableOf(id + "-table", "", ["bank", "accesses", "activates", ...banks.accesses[0].map((_, i) => "from " + beginsAt(banks, i) + " us")], rows)),
      element("details", {}, element("summary", {}, "Banks of each channel"),
        element("button", { type: "button", id: id + "-channels-csv", onclick: () => download("cbit-" + id + "-channels.csv", csvOf(["channel", "bank", "accesses", "activates"], channels)) }, "Download CSV"),
        tableOf(id + "-channels-table", "", ["channel", "bank", "accesses", "activates"], channels)));
  }
}

function events() {
  const columns = ["run", "at_ns", "kind", "guest", "asid", "exit_code", "outcome"];
  const rows = [];
  for (const run of runs) {
    for (const event of run.result.events || []) rows.push([run.name, event.at_ns, event.kind, event.guest, event.asid, event.exit_code, event.skipped ? "skipped" : event.outcome]);
  }
  if (rows.length > 0) {
    section("events", "Events", "What the hypervisor did to its guests, and what came of it.", tableOf("events-table", "", columns, rows),
      element("button", { type: "button", id: "events-csv", onclick: () => download("cbit-events.csv", csvOf(columns, rows)) }, "Download CSV"));
  }
  const expected = [];
  for (const run of runs) {
    for (const expect of run.result.expect || []) expected.push([run.name, expect.path, expect.op, shown(expect.value), shown(expect.actual), expect.skipped ? "skipped" : expect.ok ? "held" : "failed"]);
  }
  if (expected.length > 0) {
    section("expectations", "Expectations", "What the scenario says must hold.",
      tableOf("expect-table", "", ["run", "path", "op", "value", "actual", "verdict"], expected, (row) => (row[5] === "failed" ? "failed" : undefined)));
  }
}

// Every leaf of the resolved configuration: [pointer, value, source]. What the scenario itself says needs no other source.
function leaves(node, pointer, found) {
  if (node !== null && typeof node === "object" && "value" in node && "from" in node) found.push([pointer, node.value, node.source ?? "the " + node.from]);
  else if (node !== null && typeof node === "object") for (const [key, child] of Object.entries(node)) leaves(child, pointer + "/" + key, found);
  else found.push([pointer, node, ""]);
  return found;
}

function configuration() {
  const table = new Map();
  runs.forEach((run, i) => {
    for (const [pointer, value, source] of leaves(run.result.config || {}, "", [])) {
      if (!table.has(pointer)) table.set(pointer, { values: new Array(runs.length), source });
      table.get(pointer).values[i] = shown(value);
    }
  });
  const rows = [...table].map(([pointer, entry]) => [pointer, ...entry.values, entry.source]);
  const assumed = rows.filter((row) => /assumed/i.test(row.at(-1))).length;
  const holder = element("div");
  const search = element("input", { type: "search", id: "config-search", "aria-label": "Filter the configuration", placeholder: "filter: dram, assumed, …" });
  const draw = () => {
    const wanted = search.value.toLowerCase();
    const kept = rows.filter((row) => row.join(" ").toLowerCase().includes(wanted));
    holder.replaceChildren(tableOf("config-table", kept.length + " of " + rows.length + " values", ["value of", ...runs.map((run) => run.name), "source"], kept, (row) => (/assumed/i.test(row.at(-1)) ? "assumed" : undefined)));
  };
  search.addEventListener("input", draw);
  draw();
  section("configuration", "Configuration", "Every value that the runs used, with its source. " + assumed + " of " + rows.length + " values are assumed and marked in colour.",
    element("p", {}, search), element("details", {}, element("summary", {}, "All values"), holder));
}

function comparison() {
  if (runs.length < 2) return;
  const numbers = (node, pointer, found) => {
    if (typeof node === "number") found.set(pointer, node);
    else if (node !== null && typeof node === "object") for (const [key, child] of Object.entries(node)) if (key !== "config") numbers(child, pointer + "/" + key, found);
    return found;
  };
  const all = runs.map((run) => numbers(run.result, "", new Map()));
  const rows = [];
  for (const [pointer, first] of all[0]) {
    const values = all.map((found) => found.get(pointer));
    if (values.every((value) => value === first)) continue;
    const last = values.at(-1);
    rows.push([pointer, ...values, last !== undefined && first !== 0 ? ((100 * (last - first)) / Math.abs(first)).toFixed(2) + " %" : "–"]);
  }
  const columns = ["figure", ...runs.map((run) => run.name), "last against first"];
  section("comparison", "Comparison", "Every figure in which the runs differ.",
    element("button", { type: "button", id: "comparison-csv", onclick: () => download("cbit-comparison.csv", csvOf(columns, rows)) }, "Download CSV"),
    element("details", { open: rows.length < 40 ? "" : undefined }, element("summary", {}, rows.length + " figures differ"), tableOf("comparison-table", "", columns, rows)));
}

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  const button = document.getElementById("theme");
  button.setAttribute("aria-pressed", String(dark));
  button.textContent = dark ? "Light" : "Dark";
  drawCharts();
}

document.getElementById("subtitle").textContent = runs.map((run) => run.name + ": " + (at(run.result, "/config/title/value") || at(run.result, "/title") || "")).join(" · ");
headline();
stageBreakdown();
percentiles();
loadedLatency();
guests();
overTime();
memoryOverTime();
bankHeatMap();
schedule();
events();
comparison();
configuration();
document.getElementById("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme !== "dark"));
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((node) => (node.open = true)));
setTheme(window.matchMedia("(prefers-color-scheme: dark)").matches);

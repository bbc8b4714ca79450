"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { codecs, files } = data;
  const $ = (id) => document.getElementById(id);
  const families = new Map(data.families.map((f) => [f.name, f]));
  const state = { axis: "encode", zoom: "all", shown: new Set(families.keys()), query: "", front: false, sort: "ratio", down: true, all: false, picked: null };
  const FIRST = 25;
  document.documentElement.classList.add("js");

  // -- numbers ---------------------------------------------------------------------------------------------------

  const unpack = (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
  };
  const originals = unpack(data.originals);
  const kept = new Map();
  const ratios = (i) => {
    if (!kept.has(i)) kept.set(i, unpack(data.sizes[i]).map((size, f) => (size ? originals[f] / size : NaN)));
    return kept.get(i);
  };
  const sorted = (values) => values.filter(Number.isFinite).sort((a, b) => a - b);
  const quantile = (ordered, q) => {
    const at = q * (ordered.length - 1), low = Math.floor(at), high = Math.ceil(at);
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low);
  };
  const short = (v) => (v === null ? "" : v < 1e3 ? String(Number(v.toPrecision(3))) : Number(v.toPrecision(3)).toLocaleString("en"));
  const tickName = (v) => (v >= 1e6 ? `${v / 1e6}M` : v >= 1e3 ? `${v / 1e3}k` : String(v));
  const round = (v) => Math.round(v * 10) / 10;
  const ticks = (low, high, about) => {
    const raw = (high - low) / about, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= raw);
    const out = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) out.push(Number((k * step).toPrecision(12)));
    return out;
  };
  const decades = (low, high) => {
    const out = [];
    for (let e = Math.ceil(Math.log10(low) - 1e-9); 10 ** e <= high * (1 + 1e-9); e++) out.push(Number((10 ** e).toPrecision(1)));
    return out;
  };
  const logTicks = (low, high, room, least) => {
    // As many of 1, 2, 5, then 1, 1.5, 2, ... times powers of ten as there is room for.
    if (high / low > 30) return decades(low, high);
    const fine = decades(low / 10, high * 10).flatMap((d) => [1, 1.25, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8].map((m) => Number((m * d).toPrecision(3))));
    let last = -Infinity;
    return fine.filter((t) => t >= low && t <= high).filter((t) => {
      const at = (Math.log(t / low) / Math.log(high / low)) * room;
      return at - last > least && ((last = at), true);
    });
  };
  const linear = (a, b, from, to) => (v) => from + ((v - a) / (b - a || 1)) * (to - from);
  const log = (a, b, from, to) => { const f = linear(Math.log(a), Math.log(b), from, to); return (v) => f(Math.log(v)); };
  const frontOf = (list, axis) => {
    const order = list.filter((i) => codecs[i][axis] !== null)
      .sort((a, b) => codecs[b][axis] - codecs[a][axis] || codecs[b].ratio - codecs[a].ratio);
    let best = -Infinity;
    return order.filter((i) => codecs[i].ratio > best && ((best = codecs[i].ratio), true));
  };

  // -- drawing ---------------------------------------------------------------------------------------------------

  const node = (name, attributes = {}, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const html = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  let paper = false;
  const widthOf = (id) => {
    if (paper) return { amplitude: 330, psd: 330, spectrum: 260 }[id] ?? 690;
    const place = $(id), inner = place.clientWidth || place.parentNode.clientWidth || 700;
    return Math.max(240, Math.floor(inner - 2 * parseFloat(getComputedStyle(place).paddingLeft)));
  };
  const canvas = (id, height) => {
    const place = $(id), width = widthOf(id);
    const svg = node("svg", { viewBox: `0 0 ${width} ${height(width)}`, "aria-hidden": "true", focusable: "false" });
    place.replaceChildren(svg);
    const add = (...args) => svg.appendChild(node(...args));
    return { svg, add, width, height: height(width) };
  };
  const mark = (add, i, x, y, scale = 1) => {
    const family = families.get(codecs[i].family);
    return add("path", { d: family.shape, class: "mark", style: `--c:${family.colour}`, transform: `translate(${round(x)} ${round(y)}) scale(${scale})` });
  };
  const tip = $("tip");
  const showTip = (lines, pageX, pageY) => {
    tip.replaceChildren(html("b", lines[0]), ...lines.slice(1).map((line) => html("div", line)));
    tip.hidden = false;
    const wide = document.documentElement.clientWidth;
    const left = Math.min(Math.max(8, pageX + 14), window.scrollX + wide - tip.offsetWidth - 8);
    const above = pageY - tip.offsetHeight - 12;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${above > window.scrollY + 4 ? above : pageY + 18}px`;
  };
  const hideTip = () => { tip.hidden = true; };
  const nearest = (svg, points, reach, onNear, onPick) => {
    // points: {x, y, ...} in the units of the view box; the nearest one answers to hovering and tapping.
    const find = (event) => {
      const frame = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / frame.width;
      const x = (event.clientX - frame.left) * scale, y = (event.clientY - frame.top) * scale;
      let best = null, least = reach * reach;
      for (const point of points) {
        const d = (point.x - x) ** 2 + (point.y - y) ** 2;
        if (d < least) { least = d; best = point; }
      }
      return best;
    };
    svg.addEventListener("pointermove", (event) => {
      const point = find(event);
      svg.style.cursor = point && onPick ? "pointer" : "";
      if (point) onNear(point, event.pageX, event.pageY); else hideTip();
    });
    svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hideTip(); });
    svg.addEventListener("click", (event) => {
      const point = find(event);
      if (!point) return hideTip();
      onNear(point, event.pageX, event.pageY);
      if (onPick) onPick(point);
    });
  };
  const about = (i) => {
    const c = codecs[i];
    return [c.mode, `ratio ${c.ratio.toFixed(4)}${c.bits === null ? "" : `, ${c.bits.toFixed(3)} bits/sample`}`,
      ...(c.encode === null ? [] : [`encode ${c.warning ? "~" : ""}${short(c.encode)}, decode ${short(c.decode)} xRT`]), c.family];
  };

  // -- ratio against speed ---------------------------------------------------------------------------------------

  let places = [];
  const ofFamilies = () => codecs.map((_, i) => i).filter((i) => state.shown.has(codecs[i].family));
  const drawScatter = () => {
    const floor = state.zoom === "best" ? 0.9 * Math.max(...codecs.map((c) => c.ratio)) : 0;
    const list = ofFamilies().filter((i) => codecs[i][state.axis] !== null && codecs[i].ratio >= floor);
    const { svg, add, width, height } = canvas("scatter", (w) => Math.round(Math.min(560, Math.max(330, w * 0.56))));
    const every = codecs.filter((c) => c[state.axis] !== null && c.ratio >= floor);
    places = [];
    if (!every.length) return void add("text", { x: 16, y: 30 }, "These results have no times.");
    const box = { left: 40, right: width - 14, top: 16, bottom: height - 40 };
    const speeds = every.map((c) => c[state.axis]), all = every.map((c) => c.ratio).concat(data.peer && data.peer.ratio >= floor ? [data.peer.ratio] : []);
    const low = Math.min(...speeds) / 1.7, high = Math.max(...speeds) * 1.7;
    const least = floor ? Math.min(...all) : Math.min(1, ...all), top = Math.max(...all);
    const bottom = least - 0.02 * (top - least || 1), room = (top - bottom) * 0.08;
    const x = log(low, high, box.left, box.right), y = linear(bottom, top + room, box.bottom, box.top);
    for (const tick of decades(low, high)) {
      add("path", { d: `M${round(x(tick))} ${box.top}V${box.bottom}`, class: tick === 1 ? "level" : "grid" });
      add("text", { x: round(x(tick)), y: box.bottom + 17, "text-anchor": "middle" }, tickName(tick));
    }
    for (const tick of ticks(bottom, top + room, 6)) {
      add("path", { d: `M${box.left} ${round(y(tick))}H${box.right}`, class: "grid" });
      add("text", { x: box.left - 7, y: round(y(tick)) + 4, "text-anchor": "end" }, tick);
    }
    add("text", { x: (box.left + box.right) / 2, y: height - 5, "text-anchor": "middle" }, `${state.axis === "encode" ? "encoding" : "decoding"} speed, xRT (logarithmic); more is faster`);
    add("text", { x: box.left + 2, y: 11 }, "compression ratio");
    if (data.peer && data.peer.ratio >= floor) {
      const at = round(y(data.peer.ratio));
      add("path", { d: `M${box.left} ${at}H${box.right}`, class: "level" });
    }
    const front = frontOf(list, state.axis);
    places = list.map((i) => ({ i, x: x(codecs[i][state.axis]), y: y(codecs[i].ratio) })).sort((a, b) => a.x - b.x);
    const where = new Map(places.map((p) => [p.i, p]));
    if (front.length) {
      const steps = front.map((i, k) => { const p = where.get(i); return k ? `H${round(p.x)}V${round(p.y)}` : `M${round(p.x)} ${box.bottom}V${round(p.y)}`; });
      add("path", { d: `${steps.join("")}H${box.left}`, class: "front" });
    }
    const onFront = new Set(front);
    for (const p of [...places].sort((a, b) => onFront.has(a.i) - onFront.has(b.i))) {
      p.mark = mark(add, p.i, p.x, p.y, onFront.has(p.i) ? 1.15 : 0.95);
      if (!onFront.has(p.i)) p.mark.classList.add("dim");
    }
    if (data.peer && data.peer.ratio >= floor) {
      add("text", { x: box.right - 4, y: round(y(data.peer.ratio)) - 6, "text-anchor": "end", class: "peer" }, `best peer ${data.peer.ratio.toFixed(4)}`);
    }
    const taken = places.map((p) => ({ a: p.x - 6, b: p.x + 6, c: p.y - 6, d: p.y + 6 }));
    if (width > 560) {
      for (const i of front) {
        const p = where.get(i), name = codecs[i].mode.length > 30 ? `${codecs[i].mode.slice(0, 29)}…` : codecs[i].mode;
        const label = add("text", { class: "name", x: 0, y: 0 }, name), long = label.getComputedTextLength();
        const fits = [[10, -7], [12, 4], [10, 16], [-long - 10, -9], [-long / 2, -12]].find(([dx, dy]) => {
          const r = { a: p.x + dx, b: p.x + dx + long, c: p.y + dy - 11, d: p.y + dy + 3 };
          if (r.a < box.left || r.b > box.right || r.c < 0) return false;
          if (taken.some((t) => r.a < t.b && r.b > t.a && r.c < t.d && r.d > t.c)) return false;
          taken.push(r);
          label.setAttribute("x", round(r.a));
          label.setAttribute("y", round(p.y + dy));
          return true;
        });
        if (!fits) label.remove();
      }
    }
    const ring = add("circle", { r: 9, class: "ring", visibility: "hidden" });
    $("scatter").ring = (i) => {
      const p = where.get(i);
      ring.setAttribute("visibility", p ? "visible" : "hidden");
      if (p) { ring.setAttribute("cx", p.x); ring.setAttribute("cy", p.y); }
      return p;
    };
    $("scatter").ring(state.picked);
    nearest(svg, places, 26, (p, px, py) => showTip(about(p.i), px, py), (p) => pick(p.i));
  };
  const keys = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") return hideTip();
    if (!places.length || (!step && !["Home", "End", "Enter", " "].includes(event.key))) return;
    event.preventDefault();
    const here = places.findIndex((p) => p.i === keys.at);
    if (event.key === "Enter" || event.key === " ") return void (here >= 0 && pick(keys.at));
    const to = event.key === "Home" ? 0 : event.key === "End" ? places.length - 1 : here < 0 ? 0 : (here + step + places.length) % places.length;
    keys.at = places[to].i;
    $("scatter").ring(keys.at);
    const svg = $("scatter").firstChild, frame = svg.getBoundingClientRect(), scale = frame.width / svg.viewBox.baseVal.width;
    showTip(about(keys.at), frame.left + window.scrollX + places[to].x * scale, frame.top + window.scrollY + places[to].y * scale);
  };
  $("scatter").addEventListener("keydown", keys);
  $("scatter").addEventListener("blur", () => { hideTip(); $("scatter").ring?.(state.picked); });

  // -- the codec that is picked ----------------------------------------------------------------------------------

  const pick = (i, jump = false) => {
    state.picked = keys.at = i;
    $("scatter").ring?.(i);
    for (const row of rows) row.classList.toggle("on", Number(row.dataset.i) === i);
    const c = codecs[i], facts = html("dl");
    const fact = (name, value) => { if (value) facts.append(html("dt", name), html("dd", value)); };
    fact("Spec", c.spec === c.mode ? "" : c.spec);
    fact("Family", c.family);
    fact("Ratio", `${c.ratio.toPrecision(10)} (${c.bytes.toLocaleString("en")} bytes)`);
    fact("Bits/sample", c.bits === null ? "" : c.bits.toPrecision(10));
    fact("Encode", c.encode === null ? "" : `${c.warning ? "~" : ""}${short(c.encode)} xRT, ${short(c.encodeRate)} MB/s`);
    fact("Decode", c.decode === null ? "" : `${c.warning ? "~" : ""}${short(c.decode)} xRT, ${short(c.decodeRate)} MB/s`);
    fact("Rough", c.warning);
    fact("Memory", c.memory === null ? "" : `${short(c.memory / 1e6)} MB`);
    fact("Instructions", c.encodeInstructions === null ? "" : `${short(c.encodeInstructions)} to encode a sample, ${short(c.decodeInstructions)} to decode it`);
    fact("Better", `${codecs.filter((o) => o.ratio > c.ratio).length} of ${codecs.length} codecs have a higher ratio`);
    fact("Libraries", c.libraries);
    const words = html("div"), plot = html("div");
    words.append(html("h3"), facts);
    words.firstChild.append(html("code", c.mode));
    plot.id = "spectrum";
    const right = html("div");
    right.append(html("div", "Ratios of single files", "note"), plot);
    $("picked").replaceChildren(words, right);
    drawHistogram(i);
    if (jump) $("tradeoff").scrollIntoView();
  };
  const drawHistogram = (i) => {
    const values = sorted(ratios(i));
    if (values.length < 2) return;
    const { add, width, height } = canvas("spectrum", () => 120);
    const low = quantile(values, 0.01), high = quantile(values, 0.99), bins = 40;
    const counts = new Array(bins).fill(0);
    for (const v of values) counts[Math.min(bins - 1, Math.max(0, Math.floor(((v - low) / (high - low || 1)) * bins)))]++;
    const x = linear(0, bins, 4, width - 4), y = linear(0, Math.max(...counts), height - 22, 6);
    counts.forEach((n, k) => n && add("path", { d: `M${round(x(k) + 0.5)} ${height - 22}V${round(y(n))}H${round(x(k + 1) - 0.5)}V${height - 22}z`, class: "area" }));
    for (const tick of ticks(low, high, 5)) add("text", { x: round(linear(low, high, 4, width - 4)(tick)), y: height - 6, "text-anchor": "middle" }, tick);
  };

  // -- the table -------------------------------------------------------------------------------------------------

  const body = document.querySelector("#codecs tbody"), rows = [...body.rows];
  const matches = (c) => {
    const text = `${c.mode} ${c.spec} ${c.family}`.toLowerCase();
    return state.query.toLowerCase().split(/\s+/).filter((word) => word && word !== "-") // a minus whose word is still to come
      .every((word) => (word[0] === "-" ? !text.includes(word.slice(1)) : text.includes(word)));
  };
  let listed = [];
  const table = () => {
    const key = state.sort, sign = state.down ? -1 : 1;
    const front = new Set(frontOf(ofFamilies(), state.axis));
    const order = codecs.map((_, i) => i).sort((a, b) => {
      const u = codecs[a][key], v = codecs[b][key];
      if (u === null || v === null) return (u === null) - (v === null);
      return sign * (typeof u === "string" ? u.localeCompare(v) : u - v) || a - b;
    });
    listed = order.filter((i) => state.shown.has(codecs[i].family) && matches(codecs[i]) && (!state.front || front.has(i)));
    const within = new Map(listed.map((i, k) => [i, k])), byIndex = new Map(rows.map((row) => [Number(row.dataset.i), row]));
    for (const i of order) {
      const row = byIndex.get(i), k = within.get(i);
      row.classList.toggle("out", k === undefined);
      row.classList.toggle("cut", k !== undefined && k >= FIRST && !state.all);
      row.classList.toggle("best", front.has(i));
      body.append(row);
    }
    $("count").textContent = `${listed.length} of ${codecs.length} codecs`;
    $("nothing").hidden = listed.length > 0;
    document.querySelector("#ranking .scroll").hidden = !listed.length;
    $("more").parentNode.hidden = listed.length <= FIRST;
    $("more").textContent = state.all ? `Show the first ${FIRST}` : `Show all ${listed.length}`;
    for (const th of document.querySelectorAll("#codecs thead th")) {
      th.setAttribute("aria-sort", th.className === key ? (state.down ? "descending" : "ascending") : "none");
    }
    drawBoxes();
  };
  for (const button of document.querySelectorAll("#codecs thead button")) {
    button.addEventListener("click", () => {
      const key = button.dataset.sort, rising = !["ratio", "encode", "decode", "encodeRate", "decodeRate", "p50"].includes(key); // where less is better, or A comes first
      state.down = state.sort === key ? !state.down : !rising;
      state.sort = key;
      table();
    });
  }
  for (const row of rows) row.querySelector(".pick").addEventListener("click", () => pick(Number(row.dataset.i), true));
  $("query").addEventListener("input", (event) => { state.query = event.target.value; table(); });
  $("front").addEventListener("change", (event) => { state.front = event.target.checked; table(); });
  $("more").addEventListener("click", () => { state.all = !state.all; table(); });

  $("reset").addEventListener("click", () => {
    state.query = $("query").value = "";
    state.front = $("front").checked = false;
    state.shown = new Set(families.keys());
    showFamilies();
    $("query").focus();
  });

  // -- families and axis -----------------------------------------------------------------------------------------

  const chips = [...document.querySelectorAll(".chip[data-family]")];
  const showFamilies = () => {
    for (const chip of chips) chip.setAttribute("aria-pressed", String(state.shown.has(chip.dataset.family)));
    drawScatter();
    table();
  };
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      const name = chip.dataset.family;
      if (state.shown.size === families.size) state.shown = new Set([name]); // the first one chosen is shown alone
      else if (!state.shown.delete(name)) state.shown.add(name);
      if (!state.shown.size) state.shown = new Set(families.keys());
      showFamilies();
    });
  }
  $("all-families").addEventListener("click", () => { state.shown = new Set(families.keys()); showFamilies(); });
  for (const key of ["axis", "zoom"]) {
    const switches = [...document.querySelectorAll(`[data-${key}]`)];
    for (const button of switches) {
      button.addEventListener("click", () => {
        state[key] = button.dataset[key];
        for (const other of switches) other.setAttribute("aria-pressed", String(other === button));
        drawScatter();
        table();
      });
    }
  }

  // -- single files ----------------------------------------------------------------------------------------------

  const drawBoxes = () => {
    const list = listed.slice(0, FIRST);
    if (!list.length || !files.length) return void $("boxes").replaceChildren(...(files.length ? [html("p", "No codec of the table is like that.", "note")] : []));
    const wide = widthOf("boxes") > 620, row = wide ? 22 : 40;
    const { svg, add, width, height } = canvas("boxes", () => list.length * row + 52);
    const left = wide ? 262 : 12, right = width - 14, bottom = height - 38;
    const groups = list.map((i) => sorted(ratios(i)));
    const low = Math.min(...groups.map((g) => g[0])), high = Math.max(...groups.map((g) => g[g.length - 1]));
    const x = log(low / 1.02, high * 1.02, left, right);
    for (const tick of logTicks(low, high, right - left, 26)) {
      add("path", { d: `M${round(x(tick))} 4V${bottom}`, class: "grid" });
      add("text", { x: round(x(tick)), y: bottom + 15, "text-anchor": "middle" }, tick);
    }
    const points = [];
    list.forEach((i, k) => {
      const g = groups[k], y = 8 + k * row + (wide ? row / 2 : 27), [a, q1, m, q3, b] = [0.05, 0.25, 0.5, 0.75, 0.95].map((q) => quantile(g, q));
      const family = families.get(codecs[i].family), most = wide ? 34 : 42;
      const name = codecs[i].mode.length > most ? `${codecs[i].mode.slice(0, most - 1)}…` : codecs[i].mode;
      add("text", { class: "name", x: wide ? left - 10 : left, y: wide ? y + 4 : y - 13, "text-anchor": wide ? "end" : "start" }, name);
      add("path", { d: `M${round(x(a))} ${y}H${round(x(b))}M${round(x(a))} ${y - 4}v8M${round(x(b))} ${y - 4}v8`, class: "whisker" });
      add("rect", { x: round(x(q1)), y: y - 6.5, width: Math.max(1, round(x(q3) - x(q1))), height: 13, class: "box", style: `--c:${family.colour}` });
      add("path", { d: `M${round(x(m))} ${y - 6.5}v13`, class: "median" });
      add("path", { class: "far", d: g.filter((v) => v < a || v > b).map((v) => `M${round(x(v)) - 1} ${y}a1.2 1.2 0 1 1 2.4 0a1.2 1.2 0 1 1-2.4 0z`).join("") });
      points.push({ i, m, q1, q3, a, b, x: x(m), y });
    });
    add("text", { x: (left + right) / 2, y: height - 5, "text-anchor": "middle" }, "compression ratio of a file (logarithmic)");
    nearest(svg, points.flatMap((p) => [0, 0.25, 0.5, 0.75, 1].map((t) => ({ ...p, x: x(p.q1) + t * (x(p.q3) - x(p.q1)) }))), 40, (p, px, py) => showTip(
      [codecs[p.i].mode, `median ${p.m.toFixed(4)}`, `middle half ${p.q1.toFixed(3)} to ${p.q3.toFixed(3)}`, `5 to 95 % ${p.a.toFixed(3)} to ${p.b.toFixed(3)}`], px, py));
  };

  const chosen = { across: "entropy_code_diff" in data.perFile ? "entropy_code_diff" : Math.min(1, codecs.length - 1), up: 0 };
  const LABELS = { noise_band: "noise in the band", sd: "standard deviation", spectral_entropy: "spectral entropy, bits", spike_rate: "spikes per second", entropy_0: "entropy of order 0, bits", entropy_code_diff: "entropy of differences, bits" };
  const select = (id) => {
    const field = $(id);
    if (id === "across" && Object.keys(data.perFile).length) {
      const group = html("optgroup");
      group.label = "the recording's";
      for (const name of Object.keys(data.perFile)) { const o = html("option", LABELS[name]); o.value = name; group.append(o); }
      field.append(group);
    }
    const group = html("optgroup");
    group.label = "ratio of";
    codecs.forEach((c, i) => { const o = html("option", c.mode); o.value = String(i); group.append(o); });
    field.append(group);
    field.value = String(chosen[id]);
    field.addEventListener("change", () => { chosen[id] = field.value in data.perFile ? field.value : Number(field.value); drawPairs(); });
  };
  const drawPairs = () => {
    const isFigure = typeof chosen.across === "string";
    const us = isFigure ? data.perFile[chosen.across].map((v) => (v === null ? NaN : v)) : ratios(chosen.across), vs = ratios(chosen.up);
    const both = files.map((file, f) => ({ file, u: us[f], v: vs[f] })).filter((p) => p.u > 0 && p.v > 0);
    if (!both.length) return void $("pairs").replaceChildren();
    const { svg, add, width, height } = canvas("pairs", (w) => Math.round(Math.min(440, Math.max(280, w * 0.5))));
    const left = 46, right = width - 14, top = 14, bottom = height - 40;
    const span = (values) => { const s = sorted(values); return [s[0] / 1.03, s[s.length - 1] * 1.03]; };
    const [a, b] = span(both.map((p) => p.u)), [c, d] = span(both.map((p) => p.v));
    const x = log(a, b, left, right), y = log(c, d, bottom, top);
    for (const tick of logTicks(a, b, right - left, 40)) { add("path", { d: `M${round(x(tick))} ${top}V${bottom}`, class: "grid" }); add("text", { x: round(x(tick)), y: bottom + 17, "text-anchor": "middle" }, tickName(tick)); }
    for (const tick of logTicks(c, d, bottom - top, 26)) { add("path", { d: `M${left} ${round(y(tick))}H${right}`, class: "grid" }); add("text", { x: left - 6, y: round(y(tick)) + 4, "text-anchor": "end" }, tick); }
    if (!isFigure) {
      const from = Math.max(a, c), to = Math.min(b, d);
      if (to > from) add("path", { d: `M${round(x(from))} ${round(y(from))}L${round(x(to))} ${round(y(to))}`, class: "level" });
    }
    add("path", { class: "dot", d: both.map((p) => { p.x = x(p.u); p.y = y(p.v); return `M${round(p.x - 2.6)} ${round(p.y)}a2.6 2.6 0 1 1 5.2 0a2.6 2.6 0 1 1-5.2 0z`; }).join("") });
    const across = isFigure ? LABELS[chosen.across] : `ratio of ${codecs[chosen.across].mode}`;
    add("text", { x: (left + right) / 2, y: height - 4, "text-anchor": "middle" }, across.length * 6.5 > width ? `${across.slice(0, Math.floor(width / 6.5) - 1)}…` : across);
    add("text", { x: left + 2, y: 11 }, `ratio of ${codecs[chosen.up].mode}`.slice(0, Math.floor(width / 7)));
    if (isFigure) $("verdict").textContent = `${both.length} files`;
    else {
      const gains = sorted(both.map((p) => p.v / p.u - 1)), wins = both.filter((p) => p.v > p.u).length;
      $("verdict").textContent = `${codecs[chosen.up].mode} has the higher ratio on ${wins} of ${both.length} files; median difference ${(100 * quantile(gains, 0.5)).toFixed(2)} %, from ${(100 * gains[0]).toFixed(2)} to ${(100 * gains[gains.length - 1]).toFixed(2)} %.`;
    }
    nearest(svg, both, 18, (p, px, py) => showTip([p.file, `${isFigure ? LABELS[chosen.across] : codecs[chosen.across].mode}: ${p.u.toPrecision(5)}`, `${codecs[chosen.up].mode}: ${p.v.toPrecision(5)}`], px, py));
  };

  // -- bounds and recordings -------------------------------------------------------------------------------------

  const drawRuler = () => {
    if (!data.bounds.length) return;
    const best = codecs.filter((c) => c.bits !== null).sort((a, b) => a.bits - b.bits);
    if (!best.length) return;
    const row = widthOf("ruler") > 560 ? 30 : 42;
    const { svg, add, width, height } = canvas("ruler", () => 104 + row * data.bounds.length);
    const low = Math.min(best[0].bits, ...data.bounds.map((b) => b.own)) - 0.15, high = Math.max(...data.bounds.map((b) => b.shared), best[0].bits * 1.3) + 0.2;
    const x = linear(low, high, 12, width - 14), bottom = height - 40;
    for (const tick of ticks(low, high, width > 500 ? 8 : 5)) { add("path", { d: `M${round(x(tick))} 4V${bottom}`, class: "grid" }); add("text", { x: round(x(tick)), y: bottom + 17, "text-anchor": "middle" }, tick); }
    const points = [];
    data.bounds.forEach((b, k) => {
      const y = 28 + k * row, text = `${b.name}: ${b.own.toFixed(3)} to ${b.shared.toFixed(3)}`, end = Math.max(x(b.own), x(b.shared));
      const start = Math.min(x(b.own), x(b.shared)), long = 6.8 * text.length + 10;
      const [tx, ty, anchor] = end + long < width ? [end + 8, y + 4, "start"] : start > long ? [start - 8, y + 4, "end"] : [12, y - 12, "start"];
      add("path", { d: `M${round(x(b.own))} ${y}H${round(x(b.shared))}`, class: "between" });
      add("path", { d: `M${round(x(b.own))} ${y - 8}v16`, class: "own" });
      add("path", { d: `M${round(x(b.shared))} ${y - 8}v16`, class: "shared" });
      add("text", { class: "name", x: round(tx), y: ty, "text-anchor": anchor }, text);
    });
    const levels = [];
    for (const [k, c] of best.entries()) {
      if (c.bits > high) break;
      const i = codecs.indexOf(c), px = x(c.bits);
      const level = [0, 1, 2].find((l) => px - (levels[l] ?? -99) > 9) ?? k % 3, py = bottom - 12 - 13 * level;
      levels[level] = px;
      mark(add, i, px, py, 0.85);
      points.push({ i, x: px, y: py });
    }
    add("text", { x: width / 2, y: height - 4, "text-anchor": "middle" }, width > 560 ? "bits per sample, fewer is better; entropies: left with a table for each file, right with one for all" : "bits per sample, fewer is better");
    nearest(svg, points, 18, (p, px, py) => showTip(about(p.i), px, py), (p) => pick(p.i));
  };
  const drawAmplitude = () => {
    if (!data.histogram) return;
    const { low: first, width: step, counts } = data.histogram, { add, width, height } = canvas("amplitude", () => 250);
    const left = 44, right = width - 12, bottom = height - 36;
    // Bins are joined by whole numbers of them: those of any other width would draw combs.
    const together = Math.ceil(counts.length / Math.max(1, Math.floor((right - left) / 2))), bins = Math.max(1, Math.ceil(counts.length / together)), sums = new Array(bins).fill(0);
    counts.forEach((count, k) => { sums[Math.floor(k / together)] += count; });
    const low = first - step / 2, high = low + step * together * bins;
    const top = Math.max(1, ...sums), x = linear(0, bins, left, right), y = log(0.8, top * 1.3, bottom, 10);
    for (const tick of decades(1, top)) { add("path", { d: `M${left} ${round(y(tick))}H${right}`, class: "grid" }); add("text", { x: left - 5, y: round(y(tick)) + 4, "text-anchor": "end" }, tickName(tick)); }
    add("path", { class: "area", d: `M${left} ${bottom}${sums.map((n, k) => `V${n ? round(y(n)) : bottom}H${round(x(k + 1))}`).join("")}V${bottom}z` });
    for (const tick of ticks(low, high, 4)) add("text", { x: round(linear(low, high, left, right)(tick)), y: bottom + 16, "text-anchor": "middle" }, tick.toLocaleString("en"));
    add("text", { x: (left + right) / 2, y: height - 3, "text-anchor": "middle" }, "sample value");
  };
  const drawPsd = () => {
    if (!data.psd || data.psd.frequencies.length < 4) return;
    const { frequencies, p5, p50, p95 } = data.psd, use = frequencies.map((_, k) => k).filter((k) => k && k < frequencies.length - 1 && p5[k] > 0);
    if (use.length < 2) return;
    const { add, width, height } = canvas("psd", () => 250), left = 44, right = width - 12, bottom = height - 36;
    const x = log(frequencies[use[0]], frequencies[use[use.length - 1]], left, right), y = log(Math.min(...use.map((k) => p5[k])), Math.max(...use.map((k) => p95[k])), bottom, 10);
    const at = (k, line) => `${round(x(frequencies[k]))} ${round(y(line[k]))}`;
    for (const tick of decades(Math.min(...use.map((k) => p5[k])), Math.max(...use.map((k) => p95[k])))) { add("path", { d: `M${left} ${round(y(tick))}H${right}`, class: "grid" }); add("text", { x: left - 5, y: round(y(tick)) + 4, "text-anchor": "end" }, tickName(tick)); }
    for (const tick of decades(frequencies[use[0]], frequencies[use[use.length - 1]])) { add("path", { d: `M${round(x(tick))} 10V${bottom}`, class: "grid" }); add("text", { x: round(x(tick)), y: bottom + 16, "text-anchor": "middle" }, tickName(tick)); }
    add("path", { class: "band", d: `M${use.map((k) => at(k, p5)).join("L")}L${[...use].reverse().map((k) => at(k, p95)).join("L")}z` });
    add("path", { class: "line", d: `M${use.map((k) => at(k, p50)).join("L")}` });
    add("text", { x: (left + right) / 2, y: height - 3, "text-anchor": "middle" }, "Hz (logarithmic)");
  };

  // -- all of it -------------------------------------------------------------------------------------------------

  const draw = () => { hideTip(); drawScatter(); drawBoxes(); drawPairs(); drawRuler(); drawAmplitude(); drawPsd(); if (state.picked !== null) drawHistogram(state.picked); };
  select("across");
  select("up");
  table();
  draw();
  let width = window.innerWidth, timer = 0;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(timer);
    timer = setTimeout(draw, 120);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
  window.addEventListener("beforeprint", () => { paper = true; draw(); });
  window.addEventListener("afterprint", () => { paper = false; draw(); });
})();

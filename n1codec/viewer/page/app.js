// The page: input changes the state, the state is drawn once a frame, and nothing else draws.

import { AGAIN, Answers, ask, download, Trouble } from "./api.js";
import { clock, Pen } from "./axes.js";
import { Controls, element, glyph } from "./controls.js";
import { readDropped } from "./drop.js";
import { Raster } from "./paint.js";
import { byDepth, drawProbe, probeAt } from "./probe.js";
import { DEFAULTS, fit, focusOf, key as pressed, look, page, pan, parse, query, spread, VIEWS, visible, window_, zoom } from "./state.js";
import { SvgContext } from "./svg.js";
import { DARK, LIGHT } from "./theme.js";
import { ranges, Tiles, widthFor } from "./tiles.js";
import * as compression from "./compression.js";
import * as correlation from "./correlation.js";
import * as image from "./image.js";
import * as results from "./results.js";
import * as signals from "./signals.js";
import * as spectrum from "./spectrum.js";
import * as spikes from "./spikes.js";

const views = { signals, image, spikes, spectrum, correlation, compression, results };
const byId = (id) => document.getElementById(id);
const KEYS = [
  ["1 … 7", "the views"], ["← →", "a quarter earlier, later"], ["PgUp PgDn", "a page earlier, later"], ["Home End", "the beginning, the end"],
  ["↑ ↓  + -", "zoom in, out"], ["[ ]", "channels before, after"], ["{ }", "fewer channels, more"], ["0", "everything"],
  ["a z", "larger, smaller amplitudes"], ["y", "common scale, per channel"], ["o", "a row each, overlaid"], ["f c w", "filter, reference, whitening"],
  ["r m", "next order, correlation"], ["s", "next kind of spectrum"], [", .", "channel in focus"], ["t", "seconds, hh:mm:ss"],
  ["g", "go to a time"], ["/", "find a channel"], ["p", "mouse: moves, draws a range"], ["d", "light, dark"], ["?", "these keys"],
];
const REST = 120; // milliseconds without a move after which a range is at rest
/** What tests and measurements wait for: counts of frames drawn, keys taken, requests under way. */
const counters = { frames: 0, keys: 0, tiles: 0, pending: 0, first: 0, drawing: 0, settled: false };
window.n1 = counters;

class App {
  constructor() {
    this.state = parse(location.search);
    this.session = null;
    this.memo = {};
    this.queued = false;
    this.rangeMoved = -REST;
    this.answers = new Answers(() => this.dirty());
    this.orders = new Map();
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.chosen = null;
    try {
      this.chosen = localStorage.getItem("n1-theme");
    } catch {
      this.chosen = null; // no storage: the system decides each time
    }
    this.paintTheme();
    this.system.addEventListener("change", () => this.paintTheme());
    this.plot = byId("plot");
    this.canvases = ["pixels", "ink", "hand", "strip"].map(byId);
    this.hover = null;
    this.box = null;
    this.measurePen = document.createElement("canvas").getContext("2d");
    this.furnish();
    new ResizeObserver(() => this.resize()).observe(this.plot);
    this.resize();
    addEventListener("popstate", () => this.go(parse(location.search)));
    this.listen();
    this.open();
  }

  // -- light and dark: what was chosen here before, else what the system prefers ----------------------------------

  get dark() {
    return this.chosen ? this.chosen === "dark" : this.system.matches;
  }

  paintTheme() {
    document.documentElement.dataset.theme = this.dark ? "dark" : "light";
    this.theme = this.dark ? DARK : LIGHT;
    this.memo = {};
    this.dirty();
  }

  toggleTheme() {
    this.chosen = this.dark ? "light" : "dark";
    try {
      localStorage.setItem("n1-theme", this.chosen);
    } catch {
      // it holds for this page
    }
    this.paintTheme();
  }

  // -- the session -----------------------------------------------------------------------------------------------

  async open() {
    const wanted = this.state.data;
    try {
      const about = await ask("about", { data: wanted });
      if (this.state.data !== wanted) return;
      this.take(about);
    } catch (error) {
      byId("empty").textContent = error instanceof Trouble ? error.message : String(error);
      byId("empty").hidden = false;
      if (!(error instanceof Trouble)) throw error;
    }
  }

  take(about) {
    const counts = new Map();
    for (const part of about.parts) counts.set(part, (counts.get(part) || 0) + 1);
    this.session = { ...about, channels: about.names.length, sync: new Set(about.sync), together: Math.max(...counts.values()) };
    this.tiles = new Tiles(this.session, () => this.arrived());
    this.memo = {};
    this.orders.clear();
    this.answers.clear();
    if (!this.controls) this.controls = new Controls(this);
    this.controls.opened(this.session);
    this.state = fit(this.state, this.session);
    this.about();
    this.go(this.state);
  }

  about() {
    const { session } = this;
    const padded = session.lengths.filter((length) => length < session.frames).length;
    const are = padded === 1 ? "is" : "are";
    const seconds = session.frames / session.rate;
    const lines = [
      element("b", {}, session.title),
      element("div", {}, `${session.channels.toLocaleString("en")} channel${session.channels === 1 ? "" : "s"}, ${seconds >= 60 ? clock(seconds, "hms", 1) : `${seconds.toFixed(3)} s`}`),
      element("div", {}, `${session.frames.toLocaleString("en")} samples at ${session.rate.toLocaleString("en")} Hz`),
    ];
    if (padded) lines.push(element("div", {}, `${padded.toLocaleString("en")} ${are} shorter; ${session.common.toLocaleString("en")} samples are common`));
    if (session.large) lines.push(element("div", {}, "Read where it is, not copied"));
    if (session.notes.length) {
      const count = session.notes.length;
      lines.push(element("details", {}, element("summary", {}, `${count} note${count === 1 ? "" : "s"} on the files`), element("ul", {}, ...session.notes.map((note) => element("li", {}, note)))));
    }
    byId("about").replaceChildren(...lines);
    document.title = `${session.title} · N1 Codec viewer`;
  }

  // -- the state -------------------------------------------------------------------------------------------------

  change(values) {
    this.go({ ...this.state, ...values });
  }

  go(next) {
    const before = this.state;
    this.state = this.session ? fit(next, this.session) : next;
    if (next.data !== before.data) this.open();
    if (this.state.start !== before.start || this.state.stop !== before.stop) this.rangeMoved = performance.now();
    const other = next.view !== before.view || next.data !== before.data;
    if (other && this.session) this.remember(true);
    else this.rememberSoon();
    if (this.session) this.furnishSoon(other);
    this.dirty();
  }

  /** Make the controls equal to the state: at once, or soon while a range moves, which happens each frame. */
  furnishSoon(now) {
    if (!now && this.furnished && performance.now() - this.furnished < 90) {
      if (!this.furnishing) this.furnishing = setTimeout(() => this.furnishSoon(true), 100);
      return;
    }
    clearTimeout(this.furnishing);
    this.furnishing = 0;
    this.furnished = performance.now();
    this.controls.update(this.state, this.session);
    for (const { made, views: where } of this.tools) made.hidden = !where.includes(this.state.view);
    for (const line of document.querySelectorAll(".tools .sep")) line.hidden = !line.previousElementSibling || line.previousElementSibling.hidden;
  }

  /** Write the state into the address. Back goes to the view before, not through every move. */
  remember(push = false) {
    clearTimeout(this.timer);
    this.timer = 0;
    const text = query(this.state);
    if (text === location.search || (text === "" && location.search === "")) return;
    history[push ? "pushState" : "replaceState"](null, "", `${location.pathname}${text}`);
  }

  rememberSoon() {
    if (!this.timer) this.timer = setTimeout(() => this.remember(), 150);
  }

  /** Return the channel that is so many rows below the one in focus. */
  beside(rows) {
    const order = this.order();
    return order[(order.indexOf(focusOf(this.state)) + rows + order.length) % order.length];
  }

  /** Return what shows a channel, wherever it is in the order. */
  showing(channel) {
    const at = this.order().indexOf(channel);
    const [first, last] = visible(this.state, this.session.channels);
    if (at >= first && at < last) return { focus: channel };
    const count = last - first;
    const from = Math.min(Math.max(at - (count >> 1), 0), this.session.channels - count);
    return { focus: channel, first: from, last: from + count };
  }

  /** Return the channels from top to bottom: as recorded until the order that was asked for is there. */
  order() {
    const { state, session, orders } = this;
    if (!orders.has("")) orders.set("", Int32Array.from({ length: session.channels }, (_, i) => i));
    if (!state.order) return orders.get("");
    if (state.order === "depth") {
      if (!orders.has("depth")) {
        orders.set("depth", byDepth(orders.get(""), session.places || []));
      }
      return orders.get("depth");
    }
    const { measure, order: linkage, distance } = state;
    const found = this.answers.get("order", { data: session.key, measure, linkage, distance });
    if (found.value) this.tree = found.value;
    else this.waits.push(found);
    return found.value ? found.value.leaves : orders.get("");
  }

  // -- drawing ---------------------------------------------------------------------------------------------------

  dirty() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => this.draw());
  }

  /** Tiles arrived: draw them, but not more often than is seen where a picture takes long. */
  arrived() {
    counters.tiles++;
    if (counters.drawing < 8) this.dirty();
    else if (!this.soon)
      this.soon = setTimeout(() => {
        this.soon = 0;
        this.dirty();
      }, 60);
  }

  resize() {
    const { width, height } = this.plot.getBoundingClientRect();
    const dpr = Math.min(devicePixelRatio || 1, 2);
    Object.assign(this, { width: Math.floor(width), height: Math.floor(height), dpr });
    for (const canvas of this.canvases) {
      const box = canvas.id === "strip" ? canvas.getBoundingClientRect() : { width: this.width, height: this.height };
      canvas.width = Math.max(1, Math.round(box.width * dpr));
      canvas.height = Math.max(1, Math.round(box.height * dpr));
    }
    this.raster = null;
    this.dirty();
  }

  scene(context, raster = this.raster) {
    const { state, session, theme, tiles, answers, dpr, width, height, memo } = this;
    this.waits = [];
    const order = this.order();
    const [first, last] = visible(state, session.channels);
    const scene = {
      app: this, state, session, theme, tiles, answers, dpr, width, height, memo, raster, order, first, last,
      shown: Array.from(order.subarray(first, last)), pen: new Pen(context, theme), wants: [], notes: [], waits: this.waits,
      focus: focusOf(state), begin: -1, empty: "", tree: state.order && state.order !== "depth" ? this.tree : null,
      /** Ask the server; what is not there yet is waited for and told on the page. */
      ask(path, values) {
        const found = answers.get(path, { data: session.key, ...values });
        if (!found.value) scene.waits.push(found);
        return found.value || null;
      },
      /** The same of what the server computes anew for each range: it is asked when the range has come to rest. */
      askAtRest(path, values) {
        return scene.atRest() ? scene.ask(path, values) : answers.known(path, { data: session.key, ...values });
      },
      /** Whether the range is at rest; if not, the view is drawn again when it is. */
      atRest: () => {
        const still = performance.now() - this.rangeMoved >= REST;
        if (!still) {
          scene.restless = true;
          scene.again(REST);
        }
        return still;
      },
      /** Draw again after so many milliseconds at the latest. */
      again(milliseconds) {
        if (milliseconds) scene.later = Math.min(milliseconds, scene.later || Infinity);
      },
    };
    return scene;
  }

  draw() {
    this.queued = false;
    if (!this.session || this.width < 50 || this.height < 50) return;
    const began = performance.now();
    const { theme, dpr } = this;
    const [pixels, ink] = this.canvases;
    if (!this.raster) this.raster = new Raster(pixels.width, pixels.height, theme.pixel.paper);
    else this.raster.clear(theme.pixel.paper);
    const context = ink.getContext("2d");
    context.setTransform(dpr, 0, 0, dpr, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    const scene = this.scene(context);
    this.shown = scene;
    this.area = views[this.state.view].draw(scene);
    if (scene.begin >= 0) this.change({ focus: scene.begin });
    pixels.getContext("2d").putImageData(this.raster.image, 0, 0);
    this.drawHand();
    this.drawStrip();
    if (this.session.places && !this.controls.map.closest(".group").hidden) drawProbe(this.controls.map, scene);
    this.say(scene);
    const left = this.tiles.want(scene.wants.concat(left0(scene) ? [] : this.beyond(scene)));
    clearTimeout(this.better);
    if (scene.later) this.better = setTimeout(() => this.dirty(), scene.later);
    counters.frames++;
    counters.pending = left + this.answers.pending;
    counters.drawing = 0.7 * counters.drawing + 0.3 * (performance.now() - began);
    if (!counters.first && (scene.wants.length === 0 || this.tiles.tiles.size)) counters.first = performance.now();
    this.settle();
    if (this.timer || this.furnishing) setTimeout(() => this.settle(), 170);
  }

  settle() {
    counters.settled = counters.pending === 0 && !this.timer && !this.queued && !this.soon && !this.furnishing && !(this.shown && this.shown.restless);
  }

  /** Return the tiles beside those that are shown, and the coarsest, so that there is something to see soon. */
  beyond(scene) {
    const { memo, state, session } = this;
    if (!memo.columns || !views[state.view].inTime || !scene.wants.length) return [];
    const { steps } = scene.wants[0];
    const { width, tiles: numbers } = memo.columns;
    const last = Math.floor((session.frames - 1) / width / 512);
    const beside = [numbers[numbers.length - 1] + 1, numbers[0] - 1].filter((number) => number >= 0 && number <= last);
    const coarse = widthFor(session.frames / 512) * 2;
    const every = steps ? scene.shown : Array.from({ length: session.channels }, (_, i) => i);
    const channels = session.large && session.channels > 64 ? scene.shown : every;
    return [...beside.map((number) => ({ steps, width, number, channels: scene.wants[0].channels })), { steps, width: coarse, number: 0, channels }];
  }

  /** Tell in words what is shown, and what is waited for. */
  say(scene) {
    const { state, session } = this;
    const [start, stop] = window_(state, session.frames);
    const view = views[state.view];
    byId("title").textContent = VIEWS[state.view];
    const range = [];
    if (view.picksChannels) range.push(`channels ${scene.first} to ${scene.last - 1} of ${session.channels.toLocaleString("en")}`);
    if (view.inTime || view.usesTime) {
      const decimals = (stop - start) / session.rate < 1 ? 4 : 3;
      range.push(`samples ${start.toLocaleString("en")} to ${stop.toLocaleString("en")}`, `${clock(start / session.rate, state.clock, decimals)} to ${clock(stop / session.rate, state.clock, decimals)}${state.clock === "s" ? " s" : ""}`);
    }
    const text = range.join(" · ");
    if (byId("range").textContent !== text) byId("range").textContent = text;
    byId("range").hidden = !text;
    const chips = [];
    if (["signals", "image", "spikes"].includes(state.view)) {
      const band = /^([\d.]+)-([\d.]*)/.exec(state.steps);
      if (band) chips.push(band[2] ? `${band[1]} to ${band[2]} Hz` : `above ${band[1]} Hz`);
      if (state.steps.includes("+cmr")) chips.push("common median reference");
      if (state.steps.includes("+white")) chips.push("whitened");
    }
    const key = chips.join("|");
    if (this.chips !== key) {
      this.chips = key;
      byId("chips").replaceChildren(...chips.map((chip) => element("span", { className: "chip" }, chip)));
    }
    const errors = [...new Set([...scene.waits.map((found) => found.error), scene.wants.length && this.tiles.trouble].filter(Boolean))];
    if (errors.length) scene.again(AGAIN);
    const note = errors.length ? errors.join("\n") : scene.notes.join(" ");
    if (byId("note").textContent !== note) byId("note").textContent = note;
    byId("note").classList.toggle("trouble", errors.length > 0);
    const empty = scene.empty || "";
    byId("empty").hidden = !empty;
    if (byId("empty").textContent !== empty) byId("empty").textContent = empty;
    this.sayProgress(scene.waits.map((found) => found.waiting).filter(Boolean));
    clearTimeout(this.spoken);
    this.spoken = setTimeout(() => {
      byId("status").textContent = `${VIEWS[state.view]}: ${text}. ${note}`;
    }, 500);
  }

  sayProgress(waiting) {
    const job = waiting.find((one) => one.job !== "prepare") || waiting[0];
    this.job = job || null;
    byId("progress").hidden = !job;
    if (!job) return;
    const stopped = !job.running;
    byId("progress-text").textContent = stopped ? `${job.title}: ${job.error || "stopped"}` : `${job.title}: ${Math.round(100 * job.share)} %`;
    byId("progress-bar").value = job.share;
    byId("cancel").textContent = stopped ? "Start again" : "Cancel";
  }

  /** What follows the pointer is on a canvas of its own, so that a move draws nothing else anew. */
  drawHand() {
    const hand = this.canvases[2].getContext("2d");
    hand.setTransform(this.dpr, 0, 0, this.dpr, 0, 0);
    hand.clearRect(0, 0, this.width, this.height);
    const pen = new Pen(hand, this.theme);
    const { area, hover, box } = this;
    if (box && area) {
      pen.box(box.x, area.y, box.w, area.h, this.dark ? "rgba(108, 192, 245, 0.16)" : "rgba(0, 103, 163, 0.12)");
      pen.frame(box.x + 0.5, area.y + 0.5, box.w, area.h, this.theme.accent);
    }
    const pointer = byId("pointer");
    const lines = hover && !this.dragging && this.shown ? views[this.state.view].readout(this.shown, hover.x, hover.y) : null;
    pointer.hidden = !lines;
    if (!lines) return;
    if (views[this.state.view].inTime && area && hover.x >= area.x && hover.x <= area.x + area.w)
      pen.line(Math.round(hover.x) + 0.5, area.y, Math.round(hover.x) + 0.5, area.y + area.h, this.theme.soft, 1, [2, 3]);
    pointer.replaceChildren(...lines.map((text, index) => element(index ? "div" : "b", {}, text)));
    const left = hover.x + 16 + pointer.offsetWidth > this.width ? hover.x - pointer.offsetWidth - 12 : hover.x + 16;
    const top = Math.min(hover.y + 14, this.height - pointer.offsetHeight - 4);
    pointer.style.left = `${Math.max(left, 0)}px`;
    pointer.style.top = `${Math.max(top, 0)}px`;
  }

  drawStrip() {
    const { state, session, theme, dpr } = this;
    const canvas = this.canvases[3];
    const view = views[state.view];
    const shown = Boolean(view.inTime || view.usesTime);
    if (canvas.hidden === shown) {
      canvas.hidden = !shown;
      this.resize();
    }
    if (!shown) return;
    const context = canvas.getContext("2d");
    context.setTransform(dpr, 0, 0, dpr, 0, 0);
    const width = canvas.width / dpr;
    const height = canvas.height / dpr;
    context.clearRect(0, 0, width, height);
    const pen = new Pen(context, theme);
    const area = this.stripArea(width);
    const at = (frame) => area.x + (frame / session.frames) * area.w;
    pen.box(area.x, height / 2 - 4, area.w, 8, theme.shade);
    const [start, stop] = window_(state, session.frames);
    const left = at(start);
    const wide = Math.max(at(stop) - left, 4);
    pen.box(left, height / 2 - 6, wide, 12, theme.accent);
    if (wide > 18) for (const x of [left + 4, left + wide - 4]) pen.line(x, height / 2 - 3, x, height / 2 + 3, theme.paper, 1.5);
    if (state.cursor >= 0) pen.line(at(state.cursor), 3, at(state.cursor), height - 3, theme.mark, 1.5);
    const decimals = session.frames / session.rate < 100 ? (state.clock === "s" ? 2 : 1) : 0;
    const [begin, end] = [0, session.frames / session.rate].map((seconds) => clock(seconds, state.clock, decimals));
    if (area.x > pen.width(begin) + 8) pen.text(begin, area.x - 8, height / 2, { align: "right" });
    if (width - area.x - area.w > pen.width(end) + 8) pen.text(end, area.x + area.w + 8, height / 2);
  }

  stripArea(width) {
    return this.area || { x: 96, w: width - 170 };
  }

  // -- input -----------------------------------------------------------------------------------------------------

  furnish() {
    byId("menu").append(glyph("menu"));
    byId("menu").setAttribute("aria-label", "Controls");
    for (const button of document.querySelectorAll(".theme")) {
      button.append(glyph("theme"));
      Object.assign(button, { title: "Light or dark (d)" });
      button.setAttribute("aria-label", "Light or dark");
      button.addEventListener("click", () => this.toggleTheme());
    }
    byId("help-open").append(glyph("help"));
    Object.assign(byId("help-open"), { title: "Keys (?)" });
    byId("help-open").setAttribute("aria-label", "Keys");
    byId("help-open").addEventListener("click", () => byId("help").showModal());
    byId("keys").replaceChildren(...KEYS.map(([keys, what]) => element("div", {}, element("kbd", {}, keys), element("span", {}, what))));
    // Each has the views where it does something.
    const timed = "signals image spikes spectrum compression";
    const tools = [
      ["earlier", "Earlier (←)", "ArrowLeft", timed], ["later", "Later (→)", "ArrowRight", timed], ["in", "Zoom in (↑)", "ArrowUp", timed], ["out", "Zoom out (↓)", "ArrowDown", timed], null,
      ["up", "Channels before ([)", "[", `${timed} correlation`], ["down", "Channels after (])", "]", `${timed} correlation`], null,
      ["louder", "Larger amplitudes (a)", "a", "signals image"], ["softer", "Smaller amplitudes (z)", "z", "signals image"], null, ["all", "Everything (0)", "0", `${timed} correlation`],
    ];
    this.tools = [];
    byId("tools").replaceChildren(...tools.map((tool) => {
      if (!tool) return element("span", { className: "sep" });
      const made = element("button", { type: "button", className: "icon", title: tool[1] }, glyph(tool[0]));
      made.setAttribute("aria-label", tool[1].replace(/ \(.*/, ""));
      made.addEventListener("click", () => this.press(tool[2]));
      this.tools.push({ made, views: tool[3].split(" ") });
      return made;
    }));
    const table = element("button", { type: "button", className: "icon", title: "Table of the channels shown" }, glyph("table"));
    table.setAttribute("aria-label", "Table of the channels shown");
    table.addEventListener("click", () => this.table());
    byId("tools").append(table);
  }

  press(name) {
    if (!this.session) return;
    const before = this.state;
    counters.keys++;
    if (name === "," || name === ".") this.change(this.showing(this.beside(name === "." ? 1 : -1)));
    else this.go(pressed(before, name, this.session));
  }

  listen() {
    addEventListener("keydown", (event) => this.typed(event));
    byId("menu").addEventListener("click", () => this.drawer(!document.body.classList.contains("open")));
    byId("cancel").addEventListener("click", () => this.cancel());
    const { plot } = this;
    plot.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    plot.addEventListener("pointerdown", (event) => this.down(event));
    plot.addEventListener("pointermove", (event) => this.moved(event));
    plot.addEventListener("pointerup", (event) => this.up(event));
    plot.addEventListener("pointercancel", (event) => this.up(event));
    plot.addEventListener("pointerleave", () => {
      this.hover = null;
      this.drawHand();
    });
    plot.addEventListener("dblclick", () => this.change({ start: 0, stop: 0, ...(this.state.view === "correlation" ? { first: 0, last: 0 } : {}) }));
    this.touches = new Map();
    const strip = this.canvases[3];
    strip.addEventListener("pointerdown", (event) => {
      strip.setPointerCapture(event.pointerId);
      this.slide(event);
    });
    strip.addEventListener("pointermove", (event) => {
      if (event.buttons) this.slide(event);
    });
    document.addEventListener("click", (event) => {
      const { map } = this.controls || {};
      if (!map || event.target !== map) return;
      const box = map.getBoundingClientRect();
      const channel = probeAt(map, this.session, event.clientX - box.left, event.clientY - box.top);
      if (channel >= 0) this.change(this.showing(channel));
    });
    byId("choose").addEventListener("click", () => byId("files").click());
    byId("files").addEventListener("change", (event) => this.send([...event.target.files].map((file) => [file.name, file])));
    addEventListener("dragover", (event) => {
      event.preventDefault();
      byId("veil").hidden = false;
    });
    addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) byId("veil").hidden = true;
    });
    addEventListener("drop", async (event) => {
      event.preventDefault();
      byId("veil").hidden = true;
      this.send(await readDropped(event.dataTransfer));
    });
  }

  drawer(open) {
    document.body.classList.toggle("open", open);
    byId("menu").setAttribute("aria-expanded", String(open));
  }

  typed(event) {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("dialog[open]")) return;
    if (target.matches("input:not([type=radio]), select, textarea")) return;
    if (target.type === "radio" && event.key.startsWith("Arrow")) return; // it chooses the next one
    if (target.closest(".scroll")) return;
    const { key } = event;
    if (key === "Escape") {
      this.drawer(false);
      if (this.state.cursor >= 0) this.change({ cursor: -1 });
      return;
    }
    if (key === "d") this.toggleTheme();
    else if (key === "?") byId("help").showModal();
    else if (key === "g") document.querySelector('[aria-label="Go to a moment"]').focus();
    else if (key === "/") document.querySelector('[aria-label="Find a channel by number or name"]').focus();
    else if (/^[1-7[\]{}0azyormstpfcw,.=+-]$|^Arrow|^Page|^Home$|^End$/.test(key)) {
      if (target.matches(".scroll, aside *") && /^Arrow|^Page|^Home|^End/.test(key) && !target.matches("button, a")) return;
      this.press(key);
    } else return;
    event.preventDefault();
  }

  async cancel() {
    if (!this.job) return;
    const { job, running } = this.job;
    await fetch(`/api/${running ? "cancel" : "again"}?${new URLSearchParams({ data: this.session.key, job })}`, { method: "POST" });
    if (!running) this.answers.retry();
    this.dirty();
  }

  wheel(event) {
    if (!this.session) return;
    event.preventDefault();
    const { state, session, area } = this;
    const view = views[state.view];
    const unit = event.deltaMode === 1 ? 30 : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    const box = this.plot.getBoundingClientRect();
    const inside = (at, from, size) => Math.min(Math.max((at - from) / size, 0), 1);
    if (!area) return;
    const [shareX, shareY] = [inside(event.clientX - box.left, area.x, area.w), inside(event.clientY - box.top, area.y, area.h)];
    if (event.shiftKey) {
      const turn = Math.abs(dy) > Math.abs(dx) ? dy : dx;
      this.turned = (this.turned || 0) - turn;
      const steps = Math.trunc(this.turned / 60);
      this.turned -= steps * 60;
      if (steps) this.change({ gain: state.gain + steps });
    } else if (event.altKey || view.squares) {
      this.turned = (this.turned || 0) + dy;
      const steps = Math.trunc(this.turned / 60);
      this.turned -= steps * 60;
      if (steps) this.go(spread(state, 1.3 ** steps, session.channels, shareY));
    } else if (view.inTime) {
      if (Math.abs(dx) > Math.abs(dy)) this.go(pan(state, dx / area.w, session.frames));
      else this.go(zoom(state, Math.exp(Math.min(Math.max(dy, -240), 240) * 0.002), session.frames, shareX));
    }
  }

  place(event) {
    const box = this.plot.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  down(event) {
    if (event.button > 0 || !this.session) return;
    this.plot.setPointerCapture(event.pointerId);
    const at = this.place(event);
    this.touches.set(event.pointerId, at);
    const zooming = (this.state.drag === "zoom") !== event.shiftKey;
    this.grip = { from: at, state: this.state, zooming, moved: false, touches: this.spanOf() };
  }

  spanOf() {
    const xs = [...this.touches.values()].map((at) => at.x);
    return xs.length > 1 ? { low: Math.min(...xs), high: Math.max(...xs) } : null;
  }

  moved(event) {
    const at = this.place(event);
    this.hover = event.pointerType === "touch" && !this.grip ? null : at;
    if (!this.grip || !this.touches.has(event.pointerId)) {
      if (!this.handQueued) {
        this.handQueued = true;
        requestAnimationFrame(() => {
          this.handQueued = false;
          this.drawHand();
        });
      }
      return;
    }
    this.touches.set(event.pointerId, at);
    const { grip, area, session } = this;
    if (!grip.moved && Math.abs(at.x - grip.from.x) + Math.abs(at.y - grip.from.y) < 4) return;
    grip.moved = true;
    this.dragging = true;
    this.plot.classList.toggle("moving", !grip.zooming);
    const view = views[this.state.view];
    if (!area) return;
    const [start, stop] = window_(grip.state, session.frames);
    const pixel = (stop - start) / area.w;
    const span = this.spanOf();
    if (view.inTime && span && grip.touches) {
      const factor = Math.max(grip.touches.high - grip.touches.low, 8) / Math.max(span.high - span.low, 8);
      const middle = start + ((grip.touches.low + grip.touches.high) / 2 - area.x) * pixel;
      const from = middle - ((span.low + span.high) / 2 - area.x) * pixel * factor;
      this.go(look(this.state, from, from + (stop - start) * factor, session.frames));
    } else if (view.squares) {
      const [first, last] = visible(grip.state, session.channels);
      const rows = Math.round(((grip.from.y - at.y) / area.h) * (last - first));
      const from = Math.min(Math.max(first + rows, 0), session.channels - (last - first));
      this.go({ ...this.state, first: from, last: from + last - first });
    } else if (view.inTime && grip.zooming) {
      const clamp = (x) => Math.min(Math.max(x, area.x), area.x + area.w);
      const [a, b] = [clamp(grip.from.x), clamp(at.x)].sort((p, q) => p - q);
      this.box = { x: a, w: b - a };
      this.drawHand();
    } else if (view.inTime) {
      const shift = (grip.from.x - at.x) * pixel;
      this.go(look(this.state, start + shift, stop + shift, session.frames));
    }
  }

  up(event) {
    const at = this.place(event);
    const { grip, box, area, session } = this;
    this.touches.delete(event.pointerId);
    if (!grip || this.touches.size) {
      if (grip) this.grip = { ...grip, state: this.state, from: [...this.touches.values()][0], touches: this.spanOf() };
      return;
    }
    this.grip = null;
    this.dragging = false;
    this.box = null;
    this.plot.classList.remove("moving");
    if (box && box.w > 3) {
      const [start, stop] = window_(this.state, session.frames);
      const frame = (x) => start + ((x - area.x) / area.w) * (stop - start);
      this.go(look(this.state, frame(box.x), frame(box.x + box.w), session.frames));
    } else if (!grip.moved && event.type === "pointerup" && this.shown) {
      const values = views[this.state.view].click(this.shown, at.x, at.y);
      if (values) this.change(values);
    }
    this.drawHand();
  }

  slide(event) {
    const strip = this.canvases[3];
    const area = this.stripArea(strip.clientWidth);
    const share = (event.clientX - strip.getBoundingClientRect().left - area.x) / area.w;
    const [start, stop] = window_(this.state, this.session.frames);
    const from = share * this.session.frames - (stop - start) / 2;
    this.go(look(this.state, from, from + stop - start, this.session.frames));
  }

  // -- files in and out --------------------------------------------------------------------------------------------

  async send(found) {
    const trouble = byId("trouble");
    trouble.textContent = "";
    if (!found.length) return;
    const form = new FormData();
    for (const [name, file] of found) form.append("file", file, name);
    byId("progress").hidden = false;
    byId("progress-text").textContent = `Reading ${found.length === 1 ? found[0][0] : `${found.length} files`} …`;
    byId("progress-bar").removeAttribute("value");
    try {
      const answer = await fetch("/api/drop", { method: "POST", body: form });
      const text = await answer.text();
      if (!answer.ok) throw new Trouble(answer.status === 413 ? "These files are too large to be dropped: name them on the command line." : text);
      this.go({ ...DEFAULTS, clock: this.state.clock, drag: this.state.drag, data: JSON.parse(text).data });
    } catch (error) {
      trouble.textContent = error.message;
    }
    byId("progress").hidden = true;
    byId("files").value = "";
  }

  resultsName() {
    return this.state.results || this.session.results[0] || "results";
  }

  /** Return the name of a file for what is shown. */
  fileName() {
    const codec = this.state.view === "compression" ? `-${this.state.codec}` : "";
    const title = this.state.view === "results" ? this.resultsName() : this.session.title;
    return `${title}-${this.state.view}${codec}`.replace(/[^A-Za-z0-9._-]+/g, "-");
  }

  /** Return the title of a picture: the data set, the view and what is shown of it. */
  titles() {
    const codecs = [this.state.codec, this.state.against].filter(Boolean).join(" and ");
    const codec = this.state.view === "compression" ? `, ${codecs}` : "";
    const data = this.state.view === "results" ? this.resultsName() : this.session.title;
    const chips = [...byId("chips").children].map((chip) => chip.textContent).join(", ");
    return [`${data}: ${VIEWS[this.state.view]}${codec}${chips ? ` (${chips})` : ""}`, byId("range").textContent];
  }

  async save(kind) {
    const name = this.fileName();
    if (kind === "csv") {
      const answer = await fetch(download(this.asked()));
      if (!answer.ok) byId("trouble").textContent = await answer.text();
      else this.hand(await answer.blob(), `${name}.csv`);
      return;
    }
    const head = 44;
    const [title, range] = this.titles();
    const { width, height, dpr, theme } = this;
    const caption = (pen) => {
      pen.text(title, 12, 16, { size: 13, weight: 650, colour: theme.ink, most: width - 24 });
      pen.text(range, 12, 34, { most: width - 24 });
    };
    const pixels = this.canvases[0];
    if (kind === "png") {
      const made = element("canvas", { width: width * dpr, height: (height + head) * dpr });
      const context = made.getContext("2d");
      context.fillStyle = theme.paper;
      context.fillRect(0, 0, made.width, made.height);
      context.drawImage(pixels, 0, head * dpr);
      context.drawImage(this.canvases[1], 0, head * dpr);
      context.setTransform(dpr, 0, 0, dpr, 0, 0);
      caption(new Pen(context, theme));
      made.toBlob((blob) => this.hand(blob, `${name}.png`));
      return;
    }
    const context = new SvgContext(width, height + head, this.measurePen);
    context.fillStyle = theme.paper;
    caption(new Pen(context, theme));
    context.save();
    context.translate(0, head);
    context.group(`class="pixels"`);
    context.parts.push(`<image href="${pixels.toDataURL()}" width="${width}" height="${height}"/>`);
    views[this.state.view].draw(this.scene(context, new Raster(pixels.width, pixels.height, theme.pixel.paper)));
    context.restore();
    context.parts.unshift(`<rect width="100%" height="100%" fill="${theme.paper}"/>`);
    this.hand(new Blob([context.toString()], { type: "image/svg+xml" }), `${name}.svg`);
    this.dirty();
  }

  hand(blob, name) {
    const link = element("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  asked() {
    const { state, session } = this;
    const [start, stop] = window_(state, session.frames);
    const channels = this.shown.shown;
    return {
      data: session.key, view: state.view, channels: ranges(channels), start, stop, measure: state.measure, spectrum: state.spectrum,
      focus: focusOf(state), codec: state.codec, results: state.results || session.results[0] || "", steps: state.steps, level: state.level,
    };
  }

  /** Show what is drawn as numbers, for those who cannot see it. */
  table() {
    const view = views[this.state.view];
    const rows = view.rows ? view.rows(this.shown) : signals.rows(this.shown);
    const [head, ...body] = rows;
    const cell = (tag, text) => element(tag, typeof text === "number" ? { className: "n" } : {}, String(text));
    byId("table-body").replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))), element("tbody", {}, ...body.map((row) => element("tr", {}, ...row.map((text) => cell("td", text)))))));
    byId("table").showModal();
  }
}

const left0 = (scene) => {
  for (const { steps, width, number, channels } of scene.wants) {
    const tile = scene.tiles.get(steps, width, number);
    if (!tile || channels.some((channel) => !tile.rows[channel])) return true;
  }
  return false;
};

new App();

// The sidebar: what can be chosen, built once, shown where it matters, and kept equal to the state.

import { CHOICES, VIEWS, find, focusOf, moment, toggled, visible, window_, look } from "./state.js";
import { clock } from "./axes.js";

const WORDS = {
  separate: "a row each", overlaid: "overlaid", auto: "automatic", lines: "lines", density: "density",
  common: "common", own: "per channel", "": "as recorded", depth: "depth on the probe", single: "nearest point",
  average: "UPGMA", centroid: "UPGMC", ward: "Ward", "1-r": "1 − r", "1-|r|": "1 − |r|", robust: "robust",
  channel: "per channel", full: "all", encode: "encoder", decode: "decoder", s: "s", hms: "hh:mm:ss",
  pearson: "Pearson", spearman: "Spearman", kendall: "Kendall", move: "moves", zoom: "draws a range",
};
const PATHS = {
  menu: "M3 5h12M3 9h12M3 13h12", help: "M6.5 6.7a2.6 2.6 0 1 1 3.6 2.4c-.8.3-1.1.8-1.1 1.6M9 13.6v.1", theme: "M9 2.5v13M9 2.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M9 5a4 4 0 0 1 0 8",
  earlier: "M11 4L6 9l5 5", later: "M7 4l5 5-5 5", in: "M8 3a5 5 0 1 1 0 10a5 5 0 1 1 0-10M11.6 11.6L15 15M6 8h4M8 6v4", out: "M8 3a5 5 0 1 1 0 10a5 5 0 1 1 0-10M11.6 11.6L15 15M6 8h4",
  all: "M3 6V3h3M12 3h3v3M15 12v3h-3M6 15H3v-3", up: "M4 11l5-5 5 5", down: "M4 7l5 5 5-5", louder: "M3 9h2l2-6 4 12 2-6h2", softer: "M3 9h2l2-2 4 4 2-2h2", table: "M3 4h12v10H3zM3 8h12M8 4v10",
  signals: "M2 6h3l1-3 2 6 1-3h7M2 13h5l1-2 2 4 1-2h5", image: "M3 3h12v12H3zM3 7h12M3 11h12M7 3v12", spikes: "M2 13h4l2-10 3 12 1-2h4", spectrum: "M2 15V9M5 15V4M8 15V7M11 15v-4M14 15v-2", correlation: "M3 3h5v5H3zM10 10h5v5h-5zM3 10h5v5H3z", compression: "M9 2v5M6.5 5L9 7.5 11.5 5M9 16v-5M6.5 13L9 10.5 11.5 13M3 9h12", results: "M3 15V3M3 15h12M6 11.5v.1M9 7v.1M12 5v.1M12 10v.1",
};

export function glyph(name) {
  const space = "http://www.w3.org/2000/svg";
  const made = document.createElementNS(space, "svg");
  made.setAttribute("viewBox", "0 0 18 18");
  made.setAttribute("class", "glyph");
  made.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  made.append(path);
  return made;
}

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties))
    if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const TIMED = "signals image spikes spectrum compression";
const CHANNELS = "signals image spikes spectrum correlation compression";

export class Controls {
  /** @param change called with what a person chose: some fields of the state */
  constructor(app) {
    this.app = app;
    this.updates = [];
    this.groups = [];
    this.views();
    this.build();
  }

  change(values) {
    this.app.change(values);
  }

  views() {
    const home = document.getElementById("views");
    Object.entries(VIEWS).forEach(([name, title], index) => {
      const link = element("a", { href: `?view=${name}` }, glyph(name), title, element("kbd", {}, String(index + 1)));
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.change({ view: name });
        document.body.classList.remove("open");
      });
      home.append(link);
      this.updates.push((state) => {
        if (state.view === name) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      });
    });
  }

  group(title, views, ...children) {
    const made = element("fieldset", { className: "group" }, element("legend", {}, title), ...children);
    this.groups.push({ made, views: views.split(" "), when: () => true });
    document.getElementById("groups").append(made);
    return this.groups[this.groups.length - 1];
  }

  choice(name, values = CHOICES[name]) {
    const made = element("div", { className: "choice" });
    for (const value of values) {
      const input = element("input", { type: "radio", name, value, ...(value === "s" ? { "aria-label": "seconds" } : {}) });
      input.addEventListener("change", () => this.change({ [name]: value }));
      made.append(element("label", {}, input, WORDS[value] ?? value));
      this.updates.push((state) => (input.checked = state[name] === value));
    }
    return made;
  }

  select(name, values, label) {
    const made = element("select", { "aria-label": label });
    const fill = (options) => made.replaceChildren(...options.map((value) => element("option", { value }, WORDS[value] ?? value)));
    fill(values);
    made.addEventListener("change", () => this.change({ [name]: made.value }));
    this.updates.push((state) => (made.value = state[name] || (made.options[0] && made.options[0].value) || ""));
    return { made, fill };
  }

  /**
   * A field whose text is taken when a person leaves it or presses Enter; what makes no sense is marked. With
   * `options.leave` Enter goes back to the plot.
   */
  field(label, show, take, options = {}) {
    const input = element("input", { type: "text", autocomplete: "off", spellcheck: false, "aria-label": options.label || label, ...(options.more || {}) });
    const commit = () => {
      if (input.value === input.dataset.shown) return;
      const values = take(input.value);
      input.setAttribute("aria-invalid", String(!values));
      if (values) this.change(values);
      return Boolean(values);
    };
    input.addEventListener("change", commit);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        if (commit() && options.leave) document.getElementById("plot").focus(); // keys move the view again
      } else if (event.key === "Escape") {
        input.value = input.dataset.shown;
        document.getElementById("plot").focus();
      }
    });
    this.updates.push((state, session) => {
      if (document.activeElement === input && input.value !== input.dataset.shown) return;
      input.dataset.shown = show(state, session);
      input.value = input.dataset.shown;
      input.removeAttribute("aria-invalid");
    });
    return label && !options.bare ? element("label", {}, label, input) : input;
  }

  toggle(text, isOn, flip) {
    const made = element("button", { type: "button", className: "switch" }, text);
    made.addEventListener("click", () => this.change(flip(this.app.state)));
    this.updates.push((state) => made.setAttribute("aria-pressed", String(isOn(state))));
    return made;
  }

  build() {
    const { app } = this;
    const timed = (text) => {
      const at = moment(text, app.session.rate);
      return Number.isNaN(at) ? NaN : at;
    };
    // Hours are left out of a field, which is narrow, where there are none.
    const shownTime = (frame, state) => {
      const { rate, frames } = app.session;
      return state.clock === "s" ? clock(frame / rate, "s", 4) : clock(frame / rate, "hms", 3).slice(frames < 3600 * rate ? 3 : 0);
    };
    this.group("Time shown", TIMED,
      element("div", { className: "row" },
        this.field("from", (state) => shownTime(state.start, state), (text) => {
          const at = timed(text);
          const [, stop] = window_(app.state, app.session.frames);
          return at < stop ? look(app.state, at, stop, app.session.frames) : null;
        }, { label: "First moment shown" }),
        this.field("to", (state) => shownTime(window_(state, app.session.frames)[1], state), (text) => {
          const at = timed(text);
          return at > app.state.start ? look(app.state, app.state.start, at, app.session.frames) : null;
        }, { label: "Moment behind the last one shown" })),
      element("div", { className: "row" },
        this.field("go", () => "", (text) => {
          const at = timed(text);
          if (Number.isNaN(at) || at >= app.session.frames) return null;
          const [start, stop] = window_(app.state, app.session.frames);
          const half = (stop - start) / 2;
          return { ...look(app.state, at - half, at + half, app.session.frames), cursor: at };
        }, { label: "Go to a moment", leave: true, more: { placeholder: "1:02.5", title: "Seconds, hh:mm:ss, or # and a sample" } }),
        this.choice("clock")));
    const several = (state) => state.view !== "spectrum" || state.spectrum !== "spectrogram"; // that of one channel
    this.group("Channels", CHANNELS,
      element("div", { className: "row" },
        this.field("from", (state) => String(visible(state, app.session.channels)[0]), (text) => {
          const [, last] = visible(app.state, app.session.channels);
          return /^\d+$/.test(text) && Number(text) < app.session.channels ? { first: Number(text), last: Math.max(last, Number(text) + 1) } : null;
        }, { label: "First position shown" }),
        this.field("to", (state) => String(visible(state, app.session.channels)[1] - 1), (text) => {
          const first = app.state.first;
          return /^\d+$/.test(text) && Number(text) >= first ? { first, last: Math.min(Number(text) + 1, app.session.channels) } : null;
        }, { label: "Last position shown" }),
        this.field("find", () => "", (text) => {
          const channel = find(text, app.session.names);
          return channel < 0 ? null : app.showing(channel);
        }, { label: "Find a channel by number or name", leave: true, more: { placeholder: "name" } }))).when = several;
    const order = this.select("order", CHOICES.order, "Order of channels");
    this.order = order;
    this.group("Order of channels", CHANNELS, order.made).when = several;
    const clusters = (state) => several(state) && state.order !== "" && state.order !== "depth";
    this.group("Correlation", CHANNELS, this.choice("measure")).when = (state) => state.view === "correlation" || clusters(state);
    this.group("Distance", CHANNELS, this.choice("distance")).when = clusters;
    this.probe();
    this.group("In focus", "spectrum spikes compression", element("div", { className: "row" },
      this.field("channel", (state) => String(focusOf(state)), (text) => {
        const channel = find(text, app.session.names);
        return channel < 0 ? null : { focus: channel };
      }, { label: "Channel in focus, by number or name" })));
    this.group("Signals", "signals", this.choice("mode"));
    this.group("Overlaid as", "signals", this.choice("look")).when = (state) => state.mode === "overlaid";
    this.group("Amplitude scale", "signals", this.choice("scale")).when = (state) => state.mode === "separate";
    this.group("Colour range", "image", this.choice("colours"));
    this.group("Kind", "spectrum", this.choice("spectrum"));
    this.processing();
    this.group("Threshold (times the noise)", "spikes", element("div", { className: "row" },
      this.field("", (state) => (state.level / 10).toString(), (text) => {
        const level = Math.round(10 * Number(text));
        return level >= 20 && level <= 200 ? { level } : null;
      }, { label: "Threshold, times the noise, from 2 to 20", bare: true })));
    this.codec();
    const measured = (state, session) => session.results.length > 0;
    this.group("Speed of the", "results", this.choice("speed")).when = measured;
    const sets = this.select("results", [""], "Data set");
    this.sets = sets;
    this.group("Data set", "results", sets.made).when = measured;
    this.group("Mouse", TIMED, this.choice("drag"));
    const kinds = ["png", "svg", "csv"].map((kind) => {
      const made = element("button", { type: "button", id: kind, "aria-label": `This view as ${kind.toUpperCase()}` }, kind.toUpperCase());
      made.addEventListener("click", () => app.save(kind));
      return made;
    });
    this.group("Save this view", Object.keys(VIEWS).join(" "), element("div", { className: "buttons" }, ...kinds));
  }

  processing() {
    const filter = (state) => (/^\d/.test(state.steps) ? state.steps.replace(/\+.*/, "") : "");
    const rest = (state) => (state.steps.match(/\+.*/) || [""])[0];
    let band = "300-6000";
    const on = this.toggle("Band-pass filter", (state) => filter(state) !== "", (state) => ({ steps: (filter(state) ? "" : band) + rest(state) }));
    const edges = (index, label) =>
      this.field(label, (state) => {
        if (filter(state)) band = filter(state);
        return band.split("-")[index];
      }, (text) => {
        if (!/^\d{0,6}(\.\d+)?$/.test(text) || (index === 0 && !(Number(text) > 0))) return null;
        const pieces = band.split("-");
        pieces[index] = text;
        if (pieces[1] && Number(pieces[0]) >= Number(pieces[1])) return null;
        band = pieces.join("-");
        return { steps: band + rest(this.app.state) };
      }, { label: index ? "Upper edge in Hz, empty for a high-pass filter" : "Lower edge in Hz" });
    const reference = this.toggle("Common median reference", (state) => state.steps.includes("+cmr"), (state) => ({ steps: toggled(state.steps, "cmr") }));
    const white = this.toggle("Whitening", (state) => state.steps.includes("+white"), (state) => ({ steps: toggled(state.steps, "white") }));
    const why = element("p", { className: "help-text" });
    this.group("Processing", "signals image spikes", on, element("div", { className: "row" }, edges(0, "Hz"), edges(1, "to")), reference, white, why);
    this.updates.push((state, session) => {
      const enough = session.together >= 4;
      reference.disabled = white.disabled = !enough;
      why.textContent = enough ? "" : "Reference and whitening need four channels of one recording.";
      why.hidden = enough;
    });
  }

  codec() {
    const list = element("datalist", { id: "codecs" });
    this.codecs = list;
    const field = (name, label) =>
      this.field("", (state) => state[name], (text) => ({ [name]: text.trim() }), { label, bare: true, more: { list: "codecs" } });
    this.group("Codec", "compression", field("codec", "Codec"), list);
    this.group("Beside it", "compression", field("against", "Second codec to compare with, may be empty"));
    this.group("Line below the signal", "compression", this.choice("line"));
  }

  probe() {
    this.map = element("canvas", { className: "probe" });
    this.map.setAttribute("aria-hidden", "true");
    this.group("Probe", CHANNELS, this.map).when = (state, session) => session.places !== null;
  }

  /** The session is another one: fill what depends on it. */
  opened(session) {
    this.sets.fill(session.results.length ? session.results : [""]);
    this.order.fill(CHOICES.order.filter((value) => value !== "depth" || session.places));
    this.codecs.replaceChildren(...session.codecs.map((value) => element("option", { value })));
  }

  update(state, session) {
    for (const { made, views, when } of this.groups) made.hidden = !views.includes(state.view) || !when(state, session);
    for (const update of this.updates) update(state, session);
  }
}

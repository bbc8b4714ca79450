// The state of the page: one plain object, written as a query string and changed by pure functions.

export const VIEWS = {
  signals: "Signals", image: "Image", spikes: "Spikes", spectrum: "Spectrum", correlation: "Correlation",
  compression: "Compression", results: "Ratio and speed",
};
export const CHOICES = {
  view: Object.keys(VIEWS),
  mode: ["separate", "overlaid"],
  look: ["auto", "lines", "density"],
  scale: ["common", "own"],
  measure: ["pearson", "spearman", "kendall"],
  order: ["", "depth", "single", "average", "centroid", "ward"],
  distance: ["1-r", "1-|r|"],
  colours: ["robust", "channel", "full"],
  spectrum: ["lines", "image", "spectrogram"],
  line: ["residual", "decoded", "difference"],
  speed: ["encode", "decode"],
  clock: ["s", "hms"],
  drag: ["move", "zoom"],
};
export const DEFAULTS = {
  data: "", view: "signals", mode: "separate", look: "auto", scale: "common", gain: 0, first: 0, last: 0, start: 0,
  stop: 0, measure: "pearson", order: "", distance: "1-r", colours: "robust", spectrum: "lines", focus: -1, other: -1,
  cursor: -1, steps: "", level: 45, codec: "remap|lpc|rans", against: "", line: "residual", speed: "encode",
  results: "", hidden: "", clock: "s", drag: "move",
};
export const PLOTS = 8; // channels that the signal view shows until others are chosen
export const MOST_PLOTS = 48; // channels that have a plot each at the most; more are paged through
export const SHORTEST = 16; // frames that are shown at the least
const LONGEST_TEXT = 200;
const STEPS = /^(\d{1,6}(\.\d+)?-(\d{1,6}(\.\d+)?)?)?(\+(cmr|white))*$/;

/** Return a query string with all fields that differ from their defaults. */
export function query(state) {
  const changed = new URLSearchParams();
  for (const name in DEFAULTS) if (state[name] !== DEFAULTS[name]) changed.set(name, String(state[name]));
  const text = changed.toString();
  return text ? `?${text}` : "";
}

/** Return the state that a query string describes. What is unknown or not allowed in it is passed over. */
export function parse(text) {
  const state = { ...DEFAULTS };
  for (const [name, value] of new URLSearchParams(text)) {
    if (!(name in DEFAULTS) || value.length > LONGEST_TEXT) continue;
    if (typeof DEFAULTS[name] === "number") {
      if (/^-?\d{1,15}$/.test(value)) state[name] = Number(value);
    } else if (name in CHOICES ? CHOICES[name].includes(value) : name !== "steps" || STEPS.test(value)) state[name] = value;
  }
  return state;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Return the state with every number moved into the range of a session. */
export function fit(state, session) {
  const { channels, frames } = session;
  const shortest = Math.min(SHORTEST, frames);
  let stop = state.stop > 0 ? Math.min(state.stop, frames) : frames;
  const start = clamp(state.start, 0, Math.max(stop - shortest, 0));
  stop = Math.min(Math.max(stop, start + shortest), frames);
  const last = state.last > 0 ? Math.min(state.last, channels) : 0;
  return {
    ...state,
    start: Math.min(start, frames - shortest),
    stop: stop === frames && start === 0 ? 0 : stop,
    last,
    first: clamp(state.first, 0, (last || channels) - 1),
    focus: clamp(state.focus, -1, channels - 1),
    other: state.other >= 0 && state.other < channels ? state.other : -1,
    order: state.order === "depth" && !session.places ? "" : state.order,
    cursor: state.cursor >= 0 && state.cursor < frames ? state.cursor : -1,
    gain: clamp(state.gain, -20, 20),
    level: clamp(state.level, 20, 200),
  };
}

/** Return the channel in focus: the first one where none was chosen. */
export const focusOf = (state) => Math.max(state.focus, 0);

/** Return the frames that are shown, [start, stop), a half-open range like all others. */
export const window_ = (state, frames) => [state.start, state.stop || frames];

/** Return the positions that are drawn, [first, last). The signal view draws MOST_PLOTS of those chosen at a time. */
export function visible(state, channels) {
  if (!state.last) {
    const many = state.view === "signals" && state.mode === "separate" ? PLOTS : channels;
    return [state.first, Math.min(state.first + many, channels)];
  }
  const most = state.view === "signals" && state.mode === "separate" ? MOST_PLOTS : channels;
  return [state.first, Math.min(state.last, state.first + most)];
}

/** Show other frames: moved and cut so that they lie within the recording. */
export function look(state, start, stop, frames) {
  const length = clamp(Math.round(stop - start), Math.min(SHORTEST, frames), frames);
  const from = clamp(Math.round(start), 0, frames - length);
  return { ...state, start: from, stop: from + length === frames && from === 0 ? 0 : from + length };
}

/** Move the frames shown by a share of their number. */
export function pan(state, share, frames) {
  const [start, stop] = window_(state, frames);
  return look(state, start + share * (stop - start), stop + share * (stop - start), frames);
}

/** Show `factor` times as many frames; what is at `share` of the width stays there. */
export function zoom(state, factor, frames, share = 0.5) {
  const [start, stop] = window_(state, frames);
  const length = clamp((stop - start) * factor, Math.min(SHORTEST, frames), frames);
  const from = start + share * (stop - start - length);
  return look(state, from, from + length, frames);
}

/** Show the channels that follow those that are drawn, or those before, as many at a time. */
export function page(state, steps, channels) {
  const [first, last] = visible(state, channels);
  const count = last - first;
  const from = clamp(first + steps * count, 0, channels - count);
  return { ...state, first: from, last: from + count };
}

/** Show more channels or fewer around the same middle. */
export function spread(state, factor, channels, share = 0.5) {
  const [first, last] = visible(state, channels);
  const most = state.view === "signals" && state.mode === "separate" ? Math.min(MOST_PLOTS, channels) : channels;
  const wanted = Math.round((last - first) * factor);
  const count = clamp(wanted === last - first ? wanted + Math.sign(factor - 1) : wanted, 1, most);
  const from = clamp(Math.round(first + share * (last - first - count)), 0, channels - count);
  return { ...state, first: from, last: from + count };
}

export function cycle(state, name) {
  const values = CHOICES[name];
  return { ...state, [name]: values[(values.indexOf(state[name]) + 1) % values.length] };
}

/** Turn a step of the processing on or off. */
export function toggled(steps, step) {
  return steps.includes(`+${step}`) ? steps.replace(`+${step}`, "") : `${steps}+${step}`;
}

/** Return what the state becomes when a key is pressed; docs/viewer.md lists the keys. */
export function key(state, pressed, session) {
  const { channels, frames } = session;
  const views = CHOICES.view;
  if (/^[1-7]$/.test(pressed)) return { ...state, view: views[Number(pressed) - 1] };
  switch (pressed) {
    case "ArrowLeft": return pan(state, -0.25, frames);
    case "ArrowRight": return pan(state, 0.25, frames);
    case "PageUp": return pan(state, -1, frames);
    case "PageDown": return pan(state, 1, frames);
    case "Home": return pan(state, -1e9, frames);
    case "End": return pan(state, 1e9, frames);
    case "ArrowUp": case "+": case "=": return zoom(state, 0.5, frames);
    case "ArrowDown": case "-": return zoom(state, 2, frames);
    case "[": return page(state, -1, channels);
    case "]": return page(state, 1, channels);
    case "{": return spread(state, 0.5, channels);
    case "}": return spread(state, 2, channels);
    case "0": return { ...state, start: 0, stop: 0, first: 0, last: 0, gain: 0 };
    case "a": return { ...state, gain: clamp(state.gain + 1, -20, 20) };
    case "z": return { ...state, gain: clamp(state.gain - 1, -20, 20) };
    case "y": return cycle(state, "scale");
    case "o": return cycle(state, "mode");
    case "r": {
      const next = cycle(state, "order");
      return next.order === "depth" && !session.places ? cycle(next, "order") : next;
    }
    case "m": return cycle(state, "measure");
    case "s": return cycle(state, "spectrum");
    case "t": return cycle(state, "clock");
    case "p": return cycle(state, "drag");
    case "f": return { ...state, steps: `${/^\d/.test(state.steps) ? "" : "300-6000"}${(state.steps.match(/\+.*/) || [""])[0]}` };
    case "c": return { ...state, steps: toggled(state.steps, "cmr") };
    case "w": return { ...state, steps: toggled(state.steps, "white") };
    default: return state;
  }
}

/** Return the frame that a text such as 12.5, 1:02:03.5 or #4000 (a frame) means; NaN if it means none. */
export function moment(text, rate) {
  const plain = text.trim().replace(/\s*s$/, "");
  if (/^#\d+$/.test(plain)) return Number(plain.slice(1));
  if (!/^(\d+:){0,2}\d+(\.\d*)?$/.test(plain)) return NaN;
  return Math.round(plain.split(":").reduce((sum, part) => 60 * sum + Number(part), 0) * rate);
}

/** Return the channel whose number or name a text means, the first whose name holds it; -1 if there is none. */
export function find(text, names) {
  const plain = text.trim().toLowerCase();
  if (!plain) return -1;
  const exact = names.findIndex((name) => name.toLowerCase() === plain);
  if (exact >= 0) return exact;
  if (/^\d+$/.test(plain) && Number(plain) < names.length) return Number(plain);
  return names.findIndex((name) => name.toLowerCase().includes(plain));
}

// The map of a probe: where the electrodes are, which are shown, which is in focus.

import { Pen } from "./axes.js";

const HEIGHT = 150;
const SHANKS = 100; // micrometres between electrodes that only two shanks have

/** Return channels shank by shank, from the top of each to its tip; those without an electrode come last. */
export function byDepth(channels, places) {
  const place = (channel) => (places[channel] && places[channel][0] !== null && places[channel][1] !== null ? places[channel] : null);
  const across = [...new Set(Array.from(channels).map(place).filter(Boolean).map(([x]) => x))].sort((a, b) => a - b);
  const shanks = new Map();
  across.forEach((x, i) => shanks.set(x, i ? shanks.get(across[i - 1]) + (x - across[i - 1] > SHANKS) : 0));
  const key = (channel) => (place(channel) ? [shanks.get(place(channel)[0]), -place(channel)[1], place(channel)[0]] : [Infinity, 0, 0]);
  const keys = new Map(Array.from(channels).map((channel) => [channel, key(channel)]));
  const compare = (a, b) => {
    const [one, other] = [keys.get(a), keys.get(b)];
    for (let i = 0; i < 3; i++) if (one[i] !== other[i]) return one[i] < other[i] ? -1 : 1;
    return a - b;
  };
  return Int32Array.from(channels).sort(compare);
}

/** Return the places of electrodes in pixels: [{channel, x, y}], the tip below, shanks side by side. */
function layout(session, width, height) {
  const known = session.places.map((place, channel) => ({ channel, across: place[0], along: place[1] })).filter((one) => one.across !== null && one.along !== null);
  if (!known.length) return [];
  const reach = (values) => [Math.min(...values), Math.max(...values)];
  const [left, right] = reach(known.map((one) => one.across));
  const [low, high] = reach(known.map((one) => one.along));
  const pad = 10;
  const x = (value) => (right > left ? pad + ((value - left) / (right - left)) * (width - 2 * pad) : width / 2);
  const y = (value) => (high > low ? height - pad - ((value - low) / (high - low)) * (height - 2 * pad) : height / 2);
  return known.map((one) => ({ ...one, x: x(one.across), y: y(one.along), low, high }));
}

export function drawProbe(canvas, scene) {
  const { session, theme, state, dpr } = scene;
  const width = canvas.clientWidth || 240;
  const height = HEIGHT;
  canvas.width = width * dpr;
  canvas.height = height * dpr;
  const context = canvas.getContext("2d");
  context.setTransform(dpr, 0, 0, dpr, 0, 0);
  const pen = new Pen(context, theme);
  const shown = new Set(scene.shown);
  const places = layout(session, width - 64, height);
  const size = Math.max(2, Math.min(7, 900 / Math.max(places.length, 1) ** 0.75));
  const colour = (channel) => (state.view === "signals" ? theme.channelText(channel) : channel === scene.focus ? theme.second : theme.accent);
  for (const { channel, x, y } of places)
    if (channel !== scene.focus) pen.box(x - size / 2, y - size / 2, size, size, shown.has(channel) ? colour(channel) : theme.faint);
  for (const { channel, x, y } of places)
    if (channel === scene.focus) {
      pen.box(x - size, y - size, 2 * size, 2 * size, theme.ink);
      pen.box(x - size + 1.5, y - size + 1.5, 2 * size - 3, 2 * size - 3, colour(channel));
    }
  if (places.length) {
    pen.text(`${Math.round(places[0].high)} µm`, width - 6, 14, { align: "right" });
    pen.text(`${Math.round(places[0].low)} µm`, width - 6, height - 12, { align: "right" });
  }
}

/** Return the channel at a place in the map, the nearest one; -1 if there is none. */
export function probeAt(canvas, session, x, y) {
  let best = -1;
  let nearest = 900;
  for (const place of layout(session, canvas.clientWidth - 64, HEIGHT)) {
    const away = (place.x - x) ** 2 + (place.y - y) ** 2;
    if (away < nearest) [best, nearest] = [place.channel, away];
  }
  return best;
}

// Colours of the light and the dark page, for what is drawn; style.css has those of the rest.
//
// Channels have colours of one lightness and hues that are a golden angle apart, so that none repeats. Values around a
// middle have a diverging map (blue, the paper, red), others cividis (Nunez, Anderton & Renslow, PLoS ONE 13(7), 2018).

const pixel = ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
const rgb = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
export const css = ([r, g, b]) => `rgb(${r}, ${g}, ${b})`;

/** Return a table of pixels between colours at equal distances. */
function ramp(stops, size = 512) {
  const colours = stops.map(rgb);
  return Uint32Array.from({ length: size }, (_, i) => {
    const at = (i / (size - 1)) * (colours.length - 1);
    const k = Math.min(Math.floor(at), colours.length - 2);
    return pixel(colours[k].map((value, j) => Math.round(value + (at - k) * (colours[k + 1][j] - value))));
  });
}

/** Return the sRGB colour of OKLCH (Ottosson, "A perceptual color space for image processing", 2020). */
export function oklch(lightness, chroma, hue) {
  const a = chroma * Math.cos(hue);
  const b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((v) => Math.round(255 * Math.min(Math.max(v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055, 0), 1)));
}

const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];

function theme(dark) {
  const known = new Map();
  const colours = dark
    ? { ink: "#e6eaf0", soft: "#a3aec0", faint: "#3a4557", grid: "#222b38", paper: "#141a23", shade: "#1b2330", mark: "#ffd166", accent: "#6cc0f5", second: "#ffb08a", chosen: "#17293a" }
    : { ink: "#1b2330", soft: "#566072", faint: "#c3cad5", grid: "#eceff3", paper: "#ffffff", shade: "#f2f4f7", mark: "#a3003a", accent: "#0067a3", second: "#b34700", chosen: "#eaf4fb" };
  return {
    dark,
    ...colours,
    pixel: Object.fromEntries(Object.entries(colours).map(([name, text]) => [name, pixel(rgb(text))])),
    diverging: dark
      ? ramp(["#b5dcff", "#4c9be8", "#1d4f80", "#141a23", "#6e3320", "#e0784a", "#ffd3b8"])
      : ramp(["#053061", "#2369ad", "#92c5de", "#ffffff", "#f4a582", "#c02a3c", "#67001f"]),
    sequential: ramp(CIVIDIS),
    density: dark ? ramp(["#1d3247", "#2b6ea6", "#5fb6ee", "#cfeaff", "#ffffff"]) : ramp(["#cfe3f2", "#7fb4d8", "#2f7fb8", "#0b4a80", "#041d3a"]),
    /** The colour of a channel, the same in every view: [r, g, b]. */
    channel(number) {
      if (!known.has(number)) known.set(number, oklch(dark ? 0.77 : 0.51, dark ? 0.12 : 0.13, 4.3 + number * 2.399963));
      return known.get(number);
    },
    channelPixel(number) {
      return pixel(this.channel(number));
    },
    channelText(number) {
      return css(this.channel(number));
    },
  };
}

export const LIGHT = theme(false);
export const DARK = theme(true);

/** Return the contrast of two colours, [r, g, b] each, as WCAG 2 counts it. */
export function contrast(one, other) {
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}

// Colours of the points: a tone for each of the names with the most tracks, by what they are coloured by.

import { plural } from "../words.js";

const TONES = 9;
const OTHER = 9;
// Where the map is wrong about a point, it is faint.
const FAINTEST = 0.3;
const DIMMED = 0.08;
const SHADES = [null, ["--ink", 0.34], ["--ground", 0.42]];

export const KINDS = { group: "Group", model_genre: "Genre, as heard", genre: "Genre, as tagged", artist: "Artist", folder: "Folder" };

/** "#rgb", "#rrggbb" -> [r, g, b]. */
export function parsed(text) {
  const hex = text.trim().slice(1);
  const long = hex.length < 6 ? [...hex].map((each) => each + each).join("") : hex;
  return [0, 2, 4].map((at) => Number.parseInt(long.slice(at, at + 2), 16));
}

/** What each of so many names is coloured in: [r, g, b]; `shades` lets more than nine differ. */
export function palette(count, shades) {
  const style = getComputedStyle(document.documentElement);
  const token = (name) => parsed(style.getPropertyValue(name));
  return Array.from({ length: count }, (_, code) => {
    const round = Math.floor(code / TONES);
    if (round > 0 && !shades) return token(`--tone-${OTHER}`);
    const tone = token(`--tone-${code % TONES}`);
    const shade = SHADES[round % SHADES.length];
    if (!shade) return tone;
    const other = token(shade[0]);
    return tone.map((value, k) => Math.round(value + (other[k] - value) * shade[1]));
  });
}

export const rgb = (tone) => `rgb(${tone.join(" ")})`;

/**
 * Names, and the code of each point: what can be chosen in the legend.
 * @returns {{by, names, codes, counts, tones}}
 */
export function colouring(by, labels, points) {
  const codes = points.of(labels.codes);
  const counts = new Uint32Array(labels.names.length);
  for (const code of codes) if (code >= 0) counts[code] += 1;
  return { by, names: labels.names, codes, counts, hasShades: by === "group", tones: palette(labels.names.length, by === "group") };
}

/** Bytes for the renderer. `isLit(i)`: whether a point is not dimmed. */
export function coloursOf(points, { codes, tones }, isLit) {
  const none = palette(TONES + 1, false)[TONES];
  const made = new Uint8Array(4 * points.n);
  for (let i = 0; i < points.n; i += 1) {
    const tone = codes[i] >= 0 ? tones[codes[i]] : none;
    const opacity = isLit(i) ? FAINTEST + (1 - FAINTEST) * Math.min(1, 1.6 * points.trust[i]) : DIMMED;
    made[4 * i] = tone[0] * opacity;
    made[4 * i + 1] = tone[1] * opacity;
    made[4 * i + 2] = tone[2] * opacity;
    made[4 * i + 3] = 255 * opacity;
  }
  return made;
}

/** What the legend lists: those with a colour of their own, the rest together. */
export function legendOf({ names, counts, tones, hasShades }) {
  const own = hasShades ? names.length : Math.min(names.length, TONES);
  const entries = names.slice(0, own).map((name, code) => ({ code, name, tone: tones[code], count: counts[code] }));
  const rest = counts.slice(own).reduce((sum, each) => sum + each, 0);
  return { entries: entries.filter((each) => each.count > 0), others: rest ? `${plural(names.length - own, "other")}, ${plural(rest, "track")}` : null };
}

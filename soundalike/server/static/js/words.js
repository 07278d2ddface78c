// Numbers, times and names as text.

/** 83 -> "1:23", 3723 -> "1:02:03". */
export function time(seconds) {
  if (!Number.isFinite(seconds)) return "–:––";
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  return (h ? `${h}:${String(m).padStart(2, "0")}` : `${m}`) + `:${String(s).padStart(2, "0")}`;
}

/** "1:10" -> 70, "90" -> 90; null for what is no time. */
export function seconds(text) {
  const parts = text.trim().split(":");
  if (parts.length > 3 || parts.some((part) => !/^\d+(\.\d+)?$/.test(part))) return null;
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** "1:10–1:32". */
export const span = (from, to) => `${time(from)}–${time(to)}`;

export const number = (value) => value.toLocaleString("en");

/** A cosine with two digits, and no "-0.00". */
export const cosine = (value) => (Math.round(value * 100) / 100 || 0).toFixed(2);

export const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

/** A probability or share of 1: 0.847 -> "85 %". */
export const percent = (value) => `${Math.round(value * 100)} %`;

/** A percentile (0 to 100) that never claims more than it knows: 97.9 -> "97 %", 99.96 -> "99.96 %". */
export function percentile(value) {
  if (value === null || value === undefined) return "";
  const decimals = value >= 99.9 ? 2 : value >= 99 ? 1 : 0;
  const shown = Math.floor(Math.min(value, 99.99) * 10 ** decimals) / 10 ** decimals;
  return `${shown.toFixed(decimals)} %`;
}

/** The title of a track, or what its file is called. */
export function title(track) {
  if (track.title) return track.title;
  const file = track.path.split(/[\\/]/).at(-1);
  return file.replace(/\.[^.]{1,5}$/, "") || file;
}

/** Whom it is by; "" where nothing tells. */
export const artist = (track) => track.artist ?? track.album_artist ?? "";

/** "Artist – Title". */
export const name = (track) => (artist(track) ? `${artist(track)} – ${title(track)}` : title(track));

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** What the server says, as a sentence: a file's name at the beginning stays as it is. */
export const sentence = (text) => (/^[a-z]+[ ,]/.test(text) ? capital(text) : text);

/** ["a", "b", "c"] -> "a, b and c". */
export const listed = (words, last = "and") =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;

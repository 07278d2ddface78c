// Amounts as people say them: sizes, times of day, how long.

export { number, plural } from "./words.js";

/** 9347072 -> "9.3 MB". */
export function bytes(count) {
  if (count === null || count === undefined) return "";
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = count;
  let at = 0;
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${value.toLocaleString("en", { maximumFractionDigits: value < 10 && at ? 1 : 0 })} ${units[at]}`;
}

/** 111743 -> "31 hours". */
export function roughly(seconds) {
  const steps = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const [size, unit] = steps.find(([each]) => seconds >= each * 1.5) ?? [1, "second"];
  const count = Math.max(1, Math.round(seconds / size));
  return `${count.toLocaleString("en")} ${unit}${count === 1 ? "" : "s"}`;
}

/** A short time: 0.42 -> "0.4 s", 83 -> "1 min 23 s". */
export function took(seconds) {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** The time of day, of today; else the day with it. */
export function clock(text) {
  const then = new Date(text);
  const time = then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return then.toDateString() === new Date().toDateString() ? time : `${day(text)}, ${time}`;
}

/** "27 Nov 2026". */
export const day = (text) => new Date(text).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });

// The sound of a track over time: waveform, mel spectrogram and genres under one playhead.
//
// A click seeks, a double click finds what is like the passage around it, a drag selects one; with the keyboard, arrows move, [ and ] mark the passage.

import { button, el, fill, setIcon, setStyle } from "./dom.js";
import { player } from "./player.js";
import { keep, kept } from "./storage.js";
import { capital, percent, span, time } from "./words.js";

const STEP_S = 5;
// As the API has it.
const [SHORTEST_S, LONGEST_S] = [3, 120];
const DRAG_PX = 6;
const SHOWN_GENRES = 5;
const EXCERPT_S = 9.94;
const LABEL_PX = 84;
// Where there is room for the whole sound above the tracks that are like it.
const ROOMY = "(min-width: 46.001rem) and (min-height: 62rem)";
const KEPT = "spectrogram";

/**
 * @param {object} options
 *   duration     seconds
 *   analysis     the analysis document, or null
 *   melUrl       (theme) => address of the picture, or null where there is none
 *   peaks        a promise of {minima, maxima} (-1 to 1), or null
 *   isCurrent    () => whether the player is at this sound
 *   playFrom     (seconds) starts it there
 *   playPassage  (from, to)
 *   passage      {from, to} that is selected at first, or null
 *   onfind       (from, to) search for the passage
 *   onseed       (from, to) make it a seed of a playlist; null likewise
 * @param {AbortSignal} signal
 */
export function soundView(options, signal) {
  const { duration, analysis } = options;
  let passage = options.passage;
  let peaks = null;
  const [still, played] = [el("canvas", { class: "wave" }), el("canvas", { class: "wave played" })];
  const mel = options.melUrl && el("img", { class: "mel", alt: "", draggable: "false", decoding: "async" });
  const genres = stackOf(analysis) && el("canvas", { class: "genre-band" });
  const labels = genres && el("div", { class: "genre-labels", "aria-hidden": "true" });
  const head = el("div", { class: "playhead" });
  const chosen = el("div", { class: "chosen", hidden: true });
  const pointed = el("div", { class: "pointed", hidden: true });
  const stage = el(
    "div",
    {
      class: "sound-stage", role: "slider", tabindex: 0, "aria-label": "Place in the track", "aria-valuemin": 0, "aria-valuemax": Math.round(duration),
      "aria-describedby": "sound-help",
    },
    el("div", { class: "waves" }, still, played), mel, genres && el("div", { class: "genres" }, labels, genres), chosen, head, pointed,
  );
  const tools = el("div", { class: "sound-tools" });
  const card = el("section", { class: "card sound", "aria-label": "Sound" });
  const toggle = button("Spectrogram", () => {
    keep(KEPT, !card.classList.contains("is-whole"));
    showWhole();
  }, { kind: "quiet", symbol: "down", "aria-expanded": "false" });
  const axis = el("div", { class: "axis", "aria-hidden": "true" }, ticks(duration).map((at) => {
    const tick = el("span", {}, time(at));
    setStyle(tick, { left: `${(at / duration) * 100}%` });
    return tick;
  }));

  const isHere = () => options.isCurrent();
  const position = () => (isHere() ? player.time : 0);
  const at = (event) => {
    const { left, width } = stage.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - left) / width)) * duration;
  };

  function showTime() {
    const now = position();
    setStyle(stage, { "--at": `${Math.min(1, now / duration) * 100}%` });
    stage.setAttribute("aria-valuenow", String(Math.round(now)));
    stage.setAttribute("aria-valuetext", `${time(now)} of ${time(duration)}`);
    head.hidden = !isHere();
  }

  /** With the spectrogram, and all of it larger; else waveform and genres alone. */
  function showWhole() {
    const isWhole = mel && kept(KEPT, matchMedia(ROOMY).matches);
    card.classList.toggle("is-whole", isWhole);
    toggle.setAttribute("aria-expanded", String(isWhole));
    setIcon(toggle.querySelector(".icon"), isWhole ? "up" : "down");
    draw();
  }

  function showPassage() {
    chosen.hidden = passage === null;
    if (passage) setStyle(chosen, { left: `${(passage.from / duration) * 100}%`, width: `${((passage.to - passage.from) / duration) * 100}%` });
    fill(
      tools,
      passage
        ? [
            el("span", { class: "passage-name" }, `Passage ${span(passage.from, passage.to)}`),
            button("Find this passage", () => options.onfind(passage.from, passage.to), { kind: "primary", symbol: "search" }),
            button("Play it", () => options.playPassage(passage.from, passage.to), { symbol: "play" }),
            options.onseed && button("Use as a seed", () => options.onseed(passage.from, passage.to), { symbol: "playlist" }),
            button("Clear", () => choose(null), { kind: "quiet" }),
          ]
        : [
            genres && legend(analysis),
            el("p", { class: "small soft sound-help", id: "sound-help" }, "Click to play from there, drag to find a passage.", el("span", { class: "for-keys" }, " Keys: ← → move, [ and ] mark a passage, Enter finds it.")),
            mel && toggle,
          ],
    );
  }

  function choose(found) {
    if (found) {
      let [from, to] = [Math.min(found.from, found.to), Math.max(found.from, found.to)];
      if (to - from < SHORTEST_S) to = Math.min(duration, from + SHORTEST_S);
      from = Math.max(0, Math.min(from, to - SHORTEST_S));
      if (to - from > LONGEST_S) [from, to] = found.from < found.to ? [from, from + LONGEST_S] : [to - LONGEST_S, to];
      found = { from, to };
    }
    passage = found;
    showPassage();
  }

  function seek(seconds) {
    if (isHere()) player.seek(seconds);
    else options.playFrom(seconds);
  }

  function listen() {
    let start = null;
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      start = { x: event.clientX, at: at(event), isDrag: false };
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => {
      pointed.hidden = event.pointerType === "touch";
      pointed.textContent = time(at(event));
      setStyle(pointed, { left: `${(at(event) / duration) * 100}%` });
      if (start === null) return;
      start.isDrag ||= Math.abs(event.clientX - start.x) > DRAG_PX;
      if (start.isDrag) choose({ from: start.at, to: at(event) });
    });
    stage.addEventListener("pointerleave", () => { pointed.hidden = true; });
    stage.addEventListener("pointercancel", () => { start = null; });
    stage.addEventListener("pointerup", (event) => {
      if (start && !start.isDrag) seek(at(event));
      start = null;
    });
    stage.addEventListener("dblclick", (event) => {
      const middle = at(event);
      choose({ from: Math.max(0, middle - EXCERPT_S / 2), to: Math.min(duration, middle + EXCERPT_S / 2) });
      options.onfind(passage.from, passage.to);
    });
    stage.addEventListener("keydown", (event) => {
      if (event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
      const now = position();
      const moves = { ArrowLeft: now - STEP_S, ArrowRight: now + STEP_S, Home: 0, End: duration - 1, PageUp: now + 30, PageDown: now - 30 };
      if (event.key in moves) seek(Math.max(0, moves[event.key]));
      else if (event.key === "[") choose({ from: now, to: Math.max(passage?.to ?? 0, Math.min(duration, now + EXCERPT_S)) });
      else if (event.key === "]") choose({ from: Math.min(passage?.from ?? Infinity, Math.max(0, now - EXCERPT_S)), to: now });
      else if (event.key === "Enter" && passage) options.onfind(passage.from, passage.to);
      else if (event.key === "Escape" && passage) choose(null);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    for (const name of ["time", "item", "state"]) player.addEventListener(name, showTime, { signal });
    addEventListener("themechange", draw, { signal });
    const resized = new ResizeObserver(draw);
    resized.observe(stage);
    signal.addEventListener("abort", () => resized.disconnect());
  }

  function draw() {
    if (!stage.isConnected) return;
    const colours = getComputedStyle(stage);
    const colour = (name) => colours.getPropertyValue(name).trim();
    drawWave(still, peaks, colour("--wave"));
    drawWave(played, peaks, colour("--wave-played"));
    if (mel && card.classList.contains("is-whole")) {
      const address = options.melUrl(document.documentElement.dataset.theme);
      if (mel.getAttribute("src") !== address) mel.src = address;
    }
    if (genres) drawGenres(genres, labels, analysis, duration, colour);
  }

  options.peaks?.then(
    (found) => {
      peaks = found;
      draw();
    },
    () => {}, // Without a waveform, the rest is still of use.
  );
  mel?.addEventListener("error", () => { mel.hidden = true; });
  listen();
  showTime();
  showPassage();
  fill(card, stage, axis, tools);
  showWhole();
  return card;
}

function ticks(duration) {
  const step = [5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find((each) => duration / each <= 7) ?? 7200;
  return Array.from({ length: Math.ceil(duration / step) }, (_, i) => i * step).filter((at) => at < duration * 0.96);
}

function context(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const drawn = canvas.getContext("2d");
  drawn.scale(ratio, ratio);
  return { drawn, width, height };
}

function drawWave(canvas, peaks, colour) {
  const { drawn, width, height } = context(canvas);
  drawn.fillStyle = colour;
  if (peaks === null) {
    drawn.fillRect(0, height / 2 - 0.5, width, 1);
    return;
  }
  const { minima, maxima } = peaks;
  const loudest = Math.max(0.05, ...maxima, ...minima.map((each) => -each));
  const bars = Math.floor(width / 3);
  for (let bar = 0; bar < bars; bar++) {
    const [from, to] = [Math.floor((bar / bars) * maxima.length), Math.max(1, Math.ceil(((bar + 1) / bars) * maxima.length))];
    let [low, high] = [0, 0];
    for (let i = from; i < to && i < maxima.length; i++) {
      low = Math.min(low, minima[i]);
      high = Math.max(high, maxima[i]);
    }
    const [up, down] = [Math.max(1, (high / loudest) * (height / 2 - 1)), Math.max(1, (-low / loudest) * (height / 2 - 1))];
    drawn.beginPath();
    drawn.roundRect(bar * 3, height / 2 - up, 2, up + down, 1);
    drawn.fill();
  }
}

/** The genres that are ever strong, and their places among the labels; null where there are none. */
function stackOf(analysis) {
  const rows = analysis?.excerpt_probabilities;
  if (!rows?.length || analysis.kind === "tags") return null;
  const mean = analysis.labels.map((label, i) => ({ label, i, sum: rows.reduce((total, row) => total + row[i], 0) / rows.length, most: Math.max(...rows.map((row) => row[i])) }));
  return mean.filter((each) => each.most > 0.15).sort((a, b) => b.sum - a.sum).slice(0, SHOWN_GENRES);
}

const toneOf = (analysis, label) => analysis.labels.indexOf(label) % 10;

function drawGenres(canvas, labels, analysis, duration, colour) {
  const { drawn, width, height } = context(canvas);
  const stack = stackOf(analysis);
  const starts = analysis.excerpt_starts_s;
  const x = (i) => ((starts[i] + EXCERPT_S / 2) / duration) * width;
  const base = starts.map(() => 0);
  // What lies between the passages of a fast analysis stays empty.
  const at = (seconds) => (Math.min(seconds, duration) / duration) * width;
  const edges = (values) => (analysis.is_fast
    ? values.flatMap((value, i) => [[at(starts[i]), 0], [at(starts[i]), value], [at(starts[i] + analysis.excerpt_s), value], [at(starts[i] + analysis.excerpt_s), 0]])
    : [[0, values[0]], ...values.map((value, i) => [x(i), value]), [width, values.at(-1)]]);
  for (const { label, i } of stack) {
    const low = [...base];
    analysis.excerpt_probabilities.forEach((row, n) => { base[n] += row[i]; });
    drawn.fillStyle = colour(`--tone-${toneOf(analysis, label)}`);
    drawn.beginPath();
    for (const [px, value] of edges(base)) drawn.lineTo(px, height * (1 - value));
    for (const [px, value] of edges(low).reverse()) drawn.lineTo(px, height * (1 - value));
    drawn.closePath();
    drawn.fill();
  }
  fill(labels, (analysis.timeline ?? []).filter((each) => ((each.end_s - each.start_s) / duration) * width > LABEL_PX).map((each) => {
    const made = el("span", { class: `tone-${toneOf(analysis, each.label)}` }, `${each.label} ${percent(each.probability)}`);
    setStyle(made, { left: `${(each.start_s / duration) * 100}%`, width: `${((each.end_s - each.start_s) / duration) * 100}%` });
    return made;
  }));
}

/** What the colours of the band are, and the same in words for whoever does not see it. */
function legend(analysis) {
  const stack = stackOf(analysis);
  const stretches = (analysis.timeline ?? []).map((each) => `${span(each.start_s, each.end_s)} ${each.label} (${percent(each.probability)})`).join(", ");
  return el(
    "div",
    { class: "legend" },
    el("span", { class: "small soft" }, "Genre"),
    stack.map(({ label, sum }) => el("span", { class: `legend-item tone-${toneOf(analysis, label)}` }, el("i", { class: "dot" }), capital(label), el("span", { class: "soft" }, percent(sum)))),
    el("span", { class: "hidden-text" }, stretches),
  );
}

/** Peaks of a local file, for its waveform; null where that would take too much memory. */
export async function peaksOf(file, points = 1000) {
  if (file.size > 60_000_000) return null;
  const audio = new OfflineAudioContext(1, 1, 22050);
  const samples = (await audio.decodeAudioData(await file.arrayBuffer())).getChannelData(0);
  const [minima, maxima] = [new Array(points).fill(0), new Array(points).fill(0)];
  samples.forEach((value, i) => {
    const point = Math.floor((i / samples.length) * points);
    if (value < minima[point]) minima[point] = value;
    if (value > maxima[point]) maxima[point] = value;
  });
  return { minima, maxima };
}

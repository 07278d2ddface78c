// Two sounds one above the other, their matching passages joined; and the matrix of all their excerpts.

import { el, fill, setStyle } from "../dom.js";
import { parsed } from "../map/colours.js";
import { playBoth, player } from "../player.js";
import { cosine, span, time, title } from "../words.js";

const SVG = "http://www.w3.org/2000/svg";
const TICKS = [5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600];

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Round times from 0 on, about so many of them. */
export function ticks(duration, about = 6) {
  const step = TICKS.find((each) => duration / each <= about) ?? TICKS.at(-1);
  return Array.from({ length: Math.floor(duration / step) + 1 }, (_, i) => i * step);
}

/** A strip for each, to one scale of time, and a band for each passage (best first). */
export function strips({ a, b, passages, melUrl }, signal) {
  const longest = Math.max(a.duration_s, b.duration_s);
  const along = (seconds) => (100 * seconds) / longest;
  const play = (passage) => playBoth(a, b, passage);
  const pictures = [];
  const side = (track, letter) => {
    const picture = el("img", { class: "strip-mel", alt: "", draggable: "false" });
    const show = () => picture.setAttribute("src", melUrl(track.track_id));
    pictures.push(show);
    show();
    const head = el("div", { class: "playhead", hidden: true });
    const low = letter.toLowerCase();
    const marks = passages.map((passage, i) => {
      const mark = el("span", { class: `strip-mark tone-${i}`, data: { passage: i } });
      setStyle(mark, { left: `${along(passage[`${low}_start_s`])}%`, width: `${along(passage[`${low}_end_s`] - passage[`${low}_start_s`])}%` });
      return mark;
    });
    const strip = el("div", { class: "strip" }, picture);
    setStyle(strip, { width: `${along(track.duration_s)}%` });
    const axis = el("div", { class: "axis", "aria-hidden": "true" }, ticks(longest).filter((at) => at <= Math.min(track.duration_s, longest * 0.96)).map((at) => {
      const tick = el("span", {}, time(at));
      setStyle(tick, { left: `${along(at)}%` });
      return tick;
    }));
    const stage = el("div", { class: "strip-stage", onclick: (event) => {
      const { left, width } = stage.getBoundingClientRect();
      const at = ((event.clientX - left) / width) * longest;
      const passage = passages.find((each) => at >= each[`${low}_start_s`] && at <= each[`${low}_end_s`]);
      if (passage) play(passage);
      else if (at < track.duration_s) player.play([track], 0, at);
    } }, strip, marks, head);
    const showTime = () => {
      head.hidden = !player.isAt(track.track_id);
      setStyle(head, { "--at": `${along(player.time)}%` });
    };
    for (const event of ["time", "item"]) player.addEventListener(event, showTime, { signal });
    showTime();
    return { stage, axis };
  };
  addEventListener("themechange", () => pictures.forEach((show) => show()), { signal });
  const [upper, lower] = [side(a, "A"), side(b, "B")];
  const bands = svg("svg", { class: "bands", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  passages.forEach((passage, i) => {
    const [x1, x2, x3, x4] = [passage.a_start_s, passage.a_end_s, passage.b_end_s, passage.b_start_s].map(along);
    const band = svg("path", { d: `M${x1} 0H${x2}C${x2} 50 ${x3} 50 ${x3} 100H${x4}C${x4} 50 ${x1} 50 ${x1} 0Z`, class: `band tone-${i}`, "data-passage": i });
    band.addEventListener("click", () => play(passage));
    bands.prepend(band);
  });
  const made = el("div", { class: "strips" },
    el("p", { class: "strip-name small" }, el("b", {}, "A"), ` ${title(a)}`), upper.axis, upper.stage, bands, lower.stage, lower.axis, el("p", { class: "strip-name small" }, el("b", {}, "B"), ` ${title(b)}`));
  /** Point one passage out, or none. */
  made.point = (i) => {
    for (const each of made.querySelectorAll("[data-passage]")) each.classList.toggle("is-pointed", Number(each.dataset.passage) === i);
  };
  made.addEventListener("pointerover", (event) => made.point(event.target.dataset?.passage === undefined ? -1 : Number(event.target.dataset.passage)));
  return made;
}

/**
 * The similarity of every excerpt of A (downwards) with every one of B (to the right).
 *
 * @param {object} options  a, b: tracks; matrix; starts: {a, b} in seconds; ends: likewise; passages
 */
export function matrixView({ a, b, matrix, starts, ends, passages }, signal) {
  const [rows, columns] = [matrix.length, matrix[0].length];
  const picture = el("canvas", { class: "matrix-picture", width: columns, height: rows });
  const cell = el("span", { class: "matrix-cell", hidden: true });
  const said = el("p", { class: "matrix-said small", role: "status" });
  const values = matrix.flat();
  const [least, most] = [Math.min(...values), Math.max(...values)];
  let at = null;

  function paint() {
    const style = getComputedStyle(document.documentElement);
    const [from, to, best] = ["--sunken", "--accent", "--ink"].map((name) => parsed(style.getPropertyValue(name)));
    const context = picture.getContext("2d");
    const image = context.createImageData(columns, rows);
    values.forEach((value, i) => {
      const share = most > least ? (value - least) / (most - least) : 0;
      const [one, other, part] = share < 0.8 ? [from, to, (share / 0.8) ** 1.5] : [to, best, (share - 0.8) / 0.2 * 0.6];
      for (let k = 0; k < 3; k += 1) image.data[4 * i + k] = one[k] + (other[k] - one[k]) * part;
      image.data[4 * i + 3] = 255;
    });
    context.putImageData(image, 0, 0);
  }

  const stretch = ([row, column]) => ({ a_start_s: starts.a[row], a_end_s: ends.a[row], b_start_s: starts.b[column], b_end_s: ends.b[column] });
  function show(where) {
    at = where;
    cell.hidden = at === null;
    if (at === null) return fill(said, "Point at a place: where two moments meet. A click plays both.");
    const [row, column] = at;
    setStyle(cell, { left: `${(100 * column) / columns}%`, top: `${(100 * row) / rows}%`, width: `${100 / columns}%`, height: `${100 / rows}%` });
    const there = stretch(at);
    fill(said, el("b", {}, cosine(matrix[row][column])), ` between A ${span(there.a_start_s, there.a_end_s)} and B ${span(there.b_start_s, there.b_end_s)}`);
  }
  const placeOf = (event) => {
    const { left, top, width, height } = picture.getBoundingClientRect();
    const whole = (value, n) => Math.max(0, Math.min(n - 1, Math.floor(value * n)));
    return [whole((event.clientY - top) / height, rows), whole((event.clientX - left) / width, columns)];
  };
  const stage = el("div", { class: "matrix-stage", tabindex: 0, role: "application", "aria-label": `Similarity of ${rows} excerpts of A with ${columns} of B: arrows move, Enter plays both`,
    onpointermove: (event) => show(placeOf(event)),
    onclick: (event) => { show(placeOf(event)); playBoth(a, b, stretch(at)); },
    onfocus: () => stage.matches(":focus-visible") && show(at ?? [0, 0]),
    onkeydown: (event) => {
      const [row, column] = at ?? [0, 0];
      const to = { ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1] }[event.key];
      if (event.shiftKey || (!to && event.key !== "Enter")) return;
      if (to) show([Math.max(0, Math.min(rows - 1, to[0])), Math.max(0, Math.min(columns - 1, to[1]))]);
      else playBoth(a, b, stretch([row, column]));
      event.preventDefault();
      event.stopPropagation();
    } }, picture, cell);
  const lines = svg("svg", { class: "matrix-lines", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  const part = (seconds, side) => (100 * seconds) / Math.max(ends[side].at(-1), 1e-6);
  passages.forEach((each, i) => lines.append(svg("line", { class: `tone-${i}`, x1: part(each.b_start_s, "b"), y1: part(each.a_start_s, "a"), x2: part(each.b_end_s, "b"), y2: part(each.a_end_s, "a") })));
  stage.append(lines);
  setStyle(stage, { "aspect-ratio": String(Math.max(0.6, Math.min(1.8, columns / rows))) });
  const axis = (side, property) => ticks(ends[side].at(-1), 5).map((value) => {
    const tick = el("span", {}, time(value));
    setStyle(tick, { [property]: `${part(value, side)}%` });
    return tick;
  });
  addEventListener("themechange", paint, { signal });
  paint();
  show(null);
  return el("div", { class: "matrix" },
    el("div", { class: "matrix-down", "aria-hidden": "true" }, el("b", {}, "A"), axis("a", "top")),
    stage,
    el("div", { class: "matrix-along", "aria-hidden": "true" }, axis("b", "left"), el("b", {}, "B")),
    said);
}

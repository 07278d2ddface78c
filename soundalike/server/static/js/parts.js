// What views share: headings, empty states, covers, menus, bars and sliders of facets.

import * as api from "./api.js";
import { button, el, fill, icon, iconButton, isCalm, setStyle } from "./dom.js";
import { draft } from "./draft.js";
import { player } from "./player.js";
import { toast } from "./toast.js";
import { artist, capital, cosine, name, percent, title } from "./words.js";

/** The head of a view: its h1, a line below it, and what can be done, at the right. */
export const heading = (text, { line = null, actions = [] } = {}) =>
  el(
    "header",
    { class: "view-head" },
    el("div", {}, el("h1", {}, text), line && el("p", { class: "soft" }, line)),
    actions.length > 0 && el("div", { class: "actions" }, actions),
  );

/** A part of a view, with an h2. */
export const card = (text, ...children) =>
  el("section", { class: "card" }, text && el("h2", { class: "card-title" }, text), children);

/** Nothing to show: says why, and what to do next. `action`: {text, href} or {text, run}. */
export function empty({ symbol = "search", heading: text, text: line, action = null, level = 2 }) {
  const act = action && (action.href ? el("a", { class: "button primary", href: action.href }, action.text) : button(action.text, action.run, { kind: "primary" }));
  return el("div", { class: "empty" }, el("div", { class: "empty-mark" }, icon(symbol)), el(`h${level}`, { class: "empty-title" }, text), el("p", { class: "soft" }, line), act);
}

/** Grey rows, while something is on its way. */
export const waiting = (rows = 6, label = "Loading") =>
  el("div", { class: "waiting", role: "status", "aria-label": label }, Array.from({ length: rows }, () => el("div", { class: "waiting-row" })));

// ---- covers

const COVER_AFTER_MS = 160;
const without = new Set();

function hash(text) {
  let value = 2166136261;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0), 16777619);
  return value >>> 0;
}

/** The cover of a track: colours of its album's own, and the picture where there is one. */
export function cover(track, { size = "small", picture = true } = {}) {
  const seed = hash(`${artist(track)}/${track.album ?? title(track)}`);
  const made = el("span", { class: `cover ${size}`, "aria-hidden": "true" }, icon("mark"));
  setStyle(made, { "--hue-a": String(seed % 360), "--hue-b": String((seed + 300 + ((seed >>> 9) % 40)) % 360), "--turn": `${(seed >>> 5) % 360}deg` });
  const id = track.track_id;
  if (picture && id && !without.has(id)) {
    // Rows that only fly by ask for nothing.
    setTimeout(() => {
      if (!made.isConnected) return;
      const image = el("img", { alt: "", src: api.url(`/tracks/${id}/cover`, { missing: "empty" }), onload: () => made.append(image), onerror: () => without.add(id) });
    }, COVER_AFTER_MS);
  }
  return made;
}

// ---- the menu of a track

/** A menu below a button. Items: {text, symbol, run} or {text, symbol, href}. */
export function openMenu(anchor, items, label = "Actions") {
  const close = (refocus) => {
    menu.remove();
    gone.abort();
    anchor.setAttribute("aria-expanded", "false");
    if (refocus) anchor.focus();
  };
  const gone = new AbortController();
  const entry = ({ text, symbol, href, run }) => {
    const inner = [icon(symbol), el("span", {}, text)];
    const chosen = () => {
      close(!href);
      run?.();
    };
    if (href) return el("a", { role: "menuitem", tabindex: -1, href, onclick: () => setTimeout(() => close(false)) }, inner);
    return el("button", { type: "button", role: "menuitem", tabindex: -1, onclick: chosen }, inner);
  };
  const menu = el("div", { class: "menu", role: "menu", "aria-label": label }, items.filter(Boolean).map(entry));
  const entries = [...menu.children];
  menu.addEventListener("keydown", (event) => {
    const at = entries.indexOf(document.activeElement);
    const to = { ArrowDown: (at + 1) % entries.length, ArrowUp: (at + entries.length - 1) % entries.length, Home: 0, End: entries.length - 1 }[event.key];
    if (to !== undefined) entries[to].focus();
    else if (event.key === "Escape" || event.key === "Tab") close(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  document.body.append(menu);
  const place = anchor.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const left = Math.max(8, Math.min(place.right - width, innerWidth - width - 8));
  const below = place.bottom + 4 + height < innerHeight - 8;
  setStyle(menu, { left: `${left}px`, top: `${below ? place.bottom + 4 : Math.max(8, place.top - height - 4)}px` });
  anchor.setAttribute("aria-expanded", "true");
  addEventListener("pointerdown", (event) => menu.contains(event.target) || close(false), { capture: true, signal: gone.signal });
  addEventListener("resize", () => close(false), { signal: gone.signal });
  // What has just been scrolled, to bring the button into sight, is told with the next frame.
  requestAnimationFrame(() => document.getElementById("main").addEventListener("scroll", () => close(false), { signal: gone.signal }));
  entries[0].focus();
}

async function judge(track, kind) {
  const { judgements } = await api.post("/taste/judgements", { kind, track_ids: [track.track_id] });
  const undo = () => api.remove(`/taste/judgements/${judgements[0].judgement_id}`);
  toast(kind === "like" ? `You like “${title(track)}”` : `“${title(track)}” is not for you`, { action: { text: "Undo", run: undo } });
}

/** What can be done with a track; `extra` comes first. */
export function trackActions(track, extra = []) {
  const other = player.item?.track;
  return [
    ...extra,
    { text: "Similar tracks", symbol: "similar", href: `/track/${track.track_id}` },
    { text: "Radio from here", symbol: "radio", href: `/radio/${track.track_id}` },
    { text: "Add to playlist", symbol: "playlist", run: () => draft.add([track]) },
    { text: "Use as a seed", symbol: "plus", run: () => draft.addSeed({ track }) },
    { text: "Play next", symbol: "queue", run: () => player.add([track], { next: true }) },
    other?.track_id && other.track_id !== track.track_id
      ? { text: "Compare with what plays", symbol: "compare", href: `/compare/${other.track_id}/${track.track_id}` }
      : null,
    { text: "I like this", symbol: "heart", run: () => judge(track, "like") },
    { text: "Not for me", symbol: "thumb-down", run: () => judge(track, "dislike") },
    { text: "Show on the map", symbol: "map", href: `/map?track=${track.track_id}` },
  ];
}

/** The button that opens it. */
export function menuButton(track, extra = [], attributes = {}) {
  const made = iconButton("more", `More for ${title(track)}`, (event) => {
    event.stopPropagation();
    openMenu(made, trackActions(track, extra), title(track));
  }, { "aria-haspopup": "menu", "aria-expanded": "false", ...attributes });
  return made;
}

/** A cover that plays its track; shows what it does and whether it plays. `play()` starts it. */
export function playCover(track, play, attributes = {}) {
  const made = el("button", { type: "button", class: "play-cover", "aria-label": `Play ${name(track)}`, onclick: (event) => { event.stopPropagation(); play(); }, ...attributes },
    cover(track), el("span", { class: "play-cover-mark" }, icon("play"), el("span", { class: "bars" }, el("i"), el("i"), el("i"))));
  return made;
}

/** Mark what plays in a list of elements with `data-track`. Call it on "item" and "state" of the player. */
export function markPlaying(root) {
  for (const each of root.querySelectorAll("[data-track]")) {
    const isAt = player.isAt(Number(each.dataset.track));
    each.classList.toggle("is-current", isAt);
    each.classList.toggle("is-playing", isAt && player.isPlaying);
    each.querySelector(".play-cover")?.setAttribute("aria-pressed", String(isAt && player.isPlaying));
  }
}

/** Keep a list marked until the view is left. */
export function keepMarked(root, signal) {
  for (const event of ["item", "state"]) player.addEventListener(event, () => markPlaying(root), { signal });
  markPlaying(root);
}

// ---- facets

/** A bar for each facet: its similarity (cosine), and its name. */
export const facetBars = (facets) =>
  el(
    "dl",
    { class: "facets" },
    Object.entries(facets).map(([facet, value], i) => {
      const bar = el("span", { class: `facet-bar tone-${i}` }, el("i"));
      setStyle(bar.firstElementChild, { width: `${Math.max(0, Math.min(1, value)) * 100}%` });
      return el("div", { class: "facet" }, el("dt", {}, capital(facet)), el("dd", {}, bar, el("span", { class: "facet-value" }, cosine(value))));
    }),
  );

/**
 * Sliders that weigh the facets. `weights`: what each has by default (sum 1). Calls `onchange(weights)`
 * with what to ask for: null for the defaults. The element has `reset()`.
 */
export function facetSliders(weights, onchange, chosen = null) {
  const names = Object.keys(weights);
  const inputs = {};
  const shares = {};
  const hint = el("p", { class: "small soft", role: "status" });
  const value = (facet) => Number(inputs[facet].value) / 100;
  const show = () => {
    const sum = names.reduce((total, facet) => total + value(facet), 0);
    for (const facet of names) {
      const share = sum ? value(facet) / sum : 0;
      shares[facet].textContent = percent(share);
      inputs[facet].setAttribute("aria-valuetext", `${percent(share)} of the similarity`);
      setStyle(inputs[facet], { "--at": `${inputs[facet].value}%` });
    }
    hint.textContent = sum ? "" : "At least one has to count.";
    return sum > 0;
  };
  const set = (values) => {
    for (const facet of names) inputs[facet].value = Math.round((values[facet] ?? 0) * 100);
    show();
  };
  const isDefault = () => names.every((facet) => Math.abs(value(facet) - weights[facet]) < 0.006);
  const changed = () => {
    resetButton.disabled = isDefault();
    if (show()) onchange(isDefault() ? null : Object.fromEntries(names.map((facet) => [facet, value(facet)])));
  };
  const resetButton = button("Reset", () => { set(weights); changed(); }, { kind: "quiet", symbol: "refresh" });
  const rows = names.map((facet, i) => {
    inputs[facet] = el("input", { type: "range", class: `range tone-${i}`, min: 0, max: 100, step: 1, id: `facet-${facet}`, oninput: changed });
    shares[facet] = el("output", { class: "slider-share", for: `facet-${facet}` });
    return el("div", { class: "slider" }, el("label", { for: `facet-${facet}` }, capital(facet)), shares[facet], inputs[facet]);
  });
  const made = el("div", { class: "sliders", role: "group", "aria-label": "What counts how much" }, rows, hint, resetButton);
  set(chosen ?? weights);
  resetButton.disabled = isDefault();
  made.reset = () => resetButton.click();
  return made;
}

/** Put elements into a list in another order; what stays moves calmly to its new place. */
export function rearrange(list, elements) {
  const before = new Map([...list.children].map((each) => [each, each.getBoundingClientRect().top]));
  fill(list, elements);
  if (isCalm() || before.size === 0) return;
  for (const each of elements) {
    const moved = before.has(each) ? before.get(each) - each.getBoundingClientRect().top : null;
    if (moved === 0) continue;
    const from = moved === null ? { opacity: 0, transform: "translateY(8px)" } : { transform: `translateY(${moved}px)` };
    each.animate([from, { opacity: 1, transform: "none" }], { duration: 320, easing: "cubic-bezier(.2, .7, .2, 1)" });
  }
}


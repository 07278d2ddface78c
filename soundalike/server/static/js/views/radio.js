// The radio: what plays and why, what comes next, and what was said of it.

import * as api from "../api.js";
import { button, el, fill, icon, iconButton } from "../dom.js";
import { draft } from "../draft.js";
import { addKeys } from "../keys.js";
import { navigate, rewrite } from "../navigation.js";
import { cover, empty, heading, keepMarked, markPlaying, menuButton, playCover, waiting } from "../parts.js";
import { trackPicker } from "../picker.js";
import { player } from "../player.js";
import { station } from "../station.js";
import { showProblem } from "../toast.js";
import { closer } from "../why.js";
import { artist, cosine, listed, name, plural, sentence, span, time, title } from "../words.js";

const SVG = "http://www.w3.org/2000/svg";
const SHOWN_PAST = 12;

export async function show(view) {
  const wanted = view.parts[0] ? Number(view.parts[0]) : null;
  if (wanted !== null && station.seed?.track_id !== wanted) {
    const track = await api.get(`/tracks/${wanted}`, {}, view.signal);
    if (!(await began(view, track))) return;
  } else if (wanted === null && station.seed) rewrite(`/radio/${station.seed.track_id}`);
  if (station.seed === null) choose(view);
  else showStation(view);
}

/** Begin; where that cannot be, say why. */
async function began(view, track, anyLength = false) {
  try {
    fill(view.root, heading("Radio"), waiting(5, "Tuning in"));
    await station.start(track, { anyLength, andPlay: navigator.userActivation?.hasBeenActive ?? true });
    return true;
  } catch (error) {
    if (api.isAborted(error) || error.status === 401) throw error;
    const isLength = !anyLength && /length/.test(error.message);
    const again = async () => { if (await began(view, track, true)) showStation(view); };
    fill(view.root, empty({
      symbol: "radio", level: 1, heading: "Nothing may come",
      text: isLength ? `${sentence(error.message)}. A radio plays tracks of 1 to 15 minutes, unless you allow any length.` : sentence(error.message),
      action: isLength ? { text: "Allow any length", run: again } : { text: "Choose another track", href: "/radio" },
    }));
    return false;
  }
}

function choose(view) {
  const go = (track) => navigate(`/radio/${track.track_id}`);
  const picker = trackPicker({ label: "Start a radio from", placeholder: "Start from a track …", onpick: go }, view.signal);
  const now = player.item?.track;
  fill(
    view.root,
    el("div", { class: "radio-start" },
      el("div", { class: "empty-mark" }, icon("radio")),
      el("h1", {}, "Radio"),
      el("p", { class: "soft" }, "Starts from one track, plays what sounds like it, and drifts slowly on. What you like and skip changes what follows."),
      picker,
      now?.track_id && button(`From what plays: ${title(now)}`, () => go(now), { symbol: "play" }),
      el("p", { class: "small soft" }, "Or choose “Radio from here” in the menu of any track.")),
  );
  picker.querySelector("input").focus();
}

function showStation(view) {
  const now = el("section", { class: "radio-now card", "aria-label": "Now" });
  const next = el("ol", { class: "tracks", "aria-label": "Coming up" });
  const drift = el("figure", { class: "drift" });
  const said = el("div");
  const past = el("ol", { class: "tracks", "aria-label": "Played" });
  const nextState = el("p", { class: "hidden-text", role: "status" });
  const pastPart = el("section", { class: "radio-part" }, el("h2", {}, "Played"), past);
  const root = el("div", { class: "radio", data: { seed: station.seed.track_id } },
    el("div", { class: "radio-main" }, now, el("section", { class: "radio-part" }, el("h2", {}, "Coming up"), next, nextState), pastPart),
    el("aside", { class: "radio-side" },
      el("section", { class: "card" }, el("h2", { class: "card-title" }, "Drift"), drift),
      el("section", { class: "card" }, el("h2", { class: "card-title" }, "What you said"), said)));
  let shown = null;

  function showNow() {
    const { current } = station;
    const { track } = current;
    const key = `${track.track_id}/${station.isOn}/${station.isLiked(track.track_id)}/${player.isPlaying}`;
    if (key === shown) return;
    shown = key;
    const focused = now.contains(document.activeElement) ? document.activeElement.dataset.does : null;
    const isLiked = station.isLiked(track.track_id);
    const isPlaying = station.isOn && player.isPlaying;
    const act = (does, text, run, options) => button(text, run, { ...options, "data-does": does });
    fill(
      now,
      cover(track, { size: "large" }),
      el("div", { class: "radio-what" },
        el("p", { class: "small soft" }, station.isOn ? (current.isSeed ? "It begins with" : "Now") : "Waiting, while something else plays"),
        el("div", {}, el("h2", { class: "radio-title two-lines", title: title(track) }, el("a", { href: `/track/${track.track_id}` }, title(track))), el("p", { class: "soft two-lines" }, artist(track))),
        el("p", { class: "radio-why" }, why(current, station.past.at(-1))),
        el("div", { class: "actions" },
          act("play", isPlaying ? "Pause" : station.isOn ? "Play" : "Back to the radio", () => station.resume(), { kind: "primary", symbol: isPlaying ? "pause" : "play" }),
          act("like", isLiked ? "Liked" : "Like", () => station.like(), { symbol: "heart", title: "More like this", "aria-pressed": String(isLiked), disabled: current.isSeed || isLiked }),
          act("skip", "Skip", () => station.skip(), { symbol: "next", disabled: !station.isOn, title: "Less like this" }),
          menuButton(track))),
    );
    if (focused) now.querySelector(`[data-does="${focused}"]:not(:disabled)`)?.focus() ?? now.querySelector('[data-does="play"]').focus();
  }

  function why(item, before) {
    if (item.isSeed) return "What follows sounds like it.";
    const parts = [];
    const { likeness } = item;
    if (likeness && before) {
      const where = likeness.passage ? `, most in its ${span(likeness.passage.b_start_s, likeness.passage.b_end_s)}` : "";
      parts.push(`Like “${title(before.track)}” before it${where}.`);
    }
    parts.push(`${driftText(item)}.`);
    return parts.join(" ");
  }

  function showNext() {
    const { coming } = station;
    fill(next, coming.map((item, i) => row(item, coming[i - 1] ?? station.current, {
      play: () => player.jump(player.index + 1 + player.queue.slice(player.index + 1).findIndex((each) => each.track.track_id === item.track.track_id)),
    })));
    next.toggleAttribute("aria-busy", station.isLoading);
    nextState.textContent = station.isLoading ? "" : `Next: ${coming.slice(0, 3).map(({ track }) => title(track)).join(", ")}`;
  }

  function showPast() {
    const items = station.past.slice(-SHOWN_PAST).reverse();
    pastPart.hidden = items.length === 0;
    const all = station.past;
    fill(past, items.map((item) => row(item, all[all.indexOf(item) - 1], {
      play: () => player.playPassage(item.track, 0, item.track.duration_s),
      extra: item.isSeed ? null : iconButton("heart", `More like ${title(item.track)}`, () => station.like(item.track.track_id), { class: "icon-button like", "aria-pressed": String(station.isLiked(item.track.track_id)) }),
      note: station.isSkipped(item.track.track_id) ? "Skipped" : null,
    })));
  }

  function row(item, before, { play, extra = null, note = null }) {
    const { track } = item;
    const over = Object.entries(item.passed_counts ?? {}).filter(([rule]) => rule !== "chance").map(([rule, n]) => `${n} ${OVER[rule] ?? `by ${rule}`}`);
    const line = [note, item.isSeed ? "It began here" : driftText(item), over.length > 0 && `passed over: ${listed(over)}`].filter(Boolean).join(" · ");
    return el("li", { class: "track-row", data: { track: track.track_id } }, el("div", { class: `track-line radio-line ${extra ? "has-extra" : ""}` },
      playCover(track, play),
      el("div", { class: "track-text" }, el("a", { class: "row-title", href: `/track/${track.track_id}` }, title(track)), el("p", { class: "match-artist" }, artist(track)), el("p", { class: "why-line" }, el("span", {}, line))),
      el("span", { class: "track-closer", title: before ? `To ${title(before.track)}, which comes before it` : null }, closer(item.likeness)),
      el("span", { class: "track-time" }, time(track.duration_s)),
      extra,
      menuButton(track)));
  }

  function showDrift() {
    const items = [...station.past.slice(-24), station.current, ...station.coming].filter((each) => !each.isSeed);
    const at = items.indexOf(station.current);
    fill(drift, items.length > 1 && chart(items.map((each) => each.seed_similarity), at), el("figcaption", { class: "small soft" }, "How alike each track is to the first: it wanders off, and is pulled back."));
  }

  function showSaid() {
    const all = station.said;
    fill(said, all.length === 0
      ? el("p", { class: "soft small" }, "Nothing yet. Like what fits, skip what does not: a track that you leave within 10 seconds counts as skipped.")
      : el("ul", { class: "said" }, all.map(({ track, isLiked }) => el("li", { class: isLiked ? "is-liked" : "" }, icon(isLiked ? "heart" : "next"), el("span", {}, el("span", { class: "hidden-text" }, isLiked ? "Liked: " : "Skipped: "), name(track))))));
  }

  function showAll() {
    if (station.seed === null) return;
    showNow();
    showNext();
    showPast();
    showDrift();
    showSaid();
    markPlaying(root);
  }

  station.addEventListener("change", showAll, { signal: view.signal });
  station.addEventListener("problem", ({ error }) => showProblem(error), { signal: view.signal });
  player.addEventListener("state", showNow, { signal: view.signal });
  addKeys(view.signal, [
    { key: "l", text: "More like this", run: () => station.like() },
    { key: "x", text: "Skip: less like this", run: () => station.skip() },
  ]);
  const keepAll = () => draft.add([...station.past, station.current].filter(({ track }) => !station.isSkipped(track.track_id)).map(({ track }) => track));
  const picker = el("div", { class: "radio-picker" }, trackPicker({ label: "Start another radio from", placeholder: "Another start …", onpick: (track) => navigate(`/radio/${track.track_id}`) }, view.signal));
  fill(
    view.root,
    el("header", { class: "view-head" },
      el("div", {}, el("h1", {}, "Radio"), el("p", { class: "soft two-lines" }, "From ", el("a", { class: "plain-link", href: `/track/${station.seed.track_id}` }, name(station.seed)), station.anyLength ? ", tracks of any length" : "")),
      el("div", { class: "actions" },
        picker,
        button("Start over", async () => { await station.start(station.seed, { anyLength: station.anyLength }); }, { symbol: "refresh" }),
        button("Keep as playlist", keepAll, { symbol: "playlist", title: `${plural(station.past.length + 1, "track")} so far` }))),
    root,
  );
  view.setTitle(`Radio from ${title(station.seed)}`);
  showAll();
  keepMarked(root, view.signal);
}

const OVER = { artist: "whose artist came lately", "skipped artist": "whose artist was skipped", copy: "that came as another copy" };

/** How far it is from the beginning. */
const driftText = (item) => `Similarity to the start ${cosine(item.seed_similarity)}`;

/** A line of similarities; `at`: the one that plays. */
function chart(values, at) {
  const [width, height, pad] = [320, 110, 8];
  const [low, high] = [Math.min(0, ...values), Math.max(0.4, ...values) * 1.1];
  const x = (i) => pad + (i / Math.max(1, values.length - 1)) * (width - 2 * pad);
  const y = (value) => height - pad - ((value - low) / (high - low)) * (height - 2 * pad);
  const shape = (tag, attributes) => {
    const made = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const points = (from, to) => values.slice(from, to).map((value, i) => `${x(from + i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Similarity to the start, track by track: ${values.map((value) => cosine(value)).join(", ")}` });
  for (const value of [low, (low + high) / 2, high]) svg.append(shape("line", { class: "drift-grid", x1: 0, x2: width, y1: y(value), y2: y(value) }));
  const here = Math.max(0, at);
  svg.append(shape("polyline", { class: "drift-past", points: points(0, here + 1) }), shape("polyline", { class: "drift-next", points: points(here, values.length) }));
  values.forEach((value, i) => svg.append(shape("circle", { class: i === at ? "drift-now" : i < here ? "drift-dot" : "drift-dot is-next", cx: x(i), cy: y(value), r: i === at ? 5 : 2.5 })));
  return svg;
}

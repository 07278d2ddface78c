// One track: what it is, what it sounds like over time, and what is like it.

import * as api from "../api.js";
import { day } from "../amounts.js";
import { button, el, fill, icon } from "../dom.js";
import { draft } from "../draft.js";
import { addKeys } from "../keys.js";
import { navigate, passagePath, rewrite } from "../navigation.js";
import { cover, menuButton } from "../parts.js";
import { player } from "../player.js";
import { similarPanel } from "../similar.js";
import { soundView } from "../sound.js";
import { artist, capital, listed, name, percent, time, title } from "../words.js";

const SHOWN_WORDS = 12;
// Of the last track: searching for a passage of it, and going back, ask for nothing again.
let last = null;

async function load(id, signal) {
  if (last?.id !== id) {
    const [track, analysis] = await Promise.all([
      api.get(`/tracks/${id}`, {}, signal),
      api.get(`/tracks/${id}/analysis`, {}, signal).catch((error) => {
        if (api.isAborted(error) || error.status === 401) throw error;
        return null; // Not analysed, or gone: what the tags say is shown all the same.
      }),
    ]);
    last = { id, track, analysis, peaks: api.get(`/tracks/${id}/peaks`, { points: 1000 }) };
    last.peaks.catch(() => {});
  }
  return last;
}

export async function show(view) {
  const id = Number(view.parts[0]);
  const { track, analysis, peaks } = await load(id, view.signal);
  view.setTitle(name(track));
  const passage = passageOf(view.query, track.duration_s);
  const play = (start_s = null) => (player.isAt(id) && start_s === null ? player.toggle() : player.play([track], 0, start_s));
  const path = (found) => (found ? passagePath(id, found.from, found.to) : `/track/${id}`);
  const sound = track.duration_s && soundView({
    duration: track.duration_s,
    analysis,
    peaks,
    passage,
    melUrl: (theme) => api.url(`/tracks/${id}/mel.png`, { width: 1200, theme }),
    isCurrent: () => player.isAt(id),
    playFrom: (start_s) => play(start_s),
    playPassage: (from, to) => player.playPassage(track, from, to),
    onseed: (start_s, end_s) => draft.addSeed({ track, start_s, end_s }),
    onfind: (from, to) => navigate(path({ from, to })),
  }, view.signal);
  const panel = similarPanel({
    seed: { track_id: id },
    track,
    passage,
    weights: weightsOf(view.query),
    onweights: (weights) => rewrite(withWeights(path(passage), weights)),
    onwhole: () => navigate(path(null)),
  }, view.signal);
  fill(view.root, el("div", { class: "track-view" }, trackHead(track, analysis, play, view.signal), sound || el("p", { class: "notice" }, "This track is not analysed: ", el("a", { href: "/scan" }, "the scan"), " says why."), panel));
  addKeys(view.signal, [{ key: "s", text: "To the similar tracks", run: () => panel.querySelector(".match")?.focus() }]);
  await panel.ask();
  if (passage) panel.reveal();
}

/** `from` and `to` of the URL; null where they name no passage. */
export function passageOf(query, duration) {
  const [from, to] = [Number(query.get("from") ?? Number.NaN), Number(query.get("to") ?? Number.NaN)];
  return from >= 0 && to > from && to <= (duration ?? 0) + 1 ? { from, to } : null;
}

/** `weights=sound:80,rhythm:10` of the URL, as shares of 1; null for none. */
export function weightsOf(query) {
  const pairs = (query.get("weights") ?? "").split(",").map((each) => each.split(":"));
  const found = Object.fromEntries(pairs.filter(([facet, value]) => facet && Number(value) >= 0).map(([facet, value]) => [facet, Number(value) / 100]));
  return Object.values(found).some((value) => value > 0) ? found : null;
}

export function withWeights(path, weights) {
  if (weights === null) return path;
  const text = Object.entries(weights).map(([facet, value]) => `${facet}:${Math.round(value * 100)}`).join(",");
  return `${path}${path.includes("?") ? "&" : "?"}weights=${text}`;
}

/** The head of a track or of a file: `track.track_id` is null for the latter. */
export function trackHead(track, analysis, play, signal) {
  const isHere = () => player.item?.track === track || (track.track_id !== null && player.isAt(track.track_id));
  const playButton = button("Play", () => play(), { kind: "primary", symbol: "play" });
  const showState = () => {
    const plays = isHere() && player.isPlaying;
    fill(playButton, icon(plays ? "pause" : "play"), el("span", {}, plays ? "Pause" : "Play"));
  };
  for (const event of ["item", "state"]) player.addEventListener(event, showState, { signal });
  showState();
  playButton.disabled = Boolean(track.missing_since);
  const by = [
    artist(track) && el("a", { href: `/?q=${encodeURIComponent(artist(track))}` }, artist(track)),
    track.album && el("a", { href: `/?q=${encodeURIComponent(track.album)}` }, track.album),
    track.year && String(track.year),
  ].filter(Boolean);
  return el(
    "header",
    { class: "track-head" },
    cover(track, { size: "large" }),
    el(
      "div",
      { class: "track-what" },
      el("div", { class: "track-title" },
        el("h1", { class: "two-lines", title: title(track) }, title(track)),
        by.length > 0 && el("p", { class: "track-by two-lines" }, by.flatMap((each, i) => (i ? [el("span", { class: "soft" }, " · "), each] : [each])))),
      facts(track, analysis),
      el(
        "div",
        { class: "actions" },
        playButton,
        track.track_id && el("a", { class: "button", href: `/radio/${track.track_id}` }, icon("radio"), el("span", {}, "Radio")),
        track.track_id && el("button", { type: "button", class: "button", onclick: () => draft.add([track]) }, icon("playlist"), el("span", {}, "Add", el("span", { class: "where-room" }, " to playlist"))),
        track.track_id && menuButton(track, [{ text: "Compare with …", symbol: "compare", href: `/compare?a=${track.track_id}` }]),
      ),
    ),
    track.missing_since && el("p", { class: "notice small" }, `The file is missing since ${day(track.missing_since)}: ${track.path}. Is the disk that it is on mounted? `, el("a", { href: "/scan" }, "A scan"), " finds it again, also where it was moved."),
    analysis?.is_fast && el("p", { class: "notice small" }, "Only some passages of it were heard. A scan that is not fast hears all of it."),
    analysis?.unfamiliar && el("p", { class: "notice small" }, "Unlike all music that the model knows: take what it says with care."),
  );
}

function facts(track, analysis) {
  const found = [genreChip(analysis)];
  const tempo = analysis?.tempo_bpm ?? track.tempo_bpm;
  const key = analysis?.key ?? track.key;
  if (tempo) found.push(chip(`${Math.round(tempo)} BPM`));
  if (key) found.push(chip(key));
  if (track.duration_s) found.push(chip(time(track.duration_s)));
  const words = analysis?.words_that_hold ?? [];
  return el(
    "div",
    { class: "track-facts" },
    el("ul", { class: "chips facts", "aria-label": "Facts" }, found.filter(Boolean)),
    words.length > 0 && el("p", { class: "track-words" }, words.slice(0, SHOWN_WORDS).map((word) => el("span", {}, word))),
  );
}

const chip = (...inner) => el("li", { class: "chip" }, inner);

function genreChip(analysis) {
  if (!analysis?.genre) return null;
  if (analysis.unsure) {
    const set = analysis.genre_set.slice(0, 3);
    return chip(el("span", { class: "soft" }, "unsure:"), set.length > 1 ? listed(set, "or") : "hard to say");
  }
  const tone = analysis.labels ? analysis.labels.indexOf(analysis.genre) % 10 : 0;
  return chip(el("i", { class: `dot tone-${tone}` }), capital(analysis.genre), el("span", { class: "soft" }, percent(analysis.confidence)));
}

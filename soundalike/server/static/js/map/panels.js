// What stands beside the map: the track that is selected, the tracks of a lasso, a path.

import * as api from "../api.js";
import { button, el, fill, icon, iconButton } from "../dom.js";
import { draft } from "../draft.js";
import { saveTracks } from "../keeping.js";
import { keepMarked, menuButton, playCover } from "../parts.js";
import { trackPicker } from "../picker.js";
import { player } from "../player.js";
import { showProblem } from "../toast.js";
import { artist, cosine, name, percent, plural, title } from "../words.js";

const LISTED = 60;
// As many as the queue, or the playlist in the making, is good for.
const TAKEN = 500;
const LENGTHS = [6, 9, 12, 16, 20, 25];
const LENGTH = 12;
const SHORT_S = 60;

const head = (text, onclose, level = "h2") =>
  el("header", { class: "panel-head" }, el(level, {}, text), iconButton("close", "Close", onclose));

/** What is done with tracks (ids); `suggested`: the name of the playlist that is offered. */
function actionsFor(ids, suggested) {
  const some = (run) => async () => run(await api.tracksOf(ids.slice(0, TAKEN)));
  return el("div", { class: "actions" },
    button("Play", some((tracks) => player.play(tracks)), { kind: "primary", symbol: "play" }),
    button("Save as playlist", () => saveTracks(ids, suggested), { symbol: "playlist" }),
    button("Add to yours", some((tracks) => draft.add(tracks)), { kind: "quiet", symbol: "plus" }));
}

/** Tracks in a list; a click on one leads to it on the map. */
export function trackList(tracks, { onpick, label, ordered = false, note = () => null }, signal) {
  const list = el(ordered ? "ol" : "ul", { class: "panel-list", "aria-label": label }, tracks.map((track, i) =>
    el("li", { class: "panel-row", data: { track: track.track_id } },
      ordered && el("span", { class: "panel-number", "aria-hidden": "true" }, i + 1),
      playCover(track, () => player.toggleTrack(tracks, i)),
      el("button", { type: "button", class: "panel-pick", onclick: () => onpick(track.track_id) },
        el("span", { class: "panel-title" }, title(track)), el("span", { class: "soft small" }, artist(track)), note(track, i)),
      menuButton(track))));
  keepMarked(list, signal);
  return list;
}

/** The card of the track that is selected, with its true neighbours. */
export function selectedPanel({ track, nearest, onpick, onclose, onpath }, signal) {
  const near = nearest.tracks.filter((each) => nearest.isNear(each.track_id)).length;
  const of = nearest.tracks.length;
  const distant = (other) => (nearest.isNear(other.track_id) ? null : el("span", { class: "far small" }, "far off on the map"));
  const playing = button("Play", () => player.toggleTrack([track], 0), { kind: "primary", symbol: "play" });
  const showState = () => {
    const plays = player.isAt(track.track_id) && player.isPlaying;
    fill(playing, icon(plays ? "pause" : "play"), el("span", {}, plays ? "Pause" : "Play"));
  };
  for (const event of ["item", "state"]) player.addEventListener(event, showState, { signal });
  showState();
  return el("section", { class: "panel", "aria-label": name(track) },
    head(title(track), onclose),
    el("p", { class: "soft" }, [artist(track), track.album].filter(Boolean).join(" · ")),
    el("div", { class: "actions" },
      playing,
      el("a", { class: "button", href: `/track/${track.track_id}` }, icon("similar"), el("span", {}, "Similar")),
      iconButton("route", "A path from here to another track", onpath),
      iconButton("plus", "Add to playlist", () => draft.add([track])),
    ),
    of > 0 && el("h3", {}, "Sounds most like"),
    of > 0 && el("p", { class: "small soft" }, near === of ? "All of these are among its nearest on the map." : `${near} of these ${of} are among its nearest on the map; dashed lines lead to the others.`),
    trackList(nearest.tracks, { onpick, label: "True neighbours", note: distant }, signal));
}

/** The tracks of a lasso. */
export function chosenPanel({ ids, text, suggested, onpick, onclose }, signal) {
  const place = el("div", {}, el("p", { class: "soft small", role: "status" }, "Loading"));
  api.tracksOf(ids.slice(0, LISTED), signal).then((tracks) => {
    const more = ids.length - tracks.length;
    fill(place, trackList(tracks, { onpick, label: text }, signal), more > 0 && el("p", { class: "soft small" }, `and ${plural(more, "more", "more")}`));
  }).catch(showProblem);
  return el("section", { class: "panel", "aria-label": text }, head(text, onclose), actionsFor(ids, suggested), place);
}

/**
 * From one track to another. `onpath(stops)` draws it; the element has `choose(track)`, which sets
 * the first end that is missing.
 */
export function pathPanel({ from, onpath, onpick, onclose }, signal) {
  const ends = { from, to: null };
  let asked = new AbortController();
  const result = el("div", { class: "panel-result" });
  const length = el("select", { class: "field", id: "path-length", onchange: () => ask() }, LENGTHS.map((n) => el("option", { value: n, selected: n === LENGTH }, `${n} tracks`)));
  const set = (end, track) => {
    ends[end] = track;
    pickers[end].set(track);
    ask();
  };
  const pickers = {};
  for (const [end, label] of [["from", "From"], ["to", "To"]]) {
    pickers[end] = trackPicker({ label, placeholder: `${label}: search, or click a point`, keeps: true, onpick: (track) => set(end, track) }, signal);
  }
  pickers.from.set(from);
  async function ask() {
    asked.abort();
    onpath([]);
    if (!ends.from || !ends.to) return fill(result, el("p", { class: "soft small" }, ends.from ? "Now choose where it leads: click a point, or search." : "Choose where it begins: click a point, or search."));
    if (ends.from.track_id === ends.to.track_id) return fill(result, el("p", { class: "soft small" }, "That is where it begins: choose another track."));
    asked = new AbortController();
    signal.addEventListener("abort", () => asked.abort(), { once: true });
    fill(result, el("p", { class: "soft small", role: "status" }, "Looking for the way …"));
    try {
      const found = await api.post("/path", {
        waypoints: [{ track_id: ends.from.track_id }, { track_id: ends.to.track_id }],
        tracks: Number(length.value),
        // Jingles stay out of it, unless it begins or ends with one.
        limits: [ends.from, ends.to].some((each) => each.duration_s < SHORT_S) ? { min_length_s: 0 } : {},
      }, asked.signal);
      const stops = found.stops.filter((stop) => stop.track);
      const tracks = stops.map((stop) => stop.track);
      onpath(tracks.map((track) => track.track_id));
      const step = (_, i) => (stops[i].likeness ? el("span", { class: "soft small" }, `${percent(Math.max(0, stops[i].likeness.similarity))} alike with the one before`) : null);
      fill(result,
        el("p", { class: "small soft", role: "status" }, `${plural(tracks.length, "track")} in small steps: the largest is ${cosine(found.largest_step)}, at random it would be ${cosine(found.random_largest_step)}.`),
        actionsFor(tracks.map((track) => track.track_id), `From ${title(ends.from)} to ${title(ends.to)}`),
        trackList(tracks, { onpick, label: "The path", ordered: true, note: step }, signal));
    } catch (error) {
      if (api.isAborted(error)) return;
      fill(result, el("p", { class: "bad small", role: "alert" }, error.message));
    }
  }
  const swap = iconButton("refresh", "The other way round", () => {
    [ends.from, ends.to] = [ends.to, ends.from];
    for (const end of ["from", "to"]) pickers[end].set(ends[end]);
    ask();
  });
  const made = el("section", { class: "panel", "aria-label": "From here to there" },
    head("From here to there", onclose),
    el("div", { class: "path-ends" }, el("div", { class: "path-fields" }, pickers.from, pickers.to), swap),
    el("label", { class: "path-length small", for: "path-length" }, el("span", { class: "soft" }, "As long as"), length),
    result);
  made.choose = (track) => set(ends.from ? "to" : "from", track);
  ask();
  return made;
}

// Pieces that are there several times: copies, other encodings and cuts, other recordings.

import * as api from "../api.js";
import { bytes, plural, took } from "../amounts.js";
import { button, el, fill, icon } from "../dom.js";
import { failureNote, follow, progressCard } from "../job.js";
import { empty, heading, keepMarked, markPlaying, menuButton, playCover, waiting } from "../parts.js";
import { player } from "../player.js";
import { rewrite } from "../navigation.js";
import { showProblem } from "../toast.js";
import { artist, capital, cosine, percent, time, title } from "../words.js";

const KINDS = {
  copy: ["Same file", "the same bytes"],
  audio: ["Same audio", "the same audio with other tags"],
  near: ["Same recording", "another encoding, mastering or cut"],
  version: ["Other version", "another recording of the piece"],
};
const AT_ONCE = 50;

export async function show(view) {
  const chosen = new Set(view.query.getAll("kind").filter((kind) => kind in KINDS));
  const line = el("p", { class: "soft", role: "status" });
  const progress = progressCard("Comparing", () => api.remove("/versions").catch(showProblem));
  const filters = el("div", { class: "kinds", role: "group", "aria-label": "What to show" }, Object.entries(KINDS).map(([kind, [text, meaning]]) => {
    const box = el("input", { type: "checkbox", checked: chosen.has(kind), onchange: () => { chosen[box.checked ? "add" : "delete"](kind); changed(); } });
    return el("label", { class: "kind", title: capital(meaning) }, box, el("span", { class: `dot kind-${kind}` }), text);
  }));
  const list = el("div", { class: "stack" });
  const more = el("div", { class: "list-more" });
  let latest = 0;
  let offset = 0;
  let isRunning = null;

  async function load(from = 0) {
    const own = ++latest;
    const query = new URLSearchParams([["offset", from], ["limit", AT_ONCE], ...[...chosen].map((kind) => ["kinds", kind])]);
    let found;
    try {
      found = await api.get(`/versions?${query}`, {}, view.signal);
    } catch (error) {
      if (error.status !== 409 || own !== latest) throw error;
      return offer();
    }
    if (own !== latest) return;
    filters.hidden = found.total === 0 && chosen.size === 0;
    offset = from + found.versions.groups.length;
    line.textContent = found.total ? `${plural(found.total, "piece")} ${found.total === 1 ? "is" : "are"} there more than once, among ${plural(found.versions.compared, "track")}.` : "";
    const groups = found.versions.groups.map(groupCard);
    if (from) list.append(...groups);
    else fill(list, groups.length ? [without(found.versions), groups] : nothing(found.versions));
    fill(more, offset < found.total && button("Show more", () => load(offset).catch(showProblem)));
    markPlaying(list);
  }

  /** Many tracks have not been compared: that takes a while, so nobody does it unasked. */
  function offer() {
    filters.hidden = true;
    line.textContent = "";
    fill(more);
    fill(list, !isRunning && empty({
      symbol: "versions", heading: "Which pieces do you have more than once?",
      text: "Every track is compared with all others: copies, other encodings, and the same piece played anew, even in another key or tempo. It is done once; later only new tracks are.",
      action: { text: "Compare all tracks", run: () => api.post("/versions").catch(showProblem) },
    }));
  }

  function without({ without_fingerprint: count, has_fingerprints: can }) {
    if (!count || !can) return null;
    return el("p", { class: "notice" }, icon("info"), el("span", {}, `${plural(count, "track")} ${count === 1 ? "was" : "were"} analysed before fingerprints were made, so other cuts and versions of ${count === 1 ? "it" : "them"} are not found. `, el("a", { href: "/scan" }, "A scan"), " that reads every file adds them."));
  }

  const nothing = (found) => [without(found), empty({
    symbol: "check", heading: chosen.size ? "Nothing of this kind" : "Everything is there once",
    text: chosen.size ? "Choose other kinds above, or none for all." : `${capital(plural(found.compared, "track"))} compared: no two hold the same music.`,
  })];

  function changed() {
    rewrite(`/versions${chosen.size ? `?${new URLSearchParams([...chosen].map((kind) => ["kind", kind]))}` : ""}`);
    load().catch((error) => api.isAborted(error) || showProblem(error));
  }

  fill(view.root, heading("Versions"), progress, filters, list, more);
  view.root.querySelector("h1").after(line);
  progress.hidden = true;
  fill(list, waiting());
  await load();
  keepMarked(list, view.signal);
  follow({ state: "/versions/state", events: "/versions/events" }, (state, hasEnded) => {
    if (!isRunning && state.status === "running") progress.restart();
    isRunning = state.status === "running";
    progress.hidden = !isRunning;
    if (isRunning) {
      const { done = 0, total = 0 } = state.progress ?? {};
      progress.show({ title: "Comparing each track with all others", done, total, unit: "track" });
      if (list.querySelector(".empty")) fill(list);
    }
    if (state.status === "failed" && hasEnded) fill(list, failureNote(state.problem));
    else if (hasEnded) load().catch((error) => api.isAborted(error) || showProblem(error));
  }, view.signal);
}

/** What is known of a file: "FLAC · 3:12 · 24 MB". */
const fileLine = (track) => [track.codec?.toUpperCase(), track.duration_s === null ? null : track.duration_s < 1 ? took(track.duration_s) : time(track.duration_s), track.size_bytes === null ? null : bytes(track.size_bytes)].filter(Boolean).join(" · ");

function groupCard({ best, reason, others }) {
  const tracks = [best, ...others.map(({ track }) => track)];
  const play = (track) => () => player.toggleTrack(tracks, tracks.indexOf(track));
  const row = (track, badge, detail, compare) =>
    el("li", { class: "version", data: { track: track.track_id } },
      playCover(track, play(track)),
      el("div", { class: "version-what" },
        el("div", { class: "version-title" }, el("a", { href: `/track/${track.track_id}`, class: "row-title" }, title(track)), badge),
        el("p", { class: "small soft" }, [artist(track), track.album].filter(Boolean).join(" · ")),
        el("p", { class: "small path soft" }, track.path)),
      el("div", { class: "version-facts small soft" }, el("p", {}, fileLine(track)), detail && el("p", {}, detail)),
      el("div", { class: "version-do" }, compare && el("a", { class: "icon-button", href: compare, "aria-label": `Compare ${title(track)} with the best`, title: "Compare with the best" }, icon("compare")), menuButton(track)));
  return el("section", { class: "card version-group", "aria-label": title(best) },
    el("ul", {},
      row(best, el("span", { class: "chip strong" }, icon("check"), reason ? `best: ${reason}` : "best"), null, null),
      others.map((other) => row(other.track, el("span", { class: "chip" }, el("span", { class: `dot kind-${other.kind}` }), KINDS[other.kind][0]), differs(other), `/compare/${best.track_id}/${other.track.track_id}`))));
}

/** How another lies to the best: "2 semitones higher, 4 % faster". */
function differs({ kind, similarity, alignment }) {
  if (kind === "copy" || kind === "audio") return KINDS[kind][1];
  const parts = [];
  if (alignment) {
    const { semitones, tempo_ratio: ratio, share } = alignment;
    if (semitones) parts.push(`${plural(Math.abs(semitones), "semitone")} ${semitones > 0 ? "higher" : "lower"}`);
    if (Math.abs(ratio - 1) >= 0.005) parts.push(`${percent(Math.abs(ratio - 1))} ${ratio > 1 ? "faster" : "slower"}`);
    if (share < 0.95) parts.push(`${percent(share)} of it in common`);
  }
  return parts.length ? parts.join(", ") : `similarity ${cosine(similarity)}`;
}

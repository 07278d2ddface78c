// What is like a seed: the list with its reasons, and the sliders that weigh the facets.

import * as api from "./api.js";
import { button, debounced, el, fill, icon } from "./dom.js";
import { draft } from "./draft.js";
import { navigate, passagePath } from "./navigation.js";
import { empty, facetBars, facetSliders, keepMarked, markPlaying, menuButton, playCover, rearrange, waiting } from "./parts.js";
import { playBoth, player } from "./player.js";
import { quickReason, reasonOf } from "./reasons.js";
import { showProblem } from "./toast.js";
import { artist, name, percentile, plural, sentence, span, title } from "./words.js";

const AT_FIRST = 20;
const MORE = 30;
const MOST = 200;
const RANK_AFTER_MS = 120;
const EXPLAIN_AFTER_MS = 700;
const EXPLAINED = 10;
const PLAYED_S = 30;
// As in views.css: where the weights stand beside the list.
const BESIDE = "(min-width: 68.001rem)";

/**
 * The part of a view that lists what is like a seed.
 *
 * @param {object} options
 *   seed       as the API takes it: {track_id} or {upload_id} (of the passage alone, where there is one)
 *   track      the seed as a track, for the reasons
 *   passage    {from, to} to be found in other tracks, or null for the whole
 *   weights    chosen ones, or null
 *   onweights  (weights or null) when others are chosen
 *   onwhole    () when the whole track is wanted again
 */
export function similarPanel(options, signal) {
  const { seed, track, passage } = options;
  let weights = options.weights;
  let count = AT_FIRST;
  let asked = new AbortController();
  let matches = [];
  const rows = new Map();
  const reasons = new Map();
  const list = el("ol", { class: "matches", "aria-label": passage ? "Passages alike" : "Similar tracks" });
  const state = el("p", { class: "soft small", role: "status" });
  const side = el("aside", { class: "similar-side", "aria-label": "Weights" });
  const more = button("Show more", () => { count = Math.min(MOST, count + MORE); ask().catch(showProblem); }, { hidden: true });
  const body = el("div", { class: "similar-list" }, waiting(5, "Looking for what is alike"));
  const playAll = button("Play all", () => matches.length && player.play(itemsFrom(0)), { symbol: "play", disabled: true });
  const addAll = button("Add all", () => draft.add(matches.map((each) => each.track)), { symbol: "playlist", disabled: true });
  const text = passage ? `Like ${span(passage.from, passage.to)}` : "Sounds like this";
  const root = el(
    "section",
    { class: "similar", "aria-label": text },
    el("header", { class: "similar-head" },
      el("div", {}, el("h2", { tabindex: -1 }, text), state),
      el("div", { class: "actions" }, passage && button("The whole track", options.onwhole, { symbol: "left" }), playAll, addAll)),
    el("div", { class: "similar-body" }, body, side),
  );

  /** What is played from a place in the list on. */
  function itemsFrom(index) {
    return matches.slice(index).map(({ track: each, place }) =>
      (place ? { track: each, start_s: Math.max(0, place.start_s), end_s: Math.max(place.end_s, place.start_s + PLAYED_S) } : { track: each }));
  }

  async function ask() {
    asked.abort();
    asked = new AbortController();
    const { signal: own } = asked;
    list.setAttribute("aria-busy", "true");
    try {
      const path = passage ? "/passages" : "/similar";
      const asking = passage
        ? { seed: seed.upload_id ? seed : { ...seed, start_s: passage.from, end_s: passage.to }, k: count, weights }
        : { seeds: [seed], k: count, weights };
      const found = await api.post(path, asking, own);
      if (!own.aborted) show(found);
    } catch (error) {
      if (own.aborted) return;
      if (matches.length) throw error;
      fill(body, empty({ symbol: "warning", heading: "Nothing to compare", text: sentence(error.message), level: 3 }));
    } finally {
      if (!own.aborted) list.removeAttribute("aria-busy");
    }
  }

  function show(found) {
    matches = found.matches;
    if (matches.length === 0) {
      fill(body, empty({ heading: "Nothing yet to compare with", text: "The library has no other analysed tracks. Scan more music, then look again.", action: { text: "Scan folders", href: "/scan" }, level: 3 }));
      return;
    }
    if (!body.contains(list)) fill(body, list, more);
    const kept = new Set(matches.map((each) => each.track.track_id));
    for (const id of rows.keys()) if (!kept.has(id)) rows.delete(id);
    rearrange(list, matches.map((match, i) => rowOf(match, i)));
    const first = list.querySelector('[tabindex="0"]') ?? list.firstElementChild;
    for (const each of list.children) each.tabIndex = each === first ? 0 : -1;
    more.hidden = matches.length < count || count >= MOST;
    playAll.disabled = false;
    addAll.disabled = false;
    say(found);
    if (!side.firstChild && Object.keys(found.weights).length > 1) showSliders(found.weights).catch(showProblem);
    markPlaying(list);
    explainSoon();
  }

  function say(found) {
    const told = [`${plural(found.searched, "track")} compared`];
    if (found.is_unfamiliar) told.push("unlike all music that the model knows, so this means little");
    else if (found.is_poor) told.push("nothing in the library is really alike");
    if (found.not_searched) told.push(`${plural(found.not_searched, "track")} not analysed yet`);
    if (found.taste) told.push("by your taste");
    state.textContent = `${told.join(" · ")}.`;
  }

  async function showSliders(found) {
    // Where weights came with the URL, what they are without them has to be asked for.
    const defaults = weights === null ? found : (await api.post("/similar", { seeds: [seed], k: 1 }, signal)).weights;
    const rank = debounced(() => ask().catch(showProblem), RANK_AFTER_MS);
    fill(side, el(
      "details",
      { class: "card", open: matchMedia(BESIDE).matches },
      el("summary", {}, el("h3", { class: "card-title" }, "What counts")),
      facetSliders(defaults, (chosen) => {
        weights = chosen;
        options.onweights?.(chosen);
        list.setAttribute("aria-busy", "true");
        rank();
      }, weights),
    ));
  }

  function rowOf(match, index) {
    const { track: found, place, facets } = match;
    const id = found.track_id;
    const old = rows.get(id);
    if (old) {
      old.update(match, index);
      return old;
    }
    const rank = el("span", { class: "match-rank" });
    const closer = el("span", { class: "match-percentile" });
    const bars = el("div", { class: "match-facets" });
    const reason = el("p", { class: "match-reason" });
    const where = el("p", { class: "match-place" });
    const play = () => {
      const at = matches.findIndex((each) => each.track.track_id === id);
      if (player.isAt(id)) player.toggle();
      else player.play(itemsFrom(at));
    };
    const row = el(
      "li",
      { class: "match", tabindex: -1, "aria-label": name(found), data: { track: id }, onclick: (event) => event.target.closest("a, button") || navigate(`/track/${id}`) },
      rank,
      playCover(found, play),
      el("div", { class: "match-text" },
        el("a", { class: "row-title", href: `/track/${id}` }, title(found)),
        el("p", { class: "match-artist" }, artist(found)), where),
      closer,
      bars,
      reason,
      menuButton(found, seed.track_id ? [{ text: "Compare the two", symbol: "compare", href: `/compare/${seed.track_id}/${id}` }] : []),
    );
    row.play = play;
    row.say = ({ text: said, best }) => {
      reason.textContent = said;
      if (best) showBoth(where, best, found);
    };
    row.update = (now, at) => {
      rank.textContent = String(at + 1);
      fill(closer, now.percentile === null ? null : [el("span", { class: "small soft" }, "closer than "), el("b", {}, percentile(now.percentile))]);
      closer.title = now.percentile === null ? "" : `Closer than ${percentile(now.percentile)} of all pairs in the library`;
      fill(bars, facetBars(now.facets));
      if (now.place) fill(where, icon("play"), placeLink(id, now.place.start_s, now.place.end_s));
    };
    row.update({ ...match, place, facets }, index);
    row.say(reasons.get(id) ?? { text: quickReason(track, found), best: null });
    rows.set(id, row);
    return row;
  }

  const placeLink = (id, from, to) => el("a", { href: passagePath(id, from, to), title: "Find this passage in other tracks" }, span(from, to));

  /** Where the seed and a track are most alike. */
  function showBoth(where, best, found) {
    fill(where,
      el("button", { type: "button", class: "place-play", "aria-label": `Play where ${title(found)} is most alike`, title: "Play both, one after the other", onclick: () => playBoth(track, found, best) }, icon("play")),
      placeLink(seed.track_id, best.a_start_s, best.a_end_s),
      el("span", { class: "soft" }, "like its"),
      placeLink(found.track_id, best.b_start_s, best.b_end_s));
  }

  // One after the other, for the first ones: what is said does not depend on the weights, so it is kept.
  const explainSoon = debounced(async () => {
    const own = asked.signal;
    if (!seed.track_id || passage) return;
    for (const { track: found } of matches.slice(0, EXPLAINED)) {
      if (own.aborted || signal.aborted) return;
      if (reasons.has(found.track_id)) continue;
      try {
        const explanation = await api.post("/explain", { a: seed, b: { track_id: found.track_id }, passages: 1 }, signal);
        const said = { text: reasonOf(explanation), best: explanation.passages[0] ?? null };
        reasons.set(found.track_id, said);
        rows.get(found.track_id)?.say(said);
      } catch {
        return; // The list says enough without; a busy server is left in peace.
      }
    }
  }, EXPLAIN_AFTER_MS);

  list.addEventListener("keydown", (event) => {
    const row = event.target.closest(".match");
    if (!row || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = [...list.children];
    const to = { ArrowDown: all.indexOf(row) + 1, ArrowUp: all.indexOf(row) - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) {
      const next = all[Math.max(0, Math.min(all.length - 1, to))];
      for (const each of all) each.tabIndex = each === next ? 0 : -1;
      next.focus();
    } else if (event.target !== row) return;
    else if (event.key === "Enter") navigate(`/track/${row.dataset.track}`);
    else if (event.key === " ") row.play();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  signal.addEventListener("abort", () => { asked.abort(); explainSoon.cancel(); });
  keepMarked(list, signal);
  root.ask = ask;
  /** Bring it into sight, with the focus at its head. */
  root.reveal = () => {
    const head = root.querySelector("h2");
    head.scrollIntoView({ block: "start", behavior: "smooth" });
    head.focus({ preventScroll: true });
  };
  return root;
}

// Two tracks one above the other: where they match, how alike they are in what, and why not a third.

import * as api from "../api.js";
import { matrixView, strips } from "../compare/strips.js";
import { button, el, fill, icon, iconButton, setStyle } from "../dom.js";
import { navigate, passagePath } from "../navigation.js";
import { card, cover, heading, openMenu } from "../parts.js";
import { trackPicker } from "../picker.js";
import { bothItems, playBoth, player } from "../player.js";
import { reasonOf } from "../reasons.js";
import { shown } from "../theme.js";
import { showProblem } from "../toast.js";
import { artist, capital, cosine, listed, name, number, percent, percentile, span, title } from "../words.js";

const PASSAGES = 5;

export async function show(view) {
  const [a, b] = view.parts[0] ? view.parts.map(Number) : [Number(view.query.get("a")) || null, null];
  if (!a || !b) return choose(view, a);
  if (a === b) return choose(view, a, "These are one and the same: choose another track to compare it with.");
  const { signal } = view;
  const pair = { a: { track_id: a }, b: { track_id: b } };
  const third = Number(view.query.get("c")) || null;
  const [ta, tb, comparison, explanation, ofA, ofB] = await Promise.all([
    api.get(`/tracks/${a}`, {}, signal),
    api.get(`/tracks/${b}`, {}, signal),
    api.post("/compare", pair, signal),
    api.post("/explain", { ...pair, passages: PASSAGES }, signal),
    api.get(`/tracks/${a}/analysis`, {}, signal),
    api.get(`/tracks/${b}/analysis`, {}, signal),
  ]);
  view.setTitle(`${title(ta)} and ${title(tb)}`);
  const { passages } = explanation;
  const map = strips({ a: ta, b: tb, passages, melUrl: (id) => api.url(`/tracks/${id}/mel.png`, { width: 1200, theme: shown() }) }, signal);
  fill(
    view.root,
    el("div", { class: "compare" },
      el("header", { class: "view-head" }, el("h1", {}, "Compare"),
        el("div", { class: "actions" },
          button("Swap", () => navigate(`/compare/${b}/${a}`, { replace: true }), { symbol: "refresh" }),
          button("Hear the best passages", () => player.play(passages.flatMap((each) => bothItems(ta, tb, each))), { kind: "primary", symbol: "play" }))),
      el("div", { class: "sides" },
        side("A", ta, (track) => navigate(`/compare/${track.track_id}/${b}`), signal),
        side("B", tb, (track) => navigate(`/compare/${a}/${track.track_id}`), signal)),
      summary(explanation),
      el("section", { class: "card" },
        el("h2", { class: "card-title" }, "Where they match"),
        map,
        passageList(ta, tb, passages, map)),
      el("div", { class: "compare-columns" },
        card("What it adds up to", facetSum(explanation)),
        card("What they share", inCommon(explanation))),
      el("div", { class: "compare-columns" },
        card("Every moment with every other", matrixView({
          a: ta, b: tb, matrix: comparison.excerpt_similarity, passages,
          starts: { a: ofA.excerpt_starts_s, b: ofB.excerpt_starts_s },
          ends: { a: endsOf(ofA), b: endsOf(ofB) },
        }, signal)),
        whyNot(view, pair, ta, tb, third))),
  );
}

const endsOf = ({ excerpt_starts_s: starts, excerpt_s: length, duration_s: duration }) => starts.map((start, i) => Math.min(start + length, starts[i + 1] ?? duration));

/** Which two? */
async function choose(view, first, notice = null) {
  const ends = { a: first && (await api.get(`/tracks/${first}`, {}, view.signal)), b: null };
  const picked = (end, track) => {
    ends[end] = track;
    if (ends.a && ends.b) navigate(`/compare/${ends.a.track_id}/${ends.b.track_id}`, { replace: true });
    else field(end === "a" ? "b" : "a").focus();
  };
  const pickers = Object.fromEntries(["a", "b"].map((end) => [end, trackPicker({ label: `Track ${end.toUpperCase()}`, keeps: true, onpick: (track) => picked(end, track) }, view.signal)]));
  const field = (end) => pickers[end].querySelector("input");
  pickers.a.set(ends.a);
  fill(view.root,
    heading("Compare", { line: "Two tracks one above the other: where they sound alike, in what, and why." }),
    notice && el("p", { class: "notice" }, notice),
    el("section", { class: "card choose" }, el("div", { class: "choose-field" }, el("b", {}, "A"), pickers.a), el("div", { class: "choose-field" }, el("b", {}, "B"), pickers.b)));
  field(ends.a ? "b" : "a").focus();
}

function side(letter, track, onpick, signal) {
  const play = button("Play", () => player.toggleTrack([track], 0), { symbol: "play" });
  const showState = () => {
    const plays = player.isAt(track.track_id) && player.isPlaying;
    fill(play, icon(plays ? "pause" : "play"), el("span", {}, plays ? "Pause" : "Play"));
    play.setAttribute("aria-label", `${plays ? "Pause" : "Play"} ${letter}`);
  };
  for (const event of ["item", "state"]) player.addEventListener(event, showState, { signal });
  showState();
  return el("section", { class: "side card", "aria-label": `${letter}: ${name(track)}` },
    cover(track),
    el("div", { class: "side-text" },
      el("p", { class: "side-title" }, el("b", { class: "letter" }, letter), el("a", { href: `/track/${track.track_id}` }, title(track))),
      el("p", { class: "soft small" }, [artist(track), track.album].filter(Boolean).join(" · "))),
    play,
    trackPicker({ label: `Another track for ${letter}`, placeholder: "Another track", onpick }, signal));
}

function place(standing) {
  if (standing.is_copy) return "B holds the same recording as A.";
  if (standing.rank === null) return null;
  return standing.rank === 1 ? "Nothing in the library sounds more like A." : `B is number ${number(standing.rank)} of ${number(standing.among)} in what sounds like A.`;
}

function summary(explanation) {
  const { standing } = explanation;
  const than = standing.percentile === null ? null : standing.percentile >= 50
    ? [el("b", {}, percentile(standing.percentile)), " of all pairs in the library are less alike"]
    : [el("b", {}, percentile(100 - standing.percentile)), " of all pairs in the library are more alike"];
  return el("section", { class: "summary", "aria-label": "In short" },
    than && el("p", { class: "summary-share" }, than),
    el("p", {}, [reasonOf(explanation), place(standing)].filter(Boolean).join(" ")));
}

function passageList(a, b, passages, map) {
  if (passages.length === 0) return el("p", { class: "soft" }, "No passage of one is like one of the other.");
  return el("ol", { class: "passages", "aria-label": "Matching passages, the best first" }, passages.map((each, i) =>
    el("li", {}, el("button", { type: "button", class: `passage tone-${i}`, title: "Play A's passage, then B's", onclick: () => playBoth(a, b, each), onpointerenter: () => map.point(i), onpointerleave: () => map.point(-1), onfocus: () => map.point(i), onblur: () => map.point(-1) },
      el("i", { class: "dot" }), icon("play"),
      el("span", {}, el("b", {}, "A "), span(each.a_start_s, each.a_end_s)), el("span", {}, el("b", {}, "B "), span(each.b_start_s, each.b_end_s)),
      el("span", { class: "soft" }, cosine(each.similarity))), findButton(a, b, each))));
}

/** Searches for one of the two sides of a passage. */
function findButton(a, b, each) {
  const find = (letter, track, from, to) => ({ text: `What sounds like ${letter} ${span(from, to)}`, symbol: "search", href: passagePath(track.track_id, from, to) });
  const made = iconButton("search", "Find this passage in other tracks", () => openMenu(made, [find("A", a, each.a_start_s, each.a_end_s), find("B", b, each.b_start_s, each.b_end_s)], "Find a passage"), { "aria-haspopup": "menu", "aria-expanded": "false" });
  return made;
}

/** The facets' shares, which sum to the similarity. */
function facetSum({ facets, similarity }) {
  const most = Math.max(...facets.map((each) => each.weight), 1e-6);
  return [
    el("table", { class: "sum" },
      el("thead", {}, el("tr", {}, ["Facet", "Alike", "Counts", "Adds"].map((text, i) => el("th", { scope: "col", class: i ? "number" : null }, text)), el("td", {}))),
      el("tbody", {}, facets.map((each, i) => {
        const bar = el("span", { class: `sum-bar tone-${i}` }, el("i"));
        setStyle(bar, { "--room": `${(100 * each.weight) / most}%` });
        setStyle(bar.firstElementChild, { width: `${100 * Math.max(0, Math.min(1, each.similarity))}%` });
        const rank = each.percentile === null ? null : `more than ${percentile(each.percentile)} of pairs`;
        return el("tr", {},
          el("th", { scope: "row" }, capital(each.name), rank && el("span", { class: "sum-note soft" }, rank)),
          el("td", { class: "number" }, cosine(each.similarity)),
          el("td", { class: "number" }, `× ${percent(each.weight)}`),
          el("td", { class: "number" }, `= ${cosine(each.share)}`),
          el("td", { class: "sum-cell" }, bar));
      })),
      el("tfoot", {}, el("tr", {}, el("th", { scope: "row", colspan: 3 }, "Together"), el("td", { class: "number" }, cosine(similarity)), el("td", {})))),
  ];
}

function inCommon({ common }) {
  const chips = (words, text) => words.length > 0 && el("div", { class: "shared" }, el("h3", { class: "small soft" }, text), el("ul", { class: "chips" }, words.map((word) => el("li", { class: "chip" }, word))));
  const said = [
    common.genre ? `Both are ${common.genre}.` : common.a_genre && common.b_genre && `A is ${common.a_genre}, B is ${common.b_genre}.`,
    common.tempo && `Tempo: ${Math.round(common.tempo.a_bpm)} and ${Math.round(common.tempo.b_bpm)} BPM.`,
    common.key && (common.key.a === common.key.b ? `Both are in ${common.key.a}.` : `Keys: ${common.key.a} and ${common.key.b}${common.key.relation ? ` (${common.key.relation})` : ""}.`),
  ].filter(Boolean);
  const parts = [chips(common.words, "Both"), chips(common.only_a, "Only A"), chips(common.only_b, "Only B")].filter(Boolean);
  if (parts.length + said.length === 0) return el("p", { class: "soft" }, "Nothing that the model is sure of in both.");
  return [parts, said.length > 0 && el("p", { class: "shared" }, said.join(" "))];
}

/** Why B, and not a third? */
function whyNot(view, pair, a, b, third) {
  const answer = el("div", { class: "why-not" });
  const ask = async (id) => {
    const c = await api.get(`/tracks/${id}`, {}, view.signal);
    picker.set(c);
    const { expected, standing } = await api.post("/explain", { ...pair, expected: { track_id: id } }, view.signal);
    const other = expected.standing;
    const [near, far] = [standing.similarity, other.similarity];
    const closer = far > near ? `“${title(c)}” is in fact closer to A than B is: ${cosine(far)} against ${cosine(near)}.` : `“${title(c)}” is less like A than B is: ${cosine(far)} against ${cosine(near)}.`;
    const where = other.rank === null ? null : `It is number ${number(other.rank)} of ${number(other.among)}; B is number ${number(standing.rank ?? 0)}.`;
    const pulled = far <= near && expected.pulled_by ? `Most of it is the ${expected.pulled_by}.` : null;
    const shared = expected.common.words.length ? `What it shares with A: ${listed(expected.common.words.slice(0, 4))}.` : null;
    const widest = Math.max(...Object.values(expected.differences).map(Math.abs), 1e-6);
    fill(answer,
      el("p", {}, [closer, where, pulled, shared].filter(Boolean).join(" ")),
      el("dl", { class: "differences" }, Object.entries(expected.differences).map(([facet, value], i) => {
        const bar = el("i", { class: `difference tone-${i} ${value < 0 ? "is-less" : ""}` });
        setStyle(bar, { width: `${(50 * Math.abs(value)) / widest}%` });
        return el("div", {}, el("dt", {}, capital(facet)), el("dd", {}, el("span", { class: "difference-room", "aria-hidden": "true" }, bar), el("span", { class: "number" }, `${value > 0 ? "+" : ""}${cosine(value)}`)));
      })),
      el("p", { class: "soft small" }, "Above 0: what makes B closer to A than the other."),
      el("a", { class: "button", href: `/compare/${a.track_id}/${id}` }, icon("compare"), el("span", {}, "Compare it with A")));
  };
  const picker = trackPicker({ label: "Why not this track?", placeholder: "Which track would you have expected?", keeps: true, onpick: (track) => {
    if ([a.track_id, b.track_id].includes(track.track_id)) return fill(answer, el("p", { class: "soft" }, "That is one of the two: choose a third."));
    ask(track.track_id).catch(showProblem);
  } }, view.signal);
  if (third) ask(third).catch(showProblem);
  return card("Why not …?", picker, answer);
}

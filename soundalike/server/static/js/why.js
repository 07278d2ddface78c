// Why a track is in a playlist, as an item of POST /playlists/make tells it.

import { el, icon } from "./dom.js";
import { passagePath } from "./navigation.js";
import { facetBars } from "./parts.js";
import { player } from "./player.js";
import { capital, cosine, listed, percent, percentile, plural, span, title } from "./words.js";

const RULES = {
  artist: "enough of their artist", "artist gap": "their artist too near", album: "enough of their album", length: "too short or too long",
  folder: "another folder", genre: "the genre", year: "the year", track: "not among those chosen", copy: "the same recording as another",
  "skipped artist": "their artist was skipped", chance: "others were drawn",
};
const SPLIT = 3;

/** "10 by length, 4 by artist": what kept tracks from coming. */
export const countsText = (counts) => listed(Object.entries(counts).sort((a, b) => b[1] - a[1]).map(([rule, n]) => `${n} as ${RULES[rule] ?? rule}`));

/** Of an item, what is kept of it: with the seed that it is like, and nothing of what is in `track`. */
export function reasonOf(item, seeds) {
  const { track, copies, passed_over, passed_counts, likeness, rank_before, rank, rank_without_taste, liking } = item;
  const seed = seeds[item.seed];
  return {
    seed: seed && { name: seed.track ? title(seed.track) : seed.path.split(/[\\/]/).at(-1), track: seed.track, start_s: seed.start_s, end_s: seed.end_s },
    copies: copies.map((each) => each.track?.path ?? each.path ?? ""), likeness, rank_before, rank, rank_without_taste, liking, passed_counts,
    passed_over: passed_over.map(({ track_id, name, rule }) => ({ track_id, name, rule })), isSeed: likeness === null,
  };
}

/** One line: text, or elements. */
export function whyLine(reason) {
  if (reason === null) return "Added by hand";
  if (reason.isSeed) return "A seed";
  const near = closer(reason.likeness);
  const like = `like ${reason.seed?.name ?? "the seeds"}`;
  return near ? [near, ` · ${like}`] : capital(like);
}

/** All of it. */
export function whyDetails(track, reason) {
  const { likeness, seed } = reason;
  if (reason.isSeed) return el("div", { class: "why" }, el("p", {}, "It is one of the seeds, which come first."));
  const { similarity, facets, shares, passage } = likeness;
  const sorted = Object.entries(shares).sort((a, b) => b[1] - a[1]);
  // Shares of the whole say something only where none takes away from it.
  const isWhole = sorted.every(([, value]) => value > -0.005) && similarity > 0;
  const parts = sorted.map(([facet, value]) => `${facet} ${isWhole ? percent(Math.max(0, value) / similarity) : cosine(value)}`);
  const play = (of, from, to, text) => el("div", { class: "why-place" },
    el("button", { type: "button", class: "button small-button", onclick: () => player.playPassage(of, from, to) }, icon("play"), el("span", {}, text)),
    el("a", { class: "icon-button", href: passagePath(of.track_id, from, to), title: "Find this passage in other tracks", "aria-label": `Find ${span(from, to)} of ${title(of)} in other tracks` }, icon("search")));
  const told = [
    `Similarity ${cosine(similarity)} to “${seed?.name}”${Object.keys(shares).length > 1 ? `, made up of ${listed(parts)}` : ""}.`,
    `The ${ordinal(reason.rank_before)} nearest of all; ${ordinal(reason.rank)} of those chosen, before they were put in order.`,
    reason.rank_without_taste && reason.rank_without_taste !== reason.rank_before && `Without your taste the ${ordinal(reason.rank_without_taste)} nearest.`,
    reason.copies.length > 0 && `Stands for ${plural(reason.copies.length, "other copy", "other copies")} of the recording.`,
  ].filter(Boolean);
  return el(
    "div",
    { class: "why" },
    el("div", {},
      facetBars(facets),
      passage && el("div", { class: "why-passage" },
        el("p", { class: "small soft" }, "Most alike:"),
        seed?.track && play(seed.track, passage.a_start_s, passage.a_end_s, `The seed's ${span(passage.a_start_s, passage.a_end_s)}`),
        play(track, passage.b_start_s, passage.b_end_s, `Its ${span(passage.b_start_s, passage.b_end_s)}`))),
    el("div", { class: "why-text" }, told.map((line) => el("p", {}, line)), passed(reason)),
  );
}

function passed({ passed_over: over, passed_counts: counts }) {
  const n = Object.values(counts).reduce((sum, each) => sum + each, 0);
  if (n === 0) return null;
  return el("details", { class: "passed" },
    el("summary", {}, icon("right"), el("span", {}, `${plural(n, "track")} passed over before it`)),
    el("p", { class: "soft" }, `${capital(countsText(counts))}.`),
    over.length > 0 && el("ul", {}, over.map((each) => el("li", {}, el("a", { href: `/track/${each.track_id}` }, each.name), el("span", { class: "soft" }, ` ${RULES[each.rule] ?? each.rule}`)))),
    over.length > 0 && over.length < n && el("p", { class: "soft" }, `And ${n - over.length} more.`));
}

function ordinal(n) {
  const ending = Math.floor(n / 10) % 10 === 1 ? "th" : ["th", "st", "nd", "rd"][n % 10 > SPLIT ? 0 : n % 10];
  return `${n.toLocaleString("en")}${ending}`;
}

/** "Closer than 97 %"; null where the library is too small to say. */
export function closer(likeness) {
  if (!likeness || likeness.percentile === null) return null;
  const shown = percentile(likeness.percentile);
  return el("span", { class: "closer", title: `Closer than ${shown} of all pairs in the library` }, el("span", { class: "soft" }, "Closer than "), el("b", {}, shown));
}

// Why two tracks are alike, as a sentence: of an explanation (POST /explain), or of what the tracks say.

import { capital, listed } from "./words.js";

const SAID_WORDS = 3;
const STANDS_OUT = 8;
const NEAR_TEMPO = 0.04;
const RELATIONS = {
  same: (key) => `both in ${key.a}`,
  relative: (key) => `in related keys (${key.a}, ${key.b})`,
  parallel: (key) => `on the same tonic (${key.a}, ${key.b})`,
  "a fifth apart": (key) => `a fifth apart (${key.a}, ${key.b})`,
};

/** A sentence, of an explanation document. */
export function reasonOf(explanation) {
  const { common, facets } = explanation;
  const said = [];
  if (common.words.length) said.push(`both ${listed(common.words.slice(0, SAID_WORDS))}`);
  if (common.genre) said.push(common.genre);
  if (common.tempo) {
    const { a_bpm: a, b_bpm: b, nearest } = common.tempo;
    if (nearest === 1 || Math.abs(b / a - 1) < NEAR_TEMPO) said.push(`both near ${Math.round(a)} BPM`);
    else if (nearest) said.push(`${Math.round(a)} and ${Math.round(b)} BPM go together`);
  }
  const relation = common.key && RELATIONS[common.key.relation];
  if (relation) said.push(relation(common.key));
  const facet = standsOut(facets);
  if (facet) said.push(`the ${facet} stands out`);
  return said.length ? `${capital(said.join(", "))}.` : "The sound as a whole is alike; nothing single stands out.";
}

/** The facet by which the two are much closer than by the others. */
function standsOut(facets) {
  const known = facets.filter((each) => each.percentile !== null).sort((a, b) => b.percentile - a.percentile);
  return known.length > 1 && known[0].percentile - known[1].percentile > STANDS_OUT && known[0].percentile > 90 ? known[0].name : null;
}

/** A shorter one, of the two tracks alone; "" where they tell nothing. */
export function quickReason(a, b) {
  const said = [];
  if (a.tempo_bpm && b.tempo_bpm && Math.abs(b.tempo_bpm / a.tempo_bpm - 1) < NEAR_TEMPO) said.push(`both near ${Math.round(a.tempo_bpm)} BPM`);
  if (a.key && a.key === b.key) said.push(`both in ${a.key}`);
  return said.length ? `${capital(said.join(", "))}.` : "";
}

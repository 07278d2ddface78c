// What was learned of a taste, in words and bars; shared by the views that teach and tell it.

import { el } from "./dom.js";
import { card } from "./parts.js";
import { capital, percent, plural } from "./words.js";

const LEVELS = {
  weights: { name: "What counts", of: "answers", before: "the usual weights", after: "yours" },
  metric: { name: "Finer differences", of: "answers", before: "the weights alone", after: "your finer measure" },
  liking: { name: "What you like", of: "opinions", before: "chance", after: "your likes" },
};
const FEW = 10;

/** How often held-out judgements were predicted, and whether it is used: sentences. */
function trialText(trial) {
  const words = LEVELS[trial.level];
  if (trial.level === "liking") {
    return `Of ${plural(trial.n, "opinion")} that were held out, what you like goes before ${percent(trial.after / trial.n)} of random tracks; by chance it would be 50 %.`;
  }
  const whole = (value) => Number(value.toFixed(1)).toLocaleString("en");
  return `Each of ${plural(trial.n, "answer")} was held out once and predicted from the others: ${words.before} get ${whole(trial.before)} right, ${words.after} ${whole(trial.after)}.`;
}

function verdict({ is_used, before, after, n, chance }) {
  if (is_used) return ["good", "Better than by chance: it is used when you search and make lists."];
  if (after > before) return ["", n < FEW || chance === null ? "A little better, but too few answers to be sure: it is not used yet." : "A little better, but that may be chance: it is not used. More answers will tell."];
  return ["", "No better on answers it has not seen: it is not used. You may agree with the usual weights, or more answers may tell."];
}

function trialPart(trial) {
  const [tone, text] = verdict(trial);
  const bar = (label, value, kind) => {
    const made = el("i", { class: kind });
    made.style.setProperty("width", `${(value / trial.n) * 100}%`);
    return el("div", { class: "trial-bar" }, el("span", { class: "small" }, label), el("span", { class: "trial-line" }, made), el("b", { class: "small" }, percent(value / trial.n)));
  };
  const words = LEVELS[trial.level];
  return el("div", { class: "trial", data: { level: trial.level } },
    el("h3", {}, words.name),
    el("p", { class: "soft" }, trialText(trial)),
    el("div", { class: "trial-bars" }, bar(capital(words.before), trial.before, "is-before"), bar(capital(words.after), trial.after, "is-after")),
    el("p", { class: tone }, text));
}

/** The weights of the facets, as they are and as they are usually. */
function weightsPart({ weights, default_weights: usual }) {
  return el("dl", { class: "weights" }, Object.entries(weights).map(([facet, value], i) => {
    const bar = el("span", { class: `weight-bar tone-${i}` }, el("i"), el("em"));
    bar.firstElementChild.style.setProperty("width", `${value * 100}%`);
    bar.lastElementChild.style.setProperty("left", `${usual[facet] * 100}%`);
    return el("div", {}, el("dt", {}, capital(facet)), el("dd", {}, bar, el("b", {}, percent(value)), el("span", { class: "small soft" }, `usually ${percent(usual[facet])}`)));
  }));
}

/** The report of GET /taste as two cards. */
export function tasteSummary(report) {
  const { oddone = 0, alike = 0, unlike = 0, like = 0, dislike = 0 } = report.judgements;
  const n = oddone + alike + unlike;
  const isUsed = report.trials.some((each) => each.level === "weights" && each.is_used) || report.trials.some((each) => each.level === "metric" && each.is_used);
  const trials = report.trials.length
    ? report.trials.map(trialPart)
    : el("p", { class: "soft" }, n + like + dislike === 0 ? "Nothing was said yet." : `${plural(n + like + dislike, "answer")} so far: too few to hold some out and see. Ten tell something.`);
  return el(
    "div",
    { class: "taste" },
    card(null, el("h2", { class: "card-title", tabindex: -1 }, "What counts for you"), weightsPart(report),
      el("p", { class: "small soft" }, n === 0 ? "As the model has it." : isUsed ? `Learned from ${plural(n, "answer")}, and in use.` : `What ${plural(n, "answer")} ${n === 1 ? "says" : "say"}; not in use.`)),
    card("Does it help?", trials, report.not_counted > 0 && el("p", { class: "small soft" }, `${plural(report.not_counted, "judgement")} of music that the library does not have ${report.not_counted === 1 ? "is" : "are"} not counted.`)),
  );
}

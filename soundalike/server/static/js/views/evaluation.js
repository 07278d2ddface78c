// How good the neighbours in this library are: measured, with how sure that is and what it leaves out.

import * as api from "../api.js";
import { number, plural, took } from "../amounts.js";
import { button, el, fill, icon, setStyle } from "../dom.js";
import { ending, failureNote, follow, left, progressCard } from "../job.js";
import { card, heading } from "../parts.js";
import { showProblem } from "../toast.js";
import { capital, percent, title } from "../words.js";

// An end at 0 may miss it by a rounding error.
const CLEAR = 1e-9;
const DEPTHS = {
  quick: ["Quick", "Only what is known already: seconds.", { baseline_tracks: 0, robustness_tracks: 0 }],
  normal: ["Thorough", "Also decodes some of the files, for the baseline and for changed copies: minutes. What was heard is kept for the next time.", {}],
};

export async function show(view) {
  const progress = progressCard("Evaluation", () => api.remove("/evaluation").catch(showProblem));
  const body = el("div", { class: "stack" });
  const head = el("div");
  let isRunning = null;
  let depth = "normal";

  const start = async () => {
    try {
      await api.post("/evaluation", DEPTHS[depth][2]);
    } catch (error) {
      showProblem(error);
    }
  };
  const depths = () =>
    el("fieldset", { class: "depths" }, el("legend", { class: "hidden-text" }, "How thoroughly"), Object.entries(DEPTHS).map(([name, [text, help]]) =>
      el("label", { class: "depth" }, el("input", { type: "radio", name: "depth", value: name, checked: name === depth, onchange: () => { depth = name; } }), el("span", {}, el("b", {}, text), el("span", { class: "small soft" }, help)))));

  function render(state) {
    const found = state.result;
    fill(head, heading("Evaluation", {
      line: "Do the neighbours in this library make sense? It is measured on your own tracks, beside a baseline and chance.",
      actions: found && !isRunning ? [el("a", { class: "button", href: api.url("/evaluation/page"), target: "_blank", rel: "noopener" }, icon("evaluation"), el("span", {}, "Full report"))] : [],
    }));
    if (found && !isRunning) fill(body, state.problem && failureNote(state.problem), report(found), againCard(found, depths(), start), footer(state));
    else if (!isRunning) fill(body, state.problem && failureNote(state.problem), firstCard(depths(), start));
    else fill(body, questions());
  }

  fill(view.root, head, el("div", { class: "stack" }, progress, body));
  progress.hidden = true;
  await new Promise((done, fail) => {
    api.get("/evaluation", {}, view.signal).then((state) => { isRunning = state.status === "running"; render(state); done(); }, fail);
  });
  follow({ state: "/evaluation", events: "/evaluation/events" }, (state, hasEnded) => {
    const was = isRunning;
    isRunning = state.status === "running";
    progress.hidden = !isRunning;
    if (isRunning && !was) progress.restart();
    if (isRunning) {
      const at = state.progress;
      // A step of one is no bar that would mean something.
      progress.show(at === null ? { title: "Measuring", done: 0, total: 0 } : { title: capital(at.step), done: at.done, total: at.total > 1 ? at.total : 0, unit: /file/.test(at.step) ? "file" : "track", facts: { "Time left": left(at.left_s) } });
    }
    if (was !== isRunning || hasEnded) render(state);
  }, view.signal);
}

// ---- before

const questions = () =>
  card("What is asked", el("ol", { class: "asked" },
    asked("similar", "Do neighbours belong together?", "Of the ten tracks that sound most like one, how many share its album, its artist, its genre or its folder? That is counted for every track, and put beside chance, beside the best that is possible, and beside a simple baseline on the same tracks."),
    asked("refresh", "Is a changed copy still known?", "A few tracks are made louder, faster, higher, cut, or encoded as MP3. Each copy should find its own track first."),
    asked("library", "Does every track get its turn?", "In many collections a few tracks sound like everything and crowd out the others. How strongly yours does so is measured.")));

const asked = (symbol, question, text) =>
  el("li", {}, el("span", { class: "asked-mark" }, icon(symbol)), el("div", {}, el("h3", {}, question), el("p", { class: "soft" }, text)));

function firstCard(depths, start) {
  return [el("section", { class: "card first-measure", "aria-label": "Measure" }, depths, el("div", { class: "actions card-actions" }, button("Measure this library", start, { kind: "primary", symbol: "evaluation" }))), questions()];
}

function againCard(found, depths, start) {
  return el("section", { class: "card", "aria-label": "Measure again" }, el("h2", { class: "card-title" }, "Measure again"),
    depths, el("div", { class: "actions card-actions" }, button("Measure again", start, { symbol: "refresh" })));
}

const footer = (state) => {
  const found = state.result;
  return el("p", { class: "small soft foot" }, `${ending(state)}, after ${took(found.elapsed_s)}: ${plural(found.n_tracks, "track")}, ${found.model}, ${found.k} neighbours, seed ${found.seed}. From the shell, the same: `, el("code", {}, "soundalike evaluate"));
};

// ---- the figures

function report(found) {
  return [
    found.interrupted && el("p", { class: "notice" }, icon("info"), el("span", {}, `Stopped early: ${found.interrupted}.`)),
    found.n_stand_ins === found.n_tracks && found.n_tracks > 0 && el("p", { class: "notice" }, icon("info"), el("span", {}, "No track has an artist and an album in its tags: folders stand in for them, and mean as much as you put into them.")),
    neighbours(found), copies(found), hubs(found), limits(found),
  ];
}

function neighbours(found) {
  const measured = found.answers.filter(({ figures }) => figures);
  const without = found.answers.filter(({ figures }) => !figures);
  const reasons = new Set(measured.map((each) => each.baseline_reason));
  const shared = reasons.size === 1 ? [...reasons][0] : null;
  const best = measured.toSorted((a, b) => gain(b) - gain(a))[0];
  const made = card("Do neighbours belong together?",
    measured.length === 0 && el("p", { class: "soft" }, "There is no tag or folder to ask about."),
    best && el("p", { class: "lead" }, leadOf(best, found.k)),
    measured.length > 0 && scaleKey(measured.some(({ baseline }) => baseline), `Share of the ${found.k} nearest that are right`),
    el("div", { class: "scales" }, measured.map((answer) => answerScale(answer, found.k, shared))),
    measured.length > 0 && axis(),
    without.length > 0 && el("ul", { class: "not-asked small soft" }, without.map((answer) => el("li", {}, el("b", {}, capital(answer.question)), `: ${answer.reason}`))));
  if (shared) made.append(el("p", { class: "small soft" }, `No baseline: ${shared}.`));
  made.classList.add("figures");
  return made;
}

const gain = ({ figures: { precision } }) => precision.value / (precision.chance || 1);

function leadOf({ question, figures }, k) {
  const { precision } = figures;
  const times = gain({ figures });
  return [`${capital(question)}: `, el("b", {}, `${(precision.value * k).toFixed(1)} of ${k} neighbours`), ` are right, ${times >= 9.5 ? number(Math.round(times)) : times.toFixed(1)} times as many as by chance.`];
}

/** On a sample of the tracks the figures are others, and so are chance and the best possible. */
const sameTracks = ({ figures, baseline }) => JSON.stringify(baseline?.embedding) === JSON.stringify(figures);

function answerScale(answer, k, shared) {
  const { precision } = answer.figures;
  const marks = { chance: precision.chance, best: precision.best };
  const isSample = answer.baseline !== null && !sameTracks(answer);
  if (answer.baseline && !isSample) marks.other = answer.baseline.mfcc.precision.value;
  const times = gain(answer);
  return el("div", { class: "scale-row" },
    el("div", { class: "scale-name" }, el("h3", {}, capital(answer.question)), el("p", { class: "small soft" }, answer.meaning)),
    el("div", { class: "scale-value" }, el("b", {}, percent(precision.value)), el("span", { class: "small soft" }, `${percent(precision.low)} to ${percent(precision.high)}`)),
    scale(precision, marks, `${capital(answer.question)}: ${percent(precision.value)}, interval ${percent(precision.low)} to ${percent(precision.high)}; by chance ${percent(precision.chance)}, at best ${percent(precision.best)}`),
    isSample && sampleScale(answer.baseline),
    el("p", { class: "scale-words small soft" },
      `${(precision.value * k).toFixed(1)} of ${k}; ${times >= 9.5 ? number(Math.round(times)) : times.toFixed(1)} × chance; ${plural(answer.figures.n_queries, "track")} asked`,
      answer.baseline && ["; ", baselineWords(answer.baseline, isSample)],
      !answer.baseline && !shared && answer.baseline_reason && `; no baseline: ${answer.baseline_reason}`));
}

/** Both on the tracks that the baseline was computed for, which are some of them. */
function sampleScale({ embedding, mfcc, n_tracks: count }) {
  const [ours, other] = [embedding.precision, mfcc.precision];
  const made = scale(ours, { other: other.value, chance: ours.chance }, `On ${plural(count, "track")}: soundalike ${percent(ours.value)}, baseline ${percent(other.value)}`);
  made.classList.add("sample");
  return made;
}

function baselineWords({ gain: { value, low, high }, n_tracks: count, embedding, mfcc }, isSample) {
  const verdict = low > CLEAR ? "better than the baseline" : high < -CLEAR ? "worse than the baseline" : "no clear difference from the baseline";
  const kind = low > CLEAR ? "good" : high < -CLEAR ? "bad" : "";
  return [el("b", { class: kind }, verdict), ` (${percent(embedding.precision.value)} against ${percent(mfcc.precision.value)}${isSample ? ` on a sample of ${plural(count, "track")}, the second line` : ""}; ${signed(value)} points, ${signed(low)} to ${signed(high)})`];
}

const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value * 100).toFixed(Math.abs(value) < 0.0995 ? 1 : 0)}`;

/** A line from 0 to 100 %: the figure, its interval, and what it is to be seen beside. */
function scale({ value, low, high }, marks, label) {
  const at = (element, share) => {
    setStyle(element, { left: `${share * 100}%` });
    return element;
  };
  const interval = el("i", { class: "scale-interval" });
  setStyle(interval, { left: `${low * 100}%`, width: `${Math.max(0, high - low) * 100}%` });
  const filled = el("i", { class: "scale-fill" });
  setStyle(filled, { width: `${value * 100}%` });
  return el("div", { class: "scale", role: "img", "aria-label": label }, filled, interval,
    Object.entries(marks).map(([name, share]) => at(el("i", { class: `scale-mark ${name}` }), share)), at(el("i", { class: "scale-mark main" }), value));
}

const scaleKey = (withBaseline, text) =>
  el("div", { class: "scale-key small" }, el("span", { class: "soft" }, text),
    el("ul", { class: "legend" }, [["main", "soundalike, with its 95 % interval"], withBaseline && ["other", "baseline: MFCC statistics"], ["chance", "chance"], ["best", "best possible"]].filter(Boolean).map(([kind, name]) => el("li", { class: "legend-item" }, el("span", { class: `key ${kind}` }), name))));

const axis = () => el("div", { class: "scale-axis small soft", "aria-hidden": "true" }, [0, 25, 50, 75, 100].map((each) => el("span", {}, `${each} %`)));

function copies(found) {
  if (found.robustness.length === 0) return card("Is a changed copy still known?", el("p", { class: "soft" }, `${capital(found.robustness_reason ?? "not measured")}.`));
  const made = card("Is a changed copy still known?",
    el("div", { class: "scale-key small" }, el("span", { class: "soft" }, "Share of the copies whose own track comes first"), el("ul", { class: "legend" }, [["main", "first, with its 95 % interval"], ["other", `among the first ${found.k}`]].map(([kind, name]) => el("li", { class: "legend-item" }, el("span", { class: `key ${kind}` }), name)))),
    el("div", { class: "scales" }, found.robustness.map((each) =>
      el("div", { class: "scale-row" },
        el("div", { class: "scale-name" }, el("h3", {}, capital(each.meaning))),
        el("div", { class: "scale-value" }, el("b", {}, percent(each.first.value)), el("span", { class: "small soft" }, `${percent(each.first.low)} to ${percent(each.first.high)}`)),
        scale(each.first, { other: each.within_k.value }, `${capital(each.meaning)}: ${percent(each.first.value)} come first, interval ${percent(each.first.low)} to ${percent(each.first.high)}; ${percent(each.within_k.value)} among the first ${found.k}`),
        el("p", { class: "scale-words small soft" }, `${plural(each.n_tracks, "copy", "copies")}; among the first ${found.k}: ${percent(each.within_k.value)}`)))), axis());
  made.classList.add("figures");
  return made;
}

/** A share that may be small: 0.0034 -> "0.3 %". */
const fine = (share) => (share < 0.0995 ? `${(share * 100).toFixed(1)} %` : percent(share));

function hubs(found) {
  if (found.hubness.length === 0) return card("Does every track get its turn?", el("p", { class: "soft" }, `${capital(found.hubness_reason ?? "not measured")}.`));
  const [plain] = found.hubness;
  const most = Math.max(...found.hubness.map((each) => each.antihub_share), 0.01);
  const bar = (share) => {
    const made = el("span", { class: "hub-bar" }, el("i"));
    setStyle(made.firstElementChild, { width: `${(share / most) * 100}%` });
    return made;
  };
  return card("Does every track get its turn?",
    el("p", { class: "lead" }, el("b", {}, fine(plain.antihub_share)), ` of the tracks are among the ${found.k} nearest of no other. The one that is there most often, `, el("a", { href: `/track/${plain.largest_hub.track_id}` }, title(plain.largest_hub)), `, is in the lists of ${plural(plain.largest_occurrences, "track")}; on average it is ${found.k}.`),
    el("table", { class: "hubs" }, el("caption", { class: "hidden-text" }, "How evenly places among the neighbours are shared out"),
      el("thead", {}, el("tr", {}, ["", "Never listed", "Most often", "Skew"].map((text) => el(text ? "th" : "td", text ? { scope: "col" } : {}, text)))),
      el("tbody", {}, found.hubness.map((each) => el("tr", {}, el("th", { scope: "row" }, capital(each.method)), el("td", {}, bar(each.antihub_share), fine(each.antihub_share)), el("td", {}, number(each.largest_occurrences)), el("td", {}, each.skewness.toFixed(2)))))),
    el("p", { class: "small soft" }, "Skew 0 is even; above 1, a few tracks crowd out others. Local scaling and mutual proximity are corrections that make nearness mutual."));
}

function limits(found) {
  const kinds = { copy: ["exact copy", "exact copies"], audio: ["file with known audio and other tags", "files with known audio and other tags"], near: ["near-duplicate", "near-duplicates"] };
  const out = [
    ...Object.entries(kinds).map(([kind, [one, many]]) => [found.duplicates.filter((each) => each.kind === kind).length, one, many]),
    [found.failed.length, "file that could not be analysed", "files that could not be analysed"],
    [found.missing.length, "missing file", "missing files"],
    [found.n_pending, "track that is not analysed yet", "tracks that are not analysed yet"],
    [found.unreadable.length, "file that could not be read for this", "files that could not be read for this"],
  ].filter(([count]) => count);
  return card("What this cannot say",
    el("ul", { class: "bullets" }, found.cannot_say.map((each) => el("li", {}, each))),
    out.length > 0 && el("div", { class: "left-out" }, el("h3", {}, "In no figure"), el("ul", { class: "chips" }, out.map(([count, one, many]) => el("li", { class: "chip" }, plural(count, one, many))))));
}

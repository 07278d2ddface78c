// The models that are installed, what they know, and which one answers.

import * as api from "../api.js";
import { bytes, number, plural } from "../amounts.js";
import { button, el, fill, icon, setStyle } from "../dom.js";
import { card, heading } from "../parts.js";
import { showProblem } from "../toast.js";
import { capital, percent } from "../words.js";

const LABELS_SHOWN = 24;
const GROUPS = { instrument: "Instruments", voice: "Voices", style: "Styles", mood: "Moods", other: "Other" };

export async function show(view) {
  const [models, info] = await Promise.all([api.get("/models", {}, view.signal), api.get("/library", {}, view.signal)]);
  models.sort((a, b) => (b.id === info.model) - (a.id === info.model));
  fill(
    view.root,
    heading("Models", { line: "A model turns each track into numbers that can be compared. All of them run on this computer." }),
    el("div", { class: "stack" },
      info.upgrade && upgradeNote(info.upgrade),
      !info.upgrade && !models.some(({ id }) => id === info.model) && el("p", { class: "notice" }, icon("warning"), el("span", {}, `${info.model} analysed this library, but is not installed.`)),
      models.map((model) => modelCard(model, info, view))),
  );
}

const upgradeNote = ({ model, query_model: answers, done, remaining }) =>
  el("p", { class: "notice" }, icon("info"), el("span", {}, `${answers} answers until ${model} has analysed every track: ${number(done)} done, ${number(remaining)} left. `, el("a", { href: "/scan" }, "Go on with it")));

function modelCard(model, info, view) {
  const answers = model.id === info.model;
  const tracks = info.models.find((each) => each.model === model.id)?.tracks ?? 0;
  const made = card(null,
    el("div", { class: "job-head" },
      el("div", {}, el("h2", { class: "card-title model-name" }, model.name, el("span", { class: "soft" }, ` ${model.version}`), answers && el("span", { class: "chip strong" }, icon("check"), "answers")), el("p", {}, capital(model.description)))),
    el("dl", { class: "job-facts" }, Object.entries({
      "Tracks analysed": number(tracks),
      "Numbers a track": number(model.embedding_dim),
      Size: bytes(model.size_bytes),
      "Comes from": model.source ? "downloaded" : "built in",
    }).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    model.facets?.length > 1 && facetShares(model.facets),
    labels(model),
    model.words.length > 0 && words(model.words),
    cardOf(model, view));
  made.classList.add("model");
  return made;
}

/** What a similarity is made of: one bar, in parts. */
function facetShares(facets) {
  const sum = facets.reduce((total, { weight }) => total + weight, 0);
  const part = ({ name, weight }, i) => {
    const made = el("i", { class: `tone-${i}` });
    setStyle(made, { width: `${(weight / sum) * 100}%` });
    made.title = `${capital(name)} ${percent(weight / sum)}`;
    return made;
  };
  return el("div", { class: "model-part" }, el("h3", {}, "What a similarity is made of"),
    el("div", { class: "shares", "aria-hidden": "true" }, facets.map(part)),
    el("ul", { class: "legend" }, facets.map(({ name, size, weight }, i) => el("li", { class: `legend-item tone-${i}` }, el("span", { class: "dot" }), el("b", {}, `${capital(name)} ${percent(weight / sum)}`), el("span", { class: "soft" }, plural(size, "number"))))));
}

function labels(model) {
  const list = el("div", { class: "chips" });
  const fillTo = (count) => fill(list, model.labels.slice(0, count).map((each) => el("span", { class: "chip" }, each)), model.labels.length > count && button(`All ${number(model.labels.length)}`, () => fillTo(model.labels.length), { kind: "quiet" }));
  fillTo(LABELS_SHOWN);
  return el("div", { class: "model-part" }, el("h3", {}, model.kind === "genres" ? plural(model.labels.length, "genre") : plural(model.labels.length, "tag")), list);
}

function words(all) {
  const said = all.filter(({ precision }) => precision !== null);
  const names = [...new Set(said.map(({ group }) => group))];
  return el("div", { class: "model-part" },
    el("h3", {}, plural(said.length, "word")),
    el("p", { class: "small soft" }, `How often each is right where it is said, on tracks that the model had not seen. ${plural(all.length - said.length, "more word")} only rank tracks, as none can be said with enough certainty.`),
    el("dl", { class: "word-groups" }, names.map((group) => el("div", {}, el("dt", {}, GROUPS[group] ?? capital(group)),
      el("dd", { class: "chips" }, said.filter((each) => each.group === group).sort((a, b) => b.precision - a.precision).map(({ word, precision }) => el("span", { class: "chip" }, word, el("span", { class: "soft" }, percent(precision)))))))));
}

function cardOf(model, view) {
  const text = el("pre", { class: "model-card", tabindex: 0, "aria-label": `Card of ${model.id}` });
  const made = el("details", { class: "more" }, el("summary", {}, "Model card: data, figures, limits, licence"), text);
  made.addEventListener("toggle", async () => {
    try {
      text.textContent = (await api.get(`/models/${encodeURIComponent(model.id)}`, {}, view.signal)).card;
    } catch (error) {
      showProblem(error);
    }
  }, { once: true });
  return made;
}

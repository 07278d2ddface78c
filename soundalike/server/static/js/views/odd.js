// Odd one out: three short passages, which one does not belong? Ten answers teach the taste.

import * as api from "../api.js";
import { button, el, fill, icon, iconButton } from "../dom.js";
import { addKeys } from "../keys.js";
import { cover, empty, heading, waiting } from "../parts.js";
import { player } from "../player.js";
import { showProblem } from "../toast.js";
import { tasteSummary } from "../taste.js";
import { artist, capital, listed, sentence, span, title } from "../words.js";

const ROUND = 10;
const KEY = "soundalike.odd";

/** How many were answered in this round; kept while the tab is open. */
const answered = {
  get() { return Number(sessionStorage.getItem(KEY) ?? 0); },
  set(n) { sessionStorage.setItem(KEY, String(n)); },
};

export async function show(view) {
  const body = el("div", { class: "odd" });
  const progress = el("div", { class: "odd-progress", role: "img" });
  let question = null;
  let judgement = null;
  let cards = [];
  let isSending = false;

  function showProgress() {
    const n = Math.min(ROUND, answered.get());
    progress.setAttribute("aria-label", `${n} of ${ROUND} answered`);
    fill(progress, Array.from({ length: ROUND }, (_, i) => el("i", { class: i < n ? "is-done" : i === n ? "is-next" : "" })), el("span", { class: "small soft" }, `${n} of ${ROUND}`));
  }

  async function ask() {
    player.pause();
    judgement = null;
    question = null;
    showProgress();
    if (answered.get() >= ROUND) {
      if (player.item?.blind) player.stop();
      return showResult();
    }
    fill(body, waiting(3, "Looking for a question that teaches something"));
    try {
      question = await api.get("/taste/question", {}, view.signal);
    } catch (error) {
      if (api.isAborted(error) || error.status === 401) throw error;
      fill(body, empty({ symbol: "odd", heading: "No question yet", text: sentence(error.message), action: { text: "Scan folders", href: "/scan" } }));
      return null;
    }
    cards = question.passages.map((passage, i) => card(passage, i));
    fill(
      body,
      el("div", { class: "odd-cards" }, cards),
      el("div", { class: "odd-foot" },
        button("I cannot tell", () => ask().catch(showProblem), { kind: "quiet", title: "Another question; this one is not counted" }),
        el("p", { class: "small soft for-keys" }, el("kbd", {}, "1"), " ", el("kbd", {}, "2"), " ", el("kbd", {}, "3"), " to hear, with ", el("kbd", {}, "Shift"), " to choose")),
    );
    cards[0].querySelector(".odd-play").focus({ preventScroll: true });
    return null;
  }

  function card({ track, start_s, end_s }, i) {
    const hear = el("button", { type: "button", class: "odd-play", "aria-label": `Hear passage ${i + 1}`, onclick: () => play(i) }, icon("play"), el("i", { class: "odd-ring" }));
    const choose = button("This one is odd", () => answer(i), { "aria-label": `Passage ${i + 1} is the odd one` });
    const made = el("section", { class: "card odd-card", "aria-label": `Passage ${i + 1}`, data: { track: track.track_id } },
      el("p", { class: "odd-number" }, String(i + 1)), hear, el("p", { class: "small soft odd-what" }, "10 seconds"), choose);
    made.passage = { track, start_s, end_s };
    return made;
  }

  const isAt = (i) => player.item?.blind && player.item.place === i && player.item.track.track_id === cards[i].passage.track.track_id;

  function play(i) {
    if (!cards[i]) return;
    if (isAt(i) && player.isPlaying) player.pause();
    else player.play([{ ...cards[i].passage, label: `Passage ${i + 1}`, blind: true, place: i }]);
  }

  function showPlaying() {
    cards.forEach((each, i) => {
      const isOn = isAt(i) && player.isPlaying;
      each.classList.toggle("is-on", isOn);
      const { start_s, end_s } = each.passage;
      const share = isAt(i) ? Math.max(0, Math.min(1, (player.time - start_s) / (end_s - start_s))) : 0;
      each.style.setProperty("--turn", `${share * 360}deg`);
      const symbol = each.querySelector(".odd-play use");
      symbol?.setAttribute("href", `/static/icons.svg#${isOn ? "pause" : "play"}`);
      each.querySelector(".odd-play")?.setAttribute("aria-label", `${isOn ? "Pause" : "Hear"} passage ${i + 1}`);
    });
  }

  async function answer(odd) {
    if (question === null || judgement !== null || isSending) return;
    isSending = true;
    try {
      const ids = question.passages.map((each) => each.track.track_id);
      const said = [...ids.filter((_, i) => i !== odd), ids[odd]];
      const { judgements } = await api.post("/taste/judgements", { kind: "oddone", track_ids: said });
      [judgement] = judgements;
      answered.set(answered.get() + 1);
      reveal(odd);
    } catch (error) {
      showProblem(error);
    } finally {
      isSending = false;
    }
  }

  /** Who they were, and what each facet would have said. */
  function reveal(odd) {
    showProgress();
    cards.forEach((each, i) => {
      const { track, start_s, end_s } = each.passage;
      each.classList.add(i === odd ? "is-odd" : "is-pair");
      each.querySelector(".button").remove();
      fill(each.querySelector(".odd-what"), `${span(start_s, end_s)} of`);
      each.append(el("div", { class: "odd-name" }, cover(track), el("div", { class: "bar-text" }, el("a", { class: "bar-title", href: `/track/${track.track_id}` }, title(track)), el("span", { class: "soft small" }, artist(track)))));
    });
    const by = Object.entries(question.odd_by_facet);
    const same = by.filter(([, place]) => place === odd).map(([facet]) => facet);
    const others = by.filter(([, place]) => place !== odd).map(([facet, place]) => `${facet} would say ${place + 1}`);
    const text = [same.length > 0 && `You went with ${listed(same)}`, others.length > 0 && listed(others)].filter(Boolean).join("; ");
    const next = button(answered.get() >= ROUND ? "See what was learned" : "Next", () => ask().catch(showProblem), { kind: "primary", symbol: "right" });
    const undo = button("Undo", async () => {
      await api.remove(`/taste/judgements/${judgement.judgement_id}`);
      answered.set(Math.max(0, answered.get() - 1));
      await ask();
    }, { kind: "quiet" });
    fill(body.querySelector(".odd-foot"), el("p", { class: "odd-said", role: "status" }, `${capital(text)}.`), el("div", { class: "actions" }, undo, next));
    next.focus();
  }

  async function showResult() {
    fill(body, waiting(4, "Learning from your answers"));
    const report = await api.get("/taste", {}, view.signal);
    fill(
      body,
      tasteSummary(report),
      el("div", { class: "actions" },
        button("Ten more", () => { answered.set(0); ask().catch(showProblem); }, { kind: "primary", symbol: "odd" }),
        el("a", { class: "button", href: "/taste" }, "All that you said")),
    );
    body.querySelector("h2")?.focus();
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open], [role=menu]") || event.target.matches("input, textarea, select")) return;
    // By the place of the key: what Shift makes of a digit is another thing on each keyboard.
    const found = /^(?:Digit|Numpad)([123])$/.exec(event.code);
    if (!found || question === null) return;
    event.preventDefault();
    const i = Number(found[1]) - 1;
    if (event.shiftKey) answer(i);
    else play(i);
  }

  document.addEventListener("keydown", onKey, { signal: view.signal });
  addKeys(view.signal, [
    { shown: "1 2 3", text: "Hear a passage" },
    { shown: "Shift 1", text: "Passage 1 is the odd one; so with 2 and 3" },
  ]);
  for (const event of ["item", "state", "time"]) player.addEventListener(event, showPlaying, { signal: view.signal });
  fill(
    view.root,
    heading("Odd one out", { line: "Three passages of 10 seconds: which one does not belong? Ten answers teach what counts for you.", actions: [el("a", { class: "button", href: "/taste" }, icon("sliders"), el("span", {}, "Your taste"))] }),
    progress,
    body,
  );
  await ask();
  return () => { if (player.item?.blind) player.stop(); };
}

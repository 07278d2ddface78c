// A job of the server: what it does, live, and how it ended; and a card that shows how far it is.

import * as api from "./api.js";
import { clock, number, plural, roughly } from "./amounts.js";
import { button, el, fill, icon, setStyle } from "./dom.js";
import { capital } from "./words.js";

/**
 * Follow a job until the view is left. `onstate(state, hasEnded)` is called with its state now, and
 * whenever it changes; once it has ended, with its result. `hasEnded`: since the call before. A short
 * one may have ended before anybody heard that it runs.
 *
 * `state` and `events` are paths of the API, such as "/scan" and "/scan/events".
 */
export function follow({ state, events }, onstate, signal) {
  let latest = 0;
  let before = null;
  const close = api.events(events, async (found) => {
    const own = ++latest;
    // Events have no result, which may be large.
    if (found.ended_at !== null) found = await api.get(state, {}, signal);
    if (own !== latest) return;
    const hasEnded = before !== null && found.ended_at !== null && found.ended_at !== before.ended_at;
    before = found;
    onstate(found, hasEnded);
  });
  signal.addEventListener("abort", close);
}

/** A card with a bar: {title, done, total (0: nobody knows), facts: {label: value}, path} make it up. */
export function progressCard(label, onstop) {
  const title = el("p", { class: "job-title", role: "status" });
  const figure = el("p", { class: "job-figure" });
  const bar = el("div", { class: "job-bar", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 }, el("i"));
  const facts = el("dl", { class: "job-facts" });
  const path = el("p", { class: "job-path small soft" });
  const stop = button("Stop", () => {
    stop.disabled = true;
    onstop();
  }, { symbol: "stop" });
  const card = el("section", { class: "card job", "aria-label": label },
    el("div", { class: "job-head" }, el("div", {}, title, figure), stop), bar, facts, path);
  card.show = ({ title: text, done, total, unit = "file", facts: told = {}, path: at = null }) => {
    const share = total ? done / total : null;
    if (title.textContent !== text) title.textContent = text;
    fill(figure, total ? [el("b", {}, number(done)), el("span", { class: "soft" }, ` of ${plural(total, unit)}`)] : el("span", { class: "soft" }, "Just a moment"));
    bar.classList.toggle("is-open", share === null);
    setStyle(bar.firstElementChild, { width: share === null ? "" : `${share * 100}%` });
    if (share === null) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(Math.floor(share * 100)));
    bar.setAttribute("aria-valuetext", share === null ? text : `${number(done)} of ${number(total)}`);
    fill(facts, Object.entries(told).filter(([, value]) => value).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
    path.textContent = at ?? "";
    path.hidden = !at;
  };
  card.restart = () => { stop.disabled = false; };
  return card;
}

/** "left" as people say it; "" while nobody knows. */
export const left = (seconds) => (seconds === null || seconds === undefined ? "" : roughly(seconds));

/** How a job ended, in a few words: "Finished at 12:30". */
export function ending(state) {
  const words = { finished: "finished", stopped: "stopped", failed: "failed" };
  return `${capital(words[state.status])} at ${clock(state.ended_at)}`;
}

/** What went wrong, where it did. */
export const failureNote = (problem) =>
  el("p", { class: "notice bad-notice", role: "alert" }, icon("warning"), el("span", {}, capital(problem.detail ?? problem.title), problem.advice && el("span", { class: "soft" }, ` ${capital(problem.advice)}`)));

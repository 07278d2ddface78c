// A listener's taste: what was said, what follows from it, and taking it back.

import * as api from "../api.js";
import { button, el, fill, icon } from "../dom.js";
import { confirmed } from "../keeping.js";
import { empty, heading } from "../parts.js";
import { tasteSummary } from "../taste.js";
import { toast } from "../toast.js";
import { listed, number, plural } from "../words.js";

const PAGE = 50;
const SYMBOLS = { like: "heart", dislike: "thumb-down", alike: "similar", unlike: "compare", oddone: "odd" };

/** What was said, with the tracks as links. */
function saying({ kind, pieces }) {
  const link = ({ name, track }) => (track ? el("a", { href: `/track/${track.track_id}` }, name) : el("span", { class: "soft" }, name));
  const [a, b, c] = pieces.map(link);
  if (kind === "like") return ["You like ", a];
  if (kind === "dislike") return ["You do not like ", a];
  if (kind === "alike") return [a, " and ", b, " are alike"];
  if (kind === "unlike") return [a, " and ", b, " are not alike"];
  return [c, " is odd beside ", a, " and ", b];
}

export async function show(view) {
  const summary = el("div");
  const list = el("ul", { class: "judgements", "aria-label": "What you said" });
  const count = el("p", { class: "soft small", role: "status" });
  const part = el("section", { class: "taste-said" });
  const resetButton = button("Forget all", reset, { kind: "quiet", symbol: "trash" });
  const more = button("Show more", () => load({ isMore: true }), { hidden: true });
  let shown = 0;

  async function load({ isMore = false } = {}) {
    const [report, found] = await Promise.all([
      isMore ? null : api.get("/taste", {}, view.signal),
      api.get("/taste/judgements", { offset: isMore ? shown : 0, limit: PAGE }, view.signal),
    ]);
    shown = (isMore ? shown : 0) + found.judgements.length;
    if (report) {
      fill(summary, tasteSummary(report));
      const plays = report.plays ? `${plural(report.plays, "play")} of ${plural(report.played, "piece")}` : null;
      const { like, dislike } = report.judgements;
      const opinions = [like && plural(like, "like"), dislike && plural(dislike, "dislike")].filter(Boolean);
      count.textContent = [found.total ? `${number(found.total)} said` : null, opinions.length ? listed(opinions) : null, plays].filter(Boolean).join(" · ");
    }
    if (isMore) list.append(...found.judgements.map(row));
    else fill(list, found.judgements.map(row));
    more.hidden = shown >= found.total;
    resetButton.hidden = found.total === 0 && !report?.plays;
    fill(part, el("header", { class: "similar-head" }, el("div", {}, el("h2", {}, "What you said"), count), resetButton),
      found.total ? [list, more] : empty({ symbol: "odd", level: 3, heading: "Nothing yet", text: "Ten questions of three passages each teach what counts for you. Or say “I like this” in the menu of a track.", action: { text: "Odd one out", href: "/odd-one-out" } }));
  }

  function row(said) {
    return el("li", { class: said.is_replaced ? "is-replaced" : "" },
      icon(SYMBOLS[said.kind]),
      el("p", {}, saying(said), said.is_replaced && el("span", { class: "soft" }, " (said otherwise later)"), said.source && el("span", { class: "soft" }, ` from ${said.source.split(/[\\/]/).at(-1)}`)),
      button("Undo", async () => {
        await api.remove(`/taste/judgements/${said.judgement_id}`);
        toast("Taken back");
        await load();
        (list.querySelector("button") ?? resetButton).focus();
      }, { kind: "quiet" }));
  }

  async function reset() {
    if (!(await confirmed("Forget your taste?", "All that you said and played is deleted, and cannot be brought back. Your music stays as it is.", "Forget all"))) return;
    await api.remove("/taste");
    toast("All of it is forgotten");
    await load();
  }

  fill(view.root, heading("Your taste", { line: "It changes what is found and made for you, where it proved better on answers it had not seen.", actions: [el("a", { class: "button primary", href: "/odd-one-out" }, icon("odd"), el("span", {}, "Odd one out"))] }), summary, part);
  await load();
}

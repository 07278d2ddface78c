// A map that is not there yet, or is to be drawn anew: a button, and how far it is.

import * as api from "../api.js";
import { button, el, fill, setStyle } from "../dom.js";
import { navigate } from "../navigation.js";
import { empty, heading } from "../parts.js";
import { showProblem } from "../toast.js";
import { capital, number } from "../words.js";

const ASK_EVERY_MS = 400;

/** Shows it in the view, and the map once there is one. `begin`: without being asked. */
export async function mapMaker(view, begin = false) {
  view.root.classList.remove("map-view");
  const bar = el("div", { class: "making-bar", role: "progressbar", "aria-label": "Drawing the map", "aria-valuemin": 0, "aria-valuemax": 100 }, el("i"));
  const text = el("p", { class: "soft", role: "status" });
  let timer;
  view.signal.addEventListener("abort", () => clearTimeout(timer));

  const offer = () => fill(view.root, empty({
    symbol: "map", level: 1, heading: "No map yet",
    text: "It puts every track near to those that sound like it. That takes seconds for a thousand tracks, and some minutes for 100,000.",
    action: { text: "Draw the map", run: () => make().catch(showProblem) },
  }));
  const showProgress = () => fill(view.root,
    heading("Map", { line: "The map is being drawn. You can go elsewhere meanwhile." }),
    el("section", { class: "card making" }, bar, text, button("Stop", () => api.remove("/map").catch(showProblem), { kind: "quiet", symbol: "stop" })));

  async function make() {
    await api.post("/map", {}, view.signal);
    showProgress();
    await follow();
  }

  async function follow() {
    const state = await api.get("/map/state", {}, view.signal);
    if (state.status === "running") {
      const { what, done: part, total } = state.progress ?? { what: "beginning", done: 0, total: 0 };
      const share = total ? part / total : 0;
      setStyle(bar.firstElementChild, { width: `${100 * share}%` });
      bar.setAttribute("aria-valuenow", String(Math.round(100 * share)));
      text.textContent = total > 3 ? `${capital(what)}: ${number(part)} of ${number(total)}` : capital(what);
      timer = setTimeout(() => follow().catch(showProblem), ASK_EVERY_MS);
      return;
    }
    if (state.status === "failed") showProblem(new api.Problem({ detail: state.problem?.detail ?? "The map could not be drawn." }));
    const about = await api.get("/map", {}, view.signal);
    if (about.is_made) navigate("/map", { replace: true });
    else offer();
  }

  const state = await api.get("/map/state", {}, view.signal);
  if (state.status === "running") {
    showProgress();
    await follow();
  } else if (begin) await make();
  else offer();
}

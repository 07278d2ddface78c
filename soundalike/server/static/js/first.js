// The library while there is nothing in it: what to do first, or how far the first scan is.

import * as api from "./api.js";
import { number, plural } from "./amounts.js";
import { el, fill } from "./dom.js";
import { follow } from "./job.js";
import { empty } from "./parts.js";
import { showProblem } from "./toast.js";

const LOOK_EVERY_MS = 1500;
let hasTracks = false;

/** Whether there is no track that could be looked for; what had one is not asked again. */
export async function isEmpty(signal) {
  hasTracks ||= (await api.get("/tracks", { limit: 1 }, signal)).total > 0;
  return !hasTracks;
}

/** Says why there is no track; calls `reload()` as soon as there may be one, and when a scan has ended. */
export function emptyLibrary(view, reload) {
  const place = el("div");
  let looked = 0;

  async function why() {
    const info = await api.get("/library", {}, view.signal);
    const scanned = { symbol: "scan", action: { text: "To the scan", href: "/scan" } };
    if (info.folders.length === 0) {
      return empty({ symbol: "scan", heading: "Welcome. Where is your music?", text: "Name the folder that it is in. Every track is listened to once, on this computer; then you can search by sound.", action: { text: "Choose a folder", href: "/scan" } });
    }
    if (info.pending) return empty({ ...scanned, heading: `${plural(info.pending, "track")} to be analysed`, text: `${info.model} has not analysed ${info.pending === 1 ? "it" : "them"} yet. A scan does it.` });
    if (info.failed) return empty({ ...scanned, symbol: "warning", heading: "No track could be analysed", text: `${plural(info.failed, "file")} failed. The scan says why, and what to do.` });
    if (info.missing) return empty({ ...scanned, symbol: "warning", heading: "All tracks are missing", text: `${plural(info.missing, "file")} were there at the last scan. Is the disk that they are on mounted? Then scan again.` });
    return empty({ ...scanned, heading: "There is no music in the scanned folders", text: "Add another folder, or put music into those and scan again." });
  }

  const scanning = ({ progress }) =>
    empty({
      symbol: "scan", heading: progress?.phase === "analysing" ? `${number(progress.done)} of ${plural(progress.total, "file")} analysed` : "Looking through the folders",
      text: "The first tracks appear here as soon as they are ready.", action: { text: "Watch the scan", href: "/scan" },
    });

  follow({ state: "/scan", events: "/scan/events" }, async (state, hasEnded) => {
    const isRunning = state.status === "running";
    const isShown = place.offsetParent !== null;
    if (hasEnded || (isRunning && isShown && Date.now() - looked > LOOK_EVERY_MS)) {
      looked = Date.now();
      reload();
    }
    try {
      fill(place, isRunning ? scanning(state) : await why());
    } catch (error) {
      showProblem(error);
    }
  }, view.signal);
  return place;
}

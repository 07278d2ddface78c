// What is done with some tracks: play them, keep them as a playlist, or put them into the draft.

import * as api from "./api.js";
import { button, el } from "./dom.js";
import { draft } from "./draft.js";
import { navigate } from "./navigation.js";
import { player } from "./player.js";
import { showProblem, toast } from "./toast.js";
import { plural } from "./words.js";

// As many as one list of the page, or the queue, is good for.
const MOST = 500;
// As the server takes them.
const MOST_KEPT = 20_000;

/** Tracks by their ids, in that order. */
export async function tracksOf(ids, signal) {
  const found = [];
  for (let at = 0; at < ids.length; at += 1000) found.push(...(await api.post("/tracks/by-id", { track_ids: ids.slice(at, at + 1000) }, signal)).tracks);
  return found;
}

/** The buttons for these tracks (ids); `suggested`: the name of the playlist that is offered. */
export function keepTracks(ids, suggested) {
  const some = ids.slice(0, MOST);
  const field = el("input", { class: "field", type: "text", value: suggested, maxlength: 200, required: true, "aria-label": "Name of the playlist" });
  const save = el("form", { class: "keep-form", hidden: true }, field, button("Save", null, { kind: "primary", type: "submit" }));
  save.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = field.value.trim();
    if (!name) return;
    try {
      const { playlists } = await api.get("/playlists");
      if (playlists.some((each) => each.name.toLowerCase() === name.toLowerCase())) {
        toast(`There is a playlist “${name}” already: choose another name.`, { kind: "error" });
        return field.select();
      }
      // A slash would be read as one of the address.
      const kept = await api.put(`/playlists/${encodeURIComponent(name.replaceAll("/", " "))}`, { track_ids: ids.slice(0, MOST_KEPT), name });
      save.hidden = true;
      toast(`Saved as “${name}”`, { detail: plural(kept.n_entries, "track"), action: { text: "Open", run: () => navigate(`/playlist/${encodeURIComponent(kept.playlist_id)}`) } });
    } catch (error) {
      showProblem(error);
    }
  });
  const of = (run) => async () => {
    try {
      run(await tracksOf(some));
    } catch (error) {
      showProblem(error);
    }
  };
  return el("div", { class: "keep" },
    el("div", { class: "actions" },
      button("Play", of((tracks) => player.play(tracks)), { kind: "primary", symbol: "play" }),
      button("Save as playlist", () => {
        save.hidden = !save.hidden;
        if (!save.hidden) field.select();
      }, { symbol: "playlist" }),
      button("Add to yours", of((tracks) => draft.add(tracks)), { kind: "quiet", symbol: "plus" })),
    save);
}

// One playlist that is kept.

import * as api from "../api.js";
import { button, el, fill, icon } from "../dom.js";
import { edit, exportButton, forget, refresh, rename } from "../keeping.js";
import { navigate } from "../navigation.js";
import { empty, keepMarked, menuButton, playCover } from "../parts.js";
import { player } from "../player.js";
import { artist, name, plural, time, title } from "../words.js";
import { changesText, day, path } from "./playlists.js";

export async function show(view) {
  const own = path({ playlist_id: view.parts[0] });
  let content = await api.get(own, {}, view.signal);
  const told = el("div", { class: "told", role: "status" });
  const list = el("ol", { class: "tracks", "aria-label": "Tracks" });
  const head = el("header", { class: "view-head" });
  const tracks = () => content.entries.flatMap((each) => each.track ?? []);

  async function reload() {
    content = await api.get(own, {}, view.signal);
    showAll();
  }

  async function again() {
    const found = await refresh(content.playlist);
    await reload();
    const names = (text, all) => all.length > 0 && el("p", { class: "small" }, el("b", {}, `${text}: `), all.join(", "));
    fill(told, el("div", { class: "notice" }, el("div", {}, el("p", {}, `Made again. ${changesText(found)}.`), names("Came", found.came.map(name)), names("Went", found.went))));
  }

  function showAll() {
    const { playlist: kept, entries } = content;
    const lost = entries.filter((each) => each.track === null).length;
    view.setTitle(kept.name);
    const line = [plural(entries.length, "track"), time(kept.duration_s), `saved ${day(kept.changed_at)}`, lost && `${lost} not in the library`].filter(Boolean).join(" · ");
    fill(
      head,
      el("div", {}, el("a", { class: "small soft back", href: "/playlists" }, icon("left"), el("span", {}, "Kept playlists")), el("h1", {}, kept.name), el("p", { class: "soft" }, line)),
      el("div", { class: "actions" },
        button("Play", () => player.play(tracks()), { kind: "primary", symbol: "play", disabled: tracks().length === 0 }),
        button("Open in the builder", () => edit(kept, content), { symbol: "sliders" }),
        kept.can_refresh && button("Make it again", again, { symbol: "refresh", title: "By its recipe, over the library as it is now" }),
        exportButton(() => ({ name: kept.name, track_ids: tracks().map((each) => each.track_id), recipe: content.recipe })),
        button("Rename", async () => { if (await rename(kept, content)) await reload(); }, { kind: "quiet" }),
        button("Delete", async () => { if (await forget(kept)) navigate("/playlists", { replace: true }); }, { kind: "quiet" })),
    );
    if (entries.length === 0) fill(list, el("li", {}, empty({ symbol: "playlist", heading: "It is empty", text: kept.problem ?? "There is nothing in the file." })));
    else fill(list, entries.map(row));
  }

  function row({ track, name: called, reason }, i) {
    if (track === null) return el("li", { class: "track-row is-lost" }, el("div", { class: "track-line plain" }, el("span", { class: "track-number" }, String(i + 1)), icon("warning"), el("div", { class: "track-text" }, el("p", {}, called), el("p", { class: "small soft" }, reason))));
    const play = () => (player.isAt(track.track_id) ? player.toggle() : player.play(tracks(), tracks().indexOf(track)));
    return el("li", { class: "track-row", data: { track: track.track_id } }, el("div", { class: "track-line plain" },
      el("span", { class: "track-number" }, String(i + 1)),
      playCover(track, play),
      el("div", { class: "track-text" }, el("a", { class: "row-title", href: `/track/${track.track_id}` }, title(track)), el("p", { class: "match-artist" }, artist(track))),
      el("span", { class: "track-time" }, time(track.duration_s)),
      menuButton(track)));
  }

  showAll();
  fill(view.root, head, told, list);
  keepMarked(list, view.signal);
}

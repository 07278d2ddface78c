// The playlists that are kept.

import * as api from "../api.js";
import { el, fill, icon, iconButton } from "../dom.js";
import { edit, exportButton, forget, refresh, rename } from "../keeping.js";
import { empty, heading, openMenu } from "../parts.js";
import { player } from "../player.js";
import { toast } from "../toast.js";
import { plural, time } from "../words.js";

export const path = (kept) => `/playlists/${encodeURIComponent(kept.playlist_id)}`;

/** "3 came, 1 went". */
export const changesText = ({ came, went }) => (came.length || went.length ? `${came.length} came, ${went.length} went` : "It is as it was");

export const day = (text) => new Date(text).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });

export async function show(view) {
  const body = el("div");
  const list = el("ul", { class: "kept-list", "aria-label": "Playlists" });
  const read = async (kept) => api.get(path(kept), {}, view.signal);
  const tracksOf = (content) => content.entries.flatMap((each) => each.track ?? []);

  async function load() {
    const { playlists } = await api.get("/playlists", {}, view.signal);
    if (playlists.length === 0) {
      fill(body, empty({ symbol: "playlist", heading: "None is kept yet", text: "Make one of what sounds alike, and save it. It is a file that players read as well.", action: { text: "Make a playlist", href: "/playlist" } }));
      return;
    }
    fill(list, playlists.map(row));
    if (!body.contains(list)) fill(body, list);
  }

  async function after(work) {
    if (await work) await load();
  }

  function row(kept) {
    const more = iconButton("more", `More for ${kept.name}`, () => openMenu(more, [
      kept.can_refresh && { text: "Make it again", symbol: "refresh", run: async () => { const found = await refresh(kept); toast(`“${kept.name}”: ${changesText(found)}`); await load(); } },
      { text: "Open in the builder", symbol: "sliders", run: () => edit(kept) },
      { text: "Rename", symbol: "file", run: () => after(rename(kept)) },
      { text: "Delete", symbol: "trash", run: () => after(forget(kept)) },
    ], kept.name), { "aria-haspopup": "menu", "aria-expanded": "false" });
    const said = [plural(kept.n_entries, "track"), kept.duration_s ? time(kept.duration_s) : null, day(kept.changed_at), kept.format.toUpperCase()].filter(Boolean).join(" · ");
    return el(
      "li",
      { class: "kept-row" },
      iconButton("play", `Play ${kept.name}`, async () => { const tracks = tracksOf(await read(kept)); if (tracks.length) player.play(tracks); }, { class: "icon-button round", disabled: Boolean(kept.problem) }),
      el("div", { class: "track-text" }, el("a", { class: "row-title", href: path(kept) }, kept.name), el("p", { class: kept.problem ? "bad small" : "soft small" }, kept.problem ?? said)),
      exportButton(async () => { const content = await read(kept); return { name: kept.name, track_ids: tracksOf(content).map((each) => each.track_id), recipe: content.recipe }; }, { isIcon: true, name: kept.name }),
      more,
    );
  }

  fill(view.root, heading("Kept playlists", { line: "Files beside your library, which players read as well.", actions: [el("a", { class: "button primary", href: "/playlist" }, icon("plus"), el("span", {}, "Make a playlist"))] }), body);
  await load();
}

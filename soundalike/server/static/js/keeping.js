// Playlists that are kept: saving, renaming, deleting, and files to take away.

import * as api from "./api.js";
import { button, el, iconButton } from "./dom.js";
import { draft } from "./draft.js";
import { openDialog } from "./keys.js";
import { navigate } from "./navigation.js";
import { openMenu } from "./parts.js";
import { toast } from "./toast.js";
import { plural } from "./words.js";

const FORMATS = [["m3u8", "M3U8, for most players"], ["xspf", "XSPF, with all names"], ["jspf", "JSPF, as JSON"]];
// As the server takes them.
const MOST = 20_000;
const path = (id) => `/playlists/${encodeURIComponent(id)}`;

/** Ask for a name; null where none is given. */
export function askName(heading, value, action) {
  return new Promise((done) => {
    let given = null;
    const field = el("input", { class: "field", id: "playlist-name", value, required: true, maxlength: 300, autocomplete: "off" });
    const dialog = el("dialog", { class: "dialog", "aria-label": heading, onclose: () => done(given) },
      el("h2", {}, heading),
      el("form", { class: "name-form", method: "dialog", onsubmit: (event) => { given = field.value.trim() || null; if (given === null) event.preventDefault(); } },
        el("label", { for: field.id }, "Name"), field,
        el("div", { class: "actions" }, el("button", { type: "submit", class: "button primary" }, action), button("Cancel", () => dialog.close(), { kind: "quiet" }))));
    openDialog(dialog);
    field.select();
  });
}

/** Ask whether something is to be done that cannot be undone. */
export function confirmed(heading, text, action) {
  return new Promise((done) => {
    let isSure = false;
    const dialog = el("dialog", { class: "dialog", "aria-label": heading, onclose: () => done(isSure) },
      el("h2", {}, heading), el("p", { class: "soft" }, text),
      el("div", { class: "actions dialog-actions" },
        button(action, () => { isSure = true; dialog.close(); }, { kind: "primary" }), button("Cancel", () => dialog.close(), { kind: "quiet" })));
    openDialog(dialog);
  });
}

/** Save the draft: in its place where it was saved before, else as a new one. */
export async function saveDraft() {
  const name = draft.name.trim() || (await askName("Save the playlist", "", "Save"));
  if (!name) return null;
  const kept = await save({ track_ids: draft.ids, recipe: draft.recipe, name }, draft.playlistId);
  if (kept) draft.saved({ name: kept.name, playlistId: kept.playlist_id });
  return kept;
}

/** Save tracks (ids) by a name that is asked for; `suggested` is offered. */
export async function saveTracks(ids, suggested) {
  const name = await askName("Save as a playlist", suggested, "Save");
  return name && save({ track_ids: ids.slice(0, MOST), name });
}

/** Write the file: a new one where there is no `id`. Null where its name belongs to another one. */
async function save(content, id = null) {
  if (id === null) {
    const { playlists } = await api.get("/playlists");
    if (playlists.some((each) => each.name.toLowerCase() === content.name.toLowerCase())) {
      toast(`There is a playlist “${content.name}” already: choose another name.`, { kind: "error" });
      return null;
    }
  }
  // A new one has no id yet: this one is known to nobody, so that none is replaced.
  const kept = await api.put(path(id ?? `new-${Math.random().toString(36).slice(2)}`), content);
  toast(`“${kept.name}” is saved`, { detail: plural(kept.n_entries, "track"), action: { text: "Open", run: () => navigate(path(kept.playlist_id)) } });
  return kept;
}

/** Call it otherwise; the file as it is then, or null. */
export async function rename(kept, content) {
  const name = await askName("Rename the playlist", kept.name, "Rename");
  if (name === null || name === kept.name) return null;
  const { entries, recipe } = content ?? (await api.get(path(kept.playlist_id)));
  const lost = entries.filter((each) => each.track === null).length;
  if (lost && !(await confirmed("Some tracks are not in the library", `${plural(lost, "entry", "entries")} would be lost by writing the file anew.`, "Rename"))) return null;
  return api.put(path(kept.playlist_id), { track_ids: entries.flatMap((each) => each.track?.track_id ?? []), recipe, name });
}

/** Delete one that is kept; whether it was. */
export async function forget(kept) {
  if (!(await confirmed(`Delete “${kept.name}”?`, "Its file is deleted. The music stays.", "Delete"))) return false;
  await api.remove(path(kept.playlist_id));
  if (draft.playlistId === kept.playlist_id) draft.saved({ name: draft.name, playlistId: null });
  toast(`“${kept.name}” is deleted`);
  return true;
}

/** Make it again, by its own recipe; {made, came, went}. */
export const refresh = (kept) => api.post(`${path(kept.playlist_id)}/refresh`);

/** Put it into the builder. What was there can be brought back. */
export async function edit(kept, content) {
  const { entries, recipe } = content ?? (await api.get(path(kept.playlist_id)));
  const before = draft.state;
  draft.open({ name: kept.name, playlistId: kept.playlist_id, tracks: entries.flatMap((each) => each.track ?? []), recipe });
  navigate("/playlist");
  if (before.tracks.length && before.isChanged) toast("What you were building was not saved", { action: { text: "Bring it back", run: () => draft.restore(before) } });
}

async function take({ name, track_ids, recipe }, format) {
  const answer = await api.ask("POST", "/playlists/export", { body: { name, track_ids, recipe, format } });
  const url = URL.createObjectURL(await answer.blob());
  const file = decodeURIComponent(/filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? `playlist.${format}`);
  const link = el("a", { href: url, download: file, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The button whose menu takes a playlist away as a file. `what()`: {name, track_ids, recipe}. */
export function exportButton(what, { isIcon = false, name = "" } = {}) {
  const open = () => openMenu(made, FORMATS.map(([format, text]) => ({ text, symbol: "download", run: async () => take(await what(), format) })), "Export as");
  const attributes = { "aria-haspopup": "menu", "aria-expanded": "false" };
  const made = isIcon ? iconButton("download", `Export ${name}`, open, attributes) : button("Export", open, { symbol: "download", ...attributes });
  return made;
}

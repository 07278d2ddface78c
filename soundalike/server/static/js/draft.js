// The playlist that is being put together, until it is saved: any view adds to it. Event "change".
//
// What it has: its tracks in their order, with the reason for each that has one (an item of what
// POST /playlists/make answers); the seeds that more is made from, and what that is to be unlike
// ({track, start_s?, end_s?}); the wishes of `wishes.js`; and, where it was saved, its name and id.

import { navigate } from "./navigation.js";
import { keep, kept } from "./storage.js";
import { toast } from "./toast.js";
import { plural, title } from "./words.js";

const EMPTY = { tracks: [], reasons: {}, made: null, recipe: null, name: "", playlistId: null, isChanged: false };

class Draft extends EventTarget {
  #list = { ...EMPTY, ...kept("draft") };
  #asked = { seeds: [], without: [], wishes: {}, ...kept("draft.asked") };

  get tracks() { return [...this.#list.tracks]; }
  get ids() { return this.#list.tracks.map((each) => each.track_id); }
  get seeds() { return [...this.#asked.seeds]; }
  get without() { return [...this.#asked.without]; }
  get wishes() { return { ...this.#asked.wishes }; }
  get name() { return this.#list.name; }
  get playlistId() { return this.#list.playlistId; }
  get recipe() { return this.#list.recipe; }
  /** What was said of all that was made: see `made` in `playlist.js`; null for nothing. */
  get made() { return this.#list.made; }
  /** Not as it was saved. */
  get isChanged() { return this.#list.isChanged; }

  /** Why a track is in it; null where it was put there by hand. */
  reason(trackId) { return this.#list.reasons[trackId] ?? null; }

  /** Put tracks at the end; those that are in it already are left where they are. */
  add(tracks) {
    const inside = new Set(this.ids);
    const added = tracks.filter((each) => !inside.has(each.track_id));
    this.set([...this.#list.tracks, ...added]);
    const what = tracks.length === 1 ? `“${title(tracks[0])}”` : plural(added.length, "track");
    const text = added.length ? `${what} added to your playlist` : `${what} is in your playlist already`;
    toast(text, { action: { text: "Open", run: () => navigate("/playlist") } });
  }

  /** Other tracks, or another order; reasons of those that stay are kept. */
  set(tracks) {
    const { reasons, recipe } = this.#list;
    const ids = new Set(tracks.map((each) => each.track_id));
    this.#put({
      tracks: [...tracks],
      reasons: Object.fromEntries(Object.entries(reasons).filter(([id]) => ids.has(Number(id)))),
      // A recipe that keeps the first tracks as they are does not hold for others.
      recipe: recipe?.make === "extension" || tracks.length === 0 ? null : recipe,
      isChanged: true,
    });
  }

  /** What was made, in the place of what is there, or behind it (`isMore`). */
  setMade(tracks, reasons, { made, recipe, isMore = false }) {
    const before = isMore ? this.#list : { tracks: [], reasons: {} };
    this.#put({
      tracks: [...before.tracks, ...tracks],
      reasons: { ...before.reasons, ...reasons },
      made,
      recipe: Object.keys(recipe).length ? recipe : null,
      isChanged: true,
    });
  }

  /** One that is kept, to be worked on. */
  open({ name, playlistId, tracks, recipe }) {
    this.#put({ ...EMPTY, name, playlistId, tracks, recipe });
  }

  /** It was saved, or is called otherwise. */
  saved({ name, playlistId }) { this.#put({ name, playlistId, isChanged: false }); }

  /** A new one: nothing but the seeds and the wishes stay. */
  clear() { this.#put(EMPTY); }

  /** All of it, so that what was done can be undone by `restore`. */
  get state() { return this.#list; }

  restore(state) { this.#put(state); }

  /** A seed, or with `away` something to be unlike; said by a toast unless `quietly`. */
  addSeed(seed, { away = false, quietly = false } = {}) {
    const name = away ? "without" : "seeds";
    const isSame = (each) => each.track.track_id === seed.track.track_id && each.start_s === seed.start_s && each.end_s === seed.end_s;
    const isThere = this.#asked[name].some(isSame);
    if (!isThere) this.ask({ [name]: [...this.#asked[name], seed] });
    if (quietly) return;
    toast(`“${title(seed.track)}” is a seed of your playlist${isThere ? " already" : ""}`, { action: { text: "Open", run: () => navigate("/playlist") } });
  }

  /** Other seeds, `without` or wishes. */
  ask(values) {
    this.#asked = { ...this.#asked, ...values };
    keep("draft.asked", this.#asked);
    this.dispatchEvent(new Event("asked"));
  }

  #put(values) {
    this.#list = { ...this.#list, ...values };
    keep("draft", this.#list);
    this.dispatchEvent(new Event("change"));
  }
}

export const draft = new Draft();

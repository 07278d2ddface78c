// The playlist that is being put together, until it is saved: any view adds to it. Event "change".

import { navigate } from "./navigation.js";
import { keep, kept } from "./storage.js";
import { toast } from "./toast.js";
import { plural, title } from "./words.js";

class Draft extends EventTarget {
  #tracks = kept("draft", []);

  get tracks() { return [...this.#tracks]; }

  /** Put tracks at the end; those that are in it already are left where they are. */
  add(tracks) {
    const inside = new Set(this.#tracks.map((each) => each.track_id));
    const added = tracks.filter((each) => !inside.has(each.track_id));
    this.set([...this.#tracks, ...added]);
    const what = tracks.length === 1 ? `“${title(tracks[0])}”` : plural(added.length, "track");
    const text = added.length ? `${what} added to your playlist` : `${what} is in your playlist already`;
    toast(text, { action: { text: "Open", run: () => navigate("/playlist") } });
  }

  set(tracks) {
    this.#tracks = [...tracks];
    keep("draft", this.#tracks);
    this.dispatchEvent(new Event("change"));
  }
}

export const draft = new Draft();

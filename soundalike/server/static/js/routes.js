// The views: where each is, what it is called, and the module that shows it.
//
// `nav` puts it into the rail and, where `tab` is set, among the tabs of a phone.

export const ROUTES = [
  { path: /^\/$/, title: "Library", icon: "library", nav: "/", tab: true, load: () => import("./views/search.js") },
  { path: /^\/track\/(\d+)$/, title: "Track", under: "/", load: () => import("./views/track.js") },
  { path: /^\/upload\/([\w-]+)$/, title: "Your file", under: "/", load: () => import("./views/upload.js") },
  { path: /^\/map$/, title: "Map", icon: "map", nav: "/map", needsTracks: true, tab: true, styles: ["map"], load: () => import("./views/map.js") },
  { path: /^\/playlist$/, title: "Playlist", icon: "playlist", nav: "/playlist", needsTracks: true, tab: true, styles: ["playlist"], load: () => import("./views/playlist.js") },
  { path: /^\/playlists$/, title: "Playlists", under: "/playlist", styles: ["playlist"], load: () => import("./views/playlists.js") },
  { path: /^\/playlists\/([^/]+)$/, title: "Playlist", under: "/playlist", styles: ["playlist"], load: () => import("./views/kept.js") },
  { path: /^\/radio(?:\/(\d+))?$/, title: "Radio", icon: "radio", nav: "/radio", needsTracks: true, tab: true, styles: ["playlist", "radio"], load: () => import("./views/radio.js") },
  { path: /^\/compare(?:\/(\d+)\/(\d+))?$/, title: "Compare", icon: "compare", nav: "/compare", needsTracks: true, styles: ["compare"], load: () => import("./views/compare.js") },
  { path: /^\/odd-one-out$/, title: "Odd one out", icon: "odd", nav: "/odd-one-out", styles: ["odd"], load: () => import("./views/odd.js") },
  { path: /^\/taste$/, title: "Your taste", under: "/odd-one-out", styles: ["odd"], load: () => import("./views/taste.js") },
  { path: /^\/scan$/, title: "Scan", icon: "scan", nav: "/scan", group: "library", styles: ["ops"], load: () => import("./views/scan.js") },
  { path: /^\/evaluation$/, title: "Evaluation", icon: "evaluation", nav: "/evaluation", needsTracks: true, group: "library", styles: ["ops"], load: () => import("./views/evaluation.js") },
  { path: /^\/versions$/, title: "Versions", icon: "versions", nav: "/versions", needsTracks: true, group: "library", styles: ["ops"], load: () => import("./views/versions.js") },
  { path: /^\/models$/, title: "Models", icon: "models", nav: "/models", group: "library", styles: ["ops"], load: () => import("./views/models.js") },
  { path: /^\/sign-in$/, title: "Sign in", load: () => import("./views/signin.js") },
];

/** The route of a path, and what its pattern caught; null for none. */
export function routeOf(path) {
  for (const route of ROUTES) {
    const found = route.path.exec(path);
    if (found) return { route, parts: found.slice(1) };
  }
  return null;
}

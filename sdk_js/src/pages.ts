import { attempt } from "./attempt.js";
import type { Core } from "./client.js";

/**
 * Page views after the first: each route of a single-page app, and each return from the back-forward cache. `last` is
 * the address of the first one: a route taken before this code had come is seen too.
 */
export function watchPages({ o, page, listen, leaving, context, landed: last }: Core): void {
  if (o.pages === "off") return;
  const strip = (url: string): string => (o.hash ? url : url.replace(/#(?![/!]).*/, ""));
  const look = (): void => {
    const url = location.href;
    const referrer = last;
    if (strip(url) === strip(last)) return;
    // what the page that is left has to say is said of that page
    context.url = last;
    leaving.forEach(attempt);
    delete context.url;
    last = url;
    // the router sets the new title after it has changed the address
    setTimeout(() => page(undefined, { url, referrer, title: document.title }));
  };
  (["pushState", "replaceState"] as const).forEach((name) => {
    const original = history[name];
    history[name] = function (...values) {
      original.apply(history, values);
      attempt(look);
    };
  });
  listen(window, "popstate hashchange", look);
  listen(window, "pageshow", (event) => event.persisted && page());
  look();
}

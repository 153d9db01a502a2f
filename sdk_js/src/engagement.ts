import type { Core } from "./client.js";

const IDLE_MS = 30_000;
const TICK_MS = 5000;
const FIRST_MS = 10_000;
const NEXT_MS = 60_000;

/**
 * How long somebody looked, and how far down. Time counts while the page is visible and was touched in the last 30
 * seconds. Reported after 10 seconds, then each minute, and when the page is left: each report is what came since the last.
 */
export function watchEngagement(core: Core): void {
  if (core.o.engagement === "off") return;
  const doc = document;
  let at = Date.now();
  let active = at;
  let engaged = 0;
  let depth = 0;
  let reported = 0;
  let next = FIRST_MS;
  const scrolled = (): number => {
    const { scrollHeight } = doc.documentElement;
    return Math.round(Math.min(1, (scrollY + innerHeight) / scrollHeight) * 100);
  };
  const count = (): void => {
    const now = Date.now();
    if (now > at) engaged += Math.max(0, Math.min(now, active + IDLE_MS) - at);
    at = now;
  };
  const report = (): void => {
    count();
    if (engaged < 1000 && depth <= reported) return;
    core.track("engagement", { engaged_ms: engaged, scroll_percent: depth });
    engaged = 0;
    reported = depth;
  };
  core.listen(document, "scroll pointermove pointerdown keydown touchstart", (event: Event) => {
    count();
    active = at;
    if (event.type === "scroll") depth = Math.max(depth, scrolled());
  });
  core.listen(document, "visibilitychange", () => (at = active = Date.now()));
  core.leaving.push(() => doc.visibilityState === "visible" || engaged ? report() : 0);
  setInterval(() => {
    if (doc.visibilityState === "hidden") return;
    count();
    if (engaged < next) return;
    next = NEXT_MS;
    report();
  }, TICK_MS);
}

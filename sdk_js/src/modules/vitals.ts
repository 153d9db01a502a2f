/** Core Web Vitals of the page, one event when it is first hidden: LCP, CLS (largest session window), INP (worst), FCP, TTFB. */
import { track } from "./plug.js";

const found: Record<string, number> = {};

const observe = (type: string, then: (entry: any) => void): void => {
  try {
    new PerformanceObserver((list) => list.getEntries().forEach(then)).observe({
      type,
      buffered: true,
      durationThreshold: 40,
    } as PerformanceObserverInit);
  } catch {
    // this browser doesn't measure it
  }
};

observe("largest-contentful-paint", (entry) => (found.lcp_ms = Math.round(entry.startTime)));
observe("paint", (entry) => {
  if (entry.name === "first-contentful-paint") found.fcp_ms = Math.round(entry.startTime);
});
observe("event", (entry) => {
  if (entry.interactionId) found.inp_ms = Math.max(found.inp_ms || 0, Math.round(entry.duration));
});

// a window ends after a second without shifts, or five seconds after its first (web.dev/cls)
let first = 0;
let last = 0;
let sum = 0;
observe("layout-shift", (entry) => {
  if (entry.hadRecentInput) return;
  const { startTime, value } = entry;
  if (startTime - last > 1000 || startTime - first > 5000) {
    first = startTime;
    sum = 0;
  }
  last = startTime;
  sum += value;
  found.cls = Math.max(found.cls || 0, Math.round(sum * 1e4) / 1e4);
});

let done = false;
const report = (): void => {
  if (done || document.visibilityState !== "hidden") return;
  done = true;
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (navigation) found.ttfb_ms = Math.round(navigation.responseStart);
  track("web_vitals", found);
};
addEventListener("visibilitychange", report, true);
addEventListener("pagehide", report, true);

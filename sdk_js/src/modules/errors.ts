/** Uncaught errors and rejected promises, at most ten of a page and each message once. */
import { track } from "./plug.js";

const MAX = 10;
const seen = new Set<string>();

const report = (message: string, more: Record<string, unknown>): void => {
  if (seen.has(message) || seen.size >= MAX) return;
  seen.add(message);
  track("javascript_error", { message: message.slice(0, 1000), ...more });
};

addEventListener("error", (event) => {
  if (event.message) report(event.message, { file: event.filename, line: event.lineno, column: event.colno });
});
addEventListener("unhandledrejection", (event) => report("" + ((event.reason && event.reason.message) || event.reason), {}));

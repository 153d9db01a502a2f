import type { Netiv } from "../client.js";

/** The page's client for an optional module: there already, or a queue that the core empties when it comes. */
export const track = (name: string, properties: Record<string, unknown>): void => {
  const page = window as unknown as { netiv?: Partial<Netiv> & { q?: unknown[] } };
  const netiv = (page.netiv = page.netiv || { q: [] });
  if (netiv.track) netiv.track(name, properties);
  else (netiv.q = netiv.q || []).push(["track", [name, properties]]);
};

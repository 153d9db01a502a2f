import { json, parsed } from "./attempt.js";
import type { Store } from "./storage.js";

/** How a session began, kept while it lasts: sent with every event of it, so that no page of it forgets its campaign. */
export interface Landing {
  campaign?: Record<string, string>;
  click_ids?: Record<string, string>;
  landing_referrer: string;
}

/** What is kept of a session: the moment and the number of its last event, what it was brought by, its id, its landing. */
export type Kept = [at: number, seq: number, brought: string, sessionId: string, landing: Landing];

const KEY = "nv_l";
const SESSION_MS = 30 * 60_000;

/** Click ids of the ad and mailing networks. The collector reads the address itself; this list is what a session keeps. */
const CLICK_ID =
  /^(\w*cl(ic)?k?_?id|\wbraid|li_fat_id|(\w+_|sc)cid|epik|tblci|dicbo|bd_vid|cjevent|awc|oppref)$/i;

/** Campaign and click ids of an address. Values keep their case: click ids are case-sensitive. */
export function arrivalOf(url: string): Pick<Landing, "campaign" | "click_ids"> {
  const found: Record<string, Record<string, string>> = {};
  new URL(url).searchParams.forEach((value, name) => {
    const utm = /^utm_(\w+)$/.exec(name);
    const part = utm ? "campaign" : "click_ids";
    if (value && (utm || CLICK_ID.test(name)))
      (found[part] = found[part] || {})[utm ? utm[1]!.replace("campaign", "name") : name] = value;
  });
  return found;
}

/**
 * The landing of the session this moment belongs to, and the session's id: a new one after 30 minutes of nothing, or
 * when the address brings another campaign. `seq` counts the visitor's events. Exactly 30 minutes is still the same session.
 */
export function landingAt(store: Store, now: number, url: string, referrer: string, fresh: () => string): Kept {
  const kept: Kept = Object.assign([0, 0], parsed(store.get(KEY), {})) as unknown as Kept;
  const arrival = arrivalOf(url);
  const brought = json(arrival);
  if (!kept[3] || Math.abs(now - kept[0]) > SESSION_MS || (brought[2] && brought !== kept[2])) {
    kept.splice(2, 3, brought, fresh(), { ...arrival, landing_referrer: referrer });
  }
  kept[0] = now;
  kept[1]++;
  store.set(KEY, json(kept));
  return kept;
}

import { parsed } from "./attempt";
import { CONSENT, type Store } from "./storage";

/** `full`: ids are stored; `cookieless`: sent, nothing stored; `hold`: kept in memory until asked; `off`: nothing. */
export type Mode = "full" | "cookieless" | "hold" | "off";
/** What a page may say: one word, or a word or boolean for each purpose, of which `analytics` decides. */
export type Consent = "granted" | "denied" | Record<string, boolean | string>;

/**
 * The mode of an answer (or none), the site's option (none: full before any answer; `required`: nothing; `cookieless`:
 * events without storage), and the browser's own objection (GPC, DNT) where it is honoured.
 */
export function modeOf(consent: Consent | null, option: string | undefined, objected: boolean): Mode {
  const granted = consent
    ? /^(granted|true)$/.test("" + (typeof consent === "object" ? consent.analytics : consent))
    : !option && !objected;
  return granted ? "full" : option === "cookieless" ? option : consent || objected ? "off" : "hold";
}

/** The answer that is stored, or the one another tab has just stored. */
export const readConsent = (store: Store, told = store.get(CONSENT)): Consent | null => parsed(told, null);

export const writeConsent = (store: Store, consent: Consent): unknown => store.set(CONSENT, JSON.stringify(consent));

import { attempt, json, parsed } from "./attempt.js";
import { CONSENT } from "./storage.js";

/** `full`: ids are stored; `cookieless`: sent, nothing stored; `hold`: kept in memory until asked; `off`: nothing. */
export type Mode = "full" | "cookieless" | "hold" | "off";
/** What a page may say: one word, or a word or boolean for each purpose, of which `analytics` decides. */
export type Consent = "granted" | "denied" | Record<string, boolean | string>;

/**
 * The mode of an answer (or none), the site's option (none: full before any answer; `required`: nothing; `cookieless`:
 * events without storage), and the browser's own objection (GPC, DNT) where it is honoured.
 */
export function modeOf(consent: Consent | null | undefined, option: string | undefined, objected: boolean): Mode {
  const granted = consent
    ? /^(granted|true)$/.test("" + ((consent as any).analytics || consent))
    : !option && !objected;
  return granted ? "full" : option === "cookieless" ? option : consent || objected ? "off" : "hold";
}

/** The answer that is stored, by this page or another; where none is, or none can be, the one this page knows. */
export const readConsent = (known?: Consent): Consent | undefined =>
  parsed(
    attempt(() => localStorage[CONSENT]),
    known,
  );

export const writeConsent = (consent: Consent): unknown => attempt(() => (localStorage[CONSENT] = json(consent)));

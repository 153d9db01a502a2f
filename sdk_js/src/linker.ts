/**
 * Carries the visitor id to another domain of the same owner: `nv_l=<id>.<ms>.<signature>` on links and forms.
 * The signature is keyed with the write key and bound to this browser, so a link that is copied to somebody else, or
 * used later than two minutes, names nobody. It is no secret: a page holds none.
 */
export const LINK_PARAM = "nv_l";
const VALID_MS = 120_000;

/** As FNV-1a, 32 bits in base 36. */
function sign(text: string): string {
  let hash = 0;
  for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 65599);
  return (hash >>> 0).toString(36);
}

/** The parameter's value. `secret` is what both domains know of this browser and this site. */
export function makeLink(id: string, now: number, secret: string): string {
  const head = id + "." + now.toString(36);
  return head + "." + sign(head + secret);
}

/** The visitor id of a link, or undefined if it is old, forged or another browser's. */
export function readLink(value: string, now: number, secret: string): string | undefined {
  const [id, at] = value.split(".") as [string, string];
  const made = parseInt(at, 36);
  return now >= made && now - made < VALID_MS && value === makeLink(id, made, secret) ? id : undefined;
}

/** The parameter of an address, and the address without it. */
export function takeLink(url: string): [value: string | undefined, rest: string] {
  const [part, before, value, after] = (/([?&])nv_l=([^&#]*)(&?)/.exec(url) || []) as string[];
  return [value, url.replace(part!, after! && before!)];
}

/**
 * Carries the visitor id to another domain of the same owner: `nv_l=<id>.<seconds>.<signature>` on links and forms.
 * The signature is keyed with the write key and bound to this browser, so a link that is copied to somebody else, or
 * used later than two minutes, names nobody. It is no secret: a page holds none.
 */
export const LINK_PARAM = "nv_l";
/** Two minutes, and the second whose part was cut off. */
const VALID_S = 121;

/** FNV-1a, 32 bits in base 36. */
function sign(text: string): string {
  let hash = 0x811c9dc5;
  for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
  return (hash >>> 0).toString(36);
}

/** The parameter's value. `secret` is what both domains know of this browser and this site. */
export function makeLink(id: string, now: number, secret: string): string {
  const head = id + "." + Math.floor(now / 1000).toString(36);
  return head + "." + sign(head + secret);
}

/** The visitor id of a link, or undefined if it is old, forged or another browser's. */
export function readLink(value: string, now: number, secret: string): string | undefined {
  const [id, at] = value.split(".") as [string, string];
  const made = parseInt(at, 36) * 1000;
  return now >= made && now - made < VALID_S * 1000 && value === makeLink(id, made, secret) ? id : undefined;
}

/** The parameter of an address, and the address without it. */
export function takeLink(url: string): [value: string, rest: string] {
  const [part, value] = /[?&]nv_l=([^&#]*)/.exec(url) || ["", ""];
  return [value!, url.replace(part, "").replace(/^([^?&#]*)&/, "$1?")];
}

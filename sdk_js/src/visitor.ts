import { widestDomain, type Jar } from "./cookie.js";
import type { Store } from "./storage.js";

/** Name of the cookie and of its copy in storage. */
export const ID = "nv_id";
/** Key of the user's id in storage, after a log-in. */
export const USER = "nv_u";
/** 13 months, the longest the European regulators accept without asking again. */
const AGE_S = 34_214_400;

/** Who this browser is: an id of ours in a cookie and in storage. */
export interface Visitor {
  id: string;
  /** The domain of the cookie, "" for the host alone. */
  domain: string;
  /** The id that is stored, or ours if there is none, written (again) to cookie and storage. */
  save(): void;
  /** Remove every trace; a new id takes over, in memory until saved. */
  forget(): void;
}

export function openVisitor(store: Store, jar: Jar, host: string, linked: string | undefined, fresh: () => string): Visitor {
  const visitor: Visitor = {
    id: linked || fresh(),
    domain: "",
    save() {
      visitor.id = jar.read(ID) || store.get(ID) || visitor.id;
      visitor.domain = widestDomain(jar, host);
      jar.write(ID, visitor.id, visitor.domain, AGE_S);
      store.set(ID, visitor.id);
    },
    forget() {
      visitor.id = fresh();
      // the collector's own copy lies on the host alone; which domain ours lies on isn't known before a visit is stored
      host.replace(/\b/g, ((_: string, at: number) => jar.write(ID, "", host.slice(at), 0)) as never);
      [ID, USER, "nv_l"].forEach(store.erase);
    },
  };
  return visitor;
}
